"""What every part of the sandbox's Slack holds in common."""

from __future__ import annotations

from sandbox.slack.delivery import Delivery
from sandbox.slack.messages import Messages
from sandbox.slack.web import Tokens
from sandbox.slack.wire import Json, NotPossible
from sandbox.slack.world import Channel, User, World


class Core:
    """The workspace, its conversation, and the way to the app."""

    world: World
    conversation: Messages
    delivery: Delivery
    tokens: Tokens

    def place(self, channel: str) -> Channel:
        """The channel of this id. Raises: NotPossible."""
        found = self.world.channels.get(channel)
        if found is None or found.deleted:
            raise NotPossible(f"there is no channel {channel!r} in the sandbox's workspace")
        return found

    def person(self, user: str) -> User:
        """The person of this id. Raises: NotPossible."""
        found = self.world.users.get(user)
        if found is None:
            raise NotPossible(f"there is no user {user!r} in the sandbox's workspace")
        if found.deleted:
            raise NotPossible(f"user {user!r} is deactivated")
        return found

    def message(self, channel: Channel, ts: str) -> Json:
        """The stored message. Raises: NotPossible."""
        found = channel.messages.get(ts)
        if found is None or found.get("subtype") == "tombstone":
            raise NotPossible(f"there is no message {ts!r} in channel {channel.id}")
        return found
