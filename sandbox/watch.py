"""Lets a page follow the workspace live, one JSON-able change after the other."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Mapping
from typing import Any

#: Changes kept for a watcher that does not keep up; then it is told to read the snapshot again.
MOST_PENDING = 2_000


class Watchers:
    """Everybody who follows the workspace."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[dict[str, Any]]] = set()

    @property
    def present(self) -> bool:
        """Whether anybody follows."""
        return bool(self._queues)

    def tell(self, change: Mapping[str, Any]) -> None:
        """Passes `change` on; a watcher that is too slow gets `{"type": "resync"}` instead of what it missed."""
        for queue in self._queues:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait({"type": "resync"})
            queue.put_nowait(copy.deepcopy(dict(change)))

    def watch(self) -> AsyncIterator[dict[str, Any]]:
        """Changes from this moment on, until the iterator is closed."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_PENDING)
        self._queues.add(queue)  # before the first await, so that nothing is missed
        return self._follow(queue)

    async def _follow(self, queue: asyncio.Queue[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        try:
            while True:
                yield await queue.get()
        finally:
            self._queues.discard(queue)
