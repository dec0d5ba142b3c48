"""A customer with LINE on the sandbox, for the scenarios."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from bridges.line import BRIDGE
from core.contracts.bridge import ExternalId, Recipient
from core.testing.customer_peer import Failure, Seen
from sandbox.faults import Fault
from sandbox.line import LineSandbox
from sandbox.line.customers import Kind
from tests.bridges.line_accounts import Account, served

KINDS: dict[str, Kind] = {"image/png": "image", "application/pdf": "file"}
SLOW_DOWN = Fault(status=429, body={"message": "The API rate limit has been exceeded. Try again later."})


class LinePeer:
    """Implements `CustomerPeer`."""

    spec = BRIDGE
    failures = frozenset(Failure)

    def __init__(self, account: Account, user: str) -> None:
        self._account, self._line, self._user = account, account.line, user
        self.core, self.bridge = account.core, account.bridge
        #: What she said before the scenario began: its reply token carries the first answer.
        self.recipient: Recipient = account.recipient(user)
        self._last = ""

    async def seen(self) -> Sequence[Seen]:
        chat = {bubble.id: bubble for bubble in self._line.chat(self._user) if not bubble.unsent}
        found: list[Seen] = []
        for bubble in chat.values():
            if not bubble.from_bot:
                continue
            files = (("", await self._line.customer_opens(self._user, bubble.id)),) if bubble.url else ()
            quoted = chat[bubble.quotes].text if bubble.quotes in chat else ""
            buttons = tuple(str(action["label"]) for action in bubble.buttons)
            one = Seen(text=bubble.text, files=files, quote=quoted, buttons=buttons)
            if found and found[-1].files and not found[-1].text and one.text and bubble.with_previous:
                # The file and the words of one call.
                found[-1] = Seen(text=one.text, files=found[-1].files, quote=quoted, buttons=buttons)
            else:
                found.append(one)
        return found

    async def reaction(self, to: ExternalId) -> str | None:
        raise AssertionError("nobody can react on LINE")

    async def typing(self) -> bool:
        return self._user in self._line.world.loading

    async def fail(self, failure: Failure) -> None:
        match failure:
            case Failure.REFUSED:
                self._line.customer_leaves(self._user)
            case Failure.THROTTLED:
                self._line.faults.order("reply", SLOW_DOWN)
            case Failure.LOST:
                self._line.faults.order("reply", Fault(drop="after"))
            case Failure.REVOKED:
                self._line.token = "another"

    async def says(
        self, text: str = "", *, file: tuple[str, str, bytes] | None = None, quote: ExternalId | None = None
    ) -> None:
        if file is not None:
            name, mime, data = file
            self._last = await self._line.customer_sends(self._user, KINDS[mime], name, mime, data)
        if text:
            self._last = await self._line.customer_writes(self._user, text, quote=quote)

    async def edits(self, text: str) -> None:
        raise AssertionError("nobody can edit on LINE in a chat of two")

    async def deletes(self) -> None:
        await self._line.customer_unsends(self._user, self._last)

    async def reacts(self, to: ExternalId, emoji: str) -> None:
        raise AssertionError("nobody can react on LINE")


@asynccontextmanager
async def line_peer(folder: Path) -> AsyncIterator[LinePeer]:
    async with (
        LineSandbox(limits=False) as line,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10, connect=3)) as session,
        served(line, session, folder) as account,
    ):
        user = line.add_customer("Ada")
        await line.customer_writes(user, "Hello")
        await account.core.arrived(1)
        yield LinePeer(account, user)
