"""Puts messages together as the Cloud API takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridges.whatsapp.markup import write
from core.contracts.bridge import OutboundMessage
from core.contracts.content import Attachment, Choice, MediaKind
from core.contracts.templates import TemplateUse
from core.contracts.text import cut

Json = Mapping[str, Any]
MAX_TEXT, MAX_CAPTION, MAX_BODY, MAX_BUTTONS = 4096, 1024, 1024, 3

#: By type; others cannot be uploaded: https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media
KINDS: Mapping[str, str] = {
    **dict.fromkeys(["image/jpeg", "image/png"], "image"),
    **dict.fromkeys(["video/mp4", "video/3gpp"], "video"),
    **dict.fromkeys(["audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"], "audio"),
    **dict.fromkeys(
        [
            "text/plain",
            "application/pdf",
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ],
        "document",
    ),
}


def text(message: OutboundMessage) -> Json:
    body = write(message.content.body, MAX_TEXT)
    return {"type": "text", "text": {"body": body, "preview_url": "://" in body}}


def media(kind: str, media_id: str, attachment: Attachment, message: OutboundMessage | None) -> Json:
    caption = write(message.content.body, MAX_CAPTION) if message else ""
    more: dict[str, Any] = {"filename": attachment.name} if kind == "document" else {}
    if attachment.kind is MediaKind.VOICE and attachment.mime == "audio/ogg":
        more["voice"] = True
    return {"type": kind, kind: {"id": media_id} | more | ({"caption": caption} if caption else {})}


def interactive(message: OutboundMessage, choose: str) -> Json:
    """Buttons, or a list where there are more choices than buttons."""
    choices = message.content.choices
    if len(choices) <= MAX_BUTTONS:
        body = write(message.content.body, MAX_BODY)
        buttons = [{"type": "reply", "reply": {"id": one.value, "title": one.label}} for one in choices]
        action: Json = {"buttons": buttons}
    else:
        body = write(message.content.body, MAX_TEXT)
        action = {"button": choose, "sections": [{"rows": [_row(one) for one in choices]}]}
    kind = "button" if len(choices) <= MAX_BUTTONS else "list"
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": body}, "action": action}}


def _row(choice: Choice) -> Json:
    described = {"description": cut(choice.description, 72)} if choice.description else {}
    return {"id": choice.value, "title": choice.label} | described


def template(use: TemplateUse) -> Json:
    components = [
        {"type": part, "parameters": _parameters(use.of(part))} for part in ("header", "body") if use.of(part)
    ]
    # Only a button that leads somewhere takes a value: the end of its address.
    numbers = sorted({int(key[6:].partition(".")[0]) for key in use.values if key.startswith("button")})
    components += [
        {
            "type": "button",
            "sub_type": "url",
            "index": str(number),
            "parameters": [{"type": "text", "text": value} for value in use.of(f"button{number}").values()],
        }
        for number in numbers
    ]
    whole = {"name": use.name, "language": {"code": use.language}}
    return {"type": "template", "template": whole | ({"components": components} if components else {})}


def _parameters(values: Mapping[str, str]) -> Sequence[Json]:
    return [
        {"type": "text", "text": value} | ({} if name.isdigit() else {"parameter_name": name})
        for name, value in values.items()
    ]
