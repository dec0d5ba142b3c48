"""What follows when a room is closed to us, opened, renamed, moved or shared."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from core.contracts.places import RoomRef
from core.contracts.workplace import RoomChange
from core.conversations import events, threads
from core.conversations.events import Fact
from core.conversations.service import SYSTEM
from core.outbox.repository import Outbox
from core.routing import rooms
from core.storage.storage import Storage


class Rooms:
    """Holds what a room cannot take, and lets it go again."""

    def __init__(self, storage: Storage, outbox: Outbox, trouble: Callable[[str, str | None], None]) -> None:
        self._storage = storage
        self._outbox = outbox
        self._trouble = trouble

    def changed(self, connection: Connection, room: RoomRef, change: RoomChange, detail: str) -> None:
        now = self._storage.now(connection)
        source = f"{room.workspace}/{room.room}"
        names = {room.room, f"#{rooms.room_name(connection, room)}"}
        places = {f"{room.workspace}:{name}:" for name in names}
        places.update(threads.places_in(connection, room.workspace, room.room))
        lanes = [f"{kind}:{place}" for kind in ("post", "card") for place in sorted(places)]
        data = {"workspace": room.workspace, "room": room.room, "detail": detail}
        match change:
            case RoomChange.CLOSED:
                sentence = detail or "The room was closed to us."
                rooms.change_room(connection, room, closed=sentence[:500])
                for lane in lanes:
                    self._outbox.pause(connection, lane_prefix=lane, reason=sentence)
                events.record(connection, Fact.ROOM_CLOSED, at=now, actor=SYSTEM, data=data)
                self._storage.after_commit(connection, lambda: self._trouble(source, sentence))
            case RoomChange.OPENED:
                # What the settings name was closed under its name before it was ever met.
                for name in sorted(names - {room.room}):
                    self._met(connection, RoomRef(workspace=room.workspace, room=name))
                rooms.change_room(connection, room, closed="")
                for lane in lanes:
                    self._outbox.resume(connection, lane_prefix=lane)
                events.record(connection, Fact.ROOM_OPENED, at=now, actor=SYSTEM, data=data)
                self._storage.after_commit(connection, lambda: self._trouble(source, None))
            case RoomChange.RENAMED:
                rooms.change_room(connection, room, name=detail[:200])
            case RoomChange.MOVED:
                threads.move_room(connection, room.workspace, room.room, detail)
                events.record(connection, Fact.ROOM_MOVED, at=now, actor=SYSTEM, data=data)
            case RoomChange.SHARED:
                rooms.change_room(connection, room, shared=True)
                sentence = "The room is shared with another organisation now: its people see the customers' messages."
                self._storage.after_commit(connection, lambda: self._trouble(source, sentence))

    def _met(self, connection: Connection, named: RoomRef) -> None:
        if rooms.is_closed(connection, named):
            rooms.change_room(connection, named, closed="")
            self._storage.after_commit(connection, lambda: self._trouble(f"{named.workspace}/{named.room}", None))
