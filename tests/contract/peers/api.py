"""A customer behind the connector of the sandbox, for the scenarios."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bridges.api import BRIDGE
from core.contracts.bridge import ExternalId
from core.testing.customer_peer import Failure, Seen
from sandbox.api.server import SECRET
from sandbox.faults import Fault
from tests.bridges.api_accounts import Account, api_account

KINDS = {"image/png": "image", "application/pdf": "file"}


class ApiPeer:
    """Implements `CustomerPeer`."""

    spec = BRIDGE
    failures = frozenset(Failure)

    def __init__(self, account: Account) -> None:
        self._api, self._ada = account.api, account.ada
        self.core, self.bridge, self.recipient = account.core, account.bridge, account.recipient
        self._last = ""

    async def seen(self) -> Sequence[Seen]:
        texts = {one.id: one.text for one in self._api.chat(self._ada)}
        return [
            Seen(
                text=one.text,
                files=tuple((name, data) for name, _, data in one.files),
                quote=texts.get(one.quote or "", ""),
                buttons=tuple(button["label"] for button in one.buttons),
            )
            for one in self._api.chat(self._ada)
            if one.from_us and not one.deleted
        ]

    async def reaction(self, to: ExternalId) -> str | None:
        return self._api.world.bubble(to).reactions.get("agent")

    async def typing(self) -> bool:
        return self._api.world.customer(self._ada).typing

    async def fail(self, failure: Failure) -> None:
        match failure:
            case Failure.REFUSED:
                self._api.world.customer(self._ada).gone = True
            case Failure.THROTTLED:
                self._api.faults.order("message", Fault(status=429, headers={"Retry-After": "3"}))
            case Failure.LOST:
                self._api.faults.order("message", Fault(drop="after"))
            case Failure.REVOKED:
                self._api.secret = SECRET[:-8] + "b3RoZXI="

    async def says(
        self, text: str = "", *, file: tuple[str, str, bytes] | None = None, quote: ExternalId | None = None
    ) -> None:
        if file is None:
            self._last = await self._api.customer_writes(self._ada, text, quote=quote)
        else:
            name, mime, data = file
            kind = KINDS[mime]
            self._last = await self._api.customer_sends(self._ada, name, mime, data, text=text, kind=kind, quote=quote)

    async def edits(self, text: str) -> None:
        await self._api.customer_edits(self._last, text)

    async def deletes(self) -> None:
        await self._api.customer_deletes(self._last)

    async def reacts(self, to: ExternalId, emoji: str) -> None:
        await self._api.customer_reacts(to, emoji)


@asynccontextmanager
async def api_peer(folder: Path) -> AsyncIterator[ApiPeer]:
    async with api_account(folder) as account:
        yield ApiPeer(account)
