"""Several processes on one PostgreSQL: they wake each other, and take over from each other when one dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from core.outbox import wakeup
from core.outbox.outcomes import Released
from core.outbox.repository import Outbox
from core.storage.storage import Storage, metadata
from tests.core.engine import (
    Hands,
    Vendor,
    add,
    job,
    sent,
    settled,
    until,
    working,
)
from tests.fixtures.postgres import PostgresServer


@pytest.mark.postgres
async def test_two_workers_never_send_one_job(postgres_url: str, vendor: Vendor) -> None:
    async with Storage(postgres_url) as here, Storage(postgres_url) as there:
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
