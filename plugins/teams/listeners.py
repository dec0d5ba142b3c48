"""The one way in: activities are kept before Microsoft hears that we have them, invokes are answered at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from core.contracts.errors import AdapterError, RequestRejected
from core.contracts.http import read_body
from core.contracts.places import PostRef, ThreadRef
from core.contracts.posts import FindingKind
from core.contracts.text import plain
from core.contracts.workplace import AgentProfile, Desk, WorkplaceRuntime
from plugins.teams import compose, dialogs, render
from plugins.teams.dialogs import Asked
from plugins.teams.manifest import CANNED, CONVERSATIONS, NOTE, SEND
from plugins.teams.parse import said
from plugins.teams.people import People
from plugins.teams.places import is_personal, place_of, post_of, root_of, thread_of
from plugins.teams.settings import TeamsSettings
from plugins.teams.transport import Transport
from plugins.teams.whispers import Whispers

logger = logging.getLogger(__name__)

Json = Mapping[str, Any]
Answer = dict[str, Any]

#: Largest request that is read: an activity of 100 KB in UTF-16 with its HTML twice stays far below it.
MAX_BODY = 2 * 1024 * 1024
#: Seconds for a body to arrive.
READ_DEADLINE = 10.0
#: Seconds within which an invoke is answered; Teams shows an error after five.
PATIENCE = 4.0
#: What a refusal is counted as, by status.
REASONS = {401: "signature", 408: "slow", 413: "size", 415: "encoding", 503: "keys"}
SPOKEN = frozenset({"message", "messageUpdate", "messageDelete", "messageReaction"})
KEPT = SPOKEN | {"conversationUpdate", "installationUpdate"}
SORRY = "That did not work just now. Please try again in a moment."
LATER = "It takes longer than usual and goes on by itself. If it fails, you are told here."
TOLD = "That is not possible just now; why stands in the thread, for you alone."
SEARCHES = {CANNED: FindingKind.CANNED_REPLY, CONVERSATIONS: FindingKind.CONVERSATION}
#: The most that a search answers with.
MOST_FOUND = 25

CARD = "application/vnd.microsoft.card.adaptive"
MESSAGE = "application/vnd.microsoft.activity.message"
ERROR = "application/vnd.microsoft.error"


#: They only show something: what comes too late for that is of no use.
LOOKING = frozenset({"task/fetch", "composeExtension/query"})


class _NotTakenError(Exception):
    """A dialog that could not be carried out: why, and the dialog again."""

    def __init__(self, sentence: str, answer: Answer) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.answer = answer


class Listeners:
    """Gestures in."""

    def __init__(
        self,
        desk: Desk,
        runtime: WorkplaceRuntime,
        settings: TeamsSettings,
        transport: Transport,
        people: People,
        addresses: render.Addresses,
        whispers: Whispers,
        learn_link: Callable[[ThreadRef], Awaitable[None]],
    ) -> None:
        self._desk = desk
        self._runtime = runtime
        self._workspace = runtime.workspace
        self._settings = settings
        self._transport = transport
        self._people = people
        self._addresses = addresses
        self._whispers = whispers
        self._learn_link = learn_link
        self._running: set[asyncio.Task[Any]] = set()
        self._invokes: Mapping[str, Callable[[Json], Coroutine[Any, Any, Answer]]] = {
            "adaptiveCard/action": self._pressed,
            "task/fetch": self._asked,
            "task/submit": self._submitted,
            "composeExtension/query": self._searched,
            "composeExtension/fetchTask": self._chosen,
            "composeExtension/submitAction": self._chosen,
        }

    async def receive(self, request: web.Request) -> web.Response:
        """One request of Microsoft's."""
        try:
            raw = await read_body(request, most=MAX_BODY, seconds=READ_DEADLINE)
            activity = await self._transport.receive(request.headers, raw)
        except RequestRejected as rejected:
            self._runtime.rejected(REASONS.get(rejected.status, "malformed"))
            return web.Response(status=rejected.status, text=str(rejected))
        if activity["type"] == "invoke":
            return await self._invoked(activity)
        try:
            await self._keep(activity, raw)
        except RequestRejected as rejected:
            self._runtime.rejected("malformed")
            return web.Response(status=rejected.status, text=str(rejected))
        return web.Response()

    async def _keep(self, activity: Json, raw: bytes) -> None:
        """Commits what somebody may need; an exception becomes a 500, and Microsoft brings the activity again."""
        if activity["type"] not in KEPT or not await self._is_ours(activity):
            return
        try:
            place = place_of(activity)
        except (ValueError, TypeError, AttributeError) as wrong:
            raise RequestRejected(f"The activity does not say when it happened: {wrong}", status=400) from None
        await self._runtime.accept(place.event_id, place.lane, place.rank, raw)

    async def _is_ours(self, activity: Json) -> bool:
        """Teams brings everything that is said in a team; what belongs to no customer's thread is not kept."""
        if activity["type"] not in SPOKEN or is_personal(activity):
            return True
        if activity["type"] == "messageReaction":
            # They come for our own posts alone.
            return True
        if await self._desk.shows(thread_of(self._workspace, activity)):
            return True
        return activity["type"] == "message" and said(activity, self._bot(activity)).mentions_bot

    def _bot(self, activity: Json) -> str:
        return str((activity.get("recipient") or {}).get("id") or f"28:{self._settings.app_id}")

    async def _invoked(self, activity: Json) -> web.Response:
        handler = self._invokes.get(str(activity.get("name") or ""))
        if handler is None:
            return web.json_response({"error": f"{activity.get('name')} is not for this app"}, status=501)
        task = self._begin(handler(activity))
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        if not done and activity.get("name") in LOOKING:
            task.cancel()
            return web.json_response(_said_for(activity, SORRY))
        if not done:
            self._begin(self._apologise_later(task, activity))
            return web.json_response(_said_for(activity, LATER))
        error = task.exception()
        if isinstance(error, _NotTakenError):
            return web.json_response(error.answer)
        if error is not None:
            _log(error)
            return web.json_response(_failure_for(activity, _sentence(error)))
        return web.json_response(task.result())

    async def _pressed(self, activity: Json) -> Answer:
        """A button that acts at once; whoever pressed it sees the card as it is then, everybody else a moment later."""
        asked = dialogs.asked_for(self._workspace, _part(_part(_value(activity), "action"), "data"))
        if asked is None:
            return _error("BadRequest", "That button is not ours.")
        thread = self._thread(activity, asked)
        agent = await self._people.author(activity)
        key = f"{activity.get('id')}:{agent.agent_id}:{asked.action}"
        await self._desk.act(thread, agent, asked.action, asked.value, key=key)
        if is_personal(activity) or str(activity.get("replyToId") or "") != thread.thread:
            return _message("Done.")
        opening = await self._desk.opening(thread)
        if opening is None:
            return _message("Done.")
        await self._learn_link(thread)
        card, first = opening
        return {"statusCode": 200, "type": CARD, "value": render.opening_card(card, first, thread, self._addresses)}

    async def _asked(self, activity: Json) -> Answer:
        """A button that opens a dialog."""
        asked = dialogs.asked_for(self._workspace, _part(_value(activity), "data"))
        if asked is None:
            return dialogs.message("That button is not ours.")
        thread = self._thread(activity, asked)
        agent = await self._people.author(activity)
        form = await self._desk.form(thread, agent, asked.action, asked.value)
        if form is None:
            return dialogs.message(TOLD)
        # The dialog carries an id of its own, so that a second submit of it is known as such.
        meant = Asked(thread=thread, action=asked.action, value=asked.value, key=str(activity.get("id") or ""))
        return dialogs.dialog(form, meant)

    async def _submitted(self, activity: Json) -> Answer:
        """A dialog that was filled in; if it cannot be carried out it stays open with everything in it."""
        data = _part(_value(activity), "data")
        asked = dialogs.asked_for(self._workspace, data)
        if asked is None:
            return dialogs.message("That dialog is not ours.")
        asked = replace(asked, thread=self._thread(activity, asked))
        agent = await self._people.author(activity)
        fields, written = dialogs.filled_in(data)
        key = f"dialog:{asked.key or activity.get('id')}:{agent.agent_id}:{asked.action}"
        try:
            if asked.continues:
                form = await self._desk.form(asked.thread, agent, asked.action, asked.value, fields)
                return dialogs.dialog(form, asked) if form is not None else dialogs.message(TOLD)
            await self._desk.act(asked.thread, agent, asked.action, asked.value, key=key, fields=fields, text=written)
        except Exception as error:
            if not isinstance(error, AdapterError):
                _log(error)
            sentence = _sentence(error)
            raise _NotTakenError(sentence, await self._again(asked, agent, data, sentence)) from error
        return {}

    async def _again(self, asked: Asked, agent: AgentProfile, data: Json, sentence: str) -> Answer:
        """The dialog with everything in it; where even that cannot be had, the sentence and what was written."""
        try:
            form = await self._desk.form(asked.thread, agent, asked.action, asked.value)
        except Exception as error:
            _log(error)
            form = None
        if form is None:
            return dialogs.message(sentence + _typed(data))
        return dialogs.with_error(form, asked, data, sentence)

    async def _searched(self, activity: Json) -> Answer:
        """An agent looks something up while she writes."""
        value = _value(activity)
        kind = SEARCHES.get(str(value.get("commandId") or ""))
        if kind is None:
            return compose.results((), self._addresses)
        options = _part(value, "queryOptions")
        found = await self._desk.search(
            await self._people.author(activity),
            kind,
            _words(value),
            offset=_number(options.get("skip"), 0, most=1_000),
            limit=_number(options.get("count"), MOST_FOUND, most=MOST_FOUND),
        )
        for finding in found:
            if finding.thread is not None:
                await self._learn_link(finding.thread)
        return compose.results(found, self._addresses)

    async def _chosen(self, activity: Json) -> Answer:
        """ "Send to customer" or "Make a note" in a message's menu."""
        value = _value(activity)
        message = _part(value, "messagePayload")
        post = self._post_of_message(activity, message)
        agent = await self._people.author(activity)
        if not await self._desk.shows(ThreadRef(workspace=post.workspace, room=post.room, thread=post.thread)):
            return dialogs.message("No customer's conversation is shown in that thread.")
        if value.get("commandId") == SEND:
            written = compose.payload_activity(message)
            await self._desk.send(post, agent, said(written, self._bot(activity)).content)
        elif value.get("commandId") == NOTE:
            await self._desk.keep(post, agent)
        return dialogs.message("Taken. What becomes of it shows on the message, or is told to you in the thread.")

    def _post_of_message(self, activity: Json, message: Json) -> PostRef:
        """The message whose menu was used; its thread is the conversation's, else what it answers, else itself."""
        post = str(message.get("id") or "")
        named = root_of(activity) if ";messageid=" in str((activity.get("conversation") or {}).get("id")) else ""
        whole = post_of(self._workspace, activity, post)
        root = named or str(message.get("replyToId") or "") or post
        return PostRef(workspace=whole.workspace, room=whole.room, thread=root, post=post)

    def _thread(self, activity: Json, asked: Asked) -> ThreadRef:
        """What a card says of its thread is believed only where the activity itself does not say.

        In her own chat it may be any that her queue shows; elsewhere it is in the room where she is.
        """
        if is_personal(activity):
            return asked.thread
        here = thread_of(self._workspace, activity)
        if ";messageid=" in str((activity.get("conversation") or {}).get("id")):
            return here
        return replace(here, thread=asked.thread.thread)

    def _begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _apologise_later(self, task: asyncio.Task[Any], activity: Json) -> None:
        await asyncio.wait({task})
        if task.cancelled() or (error := task.exception()) is None:
            return
        _log(error)
        value = _value(activity)
        data = _part(value, "data") or _part(_part(value, "action"), "data")
        asked = dialogs.asked_for(self._workspace, data)
        agent_id = str((activity.get("from") or {}).get("id") or "")
        thread = self._thread(activity, asked) if asked else thread_of(self._workspace, activity)
        try:
            await self._whispers.tell(thread, agent_id, _sentence(error) + _typed(data))
        except AdapterError as silent:
            logger.info("An agent could not be told", extra={"action": "whisper_failed", "reason": str(silent)})


def _words(value: Json) -> str:
    """What was typed into a search; `initialRun` asks before anything was."""
    for parameter in value.get("parameters") or ():
        if isinstance(parameter, dict) and parameter.get("name") != "initialRun":
            return str(parameter.get("value") or "")[:200]
    return ""


def _number(value: object, default: int, *, most: int) -> int:
    return min(value, most) if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else default


def _message(words: str) -> Answer:
    return {"statusCode": 200, "type": MESSAGE, "value": words}


def _error(code: str, sentence: str) -> Answer:
    return {"statusCode": 400, "type": ERROR, "value": {"code": code, "message": sentence}}


def _said_for(activity: Json, words: str) -> Answer:
    """The same words in the shape that each kind of invoke is answered with."""
    name = str(activity.get("name") or "")
    if name == "adaptiveCard/action":
        return _message(words)
    return compose.nothing(words) if name == "composeExtension/query" else dialogs.message(words)


def _failure_for(activity: Json, words: str) -> Answer:
    if activity.get("name") == "adaptiveCard/action":
        return {"statusCode": 500, "type": ERROR, "value": {"code": "ServiceError", "message": words}}
    return _said_for(activity, words)


def _sentence(error: BaseException) -> str:
    if isinstance(error, _NotTakenError):
        return error.sentence
    return str(error) if isinstance(error, AdapterError) else SORRY


def _log(error: BaseException) -> None:
    logger.error("A gesture failed", exc_info=error, extra={"action": "gesture_failed"})


def _typed(data: Json) -> str:
    """What was written into a dialog, to be told to its author."""
    _, written = dialogs.filled_in(data)
    return f"\n\nYour text was:\n{plain(written)}" if written is not None else ""


def _value(activity: Json) -> Json:
    return _part(activity, "value")


def _part(whole: Json, name: str) -> Json:
    """One object of another; a client may send anything in its place."""
    found = whole.get(name)
    return found if isinstance(found, dict) else {}
