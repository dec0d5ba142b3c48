"""Who comes into a channel and who leaves it, with the messages and events that Slack makes of it."""

from __future__ import annotations

from sandbox.slack.messages import Messages
from sandbox.slack.wire import Json
from sandbox.slack.world import Channel, World


def enter(world: World, messages: Messages, channel: Channel, user_id: str, *, inviter: str | None = None) -> None:
    """Adds a person or the bot to a channel, which shows "has joined the channel"."""
    if user_id in channel.members:
        return
    channel.members[user_id] = None
    event: Json = {
        "type": "member_joined_channel",
        "user": user_id,
        "channel": channel.id,
        "channel_type": "G" if channel.kind == "group" else "C",
        "team": world.team_id,
        "event_ts": world.new_ts(),
    }
    notice: Json = {
        "subtype": "group_join" if channel.kind == "group" else "channel_join",
        "user": user_id,
        "text": f"<@{user_id}> has joined the channel",
    }
    if inviter:
        event["inviter"] = notice["inviter"] = inviter
    messages.post(channel, notice)
    if world.hears(channel):
        world.emit(event, actor=user_id, channel=channel)
    world.tell_channel(channel)


def leave(world: World, channel: Channel, user_id: str, *, by: str | None = None) -> None:
    """Takes a person or the bot out of a channel; the app hears of its own leaving as channel_left or group_left."""
    if user_id not in channel.members:
        return
    heard = world.hears(channel)
    del channel.members[user_id]
    if user_id == world.bot.id:
        kind = "group_left" if channel.kind == "group" else "channel_left"
        event: Json = {"type": kind, "channel": channel.id, "event_ts": world.new_ts()}
        if by:
            event["actor_id"] = by
        world.emit(event, actor=by, channel=channel)
    elif heard:
        kind = "G" if channel.kind == "group" else "C"
        event = {
            "type": "member_left_channel",
            "user": user_id,
            "channel": channel.id,
            "channel_type": kind,
            "team": world.team_id,
            "event_ts": world.new_ts(),
        }
        world.emit(event, actor=user_id, channel=channel)
    world.tell_channel(channel)
