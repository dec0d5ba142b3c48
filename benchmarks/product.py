"""The whole way of a customer's message: taken in, stored, routed, drawn and posted, beside the engine's own floor."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from benchmarks.figures import Figure, percentile
from core.app import App
from core.contracts.content import Rate
from core.contracts.workplace import WorkplaceCapabilities
from core.settings import load
from core.testing.fakes import FakeChannel, FakeWorkspace, installed

CUSTOMERS = 200
MESSAGES = 1000
#: What is written before the measurement: imports, caches, prepared statements, and every thread is open.
WARM_UP = CUSTOMERS
AT_ONCE = 64

#: The engine's share is 0.8 ms at most (benchmarks/engine.py); contact, conversation, message and facts are stored here
#: besides, and the post is drawn.
CPU_MS = 6.0
#: A room that takes what it gets: the vendor's rate is not what is measured.
_ROOM = WorkplaceCapabilities(max_text=3_000, room_rate=Rate(gap=timedelta(microseconds=1), burst=1_000_000))


async def run() -> list[Figure]:
    channel, office = FakeChannel(), FakeWorkspace(capabilities=_ROOM, echoes=False)
    room = office.room("support")
    with tempfile.TemporaryDirectory() as folder, installed(channel.spec, office.spec):
        path = Path(folder) / "threadbridge.toml"
        path.write_text(
            f'data_dir = {json.dumps(folder)}\ndefault_room = "fake/{room.room}"\n[web]\nport = 0\n'
            '[[workspaces]]\nname = "fake"\nworkplace = "fake"\n'
            f'[[accounts]]\nname = "fake"\nchannel = "fake"\nsecret = "{channel.secret}"\n'
        )
        async with App(load(path, {})) as app:
            stop = asyncio.Event()
            running = asyncio.create_task(app.run(stop))
            try:
                return await _measure(app, channel, office)
            finally:
                stop.set()
                await running


async def _measure(app: App, channel: FakeChannel, office: FakeWorkspace) -> list[Figure]:
    customers = [channel.customer(f"Customer{number}") for number in range(CUSTOMERS)]
    channel.hold()
    for number in range(WARM_UP + MESSAGES):
        await channel.writes(customers[number % CUSTOMERS], f"message {number}: where is my order?")
    raws = list(channel.updates)
    await _take(app, raws[:WARM_UP])
    await _posted(office, WARM_UP)
    cpu, wall = time.process_time(), time.perf_counter()
    delays = await _take(app, raws[WARM_UP:])
    await _posted(office, WARM_UP + MESSAGES)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return [
        Figure(
            name="Product: customer's message to thread, SQLite",
            value=MESSAGES / wall,
            unit="1/s",
            at_least=150,
            wall_clock=True,
        ),
        Figure(name="Product: CPU per message", value=cpu / MESSAGES * 1000, unit="ms", at_most=CPU_MS),
        Figure(
            name=f"Product: taken in p99, {AT_ONCE} at once",
            value=percentile(delays, 99) * 1000,
            unit="ms",
            at_most=500,
            wall_clock=True,
        ),
    ]


async def _take(app: App, raws: list[bytes]) -> list[float]:
    """Hands items over as a busy webhook would; how long each took to be committed."""
    waiting = iter(raws)
    delays: list[float] = []

    async def caller() -> None:
        for raw in waiting:
            started = time.perf_counter()
            await app.take("fake", raw)
            delays.append(time.perf_counter() - started)

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return delays


async def _posted(office: FakeWorkspace, count: int) -> None:
    def shown() -> int:
        return sum(len(post.post.more) + 1 for thread in office.threads for post in thread.posts if post.post)

    async with asyncio.timeout(120):
        # Looked at from outside, as an agent would.
        while shown() < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
