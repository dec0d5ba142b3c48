"""What is shown beside the conversation: marks, reactions, private words, an agent's own page, alerts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial

import structlog
from sqlalchemy import Connection

from core.cards import queue as queues
from core.contracts.content import Content
from core.contracts.errors import DestinationUnavailable, PermanentFailure, TemporaryFailure
from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.posts import Action, Author, Card, Fact, Post, Tone
from core.contracts.text import from_plain
from core.contracts.workplace import Sign
from core.delivery.handler import JobHandler
from core.delivery.posting import room_by_name
from core.outbox.jobs import Done, Job
from core.routing import rooms

log = structlog.get_logger(__name__)

#: Rooms and accounts that one alert counts up.
_MOST_NAMED = 5


class AsideHandler(JobHandler):
    """Base of what may be missing without harm: where it cannot be shown, that is logged and nobody is bothered."""

    async def deliver(self, job: Job) -> Done:
        try:
            await self.show(job)
        except PermanentFailure as failure:
            log.info("Could not be shown", op=job.op, scope=job.scope, problem=str(failure), action="aside_dropped")
        return Done()

    @abstractmethod
    async def show(self, job: Job) -> None:
        """Makes one try."""


class SignHandler(AsideHandler):
    """One mark on an agent's own post."""

    async def show(self, job: Job) -> None:
        ref = PostRef(**job.payload["ref"])
        await self.workplace(ref.workspace).sign(ref, Sign(job.payload["sign"]))


class ReactHandler(AsideHandler):
    """A customer's reaction on an agent's own post."""

    async def show(self, job: Job) -> None:
        ref = PostRef(**job.payload["ref"])
        workplace = self.workplace(ref.workspace)
        await workplace.react(ref, job.payload["emoji"], added=job.payload["added"])


class WhisperHandler(AsideHandler):
    """A private word to one agent."""

    async def show(self, job: Job) -> None:
        thread = ThreadRef(**job.payload["thread"])
        actions = [Action(**action) for action in job.payload["actions"]]
        workplace = self.workplace(thread.workspace)
        await workplace.whisper(thread, job.payload["agent"], job.payload["text"], actions)


class QueueHandler(AsideHandler):
    """An agent's own page."""

    async def show(self, job: Job) -> None:
        storage = self._context.storage
        workplace = self.workplace(job.payload["workspace"])
        agent = await workplace.agent(job.payload["agent"])
        troubles = self._context.troubles()
        queue = await storage.read(
            lambda connection: queues.build(connection, agent, troubles, storage.now(connection))
        )
        await workplace.show_queue(agent.agent_id, queue)


class AlertHandler(AsideHandler):
    """A trouble, told in the operators' room as soon as something can be told there."""

    async def show(self, job: Job) -> None:
        workplace = self.workplace(job.scope)
        text = from_plain(job.payload["text"])
        post = Post(key=job.key, tone=Tone.FAILURE, author=Author(name="Threadbridge"), content=Content(body=text))
        # Whole on the card where the opening shows a preview of its message only.
        whole = self._context.openings.holds_messages(job.scope)
        facts = () if whole else (Fact(label="What", value=job.payload["text"]),)
        over = job.payload.get("over", False)
        title = "Something works again" if over else "Something does not work"
        # A job of an earlier version names one source.
        sources = job.payload.get("sources") or [job.payload["source"]]
        status = await self._context.storage.read(partial(_readable, sources=sources))
        card = Card(title=title, status=status, status_emoji="✅" if over else "⚠️", facts=facts)
        try:
            await workplace.open_thread(await room_by_name(workplace, self._room(job)), card, post)
        except DestinationUnavailable as closed:
            raise TemporaryFailure(str(closed)) from closed

    async def reconcile(self, job: Job) -> Done | None:
        workplace = self.workplace(job.scope)
        try:
            room = await room_by_name(workplace, self._room(job))
            found = await workplace.find(room, None, job.key, job.created_at)
        except DestinationUnavailable as closed:
            raise TemporaryFailure(str(closed)) from closed
        return Done(ref=found.post) if found else None

    def _room(self, job: Job) -> RoomRef:
        return RoomRef(workspace=job.scope, room=job.payload["room"])


def _readable(connection: Connection, sources: Sequence[str]) -> str:
    """Accounts and workspaces as they are called; rooms by their names, where those are known."""
    named = []
    for source in sources[:_MOST_NAMED]:
        workspace, _, room = source.partition("/")
        named.append(rooms.full_name(connection, RoomRef(workspace=workspace, room=room)) if room else source)
    more = len(sources) - len(named)
    return f"{', '.join(named)} and {more} more" if more else ", ".join(named)
