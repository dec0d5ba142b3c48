"""A small stand-in for the core: accepts what a bridge hands over, keeps transcripts, remembers all it was told."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from core.contracts.bridge import (
    Accepted,
    Bridge,
    ChoiceMade,
    Deletes,
    DeliveryStatus,
    Edits,
    Event,
    ExternalId,
    FollowsTranscript,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    OutboundMessage,
    ReactionChanged,
    Reacts,
    ReadUpTo,
    Recipient,
    Runtime,
    StatusChanged,
)
from core.contracts.content import Attachment, Content, StoredFile
from core.contracts.richtext import Document, Paragraph, Text
from core.contracts.text import from_plain, plain
from core.storage.files import FileStore
from core.testing.transcripts import Transcripts

DEADLINE_S = 5.0
MAX_FILE = 60 * 1024 * 1024


class KeptValue:
    """A bridge's memory; hand it to a second runtime and it survives a restart."""

    def __init__(self) -> None:
        self.value: Mapping[str, Any] = {}

    async def load(self) -> Mapping[str, Any]:
        return self.value

    async def save(self, value: Mapping[str, Any]) -> None:
        self.value = value


@dataclass
class RecordingRuntime:
    """`runtime` is for `BridgeSpec.build`; set `bridge` to what it built before anything arrives.

    `send`, `edit`, `delete` and `react` do what the core does: the transcript first, then the bridge, then the result.
    """

    session: aiohttp.ClientSession
    folder: Path
    account: str = "test"
    url: str = ""
    memory: KeptValue = field(default_factory=KeptValue)
    #: Every event that was accepted, the first time.
    events: list[Event] = field(default_factory=list)
    #: Every item that `accept` was given, repeated ones too.
    raws: list[bytes] = field(default_factory=list)
    #: What `trouble` was told, changes only.
    troubles: list[str | None] = field(default_factory=list)
    #: Raised by `accept` while set.
    broken: Exception | None = None
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    #: Where a vendor may fetch a stored file.
    file_link: Callable[[StoredFile, str], str | None] = field(default=lambda file, name: None)
    bridge: Bridge | None = None

    def __post_init__(self) -> None:
        self.files = FileStore(self.folder, MAX_FILE)
        self.transcripts = Transcripts(self.clock)
        self._known: dict[str, Accepted] = {}
        self._changed = asyncio.Event()

    @property
    def runtime(self) -> Runtime:
        return Runtime(
            account=self.account,
            session=self.session,
            url=self.url,
            accept=self.accept,
            files=self.files,
            memory=self.memory,
            transcript=self.transcripts.changed_after,
            secret=lambda purpose: hashlib.sha256(purpose.encode()).digest(),
            now=self.clock,
            trouble=self._trouble,
            file_link=self.file_link,
        )

    async def accept(self, raw: bytes) -> Sequence[Accepted]:
        self.raws.append(raw)
        if self.broken is not None:
            raise self.broken
        assert self.bridge is not None, "set `bridge` to what the spec's `build` made"
        accepted = [self._take(event) for event in await self.bridge.parse(raw)]
        self._changed.set()
        return accepted

    async def arrived(self, count: int) -> list[Event]:
        """The events, once there are `count` of them."""
        await self.until(lambda: len(self.events) >= count)
        return self.events

    async def until(self, condition: Callable[[], Any], timeout: float = DEADLINE_S) -> Any:
        """What `condition` finds, once it finds something. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while not (found := condition()):
                self._changed.clear()
                # What the vendor's side changes is announced by nobody.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.01)
            return found

    async def until_async(self, condition: Callable[[], Awaitable[Any]], timeout: float = DEADLINE_S) -> None:
        """As `until`, for what must be awaited to be known."""
        async with asyncio.timeout(timeout):
            while not await condition():
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.01)

    async def stored(self, data: bytes, name: str) -> Attachment:
        """A file in the store, as an agent would attach it."""

        async def chunks() -> AsyncIterator[bytes]:
            yield data

        file = await self.files.save(chunks(), name=name, mime="")
        return Attachment(kind=self.files.kind(file), name=name, mime=file.mime, size=file.size, file=file)

    async def send(self, message: OutboundMessage) -> ExternalId:
        """Hands a reply to the bridge; raises what it raises. The same `key` again is another try of the same reply."""
        assert self.bridge is not None
        customer = message.recipient.external_id
        self.transcripts.add(
            customer,
            message_id=message.message_id or message.key,
            author=message.agent_name,
            content=message.content,
            quote=self.transcripts.id_of(message.quote),
        )
        try:
            external_id = await self.bridge.send(message)
        except Exception:
            self.transcripts.drop(customer, message.message_id or message.key)
            raise
        self.transcripts.change(
            customer, message.message_id or message.key, external_id=external_id, status=DeliveryStatus.SENT
        )
        self._tell(customer)
        return external_id

    async def edit(self, external_id: ExternalId, message: OutboundMessage) -> None:
        bridge: object = self.bridge
        assert isinstance(bridge, Edits), "the bridge does not implement Edits"
        customer = message.recipient.external_id
        self.transcripts.change_sent(external_id, content=message.content, edited=True)
        await bridge.edit(external_id, message)
        self._tell(customer)

    async def delete(self, external_id: ExternalId, recipient: Recipient) -> None:
        bridge: object = self.bridge
        assert isinstance(bridge, Deletes), "the bridge does not implement Deletes"
        self.transcripts.change_sent(external_id, deleted=True)
        await bridge.delete(external_id, recipient)
        self._tell(recipient.external_id)

    async def react(self, external_id: ExternalId, recipient: Recipient, emoji: str | None) -> None:
        bridge: object = self.bridge
        assert isinstance(bridge, Reacts), "the bridge does not implement Reacts"
        self.transcripts.react(external_id, "agent", emoji)
        await bridge.react(external_id, recipient, emoji)
        self._tell(recipient.external_id)

    def _tell(self, customer: str) -> None:
        bridge: object = self.bridge
        if isinstance(bridge, FollowsTranscript):
            bridge.transcript_changed(customer)

    def _take(self, event: Event) -> Accepted:
        if known := self._known.get(event.event_id):
            return replace(known, duplicate=True)
        self.events.append(event)
        stored = self._store(event)
        accepted = Accepted(
            event_id=event.event_id,
            duplicate=False,
            message_id=stored.message_id if stored else None,
            cursor=stored.cursor if stored else None,
        )
        self._known[event.event_id] = accepted
        return accepted

    def _store(self, event: Event) -> Any:
        match event:
            case MessageReceived():
                return self.transcripts.add(
                    event.sender.external_id,
                    from_customer=True,
                    author=event.sender.name,
                    content=event.content,
                    quote=self.transcripts.id_of(event.quote),
                    external_id=event.external_id,
                    status=DeliveryStatus.SENT,
                )
            case ChoiceMade():
                content = Content(body=from_plain(event.label))
                customer = event.sender.external_id
                return self.transcripts.add(customer, from_customer=True, content=content, status=DeliveryStatus.SENT)
            case MessageEdited():
                return self.transcripts.change_sent(event.external_id, content=event.content, edited=True)
            case MessageDeleted():
                return self.transcripts.change_sent(event.external_id, deleted=True)
            case ReactionChanged():
                return self.transcripts.react(event.external_id, "customer", event.emoji)
            case StatusChanged():
                return self.transcripts.change_sent(event.external_id, status=event.status)
            case ReadUpTo():
                return self.transcripts.read_up_to(event.sender_id, event.external_id)
        return None

    def _trouble(self, sentence: str | None) -> None:
        if not self.troubles or self.troubles[-1] != sentence:
            self.troubles.append(sentence)
        self._changed.set()


def outbound(
    recipient: Recipient | str, content: Content | Document | str = "", *, key: str = "k1", **values: Any
) -> OutboundMessage:
    """What the core would hand to `send`; a string is bare text, in which no address becomes a link."""
    if isinstance(recipient, str):
        recipient = Recipient(external_id=recipient, name="Ada")
    if isinstance(content, str):
        content = Document(blocks=(Paragraph(inlines=(Text(text=content),)),)) if content else Content()
    if isinstance(content, Document):
        content = Content(body=content)
    return OutboundMessage(key=key, recipient=recipient, content=content, text=plain(content.body), **values)
