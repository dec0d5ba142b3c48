"""A business at Meta, with a callback and a customer, for the tests of the Graph API's stand-in."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sandbox.graph import GraphSandbox

PNG = bytes.fromhex("89504e470d0a1a0a") + b"rest of a picture"


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


class Business:
    """A callback that notes what it is brought, and calls the API."""

    def __init__(self, graph: GraphSandbox, session: aiohttp.ClientSession) -> None:
        self.graph, self._session = graph, session
        self.bodies: list[dict[str, Any]] = []
        #: Answers given before 200.
        self.refusals: list[int] = []
        self.url = ""

    async def hook(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            known = request.query["hub.verify_token"] == "verify-me"
            return web.Response(text=request.query["hub.challenge"], status=200 if known else 403)
        raw = await request.read()
        signed = hmac.new(b"sandbox-app-secret", raw, hashlib.sha256).hexdigest()
        if request.headers["X-Hub-Signature-256"] != f"sha256={signed}":
            return web.Response(status=401)
        if self.refusals:
            return web.Response(status=self.refusals.pop(0))
        self.bodies.append(json.loads(raw))
        return web.Response()

    async def post(self, node: str, body: Any, *, token: str = "EAAsandbox") -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {token}"}
        given = {"data": body} if isinstance(body, aiohttp.FormData) else {"json": body}
        async with self._session.post(f"{self.graph.url}/v26.0/{node}", headers=headers, **given) as response:
            return response.status, await response.json()

    async def get(self, url: str, *, token: str | None = "EAAsandbox") -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._session.get(url, headers=headers) as response:
            return response.status, await response.read()

    async def says(self, user: str, message: dict[str, Any], **more: Any) -> tuple[int, dict[str, Any]]:
        base = {"messaging_product": "whatsapp", "recipient": user, **more}
        return await self.post(f"{self.graph.whatsapp.phone_number_id}/messages", base | message)

    async def statuses(self) -> list[dict[str, Any]]:
        await self.graph.idle()
        values = [change["value"] for body in self.bodies for one in body["entry"] for change in one["changes"]]
        return [one for value in values for one in value.get("statuses", [])]


@asynccontextmanager
async def business(clock: Clock, **options: Any) -> AsyncIterator[Business]:
    async with (
        GraphSandbox(clock=clock, retry_delays=(0.01, 0.01), **options) as graph,
        aiohttp.ClientSession() as session,
    ):
        one = Business(graph, session)
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_route("*", "/hook", one.hook)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            one.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
            for account in graph.accounts:
                await account.connect(one.url, "verify-me")
            yield one
        finally:
            await runner.cleanup()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def shop(clock: Clock) -> AsyncIterator[Business]:
    async with business(clock, limits=False) as one:
        yield one


@pytest.fixture
async def ada(shop: Business) -> str:
    user = shop.graph.whatsapp.add_customer("Ada", username="ada", phone="+49 1511 0000001")
    await shop.graph.whatsapp.customer_writes(user, "Hello")
    await shop.graph.idle()
    return user


def text(body: str) -> dict[str, Any]:
    return {"type": "text", "text": {"body": body}}


def code(answer: dict[str, Any]) -> int:
    found: int = answer["error"]["code"]
    return found
