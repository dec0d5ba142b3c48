"""Turns outcomes into the rows of their jobs, and tells the handlers about what needs a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection

from core.contracts.errors import FailureReason
from core.outbox.jobs import Job
from core.outbox.outcomes import Outcome, Result
from core.outbox.repository import Outbox
from core.outbox.retry import GIVE_UP
from core.outbox.statements import Statements

#: A try that failed; a vendor's "slow down", a pause and a split are none.
_COUNTED = frozenset({Result.NOT_SENT, Result.IN_DOUBT, Result.FAULT})
_WAITING = _COUNTED | {Result.THROTTLED}


class Counter(Protocol):
    lane_id: int
    gone: int


@dataclass(slots=True)
class Settling:
    """Collects the changes of one transaction, so that many jobs cost few statements."""

    outbox: Outbox
    now: datetime
    #: Until when the vendor wants to be left alone, by lane.
    blocked: dict[int, datetime] = field(default_factory=dict)
    _done: list[dict[str, Any]] = field(default_factory=list)
    _dead: list[dict[str, Any]] = field(default_factory=list)
    _later: list[dict[str, Any]] = field(default_factory=list)

    def take(self, connection: Connection, outcome: Outcome, hand: Counter) -> None:
        claimed, result = outcome.claimed, outcome.result
        if result is Result.SENT:
            if outcome.work is not None:
                outcome.work(connection)
            for job in claimed.jobs:
                self._done.append({"job": job.id, "ref": outcome.ref, "now": self.now})
            hand.gone += len(claimed.jobs)
        elif result is Result.DEAD:
            self._bury(connection, outcome, hand, outcome.reason)
        elif result in _WAITING and claimed.tried_at is not None and self.now - claimed.tried_at > GIVE_UP:
            reason = FailureReason.UNKNOWN_OUTCOME if outcome.in_doubt else FailureReason.EXPIRED
            self._bury(connection, outcome, hand, reason)
        else:
            self._postpone(connection, outcome)

    def _bury(self, connection: Connection, outcome: Outcome, hand: Counter, reason: FailureReason) -> None:
        for number, job in enumerate(outcome.claimed.jobs):
            if outcome.handler is not None:
                outcome.handler.buried(connection, job, reason, outcome.sentence)
            self._dead.append(
                {
                    "job": job.id,
                    "tries": int(number == 0),
                    "reason": reason.value,
                    "sentence": outcome.sentence,
                    "doubt": reason is FailureReason.UNKNOWN_OUTCOME,
                    "now": self.now,
                }
            )
        hand.gone += len(outcome.claimed.jobs)

    def _postpone(self, connection: Connection, outcome: Outcome) -> None:
        claimed, result = outcome.claimed, outcome.result
        head = claimed.job
        until = self.now + outcome.delay if result in _WAITING else None
        if result is Result.THROTTLED and until is not None:
            self.blocked[claimed.lane_id] = until
        elif result is Result.BAD_DESTINATION:
            if self.outbox.pause_lane(connection, head.lane, outcome.sentence):
                self._hold(connection, outcome, head)
        elif result is Result.BAD_CREDENTIALS and self.outbox.pause(
            connection, scope=head.scope, reason=outcome.sentence
        ):
            self._hold(connection, outcome, head)
        for number, job in enumerate(claimed.jobs):
            # What may have gone out together is asked about together; else the group is formed afresh.
            group = head.id if outcome.in_doubt and number else None
            if result is Result.SPLIT and number == 0:
                group = head.id
            self._later.append(
                {
                    "job": job.id,
                    "tries": int(number == 0 and result in _COUNTED),
                    "blame": int(number == 0 and result is Result.FAULT),
                    "sentence": outcome.sentence,
                    "doubt": outcome.in_doubt,
                    "group": group,
                    "until": until,
                    "now": self.now,
                }
            )

    def _hold(self, connection: Connection, outcome: Outcome, job: Job) -> None:
        if outcome.handler is not None:
            outcome.handler.held(connection, job, outcome.sentence)

    def store(self, connection: Connection, sql: Statements) -> None:
        for statement, changes in ((sql.done, self._done), (sql.dead, self._dead), (sql.later, self._later)):
            if changes:
                connection.execute(statement, changes)
