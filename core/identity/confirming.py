"""What a web page needs to ask somebody whether an address is hers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from core.contacts.naming import plain_key
from core.identity.proving import Proving
from core.storage.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What became of a link, or stands behind it."""

    #: The address in question, as people write it.
    address: str
    #: It can be confirmed; after `confirm`: it was, just now.
    good: bool


class Confirmations:
    """Opening a link changes nothing, since programs open links, too; confirming it does, once."""

    def __init__(self, storage: Storage, proving: Proving) -> None:
        self._storage = storage
        self._proving = proving

    async def look(self, token: str) -> Confirmation | None:
        """None: it is no link of ours."""
        return await self._storage.read(partial(self._look, token=token))

    def _look(self, connection: Connection, token: str) -> Confirmation | None:
        asked = self._proving.linked(connection, token)
        if asked is None:
            return None
        return Confirmation(address=plain_key(asked.target), good=asked.open(self._storage.now(connection)))

    async def confirm(self, token: str) -> Confirmation | None:
        """None: it is no link of ours."""
        return await self._storage.write(partial(self._confirm, token=token))

    def _confirm(self, connection: Connection, token: str) -> Confirmation | None:
        asked = self._proving.linked(connection, token)
        if asked is None:
            return None
        good = self._proving.confirm(connection, token, self._storage.now(connection)) is not None
        return Confirmation(address=plain_key(asked.target), good=good)
