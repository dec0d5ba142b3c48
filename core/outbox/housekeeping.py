"""Removes what nobody needs any more, in small batches that delay no message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Select, delete, exists, literal_column, select

from core.outbox.models import lane, outbox

#: Finished jobs keep their key unique for longer than any vendor redelivers (7 days).
KEEP = timedelta(days=9)
#: Rows per transaction.
BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Leavings:
    """One batch of finished jobs, and of lanes that have been empty as long."""

    jobs: Sequence[int]
    lanes: Sequence[int]

    def __len__(self) -> int:
        return len(self.jobs) + len(self.lanes)


def finished_jobs(before: datetime) -> Select[int]:
    # Written as the partial index is, so that it is used.
    finished = outbox.c.state.in_([literal_column("1"), literal_column("3")])
    return select(outbox.c.id).where(finished, outbox.c.done_at < before).order_by(outbox.c.done_at).limit(BATCH)


def find(connection: Connection, now: datetime, keep: timedelta = KEEP) -> Leavings:
    """Looks without disturbing the writer."""
    jobs = connection.execute(finished_jobs(now - keep)).scalars().all()
    lanes = connection.execute(_empty_lanes(now - keep).order_by(lane.c.key).limit(BATCH)).scalars().all()
    return Leavings(jobs=jobs, lanes=lanes)


def _empty_lanes(before: datetime) -> Select[int]:
    return select(lane.c.id).where(
        lane.c.pending == 0,
        lane.c.due_at < before,
        lane.c.lease_until.is_(None),
        ~exists().where(outbox.c.lane_id == lane.c.id),
    )


def remove(connection: Connection, leavings: Leavings, now: datetime, keep: timedelta = KEEP) -> int:
    """How many rows went; what has come to life again stays."""
    removed = 0
    if leavings.jobs:
        removed += connection.execute(delete(outbox).where(outbox.c.id.in_(leavings.jobs))).rowcount
    if leavings.lanes:
        chosen = _empty_lanes(now - keep).where(lane.c.id.in_(leavings.lanes)).order_by(lane.c.key)
        still = connection.execute(chosen.with_for_update(skip_locked=True)).scalars().all()
        if still:
            removed += connection.execute(delete(lane).where(lane.c.id.in_(still))).rowcount
    return removed
