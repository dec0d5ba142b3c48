"""What administrators and owners do: people, teams, channels, the app, and the events that follow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from sandbox.teams.core import Core
from sandbox.teams.wire import Json, NotPossible
from sandbox.teams.world import Room, Team, User


class Places(Core):
    """Sets the tenant up and changes it."""

    def add_user(
        self,
        name: str,
        *,
        email: str | None = None,
        guest: bool = False,
        tenant: str | None = None,
        tz: str = "Etc/UTC",
        locale: str = "en-US",
    ) -> str:
        """A new person; `tenant` makes her one of another organisation. Returns her id for our bot, `29:...`."""
        world = self.world
        address = email or f"{name.lower().replace(' ', '.')}@sandbox.example"
        upn = f"{address.replace('@', '_')}#EXT#@sandbox.onmicrosoft.example" if guest else address
        user = User(
            id=f"29:{world.new_secret('user')}",
            aad_id=world.new_guid("aad"),
            name=name,
            email=address,
            upn=upn,
            tenant=tenant or world.tenant,
            tz=tz,
            locale=locale,
            guest=guest,
        )
        world.users[user.id] = user
        world.tell_user(user)
        return user.id

    def add_team(self, name: str, members: Iterable[str] = ()) -> str:
        """A new team with its General channel; the app comes by `install`. The first member owns it. Returns its id."""
        world = self.world
        people = {self.person(user).id: "user" for user in members}
        if people:
            people[next(iter(people))] = "owner"
        team = Team(
            id=world.new_place(), aad_group=world.new_guid("group"), name=name, created=world.clock(), members=people
        )
        world.teams[team.id] = team
        world.tell_team(team)
        self._new_room(team, "General", "standard", team.id)
        return team.id

    def add_channel(
        self,
        team: str,
        name: str,
        kind: Literal["standard", "private", "shared"] = "standard",
        members: Iterable[str] = (),
    ) -> str:
        """A new channel; private and shared ones have members of their own and no app yet. Returns its id."""
        owner = self.team(team)
        if any(room.name == name for room in self.world.team_rooms(owner)):
            raise NotPossible(f"the team {owner.name} has a channel {name!r} already")
        room = self._new_room(owner, name, kind, self.world.new_place())
        room.members = [self.person(user).id for user in members]
        self._changed(owner, "channelCreated", room)
        return room.id

    def add_app_to_channel(self, room: str) -> None:
        """An owner adds the app to a private or shared channel; its team must have it."""
        place = self.room(room)
        place.has_app = True
        self.world.tell_room(place)

    async def install(self, team: str, room: str | None = None, by: str | None = None) -> None:
        """An owner adds the app to a team, from one of its channels: installationUpdate and conversationUpdate."""
        owner, selected = self.team(team), self.room(room or team)
        who = self._somebody(owner, by)
        owner.installed = True
        self.world.tell_team(owner)
        added = self.events.members(who, owner, [self.world.bot_id], added=True)
        added["conversation"]["id"] = selected.id
        self.delivery.send(added)
        self.delivery.send(self.events.installation(who, selected, "add"))

    async def uninstall(self, team: str, by: str | None = None) -> None:
        """An owner removes the app: it is told, and nothing works any more."""
        owner = self.team(team)
        who = self._somebody(owner, by)
        removed = self.events.members(who, owner, [self.world.bot_id], added=False)
        update = self.events.installation(who, self.room(team), "remove")
        owner.installed = False
        self.world.tell_team(owner)
        self.delivery.send(removed)
        self.delivery.send(update)

    async def install_for(self, user: str) -> str:
        """A person adds the app for herself. Returns the id of her chat with it."""
        person = self.person(user)
        person.installed = True
        chat = self.world.chat(person)
        self.delivery.send(self.events.begun(person, chat, added=True))
        self.delivery.send(self.events.installation(person, chat, "add"))
        return chat.id

    async def uninstall_for(self, user: str) -> None:
        """A person removes the app again."""
        person = self.person(user)
        person.installed = False
        self.delivery.send(self.events.installation(person, self.world.chat(person), "remove"))

    def person_blocks_bot(self, user: str, *, blocks: bool = True) -> None:
        """A person blocks the bot in her chat with it, or lets it write again."""
        self.person(user).blocks = blocks

    async def rename_channel(self, room: str, name: str) -> None:
        """Gives a channel another name; General keeps its own."""
        place = self._channel(room)
        place.name = name
        self._changed(place.team, "channelRenamed", place)

    async def delete_channel(self, room: str) -> None:
        """Deletes a channel; for thirty days it can be restored."""
        place = self._channel(room)
        place.deleted = True
        self._changed(place.team, "channelDeleted", place)

    async def restore_channel(self, room: str) -> None:
        """Restores a deleted channel."""
        place = self.world.rooms.get(room)
        if place is None or not place.deleted:
            raise NotPossible(f"{room!r} is no deleted channel")
        place.deleted = False
        self._changed(place.team, "channelRestored", place)

    async def rename_team(self, team: str, name: str) -> None:
        """Gives a team another name."""
        owner = self.team(team)
        owner.name = name
        self._changed(owner, "teamRenamed")

    async def archive_team(self, team: str) -> None:
        """Archives a team: nobody can post in it."""
        owner = self.team(team)
        owner.archived = True
        self._changed(owner, "teamArchived")

    async def unarchive_team(self, team: str) -> None:
        """Opens an archived team again."""
        owner = self.team(team)
        owner.archived = False
        self._changed(owner, "teamUnarchived")

    async def delete_team(self, team: str) -> None:
        """Deletes a team with its channels."""
        owner = self.team(team)
        self._changed(owner, "teamDeleted")
        owner.deleted = True
        self.world.tell_team(owner)

    async def restore_team(self, team: str) -> None:
        """Restores a deleted team."""
        owner = self.world.teams.get(team)
        if owner is None or not owner.deleted:
            raise NotPossible(f"{team!r} is no deleted team")
        owner.deleted = False
        self._changed(owner, "teamRestored")

    async def add_member(self, team: str, user: str, by: str | None = None) -> None:
        """Somebody comes into a team."""
        owner = self.team(team)
        owner.members[self.person(user).id] = "user"
        self._members(owner, user, by, added=True)

    async def remove_member(self, team: str, user: str, by: str | None = None) -> None:
        """Somebody leaves a team."""
        owner = self.team(team)
        if owner.members.pop(user, None) is None:
            raise NotPossible(f"{user} is not in the team {owner.name}")
        self._members(owner, user, by, added=False)

    def change_user(
        self, user: str, *, name: str | None = None, email: str | None = None, tz: str | None = None
    ) -> None:
        """Changes a person; Teams tells no bot of it."""
        person = self.person(user)
        person.name, person.email, person.tz = name or person.name, email or person.email, tz or person.tz
        self.world.tell_user(person)

    def revoke_secret(self) -> None:
        """The client secret is deleted, and tokens are over at once."""
        self.identity.revoked = True
        self.identity.expire_tokens()

    def restore_secret(self) -> None:
        """The client secret is good again."""
        self.identity.revoked = False

    def _new_room(self, team: Team, name: str, kind: Literal["standard", "private", "shared"], room_id: str) -> Room:
        room = Room(id=room_id, name=name, kind=kind, created=self.world.clock(), team=team, has_app=kind == "standard")
        self.world.rooms[room.id] = room
        self.world.tell_room(room)
        return room

    def _channel(self, room: str) -> Room:
        place = self.room(room)
        if place.team is None or place.is_general:
            raise NotPossible(f"{place.name or room!r} cannot be renamed or deleted")
        return place

    def _changed(self, team: Team | None, event: str, room: Room | None = None) -> None:
        if room is not None:
            self.world.tell_room(room)
        if team is None:
            return
        if room is None:
            self.world.tell_team(team)
        if team.installed and team.members and (room is None or room.has_app):
            self.delivery.send(self.events.changed(self._somebody(team, None), team, event, room))

    def _members(self, team: Team, user: str, by: str | None, *, added: bool) -> None:
        self.world.tell_team(team)
        if team.installed:
            activity: Json = self.events.members(self._somebody(team, by), team, [user], added=added)
            self.delivery.send(activity)

    def _somebody(self, team: Team, by: str | None) -> User:
        """Who did it: the owner, unless somebody is named."""
        if by is not None:
            return self.person(by)
        if not team.members:
            if not self.world.users:
                raise NotPossible("there is nobody in the tenant who could do that")
            return next(iter(self.world.users.values()))
        return self.world.users[next(iter(team.members))]
