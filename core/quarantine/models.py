"""The table of events that could not be processed, and what the rest of the core sees of a row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from core.storage.base import Moment, metadata


class QuarantineState(StrEnum):
    """What became of a quarantined event."""

    OPEN = "open"
    #: Somebody asked for another try; the running process makes it.
    REDO = "redo"
    #: Processed after all.
    DONE = "done"
    #: Given up by a person.
    DROPPED = "dropped"


quarantine = Table(
    "quarantine",
    metadata,
    # A short number, because people type it; SQLite counts only what is exactly INTEGER.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    # "bridge:<account>" or "workspace:<name>".
    Column("source", String(100), nullable=False),
    # The vendor's, or "" where the event could not even be read.
    Column("event_id", String(998), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    # False: `raw` is only the beginning, so it cannot be processed again.
    Column("whole", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("traceback", Text, nullable=False),
    # How often it failed.
    Column("count", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    UniqueConstraint("source", "event_id", "digest"),
    Index(
        "quarantine_unsettled",
        "state",
        postgresql_where=text("state IN ('open', 'redo')"),
        sqlite_where=text("state IN ('open', 'redo')"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One event that could not be processed."""

    id: int
    source: str
    event_id: str
    size: int
    whole: bool
    reason: str
    traceback: str
    count: int
    state: QuarantineState
    created_at: datetime
    changed_at: datetime
    #: Empty in lists.
    raw: bytes = b""
