"""Shows agents that a customer is typing: best effort, never stored, never often."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy import Connection

from core.cards import words
from core.contacts import repository as contacts
from core.contracts.errors import AdapterError
from core.contracts.places import ThreadRef
from core.contracts.workplace import Workplace
from core.conversations import repository, threads
from core.storage.storage import Storage

log = structlog.get_logger(__name__)

#: Seconds between two signs in one thread.
_EVERY = 5.0
#: How long a sign lasts without another; a workplace may show it much longer (Slack: two minutes).
_LASTS = 8.0
_MOST_REMEMBERED = 1000


class TypingRelay:
    """Passes a customer's typing on to the threads of her conversation."""

    def __init__(self, storage: Storage, workplaces: Mapping[str, Workplace]) -> None:
        self._storage = storage
        self._workplaces = workplaces
        self._last: dict[UUID, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def show(self, account: str, sender_id: str) -> None:
        """Returns at once; what cannot be shown is dropped."""
        found = await self._storage.read(partial(self._find, account=account, sender_id=sender_id))
        if found is None:
            return
        conversation_id, name, places = found
        now = asyncio.get_running_loop().time()
        if now - self._last.get(conversation_id, -_EVERY) < _EVERY:
            return
        if len(self._last) >= _MOST_REMEMBERED:
            self._last.clear()
        self._last[conversation_id] = now
        for place in places:
            task = asyncio.create_task(self._show_a_while(conversation_id, now, place, name))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _find(self, connection: Connection, account: str, sender_id: str) -> tuple[UUID, str, list[ThreadRef]] | None:
        address = contacts.address(connection, account, sender_id)
        current = repository.open_conversation(connection, address.contact_id) if address else None
        if address is None or current is None:
            return None
        name = words.name_of(contacts.contact(connection, address.contact_id), address)
        places = [link.ref for link in threads.links_of(connection, current.id) if link.thread]
        return current.id, name, places

    async def _show_a_while(self, conversation_id: UUID, began: float, place: ThreadRef, name: str) -> None:
        await self._show(place, name)
        await asyncio.sleep(_LASTS)
        if self._last.get(conversation_id, began) == began:
            await self._show(place, "")

    async def _show(self, thread: ThreadRef, name: str) -> None:
        try:
            await self._workplaces[thread.workspace].show_typing(thread, name)
        except AdapterError as problem:
            log.debug("Typing could not be shown", problem=str(problem))
