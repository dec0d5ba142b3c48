"""The whole core between a channel and a workspace in memory: what the tests of its promises stand on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from core.app.app import App
from core.contracts.places import RoomRef
from core.contracts.text import plain
from core.contracts.workplace import AgentProfile, Standing
from core.settings import Settings
from core.settings.models import AccountSettings, DeskSettings, RouteSettings, Web, WorkspaceSettings
from core.storage.memory import AdapterMemory
from core.testing.fakes import (
    EVERYTHING,
    FakeChannel,
    FakeCustomer,
    FakePost,
    FakeSettings,
    FakeThread,
    FakeWorkplaceSettings,
    FakeWorkspace,
    installed,
)

SHOP = "shop"
SUPPORT = RoomRef(workspace=SHOP, room="R1")
#: The second workspace, where there is one, and its room.
BRANCH = "branch"
COUNTER = RoomRef(workspace=BRANCH, room="R1")


@dataclass(kw_only=True)
class Office:
    """One account, one or two workspaces, a room in each, three people, and the process between them."""

    app: App
    channel: FakeChannel
    tool: FakeWorkspace
    bea: AgentProfile
    omar: AgentProfile
    guest: AgentProfile
    #: The second workspace.
    branch: FakeWorkspace | None = None
    #: Further channels: the account of each has its name.
    others: tuple[FakeChannel, ...] = ()

    async def opened(self, customer: FakeCustomer, text: str = "Hello", **more: Any) -> FakeThread:
        """She writes for the first time; the thread that opens."""
        before = len(self.tool.threads)
        await self.channel.writes(customer, text, **more)
        await self.tool.until(lambda: len(self.tool.threads) > before)
        thread = self.tool.threads[-1]
        # The thread's own id is stored a moment after the vendor has it.
        await self.quiet()
        return thread

    async def quiet(self) -> None:
        """Until everything that was done has been handed over, and nothing more is due."""
        async with asyncio.timeout(10):
            while True:
                await self.handed_over()
                stats = await self.app.storage.read(self.app.outbox.stats)
                if not stats.ready and not stats.leased:
                    return
                await asyncio.sleep(0.01)

    async def handed_over(self) -> None:
        """Until the core has kept what the channel and the workspace had for it."""
        while True:
            behind = len(self.channel.updates) - await self._position("bridge:line")
            for channel in self.others:
                behind += len(channel.updates) - await self._position(f"bridge:{channel.name}")
            for tool in filter(None, (self.tool, self.branch)):
                behind += len(tool.events) - await self._position(f"workspace:{tool.workspace}")
            if not behind:
                return
            await asyncio.sleep(0.01)

    async def _position(self, owner: str) -> int:
        position: int = (await AdapterMemory(self.app.storage, owner).load()).get("position", 0)
        return position

    async def rows(self, table: Table) -> list[Any]:
        return list(await self.app.storage.read(lambda connection: connection.execute(select(table)).all()))

    def whispered(self) -> list[str]:
        return [whisper.text for whisper in self.tool.whispers]


async def until(condition: Callable[[], Any], what: str, within: float = 8.0) -> Any:
    """What the condition finds, as soon as it finds something."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not (found := condition()):
        assert loop.time() < deadline, f"Not within {within} s: {what}"
        await asyncio.sleep(0.005)
    return found


def words(post: FakePost) -> str:
    """What stands in a post."""
    if post.post is None:
        return post.text
    return "\n".join(plain(content.body) for content in (post.post.content, *post.post.more))


def said(thread: FakeThread) -> list[str]:
    return [words(post) for post in thread.posts]


def notices(thread: FakeThread) -> list[FakePost]:
    """What we said ourselves in a thread."""
    return [post for post in thread.posts if post.post is not None and post.post.author.name == "Threadbridge"]


def buttons(thread: FakeThread, action: str) -> list[str]:
    """The values of the buttons of that kind under our own sentences."""
    return [
        one.value for post in notices(thread) for one in (post.post.actions if post.post else ()) if one.id == action
    ]


@asynccontextmanager
async def open_office(
    folder: Path,
    database: str = "",
    *,
    channel: FakeChannel | None = None,
    tool: FakeWorkspace | None = None,
    hold: float = 0.0,
    routes: tuple[RouteSettings, ...] = (),
    operators_room: str | None = None,
    branch: FakeWorkspace | None = None,
    others: tuple[FakeChannel, ...] = (),
    **more: Any,
) -> AsyncIterator[Office]:
    """Runs one process of Threadbridge until the block ends; `more` are further settings."""
    channel = channel or FakeChannel("line", capabilities=EVERYTHING)
    tool = tool or FakeWorkspace("office", workspace=SHOP)
    tool.room_names.setdefault(SUPPORT.room, "support")
    bea, omar = _person("bea", "Bea"), _person("omar", "Omar")
    guest = _person("gil", "Gil", Standing.GUEST)
    tool.people |= {person.agent_id: person for person in (bea, omar, guest)}
    tools = (tool,) if branch is None else (tool, branch)
    if branch is not None:
        branch.room_names.setdefault(COUNTER.room, "counter")
    settings = Settings(
        data_dir=folder / "data",
        database=database or f"sqlite:///{folder}/threadbridge.db",
        web=Web(port=0),
        accounts=(
            AccountSettings(name="line", channel=channel.name, options=FakeSettings()),
            *(AccountSettings(name=one.name, channel=one.name, options=FakeSettings()) for one in others),
        ),
        workspaces=tuple(
            WorkspaceSettings(name=one.workspace, workplace=one.spec.name, options=FakeWorkplaceSettings())
            for one in tools
        ),
        default_room=f"{SHOP}/{SUPPORT.room}",
        operators_room=operators_room,
        routes=routes,
        desk=DeskSettings(hold_seconds=hold),
        **more,
    )
    with installed(*(one.spec for one in (channel, *others)), *(one.spec for one in tools)):
        async with App(settings, probe_seconds=0.1) as app:
            stop = asyncio.Event()
            running = asyncio.create_task(app.run(stop))
            try:
                yield Office(
                    app=app,
                    channel=channel,
                    tool=tool,
                    bea=bea,
                    omar=omar,
                    guest=guest,
                    branch=branch,
                    others=others,
                )
                assert not running.done(), running
            finally:
                stop.set()
                await asyncio.wait_for(running, 15)


def _person(agent_id: str, name: str, standing: Standing = Standing.MEMBER) -> AgentProfile:
    return AgentProfile(workspace=SHOP, agent_id=agent_id, name=name, standing=standing)
