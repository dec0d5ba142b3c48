"""The worker's statements, built once per database so that they stay compiled and prepared."""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, Dialect, Integer, bindparam, func, literal_column, select, update

from core.outbox.models import lane, outbox
from core.storage.statements import among
from core.storage.types import Moment

#: Literals, not parameters: only so does the planner see that a partial index applies.
ZERO: ColumnElement[int] = literal_column("0", Integer())


class Statements:
    def __init__(self, dialect: Dialect) -> None:
        ready = (lane.c.pending > ZERO) & lane.c.paused_reason.is_(None)
        now = bindparam("now", type_=Moment())
        self.ready = (
            select(lane.c.id, lane.c.lease_until, lane.c.lease_token, lane.c.due_at)
            .where(ready, lane.c.due_at <= now, lane.c.lease_until.is_(None) | (lane.c.lease_until < now))
            .order_by(lane.c.due_at)
            .limit(bindparam("free", type_=Integer()))
            .with_for_update(skip_locked=True)
        )
        self.next_due = (
            select(lane.c.due_at)
            .where(ready, lane.c.lease_until.is_(None), lane.c.due_at > now)
            .order_by(lane.c.due_at)
            .limit(1)
        )
        #: In key order, as everybody locks lanes; by id it would deadlock with those who add jobs.
        self.lock = (
            select(lane.c.id, lane.c.lease_token, lane.c.lease_until, lane.c.sending, lane.c.buckets, lane.c.pending)
            .where(among(dialect, lane.c.id, "ids"))
            .order_by(lane.c.key)
            .with_for_update()
        )
        started, head = outbox.alias("started"), outbox.alias("head")
        first = func.coalesce(
            select(started.c.id)
            .where(started.c.id == lane.c.sending, started.c.state == ZERO)
            .scalar_subquery()
            .correlate(lane),
            select(head.c.id)
            .where(head.c.lane_id == lane.c.id, head.c.state == ZERO)
            .order_by(head.c.rank, head.c.seq)
            .limit(literal_column("1"))
            .scalar_subquery()
            .correlate(lane),
        )
        #: Each lane beside the job that goes next: the one that may have been sent, else the first in order.
        self.heads = (
            select(
                lane.c.id.label("lane_id"),
                lane.c.key.label("lane_key"),
                lane.c.scope,
                lane.c.buckets,
                lane.c.priority,
                lane.c.pending,
                lane.c.waited,
                lane.c.sending,
                lane.c.paused_reason,
                *[column for column in outbox.columns if column is not outbox.c.lane_id],
            )
            .select_from(lane.outerjoin(outbox, outbox.c.id == first))
            .where(among(dialect, lane.c.id, "ids"))
        )
        self.update_lane = (
            update(lane)
            .where(lane.c.id == bindparam("lane"))
            .values(
                pending=lane.c.pending - bindparam("gone", type_=Integer()),
                due_at=bindparam("due", type_=Moment()),
                lease_owner=bindparam("owner", type_=BigInteger()),
                lease_until=bindparam("until", type_=Moment()),
                lease_token=bindparam("token", type_=BigInteger()),
                sending=bindparam("head", type_=BigInteger()),
                waited=bindparam("wait"),
            )
        )
        self.renew = (
            update(lane)
            .where(
                lane.c.id == bindparam("lane"),
                lane.c.lease_token == bindparam("token"),
                lane.c.lease_until.is_not(None),
                lane.c.sending == bindparam("head"),
            )
            .values(lease_until=bindparam("until", type_=Moment()))
        )
        self.done = (
            update(outbox)
            .where(outbox.c.id == bindparam("job"))
            .values(state=1, provider_ref=bindparam("ref"), done_at=now, in_doubt=False)
        )
        self.dead = (
            update(outbox)
            .where(outbox.c.id == bindparam("job"))
            .values(
                state=2,
                attempts=outbox.c.attempts + bindparam("tries", type_=Integer()),
                last_status=bindparam("reason"),
                last_error=bindparam("sentence"),
                in_doubt=bindparam("doubt"),
                merged_into=None,
                done_at=now,
            )
        )
        self.later = (
            update(outbox)
            .where(outbox.c.id == bindparam("job"))
            .values(
                attempts=outbox.c.attempts + bindparam("tries", type_=Integer()),
                faults=outbox.c.faults + bindparam("blame", type_=Integer()),
                last_error=bindparam("sentence"),
                in_doubt=bindparam("doubt"),
                merged_into=bindparam("group", type_=BigInteger()),
                not_before=bindparam("until", type_=Moment()),
                tried_at=func.coalesce(outbox.c.tried_at, now),
            )
        )
        self.doubt = (
            update(outbox)
            .where((outbox.c.id == bindparam("job")) | (outbox.c.merged_into == bindparam("job")))
            .where(outbox.c.state == ZERO, outbox.c.lane_id == bindparam("lane"))
            .values(in_doubt=True)
        )
        self.group = (
            select(outbox)
            .where(
                outbox.c.lane_id == bindparam("lane"),
                outbox.c.state == ZERO,
                outbox.c.merged_into == bindparam("job"),
                outbox.c.id != bindparam("job"),
            )
            .order_by(outbox.c.rank, outbox.c.seq)
        )
        self.following = (
            select(outbox)
            .where(outbox.c.lane_id == bindparam("lane"), outbox.c.state == ZERO, outbox.c.id != bindparam("job"))
            .order_by(outbox.c.rank, outbox.c.seq)
            .limit(bindparam("most", type_=Integer()))
        )
        self.bundle = (
            update(outbox)
            .where(outbox.c.id == bindparam("job"))
            .values(merged_into=bindparam("group", type_=BigInteger()))
        )
