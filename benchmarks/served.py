"""The product as an operator runs it: `threadbridge serve`, a process of its own, between the sandbox's vendors."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp

from sandbox.stage import Options, Stage

_ROOT = Path(__file__).parents[1]
_PATIENCE = 60.0
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class ServedStage(Stage):
    """A stage whose process can be killed. It has rooms of its own, since Slack takes one post a second in each."""

    def __init__(self, folder: Path, options: Options, *, rooms: int = 4) -> None:
        super().__init__(folder, options)
        self._count = rooms
        #: Room ids; a first message with the words `room-<number>` opens its thread there.
        self.rooms: list[str] = []
        self.log = folder / "serve.log"
        self._child: asyncio.subprocess.Process | None = None
        self._http: aiohttp.ClientSession | None = None

    def _furnish(self) -> None:
        super()._furnish()
        for number in range(self._count):
            room = self.slack.add_channel(f"killed-{number}", members=[self.bea, self.omar])
            self.slack.invite_bot(room)
            self.rooms.append(room)
        # Slack comes again for minutes, far longer than a restart takes.
        self.slack.delivery.retry_delays = (0.0, *([0.5] * 60))

    def _toml(self) -> str:
        routes = []
        for number in range(self._count):
            room = json.dumps(f"shop/#killed-{number}")
            words = json.dumps(f"room-{number}")
            routes.append(f'[[routes]]\nname = "killed-{number}"\nrooms = [{room}]\nwhen = {{ words = [{words}] }}')
        return "\n".join([super()._toml(), *routes, ""])

    async def start(self) -> None:
        """Starts the process and waits until it answers."""
        await self.launch()
        await self.answering()

    async def launch(self) -> None:
        """Starts the process; returns at once."""
        script = Path(sys.executable).with_name("threadbridge")
        command = [str(script)] if script.exists() else [sys.executable, "-c", "from core.cli import main; main()"]
        environment = {name: value for name, value in os.environ.items() if name.lower() not in _PROXIES}
        with self.log.open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                *command,
                "serve",
                "--settings",
                str(self.folder / "threadbridge.toml"),
                "--log-level",
                "WARNING",
                cwd=_ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def answering(self) -> None:
        """Waits until `/health` answers. Raises RuntimeError when the process ended instead."""
        assert self._child is not None
        if self._http is None:
            timeout = aiohttp.ClientTimeout(total=2)
            self._http = aiohttp.ClientSession(timeout=timeout, trust_env=False)
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if self._child.returncode is not None:
                raise RuntimeError(f"threadbridge serve ended with {self._child.returncode}: {self._last_words()}")
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self._http.get(f"{self.url}/health") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.01)
        raise RuntimeError(f"threadbridge serve did not answer within {_PATIENCE:.0f} s: {self._last_words()}")

    async def waiting(self) -> int:
        """How many jobs it still has, by its own words."""
        assert self._http is not None
        async with self._http.get(f"{self.url}/ready") as answer:
            found = await answer.json()
            return int(found["queued"]) + int(found["sending"])

    async def kill(self) -> None:
        """`kill -9`."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def _end(self, number: signal.Signals) -> None:
        if self._child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._child.send_signal(number)
        try:
            await asyncio.wait_for(self._child.wait(), 20)
        except TimeoutError:
            self._child.kill()
            await self._child.wait()
        self._child = None

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]
