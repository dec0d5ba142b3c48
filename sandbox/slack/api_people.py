"""users.*, auth.*, team.*, bots.* and reactions.*: who there is, and small signs on messages."""

from __future__ import annotations

from sandbox.slack import emoji
from sandbox.slack.web import Call, Method
from sandbox.slack.wire import Json, SlackError, page
from sandbox.slack.world import Channel


def auth_test(call: Call) -> Json:
    """auth.test."""
    world = call.world
    return {
        "url": f"{world.url}/",
        "team": world.team_name,
        "user": world.bot.name,
        "team_id": world.team_id,
        "user_id": world.bot.id,
        "bot_id": world.bot_id,
        "is_enterprise_install": False,
    }


def api_test(call: Call) -> Json:
    """api.test."""
    error = call.arguments.text("error")
    if error:
        raise SlackError(error, args=call.arguments.values)
    return {"args": call.arguments.values}


def team_info(call: Call) -> Json:
    """team.info."""
    world = call.world
    team = call.arguments.text("team", world.team_id)
    if team != world.team_id:
        raise SlackError("team_not_found")
    return {
        "team": {
            "id": world.team_id,
            "name": world.team_name,
            "url": f"{world.url}/",
            "domain": world.domain,
            "email_domain": "",
            "icon": {"image_default": True},
        }
    }


def bots_info(call: Call) -> Json:
    """bots.info."""
    world = call.world
    if call.arguments.text("bot", world.bot_id) != world.bot_id:
        raise SlackError("bot_not_found")
    return {
        "bot": {
            "id": world.bot_id,
            "deleted": False,
            "name": world.bot_name,
            "updated": world.bot.updated,
            "app_id": world.app_id,
            "user_id": world.bot.id,
            "icons": {"image_72": f"{world.url}/avatars/{world.bot.id}-72.png"},
        }
    }


def users_info(call: Call) -> Json:
    """users.info."""
    user = call.world.users.get(call.arguments.required("user"))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": call.world.user_json(user)}


def users_list(call: Call) -> Json:
    """users.list: our own workspace's people."""
    users = [user for user in call.world.users.values() if user.team_id == call.world.team_id]
    rows, cursor = page([call.world.user_json(user) for user in users], call.arguments, default=1000, most=1000)
    return {"members": rows, "cache_ts": call.world.now(), "response_metadata": {"next_cursor": cursor}}


def lookup_by_email(call: Call) -> Json:
    """users.lookupByEmail: deactivated people and strangers are not found."""
    email = call.arguments.required("email").lower()
    for user in call.world.users.values():
        if (user.email or "").lower() == email and not user.deleted and user.team_id == call.world.team_id:
            return {"user": call.world.user_json(user)}
    raise SlackError("users_not_found")


def reactions_add(call: Call) -> Json:
    """reactions.add."""
    channel, ts = _item(call)
    name = call.arguments.required("name").strip(":")
    if not emoji.known(name):
        raise SlackError("invalid_name")
    call.messages.react(channel, ts, name, call.world.bot.id)
    return {}


def reactions_remove(call: Call) -> Json:
    """reactions.remove."""
    channel, ts = _item(call)
    call.messages.unreact(channel, ts, call.arguments.required("name").strip(":"), call.world.bot.id)
    return {}


def reactions_get(call: Call) -> Json:
    """reactions.get."""
    channel, ts = _item(call)
    message = call.messages.render(channel, channel.messages[ts])
    return {"type": "message", "channel": channel.id, "message": message}


def _item(call: Call) -> tuple[Channel, str]:
    channel = call.channel()
    ts = call.arguments.text("timestamp")
    if not ts:
        raise SlackError("no_item_specified")
    if call.world.bot.id not in channel.members:
        raise SlackError("not_in_channel")
    if ts not in channel.messages:
        raise SlackError("message_not_found")
    if channel.archived:
        raise SlackError("is_archived")
    return channel, ts


METHODS = {
    "auth.test": Method(handle=auth_test, tier=None),
    "api.test": Method(handle=api_test, tier=4, token="none"),
    "team.info": Method(handle=team_info, tier=3, scopes=("team:read",)),
    "bots.info": Method(handle=bots_info, tier=3, scopes=("users:read",)),
    "users.info": Method(handle=users_info, tier=4, scopes=("users:read",)),
    "users.list": Method(handle=users_list, tier=2, scopes=("users:read",)),
    "users.lookupByEmail": Method(handle=lookup_by_email, tier=3, scopes=("users:read.email",)),
    "reactions.add": Method(handle=reactions_add, tier=3, scopes=("reactions:write",)),
    "reactions.remove": Method(handle=reactions_remove, tier=2, scopes=("reactions:write",)),
    "reactions.get": Method(handle=reactions_get, tier=3, scopes=("reactions:read",)),
}
