"""One tenant for all tests of invokes, and invokes such as no client would make."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from core.contracts.places import ThreadRef
from core.contracts.posts import Action, FieldKind, Form, FormField, Option
from sandbox.teams.delivery import Answer
from tests.plugins.slack_peer import CARD, post
from tests.plugins.teams_peer import Json, Peer

ACTIONS = (
    Action(id="claim", label="Claim", style="primary"),
    Action(id="reply", label="Reply", asks=True),
    Action(id="resolve", label="Resolve"),
)
SHOWN = replace(CARD, actions=ACTIONS)
FORM = Form(
    title="Reply to Jane",
    submit="Send",
    fields=(
        FormField(id="text", label="Message", kind=FieldKind.RICH_TEXT),
        FormField(
            id="channel",
            label="Send by",
            kind=FieldKind.SELECT,
            options=(Option(value="w", label="WhatsApp"), Option(value="e", label="Email")),
            initial="w",
        ),
        FormField(id="subject", label="Subject", kind=FieldKind.TEXT, optional=True),
    ),
)


@asynccontextmanager
async def fresh(running: Peer) -> AsyncIterator[Peer]:
    """With a desk that nobody has used, and no dialog left open."""
    running.desk.__init__()  # type: ignore[misc]
    running.desk.forms["reply"] = FORM
    yield running
    running.teams.open_dialogs.close(running.bea)
    await running.settle()


async def opened(here: Peer) -> ThreadRef:
    """A thread whose card has buttons."""
    thread = await here.open()
    await here.workplace.update_opening(thread, SHOWN, post())
    here.desk.openings[thread] = (SHOWN, post())
    return thread


async def invoke(here: Peer, name: str, value: Any, thread: ThreadRef | None = None, **changes: Any) -> Answer:
    """An invoke as her client would never make it."""
    teams = here.teams
    room = teams.room(thread.room if thread else here.room)
    root, replied = (thread.thread, thread.thread) if thread else ("", "")
    activity = teams.events.invoke(teams.person(here.bea), room, root, name, value, replied)
    return await teams.delivery.ask({**activity, **changes})


def data(tb: str, action: str, place: ThreadRef | None = None, **more: Any) -> Json:
    at = {"room": place.room, "thread": place.thread} if place else {}
    return {"tb": tb, "action": action, "value": "", **at, **more}


def query(here: Peer, command: str, words: str, *, skip: Any = 0, count: Any = 25) -> Json:
    teams = here.teams
    value = {**teams.extensions.query("canned", words, 0, 25), "commandId": command}
    value["queryOptions"] = {"skip": skip, "count": count}
    return teams.events.invoke(teams.person(here.bea), teams.room(here.room), "", "composeExtension/query", value)
