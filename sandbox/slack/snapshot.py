"""The whole workspace at one moment, for a page that draws it."""

from __future__ import annotations

from sandbox.slack.messages import Messages
from sandbox.slack.views import Views
from sandbox.slack.wire import Json
from sandbox.slack.world import World


def snapshot(world: World, messages: Messages, views: Views) -> Json:
    """Everything a page needs to draw the workspace; JSON-able."""
    channels = []
    for channel in world.channels.values():
        if channel.deleted:
            continue
        shown = [messages.render(channel, message) for message in channel.messages.values()]
        channels.append({**world.channel_json(channel), "members": list(channel.members), "messages": shown})
    return {
        "team": {"id": world.team_id, "name": world.team_name, "domain": world.domain},
        "app": {"id": world.app_id, "bot_id": world.bot_id, "bot_user_id": world.bot.id, "name": world.bot_name},
        "users": [world.user_json(user) for user in world.users.values()],
        "channels": channels,
        "ephemerals": [dict(entry) for entry in world.ephemerals],
        "views": [{"user": view.user, "view": views.render(view)} for view in world.views.values() if view.is_open],
        "homes": {user: views.render(view) for user, view in world.homes.items()},
        "typing": [
            {"channel": channel, "thread_ts": thread_ts, **status}
            for (channel, thread_ts), status in world.typing.items()
            if status["until"] > world.clock()
        ],
    }
