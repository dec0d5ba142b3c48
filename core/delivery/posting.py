"""Shows messages, notices, cards and marks in threads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy import Connection

from core.cards import card as cards
from core.cards import words
from core.contracts.content import Content
from core.contracts.errors import DestinationUnavailable, FailureReason, OutcomeUnknown, PermanentFailure
from core.contracts.places import PostRef, RoomRef
from core.contracts.posts import Action, Author, Card, Post, Tone
from core.contracts.text import from_json, from_plain, preview
from core.contracts.workplace import Workplace
from core.conversations import events, repository, threads
from core.conversations.events import Fact
from core.conversations.service import SYSTEM
from core.conversations.threads import ThreadLink
from core.delivery.drawing import Drawer
from core.delivery.handler import Context, JobHandler, link_id, message_id
from core.outbox.jobs import Done, Job
from core.routing import rooms
from core.storage.errors import StorageError

log = structlog.get_logger(__name__)

#: Longest text of several messages drawn as one post.
_MERGED_CHARACTERS = 2_500
_MERGED_POSTS = 10


class ThreadHandler(JobHandler):
    """Base of what is shown in rooms: a room that is closed holds everything for it, and is told of once."""

    def __init__(self, context: Context, drawer: Drawer) -> None:
        super().__init__(context)
        self._drawer = drawer

    def held(self, connection: Connection, job: Job, sentence: str) -> None:
        if any(paused.scope == job.scope for paused in self._context.outbox.paused(connection)):
            super().held(connection, job, sentence)
            return
        link = threads.link(connection, link_id(job))
        now = self._context.storage.now(connection)
        if not rooms.is_closed(connection, link.room_ref):
            rooms.change_room(connection, link.room_ref, closed=sentence[:500])
            data = {"workspace": link.workspace, "room": link.room, "reason": sentence}
            events.record(connection, Fact.ROOM_CLOSED, at=now, actor=SYSTEM, data=data)
        trouble = self._context.trouble
        source = f"{link.workspace}/{link.room}"
        self._context.storage.after_commit(connection, lambda: trouble(source, sentence))


class PostHandler(ThreadHandler):
    """A message in a thread; the first one opens it together with the card."""

    async def deliver(self, job: Job) -> Done:
        jobs = [job, *job.merged]
        link, missing, card = await self._context.storage.read(partial(self._load, jobs=jobs))
        workplace = self.workplace(link.workspace)
        if not missing:
            return Done()
        if card is not None:
            if job.merged:
                # It would take two calls, and only the first may arrive: one opens, the others follow.
                raise PermanentFailure("A thread is opened by one message alone.")
            link = await self._open(workplace, link, missing[0][0], card, missing[0][1])
            missing = missing[1:]
        if not missing:
            return Done()
        drawn = [post for _, post in missing]
        ref = await workplace.post(link.ref, drawn[0] if len(drawn) == 1 else self._drawer.together(drawn))
        return Done(ref=ref.post, work=partial(self._stands, link=link, jobs=[j for j, _ in missing], ref=ref))

    def _load(
        self, connection: Connection, jobs: Sequence[Job]
    ) -> tuple[ThreadLink, list[tuple[Job, Post]], Card | None]:
        """The link, what does not stand yet, and the card that it opens with."""
        link = threads.link(connection, link_id(jobs[0]))
        missing = []
        for job in jobs:
            message = repository.message(connection, message_id(job))
            part = job.payload["part"]
            if any(post.part == part for post in threads.posts_in(connection, link.id, message.id)):
                continue
            post = self._drawer.draw(connection, link, message, part, job.key)
            if post is not None:
                missing.append((job, post))
        if link.thread is not None:
            return link, missing, None
        conversation = repository.conversation(connection, link.conversation_id)
        now = self._context.storage.now(connection)
        return link, missing, cards.build(connection, conversation, link, self._context.channels, now)

    async def _open(self, workplace: Workplace, link: ThreadLink, job: Job, card: Card, first: Post) -> ThreadLink:
        room = await room_by_name(workplace, link.room_ref)
        thread = await workplace.open_thread(room, card, first)
        ref = PostRef(workspace=link.workspace, room=thread.room, thread=thread.thread, post=thread.thread)
        # Stored at once: what follows in this job may fail, and the thread must not be opened again.
        try:
            await self._context.storage.write(
                partial(self._opened, link=link, job=job, ref=ref, fingerprint=cards.fingerprint(card, first))
            )
        except StorageError as problem:
            raise OutcomeUnknown(f"The thread stands, but that could not be stored: {problem}") from problem
        return await self._context.storage.read(lambda connection: threads.link(connection, link.id))

    def _opened(self, connection: Connection, link: ThreadLink, job: Job, ref: PostRef, fingerprint: str) -> None:
        threads.opened(connection, link.id, ref, message_id(job), fingerprint)
        threads.add_post(connection, ref, link.id, message_id(job), job.payload["part"])
        # What changed while the thread was being opened is drawn now.
        now = self._context.storage.now(connection)
        self._context.dispatcher.refresh_card(connection, link.conversation_id, now)

    def _stands(self, connection: Connection, link: ThreadLink, jobs: Sequence[Job], ref: PostRef) -> None:
        for job in jobs:
            threads.add_post(connection, ref, link.id, message_id(job), job.payload["part"])

    async def reconcile(self, job: Job) -> Done | None:
        link, missing, _ = await self._context.storage.read(partial(self._load, jobs=[job, *job.merged]))
        if not missing:
            return Done()
        workplace = self.workplace(link.workspace)
        room = link.room_ref if link.thread else await room_by_name(workplace, link.room_ref)
        # A post of several carries the key of the first that it shows.
        first = missing[0][0]
        found = await workplace.find(room, link.ref if link.thread else None, first.key, first.created_at)
        if found is None:
            return None
        if link.thread is None:
            return Done(ref=found.post, work=partial(self._opened, link=link, job=first, ref=found, fingerprint=""))
        return Done(ref=found.post, work=partial(self._stands, link=link, jobs=[j for j, _ in missing], ref=found))

    def buried(self, connection: Connection, job: Job, reason: FailureReason, sentence: str) -> None:
        """Part of a customer's message could not be shown: said in the thread, where the rest of it stands."""
        link = threads.link(connection, link_id(job))
        message = repository.message(connection, message_id(job))
        name = "A file" if job.payload["part"] < 0 else "A message"
        if reason is FailureReason.UNKNOWN_OUTCOME:
            text = f"{name} of {words.clock(message.at)} may be missing above: {sentence}"
        else:
            text = f"{name} could not be shown here: {sentence}"
        if link.thread is None:
            # There is no thread to say it in: whoever runs us must know.
            trouble = self._context.trouble
            source = f"{link.workspace}/{link.room}"
            self._context.storage.after_commit(connection, lambda: trouble(source, text))
            return
        self._context.dispatcher.notice(
            connection, link.conversation_id, from_plain(text), key=f"unshown:{job.key}", tone=Tone.FAILURE
        )

    def merge(self, jobs: Sequence[Job]) -> int:
        characters = count = 0
        for job in jobs[:_MERGED_POSTS]:
            length = job.payload.get("chars")
            if length is None or characters + length > _MERGED_CHARACTERS:
                break
            characters += length
            count += 1
        return max(1, count)


class EditPostHandler(ThreadHandler):
    """Redraws a message that was edited, deleted or reacted to."""

    async def deliver(self, job: Job) -> Done:
        link, drawn, first = await self._context.storage.read(partial(self._load, job=job))
        workplace = self.workplace(link.workspace)
        for ref, post in drawn:
            if first is not None and ref.post == link.thread:
                await workplace.update_opening(link.ref, first, post)
            else:
                await workplace.edit(ref, post)
        return Done()

    def _load(self, connection: Connection, job: Job) -> tuple[ThreadLink, list[tuple[PostRef, Post]], Card | None]:
        link = threads.link(connection, link_id(job))
        drawn = []
        for stands in threads.posts_in(connection, link.id, message_id(job)):
            posts = []
            for shared in threads.sharing(connection, stands.ref):
                message = repository.message(connection, shared.message_id)
                post = self._drawer.draw(connection, link, message, shared.part, job.key)
                posts.append(post or _gone(job.key))
            if stands.ours and (stands.part >= 0 or posts[0].deleted):
                drawn.append((stands.ref, self._drawer.together(posts)))
        conversation = repository.conversation(connection, link.conversation_id)
        now = self._context.storage.now(connection)
        card = cards.build(connection, conversation, link, self._context.channels, now) if link.thread else None
        return link, drawn, card

    def buried(self, connection: Connection, job: Job, reason: FailureReason, sentence: str) -> None:
        """What stands above is no longer true: said in the thread."""
        link = threads.link(connection, link_id(job))
        message = repository.message(connection, message_id(job))
        now = "was deleted" if message.deleted_at else f"reads “{preview(from_json(message.body), 200)}” now"
        text = f"A message of {words.clock(message.at)} {now}; that could not be shown above: {sentence}"
        self._context.dispatcher.notice(
            connection, link.conversation_id, from_plain(text), key=f"unshown:{job.key}", tone=Tone.FAILURE
        )


class NoticeHandler(ThreadHandler):
    """A sentence of ours in a thread."""

    async def deliver(self, job: Job) -> Done:
        link = await self._context.storage.read(lambda connection: threads.link(connection, link_id(job)))
        if link.thread is None:
            return Done()
        post = Post(
            key=job.key,
            tone=Tone(job.payload["tone"]),
            author=Author(name="Threadbridge"),
            content=Content(body=from_json(job.payload["body"])),
            actions=tuple(Action(**action) for action in job.payload["actions"]),
        )
        ref = await self.workplace(link.workspace).post(link.ref, post)
        return Done(ref=ref.post)

    async def reconcile(self, job: Job) -> Done | None:
        link = await self._context.storage.read(lambda connection: threads.link(connection, link_id(job)))
        if link.thread is None:
            return Done()
        found = await self.workplace(link.workspace).find(link.room_ref, link.ref, job.key, job.created_at)
        return Done(ref=found.post) if found else None

    def buried(self, connection: Connection, job: Job, reason: FailureReason, sentence: str) -> None:
        """The agents were to hear of a failure and cannot: whoever runs us must know."""
        if job.payload["tone"] == Tone.FAILURE:
            link = threads.link(connection, link_id(job))
            number = repository.conversation(connection, link.conversation_id).number
            trouble, source = self._context.trouble, f"{link.workspace}/{link.room}"
            text = f"A failure in conversation #{number} could not be told there: {sentence}"
            self._context.storage.after_commit(connection, lambda: trouble(source, text))


class CardHandler(ThreadHandler):
    """Redraws a card, only when it would look different."""

    async def deliver(self, job: Job) -> Done:
        link, card, first = await self._context.storage.read(partial(self._load, link_id=link_id(job)))
        version = link.card_version
        if link.thread is None or card is None or first is None:
            return Done(work=partial(self._drawn, link=link, version=version, fingerprint=""))
        fingerprint = cards.fingerprint(card, first)
        try:
            if fingerprint != link.card_hash:
                await self.workplace(link.workspace).update_opening(link.ref, card, first)
        except DestinationUnavailable:
            raise
        except PermanentFailure as failure:
            # The next change draws it again; no message is missing, so nobody is bothered.
            log.warning("A card could not be redrawn", problem=str(failure), action="card_dropped")
        return Done(work=partial(self._drawn, link=link, version=version, fingerprint=fingerprint))

    def _load(self, connection: Connection, link_id: UUID) -> tuple[ThreadLink, Card | None, Post | None]:
        link = threads.link(connection, link_id)
        if link.thread is None or link.first_message_id is None:
            return link, None, None
        conversation = repository.conversation(connection, link.conversation_id)
        message = repository.message(connection, link.first_message_id)
        first = self._drawer.draw(connection, link, message, 0, f"post:{link.id}:{message.id}:0")
        now = self._context.storage.now(connection)
        return link, cards.build(connection, conversation, link, self._context.channels, now), first

    def _drawn(self, connection: Connection, link: ThreadLink, version: int, fingerprint: str) -> None:
        threads.change_link(connection, link.id, card_version=version + 1, card_hash=fingerprint)
        _, card, first = self._load(connection, link.id)
        if card is not None and cards.fingerprint(card, first) != fingerprint:
            # Something changed while it was drawn; its own request met this job's key.
            now = self._context.storage.now(connection)
            self._context.dispatcher.refresh_card(connection, link.conversation_id, now)

    def buried(self, connection: Connection, job: Job, reason: FailureReason, sentence: str) -> None:
        """The next change draws it again."""
        link = threads.link(connection, link_id(job))
        threads.change_link(connection, link.id, card_version=link.card_version + 1, card_hash="")


async def room_by_name(workplace: Workplace, ref: RoomRef) -> RoomRef:
    """The room by its id, asked for by name where the settings name it and we have not met it yet."""
    if not ref.room.startswith("#"):
        return ref
    for room, title in await workplace.rooms():
        if title == ref.room.removeprefix("#"):
            return RoomRef(workspace=ref.workspace, room=room)
    raise DestinationUnavailable(f"There is no room {ref.room} that the app has been added to.")


def _gone(key: str) -> Post:
    return Post(key=key, tone=Tone.NOTICE, author=Author(name="Threadbridge"), content=Content())
