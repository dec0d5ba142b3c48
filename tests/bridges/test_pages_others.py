"""What the business does with other tools is shown as such, and what we do ourselves is not shown again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.contracts.bridge import (
    ChoiceMade,
    MessageEdited,
    MessageReceived,
    WindowChanged,
)
from core.contracts.content import Choice, Content
from core.contracts.text import from_plain, plain
from core.testing.runtime import outbound
from core.testing.scenarios import PNG
from sandbox.graph import GraphSandbox
from tests.bridges.page_accounts import Account, page_account

BOTH = ("messenger", "instagram")


@pytest.fixture
async def graph() -> AsyncIterator[GraphSandbox]:
    async with GraphSandbox(limits=False, retry_delays=(0.01, 0.01)) as server:
        yield server


@pytest.fixture(params=BOTH)
async def account(
    graph: GraphSandbox, session: aiohttp.ClientSession, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Account]:
    async with page_account(graph, session, tmp_path, request.param) as one:
        yield one


def texts(account: Account) -> list[str]:
    return [plain(one.content.body) for one in account.core.events if isinstance(one, MessageReceived)]


async def test_our_own_echoes_are_not_shown_and_those_of_others_are(account: Account) -> None:
    for metadata in (True, False):
        account.page.echoes_metadata = metadata
        await account.bridge.send(outbound(account.ada, "Ours", key=f"k{metadata}"))
        await account.graph.idle()
    assert texts(account) == ["Hello"]
    await account.page.owner_writes(account.user, "By the inbox")
    await account.page.owner_writes(account.user, "By an app", app="4711")
    await account.page.owner_writes(account.user, "By hand", app="")
    await account.core.until(lambda: len(texts(account)) == 4)
    title = account.spec.title
    assert texts(account)[1:] == [
        "(Answered with Meta Business Suite: By the inbox)",
        "(Answered with another app: By an app)",
        f"(Answered with {title} itself: By hand)",
    ]
    assert all(one.automated for one in account.core.events[1:] if isinstance(one, MessageReceived))
    assert {one.sender.external_id for one in account.core.events if isinstance(one, MessageReceived)} == {account.user}


async def test_an_echo_without_our_mark_is_known_after_a_restart(account: Account) -> None:
    account.page.echoes_metadata = False
    account.page.delivery.hold()
    await account.core.send(outbound(account.ada, "Before the restart"))
    account.rebuilt()
    account.page.delivery.release()
    await account.settled()
    assert texts(account) == ["Hello"]


def by_the_business(account: Account, **body: Any) -> bytes:
    event = {"sender": {"id": account.page.id}, "recipient": {"id": account.user}, "timestamp": 1_790_000_000_000}
    entry = {"id": account.page.id, "messaging": [event | body]}
    return json.dumps({"object": account.page.delivery.object, "entry": [entry]}).encode()


async def test_an_echo_that_comes_before_the_answer_waits_for_it(account: Account) -> None:
    echo = by_the_business(account, message={"mid": "m_1", "is_echo": True, "text": "x"})
    sent = account.bridge._sent
    with sent.sending(account.user):
        reading = asyncio.create_task(account.bridge.parse(echo))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not reading.done()
        sent.note(account.user, "m_1")
    assert await reading == []


async def test_an_echo_does_not_wait_for_ever(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridges._meta.sent._PATIENCE_S", 0.05)
    echo = by_the_business(account, message={"mid": "m_1", "is_echo": True, "text": "x"})
    with account.bridge._sent.sending(account.user):
        (event,) = await account.bridge.parse(echo)
    assert isinstance(event, MessageReceived)


async def test_what_the_business_does_is_never_taken_for_hers(account: Account) -> None:
    """Echoes may lack their flag; edits and reactions have none."""
    (unflagged,) = await account.bridge.parse(by_the_business(account, message={"mid": "m_1", "text": "By hand"}))
    assert isinstance(unflagged, MessageReceived)
    assert plain(unflagged.content.body).startswith("(Answered with ")
    edit = {"mid": "m_1", "text": "By hand, too", "num_edit": 1}
    (edited,) = await account.bridge.parse(by_the_business(account, message_edit=edit))
    assert isinstance(edited, MessageEdited)
    assert plain(edited.content.body) == "(Answered with another tool: By hand, too)"
    reaction = {"mid": "m_1", "action": "react", "emoji": "👍"}
    assert await account.bridge.parse(by_the_business(account, reaction=reaction)) == []


async def test_an_echo_is_about_whom_it_was_written_to(account: Account) -> None:
    """Whatever the business is called in it."""
    message = {"mid": "m_1", "is_echo": True, "text": "By hand"}
    (event,) = await account.bridge.parse(by_the_business(account, sender={"id": "4711"}, message=message))
    assert isinstance(event, MessageReceived)
    assert event.sender.external_id == account.user


async def test_files_of_other_tools_are_shown_too(account: Account) -> None:
    media = account.page.file("lamp.png", "image/png", PNG)
    attachments = [{"type": "image", "payload": {"url": account.graph.shared.media.cdn(media)}}]
    message = {"mid": "m_1", "is_echo": True, "attachments": attachments}
    (event,) = await account.bridge.parse(by_the_business(account, message=message))
    assert isinstance(event, MessageReceived)
    assert [one.name for one in event.content.attachments] == ["photo.png"]


async def test_another_app_takes_over(account: Account) -> None:
    account.page.hand_over(account.user)
    await account.page.customer_writes(account.user, "Is that a robot?")
    await account.page.owner_writes(account.user, "No", app="4711")
    account.page.hand_over(account.user, "")
    await account.core.until(lambda: len(texts(account)) == 5)
    assert texts(account)[1:] == [
        "(Another app, such as Meta's AI, answers from now on; a reply takes the conversation over.)",
        "Is that a robot?",
        "(Answered with another app: No)",
        "(Meta gave this conversation to us.)",
    ]
    hers = account.core.events[2]
    assert isinstance(hers, MessageReceived)
    assert hers.automated, "what another app answers is not answered by ours"
    assert "Answered by" in hers.sender.facts
    opened = await account.event(WindowChanged)
    assert opened.sender_id == account.user
    assert opened.until == hers.at + timedelta(hours=24), "she wrote, so we may answer"


async def test_a_button_pressed_while_another_app_answers_has_its_label(account: Account) -> None:
    choices = (Choice(value="v1", label="Yes"), Choice(value="v2", label="No"))
    sent = await account.bridge.send(outbound(account.ada, Content(body=from_plain("Ok?"), choices=choices)))
    account.page.hand_over(account.user)
    await account.page.customer_presses(account.user, sent, "v1")
    assert (await account.event(ChoiceMade)).label == "Yes"
