"""The worker looks after its tables: old rows go, counts heal, figures show, and queries stay fast."""

import asyncio
from datetime import datetime

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import ClauseElement, Connection, Dialect, Executable, select, update

from core.outbox import housekeeping
from core.outbox.finisher import Finisher
from core.outbox.models import lane
from core.outbox.models import outbox as jobs
from core.outbox.repository import Outbox
from core.outbox.statements import Statements
from core.storage.storage import Storage
from tests.core.engine import (
    Clock,
    Vendor,
    add,
    job,
    make_worker,
    settled,
    until,
    working,
)


async def test_finished_jobs_are_removed_when_nobody_can_send_them_again(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"), job("b", lane="b"))
        await settled(storage, outbox)
    await add(storage, outbox, job("waiting", lane="w"))
    clock.advance(8 * 86400)
    assert not await storage.read(lambda c: housekeeping.find(c, clock()))
    assert await add(storage, outbox, job("a")) == [False], "Vendors redeliver for a week"
    clock.advance(2 * 86400)
    found = await storage.read(lambda c: housekeeping.find(c, clock()))
    assert (len(found.jobs), len(found.lanes)) == (2, 0)
    assert await storage.write(lambda c: housekeeping.remove(c, found, clock())) == 2
    found = await storage.read(lambda c: housekeeping.find(c, clock()))
    assert (len(found.jobs), len(found.lanes)) == (0, 1), "The other lane was touched two days ago"
    await add(storage, outbox, job("again", lane="b"))
    assert await storage.write(lambda c: housekeeping.remove(c, found, clock())) == 0, "It came to life meanwhile"
    assert await storage.read(lambda c: outbox.state(c, "waiting")) is not None


async def test_a_worker_removes_old_jobs_by_itself(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"))
        await settled(storage, outbox)
    clock.advance(10 * 86400)
    async with working(storage, outbox, vendor), asyncio.timeout(10):
        while await storage.read(lambda c: outbox.state(c, "a")) is not None:
            pass


async def test_a_worker_whose_finisher_dies_says_so(
    storage: Storage, outbox: Outbox, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise every later lane would hang, and nobody would know."""

    async def die(self: Finisher, outcomes: object) -> list[object]:
        raise MemoryError

    monkeypatch.setattr(Finisher, "_write", die)
    worker = make_worker(storage, outbox, vendor)
    await add(storage, outbox, job("a"))
    with pytest.raises(MemoryError):
        await asyncio.wait_for(worker.run(asyncio.Event()), 10)
    assert not worker.healthy


async def test_hot_queries_use_their_indexes(storage: Storage, outbox: Outbox, clock: Clock) -> None:
    if storage.shared:
        pytest.skip("PostgreSQL plans by statistics, and these tables are empty")
    sql = Statements(storage_dialect(storage))
    queries: dict[str, tuple[Executable, dict[str, object]]] = {
        "lane_ready": (sql.ready, {"now": clock(), "free": 5}),
        "outbox_open": (sql.heads, {"ids": "[1]"}),
        "outbox_finished": (housekeeping.finished_jobs(clock()), {}),
    }
    for index, (statement, parameters) in queries.items():
        assert index in await plan(storage, statement, parameters)
    heads = await plan(storage, sql.heads, {"ids": "[1]"})
    assert "SCAN lane" not in heads
    assert "SCAN outbox" not in heads


def storage_dialect(storage: Storage) -> Dialect:
    return storage.url.get_dialect()()


async def plan(storage: Storage, statement: Executable, parameters: dict[str, object]) -> str:
    def explain(connection: Connection) -> str:
        assert isinstance(statement, ClauseElement)
        compiled = statement.compile(dialect=connection.dialect)
        values = compiled.construct_params(parameters)
        bound = [
            value.isoformat() if isinstance(value, datetime) else value
            for value in (values[name] for name in compiled.positiontup or [])
        ]
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", tuple(bound))
        return "\n".join(str(row[3]) for row in rows)

    return await storage.read(explain)


async def test_the_worker_shows_its_figures(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    registry = CollectorRegistry()
    await storage.write(lambda c: outbox.pause(c, scope="held", reason="test"))
    await add(storage, outbox, job("held", lane="h", scope="held"))
    async with working(storage, outbox, vendor, registry=registry, housekeeping_every=0.02):
        await add(storage, outbox, job("a"))
        await settled_but(storage, outbox, 1)

        def shown() -> str:
            return generate_latest(registry).decode()

        await until(lambda: 'threadbridge_outbox_lanes{state="paused"} 1.0' in shown())
        await until(lambda: 'send_seconds_count{op="send",result="sent"} 1.0' in shown())
        assert "threadbridge_outbox_wake_up_seconds_count 1.0" in shown()


async def settled_but(storage: Storage, outbox: Outbox, queued: int) -> None:
    async with asyncio.timeout(10):
        while (await storage.read(outbox.stats)).queued > queued:
            pass


async def test_a_wrong_count_heals(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    """The rows are the truth; a count that disagrees must not keep a worker busy for ever."""
    await add(storage, outbox, job("a"))
    await storage.write(lambda c: c.execute(update(lane).values(pending=5)))
    async with working(storage, outbox, vendor):
        await settled(storage, outbox)
    assert vendor.arrived == ["a"]
    assert await storage.read(lambda c: c.execute(select(jobs.c.state)).scalar_one()) == 1
