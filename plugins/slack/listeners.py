"""What people press, choose and submit: each gesture is answered within Slack's three seconds and is one desk call."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from core.contracts.errors import AdapterError
from core.contracts.places import PostRef, ThreadRef
from core.contracts.posts import Form
from core.contracts.text import plain
from core.contracts.workplace import AgentProfile, Desk, WorkplaceRuntime
from plugins.slack.api import SlackApi
from plugins.slack.events import Events
from plugins.slack.parse import mentioned
from plugins.slack.people import People
from plugins.slack.render import ASK, DO, OPEN
from plugins.slack.richtext import fallback
from plugins.slack.views import FORM, Asked, asked_for, filled_in, modal, thread_of_block

logger = logging.getLogger(__name__)

Json = Mapping[str, Any]

COMMAND = "/threadbridge"
#: Message shortcuts, by callback_id.
SEND, NOTE = "send_to_customer", "make_note"
#: Seconds within which a gesture is answered; Slack shows an error after three.
PATIENCE = 2.5
SORRY = "That did not work just now. Please try again in a moment."
HELP = (
    "*Threadbridge* brings customers' messages here and your answers to them.\n"
    "• Write in a conversation's thread to answer the customer; start with `//` to leave a note for colleagues only.\n"
    "• In a thread: `!claim`, `!note`, `!resolve`, `!snooze 2h`, `!who`, `!help`.\n"
    "• In a message's menu: *Send to customer* and *Make a note*.\n"
    "• Your queue is on this app's *Home* tab."
)


class Listeners:
    """Gestures in."""

    def __init__(self, desk: Desk, runtime: WorkplaceRuntime, api: SlackApi, people: People, events: Events) -> None:
        self._desk = desk
        self._workspace = runtime.workspace
        self._api = api
        self._people = people
        self._events = events
        self._running: set[asyncio.Task[None]] = set()

    def register(self, app: AsyncApp) -> None:
        """Tells Bolt which gesture goes where; the last ones take what is not ours, so that nothing gets a 404."""
        app.action(re.compile(f"^{DO}:"))(self.pressed)
        app.action(re.compile(f"^{ASK}:"))(self.asked)
        app.action(re.compile(f"^{OPEN}:"))(_accepted)
        app.view(FORM)(self.submitted)
        app.shortcut({"type": "message_action", "callback_id": SEND})(self.send)
        app.shortcut({"type": "message_action", "callback_id": NOTE})(self.keep)
        app.command(COMMAND)(self.command)
        for take in (app.action, app.shortcut, app.view, app.options):
            take(re.compile(""))(_accepted)

    async def close(self) -> None:
        """Lets what was begun come to its end."""
        if self._running:
            await asyncio.wait(self._running, timeout=PATIENCE)

    async def pressed(self, ack: AsyncAck, body: Json) -> None:
        """A button that acts at once."""
        thread = self._thread(body)
        action, value = _meaning(body)

        async def act() -> None:
            agent = await self._agent(body)
            key = f"{body['actions'][0]['action_ts']}:{agent.agent_id}:{action}"
            await self._desk.act(thread, agent, action, value, key=key)

        await self._answer(ack, body, thread, act)

    async def asked(self, ack: AsyncAck, body: Json) -> None:
        """A button that opens a form."""
        thread = self._thread(body)
        action, value = _meaning(body)

        async def ask() -> None:
            form = await self._desk.form(thread, await self._agent(body), action, value)
            if form is not None:
                view = modal(form, Asked(thread=thread, action=action, value=value))
                await self._api.call("views.open", trigger_id=body["trigger_id"], view=view)

        await self._answer(ack, body, thread, ask)

    async def submitted(self, ack: AsyncAck, body: Json) -> None:
        """A form that was filled in; if it cannot be carried out it stays open with everything in it."""
        view = body["view"]
        asked = asked_for(self._workspace, view)
        blocks = [
            state.get("rich_text_value")
            for inputs in view["state"]["values"].values()
            for state in inputs.values()
            if state.get("rich_text_value")
        ]
        words = ""
        following: Form | None = None

        async def act() -> None:
            nonlocal words, following
            agent = await self._agent(body)
            fields, written = filled_in(view, await self._people.names(mentioned(blocks, "")))
            words = plain(written) if written is not None else ""
            if asked.continues:
                following = await self._desk.form(asked.thread, agent, asked.action, asked.value, fields)
                return
            await self._desk.act(
                asked.thread, agent, asked.action, asked.value, key=str(view["id"]), fields=fields, text=written
            )

        task = self._begin(act())
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        if not done:
            self._begin(self._apologise_later(task, asked.thread, body, lambda: words))
        elif (error := task.exception()) is not None:
            first = next(iter(view["state"]["values"]), "")
            if first:
                _log(error)
                await ack(response_action="errors", errors={first: _sentence(error)})
                return
            self._begin(self._apologise(error, asked.thread, body, words))
        elif following is not None:
            await ack(response_action="update", view=modal(following, asked))
            return
        await ack()

    async def send(self, ack: AsyncAck, body: Json) -> None:
        """ "Send to customer" on a message."""

        async def send() -> None:
            content = await self._events.content(body["message"])
            await self._desk.send(self._post(body), await self._agent(body), content)

        await self._answer(ack, body, self._thread_of_message(body), send)

    async def keep(self, ack: AsyncAck, body: Json) -> None:
        """ "Make a note" on a message."""

        async def keep() -> None:
            await self._desk.keep(self._post(body), await self._agent(body))

        await self._answer(ack, body, self._thread_of_message(body), keep)

    async def command(self, ack: AsyncAck) -> None:
        """`/threadbridge`: how it works and where the queue is."""
        await ack(text=HELP, response_type="ephemeral")

    async def _answer(
        self, ack: AsyncAck, body: Json, thread: ThreadRef, work: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Does the work, and answers Slack when it is done or has taken too long; a failure is told to the agent."""
        task = self._begin(work())
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        await ack()
        if not done:
            self._begin(self._apologise_later(task, thread, body, str))
        elif (error := task.exception()) is not None:
            await self._apologise(error, thread, body, "")

    def _begin(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _apologise_later(
        self, task: asyncio.Task[None], thread: ThreadRef, body: Json, words: Callable[[], str]
    ) -> None:
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            await self._apologise(error, thread, body, words())

    async def _apologise(self, error: BaseException, thread: ThreadRef, body: Json, words: str) -> None:
        _log(error)
        sentence = _sentence(error) + (f"\n\nYour text was:\n{words}" if words else "")
        try:
            await self._api.call(
                "chat.postEphemeral",
                channel=thread.room,
                thread_ts=thread.thread,
                user=body["user"]["id"],
                text=fallback(sentence),
            )
        except AdapterError as silent:
            logger.info("An agent could not be told", extra={"action": "whisper_failed", "reason": str(silent)})

    async def _agent(self, body: Json) -> AgentProfile:
        user = body["user"]
        return await self._people.profile(user["id"], team=str(user.get("team_id") or ""))

    def _thread(self, body: Json) -> ThreadRef:
        """The thread that a button stands in."""
        named = thread_of_block(self._workspace, str(body["actions"][0].get("block_id") or ""))
        if named is not None:
            return named
        container, message = body.get("container") or {}, body.get("message") or {}
        room = container.get("channel_id") or (body.get("channel") or {}).get("id")
        ts = message.get("thread_ts") or container.get("thread_ts") or container.get("message_ts")
        return ThreadRef(workspace=self._workspace, room=str(room), thread=str(ts))

    def _thread_of_message(self, body: Json) -> ThreadRef:
        post = self._post(body)
        return ThreadRef(workspace=post.workspace, room=post.room, thread=post.thread)

    def _post(self, body: Json) -> PostRef:
        """The message whose menu was used."""
        message = body["message"]
        return PostRef(
            workspace=self._workspace,
            room=body["channel"]["id"],
            thread=str(message.get("thread_ts") or message["ts"]),
            post=str(message["ts"]),
        )


async def _accepted(ack: AsyncAck) -> None:
    await ack()


def _meaning(body: Json) -> tuple[str, str]:
    """The action and the value that a button carries."""
    action, _, value = str(body["actions"][0].get("value") or "").partition("|")
    return action, value


def _sentence(error: BaseException) -> str:
    return str(error) if isinstance(error, AdapterError) else SORRY


def _log(error: BaseException) -> None:
    logger.error("A gesture failed", exc_info=error, extra={"action": "gesture_failed"})
