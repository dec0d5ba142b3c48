"""The workspace itself: people, channels, messages, files and views, and what Slack's JSON says of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from sandbox.slack.wire import Json
from sandbox.watch import Watchers

#: Scopes of reference section 14 that are not optional.
DEFAULT_SCOPES = frozenset(
    "chat:write chat:write.customize channels:history groups:history channels:read groups:read files:read files:write "
    "reactions:read reactions:write users:read users:read.email commands im:history im:write team:read".split()
)
DEFAULT_BOT_EVENTS = frozenset(
    "message.channels message.groups message.im app_home_opened reaction_added reaction_removed member_joined_channel "
    "member_left_channel channel_left group_left channel_archive channel_unarchive channel_deleted channel_rename "
    "group_archive group_unarchive group_deleted group_rename channel_id_changed channel_shared channel_unshared "
    "user_change app_uninstalled tokens_revoked team_access_granted team_access_revoked".split()
)
#: Messages kept per channel; the oldest go first.
MOST_MESSAGES = 20_000
MOST_EPHEMERALS = 2_000


@dataclass(slots=True, kw_only=True)
class User:
    """A member, a guest, a stranger from another workspace, or our bot."""

    id: str
    name: str
    real_name: str
    email: str | None
    tz: str
    team_id: str
    color: str
    updated: int
    is_bot: bool = False
    guest: bool = False
    ultra_restricted: bool = False
    deleted: bool = False


@dataclass(slots=True, kw_only=True)
class Channel:
    """A channel or a direct message, with everything said in it."""

    id: str
    name: str
    kind: Literal["channel", "group", "im"]
    created: int
    external: bool = False
    archived: bool = False
    deleted: bool = False
    topic: str = ""
    purpose: str = ""
    #: The other side of a direct message.
    user: str | None = None
    members: dict[str, None] = field(default_factory=dict)
    #: By ts, oldest first, replies included.
    messages: dict[str, Json] = field(default_factory=dict)
    #: The ts of every reply, by its root.
    replies: dict[str, list[str]] = field(default_factory=dict)
    #: The ts of messages that were deleted.
    gone: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class File:
    """An uploaded file; `shares` stays empty until it was shared."""

    id: str
    name: str
    title: str
    mimetype: str
    user: str
    created: int
    content: bytes | None = None
    length: int = 0
    alt_txt: str = ""
    upload_ticket: str = ""
    completed: bool = False
    deleted: bool = False
    shares: dict[str, list[Json]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class View:
    """A modal somebody looks at, or an App Home."""

    id: str
    user: str
    body: Json
    root: str
    previous: str | None = None
    hash: str = ""
    is_open: bool = True


class World:
    """One workspace with one app installed. All changes go through here, so that watchers and events see them."""

    def __init__(self, *, clock: Callable[[], float], scopes: frozenset[str], bot_events: frozenset[str]) -> None:
        self.clock = clock
        self.scopes = set(scopes)
        self.bot_events = set(bot_events)
        self.url = ""
        self.team_id = "T0SANDBOX1"
        self.team_name = "Sandbox"
        self.domain = "sandbox"
        self.app_id = "A0SANDBOX1"
        self.bot_id = "B0SANDBOX1"
        self.bot_name = "threadbridge"
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.ephemerals: list[Json] = []
        self.typing: dict[tuple[str, str], Json] = {}
        self.watchers = Watchers()
        #: Set by the server: takes an event, the team it comes from, and whether it happened in a shared channel.
        self.send_event: Callable[[Json, str, bool], None] = lambda _event, _team, _external: None
        #: Events sent so far.
        self.emitted = 0
        self._last_micros = 0
        self._counters: dict[str, int] = {}
        self.bot = self.add_user("threadbridge", real_name="Threadbridge", email=None, is_bot=True)

    def new_id(self, prefix: str) -> str:
        """The next id of its kind: `C0SBX00001`."""
        number = self._counters.get(prefix, 0) + 1
        self._counters[prefix] = number
        return f"{prefix}0SBX{number:05d}"

    def new_ts(self) -> str:
        """A ts later than every one before."""
        self._last_micros = max(self._last_micros + 1, int(self.clock() * 1_000_000))
        return f"{self._last_micros // 1_000_000}.{self._last_micros % 1_000_000:06d}"

    def now(self) -> int:
        """Whole seconds."""
        return int(self.clock())

    def add_user(
        self,
        name: str,
        *,
        real_name: str | None = None,
        email: str | None,
        tz: str = "Etc/UTC",
        guest: bool = False,
        ultra_restricted: bool = False,
        team: str | None = None,
        color: str = "4bbe2e",
        is_bot: bool = False,
    ) -> User:
        """A new person, announced to watchers."""
        user = User(
            id=self.new_id("U"),
            name=name,
            real_name=real_name or name.replace(".", " ").title(),
            email=email,
            tz=tz,
            team_id=team or self.team_id,
            color=color.lstrip("#"),
            updated=self.now(),
            is_bot=is_bot,
            guest=guest or ultra_restricted,
            ultra_restricted=ultra_restricted,
        )
        self.users[user.id] = user
        self.watchers.tell({"type": "user", "user": self.user_json(user)})
        return user

    def add_channel(self, name: str, *, kind: Literal["channel", "group", "im"], external: bool = False) -> Channel:
        """A new, empty channel."""
        channel = Channel(
            # Private channels have had C ids too since 2021; only direct messages differ.
            id=self.new_id("D" if kind == "im" else "C"),
            name=name,
            kind=kind,
            created=self.now(),
            external=external,
        )
        self.channels[channel.id] = channel
        return channel

    def direct(self, user_id: str) -> Channel:
        """The bot's direct message with this person."""
        for channel in self.channels.values():
            if channel.kind == "im" and channel.user == user_id:
                return channel
        channel = self.add_channel("", kind="im")
        channel.user = user_id
        channel.members = {user_id: None, self.bot.id: None}
        self.tell_channel(channel)
        return channel

    def hears(self, channel: Channel) -> bool:
        """Whether the app gets this channel's events."""
        return self.bot.id in channel.members and not channel.deleted

    def emit(self, event: Json, *, actor: str | None = None, channel: Channel | None = None) -> None:
        """Sends an event to the app, if it subscribed."""
        name = str(event["type"])
        if name == "message" and channel is not None:
            name = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}[channel.kind]
        if name not in self.bot_events:
            return
        self.emitted += 1
        user = self.users.get(actor or "")
        self.send_event(event, user.team_id if user else self.team_id, channel is not None and channel.external)

    def show_ephemeral(self, entry: Json) -> None:
        """Keeps a message that one person sees; the oldest go first."""
        self.ephemerals.append(entry)
        del self.ephemerals[:-MOST_EPHEMERALS]
        self.watchers.tell({"type": "ephemeral", "user": entry["to"], "message": entry})

    def tell_channel(self, channel: Channel) -> None:
        """Announces a channel's state to watchers."""
        self.watchers.tell({"type": "channel", "channel": self.channel_json(channel)})

    def user_json(self, user: User) -> Json:
        """A user object, as seen from our workspace."""
        stranger = user.team_id != self.team_id
        offset = datetime.fromtimestamp(self.clock(), UTC).astimezone(ZoneInfo(user.tz)).utcoffset()
        first, _, last = user.real_name.partition(" ")
        profile: Json = {
            "title": "",
            "phone": "",
            "real_name": user.real_name,
            "real_name_normalized": user.real_name,
            "display_name": user.real_name,
            "display_name_normalized": user.real_name,
            "first_name": first,
            "last_name": last,
            "status_text": "",
            "status_emoji": "",
            "avatar_hash": user.id.lower(),
            "team": user.team_id,
            **{f"image_{size}": f"{self.url}/avatars/{user.id}-{size}.png" for size in (24, 32, 48, 72, 192, 512)},
        }
        if user.email and not stranger and not user.is_bot and "users:read.email" in self.scopes:
            profile["email"] = user.email
        if user.is_bot:
            profile |= {"bot_id": self.bot_id, "api_app_id": self.app_id, "always_active": True}
        answer: Json = {
            "id": user.id,
            "team_id": user.team_id,
            "name": user.name,
            "deleted": user.deleted,
            "color": user.color,
            "real_name": user.real_name,
            "tz": user.tz,
            "tz_label": user.tz,
            "tz_offset": int(offset.total_seconds()) if offset else 0,
            "profile": profile,
            "is_bot": user.is_bot,
            "is_app_user": False,
            "updated": user.updated,
        }
        if stranger:
            return answer | {"is_stranger": True}
        return answer | {
            "is_admin": False,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": user.guest,
            "is_ultra_restricted": user.ultra_restricted,
            "is_email_confirmed": True,
            "who_can_share_contact_card": "EVERYONE",
        }

    def channel_json(self, channel: Channel) -> Json:
        """A conversation object."""
        shared: Json = {
            "is_shared": channel.external,
            "is_ext_shared": channel.external,
            "is_org_shared": False,
            "is_pending_ext_shared": False,
            "shared_team_ids": self._teams(channel),
        }
        if channel.kind == "im":
            return {
                "id": channel.id,
                "created": channel.created,
                "is_im": True,
                "is_channel": False,
                "is_group": False,
                "is_mpim": False,
                "is_private": True,
                "is_archived": False,
                "user": channel.user,
                "is_user_deleted": False,
                "priority": 0,
                **shared,
            }
        return {
            "id": channel.id,
            "name": channel.name,
            "name_normalized": channel.name,
            "is_channel": True,
            "is_group": False,
            "is_im": False,
            "is_mpim": False,
            "is_private": channel.kind == "group",
            "is_archived": channel.archived,
            "is_general": False,
            "is_member": self.bot.id in channel.members,
            "created": channel.created,
            "creator": "USLACKBOT",
            "unlinked": 0,
            "context_team_id": self.team_id,
            "updated": channel.created * 1000,
            "parent_conversation": None,
            "pending_shared": [],
            "pending_connected_team_ids": [],
            "previous_names": [],
            "topic": {"value": channel.topic, "creator": "", "last_set": 0},
            "purpose": {"value": channel.purpose, "creator": "", "last_set": 0},
            **shared,
        }

    def file_json(self, file: File) -> Json:
        """A file object; the download needs a bearer token."""
        if file.deleted:
            return {"id": file.id, "mode": "tombstone"}
        kind = file.name.rpartition(".")[2].lower() if "." in file.name else "text"
        path = f"{self.url}/files-pri/{self.team_id}-{file.id}"
        safe = re.sub(r"[^A-Za-z0-9._-]", "_", file.name.lower()) or "file"
        answer: Json = {
            "id": file.id,
            "created": file.created,
            "timestamp": file.created,
            "name": file.name,
            "title": file.title,
            "mimetype": file.mimetype,
            "filetype": kind,
            "pretty_type": kind.upper(),
            "user": file.user,
            "user_team": self.team_id,
            "editable": False,
            "size": len(file.content or b""),
            "mode": "hosted",
            "is_external": False,
            "external_type": "",
            "is_public": bool(file.shares),
            "public_url_shared": False,
            "display_as_bot": False,
            "username": "",
            "url_private": f"{path}/{safe}",
            "url_private_download": f"{path}/download/{safe}",
            "permalink": f"{self.url}/files/{file.user}/{file.id}/{safe}",
            "has_rich_preview": False,
            "file_access": "visible",
            "channels": [entry for entry in file.shares if entry.startswith("C")],
            "ims": [entry for entry in file.shares if entry.startswith("D")],
            "groups": [],
        }
        if file.alt_txt:
            answer["alt_txt"] = file.alt_txt
        if file.mimetype.startswith("image/"):
            answer["thumb_360"] = f"{path}/thumb/{safe}"
        return answer

    def _teams(self, channel: Channel) -> list[str]:
        teams = {self.team_id} | {self.users[member].team_id for member in channel.members if member in self.users}
        return sorted(teams)


def system_clock() -> float:
    """The clock of a sandbox nobody gave another one."""
    return time.time()
