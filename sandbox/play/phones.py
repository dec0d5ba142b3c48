"""Customers of the channels that live on a phone, with the same few gestures as everybody."""

from __future__ import annotations

from typing import Any, ClassVar

from sandbox.graph import GraphSandbox
from sandbox.graph.pages import Page
from sandbox.graph.shapes import Bubble
from sandbox.graph.whatsapp import WhatsApp
from sandbox.line import LineSandbox
from sandbox.line.world import Bubble as LineBubble
from sandbox.play.customers import Customer
from sandbox.twilio import TwilioSandbox
from sandbox.twilio.messages import Message as TextMessage


class MetaCustomer(Customer):
    """What WhatsApp, Messenger and Instagram have in common."""

    #: Nothing that a business sent can be changed or taken back there.
    sees_edits = sees_deletes = False
    account: WhatsApp | Page
    user: str
    #: What the app calls a file that is no picture.
    file_kind: ClassVar[str] = "file"

    async def writes(self, text: str, *, quoting: str = "") -> str:
        reply_to = self._find(quoting) if quoting else ""
        return await self.account.customer_writes(self.user, text, reply_to=reply_to)

    async def sends(self, name: str, mime: str, data: bytes) -> None:
        kind: Any = "image" if mime.startswith("image/") else self.file_kind
        await self.account.customer_sends(self.user, kind, name, mime, data)

    async def edit(self, ref: str, text: str) -> None:
        await self.account.customer_edits(self.user, ref, text)

    async def delete(self, ref: str) -> None:
        await self.account.customer_deletes(self.user, ref)

    async def react(self, containing: str, emoji: str) -> None:
        await self.account.customer_reacts(self.user, self._find(containing), emoji)

    def _theirs(self) -> list[Bubble]:
        return [bubble for bubble in self.account.chat(self.user) if bubble.ours and not bubble.deleted]

    def _find(self, containing: str) -> str:
        return next(bubble.id for bubble in self._theirs() if containing in bubble.text)

    def texts(self) -> list[str]:
        return [bubble.text for bubble in self._theirs()]

    def files(self) -> list[str]:
        return [bubble.file_name for bubble in self._theirs() if bubble.file_name]

    def reactions(self) -> list[str]:
        return [bubble.our_reaction for bubble in self.account.chat(self.user) if bubble.our_reaction]


class WhatsAppCustomer(MetaCustomer):
    channel = "WhatsApp"
    file_kind = "document"

    def __init__(self, graph: GraphSandbox, name: str, phone: str) -> None:
        self.account, self.name = graph.whatsapp, name
        self.user = graph.whatsapp.add_customer(name, username=name.lower(), phone=phone)


class MessengerCustomer(MetaCustomer):
    channel = "Messenger"
    # A Page is not told of what somebody takes back.
    deletes = False

    def __init__(self, graph: GraphSandbox, name: str) -> None:
        self.account, self.name = graph.messenger, name
        self.user = graph.messenger.add_customer(name)


class InstagramCustomer(MetaCustomer):
    channel = "Instagram"

    def __init__(self, graph: GraphSandbox, name: str) -> None:
        self.account, self.name = graph.instagram, name
        self.user = graph.instagram.add_customer(name, username=name.lower())


class SmsCustomer(Customer):
    channel = "SMS"
    edits = deletes = reacts = sees_reactions = sees_edits = sees_deletes = names_files = False

    def __init__(self, twilio: TwilioSandbox, number: str) -> None:
        self._twilio = twilio
        # A text message says no name.
        self.name = self.number = twilio.add_customer("Sam", number)

    async def writes(self, text: str, *, quoting: str = "") -> str:
        return self._twilio.customer_writes(self.number, text)

    async def sends(self, name: str, mime: str, data: bytes) -> None:
        self._twilio.customer_sends(self.number, mime, data)

    def _theirs(self) -> list[TextMessage]:
        return [one for one in self._twilio.phone(self.number) if one.direction != "inbound"]

    def texts(self) -> list[str]:
        return [one.words for one in self._theirs()]

    def files(self) -> list[str]:
        # Files of text messages have no names.
        return [media.mime for one in self._theirs() for media in one.media]

    def has_file(self, name: str, mime: str) -> bool:
        return mime in self.files()

    def reactions(self) -> list[str]:
        return []


class LineCustomer(Customer):
    channel = "LINE"
    edits = reacts = sees_reactions = sees_edits = sees_deletes = False

    def __init__(self, line: LineSandbox, name: str) -> None:
        self._line = line
        self.name = name
        self.user = line.add_customer(name)

    async def writes(self, text: str, *, quoting: str = "") -> str:
        quote = next(one.id for one in self._theirs() if quoting in one.text) if quoting else None
        return await self._line.customer_writes(self.user, text, quote=quote)

    async def sends(self, name: str, mime: str, data: bytes) -> None:
        await self._line.customer_sends(self.user, "image" if mime.startswith("image/") else "file", name, mime, data)

    async def delete(self, ref: str) -> None:
        await self._line.customer_unsends(self.user, ref)

    def _theirs(self) -> list[LineBubble]:
        return [one for one in self._line.chat(self.user) if one.from_bot and not one.unsent]

    def texts(self) -> list[str]:
        return [one.text for one in self._theirs()]

    def files(self) -> list[str]:
        return [one.url for one in self._theirs() if one.url]

    def has_file(self, name: str, mime: str) -> bool:
        # LINE has no message for files: they come as a link.
        return any(name in text and "http" in text for text in self.texts())

    def reactions(self) -> list[str]:
        return []
