"""What every part of the sandbox's Teams holds in common."""

from __future__ import annotations

from sandbox.teams.delivery import Delivery
from sandbox.teams.events import Events
from sandbox.teams.identity import Identity
from sandbox.teams.wire import Json, NotPossible
from sandbox.teams.world import Message, Room, Team, User, World


class Core:
    """The tenant, the shapes of events, and the way to the bot."""

    world: World
    events: Events
    delivery: Delivery
    identity: Identity

    def room(self, room: str) -> Room:
        """The channel or chat of this id; of a person's id, her chat with the bot. Raises: NotPossible."""
        if room in self.world.users:
            return self.world.chat(self.world.users[room])
        found = self.world.rooms.get(room)
        if found is None or found.deleted:
            raise NotPossible(f"there is no channel or chat {room!r} in the sandbox's tenant")
        return found

    def team(self, team: str) -> Team:
        """The team of this id. Raises: NotPossible."""
        found = self.world.teams.get(team)
        if found is None or found.deleted:
            raise NotPossible(f"there is no team {team!r} in the sandbox's tenant")
        return found

    def person(self, user: str) -> User:
        """The person of this id. Raises: NotPossible."""
        found = self.world.users.get(user)
        if found is None:
            raise NotPossible(f"there is no user {user!r} in the sandbox's tenant")
        return found

    def member(self, user: str, room: str) -> tuple[User, Room]:
        """This person in a room of hers. Raises: NotPossible."""
        person, place = self.person(user), self.room(room)
        if person not in self.world.members(place):
            raise NotPossible(f"{person.name} is not in {place.name or place.id!r}")
        return person, place

    def seen(self, user: str, room: str, message: str) -> tuple[User, Room, Message]:
        """A message that this person sees, one for her alone included. Raises: NotPossible."""
        person, place = self.member(user, room)
        aimed = self.world.targeted.get(message)
        found = aimed[1] if aimed is not None and aimed[1].to == user and aimed[0] is place else None
        found = found or place.messages.get(message)
        if found is None or found.deleted:
            raise NotPossible(f"{person.name} sees no message {message!r} in {place.name or place.id!r}")
        return person, place, found

    def hears(self, room: Room, message: Message) -> bool:
        """Whether Teams tells the bot of a person's message: where the app is, by consent or because it is named."""
        if not self.world.has_app(room):
            return False
        named = any(who == self.world.bot_id for who, _name in message.mentions)
        return room.kind == "personal" or self.world.rsc or named

    def tell_bot(self, room: Room, activity: Json) -> None:
        """Brings an activity to the bot if its app is where this room is."""
        if self.world.has_app(room):
            self.delivery.send(activity)
