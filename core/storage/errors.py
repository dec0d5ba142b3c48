"""What can go wrong with the store itself, apart from the work given to it."""

from __future__ import annotations

import asyncpg
from sqlalchemy.exc import DBAPIError


class StorageError(Exception):
    """Base of the store's own failures; the work itself is not to blame and may be given again."""


class Overloaded(StorageError):
    """Too much is waiting to be written: answer 503 with Retry-After, the caller comes again."""


class StorageUnavailable(StorageError):
    """The store cannot write or be reached now (full disk, lost connection); it resumes by itself.

    Where the connection was lost during a commit, the work may have been committed all the same.
    """


#: https://www.sqlite.org/rescode.html: busy, out of memory, read-only, I/O error, full, cannot open.
_SQLITE_TROUBLE = frozenset({5, 7, 8, 10, 13, 14})
#: https://www.postgresql.org/docs/current/errcodes-appendix.html: connection, resources, operator intervention, system.
_POSTGRES_TROUBLE = ("08", "53", "57P", "58", "25006")
#: Serialization failure and deadlock: the same transaction may simply be run again.
_POSTGRES_CLASH = frozenset({"40001", "40P01"})

#: What a lost or refused connection raises below SQLAlchemy.
CONNECTION_LOST = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError)


def _sqlstate(error: BaseException) -> str:
    for candidate in (getattr(error, "orig", None), error):
        state = getattr(candidate, "sqlstate", None) or getattr(candidate, "pgcode", None)
        if state:
            return str(state)
    return ""


def is_clash(error: BaseException) -> bool:
    return _sqlstate(error) in _POSTGRES_CLASH


def is_trouble(error: BaseException) -> bool:
    """Whether the store failed, rather than the statement."""
    if isinstance(error, (StorageError, *CONNECTION_LOST)):
        return True
    if isinstance(error, DBAPIError):
        if error.connection_invalidated or isinstance(error.orig, CONNECTION_LOST):
            return True
        code = getattr(error.orig, "sqlite_errorcode", None)
        if code is not None:
            return code & 0xFF in _SQLITE_TROUBLE
    return _sqlstate(error).startswith(_POSTGRES_TROUBLE)


def as_unavailable(error: BaseException) -> StorageUnavailable:
    if isinstance(error, StorageUnavailable):
        return error
    first = str(getattr(error, "orig", None) or error).partition("\n")[0]
    unavailable = StorageUnavailable(f"The database cannot be used now: {first or type(error).__name__}")
    unavailable.__cause__ = error
    return unavailable
