"""The shared store: PostgreSQL through asyncpg, with one committer for the callers and one for the worker."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import asyncpg
import structlog
from sqlalchemy import URL, Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from core.storage.errors import StorageUnavailable, as_unavailable, is_clash, is_trouble
from core.storage.group import BATCH, Group, Unit
from core.storage.metrics import StorageMetrics
from core.storage.types import dumps

T = TypeVar("T")
logger = structlog.get_logger()

READERS = 4
#: How often a group is run again after a deadlock or serialization failure, before each unit is tried alone.
CLASHES = 5

SERVER_SETTINGS = {
    "application_name": "threadbridge",
    "jit": "off",
    # Accepted means stored, whatever the server's default is.
    "synchronous_commit": "on",
    "statement_timeout": "30000",
    "idle_in_transaction_session_timeout": "60000",
}


def make_engine(url: URL, *, read_only: bool = False, **options: Any) -> AsyncEngine:
    settings = SERVER_SETTINGS | ({"default_transaction_read_only": "on"} if read_only else {})
    return create_async_engine(
        url.set(drivername="postgresql+asyncpg"),
        json_serializer=dumps,
        isolation_level="REPEATABLE READ" if read_only else "READ COMMITTED",
        connect_args={
            "server_settings": settings,
            "timeout": 5,
            "command_timeout": 60,
            "prepared_statement_cache_size": 500,
        },
        **options,
    )


async def connect(url: URL) -> asyncpg.Connection[Any]:
    """A connection below SQLAlchemy, for listening: it is held for ever and belongs to no pool."""
    engine = create_async_engine(url.set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    _, options = engine.dialect.create_connect_args(engine.url)
    return await asyncpg.connect(**options, timeout=5, server_settings={"application_name": "threadbridge listener"})


class Committer:
    """One connection and the units that wait for it."""

    def __init__(self, engine: AsyncEngine, metrics: StorageMetrics, settled: Callable[[int], None], own: bool) -> None:
        self._engine = engine
        self._metrics = metrics
        self._settled = settled
        #: Each unit has its own transaction.
        self._own = own
        self._units: deque[Unit] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._connection: AsyncConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self.broken = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="storage-write")

    @property
    def alive(self) -> bool:
        return self._task is not None and not self._task.done()

    def submit(self, unit: Unit) -> None:
        if not self.alive or self._closing:
            raise StorageUnavailable("The writer of the database is not running")
        self._units.append(unit)
        self._wake.set()

    async def close(self) -> None:
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        units: list[Unit] = []
        try:
            while True:
                while not self._units:
                    if self._closing:
                        return
                    self._wake.clear()
                    await self._wake.wait()
                limit = 1 if self._own else BATCH
                units = [self._units.popleft() for _ in range(min(limit, len(self._units)))]
                # Everyone takes its row locks in the same order, or replicas would wait for each other in a ring.
                units.sort(key=lambda unit: unit.order)
                await self._commit(units)
                units = []
        finally:
            await self._drop()
            for unit in [*units, *self._units]:
                unit.fail(StorageUnavailable("The writer of the database has stopped"))
                unit.settle()

    async def _commit(self, units: list[Unit]) -> None:
        started = time.perf_counter()
        try:
            await self._attempt(units)
            self.broken = False
        except Exception as error:
            unavailable = as_unavailable(error)
            if not self.broken:
                logger.error("The database cannot be written", action="storage_failed", error=str(unavailable))
            self.broken = True
            self._metrics.failures.labels("unavailable").inc()
            for unit in units:
                unit.fail(unavailable)
            await self._drop()
        self._metrics.commit_seconds.observe(time.perf_counter() - started)
        self._metrics.commit_units.observe(len(units))
        self._settled(len(units))
        for unit in units:
            unit.settle()

    async def _attempt(self, units: list[Unit]) -> None:
        clashes = 0
        lost = False
        while True:
            group = Group(units)
            try:
                if self._connection is None:
                    self._connection = await self._engine.connect()
                await self._connection.run_sync(group.run)
                return
            except Exception as error:
                if is_clash(error) and clashes < CLASHES:
                    clashes += 1
                    self._metrics.failures.labels("clash").inc()
                    await asyncio.sleep(random.uniform(0, 0.005 * 2**clashes))
                    continue
                if is_clash(error) and len(units) > 1:
                    for unit in units:
                        await self._attempt([unit])
                    return
                # An old connection may have died long ago: try a new one, unless the commit was already on its way.
                if is_trouble(error) and not lost and not group.committing:
                    lost = True
                    await self._drop()
                    continue
                raise

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.invalidate()
            with contextlib.suppress(Exception):
                await connection.close()


class PostgresStore:
    """Opened and closed by `Storage`."""

    def __init__(self, url: URL, metrics: StorageMetrics, settled: Callable[[int], None]) -> None:
        self._url = url
        self._metrics = metrics
        self._settled = settled
        self._opened = False

    async def open(self) -> None:
        self._engine = make_engine(self._url, poolclass=NullPool)
        self._readers = make_engine(self._url, read_only=True, pool_size=READERS, max_overflow=0, pool_timeout=10)
        try:
            async with self._engine.connect() as connection:
                await connection.run_sync(lambda sync: sync.exec_driver_sql("SELECT 1"))
        except Exception as error:
            raise as_unavailable(error) from error
        self._shared = Committer(self._engine, self._metrics, self._settled, own=False)
        self._worker = Committer(self._engine, self._metrics, self._settled, own=True)
        self._shared.start()
        self._worker.start()
        self._opened = True

    async def close(self) -> None:
        await self._shared.close()
        await self._worker.close()
        await self._engine.dispose()
        await self._readers.dispose()

    @property
    def healthy(self) -> bool:
        return self._opened and all(
            committer.alive and not committer.broken for committer in (self._shared, self._worker)
        )

    def submit(self, unit: Unit, own: bool) -> None:
        (self._worker if own else self._shared).submit(unit)

    async def read(self, work: Callable[[Connection], T]) -> T:
        for last in (False, True):
            try:
                async with self._readers.connect() as connection:
                    return await connection.run_sync(work)
            except Exception as error:
                # A dropped connection is found out by using it; a read may simply be made again.
                if not is_trouble(error):
                    raise
                if last:
                    raise as_unavailable(error) from error
        raise AssertionError("unreachable")
