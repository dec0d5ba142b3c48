"""Reads updates of the Bot API as events."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from bridges.telegram.markup import read
from core.contracts.bridge import (
    ChoiceMade,
    Event,
    ExternalId,
    MessageEdited,
    MessageReceived,
    ReachabilityChanged,
    Sender,
)
from core.contracts.content import Attachment, Content, MediaKind
from core.contracts.richtext import Document
from core.contracts.text import file_name, from_plain, line, normalise

log = logging.getLogger(__name__)
Json = Mapping[str, Any]

#: What each field of a message holds, in this order: an animation comes with a document that is the same file.
_FILES: Mapping[str, tuple[MediaKind, str, str]] = {
    "photo": (MediaKind.IMAGE, "photo.jpg", "image/jpeg"),
    "video": (MediaKind.VIDEO, "video.mp4", "video/mp4"),
    "animation": (MediaKind.VIDEO, "animation.mp4", "video/mp4"),
    "video_note": (MediaKind.VIDEO, "video-message.mp4", "video/mp4"),
    "voice": (MediaKind.VOICE, "voice-message.ogg", "audio/ogg"),
    "audio": (MediaKind.AUDIO, "audio.mp3", "audio/mpeg"),
    "sticker": (MediaKind.IMAGE, "sticker.webp", "image/webp"),
    "document": (MediaKind.FILE, "file", "application/octet-stream"),
}
#: A venue comes with its location.
_WORDS: Mapping[str, Callable[[Any], str]] = {
    "venue": lambda venue: f"📍 {venue['title']}, {venue['address']}\n{_map(venue['location'])}",
    "location": lambda place: f"📍 {_map(place)}",
    "contact": lambda contact: f"👤 {_name(contact)}: {contact['phone_number']}",
    "poll": lambda poll: "\n".join([f"📊 {poll['question']}", *(f"- {option['text']}" for option in poll["options"])]),
    "dice": lambda dice: f"{dice['emoji']} {dice['value']}",
}
_ENVELOPE = frozenset("message_id from chat date edit_date reply_to_message entities media_group_id via_bot".split())


def events(update: Json, now: datetime) -> list[Event]:
    """What an update means to people; groups and channels mean nothing to us."""
    stamp: dict[str, Any] = {"event_id": f"update:{update['update_id']}", "order": update["update_id"]}
    match update:
        case {"message": {"chat": {"type": "private"}} as message}:
            return [
                MessageReceived(
                    **stamp,
                    at=_time(message["date"]),
                    sender=_sender(message["from"], message["chat"], message.get("contact", {})),
                    external_id=_id(message),
                    content=_content(message),
                    proof_token=_started_with(message),
                    quote=_id(message["reply_to_message"]) if "reply_to_message" in message else None,
                )
            ]
        case {"edited_message": {"chat": {"type": "private"}} as message}:
            at = _time(message.get("edit_date", message["date"]))
            return [MessageEdited(**stamp, at=at, external_id=_id(message), content=_content(message))]
        case {"callback_query": {"data": value, "message": {"chat": {"type": "private"}} as message} as press}:
            rows = (message.get("reply_markup") or {}).get("inline_keyboard", [])
            labels = {button.get("callback_data"): button["text"] for row in rows for button in row}
            return [
                ChoiceMade(
                    **stamp,
                    at=now,
                    sender=_sender(press["from"], message["chat"], {}),
                    external_id=_id(message),
                    value=value,
                    label=line(labels.get(value, value), limit=200),
                )
            ]
        case {"my_chat_member": {"chat": {"type": "private"}} as change}:
            reachable = change["new_chat_member"]["status"] != "kicked"
            sentence = f"{line(_name(change['from']), limit=200)} {'unblocked' if reachable else 'blocked'} the bot."
            sender = str(change["from"]["id"])
            at = _time(change["date"])
            return [ReachabilityChanged(**stamp, at=at, sender_id=sender, reachable=reachable, sentence=sentence)]
    log.info("An update that is from no customer is left aside", extra={"action": "update_ignored", **stamp})
    return []


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _id(message: Json) -> ExternalId:
    return ExternalId(f"{message['chat']['id']}:{message['message_id']}")


def _name(person: Json) -> str:
    return " ".join(filter(None, (person.get("first_name"), person.get("last_name"))))


def _map(place: Json) -> str:
    where = float(place["latitude"]), float(place["longitude"])
    return "https://www.openstreetmap.org/?mlat={0:.6f}&mlon={1:.6f}#map=16/{0:.6f}/{1:.6f}".format(*where)


def _sender(person: Json, chat: Json, contact: Json) -> Sender:
    return Sender(
        external_id=str(person["id"]),
        name=_name(person),
        username=person.get("username", ""),
        language=person.get("language_code", ""),
        # Anybody's card can be shared; only her own proves a number.
        phone=contact["phone_number"] if contact.get("user_id") == person["id"] else "",
        metadata={"chat": chat["id"]},
    )


def _started_with(message: Json) -> str:
    """What a link that opened the chat carried: https://core.telegram.org/bots/features#deep-linking."""
    found = re.fullmatch(r"/start ([A-Za-z0-9_-]{1,64})", message.get("text", ""), re.ASCII)
    return found[1] if found else ""


def _content(message: Json) -> Content:
    text, entities = message.get("text"), message.get("entities", [])
    if text is None:
        text, entities = message.get("caption", ""), message.get("caption_entities", [])
    # What follows came with a link, not from her, and may be a secret.
    text = re.sub(r"^/start\s.*", "/start", text, flags=re.DOTALL)
    body, attachments = read(text, entities), _attachments(message)
    if not body and not attachments:
        body = _described(message)
    if "forward_origin" in message:
        body = Document(blocks=(*from_plain("↪ Forwarded:").blocks, *body.blocks))
    return Content(body=body, attachments=attachments)


def _described(message: Json) -> Document:
    for field, words in _WORDS.items():
        if field in message:
            return from_plain(normalise(words(message[field]), limit=4000))
    unknown = ", ".join(sorted(set(message) - _ENVELOPE))
    return from_plain(line(f"(Sent something that only Telegram can show: {unknown or 'empty message'})", limit=300))


def _attachments(message: Json) -> tuple[Attachment, ...]:
    for field, (kind, name, mime) in _FILES.items():
        if field not in message:
            continue
        # Telegram lists every resolution; the last is the largest.
        file = message[field][-1] if field == "photo" else message[field]
        shown = file
        if file.get("is_animated") or file.get("is_video"):
            # Moving stickers are in a format of Telegram's own; their preview is a picture.
            shown = file.get("thumbnail", file)
        attachment = Attachment(
            kind=kind,
            name=file_name(file.get("file_name") or name),
            mime=file.get("mime_type") or mime,
            size=shown.get("file_size"),
            source=shown["file_id"],
            alt=file.get("emoji", ""),
        )
        return (attachment,)
    return ()
