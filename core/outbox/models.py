"""The outbox's tables: lanes, their jobs, the vendors' rate limits, and what is paused."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from core.storage.base import metadata
from core.storage.types import Json, Moment

#: SQLite numbers rows by itself only where the column is exactly INTEGER.
Serial = BigInteger().with_variant(Integer, "sqlite")


class State(IntEnum):
    QUEUED = 0
    DONE = 1
    DEAD = 2
    CANCELLED = 3


class PauseKind(StrEnum):
    SCOPE = "scope"
    PREFIX = "prefix"
    LANE = "lane"


#: One row per ordering key. Rows are updated with every job: see `postgresql_with`.
lane = Table(
    "lane",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    #: Account or workspace.
    Column("scope", String, nullable=False),
    #: [[dest key, gap in milliseconds, burst], ...], the narrowest first.
    Column("buckets", Json, nullable=False),
    #: Lower goes first where lanes wait for the same bucket.
    Column("priority", SmallInteger, nullable=False),
    Column("next_seq", BigInteger, nullable=False),
    #: Highest rank given so far: a job without a rank goes behind it.
    Column("top_rank", BigInteger, nullable=False),
    #: Open jobs.
    Column("pending", Integer, nullable=False),
    #: When it is worth looking at; whether its head may go is written in the head's own row.
    Column("due_at", Moment, nullable=False),
    #: The worker's number; kept after the release, for the curious.
    Column("lease_owner", BigInteger),
    #: NULL: released cleanly. A past time: whoever had it may have died while sending.
    Column("lease_until", Moment),
    #: Grows with every lease; a finish with an older one is refused.
    Column("lease_token", BigInteger, nullable=False),
    #: The job that is being sent, or that may have been sent when its worker died.
    Column("sending", BigInteger),
    #: The head had to wait for a bucket, so what queued up behind it may be merged.
    Column("waited", Boolean, nullable=False),
    Column("paused_reason", Text),
    Index(
        "lane_ready",
        "due_at",
        postgresql_where=text("pending > 0 AND paused_reason IS NULL"),
        sqlite_where=text("pending > 0 AND paused_reason IS NULL"),
    ),
    Index(
        "lane_leased",
        "lease_until",
        postgresql_where=text("lease_until IS NOT NULL"),
        sqlite_where=text("lease_until IS NOT NULL"),
    ),
    Index("lane_scope", "scope"),
    # Room in the page for the next version of a row that changes several times per job.
    postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02", "autovacuum_vacuum_cost_delay": "0"},
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("lane_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    #: Order within the lane is (rank, seq).
    Column("rank", BigInteger, nullable=False),
    Column("idem_key", String, nullable=False, unique=True),
    Column("op", String, nullable=False),
    Column("payload", Json, nullable=False),
    Column("state", SmallInteger, nullable=False),
    #: Tries that failed; a vendor's "slow down" is none.
    Column("attempts", Integer, nullable=False),
    #: Tries that ended in our own exception.
    Column("faults", SmallInteger, nullable=False),
    #: It may have been sent: ask before sending it again.
    Column("in_doubt", Boolean, nullable=False),
    #: The job whose call carries this one too; its own id: it must go alone.
    Column("merged_into", BigInteger),
    #: Not to be sent earlier: held, scheduled, or backing off.
    Column("not_before", Moment),
    Column("expires_at", Moment),
    Column("created_at", Moment, nullable=False),
    #: First try that failed; giving up counts from here.
    Column("tried_at", Moment),
    #: When it left state QUEUED.
    Column("done_at", Moment),
    Column("provider_ref", String),
    #: FailureReason of a dead job.
    Column("last_status", String),
    #: The last failure in words, for a person.
    Column("last_error", Text),
    UniqueConstraint("lane_id", "seq"),
    postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02", "autovacuum_vacuum_cost_delay": "0"},
)
Index(
    "outbox_open",
    outbox.c.lane_id,
    outbox.c.rank,
    outbox.c.seq,
    postgresql_where=text("state = 0"),
    sqlite_where=text("state = 0"),
)
Index("outbox_dead", outbox.c.done_at, postgresql_where=text("state = 2"), sqlite_where=text("state = 2"))
Index("outbox_doubt", outbox.c.id, postgresql_where=text("in_doubt"), sqlite_where=text("in_doubt = 1"))
FINISHED = text("state IN (1, 3)")
Index("outbox_finished", outbox.c.done_at, postgresql_where=FINISHED, sqlite_where=FINISHED)

#: One row per scope in which a vendor limits us.
dest = Table(
    "dest",
    metadata,
    Column("key", String, primary_key=True),
    Column("min_gap_ms", Integer, nullable=False),
    Column("burst", Integer, nullable=False),
    #: When the bucket would be full again if nothing more went out (GCRA's theoretical arrival time).
    Column("next_free_at", Moment, nullable=False),
    #: Last slot promised to a lane that waits in line.
    Column("line_end", Moment, nullable=False),
    #: The vendor told us to wait until then.
    Column("blocked_until", Moment),
)

#: What is paused; lanes that match carry the reason, lanes born later too.
pause = Table(
    "lane_pause",
    metadata,
    Column("kind", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since", Moment, nullable=False),
)
