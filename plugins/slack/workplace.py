"""One Slack workspace: what the core draws there, and the app that its people's gestures reach."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize

from core.contracts.errors import AdapterError, PermanentFailure
from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.posts import Action, Card, Post, Queue
from core.contracts.remembered import Remembered
from core.contracts.text import name_of
from core.contracts.workplace import AgentProfile, Desk, Sign, WorkplaceRuntime
from plugins.slack import render
from plugins.slack.api import SlackApi, quiet_logger
from plugins.slack.errors import SlackRefused, to_error
from plugins.slack.events import Events
from plugins.slack.files import Files
from plugins.slack.intake import Intake, micros
from plugins.slack.listeners import Listeners
from plugins.slack.manifest import SCOPES
from plugins.slack.people import People
from plugins.slack.posting import Posting
from plugins.slack.settings import SlackSettings
from plugins.slack.socket import Socket, authenticated
from plugins.slack.views import home, thread_block

logger = logging.getLogger(__name__)

#: https://docs.slack.dev/messaging: the mark on an agent's post, by emoji name.
SIGNS = {
    Sign.PENDING: "hourglass_flowing_sand",
    Sign.DELIVERED: "white_check_mark",
    Sign.FAILED: "warning",
    Sign.NOTE: "memo",
}
#: Rooms asked for at once, and how often: more than any workspace we know of has.
PAGE = 1_000
MOST_PAGES = 20


class SlackWorkplace:
    """Calls out, and hands what comes in to `Intake`, `Events` and `Listeners`."""

    def __init__(self, settings: SlackSettings, desk: Desk, runtime: WorkplaceRuntime) -> None:
        self._settings = settings
        self._desk = desk
        self._runtime = runtime
        self._api = SlackApi(settings, runtime.session)
        self._people = People(runtime.workspace, self._api, runtime.now, allow_guests=settings.allow_guests)
        self._files = Files(self._api)
        self._posting = Posting(self._api, self._files)
        self._signs: Remembered[str] = Remembered(runtime.now, lasts=timedelta(days=1))
        self._homes: Remembered[str] = Remembered(runtime.now)
        self._links: Remembered[str] = Remembered(runtime.now, lasts=timedelta(days=30))
        self._started = runtime.now()
        self._token_gone = asyncio.Event()
        self._troubles: dict[str, str] = {}
        # The core asks again and again while a room is closed, and Slack allows twenty such calls a minute.
        self._rooms: Remembered[Sequence[tuple[str, str]]] = Remembered(runtime.now, lasts=timedelta(seconds=20))
        self._events = Events(
            desk, runtime, self._api, self._people, self._show_home, self._lose_token, partial(self._rooms.drop, "")
        )
        self._listeners = Listeners(desk, runtime, self._api, self._people, self._events)
        self._intake = Intake(
            runtime,
            settings.signing_secret.get_secret_value(),
            profile_changed=self._people.forget,
            our_user=lambda: self._api.user_id,
        )
        self._app: AsyncApp | None = None

    def app(self) -> AsyncApp:
        """The Bolt app, which takes what people press and submit."""
        if self._app is None:
            self._app = AsyncApp(
                name="threadbridge",
                client=self._api.client,
                # Bolt logs whole requests where it has something to say.
                logger=quiet_logger(),
                authorize=_Ourselves(self._api),
                before_authorize=self._intake.keep,
                # Intake checked the signature over the raw bytes before Bolt saw them.
                request_verification_enabled=False,
            )
            self._listeners.register(self._app)
        return self._app

    def routes(self) -> Sequence[web.RouteDef]:
        """Events, actions, commands, shortcuts and options over HTTP; nothing in Socket Mode."""

        async def receive(request: web.Request) -> web.Response:
            return await self._intake.receive(request, self.app())

        return () if self._settings.socket_mode else (web.post("/events", receive),)

    async def listen(self) -> None:
        """Runs until cancelled: makes sure that Slack knows us, and holds the socket in Socket Mode."""
        try:
            # Unlike gather, a group waits until the socket is closed.
            async with asyncio.TaskGroup() as group:
                group.create_task(self._stay_known())
                group.create_task(self._hold_socket())
        finally:
            await self._listeners.close()

    async def _hold_socket(self) -> None:
        if self._settings.socket_mode:
            await Socket(self._settings, self._api, self.app(), partial(self._trouble, "socket")).run()

    async def _stay_known(self) -> None:
        """Asks again who we are whenever the token was said to be gone, so that trouble ends when it does."""
        while True:
            await authenticated(self._api, partial(self._trouble, "token"))
            await self._token_gone.wait()
            self._token_gone.clear()
            self._api.forget_identity()

    async def handle(self, raw: bytes) -> None:
        await self._events.handle(raw)

    async def open_thread(self, room: RoomRef, card: Card, first: Post) -> ThreadRef:
        await self._api.identity()
        ts = await self._posting.send(room.room, None, first, lambda post: render.opening(card, post, self._permalink))
        return ThreadRef(workspace=room.workspace, room=room.room, thread=ts)

    async def post(self, thread: ThreadRef, post: Post) -> PostRef:
        await self._api.identity()
        ts = await self._posting.send(thread.room, thread.thread, post, self._draw)
        return PostRef(workspace=thread.workspace, room=thread.room, thread=thread.thread, post=ts)

    async def edit(self, ref: PostRef, post: Post) -> None:
        await self._api.identity()
        await self._posting.redraw(ref.room, ref.post, post, self._draw)

    async def update_opening(self, thread: ThreadRef, card: Card, first: Post) -> None:
        await self._api.identity()
        await self._posting.redraw(
            thread.room, thread.thread, first, lambda post: render.opening(card, post, self._permalink)
        )

    async def find(self, room: RoomRef, thread: ThreadRef | None, key: str, since: datetime) -> PostRef | None:
        return await self._posting.find(room, thread, key, since)

    def fetch(self, source: str) -> AsyncIterator[bytes]:
        return self._files.fetch(source)

    def _draw(self, post: Post) -> render.Drawn:
        return render.post(post, self._permalink)

    async def whisper(self, thread: ThreadRef, agent_id: str, text: str, actions: Sequence[Action] = ()) -> None:
        drawn = render.private(text, actions, thread_block(thread, "whisper"))
        try:
            await self._api.call(
                "chat.postEphemeral",
                channel=thread.room,
                thread_ts=thread.thread,
                user=agent_id,
                text=drawn.text,
                blocks=drawn.blocks,
            )
        except PermanentFailure as error:
            logger.info("An agent could not be told", extra={"action": "whisper_failed", "reason": str(error)})

    async def sign(self, ref: PostRef, sign: Sign | None) -> None:
        if not self._settings.marks:
            return
        wanted = SIGNS[sign] if sign else ""
        place = f"{ref.room}:{ref.post}"
        before = self._signs.get(place)
        if before is None:
            before = await self._signs_before(ref)
        if wanted and wanted not in before.split():
            await self._reaction("reactions.add", ref, wanted)
        for earlier in before.split():
            if earlier != wanted:
                await self._reaction("reactions.remove", ref, earlier)
        self._signs.put(place, wanted)

    async def react(self, ref: PostRef, emoji: str, *, added: bool) -> None:
        name = name_of(emoji)
        if name is not None:
            await self._reaction("reactions.add" if added else "reactions.remove", ref, name)

    async def show_typing(self, thread: ThreadRef, name: str) -> None:
        try:
            await self._api.call(
                "assistant.threads.setStatus",
                channel_id=thread.room,
                thread_ts=thread.thread,
                # Shown behind the name: "Jane is typing…".
                status="is typing…" if name else "",
                **({"username": name[:80]} if name else {}),
            )
        except AdapterError as error:
            logger.debug("Typing could not be shown", extra={"action": "typing_failed", "reason": str(error)})

    async def agent(self, agent_id: str) -> AgentProfile:
        return await self._people.profile(agent_id)

    async def show_queue(self, agent_id: str, queue: Queue) -> None:
        await self._api.identity()
        view = home(queue, self._permalink)
        picture = repr(view)
        if self._homes.get(agent_id) == picture:
            return
        await self._api.call("views.publish", user_id=agent_id, view=view)
        self._homes.put(agent_id, picture)

    async def permalink(self, thread: ThreadRef) -> str:
        place = f"{thread.room}:{thread.thread}"
        known = self._links.get(place)
        if known is None:
            answer = await self._api.call("chat.getPermalink", channel=thread.room, message_ts=thread.thread)
            known = str(answer["permalink"])
            self._links.put(place, known)
        return known

    async def rooms(self) -> Sequence[tuple[str, str]]:
        known = self._rooms.get("")
        if known is not None:
            return known
        found: list[tuple[str, str]] = []
        cursor = ""
        for _ in range(MOST_PAGES):
            page = await self._api.call(
                "conversations.list",
                types="public_channel,private_channel",
                exclude_archived=True,
                limit=PAGE,
                cursor=cursor or None,
            )
            rooms = [room for room in page.get("channels") or () if room.get("is_member")]
            found += [(str(room["id"]), str(room.get("name") or "")) for room in rooms]
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
        self._rooms.put("", found)
        return found

    async def check(self) -> str:
        us = await self._api.who_am_i()
        if self._settings.socket_mode:
            await self._api.open_socket()
        lacking = sorted(set(SCOPES) - us.scopes) if us.scopes else []
        lacks = f"; it lacks {', '.join(lacking)}: reinstall the app with our manifest" if lacking else ""
        return f"Slack workspace {us.team} ({us.team_id}), as @{us.user}{lacks}"

    def _permalink(self, place: ThreadRef | PostRef) -> str:
        us = self._api.known
        if us is None:
            return ""
        if isinstance(place, PostRef):
            return us.permalink(place.room, place.post, place.thread)
        return us.permalink(place.room, place.thread)

    async def _signs_before(self, ref: PostRef) -> str:
        """Our marks on a post that we do not remember; a post younger than this process has none."""
        if micros(ref.post) > self._started.timestamp() * 1_000_000:
            return ""
        us = await self._api.identity()
        answer = await self._api.call("reactions.get", channel=ref.room, timestamp=ref.post, full=True)
        reactions = (answer.get("message") or {}).get("reactions") or ()
        ours = [entry["name"] for entry in reactions if us.user_id in (entry.get("users") or ())]
        return " ".join(name for name in ours if name in SIGNS.values())

    async def _reaction(self, method: str, ref: PostRef, name: str) -> None:
        try:
            await self._api.attempt(method, channel=ref.room, timestamp=ref.post, name=name)
        except SlackRefused as refused:
            if refused.code not in {"already_reacted", "no_reaction"}:
                raise to_error(refused) from None

    async def _show_home(self, agent: AgentProfile) -> None:
        await self.show_queue(agent.agent_id, await self._desk.queue(agent))

    def _lose_token(self, sentence: str) -> None:
        self._trouble("token", sentence)
        self._token_gone.set()

    def _trouble(self, source: str, sentence: str | None) -> None:
        """Tells the core the first of the troubles there are; that one ended does not end another."""
        if sentence is None:
            self._troubles.pop(source, None)
        else:
            self._troubles[source] = sentence
        self._runtime.trouble(next(iter(self._troubles.values()), None))


class _Ourselves(AsyncAuthorize):
    """Tells Bolt who we are without asking Slack on every request."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    async def __call__(self, **_request: Any) -> AuthorizeResult:
        us = await self._api.identity()
        return AuthorizeResult(
            enterprise_id=us.enterprise_id or None,
            team_id=us.team_id,
            bot_id=us.bot_id,
            bot_user_id=us.user_id,
            bot_token=self._api.settings.bot_token.get_secret_value(),
        )
