"""The embedded store: one thread owns the only writing connection, a few others read."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog
from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event

from core.storage.errors import StorageUnavailable, as_unavailable
from core.storage.group import BATCH, Group, Unit
from core.storage.metrics import StorageMetrics
from core.storage.types import dumps

T = TypeVar("T")
logger = structlog.get_logger()

#: Readers never wait for the writer in WAL mode; more of them would only wait for the interpreter.
READERS = 4
#: How long another process (the command line) may hold the write lock before we give up.
BUSY_MS = 5000


def make_engine(url: URL, *, begin: str = "BEGIN IMMEDIATE", read_only: bool = False, pool_size: int = 1) -> Engine:
    """An engine whose transactions begin as told; SQLAlchemy and sqlite3 would leave the beginning to chance."""
    if url.database in (None, "", ":memory:"):
        raise ValueError(f"{url!s} is not a file: several threads share the database, use sqlite:////path/to/file.db")
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        json_serializer=dumps,
        connect_args={
            "isolation_level": None,
            "check_same_thread": False,
            "timeout": BUSY_MS / 1000,
            "cached_statements": 512,
        },
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -8000")
        # A long read keeps the log growing; this gives the disk back afterwards.
        connection.execute(f"PRAGMA journal_size_limit = {64 * 1024 * 1024}")
        if read_only:
            connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


class SqliteStore:
    """Opened and closed by `Storage`."""

    def __init__(self, url: URL, metrics: StorageMetrics, settled: Callable[[int], None]) -> None:
        self._url = url
        self._metrics = metrics
        self._settled = settled
        self._units: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop
        self._reading: ThreadPoolExecutor
        self._readers: Engine
        self._writer: Engine
        self._broken = False

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._writer = make_engine(self._url)
        self._readers = make_engine(self._url, begin="BEGIN DEFERRED", read_only=True, pool_size=READERS)
        try:
            await asyncio.to_thread(self._try)
        except Exception as error:
            raise as_unavailable(error) from error
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="storage-read")
        self._thread = threading.Thread(target=self._run, name="storage-write", daemon=True)
        self._thread.start()

    def _try(self) -> None:
        with self._writer.begin() as connection:
            connection.exec_driver_sql("SELECT 1")

    async def close(self) -> None:
        self._units.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        self._reading.shutdown(wait=True)
        self._writer.dispose()
        self._readers.dispose()

    @property
    def healthy(self) -> bool:
        return self._thread is not None and self._thread.is_alive() and not self._broken

    def submit(self, unit: Unit, own: bool) -> None:
        if self._thread is None or not self._thread.is_alive():
            raise StorageUnavailable("The writer of the database is not running")
        self._units.put(unit)

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self._loop.run_in_executor(self._reading, self._read, work)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._readers.connect() as connection, connection.begin():
            return work(connection)

    def _run(self) -> None:
        connection: Connection | None = None
        stopping = False
        while not stopping:
            first = self._units.get()
            if first is None:
                break
            units = [first]
            while len(units) < BATCH:
                try:
                    unit = self._units.get_nowait()
                except queue.Empty:
                    break
                if unit is None:
                    stopping = True
                    break
                units.append(unit)
            started = time.perf_counter()
            try:
                if connection is None:
                    connection = self._writer.connect()
                Group(units).run(connection)
                self._broken = False
            except BaseException as error:
                # Whatever it was, this thread lives on: a dead writer would leave every later caller waiting.
                unavailable = as_unavailable(error)
                if not self._broken:
                    logger.error("The database cannot be written", action="storage_failed", error=str(unavailable))
                self._broken = True
                self._metrics.failures.labels("unavailable").inc()
                for unit in units:
                    unit.fail(unavailable)
                if connection is not None:
                    with contextlib.suppress(Exception):
                        connection.invalidate()
                        connection.close()
                    connection = None
            self._metrics.commit_seconds.observe(time.perf_counter() - started)
            self._metrics.commit_units.observe(len(units))
            self._loop.call_soon_threadsafe(self._settle, units)
        if connection is not None:
            connection.close()

    def _settle(self, units: list[Unit]) -> None:
        self._settled(len(units))
        for unit in units:
            unit.settle()
