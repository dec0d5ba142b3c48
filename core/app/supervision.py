"""Keeps what runs for ever running, and brings back what was paused when the vendor is back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import structlog
from sqlalchemy import Connection

from core.contracts.bridge import Bridge
from core.contracts.errors import AdapterError
from core.contracts.places import RoomRef
from core.contracts.workplace import Desk, RoomChange, Workplace
from core.conversations import events
from core.conversations.events import Fact
from core.conversations.service import SYSTEM
from core.outbox.repository import Outbox
from core.routing import rooms
from core.storage.errors import StorageError
from core.storage.storage import Storage

log = structlog.get_logger(__name__)

_RESTART_SECONDS = (1.0, 60.0)


class Supervisor:
    """The background work of one process."""

    def __init__(
        self,
        storage: Storage,
        outbox: Outbox,
        desk: Desk,
        bridges: Mapping[str, Bridge],
        workplaces: Mapping[str, Workplace],
        trouble: Callable[[str, str | None], None],
        *,
        probe_seconds: float,
    ) -> None:
        self._storage = storage
        self._outbox = outbox
        self._desk = desk
        self._bridges = bridges
        self._workplaces = workplaces
        self._trouble = trouble
        self._probe_seconds = probe_seconds
        #: What was paused or closed when it was looked at last.
        self._told: set[str] = set()

    async def listen(self, name: str, listen: Callable[[], Awaitable[None]]) -> None:
        """Runs a listener until cancelled; one that stops is started again, and the operator told."""
        delay = _RESTART_SECONDS[0]
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await listen()
                log.warning("A listener stopped by itself", name=name, action="listener_restarted")
            except Exception as problem:
                log.exception("A listener failed", name=name, action="listener_restarted")
                self._trouble(name, f"Listening stopped ({type(problem).__name__}) and is being started again.")
            if asyncio.get_running_loop().time() - started > _RESTART_SECONDS[1]:
                delay = _RESTART_SECONDS[0]
            await asyncio.sleep(delay)
            delay = min(delay * 2, _RESTART_SECONDS[1])

    async def learn_rooms(self) -> None:
        """Learns the ids of rooms, which the settings may name, until every workspace has answered."""
        unknown = dict(self._workplaces)
        while unknown:
            for workspace, workplace in list(unknown.items()):
                try:
                    found = await workplace.rooms()
                    await self._storage.write(partial(_note_rooms, workspace=workspace, found=found))
                except (AdapterError, StorageError) as problem:
                    log.warning("Rooms could not be listed", workspace=workspace, problem=str(problem))
                else:
                    del unknown[workspace]
            await asyncio.sleep(self._probe_seconds)

    async def probe(self) -> None:
        """Asks paused accounts, workspaces and rooms, again and again, whether they are back."""
        while True:
            await asyncio.sleep(self._probe_seconds)
            try:
                await self.probe_once()
            except StorageError:
                log.warning("The database could not be asked what is paused", action="probe_failed")

    async def probe_once(self) -> None:
        await self._tell()
        for paused in await self._storage.read(self._outbox.paused):
            if paused.scope:
                await self._probe_scope(paused.scope)
        for room, name, _ in await self._storage.read(rooms.closed_rooms):
            workplace = self._workplaces.get(room.workspace)
            if workplace is None:
                continue
            try:
                open_rooms = await workplace.rooms()
            except AdapterError:
                continue
            if any(room.room in (known, f"#{title}") for known, title in open_rooms):
                log.info("A room can be used again", room=name or room.room, action="room_opened")
                await self._desk.room_changed(room, RoomChange.OPENED)

    async def _tell(self) -> None:
        """Knows also of what was paused before this process began, and of what another replica resumed."""
        found = {p.scope: p.reason for p in await self._storage.read(self._outbox.paused) if p.scope}
        for room, _, sentence in await self._storage.read(rooms.closed_rooms):
            found[f"{room.workspace}/{room.room}"] = sentence
        for source in self._told - found.keys():
            self._trouble(source, None)
        for source, sentence in found.items():
            self._trouble(source, sentence)
        self._told = set(found)

    async def _probe_scope(self, scope: str) -> None:
        adapter = self._bridges.get(scope) or self._workplaces.get(scope)
        if adapter is None:
            return
        try:
            await adapter.check()
        except AdapterError:
            return
        except Exception:
            log.exception("A paused account could not be asked", scope=scope, action="probe_failed")
            return
        await self._storage.write(partial(self._resume, scope=scope))
        self._trouble(scope, None)

    def _resume(self, connection: Connection, scope: str) -> None:
        if self._outbox.resume(connection, scope=scope):
            now = self._storage.now(connection)
            events.record(connection, Fact.RESUMED, at=now, actor=SYSTEM, data={"scope": scope})


def _note_rooms(connection: Connection, workspace: str, found: Sequence[tuple[str, str]]) -> None:
    for room, name in found:
        rooms.change_room(connection, RoomRef(workspace=workspace, room=room), name=name[:200])
