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

    #: At most 64 bytes, which every channel carries.
    value: str
    label: str
    #: A line below the label, shown where the channel draws a list.
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardButton:
    """A link under an offered card."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedCard:
    """A picture with words, links and choices; several side by side are a carousel."""

    title: str
    text: str = ""
    #: Public https address of the picture, or "".
    picture_url: str = ""
    links: tuple[CardButton, ...] = ()
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One line of a form that the customer is asked to fill in."""

    label: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One utterance: text, files, or both, and what it offers.

    A bridge is given only what its channel draws: at most `max_choices` choices for buttons, more of them, up to
    `max_list`, for a list, and cards within `Capabilities.cards`. All else has become text by then.
    """

    body: Document = field(default_factory=Document)
    attachments: tuple[Attachment, ...] = ()
    choices: tuple[Choice, ...] = ()
    cards: tuple[OfferedCard, ...] = ()
    #: Asked as numbered text everywhere; the answer is a message like any other.
    form: tuple[Question, ...] = ()


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
class CardLimits:
    """What a channel draws as cards; whatever does not fit becomes text."""

    #: Most cards side by side.
    most: int
    #: Fewest of them: 2 where one alone is no carousel.
    fewest: int = 1
    #: Longest title and text, in characters.
    title: int
    text: int
    #: Most links and choices together under one card, and their longest label.
    buttons: int
    label: int = 20
    #: It needs a picture on each.
    pictures: bool = False
    #: The words stand above the cards in the same message; False: they go out before it.
    with_text: bool = False


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
    #: The longer one for what a person writes herself, where the account is granted it (HUMAN_AGENT).
    human_window: timedelta | None = None
    #: Approved templates can be sent, whatever the window says; the bridge has `templates`.
    templates: bool = False
    #: Every message costs: few long ones are sent rather than many short ones.
    costly: bool = False
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
    #: Most buttons under one message; 0: choices are drawn as a list, else as numbered text.
    max_choices: int = 0
    #: Most rows of a list, for more choices than fit on buttons; 0: there are no lists.
    max_list: int = 0
    #: Longest label of a button and of a row, in characters; a longer one is cut, and stands whole in the text.
    choice_label: int | None = None
    list_label: int | None = None
    #: Longest text above buttons, in `text_unit`; None: `max_text`.
    max_choice_text: int | None = None
    #: Some of its clients show no buttons, so the choices stand in the text, too.
    choices_in_text: bool = False
    #: None: a card is drawn as text with links and choices.
    cards: CardLimits | None = None
    #: Sending the same `OutboundMessage.key` again is harmless to the customer.
    idempotent: bool = False
    #: It can write first to a plain address of this kind, which is then the `Recipient.external_id`: "mailto", "tel".
    writes_first: str = ""
    #: The bridge makes invitations (`Invites`).
    invites: bool = False
    #: Limits of the account as a whole and of one customer.
    account_rate: Rate | None = None
    recipient_rate: Rate | None = None
