"""Agents' rooms and threads in memory, with the agents' gestures: the tool behind a fake workplace."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from core.contracts.content import Content, Rate
from core.contracts.errors import DestinationUnavailable, FailureReason, PermanentFailure
from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.posts import Action, Card, Form, Post, Queue
from core.contracts.text import from_plain, preview
from core.contracts.workplace import AgentProfile, RoomChange, Sign, Standing, WorkplaceCapabilities, WorkplaceSpec
from core.testing.fake_workplace import FakeWorkplace, FakeWorkplaceSettings
from core.testing.faults import Faults

CAPABILITIES = WorkplaceCapabilities(
    max_text=3_000, room_rate=Rate(gap=timedelta(milliseconds=1), burst=100), max_file=10 * 1024 * 1024
)

#: Characters of the first message in an opening that does not hold it.
PREVIEW = 100


@dataclass(slots=True, kw_only=True)
class FakePost:
    """One item in a thread, ours or an agent's."""

    ref: PostRef
    #: As we drew it last; None for an agent's.
    post: Post | None = None
    #: Id of the agent who wrote it, "" for ours.
    agent: str = ""
    text: str = ""
    files: tuple[bytes, ...] = ()
    #: Earlier drawings, oldest first.
    before: list[Post] = field(default_factory=list)
    #: The mark it carries, and every mark it ever got.
    sign: Sign | None = None
    signs: list[Sign | None] = field(default_factory=list)
    reactions: list[str] = field(default_factory=list)
    deleted: bool = False


@dataclass(slots=True, kw_only=True)
class FakeThread:
    """One conversation as agents see it."""

    ref: ThreadRef
    #: The card as it was drawn each time, oldest first; empty for a thread that agents began.
    cards: list[Card] = field(default_factory=list)
    #: The opening post first.
    posts: list[FakePost] = field(default_factory=list)

    @property
    def card(self) -> Card:
        return self.cards[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whisper:
    """What one agent alone was told."""

    thread: ThreadRef
    agent: str
    text: str
    actions: tuple[Action, ...]


class FakeWorkspace:
    """The tool and its people: outlives every workplace connected to it.

    `spec` goes to `core.testing.fakes.installed`. `faults` takes orders for every verb of `Workplace`. A post that is
    sent twice stands here twice: nothing hides a repetition.
    """

    def __init__(
        self,
        name: str = "fake",
        *,
        workspace: str = "fake",
        capabilities: WorkplaceCapabilities = CAPABILITIES,
        echoes: bool = True,
        opening_holds_message: bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        #: The workspace's name in the settings.
        self.workspace = workspace
        self.faults = Faults()
        #: Every call by (verb, place), failed ones too.
        self.calls: list[tuple[str, str]] = []
        self.room_names: dict[str, str] = {}
        self.closed: set[str] = set()
        self.people: dict[str, AgentProfile] = {}
        self.threads: list[FakeThread] = []
        self.whispers: list[Whisper] = []
        self.queues: defaultdict[str, list[Queue]] = defaultdict(list)
        #: What an agent was asked, latest last; None: the action was refused or asks nothing.
        self.forms: list[Form | None] = []
        self.typing: list[tuple[ThreadRef, str]] = []
        self.uploads: dict[str, bytes] = {}
        #: What agents did, in order: (event id, lane, rank, raw).
        self.events: list[tuple[str, str, int, bytes]] = []
        #: Each event is handed over twice while set.
        self.twice = False
        #: Our own posts come back as events.
        self.echoes = echoes
        #: False: an opening shows the beginning of its message only.
        self.opening_holds_message = opening_holds_message
        self._clock = clock
        self._numbers = itertools.count(1)
        self._changed = asyncio.Condition()
        self.spec: WorkplaceSpec[FakeWorkplaceSettings] = WorkplaceSpec(
            name=name,
            title=name.capitalize(),
            settings=FakeWorkplaceSettings,
            capabilities=replace(capabilities, opening_holds_message=opening_holds_message, echoes=echoes),
            build=lambda settings, desk, runtime: FakeWorkplace(self, settings, desk, runtime),
        )

    def room(self, name: str = "support") -> RoomRef:
        """A new room that we are in."""
        room = f"R{len(self.room_names) + 1}"
        self.room_names[room] = name
        return RoomRef(workspace=self.workspace, room=room)

    def agent(self, name: str = "Bea", standing: Standing = Standing.MEMBER, **about: Any) -> AgentProfile:
        """Somebody new; `about` are further fields of the profile."""
        agent_id = f"A{len(self.people) + 1}"
        profile = AgentProfile(workspace=self.workspace, agent_id=agent_id, name=name, standing=standing, **about)
        self.people[agent_id] = profile
        return profile

    async def says(
        self,
        agent: AgentProfile,
        thread: ThreadRef,
        text: str = "",
        *,
        files: Sequence[tuple[str, str, bytes]] = (),
        quote: PostRef | None = None,
    ) -> PostRef:
        """Writes in a thread, with files of (name, type, content)."""
        attachments = []
        for name, mime, data in files:
            source = f"upload-{next(self._numbers)}"
            self.uploads[source] = data
            attachments.append({"name": name, "mime": mime, "source": source, "size": len(data)})
        ref = self._ref(thread)
        self._thread(thread).posts.append(FakePost(ref=ref, agent=agent.agent_id, text=text))
        quoted = asdict(quote) if quote else None
        about = {"post": asdict(ref), "text": text, "attachments": attachments, "quote": quoted}
        await self._tell("said", thread, agent=agent.agent_id, **about)
        return ref

    async def edits(self, post: PostRef, text: str) -> None:
        self.find(post).text = text
        await self._tell("revised", post, post=asdict(post), text=text)

    async def deletes(self, post: PostRef) -> None:
        self.find(post).deleted = True
        await self._tell("revised", post, post=asdict(post), text=None)

    async def restores(self, post: PostRef) -> None:
        """Undoes a delete."""
        self.find(post).deleted = False
        await self._tell("restored", post, post=asdict(post), text=self.find(post).text)

    async def reacts(self, agent: AgentProfile, post: PostRef, emoji: str, *, added: bool = True) -> None:
        await self._tell("reacted", post, agent=agent.agent_id, post=asdict(post), emoji=emoji, added=added)

    async def sends(self, agent: AgentProfile, post: PostRef) -> None:
        """Chooses "Send to customer" on a post."""
        text = self.find(post).text
        await self._tell("send", post, agent=agent.agent_id, post=asdict(post), text=text)

    async def keeps(self, agent: AgentProfile, post: PostRef) -> None:
        """Chooses "Make a note" on a post."""
        await self._tell("keep", post, agent=agent.agent_id, post=asdict(post))

    async def asks(
        self,
        agent: AgentProfile,
        thread: ThreadRef,
        action: str,
        value: str = "",
        *,
        fields: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Presses a button that asks, or submits a form that continues; what comes up goes to `forms`."""
        more = {"fields": [list(pair) for pair in fields], "thread": asdict(thread)}
        await self._tell("form", thread, agent=agent.agent_id, action=action, value=value, **more)

    async def presses(
        self,
        agent: AgentProfile,
        thread: ThreadRef,
        action: str,
        value: str = "",
        *,
        key: str = "",
        fields: Sequence[tuple[str, str]] = (),
        text: str | None = None,
    ) -> None:
        """Presses a button, or submits its form; the same `key` is the same click."""
        about = {"action": action, "value": value, "key": key or f"click-{next(self._numbers)}"}
        more = {"fields": [list(pair) for pair in fields], "text": text, "thread": asdict(thread)}
        await self._tell("act", thread, agent=agent.agent_id, **about, **more)

    async def looks(self, agent: AgentProfile) -> None:
        """Opens the queue page."""
        await self._tell("queue", None, agent=agent.agent_id)

    async def changes(self, room: RoomRef, change: RoomChange, detail: str = "") -> None:
        """A room is closed to us, opened, renamed, moved or shared."""
        (self.closed.add if change is RoomChange.CLOSED else self.closed.discard)(room.room)
        if change is RoomChange.RENAMED:
            self.room_names[room.room] = detail
        if change is RoomChange.MOVED:
            self.room_names[detail] = self.room_names.pop(room.room)
        await self._tell("room", None, room=room.room, change=change.value, detail=detail)

    async def until(self, condition: Callable[[], Any], timeout: float = 5.0) -> Any:
        """What `condition` finds, once a call of the core makes it true. Raises TimeoutError."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(condition)
            return condition()

    async def next_event(self, position: int) -> tuple[str, str, int, bytes]:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.events) > position)
            return self.events[position]

    async def carry_out(self, verb: str, place: str, work: Callable[[], Any]) -> Any:
        self.calls.append((verb, place))
        try:
            return await self.faults.around(verb, work)
        finally:
            async with self._changed:
                self._changed.notify_all()

    def open(self, room: RoomRef, card: Card, first: Post) -> ThreadRef:
        self._check(room.room)
        thread = ThreadRef(workspace=room.workspace, room=room.room, thread=self._stamp())
        ref = PostRef(**asdict(thread), post=thread.thread)
        opening = FakePost(ref=ref, post=self._opening(first), files=_files(first.content))
        self.threads.append(FakeThread(ref=thread, cards=[card], posts=[opening]))
        return thread

    def add(self, thread: ThreadRef, post: Post) -> PostRef:
        ref = self._ref(thread)
        self._thread(thread).posts.append(FakePost(ref=ref, post=post, files=_files(post.content)))
        return ref

    def redraw(self, ref: PostRef, post: Post, card: Card | None = None) -> None:
        self._check(ref.room)
        shown = self.find(ref)
        if shown.post is None:
            raise PermanentFailure("Only our own posts can be edited.", reason=FailureReason.UNSUPPORTED)
        shown.before.append(shown.post)
        shown.post = post if card is None else self._opening(post)
        if card is not None:
            self.thread(ref).cards.append(card)

    def _opening(self, first: Post) -> Post:
        if self.opening_holds_message:
            return first
        return replace(first, content=Content(body=from_plain(preview(first.content.body, PREVIEW))))

    def by_key(self, room: RoomRef, within: ThreadRef | None, key: str) -> PostRef | None:
        """Our post with that key: an opening, or one in that thread."""
        for thread in self.threads:
            if thread.ref.room == room.room and within in (None, thread.ref):
                for post in thread.posts[:1] if within is None else thread.posts:
                    if post.post is not None and post.post.key == key:
                        return post.ref
        return None

    def find(self, ref: PostRef) -> FakePost:
        """The post, also a deleted one. Raises PermanentFailure."""
        for post in self.thread(ref).posts:
            if post.ref.post == ref.post:
                return post
        raise PermanentFailure(f"There is no post {ref.post}.", reason=FailureReason.RECIPIENT_GONE)

    def thread(self, ref: ThreadRef | PostRef) -> FakeThread:
        """Raises DestinationUnavailable."""
        for thread in self.threads:
            if (thread.ref.room, thread.ref.thread) == (ref.room, ref.thread):
                return thread
        raise DestinationUnavailable(f"There is no thread {ref.thread} in {ref.room}.")

    def begins(self, agent: AgentProfile, room: RoomRef, text: str = "Lunch?") -> ThreadRef:
        """A thread of the agents' own, in which no conversation is shown."""
        thread = ThreadRef(workspace=room.workspace, room=room.room, thread=self._stamp())
        opening = FakePost(ref=PostRef(**asdict(thread), post=thread.thread), agent=agent.agent_id, text=text)
        self.threads.append(FakeThread(ref=thread, posts=[opening]))
        return thread

    def tell(self, thread: ThreadRef, agent_id: str, text: str, actions: tuple[Action, ...]) -> None:
        if agent_id in self.people:
            self.whispers.append(Whisper(thread=thread, agent=agent_id, text=text, actions=actions))

    async def echo(self, ref: PostRef, key: str) -> None:
        if self.echoes:
            await self._tell("posted", ref, post=asdict(ref), key=key)

    def _thread(self, ref: ThreadRef) -> FakeThread:
        self._check(ref.room)
        return self.thread(ref)

    def _check(self, room: str) -> None:
        if room in self.closed or room not in self.room_names:
            raise DestinationUnavailable(f"The room {self.room_names.get(room, room)} is closed to us.")

    def _ref(self, thread: ThreadRef) -> PostRef:
        return PostRef(**asdict(thread), post=self._stamp())

    def _stamp(self) -> str:
        return f"{next(self._numbers):06}"

    async def _tell(self, kind: str, place: ThreadRef | PostRef | None, **about: Any) -> None:
        rank = next(self._numbers)
        lane = f"{place.room}:{place.thread}" if place else "workspace"
        raw = json.dumps({"kind": kind, "at": self._clock().isoformat(), **about}).encode()
        async with self._changed:
            self.events += [(f"e{rank}", lane, rank, raw)] * (2 if self.twice else 1)
            self._changed.notify_all()


def _files(content: Content) -> tuple[bytes, ...]:
    return tuple(one.file.path.read_bytes() for one in content.attachments if one.file)
