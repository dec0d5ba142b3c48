"""The Teams workplace between a fake desk and the sandbox's Teams, connected over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from core.contracts.places import RoomRef, ThreadRef
from plugins.teams import WORKPLACE
from plugins.teams.manifest import data
from plugins.teams.workplace import TeamsWorkplace
from sandbox.teams import TeamsSandbox
from tests.plugins.core_around import Inbox, Kept, runtime
from tests.plugins.fake_desk import FakeDesk
from tests.plugins.slack_peer import CARD, post

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Peer:
    """Everything a test talks to."""

    teams: TeamsSandbox
    desk: FakeDesk
    inbox: Inbox
    memory: Kept
    workplace: TeamsWorkplace
    session: aiohttp.ClientSession
    url: str
    team: str
    room: str
    bea: str
    troubles: list[str | None]
    rejected: list[str]

    async def open(self, text: str = "Hello, is anybody there?", **more: Any) -> ThreadRef:
        """A thread of a customer, on the sandbox."""
        return await self.workplace.open_thread(RoomRef(workspace="acme", room=self.room), CARD, post(text, **more))

    async def settle(self) -> None:
        """Until Teams has told everything and it was handled."""
        await self.teams.idle()
        await self.inbox.idle()
        assert not self.inbox.errors, self.inbox.errors

    def thread(self, thread: ThreadRef) -> list[Json]:
        return self.teams.thread(thread.room, thread.thread)


@asynccontextmanager
async def peer(*, limits: bool = False, **settings: Any) -> AsyncIterator[Peer]:
    """A workplace that listens, in a tenant with one agent, Bea, and one team whose app hears of the room."""
    desk, inbox, memory = FakeDesk(), Inbox(), Kept()
    troubles: list[str | None] = []
    rejected: list[str] = []
    timeout = aiohttp.ClientTimeout(total=2, connect=1)
    async with (
        TeamsSandbox(limits=limits, retry_delays=(0.0, 0.05, 0.1)) as teams,
        aiohttp.ClientSession(timeout=timeout) as session,
    ):
        bea = teams.add_user("Bea Baker", email="bea@example.com", tz="Europe/Berlin")
        team = teams.add_team("Customer Care", [bea])
        room = teams.add_channel(team, "support")
        teams.use_manifest(data("https://bridge.example", teams.app_id))
        values = {
            "app_id": teams.app_id,
            "tenant_id": teams.tenant_id,
            "app_secret": teams.app_secret,
            "api_url": teams.url,
            **settings,
        }
        lent = runtime(session, inbox, memory, troubles, rejected)
        workplace = WORKPLACE.build(WORKPLACE.settings.model_validate(values), desk, lent)
        assert isinstance(workplace, TeamsWorkplace)
        inbox.workplace = workplace
        app = web.Application()
        app.add_routes(workplace.routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        teams.connect(f"{url}/messages")
        running = asyncio.create_task(inbox.run())
        here = Peer(
            teams=teams,
            desk=desk,
            inbox=inbox,
            memory=memory,
            workplace=workplace,
            session=session,
            url=url,
            team=team,
            room=room,
            bea=bea,
            troubles=troubles,
            rejected=rejected,
        )
        try:
            await teams.install(team, room)
            await here.settle()
            desk.calls.clear()
            yield here
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await runner.cleanup()
