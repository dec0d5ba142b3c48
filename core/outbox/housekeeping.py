"""Removes what nobody needs any more, in small batches that delay no message."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, or_, select
from sqlalchemy.sql.expression import literal_column

from core.outbox.models import lane, outbox

#: Finished jobs keep their key unique for longer than any vendor redelivers (7 days).
KEEP = timedelta(days=9)
#: Rows per transaction.
BATCH = 500


def prune(connection: Connection, now: datetime, keep: timedelta = KEEP) -> int:
    """One batch of finished jobs and of lanes that have been empty as long; how many rows went."""
    finished = (
        select(outbox.c.id)
        .where(or_(outbox.c.state == literal_column("1"), outbox.c.state == literal_column("3")))
        .where(outbox.c.done_at < now - keep)
        .limit(BATCH)
    )
    jobs = connection.execute(delete(outbox).where(outbox.c.id.in_(finished))).rowcount
    empty = (
        select(lane.c.id)
        .where(lane.c.pending == 0, lane.c.due_at < now - keep, lane.c.lease_until.is_(None))
        .where(~exists().where(outbox.c.lane_id == lane.c.id))
        .order_by(lane.c.key)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    ids = list(connection.execute(empty).scalars())
    lanes = connection.execute(delete(lane).where(lane.c.id.in_(ids))).rowcount if ids else 0
    return jobs + lanes
