"""What an operator sets for one connector, and what the channel behind it can do."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import timedelta
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ByteSize, ConfigDict, Field, SecretStr, field_validator

from core.contracts.content import Capabilities, CardLimits, Markup, MediaKind, TextUnit

MIB = 1024 * 1024
#: Shortest and longest key of https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
LEAST_BYTES, MOST_BYTES = 24, 64
_HOST = re.compile(r"\.?([a-z0-9_-]{1,63}\.)*[a-z][a-z0-9-]{0,62}")
MEDIA = dict.fromkeys(MediaKind, ByteSize(100 * MIB))


class Can(BaseModel):
    """What the channel behind the connector can do, field by field as in `Capabilities`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_text: int = Field(default=20_000, ge=20, le=100_000)
    text_unit: TextUnit = TextUnit.CHARACTER
    markup: Markup = Markup.RICH
    #: Largest size of each kind of file.
    media: dict[MediaKind, ByteSize] = MEDIA
    max_caption: int = Field(default=4_000, ge=0, le=100_000)
    reply_window_hours: float | None = Field(default=None, gt=0, le=8760)
    costly: bool = False
    quotes: bool = True
    edits_in: bool = True
    deletes_in: bool = True
    reactions_in: bool = True
    edits_out: bool = True
    deletes_out: bool = True
    reactions_out: bool = True
    typing_out: bool = True
    #: The connector reports `status` or `read`; without it a message counts as delivered once the connector has it.
    delivered: bool = False
    read: bool = False
    max_choices: int = Field(default=10, ge=0, le=50)
    max_list: int = Field(default=0, ge=0, le=100)
    choice_label: int | None = Field(default=None, ge=10, le=200)
    list_label: int | None = Field(default=None, ge=10, le=200)
    cards: bool = True
    writes_first: Literal["", "mailto", "tel"] = ""

    def capabilities(self) -> Capabilities:
        own = {"media", "max_caption", "reply_window_hours", "cards"}
        hours = self.reply_window_hours
        return Capabilities(
            **self.model_dump(exclude=own),
            media={kind: int(size) for kind, size in self.media.items()},
            max_caption=min(self.max_caption, self.max_text) if self.media else 0,
            reply_window=None if hours is None else timedelta(hours=hours),
            cards=CardLimits(most=10, title=200, text=2_000, buttons=10, label=80) if self.cards else None,
            idempotent=True,
        )


class ApiSettings(BaseModel):
    """One `[[accounts]]` entry whose channel is `api`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Where the connector takes what goes to customers.
    deliver_url: str
    #: Keys of both directions. Any of them is believed; everything that leaves is signed with each of them.
    secrets: tuple[SecretStr, ...] = Field(min_length=1, max_length=4)
    #: Where its files may be fetched: "files.example.com", or ".example.com" for all below it.
    media_hosts: tuple[str, ...] = Field(default=(), max_length=50)
    #: Largest file that is taken.
    max_file: ByteSize = Field(default=ByteSize(25 * MIB), ge=1024, le=1024 * MIB)
    #: The connector knows who its customers are: it may say that one is `verified`, which `user`, and whose mail.
    verifies: bool = False
    can: Can = Can()

    @field_validator("deliver_url")
    @classmethod
    def _reaches_only_the_connector(cls, url: str) -> str:
        if re.search(r"[\s\\#\x00-\x1f\x7f]", url) or origin(url) is None:
            raise ValueError('it must be a web address such as "https://connector.example.com/deliveries"')
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise ValueError("it must have no user name or password; the signature says who calls")
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise ValueError("it must start with https://; only an address of this machine may use http://")
        return url

    @field_validator("secrets")
    @classmethod
    def _are_keys(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in secrets:
            key(secret)
        return secrets

    @field_validator("media_hosts")
    @classmethod
    def _are_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise ValueError(f'"{host}" is no name of a host; write it like "files.example.com", in lower case')
        return hosts


def key(secret: SecretStr) -> bytes:
    """The bytes of a `whsec_` secret. Raises ValueError (a sentence that does not show it)."""
    text = secret.get_secret_value()
    try:
        found = base64.b64decode(text.removeprefix("whsec_"), validate=True) if text.startswith("whsec_") else b""
    except (binascii.Error, ValueError):
        found = b""
    if not LEAST_BYTES <= len(found) <= MOST_BYTES:
        raise ValueError(
            f"each must be whsec_ and then {LEAST_BYTES} to {MOST_BYTES} bytes in base64; "
            'make one with: echo "whsec_$(openssl rand -base64 32)"'
        )
    return found


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an http or https address; None: it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80)


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
