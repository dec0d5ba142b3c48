"""The Teams transport and its endpoint on real sockets, between the sandbox's Teams and strangers."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web

from plugins.teams import WORKPLACE
from plugins.teams.settings import TeamsSettings
from plugins.teams.transport import Transport
from plugins.teams.workplace import TeamsWorkplace
from sandbox.teams import TeamsSandbox
from tests.plugins.core_around import Inbox, Kept, runtime
from tests.plugins.fake_desk import FakeDesk

Json = dict[str, Any]
APP, TENANT, SECRET = (
    "00000000-0000-4000-8000-000000000001",
    "00000000-0000-4000-8000-000000000002",
    "a secret that nobody may see",
)
TIMEOUT = aiohttp.ClientTimeout(total=5, connect=1)


class Clock:
    """The time, and how far it was turned."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(slots=True, kw_only=True)
class Line:
    """A transport to the sandbox's Teams: one team with the app in it, Bea, and a room."""

    teams: TeamsSandbox
    session: aiohttp.ClientSession
    transport: Transport
    clock: Clock
    team: str
    room: str
    bea: str

    @property
    def service_url(self) -> str:
        return f"{self.teams.url}/"

    async def post(self, words: str = "Hello", conversation: str = "") -> str:
        """One card; returns its id."""
        return await self.transport.post(self.service_url, conversation or self.room, card(words))


@asynccontextmanager
async def line(*, limits: bool = False, **settings: Any) -> AsyncIterator[Line]:
    async with TeamsSandbox(limits=limits) as teams, aiohttp.ClientSession(timeout=TIMEOUT) as session:
        clock = Clock()
        bea = teams.add_user("Bea Baker", email="bea@example.com")
        team = teams.add_team("Support", [bea])
        await teams.install(team)
        transport = Transport(settings_for(teams, **settings), session, clock)
        room = teams.add_channel(team, "Customers")
        yield Line(teams=teams, session=session, transport=transport, clock=clock, team=team, room=room, bea=bea)


def settings_for(teams: TeamsSandbox, **settings: Any) -> TeamsSettings:
    given = {"app_id": teams.app_id, "tenant_id": teams.tenant_id, "api_url": teams.url, **settings}
    if not {"certificate", "managed_identity", "app_secret"} & set(settings):
        given["app_secret"] = teams.app_secret
    return TeamsSettings.model_validate(given)


def card(words: str = "Hello") -> Json:
    body = [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": words}]}]
    content = {"type": "AdaptiveCard", "version": "1.5", "body": body}
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": content}]}


@dataclass(slots=True, kw_only=True)
class Door:
    """The whole endpoint behind a real port, and what went through it."""

    teams: TeamsSandbox
    session: aiohttp.ClientSession
    clock: Clock
    desk: FakeDesk
    url: str
    room: str
    bea: str
    inbox: Inbox
    rejected: list[str]

    @property
    def accepted(self) -> list[bytes]:
        """What was kept."""
        return [raw for _event, _lane, _rank, raw in self.inbox.accepted]

    def activity(self, **changed: Any) -> Json:
        """What Bea wrote in a thread; None leaves something out."""
        whole = {
            "type": "message",
            "id": "1700000000001",
            "timestamp": "2026-11-28T10:00:00.123Z",
            "channelId": "msteams",
            "serviceUrl": f"{self.teams.url}/",
            "from": {"id": self.bea, "name": "Bea Baker"},
            "conversation": {
                "id": f"{self.room};messageid=1700000000000",
                "conversationType": "channel",
                "isGroup": True,
                "tenantId": self.teams.tenant_id,
            },
            "recipient": {"id": self.teams.bot_id, "name": "Threadbridge"},
            "channelData": {"tenant": {"id": self.teams.tenant_id}},
            "textFormat": "plain",
            "text": "Your parcel is on its way.",
            **changed,
        }
        return {name: value for name, value in whole.items() if value is not None}

    async def bring(
        self, *authorization: str, activity: Json | None = None, raw: bytes | None = None, **headers: str
    ) -> int:
        """The status that Microsoft would see; each text is one Authorization header."""
        sent = [("Content-Type", "application/json"), *((name.replace("_", "-"), headers[name]) for name in headers)]
        sent += [("Authorization", one) for one in authorization]
        body = json.dumps(self.activity() if activity is None else activity).encode() if raw is None else raw
        async with self.session.post(self.url, data=io.BytesIO(body), headers=sent) as answer:
            await answer.read()
            return answer.status

    async def bring_signed(self, activity: Json | None = None, raw: bytes | None = None, **minted: Any) -> int:
        """The same under a token of the Bot Connector, with a defect of your choice."""
        return await self.bring(f"Bearer {self.teams.mint(**minted)}", activity=activity, raw=raw)

    def untouched(self) -> bool:
        """Nothing was kept, and nobody was asked to do anything."""
        return not self.accepted and not self.desk.calls


@asynccontextmanager
async def door(**settings: Any) -> AsyncIterator[Door]:
    desk, inbox, clock = FakeDesk(), Inbox(), Clock()
    rejected: list[str] = []
    async with (
        TeamsSandbox(limits=False, retry_delays=(0.02,) * 100) as teams,
        aiohttp.ClientSession(timeout=TIMEOUT) as session,
    ):
        bea = teams.add_user("Bea Baker", email="bea@example.com")
        team = teams.add_team("Support", [bea])
        room = teams.add_channel(team, "Customers")
        await teams.install(team)
        lent = replace(runtime(session, inbox, Kept(), [], rejected), now=clock)
        workplace = WORKPLACE.build(settings_for(teams, **settings), desk, lent)
        assert isinstance(workplace, TeamsWorkplace)
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes(workplace.routes())
        async with serving(app) as url:
            yield Door(
                teams=teams,
                session=session,
                clock=clock,
                desk=desk,
                url=f"{url}/messages",
                room=room,
                bea=bea,
                inbox=inbox,
                rejected=rejected,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came over the wire."""

    method: str
    #: Not decoded, with the query.
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


Answers = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Scripted:
    """Stands in for all of Microsoft: gives tokens, and answers everything else as the test says."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.tokens: list[str] = []
        #: Answers, used up one after the other; the last stays.
        self.answers: list[Answers] = []
        self.token_answer: Answers | None = None
        self.lasts: Any = 3600
        self.held = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def say(self, status: int = 200, body: Any = None, **headers: str) -> None:
        """The next answer: JSON, or bytes as they are."""

        async def answer(_request: web.Request) -> web.StreamResponse:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            if isinstance(body, bytes):
                return web.Response(status=status, body=body, headers=named)
            return web.json_response({} if body is None else body, status=status, headers=named)

        self.answers.append(answer)

    def hang(self) -> None:
        """The next answer comes when the test lets `held` go."""

        async def answer(_request: web.Request) -> web.StreamResponse:
            await self.held.wait()
            return web.json_response({"id": "1"})

        self.answers.append(answer)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        self.tokens.append(f"token-{len(self.tokens) + 1}-{form.get('scope')}")
        if self.token_answer is not None:
            return await self.token_answer(request)
        return web.json_response({"access_token": self.tokens[-1], "expires_in": self.lasts, "token_type": "Bearer"})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        seen = Asked(
            method=request.method,
            path=request.raw_path,
            headers=dict(request.headers),
            body=await request.read(),
            at=time.monotonic(),
        )
        self.asked.append(seen)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


@asynccontextmanager
async def scripted(
    *, connector: aiohttp.BaseConnector | None = None, clock: Clock | None = None, **settings: Any
) -> AsyncIterator[tuple[Scripted, Transport]]:
    server = Scripted()
    await server.start()
    given = {"app_id": APP, "tenant_id": TENANT, "api_url": server.url, **settings}
    if not {"certificate", "managed_identity", "app_secret"} & set(settings):
        given["app_secret"] = SECRET
    try:
        async with aiohttp.ClientSession(timeout=TIMEOUT, connector=connector) as session:
            yield server, Transport(TeamsSettings.model_validate(given), session, clock or Clock())
    finally:
        server.held.set()
        await server.stop()


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """An application on a port of its own."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def stranger() -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """A host that is none of Microsoft's, and the headers of whatever reached it."""
    reached: list[dict[str, str]] = []

    async def take(request: web.Request) -> web.StreamResponse:
        reached.append(dict(request.headers))
        return web.Response(body=b"the bytes of a stranger")

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", take)
    async with serving(app) as url:
        yield url, reached


@asynccontextmanager
async def longest_stall() -> AsyncIterator[list[float]]:
    """The longest time for which the event loop did nothing else, as the list's one number."""
    longest = [0.0]

    async def tick() -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest[0] = max(longest[0], now - before)
            before = now

    ticking = asyncio.create_task(tick())
    try:
        yield longest
    finally:
        # The last stall is seen too.
        await asyncio.sleep(0.002)
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
