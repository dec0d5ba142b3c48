"""The contract of a customer channel: what comes in, what goes out, and what the core lends it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import aiohttp
from aiohttp import web
from pydantic import BaseModel

from core.contracts.content import Capabilities, Content, MediaKind, StoredFile
from core.contracts.events import (
    AddressChanged as AddressChanged,
)
from core.contracts.events import (
    ChoiceMade as ChoiceMade,
)
from core.contracts.events import (
    DeliveryStatus as DeliveryStatus,
)
from core.contracts.events import (
    Event as Event,
)
from core.contracts.events import (
    ExternalId as ExternalId,
)
from core.contracts.events import (
    MessageDeleted as MessageDeleted,
)
from core.contracts.events import (
    MessageEdited as MessageEdited,
)
from core.contracts.events import (
    MessageReceived as MessageReceived,
)
from core.contracts.events import (
    OptOut as OptOut,
)
from core.contracts.events import (
    Proof as Proof,
)
from core.contracts.events import (
    ReachabilityChanged as ReachabilityChanged,
)
from core.contracts.events import (
    ReactionChanged as ReactionChanged,
)
from core.contracts.events import (
    ReadUpTo as ReadUpTo,
)
from core.contracts.events import (
    Sender as Sender,
)
from core.contracts.events import (
    StatusChanged as StatusChanged,
)
from core.contracts.events import (
    Typing as Typing,
)
from core.contracts.events import (
    WindowChanged as WindowChanged,
)
from core.contracts.http import WebhookReply, WebhookRequest
from core.contracts.templates import TemplateUse


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
    #: Written by a person after `reply_window` and within `human_window`: it needs the tag for that.
    human: bool = False
    #: Sent as this template; `content` and `text` are what the customer reads.
    template: TemplateUse | None = None
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
class Describes(Protocol):
    """It is called by programs that other people write."""

    def openapi(self) -> Mapping[str, Any]:
        """`paths` relative to `/bridges/<account>`, `webhooks` and `components` of OpenAPI 3.1; the core serves those
        of all accounts as one document at `/openapi.json`. Components of one name are the same in every account.
        """
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
class Invites(Protocol):
    """A channel that a customer can be brought to with something in her hand; `Capabilities.invites` says so."""

    async def invitation(self, token: str) -> str:
        """The https address that opens a chat with this account, whose first message has this `proof_token`.

        A token has 1 to 64 characters of A-Z, a-z, 0-9, _ and -. Raises as `send`.
        """
        ...


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
    #: Bytes of the largest webhook body that this vendor sends, where that is more than the operator's general limit.
    largest_webhook: int = 0
    #: What one account can do, where its settings say otherwise: what it was granted, which of several services it is.
    tailored: Callable[[S], Capabilities] | None = None

    def capabilities_of(self, settings: S) -> Capabilities:
        """What the account with these settings can do."""
        return self.tailored(settings) if self.tailored else self.capabilities
