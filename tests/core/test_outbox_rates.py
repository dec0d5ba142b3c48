"""Vendors' limits: who goes when, who waits without holding anything up, and what may be merged meanwhile."""

import asyncio
from datetime import timedelta

from sqlalchemy import select, update

from core.contracts.errors import FailureReason, OutcomeUnknown, PermanentFailure, TemporaryFailure
from core.outbox.jobs import Bucket
from core.outbox.leases import Leases
from core.outbox.models import dest, lane
from core.outbox.repository import Outbox
from core.storage.storage import Storage
from tests.core.engine import Clock, Vendor, add, job, settled, state, until, until_state, working

ROOM = Bucket(key="slack:T1:C1", gap=timedelta(seconds=1))
BURSTY = Bucket(key="slack:T1", gap=timedelta(seconds=1), burst=3)


async def quiet(storage: Storage, outbox: Outbox) -> None:
    """Nothing can be done now: every lane waits for the clock."""

    async def busy() -> bool:
        stats = await storage.read(outbox.stats)
        return bool(stats.ready or stats.leased)

    async with asyncio.timeout(10):
        while await busy():
            pass


async def tick(storage: Storage, outbox: Outbox, clock: Clock, seconds: float) -> None:
    clock.advance(seconds)
    outbox.changed.set()
    await quiet(storage, outbox)


async def test_one_call_per_gap_whatever_the_lane(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    async with working(storage, outbox, vendor):
        await add(storage, outbox, *(job(f"{n}", lane=f"lane {n}", buckets=(ROOM,)) for n in range(5)))
        await quiet(storage, outbox)
        for sent in range(1, 6):
            assert len(vendor.arrived) == sent
            await tick(storage, outbox, clock, 0.5)
            assert len(vendor.arrived) == sent
            await tick(storage, outbox, clock, 0.5)
        await settled(storage, outbox)
    assert sorted(vendor.arrived) == ["0", "1", "2", "3", "4"]


async def test_who_waited_longest_goes_first(storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock) -> None:
    async with working(storage, outbox, vendor):
        for number in range(6):
            await add(storage, outbox, job(f"{number}", lane=f"lane {number}", buckets=(ROOM,)))
            clock.advance(0.01)
        await quiet(storage, outbox)
        for _ in range(6):
            await tick(storage, outbox, clock, 1)
        await settled(storage, outbox)
    assert vendor.arrived == ["0", "1", "2", "3", "4", "5"]


async def test_a_burst_passes_and_refills(storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock) -> None:
    async with working(storage, outbox, vendor):
        await add(storage, outbox, *(job(f"{n}", buckets=(BURSTY,)) for n in range(8)))
        await quiet(storage, outbox)
        assert len(vendor.arrived) == 3
        await tick(storage, outbox, clock, 1)
        assert len(vendor.arrived) == 4
        await tick(storage, outbox, clock, 10)
        assert len(vendor.arrived) == 7, "An idle while gives the burst back, and no more"
        await tick(storage, outbox, clock, 1)
        await settled(storage, outbox)


async def test_every_bucket_counts_and_a_refused_slot_costs_nothing(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    other = Bucket(key="slack:T1:C2", gap=timedelta(seconds=1))
    async with working(storage, outbox, vendor):
        both = (ROOM, BURSTY)
        await add(storage, outbox, *(job(f"a{n}", lane=f"a{n}", buckets=both) for n in range(3)))
        await quiet(storage, outbox)
        assert len(vendor.arrived) == 1
        await add(storage, outbox, *(job(f"b{n}", lane="b", buckets=(BURSTY,)) for n in range(2)))
        await quiet(storage, outbox)
        assert len(vendor.arrived) == 3, "The lanes that wait for the room took nothing from the workspace"
        await add(storage, outbox, job("c", lane="c", buckets=(other, BURSTY)))
        await quiet(storage, outbox)
        assert "c" not in vendor.arrived
        for _ in range(6):
            await tick(storage, outbox, clock, 1)
        await settled(storage, outbox)
    assert len(vendor.arrived) == 6


async def test_a_lower_priority_lets_others_pass(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    async with working(storage, outbox, vendor):
        await add(storage, outbox, *(job(f"news-{n}", lane=f"news {n}", buckets=(ROOM,), priority=3) for n in range(4)))
        await quiet(storage, outbox)
        await add(storage, outbox, job("reply", lane="reply", buckets=(ROOM,), priority=0))
        for _ in range(6):
            await tick(storage, outbox, clock, 1)
        await settled(storage, outbox)
    assert vendor.arrived[1] == "reply"


async def test_slow_down_holds_the_bucket_and_counts_as_no_try(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    free = Bucket(key="room", gap=timedelta(milliseconds=1), burst=100)
    vendor.order("a", TemporaryFailure("ratelimited", retry_after=30), TemporaryFailure("ratelimited", retry_after=0))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a", buckets=(free,)))
        await until(lambda: len(vendor.calls) == 1)
        await quiet(storage, outbox)
        await add(storage, outbox, job("b", lane="b", buckets=(free,)), job("c", lane="c"))
        await quiet(storage, outbox)
        assert vendor.arrived == ["c"], "Everybody in that bucket waits, nobody else"
        await tick(storage, outbox, clock, 29)
        assert vendor.arrived == ["c"]
        for _ in range(4):
            await tick(storage, outbox, clock, 2)
        await settled(storage, outbox)
    assert sorted(vendor.arrived) == ["a", "b", "c"]
    assert (await state(storage, outbox, "a")).attempts == 0
    blocked = await storage.read(lambda connection: connection.execute(select(dest.c.blocked_until)).scalar_one())
    assert blocked is not None


async def test_what_a_rate_made_wait_may_go_as_one_call(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    vendor.mergeable = 3
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("0", buckets=(ROOM,)))
        await until(lambda: vendor.calls == [("0",)])
        await add(storage, outbox, *(job(f"{n}", buckets=(ROOM,)) for n in range(1, 6)))
        await quiet(storage, outbox)
        for _ in range(4):
            await tick(storage, outbox, clock, 1)
        await settled(storage, outbox)
    assert vendor.calls == [("0",), ("1", "2", "3"), ("4", "5")]
    assert {(await state(storage, outbox, key)).ref for key in ("1", "2", "3")} == {"ref-1"}


async def test_nothing_is_merged_that_did_not_have_to_wait(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    vendor.mergeable = 9
    await add(storage, outbox, *(job(f"{n}") for n in range(4)))
    async with working(storage, outbox, vendor):
        await settled(storage, outbox)
    assert vendor.calls == [("0",), ("1",), ("2",), ("3",)]


async def test_a_merged_call_with_an_unknown_outcome_is_asked_about_as_one(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    vendor.mergeable = 3
    vendor.order("1", OutcomeUnknown("timed out"))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, *(job(f"{n}", buckets=(ROOM,)) for n in range(3)))
        await quiet(storage, outbox)
        await tick(storage, outbox, clock, 1)
        assert vendor.calls == [("0",), ("1", "2")]
        found = await until_state(storage, outbox, "2", lambda found: found.in_doubt)
        assert not found.sending
        assert not await storage.write(lambda connection: outbox.cancel(connection, "2"))
        await tick(storage, outbox, clock, 10)
        await settled(storage, outbox)
    assert vendor.asked == ["1"]
    assert vendor.calls == [("0",), ("1", "2"), ("1", "2")], "The same call again, as it surely did not arrive"


async def test_an_echo_of_a_merged_call_settles_all_of_it(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    vendor.mergeable = 3
    vendor.order("1", OutcomeUnknown("timed out"))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, *(job(f"{n}", buckets=(ROOM,)) for n in range(3)))
        await quiet(storage, outbox)
        await tick(storage, outbox, clock, 1)
        await until_state(storage, outbox, "1", lambda found: found.in_doubt and not found.sending)
        assert await storage.write(lambda connection: outbox.settle(connection, "1", "echo"))
        await settled(storage, outbox)
    assert (await state(storage, outbox, "2")).ref == "echo"
    assert vendor.arrived == ["0"]


async def test_a_refused_merged_call_is_split_so_that_one_is_to_blame(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    vendor.mergeable = 3
    vendor.order("1", PermanentFailure("invalid_blocks"), PermanentFailure("bad one", reason=FailureReason.BAD_CONTENT))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, *(job(f"{n}", buckets=(ROOM,)) for n in range(4)))
        await quiet(storage, outbox)
        for _ in range(6):
            await tick(storage, outbox, clock, 1)
        await settled(storage, outbox)
    assert vendor.calls == [("0",), ("1", "2", "3"), ("1",), ("2", "3")]
    assert vendor.arrived == ["0", "2", "3"]
    assert [one[0] for one in vendor.buried_jobs] == ["1"]


async def test_what_changes_while_it_waits_is_merged_as_it_is_now(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    vendor.mergeable = 9
    async with working(storage, outbox, vendor):
        await add(storage, outbox, *(job(f"{n}", buckets=(ROOM,)) for n in range(5)))
        await quiet(storage, outbox)
        assert await storage.write(lambda connection: outbox.cancel(connection, "3"))
        assert await storage.write(lambda connection: outbox.amend(connection, "2", {"text": "new"}))
        await quiet(storage, outbox)
        await tick(storage, outbox, clock, 1)
        await settled(storage, outbox)
    assert vendor.calls == [("0",), ("1", "2", "4")]
    assert vendor.jobs[1].merged[0].payload == {"text": "new"}


async def test_a_job_taken_back_at_the_last_moment_is_not_merged(storage: Storage, outbox: Outbox) -> None:
    """Between the claim and the bundle somebody cancels: only what is unchanged up to there goes along."""
    leases = Leases(storage, outbox, owner=1, lease=timedelta(seconds=15))
    await add(storage, outbox, *(job(f"{n}") for n in range(5)))
    await storage.write(lambda connection: connection.execute(update(lane).values(waited=True)))
    (claimed,), _, _ = await storage.write(lambda connection: leases.claim(connection, 9, ()))
    assert [one.key for one in claimed.followers] == ["1", "2", "3", "4"]
    assert await storage.write(lambda connection: outbox.cancel(connection, "3"))
    bundled = await storage.write(lambda connection: leases.bundle(connection, claimed, 5))
    assert bundled is not None
    assert [one.key for one in bundled.jobs] == ["0", "1", "2"]
    assert not await storage.write(lambda connection: outbox.cancel(connection, "2")), "It is part of the call now"
    assert await storage.write(lambda connection: outbox.cancel(connection, "4"))


async def test_a_crowd_that_waits_costs_little(storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock) -> None:
    """Lanes in line come back one by one, not all at every slot."""
    async with working(storage, outbox, vendor) as worker:
        await add(storage, outbox, *(job(f"{n:03}", lane=f"lane {n:03}", buckets=(ROOM,)) for n in range(60)))
        await quiet(storage, outbox)
        rows = (await storage.read(outbox.stats)).queued
        assert rows == 59
        for _ in range(62):
            await tick(storage, outbox, clock, 1)
        await settled(storage, outbox)
        looks = next(iter(worker.metrics.waits.collect())).samples[0].value
        assert looks < 4 * 60, "Not every lane at every slot"
    assert len(vendor.arrived) == 60
