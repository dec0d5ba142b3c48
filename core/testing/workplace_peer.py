"""What the contract suite of a workplace needs of the agents' side and of the vendor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.workplace import AgentProfile, Workplace, WorkplaceSpec
from core.testing.desk import RecordingDesk


class Trouble(StrEnum):
    """How the next call goes wrong."""

    #: Too many calls: the vendor names the seconds to wait.
    THROTTLED = "throttled"
    #: It was carried out and the answer is lost.
    LOST = "lost"
    #: It was not carried out, and that cannot be known.
    BROKEN = "broken"
    #: The token is no longer accepted.
    REVOKED = "revoked"
    #: The room is gone, or we were removed from it.
    GONE = "gone"
    #: The vendor refuses what the message holds.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One item in a thread, as an agent sees it."""

    post: str
    #: All its words.
    text: str
    author: str = ""
    files: tuple[bytes, ...] = ()
    #: Our marks, and other emoji that we put on it.
    marks: tuple[str, ...] = ()


class WorkplacePeer(Protocol):
    """The agents' side of a workplace: what they see and do, and the vendor's bad days."""

    spec: WorkplaceSpec[Any]
    workplace: Workplace
    desk: RecordingDesk
    #: A room that we are in, and its name.
    room: RoomRef
    room_name: str
    #: Somebody who may answer customers.
    agent: AgentProfile

    async def shown(self, thread: ThreadRef) -> Sequence[Shown]:
        """What stands in a thread, the opening post first; files follow their words."""
        ...

    async def pings(self, thread: ThreadRef) -> Sequence[str]:
        """Whom our posts in the thread notify, and links whose words hide where they lead."""
        ...

    def whispers(self, agent_id: str) -> Sequence[str]: ...

    def queue_words(self, agent_id: str) -> str:
        """All words on the agent's own page."""
        ...

    def order(self, verb: str, trouble: Trouble) -> None:
        """The next call behind that verb of `Workplace` goes wrong; once."""
        ...

    async def says(self, thread: ThreadRef, text: str, files: Sequence[tuple[str, str, bytes]] = ()) -> PostRef:
        """The agent writes in the thread; files are (name, type, content)."""
        ...

    async def edits(self, post: PostRef, text: str) -> None: ...

    async def deletes(self, post: PostRef) -> None: ...

    async def presses(self, thread: ThreadRef, label: str) -> None:
        """The agent presses the button with that label on the opening post."""
        ...
