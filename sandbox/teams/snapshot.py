"""The whole tenant at one moment, for a page that draws it."""

from __future__ import annotations

from sandbox.teams.dialogs import Dialogs
from sandbox.teams.wire import Json
from sandbox.teams.world import Room, World


def snapshot(world: World, dialogs: Dialogs) -> Json:
    """Everything a page needs to draw the tenant; JSON-able. Deleted messages are there, marked."""

    def drawn(room: Room) -> Json:
        messages = [world.message_json(room, message) for message in room.messages.values()]
        return {**world.room_json(room), "messages": messages}

    rooms = [room for room in world.rooms.values() if not room.deleted]
    return {
        "tenant": {"id": world.tenant},
        "app": {"id": world.app_id, "bot_id": world.bot_id, "name": world.bot_name},
        "users": [world.user_json(user) for user in world.users.values()],
        "teams": [world.team_json(team) for team in world.teams.values() if not team.deleted],
        "channels": [drawn(room) for room in rooms if room.team is not None and not room.team.deleted],
        "chats": [drawn(room) for room in rooms if room.user is not None],
        "targeted": {user: world.aimed(user) for user in world.users if world.aimed(user)},
        "views": [{"user": user, "message": id, "card": card} for (user, id), card in world.views.items()],
        "dialogs": [dialog.shown() for dialog in dialogs.all()],
        "typing": [
            {"room": room, "root": root, "until": until}
            for (room, root), until in world.typing.items()
            if until > world.clock()
        ],
    }
