"""People and messages as the sandbox remembers them, and their two faces: the Bot API's and the phone's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.telegram.files import StoredFile, media_fields

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Person:
    """One customer; the private chat with her has the same id."""

    id: int
    first_name: str
    username: str | None = None
    language_code: str | None = None
    photos: list[StoredFile] = field(default_factory=list)
    #: A bot may write only after the person did.
    started: bool = False
    blocked: bool = False
    deactivated: bool = False

    def as_user(self) -> Json:
        """The Bot API's User."""
        user: Json = {"id": self.id, "is_bot": False, "first_name": self.first_name}
        user |= {"username": self.username} if self.username else {}
        return user | ({"language_code": self.language_code} if self.language_code else {})

    def as_chat(self) -> Json:
        """The Bot API's Chat."""
        chat: Json = {"id": self.id, "first_name": self.first_name, "type": "private"}
        return chat | ({"username": self.username} if self.username else {})


@dataclass(slots=True, kw_only=True)
class Message:
    """One message, from either side."""

    id: int
    chat: int
    from_bot: bool
    date: float
    text: str = ""
    entities: list[Json] = field(default_factory=list)
    #: text, photo, document, video, voice, audio, sticker, location or contact
    kind: str = "text"
    file: StoredFile | None = None
    #: Location or contact.
    details: Json | None = None
    reply_to: int | None = None
    quote: str | None = None
    media_group_id: str | None = None
    keyboard: list[list[Json]] | None = None
    edited: float | None = None
    deleted: bool = False
    bot_reaction: str | None = None
    customer_reaction: str | None = None

    def content(self) -> tuple[Any, ...]:
        """What an edit has to change."""
        return self.text, self.entities, self.keyboard

    def as_api(self, person: Person, bot: Json, replied: Message | None = None) -> Json:
        """The Bot API's Message."""
        message: Json = {
            "message_id": self.id,
            "from": bot if self.from_bot else person.as_user(),
            "chat": person.as_chat(),
            "date": int(self.date),
        }
        if self.edited is not None:
            message["edit_date"] = int(self.edited)
        if self.media_group_id:
            message["media_group_id"] = self.media_group_id
        if replied is not None:
            message["reply_to_message"] = replied.as_api(person, bot)
            if self.quote:
                message["quote"] = {"text": self.quote, "position": max(0, replied.text.find(self.quote))}
        text, entities = ("text", "entities") if self.kind == "text" else ("caption", "caption_entities")
        if self.text:
            message[text] = self.text
        if self.entities:
            message[entities] = self.entities
        if self.file is not None:
            message |= media_fields(self.kind, [self.file])
        elif self.details is not None:
            message[self.kind] = self.details
        if self.keyboard:
            message["reply_markup"] = {"inline_keyboard": self.keyboard}
        return message

    def as_shown(self, file_base: str) -> Bubble:
        """What the phone draws."""
        file = self.file
        return Bubble(
            message_id=self.id,
            from_bot=self.from_bot,
            date=datetime.fromtimestamp(self.date, UTC),
            text=self.text,
            entities=tuple(self.entities),
            kind=self.kind,
            file_name=file.name if file else "",
            mime=file.mime if file else "",
            size=len(file.data) if file else 0,
            url=f"{file_base}/{file.path}" if file else None,
            details=self.details,
            reply_to=self.reply_to,
            quote=self.quote,
            media_group_id=self.media_group_id,
            buttons=tuple(tuple(row) for row in self.keyboard or ()),
            edited=self.edited is not None,
            deleted=self.deleted,
            bot_reaction=self.bot_reaction,
            customer_reaction=self.customer_reaction,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """One message as the customer's phone shows it."""

    message_id: int
    from_bot: bool
    date: datetime
    #: Text or caption.
    text: str
    entities: tuple[Mapping[str, Any], ...]
    kind: str
    file_name: str
    mime: str
    size: int
    #: Where the file's bytes can be fetched.
    url: str | None
    details: Mapping[str, Any] | None
    reply_to: int | None
    quote: str | None
    media_group_id: str | None
    buttons: tuple[tuple[Mapping[str, Any], ...], ...]
    edited: bool
    deleted: bool
    bot_reaction: str | None
    customer_reaction: str | None

    def as_json(self) -> Json:
        """The same for a page."""
        return asdict(self) | {"date": self.date.isoformat()}
