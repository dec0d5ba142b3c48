"""What administrators do: people, channels, memberships, tokens, and the lifecycle events that follow."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.slack import membership
from sandbox.slack.core import Core
from sandbox.slack.wire import Json, NotPossible
from sandbox.slack.world import Channel


class Places(Core):
    """Sets the workspace up and changes it."""

    def add_user(
        self,
        name: str,
        real_name: str | None = None,
        email: str | None = None,
        tz: str = "Etc/UTC",
        *,
        guest: bool = False,
        ultra_restricted: bool = False,
        team: str | None = None,
        color: str = "4bbe2e",
    ) -> str:
        """A new person; `team` makes her a stranger from another workspace. Returns her id."""
        user = self.world.add_user(
            name,
            real_name=real_name,
            email=email,
            tz=tz,
            guest=guest,
            ultra_restricted=ultra_restricted,
            team=team,
            color=color,
        )
        return user.id

    def add_channel(self, name: str, private: bool = False, members: Iterable[str] = (), external: bool = False) -> str:
        """A new channel with these people in it; the bot comes by `invite_bot`. Returns its id."""
        channel = self.world.add_channel(name, kind="group" if private else "channel", external=external)
        channel.members = dict.fromkeys(members)
        self.world.tell_channel(channel)
        return channel.id

    def invite(self, channel: str, user: str, by: str | None = None) -> None:
        """Adds a person to a channel."""
        membership.enter(self.world, self.conversation, self.place(channel), user, inviter=by)

    def invite_bot(self, channel: str, by: str | None = None) -> None:
        """Adds our bot to a channel, so that it hears what is said there."""
        membership.enter(self.world, self.conversation, self.place(channel), self.world.bot.id, inviter=by)

    def remove_bot(self, channel: str, by: str | None = None) -> None:
        """Takes our bot out; the app gets channel_left or group_left."""
        membership.leave(self.world, self.place(channel), self.world.bot.id, by=by)

    def remove(self, channel: str, user: str) -> None:
        """Takes a person out of a channel."""
        membership.leave(self.world, self.place(channel), user)

    def archive_channel(self, channel: str, by: str = "USLACKBOT") -> None:
        """Archives a channel: nobody can post any more."""
        self._lifecycle(channel, "archive", {"user": by}, archived=True)

    def unarchive_channel(self, channel: str, by: str = "USLACKBOT") -> None:
        """Opens an archived channel again."""
        self._lifecycle(channel, "unarchive", {"user": by}, archived=False)

    def rename_channel(self, channel: str, name: str) -> None:
        """Gives a channel another name."""
        place = self.place(channel)
        place.name = name
        renamed = {"id": place.id, "name": name, "name_normalized": name, "created": place.created}
        self._tell(place, {"type": f"{place.kind}_rename", "channel": renamed})

    def delete_channel(self, channel: str) -> None:
        """Deletes a channel for good."""
        place = self.place(channel)
        self._tell(place, {"type": f"{place.kind}_deleted", "channel": place.id})
        place.deleted = True

    def change_channel_id(self, channel: str) -> str:
        """Moves a channel to a new id, as happens when it is shared or made private. Returns the new id."""
        place = self.place(channel)
        old, place.id = place.id, self.world.new_id("C")
        del self.world.channels[old]
        self.world.channels[place.id] = place
        self._tell(place, {"type": "channel_id_changed", "old_channel_id": old, "new_channel_id": place.id})
        return place.id

    def share_channel(self, channel: str, team: str) -> None:
        """Connects a channel with another workspace."""
        place = self.place(channel)
        place.external = True
        self._tell(place, {"type": "channel_shared", "connected_team_id": team, "channel": place.id})

    def unshare_channel(self, channel: str, team: str) -> None:
        """Disconnects it again."""
        place = self.place(channel)
        place.external = False
        event = {"type": "channel_unshared", "previously_connected_team_id": team, "channel": place.id}
        self._tell(place, {**event, "is_ext_shared": False})

    def change_user(
        self,
        user: str,
        *,
        deleted: bool | None = None,
        real_name: str | None = None,
        tz: str | None = None,
        email: str | None = None,
    ) -> None:
        """Changes a person, or deactivates her; the app gets user_change."""
        person = self.world.users[user]
        person.deleted = person.deleted if deleted is None else deleted
        person.real_name = real_name or person.real_name
        person.tz = tz or person.tz
        person.email = email or person.email
        person.updated = self.world.now()
        shown = self.world.user_json(person)
        self.world.watchers.tell({"type": "user", "user": shown})
        event = {"type": "user_change", "user": shown, "cache_ts": self.world.now(), "event_ts": self.world.new_ts()}
        self.world.emit(event, actor=user)

    def revoke_token(self) -> None:
        """Revokes the bot token: every call is refused from now on, and the app gets tokens_revoked."""
        self.tokens.bot_error = "token_revoked"
        tokens = {"oauth": [], "bot": [self.world.bot.id]}
        self.world.emit({"type": "tokens_revoked", "tokens": tokens, "event_ts": self.world.new_ts()})

    def expire_token(self) -> None:
        """The bot token's twelve hours are over (token rotation)."""
        self.tokens.bot_error = "token_expired"

    def deactivate_bot(self) -> None:
        """The bot's account is switched off."""
        self.tokens.bot_error = "account_inactive"

    def uninstall_app(self) -> None:
        """Somebody removes the app: tokens die, app_uninstalled and tokens_revoked follow in any order."""
        self.world.emit({"type": "app_uninstalled", "event_ts": self.world.new_ts()})
        self.revoke_token()
        self.tokens.bot_error = "account_inactive"

    def restore_token(self, token: str | None = None) -> None:
        """A new installation: the bot token, or another one, is good again."""
        self.tokens.bot_error = None
        if token is not None:
            self.tokens.bot = token

    def _lifecycle(self, channel: str, verb: str, more: Json, *, archived: bool) -> None:
        place = self.place(channel)
        if place.archived == archived:
            raise NotPossible(f"channel {channel} is already {'' if archived else 'un'}archived")
        place.archived = archived
        self._tell(place, {"type": f"{place.kind}_{verb}", "channel": place.id, **more})

    def _tell(self, place: Channel, event: Json) -> None:
        self.world.tell_channel(place)
        if self.world.hears(place):
            self.world.emit({**event, "event_ts": self.world.new_ts()}, channel=place)
