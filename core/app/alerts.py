"""Tells the operators' room what does not work, once, and once more when it does again."""

from __future__ import annotations

import asyncio

import structlog

from core.contracts.places import RoomRef
from core.outbox.jobs import NewJob
from core.outbox.repository import Outbox
from core.storage.errors import StorageError
from core.storage.ids import new_id
from core.storage.storage import Storage

log = structlog.get_logger(__name__)


class Alerts:
    """Adds one job for each beginning and each end of a trouble."""

    def __init__(self, storage: Storage, outbox: Outbox, room: RoomRef) -> None:
        self._storage = storage
        self._outbox = outbox
        self._room = room
        self._tasks: set[asyncio.Task[None]] = set()

    def changed(self, source: str, sentence: str | None) -> None:
        """Called when a source begins or ceases to have trouble; returns at once."""
        text = sentence or "It works again; what waited is on its way."
        job = NewJob(
            key=f"alert:{new_id()}",
            op="alert",
            payload={"room": self._room.room, "source": source, "text": text, "over": sentence is None},
            lane=f"alert:{self._room.workspace}:{source}",
            scope=self._room.workspace,
        )
        task = asyncio.create_task(self._add(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _add(self, job: NewJob) -> None:
        try:
            await self._storage.write(lambda connection: self._outbox.add(connection, job))
        except StorageError as problem:
            log.warning("An alert could not be kept", problem=str(problem), action="alert_lost")
