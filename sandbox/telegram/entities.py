"""Message entities: checked, cut and found as Telegram does, with offsets in UTF-16 units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sandbox.telegram.arguments import Arguments
from sandbox.telegram.errors import bad_request
from sandbox.telegram.markup import parse_markup

Entity = dict[str, Any]

MAX_TEXT = 4096
MAX_CAPTION = 1024
#: A message carries at most 100 entities; Telegram drops the others without a word.
MAX_ENTITIES = 100
_PLAIN = {"bold", "italic", "underline", "strikethrough", "spoiler", "code", "blockquote", "expandable_blockquote"}
_FOUND_BY_TELEGRAM = {
    "mention",
    "hashtag",
    "cashtag",
    "bot_command",
    "url",
    "email",
    "phone_number",
    "bank_card_number",
}
_LINKS = re.compile(
    r"(?P<url>https?://[^\s<>\"]{1,2000}[^\s<>\".,;:!?)])"
    r"|(?P<email>[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5})"
    r"|(?<![\w/])(?P<bot_command>/[A-Za-z0-9_]{1,64})(?![\w/])"
)


def units(text: str) -> int:
    """The length of a text in UTF-16 units, which is what Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


def formatted(
    arguments: Arguments, text_name: str = "text", entities_name: str = "entities"
) -> tuple[str, list[Entity]]:
    """The text and entities of a call, after parsing. Raises: ApiError."""
    text = arguments.text(text_name)
    if len(text.encode()) > 1 << 15:
        raise bad_request("Text is too long")
    mode = arguments.text("parse_mode").lower()
    if text and mode and mode != "none":
        text, entities = parse_markup(text, mode)
    else:
        given = arguments.structure(entities_name, "message entities")
        entities = [entity for item in given or [] if (entity := _read_entity(item)) is not None]
    return settle(text, entities)


def settle(text: str, entities: Sequence[Entity]) -> tuple[str, list[Entity]]:
    """Checks offsets, trims the text as Telegram does and finds links. Raises: ApiError."""
    cuts = _boundaries(text)
    size = units(text)
    for entity in entities:
        start, end = entity["offset"], entity["offset"] + entity["length"]
        if not 0 <= entity["offset"] <= 1_000_000:
            raise bad_request(f"Receive an entity with incorrect offset {entity['offset']}")
        if not 0 <= entity["length"] <= 1_000_000:
            raise bad_request(f"Receive an entity with incorrect length {entity['length']}")
        if start > size or (start == size and entity["length"]):
            raise bad_request(f"entity begins after the end of the text at UTF-16 offset {start}")
        if end > size:
            raise bad_request(f"entity beginning at UTF-16 offset {start} ends after the end of the text at {end}")
        for name, edge in (("begins", start), ("ends", end)):
            if edge not in cuts:
                raise bad_request(f"entity {name} in a middle of a UTF-16 symbol at UTF-16 offset {edge}")
    trimmed = text.strip()
    skipped = units(text[: len(text) - len(text.lstrip())])
    length = units(trimmed)
    kept: list[Entity] = []
    for entity in entities:
        start = max(0, entity["offset"] - skipped)
        end = min(length, entity["offset"] + entity["length"] - skipped)
        if end > start:
            kept.append({**entity, "offset": start, "length": end - start})
    kept.extend(found for found in find_links(trimmed) if not any(_overlap(found, entity) for entity in kept))
    kept.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return trimmed, kept[:MAX_ENTITIES]


def find_links(text: str) -> list[Entity]:
    """What Telegram finds by itself: links, mail addresses and commands."""
    return [
        {"type": match.lastgroup, "offset": units(text[: match.start()]), "length": units(match.group())}
        for match in _LINKS.finditer(text)
    ]


def _overlap(one: Entity, other: Entity) -> bool:
    return bool(one["offset"] < other["offset"] + other["length"] and other["offset"] < one["offset"] + one["length"])


def _boundaries(text: str) -> set[int]:
    position = 0
    found = {0}
    for character in text:
        position += 2 if ord(character) > 0xFFFF else 1
        found.add(position)
    return found


def _read_entity(item: Any) -> Entity | None:
    if not isinstance(item, dict):
        raise bad_request("Can't parse MessageEntity: expected an Object")
    for name in ("offset", "length"):
        if isinstance(item.get(name), bool) or not isinstance(item.get(name), int):
            raise bad_request(f"Can't parse MessageEntity: Can't find field \"{name}\"")
    kind = item.get("type")
    if not isinstance(kind, str) or not kind:
        raise bad_request("Can't parse MessageEntity: Type is not specified")
    entity: Entity = {"type": kind, "offset": item["offset"], "length": item["length"]}
    if kind in _PLAIN:
        return entity
    if kind == "pre":
        return entity | ({"language": item["language"]} if item.get("language") else {})
    required = {"text_link": "url", "text_mention": "user", "custom_emoji": "custom_emoji_id"}.get(kind)
    if required is not None:
        if not item.get(required):
            raise bad_request(f"Can't parse MessageEntity: Can't find field \"{required}\"")
        return entity | {required: item[required]}
    if kind in _FOUND_BY_TELEGRAM:
        return None
    raise bad_request("Can't parse MessageEntity: unsupported type specified")
