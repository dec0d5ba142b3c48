"""What stands around a workplace in its tests in place of the core: an inbox, a memory, a store without files."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

from core.contracts.bridge import Memory
from core.contracts.content import MediaKind, StoredFile
from core.contracts.workplace import Workplace, WorkplaceRuntime


@dataclass(slots=True, kw_only=True)
class Inbox:
    """Stands in for the core's durable inbox: keeps each event once, hands it out at once, in order of arrival."""

    workplace: Workplace | None = None
    accepted: list[tuple[str, str, int, bytes]] = field(default_factory=list)
    fails_with: Exception | None = None
    errors: list[Exception] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _queue: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    async def accept(self, event_id: str, lane: str, rank: int, raw: bytes) -> bool:
        if self.fails_with is not None:
            raise self.fails_with
        if event_id in self._seen:
            return False
        self._seen.add(event_id)
        self.accepted.append((event_id, lane, rank, raw))
        self._queue.put_nowait(raw)
        return True

    async def run(self) -> None:
        assert self.workplace is not None
        while True:
            raw = await self._queue.get()
            try:
                await self.workplace.handle(raw)
            except Exception as error:
                self.errors.append(error)
            self._queue.task_done()

    async def idle(self) -> None:
        async with asyncio.timeout(5):
            await self._queue.join()


class NoFiles:
    """No workplace stores a file itself."""

    async def save(self, chunks: AsyncIterator[bytes], *, name: str, mime: str) -> StoredFile:
        raise AssertionError("a workplace stores no file itself")

    def find(self, sha256: str) -> StoredFile | None:
        return None

    def kind(self, file: StoredFile) -> MediaKind:
        return MediaKind.FILE


class Kept:
    """A memory that lives as long as the test."""

    def __init__(self) -> None:
        self.value: Mapping[str, Any] = {}

    async def load(self) -> Mapping[str, Any]:
        return self.value

    async def save(self, value: Mapping[str, Any]) -> None:
        self.value = value


def runtime(
    session: aiohttp.ClientSession,
    inbox: Inbox,
    memory: Memory,
    troubles: list[str | None],
    rejected: list[str],
    file_link: Callable[[StoredFile, str], str | None] = lambda file, name: None,
) -> WorkplaceRuntime:
    """What the core lends, for the workspace `acme`."""
    return WorkplaceRuntime(
        workspace="acme",
        session=session,
        url="",
        files=NoFiles(),
        memory=memory,
        secret=lambda purpose: hashlib.sha256(purpose.encode()).digest(),
        file_link=file_link,
        now=lambda: datetime.now(UTC),
        trouble=troubles.append,
        accept=inbox.accept,
        rejected=rejected.append,
    )
