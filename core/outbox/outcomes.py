"""What a worker holds while it sends, and what it hands back afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection

from core.contracts.errors import FailureReason
from core.outbox.jobs import Handler, Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A lane in a worker's hands, with the job that goes next."""

    lane_id: int
    lease_token: int
    job: Job
    #: Jobs right behind it that might be merged; empty unless a rate made the lane wait.
    followers: tuple[Job, ...] = ()
    #: Too old to be of use.
    expired: bool = False
    #: An echo proved meanwhile that it arrived, as this.
    proof: str | None = None
    faults: int = 0
    #: First try that failed.
    tried_at: datetime | None = None
    #: When the lane became due, for the wake-up delay; None if it continues.
    due_at: datetime | None = None
    #: The loop's time when the lease began.
    since: float = 0.0

    @property
    def jobs(self) -> tuple[Job, ...]:
        return (self.job, *self.job.merged)


class Result(StrEnum):
    """How a try ended; also the label of its metric."""

    SENT = "sent"
    THROTTLED = "throttled"
    NOT_SENT = "not_sent"
    IN_DOUBT = "in_doubt"
    #: Dead from now on.
    DEAD = "dead"
    #: Waits for a person: its lane is paused.
    BAD_DESTINATION = "bad_destination"
    BAD_CREDENTIALS = "bad_credentials"
    #: Our own exception.
    FAULT = "fault"
    #: The merged call was refused; each goes alone.
    SPLIT = "split"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    claimed: Claimed
    result: Result
    handler: Handler | None = None
    #: SENT.
    ref: str = ""
    work: Callable[[Connection], None] | None = None
    #: Everything else.
    sentence: str = ""
    reason: FailureReason = FailureReason.UNKNOWN
    delay: timedelta = timedelta(0)
    in_doubt: bool = False
    #: Go on with the lane's next job.
    keep: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The lane belongs to somebody else by now: send nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The lane is free again; there is something to do in it at that time, or nothing."""

    due_at: datetime | None


Continuation = Claimed | Released | Lost
