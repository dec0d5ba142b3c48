"""Leases: one worker at a time, a dead one's work taken over with its doubt, and wake-ups that may be lost."""

import asyncio
import os
from pathlib import Path

import pytest
from sqlalchemy import select

from core.contracts.errors import TemporaryFailure
from core.outbox.jobs import Done, Job, Status
from core.outbox.models import lane
from core.outbox.outcomes import Claimed, Lost, Released
from core.outbox.repository import Outbox
from core.outbox.wakeup import AlreadyRunning, FileLock
from core.storage.storage import Storage, metadata
from tests.core.engine import (
    Clock,
    Hands,
    Vendor,
    add,
    job,
    make_worker,
    sent,
    settled,
    state,
    until,
    until_state,
    working,
)


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
