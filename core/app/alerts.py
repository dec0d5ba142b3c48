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


#: What begins together is told together: a team that is closed closes all its rooms.
TOGETHER = 0.3
OVER = "It works again; what waited is on its way."


class Alerts:
    """Adds one job for what begins or ends at one time for one reason."""

    def __init__(self, storage: Storage, outbox: Outbox, room: RoomRef) -> None:
        self._storage = storage
        self._outbox = outbox
        self._room = room
        #: Sources of which a sentence is about to be told.
        self._waiting: dict[str, list[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def changed(self, source: str, sentence: str | None) -> None:
        """Called when a source begins or ceases to have trouble; returns at once."""
        text = sentence or OVER
        waiting = self._waiting.setdefault(text, [])
        if source not in waiting:
            waiting.append(source)
        if len(waiting) == 1:
            task = asyncio.create_task(self._tell(text))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _tell(self, text: str) -> None:
        await asyncio.sleep(TOGETHER)
        sources = self._waiting.pop(text)
        job = NewJob(
            key=f"alert:{new_id()}",
            op="alert",
            payload={"room": self._room.room, "sources": sources, "text": text, "over": text == OVER},
            # One after the other: that it works again comes last.
            lane=f"alert:{self._room.workspace}",
            scope=self._room.workspace,
        )
        try:
            await self._storage.write(lambda connection: self._outbox.add(connection, job))
        except StorageError as problem:
            log.warning("An alert could not be kept", problem=str(problem), action="alert_lost")
