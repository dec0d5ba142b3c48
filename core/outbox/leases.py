"""A worker's side of the tables: claim lanes, hand back outcomes, go on with what is next."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, literal, select, update

from core.outbox.buckets import Limits
from core.outbox.jobs import Job
from core.outbox.models import State, lane, outbox
from core.outbox.outcomes import Claimed, Continuation, Lost, Outcome, Released
from core.outbox.repository import Outbox, to_job
from core.outbox.retry import CEILING
from core.outbox.settling import Settling
from core.outbox.statements import Statements
from core.storage.statements import many
from core.storage.storage import Storage

#: Most jobs that one call may carry.
MERGE = 50

_PAST = timedelta(days=1)


@dataclasses.dataclass(slots=True, kw_only=True)
class Hand:
    """One lane while a transaction decides about it."""

    lane_id: int
    token: int
    due_at: datetime
    #: When it became due, where it was just claimed.
    was_due_at: datetime | None = None
    #: Jobs that left state QUEUED.
    gone: int = 0
    leased: bool = False
    sending: int | None = None
    waited: bool = False
    again: bool = True
    row: Any = None
    result: Continuation | None = None


class Leases:
    """The tables as one worker works on them. All methods take the connection first and never commit."""

    def __init__(self, storage: Storage, outbox: Outbox, *, owner: int, lease: timedelta) -> None:
        self._storage = storage
        self._outbox = outbox
        self._owner = owner
        self._lease = lease
        self._statements: dict[str, Statements] = {}

    def _prepared(self, connection: Connection) -> Statements:
        dialect = connection.dialect
        if dialect.name not in self._statements:
            self._statements[dialect.name] = Statements(dialect)
        return self._statements[dialect.name]

    def claim(
        self, connection: Connection, free: int, busy: Collection[int]
    ) -> tuple[list[Claimed], int, datetime | None]:
        """Lanes with a job that may go now; how many were looked at; and when the next one is due, if all were."""
        sql = self._prepared(connection)
        now = self._storage.now(connection)
        # A lane that is still in our own hands is not taken from ourselves, however late it is.
        ready = [
            row
            for row in connection.execute(sql.ready, {"now": now, "free": free + len(busy)})
            if row.lease_until is None or row.id not in busy
        ][:free]
        hands = [
            Hand(lane_id=row.id, token=row.lease_token + 1, due_at=row.due_at, was_due_at=row.due_at) for row in ready
        ]
        if hands:
            crashed = {row.id for row in ready if row.lease_until is not None}
            self._look(connection, hands, crashed)
            limits = Limits(connection, [hand.row.buckets for hand in hands if hand.row.id is not None], now)
            self._allot(connection, hands, limits, now)
            limits.store()
            self._store(connection, hands, now)
        claimed = [hand.result for hand in hands if isinstance(hand.result, Claimed)]
        due: datetime | None = None
        if len(ready) < free:
            due = connection.execute(sql.next_due, {"now": now}).scalar()
        return claimed, len(ready), due

    def _look(self, connection: Connection, hands: Sequence[Hand], crashed: Collection[int] = ()) -> None:
        """Reads each lane and its next job afresh: it may have been amended, cancelled or overtaken meanwhile."""
        sql = self._prepared(connection)
        ids = many(connection.dialect, [hand.lane_id for hand in hands])
        rows = {row.lane_id: row for row in connection.execute(sql.heads, {"ids": ids})}
        doubted = [
            rows[one] for one in crashed if rows[one].id is not None and rows[one].id == rows[one].sending
        ]  # Its lease was never released: whoever had it may have sent this.
        fresh = [row for row in doubted if not row.in_doubt]
        if fresh:
            connection.execute(sql.doubt, [{"job": row.id, "lane": row.lane_id} for row in fresh])
            rows |= {row.lane_id: row for row in connection.execute(sql.heads, {"ids": ids})}
        for hand in hands:
            hand.row = rows[hand.lane_id]

    def _allot(self, connection: Connection, hands: Sequence[Hand], limits: Limits, now: datetime) -> None:
        """Gives each lane its next job to send, or the time to come back."""
        with_work = []
        for hand in hands:
            if hand.row.id is None:
                # The rows are the truth, the count is kept for the index.
                hand.gone = hand.row.pending
                hand.result = Released(due_at=None)
            else:
                with_work.append(hand)
        with_work.sort(key=lambda hand: (hand.row.priority, hand.row.created_at))
        for hand in with_work:
            row = hand.row
            # A job in doubt keeps its place: it must be asked about before anything else goes.
            hand.sending = row.id if row.in_doubt else None
            proven = row.in_doubt and row.provider_ref is not None
            expired = row.expires_at is not None and row.expires_at <= now
            wait = None
            if row.paused_reason is not None:
                hand.result = Released(due_at=None)
                hand.due_at = now
                continue
            if not hand.again:
                wait = now
            elif row.not_before is not None and row.not_before > now:
                wait = row.not_before
                hand.waited = row.waited
            elif not (proven or expired):
                wait = limits.reserve(row.buckets, priority=row.priority, waited=row.waited)
                hand.waited = wait is not None
            if wait is not None:
                hand.due_at = wait
                hand.result = Released(due_at=wait)
                continue
            hand.leased = True
            hand.sending = row.id
            job = to_job(row, lane_key=row.lane_key, scope=row.scope, merged=self._group(connection, row))
            hand.result = Claimed(
                lane_id=hand.lane_id,
                lease_token=hand.token,
                job=job,
                followers=self._followers(connection, row, now) if row.waited else (),
                expired=expired,
                proof=row.provider_ref if proven else None,
                faults=row.faults,
                tried_at=row.tried_at,
                due_at=hand.was_due_at,
            )

    def _group(self, connection: Connection, row: Any) -> tuple[Job, ...]:
        """What went out, or may have gone out, in the same call."""
        if not row.in_doubt:
            return ()
        found = connection.execute(self._prepared(connection).group, {"lane": row.lane_id, "job": row.id})
        return tuple(to_job(other, lane_key=row.lane_key, scope=row.scope) for other in found)

    def _followers(self, connection: Connection, row: Any, now: datetime) -> tuple[Job, ...]:
        if row.in_doubt or row.merged_into == row.id:
            return ()
        found = connection.execute(
            self._prepared(connection).following, {"lane": row.lane_id, "job": row.id, "most": MERGE - 1}
        )
        jobs = []
        for other in found:
            held = other.not_before is not None and other.not_before > now
            old = other.expires_at is not None and other.expires_at <= now
            if other.op != row.op or other.in_doubt or other.merged_into is not None or held or old:
                break
            jobs.append(to_job(other, lane_key=row.lane_key, scope=row.scope))
        return tuple(jobs)

    def _store(self, connection: Connection, hands: Sequence[Hand], now: datetime) -> None:
        until = now + self._lease
        connection.execute(
            self._prepared(connection).update_lane,
            [
                {
                    "lane": hand.lane_id,
                    "gone": hand.gone,
                    "due": hand.due_at,
                    "owner": self._owner,
                    "until": until if hand.leased else None,
                    "token": hand.token,
                    "head": hand.sending,
                    "wait": hand.waited,
                }
                for hand in hands
            ],
        )

    def finish(self, connection: Connection, outcomes: Sequence[Outcome]) -> list[Continuation]:
        """Writes what became of the jobs and says, lane by lane, what to send next."""
        sql = self._prepared(connection)
        now = self._storage.now(connection)
        ids = many(connection.dialect, [outcome.claimed.lane_id for outcome in outcomes])
        locked = {row.id: row for row in connection.execute(sql.lock, {"ids": ids})}
        settling = Settling(self._outbox, now)
        hands: dict[int, Hand] = {}
        results: list[Continuation | None] = []
        for outcome in outcomes:
            claimed = outcome.claimed
            row = locked.get(claimed.lane_id)
            if row is None or row.lease_token != claimed.lease_token:
                results.append(Lost())
            elif row.lease_until is None:
                results.append(Released(due_at=None))  # An earlier try of this very finish was committed after all.
            else:
                results.append(None)
                hand = Hand(lane_id=claimed.lane_id, token=claimed.lease_token, due_at=now, again=outcome.keep)
                if row.sending == claimed.job.id:
                    settling.take(connection, outcome, hand)
                hands[claimed.lane_id] = hand
        if hands:
            self._go_on(connection, list(hands.values()), settling, now)
        return [
            result or hands[outcome.claimed.lane_id].result or Released(due_at=None)
            for result, outcome in zip(results, outcomes, strict=True)
        ]

    def _go_on(self, connection: Connection, hands: Sequence[Hand], settling: Settling, now: datetime) -> None:
        settling.store(connection, self._prepared(connection))
        self._look(connection, hands)
        limits = Limits(connection, [hand.row.buckets for hand in hands], now)
        for hand in hands:
            blocked = settling.blocked.get(hand.lane_id)
            if blocked is not None:
                limits.block(hand.row.buckets, blocked)
        self._allot(connection, hands, limits, now)
        limits.store()
        self._store(connection, hands, now)

    def bundle(self, connection: Connection, claimed: Claimed, count: int) -> Claimed | None:
        """Ties that many jobs, the head included, into one call. None: the lease is lost."""
        sql = self._prepared(connection)
        now = self._storage.now(connection)
        if not self.renew(connection, claimed):
            return None
        self._look(connection, hands := [Hand(lane_id=claimed.lane_id, token=claimed.lease_token, due_at=now)])
        row = hands[0].row
        fresh = self._followers(connection, row, now)
        same: list[Job] = []
        for before, after in zip(claimed.followers[: count - 1], fresh, strict=False):
            if before != after:
                break
            same.append(after)
        if not same:
            return dataclasses.replace(claimed, followers=())
        connection.execute(sql.bundle, [{"job": job.id, "group": row.id} for job in same])
        return dataclasses.replace(claimed, followers=(), job=dataclasses.replace(claimed.job, merged=tuple(same)))

    def renew(self, connection: Connection, claimed: Claimed) -> bool:
        """Starts the lease again before a send. False: it is lost."""
        done = connection.execute(
            self._prepared(connection).renew,
            {
                "lane": claimed.lane_id,
                "token": claimed.lease_token,
                "head": claimed.job.id,
                "until": self._storage.now(connection) + self._lease,
            },
        )
        return done.rowcount == 1

    def release_strays(self, connection: Connection, known: Collection[int]) -> int:
        """Gives back lanes that are ours by the table but not in our hands: the claim's answer was lost."""
        doubted = (
            select(outbox.c.id)
            .where(outbox.c.id == lane.c.sending, outbox.c.in_doubt, outbox.c.state == State.QUEUED)
            .scalar_subquery()
        )
        return connection.execute(
            update(lane)
            .where(lane.c.lease_owner == self._owner, lane.c.lease_until.is_not(None), lane.c.id.not_in(list(known)))
            .values(lease_until=None, sending=doubted)
        ).rowcount

    def doubt(self, connection: Connection, lanes: Collection[int]) -> None:
        """Gives back lanes of ours whose job may have been sent."""
        connection.execute(
            update(lane)
            .where(lane.c.lease_owner == self._owner, lane.c.lease_until.is_not(None), lane.c.id.in_(list(lanes)))
            .values(lease_until=self._storage.now(connection) - _PAST)
        )

    def free(self, connection: Connection, owner: int | None = None) -> int:
        """Frees the lanes of a dead worker, or of all. A past time, never NULL: NULL would hide the doubt."""
        now = self._storage.now(connection)
        whose = lane.c.lease_owner == owner if owner is not None else literal(value=True)
        return connection.execute(
            update(lane)
            .where(lane.c.lease_until.is_not(None), lane.c.lease_until > now - _PAST, whose)
            .values(lease_until=now - _PAST)
        ).rowcount

    def start_over(self, connection: Connection) -> None:
        """Nobody else works here: frees all lanes, and repairs what a clock that was set back put into the future."""
        now = self._storage.now(connection)
        self.free(connection)
        latest = now + timedelta(seconds=CEILING * 1.5)
        connection.execute(
            update(outbox)
            .where(outbox.c.state == State.QUEUED, outbox.c.tried_at.is_not(None), outbox.c.not_before > latest)
            .values(not_before=now)
        )
        connection.execute(update(lane).where(lane.c.pending > 0, lane.c.due_at > now).values(due_at=now))

    def owners(self, connection: Connection) -> list[int]:
        """The other workers that hold lanes."""
        rows = connection.execute(
            select(lane.c.lease_owner)
            .where(
                lane.c.lease_until > self._storage.now(connection),
                lane.c.lease_owner != self._owner,
                lane.c.lease_owner > 0,  # Others hold no lock that would tell.
            )
            .group_by(lane.c.lease_owner)
            .order_by(func.min(lane.c.lease_until))
        )
        return [int(owner) for owner in rows.scalars() if owner is not None]
