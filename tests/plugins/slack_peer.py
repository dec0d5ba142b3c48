"""The Slack workplace between a fake desk and the sandbox's Slack, connected over real sockets."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from core.contracts.content import Content, MediaKind, StoredFile
from core.contracts.places import RoomRef, ThreadRef
from core.contracts.posts import Author, Card, Post, Tone
from core.contracts.text import from_plain
from core.contracts.workplace import WorkplaceRuntime
from plugins.slack import WORKPLACE
from plugins.slack.manifest import EVENTS, SCOPES
from plugins.slack.workplace import SlackWorkplace
from sandbox.slack import SlackSandbox
from tests.plugins.fake_desk import FakeDesk

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Inbox:
    """Stands in for the core's durable inbox: keeps each event once, hands it out at once, in order of arrival."""

    workplace: SlackWorkplace | None = None
    accepted: list[tuple[str, str, int, bytes]] = field(default_factory=list)
    fails_with: Exception | None = None
    errors: list[Exception] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _queue: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    async def accept(self, event_id: str, lane: str, rank: int, raw: bytes) -> bool:
        if self.fails_with is not None:
            raise self.fails_with
        if event_id in self._seen:
            return False
        self._seen.add(event_id)
        self.accepted.append((event_id, lane, rank, raw))
        self._queue.put_nowait(raw)
        return True

    async def run(self) -> None:
        assert self.workplace is not None
        while True:
            raw = await self._queue.get()
            try:
                await self.workplace.handle(raw)
            except Exception as error:
                self.errors.append(error)
            self._queue.task_done()

    async def idle(self) -> None:
        async with asyncio.timeout(5):
            await self._queue.join()


class NoMemory:
    async def load(self) -> Mapping[str, Any]:
        return {}

    async def save(self, value: Mapping[str, Any]) -> None:
        raise AssertionError("the Slack workplace remembers nothing")


class NoFiles:
    async def save(self, chunks: AsyncIterator[bytes], *, name: str, mime: str) -> StoredFile:
        raise AssertionError("the Slack workplace stores no file itself")

    def find(self, sha256: str) -> StoredFile | None:
        return None

    def kind(self, file: StoredFile) -> MediaKind:
        return MediaKind.FILE


@dataclass(slots=True, kw_only=True)
class Peer:
    """Everything a test talks to."""

    slack: SlackSandbox
    desk: FakeDesk
    inbox: Inbox
    workplace: SlackWorkplace
    session: aiohttp.ClientSession
    url: str
    room: str
    bea: str
    troubles: list[str | None]
    rejected: list[str]

    async def open(self, text: str = "Hello, is anybody there?", **more: Any) -> ThreadRef:
        """A thread of a customer, on the sandbox."""
        return await self.workplace.open_thread(RoomRef(workspace="acme", room=self.room), CARD, post(text, **more))

    async def settle(self) -> None:
        """Until Slack has told everything and it was handled."""
        await self.slack.idle()
        await self.inbox.idle()
        assert not self.inbox.errors, self.inbox.errors

    def thread(self, thread: ThreadRef) -> list[Json]:
        return self.slack.thread(thread.room, thread.thread)


async def until(holds: Callable[[], bool], deadline: float = 5.0) -> None:
    """Waits for something that nobody announces."""
    async with asyncio.timeout(deadline):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


CARD = Card(title="Jane · WhatsApp", status="Open", status_emoji="🟢")


def post(text: str = "Hello", key: str = "k1", tone: Tone = Tone.CUSTOMER, **more: Any) -> Post:
    content = more.pop("content", None) or Content(body=from_plain(text))
    return Post(key=key, tone=tone, author=Author(name="Jane (WhatsApp)"), content=content, **more)


def stored(folder: Path, name: str, data: bytes, mime: str) -> StoredFile:
    """A file of the content-addressed store."""
    path = folder / name
    path.write_bytes(data)
    return StoredFile(sha256=hashlib.sha256(data).hexdigest(), size=len(data), mime=mime, path=path)


@asynccontextmanager
async def peer(*, socket_mode: bool = False, limits: bool = False, **settings: Any) -> AsyncIterator[Peer]:
    """A workplace that listens, in a workspace with one agent, Bea, and one room that the bot is in."""
    desk, inbox = FakeDesk(), Inbox()
    troubles: list[str | None] = []
    rejected: list[str] = []
    timeout = aiohttp.ClientTimeout(total=2, connect=1)
    async with (
        SlackSandbox(limits=limits, retry_delays=(0.0, 0.05, 0.1), scopes=SCOPES, bot_events=EVENTS) as slack,
        aiohttp.ClientSession(timeout=timeout) as session,
    ):
        bea = slack.add_user("bea", "Bea Baker", "bea@example.com", "Europe/Berlin")
        room = slack.add_channel("support", members=[bea])
        slack.invite_bot(room)
        runtime = WorkplaceRuntime(
            workspace="acme",
            session=session,
            url="",
            files=NoFiles(),
            memory=NoMemory(),
            secret=lambda purpose: hashlib.sha256(purpose.encode()).digest(),
            file_link=lambda file, name: None,
            now=lambda: datetime.now(UTC),
            trouble=troubles.append,
            accept=inbox.accept,
            rejected=rejected.append,
        )
        secrets = {"app_token": "xapp-sandbox"} if socket_mode else {"signing_secret": slack.signing_secret}
        values = {"bot_token": "xoxb-sandbox", "api_url": f"{slack.url}/api/", **secrets, **settings}
        workplace = WORKPLACE.build(WORKPLACE.settings.model_validate(values), desk, runtime)
        assert isinstance(workplace, SlackWorkplace)
        inbox.workplace = workplace
        app = web.Application()
        app.add_routes(workplace.routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        tasks = [asyncio.create_task(inbox.run()), asyncio.create_task(workplace.listen())]
        if socket_mode:
            await slack.until_connected()
        else:
            slack.connect_events(f"{url}/events")
        try:
            yield Peer(
                slack=slack,
                desk=desk,
                inbox=inbox,
                workplace=workplace,
                session=session,
                url=url,
                room=room,
                bea=bea,
                troubles=troubles,
                rejected=rejected,
            )
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await runner.cleanup()
