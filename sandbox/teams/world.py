"""The tenant itself: people, teams, channels, chats and messages; every change is told to watchers."""

from __future__ import annotations

import base64
import copy
import hashlib
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from sandbox.teams.wire import ApiError, Json
from sandbox.watch import Watchers

#: Messages kept per room; the oldest go first.
MOST_MESSAGES = 20_000
MOST_TARGETED = 2_000
#: Targeted messages leave the clients after a day.
TARGETED_LASTS = 86_400.0
_NAMESPACE = uuid.UUID("6f1dc5a2-7d0a-4c58-9a3e-5d0f6f2b8a11")


@dataclass(slots=True, kw_only=True)
class User:
    """Somebody in a team: of our tenant, a guest in it, or of another one."""

    #: Scoped to our bot: `29:...`.
    id: str
    aad_id: str
    name: str
    email: str
    upn: str
    tenant: str
    tz: str
    locale: str
    guest: bool = False
    #: She added the app for herself.
    installed: bool = False
    #: She blocked the bot.
    blocks: bool = False


@dataclass(slots=True, kw_only=True)
class Team:
    """A team; its id is that of its General channel."""

    id: str
    aad_group: str
    name: str
    created: float
    #: By id; the value is her role.
    members: dict[str, str] = field(default_factory=dict)
    installed: bool = False
    archived: bool = False
    deleted: bool = False


@dataclass(slots=True, kw_only=True)
class File:
    """What somebody attached: a picture in the text, or a file in SharePoint."""

    id: str
    name: str
    mime: str
    content: bytes
    owner: str
    #: A picture inside the message; else a file beside it.
    inline: bool
    #: Where SharePoint says that it lies.
    url: str = ""


@dataclass(slots=True, kw_only=True)
class Message:
    """A message of a person or of our bot."""

    id: str
    #: The root of its thread; its own id if it opens one.
    root: str
    #: None: our bot.
    sender: User | None
    created: float
    modified: float
    html: str = ""
    text: str = ""
    #: (id, name), in the order of their `<at id>`.
    mentions: list[tuple[str, str]] = field(default_factory=list)
    #: As the bot sent them, or a card that a person inserted.
    attachments: list[Json] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    #: Who reacted, by type.
    reactions: dict[str, list[str]] = field(default_factory=dict)
    #: The message that it quotes.
    quote: str = ""
    summary: str = ""
    importance: str = "normal"
    edited: bool = False
    deleted: bool = False
    #: The only one who sees it.
    to: str = ""


@dataclass(slots=True, kw_only=True)
class Room:
    """A channel of a team, or one person's chat with the bot."""

    id: str
    name: str
    kind: Literal["standard", "private", "shared", "personal"]
    created: float
    team: Team | None = None
    user: User | None = None
    #: Private and shared channels: whether the app was added to it. And who is in it.
    has_app: bool = True
    members: list[str] = field(default_factory=list)
    deleted: bool = False
    messages: dict[str, Message] = field(default_factory=dict)

    @property
    def is_general(self) -> bool:
        """The channel that every team has."""
        return self.team is not None and self.team.id == self.id

    def thread(self, root: str) -> list[Message]:
        """A root and its replies, oldest first."""
        return [message for message in self.messages.values() if message.root == root]


class World:
    """One tenant with one app."""

    def __init__(self, *, clock: Callable[[], float], app_id: str, tenant: str, rsc: bool) -> None:
        self.clock = clock
        self.app_id = app_id
        self.tenant = tenant
        #: Whether the owners consented to ChannelMessage.Read.Group.
        self.rsc = rsc
        #: Whether an administrator granted Files.Read.All to the app.
        self.files_permission = False
        #: Seconds after which Graph lists a message that stands in Teams already.
        self.graph_lag = 0.0
        self.url = ""
        self.bot_id = f"28:{app_id}"
        self.bot_name = "Threadbridge"
        self.users: dict[str, User] = {}
        self.teams: dict[str, Team] = {}
        self.rooms: dict[str, Room] = {}
        self.files: dict[str, File] = {}
        #: Who sees which card instead of everybody's, by (user, message).
        self.views: dict[tuple[str, str], Json] = {}
        #: By room and root, until when.
        self.typing: dict[tuple[str, str], float] = {}
        self.targeted: dict[str, tuple[Room, Message]] = {}
        #: Addresses that need no token: ticket to (file, until when).
        self._tickets: dict[str, tuple[str, float]] = {}
        self.watchers = Watchers()
        self._last_id = 0
        self._counters: dict[str, int] = {}

    @property
    def service_url(self) -> str:
        """Where the bot is told to call."""
        return f"{self.url}/"

    def new_id(self) -> str:
        """An activity's id: milliseconds, later than every one before."""
        self._last_id = max(self._last_id + 1, int(self.clock() * 1000))
        return str(self._last_id)

    def new_guid(self, kind: str) -> str:
        """The next GUID of its kind, the same in every run."""
        number = self._counters.get(kind, 0) + 1
        self._counters[kind] = number
        return str(uuid.uuid5(_NAMESPACE, f"{kind}{number}"))

    def new_secret(self, kind: str) -> str:
        """The middle of `29:...` and `a:...`."""
        digest = hashlib.sha512(self.new_guid(kind).encode()).digest()
        return "1" + base64.urlsafe_b64encode(digest)[:63].decode()

    def new_place(self) -> str:
        """The id of a team or a channel."""
        return f"19:{self.new_guid('place').replace('-', '')}@thread.tacv2"

    def chat(self, user: User) -> Room:
        """The bot's chat with this person, begun if there is none."""
        for room in self.rooms.values():
            if room.user is user:
                return room
        room = Room(id=f"a:{self.new_secret('chat')}", name="", kind="personal", created=self.clock(), user=user)
        self.rooms[room.id] = room
        self.watchers.tell({"type": "chat", "chat": self.room_json(room)})
        return room

    def team_rooms(self, team: Team) -> Iterator[Room]:
        """The channels of a team that are there, General first."""
        return (room for room in self.rooms.values() if room.team is team and not room.deleted)

    def members(self, room: Room) -> list[User]:
        """Who is in a room, in the order in which they came."""
        if room.user is not None:
            return [room.user]
        if room.kind != "standard":
            return [self.users[member] for member in room.members]
        return [self.users[member] for member in room.team.members] if room.team else []

    def has_app(self, room: Room) -> bool:
        """Whether our app is installed where this room is."""
        if room.user is not None:
            return self.reachable(room.user)
        return bool(room.team and room.team.installed and not room.team.deleted and room.has_app and not room.deleted)

    def reachable(self, user: User) -> bool:
        """Whether the bot may write to this person: she added the app, or a team of hers did."""
        return user.installed or any(
            team.installed and not team.deleted and user.id in team.members for team in self.teams.values()
        )

    def keep(self, room: Room, message: Message) -> Message:
        """Puts a message into its room and tells of it."""
        room.messages[message.id] = message
        while len(room.messages) > MOST_MESSAGES:
            del room.messages[next(iter(room.messages))]
        self.tell(room, message)
        return message

    def aim(self, room: Room, message: Message) -> None:
        """Keeps a message that one person sees."""
        self.targeted[message.id] = (room, message)
        while len(self.targeted) > MOST_TARGETED:
            del self.targeted[next(iter(self.targeted))]
        self.tell(room, message)

    def aimed(self, user: str) -> list[Json]:
        """What only this person sees at the moment, oldest first."""
        return [
            self.message_json(room, message)
            for room, message in self.targeted.values()
            if message.to == user and not message.deleted and self.clock() - message.created < TARGETED_LASTS
        ]

    def tell(self, room: Room, message: Message) -> None:
        """Announces how a message is now."""
        shown = self.message_json(room, message)
        if message.to:
            self.watchers.tell({"type": "targeted", "user": message.to, "message": shown})
        else:
            self.watchers.tell({"type": "message", "room": room.id, "message": shown})

    def tell_room(self, room: Room) -> None:
        """Announces how a channel is now."""
        self.watchers.tell({"type": "channel", "channel": self.room_json(room)})

    def tell_team(self, team: Team) -> None:
        """Announces how a team is now."""
        self.watchers.tell({"type": "team", "team": self.team_json(team)})

    def tell_user(self, user: User) -> None:
        """Announces how a person is now."""
        self.watchers.tell({"type": "user", "user": self.user_json(user)})

    def ticket(self, file: str, lasts: float) -> str:
        """Lets whoever has it read a file, for so many seconds."""
        ticket = self.new_guid("ticket")
        self._tickets[ticket] = (file, self.clock() + lasts)
        return ticket

    def opens(self, ticket: str, file: str) -> bool:
        """Whether a ticket lets its bearer read this file now."""
        meant, until = self._tickets.get(ticket, ("", 0.0))
        return meant == file and until > self.clock()

    def by_group(self, aad_group: str) -> Team | None:
        """The team of this Graph id."""
        return next((team for team in self.teams.values() if team.aad_group == aad_group), None)

    def user_json(self, user: User) -> Json:
        """A person, as the roster tells of her."""
        first, _, last = user.name.partition(" ")
        return {
            "id": user.id,
            "name": user.name,
            "objectId": user.aad_id,
            "aadObjectId": user.aad_id,
            "givenName": first,
            "surname": last,
            "email": user.email,
            "userPrincipalName": user.upn,
            "tenantId": user.tenant,
            "userRole": "guest" if user.guest else "user",
        }

    def team_json(self, team: Team) -> Json:
        """A team, for a page."""
        return {
            "id": team.id,
            "name": team.name,
            "aadGroupId": team.aad_group,
            "members": list(team.members),
            "installed": team.installed,
            "archived": team.archived,
            "deleted": team.deleted,
        }

    def room_json(self, room: Room) -> Json:
        """A channel or a chat, for a page."""
        return {
            "id": room.id,
            "name": room.name,
            "kind": room.kind,
            "team": room.team.id if room.team else None,
            "user": room.user.id if room.user else None,
            "members": [user.id for user in self.members(room)],
            "deleted": room.deleted,
            "has_app": self.has_app(room),
        }

    def message_json(self, room: Room, message: Message) -> Json:
        """A message as it stands; `attachments` as the bot sent them, `html` as a person wrote it."""
        sender = message.sender
        author = (
            {"id": self.bot_id, "name": self.bot_name} if sender is None else {"id": sender.id, "name": sender.name}
        )
        return {
            "id": message.id,
            "room": room.id,
            "root": message.root,
            "from": author,
            "is_bot": sender is None,
            "created": message.created,
            "modified": message.modified,
            "html": message.html,
            "text": message.text,
            "summary": message.summary,
            "importance": message.importance,
            "mentions": [{"id": who, "name": name} for who, name in message.mentions],
            "attachments": copy.deepcopy(message.attachments),
            "files": [
                {"id": file.id, "name": file.name, "mime": file.mime, "size": len(file.content), "inline": file.inline}
                for file in message.files
            ],
            "reactions": {kind: list(users) for kind, users in message.reactions.items() if users},
            "quote": message.quote,
            "edited": message.edited,
            "deleted": message.deleted,
            "to": message.to,
        }

    def place(self, conversation: str) -> Room:
        """The room of this id, if the bot may call about it. Raises: ApiError."""
        room = self.rooms.get(conversation)
        if room is None or room.deleted or (room.team is not None and room.team.deleted):
            raise ApiError(404, "ConversationNotFound", "Conversation not found.")
        if not self.has_app(room):
            raise ApiError(403, "BotNotInConversationRoster", "The bot is not part of the conversation roster.")
        return room


def system_clock() -> float:
    """The clock of a sandbox nobody gave another one."""
    return time.time()
