"""What has been taken in already, and events that came before the message they speak of."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, Index, LargeBinary, String, Table, delete, func, select

from core.contracts.bridge import Event
from core.storage.base import Moment, metadata
from core.storage.storage import insert

inbox = Table(
    "inbox",
    metadata,
    Column("account", String(64), primary_key=True),
    Column("event_id", String(998), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("order", BigInteger),
    Column("received_at", Moment, nullable=False),
    Index("inbox_order", "account", "order"),
    Index("inbox_received", "received_at"),
)

early_events = Table(
    "early_events",
    metadata,
    Column("account", String(64), primary_key=True),
    Column("event_id", String(998), primary_key=True),
    Column("external_id", String(998), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("received_at", Moment, nullable=False),
    Index("early_events_external", "account", "external_id"),
)


def first_time(connection: Connection, account: str, event: Event, now: datetime) -> bool:
    """Notes the event; False: it was here before."""
    result = connection.execute(
        insert(connection, inbox)
        .values(
            account=account,
            event_id=event.event_id,
            kind=type(event).__name__,
            order=event.order,
            received_at=now,
        )
        .on_conflict_do_nothing()
    )
    return result.rowcount > 0


def first_gesture(connection: Connection, workspace: str, key: str, now: datetime) -> bool:
    """Notes an agent's gesture; False: it was taken before."""
    result = connection.execute(
        insert(connection, inbox)
        .values(account=f"workspace:{workspace}", event_id=key, kind="gesture", order=None, received_at=now)
        .on_conflict_do_nothing()
    )
    return result.rowcount > 0


def forget(connection: Connection, account: str, event: Event) -> None:
    """Takes a note back, so that the same event is processed again when its time has come."""
    connection.execute(
        delete(inbox).where(
            inbox.c.account == account, inbox.c.event_id == event.event_id, inbox.c.kind == type(event).__name__
        )
    )


def has_predecessor(connection: Connection, account: str, order: int) -> bool:
    """The event numbered just before is here, so none that matters is late."""
    query = select(inbox.c.event_id).where(inbox.c.account == account, inbox.c.order == order - 1)
    return connection.execute(query).first() is not None


def park(connection: Connection, account: str, event: Event, external_id: str, raw: bytes, now: datetime) -> None:
    """Keeps an event until the message it speaks of arrives; then it is taken as if for the first time."""
    forget(connection, account, event)
    connection.execute(
        insert(connection, early_events)
        .values(account=account, event_id=event.event_id, external_id=external_id, raw=raw, received_at=now)
        .on_conflict_do_nothing()
    )


def take_turns(connection: Connection, account: str, external_id: str) -> None:
    """Whoever parks for a message and whoever brings it wait for each other, or both would miss what the other did.

    SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{account}:{external_id}", 0))))


def unpark(connection: Connection, account: str, external_id: str) -> list[tuple[str, bytes]]:
    """(event id, raw item) of what waited for that message, oldest first; taken out."""
    take_turns(connection, account, external_id)
    waiting = (early_events.c.account == account) & (early_events.c.external_id == external_id)
    query = select(early_events.c.event_id, early_events.c.raw).where(waiting)
    rows = connection.execute(query.order_by(early_events.c.received_at, early_events.c.event_id)).all()
    if rows:
        connection.execute(delete(early_events).where(waiting))
    return [(row.event_id, row.raw) for row in rows]


def prune(connection: Connection, before: datetime, limit: int = 1000) -> int:
    """Forgets what no vendor redelivers any more (Meta, the longest, tries for 7 days)."""
    old = select(inbox.c.account, inbox.c.event_id, inbox.c.kind).where(inbox.c.received_at < before).limit(limit)
    rows = connection.execute(old).all()
    for account, event_id, kind in rows:
        connection.execute(
            delete(inbox).where(inbox.c.account == account, inbox.c.event_id == event_id, inbox.c.kind == kind)
        )
    connection.execute(delete(early_events).where(early_events.c.received_at < before))
    return len(rows)


def is_gesture_known(connection: Connection, workspace: str, key: str) -> bool:
    """Whether that gesture of an agent was taken in already."""
    query = select(inbox.c.kind).where(
        inbox.c.account == f"workspace:{workspace}", inbox.c.event_id == key, inbox.c.kind == "gesture"
    )
    return connection.execute(query).first() is not None


def keep_early_gesture(connection: Connection, workspace: str, post: str, what: str, raw: bytes, now: datetime) -> None:
    """Keeps what an agent did to a post that we have not heard of yet; what she did last is what counts."""
    values = {"external_id": post, "raw": raw, "received_at": now}
    connection.execute(
        insert(connection, early_events)
        .values(account=f"workspace:{workspace}", event_id=f"{what}:{post}", **values)
        .on_conflict_do_update(index_elements=["account", "event_id"], set_=values)
    )


def take_early_gestures(connection: Connection, workspace: str, post: str) -> dict[str, bytes]:
    """What was kept for that post, by what it was; it is not kept any longer."""
    mine = (early_events.c.account == f"workspace:{workspace}", early_events.c.external_id == post)
    rows = connection.execute(select(early_events.c.event_id, early_events.c.raw).where(*mine)).all()
    if rows:
        connection.execute(delete(early_events).where(*mine))
    return {row.event_id.partition(":")[0]: row.raw for row in rows}
