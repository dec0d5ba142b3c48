"""Kills the engine at random moments, again and again, and counts what was lost, repeated or out of order."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field

from sqlalchemy import func, select

from benchmarks.process import Program, context
from benchmarks.wire import Caller, Vendor
from core.outbox.models import State, outbox
from core.storage.storage import Storage, metadata

LANES = 8


@dataclass(slots=True, kw_only=True)
class Report:
    rounds: int
    accepted: int = 0
    arrived: int = 0
    lost: int = 0
    out_of_order: int = 0
    repeated: int = 0
    #: Put before a person because nobody can know; never more than lanes in flight at each kill.
    asked: int = 0
    notes: list[str] = field(default_factory=list)


class Customer:
    """Sends numbered messages in one lane; repeats each until it is accepted, as vendors' webhooks do."""

    def __init__(self, lane: int) -> None:
        self._lane = lane
        self.accepted = 0

    async def run(self, port: list[int], enough: asyncio.Event) -> None:
        caller = Caller(port[0])
        number = 0
        while not enough.is_set():
            event = {"key": f"{self._lane}:{number}", "lane": f"lane {self._lane}", "n": number}
            try:
                if await caller.post("/in", event) == 200:
                    number += 1
                    self.accepted = number
                    continue
            except (OSError, EOFError):
                pass
            caller.close()
            await asyncio.sleep(0.005)
            caller = Caller(port[0])
        caller.close()


async def crash(url: str, *, rounds: int, asks: bool = True, seed: int = 1, longest: float = 0.15) -> Report:
    """Every round lives for at most `longest` seconds after it began to work."""
    chance = random.Random(seed)
    report = Report(rounds=rounds)
    made = context()
    async with Storage(url) as storage:
        await storage.write(metadata.create_all)
    async with Vendor() as vendor:
        port = [0]
        enough = asyncio.Event()
        customers = [Customer(lane) for lane in range(LANES)]
        program = Program(made, url, vendor.port, asks=asks)
        await program.start()
        port[0] = program.port
        tasks = [asyncio.create_task(customer.run(port, enough)) for customer in customers]
        for _ in range(rounds):
            await asyncio.sleep(chance.uniform(0, longest))
            await program.kill()
            program = Program(made, url, vendor.port, asks=asks)
            await program.start()
            port[0] = program.port
        enough.set()
        await asyncio.gather(*tasks)
        await _drain(url, vendor, report, sum(customer.accepted for customer in customers))
        await program.stop()
    _judge(vendor, customers, report)
    return report


async def _drain(url: str, vendor: Vendor, report: Report, accepted: int) -> None:
    """Waits until nothing is queued; lanes of the killed resume at once, or after their lease."""
    async with Storage(url) as storage, asyncio.timeout(60):
        while True:
            open_jobs = await storage.read(
                lambda connection: connection.execute(
                    select(func.count()).select_from(outbox).where(outbox.c.state == State.QUEUED)
                ).scalar_one()
            )
            if not open_jobs:
                break
            await asyncio.sleep(0.02)
        dead = await storage.read(
            lambda connection: set(
                connection.execute(select(outbox.c.idem_key).where(outbox.c.state == State.DEAD)).scalars()
            )
        )
    report.accepted = accepted
    report.asked = len(dead)
    report.notes = sorted(dead - vendor.first.keys())


def _judge(vendor: Vendor, customers: list[Customer], report: Report) -> None:
    times = Counter(message["key"] for message in vendor.arrivals)
    report.arrived = len(times)
    report.repeated = sum(count - 1 for count in times.values())
    excused = set(report.notes)
    for lane, customer in enumerate(customers):
        wanted = [f"{lane}:{number}" for number in range(customer.accepted)]
        report.lost += sum(key not in times and key not in excused for key in wanted)
    latest: dict[str, int] = {}
    seen: set[str] = set()
    for message in vendor.arrivals:
        if message["key"] in seen:
            continue
        seen.add(message["key"])
        if message["n"] < latest.get(message["lane"], -1):
            report.out_of_order += 1
        latest[message["lane"]] = message["n"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--url", help="a database that may be filled; default: a new SQLite file")
    parser.add_argument("--cannot-ask", action="store_true", help="a vendor without any way to ask")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"sqlite:///{folder}/crash.db"
        report = asyncio.run(crash(url, rounds=options.rounds, asks=not options.cannot_ask, seed=options.seed))
    print(json.dumps(asdict(report), indent=2))
    return int(bool(report.lost or report.out_of_order or report.repeated))


if __name__ == "__main__":
    sys.exit(main())
