"""The store keeps its promises on SQLite and PostgreSQL alike."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import Column, Connection, MetaData, String, Table, func, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from core.storage.clock import SteadyClock
from core.storage.errors import Overloaded, StorageUnavailable
from core.storage.ids import new_id
from core.storage.storage import Id, Json, Moment, Storage, insert
from tests.core.engine import until
from tests.fixtures.postgres import PostgresServer

things = Table(
    "things",
    MetaData(),
    Column("id", Id, primary_key=True),
    Column("name", String, unique=True),
    Column("at", Moment),
    Column("data", Json),
)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Storage]:
    async with Storage(database_url) as opened:
        await opened.write(things.metadata.create_all)
        yield opened


def put(name: str, **more: Any) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        connection.execute(insert(connection, things), {"id": new_id(), "name": name, **more})

    return work


async def names(store: Storage) -> list[str]:
    return await store.read(
        lambda connection: list(connection.execute(select(things.c.name).order_by(things.c.name)).scalars())
    )


def sample(store: Storage, metric: str, **labels: str) -> float:
    for family in (store.metrics.commit_units, store.metrics.failures, store.metrics.waiting):
        for found in next(iter(family.collect())).samples:
            if found.name == metric and found.labels == labels:
                return found.value
    return 0.0


async def test_values_come_back_as_they_went_in(store: Storage) -> None:
    moment = datetime(2026, 3, 29, 2, 30, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    data = {"text": "Grüße 👋🏽\n\"'", "list": [1, None, {"a": True}], "empty": {}}
    made = new_id()
    await store.write(
        lambda connection: connection.execute(
            insert(connection, things), {"id": made, "name": "x", "at": moment, "data": data}
        )
    )
    row = await store.read(lambda connection: connection.execute(select(things)).one())
    assert row.id == made
    assert type(row.id) is UUID
    assert row.at == moment
    assert row.at.tzinfo is UTC
    assert row.data == data
    assert row.data["list"][2]["a"] is True


async def test_nothing_is_null_and_not_the_word(store: Storage) -> None:
    await store.write(put("x", data=None, at=None))
    count = select(func.count()).select_from(things).where(things.c.data.is_(None), things.c.at.is_(None))
    assert await store.read(lambda connection: connection.execute(count).scalar_one()) == 1


async def test_text_no_store_accepts_is_kept_readable(store: Storage) -> None:
    await store.write(put("x", data={"nul\0": ["a\0b", "\ud800"], "plain": "\\u0000"}))
    kept = await store.read(lambda connection: connection.execute(select(things.c.data)).scalar_one())
    assert kept["plain"] == "\\u0000"
    assert kept["nul\ufffd"][0] == "a\ufffdb"
    assert "\ud800" not in kept["nul\ufffd"][1]


async def test_moments_sort_and_compare_as_moments(store: Storage) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    offsets = [timedelta(0), timedelta(microseconds=1), timedelta(seconds=1), timedelta(days=400)]
    for number, offset in enumerate(reversed(offsets)):
        await store.write(put(str(number), at=start + offset))
    ordered = await store.read(
        lambda connection: list(connection.execute(select(things.c.at).order_by(things.c.at)).scalars())
    )
    assert ordered == [start + offset for offset in offsets]
    later = select(things.c.name).where(things.c.at > start + timedelta(microseconds=1))
    assert len(await store.read(lambda connection: connection.execute(later).all())) == 2


async def test_a_moment_without_a_zone_is_refused(store: Storage) -> None:
    with pytest.raises(StatementError, match="has no time zone"):
        await store.write(put("x", at=datetime(2026, 1, 1)))  # noqa: DTZ001


async def test_what_waits_is_committed_together(store: Storage) -> None:
    before = sample(store, "threadbridge_storage_commit_units_count")
    results = await asyncio.gather(*(store.write(put(f"{number:03}")) for number in range(300)))
    assert results == [None] * 300
    assert await names(store) == [f"{number:03}" for number in range(300)]
    assert sample(store, "threadbridge_storage_commit_units_count") - before < 30
    assert sample(store, "threadbridge_storage_waiting") == 0


async def test_a_bad_unit_fails_alone(store: Storage) -> None:
    await store.write(put("taken"))
    ran: list[str] = []

    def noted(name: str) -> Callable[[Connection], str]:
        def work(connection: Connection) -> str:
            store.after_commit(connection, lambda: ran.append(name))
            put(name)(connection)
            if name == "bug":
                raise LookupError("a bug")
            return name

        return work

    wanted = ["a", "taken", "b", "bug", "c"]
    results = await asyncio.gather(*(store.write(noted(name)) for name in wanted), return_exceptions=True)
    assert [type(result) for result in results] == [str, IntegrityError, str, LookupError, str]
    assert await names(store) == ["a", "b", "c", "taken"]
    assert sorted(ran) == ["a", "b", "c"], "A callback runs once, and only after its own commit"


async def test_callbacks_run_on_the_loop_after_the_commit(store: Storage) -> None:
    threads: list[threading.Thread] = []

    def work(connection: Connection) -> None:
        put("x")(connection)
        store.after_commit(connection, lambda: threads.append(threading.current_thread()))
        assert not threads

    await store.write(work)
    assert threads == [threading.current_thread()]


async def test_a_callback_that_fails_harms_nobody(store: Storage) -> None:
    def work(connection: Connection) -> str:
        store.after_commit(connection, lambda: 1 / 0)  # type: ignore[arg-type]
        return "done"

    assert await store.write(work) == "done"
    await store.write(put("x"))


async def test_two_first_writers_make_one_row(store: Storage) -> None:
    def upsert(number: int) -> Callable[[Connection], UUID]:
        def work(connection: Connection) -> UUID:
            statement = insert(connection, things).values(id=new_id(), name="same", data={"number": number})
            settled = statement.on_conflict_do_update(
                index_elements=[things.c.name], set_={"data": statement.excluded.data}
            ).returning(things.c.id)
            found: UUID = connection.execute(settled).scalar_one()
            return found

        return work

    assert len(set(await asyncio.gather(*(store.write(upsert(number)) for number in range(20))))) == 1


async def test_too_much_waiting_is_refused(database_url: str) -> None:
    async with Storage(database_url, max_waiting=5) as store:
        await store.write(things.metadata.create_all)
        results = await asyncio.gather(*(store.write(put(str(number))) for number in range(8)), return_exceptions=True)
        assert [type(result) for result in results[5:]] == [Overloaded] * 3
        assert results[:5] == [None] * 5
        await store.write(put("later"))


async def test_reads_see_commits_and_cannot_write(store: Storage) -> None:
    await store.write(put("x"))
    assert await names(store) == ["x"]
    with pytest.raises((StorageUnavailable, DBAPIError)):
        await store.read(put("y"))
    with pytest.raises(RuntimeError, match="only reads"):
        await store.read(lambda connection: store.after_commit(connection, lambda: None))
    assert await names(store) == ["x"]


async def test_a_read_does_not_wait_for_a_writer(store: Storage) -> None:
    await store.write(put("x"))
    entered, leave = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(connection: Connection) -> None:
        put("y")(connection)
        loop.call_soon_threadsafe(entered.set)
        if not store.shared:
            assert leave.wait(10)

    writing = asyncio.create_task(store.write(slow))
    await asyncio.wait_for(entered.wait(), 5)
    assert "x" in await asyncio.wait_for(names(store), 5)
    leave.set()
    await writing


async def test_what_was_given_before_closing_is_kept(database_url: str) -> None:
    async with Storage(database_url) as store:
        await store.write(things.metadata.create_all)
        given = [asyncio.create_task(store.write(put(str(number)))) for number in range(50)]
        await asyncio.sleep(0)
    await asyncio.gather(*given)
    with pytest.raises(StorageUnavailable):
        await store.write(put("late"))
    async with Storage(database_url) as store:
        assert len(await names(store)) == 50


async def test_a_caller_that_gives_up_disturbs_nobody(store: Storage) -> None:
    impatient = asyncio.create_task(store.write(put("x")))
    await asyncio.sleep(0)
    impatient.cancel()
    await store.write(put("y"))
    assert "y" in await names(store)
    assert store.healthy


async def test_the_time_is_aware_and_recent(store: Storage) -> None:
    now = await store.write(store.now)
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


async def test_a_full_disk_refuses_and_then_resumes(tmp_path: Path) -> None:
    async with Storage(f"sqlite:///{tmp_path}/full.db") as store:
        await store.write(things.metadata.create_all)
        # The file may not grow any more, which SQLite reports exactly as a full disk.
        await store.write(lambda connection: connection.execute(text("PRAGMA max_page_count = 1")).all())
        big = {"text": "x" * 200_000}
        results = await asyncio.gather(
            *(store.write(put(str(number), data=big)) for number in range(3)), return_exceptions=True
        )
        assert [type(result) for result in results] == [StorageUnavailable] * 3
        assert "full" in str(results[0])
        assert not store.healthy
        assert await names(store) == []
        # The writer's connection is new by now, so the limit is gone: the disk has room again.
        await store.write(put("after", data=big))
        assert await names(store) == ["after"]
        assert store.healthy


async def test_only_files_and_servers_can_be_stores() -> None:
    with pytest.raises(ValueError, match="'mysql' is not supported"):
        Storage("mysql://localhost/x")
    with pytest.raises(ValueError, match="is not a file"):
        async with Storage("sqlite://"):
            pass


async def test_a_store_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="unable to open"):
        async with Storage(f"sqlite:///{tmp_path}/missing/folder/x.db"):
            pass
    with pytest.raises(StorageUnavailable):
        async with Storage(f"postgresql://postgres@/x?host={tmp_path}"):
            pass


@pytest.mark.postgres
async def test_dropped_connections_are_replaced(postgres_url: str, postgres_server: PostgresServer) -> None:
    name = postgres_url.rsplit("/", 1)[1].split("?")[0]
    async with Storage(postgres_url) as store:
        await store.write(things.metadata.create_all)
        for number in range(3):
            await names(store)
            await postgres_server.execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )
            await asyncio.gather(*(store.write(put(f"{number}-{one}")) for one in range(10)))
            assert len(await names(store)) == 10 * (number + 1)
        assert store.healthy


@pytest.mark.postgres
async def test_a_deadlock_is_tried_again(postgres_url: str) -> None:
    async with Storage(postgres_url) as one, Storage(postgres_url) as two:
        await one.write(things.metadata.create_all)
        await asyncio.gather(one.write(put("a")), one.write(put("b")))
        connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
        try:
            # Both units stop between their two updates until each holds one of the rows.
            await connection.execute("SELECT pg_advisory_lock(1)")

            def crossing(first: str, second: str) -> Callable[[Connection], None]:
                def work(connection: Connection) -> None:
                    connection.execute(text("SET LOCAL deadlock_timeout = '20ms'"))
                    connection.execute(update(things).where(things.c.name == first).values(data={"by": first}))
                    connection.execute(text("SELECT pg_advisory_xact_lock_shared(1)"))
                    connection.execute(update(things).where(things.c.name == second).values(data={"by": first}))

                return work

            both = asyncio.gather(one.write(crossing("a", "b")), two.write(crossing("b", "a")))
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            async with asyncio.timeout(10):
                while await connection.fetchval(waiting) < 2:
                    pass
            await connection.execute("SELECT pg_advisory_unlock(1)")
            await asyncio.wait_for(both, 20)
        finally:
            await connection.close()
        clashes = [sample(store, "threadbridge_storage_failures_total", kind="clash") for store in (one, two)]
        assert sum(clashes) >= 1
        data = await one.read(lambda connection: list(connection.execute(select(things.c.data)).scalars()))
        assert data[0] == data[1]


def test_ids_grow_with_time_even_across_threads() -> None:
    made: list[list[UUID]] = [[] for _ in range(4)]

    def make(mine: list[UUID]) -> None:
        mine.extend(new_id() for _ in range(2000))

    threads = [threading.Thread(target=make, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(mine == sorted(mine) for mine in made)
    every = {one for mine in made for one in mine}
    assert len(every) == 8000
    assert {one.version for one in every} == {7}
    stamp = datetime.fromtimestamp((new_id().int >> 80) / 1000, UTC)
    assert abs(stamp - datetime.now(UTC)) < timedelta(seconds=30)


def test_a_clock_that_is_set_back_does_not_take_us_along() -> None:
    ticks = 0.0
    clock = SteadyClock(lambda: ticks)
    wall = datetime(2026, 1, 1, tzinfo=UTC)
    start = clock.now(lambda: wall)
    ticks = 2.0
    assert clock.now(lambda: wall - timedelta(hours=1)) == start + timedelta(seconds=2)
    ticks = 2.5
    assert clock.now(lambda: wall) == start + timedelta(seconds=2.5), "Between two looks the machine's clock carries on"
    ticks = 4.0
    assert clock.now(lambda: wall + timedelta(hours=1)) == start + timedelta(hours=1)


async def test_an_unfinished_write_keeps_others_waiting_only_as_long(store: Storage) -> None:
    """Supervision: whatever a unit raises, the writer lives on."""

    def worst(connection: Connection) -> None:
        raise KeyError("x")

    for _ in range(3):
        with pytest.raises(KeyError):
            await store.write(worst)
    await store.write(put("y"))
    await until(lambda: store.healthy)
