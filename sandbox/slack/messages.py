"""What can happen to a message: posted, edited, deleted, reacted to; each change is told to watchers and to the app."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.slack.wire import Json, SlackError, without
from sandbox.slack.world import MOST_MESSAGES, Channel, File, World

_CHANNEL_TYPES = {"channel": "channel", "group": "group", "im": "im"}


class Messages:
    """The messages of one workspace."""

    def __init__(self, world: World) -> None:
        self._world = world

    def post(self, channel: Channel, message: Json, *, event: Json | None = None) -> Json:
        """Adds `message` under a new ts; `event` adds fields that only the event carries."""
        ts = self._world.new_ts()
        stored: Json = {"type": "message", "ts": ts, **message}
        thread_ts = stored.get("thread_ts")
        if thread_ts is not None and thread_ts in channel.messages:
            parent = channel.messages[thread_ts]
            stored.setdefault("parent_user_id", parent.get("user") or parent.get("bot_id"))
        channel.messages[ts] = stored
        if thread_ts is not None:
            channel.replies.setdefault(thread_ts, []).append(ts)
            self._world.typing.pop((channel.id, thread_ts), None)
        if len(channel.messages) > MOST_MESSAGES:
            self._forget(channel, next(iter(channel.messages)))
        self.tell("message_added", channel, stored)
        if thread_ts is not None and thread_ts in channel.messages:
            self.tell("message_changed", channel, channel.messages[thread_ts])  # its reply count
        self._event(channel, {**copy.deepcopy(stored), **self._root(channel, stored), **(event or {})}, ts)
        return stored

    def edit(self, channel: Channel, ts: str, changes: Json, *, by: str, edited: bool) -> Json:
        """Replaces fields of a message; a value of None removes the field."""
        message = channel.messages[ts]
        previous = copy.deepcopy(message)
        for name, value in changes.items():
            if value is None:
                message.pop(name, None)
            else:
                message[name] = value
        event_ts = self._world.new_ts()
        if edited:
            message["edited"] = {"user": by, "ts": event_ts}
        self.changed(channel, message, previous, event_ts, actor=by)
        return message

    def changed(self, channel: Channel, message: Json, previous: Json, ts: str, *, actor: str | None) -> None:
        """Tells of a message that is no longer as it was, also when no visible field differs."""
        self.tell("message_changed", channel, message)
        event = {
            "type": "message",
            "subtype": "message_changed",
            "message": copy.deepcopy(without(self.render(channel, message, metadata=True), {"channel"})),
            "previous_message": without(previous, {"channel"}),
            "hidden": True,
            "ts": ts,
        }
        self._event(channel, event, ts, actor=actor)

    def delete(self, channel: Channel, ts: str, *, by: str) -> None:
        """Deletes a message; a root that has replies leaves a tombstone."""
        message = channel.messages[ts]
        event_ts = self._world.new_ts()
        if channel.replies.get(ts):
            previous = copy.deepcopy(self.render(channel, message, metadata=True))
            channel.messages[ts] = {
                "type": "message",
                "subtype": "tombstone",
                "text": "This message was deleted.",
                "user": "USLACKBOT",
                "hidden": True,
                "ts": ts,
                "thread_ts": ts,
            }
            channel.gone[ts] = None
            self.changed(channel, channel.messages[ts], previous, event_ts, actor=by)
            return
        previous = copy.deepcopy(message)
        self._forget(channel, ts)
        self._world.watchers.tell({"type": "message_deleted", "channel": channel.id, "ts": ts})
        event = {
            "type": "message",
            "subtype": "message_deleted",
            "previous_message": previous,
            "deleted_ts": ts,
            "hidden": True,
            "ts": event_ts,
        }
        self._event(channel, event, event_ts, actor=by)
        root = message.get("thread_ts")
        if root in channel.messages:
            if channel.messages[root].get("subtype") == "tombstone" and not channel.replies.get(root):
                self._forget(channel, root)
                self._world.watchers.tell({"type": "message_deleted", "channel": channel.id, "ts": root})
            else:
                self.tell("message_changed", channel, channel.messages[root])

    def delete_file(self, file: File) -> None:
        """A file goes; messages keep a tombstone of it."""
        if file.deleted:
            return
        file.deleted, file.content = True, None
        for channel_id, shares in file.shares.items():
            channel = self._world.channels.get(channel_id)
            for share in shares:
                message = channel.messages.get(share["ts"]) if channel is not None else None
                if channel is None or message is None:
                    continue
                tombstone = self._world.file_json(file)
                message["files"] = [tombstone if entry["id"] == file.id else entry for entry in message["files"]]
                self.tell("message_changed", channel, message)
        event = {"type": "file_deleted", "file_id": file.id, "channel_ids": list(file.shares)}
        self._world.emit({**event, "event_ts": self._world.new_ts()}, actor=file.user)

    def react(self, channel: Channel, ts: str, name: str, user: str) -> None:
        """Adds a reaction. Raises: SlackError already_reacted."""
        reactions: list[Json] = channel.messages[ts].setdefault("reactions", [])
        entry = next((reaction for reaction in reactions if reaction["name"] == name), None)
        if entry is not None and user in entry["users"]:
            raise SlackError("already_reacted")
        if entry is None:
            entry = {"name": name, "users": [], "count": 0}
            reactions.append(entry)
        entry["users"].append(user)
        entry["count"] = len(entry["users"])
        self._reaction("reaction_added", channel, ts, name, user)

    def unreact(self, channel: Channel, ts: str, name: str, user: str) -> None:
        """Takes a reaction back. Raises: SlackError no_reaction."""
        message = channel.messages[ts]
        reactions: list[Json] = message.get("reactions", [])
        entry = next((reaction for reaction in reactions if reaction["name"] == name), None)
        if entry is None or user not in entry["users"]:
            raise SlackError("no_reaction")
        entry["users"].remove(user)
        entry["count"] = len(entry["users"])
        message["reactions"] = [reaction for reaction in reactions if reaction["count"]]
        if not message["reactions"]:
            del message["reactions"]
        self._reaction("reaction_removed", channel, ts, name, user)

    def render(self, channel: Channel, message: Json, *, metadata: bool = False) -> Json:
        """The message as the Web API shows it: a root tells about its thread, metadata only when asked for."""
        shown = copy.deepcopy(message) if metadata else copy.deepcopy(without(message, {"metadata"}))
        replies = channel.replies.get(message["ts"], [])
        if replies:
            authors = list(dict.fromkeys(self._author(channel.messages[ts]) for ts in replies))
            shown |= {
                "thread_ts": message["ts"],
                "reply_count": len(replies),
                "reply_users_count": len(authors),
                "latest_reply": replies[-1],
                "reply_users": authors[:5],
                "is_locked": False,
                "subscribed": False,
            }
        return shown

    def thread(self, channel: Channel, ts: str, *, metadata: bool = False) -> list[Json]:
        """Root and replies, oldest first. Raises: SlackError thread_not_found."""
        message = channel.messages.get(ts)
        if message is None:
            raise SlackError("thread_not_found")
        root = message.get("thread_ts", ts)
        if root != ts:  # a reply's ts shows that reply alone, with no thread around it
            return [self.render(channel, message, metadata=metadata)]
        replies = [channel.messages[reply] for reply in channel.replies.get(ts, [])]
        return [self.render(channel, entry, metadata=metadata) for entry in [message, *replies]]

    def history(self, channel: Channel, *, metadata: bool = False) -> list[Json]:
        """Everything that shows in the channel itself, oldest first."""
        return [
            self.render(channel, message, metadata=metadata)
            for ts, message in channel.messages.items()
            if message.get("thread_ts", ts) == ts or message.get("subtype") == "thread_broadcast"
        ]

    def tell(self, kind: str, channel: Channel, message: Json) -> None:
        """Passes a message's state to watchers."""
        if self._world.watchers.present:
            self._world.watchers.tell({"type": kind, "channel": channel.id, "message": self.render(channel, message)})

    def _forget(self, channel: Channel, ts: str) -> None:
        message = channel.messages.pop(ts)
        channel.gone[ts] = None
        if len(channel.gone) > MOST_MESSAGES:
            del channel.gone[next(iter(channel.gone))]
        root = message.get("thread_ts")
        if root in channel.replies and ts in channel.replies[root]:
            channel.replies[root].remove(ts)
            if not channel.replies[root]:
                del channel.replies[root]

    def _author(self, message: Json) -> str:
        return str(message.get("user") or message.get("bot_id"))

    def _root(self, channel: Channel, message: Json) -> Json:
        if message.get("subtype") != "thread_broadcast" or message.get("thread_ts") not in channel.messages:
            return {}
        return {"root": self.render(channel, channel.messages[message["thread_ts"]])}

    def _event(self, channel: Channel, event: Json, ts: str, *, actor: str | None = None) -> None:
        if not self._world.hears(channel):
            return
        full: dict[str, Any] = {
            **event,
            "channel": channel.id,
            "event_ts": ts,
            "channel_type": _CHANNEL_TYPES[channel.kind],
        }
        self._world.emit(full, actor=actor or event.get("user"), channel=channel)

    def _reaction(self, kind: str, channel: Channel, ts: str, name: str, user: str) -> None:
        message = channel.messages[ts]
        self._world.watchers.tell(
            {
                "type": "reaction",
                "channel": channel.id,
                "ts": ts,
                "name": name,
                "user": user,
                "added": kind == "reaction_added",
            }
        )
        self.tell("message_changed", channel, message)
        if self._world.hears(channel):
            event = {
                "type": kind,
                "user": user,
                "reaction": name,
                "item": {"type": "message", "channel": channel.id, "ts": ts},
                "event_ts": self._world.new_ts(),
            }
            if message.get("user"):
                event["item_user"] = message["user"]
            self._world.emit(event, actor=user, channel=channel)
