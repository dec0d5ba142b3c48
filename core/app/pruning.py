"""Forgets, in small batches, what nobody needs any more."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import timedelta
from functools import partial

import structlog
from sqlalchemy import Connection

from core.conversations import inbox, repository
from core.identity import proofs
from core.quarantine.repository import Quarantine
from core.storage.errors import StorageError
from core.storage.files import FileStore
from core.storage.storage import Storage

log = structlog.get_logger(__name__)

#: Longer than any vendor redelivers (Meta: 7 days).
_INBOX_KEPT = timedelta(days=8)
#: Settled quarantined events can be looked up this long.
_QUARANTINE_KEPT = timedelta(days=30)
#: What was asked and answered stands among the events; this is only what its links and codes were checked by.
_PROOFS_KEPT = timedelta(days=30)
_EVERY_SECONDS = 3600.0


class Pruning:
    """What has been taken in, was settled in quarantine or asked long ago, and files that belong to no message."""

    def __init__(self, storage: Storage, quarantine: Quarantine, files: FileStore) -> None:
        self._storage = storage
        self._quarantine = quarantine
        self._files = files

    async def run(self) -> None:
        """Once an hour, until cancelled."""
        while True:
            try:
                await self.once()
            except (StorageError, OSError) as problem:
                log.warning("Old rows and files could not be removed", problem=str(problem), action="prune_failed")
            await asyncio.sleep(_EVERY_SECONDS)

    async def once(self) -> None:
        while await self._storage.write(self._inbox):
            pass
        while await self._storage.write(self._settled):
            pass
        await self._storage.write(self._asked)
        await self._files.sweep(self._used)

    def _inbox(self, connection: Connection) -> int:
        return inbox.prune(connection, self._storage.now(connection) - _INBOX_KEPT)

    def _settled(self, connection: Connection) -> int:
        return self._quarantine.prune(connection, self._storage.now(connection) - _QUARANTINE_KEPT)

    def _asked(self, connection: Connection) -> None:
        proofs.prune(connection, self._storage.now(connection) - _PROOFS_KEPT)

    async def _used(self, sums: Collection[str]) -> Collection[str]:
        return await self._storage.read(partial(repository.files_in_use, sums=sums))
