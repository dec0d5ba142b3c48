"""What a message consists of, and what a channel can carry of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from core.contracts.richtext import Document


class MediaKind(StrEnum):
    """What an attachment is to the person who looks at it."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file in the data directory's content-addressed store."""

    #: Hex SHA-256 of the content.
    sha256: str
    size: int
    #: From the allow-list, decided from the bytes; `application/octet-stream` for what may only be downloaded.
    mime: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of a message. Exactly one of `source`, `file` and `problem` is set."""

    kind: MediaKind
    #: Shown to people; already free of path separators and control characters, at most 200 characters.
    name: str
    mime: str = "application/octet-stream"
    #: Bytes, where known before the download.
    size: int | None = None
    #: The adapter's own handle, given back to its `fetch`.
    source: str | None = None
    file: StoredFile | None = None
    #: A sentence: why there is no file.
    problem: str | None = None
    #: Text alternative for people who cannot see the picture.
    alt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A button offered to the customer; `value` comes back when she presses it."""

    value: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One utterance: text, files, or both."""

    body: Document = field(default_factory=Document)
    attachments: tuple[Attachment, ...] = ()
    choices: tuple[Choice, ...] = ()


class Markup(StrEnum):
    """How much of the rich-text tree a channel shows."""

    #: Bare text; bold, lists and the like are drawn with characters.
    PLAIN = "plain"
    RICH = "rich"


class TextUnit(StrEnum):
    """What a channel counts when it limits text."""

    CHARACTER = "character"
    UTF16 = "utf16"
    BYTE = "byte"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A vendor's rate limit: one call per `gap`, after a burst of `burst`."""

    gap: timedelta
    burst: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a channel can do. Limits are data: the core cuts, splits and refuses by them; a bridge never checks."""

    max_text: int
    text_unit: TextUnit = TextUnit.CHARACTER
    markup: Markup = Markup.PLAIN
    #: Largest size in bytes of each kind that can be sent; a kind that is absent cannot be sent.
    media: Mapping[MediaKind, int] = field(default_factory=dict)
    #: Largest text beside a file, in `text_unit`; longer text goes out as a message of its own before the file.
    max_caption: int = 0
    #: How long after the customer's last message a reply may be sent; None: always.
    reply_window: timedelta | None = None
    quotes: bool = False
    #: The customer's own edits, deletes and reactions reach us.
    edits_in: bool = False
    deletes_in: bool = False
    reactions_in: bool = False
    edits_out: bool = False
    deletes_out: bool = False
    #: How long after sending a delete still works; None: always.
    delete_window: timedelta | None = None
    reactions_out: bool = False
    typing_out: bool = False
    #: Receipts that the channel gives.
    delivered: bool = False
    read: bool = False
    #: Most buttons under one message; 0: choices are drawn as numbered text.
    max_choices: int = 0
    #: Sending the same `OutboundMessage.key` again is harmless to the customer.
    idempotent: bool = False
    #: Limits of the account as a whole and of one customer.
    account_rate: Rate | None = None
    recipient_rate: Rate | None = None
