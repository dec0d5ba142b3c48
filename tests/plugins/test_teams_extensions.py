"""Searches in the message field and a message's menu, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.contracts.places import PostRef
from core.contracts.posts import Finding, FindingKind
from core.contracts.text import plain
from tests.plugins.teams_invoking import fresh, opened, query
from tests.plugins.teams_peer import Peer, peer

FOUND = [
    Finding(id=f"f{number}", title=f"Title {number}", text=f"Words {number}", status="", thread=None)
    for number in range(30)
]


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[Peer]:
    async with peer() as made:
        yield made


@pytest.fixture
async def here(running: Peer) -> AsyncIterator[Peer]:
    async with fresh(running) as made:
        yield made


@pytest.mark.parametrize(
    ("command", "kind"), [("canned", FindingKind.CANNED_REPLY), ("conversations", FindingKind.CONVERSATION)]
)
async def test_a_search(here: Peer, command: str, kind: FindingKind) -> None:
    here.desk.findings = FOUND[:3]
    found = await here.teams.person_searches(here.bea, command, "kettle", room=here.room)
    assert [one["preview"]["content"]["title"] for one in found] == ["Title 0", "Title 1", "Title 2"]
    [search] = here.desk.named("search")
    assert (search["kind"], search["query"], search["agent"].agent_id) == (kind, "kettle", here.bea)


async def test_a_search_before_anything_is_typed(here: Peer) -> None:
    here.desk.findings = FOUND
    assert len(await here.teams.person_searches(here.bea, "canned", "", room=here.room)) == 25
    assert here.desk.named("search")[0]["query"] == ""


async def test_a_search_that_finds_nothing_says_so(here: Peer) -> None:
    answer = await here.teams.delivery.ask(query(here, "canned", "zzz"))
    assert answer.body["composeExtension"]["type"] == "message"
    assert "Nothing was found" in answer.body["composeExtension"]["text"]


async def test_a_search_goes_on_page_by_page(here: Peer) -> None:
    here.desk.findings = FOUND
    first = await here.teams.person_searches(here.bea, "canned", "w", room=here.room, skip=0, count=25)
    second = await here.teams.person_searches(here.bea, "canned", "w", room=here.room, skip=25, count=25)
    assert (len(first), len(second)) == (25, 5)


@pytest.mark.parametrize("options", [(-1, -1), ("x", None), (True, False), (10**9, 10**9)])
async def test_a_search_with_numbers_that_are_none(here: Peer, options: tuple[Any, Any]) -> None:
    answer = await here.teams.delivery.ask(query(here, "canned", "w", skip=options[0], count=options[1]))
    assert answer.status == 200
    [search] = here.desk.named("search")
    assert 0 <= search["offset"] <= 1_000
    assert 0 <= search["limit"] <= 25


async def test_a_search_command_that_there_is_not(here: Peer) -> None:
    answer = await here.teams.delivery.ask(query(here, "unknown", "w"))
    assert (answer.status, answer.body["composeExtension"]["type"]) == (200, "message")
    assert not here.desk.named("search")


@pytest.mark.parametrize(("command", "call"), [("send_to_customer", "send"), ("make_note", "keep")])
@pytest.mark.parametrize("fetch", [True, False])
async def test_the_menu_of_a_message(here: Peer, command: str, call: str, fetch: bool) -> None:
    thread = await opened(here)
    written = await here.teams.person_posts(here.bea, here.room, "We have **it**", thread.thread)
    await here.settle()
    chosen = await here.teams.person_message_action(here.bea, here.room, written, command, fetch_task=fetch)
    assert chosen.ok
    assert chosen.message.startswith("Taken.")
    [taken] = here.desk.named(call)
    assert taken["post"] == PostRef(workspace="acme", room=here.room, thread=thread.thread, post=written)
    assert taken["agent"].agent_id == here.bea
    if call == "send":
        assert plain(taken["content"].body) == "We have it"


async def test_the_menu_of_a_message_that_is_about_no_customer(here: Peer) -> None:
    here.desk.threads = set()
    written = await here.teams.person_posts(here.bea, here.room, "Lunch?")
    await here.settle()
    chosen = await here.teams.person_message_action(here.bea, here.room, written, "send_to_customer")
    assert chosen.message == "No customer's conversation is shown in that thread."
    assert not here.desk.calls
