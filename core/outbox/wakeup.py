"""How workers of several replicas hear of new work and of each other's death, and how one file keeps to one worker."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
import structlog
from sqlalchemy import URL, Connection, text

from core.storage import postgres
from core.storage.errors import CONNECTION_LOST

logger = structlog.get_logger()

CHANNEL = "outbox"
#: First key of our advisory locks; the second is the worker's number.
LOCK_SPACE = 0x7B0B
#: A worker that lost its lock has this long to take it again before it must stop sending, in seconds ...
GRACE = 0.7
#: ... and the others wait this long before they believe that it is dead.
MOURNING = 1.0


class AlreadyRunning(RuntimeError):
    """Another process works on this database file."""


class FileLock:
    """Held while the worker of an embedded database runs; the operating system lets it go if the process dies."""

    def __init__(self, database: str) -> None:
        self._path = Path(f"{database}.lock")
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise AlreadyRunning(
                f"Process {holder} already works on this database ({self._path} is locked): "
                "stop it first, or use PostgreSQL for several processes"
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Listener:
    """A connection of its own that hears NOTIFY and, by its advisory lock, proves that this worker lives."""

    def __init__(
        self,
        url: URL,
        owner: int,
        *,
        heard: Callable[[], None],
        connected: Callable[[], Awaitable[None]],
        orphaned: Callable[[], None],
    ) -> None:
        self._url = url
        self._owner = owner
        self._heard = heard
        self._connected = connected
        #: Called if the lock stays lost: what is being sent may be taken for dead by others.
        self._orphaned = orphaned
        self.up = False

    async def run(self) -> None:
        """Until cancelled; connects again for ever."""
        pause = 0.05
        alarm: asyncio.TimerHandle | None = None
        loop = asyncio.get_running_loop()
        while True:
            connection: asyncpg.Connection[Any] | None = None
            try:
                connection = await postgres.connect(self._url)
                gone = asyncio.Event()
                connection.add_termination_listener(lambda _, gone=gone: gone.set())
                await connection.execute("SET idle_session_timeout = 0")
                await connection.execute("SELECT pg_advisory_lock($1, $2)", LOCK_SPACE, self._owner)
                await connection.add_listener(CHANNEL, lambda *_: self._heard())
                if alarm is not None:
                    alarm.cancel()
                if not self.up:
                    logger.info("Listening for work", action="listener_up", worker=self._owner)
                self.up, pause = True, 0.05
                await self._connected()
                await gone.wait()
            except CONNECTION_LOST as error:
                if self.up:
                    logger.warning("Not listening for work", action="listener_down", error=str(error))
            except asyncpg.PostgresError as error:
                logger.warning("Not listening for work", action="listener_down", error=str(error))
            finally:
                if connection is not None:
                    connection.terminate()
            if self.up:
                self.up = False
                alarm = loop.call_later(GRACE, self._orphaned)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)


class Mourner:
    """Finds out which other workers are dead: those whose advisory lock is free twice, a while apart."""

    def __init__(self) -> None:
        self._suspects: dict[int, float] = {}

    def dead(self, connection: Connection, owners: list[int], now: float) -> list[int]:
        free = [owner for owner in owners if _unlocked(connection, owner)]
        self._suspects = {owner: self._suspects.get(owner, now) for owner in free}
        return [owner for owner, since in self._suspects.items() if now - since >= MOURNING]

    @property
    def suspicious(self) -> bool:
        return bool(self._suspects)


def _unlocked(connection: Connection, owner: int) -> bool:
    # For this transaction only, so that trying it keeps nobody from taking it.
    taken = connection.execute(
        text("SELECT pg_try_advisory_xact_lock(:space, :owner)"), {"space": LOCK_SPACE, "owner": owner}
    ).scalar_one()
    return bool(taken)


@contextlib.contextmanager
def file_lock(url: URL) -> Any:
    """Nothing to lock where several processes are welcome."""
    if url.get_backend_name() != "sqlite" or url.database is None:
        yield
        return
    with FileLock(url.database):
        yield
