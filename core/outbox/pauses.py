"""What is paused, and the lanes that wait because of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, and_, delete, func, or_, select, update

from core.outbox.jobs import Paused
from core.outbox.models import PauseKind, lane, pause
from core.storage.statements import insert


def reason_for(key: ColumnElement[str], scope: ColumnElement[str]) -> ScalarSelect[str]:
    """Why a lane of that key and scope is paused, or NULL. The table is nearly always empty, so this costs nothing."""
    return (
        select(pause.c.reason)
        .where(
            or_(
                and_(pause.c.kind == PauseKind.SCOPE, pause.c.name == scope),
                and_(pause.c.kind == PauseKind.LANE, pause.c.name == key),
                # LIKE ignores case on SQLite and gives "_" a meaning.
                and_(pause.c.kind == PauseKind.PREFIX, func.substr(key, 1, func.length(pause.c.name)) == pause.c.name),
            )
        )
        .order_by(pause.c.since, pause.c.kind)
        .limit(1)
        .scalar_subquery()
    )


def _covers(kind: str, name: str) -> ColumnElement[bool]:
    if kind == PauseKind.SCOPE:
        return lane.c.scope == name
    if kind == PauseKind.LANE:
        return lane.c.key == name
    return func.substr(lane.c.key, 1, len(name)) == name


def add(connection: Connection, kind: PauseKind, name: str, reason: str, now: datetime) -> bool:
    """False: it was paused already. Lanes that slipped by are paused all the same."""
    fresh = connection.execute(
        insert(connection, pause).on_conflict_do_nothing().returning(pause.c.kind),
        {"kind": kind, "name": name, "reason": reason, "since": now},
    ).first()
    _apply(connection, _covers(kind, name) & lane.c.paused_reason.is_(None))
    return fresh is not None


def remove(connection: Connection, *, scope: str | None, lane_prefix: str | None) -> int:
    """How many pauses ended; lanes that another pause covers stay paused."""
    if scope is not None:
        ended = and_(pause.c.kind == PauseKind.SCOPE, pause.c.name == scope)
        lanes = _covers(PauseKind.SCOPE, scope)
    else:
        assert lane_prefix is not None
        ended = and_(
            pause.c.kind.in_([PauseKind.PREFIX, PauseKind.LANE]),
            func.substr(pause.c.name, 1, len(lane_prefix)) == lane_prefix,
        )
        lanes = _covers(PauseKind.PREFIX, lane_prefix)
    count = connection.execute(delete(pause).where(ended)).rowcount
    _apply(connection, lanes & lane.c.paused_reason.is_not(None))
    return count


def _apply(connection: Connection, lanes: ColumnElement[bool]) -> None:
    # In key order, as everybody locks lanes.
    keys = select(lane.c.id).where(lanes).order_by(lane.c.key).with_for_update()
    ids = connection.execute(keys).scalars().all()
    if ids:
        connection.execute(update(lane).where(lanes).values(paused_reason=reason_for(lane.c.key, lane.c.scope)))


def count_lanes(connection: Connection, *, scope: str | None, lane_prefix: str | None) -> int:
    covered = _covers(PauseKind.SCOPE, scope) if scope is not None else _covers(PauseKind.PREFIX, lane_prefix or "")
    return connection.execute(select(func.count()).select_from(lane).where(covered, lane.c.pending > 0)).scalar_one()


def listing(connection: Connection) -> list[Paused]:
    found = []
    for row in connection.execute(select(pause).order_by(pause.c.since, pause.c.name)):
        jobs = connection.execute(
            select(func.coalesce(func.sum(lane.c.pending), 0)).where(_covers(row.kind, row.name))
        ).scalar_one()
        field = {PauseKind.SCOPE: "scope", PauseKind.PREFIX: "lane_prefix", PauseKind.LANE: "lane"}[PauseKind(row.kind)]
        where: dict[str, Any] = {field: row.name}
        found.append(Paused(**where, reason=row.reason, since=row.since, jobs=jobs))
    return found
