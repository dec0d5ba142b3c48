"""Shows a conversation in one more room, of whichever workspace."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from core.contracts.bridge import DeliveryStatus
from core.contracts.places import RoomRef
from core.conversations import events, failures, threads
from core.conversations.dispatch import Dispatcher
from core.conversations.events import Fact
from core.conversations.service import ConversationService, actor
from core.desk.replies import Replies, Where
from core.routing import rooms

#: Messages that are brought along besides the first; the others stay where they stand.
MOST_BROUGHT = 50


class Mirrors:
    """Each runs inside the transaction of its gesture, and answers the agent in words when it cannot be done."""

    def __init__(
        self,
        service: ConversationService,
        dispatcher: Dispatcher,
        replies: Replies,
        workspaces: Collection[str],
    ) -> None:
        self._service = service
        self._dispatcher = dispatcher
        self._replies = replies
        self._workspaces = workspaces

    def rooms(self, connection: Connection, where: Where) -> list[tuple[str, str]]:
        """(value, label) of the rooms that could show it, too."""
        shown = self._shown(connection, where)
        return [
            (f"{room.workspace}/{room.room}", rooms.full_name(connection, room))
            for room, _ in rooms.usable(connection, self._workspaces)
            if room not in shown
        ]

    def add(self, connection: Connection, where: Where, wanted: str) -> None:
        """Shows it there, with what was said so far; `wanted` is a choice of the form, or typed."""
        room = self._meant(connection, where, wanted)
        if room is None:
            name = f"no room “{wanted[:200]}”" if wanted else "no room without its name"
            text = f"There is {name} that I can post in. Type !mirror workspace/#room, or press Mirror on the card."
            self._replies.tell(connection, where, text)
            return
        name = rooms.full_name(connection, room)
        if room in self._shown(connection, where):
            self._replies.tell(connection, where, f"It is shown in {name} already.")
            return
        if why := rooms.why_closed(connection, room):
            self._replies.tell(connection, where, f"Nothing can be shown in {name} now: {why}")
            return
        conversation = where.conversation
        link = self._service.add_thread(connection, conversation.id, room, where.now, added_by=where.agent.name)
        for message in self._dispatcher.bring(connection, link, where.link, where.now, most=MOST_BROUGHT):
            if message.status is DeliveryStatus.FAILED:
                failures.repeat(connection, self._dispatcher, link, message)
        data = {"room": f"{room.workspace}/{room.room}"}
        events.about(connection, Fact.MIRRORED, conversation.id, where.now, actor(where.agent), data)
        self._dispatcher.refresh_card(connection, conversation.id, where.now)

    def _shown(self, connection: Connection, where: Where) -> set[RoomRef]:
        """The rooms that show it, or will."""
        found = set()
        for link in threads.links_of(connection, where.conversation.id):
            # Named by the settings, and not met before it was added.
            room = rooms.named(connection, link.workspace, link.room) if link.room.startswith("#") else None
            found.add(RoomRef(workspace=link.workspace, room=room or link.room))
        return found

    def _meant(self, connection: Connection, where: Where, wanted: str) -> RoomRef | None:
        """`workspace/room` or `workspace/#room`, by id or name; without a workspace it is the agent's own."""
        workspace, slash, room = wanted.strip().partition("/")
        if not slash:
            workspace, room = where.thread.workspace, workspace
        if workspace not in self._workspaces or not room.strip("# "):
            return None
        found = rooms.named(connection, workspace, room.strip())
        if found is None and rooms.is_known(connection, RoomRef(workspace=workspace, room=room)):
            found = room
        return None if found is None or found.startswith("#") else RoomRef(workspace=workspace, room=found)
