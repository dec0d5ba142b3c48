"""What an adapter must remember, as one small JSON value it alone understands."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import Column, Connection, String, Table, select

from core.storage.base import Json, metadata
from core.storage.storage import Storage, insert

memories = Table(
    "memories", metadata, Column("owner", String(80), primary_key=True), Column("value", Json, nullable=False)
)


class AdapterMemory:
    """The memory of one adapter; `owner` is "bridge:<account>" or "workspace:<name>"."""

    def __init__(self, storage: Storage, owner: str) -> None:
        self._storage = storage
        self._owner = owner

    async def load(self) -> Mapping[str, Any]:
        query = select(memories.c.value).where(memories.c.owner == self._owner)
        value = await self._storage.read(lambda connection: connection.execute(query).scalar())
        return value or {}

    async def save(self, value: Mapping[str, Any]) -> None:
        await self._storage.write(partial(self._save, value=dict(value)))

    def _save(self, connection: Connection, value: dict[str, Any]) -> None:
        connection.execute(
            insert(connection, memories)
            .values(owner=self._owner, value=value)
            .on_conflict_do_update(index_elements=["owner"], set_={"value": value})
        )
