"""Serves a bridge's webhook on a real socket, as the core does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from core.contracts.errors import RequestRejected
from core.contracts.http import WebhookRequest
from core.testing.runtime import RecordingRuntime


@asynccontextmanager
async def served(bridge: object, core: RecordingRuntime) -> AsyncIterator[str]:
    """The URL under which `bridge.receive` is called, and each item accepted."""

    async def handle(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = WebhookRequest(
            method=request.method,
            url=core.url,
            query=dict(request.query),
            headers=headers,
            body=await request.read(),
        )
        try:
            received = await bridge.receive(call)  # type: ignore[attr-defined]
            for item in received.items:
                await core.accept(item)
        except RequestRejected as problem:
            return web.Response(status=problem.status)
        reply = received.reply
        return web.Response(status=reply.status, body=reply.body, content_type=reply.content_type)

    app = web.Application(client_max_size=4 * 1024 * 1024)
    app.router.add_route("*", "/bridges/test", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        core.url = f"http://127.0.0.1:{runner.addresses[0][1]}/bridges/test"
        yield core.url
    finally:
        await runner.cleanup()
