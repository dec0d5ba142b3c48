"""Each kind of failure has its own end, and none of them is silent."""

import asyncio
import random
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from core.contracts.errors import (
    CredentialsRejected,
    DestinationUnavailable,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    RequestRejected,
    TemporaryFailure,
)
from core.outbox.jobs import Done, Job, Status
from core.outbox.repository import Outbox
from core.outbox.retry import back_off, clamp
from core.outbox.worker import Worker
from core.storage.errors import StorageUnavailable
from core.storage.storage import Storage
from tests.core.engine import Clock, Vendor, add, job, settled, state, until, until_state, working


async def pass_time(
    storage: Storage, outbox: Outbox, clock: Clock, key: str, *, attempts: int, seconds: float = 500
) -> None:
    """Waits for that many failed tries, then for the back-off to be over."""
    await until_state(storage, outbox, key, lambda found: found.attempts == attempts and not found.sending)
    clock.advance(seconds)
    outbox.changed.set()


async def test_an_unknown_outcome_is_asked_about_and_not_repeated(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    async def arrives_but_the_answer_is_lost(job: Job) -> Done:
        vendor.arrived.append(job.key)
        raise OutcomeUnknown("The connection broke")

    vendor.order("a", arrives_but_the_answer_is_lost)
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"), job("b"))
        await pass_time(storage, outbox, clock, "a", attempts=1)
        await settled(storage, outbox)
    assert vendor.arrived == ["a", "b"]
    assert vendor.asked == ["a"]
    assert (await state(storage, outbox, "a")).ref == "found-a"


async def test_what_cannot_be_known_is_put_before_a_person(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    vendor.order("a", OutcomeUnknown("timed out"))
    vendor.answer("a", OutcomeUnknown("This vendor cannot be asked"))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"), job("b"))
        await pass_time(storage, outbox, clock, "a", attempts=1)
        await settled(storage, outbox)
        assert vendor.calls == [("a",), ("b",)], "Never blindly repeated"
        assert vendor.buried_jobs == [("a", FailureReason.UNKNOWN_OUTCOME, "This vendor cannot be asked")]
        assert (await storage.read(outbox.stats)).in_doubt == 1
        assert await storage.write(lambda connection: outbox.retry(connection, "a"))
        await settled(storage, outbox)
    assert vendor.arrived == ["b", "a"]
    assert vendor.asked == ["a"], "The person who repeats it knows that it did not arrive"


async def test_a_person_can_say_that_it_arrived(storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock) -> None:
    vendor.order("a", OutcomeUnknown("timed out"))
    vendor.answer("a", OutcomeUnknown("cannot be asked"))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"))
        assert not await storage.write(lambda connection: outbox.settle(connection, "unknown", "x"))
        await pass_time(storage, outbox, clock, "a", attempts=1)
        await settled(storage, outbox)
        assert await storage.write(lambda connection: outbox.settle(connection, "a", "seen"))
        assert not await storage.write(lambda connection: outbox.settle(connection, "a", "again"))
    found = await state(storage, outbox, "a")
    assert (found.status, found.ref, found.in_doubt) == (Status.DONE, "seen", False)
    assert vendor.arrived == []


async def test_an_echo_settles_what_is_in_doubt(storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock) -> None:
    vendor.order("a", OutcomeUnknown("timed out"))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"), job("b"))
        assert not await storage.write(lambda connection: outbox.settle(connection, "b", "x")), "It was never tried"
        await until_state(storage, outbox, "a", lambda found: found.in_doubt and not found.sending)
        assert not await storage.write(lambda connection: outbox.cancel(connection, "a")), "It may be there already"
        assert await storage.write(lambda connection: outbox.settle(connection, "a", "echo"))
        await settled(storage, outbox)
    assert vendor.arrived == ["b"]
    assert vendor.asked == []


async def test_an_echo_during_the_send_outweighs_a_lost_answer(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    started, leave = asyncio.Event(), asyncio.Event()

    async def wait(job: Job) -> Done:
        started.set()
        await leave.wait()
        raise OutcomeUnknown("reset by peer")

    vendor.order("a", wait)
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"))
        await asyncio.wait_for(started.wait(), 5)
        assert await storage.write(lambda connection: outbox.settle(connection, "a", "echo"))
        leave.set()
        await pass_time(storage, outbox, clock, "a", attempts=1)
        await settled(storage, outbox)
    assert (await state(storage, outbox, "a")).ref == "echo"
    assert vendor.asked == []
    assert len(vendor.calls) == 1


async def test_a_question_that_fails_is_asked_again(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    vendor.order("a", OutcomeUnknown("timed out"))
    vendor.answer("a", TemporaryFailure("busy"), TemporaryFailure("still busy"))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"))
        for attempts in (1, 2, 3):
            await pass_time(storage, outbox, clock, "a", attempts=attempts)
        await settled(storage, outbox)
    assert vendor.asked == ["a", "a", "a"]
    assert vendor.arrived == ["a"]


async def test_a_send_that_hangs_is_in_doubt(storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock) -> None:
    async def hang(job: Job) -> Done:
        vendor.arrived.append(job.key)
        await asyncio.Event().wait()
        raise AssertionError

    vendor.order("a", hang)
    async with working(storage, outbox, vendor, send_timeout=0.05):
        await add(storage, outbox, job("a"))
        await pass_time(storage, outbox, clock, "a", attempts=1)
        await settled(storage, outbox)
    assert vendor.asked == ["a"]
    assert vendor.arrived == ["a"]


async def test_our_own_exception_does_not_block_the_lane_for_ever(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    vendor.order("a", *(ZeroDivisionError("a bug") for _ in range(9)))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"), job("b"))
        for attempts in (1, 2):
            await pass_time(storage, outbox, clock, "a", attempts=attempts)
        await settled(storage, outbox)
    assert vendor.arrived == ["b"]
    assert vendor.calls.count(("a",)) == 3
    ((key, reason, sentence),) = vendor.buried_jobs
    assert (key, reason) == ("a", FailureReason.UNKNOWN)
    assert "ZeroDivisionError" in sentence
    assert "a bug" not in sentence, "What an exception says may quote a customer"


async def test_an_adapter_error_that_makes_no_sense_here_is_a_bug(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    vendor.order("a", RequestRejected("what?"))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"))
        await pass_time(storage, outbox, clock, "a", attempts=1)
        await settled(storage, outbox)
    assert vendor.arrived == ["a"]


async def test_a_store_that_fails_a_handler_is_not_the_jobs_fault(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    vendor.order("a", *(StorageUnavailable("full") for _ in range(5)))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"))
        for attempts in range(1, 6):
            await pass_time(storage, outbox, clock, "a", attempts=attempts)
        await settled(storage, outbox)
    assert vendor.arrived == ["a"]


async def test_work_that_fails_after_the_send_asks_before_repeating(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    worked: list[str] = []

    def broken(connection: Connection) -> None:
        raise LookupError("a bug in our book-keeping")

    vendor.order("a", Done(ref="1", work=broken))
    vendor.answer("a", Done(ref="2", work=lambda connection: worked.append("a")))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"), job("b"), *(job(f"x{n}", lane=f"x{n}") for n in range(5)))
        await pass_time(storage, outbox, clock, "a", attempts=1)
        await settled(storage, outbox)
    assert vendor.arrived.count("a") == 1
    assert sorted(vendor.arrived) == ["a", "b", "x0", "x1", "x2", "x3", "x4"]
    assert worked
    assert (await state(storage, outbox, "a")).ref == "2"


async def test_nothing_is_tried_for_ever(storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock) -> None:
    vendor.order("a", *(TemporaryFailure(f"down {number}") for number in range(3)))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a"))
        await pass_time(storage, outbox, clock, "a", attempts=1, seconds=23 * 3600)
        await pass_time(storage, outbox, clock, "a", attempts=2, seconds=2 * 3600)
        await settled(storage, outbox)
    assert vendor.buried_jobs == [("a", FailureReason.EXPIRED, "down 2")]


async def test_what_became_too_old_is_buried_and_not_sent(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    await add(storage, outbox, job("a", expires_at=clock() + timedelta(minutes=5)), job("b"))
    clock.advance(301)
    async with working(storage, outbox, vendor):
        await settled(storage, outbox)
        assert vendor.arrived == ["b"]
        assert [one[:2] for one in vendor.buried_jobs] == [("a", FailureReason.EXPIRED)]
        assert await storage.write(lambda connection: outbox.retry(connection, "a")), "A person wants it all the same"
        await settled(storage, outbox)
    assert vendor.arrived == ["b", "a"]


async def test_a_retried_job_goes_before_what_was_added_later(
    storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock
) -> None:
    vendor.order("a", PermanentFailure("no"))
    hold = clock() + timedelta(seconds=60)
    await add(storage, outbox, job("a"), job("b", not_before=hold), job("c"))
    async with working(storage, outbox, vendor):
        await until_state(storage, outbox, "a", lambda found: found.status is Status.DEAD)
        assert not await storage.write(lambda connection: outbox.retry(connection, "b"))
        dead = await storage.read(lambda connection: outbox.dead(connection, 10))
        assert [(one.job.key, one.job.payload, one.sentence) for one in dead] == [("a", {"text": "a"}, "no")]
        assert await storage.write(lambda connection: outbox.retry(connection, "a"))
        await until(lambda: vendor.arrived == ["a"])
        clock.advance(61)
        outbox.changed.set()
        await settled(storage, outbox)
    assert vendor.arrived == ["a", "b", "c"]


async def test_a_person_can_give_up_on_jobs(storage: Storage, outbox: Outbox, vendor: Vendor, clock: Clock) -> None:
    await add(storage, outbox, job("a"), job("b"))
    assert await storage.write(lambda connection: outbox.bury(connection, "a", FailureReason.POLICY, "Not needed"))
    assert not await storage.write(lambda connection: outbox.bury(connection, "a", FailureReason.POLICY))
    async with working(storage, outbox, vendor):
        await settled(storage, outbox)
    assert vendor.arrived == ["b"]
    assert (await storage.read(outbox.stats)).dead == 1
    assert await storage.write(lambda connection: outbox.discard(connection, "a"))
    assert not await storage.write(lambda connection: outbox.discard(connection, "b"))
    assert (await storage.read(outbox.stats)).dead == 0


async def test_a_missing_destination_holds_its_lane_alone(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    vendor.order("a", DestinationUnavailable("The room is archived"), DestinationUnavailable("Still archived"))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("a", lane="out:1"), job("b", lane="out:1"), job("c", lane="out:12"))
        await until(lambda: vendor.held_jobs == [("a", "The room is archived")] and "c" in vendor.arrived)
        await until_paused(storage, outbox, 1)
        await add(storage, outbox, job("d", lane="out:1"))
        (paused,) = await storage.read(outbox.paused)
        assert (paused.lane, paused.reason, paused.jobs) == ("out:1", "The room is archived", 3)
        assert await storage.write(lambda connection: outbox.resume(connection, lane_prefix="out:1")) >= 1
        await until(lambda: len(vendor.held_jobs) == 2)
        await until_paused(storage, outbox, 1)
        assert await storage.write(lambda connection: outbox.resume(connection, lane_prefix="out:1")) >= 1
        await settled(storage, outbox)
    assert vendor.arrived == ["c", "a", "b", "d"]
    assert vendor.buried_jobs == []


async def test_rejected_credentials_hold_the_whole_scope_and_report_once(
    storage: Storage, outbox: Outbox, vendor: Vendor
) -> None:
    for key in ("a1", "a2", "a3"):
        vendor.order(key, CredentialsRejected("The token was revoked"))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, *(job(f"a{n}", lane=f"a{n}") for n in (1, 2, 3)), job("b", lane="b", scope="b"))
        await until(lambda: "b" in vendor.arrived and bool(vendor.held_jobs))
        await until_paused(storage, outbox, 3)
        await add(storage, outbox, job("a4", lane="a4"))
        (paused,) = await storage.read(outbox.paused)
        assert (paused.scope, paused.jobs) == ("a", 4)
        assert len(vendor.held_jobs) == 1
        calls = len(vendor.calls)
        assert await storage.write(lambda connection: outbox.resume(connection, scope="a")) == 4
        assert await storage.write(lambda connection: outbox.resume(connection, scope="a")) == 0
        await until(lambda: len(vendor.calls) > calls)
        for _ in range(3):
            await storage.write(lambda connection: outbox.resume(connection, scope="a"))
        await until_resumed(storage, outbox)
    assert sorted(vendor.arrived) == ["a1", "a2", "a3", "a4", "b"]


async def until_paused(storage: Storage, outbox: Outbox, lanes: int) -> None:
    async with asyncio.timeout(10):
        while True:
            stats = await storage.read(outbox.stats)
            if stats.paused >= lanes and not stats.leased:
                return
            await asyncio.sleep(0.005)


async def until_resumed(storage: Storage, outbox: Outbox) -> None:
    """Each lane may run into the same refusal once more; the person resumes until none is left."""
    async with asyncio.timeout(10):
        while (await storage.read(outbox.stats)).queued:
            await storage.write(lambda connection: outbox.resume(connection, scope="a"))
            await asyncio.sleep(0.005)


async def test_pauses_overlap_without_forgetting_each_other(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    await add(storage, outbox, job("a", lane="in:a:1"))
    assert await storage.write(lambda c: outbox.pause(c, scope="a", reason="revoked")) == 1
    assert await storage.write(lambda c: outbox.pause(c, scope="a", reason="again")) == 0
    assert await storage.write(lambda c: outbox.pause(c, lane_prefix="in:", reason="maintenance")) == 1
    assert await storage.write(lambda c: outbox.pause(c, scope="nobody", reason="early")) == 1
    assert {one.reason for one in await storage.read(outbox.paused)} == {"revoked", "maintenance", "early"}
    with pytest.raises(ValueError, match="either a scope or a lane prefix"):
        await storage.write(lambda c: outbox.pause(c, reason="what?"))
    async with working(storage, outbox, vendor):
        await add(storage, outbox, job("b", lane="in:b:1", scope="b"), job("c", lane="out:b:1", scope="b"))
        await until(lambda: vendor.arrived == ["c"])
        assert await storage.write(lambda c: outbox.resume(c, scope="a")) == 1
        await add(storage, outbox, job("d", lane="out:a:1"))
        await until(lambda: vendor.arrived == ["c", "d"])
        assert await storage.write(lambda c: outbox.resume(c, lane_prefix="in:")) == 2
        await settled(storage, outbox)
    assert sorted(vendor.arrived) == ["a", "b", "c", "d"]


async def test_nobody_knows_the_op(storage: Storage, outbox: Outbox, vendor: Vendor) -> None:
    """A replica of the next version has added it: it waits for one that knows it."""
    async with working(storage, outbox, vendor):
        strange = job("a")
        await add(storage, outbox, type(strange)(key="a", op="new", payload={}, lane="l", scope="a"))
        found = await until_state(storage, outbox, "a", lambda found: found.attempts == 1)
    assert found.status is Status.QUEUED
    assert "'new'" in found.sentence


def test_pauses_between_tries_grow_and_scatter() -> None:
    chance = random.Random(7)
    for attempts, base in ((1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (500, 300)):
        pauses = [back_off(attempts, chance).total_seconds() for _ in range(300)]
        assert base * 0.5 <= min(pauses) < base * 0.6
        assert base * 1.4 < max(pauses) <= base * 1.5


def test_a_vendors_wish_is_believed_within_reason() -> None:
    chance = random.Random(7)
    assert 1.0 <= clamp(0, chance).total_seconds() <= 1.1
    assert 30.0 <= clamp(30, chance).total_seconds() <= 33.0
    assert 3600 <= clamp(10**9, chance).total_seconds() <= 3960


async def test_a_worker_refuses_settings_that_would_break_its_promises(storage: Storage, outbox: Outbox) -> None:
    with pytest.raises(ValueError, match="shorter than the lease"):
        Worker(storage, outbox, {}, send_timeout=15, lease=15)
    with pytest.raises(ValueError, match="at least 8"):
        Worker(storage, outbox, {}, keep=timedelta(days=7))
