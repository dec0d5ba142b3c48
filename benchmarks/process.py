"""Starts the engine's program quickly and as often as needed, and kills it without mercy."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

from benchmarks import engine_app


def context() -> ForkServerContext:
    """Processes forked from a server that has everything imported start in milliseconds."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["benchmarks.engine_app"])
    return made


class Program:
    """One run of the engine's program."""

    def __init__(self, made: ForkServerContext, url: str, vendor_port: int, **options: Any) -> None:
        self._ours, theirs = made.Pipe(duplex=False)
        settings = {"create": False, "asks": True} | options
        self._process: ForkServerProcess = made.Process(
            target=engine_app.main, args=(url, vendor_port, theirs, settings), daemon=True
        )
        self._theirs = theirs
        self.port = 0

    async def start(self, timeout: float = 20.0) -> None:
        await asyncio.to_thread(self._process.start)
        self._theirs.close()
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._ours.fileno(), ready.set)
        try:
            await asyncio.wait_for(ready.wait(), timeout)
        finally:
            loop.remove_reader(self._ours.fileno())
        self.port = self._ours.recv()

    def send(self, number: signal.Signals) -> None:
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, number)

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        await asyncio.to_thread(self._process.join, 20)
        self._ours.close()

    async def stop(self) -> None:
        self.send(signal.SIGTERM)
        await asyncio.to_thread(self._process.join, 20)
        self._ours.close()
