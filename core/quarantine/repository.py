"""Puts events into quarantine, lists them, and settles them."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from core.quarantine.models import Quarantined, QuarantineState, quarantine
from core.storage.storage import Storage, insert

#: Enough for a mail with the largest attachment that is taken; of more, only the beginning is kept.
MAX_RAW = 40 * 1024 * 1024
BEGINNING = 64 * 1024

MAX_REASON = 1000
MAX_TRACEBACK = 16 * 1024

_LISTED = [column for column in quarantine.c if column.name not in ("raw", "digest")]


class Quarantine:
    """Every call takes a connection and commits nothing."""

    def __init__(self, storage: Storage, *, max_raw: int = MAX_RAW) -> None:
        self._storage = storage
        self._max_raw = max_raw

    def add(self, connection: Connection, source: str, event_id: str, raw: bytes, problem: BaseException | str) -> int:
        """Keeps an event that failed, and returns its number; the same event again is counted, and is open again."""
        now = self._storage.now(connection)
        whole = len(raw) <= self._max_raw
        failed = {
            "reason": _reason(problem)[:MAX_REASON],
            "traceback": _traceback(problem)[-MAX_TRACEBACK:],
            "state": QuarantineState.OPEN.value,
            "changed_at": now,
        }
        statement = insert(connection, quarantine).values(
            source=source,
            event_id=event_id[:998],
            digest=hashlib.sha256(raw).hexdigest(),
            raw=raw if whole else raw[:BEGINNING],
            size=len(raw),
            whole=whole,
            count=1,
            created_at=now,
            **failed,
        )
        statement = statement.on_conflict_do_update(
            index_elements=["source", "event_id", "digest"], set_={**failed, "count": quarantine.c.count + 1}
        )
        number: int = connection.execute(statement.returning(quarantine.c.id)).scalar_one()
        return number

    def list(
        self,
        connection: Connection,
        states: Sequence[QuarantineState] = (QuarantineState.OPEN, QuarantineState.REDO),
        *,
        source: str = "",
        limit: int = 100,
    ) -> Sequence[Quarantined]:
        """The newest first, without their bodies."""
        query = select(*_LISTED).where(quarantine.c.state.in_([state.value for state in states]))
        if source:
            query = query.where(quarantine.c.source == source)
        rows = connection.execute(query.order_by(quarantine.c.id.desc()).limit(limit))
        return [_record(row) for row in rows]

    def get(self, connection: Connection, number: int) -> Quarantined | None:
        """One event with its body."""
        row = connection.execute(select(*_LISTED, quarantine.c.raw).where(quarantine.c.id == number)).one_or_none()
        return None if row is None else _record(row, row.raw)

    def ask(self, connection: Connection, number: int) -> bool:
        """Asks the running process for another try; False: there is no such open event with its whole body."""
        return self._move(connection, number, QuarantineState.REDO, quarantine.c.whole)

    def asked(self, connection: Connection, limit: int = 20) -> Sequence[int]:
        """Numbers of events that somebody asked to try again, in their order."""
        query = select(quarantine.c.id).where(quarantine.c.state == QuarantineState.REDO.value)
        return list(connection.execute(query.order_by(quarantine.c.id).limit(limit)).scalars())

    def close(self, connection: Connection, number: int, state: QuarantineState) -> bool:
        """Settles an open event as done or dropped; False: there is none."""
        return self._move(connection, number, state)

    def failed(self, connection: Connection, number: int, problem: BaseException | str) -> None:
        """Another try failed too."""
        connection.execute(
            update(quarantine)
            .where(quarantine.c.id == number)
            .values(
                state=QuarantineState.OPEN.value,
                reason=_reason(problem)[:MAX_REASON],
                traceback=_traceback(problem)[-MAX_TRACEBACK:],
                count=quarantine.c.count + 1,
                changed_at=self._storage.now(connection),
            )
        )

    def count(self, connection: Connection) -> int:
        """How many wait for somebody."""
        query = select(func.count()).where(
            quarantine.c.state.in_([QuarantineState.OPEN.value, QuarantineState.REDO.value])
        )
        number: int = connection.execute(query).scalar_one()
        return number

    def prune(self, connection: Connection, before: datetime, limit: int = 500) -> int:
        """Deletes settled events that nobody touched since `before`."""
        settled = quarantine.c.state.in_([QuarantineState.DONE.value, QuarantineState.DROPPED.value])
        old = select(quarantine.c.id).where(settled, quarantine.c.changed_at < before).limit(limit)
        return connection.execute(delete(quarantine).where(quarantine.c.id.in_(old))).rowcount

    def _move(
        self, connection: Connection, number: int, state: QuarantineState, *conditions: ColumnElement[bool]
    ) -> bool:
        unsettled = quarantine.c.state.in_([QuarantineState.OPEN.value, QuarantineState.REDO.value])
        statement = update(quarantine).where(quarantine.c.id == number, unsettled, *conditions)
        result = connection.execute(statement.values(state=state.value, changed_at=self._storage.now(connection)))
        return result.rowcount > 0


def _reason(problem: BaseException | str) -> str:
    if isinstance(problem, str):
        return problem
    return f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__


def _traceback(problem: BaseException | str) -> str:
    return "" if isinstance(problem, str) else "".join(traceback.format_exception(problem))


def _record(row: Any, raw: bytes = b"") -> Quarantined:
    values = {column.name: getattr(row, column.name) for column in _LISTED}
    return Quarantined(**(values | {"state": QuarantineState(values["state"]), "raw": raw}))
