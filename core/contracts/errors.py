"""What an adapter may raise, named after what the core does next.

    AdapterError
      x RequestRejected            answer the caller with its status, count it, do nothing
      - TemporaryFailure           surely not sent: try again, after `retry_after` where the vendor says so
        - OutcomeUnknown           it may have been sent: look it up, or ask a person; never repeat it blindly
      - PermanentFailure           never try again as it is: tell the agent why
        - DestinationUnavailable   the room or thread is gone or closed to us: hold its messages, tell the operator once
      - CredentialsRejected        pause the account or workspace, tell the operator once

Anything else that an adapter raises is a bug: logged with its stack trace and tried again a few times.
"""

from __future__ import annotations

from enum import StrEnum


class FailureReason(StrEnum):
    """Why something will never be delivered as it is; decides which next steps the agent is offered."""

    WINDOW_CLOSED = "window_closed"
    RECIPIENT_GONE = "recipient_gone"
    OPTED_OUT = "opted_out"
    POLICY = "policy"
    #: The vendor's limit for days, as on how much marketing one customer gets: trying again soon makes it worse.
    RATE_POLICY = "rate_policy"
    BAD_CONTENT = "bad_content"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    MISCONFIGURED = "misconfigured"
    OWNED_ELSEWHERE = "owned_elsewhere"
    UNKNOWN_OUTCOME = "unknown_outcome"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class AdapterError(Exception):
    """Base of all that an adapter raises on purpose; `str()` is a sentence for a person."""


class RequestRejected(AdapterError):
    """An incoming request is unsigned, stale, malformed or too large; nothing was done with it."""

    def __init__(self, sentence: str, *, status: int = 401) -> None:
        super().__init__(sentence)
        #: HTTP status of the answer: 400, 401, 403, 413 or 429.
        self.status = status


class TemporaryFailure(AdapterError):
    """The vendor surely did not carry it out; the same call may be made again."""

    def __init__(self, sentence: str, *, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        #: Seconds the vendor asked us to wait. Set means throttled: it does not count as an attempt.
        self.retry_after = retry_after


class OutcomeUnknown(TemporaryFailure):
    """The request left us and its answer did not arrive, or was a 5xx: it may have been carried out."""


class PermanentFailure(AdapterError):
    """This message can never be delivered as it is."""

    def __init__(self, sentence: str, *, reason: FailureReason = FailureReason.UNKNOWN) -> None:
        super().__init__(sentence)
        self.reason = reason


class DestinationUnavailable(PermanentFailure):
    """The room or thread cannot be written to: deleted, archived, or we were removed from it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, reason=FailureReason.MISCONFIGURED)


class CredentialsRejected(AdapterError):
    """The vendor no longer accepts our token or password."""
