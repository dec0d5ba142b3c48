"""Buttons and dialogs over HTTP: each is answered with the right JSON and in time, and believed no more than due."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from core.contracts.errors import PermanentFailure, TemporaryFailure
from core.contracts.places import ThreadRef
from core.contracts.posts import Action
from core.contracts.text import plain
from core.contracts.workplace import Standing
from plugins.teams import listeners
from sandbox.teams import cards
from tests.plugins.slack_peer import post, until
from tests.plugins.teams_invoking import ACTIONS, SHOWN, data, fresh, invoke, opened, query
from tests.plugins.teams_peer import Peer, peer

ELSEWHERE = ThreadRef(workspace="acme", room="19:elsewhere@thread.tacv2", thread="1700000000000")


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[Peer]:
    async with peer() as made:
        yield made


@pytest.fixture
async def here(running: Peer) -> AsyncIterator[Peer]:
    async with fresh(running) as made:
        yield made


async def test_a_button_answers_with_the_card_as_it_is_now(here: Peer) -> None:
    thread = await opened(here)
    here.desk.openings[thread] = (replace(SHOWN, status="Claimed by Bea", actions=ACTIONS[1:]), post())
    pressed = await here.teams.person_presses(here.bea, here.room, thread.thread, "Claim")
    assert pressed.ok, pressed
    assert pressed.seconds < 4
    assert pressed.card is not None
    assert [button["title"] for button in cards.buttons(pressed.card)] == ["Reply", "Resolve"]
    assert "Claimed by Bea" in str(pressed.card)
    [act] = here.desk.named("act")
    assert (act["thread"], act["action"], act["agent"].agent_id) == (thread, "claim", here.bea)


async def test_a_button_elsewhere_than_on_the_card_answers_with_a_word(here: Peer) -> None:
    thread = await opened(here)
    retry = Action(id="retry", label="Retry", value="m1")
    failure = await here.workplace.post(thread, post("Not delivered", key="k2", actions=(retry,)))
    pressed = await here.teams.person_presses(here.bea, here.room, failure.post, "Retry")
    assert (pressed.ok, pressed.card, pressed.message) == (True, None, "Done.")
    assert [(one["action"], one["value"]) for one in here.desk.named("act")] == [("retry", "m1")]


async def test_a_second_press_is_another_and_a_repeated_request_is_not(here: Peer) -> None:
    """The desk tells them apart by the key."""
    thread = await opened(here)
    value = {"action": {"type": "Action.Execute", "verb": "claim", "data": data("act", "claim")}, "trigger": "manual"}
    for name in ("one", "one", "two"):
        assert (await invoke(here, "adaptiveCard/action", value, thread, id=name)).ok
    keys = [act["key"] for act in here.desk.named("act")]
    assert keys[0] == keys[1] != keys[2]


FOREIGN: dict[str, Any] = {
    "another app's": {"type": "Action.Execute", "verb": "x", "data": {"other": 1}},
    "a string": {"type": "Action.Execute", "verb": "x", "data": "claim"},
    "a list": {"type": "Action.Execute", "verb": "x", "data": ["tb"]},
    "nothing": {"type": "Action.Execute", "verb": "x"},
    "no action": None,
    "an action that is words": "claim",
}


@pytest.mark.parametrize("action", FOREIGN.values(), ids=FOREIGN.keys())
async def test_a_button_that_is_not_ours(here: Peer, action: Any) -> None:
    thread = await opened(here)
    answer = await invoke(here, "adaptiveCard/action", {"action": action, "trigger": "manual"}, thread)
    assert answer.status == 200
    assert answer.body["type"] == "application/vnd.microsoft.error"
    assert answer.body["value"] == {"code": "BadRequest", "message": "That button is not ours."}
    assert not here.desk.named("act")


@pytest.mark.parametrize("value", [None, [], "words", 7, {"data": None}, {"data": "x"}, {"data": {"action": "reply"}}])
@pytest.mark.parametrize("name", ["task/fetch", "task/submit"])
async def test_a_dialog_that_is_not_ours(here: Peer, name: str, value: Any) -> None:
    answer = await invoke(here, name, value)
    assert answer.status == 200
    assert answer.body["task"]["type"] == "message"
    assert "not ours" in answer.body["task"]["value"]
    assert not here.desk.calls


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (PermanentFailure("The kettle is gone."), "The kettle is gone."),
        (RuntimeError("secret internals"), "That did not work just now. Please try again in a moment."),
    ],
)
async def test_an_error_is_a_sentence(here: Peer, failure: Exception, words: str) -> None:
    thread = await opened(here)
    here.desk.fails_with = failure
    pressed = await here.teams.person_presses(here.bea, here.room, thread.thread, "Claim")
    assert (pressed.ok, pressed.status, pressed.error) == (False, 200, words)
    asked = await here.teams.person_presses(here.bea, here.room, thread.thread, "Reply")
    assert (asked.ok, asked.message) == (True, words)
    found = await here.teams.delivery.ask(query(here, "canned", "x"))
    assert found.body["composeExtension"] == {"type": "message", "text": words}


async def test_a_dialog_is_fetched_and_submitted(here: Peer) -> None:
    thread = await opened(here)
    fetched = await here.teams.person_presses(here.bea, here.room, thread.thread, "Reply")
    assert fetched.dialog is not None
    assert fetched.dialog["title"] == "Reply to Jane"
    assert fetched.seconds < 4
    words = {"rich_text": "We **have** it\n- blue\n- red", "field_channel": "e", "field_subject": "Your order"}
    sent = await here.teams.person_submits_dialog(here.bea, words)
    assert (sent.ok, sent.dialog, sent.body) == (True, None, {})
    [act] = here.desk.named("act")
    assert (act["thread"], act["action"]) == (thread, "reply")
    assert act["fields"] == [("channel", "e"), ("subject", "Your order")]
    assert plain(act["text"]).split("\n")[0] == "We have it"
    assert here.teams.dialogs(here.bea) == []


async def test_two_submits_of_one_dialog_have_one_key_and_of_two_dialogs_two(here: Peer) -> None:
    thread = await opened(here)
    fetched = await here.teams.person_presses(here.bea, here.room, thread.thread, "Reply")
    assert fetched.dialog is not None
    [button] = cards.buttons(fetched.dialog["card"])
    value = {"data": {**button["data"], "rich_text": "Hello", "field_channel": "w"}}
    for name in ("one", "two"):
        assert (await invoke(here, "task/submit", value, thread, id=name)).body == {}
    again = await here.teams.person_presses(here.bea, here.room, thread.thread, "Reply")
    assert again.dialog is not None
    await here.teams.person_submits_dialog(here.bea, {"rich_text": "Hello"})
    keys = [act["key"] for act in here.desk.named("act")]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("failure", [TemporaryFailure("The database is full."), RuntimeError("a bug")])
async def test_a_refused_dialog_comes_back_with_all_that_was_typed(here: Peer, failure: Exception) -> None:
    thread = await opened(here)
    await here.teams.person_presses(here.bea, here.room, thread.thread, "Reply")
    typed = {"rich_text": "Long **words**\n\nand more", "field_channel": "e", "field_subject": "About"}

    async def refuses(*_args: Any, **_more: Any) -> None:
        raise failure

    here.desk.act = refuses  # type: ignore[method-assign]
    try:
        back = await here.teams.person_submits_dialog(here.bea, typed)
    finally:
        del here.desk.act  # type: ignore[method-assign]
    assert back.ok
    assert back.dialog is not None
    words = str(failure) if isinstance(failure, TemporaryFailure) else "That did not work just now."
    assert words in str(back.dialog["card"])
    values = {one["id"]: one.get("value") for one in back.dialog["card"]["body"] if "id" in one}
    assert values == typed
    await here.teams.person_submits_dialog(here.bea)
    [act] = here.desk.named("act")
    assert plain(act["text"]) == "Long words\n\nand more"


async def test_a_refused_form_is_a_word(here: Peer) -> None:
    """The agent may not, and hears why in the thread."""
    thread = await opened(here)
    here.desk.forms.clear()
    pressed = await here.teams.person_presses(here.bea, here.room, thread.thread, "Reply")
    assert (pressed.dialog, pressed.message) == (None, listeners.TOLD)


async def test_an_old_client_presses_what_a_new_one_does(here: Peer) -> None:
    thread = await opened(here)
    pressed = await here.teams.person_presses(here.bea, here.room, thread.thread, "Claim", old_client=True)
    assert pressed.ok
    await here.settle()
    [act] = here.desk.named("act")
    assert (act["thread"], act["action"], act["agent"].agent_id) == (thread, "claim", here.bea)
    assert not here.desk.named("said")


@pytest.mark.parametrize("name", ["fileConsent/invoke", "signin/verifyState", "", None, 7])
async def test_an_invoke_that_is_not_for_us(here: Peer, name: Any) -> None:
    answer = await invoke(here, name, {})
    assert answer.status == 501
    assert not here.desk.calls


class Gate:
    """A desk call that takes as long as it is held."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.opened = asyncio.Event()
        self.ended = asyncio.Event()
        self._failure = failure

    async def act(self, *_args: Any, **_more: Any) -> None:
        await self.opened.wait()
        self.ended.set()
        if self._failure:
            raise self._failure


async def test_what_takes_too_long_is_answered_in_time(here: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on by itself; what fails later is told to her alone, with what she had typed."""
    monkeypatch.setattr(listeners, "PATIENCE", 0.1)
    thread = await opened(here)
    told = len(here.teams.targeted(here.bea))
    slow = Gate()
    monkeypatch.setattr(here.desk, "act", slow.act)
    pressed = await here.teams.person_presses(here.bea, here.room, thread.thread, "Claim")
    assert (pressed.ok, pressed.message) == (True, listeners.LATER)
    assert pressed.seconds < 2
    slow.opened.set()
    await asyncio.wait_for(slow.ended.wait(), 5)
    failing = Gate(PermanentFailure("The kettle is gone."))
    monkeypatch.setattr(here.desk, "act", failing.act)
    await here.teams.person_presses(here.bea, here.room, thread.thread, "Reply")
    sent = await here.teams.person_submits_dialog(here.bea, {"rich_text": "Long words"})
    assert (sent.ok, sent.message) == (True, listeners.LATER)
    failing.opened.set()
    await until(lambda: len(here.teams.targeted(here.bea)) > told)
    [shown] = here.teams.targeted(here.bea)[told:]
    assert (shown["room"], shown["root"]) == (here.room, thread.thread)
    assert "The kettle is gone." in str(shown["attachments"])
    assert "Long words" in str(shown["attachments"])


async def test_a_thread_that_the_data_forges_is_not_believed(here: Peer) -> None:
    """What the activity itself says counts: nobody acts in a room that she is not in."""
    thread = await opened(here)
    execute = {"type": "Action.Execute", "verb": "claim", "data": data("act", "claim", ELSEWHERE)}
    await invoke(here, "adaptiveCard/action", {"action": execute, "trigger": "manual"}, thread)
    await invoke(here, "task/fetch", {"data": data("ask", "reply", ELSEWHERE)}, thread)
    form = data("form", "reply", ELSEWHERE, rich_text="Hello")
    await invoke(here, "task/submit", {"data": form}, thread)
    teams = here.teams
    message = teams.room(here.room).messages[thread.thread]
    pressed = data("act", "resolve", ELSEWHERE)
    teams.delivery.send(teams.events.submitted(teams.person(here.bea), teams.room(here.room), message, pressed))
    await here.settle()
    assert [name for name, _ in here.desk.calls] == ["act", "form", "act", "act"]
    assert {arguments["thread"] for _, arguments in here.desk.calls} == {thread}


async def test_a_thread_of_another_room_is_not_believed_where_no_thread_is_named(here: Peer) -> None:
    """In the channel itself the data says which thread, and never which room."""
    await opened(here)
    for name, value in (
        ("adaptiveCard/action", {"action": {"data": data("act", "claim", ELSEWHERE)}}),
        ("task/submit", {"data": data("form", "reply", ELSEWHERE, rich_text="Hello")}),
    ):
        await invoke(here, name, value)
    assert {act["thread"].room for act in here.desk.named("act")} == {here.room}


async def test_in_her_own_chat_the_data_says_which_thread(here: Peer) -> None:
    thread = await opened(here)
    teams = here.teams
    value = {"action": {"type": "Action.Execute", "data": data("act", "claim", thread)}, "trigger": "manual"}
    chat = teams.room(here.bea)
    invoked = teams.events.invoke(teams.person(here.bea), chat, "", "adaptiveCard/action", value)
    answer = await teams.delivery.ask(invoked)
    assert answer.body["value"] == "Done."
    assert here.desk.named("act")[0]["thread"] == thread


async def test_who_presses_is_asked_of_the_roster(here: Peer) -> None:
    """Guests, people of another tenant, and somebody whom no team knows."""
    thread = await opened(here)
    teams = here.teams
    guest = teams.add_user("Gil Guest", guest=True)
    other = teams.add_user("Olga Other", tenant="99999999-51a4-4d3c-8f6e-0f9b3a5d7e02")
    for user in (guest, other):
        await teams.add_member(here.team, user)
        await teams.person_presses(user, here.room, thread.thread, "Claim")
    await here.settle()
    value = {"action": {"type": "Action.Execute", "data": data("act", "claim")}, "trigger": "manual"}
    await invoke(here, "adaptiveCard/action", value, thread, **{"from": {"id": "29:nobody", "name": "Bea Baker"}})
    await invoke(here, "adaptiveCard/action", value, thread, **{"from": {"id": "28:another-app", "name": "App"}})
    foreign = {"tenant": {"id": "99999999-51a4-4d3c-8f6e-0f9b3a5d7e02"}}
    channel = {"team": {"id": here.team}, "channel": {"id": here.room}, **foreign}
    await invoke(here, "adaptiveCard/action", value, thread, channelData=channel)
    standings = [act["agent"].standing for act in here.desk.named("act")]
    assert standings == [
        Standing.GUEST,
        Standing.OUTSIDER,
        Standing.OUTSIDER,
        Standing.MACHINE,
        Standing.OUTSIDER,
    ]
