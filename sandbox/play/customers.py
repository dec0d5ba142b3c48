"""A customer on each channel, with the same few gestures on all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

from sandbox.mail import MailSandbox
from sandbox.stage import SUPPORT
from sandbox.telegram import TelegramSandbox
from sandbox.visitor import Visitor, words


class Customer(ABC):
    """What she does, and what she sees."""

    channel: str
    #: As the thread names her.
    name: str
    edits = deletes = reacts = sees_reactions = sees_edits = sees_deletes = names_files = True

    @abstractmethod
    async def writes(self, text: str, *, quoting: str = "") -> str:
        """Sends text, as an answer to what she saw with the words `quoting`; her reference to the message."""

    @abstractmethod
    async def sends(self, name: str, mime: str, data: bytes) -> None: ...

    # A channel that lacks one of these three says so by `edits`, `deletes` or `reacts`; then no step asks for it.

    async def edit(self, ref: str, text: str) -> None:
        raise AssertionError(f"{self.channel} lets no customer edit.")

    async def delete(self, ref: str) -> None:
        raise AssertionError(f"{self.channel} lets no customer take a message back.")

    async def react(self, containing: str, emoji: str) -> None:
        raise AssertionError(f"{self.channel} lets no customer react.")

    @abstractmethod
    def texts(self) -> list[str]:
        """The words of the agents that she sees now."""

    @abstractmethod
    def files(self) -> list[str]:
        """Names of the files that agents sent her."""

    def has_file(self, name: str, mime: str) -> bool:
        """Whether she has a file of the agents, by what her channel says of it."""
        return name in self.files()

    @abstractmethod
    def reactions(self) -> list[str]:
        """Emoji that agents put on her messages."""


class WebCustomer(Customer):
    channel = "Web chat"

    def __init__(self, visitor: Visitor, name: str) -> None:
        self.visitor = visitor
        self.name = name

    async def writes(self, text: str, *, quoting: str = "") -> str:
        more = {"reply_to": self._find(quoting)["id"]} if quoting else {}
        return await self.visitor.send(text, **more)

    async def sends(self, name: str, mime: str, data: bytes) -> None:
        token = await self.visitor.upload(name, mime, data)
        await self.visitor.send("", uploads=[token])

    async def edit(self, ref: str, text: str) -> None:
        await self.visitor.frame({"type": "edit", "client_id": self.visitor.client_id(), "id": ref, "text": text})

    async def delete(self, ref: str) -> None:
        await self.visitor.frame({"type": "delete", "client_id": self.visitor.client_id(), "id": ref})

    async def react(self, containing: str, emoji: str) -> None:
        found = self._find(containing)["id"]
        frame = {"type": "react", "client_id": self.visitor.client_id(), "id": found, "emoji": emoji}
        await self.visitor.frame(frame)

    def _find(self, containing: str) -> dict[str, Any]:
        return next(item for item in self.visitor.items.values() if not item["me"] and containing in words(item))

    def _theirs(self) -> list[dict[str, Any]]:
        return [item for item in self.visitor.items.values() if not item["me"] and not item["deleted"]]

    def texts(self) -> list[str]:
        return [words(item) for item in self._theirs()]

    def files(self) -> list[str]:
        return [file["name"] for item in self._theirs() for file in item["files"]]

    def reactions(self) -> list[str]:
        mine = [item for item in self.visitor.items.values() if item["me"]]
        return [item["reactions"]["agent"] for item in mine if "agent" in item["reactions"]]


class TelegramCustomer(Customer):
    channel = "Telegram"
    # Bots see neither deletions nor a private chat's reactions.
    deletes = reacts = False

    def __init__(self, telegram: TelegramSandbox, name: str) -> None:
        self._telegram = telegram
        self.name = name
        self.user = telegram.add_customer(name, username=name.lower())

    async def writes(self, text: str, *, quoting: str = "") -> str:
        reply_to = self._find(quoting) if quoting else None
        return str(await self._telegram.customer_writes(self.user, text, reply_to=reply_to))

    async def sends(self, name: str, mime: str, data: bytes) -> None:
        kind: Literal["photo", "document"] = "photo" if mime.startswith("image/") else "document"
        await self._telegram.customer_sends(self.user, kind, name, mime, data)

    async def edit(self, ref: str, text: str) -> None:
        await self._telegram.customer_edits(self.user, int(ref), text)

    def _find(self, containing: str) -> int:
        return next(b.message_id for b in self._telegram.chat(self.user) if b.from_bot and containing in (b.text or ""))

    def texts(self) -> list[str]:
        return [b.text or "" for b in self._telegram.chat(self.user) if b.from_bot and not b.deleted]

    def files(self) -> list[str]:
        return [b.file_name or b.kind for b in self._telegram.chat(self.user) if b.from_bot and b.kind != "text"]

    def reactions(self) -> list[str]:
        return [b.bot_reaction for b in self._telegram.chat(self.user) if b.bot_reaction]


class MailCustomer(Customer):
    channel = "Email"
    edits = deletes = reacts = sees_reactions = sees_edits = sees_deletes = False

    def __init__(self, mail: MailSandbox, name: str) -> None:
        self._mail = mail
        self.name = name
        self.address = f"{name.lower()}@customer.test"
        mail.add_mailbox(self.address, "customer")

    async def writes(self, text: str, *, quoting: str = "") -> str:
        answered = next((m.letter for m in self._inbox() if quoting and quoting in (m.letter.text or "")), None)
        to = answered.header("Reply-To") if answered else SUPPORT
        return await self._mail.customer_writes(
            sender=(self.name, self.address),
            to=to or SUPPORT,
            subject=f"Re: {answered.subject}" if answered else "My tea order",
            text=text,
            in_reply_to=answered.header("Message-ID") if answered else None,
        )

    async def sends(self, name: str, mime: str, data: bytes) -> None:
        await self._mail.customer_writes(
            sender=(self.name, self.address),
            to=SUPPORT,
            subject="My tea order",
            text="See the attached file.",
            attachments=[(name, mime, data)],
        )

    def _inbox(self) -> list[Any]:
        return list(self._mail.mailbox(self.address))

    def texts(self) -> list[str]:
        return [m.letter.text or "" for m in self._inbox()]

    def files(self) -> list[str]:
        return [name for m in self._inbox() for name, _, _ in m.letter.attachments]

    def reactions(self) -> list[str]:
        return []
