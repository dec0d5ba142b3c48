"""Buttons, dialogs and message extensions of the sandbox's Teams, answered by a bot on a real port."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.faults import Fault
from sandbox.teams import NotPossible, TeamsSandbox
from tests.sandbox.teams_peer import CARD, Body, Bot, card, post, words, working


@pytest.fixture
async def teams() -> AsyncIterator[TeamsSandbox]:
    async with TeamsSandbox(limits=False, patience=1.0, retry_delays=(0.0,)) as server:
        yield server


@pytest.fixture
async def bot(teams: TeamsSandbox) -> AsyncIterator[Bot]:
    async with working(teams) as listening:
        yield listening


@pytest.fixture
def bea(teams: TeamsSandbox) -> str:
    return teams.add_user("Bea Novak", tz="Europe/Prague", locale="cs-CZ")


@pytest.fixture
async def room(teams: TeamsSandbox, bot: Bot, bea: str) -> str:
    team = teams.add_team("Support", members=[bea, teams.add_user("Omar Haddad")])
    await teams.install(team)
    await teams.idle()
    return teams.add_channel(team, "customers")


def execute(title: str = "Claim", **more: Any) -> Body:
    return {"type": "Action.Execute", "title": title, "verb": "claim", "data": {"tb": "act"}, **more}


def opens(title: str = "Reply") -> Body:
    data = {"msteams": {"type": "task/fetch"}, "tb": "ask"}
    return {"type": "Action.Submit", "title": title, "data": data}


def dialog(*inputs: Body, title: str = "Reply") -> Body:
    submit = {"type": "Action.Submit", "title": "Send", "data": {"tb": "form"}}
    return {"task": {"type": "continue", "value": {"title": title, "card": card(*inputs, actions=[submit])}}}


async def test_an_execute_shows_its_answer_to_the_clicker_alone(
    teams: TeamsSandbox, bot: Bot, bea: str, room: str
) -> None:
    id = await bot.posts(room, post(card(words(), actions=[execute()])))
    claimed = card(words("Claimed"))["content"]
    bot.answers["adaptiveCard/action"] = {"statusCode": 200, "type": CARD, "value": claimed}
    pressed = await teams.person_presses(bea, room, id, "Claim")
    assert (pressed.ok, pressed.card) == (True, claimed)
    asked = await bot.until(lambda one: one["type"] == "invoke")
    assert asked["value"]["action"]["verb"] == "claim"
    assert asked["value"]["action"]["data"] == {"tb": "act"}
    assert (asked["replyToId"], asked["conversation"]["id"]) == (id, f"{room};messageid={id}")
    assert asked["entities"][0] | {"timezone": "Europe/Prague", "locale": "cs-CZ"} == asked["entities"][0]
    assert teams.card(bea, room, id) == claimed
    assert teams.messages(room)[0]["attachments"][0]["content"]["actions"]


async def test_the_own_card_goes_when_the_bot_redraws_the_message(
    teams: TeamsSandbox, bot: Bot, bea: str, room: str
) -> None:
    id = await bot.posts(room, post(card(words(), actions=[execute()])))
    bot.answers["adaptiveCard/action"] = {"statusCode": 200, "type": CARD, "value": card(words("mine"))["content"]}
    await teams.person_presses(bea, room, id, "Claim")
    status, _answer = await bot.call("PUT", f"/v3/conversations/{room}/activities/{id}", post(card(words("new"))))
    assert (status, teams.card(bea, room, id)) == (200, card(words("new"))["content"])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            {"statusCode": 200, "type": CARD, "value": {"type": "AdaptiveCard", "version": "1.6"}},
            "Something went wrong",
        ),
        ({"statusCode": 200, "type": "text/plain", "value": "ok"}, "Something went wrong"),
        ({"type": CARD}, "Something went wrong"),
        (
            {
                "statusCode": 400,
                "type": "application/vnd.microsoft.error",
                "value": {"code": "x", "message": "Not yours"},
            },
            "Not yours",
        ),
        (501, "Unable to reach app"),
    ],
)
async def test_an_answer_that_teams_does_not_understand_is_an_error(
    teams: TeamsSandbox, bot: Bot, bea: str, room: str, answer: Any, error: str
) -> None:
    id = await bot.posts(room, post(card(words(), actions=[execute()])))
    bot.answers["adaptiveCard/action"] = answer
    pressed = await teams.person_presses(bea, room, id, "Claim")
    assert not pressed.ok
    assert pressed.error.startswith(error)


async def test_a_bot_that_does_not_answer_is_asked_three_times(
    teams: TeamsSandbox, bot: Bot, bea: str, room: str
) -> None:
    id = await bot.posts(room, post(card(words(), actions=[execute()])))
    teams.faults.order("invoke", Fault(drop="before"), times=3)
    assert (await teams.person_presses(bea, room, id, "Claim")).error.startswith("Unable to reach app")
    bot.answers["adaptiveCard/action"] = {
        "statusCode": 200,
        "type": "application/vnd.microsoft.activity.message",
        "value": "Done",
    }
    teams.faults.order("invoke", Fault(drop="before"), times=2)
    assert (await teams.person_presses(bea, room, id, "Claim")).message == "Done"


async def test_an_old_client_presses_the_fallback(teams: TeamsSandbox, bot: Bot, bea: str, room: str) -> None:
    fallback = {"type": "Action.Submit", "title": "Claim", "data": {"tb": "act"}}
    id = await bot.posts(room, post(card(words(), actions=[execute(fallback=fallback)])))
    assert (await teams.person_presses(bea, room, id, "Claim", old_client=True)).ok
    said = await bot.until(lambda one: one["type"] == "message")
    assert (said["value"], said["replyToId"], said.get("text")) == ({"tb": "act"}, id, None)


async def test_a_dialog_opens_refuses_and_is_submitted(teams: TeamsSandbox, bot: Bot, bea: str, room: str) -> None:
    root = await bot.posts(room, post(card(words(), {"type": "ActionSet", "actions": [opens()]})))
    needed = {"isRequired": True, "errorMessage": "Text is missing."}
    field = {"type": "Input.Text", "id": "text", "label": "Text", "maxLength": 10, **needed}
    choice = {"type": "Input.ChoiceSet", "id": "kind", "value": "a", "choices": [{"title": "A", "value": "a"}]}
    bot.answers["task/fetch"] = dialog(field, choice)
    opened = await teams.person_presses(bea, room, root, "Reply")
    assert opened.dialog is not None
    assert teams.dialogs(bea)[0]["title"] == "Reply"
    assert (await bot.until(lambda one: one.get("name") == "task/fetch"))["value"]["data"]["tb"] == "ask"
    for values in ({}, {"text": "far too long for it"}, {"text": "hi", "kind": "b"}, {"text": "hi", "nothing": "x"}):
        with pytest.raises(NotPossible):
            await teams.person_submits_dialog(bea, values)
    bot.answers["task/submit"] = dialog(field, title="Again")
    again = await teams.person_submits_dialog(bea, {"text": "hello"})
    assert again.dialog is not None
    assert again.dialog["title"] == "Again"
    submitted = await bot.until(lambda one: one.get("name") == "task/submit")
    assert submitted["value"]["data"] == {"tb": "form", "text": "hello", "kind": "a"}
    bot.answers["task/submit"] = {"task": {"type": "message", "value": "Sent"}}
    assert (await teams.person_submits_dialog(bea, {"text": "bye"})).message == "Sent"
    assert teams.dialogs(bea) == []


@pytest.mark.parametrize(
    "answer",
    [
        {"task": {"type": "continue", "value": {"title": "x" * 65, "card": card(words())}}},
        {"task": {"type": "continue", "value": {"title": "x", "card": card({"type": "Nonsense"})}}},
        {"task": {"type": "continue", "value": {"title": "x", "card": card(actions=[execute()])}}},
        {"task": {"type": "continue", "value": {"title": "x", "height": "huge", "card": card()}}},
        {"task": {"type": "message", "value": {"text": "x"}}},
        {"tasks": {}},
    ],
)
async def test_a_dialog_that_teams_would_not_show_does_not_open(
    teams: TeamsSandbox, bot: Bot, bea: str, room: str, answer: Body
) -> None:
    root = await bot.posts(room, post(card(words(), actions=[opens()])))
    bot.answers["task/fetch"] = answer
    pressed = await teams.person_presses(bea, room, root, "Reply")
    assert pressed.error.startswith("Something went wrong")
    assert teams.dialogs(bea) == []


async def test_only_six_buttons_and_the_overflow_can_be_pressed(
    teams: TeamsSandbox, bot: Bot, bea: str, room: str
) -> None:
    actions = [*(execute(f"B{number}") for number in range(7)), execute("More", mode="secondary")]
    id = await bot.posts(room, post(card(words(), actions=actions)))
    bot.answers["adaptiveCard/action"] = {
        "statusCode": 200,
        "type": "application/vnd.microsoft.activity.message",
        "value": "ok",
    }
    assert (await teams.person_presses(bea, room, id, "B5")).ok
    assert (await teams.person_presses(bea, room, id, "More")).ok
    with pytest.raises(NotPossible, match="0 buttons are called 'B6'"):
        await teams.person_presses(bea, room, id, "B6")


async def test_buttons_of_one_title_are_told_apart_by_their_data(
    teams: TeamsSandbox, bot: Bot, bea: str, room: str
) -> None:
    two = [execute(data={"tb": "act", "value": value}) for value in ("a", "b")]
    id = await bot.posts(room, post(card(words(), actions=two)))
    bot.answers["adaptiveCard/action"] = {
        "statusCode": 200,
        "type": "application/vnd.microsoft.activity.message",
        "value": "ok",
    }
    with pytest.raises(NotPossible, match="2 buttons"):
        await teams.person_presses(bea, room, id, "Claim")
    assert (await teams.person_presses(bea, room, id, "Claim", data={"value": "b"})).ok
    asked = await bot.until(lambda one: one.get("name") == "adaptiveCard/action")
    assert asked["value"]["action"]["data"]["value"] == "b"


async def test_a_search_is_chosen_from_and_sent(teams: TeamsSandbox, bot: Bot, bea: str, room: str) -> None:
    preview = {"contentType": "application/vnd.microsoft.card.thumbnail", "content": {"title": "Hours"}}
    found = {**card(words("We open at nine")), "preview": preview}
    bot.answers["composeExtension/query"] = {
        "composeExtension": {"type": "result", "attachmentLayout": "list", "attachments": [found]}
    }
    results = await teams.person_searches(bea, "canned", "hours", room=room, skip=2, count=5)
    asked = (await bot.until(lambda one: one.get("name") == "composeExtension/query"))["value"]
    assert asked["queryOptions"] == {"skip": 2, "count": 5}
    assert asked["parameters"] == [{"name": "query", "value": "hours"}]
    root = await teams.person_posts(bea, room, "first")
    id = await teams.person_inserts(bea, room, results[0], root)
    said = await bot.until(lambda one: one.get("id") == id)
    assert said["attachments"][0]["content"] == found["content"]
    del found["preview"]
    bot.answers["composeExtension/query"]["composeExtension"]["attachments"] = [found]
    with pytest.raises(NotPossible, match="needs a preview"):
        await teams.person_searches(bea, "canned", "hours", room=room)


async def test_a_message_menu_hands_over_the_message(teams: TeamsSandbox, bot: Bot, bea: str, room: str) -> None:
    command = {"id": "note", "type": "action", "title": "Note", "context": ["message"], "fetchTask": False}
    teams.use_manifest({"composeExtensions": [{"botId": teams.app_id, "commands": [command]}]})
    root = await teams.person_posts(bea, room, "first")
    id = await teams.person_posts(bea, room, "**second**", root)
    bot.answers["composeExtension/submitAction"] = {"task": {"type": "message", "value": "Noted"}}
    assert (await teams.person_message_action(bea, room, id, "note")).message == "Noted"
    value = (await bot.until(lambda one: one.get("name") == "composeExtension/submitAction"))["value"]
    payload = value["messagePayload"]
    assert (value["commandId"], value["commandContext"]) == ("note", "message")
    assert (payload["id"], payload["replyToId"]) == (id, root)
    assert payload["body"] == {"contentType": "html", "content": "<p><strong>second</strong></p>"}
    assert payload["from"]["user"]["displayName"] == "Bea Novak"
    with pytest.raises(NotPossible, match="declares no action command 'other'"):
        await teams.person_message_action(bea, room, id, "other")


async def test_a_menu_with_fetch_task_opens_a_dialog_that_keeps_the_message(
    teams: TeamsSandbox, bot: Bot, bea: str, room: str
) -> None:
    id = await teams.person_posts(bea, room, "first")
    bot.answers["composeExtension/fetchTask"] = dialog({"type": "Input.Text", "id": "text"})
    assert (await teams.person_message_action(bea, room, id, "note", fetch_task=True)).dialog is not None
    assert (await teams.person_submits_dialog(bea, {"text": "why"})).ok
    value = (await bot.until(lambda one: one.get("name") == "composeExtension/submitAction"))["value"]
    assert (value["data"]["text"], value["messagePayload"]["id"]) == ("why", id)
