"""The outbox as everybody but its worker sees it: add, take back, look, pause, and decide about what failed."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    case,
    func,
    literal,
    literal_column,
    select,
    update,
)

from core.contracts.errors import FailureReason
from core.outbox import pauses
from core.outbox.adding import AddStatements
from core.outbox.jobs import DeadJob, Job, JobState, NewJob, Paused, Stats, Status
from core.outbox.models import PauseKind, State, lane, outbox
from core.outbox.wakeup import CHANNEL
from core.storage.storage import Storage
from core.storage.types import Moment

_STATUS = {
    State.QUEUED: Status.QUEUED,
    State.DONE: Status.DONE,
    State.DEAD: Status.DEAD,
    State.CANCELLED: Status.CANCELLED,
}


def to_job(row: Any, *, lane_key: str, scope: str, merged: tuple[Job, ...] = ()) -> Job:
    return Job(
        id=row.id,
        key=row.idem_key,
        op=row.op,
        payload=row.payload,
        lane=lane_key,
        scope=scope,
        seq=row.seq,
        rank=row.rank,
        attempts=row.attempts,
        in_doubt=row.in_doubt,
        created_at=row.created_at,
        merged=merged,
    )


class Outbox:
    """All methods take the connection first and never commit."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        #: Set after a commit that gave the worker something to look at.
        self.changed = asyncio.Event()
        self._adding: dict[str, AddStatements] = {}

    def wake(self, connection: Connection) -> None:
        """Lets the workers of all replicas look, once this unit is committed."""
        self._storage.after_commit(connection, self.changed.set)
        if connection.dialect.name == "postgresql":
            # NOTIFY takes a global lock at commit: one per transaction, never one per row.
            self._storage.before_commit(connection, CHANNEL, _notify)

    def add(self, connection: Connection, job: NewJob) -> bool:
        """False: that key is there already, and nothing changes."""
        now = self._storage.now(connection)
        sql = self._adding.get(connection.dialect.name)
        if sql is None:
            sql = self._adding[connection.dialect.name] = AddStatements(connection.dialect)
        row = connection.execute(
            sql.lane,
            {
                "key": job.lane,
                "scope": job.scope,
                "buckets": [[one.key, max(1, round(one.gap / _MILLISECOND)), one.burst] for one in job.buckets],
                "priority": job.priority,
                "given": job.rank,
                "top_rank": job.rank or 0,
                "due_at": now if job.not_before is None else max(now, job.not_before),
            },
        ).one()
        added = connection.execute(
            sql.job,
            {
                "lane_id": row.id,
                "seq": row.next_seq,
                "rank": row.top_rank if job.rank is None else job.rank,
                "idem_key": job.key,
                "op": job.op,
                "payload": job.payload,
                "not_before": job.not_before,
                "expires_at": job.expires_at,
                "created_at": now,
            },
        ).first()
        if added is None:
            connection.execute(update(lane).where(lane.c.id == row.id).values(pending=lane.c.pending - 1))
            return False
        self.wake(connection)
        return True

    def _find(self, connection: Connection, key: str, *, lock: bool) -> Row[Any] | None:
        lane_id = connection.execute(select(outbox.c.lane_id).where(outbox.c.idem_key == key)).scalar()
        if lane_id is None:
            return None
        if lock:
            # The lane's lock first, as the worker takes it: after that nobody starts or finishes this job.
            connection.execute(select(lane.c.id).where(lane.c.id == lane_id).with_for_update())
        return connection.execute(
            select(outbox, lane.c.sending, lane.c.lease_until)
            .join(lane, lane.c.id == outbox.c.lane_id)
            .where(outbox.c.idem_key == key)
        ).first()

    def _change(self, connection: Connection, row: Row[Any], *, open_jobs: int = 0, **values: Any) -> None:
        """Changes a job, its lane's count of open jobs, and lets a worker look at once."""
        connection.execute(update(outbox).where(outbox.c.id == row.id).values(**values))
        # Without its type the parameter of a CASE would be written as SQLAlchemy's own DateTime.
        now = literal(self._storage.now(connection), Moment())
        connection.execute(
            update(lane)
            .where(lane.c.id == row.lane_id)
            .values(
                pending=lane.c.pending + open_jobs,
                due_at=case((lane.c.due_at > now, now), else_=lane.c.due_at),
                **({"sending": None} if row.sending == row.id and row.lease_until is None else {}),
            )
        )
        self.wake(connection)

    def cancel(self, connection: Connection, key: str) -> bool:
        """False: it is gone already, is being sent right now, or may have been sent."""
        row = self._find(connection, key, lock=True)
        if row is None or not _untouched(row):
            return False
        self._change(connection, row, open_jobs=-1, state=State.CANCELLED, done_at=self._storage.now(connection))
        return True

    def amend(
        self,
        connection: Connection,
        key: str,
        payload: dict[str, Any] | None = None,
        *,
        not_before: datetime | None = None,
    ) -> bool:
        """Replaces the payload and the moment, where they are given. False as for `cancel`."""
        row = self._find(connection, key, lock=True)
        if row is None or not _untouched(row):
            return False
        if not_before is None:
            not_before = row.not_before
        elif row.attempts and row.not_before is not None:
            not_before = max(not_before, row.not_before)  # It backs off from a failure.
        self._change(connection, row, payload=row.payload if payload is None else payload, not_before=not_before)
        return True

    def state(self, connection: Connection, key: str) -> JobState | None:
        row = self._find(connection, key, lock=False)
        if row is None:
            return None
        return JobState(
            status=_STATUS[State(row.state)],
            attempts=row.attempts,
            in_doubt=row.in_doubt,
            sending=row.state == State.QUEUED and row.lease_until is not None and _in_hand(row),
            ref=row.provider_ref or "",
            reason=FailureReason(row.last_status) if row.state == State.DEAD else None,
            sentence=row.last_error or "",
            created_at=row.created_at,
            not_before=row.not_before,
            finished_at=row.done_at,
        )

    def retry(self, connection: Connection, key: str) -> bool:
        """A dead job is queued again in its old place, before everything that was added later. False: it is not dead.

        Who asks for this knows that it did not arrive.
        """
        row = self._find(connection, key, lock=True)
        if row is None or row.state != State.DEAD:
            return False
        fresh = {"attempts": 0, "faults": 0, "in_doubt": False, "merged_into": None, "provider_ref": None}
        times = {"not_before": None, "expires_at": None, "tried_at": None, "done_at": None}
        self._change(connection, row, open_jobs=1, state=State.QUEUED, **fresh, **times)
        return True

    def bury(self, connection: Connection, key: str, reason: FailureReason, sentence: str = "") -> bool:
        """Gives up on a queued job. False: it is gone already or being sent right now. Nobody is told."""
        row = self._find(connection, key, lock=True)
        if row is None or row.state != State.QUEUED or (row.lease_until is not None and _in_hand(row)):
            return False
        self._change(
            connection,
            row,
            open_jobs=-1,
            state=State.DEAD,
            merged_into=None,
            done_at=self._storage.now(connection),
            last_status=reason.value,
            last_error=sentence or row.last_error,
        )
        return True

    def discard(self, connection: Connection, key: str) -> bool:
        """A person has dealt with a dead job: it is no longer counted. False: it is not dead."""
        row = self._find(connection, key, lock=True)
        if row is None or row.state != State.DEAD:
            return False
        self._change(connection, row, state=State.CANCELLED, in_doubt=False, done_at=self._storage.now(connection))
        return True

    def together(self, connection: Connection, key: str) -> list[str]:
        """The keys of the other jobs that go out, or went out, in that job's call, in their order."""
        head = connection.execute(select(outbox.c.id, outbox.c.lane_id).where(outbox.c.idem_key == key)).first()
        if head is None:
            return []
        others = select(outbox.c.idem_key).where(
            outbox.c.lane_id == head.lane_id, outbox.c.merged_into == head.id, outbox.c.id != head.id
        )
        return list(connection.execute(others.order_by(outbox.c.rank, outbox.c.seq)).scalars())

    def settle(self, connection: Connection, key: str, ref: str) -> bool:
        """A job that is dead, in doubt or being sent did arrive, as `ref`; so did what was merged into it.

        False: it is finished already, or was never tried.
        """
        row = self._find(connection, key, lock=True)
        if row is None or row.state not in (State.QUEUED, State.DEAD):
            return False
        if row.state == State.QUEUED and row.lease_until is not None and _in_hand(row):
            # Its worker finishes it; if that one learns nothing, this proof decides.
            connection.execute(update(outbox).where(outbox.c.id == row.id).values(provider_ref=ref))
            return True
        if row.state == State.QUEUED and not row.in_doubt:
            return False
        now = self._storage.now(connection)
        others = connection.execute(
            update(outbox)
            .where(outbox.c.merged_into == row.id, outbox.c.id != row.id, outbox.c.state == State.QUEUED)
            .values(state=State.DONE, in_doubt=False, provider_ref=ref, done_at=now)
        ).rowcount
        open_jobs = -others - (row.state == State.QUEUED)
        self._change(
            connection, row, open_jobs=open_jobs, state=State.DONE, in_doubt=False, provider_ref=ref, done_at=now
        )
        return True

    def pause(
        self, connection: Connection, *, scope: str | None = None, lane_prefix: str | None = None, reason: str
    ) -> int:
        """Holds the jobs of a scope, or of lanes that begin so, until `resume`; lanes made later too.

        How many lanes are held, at least 1; 0: it was paused already.
        """
        kind, name = _exactly_one(scope, lane_prefix)
        if not pauses.add(connection, kind, name, reason, self._storage.now(connection)):
            return 0
        return max(1, pauses.count_lanes(connection, scope=scope, lane_prefix=lane_prefix))

    def resume(self, connection: Connection, *, scope: str | None = None, lane_prefix: str | None = None) -> int:
        """Ends that pause; a prefix also ends the pauses of single lanes that begin so.

        How many lanes have work again, at least 1; 0: nothing was paused.
        """
        _exactly_one(scope, lane_prefix)
        if not pauses.remove(connection, scope=scope, lane_prefix=lane_prefix):
            return 0
        self.wake(connection)
        return max(1, pauses.count_lanes(connection, scope=scope, lane_prefix=lane_prefix))

    def pause_lane(self, connection: Connection, key: str, reason: str) -> bool:
        """Holds one lane. False: it was paused already."""
        return pauses.add(connection, PauseKind.LANE, key, reason, self._storage.now(connection))

    def paused(self, connection: Connection) -> list[Paused]:
        return pauses.listing(connection)

    def dead(self, connection: Connection, limit: int = 100) -> list[DeadJob]:
        """The latest first."""
        rows = connection.execute(
            select(outbox, lane.c.key, lane.c.scope)
            .join(lane, lane.c.id == outbox.c.lane_id)
            .where(_DEAD)
            .order_by(outbox.c.done_at.desc())
            .limit(limit)
        )
        return [
            DeadJob(
                job=to_job(row, lane_key=row.key, scope=row.scope),
                reason=FailureReason(row.last_status),
                sentence=row.last_error or "",
                died_at=row.done_at,
            )
            for row in rows
        ]

    def stats(self, connection: Connection) -> Stats:
        now = self._storage.now(connection)
        working = lane.c.pending > literal_column("0")
        free = working & lane.c.paused_reason.is_(None) & lane.c.lease_until.is_(None)
        oldest = connection.execute(select(func.min(lane.c.due_at)).where(free)).scalar()

        def count(table: Any, *where: Any) -> int:
            return connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one()

        return Stats(
            lag=max(timedelta(0), now - oldest) if oldest is not None else timedelta(0),
            queued=connection.execute(select(func.coalesce(func.sum(lane.c.pending), 0)).where(working)).scalar_one(),
            ready=count(lane, free, lane.c.due_at <= now),
            leased=count(lane, lane.c.lease_until.is_not(None)),
            paused=count(lane, working, lane.c.paused_reason.is_not(None)),
            dead=count(outbox, _DEAD),
            in_doubt=count(outbox, outbox.c.in_doubt, outbox.c.state.in_([State.QUEUED, State.DEAD])),
        )


#: A literal, or the planner does not see that the partial index applies.
_DEAD = outbox.c.state == literal_column("2")
_MILLISECOND = timedelta(milliseconds=1)


def _notify(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_notify('{CHANNEL}', '')")


def _in_hand(row: Row[Any]) -> bool:
    return row.sending is not None and row.sending in (row.id, row.merged_into)


def _untouched(row: Row[Any]) -> bool:
    return row.state == State.QUEUED and not row.in_doubt and not _in_hand(row)


def _exactly_one(scope: str | None, lane_prefix: str | None) -> tuple[PauseKind, str]:
    if (scope is None) == (lane_prefix is None):
        raise ValueError(f"Give either a scope or a lane prefix, not scope={scope!r} and lane_prefix={lane_prefix!r}")
    if scope is not None:
        return PauseKind.SCOPE, scope
    assert lane_prefix is not None
    return PauseKind.PREFIX, lane_prefix
