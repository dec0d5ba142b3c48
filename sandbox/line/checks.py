"""Checks message objects as LINE does, and says what is wrong with each property."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from core.contracts.text import graphemes
from sandbox.line.errors import Json

#: https://developers.line.biz/en/reference/messaging-api/#message-objects
MAX_MESSAGES = 5
MAX_TEXT = 5000
MAX_URL = 2000
MAX_BUTTONS = 13
MAX_LABEL = 20
MAX_DATA = 300
_TYPES = ("text", "sticker", "image", "video", "audio", "location")
_COMMON = {"type", "quickReply", "sender"}
_FIELDS = {
    "text": {"text", "emojis", "quoteToken"},
    "sticker": {"packageId", "stickerId", "quoteToken"},
    "image": {"originalContentUrl", "previewImageUrl"},
    "video": {"originalContentUrl", "previewImageUrl", "trackingId"},
    "audio": {"originalContentUrl", "duration"},
    "location": {"title", "address", "latitude", "longitude"},
}
_URLS = {"image": ("originalContentUrl", "previewImageUrl"), "video": ("originalContentUrl", "previewImageUrl")}
Problems = list[tuple[str, str]]


def units(text: str) -> int:
    """What LINE counts of a text: https://developers.line.biz/en/docs/messaging-api/text-character-count/."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def problems_of(messages: Any) -> Problems:
    """(property, what is wrong with it) for the list of message objects of one call."""
    if not isinstance(messages, list) or not 1 <= len(messages) <= MAX_MESSAGES:
        return [("messages", f"Size must be between 1 and {MAX_MESSAGES}")]
    found: Problems = []
    for number, message in enumerate(messages):
        found += [(f"messages[{number}].{name}", what) for name, what in _problems(message)]
    return found


def _problems(message: Any) -> Problems:
    kind = message.get("type") if isinstance(message, dict) else None
    if kind not in _TYPES:
        return [("type", f"Must be one of the following values: [{', '.join(_TYPES)}]")]
    found: Problems = [(name, "Unknown property") for name in set(message) - _COMMON - _FIELDS[kind]]
    if kind == "text":
        found += _text(message.get("text"), "text", MAX_TEXT)
    if kind == "audio":
        found += _url(message.get("originalContentUrl"), "originalContentUrl")
        duration = message.get("duration")
        found += [] if isinstance(duration, int) and duration > 0 else [("duration", "Must be greater than 0")]
    for name in _URLS.get(kind, ()):
        found += _url(message.get(name), name)
    if kind == "sticker":
        found += [(name, "May not be empty") for name in ("packageId", "stickerId") if not message.get(name)]
    if kind == "location":
        found += [(name, "May not be empty") for name in ("title", "address") if not message.get(name)]
    token = message.get("quoteToken")
    if token is not None and not isinstance(token, str):
        found.append(("quoteToken", "Must be a string"))
    if "quickReply" in message:
        found += _quick_reply(message["quickReply"])
    return found


def _text(text: Any, name: str, most: int) -> Problems:
    if not isinstance(text, str) or not text.strip():
        return [(name, "May not be empty")]
    if units(text) > most:
        return [(name, f"Length must be between 0 and {most}")]
    return []


def _url(url: Any, name: str) -> Problems:
    if not isinstance(url, str) or not url:
        return [(name, "May not be empty")]
    if len(url) > MAX_URL:
        return [(name, f"Length must be between 0 and {MAX_URL}")]
    parts = urlsplit(url)
    if not url.isascii() or " " in url or (parts.scheme != "https" and not is_loopback(url)):
        return [(name, "Must be a valid HTTPS URL")]
    return []


def is_loopback(url: str) -> bool:
    """The one exception to HTTPS, which the real LINE does not make: this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _quick_reply(given: Any) -> Problems:
    items = given.get("items") if isinstance(given, dict) else None
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_BUTTONS:
        return [("quickReply.items", f"Size must be between 1 and {MAX_BUTTONS}")]
    found: Problems = []
    for number, item in enumerate(items):
        given_action = item.get("action") if isinstance(item, dict) else None
        action: Json = given_action if isinstance(given_action, dict) else {}
        where = f"quickReply.items[{number}].action"
        label = action.get("label")
        if not isinstance(label, str) or not label.strip():
            found.append((f"{where}.label", "May not be empty"))
        elif len(list(graphemes(label))) > MAX_LABEL:
            found.append((f"{where}.label", f"Length must be between 0 and {MAX_LABEL}"))
        if action.get("type") not in ("postback", "message"):
            found.append((f"{where}.type", "Must be one of the following values: [postback, message]"))
        elif action["type"] == "postback":
            found += _text(action.get("data"), f"{where}.data", MAX_DATA)
        else:
            found += _text(action.get("text"), f"{where}.text", MAX_DATA)
    return found
