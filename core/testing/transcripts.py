"""Customers' own conversations in memory, as the core keeps them for channels that show a transcript."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from core.contracts.bridge import DeliveryStatus, ExternalId, TranscriptItem
from core.contracts.content import Content


class Transcripts:
    """Messages by customer; every change gives a message a new cursor."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.items: dict[str, list[TranscriptItem]] = {}
        self._clock = clock
        self._cursor = 0

    async def changed_after(self, customer: str, after: int, limit: int) -> Sequence[TranscriptItem]:
        """`Runtime.transcript`."""
        changed = [item for item in self.items.get(customer, []) if item.cursor > after]
        return sorted(changed, key=lambda item: item.cursor)[:limit]

    def add(self, customer: str, **values: Any) -> TranscriptItem:
        """A new message; one with a `message_id` that is there already stays as it is."""
        messages = self.items.setdefault(customer, [])
        for item in messages:
            if item.message_id == values.get("message_id"):
                return item
        self._cursor += 1
        item = TranscriptItem(
            **{
                "message_id": f"m{self._cursor:04}",
                "cursor": self._cursor,
                "position": len(messages) + 1,
                "external_id": None,
                "from_customer": False,
                "author": "",
                "author_avatar_url": "",
                "content": Content(),
                "quote": None,
                "at": self._clock(),
                "edited": False,
                "deleted": False,
                "status": DeliveryStatus.QUEUED,
                **values,
            }
        )
        messages.append(item)
        return item

    def change(self, customer: str, message_id: str, **values: Any) -> TranscriptItem | None:
        for index, item in enumerate(self.items.get(customer, [])):
            if item.message_id == message_id:
                self._cursor += 1
                self.items[customer][index] = replace(item, cursor=self._cursor, **values)
                return self.items[customer][index]
        return None

    def change_sent(self, external_id: ExternalId, **values: Any) -> TranscriptItem | None:
        """Changes the message that the vendor knows by this id."""
        found = self._by_external_id(external_id)
        return self.change(found[0], found[1].message_id, **values) if found else None

    def react(self, external_id: ExternalId, who: str, emoji: str | None) -> TranscriptItem | None:
        found = self._by_external_id(external_id)
        if found is None:
            return None
        others = {one: put for one, put in found[1].reactions.items() if one != who}
        return self.change(found[0], found[1].message_id, reactions=others | ({who: emoji} if emoji else {}))

    def read_up_to(self, customer: str, external_id: ExternalId) -> None:
        found = self._by_external_id(external_id)
        for item in list(self.items.get(customer, [])):
            if found and not item.from_customer and item.position <= found[1].position:
                self.change(customer, item.message_id, status=DeliveryStatus.READ)

    def drop(self, customer: str, message_id: str) -> None:
        """A message that could not be sent."""
        self.items[customer] = [item for item in self.items[customer] if item.message_id != message_id]

    def id_of(self, external_id: ExternalId | None) -> str | None:
        """Our id of the message that the vendor knows by this one."""
        found = self._by_external_id(external_id) if external_id else None
        return found[1].message_id if found else None

    def _by_external_id(self, external_id: str) -> tuple[str, TranscriptItem] | None:
        every = ((customer, item) for customer, items in self.items.items() for item in items)
        return next((entry for entry in every if entry[1].external_id == external_id), None)
