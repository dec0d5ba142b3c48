"""What an agent may type instead of pressing a button, and how a message tells what it wants to be."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from core.cards.words import zone
from core.contracts.actions import ActionId
from core.contracts.richtext import Block, Document, Mention, Paragraph, Quote, Text, document
from core.contracts.text import plain

HELP = """What works in this thread:
!claim: make it yours
!note text: keep it among agents (so does a message that starts with //)
!resolve: close the conversation
!reopen: open it again
!snooze 2h (or 30m, 3d, tomorrow, monday): bring it back later
!mirror workspace/#room: show it in that room, too
!who: what is known about the customer
!help: this list"""

_COMMAND = re.compile(r"!(\s*)([a-z]+)(.*)", re.IGNORECASE | re.DOTALL)
_KNOWN = {
    "claim": ActionId.CLAIM,
    "note": ActionId.NOTE,
    "resolve": ActionId.RESOLVE,
    "reopen": ActionId.REOPEN,
    "snooze": ActionId.SNOOZE,
    "mirror": ActionId.MIRROR,
    "who": ActionId.WHO,
    "help": ActionId.HELP,
}
_DURATION = re.compile(r"(\d{1,4})\s*(m|min|minutes?|h|hours?|d|days?|w|weeks?)")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MORNING = 9


class Intent(StrEnum):
    """What a message in a thread wants to be."""

    #: Neither marked as a note nor as a reply: the room's reply mode decides.
    PLAIN = "plain"
    NOTE = "note"
    #: It starts with `>`.
    EXPLICIT = "explicit"
    COMMAND = "command"
    #: It looks like a command, but there is none of that name.
    MISTYPED = "mistyped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A message, understood."""

    intent: Intent
    #: Without its prefix.
    body: Document
    action: ActionId | None = None
    argument: str = ""


def read(body: Document) -> Reading:
    """What a message in a thread wants to be. In doubt it is a note: it stays among agents."""
    text = plain(body).strip()
    if text.startswith("!"):
        match = _COMMAND.fullmatch(text)
        if match is None:
            return Reading(intent=Intent.PLAIN, body=body)
        gap, name, rest = match.group(1), match.group(2).lower(), match.group(3)
        if gap and name not in _KNOWN:
            return Reading(intent=Intent.PLAIN, body=body)
        if gap or name not in _KNOWN or (rest and not rest[0].isspace()):
            return Reading(intent=Intent.MISTYPED, body=body, argument=f"!{gap and ' '}{name}{rest[:1].strip()}")
        argument = rest.strip()
        if _KNOWN[name] is ActionId.NOTE:
            return Reading(intent=Intent.NOTE, body=_without(body, len("!note")))
        return Reading(intent=Intent.COMMAND, body=body, action=_KNOWN[name], argument=argument)
    if text.startswith("//"):
        return Reading(intent=Intent.NOTE, body=_without(body, 2))
    if text[:5].lower() == "note:":
        return Reading(intent=Intent.NOTE, body=_without(body, 5))
    first = body.blocks[0] if body.blocks else None
    if isinstance(first, Paragraph) and first.inlines and _starts_with_mention(first):
        return Reading(intent=Intent.NOTE, body=body)
    if isinstance(first, Quote):
        return Reading(intent=Intent.EXPLICIT, body=document([Paragraph(inlines=first.inlines), *body.blocks[1:]]))
    if text.startswith(">"):
        return Reading(intent=Intent.EXPLICIT, body=_without(body, 1))
    return Reading(intent=Intent.PLAIN, body=body)


def _starts_with_mention(paragraph: Paragraph) -> bool:
    for inline in paragraph.inlines:
        if isinstance(inline, Mention):
            return inline.kind in ("user", "group", "everyone")
        if not isinstance(inline, Text) or inline.text.strip():
            return False
    return False


def _without(body: Document, prefix: int) -> Document:
    """The document without its first characters and the blanks after them."""
    blocks: list[Block] = list(body.blocks)
    first = blocks[0]
    if isinstance(first, Paragraph | Quote) and isinstance(first.inlines[0], Text):
        head = first.inlines[0]
        kept = head.text.lstrip()[prefix:].lstrip()
        rest = first.inlines[1:]
        inlines = (replace(head, text=kept), *rest) if kept else rest
        blocks[0] = replace(first, inlines=inlines)
        if not inlines:
            blocks.pop(0)
    return document(blocks)


def until(words: str, now: datetime, timezone: str) -> datetime | None:
    """When a snooze ends: "2h", "3 days", "tomorrow", "monday"; None: not understood, or over a year."""
    words = words.strip().lower()
    match = _DURATION.fullmatch(words)
    if match:
        unit = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[match.group(2)[0]]
        span = timedelta(**{unit: int(match.group(1))})
        return now + span if timedelta() < span <= timedelta(days=366) else None
    local = now.astimezone(zone(timezone) or UTC)
    morning = local.replace(hour=_MORNING, minute=0, second=0, microsecond=0)
    if words == "tomorrow":
        return (morning + timedelta(days=1)).astimezone(UTC)
    if words in _WEEKDAYS:
        days = (_WEEKDAYS.index(words) - local.weekday()) % 7 or 7
        return (morning + timedelta(days=days)).astimezone(UTC)
    return None
