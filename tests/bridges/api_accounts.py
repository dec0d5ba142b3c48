"""An API account served at its URL as the core serves it, and the connector of the sandbox on the other side."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bridges.api import BRIDGE
from bridges.api.bridge import ApiBridge
from core.contracts.bridge import Event, Recipient
from core.contracts.content import StoredFile
from core.contracts.errors import RequestRejected
from core.contracts.http import WebhookRequest
from sandbox.api import ApiSandbox
from tests.bridges.runtime import RecordingRuntime

OLD_SECRET = "whsec_" + base64.b64encode(b"the secret that was before it").decode()


@dataclass
class Account:
    """One account: its bridge, the core's stand-in, the connector and one customer."""

    api: ApiSandbox
    core: RecordingRuntime
    bridge: ApiBridge
    ada: str

    @property
    def recipient(self) -> Recipient:
        return Recipient(external_id=self.ada, name="Ada", metadata={"chat": 7})

    async def event(self, count: int = 1) -> Event:
        """The last of `count` events."""
        return (await self.core.arrived(count))[count - 1]


def bridge_for(api: ApiSandbox, core: RecordingRuntime, **settings: Any) -> ApiBridge:
    """Another account with the same connector."""
    given = {"deliver_url": api.deliver_url, "secrets": [api.secret], **settings}
    return ApiBridge(BRIDGE.settings.model_validate(given), core.runtime)


@asynccontextmanager
async def api_account(
    folder: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC), **settings: Any
) -> AsyncIterator[Account]:
    """The account "test", with Ada, who has not written yet."""
    timeout = aiohttp.ClientTimeout(total=10, connect=3)
    async with ApiSandbox() as api, aiohttp.ClientSession(timeout=timeout) as session:
        core = RecordingRuntime(session=session, folder=folder, clock=clock)
        bridge = bridge_for(api, core, **settings)
        core.bridge = bridge
        account = Account(api=api, core=core, bridge=bridge, ada=api.add_customer("Ada"))
        runner = web.AppRunner(_served(account), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            base = f"http://127.0.0.1:{runner.addresses[0][1]}"

            def link(file: StoredFile, name: str) -> str:
                return f"{base}/files/{file.sha256}"

            core.url = f"{base}/bridges/test"
            core.file_link = link
            # What the runtime lends was asked for before the address was known.
            account.bridge = core.bridge = bridge_for(api, core, **settings)
            api.connect(core.url)
            yield account
        finally:
            await runner.cleanup()


def _served(account: Account) -> web.Application:
    async def events(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        call = WebhookRequest(method="POST", url=account.core.url, query={}, headers=headers, body=body)
        received = await account.bridge.receive(call)
        for item in received.items:
            await account.core.accept(item)
        reply = received.reply
        return web.Response(status=reply.status, body=reply.body, content_type=reply.content_type)

    async def upload(request: web.Request) -> web.StreamResponse:
        (route,) = account.bridge.routes()
        handler: Any = route.handler
        answer: web.StreamResponse = await handler(request)
        return answer

    async def file(request: web.Request) -> web.StreamResponse:
        stored = account.core.files.find(request.match_info["sha256"])
        if stored is None:
            raise web.HTTPNotFound
        return web.FileResponse(stored.path)

    @web.middleware
    async def refusing(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            answer: web.StreamResponse = await handler(request)
        except RequestRejected as refusal:
            return web.json_response({"status": refusal.status, "detail": str(refusal)}, status=refusal.status)
        return answer

    app = web.Application(middlewares=[refusing], client_max_size=4 * 1024 * 1024)
    app.router.add_post("/bridges/test", events)
    app.router.add_post("/bridges/test/files", upload)
    app.router.add_get("/files/{sha256}", file)
    return app
