"""Draws what a search in the compose box found, and reads it back from the message that it was inserted into; pure.

Teams inserts a card, never bare text, so a canned reply cannot be changed once it is in the compose box. Its card holds
the words as they are, they are relayed as if typed, and words typed before or after it go with them. Who wants to
change the text takes it from the Reply dialog.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from core.contracts.posts import Finding
from core.contracts.text import cut, from_plain, line, safe_url
from plugins.teams.elements import Element, container, elements, link, rich, run, small, written
from plugins.teams.render import CARD_TYPE, Addresses, Json
from plugins.teams.sizes import MAX_SIZE, shortened

# https://learn.microsoft.com/microsoftteams/platform/messaging-extensions/how-to/search-commands/respond-to-search
PREVIEW_TYPE = "application/vnd.microsoft.card.thumbnail"
#: Start the id of the box that holds an inserted text, and of one about a conversation, which is for colleagues only.
CANNED, CONVERSATION = "tb-canned:", "tb-conversation:"
NOTHING = "Nothing was found. Try fewer or other words."
_LINK = re.compile(r"/l/message/([^/?#]+)/")


def results(findings: Sequence[Finding], to: Addresses) -> Json:
    """The answer to `composeExtension/query`."""
    if not findings:
        return nothing(NOTHING)
    attachments = [_found(finding, to, MAX_SIZE // len(findings)) for finding in findings]
    return {"composeExtension": {"type": "result", "attachmentLayout": "list", "attachments": attachments}}


def nothing(words: str) -> Json:
    """An answer to a query that is a sentence."""
    return {"composeExtension": {"type": "message", "text": words}}


def inserted(card: object) -> tuple[str, bool]:
    """The words of a canned reply's card, and whether the card is one about a conversation; also of a card's text."""
    try:
        read: Any = json.loads(card) if isinstance(card, str) else card
        box = read["body"][0]
        name = str(box["id"])
        if name.startswith(CONVERSATION):
            return "", True
        return "".join(_words(box["items"])).strip("\n") if name.startswith(CANNED) else "", False
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", False


def payload_activity(message: Mapping[str, Any]) -> Json:
    """The message whose menu was used, in the shape in which a bot hears of messages."""
    body = message.get("body") or {}
    html = str(body.get("contentType") or "").lower() != "text"
    attachments = [one for one in message.get("attachments") or () if isinstance(one, dict)]
    if html:
        attachments.insert(0, {"contentType": "text/html", "content": str(body.get("content") or "")})
    where = _LINK.search(str(message.get("linkToMessage") or ""))
    room, root = unquote(where[1]) if where else "", str(message.get("replyToId") or message.get("id") or "")
    return {
        "type": "message",
        "id": str(message.get("id") or ""),
        "conversation": {"id": f"{room};messageid={root}"},
        "text": "" if html else str(body.get("content") or ""),
        "attachments": attachments,
        "entities": [_mention(one) for one in message.get("mentions") or () if isinstance(one, dict)],
    }


def _mention(given: Mapping[str, Any]) -> Json:
    mentioned = given.get("mentioned") or {}
    for kind in ("application", "user", "conversation"):
        if isinstance(named := mentioned.get(kind), dict):
            prefix = "28:" if kind == "application" else ""
            name = str(given.get("mentionText") or named.get("displayName") or "")
            return {"type": "mention", "mentioned": {"id": f"{prefix}{named.get('id') or ''}", "name": name}}
    return {"type": "mention", "mentioned": {"id": "", "name": str(given.get("mentionText") or "")}}


def _words(items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What was drawn by `elements`, as it was before: a gap parts paragraphs."""
    for item in items:
        if item.get("type") == "Container":
            yield from _words(item["items"])
        elif item.get("type") == "RichTextBlock":
            line = "".join(one if isinstance(one, str) else str(one.get("text") or "") for one in item["inlines"])
            yield ("\n" if item.get("spacing") == "None" else "\n\n") + written(line)


def _found(finding: Finding, to: Addresses, room: int) -> Json:
    """A finding with a status or a thread is a conversation, one without is a text that was prepared."""
    told = bool(finding.status or finding.thread)
    title = line(finding.title, limit=150) or ("Conversation" if told else "Canned reply")
    words = cut(line(finding.text, limit=400), 140)
    name = f"{CONVERSATION if told else CANNED}{finding.id}"
    items = _conversation(finding, title, to) if told else _canned(finding, room)
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "body": [container(items, id=name)],
    }
    shown = " · ".join(part for part in (line(finding.status, limit=100), words) if part)
    preview = {"title": _bare(title), "text": _bare(shown)}
    return {
        "contentType": CARD_TYPE,
        "content": card,
        "preview": {"contentType": PREVIEW_TYPE, "content": preview},
    }


def _canned(finding: Finding, room: int) -> list[Element]:
    return shortened(elements(from_plain(finding.text)), room - 4_000) or small("…")


def _conversation(finding: Finding, title: str, to: Addresses) -> list[Element]:
    address = to.permalink(finding.thread) if finding.thread else ""
    name = link(address, title, weight="Bolder") if safe_url(address) else run(title, weight="Bolder")
    return [rich(name), *small(line(finding.status, limit=200))]


def _bare(words: str) -> str:
    """Words for a preview, which takes some HTML."""
    return words.replace("<", "‹").replace(">", "›")
