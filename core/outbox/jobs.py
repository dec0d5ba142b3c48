"""What goes into the outbox and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import Connection

from core.contracts.errors import FailureReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A limit of a vendor that this lane's sends count against: one per `gap` after a burst."""

    key: str
    gap: timedelta
    burst: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    #: Deterministic from the cause: adding it twice adds it once.
    key: str
    #: Chooses the handler.
    op: str
    payload: dict[str, Any]
    #: Ordering key; jobs of one lane never overtake each other.
    lane: str
    #: Account or workspace; pausing it pauses all its lanes.
    scope: str
    #: The narrowest first: that one is blocked when the vendor says "slow down".
    buckets: tuple[Bucket, ...] = ()
    #: Order within the lane; None: behind everything there now.
    rank: int | None = None
    #: Holds the job, and what is behind it, until then.
    not_before: datetime | None = None
    #: Later it is of no use to anybody: buried as EXPIRED instead of sent.
    expires_at: datetime | None = None
    #: Lower goes first where lanes wait for the same bucket.
    priority: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    id: int
    key: str
    op: str
    payload: dict[str, Any]
    #: The lane's key.
    lane: str
    scope: str
    seq: int
    rank: int
    #: Tries before this one.
    attempts: int
    in_doubt: bool
    created_at: datetime
    #: Further jobs, in order, that this one's call must carry too.
    merged: tuple[Job, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It arrived, or what was asked is done."""

    #: The vendor's id of it.
    ref: str = ""
    #: Runs in the transaction that marks the job done; may run again, like all work given to the storage.
    work: Callable[[Connection], None] | None = None


class Handler(Protocol):
    """Carries out the jobs of one op."""

    async def deliver(self, job: Job) -> Done:
        """Makes one try. Called for one job of a lane at a time, in order.

        Cancelled after the send timeout, which counts as an unknown outcome. StorageUnavailable and Overloaded count as
        not sent: read before sending, and write through `Done.work`.

        Raises: the errors of core.contracts.errors.
        """
        ...

    async def reconcile(self, job: Job) -> Done | None:
        """Asks whether a job that may have been sent did arrive. Done: yes. None: surely not, `deliver` follows.

        Raises: OutcomeUnknown if that cannot be known: the job is buried. TemporaryFailure: asked again later.
        """
        ...

    def buried(self, connection: Connection, job: Job, reason: FailureReason, sentence: str) -> None:
        """Tells a person, in the transaction that makes the job dead."""
        ...

    def held(self, connection: Connection, job: Job, sentence: str) -> None:
        """Its lane (DestinationUnavailable) or its scope (CredentialsRejected) was paused; called once per pause."""
        ...

    def merge(self, jobs: Sequence[Job]) -> int:
        """How many of these consecutive jobs may go out as one call, at least 1; asked if a rate made them wait.

        Pure and quick. `deliver` then gets the first with the others in `merged`.
        """
        ...


class Status(StrEnum):
    QUEUED = "queued"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    status: Status
    attempts: int
    #: It may have been sent.
    in_doubt: bool
    #: It is with its handler right now.
    sending: bool
    ref: str
    reason: FailureReason | None
    #: The last failure in words.
    sentence: str
    created_at: datetime
    not_before: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadJob:
    job: Job
    reason: FailureReason
    sentence: str
    died_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """Something that is paused: exactly one of scope, prefix and lane is set."""

    scope: str = ""
    lane_prefix: str = ""
    lane: str = ""
    reason: str
    since: datetime
    #: Jobs that wait because of it.
    jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    #: How long the longest waiting lane is overdue.
    lag: timedelta
    #: Open jobs in all lanes.
    queued: int
    #: Lanes that could be worked on now, are being worked on, and are paused with work in them.
    ready: int
    leased: int
    paused: int
    dead: int
    in_doubt: int
