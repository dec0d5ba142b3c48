"""Group commit: everything that is waiting shares one transaction, and a bad unit fails alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from sqlalchemy import Connection

from core.storage.errors import is_clash, is_trouble

#: Most units of one transaction; above it a commit takes longer than it saves.
BATCH = 256

_BOOK = "threadbridge_book"

logger = structlog.get_logger()


class Unit:
    """One piece of work on its way into the database, and what became of it."""

    __slots__ = ("callbacks", "error", "future", "order", "result", "work")

    def __init__(self, work: Callable[[Connection], Any], order: str, future: asyncio.Future[Any]) -> None:
        self.work = work
        self.order = order
        self.future = future
        self.callbacks: list[Callable[[], None]] = []
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, connection: Connection, book: Book) -> None:
        self.callbacks = book.callbacks = []
        self.result = self.work(connection)

    def fail(self, error: BaseException) -> None:
        self.callbacks = []
        self.result = None
        self.error = error

    def settle(self) -> None:
        """On the event loop, after the transaction ended."""
        for callback in self.callbacks:
            try:
                callback()
            except Exception:
                logger.exception("A callback after a commit failed", action="storage_callback_failed")
        if self.future.done():
            return  # Whoever waited has given up; the commit stands.
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Book:
    """What the units of the running transaction left to be done around its commit."""

    __slots__ = ("before_commit", "callbacks")

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], None]] = []
        self.before_commit: dict[str, Callable[[Connection], None]] = {}


def book_of(connection: Connection) -> Book:
    book = connection.info.get(_BOOK)
    if not isinstance(book, Book):
        raise RuntimeError("This connection only reads: use storage.write for work that changes something")
    return book


class Group:
    """Units that are committed together.

    First all run without savepoints, which is fastest. If one raises, all is rolled back and run again with a savepoint
    around each, so the bad one fails alone; if even that cannot be committed, each runs in a transaction of its own.
    """

    __slots__ = ("committing", "units")

    def __init__(self, units: Sequence[Unit]) -> None:
        self.units = units
        #: The commit was sent: if the connection is lost now, nobody knows whether it happened.
        self.committing = False

    def run(self, connection: Connection) -> None:
        """Leaves a result or an error in every unit. Raises only if the store itself failed."""
        for unit in self.units:
            unit.error = None
        book = Book()
        connection.info[_BOOK] = book
        try:
            try:
                self._transact(connection, book, self._together)
                return
            except Exception as error:
                if is_trouble(error) or is_clash(error):
                    raise
                if len(self.units) == 1:
                    self.units[0].fail(error)
                    return
            try:
                self._transact(connection, book, self._apart)
                return
            except Exception as error:
                if is_trouble(error) or is_clash(error):
                    raise
            for unit in self.units:
                Group([unit]).run(connection)
        finally:
            with contextlib.suppress(Exception):  # A lost connection has no book any more.
                connection.info.pop(_BOOK, None)

    def _transact(self, connection: Connection, book: Book, body: Callable[[Connection, Book], None]) -> None:
        self.committing = False
        book.before_commit.clear()
        transaction = connection.begin()
        try:
            body(connection, book)
            for hook in book.before_commit.values():
                hook(connection)
            self.committing = True
            transaction.commit()
            self.committing = False
        except BaseException:
            with contextlib.suppress(Exception):  # What went wrong first is what matters.
                transaction.rollback()
            raise

    def _together(self, connection: Connection, book: Book) -> None:
        for unit in self.units:
            unit.run(connection, book)

    def _apart(self, connection: Connection, book: Book) -> None:
        for unit in self.units:
            savepoint = connection.begin_nested()
            try:
                unit.run(connection, book)
                savepoint.commit()
                unit.error = None
            except Exception as error:
                if is_trouble(error) or is_clash(error):
                    raise
                savepoint.rollback()
                unit.fail(error)
