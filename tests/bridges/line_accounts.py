"""A LINE bridge against the sandbox's server, served at a public address as the core serves it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bridges.line import BRIDGE
from bridges.line.bridge import LineBridge
from core.contracts.bridge import MessageReceived, OutboundMessage, Recipient, Sender
from core.contracts.content import StoredFile
from core.contracts.errors import RequestRejected
from core.contracts.http import WebhookRequest
from core.testing.runtime import KeptValue, RecordingRuntime, outbound
from sandbox.line import LineSandbox
from sandbox.line.world import Bubble


class Clock:
    """The account's and LINE's time, moved by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 9, 21, 14, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return self.at.timestamp()

    def passes(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Account:
    """One Official Account: its bridge, the core's stand-in, and LINE's server."""

    line: LineSandbox
    core: RecordingRuntime
    bridge: LineBridge

    async def message(self, count: int = 1) -> MessageReceived:
        """The last of `count` events, which is a message."""
        event = (await self.core.arrived(count))[count - 1]
        assert isinstance(event, MessageReceived)
        return event

    def recipient(self, user: str) -> Recipient:
        """Her address as the core knows it: what her last event said."""
        senders = [getattr(event, "sender", None) for event in self.core.events]
        last = next((one for one in reversed(senders) if isinstance(one, Sender) and one.external_id == user), None)
        return Recipient(external_id=user, name="Ada", metadata=last.metadata if last else {})

    def calls(self, name: str) -> list[dict[str, Any]]:
        return [dict(call.body) for call in self.line.calls if call.name == name]

    def shown(self, user: str) -> list[Bubble]:
        """What stands on the customer's phone from us."""
        return [bubble for bubble in self.line.chat(user) if bubble.from_bot]

    def answer(self, user: str, content: Any = "It is on its way.", **values: Any) -> OutboundMessage:
        """What the core would hand to `send`."""
        return outbound(self.recipient(user), content, **values)

    async def customer(self, name: str = "Ada") -> str:
        """She wrote a moment ago, so one answer is free."""
        user, before = self.line.add_customer(name), len(self.core.events)
        await self.line.customer_writes(user, "Where is my lamp?")
        await self.core.arrived(before + 1)
        return user


def account(
    line: LineSandbox,
    session: aiohttp.ClientSession,
    folder: Path,
    *,
    base: str = "",
    memory: KeptValue | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    **given: Any,
) -> Account:
    """An account at the public address `base`; without one, no file can be sent."""

    def link(file: StoredFile, name: str) -> str | None:
        return f"{base}/files/{file.sha256}" if base else None

    core = RecordingRuntime(
        session=session,
        folder=folder,
        url=f"{base}/bridges/test" if base else "",
        memory=memory or KeptValue(),
        clock=clock,
        file_link=link,
    )
    settings = {"channel_access_token": "line-token", "channel_secret": "line-secret", "api_url": line.url, **given}
    bridge = LineBridge(BRIDGE.settings.model_validate(settings), core.runtime)
    core.bridge = bridge
    return Account(line=line, core=core, bridge=bridge)


@asynccontextmanager
async def served(
    line: LineSandbox, session: aiohttp.ClientSession, folder: Path, **given: Any
) -> AsyncIterator[Account]:
    """An account whose webhook, files and pages LINE can reach."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        one = account(line, session, folder, base=f"http://127.0.0.1:{door.getsockname()[1]}", **given)

        async def webhook(request: web.Request) -> web.Response:
            headers = {name.lower(): value for name, value in request.headers.items()}
            call = WebhookRequest(method="POST", url=one.core.url, query={}, headers=headers, body=await request.read())
            try:
                received = await one.bridge.receive(call)
            except RequestRejected as problem:
                return web.Response(status=problem.status)
            for item in received.items:
                await one.core.accept(item)
            return web.Response(status=received.reply.status)

        async def file(request: web.Request) -> web.StreamResponse:
            found = one.core.files.find(request.match_info["sha256"])
            assert found is not None
            return web.FileResponse(found.path, headers={"Content-Type": found.mime})

        app = web.Application()
        app.router.add_post("/bridges/test", webhook)
        app.router.add_get("/files/{sha256}", file)
        app.router.add_routes([web.get(f"/bridges/test{route.path}", route.handler) for route in one.bridge.routes()])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.SockSite(runner, door).start()
            line.connect(one.core.url)
            yield one
        finally:
            await runner.cleanup()


@asynccontextmanager
async def clocked(session: aiohttp.ClientSession, folder: Path, clock: Clock) -> AsyncIterator[Account]:
    """An account and a LINE of its own, on the same clock."""
    async with (
        LineSandbox(limits=False, clock=clock.seconds) as line,
        served(line, session, folder, clock=clock) as one,
    ):
        yield one
