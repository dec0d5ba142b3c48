"""An agent at her desk in one workplace: what she does there and what she sees, the same in words for every vendor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from core.contracts.gestures import Gesture
from core.contracts.posts import FindingKind
from core.contracts.workplace import Sign, WorkplaceSpec

#: (name, type, content)
File = tuple[str, str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One post in a thread, as she sees it."""

    post: str
    #: All its words, in reading order.
    text: str
    author: str
    buttons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """A form that opened before her."""

    id: str
    words: str
    #: What can be chosen, by the field's id.
    choices: Mapping[str, Sequence[str]]


class Office(Protocol):
    """One person in one room of one workspace. Every gesture goes over the vendor's own protocol."""

    spec: WorkplaceSpec[Any]
    #: Of this workspace, in the settings.
    workspace: str
    #: How she does each of what an agent can do here, for the table in the documentation.
    ways: Mapping[Gesture, str]
    #: Something bold, code, a list of two and a link, as she types it.
    formatted: str
    #: The vendor's id of the room.
    room: str
    #: Her name.
    name: str

    def colleague(self) -> Office:
        """Another person in the same room."""
        ...

    def elsewhere(self) -> tuple[Office, str]:
        """She in one more room, and what a list to choose from calls it."""
        ...

    def thread_of(self, customer: str) -> str | None:
        """The thread of the customer whose name starts so."""
        ...

    def posts(self, thread: str) -> Sequence[Seen]:
        """The opening post first; what was deleted is not among them."""
        ...

    def sign(self, thread: str, post: str) -> Sign | None:
        """Our mark on a post."""
        ...

    async def writes(self, thread: str, text: str, *, files: Sequence[File] = (), answering: str = "") -> str:
        """She writes in the thread, as an answer to one post of it if that is given; the new post's id."""
        ...

    async def mentions(self, thread: str, who: Office, text: str) -> str:
        """She writes words that start with the name of a colleague."""
        ...

    async def edits(self, thread: str, post: str, text: str) -> None: ...

    async def deletes(self, thread: str, post: str) -> None: ...

    async def restores(self, thread: str, post: str) -> None:
        """She undoes her own delete."""
        ...

    async def reacts(self, thread: str, post: str, emoji: str) -> None: ...

    async def presses(self, thread: str, label: str) -> None:
        """Presses the newest button with that label in the thread, once it is there."""
        ...

    async def opens(self, thread: str, label: str) -> Dialog:
        """Presses a button that asks."""
        ...

    async def submits(self, dialog: Dialog, fields: Mapping[str, str]) -> None:
        """Fills in and submits: texts as she types them, choices by their label."""
        ...

    async def goes_on(self, dialog: Dialog, fields: Mapping[str, str]) -> Dialog:
        """Fills in and submits a form that another one follows; that one."""
        ...

    async def closes(self, dialog: Dialog) -> None: ...

    async def sends(self, thread: str, post: str) -> None:
        """ "Send to customer" in the menu of a post."""
        ...

    async def keeps(self, thread: str, post: str) -> None:
        """ "Make a note" in the menu of a post."""
        ...

    def told(self, thread: str) -> Sequence[str]:
        """What was said to her alone about this thread, oldest first."""
        ...

    async def presses_told(self, thread: str, label: str) -> None:
        """Presses a button of the latest private words."""
        ...

    async def opens_queue(self) -> None:
        """Looks at her own queue."""
        ...

    def queue(self) -> str:
        """The words of her queue, as it was drawn last."""
        ...

    async def looks_up(self, kind: FindingKind, words: str) -> Sequence[str]:
        """Searches while she writes; the titles of what was found."""
        ...

    async def inserts(self, thread: str, kind: FindingKind, words: str, title: str) -> str:
        """Searches, chooses and sends what was found into the thread; the new post's id."""
        ...
