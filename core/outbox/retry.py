"""From an exception to what happens next: the retry classes."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import structlog

from core.contracts.errors import (
    CredentialsRejected,
    DestinationUnavailable,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.outbox.jobs import Handler
from core.outbox.outcomes import Claimed, Outcome, Result
from core.storage.errors import Overloaded, StorageUnavailable

logger = structlog.get_logger()

#: Longest pause between two tries, before jitter.
CEILING = 300.0
#: Tries that may end in our own exception.
FAULTS = 3
#: A vendor's Retry-After is believed within these seconds.
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 3600.0
#: From the first failed try on; after that the job is dead.
GIVE_UP = timedelta(hours=24)


def back_off(attempts: int, chance: random.Random) -> timedelta:
    """The pause after that many failed tries."""
    return timedelta(seconds=min(CEILING, 2.0 ** min(attempts - 1, 20)) * chance.uniform(0.5, 1.5))


def clamp(retry_after: float, chance: random.Random) -> timedelta:
    """What a vendor asked for, within reason, with jitter so that lanes do not come back together."""
    return timedelta(seconds=min(max(retry_after, SHORTEST_WAIT), LONGEST_WAIT) * chance.uniform(1.0, 1.1))


def judge(
    error: BaseException, claimed: Claimed, chance: random.Random, *, handler: Handler | None, asking: bool = False
) -> Outcome:
    """What follows from `error` of `deliver`, or of `reconcile` if `asking`: then the job stays in doubt."""
    job = claimed.job
    outcome = Outcome(
        claimed=claimed,
        handler=handler,
        result=Result.NOT_SENT,
        sentence=str(error) or type(error).__name__,
        delay=back_off(job.attempts + 1, chance),
        in_doubt=asking,
    )
    if isinstance(error, OutcomeUnknown):
        if asking:
            return replace(outcome, result=Result.DEAD, reason=FailureReason.UNKNOWN_OUTCOME)
        wait = outcome.delay if error.retry_after is None else max(outcome.delay, clamp(error.retry_after, chance))
        return replace(outcome, result=Result.IN_DOUBT, in_doubt=True, delay=wait)
    if isinstance(error, TemporaryFailure):
        if error.retry_after is None:
            return outcome
        return replace(outcome, result=Result.THROTTLED, delay=clamp(error.retry_after, chance))
    if isinstance(error, DestinationUnavailable):
        return replace(outcome, result=Result.BAD_DESTINATION)
    if isinstance(error, PermanentFailure):
        if job.merged and not asking:
            # One of them may be to blame; the others must not die with it.
            return replace(outcome, result=Result.SPLIT)
        return replace(outcome, result=Result.DEAD, reason=error.reason)
    if isinstance(error, CredentialsRejected):
        return replace(outcome, result=Result.BAD_CREDENTIALS)
    if isinstance(error, (StorageUnavailable, Overloaded)):
        return outcome
    if isinstance(error, TimeoutError):
        late = "The vendor did not answer in time"
        return replace(outcome, result=Result.IN_DOUBT, in_doubt=True, sentence=str(error) or late)
    return fault(error, claimed, chance, in_doubt=asking, handler=handler)


def fault(
    error: BaseException, claimed: Claimed, chance: random.Random, *, in_doubt: bool, handler: Handler | None
) -> Outcome:
    """Our own exception: tried again a few times, then dead, so that it does not block its lane for ever."""
    job = claimed.job
    logger.error(
        "A job failed by our own fault",
        action="delivery_fault",
        op=job.op,
        job=job.key,
        lane=job.lane,
        fault=claimed.faults + 1,
        exc_info=(type(error), error, error.__traceback__),
    )
    outcome = Outcome(
        claimed=claimed,
        handler=handler,
        result=Result.FAULT,
        sentence=f"An error of our own ({type(error).__name__}); the log has the details",
        delay=back_off(claimed.faults + 1, chance),
        in_doubt=in_doubt,
    )
    if claimed.faults + 1 >= FAULTS:
        reason = FailureReason.UNKNOWN_OUTCOME if in_doubt else FailureReason.UNKNOWN
        return replace(outcome, result=Result.DEAD, reason=reason)
    return outcome
