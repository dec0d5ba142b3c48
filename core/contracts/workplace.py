"""The contract of an agents' workplace: what the core draws there, and the desk its gestures end in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar, runtime_checkable

import aiohttp
from aiohttp import web
from pydantic import BaseModel

from core.contracts.bridge import Files, Memory
from core.contracts.content import Content, Rate, StoredFile
from core.contracts.gestures import Gesture
from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.posts import Action, Card, Finding, FindingKind, Form, Post, Queue
from core.contracts.richtext import Document


class Sign(StrEnum):
    """A mark on the agent's own post."""

    #: Waiting for the hold to pass or for the vendor.
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    #: It stayed among agents.
    NOTE = "note"


class Standing(StrEnum):
    """What somebody who writes in a room is to the organisation."""

    MEMBER = "member"
    GUEST = "guest"
    #: Of another organisation, in a shared room.
    OUTSIDER = "outsider"
    #: A bot or integration.
    MACHINE = "machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProfile:
    """A person in the workplace."""

    workspace: str
    agent_id: str
    name: str
    standing: Standing = Standing.MEMBER
    email: str = ""
    #: IANA name.
    timezone: str = "UTC"
    avatar_url: str = ""
    language: str = ""
    #: The id by which the organisation's directory knows the person (Entra), where there is one.
    directory_id: str = ""


class RoomChange(StrEnum):
    """What happened to a room."""

    #: The bot was removed, or the room archived or deleted: nothing can be posted there.
    CLOSED = "closed"
    #: It can be used again.
    OPENED = "opened"
    RENAMED = "renamed"
    #: It has a new id: `detail` is it.
    MOVED = "moved"
    #: People of another organisation are in it now.
    SHARED = "shared"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkplaceCapabilities:
    """What a workplace can show."""

    #: Longest text of one post; longer content is split by the core, in characters.
    max_text: int
    room_rate: Rate
    workspace_rate: Rate | None = None
    #: Largest file in bytes that can be put into a thread.
    max_file: int = 0
    #: The opening post shows the first message whole; False: a preview of it, and the message follows in the thread.
    opening_holds_message: bool = True
    #: Our own posts come back to us as events, and so prove that they arrived.
    echoes: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkplaceRuntime:
    """What the core lends to one workplace."""

    workspace: str
    session: aiohttp.ClientSession
    #: Public URL of `/workspaces/<workspace>`, or "".
    url: str
    files: Files
    memory: Memory
    secret: Callable[[str], bytes]
    #: (file, name) -> a signed public link that expires, or None without a public address.
    file_link: Callable[[StoredFile, str], str | None]
    now: Callable[[], datetime]
    trouble: Callable[[str | None], None]
    #: (event id, lane, rank, raw) -> False for a duplicate. Returns after the commit; `Workplace.handle` gets it later,
    #: once, in order of rank within its lane.
    accept: Callable[[str, str, int, bytes], Awaitable[bool]]
    #: Counts a refused request by its reason.
    rejected: Callable[[str], None]


class Desk(Protocol):
    """What the core offers a workplace; every gesture of an agent ends in one call here.

    A gesture that is not possible is answered to the agent privately, in words, by the core itself.
    """

    async def said(
        self,
        post: PostRef,
        agent: AgentProfile,
        content: Content,
        *,
        at: datetime,
        quote: PostRef | None = None,
        internal: bool = False,
    ) -> bool:
        """A person wrote in a thread, at that time by the vendor's clock. False: no conversation is shown there.

        The core decides whether it is a reply, a note or a `!` command, and takes each post once. `internal`: it holds
        what only colleagues may see, so it is no reply whatever it says.
        """
        ...

    async def revised(self, post: PostRef, content: Content | None) -> None:
        """The author edited that post, or deleted it (None)."""
        ...

    async def restored(self, post: PostRef, content: Content) -> None:
        """The author brought back what she had deleted."""
        ...

    async def shows(self, thread: ThreadRef) -> bool:
        """Whether a conversation is, or may turn out to be, shown there: what is said elsewhere must not be kept."""
        ...

    async def reacted(self, post: PostRef, agent: AgentProfile, emoji: str, *, added: bool) -> None: ...

    async def send(self, post: PostRef, agent: AgentProfile, content: Content) -> None:
        """The agent chose "Send to customer" on that post."""
        ...

    async def keep(self, post: PostRef, agent: AgentProfile) -> None:
        """The agent chose "Make a note" on that post: if it is still held, it does not leave."""
        ...

    async def form(
        self,
        thread: ThreadRef,
        agent: AgentProfile,
        action: str,
        value: str,
        fields: Sequence[tuple[str, str]] = (),
    ) -> Form | None:
        """What to ask before that action; None: nothing, or it was refused and the agent told.

        `fields`: what was filled into a form that `continues`; this one follows it.
        """
        ...

    async def act(
        self,
        thread: ThreadRef,
        agent: AgentProfile,
        action: str,
        value: str = "",
        *,
        key: str,
        fields: Sequence[tuple[str, str]] = (),
        text: Document | None = None,
    ) -> None:
        """A button was pressed or a form submitted; `key` makes a second click harmless.

        `fields` holds select and text fields by id, `text` the form's rich text.
        """
        ...

    async def queue(self, agent: AgentProfile) -> Queue: ...

    async def opening(self, thread: ThreadRef) -> tuple[Card, Post] | None:
        """The card and the first message as they are true now, for a workplace that answers a press with them."""
        ...

    async def search(
        self, agent: AgentProfile, kind: FindingKind, query: str, *, offset: int = 0, limit: int = 25
    ) -> Sequence[Finding]:
        """What fits the words, best first; without words the latest. Nothing for somebody who may not answer."""
        ...

    async def room_changed(self, room: RoomRef, change: RoomChange, detail: str = "") -> None: ...

    async def posted(self, post: PostRef, key: str) -> None:
        """Our own post came back to us as an event: proof that the send with that key arrived."""
        ...


class Workplace(Protocol):
    """One Slack workspace or Teams tenant. Raises as `Bridge.send`, and DestinationUnavailable."""

    async def handle(self, raw: bytes) -> None:
        """Translates one accepted event into at most one desk call. Tried again, then quarantined, if it raises."""
        ...

    async def open_thread(self, room: RoomRef, card: Card, first: Post) -> ThreadRef:
        """One post that is both context card and first message; how much of it: `opening_holds_message`."""
        ...

    async def post(self, thread: ThreadRef, post: Post) -> PostRef: ...

    async def edit(self, ref: PostRef, post: Post) -> None: ...

    async def update_opening(self, thread: ThreadRef, card: Card, first: Post) -> None:
        """Redraws the opening post, whose card or first message has changed."""
        ...

    async def find(self, room: RoomRef, thread: ThreadRef | None, key: str, since: datetime) -> PostRef | None:
        """Where a post with that key stands; None: it surely was not posted. Raises OutcomeUnknown if unsure."""
        ...

    async def whisper(self, thread: ThreadRef, agent_id: str, text: str, actions: Sequence[Action] = ()) -> None:
        """Seen by one agent only, best effort."""
        ...

    async def sign(self, ref: PostRef, sign: Sign | None) -> None:
        """Puts our one mark on somebody's post, replacing the one before; None takes it away."""
        ...

    async def show_typing(self, thread: ThreadRef, name: str) -> None:
        """Shows that the customer of that name is typing; "": nobody is any more."""
        ...

    async def react(self, ref: PostRef, emoji: str, *, added: bool) -> None: ...

    async def agent(self, agent_id: str) -> AgentProfile: ...

    async def show_queue(self, agent_id: str, queue: Queue) -> None:
        """Redraws the agent's own page."""
        ...

    async def permalink(self, thread: ThreadRef) -> str: ...

    async def rooms(self) -> Sequence[tuple[str, str]]:
        """(id, name) of the rooms that we can post in."""
        ...

    def fetch(self, source: str) -> AsyncIterator[bytes]:
        """Streams the bytes of a file that an agent posted; `source` is the attachment's."""
        ...

    async def check(self) -> str: ...


@runtime_checkable
class ListeningWorkplace(Protocol):
    async def listen(self) -> None:
        """Runs until cancelled (Socket Mode)."""
        ...


@runtime_checkable
class Inspects(Protocol):
    async def lacking(self) -> Sequence[str]:
        """What is not set up though the credentials work: each a sentence that says where to click."""
        ...


@runtime_checkable
class ServesWorkplaceRoutes(Protocol):
    def routes(self) -> Sequence[web.RouteDef]:
        """Paths relative to `/workspaces/<workspace>`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the vendor makes the app from."""

    #: File name to save it under.
    name: str
    content: bytes
    #: It can be printed to a terminal.
    is_text: bool
    #: What to do with the file, as a sentence.
    next_step: str = ""


S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkplaceSpec(Generic[S]):
    """The one object that a workplace's folder exports, as WORKPLACE."""

    name: str
    title: str
    settings: type[S]
    capabilities: WorkplaceCapabilities
    build: Callable[[S, Desk, WorkplaceRuntime], Workplace]
    #: What an agent cannot do here that she can elsewhere, each with the reason and the way round, as a sentence.
    lacks: Mapping[Gesture, str] = field(default_factory=dict)
    #: (public URL or "", the settings if they are known) -> the app's manifest. Raises ValueError: what is missing.
    manifest: Callable[[str, S | None], Manifest | None] = field(default=lambda url, settings: None)
