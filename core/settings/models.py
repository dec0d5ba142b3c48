"""The settings as the rest of the core sees them: complete, checked and frozen."""

from __future__ import annotations

import re
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ByteSize, ConfigDict, Field, SecretStr, field_validator, model_validator

from core.contracts.bridge import Proof
from core.contracts.text import is_blank

MIB = 1024 * 1024

#: Part of URLs and of log lines, so nothing that needs escaping.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError("a name has 1 to 40 characters of a-z, 0-9, '-' and '_', and starts with a letter or digit")
    return value


def _room(value: str) -> str:
    workspace, _, room = value.partition("/")
    if not NAME.fullmatch(workspace) or not room.strip():
        raise ValueError('a room is written "workspace/room", such as "acme/C0123456789"')
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _public_url(value: str) -> str:
    if not value:
        return value
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError('it must be a web address, such as "https://chat.example.com"')
    if url.scheme == "http" and not _is_loopback(url.hostname):
        raise ValueError("it must start with https://; only an address of this machine may use http://")
    if url.query or url.fragment or url.username or url.password:
        raise ValueError("it must have no user, query or fragment")
    return value.rstrip("/")


Name = Annotated[str, AfterValidator(_name)]
#: "workspace/room": the workspace's name here, and the vendor's id or name of the room.
RoomName = Annotated[str, AfterValidator(_room)]


class Frozen(BaseModel):
    """Base of every table: unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Web(Frozen):
    """Where Threadbridge listens."""

    host: str = "127.0.0.1"
    #: 0 takes any free port.
    port: int = Field(default=8700, ge=0, le=65535)
    #: Opens /metrics and the details of /ready to callers elsewhere than on this machine.
    metrics_token: SecretStr | None = None


class AccountSettings(Frozen):
    """One connection on a channel; `options` is what the channel's own model made of the rest of the table."""

    name: Name
    channel: str
    options: BaseModel = Field(repr=False)


class WorkspaceSettings(Frozen):
    """One installation of a workplace."""

    name: Name
    workplace: str
    options: BaseModel = Field(repr=False)


class ReplyMode(StrEnum):
    """What of an agent's words in a room goes to the customer."""

    #: Everything that is not a note.
    ALL = "all"
    #: Only what the Reply button, the shortcut or a ">" sends.
    EXPLICIT = "explicit"
    NONE = "none"


class Match(Frozen):
    """When a route applies: every list that is given must hold one thing that fits."""

    accounts: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    #: BCP 47; "de" also fits "de-AT".
    languages: tuple[str, ...] = ()
    #: Any of these in the first message, without regard to case.
    words: tuple[str, ...] = ()
    proofs: tuple[Proof, ...] = ()


class RouteSettings(Frozen):
    """One routing rule; the first that fits wins."""

    name: Name
    when: Match = Match()
    #: The first is where the conversation lives, the others mirror it.
    rooms: tuple[RoomName, ...] = Field(min_length=1)
    reply_mode: ReplyMode = ReplyMode.ALL
    lock_to_owner: bool = False


class DeskSettings(Frozen):
    """How agents' words and customers' returns are treated."""

    #: Time in which an edit changes, and a delete cancels, a reply; 0 sends at once.
    hold_seconds: float = Field(default=4.0, ge=0, le=60)
    #: A customer who writes within this time after closing reopens the same thread.
    reopen_days: float = Field(default=7, ge=0, le=365)
    guests_may_reply: bool = False
    #: BCP 47, of what the core itself says to agents.
    language: str = Field(default="en", min_length=2)


class CannedReply(Frozen):
    """A text that agents choose instead of typing it."""

    #: What it is chosen by.
    title: str = Field(min_length=1, max_length=75)
    text: str = Field(min_length=1, max_length=4_000)

    @field_validator("title", "text")
    @classmethod
    def _something(cls, value: str) -> str:
        if is_blank(value):
            raise ValueError("there is nothing in it")
        return value.strip()


class Limits(Frozen):
    """What is refused; sizes may be written "25 MiB"."""

    attachment_bytes: ByteSize = Field(default=ByteSize(25 * MIB), ge=1024)
    webhook_bytes: ByteSize = Field(default=ByteSize(MIB), ge=1024)
    #: Time to send a request's body.
    webhook_seconds: float = Field(default=10.0, gt=0, le=60)


class Settings(Frozen):
    """Everything the operator decided. Secrets are in it, so it is never logged or printed whole."""

    #: Where vendors and visitors reach us, or "".
    public_url: Annotated[str, AfterValidator(_public_url)] = ""
    data_dir: Path
    #: SQLAlchemy URL; by default SQLite in the data directory.
    database: str = Field(default="", repr=False)
    #: Master keys, the newest first; by default made once and kept in the data directory.
    secret_key: SecretStr | None = None
    web: Web = Web()
    accounts: tuple[AccountSettings, ...] = ()
    workspaces: tuple[WorkspaceSettings, ...] = ()
    routes: tuple[RouteSettings, ...] = ()
    default_room: RoomName
    #: Where troubles are told; the default room if not set.
    operators_room: RoomName | None = None
    desk: DeskSettings = DeskSettings()
    #: In the order in which they are offered; as many as a list that is chosen from can hold.
    canned_replies: tuple[CannedReply, ...] = Field(default=(), max_length=100)
    limits: Limits = Limits()
    #: Values that "env:" and "file:" brought, so that logs can black them out.
    secrets: tuple[SecretStr, ...] = Field(default=(), repr=False, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _database_in_the_data_directory(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("data_dir") and not values.get("database"):
            return {
                **values,
                "database": f"sqlite:///{Path(values['data_dir']).absolute() / 'threadbridge.db'}",
            }
        return values
