"""Customers who number what they write, and what of the numbered replies stands on their side."""

from __future__ import annotations

import asyncio
import contextlib
import re
import zlib
from abc import ABC, abstractmethod
from collections import Counter

import aiohttp

from benchmarks.served import ServedStage
from sandbox.stage import SUPPORT
from sandbox.visitor import Visitor, words

_REPLY = re.compile(r"reply-(\w+)-(\d+)\.")
_SOON = 0.03


class Person(ABC):
    """One customer: `message-<tag>-<number>.` goes in, `reply-<tag>-<number>.` comes back."""

    #: What became of a send whose outcome is unknown can be found out, or repeating it is harmless.
    certain = False
    #: Multiplies her pauses.
    leisure = 1.0

    def __init__(self, stage: ServedStage, tag: str, room: int) -> None:
        self.stage = stage
        self.tag = tag
        self.room = stage.rooms[room]
        self._place = f"room-{room}"
        #: Messages that were taken from her: 0 to written - 1.
        self.written = 0
        #: Replies that agents gave her: 0 to answered - 1.
        self.answered = 0
        #: The thread, once an agent found it.
        self.thread = ""

    def text(self, number: int) -> str:
        return f"message-{self.tag}-{number}. For {self._place}."

    @abstractmethod
    async def begin(self) -> None:
        """Before her first message."""

    async def end(self) -> None:
        """After everything."""
        return

    async def stay(self) -> None:
        """Comes back when the line was cut, without having anything to say."""
        return

    @abstractmethod
    async def write(self, count: int) -> None:
        """Writes so many messages; returns when they are accepted."""

    @abstractmethod
    def texts(self) -> list[str]:
        """What she has from agents."""

    def has(self) -> Counter[int]:
        """How often she has which reply."""
        found = (_REPLY.search(text) for text in self.texts())
        return Counter(int(match.group(2)) for match in found if match and match.group(1) == self.tag)


class WebPerson(Person):
    """A browser: it comes back after every cut, and sends again what was not acknowledged, with the same ids."""

    certain = True

    def __init__(self, stage: ServedStage, tag: str, room: int) -> None:
        super().__init__(stage, tag, room)
        self._address = f"127.0.1.{zlib.crc32(tag.encode()) % 250 + 1}"

    async def begin(self) -> None:
        self._tab = Visitor(self.stage.website, about={"name": f"Visitor {self.tag}"}, address=self._address)
        await self._tab.__aenter__()

    async def end(self) -> None:
        await self._tab.__aexit__(None, None, None)

    async def write(self, count: int) -> None:
        open_ids = {self._tab.client_id(): self.text(self.written + number) for number in range(count)}
        while True:
            with contextlib.suppress(aiohttp.ClientError, ConnectionError, TimeoutError, RuntimeError):
                for client_id, text in open_ids.items():
                    if client_id not in self._tab.acks:
                        await self._tab.frame({"type": "send", "client_id": client_id, "text": text})
                await self._tab.until(
                    lambda: self._tab.gone or all(client_id in self._tab.acks for client_id in open_ids), 15
                )
            if all(client_id in self._tab.acks for client_id in open_ids):
                break
            await self._again()
        self.written += count

    async def stay(self) -> None:
        if self._tab.gone:
            await self._again()

    async def _again(self) -> None:
        while True:
            await self._tab.disconnect()
            pause = _SOON
            try:
                await self._tab.connect()
                return
            except aiohttp.ClientResponseError as refused:
                pause = 1.0 if refused.status == 429 else _SOON
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                pass
            await asyncio.sleep(pause)

    def texts(self) -> list[str]:
        return [words(item) for item in self._tab.items.values() if not item["me"]]


class TelegramPerson(Person):
    """Telegram has what she writes at once, and keeps it until we have it. It cannot be asked what it has of us."""

    async def begin(self) -> None:
        self._user = self.stage.telegram.add_customer(f"Phone {self.tag}")

    async def write(self, count: int) -> None:
        for _ in range(count):
            await self.stage.telegram.customer_writes(self._user, self.text(self.written))
            self.written += 1

    def texts(self) -> list[str]:
        return [bubble.text for bubble in self.stage.telegram.chat(self._user) if bubble.from_bot]


class MailPerson(Person):
    """Her provider hands each letter over once; ours keeps it until it is read."""

    # Each letter quotes another, so each is a post of its own, one a second in a room.
    leisure = 8.0

    async def begin(self) -> None:
        self._address = f"{self.tag}@customer.test"
        self._first: str | None = None
        self.stage.mail.add_mailbox(self._address, "customer")

    async def write(self, count: int) -> None:
        for _ in range(count):
            letter = await self.stage.mail.customer_writes(
                sender=(f"Mailbox {self.tag}", self._address),
                to=SUPPORT,
                subject=f"Re: Order {self.tag}" if self._first else f"Order {self.tag}",
                text=self.text(self.written),
                in_reply_to=self._first,
            )
            self._first = self._first or letter
            self.written += 1

    def texts(self) -> list[str]:
        return [message.letter.text or "" for message in self.stage.mail.mailbox(self._address)]
