"""The web chat's WebSocket, as a browser speaks it: order, acks, resume, limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from core.contracts import bridge
from tests.bridges.webchat_runtime import MemoryCore, choices, rich_answer


class Tab:
    """One open browser tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.cursor = 0

    async def say(self, **frame: Any) -> None:
        await self.socket.send_str(json.dumps(frame))

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


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with aiohttp.ClientSession() as http:
        core = MemoryCore(folder=tmp_path)
        app = web.Application()
        app.router.add_routes(await core.start(http))
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        server = web.TCPSite(runner, "127.0.0.1", 0)
        await server.start()
        yield Site(core, http, runner.addresses[0][1])
        await runner.cleanup()


async def test_a_message_is_acked_after_it_is_stored_and_answered(site: Site) -> None:
    visitor = await site.begin()
    tab = await site.tab(visitor["token"])
    await tab.hear("synced")
    await tab.say(type="send", client_id="client-0001", text="مرحبا 👋 <b>")
    ack = await tab.hear("ack", client_id="client-0001")
    assert ack["id"] == "c/client-0001"
    assert not ack["duplicate"]
    (received,) = site.core.events
    assert isinstance(received, bridge.MessageReceived)
    assert received.external_id == f"{visitor['visitor']}/c/client-0001"
    assert received.sender.proof is bridge.Proof.ANONYMOUS
    mine = (await tab.hear("event"))["item"]
    assert mine["me"]
    assert mine["body"] == [{"t": "paragraph", "c": [{"s": "مرحبا 👋 <b>"}]}]
    await site.core.answer(visitor["visitor"], rich_answer())
    answer = (await tab.hear("event"))["item"]
    assert answer["author"] == "Ada"
    assert answer["body"][0]["c"][1] == {"s": "Two ways", "m": ["bold"]}
    assert answer["body"][1]["items"][0]["n"] == 1
    await tab.socket.close()
