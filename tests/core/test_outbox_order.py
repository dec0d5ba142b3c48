"""Jobs of one lane leave in order, whatever happens; lanes do not wait for each other."""

import asyncio
from datetime import timedelta

from sqlalchemy import Connection

from core.contracts.errors import FailureReason, OutcomeUnknown, PermanentFailure, TemporaryFailure
from core.outbox.jobs import Done, Job, Status
from core.outbox.repository import Outbox
from core.storage.storage import Storage
from tests.core.engine import Clock, Vendor, add, job, settled, state, until, until_state, working


async def test_jobs_leave_in_the_order_they_were_added(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    async with working(storage, outbox, vendor):
        wanted = {}
        for lane in range(20):
            wanted[lane] = [f"{lane}-{number}" for number in range(10)]
        for number in range(10):
            await asyncio.gather(
                *(add(storage, outbox, job(wanted[lane][number], lane=f"lane {lane}")) for lane in range(20))
            )
        await settled(storage, outbox)
    for lane in range(20):
        assert [key for key in vendor.arrived if key.startswith(f"{lane}-")] == wanted[lane]


async def test_a_job_is_recorded_as_done_with_its_ref(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    async with working(storage, outbox, vendor):
        assert await add(storage, outbox, job("a")) == [True]
        found = await until_state(storage, outbox, "a", lambda found: found.status is Status.DONE)
    assert (found.ref, found.attempts, found.in_doubt, found.sending) == ("ref-a", 0, False, False)
    assert found.finished_at is not None
    assert await storage.read(lambda connection: outbox.state(connection, "unknown")) is None
    assert vendor.jobs[0].payload == {"text": "a"}
    assert (vendor.jobs[0].lane, vendor.jobs[0].scope, vendor.jobs[0].attempts) == ("out:a:1", "a", 0)


async def test_the_same_key_is_added_once(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    async with working(storage, outbox, vendor):
        results = await asyncio.gather(*(add(storage, outbox, job("a", lane=f"l{n % 2}")) for n in range(50)))
        assert sum(result[0] for result in results) == 1
        await settled(storage, outbox)
        assert await add(storage, outbox, job("a")) == [False], "Done long ago, and still known"
        assert await add(storage, outbox, job("b")) == [True]
        await settled(storage, outbox)
    assert vendor.arrived == ["a", "b"]


async def test_the_head_blocks_its_lane_while_it_retries(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    vendor.order("a", TemporaryFailure("not now"), OutcomeUnknown("hm"), TemporaryFailure("not yet"))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"), job("b"), job("c"), job("x", lane="other"))
        await until(lambda: "x" in vendor.arrived)
        for tries in (1, 2, 3):
            await until_state(
                storage, outbox, "a", lambda found, tries=tries: found.attempts == tries and not found.sending
            )
            assert vendor.arrived == ["x"]
            clock.advance(400)
            outbox.changed.set()
        await settled(storage, outbox)
    assert vendor.arrived == ["x", "a", "b", "c"]
    assert vendor.asked == ["a"], "Asked once, after the try with an unknown outcome"
    assert [one.attempts for one in vendor.jobs if one.key == "a"] == [0, 1, 2, 3]


async def test_a_dead_head_lets_the_lane_go_on(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    vendor.order("a", PermanentFailure("Too long", reason=FailureReason.TOO_LARGE))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"), job("b"))
        await settled(storage, outbox)
    assert vendor.arrived == ["b"]
    assert vendor.buried_jobs == [("a", FailureReason.TOO_LARGE, "Too long")]
    found = await state(storage, outbox, "a")
    assert (found.status, found.reason, found.sentence) == (Status.DEAD, FailureReason.TOO_LARGE, "Too long")


async def test_rank_decides_before_the_order_of_adding(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    await add(storage, outbox, job("late", rank=30), job("early", rank=10), job("behind"), job("middle", rank=20))
    await add(storage, outbox, job("top", rank=40), job("last"))
    async with working(storage, outbox, vendor):
        await settled(storage, outbox)
    assert vendor.arrived == ["early", "middle", "late", "behind", "top", "last"]


async def test_a_lower_rank_goes_before_what_has_not_started(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    started, leave = asyncio.Event(), asyncio.Event()

    async def wait(job: Job) -> Done:
        started.set()
        await leave.wait()
        return Done()

    vendor.order("started", wait)
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("started", rank=10), job("waiting", rank=20))
        await asyncio.wait_for(started.wait(), 5)
        await add(storage, outbox, job("late", rank=5))
        leave.set()
        await settled(storage, outbox)
    assert vendor.calls == [("started",), ("late",), ("waiting",)]


async def test_a_job_in_doubt_is_asked_about_before_a_lower_rank_goes(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    vendor.order("a", OutcomeUnknown("hm"))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a", rank=10))
        await until_state(storage, outbox, "a", lambda found: found.in_doubt and not found.sending)
        await add(storage, outbox, job("early", rank=1))
        clock.advance(10)
        outbox.changed.set()
        await settled(storage, outbox)
    assert vendor.asked == ["a"]
    assert vendor.calls == [("a",), ("a",), ("early",)]


async def test_a_held_job_leaves_when_its_time_comes(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("held", not_before=clock() + timedelta(seconds=4)), job("behind"))
        await add(storage, outbox, job("other", lane="other"))
        await until(lambda: vendor.arrived == ["other"])
        clock.advance(3.9)
        outbox.changed.set()
        await add(storage, outbox, job("probe", lane="other"))
        await until(lambda: "probe" in vendor.arrived)
        assert "held" not in vendor.arrived
        clock.advance(0.2)
        outbox.changed.set()
        await settled(storage, outbox)
    assert vendor.arrived == ["other", "probe", "held", "behind"]


async def test_a_held_job_can_be_amended_and_taken_back(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    later = clock() + timedelta(seconds=4)
    await add(storage, outbox, job("edited", not_before=later), job("deleted", not_before=later), job("next"))
    assert await storage.write(lambda connection: outbox.amend(connection, "edited", {"text": "better"}))
    assert await storage.write(lambda connection: outbox.cancel(connection, "deleted"))
    assert not await storage.write(lambda connection: outbox.cancel(connection, "deleted"))
    assert not await storage.write(lambda connection: outbox.cancel(connection, "unknown"))
    async with working(storage, outbox, vendor):
        clock.advance(5)
        outbox.changed.set()
        await settled(storage, outbox)
        assert not await storage.write(lambda connection: outbox.amend(connection, "edited", {"text": "late"}))
        assert not await storage.write(lambda connection: outbox.cancel(connection, "edited"))
    assert vendor.arrived == ["edited", "next"]
    assert vendor.jobs[0].payload == {"text": "better"}
    assert (await state(storage, outbox, "deleted")).status is Status.CANCELLED


async def test_an_amended_moment_counts(storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock) -> None:
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a", not_before=clock() + timedelta(hours=1)))
        await add(storage, outbox, job("probe", lane="other"))
        await until(lambda: vendor.arrived == ["probe"])
        assert await storage.write(
            lambda connection: outbox.amend(connection, "a", {"text": "now"}, not_before=clock())
        )
        await until(lambda: vendor.arrived == ["probe", "a"])


async def test_what_is_being_sent_cannot_be_taken_back(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    started, leave = asyncio.Event(), asyncio.Event()

    async def wait(job: Job) -> Done:
        started.set()
        await leave.wait()
        return Done(ref="sent")

    vendor.order("a", wait)
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"), job("b"))
        await asyncio.wait_for(started.wait(), 5)
        assert (await state(storage, outbox, "a")).sending
        assert not await storage.write(lambda connection: outbox.cancel(connection, "a"))
        assert not await storage.write(lambda connection: outbox.amend(connection, "a", {}))
        assert not await storage.write(lambda connection: outbox.bury(connection, "a", FailureReason.POLICY))
        assert await storage.write(lambda connection: outbox.cancel(connection, "b")), "It has not started"
        leave.set()
        await settled(storage, outbox)
    assert vendor.jobs == [vendor.jobs[0]]


async def test_a_long_backlog_delays_no_other_lane(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    await add(storage, outbox, *(job(f"long-{number:03}", lane="long") for number in range(300)))
    async with working(storage, outbox, vendor, lanes=2):
        await until(lambda: bool(vendor.arrived))
        await add(storage, outbox, *(job(f"short-{number}", lane=f"short {number}") for number in range(5)))
        await until(lambda: sum(key.startswith("short") for key in vendor.arrived) == 5)
        assert sum(key.startswith("long") for key in vendor.arrived) < 300
        await settled(storage, outbox, within=20)
    long = [key for key in vendor.arrived if key.startswith("long")]
    assert long == sorted(long)


async def test_backlogs_take_turns(storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock) -> None:
    """With more backlogs than hands, each gives its place back after a while."""

    async def take_time(job: Job) -> Done:
        clock.advance(0.01)
        vendor.arrived.append(job.key)
        return Done()

    for lane in range(3):
        for number in range(120):
            vendor.order(f"{lane}-{number:03}", take_time)
        await add(storage, outbox, *(job(f"{lane}-{number:03}", lane=f"lane {lane}") for number in range(120)))
    async with working(storage, outbox, vendor, lanes=1):
        await settled(storage, outbox, within=20)
    assert max(vendor.arrived.index(f"{lane}-000") for lane in range(3)) == 100
    for lane in range(3):
        mine = [key for key in vendor.arrived if key.startswith(f"{lane}-")]
        assert mine == sorted(mine)


async def test_work_of_a_job_is_committed_with_its_end(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    def follow(connection: Connection) -> None:
        outbox.add(connection, job("behind"))
        outbox.add(connection, job("elsewhere", lane="elsewhere"))

    vendor.order("a", Done(ref="1", work=follow))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"), job("b"))
        await settled(storage, outbox)
    assert [key for key in vendor.arrived if key != "elsewhere"] == ["a", "b", "behind"]
    assert "elsewhere" in vendor.arrived
