"""Shows messages, notices, cards and marks in threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy import Connection

from core.cards import card as cards
from core.cards import words
from core.cards.drawing import Drawer
from core.contracts.content import Content
from core.contracts.errors import AdapterError, DestinationUnavailable, FailureReason, OutcomeUnknown, PermanentFailure
from core.contracts.places import PostRef, RoomRef
from core.contracts.posts import Action, Author, Card, Post, Tone
from core.contracts.richtext import Document, Link, Paragraph, Text, document
from core.contracts.text import from_json, from_plain, plain, preview, safe_url
from core.contracts.workplace import Workplace
from core.conversations import events, repository, threads
from core.conversations.events import Fact
from core.conversations.service import SYSTEM
from core.conversations.threads import ThreadLink
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

    async def url_of(self, link: ThreadLink) -> str:
        """Where people find that thread; "" where its workplace cannot say it now. Asked once, then remembered."""
        workplace = self._context.workplaces.get(link.workspace)
        if link.url or link.thread is None or workplace is None:
            return link.url
        try:
            url = safe_url(await workplace.permalink(link.ref)) or ""
        except AdapterError as problem:
            log.info("A thread has no address now", workspace=link.workspace, problem=str(problem), action="no_address")
            return ""
        await self._context.storage.write(lambda connection: threads.change_link(connection, link.id, url=url[:2000]))
        return url

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
        link, missing = await self._context.storage.read(partial(self._load, jobs=jobs))
        workplace = self.workplace(link.workspace)
        if not missing:
            return Done()
        if link.thread is None:
            if job.merged:
                # It would take two calls, and only the first may arrive: one opens, the others follow.
                raise PermanentFailure("A thread is opened by one message alone.")
            link = await self._open(workplace, link, *missing[0])
            if self._context.openings.holds_message(link):
                return Done()
        drawn = [post for _, post in missing]
        ref = await workplace.post(link.ref, drawn[0] if len(drawn) == 1 else self._drawer.together(drawn))
        return Done(ref=ref.post, work=partial(self._stands, link=link, jobs=[j for j, _ in missing], ref=ref))

    def _load(self, connection: Connection, jobs: Sequence[Job]) -> tuple[ThreadLink, list[tuple[Job, Post]]]:
        """The link, and what does not stand yet."""
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
        return link, missing

    async def _open(self, workplace: Workplace, link: ThreadLink, job: Job, post: Post) -> ThreadLink:
        card, first = await self._context.storage.read(partial(self._opening, link=link, job=job, post=post))
        room = await room_by_name(workplace, link.room_ref)
        thread = await workplace.open_thread(room, card, first)
        ref = PostRef(workspace=link.workspace, room=thread.room, thread=thread.thread, post=thread.thread)
        return await self._keep(link, job, ref, cards.fingerprint(card, first))

    def _opening(self, connection: Connection, link: ThreadLink, job: Job, post: Post) -> tuple[Card, Post]:
        """Where the opening holds the message, that is the job's own part of it."""
        openings, now = self._context.openings, self._context.storage.now(connection)
        if openings.holds_message(link):
            return openings.card(connection, link, now), post
        drawn = openings.draw(connection, link, now, message_id(job))
        return drawn or (openings.card(connection, link, now), replace(post, key=self._opening_key(link, job)))

    def _opening_key(self, link: ThreadLink, job: Job) -> str:
        """The opening post carries the job's key where it holds the message, else one of its own."""
        openings = self._context.openings
        return job.key if openings.holds_message(link) else openings.key(link, message_id(job))

    async def _keep(self, link: ThreadLink, job: Job, ref: PostRef, fingerprint: str) -> ThreadLink:
        """Stored at once: what follows in this job may fail, and the thread must not be opened again."""
        try:
            await self._context.storage.write(
                partial(self._opened, link=link, job=job, ref=ref, fingerprint=fingerprint)
            )
        except StorageError as problem:
            raise OutcomeUnknown(f"The thread stands, but that could not be stored: {problem}") from problem
        return await self._context.storage.read(lambda connection: threads.link(connection, link.id))

    def _opened(self, connection: Connection, link: ThreadLink, job: Job, ref: PostRef, fingerprint: str) -> None:
        now = self._context.storage.now(connection)
        message = message_id(job)
        self._context.dispatcher.opened(connection, link.id, ref, message, now, card_hash=fingerprint)
        if self._context.openings.holds_message(link):
            threads.add_post(connection, ref, link.id, message, job.payload["part"])

    def _stands(self, connection: Connection, link: ThreadLink, jobs: Sequence[Job], ref: PostRef) -> None:
        for job in jobs:
            threads.add_post(connection, ref, link.id, message_id(job), job.payload["part"])
            self._context.dispatcher.sign_copy(connection, repository.message(connection, message_id(job)))

    async def reconcile(self, job: Job) -> Done | None:
        link, missing = await self._context.storage.read(partial(self._load, jobs=[job, *job.merged]))
        if not missing:
            return Done()
        workplace = self.workplace(link.workspace)
        # A post of several carries the key of the first that it shows.
        first = missing[0][0]
        if link.thread is None:
            room = await room_by_name(workplace, link.room_ref)
            root = await workplace.find(room, None, self._opening_key(link, first), first.created_at)
            if root is None:
                return None
            if self._context.openings.holds_message(link):
                return Done(ref=root.post, work=partial(self._opened, link=link, job=first, ref=root, fingerprint=""))
            # The message follows the opening, and may not have got that far.
            link = await self._keep(link, first, root, "")
        found = await workplace.find(link.room_ref, link.ref, first.key, first.created_at)
        if found is None:
            return None
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
        link, drawn, card = await self._context.storage.read(partial(self._load, job=job))
        workplace = self.workplace(link.workspace)
        for ref, post in drawn:
            if card is not None and ref.post == link.thread:
                await workplace.update_opening(link.ref, card, post)
            else:
                await workplace.edit(ref, post)
        return Done(work=partial(self._preview, job=job))

    def _preview(self, connection: Connection, job: Job) -> None:
        """An opening that shows the beginning of this message is redrawn, too."""
        link = threads.link(connection, link_id(job))
        if link.first_message_id == message_id(job) and not self._context.openings.holds_message(link):
            now = self._context.storage.now(connection)
            self._context.dispatcher.refresh_card(connection, link.conversation_id, now)

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
        now = self._context.storage.now(connection)
        return link, drawn, self._context.openings.card(connection, link, now) if link.thread else None

    def buried(self, connection: Connection, job: Job, reason: FailureReason, sentence: str) -> None:
        """What stands above is no longer true: said in the thread."""
        self._preview(connection, job)
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
        body = from_json(job.payload["body"])
        if "about" in job.payload:
            body = await self._with_place(body, UUID(job.payload["about"]))
        post = Post(
            key=job.key,
            tone=Tone(job.payload["tone"]),
            author=Author(name="Threadbridge"),
            content=Content(body=body),
            actions=tuple(Action(**action) for action in job.payload["actions"]),
        )
        ref = await self.workplace(link.workspace).post(link.ref, post)
        return Done(ref=ref.post)

    async def _with_place(self, body: Document, about: UUID) -> Document:
        """The sentence with the other thread at its end: a link, where its address is known."""
        place = await self._context.storage.read(lambda connection: threads.link(connection, about))
        name = await self._context.storage.read(lambda connection: rooms.full_name(connection, place.room_ref))
        url = await self.url_of(place)
        last = Link(url=url, label=name) if url else Text(text=name)
        return document([Paragraph(inlines=(Text(text=f"{plain(body).strip()} "), last, Text(text=".")))])

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
        await self._learn_places(link_id(job))
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

    async def _learn_places(self, link_id: UUID) -> None:
        """The card links the other threads, whose addresses only their workplaces know."""
        for other in await self._context.storage.read(partial(self._places, link_id=link_id)):
            if other.id != link_id:
                await self.url_of(other)

    def _places(self, connection: Connection, link_id: UUID) -> list[ThreadLink]:
        return threads.links_of(connection, threads.link(connection, link_id).conversation_id)

    def _load(self, connection: Connection, link_id: UUID) -> tuple[ThreadLink, Card | None, Post | None]:
        link = threads.link(connection, link_id)
        now = self._context.storage.now(connection)
        opening = self._context.openings.draw(connection, link, now) if link.thread else None
        return (link, None, None) if opening is None else (link, *opening)

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
