"""A Telegram bridge against the sandbox's server, with one customer who has started the bot."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bridges.telegram import BRIDGE
from bridges.telegram.bridge import TelegramBridge
from core.contracts.bridge import MessageReceived, Recipient
from core.contracts.errors import RequestRejected
from core.contracts.http import WebhookRequest
from sandbox.telegram import TelegramSandbox
from tests.bridges.runtime import KeptValue, RecordingRuntime

SECRET = "hook-secret"
#: A picture of one pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001e221bc330000"
    "000049454e44ae426082"
)


@dataclass
class Account:
    """One bot: its bridge, the core's stand-in, and Telegram's server."""

    telegram: TelegramSandbox
    core: RecordingRuntime
    bridge: TelegramBridge

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.bridge.listen())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def message(self, count: int = 1) -> MessageReceived:
        """The last of `count` events, which is a message."""
        event = (await self.core.arrived(count))[count - 1]
        assert isinstance(event, MessageReceived)
        return event

    def calls(self, method: str) -> list[dict[str, str]]:
        return [dict(call.arguments) for call in self.telegram.calls if call.method == method]


def account(
    telegram: TelegramSandbox,
    session: aiohttp.ClientSession,
    folder: Path,
    *,
    url: str = "",
    memory: KeptValue | None = None,
    **settings: Any,
) -> Account:
    core = RecordingRuntime(session=session, folder=folder, url=url, memory=memory or KeptValue())
    given = {"token": "123:abc", "api_url": telegram.url, **settings}
    bridge = TelegramBridge(BRIDGE.settings.model_validate(given), core.runtime)
    core.bridge = bridge
    return Account(telegram=telegram, core=core, bridge=bridge)


async def customer(telegram: TelegramSandbox, name: str = "Ada") -> Recipient:
    """Somebody a bot may write to."""
    user = telegram.add_customer(name, username=name.lower())
    await telegram.customer_starts(user)
    telegram.world.delivery.drop_pending()
    return Recipient(external_id=str(user), name=name, metadata={"chat": user})


@asynccontextmanager
async def webhook_account(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, folder: Path, **settings: Any
) -> AsyncIterator[Account]:
    """An account in webhook mode, served at its URL as the core serves it."""
    accounts: list[Account] = []

    async def handle(request: web.Request) -> web.Response:
        (one,) = accounts
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        try:
            received = await one.bridge.receive(
                WebhookRequest(method="POST", url=one.core.url, query={}, headers=headers, body=body)
            )
            for item in received.items:
                await one.core.accept(item)
        except RequestRejected as problem:
            return web.Response(status=problem.status)
        reply = received.reply
        return web.Response(status=reply.status, body=reply.body, content_type=reply.content_type)

    app = web.Application()
    app.router.add_post("/bridges/test", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/bridges/test"
        given = {"mode": "webhook", "secret": SECRET, **settings}
        accounts.append(account(telegram, session, folder, url=url, **given))
        yield accounts[0]
    finally:
        await runner.cleanup()
