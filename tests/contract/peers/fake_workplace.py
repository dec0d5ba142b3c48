"""Agents in a fake workspace, for the contract suite: the fake must be what it stands in for."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from core.contracts.errors import (
    CredentialsRejected,
    DestinationUnavailable,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.places import PostRef, ThreadRef
from core.contracts.posts import Card, Post, Queue
from core.contracts.text import plain
from core.contracts.workplace import WorkplaceRuntime
from core.storage.files import FileStore
from core.testing.desk import RecordingDesk
from core.testing.fakes import FakePost, FakeThread, FakeWorkspace
from core.testing.runtime import KeptValue
from core.testing.workplace_peer import Shown, Trouble

ERRORS: dict[Trouble, tuple[Exception, bool]] = {
    Trouble.THROTTLED: (TemporaryFailure("Slow down.", retry_after=7.0), False),
    Trouble.LOST: (OutcomeUnknown("The answer did not arrive."), True),
    Trouble.BROKEN: (OutcomeUnknown("It answered 500."), False),
    Trouble.REVOKED: (CredentialsRejected("The token was revoked."), False),
    Trouble.GONE: (DestinationUnavailable("The room was deleted."), False),
    Trouble.REFUSED: (PermanentFailure("It is empty.", reason=FailureReason.BAD_CONTENT), False),
}


class FakeWorkplacePeer:
    """Implements `WorkplacePeer`."""

    def __init__(self, tool: FakeWorkspace, desk: RecordingDesk, runtime: WorkplaceRuntime) -> None:
        self.tool, self.desk, self.spec = tool, desk, tool.spec
        self.room, self.room_name = tool.room("support"), "support"
        self.agent = tool.agent("Bea")
        self.workplace = tool.spec.build(tool.spec.settings(), desk, runtime)

    async def shown(self, thread: ThreadRef) -> Sequence[Shown]:
        found = self.tool.thread(thread)
        return [_shown(post, found) for post in found.posts if not post.deleted]

    async def pings(self, thread: ThreadRef) -> Sequence[str]:
        return []

    def whispers(self, agent_id: str) -> Sequence[str]:
        return [whisper.text for whisper in self.tool.whispers if whisper.agent == agent_id]

    def queue_words(self, agent_id: str) -> str:
        return _queue_words(self.tool.queues[agent_id][-1])

    def order(self, verb: str, trouble: Trouble) -> None:
        error, after = ERRORS[trouble]
        self.tool.faults.order(verb, error, after=after)

    async def says(self, thread: ThreadRef, text: str, files: Sequence[tuple[str, str, bytes]] = ()) -> PostRef:
        return await self.tool.says(self.agent, thread, text, files=files)

    async def edits(self, post: PostRef, text: str) -> None:
        await self.tool.edits(post, text)

    async def deletes(self, post: PostRef) -> None:
        await self.tool.deletes(post)

    async def presses(self, thread: ThreadRef, label: str) -> None:
        (action,) = [action for action in self.tool.thread(thread).card.actions if action.label == label]
        await self.tool.presses(self.agent, thread, action.id, action.value)


def _shown(post: FakePost, thread: FakeThread) -> Shown:
    card = _card_words(thread.card) if post is thread.posts[0] and thread.cards else ""
    marks = [post.sign.value] if post.sign else []
    return Shown(
        post=post.ref.post,
        text=f"{card}\n{_post_words(post.post) if post.post else post.text}",
        author=post.post.author.name if post.post else "",
        files=post.files,
        marks=(*marks, *post.reactions),
    )


def _post_words(post: Post) -> str:
    return "" if post.deleted else plain(post.content.body)


def _card_words(card: Card) -> str:
    facts = [f"{fact.label}: {fact.value}" for fact in card.facts]
    return "\n".join([card.title, card.status, *facts, *(action.label for action in card.actions), card.hint])


def _queue_words(queue: Queue) -> str:
    items = [f"{item.title} {item.status} {item.text}" for item in (*queue.mine, *queue.waiting, *queue.snoozed)]
    return "\n".join([*items, *queue.troubles])


@asynccontextmanager
async def fake_workplace_peer(folder: Path) -> AsyncIterator[FakeWorkplacePeer]:
    desk = RecordingDesk()
    inbox: asyncio.Queue[bytes] = asyncio.Queue()

    async def accept(event_id: str, lane: str, rank: int, raw: bytes) -> bool:
        inbox.put_nowait(raw)
        return True

    async with aiohttp.ClientSession() as session:
        runtime = WorkplaceRuntime(
            workspace="fake",
            session=session,
            url="",
            files=FileStore(folder, 1024**2),
            memory=KeptValue(),
            secret=lambda purpose: hashlib.sha256(purpose.encode()).digest(),
            file_link=lambda file, name: None,
            now=lambda: datetime.now(UTC),
            trouble=lambda sentence: None,
            accept=accept,
            rejected=lambda reason: None,
        )
        peer = FakeWorkplacePeer(FakeWorkspace(), desk, runtime)

        async def handle() -> None:
            while True:
                await peer.workplace.handle(await inbox.get())

        tasks = [asyncio.create_task(handle()), asyncio.create_task(peer.workplace.listen())]
        try:
            yield peer
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
