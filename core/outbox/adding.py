"""The two statements of adding a job, built once per database."""

from __future__ import annotations

from sqlalchemy import BigInteger, Dialect, String, bindparam, case, or_

from core.outbox import pauses
from core.outbox.models import State, lane, outbox
from core.storage.statements import insert

_GIVEN = ("lane_id", "seq", "rank", "idem_key", "op", "payload", "not_before", "expires_at", "created_at")


class AddStatements:
    def __init__(self, dialect: Dialect) -> None:
        given = bindparam("given", type_=BigInteger())
        fresh = insert(dialect, lane).values(
            key=bindparam("key"),
            scope=bindparam("scope"),
            buckets=bindparam("buckets"),
            priority=bindparam("priority"),
            next_seq=1,
            top_rank=bindparam("top_rank"),
            pending=1,
            due_at=bindparam("due_at"),
            lease_token=0,
            waited=False,
            paused_reason=pauses.reason_for(bindparam("key", type_=String()), bindparam("scope", type_=String())),
        )
        new = fresh.excluded
        #: The row's lock makes the order of commits equal the order of `seq`.
        self.lane = fresh.on_conflict_do_update(
            index_elements=[lane.c.key],
            set_={
                "next_seq": lane.c.next_seq + 1,
                "pending": lane.c.pending + 1,
                "top_rank": case((given > lane.c.top_rank, given), else_=lane.c.top_rank),
                # A job that goes in front of others may be due before them.
                "due_at": case(
                    (lane.c.pending == 0, new.due_at),
                    ((given < lane.c.top_rank) & (new.due_at < lane.c.due_at), new.due_at),
                    else_=lane.c.due_at,
                ),
                "priority": case(
                    (or_(lane.c.pending == 0, new.priority < lane.c.priority), new.priority), else_=lane.c.priority
                ),
                "buckets": new.buckets,
            },
        ).returning(lane.c.id, lane.c.next_seq, lane.c.top_rank)
        self.job = (
            insert(dialect, outbox)
            .values(
                {
                    **{column: bindparam(column) for column in _GIVEN},
                    "state": int(State.QUEUED),
                    "attempts": 0,
                    "faults": 0,
                    "in_doubt": False,
                }
            )
            .on_conflict_do_nothing(index_elements=[outbox.c.idem_key])
            .returning(outbox.c.id)
        )
