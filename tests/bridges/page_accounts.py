"""A Messenger or Instagram bridge against the sandbox's server, served at its URL as the core serves it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from aiohttp import web

from bridges import instagram, messenger
from bridges._meta.pages import PageBridge
from core.contracts.bridge import Event, MessageReceived, Recipient
from core.contracts.content import StoredFile
from core.testing.runtime import KeptValue, RecordingRuntime
from sandbox.faults import Fault
from sandbox.graph import GraphSandbox
from sandbox.graph.pages import Page
from sandbox.graph.wire import GraphError
from tests.bridges.webhooks import served

E = TypeVar("E", bound=Event)
VERIFY = "sandbox-verify"
#: Messenger, Instagram with a linked Page, and Instagram with a login of its own.
KINDS = ("messenger", "instagram", "instagram itself")


def given(graph: GraphSandbox, kind: str, **more: Any) -> dict[str, Any]:
    """The settings of the sandbox's accounts."""
    ids: dict[str, dict[str, Any]] = {
        "messenger": {"page_id": graph.messenger.id},
        "instagram": {"page_id": graph.messenger.id, "instagram_id": graph.instagram.id},
        "instagram itself": {"login": "instagram", "instagram_id": graph.instagram.id},
    }
    token = graph.login.token if kind == "instagram itself" else graph.token
    base = {"access_token": token, "app_secret": graph.app_secret, "verify_token": VERIFY, "api_url": graph.url}
    return base | ids[kind] | more


def refusal(code: int, subcode: int | None = None, words: str = "Meta's words", status: int = 400) -> Fault:
    """A call that is answered with this error."""
    return Fault(status=status, body=GraphError(status, code, f"(#{code}) {words}", subcode=subcode).body())


@dataclass
class Account:
    """One account: its bridge, the core's stand-in, Meta's server, and a customer who has written."""

    graph: GraphSandbox
    page: Page
    core: RecordingRuntime
    bridge: PageBridge
    spec: Any
    settings: dict[str, Any]
    ada: Recipient

    @property
    def user(self) -> str:
        return self.ada.external_id

    async def event(self, kind: type[E], after: int = 0) -> E:
        """The first event of this kind behind the first `after` ones, once every webhook was taken."""

        def found() -> E | None:
            return next((one for one in self.core.events[after:] if isinstance(one, kind)), None)

        one: E = await self.core.until(found)
        return one

    async def settled(self) -> list[Event]:
        """All events, once every webhook was taken or given up."""
        await self.graph.idle()
        return self.core.events

    def rebuilt(self, **settings: Any) -> PageBridge:
        """Another bridge on the same runtime, as after a restart."""
        bridge: PageBridge = self.spec.build(
            self.spec.settings.model_validate(self.settings | settings), self.core.runtime
        )
        self.core.bridge = self.bridge = bridge
        return bridge

    def calls(self, method: str = "messages") -> list[dict[str, Any]]:
        """Bodies of the calls of a method, oldest first."""
        return [dict(call.body) for call in self.graph.calls if call.method == method]


class _Switch:
    """Serves whichever bridge is in place."""

    def __init__(self, core: RecordingRuntime) -> None:
        self._core = core

    async def receive(self, request: Any) -> Any:
        return await self._core.bridge.receive(request)  # type: ignore[union-attr]


@asynccontextmanager
async def page_account(
    graph: GraphSandbox,
    session: aiohttp.ClientSession,
    folder: Path,
    kind: str = "messenger",
    *,
    public: bool = True,
    memory: KeptValue | None = None,
    **settings: Any,
) -> AsyncIterator[Account]:
    page: Page = graph.messenger if kind == "messenger" else graph.instagram
    spec = messenger.BRIDGE if kind == "messenger" else instagram.BRIDGE
    core = RecordingRuntime(
        session=session,
        folder=folder,
        memory=memory or KeptValue(),
        clock=lambda: datetime.fromtimestamp(graph.clock(), UTC),
    )
    options = given(graph, kind, **settings)
    core.bridge = spec.build(spec.settings.model_validate(options), core.runtime)  # type: ignore[arg-type]
    user = page.add_customer("Ada Moss", username="ada", photo=b"\xff\xd8\xff")
    async with served(_Switch(core), core) as url, _files(core) as base:

        def link(file: StoredFile, name: str) -> str | None:
            return f"{base}/files/{file.sha256}" if public else None

        core.file_link = link
        # Built before there was an address.
        core.bridge = spec.build(spec.settings.model_validate(options), core.runtime)  # type: ignore[arg-type]
        await page.connect(url, VERIFY)
        await page.customer_writes(user, "Hello")
        (first,) = await core.arrived(1)
        assert isinstance(first, MessageReceived)
        ada = Recipient(external_id=user, name="Ada Moss", metadata=first.sender.metadata)
        assert isinstance(core.bridge, PageBridge)
        yield Account(graph=graph, page=page, core=core, bridge=core.bridge, spec=spec, settings=options, ada=ada)


@asynccontextmanager
async def _files(core: RecordingRuntime) -> AsyncIterator[str]:
    async def file(request: web.Request) -> web.StreamResponse:
        found = core.files.find(request.match_info["sha"])
        assert found is not None
        return web.FileResponse(found.path, headers={"Content-Type": found.mime})

    app = web.Application()
    app.router.add_get("/files/{sha}", file)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
