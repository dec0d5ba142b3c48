"""Uploads that go on between the tries of a send, and whose id serves every later try."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta

from core.contracts.errors import TemporaryFailure

#: A try looks this long; the send itself needs the rest of the core's ten seconds.
_LOOK_S = 2.5
#: Meta keeps them for 30 days.
_KEPT = timedelta(days=25)
_MOST = 500


class Uploads:
    """Ids of files at Meta, by whatever tells one file from another."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._running: dict[str, asyncio.Task[str]] = {}
        self._known: dict[str, tuple[str, datetime]] = {}

    async def id_of(self, key: str, start: Callable[[], Coroutine[None, None, str]]) -> str:
        """The id, once `start` has it. Raises what `start` raises, or TemporaryFailure while it goes on."""
        known = self._known.get(key)
        if known is not None and self._now() - known[1] < _KEPT:
            return known[0]
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(start())
            # Its failure may come when nobody looks; the next try finds it.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        done, _ = await asyncio.wait([task], timeout=_LOOK_S)
        if not done:
            raise TemporaryFailure("The file is still on its way to Meta.", retry_after=1)
        self._running.pop(key, None)
        found = task.result()
        while len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[key] = (found, self._now())
        return found

    def forget(self, key: str) -> None:
        """Meta does not know that id any more."""
        self._known.pop(key, None)
