"""What the process says of itself: readiness, status, and each vendor's answer to "who am I"."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection

from core.contracts.bridge import Bridge
from core.contracts.errors import AdapterError
from core.contracts.places import RoomRef
from core.contracts.workplace import Inspects, Workplace
from core.observability.troubles import Troubles
from core.outbox.repository import Outbox
from core.quarantine.repository import Quarantine
from core.routing import rooms
from core.storage.errors import StorageError
from core.storage.storage import Storage

_CHECK_SECONDS = 15.0
#: Rooms that are counted up where one is missing.
_MOST_NAMED = 30


class Report:
    """Reads, asks, and changes nothing."""

    def __init__(
        self,
        storage: Storage,
        outbox: Outbox,
        quarantine: Quarantine,
        troubles: Troubles,
        bridges: Mapping[str, Bridge],
        workplaces: Mapping[str, Workplace],
        *,
        named: Collection[RoomRef] = (),
    ) -> None:
        self._storage = storage
        self._outbox = outbox
        self._quarantine = quarantine
        self._troubles = troubles
        self._bridges = bridges
        self._workplaces = workplaces
        #: Every room that the settings name.
        self._named = named

    async def ready(self) -> tuple[bool, dict[str, Any]]:
        """Whether messages can be taken now. A vendor's trouble is told, but we are ready all the same."""
        try:
            status = await self.status()
        except StorageError as problem:
            return False, {"database": str(problem)}
        return self._storage.healthy, status

    async def status(self) -> dict[str, Any]:
        found = await self._storage.read(self._status)
        return {**found, "troubles": list(self._troubles.sentences())}

    def _status(self, connection: Connection) -> dict[str, Any]:
        stats = self._outbox.stats(connection)
        return {
            "queued": stats.queued,
            "lag_seconds": round(stats.lag.total_seconds(), 1),
            "sending": stats.leased,
            "dead": stats.dead,
            "in_doubt": stats.in_doubt,
            "quarantined": self._quarantine.count(connection),
            "paused": [
                {
                    "what": paused.scope or paused.lane_prefix or paused.lane,
                    "reason": paused.reason,
                    "since": paused.since.isoformat(),
                    "jobs": paused.jobs,
                }
                for paused in self._outbox.paused(connection)
            ],
            "closed_rooms": [
                {"workspace": room.workspace, "room": room.room, "name": name, "reason": reason}
                for room, name, reason in rooms.closed_rooms(connection)
            ],
        }

    async def check(self) -> list[tuple[str, bool, str]]:
        """(account or workspace, works, one line) for each, and one more line for whatever one of them lacks."""
        adapters: dict[str, Bridge | Workplace] = {**self._bridges, **self._workplaces}
        checked = await asyncio.gather(*(self._check(name, adapter) for name, adapter in adapters.items()))
        return [line for lines in checked for line in lines]

    async def _check(self, name: str, adapter: Bridge | Workplace) -> list[tuple[str, bool, str]]:
        async def ask() -> list[tuple[str, bool, str]]:
            works = [(name, True, await adapter.check())]
            lacking = [*await adapter.lacking()] if isinstance(adapter, Inspects) else []
            if name in self._workplaces:
                lacking += await self._missing(name)
            return [*works, *((name, False, sentence) for sentence in lacking)]

        try:
            return await asyncio.wait_for(ask(), _CHECK_SECONDS)
        except AdapterError as problem:
            return [(name, False, str(problem))]
        except TimeoutError:
            return [(name, False, f"No answer within {_CHECK_SECONDS:.0f} seconds.")]
        except Exception as problem:
            return [(name, False, f"{type(problem).__name__}: {problem}")]

    async def _missing(self, workspace: str) -> list[str]:
        """Rooms of the settings that nothing can be posted in."""
        wanted = {ref.room for ref in self._named if ref.workspace == workspace}
        if not wanted:
            return []
        found = await self._workplaces[workspace].rooms()
        usable = {name for room, title in found for name in (room, f"#{title}")}
        others = ", ".join(f"#{title}" for _, title in found[:_MOST_NAMED]) or "none"
        return [
            f"The settings name the room {room}, and there is none of that name that the app can post in: add the app "
            f"there, or correct the name. The app can post in: {others}."
            for room in sorted(wanted - usable)
        ]
