"""An endpoint around the transport alone, and activities that are brought to it."""

import io
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from core.contracts.errors import RequestRejected
from plugins.teams.transport import Transport
from sandbox.faults import Fault
from sandbox.teams import TeamsSandbox
from tests.plugins.teams_microsoft import Clock, Json, transporting


class Door:
    """The endpoint that Microsoft calls, around a transport and nothing else."""

    def __init__(self, teams: TeamsSandbox, transport: Transport, session: aiohttp.ClientSession) -> None:
        self.teams, self.transport, self.session = teams, transport, session
        self.delivered: list[Json] = []
        self.url = ""

    async def endpoint(self, request: web.Request) -> web.Response:
        try:
            self.delivered.append(await self.transport.receive(request.headers, await request.read()))
        except RequestRejected as rejected:
            return web.Response(status=rejected.status, text=str(rejected))
        return web.Response()

    async def post(self, body: Any, authorization: str | None = None, **headers: str) -> int:
        """Brings a body as Microsoft would; the status of the answer."""
        if authorization is not None:
            headers["Authorization"] = authorization
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(self.url, data=io.BytesIO(raw), headers=headers) as answer:
            return answer.status

    async def signed(self, body: Json | None = None, **token: Any) -> int:
        """Brings an activity under a token of the sandbox's Bot Connector, with the defects given."""
        return await self.post(body or message(self.teams), f"Bearer {self.teams.mint(**token)}")


def message(teams: TeamsSandbox, **changes: Any) -> Json:
    """An activity as Teams brings it."""
    return {
        "type": "message",
        "id": "1700000000001",
        "timestamp": "2026-11-28T10:00:00.000Z",
        "channelId": "msteams",
        "serviceUrl": f"{teams.url}/",
        "from": {"id": "29:bea", "name": "Bea"},
        "conversation": {"id": "19:general@thread.tacv2;messageid=1700000000000", "tenantId": teams.tenant_id},
        "recipient": {"id": teams.bot_id, "name": "Threadbridge"},
        "text": "Hello",
        "entities": [{"type": "clientInfo", "locale": "de-DE"}],
        **changes,
    }


@asynccontextmanager
async def opened(teams: TeamsSandbox, clock: Clock | None = None, **settings: Any) -> AsyncIterator[Door]:
    async with aiohttp.ClientSession() as session, transporting(teams.url, clock, **settings) as transport:
        door = Door(teams, transport, session)
        application = web.Application(client_max_size=16 * 1024 * 1024)
        application.router.add_post("/messages", door.endpoint)
        async with TestServer(application) as server:
            door.url = str(server.make_url("/messages"))
            yield door


def fetches(teams: TeamsSandbox, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every fetch of the sandbox's keys from now on."""
    seen: list[str] = []
    real = teams.faults.take

    def take(name: str) -> Fault | None:
        if name == "keys":
            seen.append(name)
        return real(name)

    monkeypatch.setattr(teams.faults, "take", take)
    return seen


def now() -> int:
    return int(time.time())
