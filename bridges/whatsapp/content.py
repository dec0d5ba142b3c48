"""What a customer's message consists of: words, files, and placeholders for what only WhatsApp can show."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from core.contracts.content import Attachment, Content, MediaKind
from core.contracts.richtext import Document
from core.contracts.text import file_name, from_plain, line, normalise, plain

Json = Mapping[str, Any]

_FILES: Mapping[str, tuple[MediaKind, str]] = {
    "image": (MediaKind.IMAGE, "photo"),
    "sticker": (MediaKind.IMAGE, "sticker"),
    "video": (MediaKind.VIDEO, "video"),
    "audio": (MediaKind.AUDIO, "audio"),
    "document": (MediaKind.FILE, "document"),
}
_ENDINGS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "video/3gpp": ".3gp",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/aac": ".aac",
    "audio/amr": ".amr",
    "application/pdf": ".pdf",
}
#: What customers may send and the API does not show, in a person's words.
_UNSHOWN = {
    "edit": "edited a message; WhatsApp does not pass on how",
    "revoke": "deleted a message; WhatsApp does not pass on which",
    "poll_creation": "sent a poll, which only WhatsApp can show",
    "pin": "pinned a message",
}
_MOST_FIELDS = 50
#: What an invitation has her write first.
INVITED = "👋 #"
_TOKEN = re.compile(rf"{INVITED}([A-Za-z0-9_-]{{1,64}})(?!\S)")


def proof_token(message: Json) -> str:
    """The token of an invitation that she brought, or ""."""
    text = message["text"]["body"] if message["type"] == "text" else ""
    found = _TOKEN.match(text)
    return found[1] if found else ""


def read(message: Json, above: str = "") -> Content:
    """The content of a message of any type, below a line of ours; of an unknown one, a placeholder."""
    kind = message["type"]
    body: Any = message.get(kind)
    attachments = (_attachment(kind, body),) if kind in _FILES else ()
    if kind == "text":
        # A token proves who she is, so it is not shown.
        text = _TOKEN.sub("👋", str(body["body"]), count=1) if proof_token(message) else str(body["body"])
    elif kind in _FILES:
        text = str(body.get("caption") or "")
    else:
        words = _WORDS.get(kind)
        text = words(body) if words and body else _unsupported(message)
    document = from_plain(normalise(text))
    if not document and not attachments:
        document = from_plain("(An empty message)")
    context = message.get("context") or {}
    before = [above]
    if context.get("forwarded") or context.get("frequently_forwarded"):
        before.append("↪ Forwarded:")
    if product := (context.get("referred_product") or {}).get("product_retailer_id"):
        before.append(f"🛍 About the product {line(str(product), limit=100)}:")
    prefix = [block for words in before for block in from_plain(words).blocks]
    return Content(body=Document(blocks=(*prefix, *document.blocks)), attachments=attachments)


def described(message: Json) -> str:
    """A message in words alone."""
    content = read(message)
    files = [one.name for one in content.attachments]
    return line(" ".join(filter(None, [*files, plain(content.body)])), limit=1000)


def _attachment(kind: str, body: Json) -> Attachment:
    found, name = _FILES[kind]
    mime = str(body.get("mime_type") or "application/octet-stream").partition(";")[0].strip()
    if body.get("voice"):
        found, name = MediaKind.VOICE, "voice-message"
    given = body.get("filename") or name + _ENDINGS.get(mime, "")
    # The sum travels with the handle, so that what comes is what was announced.
    source = f"{body['id']}:{body.get('sha256') or ''}"
    return Attachment(kind=found, name=file_name(str(given)), mime=mime, source=source)


def _location(place: Json) -> str:
    where = float(place["latitude"]), float(place["longitude"])
    names = ", ".join(str(place[key]) for key in ("name", "address") if place.get(key))
    link = "https://www.openstreetmap.org/?mlat={0:.6f}&mlon={1:.6f}#map=16/{0:.6f}/{1:.6f}".format(*where)
    return f"📍 {names}\n{link}" if names else f"📍 {link}"


def _contacts(cards: Any) -> str:
    return "\n".join(_card(card) for card in cards[:_MOST_FIELDS])


def _card(card: Json) -> str:
    reached = [str(one.get("phone") or one.get("wa_id") or "") for one in card.get("phones") or []]
    reached += [str(one.get("email") or "") for one in card.get("emails") or []]
    name = (card.get("name") or {}).get("formatted_name") or "Somebody"
    return f"👤 {name}: {', '.join(filter(None, reached)) or 'no number'}"


def _interactive(body: Json) -> str:
    if body.get("type") != "nfm_reply":
        return ""
    answers = json.loads(body["nfm_reply"]["response_json"])
    told = {True: "yes", False: "no", None: "-"}
    lines = [
        f"{key}: {told[value] if isinstance(value, bool) or value is None else value}"
        for key, value in list(answers.items())[:_MOST_FIELDS]
        if key != "flow_token"
    ]
    return "\n".join(["📝 Filled in a form", *lines])


def _order(order: Json) -> str:
    lines = [
        f"- {item.get('quantity', 1)} × {item.get('product_retailer_id')}, "
        f"{item.get('item_price', '')} {item.get('currency', '')}".rstrip(" ,")
        for item in order.get("product_items", [])[:_MOST_FIELDS]
    ]
    return "\n".join([f"🛒 Ordered: {order.get('text') or ''}".rstrip(": "), *lines])


_WORDS: Mapping[str, Callable[[Any], str]] = {
    "location": _location,
    "contacts": _contacts,
    "interactive": _interactive,
    "order": _order,
}


def _unsupported(message: Json) -> str:
    body = message.get(message["type"])
    what = str(body.get("type") or "") if isinstance(body, dict) else ""
    if what in _UNSHOWN:
        return f"(The customer {_UNSHOWN[what]}.)"
    errors = message.get("errors") or [{}]
    if str(errors[0].get("code")) == "131060":
        return "(WhatsApp cannot show this message at the moment.)"
    shown = line(what or str(message["type"]), limit=60)
    return f"(Sent something that only WhatsApp can show: {shown})"
