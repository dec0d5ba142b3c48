"""conversations.*: what the app may know of channels and read from them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from sandbox.slack import membership
from sandbox.slack.web import Call, Method
from sandbox.slack.wire import Json, SlackError, page
from sandbox.slack.world import Channel


def info(call: Call) -> Json:
    """conversations.info."""
    channel = call.channel()
    call.need_read(channel)
    shown = call.world.channel_json(channel)
    if call.arguments.flag("include_num_members"):
        shown["num_members"] = len(channel.members)
    return {"channel": shown}


def list_all(call: Call) -> Json:
    """conversations.list."""
    wanted = {kind.strip() for kind in call.arguments.text("types", "public_channel").split(",") if kind.strip()}
    kinds = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}
    if wanted - kinds.keys():
        raise SlackError("invalid_types")
    if "private_channel" in wanted:
        call.need("groups:read")
    if "im" in wanted:
        call.need("im:read")
    shown = [channel for channel in call.world.channels.values() if channel.kind in {kinds[kind] for kind in wanted}]
    bot = call.world.bot.id
    shown = [channel for channel in shown if channel.kind == "channel" or bot in channel.members]
    archived = not call.arguments.flag("exclude_archived")
    rows = [
        {**call.world.channel_json(channel), "num_members": len(channel.members)}
        for channel in shown
        if not channel.deleted and (archived or not channel.archived)
    ]
    rows, cursor = page(rows, call.arguments, default=100, most=999)
    return {"channels": rows, "response_metadata": {"next_cursor": cursor}}


def members(call: Call) -> Json:
    """conversations.members."""
    channel = call.channel()
    call.need_read(channel)
    rows, cursor = page([{"id": member} for member in channel.members], call.arguments, default=100, most=999)
    return {"members": [row["id"] for row in rows], "response_metadata": {"next_cursor": cursor}}


def join(call: Call) -> Json:
    """conversations.join: public channels only."""
    channel = call.channel()
    if channel.kind != "channel":
        raise SlackError("method_not_supported_for_channel_type")
    if channel.archived:
        raise SlackError("is_archived")
    answer: Json = {}
    if call.world.bot.id in channel.members:
        answer = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    else:
        membership.enter(call.world, call.messages, channel, call.world.bot.id)
    return {"channel": call.world.channel_json(channel), **answer}


def leave(call: Call) -> Json:
    """conversations.leave."""
    channel = call.channel()
    if channel.archived:
        raise SlackError("is_archived")
    if call.world.bot.id not in channel.members:
        return {"not_in_channel": True}
    membership.leave(call.world, channel, call.world.bot.id)
    return {}


def open_direct(call: Call) -> Json:
    """conversations.open: the direct message with one person."""
    users = [user for user in call.arguments.text("users").split(",") if user]
    if call.arguments.text("channel"):
        channel = call.channel()
    elif len(users) == 1:
        if users[0] not in call.world.users:
            raise SlackError("user_not_found")
        if users[0] == call.world.bot.id:
            raise SlackError("cannot_dm_bot")
        channel = call.world.direct(users[0])
    else:
        raise SlackError("users_list_not_supplied" if not users else "method_not_supported_for_channel_type")
    shown: Json = {"id": channel.id}
    if call.arguments.flag("return_im"):
        shown = call.world.channel_json(channel)
    return {"channel": shown}


def set_topic(call: Call) -> Json:
    """conversations.setTopic."""
    channel = call.channel()
    topic = call.arguments.text("topic")
    if len(topic) > 250:
        raise SlackError("too_long")
    if call.world.bot.id not in channel.members:
        raise SlackError("not_in_channel")
    channel.topic = topic
    call.world.tell_channel(channel)
    return {"channel": call.world.channel_json(channel)}


def replies(call: Call) -> Json:
    """conversations.replies: the root heads every page."""
    channel = _readable(call)
    ts = call.arguments.required("ts")
    thread = call.messages.thread(channel, ts, metadata=call.arguments.flag("include_all_metadata"))
    root, rest = thread[:1], _between(thread[1:], call)
    rows, cursor = page(rest, call.arguments, default=1000, most=1000)
    answer: Json = {"messages": root + rows, "has_more": bool(cursor)}
    return answer | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})


def history(call: Call) -> Json:
    """conversations.history: the newest first."""
    channel = _readable(call)
    rows = call.messages.history(channel, metadata=call.arguments.flag("include_all_metadata"))
    rows, cursor = page(list(reversed(_between(rows, call))), call.arguments, default=100, most=999)
    answer: Json = {"messages": rows, "has_more": bool(cursor), "pin_count": 0, "channel_actions_ts": None}
    return answer | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})


def _readable(call: Call) -> Channel:
    channel = call.channel()
    call.need_history(channel)
    if call.world.bot.id not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _between(rows: list[Json], call: Call) -> list[Json]:
    oldest = _bound(call, "oldest", Decimal(0))
    latest = _bound(call, "latest", Decimal("Infinity"))
    if call.arguments.flag("inclusive"):
        return [row for row in rows if oldest <= Decimal(row["ts"]) <= latest]
    return [row for row in rows if oldest < Decimal(row["ts"]) < latest]


def _bound(call: Call, name: str, default: Decimal) -> Decimal:
    value = call.arguments.text(name)
    if not value or (name == "latest" and value in {"0", "now"}):
        return default
    try:
        return Decimal(value)
    except InvalidOperation:
        raise SlackError(f"invalid_ts_{name}") from None


_ANY_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
METHODS = {
    "conversations.info": Method(handle=info, tier=3),
    "conversations.list": Method(handle=list_all, tier=2, scopes=_ANY_READ),
    "conversations.members": Method(handle=members, tier=4),
    "conversations.join": Method(handle=join, tier=3, scopes=("channels:join",)),
    "conversations.leave": Method(handle=leave, tier=3, scopes=("channels:manage", "channels:join", "groups:write")),
    "conversations.open": Method(handle=open_direct, tier=3, scopes=("im:write", "mpim:write")),
    "conversations.setTopic": Method(handle=set_topic, tier=2, scopes=("channels:manage", "groups:write")),
    "conversations.replies": Method(handle=replies, tier=3),
    "conversations.history": Method(handle=history, tier=3),
}
