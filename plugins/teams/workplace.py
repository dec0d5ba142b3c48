"""One Teams tenant: what the core draws there, and the app that its people's gestures reach."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from aiohttp import web

from core.contracts.content import Attachment
from core.contracts.errors import AdapterError, FailureReason, PermanentFailure
from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.posts import Action, Card, Post, Queue
from core.contracts.remembered import Remembered
from core.contracts.workplace import AgentProfile, Desk, Sign, WorkplaceRuntime
from plugins.teams import dialogs, render
from plugins.teams.checking import Checking
from plugins.teams.directory import Directory
from plugins.teams.events import Events
from plugins.teams.files import Files
from plugins.teams.listeners import Listeners
from plugins.teams.people import People
from plugins.teams.pictures import Pictures
from plugins.teams.posting import Posting, conversation
from plugins.teams.reactions import reaction_of
from plugins.teams.settings import TeamsSettings
from plugins.teams.transport import Transport
from plugins.teams.whispers import Whispers

logger = logging.getLogger(__name__)

#: The mark on an agent's post.
SIGNS = {Sign.PENDING: "⏳", Sign.DELIVERED: "✅", Sign.FAILED: "⚠️", Sign.NOTE: "📝"}


class TeamsWorkplace:
    """Calls out, and hands what comes in to `Listeners` and `Events`."""

    def __init__(self, settings: TeamsSettings, desk: Desk, runtime: WorkplaceRuntime) -> None:
        self._settings = settings
        self._runtime = runtime
        self._transport = Transport(settings, runtime.session, runtime.now)
        self._directory = Directory(runtime, self._transport, settings.tenant_id)
        self._people = People(runtime.workspace, settings, self._transport, self._directory, runtime.now)
        self._posting = Posting(self._transport, self._directory, graph=settings.asks_graph)
        self._files = Files(settings, self._transport, self._directory)
        self._links: Remembered[str] = Remembered(runtime.now, lasts=timedelta(days=30))
        self._signs: Remembered[str] = Remembered(runtime.now, lasts=timedelta(days=1))
        self._queues: Remembered[str] = Remembered(runtime.now)
        self._started = runtime.now()
        self._addresses = render.Addresses(permalink=self._permalink, file=self._file_link)
        self._pictures = Pictures(runtime.file_link)
        self._whispers = Whispers(self._transport, self._directory, self._permalink)
        self._checking = Checking(settings, runtime, self._transport, self._directory)
        self._events = Events(
            desk, runtime, settings, self._transport, self._people, self._directory, self._files, self.show_queue
        )
        self._listeners = Listeners(
            desk, runtime, settings, self._transport, self._people, self._addresses, self._whispers, self._learn_link
        )

    def routes(self) -> Sequence[web.RouteDef]:
        """The one address that Microsoft calls, for activities and invokes alike."""
        return (web.post("/messages", self._listeners.receive),)

    async def handle(self, raw: bytes) -> None:
        await self._events.handle(raw)

    async def open_thread(self, room: RoomRef, card: Card, first: Post) -> ThreadRef:
        root = await self._posting.send(room.room, "", render.opening(card, first, None, self._addresses))
        return ThreadRef(workspace=room.workspace, room=room.room, thread=root)

    async def post(self, thread: ThreadRef, post: Post) -> PostRef:
        await self._learn_link(thread)
        drawn = render.post(post, await self._pictures.of(post, self._addresses))
        activity_id = await self._posting.send(thread.room, thread.thread, drawn)
        return PostRef(workspace=thread.workspace, room=thread.room, thread=thread.thread, post=activity_id)

    async def edit(self, ref: PostRef, post: Post) -> None:
        drawn = render.post(post, await self._pictures.of(post, self._addresses))
        await self._posting.redraw(ref.room, ref.thread, ref.post, drawn)

    async def update_opening(self, thread: ThreadRef, card: Card, first: Post) -> None:
        for link in card.links:
            if link.thread is not None:
                await self._learn_link(link.thread)
        drawn = render.opening(card, first, thread, self._addresses)
        await self._posting.redraw(thread.room, thread.thread, thread.thread, drawn)

    async def find(self, room: RoomRef, thread: ThreadRef | None, key: str, since: datetime) -> PostRef | None:
        return await self._posting.find(room, thread, key, since)

    def fetch(self, source: str) -> AsyncIterator[bytes]:
        return self._files.fetch(source)

    async def whisper(self, thread: ThreadRef, agent_id: str, text: str, actions: Sequence[Action] = ()) -> None:
        await self._learn_link(thread)
        await self._whispers.tell(thread, agent_id, text, actions)

    async def sign(self, ref: PostRef, sign: Sign | None) -> None:
        if not self._settings.marks:
            return
        wanted = SIGNS[sign] if sign else ""
        place = f"{ref.room}:{ref.post}"
        before = self._signs.get(place)
        if before is None:
            # Teams does not say which reactions are ours; a post younger than this process has none.
            young = ref.post.isdigit() and int(ref.post) > self._started.timestamp() * 1_000
            before = "" if young else " ".join(emoji for emoji in SIGNS.values() if emoji != wanted)
        if wanted and wanted not in before.split():
            await self.react(ref, wanted, added=True)
        for earlier in before.split():
            if earlier != wanted:
                await self.react(ref, earlier, added=False)
        self._signs.put(place, wanted)

    async def react(self, ref: PostRef, emoji: str, *, added: bool) -> None:
        kind = reaction_of(emoji)
        if not kind:
            raise PermanentFailure(f"Teams has no reaction {emoji}.", reason=FailureReason.UNSUPPORTED)
        place = await self._directory.place(ref.room)
        thread = conversation(ref.room, ref.thread)
        await self._transport.react(place.service_url, thread, ref.post, kind, added=added)

    async def show_typing(self, thread: ThreadRef, name: str) -> None:
        """Nothing: Teams would say that the app is typing, not the customer, and each sign costs a post's rate."""

    async def agent(self, agent_id: str) -> AgentProfile:
        return await self._people.profile(agent_id)

    async def show_queue(self, agent_id: str, queue: Queue) -> None:
        for item in (*queue.mine, *queue.waiting, *queue.snoozed):
            if item.thread is not None:
                await self._learn_link(item.thread)
        activity = dialogs.queue(queue, self._addresses)
        chat = await self._directory.chat(agent_id)
        picture = repr(activity)
        if chat.queue:
            if self._queues.get(agent_id) == picture:
                return
            try:
                await self._transport.update(chat.service_url, chat.conversation, chat.queue, activity)
            except PermanentFailure as gone:
                # She deleted the card, or the chat: she gets a new one when she asks for it.
                logger.info("A queue is gone", extra={"action": "queue_gone", "reason": str(gone)})
                await self._directory.keep_queue(agent_id, "")
                return
        else:
            queue_id = await self._transport.post(chat.service_url, chat.conversation, activity)
            await self._directory.keep_queue(agent_id, queue_id)
        self._queues.put(agent_id, picture)

    async def permalink(self, thread: ThreadRef) -> str:
        await self._learn_link(thread, strict=True)
        return self._permalink(thread)

    async def rooms(self) -> Sequence[tuple[str, str]]:
        return await self._directory.rooms()

    async def check(self) -> str:
        return await self._checking.check()

    async def lacking(self) -> Sequence[str]:
        return await self._checking.lacking()

    async def _learn_link(self, thread: ThreadRef, *, strict: bool = False) -> None:
        """Finds out what a thread's address is made of, so that drawing it needs no call."""
        if self._links.get(thread.room) is not None:
            return
        try:
            place = await self._directory.place(thread.room)
        except AdapterError:
            if strict:
                raise
            return
        known = {"tenantId": place.tenant, "groupId": place.group, "teamName": place.team_name}
        named = {**known, "channelName": place.room_name}
        self._links.put(thread.room, urlencode({key: value for key, value in named.items() if value}, quote_via=quote))

    def _permalink(self, place: ThreadRef | PostRef) -> str:
        """The address that opens a post in Teams, or "" while its team is not known."""
        # https://learn.microsoft.com/microsoftteams/platform/concepts/build-and-test/deep-link-teams
        query = self._links.get(place.room)
        if query is None:
            return ""
        post = place.post if isinstance(place, PostRef) else place.thread
        address = f"{self._transport.cloud.web_url}/l/message/{quote(place.room, safe='')}/{quote(post, safe='')}"
        return f"{address}?{query}&parentMessageId={quote(place.thread or post, safe='')}"

    def _file_link(self, file: Attachment) -> str:
        if file.file is None:
            return ""
        return self._runtime.file_link(file.file, file.name) or ""
