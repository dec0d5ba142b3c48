"""A customer with Messenger or Instagram on the sandbox, for the scenarios."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp

from core.contracts.bridge import ExternalId
from core.testing.customer_peer import Failure, Seen
from sandbox.faults import Fault
from sandbox.graph import GraphSandbox
from sandbox.graph.page_customers import Kind
from tests.bridges.page_accounts import Account, page_account, refusal

KINDS: dict[str, Kind] = {"image/png": "image", "application/pdf": "file"}


class PagePeer:
    """Implements `CustomerPeer`."""

    failures = frozenset(Failure)

    def __init__(self, account: Account) -> None:
        self._graph, self._page, self._user = account.graph, account.page, account.user
        self.spec, self.core, self.bridge, self.recipient = account.spec, account.core, account.bridge, account.ada
        self._last = ""

    async def seen(self) -> Sequence[Seen]:
        chat = {bubble.id: bubble for bubble in self._page.chat(self._user) if not bubble.deleted}
        found = []
        for bubble in chat.values():
            if bubble.ours:
                files: tuple[tuple[str, bytes], ...] = ()
                if bubble.url:
                    async with self.core.session.get(bubble.url) as answer:
                        files = ((bubble.file_name, await answer.read()),)
                quoted = chat[bubble.reply_to].text if bubble.reply_to in chat else ""
                buttons = tuple(label for _, label in bubble.buttons)
                found.append(Seen(text=bubble.text, files=files, quote=quoted, buttons=buttons))
        return found

    async def reaction(self, to: ExternalId) -> str | None:
        return self._page.message(to).our_reaction or None

    async def typing(self) -> bool:
        return self._page.person(self._user).typing_until > self._graph.clock()

    async def fail(self, failure: Failure) -> None:
        match failure:
            case Failure.REFUSED:
                self._page.customer_blocks(self._user)
            case Failure.THROTTLED:
                self._graph.faults.order("messages", refusal(613))
            case Failure.LOST:
                self._graph.faults.order("messages", Fault(drop="after"))
            case Failure.REVOKED:
                self._graph.token = self._graph.login.token = "another"

    async def says(
        self, text: str = "", *, file: tuple[str, str, bytes] | None = None, quote: ExternalId | None = None
    ) -> None:
        if file is None:
            self._last = await self._page.customer_writes(self._user, text, reply_to=quote or "")
        else:
            name, mime, data = file
            self._last = await self._page.customer_sends(
                self._user, KINDS[mime], name, mime, data, text=text, reply_to=quote or ""
            )

    async def edits(self, text: str) -> None:
        await self._page.customer_edits(self._user, self._last, text)

    async def deletes(self) -> None:
        await self._page.customer_deletes(self._user, self._last)

    async def reacts(self, to: ExternalId, emoji: str) -> None:
        await self._page.customer_reacts(self._user, to, emoji)


def page_peer(kind: str) -> Callable[[Path], AbstractAsyncContextManager[PagePeer]]:
    """`kind` is one of `tests.bridges.page_accounts.KINDS`."""

    @asynccontextmanager
    async def peer(folder: Path) -> AsyncIterator[PagePeer]:
        async with (
            GraphSandbox(limits=False, retry_delays=(0.01,)) as graph,
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10, connect=3)) as session,
            page_account(graph, session, folder, kind) as account,
        ):
            yield PagePeer(account)

    return peer
