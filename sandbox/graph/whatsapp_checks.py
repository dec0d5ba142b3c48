"""What the Cloud API takes as a message: every type's shape and limits, as strict as Meta.

https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.graph.media import WHATSAPP_TYPES, MediaStore
from sandbox.graph.shapes import Media
from sandbox.graph.wire import GraphError, Json, bad, object_of, text_of

#: How many characters, by what it is.
TEXT, CAPTION, BODY, LIST_BODY, HEADER, FOOTER, BUTTON, ROW_TITLE, ROW_TEXT = 4096, 1024, 1024, 4096, 60, 60, 20, 24, 72
BUTTON_ID, ROW_ID, TAG = 256, 200, 512
_BASE = {
    "messaging_product",
    "recipient_type",
    "to",
    "recipient",
    "type",
    "context",
    "biz_opaque_callback_data",
    "message_activity_sharing",
    "ttl",
}
MEDIA = ("image", "video", "audio", "document", "sticker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A message that may be sent."""

    kind: str
    text: str = ""
    media: Media | None = None
    details: Json | None = None
    buttons: tuple[tuple[str, str], ...] = ()
    reply_to: str = ""
    tag: str = ""
    #: Errors that come later, with the status.
    later: tuple[int, str, str] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def invalid(details: str) -> GraphError:
    """The error of a value that does not fit."""
    return GraphError(400, 131009, "(#131009) Parameter value is not valid", details=details)


def missing(name: str) -> GraphError:
    return bad(f"The parameter {name} is required.")


def read_message(given: Json, media: MediaStore, templates: Mapping[str, Json]) -> Read:
    """The message in a call. Raises: GraphError."""
    kind = text_of(given.get("type")) or "text"
    reader = _READERS.get(kind)
    if reader is None:
        raise bad(f'Param type must be one of {{{", ".join(sorted(_READERS)).upper()}}} - got "{kind}".')
    if unexpected := sorted(set(given) - _BASE - {kind}):
        raise bad("Invalid parameter", details=f'Unexpected key "{unexpected[0]}" on param "root".')
    if not isinstance(given.get(kind), dict):
        raise missing(kind)
    context = given.get("context")
    reply_to = ""
    if context is not None:
        reply_to = text_of(object_of(context).get("message_id"))
        if kind == "reaction":
            raise bad("Invalid parameter", details='Unexpected key "context" on param "reaction".')
        if not reply_to.startswith("wamid."):
            raise invalid("context.message_id is not a valid WhatsApp message id.")
    tag = given.get("biz_opaque_callback_data", "")
    if not isinstance(tag, str) or len(tag) > TAG:
        raise bad(f"Param biz_opaque_callback_data must be at most {TAG} characters long.")
    found = reader(given[kind], _Room(media=media, templates=templates, kind=kind))
    return Read(**{**found, "kind": kind, "reply_to": reply_to, "tag": tag})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    media: MediaStore
    templates: Mapping[str, Json]
    kind: str


def _bounded(value: Any, name: str, most: int, *, least: int = 1) -> str:
    text = text_of(value)
    if len(text.strip()) < least:
        raise missing(name)
    if len(text) > most:
        raise bad(f"Param {name} must be at most {most} characters long.")
    return text


def _only(value: Json, keys: set[str], name: str) -> None:
    if unexpected := sorted(set(value) - keys):
        raise bad("Invalid parameter", details=f'Unexpected key "{unexpected[0]}" on param "{name}".')


def _text(value: Json, room: _Room) -> Json:
    _only(value, {"body", "preview_url"}, "text")
    return {"text": _bounded(value.get("body"), "text['body']", TEXT)}


def _media(value: Json, room: _Room) -> Json:
    keys = {
        "image": {"id", "link", "caption"},
        "video": {"id", "link", "caption"},
        "document": {"id", "link", "caption", "filename"},
        "audio": {"id", "link", "voice"},
        "sticker": {"id", "link"},
    }[room.kind]
    _only(value, keys, room.kind)
    if bool(value.get("id")) == bool(value.get("link")):
        raise bad("Invalid parameter", details=f"{room.kind} needs either an id or a link.")
    if "link" in value:
        raise invalid("The sandbox fetches nothing; upload the file and give its id.")
    media = room.media.find(str(value["id"]))
    if media is None:
        raise bad("Invalid parameter", details=f"{value['id']} is not a media attachment ID for this phone number.")
    later = None
    real = WHATSAPP_TYPES[media.mime][0]
    if real != room.kind and room.kind != "document":
        later = (131053, "Media upload error", f"{media.mime} cannot be sent as {room.kind}.")
    caption = value.get("caption")
    details = {"filename": value["filename"]} if text_of(value.get("filename")) else None
    return {
        "media": media,
        "text": _bounded(caption, f"{room.kind}['caption']", CAPTION, least=0) if caption is not None else "",
        "details": details,
        "later": later,
    }


def _location(value: Json, room: _Room) -> Json:
    for name in ("latitude", "longitude"):
        if not isinstance(value.get(name), int | float | str):
            raise missing(f"location['{name}']")
    return {"details": dict(value)}


def _reaction(value: Json, room: _Room) -> Json:
    if not text_of(value.get("message_id")).startswith("wamid."):
        raise missing("reaction['message_id']")
    if not isinstance(value.get("emoji"), str) or len(value["emoji"]) > 12:
        raise invalid("reaction.emoji must be one emoji, or an empty string.")
    return {"details": dict(value)}


def _interactive(value: Json, room: _Room) -> Json:
    kind, action = text_of(value.get("type")), object_of(value.get("action"))
    if kind not in {"button", "list"}:
        raise invalid(f"The sandbox knows interactive messages of type button and list, not {kind!r}.")
    body = _bounded(
        object_of(value.get("body")).get("text"), "interactive['body']['text']", BODY if kind == "button" else LIST_BODY
    )
    if "footer" in value:
        _bounded(object_of(value["footer"]).get("text"), "interactive['footer']['text']", FOOTER)
    media = _header(object_of(value["header"]), kind, room) if "header" in value else None
    buttons = _reply_buttons(action) if kind == "button" else _rows(action)
    for index, names in enumerate(zip(*buttons, strict=True)):
        if len(set(names)) < len(names):
            raise invalid(f"{'Ids' if index == 0 else 'Titles'} of buttons and rows must differ from each other.")
    return {"text": body, "media": media, "buttons": buttons, "details": dict(value)}


def _header(header: Json, kind: str, room: _Room) -> Media | None:
    what = text_of(header.get("type"))
    if what == "text":
        _bounded(header.get("text"), "interactive['header']['text']", HEADER)
        return None
    if kind == "list" or what not in {"image", "video", "document"}:
        raise invalid(f"A header of type {what!r} cannot stand on a {kind}.")
    media = room.media.find(str(object_of(header.get(what)).get("id")))
    if media is None:
        raise bad("Invalid parameter", details="The header's media id is not known.")
    return media


def _reply_buttons(action: Json) -> tuple[tuple[str, str], ...]:
    given = action.get("buttons")
    if not isinstance(given, list) or not 1 <= len(given) <= 3:
        raise invalid("Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3.")
    found = []
    for button in given:
        reply = object_of(object_of(button).get("reply"))
        if object_of(button).get("type") != "reply":
            raise invalid("Buttons of interactive messages are of type reply.")
        value = _bounded(reply.get("id"), "reply['id']", BUTTON_ID)
        if value != value.strip():
            raise invalid("Button ids must not begin or end with spaces.")
        found.append((value, _title(reply.get("title"), BUTTON)))
    return tuple(found)


def _rows(action: Json) -> tuple[tuple[str, str], ...]:
    _title(action.get("button"), BUTTON)
    sections = action.get("sections")
    if not isinstance(sections, list) or not 1 <= len(sections) <= 10:
        raise invalid("Invalid sections count. Min allowed sections: 1, Max allowed sections: 10.")
    found = []
    for section in sections:
        if len(sections) > 1:
            _title(object_of(section).get("title"), ROW_TITLE)
        for row in object_of(section).get("rows") or []:
            if "description" in row:
                _bounded(row["description"], "row['description']", ROW_TEXT, least=0)
            found.append((_bounded(row.get("id"), "row['id']", ROW_ID), _title(row.get("title"), ROW_TITLE)))
    if not 1 <= len(found) <= 10:
        raise invalid("Total row count exceed max allowed count: 10.")
    return tuple(found)


def _title(value: Any, most: int) -> str:
    text = text_of(value)
    if not text.strip():
        raise invalid("A title is missing.")
    if len(text) > most:
        raise invalid(f"Button title length invalid. Min length: 1, Max length: {most}.")
    return text


def _template(value: Json, room: _Room) -> Json:
    name, language = _bounded(value.get("name"), "template['name']", 512), object_of(value.get("language")).get("code")
    template = room.templates.get(f"{name}:{language}")
    if template is None or template["status"] != "APPROVED":
        details = f"template name ({name}) does not exist in {language}"
        raise GraphError(404, 132001, "(#132001) Template name does not exist in the translation", details=details)
    parts = {one["type"]: one for one in template["components"]}
    given = [object_of(one) for one in value.get("components") or []]
    texts = [
        _filled(parts[part].get("text", ""), [one for one in given if text_of(one.get("type")).upper() == part], part)
        for part in ("HEADER", "BODY", "FOOTER")
        if part in parts
    ]
    buttons = parts.get("BUTTONS", {}).get("buttons", [])
    for number, button in enumerate(buttons):
        mine = [one for one in given if one.get("type") == "button" and str(one.get("index")) == str(number)]
        _filled(button.get("url", ""), mine, f"button {number}")
    replies = tuple((one["text"], one["text"]) for one in buttons if one["type"] == "QUICK_REPLY")
    return {"text": "\n\n".join(filter(None, texts)), "buttons": replies, "details": dict(value)}


def _filled(text: str, given: list[Json], part: str) -> str:
    """A part of a template with its values, by number or by name; there must be as many as it needs."""
    needed = list(dict.fromkeys(re.findall(r"\{\{(\w+)\}\}", text)))
    values = [object_of(one) for component in given for one in component.get("parameters") or []]
    if len(values) != len(needed) or not all(text_of(one.get("text")) for one in values):
        raise GraphError(
            400,
            132000,
            "(#132000) Number of parameters does not match the expected number of params",
            details=f"{part}: number of params ({len(values)}) does not match the expected number ({len(needed)})",
        )
    for number, (key, one) in enumerate(zip(needed, values, strict=True)):
        if not key.isdigit():
            one = next((other for other in values if other.get("parameter_name") == key), {})
            if not one:
                raise bad("Invalid parameter", details=f"{part}: parameter_name {key} is missing")
        elif int(key) != number + 1:
            raise bad("Invalid parameter", details=f"{part}: the template's own numbers are out of order")
        text = text.replace("{{" + key + "}}", text_of(one.get("text")))
    return text


_READERS: Mapping[str, Callable[[Any, _Room], Json]] = {
    "text": _text,
    **dict.fromkeys(MEDIA, _media),
    "location": _location,
    "reaction": _reaction,
    "interactive": _interactive,
    "template": _template,
}
