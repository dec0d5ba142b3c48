"""Leases: one worker at a time, a dead one's work taken over with its doubt, and wake-ups that may be lost."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import select, update

from core.contracts.errors import TemporaryFailure
from core.outbox import housekeeping, wakeup
from core.outbox.jobs import Done, Job, Status
from core.outbox.leases import Leases
from core.outbox.models import lane
from core.outbox.models import outbox as jobs
from core.outbox.outcomes import Claimed, Lost, Outcome, Released, Result
from core.outbox.repository import Outbox
from core.outbox.wakeup import AlreadyRunning, FileLock
from core.storage.storage import Storage, metadata
from tests.core.engine import Clock, Vendor, add, job, make_worker, settled, state, until, until_state, working
from tests.fixtures.postgres import PostgresServer

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


async def test_a_lane_is_in_one_hand_at_a_time(storage: Storage, outbox: Outbox) -> None:
    one, two = Hands(storage, outbox, 1), Hands(storage, outbox, 2)
    await add(storage, outbox, *(job(f"{n}", lane=f"l{n % 7}") for n in range(30)))
    both = await asyncio.gather(one.claim(4), two.claim(4), one.claim(4), two.claim(4))
    taken = [claimed.job.lane for claims in both for claimed in claims]
    assert sorted(taken) == [f"l{n}" for n in range(7)]
    assert await one.claim() == []


async def test_a_finish_brings_the_next_job_of_the_lane(storage: Storage, outbox: Outbox) -> None:
    hands = Hands(storage, outbox, 1)
    await add(storage, outbox, job("a"), job("b"))
    (claimed,) = await hands.claim()
    (following,) = await hands.finish(sent(claimed))
    assert isinstance(following, Claimed)
    assert (following.job.key, following.lease_token) == ("b", claimed.lease_token)
    assert await hands.finish(sent(following)) == [Released(due_at=None)]
    row = await storage.read(lambda connection: connection.execute(select(lane)).one())
    assert (row.pending, row.lease_until, row.sending) == (0, None, None)


async def test_who_lost_the_lease_changes_nothing(storage: Storage, outbox: Outbox, clock: Clock) -> None:
    slow, quick = Hands(storage, outbox, 1), Hands(storage, outbox, 2)
    await add(storage, outbox, job("a"), job("b"))
    (old,) = await slow.claim()
    clock.advance(15.1)
    (new,) = await quick.claim()
    assert new.job.key == "a"
    assert new.job.in_doubt, "Its lease was never released, so it may have been sent"
    assert not await storage.write(lambda connection: slow.leases.renew(connection, old))
    assert await slow.finish(sent(old, "stale")) == [Lost()]
    assert (await state(storage, outbox, "a")).status is Status.QUEUED
    (following,) = await quick.finish(sent(new, "fresh"))
    assert isinstance(following, Claimed)
    assert following.job.key == "b"
    assert not following.job.in_doubt
    assert (await state(storage, outbox, "a")).ref == "fresh"


async def test_a_finish_that_was_committed_unknowingly_can_be_made_again(storage: Storage, outbox: Outbox) -> None:
    hands = Hands(storage, outbox, 1)
    await add(storage, outbox, job("a"), job("b"))
    (claimed,) = await hands.claim()
    first = await hands.finish(sent(claimed, "once"))
    again = await hands.finish(sent(claimed, "twice"))
    assert [one.job.key for one in (*first, *again) if isinstance(one, Claimed)] == ["b", "b"]
    assert (await state(storage, outbox, "a")).ref == "once"
    assert (await storage.read(outbox.stats)).queued == 1
    assert isinstance(again[0], Claimed)
    await hands.finish(sent(again[0]))
    assert await hands.finish(sent(again[0])) == [Released(due_at=None)]
    assert (await storage.read(outbox.stats)).queued == 0


async def test_a_claim_whose_answer_was_lost_is_given_back_without_doubt(storage: Storage, outbox: Outbox) -> None:
    hands = Hands(storage, outbox, 1)
    await add(storage, outbox, job("a", lane="a"), job("b", lane="b"))
    kept, _ = await hands.claim()
    assert await storage.write(lambda c: hands.leases.release_strays(c, {kept.lane_id})) == 1
    (again,) = await hands.claim()
    assert again.job.key != kept.job.key
    assert not again.job.in_doubt


async def test_our_own_late_lane_is_not_taken_from_ourselves(storage: Storage, outbox: Outbox, clock: Clock) -> None:
    hands = Hands(storage, outbox, 1)
    await add(storage, outbox, job("a"))
    (claimed,) = await hands.claim()
    clock.advance(60)
    assert await hands.claim(busy=(claimed.lane_id,)) == []
    assert await hands.finish(sent(claimed)) == [Released(due_at=None)]


async def test_freed_leases_are_in_doubt_and_resumed_at_once(storage: Storage, outbox: Outbox, clock: Clock) -> None:
    hands = Hands(storage, outbox, 1)
    await add(storage, outbox, job("a"), job("b"))
    await hands.claim()
    await storage.write(hands.leases.start_over)
    (claimed,) = await Hands(storage, outbox, 2).claim()
    assert (claimed.job.key, claimed.job.in_doubt) == ("a", True)


async def test_a_restart_repairs_what_a_wrong_clock_put_off(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    vendor.order("a", TemporaryFailure("down"))
    clock.advance(3600)
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"))
        await until_state(storage, outbox, "a", lambda found: found.attempts == 1 and not found.sending)
    clock.advance(-3600)
    if storage.shared:
        return  # There the database's clock counts, and other replicas may be at work.
    async with working(storage, outbox, vendor):
        await until(lambda: vendor.arrived == ["a"])


async def test_two_workers_never_send_one_job(database_url: str, vendor: Vendor) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("one process works on a file")
    async with Storage(database_url) as here, Storage(database_url) as there:
        await here.write(metadata.create_all)
        one, two = Outbox(here), Outbox(there)
        async with working(here, one, vendor), working(there, two, vendor):
            for number in range(10):
                await asyncio.gather(
                    *(
                        add(store, outbox, job(f"{lane}-{number}{side}", lane=f"lane {lane}"))
                        for lane in range(10)
                        for side, store, outbox in (("a", here, one), ("b", there, two))
                    )
                )
            await settled(here, one)
    assert len(vendor.arrived) == len(set(vendor.arrived)) == 200
    for number in range(10):
        mine = [key.split("-")[1][:-1] for key in vendor.arrived if key.startswith(f"{number}-")]
        assert mine == sorted(mine)


async def test_a_second_process_on_one_file_is_refused(tmp_path: Path, vendor: Vendor) -> None:
    async with Storage(f"sqlite:///{tmp_path}/x.db") as storage:
        await storage.write(metadata.create_all)
        outbox = Outbox(storage)
        async with working(storage, outbox, vendor):
            await until(lambda: (tmp_path / "x.db.lock").exists())
            with pytest.raises(AlreadyRunning, match=f"Process {os.getpid()} already works"):
                await make_worker(storage, outbox, vendor).run(asyncio.Event())
            await add(storage, outbox, job("a"))
            await settled(storage, outbox)
        with FileLock(f"{tmp_path}/x.db"):
            pass


async def test_stopping_ends_the_current_sends_and_gives_everything_back(
    storage: Storage, outbox: Outbox, vendor: Vendor
) -> None:
    started, leave = asyncio.Event(), asyncio.Event()

    async def wait(job: Job) -> Done:
        started.set()
        await leave.wait()
        vendor.arrived.append(job.key)
        return Done()

    vendor.order("a", wait)
    await add(storage, outbox, job("a"), job("b"))
    worker = make_worker(storage, outbox, vendor)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    await asyncio.wait_for(started.wait(), 5)
    assert worker.healthy
    stop.set()
    leave.set()
    await asyncio.wait_for(running, 10)
    assert not worker.healthy
    assert vendor.arrived == ["a"], "The next one is not begun"
    stats = await storage.read(outbox.stats)
    assert (stats.queued, stats.leased, stats.in_doubt) == (1, 0, 0)
    async with working(storage, outbox, vendor):
        await settled(storage, outbox)
    assert vendor.arrived == ["a", "b"]
    assert vendor.asked == []


async def test_a_send_that_outlives_the_stop_is_in_doubt_afterwards(
    storage: Storage, outbox: Outbox, vendor: Vendor
) -> None:
    started = asyncio.Event()

    async def hang(job: Job) -> Done:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    vendor.order("a", hang)
    await add(storage, outbox, job("a"))
    stop = asyncio.Event()
    running = asyncio.create_task(make_worker(storage, outbox, vendor, stop_timeout=0.05).run(stop))
    await asyncio.wait_for(started.wait(), 5)
    stop.set()
    await asyncio.wait_for(running, 10)
    async with working(storage, outbox, vendor):
        await settled(storage, outbox)
    assert vendor.asked == ["a"]
    assert vendor.arrived == ["a"]


async def test_more_lanes_than_hands_all_get_their_turn(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    await add(storage, outbox, *(job(f"{n}", lane=f"l{n}") for n in range(100)))
    async with working(storage, outbox, vendor, lanes=3, poll=30):
        await settled(storage, outbox)
    assert len(vendor.arrived) == 100


@asynccontextmanager
async def two_stores(url: str) -> AsyncIterator[tuple[Storage, Outbox, Storage, Outbox]]:
    async with Storage(url) as here, Storage(url) as there:
        await here.write(metadata.create_all)
        yield here, Outbox(here), there, Outbox(there)


@pytest.mark.postgres
async def test_work_added_on_one_replica_wakes_another(postgres_url: str, vendor: Vendor) -> None:
    async with two_stores(postgres_url) as (here, one, there, two), working(here, one, vendor, poll=30):
        await add(there, two, job("first"))
        await until(lambda: vendor.arrived == ["first"], within=5)
        # No poll for half a minute: only NOTIFY can have brought this.
        await add(there, two, job("second"))
        await until(lambda: vendor.arrived == ["first", "second"], within=5)


@pytest.mark.postgres
async def test_a_lost_notification_costs_a_poll_and_no_message(
    postgres_url: str, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_stores(postgres_url) as (here, one, there, two), working(here, one, vendor, poll=0.2):
        await add(there, two, job("first"))
        await until(lambda: vendor.arrived == ["first"], within=5)
        monkeypatch.setattr("core.outbox.repository.CHANNEL", "elsewhere")
        await add(there, two, job("second"))
        await until(lambda: vendor.arrived == ["first", "second"], within=5)


@pytest.mark.postgres
async def test_polling_alone_is_enough_behind_a_pooler(postgres_url: str, vendor: Vendor) -> None:
    async with (
        two_stores(postgres_url) as (here, one, there, two),
        working(here, one, vendor, wakeup="poll") as worker,
    ):
        assert worker.owner < 0, "It holds no lock, so its lock must not be asked about"
        await add(there, two, *(job(f"{n}") for n in range(5)))
        await until(lambda: len(vendor.arrived) == 5, within=5)


@pytest.mark.postgres
async def test_a_dead_replicas_lanes_are_taken_over_long_before_the_lease_ends(
    postgres_url: str, vendor: Vendor
) -> None:
    async with two_stores(postgres_url) as (here, one, there, two):
        dead = Hands(there, two, 4711)
        await add(here, one, job("a"))
        assert len(await dead.claim()) == 1
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with working(here, one, vendor, poll=0.2):
            await until(lambda: vendor.arrived == ["a"], within=8)
        assert loop.time() - began < 5
        assert vendor.asked == ["a"]


@pytest.mark.postgres
async def test_a_living_replica_keeps_its_lanes(postgres_url: str, vendor: Vendor) -> None:
    async with two_stores(postgres_url) as (here, one, there, two):
        alive = Hands(there, two, 4711)
        lock = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
        try:
            await lock.execute("SELECT pg_advisory_lock($1, $2)", wakeup.LOCK_SPACE, 4711)
            await add(here, one, job("a"))
            (claimed,) = await alive.claim()
            mourner = wakeup.Mourner()
            for moment in (0.0, 5.0, 10.0):
                assert await there.write(lambda c, now=moment: mourner.dead(c, [4711, 4712], now)) == (
                    [] if moment == 0 else [4712]
                )
            assert isinstance((await alive.finish(sent(claimed)))[0], Released)
        finally:
            await lock.close()


@pytest.mark.postgres
async def test_dropped_connections_lose_and_repeat_nothing(
    postgres_url: str, postgres_server: PostgresServer, vendor: Vendor
) -> None:
    name = postgres_url.rsplit("/", 1)[1].split("?")[0]
    async with two_stores(postgres_url) as (here, one, there, two), working(here, one, vendor, poll=0.2):
        for round_ in range(4):
            adding = asyncio.gather(*(keep_adding(there, two, f"{round_}-{n}", f"lane {n % 5}") for n in range(40)))
            await until(lambda round_=round_: any(key.startswith(f"{round_}-") for key in vendor.arrived))
            await postgres_server.execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )
            await adding
        await until(lambda: len(set(vendor.arrived)) == 160, within=20)
    assert len(vendor.arrived) == 160


async def keep_adding(storage: Storage, outbox: Outbox, key: str, lane_key: str) -> None:
    """As a vendor's webhook does: again until it is accepted."""
    for _ in range(50):
        try:
            await add(storage, outbox, job(key, lane=lane_key))
            return
        except Exception:
            await asyncio.sleep(0.02)
    raise AssertionError("Never accepted")


async def test_finished_jobs_are_removed_when_nobody_can_send_them_again(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"), job("b", lane="b"))
        await settled(storage, outbox)
    await add(storage, outbox, job("waiting", lane="w"))
    clock.advance(8 * 86400)
    assert await storage.write(lambda c: housekeeping.prune(c, clock())) == 0
    assert await add(storage, outbox, job("a")) == [False], "Vendors redeliver for a week"
    clock.advance(2 * 86400)
    removed = await storage.write(lambda c: housekeeping.prune(c, clock()))
    assert removed == 3, "Two jobs, and the lane that nobody touched since"
    assert await storage.read(lambda c: outbox.state(c, "waiting")) is not None


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
