"""All of Microsoft behind one address, for the transport's tests: what it answers is written down call by call."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from plugins.teams.settings import TeamsSettings
from plugins.teams.transport import Transport
from sandbox.teams.server import APP_ID, TENANT_ID

Json = dict[str, Any]
Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]
TOKEN = f"/{TENANT_ID}/oauth2/v2.0/token"
SECRET = "sandbox-app-secret"
ROOM = "19:general@thread.tacv2"
THREAD = f"{ROOM};messageid=1700000000000"
ACTIVITIES = f"/v3/conversations/{THREAD}/activities"

ONE = f"{ACTIVITIES}/5"

CARD: Json = {
    "type": "message",
    "attachments": [
        {
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "type": "AdaptiveCard",
                "version": "1.5",
                "body": [{"type": "RichTextBlock", "inlines": ["Hi"]}],
            },
        }
    ],
}


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.moment

    def move(self, **parts: float) -> None:
        self.moment += timedelta(**parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One request."""

    method: str
    #: As it came over the wire, with the query.
    path: str
    token: str
    body: bytes


@dataclass(slots=True)
class Microsoft:
    """Answers tokens by itself, and every other path with what was ordered for it, else 200 and {"id": "1"}."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    lifetime: float = 3600
    #: Seconds that an answer of any path but the token's takes.
    delay: float = 0.0
    #: Seconds that a token takes.
    token_delay: float = 0.0
    _tokens: int = 0
    _ordered: defaultdict[str, deque[web.Response | Answering]] = field(default_factory=lambda: defaultdict(deque))

    def order(self, path: str, *answers: web.Response | Answering) -> None:
        """What the next requests of this path, decoded and without its query, get; the last one stays."""
        self._ordered[path].extend(answers)

    def calls(self, path: str) -> list[Heard]:
        """Who asked for it; percent-encoding as it came."""
        return [one for one in self.heard if one.path.partition("?")[0] == path]

    @property
    def tokens(self) -> list[Heard]:
        return self.calls(TOKEN)

    @property
    def others(self) -> list[Heard]:
        return [one for one in self.heard if one not in self.tokens]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        token = request.headers.get("Authorization", "")
        self.heard.append(Heard(method=request.method, path=request.raw_path, token=token, body=await request.read()))
        waiting = self._ordered.get(request.path)
        if waiting:
            ordered = waiting.popleft() if len(waiting) > 1 else waiting[0]
            if not isinstance(ordered, web.Response):
                return await ordered(request)
            # A response object is good for one answer only.
            return web.Response(status=ordered.status, body=ordered.body, headers=ordered.headers)
        if request.path == TOKEN:
            await asyncio.sleep(self.token_delay)
            self._tokens += 1
            return web.json_response({"access_token": f"token-{self._tokens}", "expires_in": self.lifetime})
        await asyncio.sleep(self.delay)
        return web.json_response({"id": "1"})

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=32 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", self.answer)
        self._server = TestServer(application)
        await self._server.start_server()
        self.url = str(self._server.make_url("")).rstrip("/")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    _server: TestServer = field(init=False)


def teams_settings(url: str, **changes: Any) -> TeamsSettings:
    """Settings whose Microsoft is at an address."""
    given: Json = {"app_id": APP_ID, "tenant_id": TENANT_ID, "app_secret": SecretStr(SECRET), "api_url": url}
    return TeamsSettings(**{**given, **changes})


@asynccontextmanager
async def transporting(url: str, now: Callable[[], datetime] | None = None, **changes: Any) -> AsyncIterator[Transport]:
    """A transport to an address, with a session of its own."""
    connector = aiohttp.TCPConnector(limit=200)
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        yield Transport(teams_settings(url, **changes), session, now or (lambda: datetime.now(UTC)))


async def drained(transport: Transport, url: str, *, graph: bool = False, taken: list[bytes] | None = None) -> bytes:
    taken = [] if taken is None else taken
    async for chunk in transport.graph_download(url) if graph else transport.download(url):
        taken.append(chunk)
    return b"".join(taken)
