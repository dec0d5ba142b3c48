"""A small stand-in for the core: it accepts what a bridge hands over and remembers all it was told."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from core.contracts.bridge import Accepted, Bridge, Event, OutboundMessage, Recipient, Runtime, TranscriptItem
from core.contracts.content import Attachment, Content, MediaKind, StoredFile
from core.contracts.richtext import Document, Paragraph, Text
from core.contracts.text import plain
from core.storage.files import FileStore

DEADLINE_S = 5.0


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
    """`runtime` is for BRIDGE.build; set `bridge` to what it built before anything arrives."""

    session: aiohttp.ClientSession
    folder: Path
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
    bridge: Bridge | None = None

    def __post_init__(self) -> None:
        self.files = FileStore(self.folder, 60 * 1024 * 1024)
        self._known: set[str] = set()
        self._changed = asyncio.Event()

    @property
    def runtime(self) -> Runtime:
        return Runtime(
            account="test",
            session=self.session,
            url=self.url,
            accept=self.accept,
            files=self.files,
            memory=self.memory,
            transcript=_no_transcript,
            secret=lambda purpose: hashlib.sha256(purpose.encode()).digest(),
            now=self.clock,
            trouble=self._trouble,
        )

    async def accept(self, raw: bytes) -> Sequence[Accepted]:
        self.raws.append(raw)
        if self.broken is not None:
            raise self.broken
        assert self.bridge is not None, "set `bridge` to what BRIDGE.build made"
        accepted = []
        for event in await self.bridge.parse(raw):
            accepted.append(Accepted(event_id=event.event_id, duplicate=event.event_id in self._known))
            if event.event_id not in self._known:
                self._known.add(event.event_id)
                self.events.append(event)
        self._changed.set()
        return accepted

    async def arrived(self, count: int) -> list[Event]:
        """The events, once there are `count` of them."""
        await self.until(lambda: len(self.events) >= count)
        return self.events

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for what `accept` and `trouble` change, and a little for what others do."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._changed.clear()
                try:
                    await asyncio.wait_for(self._changed.wait(), 0.01)
                except TimeoutError:
                    continue

    async def stored(self, data: bytes, name: str) -> Attachment:
        """A file in the store, as an agent would attach it."""

        async def chunks() -> Any:
            yield data

        file = await self.files.save(chunks(), name=name, mime="")
        return attachment(file, name, self.files.kind(file))

    def _trouble(self, sentence: str | None) -> None:
        if not self.troubles or self.troubles[-1] != sentence:
            self.troubles.append(sentence)
        self._changed.set()


def attachment(file: StoredFile, name: str, kind: MediaKind) -> Attachment:
    return Attachment(kind=kind, name=name, mime=file.mime, size=file.size, file=file)


def outbound(
    recipient: Recipient | str, content: Content | Document | str = "", *, key: str = "k1", **values: Any
) -> OutboundMessage:
    """What the core would hand to `send`."""
    if isinstance(recipient, str):
        recipient = Recipient(external_id=recipient, name="Ada")
    if isinstance(content, str):
        content = Document(blocks=(Paragraph(inlines=(Text(text=content),)),)) if content else Content()
    if isinstance(content, Document):
        content = Content(body=content)
    return OutboundMessage(key=key, recipient=recipient, content=content, text=plain(content.body), **values)


async def _no_transcript(sender: str, after: int, limit: int) -> Sequence[TranscriptItem]:
    return []
