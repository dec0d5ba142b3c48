"""The one way to the database: short units of work, written in groups and read without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar

from prometheus_client import CollectorRegistry
from sqlalchemy import URL, Connection, func, make_url, select

from core.storage.base import metadata
from core.storage.clock import SteadyClock
from core.storage.errors import Overloaded, StorageError, StorageUnavailable, as_unavailable, is_trouble
from core.storage.group import Unit, book_of
from core.storage.ids import new_id
from core.storage.metrics import StorageMetrics
from core.storage.postgres import PostgresStore
from core.storage.sqlite import SqliteStore
from core.storage.statements import insert
from core.storage.types import Id, Json, Moment

__all__ = [
    "Id",
    "Json",
    "Moment",
    "Overloaded",
    "Storage",
    "StorageError",
    "StorageUnavailable",
    "insert",
    "metadata",
    "new_id",
]

T = TypeVar("T")


class Storage:
    """A SQLite file or a PostgreSQL database. Opens nothing until it is entered.

    `clock` replaces the database's clock, for tests.
    """

    def __init__(
        self,
        url: str,
        *,
        max_waiting: int = 10_000,
        registry: CollectorRegistry | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.url: URL = make_url(url)
        self.metrics = StorageMetrics(registry or CollectorRegistry())
        self._max_waiting = max_waiting
        self._waiting = 0
        self._clock = clock
        self._steady = SteadyClock()
        backend = self.url.get_backend_name()
        if backend == "sqlite":
            self._store: SqliteStore | PostgresStore = SqliteStore(self.url, self.metrics, self._settled)
        elif backend == "postgresql":
            self._store = PostgresStore(self.url, self.metrics, self._settled)
        else:
            raise ValueError(f"Database '{backend}' is not supported: use sqlite:////path/file.db or postgresql://...")
        self._open = False

    @property
    def shared(self) -> bool:
        """Whether other processes may work on it beside us: PostgreSQL."""
        return isinstance(self._store, PostgresStore)

    async def __aenter__(self) -> Self:
        await self._store.open()
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """What was given before is still written."""
        self._open = False
        await self._store.close()

    @property
    def healthy(self) -> bool:
        """False while nothing can be written."""
        return self._open and self._store.healthy

    async def write(self, work: Callable[[Connection], T], *, order: str = "", own: bool = False) -> T:
        """Runs `work` in a transaction and returns its result after the commit, durably.

        Everything that waits shares one transaction, so `work` may be run again from its start when a neighbour failed
        or two transactions clashed: it must leave nothing behind but rows, and use `after_commit` for the rest. It runs
        in another thread on SQLite. Its exception is raised here, and undoes this unit alone.

        `order`: units of a group run in the order of this text; give the first lane's key where several replicas add
        jobs, so that they lock lanes in the same order. `own`: a transaction of its own where the store has several.

        Raises: Overloaded, StorageUnavailable.
        """
        if not self._open:
            raise StorageUnavailable("The database is closed")
        if self._waiting >= self._max_waiting:
            self.metrics.failures.labels("overloaded").inc()
            raise Overloaded(f"{self._waiting} units of work wait for the database already")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._store.submit(Unit(work, order, future), own)
        self._waiting += 1
        self.metrics.waiting.set(self._waiting)
        return await future

    def _settled(self, units: int) -> None:
        self._waiting -= units
        self.metrics.waiting.set(self._waiting)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` on one consistent snapshot, without waiting for writers. It must not write.

        Raises: StorageUnavailable.
        """
        if not self._open:
            raise StorageUnavailable("The database is closed")
        try:
            return await self._store.read(work)
        except Exception as error:
            if is_trouble(error):
                raise as_unavailable(error) from error
            raise

    def after_commit(self, connection: Connection, callback: Callable[[], None]) -> None:
        """Runs `callback` on the event loop once this unit is committed; never if it is rolled back."""
        book_of(connection).callbacks.append(callback)

    def before_commit(self, connection: Connection, name: str, hook: Callable[[Connection], None]) -> None:
        """Runs `hook` once at the end of the transaction, however many of its units ask for that name."""
        book_of(connection).before_commit[name] = hook

    def now(self, connection: Connection) -> datetime:
        """The database's clock; within a process it never runs backwards."""
        if self._clock is not None:
            return self._clock()
        if connection.dialect.name == "sqlite":
            return self._steady.now(_machine_time)
        return self._steady.now(lambda: _database_time(connection))


def _machine_time() -> datetime:
    return datetime.now(UTC)


def _database_time(connection: Connection) -> datetime:
    moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return moment
