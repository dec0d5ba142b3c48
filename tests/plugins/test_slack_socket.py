"""Socket Mode: connections end, break and go deaf; what agents write arrives all the same."""

import asyncio
import contextlib
from typing import Literal

import pytest
from yarl import URL

from core.contracts.text import plain
from plugins.slack.socket import DEAF
from sandbox.faults import Fault
from tests.plugins.slack_peer import Peer, peer, until


async def replies_arrive(here: Peer, text: str) -> None:
    before = len(here.desk.named("said"))
    thread = await here.open()
    await here.slack.person_posts(here.bea, here.room, text, thread.thread)
    said = await here.desk.wait("said", before + 1)
    assert plain(said["content"].body) == text


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_slack_may_ask_for_a_new_connection(reason: Literal["warning", "refresh_requested"]) -> None:
    async with peer(socket_mode=True, ping_interval=0.2) as here:
        await here.slack.sockets.disconnect(reason)
        await here.slack.until_connected()
        await replies_arrive(here, "Still here")


async def test_a_cut_connection_comes_back() -> None:
    async with peer(socket_mode=True, ping_interval=0.2) as here:
        await replies_arrive(here, "Before")
        here.slack.sockets.cut()
        await here.slack.until_connected()
        await replies_arrive(here, "After")


class Relay:
    """A wire between the product and Slack that can go silent without breaking, as networks do."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.silent = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        for source, target in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._carry(source, target))
            self._tasks.add(task)

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            try:
                while data := await source.read(65536):
                    if not self.silent:
                        target.write(data)
                        await target.drain()
            finally:
                target.close()
                await target.wait_closed()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_a_deaf_connection_is_told_and_built_anew() -> None:
    async with peer(socket_mode=True, ping_interval=0.2) as here:
        relay = Relay(URL(here.slack.url).port or 0)
        server = await asyncio.start_server(relay.connected, "127.0.0.1", 0)
        try:
            here.slack.sockets.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            here.slack.sockets.cut()
            await here.slack.until_connected()
            await replies_arrive(here, "Through the relay")
            relay.silent = True
            await until(lambda: DEAF in here.troubles)
            relay.silent = False
            await until(lambda: here.troubles[-1] is None)
            await replies_arrive(here, "Heard again")
        finally:
            server.close()
            await relay.stop()


async def test_a_wrong_app_token_is_trouble_in_words() -> None:
    async with peer(socket_mode=True, ping_interval=0.1) as here:
        refused = {"ok": False, "error": "invalid_auth"}
        here.slack.faults.stand("apps.connections.open", Fault(status=200, body=refused))
        here.slack.sockets.cut()
        await until(lambda: any(trouble and "app_token" in trouble for trouble in here.troubles))
        here.slack.faults.clear()
        await here.slack.until_connected()
        await until(lambda: here.troubles[-1] is None)


async def test_listening_ends_when_it_is_cancelled() -> None:
    async with peer(socket_mode=True) as here:
        pass
    left = [task for task in asyncio.all_tasks() if "socket" in repr(task.get_coro()).lower()]
    assert left == []
    assert here.slack.sockets.connected == 0
