"""The customers' phones: what the page draws of any channel and what can be done on it, in one shape for all."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from sandbox.page.uploads import Asked, BadRequest, Upload

Json = dict[str, Any]
Verb = Callable[[Asked], Awaitable[Any]]
#: (name, type, content)
File = tuple[str, str, bytes]
KINDS = ("photo", "document", "voice", "location", "contact")


def moment(seconds: float) -> str:
    """A time as the page reads it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


class Phone(ABC):
    """The app of one channel, in the hands of its customers."""

    channel: str
    title: str
    #: What a customer can do there: edit, delete, react, quote, voice, place, start, read.
    can: ClassVar[frozenset[str]] = frozenset()
    #: How her own messages are marked: "ticks", a word such as "Seen", or "" where nothing is shown.
    marks: ClassVar[str] = ""
    #: The only emoji of its reactions; empty: all.
    reactions: ClassVar[Sequence[str]] = ()

    def __init__(self, customers: Sequence[str]) -> None:
        self.customers = tuple(customers)

    @property
    @abstractmethod
    def business(self) -> str:
        """As the app names us."""

    @abstractmethod
    def person(self, user: str) -> Json:
        """Her name, `blocked` and `typing`, the seconds for which we are shown typing."""

    @abstractmethod
    def messages(self, user: str) -> list[Json]:
        """What stands in her chat, oldest first."""

    @abstractmethod
    def news(self, change: Json) -> Json | None:
        """A change of the sandbox as the page takes it; None when this phone shows nothing of it."""

    @abstractmethod
    async def write(self, user: str, text: str, reply_to: str) -> Any: ...

    @abstractmethod
    async def send(self, user: str, kind: str, files: Sequence[Upload], caption: str, reply_to: str) -> Any: ...

    @abstractmethod
    async def file(self, message_id: str, number: int) -> File | None:
        """A file of a message."""

    async def start(self, user: str, payload: str) -> Any:
        raise self._missing("start")

    async def edit(self, user: str, message_id: str, text: str) -> None:
        raise self._missing("edit")

    async def delete(self, user: str, message_id: str) -> None:
        raise self._missing("delete")

    async def react(self, user: str, message_id: str, emoji: str | None) -> None:
        raise self._missing("react")

    async def press(self, user: str, message_id: str, data: str) -> None:
        raise self._missing("press")

    async def read(self, user: str) -> None:
        """She looks at the chat; where the channel tells nobody of it, nothing happens."""
        return

    def _missing(self, what: str) -> BadRequest:
        return BadRequest(f"{self.title} has no such gesture: {what}")

    def shown(self, message_id: Any, *, files: Sequence[Mapping[str, Any]] = (), **fields: Any) -> Json:
        """One message as `bubble.js` draws it; `files` are (kind, name, size) by name."""
        made: Json = {
            "message_id": str(message_id),
            "kind": "text",
            "text": "",
            # None: links are found by the app itself.
            "entities": None,
            "reply_to": "",
            "buttons": [],
            # Buttons that go away with the next message.
            "quick": False,
            "cards": [],
            "edited": False,
            "deleted": False,
            "seen": False,
            "reactions": [],
            "mine_reacted": "",
            "details": None,
        }
        links = [
            {**file, "url": f"/file/phone?{urlencode({'channel': self.channel, 'message': message_id, 'number': n})}"}
            for n, file in enumerate(files)
        ]
        return {**made, **fields, "files": links}

    def changed(self, user: Any, **what: Any) -> Json:
        """A change of one customer's phone."""
        return {"type": "phone", "channel": self.channel, "user": str(user), **what}

    def as_json(self) -> Json:
        """Everything that is drawn of it."""
        people = [{"id": user, **self.person(user), "messages": self.messages(user)} for user in self.customers]
        return {
            "channel": self.channel,
            "title": self.title,
            "business": self.business,
            "can": sorted(self.can),
            "marks": self.marks,
            "reactions": list(self.reactions),
            "customers": people,
        }


class Phones:
    """All of them, by channel."""

    def __init__(self, phones: Sequence[Phone]) -> None:
        self._phones = {phone.channel: phone for phone in phones}

    def verbs(self) -> Mapping[str, Verb]:
        """What customers do; the argument `channel` says on which phone."""
        return {
            "customer.start": self._start,
            "customer.write": self._write,
            "customer.send": self._send,
            "customer.edit": self._edit,
            "customer.delete": self._delete,
            "customer.react": self._react,
            "customer.press": self._press,
            "customer.read": self._read,
        }

    def snapshot(self) -> list[Json]:
        """The phones, in the order of their tabs."""
        return [phone.as_json() for phone in self._phones.values()]

    async def file(self, channel: str, message_id: str, number: int) -> File | None:
        """A file of a message on one of them."""
        phone = self._phones.get(channel)
        return await phone.file(message_id, number) if phone else None

    async def pump(self, watch: AsyncIterator[Json], changes: asyncio.Queue[Json | None], *channels: str) -> None:
        """Passes on what a sandbox tells, as long as it does."""
        async for change in watch:
            if change.get("type") == "resync":
                await changes.put({"source": "phones", **change})
                continue
            # A change may name its product, where one server carries several.
            named = change.get("product")
            for channel in channels if named is None else (named,):
                phone = self._phones.get(channel)
                news = phone.news(change) if phone else None
                if news is not None and phone is not None and news["user"] in phone.customers:
                    await changes.put({"source": "phones", **news})

    def _at(self, asked: Asked) -> tuple[Phone, str]:
        channel = asked.text("channel")
        phone = self._phones.get(channel)
        if phone is None or asked.who not in phone.customers:
            raise BadRequest(f"{asked.who or 'Nobody'} has no phone with {channel or 'that'} here")
        return phone, asked.who

    async def _start(self, asked: Asked) -> Json:
        phone, user = self._at(asked)
        return {"message_id": str(await phone.start(user, asked.text("payload", "")))}

    async def _write(self, asked: Asked) -> Json:
        phone, user = self._at(asked)
        return {"message_id": str(await phone.write(user, asked.text("text"), asked.text("reply_to", "")))}

    async def _send(self, asked: Asked) -> Json:
        phone, user = self._at(asked)
        kind = asked.text("kind")
        if kind not in KINDS:
            raise BadRequest(f"A phone sends no {kind}")
        if not asked.files and kind not in ("location", "contact"):
            raise BadRequest("Choose a file first")
        sent = await phone.send(user, kind, asked.files, asked.text("caption", ""), asked.text("reply_to", ""))
        return {"message_id": str(sent)}

    async def _edit(self, asked: Asked) -> None:
        phone, user = self._at(asked)
        await phone.edit(user, asked.text("message_id"), asked.text("text"))

    async def _delete(self, asked: Asked) -> None:
        phone, user = self._at(asked)
        await phone.delete(user, asked.text("message_id"))

    async def _react(self, asked: Asked) -> None:
        phone, user = self._at(asked)
        await phone.react(user, asked.text("message_id"), asked.optional("emoji"))

    async def _press(self, asked: Asked) -> None:
        phone, user = self._at(asked)
        await phone.press(user, asked.text("message_id"), asked.text("data"))

    async def _read(self, asked: Asked) -> None:
        phone, user = self._at(asked)
        await phone.read(user)
