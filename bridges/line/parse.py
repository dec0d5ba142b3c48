"""Reads webhook events of LINE as events."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from core.contracts.bridge import (
    ChoiceMade,
    Event,
    ExternalId,
    MessageDeleted,
    MessageReceived,
    ReachabilityChanged,
    Sender,
)
from core.contracts.content import Attachment, Content, MediaKind
from core.contracts.text import file_name, from_plain, is_empty, line, normalise, safe_url

log = logging.getLogger(__name__)
Json = Mapping[str, Any]

#: https://developers.line.biz/en/reference/messaging-api/#postback-action
MAX_DATA = 300
_FILES: Mapping[str, tuple[MediaKind, str, str]] = {
    "image": (MediaKind.IMAGE, "photo.jpg", "image/jpeg"),
    "video": (MediaKind.VIDEO, "video.mp4", "video/mp4"),
    "audio": (MediaKind.VOICE, "voice-message.m4a", "audio/mp4"),
    "file": (MediaKind.FILE, "file", "application/octet-stream"),
}
_WORDS: Mapping[str, Callable[[Json], str]] = {
    "text": lambda message: str(message["text"]),
    "location": lambda place: "\n".join(filter(None, [f"📍 {_place(place)}".strip(), _map(place)])),
    "sticker": lambda sticker: f"🏷 {_sticker(sticker)}",
}


def events(event: Json, profile: Json, received: float) -> Iterator[Event]:
    """What one webhook event means to people; groups and rooms mean nothing to us."""
    stamp: dict[str, Any] = {
        "event_id": _text(event["webhookEventId"]),
        "at": datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
    }
    match event:
        case {"source": {"type": "user", "userId": str(user)}, "type": "message", "message": dict(message)}:
            quoted = message.get("quotedMessageId")
            yield MessageReceived(
                **stamp,
                sender=_sender(user, profile, event, received),
                external_id=ExternalId(_text(message["id"])),
                content=_content(message),
                quote=ExternalId(_text(quoted)) if quoted else None,
            )
        case {"source": {"type": "user", "userId": str(user)}, "type": "postback", "postback": {"data": str(data)}}:
            value, label = _choice(data)
            sender = _sender(user, profile, event, received)
            yield ChoiceMade(**stamp, sender=sender, external_id=ExternalId(""), value=value, label=label)
        case {"source": {"type": "user"}, "type": "unsend", "unsend": {"messageId": message_id}}:
            yield MessageDeleted(**stamp, external_id=ExternalId(_text(message_id)))
        case {"source": {"type": "user", "userId": str(user)}, "type": "follow" | "unfollow" as kind}:
            did = "blocked the account"
            if kind == "follow":
                again = (event.get("follow") or {}).get("isUnblocked")
                did = "unblocked the account" if again else "added the account as a friend"
            sentence = f"{_name(profile) or 'The customer'} {did}."
            yield ReachabilityChanged(**stamp, sender_id=user, reachable=kind == "follow", sentence=sentence)
        case _:
            kind = line(str(event.get("type")), limit=40)
            log.info("An event that is from no customer is left aside", extra={"action": "event_ignored", "kind": kind})


def choice_data(value: str, label: str) -> str:
    """What a button brings back, its label included, which LINE would not say."""
    for length in range(len(label), -1, -1):
        data = json.dumps([value, label[:length]], ensure_ascii=False)
        if len(data.encode("utf-16-le")) // 2 <= MAX_DATA:
            return data
    return value


def _choice(data: str) -> tuple[str, str]:
    try:
        match json.loads(data):
            case [str(value), str(label)]:
                return value, line(label, limit=200) or value
    except (ValueError, RecursionError):
        pass
    # A rich menu's, which the operator made in LINE's own manager.
    return data, line(data, limit=200)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > 100:
        raise ValueError("An id of LINE is a text of at most 100 characters.")
    return value


def _name(profile: Json) -> str:
    return line(str(profile.get("displayName") or ""), limit=200)


def _sender(user: str, profile: Json, event: Json, received: float) -> Sender:
    message = event.get("message") or {}
    metadata: dict[str, Any] = {}
    if event.get("replyToken"):
        metadata |= {"reply": str(event["replyToken"]), "received": received}
    if message.get("markAsReadToken"):
        metadata["read"] = str(message["markAsReadToken"])
    if message.get("quoteToken"):
        metadata["quote"] = [str(message["id"]), str(message["quoteToken"])]
    return Sender(
        external_id=_text(user),
        name=_name(profile),
        avatar_url=safe_url(str(profile.get("pictureUrl") or "")) or "",
        language=line(str(profile.get("language") or ""), limit=40),
        metadata=metadata,
    )


def _content(message: Json) -> Content:
    kind = message["type"]
    provider = message.get("contentProvider") or {}
    if kind in _FILES and provider.get("type", "line") == "line":
        media, name, mime = _FILES[kind]
        attachment = Attachment(
            kind=media,
            name=file_name(str(message.get("fileName") or name)),
            mime=mime,
            size=size if isinstance(size := message.get("fileSize"), int) else None,
            source=_text(message["id"]),
        )
        return Content(attachments=(attachment,))
    if kind in _FILES:
        # It lies on somebody else's host, from which nothing is fetched.
        address = safe_url(str(provider.get("originalContentUrl")))
        words = f"🔗 {address}" if address else ""
    else:
        words = _WORDS[kind](message) if kind in _WORDS else ""
    body = from_plain(normalise(words))
    return Content(
        body=from_plain(line(f"(Sent something that only LINE can show: {kind})", limit=300))
        if is_empty(body)
        else body
    )


def _place(place: Json) -> str:
    return ", ".join(line(str(place[key]), limit=300) for key in ("title", "address") if place.get(key))


def _map(place: Json) -> str:
    where = float(place["latitude"]), float(place["longitude"])
    return "https://www.openstreetmap.org/?mlat={0:.6f}&mlon={1:.6f}#map=16/{0:.6f}/{1:.6f}".format(*where)


def _sticker(sticker: Json) -> str:
    words = sticker.get("text") or ", ".join(str(word) for word in (sticker.get("keywords") or ())[:5])
    return line(f"Sticker: {words}" if words else "Sticker", limit=300)
