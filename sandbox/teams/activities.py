"""What a bot may send: the checks that the Bot Connector makes of an activity before anybody sees it."""

from __future__ import annotations

import base64
import binascii
import json
import re
import unicodedata
from typing import Any
from urllib.parse import urlsplit

from sandbox.teams import cards
from sandbox.teams.wire import ADAPTIVE_CARD, ApiError, Json, object_of
from sandbox.teams.world import Room, World

#: UTF-16, without pictures in base64.
LARGEST = 100 * 1024
LARGEST_PICTURE = 1024 * 1024
MOST_ATTACHMENTS = 10
CLASSIC_REACTIONS = frozenset("like heart laugh surprised sad angry".split())
_OTHER_CARDS = frozenset(
    f"application/vnd.microsoft.card.{name}" for name in ("hero", "thumbnail", "receipt", "signin", "oauth")
) | {"application/vnd.microsoft.teams.card.o365connector"}
_CONSENT = "application/vnd.microsoft.teams.card.file.consent"
_PERSONAL = frozenset({_CONSENT, "application/vnd.microsoft.teams.card.file.info"})
_PICTURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/gif": b"GIF8"}
_FORMATS = frozenset("plain markdown xml extendedmarkdown".split())
_PICTURE_DATA = re.compile(r'"data:image/[^"]*+"')
_DATA = re.compile(r"data:(image/[a-z]+);base64,(.*)", re.DOTALL)
_REACTION = re.compile(r"([0-9a-f]{2,6}(?:-[0-9a-f]{2,6})*)_([a-z0-9]+)")
_CODE = "BadArgument"


def check(world: World, room: Room, activity: Json) -> None:
    """Raises ApiError unless Teams takes this message."""
    size = len(_PICTURE_DATA.sub('""', json.dumps(activity, ensure_ascii=False)).encode("utf-16-le"))
    if size > LARGEST:
        raise ApiError(413, "MessageSizeTooBig", f"Message size too large: {size} bytes, at most {LARGEST}.")
    text, attachments = activity.get("text"), activity.get("attachments") or []
    if text is not None and not isinstance(text, str):
        raise ApiError(400, "BadSyntax", "text must be a string.")
    if not isinstance(attachments, list) or len(attachments) > MOST_ATTACHMENTS:
        raise ApiError(400, "BadSyntax", f"attachments must be a list of at most {MOST_ATTACHMENTS}.")
    if not (text or "").strip() and not attachments:
        raise ApiError(400, "BadSyntax", "Activity resulted into no content: it has neither text nor attachments.")
    if str(activity.get("textFormat") or "plain") not in _FORMATS:
        raise ApiError(400, _CODE, f"Unknown textFormat {activity['textFormat']!r}.")
    if activity.get("suggestedActions") and room.kind != "personal":
        raise ApiError(400, _CODE, "suggestedActions are for personal chats only.")
    for number, attachment in enumerate(attachments):
        _attachment(attachment, number, room)
    _mentions(world, activity)


def parts_of(activity: Json) -> list[Json]:
    """The messages that Teams makes of it: text and a card are two, several attachments as many, but for a carousel."""
    attachments = activity.get("attachments") or []
    cards = [entry for entry in attachments if is_card(entry)]
    others = [entry for entry in attachments if not is_card(entry)]
    text = (activity.get("text") or "").strip()
    if activity.get("attachmentLayout") == "carousel":
        groups = [attachments]
    elif text:
        groups = [others[:1], *([entry] for entry in [*others[1:], *cards])]
    else:
        groups = [[entry] for entry in attachments] or [[]]
    return [
        {**activity, "attachments": group, "text": activity.get("text") if number == 0 else ""}
        for number, group in enumerate(groups)
    ]


def is_card(attachment: Json) -> bool:
    """Whether an attachment is a card of any kind."""
    kind = attachment.get("contentType")
    return kind == ADAPTIVE_CARD or kind in _OTHER_CARDS


def known_reaction(kind: str) -> bool:
    """Whether Teams has a reaction of this type: a classic, or code points and the emoji's name."""
    found = _REACTION.fullmatch(kind)
    if found is None:
        return kind in CLASSIC_REACTIONS
    first = int(found[1].partition("-")[0], 16)
    if first > 0x10FFFF or 0xD800 <= first < 0xE000:
        return False
    name = re.sub("[^a-z0-9]", "", unicodedata.name(chr(first), "").lower())
    return unicodedata.category(chr(first)) in {"So", "Sm", "Po"} and found[2] == name


def _attachment(attachment: Any, number: int, room: Room) -> None:
    if not isinstance(attachment, dict):
        raise ApiError(400, "BadSyntax", f"attachments[{number}] must be an object.")
    kind = attachment.get("contentType")
    if kind == ADAPTIVE_CARD:
        try:
            cards.check(attachment.get("content"))
        except cards.BadCard as wrong:
            raise ApiError(400, "BadSyntax", f"Invalid Adaptive Card in attachments[{number}]: {wrong}.") from None
    elif kind in _PICTURES:
        _picture(attachment, kind, number)
    elif kind in _PERSONAL and room.kind != "personal":
        raise ApiError(400, _CODE, f"{kind} is for personal chats only.")
    elif kind not in _OTHER_CARDS and kind not in _PERSONAL:
        raise ApiError(400, _CODE, f"Unknown attachment type {kind!r} in attachments[{number}].")


def _picture(attachment: Json, kind: str, number: int) -> None:
    url = str(attachment.get("contentUrl") or "")
    found = _DATA.fullmatch(url)
    if found is None:
        if urlsplit(url).scheme != "https":
            raise ApiError(400, _CODE, f"attachments[{number}].contentUrl must be https or data:...;base64.")
        return
    try:
        content = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        raise ApiError(400, _CODE, f"attachments[{number}] is no base64.") from None
    if len(content) > LARGEST_PICTURE:
        raise ApiError(413, "MessageSizeTooBig", f"attachments[{number}] is larger than 1 MB.")
    if found[1] != kind or not content.startswith(_PICTURES[kind]):
        raise ApiError(400, _CODE, f"attachments[{number}] is no {kind}.")


def _mentions(world: World, activity: Json) -> None:
    """Every mention must stand in the text and name somebody, in the activity as in its cards."""
    _in_text(world, activity.get("entities") or [], [str(activity.get("text") or "")])
    for attachment in activity.get("attachments") or []:
        if attachment.get("contentType") == ADAPTIVE_CARD:
            card = attachment["content"]
            entities = object_of(card.get("msteams")).get("entities") or []
            _in_text(world, entities, list(cards.texts(card)))


def _in_text(world: World, entities: Any, texts: list[str]) -> None:
    if not isinstance(entities, list):
        raise ApiError(400, "BadSyntax", "entities must be a list.")
    for entity in entities:
        if not isinstance(entity, dict) or entity.get("type") != "mention":
            continue
        words, mentioned = entity.get("text"), entity.get("mentioned")
        if not isinstance(words, str) or not isinstance(mentioned, dict) or not mentioned.get("name"):
            raise ApiError(400, _CODE, "A mention needs text and mentioned.{id,name}.")
        if not any(words in text for text in texts):
            raise ApiError(400, _CODE, f"The mention {words!r} does not stand in the text.")
        ids = {user.id for user in world.users.values()} | {user.aad_id for user in world.users.values()}
        if mentioned.get("id") not in ids | {world.bot_id}:
            raise ApiError(400, _CODE, f"The mentioned id {mentioned.get('id')!r} is not known.")
