"""Vendors' rate limits as rows: who may send now, and when the others should come back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from core.outbox.models import dest
from core.storage.statements import among, insert, many

#: A lane's buckets as its row keeps them: [key, gap in milliseconds, burst], the narrowest first.
BucketRows = Sequence[Sequence[Any]]
#: Priority of lanes that take the next free slot whoever stands in line.
FIRST = 0


class _Limit:
    """One bucket while its row is ours: the generic cell rate algorithm, which needs a single time per bucket."""

    __slots__ = ("blocked_until", "burst", "dirty", "gap", "key", "line_end", "next_free_at")

    def __init__(self, row: Any) -> None:
        self.key: str = row.key
        self.next_free_at: datetime = row.next_free_at
        self.line_end: datetime = row.line_end
        self.blocked_until: datetime | None = row.blocked_until
        self.gap = timedelta(milliseconds=row.min_gap_ms)
        self.burst: int = row.burst
        self.dirty = False

    def shape(self, gap_ms: int, burst: int) -> None:
        self.gap = timedelta(milliseconds=gap_ms)
        self.burst = burst

    @property
    def ready_at(self) -> datetime:
        ready = self.next_free_at - self.gap * (self.burst - 1)
        return ready if self.blocked_until is None else max(ready, self.blocked_until)

    def take(self, now: datetime) -> None:
        self.next_free_at = max(self.next_free_at, now) + self.gap
        self.dirty = True

    def queue_up(self) -> datetime:
        """The next place in line, one gap behind the last."""
        self.line_end = max(self.line_end + self.gap, self.ready_at)
        self.dirty = True
        return self.line_end


class Limits:
    """The buckets that a set of lanes needs, locked until the transaction ends."""

    def __init__(self, connection: Connection, lanes: Sequence[BucketRows], now: datetime) -> None:
        self._connection = connection
        self._now = now
        wanted = {row[0]: row for rows in lanes for row in rows}
        self._limits = {limit.key: limit for limit in self._load(sorted(wanted))} if wanted else {}
        missing = sorted(wanted.keys() - self._limits.keys())
        if missing:
            connection.execute(
                insert(connection, dest).on_conflict_do_nothing(),
                [
                    {
                        "key": key,
                        "min_gap_ms": wanted[key][1],
                        "burst": wanted[key][2],
                        "next_free_at": now,
                        "line_end": now - timedelta(milliseconds=wanted[key][1]),
                        "blocked_until": None,
                    }
                    for key in missing
                ],
            )
            self._limits |= {limit.key: limit for limit in self._load(missing)}

    def _load(self, keys: list[str]) -> list[_Limit]:
        dialect = self._connection.dialect
        statement = select(dest).where(among(dialect, dest.c.key, "keys")).order_by(dest.c.key).with_for_update()
        return [_Limit(row) for row in self._connection.execute(statement, {"keys": many(dialect, keys)})]

    def reserve(self, rows: BucketRows, *, priority: int, waited: bool) -> datetime | None:
        """Takes a slot in every bucket now (None), or in none of them: then says when to come back."""
        if not rows:
            return None
        limits = []
        for key, gap_ms, burst in rows:
            limit = self._limits[key]
            limit.shape(gap_ms, burst)
            limits.append(limit)
        slowest = max(limits, key=lambda limit: limit.ready_at)
        if slowest.ready_at <= self._now:
            for limit in limits:
                limit.take(self._now)
            return None
        # Who stood in line already, or goes first anyway, competes for the next slot by priority and age.
        return slowest.ready_at if waited or priority <= FIRST else slowest.queue_up()

    def block(self, rows: BucketRows, until: datetime) -> None:
        """The vendor said "slow down": nobody uses the narrowest bucket until then."""
        if rows:
            limit = self._limits[rows[0][0]]
            limit.blocked_until = max(limit.blocked_until or until, until)
            limit.dirty = True

    def store(self) -> None:
        changed = [limit for limit in self._limits.values() if limit.dirty]
        if changed:
            self._connection.execute(
                _UPDATE,
                [
                    {
                        "bucket": limit.key,
                        "new_min_gap_ms": round(limit.gap / timedelta(milliseconds=1)),
                        "new_burst": limit.burst,
                        "new_next_free_at": limit.next_free_at,
                        "new_line_end": limit.line_end,
                        "new_blocked_until": limit.blocked_until,
                    }
                    for limit in sorted(changed, key=lambda limit: limit.key)
                ],
            )


_UPDATE = (
    update(dest)
    .where(dest.c.key == bindparam("bucket"))
    .values(
        {
            name: bindparam(f"new_{name}", type_=dest.c[name].type)
            for name in ("min_gap_ms", "burst", "next_free_at", "line_end", "blocked_until")
        }
    )
)
