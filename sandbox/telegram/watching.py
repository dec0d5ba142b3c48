"""Lets pages and tests follow what happens in a server of the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

#: A watcher that stops reading loses the oldest changes beyond this many.
MAX_WAITING = 1000


class Watch(AsyncIterator[dict[str, Any]]):
    """Changes from the moment it was made, until closed."""

    def __init__(self, watches: set[Watch]) -> None:
        self._waiting: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._watches = watches
        watches.add(self)

    def put(self, change: dict[str, Any] | None) -> None:
        """Hands one change over; None ends the watch."""
        if self._waiting.qsize() >= MAX_WAITING:
            self._waiting.get_nowait()
        self._waiting.put_nowait(change)

    def close(self) -> None:
        """Ends the watch."""
        self._watches.discard(self)
        self.put(None)

    async def __anext__(self) -> dict[str, Any]:
        change = await self._waiting.get()
        if change is None:
            self._watches.discard(self)
            raise StopAsyncIteration
        return change


class Watches:
    """Everyone who watches one sandbox."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()

    def open(self) -> Watch:
        """A new watch; nothing that happens from now on is missed."""
        return Watch(self._watches)

    def tell(self, change: dict[str, Any]) -> None:
        """Tells everyone."""
        for watch in self._watches:
            watch.put(change)

    def close(self) -> None:
        """Ends every watch."""
        for watch in list(self._watches):
            watch.close()
