"""What the core gives a workplace to draw: posts, cards, forms and queues."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.contracts.content import Content
from core.contracts.places import PostRef, ThreadRef


class Tone(StrEnum):
    """What a post is to the people in the thread; decides how it is drawn."""

    CUSTOMER = "customer"
    #: A colleague's reply shown in another thread of the same conversation, or one written in a modal.
    AGENT = "agent"
    BOT = "bot"
    NOTE = "note"
    #: Plain fact in small print: "Jane continued by email".
    NOTICE = "notice"
    #: Something did not work, and what can be done.
    FAILURE = "failure"


class FieldKind(StrEnum):
    RICH_TEXT = "rich_text"
    TEXT = "text"
    #: Bare text of several lines.
    LINES = "lines"
    SELECT = "select"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    value: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One input of a form."""

    id: str
    label: str
    kind: FieldKind
    options: tuple[Option, ...] = ()
    optional: bool = False
    #: Preselected option, or text to start from.
    initial: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What is asked before an action is carried out; drawn as a modal or dialog."""

    title: str
    submit: str
    fields: tuple[FormField, ...]
    #: Shown above the fields: to whom a reply goes, what will be cut.
    text: str = ""
    #: Its submit is not an act: it asks `Desk.form` with what was filled in, for the form that takes its place.
    continues: bool = False
    #: Submitted with this value in place of the button's; None: the button's.
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A button: pressing it ends in `Desk.act` with its id and value."""

    #: One of the ids in `core.contracts.actions`.
    id: str
    label: str
    value: str = ""
    #: "", "primary" or "danger".
    style: str = ""
    #: The workplace asks `Desk.form` for a form first, and submits it with `Desk.act`.
    asks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Whose words a post shows."""

    #: Ready to show: "Jane (WhatsApp)".
    name: str
    #: Public https address, or "".
    avatar_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotePreview:
    """The message that a post answers, in short."""

    author: str
    #: At most 200 characters.
    text: str
    #: Where it stands in the same workspace, if it does.
    post: PostRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One item to show in a thread."""

    #: Ours, unique and stable across tries; the workplace stores it with the post so that `find` can see it.
    key: str
    tone: Tone
    author: Author
    content: Content
    quote: QuotePreview | None = None
    actions: tuple[Action, ...] = ()
    edited: bool = False
    deleted: bool = False
    #: Emoji the customer put on it.
    reactions: tuple[str, ...] = ()
    #: Several customers' messages drawn as one post because the room's rate was short.
    more: tuple[Content, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One line of a card; both sides may hold customer text."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardLink:
    """An earlier conversation, or another place where this one is shown."""

    label: str
    url: str = ""
    thread: ThreadRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Facts and buttons about one conversation, in order of importance."""

    title: str
    #: "Open", "Claimed by Bea", "Snoozed until Mon 09:00", "Resolved".
    status: str
    #: One emoji that says the same at a glance.
    status_emoji: str
    facts: tuple[Fact, ...] = ()
    links: tuple[CardLink, ...] = ()
    actions: tuple[Action, ...] = ()
    #: How replies work in this room: "Messages in this thread go to the customer. Start with // for a note."
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """One conversation in an agent's queue."""

    title: str
    #: "waiting 4 min", "snoozed until Mon 09:00".
    status: str
    text: str
    thread: ThreadRef | None
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """An agent's own page: what is hers, what waits for anybody, and what is wrong."""

    mine: tuple[QueueItem, ...] = ()
    waiting: tuple[QueueItem, ...] = ()
    snoozed: tuple[QueueItem, ...] = ()
    #: Sentences about what does not work right now, for everybody to see.
    troubles: tuple[str, ...] = ()


class FindingKind(StrEnum):
    """What an agent can look up while she writes."""

    #: A text that the operator has prepared.
    CANNED_REPLY = "canned_reply"
    #: A conversation, with the threads that show it.
    CONVERSATION = "conversation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a search brought."""

    #: Ours: the same finding has the same id.
    id: str
    title: str
    #: The canned text whole, or the conversation in short; may be customer text.
    text: str
    #: "Resolved, Mon 09:00".
    status: str = ""
    #: Where the conversation is shown in the agent's own workspace.
    thread: ThreadRef | None = None
