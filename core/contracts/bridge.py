"""The contract of a customer channel: what comes in, what goes out, and what the core lends it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, NewType, Protocol, TypeVar, runtime_checkable

import aiohttp
from aiohttp import web
from pydantic import BaseModel

from core.contracts.content import Capabilities, Content, MediaKind, StoredFile
from core.contracts.http import WebhookReply, WebhookRequest

#: A vendor's id of a message, opaque to everyone but its adapter.
ExternalId = NewType("ExternalId", str)


class Proof(StrEnum):
    """What an address proves about who writes; from weakest to strongest."""

    ANONYMOUS = "anonymous"
    CLAIMED = "claimed"
    CHANNEL = "channel"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The customer as this account knows her."""

    #: The key of her address; unique within the account and stable for ever.
    external_id: str
    name: str = ""
    proof: Proof = Proof.CHANNEL
    username: str = ""
    email: str = ""
    phone: str = ""
    avatar_url: str = ""
    #: BCP 47, as the vendor gives it.
    language: str = ""
    #: IANA name.
    timezone: str = ""
    #: Further lines for the card, label to value: page, device.
    facts: Mapping[str, str] = field(default_factory=dict)
    #: What `send` needs again and nobody else understands (a chat id, a subject); replaces what was stored before.
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of everything that arrives. `event_id` is the vendor's own, or a hash: the same event twice has the same."""

    event_id: str
    #: When it happened, by the vendor's clock.
    at: datetime
    #: Its number, where the vendor numbers an account's events consecutively: lets the core put late ones in order.
    order: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived(Event):
    sender: Sender
    external_id: ExternalId
    content: Content
    #: The message she answers to, in either direction.
    quote: ExternalId | None = None
    #: Ids of earlier messages that prove which conversation this continues (email: References), newest first.
    continues: tuple[ExternalId, ...] = ()
    #: Conversation token that `OutboundMessage.token` carried out and that came back.
    token: str = ""
    subject: str = ""
    #: Written by a machine (auto-reply, bounce): shown, but reopens nothing and is never auto-answered.
    automated: bool = False
    #: The whole text where `content` is a shortened view of it (a mail with its quoted history).
    full_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEdited(Event):
    external_id: ExternalId
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDeleted(Event):
    external_id: ExternalId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionChanged(Event):
    external_id: ExternalId
    #: Unicode; None: taken away.
    emoji: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceMade(Event):
    sender: Sender
    #: The message that offered the choice.
    external_id: ExternalId
    value: str
    label: str


class DeliveryStatus(StrEnum):
    """How far an outgoing message came; only ever moves down this list."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged(Event):
    external_id: ExternalId
    status: DeliveryStatus
    #: A sentence, for `failed`.
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadUpTo(Event):
    """The customer has read everything up to this message of ours."""

    sender_id: str
    external_id: ExternalId


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing(Event):
    """Shown while it lasts, never stored."""

    sender_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachabilityChanged(Event):
    """The customer blocked us, opted out, or came back."""

    sender_id: str
    reachable: bool
    #: A sentence for the agent, such as "Ada blocked the bot."
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What one webhook call held: raw items that are processed, and fail, each on its own."""

    items: Sequence[bytes]
    reply: WebhookReply = field(default_factory=WebhookReply)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Where a message goes: what the last `Sender` of that address said."""

    external_id: str
    name: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """One message to one customer, already within the declared capabilities."""

    #: Ours, unique and stable across tries: the idempotency key wherever the vendor has one.
    key: str
    recipient: Recipient
    content: Content
    #: `content.body` as bare text, for channels without markup.
    text: str
    #: The message it answers, by the vendor's id.
    quote: ExternalId | None = None
    #: Text of the message it answers, for channels that quote by text.
    quote_text: str = ""
    #: Vendor ids of the conversation's messages on this account, oldest first, both directions, at most 20.
    history: tuple[ExternalId, ...] = ()
    #: Opaque, at most 24 characters of a-z and 0-9: stands for the conversation, and is believed when it comes back.
    token: str = ""
    subject: str = ""
    #: Who answers, as the customer may see it.
    agent_name: str = ""
    agent_avatar_url: str = ""
    #: Sent by the bot or the system, not by a person.
    automated: bool = False
    #: Id of the stored message, as in the transcript.
    message_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of one event: stored now, or known already."""

    event_id: str
    duplicate: bool
    message_id: str | None = None
    cursor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptItem:
    """One message of a customer's own conversation as she may read it: never a note, never another's."""

    message_id: str
    #: Grows with every change to this address's messages: a client that asks "after cursor n" misses nothing, and an
    #: edited or read message returns with a new one.
    cursor: int
    #: Order among the messages of this address.
    position: int
    external_id: ExternalId | None
    from_customer: bool
    author: str
    author_avatar_url: str
    content: Content
    quote: str | None
    at: datetime
    edited: bool
    deleted: bool
    status: DeliveryStatus
    #: Emoji put on this message, by "customer" and by "agent".
    reactions: Mapping[str, str] = field(default_factory=dict)


class Files(Protocol):
    """The content-addressed store."""

    async def save(self, chunks: AsyncIterator[bytes], *, name: str, mime: str) -> StoredFile:
        """Streams `chunks` to disk. Raises PermanentFailure (a sentence) over the size cap or for a refused type."""
        ...

    def find(self, sha256: str) -> StoredFile | None: ...

    def kind(self, file: StoredFile) -> MediaKind: ...


class Memory(Protocol):
    """A small JSON value that the adapter must remember: a cursor, a UIDVALIDITY."""

    async def load(self) -> Mapping[str, Any]: ...

    async def save(self, value: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What the core lends to one bridge."""

    account: str
    #: Shared by the whole process: connect timeout 3 s, total 10 s, no retries.
    session: aiohttp.ClientSession
    #: Public URL of `/bridges/<account>`, or "" when no public address is configured.
    url: str
    #: Processes one raw item exactly as if a webhook had brought it; returns after the commit.
    accept: Callable[[bytes], Awaitable[Sequence[Accepted]]]
    files: Files
    memory: Memory
    #: (sender's external id, after cursor, limit) -> what changed in her transcript, oldest change first.
    transcript: Callable[[str, int, int], Awaitable[Sequence[TranscriptItem]]]
    #: A key of 32 bytes for one purpose, stable across restarts; for tokens and signatures of the adapter's own.
    secret: Callable[[str], bytes]
    now: Callable[[], datetime]
    #: One sentence while the account does not work, None when it does again; shown in status, logged on change only.
    trouble: Callable[[str | None], None]
    #: (file, name) -> a signed public link that ends by itself, for vendors that fetch what they send; None without a
    #: public address.
    file_link: Callable[[StoredFile, str], str | None] = lambda file, name: None


class Bridge(Protocol):
    """One account on one customer channel. It translates and transports; it never stores, retries or decides."""

    async def parse(self, raw: bytes) -> Sequence[Event]:
        """The events in one raw item. Must not call out, except to `Runtime.files`.

        An unknown kind of message becomes a placeholder text, never nothing; an event without meaning to people is [].
        Any exception quarantines this item alone.
        """
        ...

    async def send(self, message: OutboundMessage) -> ExternalId:
        """Delivers once. Raises TemporaryFailure, OutcomeUnknown, PermanentFailure, CredentialsRejected."""
        ...

    async def check(self) -> str:
        """Asks the vendor who we are, changing nothing; one line for the admin. Raises as `send`."""
        ...


@runtime_checkable
class WebhookBridge(Protocol):
    """One way in: the vendor calls us at `/bridges/<account>`."""

    async def receive(self, request: WebhookRequest) -> Received:
        """Checks the signature over the raw bytes and cuts the batch into items. Raises RequestRejected."""
        ...


@runtime_checkable
class ListeningBridge(Protocol):
    """Another: polling, IMAP, a gateway socket."""

    async def listen(self) -> None:
        """Runs until cancelled; hands every raw item to `Runtime.accept` and moves its cursor only after that.

        Connection loss is its own business: back off, reconnect, tell `Runtime.trouble`.
        """
        ...


@runtime_checkable
class ServesRoutes(Protocol):
    """A third: it serves its own pages and sockets below `/bridges/<account>/`."""

    def routes(self) -> Sequence[web.RouteDef]:
        """Paths relative to `/bridges/<account>`, such as `/widget.js`."""
        ...


@runtime_checkable
class Closes(Protocol):
    """It holds connections of customers open."""

    def close(self) -> None:
        """Called before the web server stops: tells every connection to come back later; must return at once."""
        ...


@runtime_checkable
class FetchesMedia(Protocol):
    def fetch(self, source: str) -> AsyncIterator[bytes]:
        """Streams an attachment's bytes; only from the vendor's own hosts. Raises as `send`."""
        ...


@runtime_checkable
class Edits(Protocol):
    async def edit(self, external_id: ExternalId, message: OutboundMessage) -> None: ...


@runtime_checkable
class Deletes(Protocol):
    async def delete(self, external_id: ExternalId, recipient: Recipient) -> None: ...


@runtime_checkable
class Reacts(Protocol):
    async def react(self, external_id: ExternalId, recipient: Recipient, emoji: str | None) -> None: ...


@runtime_checkable
class ShowsTyping(Protocol):
    async def show_typing(self, recipient: Recipient) -> None: ...


@runtime_checkable
class FollowsTranscript(Protocol):
    """A channel whose customers read their transcript from us."""

    def transcript_changed(self, sender_id: str) -> None:
        """Called after the commit of any change to that customer's transcript; must return at once."""
        ...


@runtime_checkable
class Reconciles(Protocol):
    """A vendor that can be asked what became of a send."""

    async def find(self, message: OutboundMessage) -> ExternalId | None:
        """The id under which an earlier try arrived; None: it surely did not. Raises OutcomeUnknown if unsure."""
        ...


S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSpec(Generic[S]):
    """The one object that a channel's folder exports, as BRIDGE."""

    #: The folder's name.
    channel: str
    #: As people say it: "Telegram".
    title: str
    settings: type[S]
    capabilities: Capabilities
    build: Callable[[S, Runtime], Bridge]
