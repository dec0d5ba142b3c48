"""What is known of the rooms in each workspace: their names, and whether we can post there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Boolean, Column, Connection, String, Table, select

from core.contracts.places import RoomRef
from core.storage.base import metadata
from core.storage.storage import insert

rooms = Table(
    "rooms",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("room", String(128), primary_key=True),
    Column("name", String(200), nullable=False),
    # A sentence while nothing can be posted there, else "".
    Column("closed", String(500), nullable=False),
    Column("shared", Boolean, nullable=False),
)


def change_room(connection: Connection, ref: RoomRef, **values: Any) -> None:
    """Sets `name`, `closed` or `shared`, keeping the rest."""
    fresh: dict[str, Any] = {"name": "", "closed": "", "shared": False, **values}
    connection.execute(
        insert(connection, rooms)
        .values(workspace=ref.workspace, room=ref.room, **fresh)
        .on_conflict_do_update(index_elements=["workspace", "room"], set_=values)
    )


def closed_rooms(connection: Connection) -> list[tuple[RoomRef, str, str]]:
    """(room, name, sentence) of those that nothing can be posted in."""
    rows = connection.execute(select(rooms).where(rooms.c.closed != ""))
    return [(RoomRef(workspace=row.workspace, room=row.room), row.name, row.closed) for row in rows]


def usable(connection: Connection, workspaces: Collection[str], limit: int | None = None) -> list[tuple[RoomRef, str]]:
    """(room, name) of those that can be posted in, by workspace and name."""
    query = select(rooms).where(rooms.c.closed == "", rooms.c.workspace.in_(list(workspaces)))
    # What the settings name and nobody has found yet.
    query = query.where(rooms.c.room.not_like("#%")).order_by(rooms.c.workspace, rooms.c.name, rooms.c.room)
    rows = connection.execute(query.limit(limit))
    return [(RoomRef(workspace=row.workspace, room=row.room), row.name) for row in rows]


def why_closed(connection: Connection, ref: RoomRef) -> str:
    """Why nothing can be posted there, or ""; a room may be known by its id and by the name in the settings."""
    names = {ref.room}
    if ref.room.startswith("#"):
        names.add(named(connection, ref.workspace, ref.room) or ref.room)
    query = select(rooms.c.closed).where(rooms.c.workspace == ref.workspace, rooms.c.room.in_(sorted(names)))
    return max(connection.execute(query).scalars(), default="")


def place(connection: Connection, wanted: Sequence[RoomRef], spare: RoomRef) -> tuple[tuple[RoomRef, ...], str]:
    """Where a new conversation is shown, and a sentence if that is not where its rule wants it.

    Its first room is where people look for it: while that is closed, the rule's other rooms take it, else the spare.
    """
    why = why_closed(connection, wanted[0])
    if not why:
        return tuple(wanted), ""
    places = tuple(ref for ref in wanted[1:] if not why_closed(connection, ref))
    if not places and not why_closed(connection, spare):
        places = (spare,)
    if not places:
        # Held until one of them is back.
        return tuple(wanted), ""
    usual = full_name(connection, wanted[0])
    return places, f"Shown here because {usual} cannot be used now: {why}"


def full_name(connection: Connection, ref: RoomRef) -> str:
    """`workspace/#name`, as people call it and the settings may."""
    if ref.room.startswith("#"):
        return f"{ref.workspace}/{ref.room}"
    name = room_name(connection, ref)
    return f"{ref.workspace}/#{name}" if name else f"{ref.workspace}/{ref.room}"


def is_closed(connection: Connection, ref: RoomRef) -> bool:
    query = select(rooms.c.closed).where(rooms.c.workspace == ref.workspace, rooms.c.room == ref.room)
    return bool(connection.execute(query).scalar())


def is_known(connection: Connection, ref: RoomRef) -> bool:
    query = select(rooms.c.room).where(rooms.c.workspace == ref.workspace, rooms.c.room == ref.room)
    return connection.execute(query).first() is not None


def is_shared(connection: Connection, ref: RoomRef) -> bool:
    query = select(rooms.c.shared).where(rooms.c.workspace == ref.workspace, rooms.c.room == ref.room)
    return bool(connection.execute(query).scalar())


def room_name(connection: Connection, ref: RoomRef) -> str:
    query = select(rooms.c.name).where(rooms.c.workspace == ref.workspace, rooms.c.room == ref.room)
    return connection.execute(query).scalar() or ""


def named(connection: Connection, workspace: str, name: str) -> str | None:
    """The id of the room with that name, as last seen."""
    query = select(rooms.c.room).where(rooms.c.workspace == workspace, rooms.c.name == name.lstrip("#"))
    value: str | None = connection.execute(query).scalar()
    return value
