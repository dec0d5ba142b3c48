"""`serve` as a process of its own, and the commands that work beside it or instead of it."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest
from sqlalchemy import Connection

from core.conversations import repository
from core.quarantine.repository import Quarantine
from core.storage import migrate
from core.storage.storage import Storage

ROOT = Path(__file__).parents[2]
COMMAND = str(Path(sys.executable).with_name("threadbridge"))
GOOD = json.dumps(json.loads((ROOT / "bridges/webchat/examples/message.json").read_text())["item"]).encode()

T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Installation:
    """A folder with settings, whose Slack is a port where nobody listens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        (folder / "threadbridge.toml").write_text(
            f"""
            default_room = "acme/C1"
            [web]
            port = {self.port}
            [[accounts]]
            name = "shop"
            channel = "webchat"
            [[workspaces]]
            name = "acme"
            workplace = "slack"
            bot_token = "{"-".join(("xoxb", "1", "2", "abcdefgh"))}"
            app_token = "{"-".join(("xapp", "1", "2", "abcdefgh"))}"
            api_url = "http://127.0.0.1:{free_port()}/api/"
            """
        )

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            COMMAND, *arguments, cwd=self.folder, env=os.environ | {"COLUMNS": "200"}, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        process = await self.start(*arguments)
        out, err = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """`serve` until it answers; stopped at the end, whatever happened."""
        process = await self.start("serve")
        try:
            async with asyncio.timeout(20), aiohttp.ClientSession(f"http://127.0.0.1:{self.port}") as session:
                while True:
                    assert process.returncode is None, (await process.communicate())[1].decode()
                    try:
                        async with session.get("/health") as answer:
                            assert answer.status == 200
                            break
                    except aiohttp.ClientConnectionError:
                        await asyncio.sleep(0.05)
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def database(self, work: Callable[[Storage, Connection], T]) -> T:
        async with Storage(f"sqlite:///{self.folder}/data/threadbridge.db") as storage:
            return await storage.write(lambda connection: work(storage, connection))

    async def quarantine(self, raw: bytes) -> int:
        return await self.database(lambda s, c: Quarantine(s).add(c, "bridge:shop", "", raw, ValueError("old bug")))

    async def conversations(self) -> int:
        return len(await self.database(lambda s, c: repository.listed(c)))


@pytest.fixture
async def installation(tmp_path: Path) -> Installation:
    installation = Installation(tmp_path)
    (tmp_path / "data").mkdir()
    await migrate.upgrade(f"sqlite:///{tmp_path}/data/threadbridge.db")
    return installation


async def test_serve_answers_and_stops_when_told(installation: Installation) -> None:
    async with installation.serving() as process:
        code, out, _ = await installation.run("status", "--json")
        status: dict[str, Any] = json.loads(out)
        assert status["running"]
        # Slack cannot be reached, and that is a problem.
        assert code == 1
        taken, out, err = await installation.run("serve")
        assert (taken, out) == (1, "")
        assert "already" in err

        process.send_signal(signal.SIGTERM)
        _, log = await asyncio.wait_for(process.communicate(), 15)
        assert process.returncode == 0, log.decode()
    lines = [json.loads(line) for line in log.decode().splitlines()]
    assert any(line["event"] == "serving" and line["url"].endswith(str(installation.port)) for line in lines)
    assert "abcdefgh" not in log.decode()


async def test_redo_is_done_by_the_process_that_runs(installation: Installation) -> None:
    good = await installation.quarantine(GOOD)
    bad = await installation.quarantine(b"no item at all")
    async with installation.serving():
        code, out, err = await installation.run("quarantine", "redo", str(good), str(bad), "99", "--json")
    results = {item["id"]: item for item in json.loads(out)}
    assert code == 1, err
    assert results[good] == {"id": good, "ok": True, "problem": ""}
    assert results[bad]["problem"]
    assert "there is no such open event" in results[99]["problem"]
    assert await installation.conversations() == 1


async def test_redo_works_when_nothing_runs(installation: Installation) -> None:
    await installation.quarantine(GOOD)
    code, out, err = await installation.run("quarantine", "redo", "--all")
    assert (code, out) == (0, "1: done\n"), err
    assert await installation.conversations() == 1
    assert (await installation.run("quarantine", "redo", "--all"))[1] == "Nothing is in quarantine.\n"


async def test_check_asks_every_vendor_and_migrate_may_be_repeated(installation: Installation) -> None:
    code, out, err = await installation.run("check", "--json")
    results = {item["name"]: item for item in json.loads(out)}
    assert code == 1, err
    assert results["shop"]["ok"]
    assert not results["acme"]["ok"]
    assert results["acme"]["line"]
    for _ in range(2):
        assert (await installation.run("migrate"))[:2] == (0, "The database is up to date.\n")
