"""Serves the web chat on a port of its own, and speaks its protocol as a browser does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from tests.bridges.webchat_runtime import MemoryCore

SHOP = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Lamp shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body style="margin:0;font:16px system-ui;background:%s;color:#888"><h1 style="padding:40px">The lamp shop</h1>
<p style="padding:0 40px"><a href="#somewhere">A link of the shop</a></p>
<script src="%s" %s async></script></body></html>"""


class Tab:
    """One open browser tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.cursor = 0

    async def say(self, **frame: Any) -> None:
        await self.socket.send_str(json.dumps(frame))

    async def closed(self) -> None:
        """Until the server has hung up."""
        async with asyncio.timeout(5):
            while not self.socket.closed:
                await self.socket.receive()

    async def hear(self, type_: str, **fields: Any) -> dict[str, Any]:
        """The next frame of this type whose fields match; others are passed over."""
        async with asyncio.timeout(5):
            while True:
                frame = await self.socket.receive_json()
                self.cursor = max(self.cursor, frame.get("cursor") or 0)
                if frame["type"] == type_ and all(frame.get(name) == value for name, value in fields.items()):
                    return dict(frame)


class Site:
    """The served chat, and how a browser reaches it."""

    def __init__(self, core: MemoryCore, http: aiohttp.ClientSession, port: int) -> None:
        self.core = core
        self.http = http
        self.origin = f"http://127.0.0.1:{port}"
        self.base = f"{self.origin}/bridges/web"

    async def begin(self, **body: Any) -> dict[str, Any]:
        async with self.http.post(f"{self.base}/session", json=body, headers={"Origin": self.origin}) as answer:
            assert answer.status == 200, await answer.text()
            return dict(await answer.json())

    async def tab(self, token: str, *, after: int = 0, **about: str) -> Tab:
        socket = await self.http.ws_connect(f"{self.base}/ws", headers={"Origin": self.origin})
        tab = Tab(socket)
        await tab.say(type="hello", v=1, token=token, after=after, about=about)
        await tab.hear("welcome")
        return tab


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[int]:
    """The port on which `app` is served meanwhile."""
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving_chat(core: MemoryCore, *, sockets: bool = True) -> AsyncIterator[Site]:
    """Without `sockets` it stands behind a proxy that lets no WebSocket through."""

    @web.middleware
    async def proxy(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not sockets and request.headers.get("Upgrade", "").lower() == "websocket":
            return web.Response(status=502)
        return await handler(request)

    async with aiohttp.ClientSession() as http:
        app = web.Application(middlewares=[proxy])
        app.router.add_routes(await core.start(http))
        async with serving(app) as port:
            yield Site(core, http, port)


def shop(widget: Callable[[], str], *, background: str = "#f6f4ef") -> web.Application:
    """Another company's website that includes the widget; the query becomes the script's `data-` attributes."""

    async def page(request: web.Request) -> web.Response:
        attributes = " ".join(f'data-{name}="{value}"' for name, value in request.query.items())
        return web.Response(text=SHOP % (background, widget(), attributes), content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    return app
