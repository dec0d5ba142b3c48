"""What the core lends to each adapter, bound to its account or workspace."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import aiohttp

from core.cards.drawing import Drawer
from core.contracts.bridge import Accepted, Runtime, TranscriptItem
from core.contracts.content import Capabilities, StoredFile
from core.contracts.workplace import WorkplaceRuntime
from core.conversations import transcript
from core.outbox.jobs import NewJob
from core.outbox.repository import Outbox
from core.storage.files import FileStore
from core.storage.memory import AdapterMemory
from core.storage.secrets import Secrets
from core.storage.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Lender:
    """Makes runtimes."""

    storage: Storage
    outbox: Outbox
    session: aiohttp.ClientSession
    files: FileStore
    secrets: Secrets
    drawer: Drawer
    capabilities: Mapping[str, Capabilities]
    public_url: str
    trouble: Callable[[str, str | None], None]
    take: Callable[[str, bytes], Awaitable[Sequence[Accepted]]]
    rejected: Callable[[str, str], None]
    file_link: Callable[[StoredFile, str], str | None]

    def to_bridge(self, account: str) -> Runtime:
        return Runtime(
            account=account,
            session=self.session,
            url=f"{self.public_url}/bridges/{account}" if self.public_url else "",
            accept=partial(self.take, account),
            files=self.files,
            memory=AdapterMemory(self.storage, f"bridge:{account}"),
            transcript=partial(self._transcript, account),
            secret=lambda purpose: self.secrets.derive(f"bridge:{account}:{purpose}"),
            now=_now,
            trouble=partial(self.trouble, account),
            file_link=self.file_link,
        )

    def to_workplace(self, workspace: str) -> WorkplaceRuntime:
        return WorkplaceRuntime(
            workspace=workspace,
            session=self.session,
            url=f"{self.public_url}/workspaces/{workspace}" if self.public_url else "",
            files=self.files,
            memory=AdapterMemory(self.storage, f"workspace:{workspace}"),
            secret=lambda purpose: self.secrets.derive(f"workspace:{workspace}:{purpose}"),
            file_link=self.file_link,
            now=_now,
            trouble=partial(self.trouble, workspace),
            accept=partial(self._accept, workspace),
            rejected=partial(self.rejected, workspace),
        )

    async def _transcript(self, account: str, external_id: str, cursor: int, limit: int) -> Sequence[TranscriptItem]:
        return await self.storage.read(
            partial(
                transcript.changed_after,
                account=account,
                external_id=external_id,
                cursor=cursor,
                limit=limit,
                attachment=self.drawer.attachment,
                capabilities=self.capabilities.get(account),
            )
        )

    async def _accept(self, workspace: str, event_id: str, lane: str, rank: int, raw: bytes) -> bool:
        """A workplace's event becomes a job, so it survives a crash, keeps its order and is tried again."""
        job = NewJob(
            key=f"event:{workspace}:{event_id}",
            op="event",
            payload={"raw": base64.b64encode(raw).decode("ascii")},
            lane=f"event:{workspace}:{lane}",
            scope=workspace,
            rank=rank,
            priority=0,
        )
        return await self.storage.write(lambda connection: self.outbox.add(connection, job))


def _now() -> datetime:
    return datetime.now(UTC)
