"""What the tests of the engine share: a clock to move, a vendor to script, and a worker that runs for a while."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from core.contracts.errors import FailureReason
from core.outbox.jobs import Done, Job, JobState, NewJob
from core.outbox.leases import Leases
from core.outbox.outcomes import Claimed, Outcome, Result
from core.outbox.repository import Outbox
from core.outbox.worker import Worker
from core.storage.storage import Storage


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


Answer = Exception | Done | None | Callable[[Job], Awaitable[Done]]


class Vendor:
    """The far side: takes jobs, and misbehaves as ordered."""

    def __init__(self) -> None:
        #: Keys of the jobs that arrived, in order.
        self.arrived: list[str] = []
        #: Every call of `deliver`: the keys it carried.
        self.calls: list[tuple[str, ...]] = []
        self.jobs: list[Job] = []
        self.asked: list[str] = []
        self.buried_jobs: list[tuple[str, FailureReason, str]] = []
        self.held_jobs: list[tuple[str, str]] = []
        self.mergeable = 1
        self._orders: dict[str, list[Answer]] = {}
        self._answers: dict[str, list[Answer]] = {}

    def order(self, key: str, *answers: Answer) -> None:
        """What the next tries of that job meet; after that it arrives."""
        self._orders.setdefault(key, []).extend(answers)

    def answer(self, key: str, *answers: Answer) -> None:
        """What the next questions about that job are answered; without an order whether it arrived, truthfully."""
        self._answers.setdefault(key, []).extend(answers)

    async def deliver(self, job: Job) -> Done:
        self.jobs.append(job)
        self.calls.append(tuple(one.key for one in (job, *job.merged)))
        orders = self._orders.get(job.key)
        if orders:
            answer = orders.pop(0)
            if isinstance(answer, Exception):
                raise answer
            if isinstance(answer, Done):
                self.arrived.extend(self.calls[-1])
                return answer
            if answer is not None:
                return await answer(job)
        self.arrived.extend(one.key for one in (job, *job.merged))
        return Done(ref=f"ref-{job.key}")

    async def reconcile(self, job: Job) -> Done | None:
        self.asked.append(job.key)
        answers = self._answers.get(job.key)
        if answers:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            assert answer is None or isinstance(answer, Done)
            return answer
        return Done(ref=f"found-{job.key}") if job.key in self.arrived else None

    def buried(self, connection: Connection, job: Job, reason: FailureReason, sentence: str) -> None:
        self.buried_jobs.append((job.key, reason, sentence))

    def held(self, connection: Connection, job: Job, sentence: str) -> None:
        self.held_jobs.append((job.key, sentence))

    def merge(self, jobs: Sequence[Job]) -> int:
        return min(self.mergeable, len(jobs))


def job(key: str, *, lane: str = "out:a:1", scope: str = "a", **more: Any) -> NewJob:
    return NewJob(key=key, op="send", payload={"text": key}, lane=lane, scope=scope, **more)


async def add(storage: Storage, outbox: Outbox, *jobs: NewJob) -> list[bool]:
    """In one transaction, in this order."""
    return await storage.write(lambda connection: [outbox.add(connection, one) for one in jobs])


async def state(storage: Storage, outbox: Outbox, key: str) -> JobState:
    found = await storage.read(lambda connection: outbox.state(connection, key))
    assert found is not None, f"There is no job {key}"
    return found


async def until(condition: Callable[[], bool], *, within: float = 10.0, what: str = "") -> None:
    """Returns as soon as the condition holds; fails after the deadline."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not condition():
        assert loop.time() < deadline, f"Not within {within} s: {what or condition}"
        await asyncio.sleep(0.002)


async def until_state(
    storage: Storage, outbox: Outbox, key: str, condition: Callable[[JobState], bool], *, within: float = 10.0
) -> JobState:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        found = await state(storage, outbox, key)
        if condition(found):
            return found
        assert loop.time() < deadline, f"Not within {within} s: {found}"
        await asyncio.sleep(0.005)


def make_worker(storage: Storage, outbox: Outbox, vendor: Vendor, **options: Any) -> Worker:
    return Worker(storage, outbox, {"send": vendor}, chance=random.Random(1), **{"poll": 0.1, **options})


@asynccontextmanager
async def working(storage: Storage, outbox: Outbox, vendor: Vendor, **options: Any) -> AsyncIterator[Worker]:
    """A worker that runs inside the block."""
    worker = make_worker(storage, outbox, vendor, **options)
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield worker
        assert not task.done(), task
    finally:
        stop.set()
        await asyncio.wait_for(task, 15)


async def settled(storage: Storage, outbox: Outbox, *, within: float = 10.0) -> None:
    """Nothing is queued any more."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while (stats := await storage.read(outbox.stats)).queued or stats.leased:
        assert loop.time() < deadline, stats
        await asyncio.sleep(0.005)


LEASE = timedelta(seconds=15)


def sent(claimed: Claimed, ref: str = "r") -> Outcome:
    return Outcome(claimed=claimed, result=Result.SENT, ref=ref)


class Hands:
    """A worker's side of the tables, by hand."""

    def __init__(self, storage: Storage, outbox: Outbox, owner: int) -> None:
        self._storage = storage
        self.leases = Leases(storage, outbox, owner=owner, lease=LEASE)

    async def claim(self, free: int = 10, busy: tuple[int, ...] = ()) -> list[Claimed]:
        claimed, _, _ = await self._storage.write(lambda connection: self.leases.claim(connection, free, busy))
        return claimed

    async def finish(self, *outcomes: Outcome) -> list[object]:
        return list(await self._storage.write(lambda connection: self.leases.finish(connection, outcomes)))
