"""What an agent is asked before an action is carried out."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from core.contracts.actions import ActionId
from core.contracts.content import Choice
from core.contracts.posts import FieldKind, Form, FormField, Option
from core.contracts.text import cut, line
from core.settings.models import CannedReply

_SNOOZES = (
    Option(value="1h", label="1 hour"),
    Option(value="4h", label="4 hours"),
    Option(value="tomorrow", label="Tomorrow, 09:00"),
    Option(value="monday", label="Monday, 09:00"),
    Option(value="1w", label="1 week"),
)
#: What every workplace's dialog takes; a longer text ends in a link to the whole.
FULL_TEXT = 24_000
#: Choices that a reply offers, and their longest words.
MOST_CHOICES = 20
_LONGEST_CHOICE = 200
#: Rooms that a list to choose from can hold.
MOST_ROOMS = 100


def reply(who: str, channel: str, canned: Sequence[CannedReply], by: FormField | None = None) -> Form:
    """`by`: a choice between several of her addresses."""
    text = FormField(id="text", label="Message", kind=FieldKind.RICH_TEXT, optional=bool(canned))
    choice = FormField(
        id="canned",
        label="Canned reply",
        kind=FieldKind.SELECT,
        options=tuple(Option(value=one.title, label=one.title) for one in canned),
        optional=True,
        hint="Sent as it is. If you also write a message, that follows it in the same reply.",
    )
    offered = FormField(
        id="choices",
        label="Choices",
        kind=FieldKind.LINES,
        optional=True,
        hint=f"One per line, at most {MOST_CHOICES}: buttons for the customer, or a list, as her channel has them.",
    )
    return Form(
        title="Reply",
        submit="Send",
        text=f"To {who}, by {channel}.",
        fields=(*([by] if by else []), *([choice] if canned else []), text, offered),
    )


def choices(lines: str) -> tuple[Choice, ...]:
    """What was written one per line; the values are new each time, so that a button tells what it belongs to."""
    labels = dict.fromkeys(filter(None, (line(one, limit=_LONGEST_CHOICE) for one in lines.splitlines())))
    mark = secrets.token_hex(4)
    return tuple(
        Choice(value=f"{number}.{mark}", label=label) for number, label in enumerate(list(labels)[:MOST_CHOICES], 1)
    )


def correction(who: str) -> Form:
    return Form(
        title="Correction",
        submit="Send",
        text=f"{who} has the message already and it cannot be changed there. What should she read now?",
        fields=(FormField(id="text", label="Message", kind=FieldKind.RICH_TEXT),),
    )


def note() -> Form:
    return Form(
        title="Note",
        submit="Keep",
        text="Only your colleagues see it.",
        fields=(FormField(id="text", label="Note", kind=FieldKind.RICH_TEXT),),
    )


def snooze() -> Form:
    return Form(
        title="Snooze",
        submit="Snooze",
        text="The conversation comes back then, or when the customer writes.",
        fields=(FormField(id="until", label="Until", kind=FieldKind.SELECT, options=_SNOOZES, initial="tomorrow"),),
    )


def mirror(rooms: Sequence[tuple[str, str]]) -> Form:
    """The rooms are (value, label)."""
    options = tuple(Option(value=value, label=label) for value, label in rooms[:MOST_ROOMS])
    hidden = len(rooms) - len(options)
    more = f" {hidden} more rooms are not in the list: type !mirror workspace/#room for one of them." if hidden else ""
    return Form(
        title="Mirror",
        submit="Show there",
        text="The conversation is shown in that room too, with what was said so far. Replies from both reach the "
        f"customer.{more}",
        fields=(FormField(id="room", label="Room", kind=FieldKind.SELECT, options=options),),
    )


def full_text(text: str, link: str | None) -> Form:
    """The link leads to the whole, where there is one to give."""
    shown = cut(text, FULL_TEXT)
    if len(text) > FULL_TEXT:
        missing = f"{len(text) - len(shown):,} more characters do not fit in here"
        shown += f"\n\n{missing}. The whole text, for a day: {link}" if link else f"\n\n{missing}."
    return Form(title="Full message", submit="", text=shown, fields=())


ASKING = frozenset(
    {
        ActionId.REPLY,
        ActionId.NOTE,
        ActionId.SNOOZE,
        ActionId.MIRROR,
        ActionId.VERIFY,
        ActionId.MERGE,
        ActionId.FULL_TEXT,
        ActionId.CORRECT,
        ActionId.TEMPLATE,
    }
)
