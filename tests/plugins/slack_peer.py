"""The Slack workplace between a fake desk and the sandbox's Slack, connected over real sockets."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from core.contracts.content import Content, StoredFile
from core.contracts.places import RoomRef, ThreadRef
from core.contracts.posts import Author, Card, Post, Tone
from core.contracts.text import from_plain
from plugins.slack import WORKPLACE
from plugins.slack.manifest import EVENTS, SCOPES
from plugins.slack.workplace import SlackWorkplace
from sandbox.slack import SlackSandbox
from tests.plugins.core_around import Inbox, runtime
from tests.plugins.fake_desk import FakeDesk

Json = dict[str, Any]


class NoMemory:
    async def load(self) -> Mapping[str, Any]:
        return {}

    async def save(self, value: Mapping[str, Any]) -> None:
        raise AssertionError("the Slack workplace remembers nothing")


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
        lent = runtime(session, inbox, NoMemory(), troubles, rejected)
        secrets = {"app_token": "xapp-sandbox"} if socket_mode else {"signing_secret": slack.signing_secret}
        values = {"bot_token": "xoxb-sandbox", "api_url": f"{slack.url}/api/", **secrets, **settings}
        workplace = WORKPLACE.build(WORKPLACE.settings.model_validate(values), desk, lent)
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
