"""Threads: what the core draws stands in Slack, and what agents write and press there reaches the desk."""

from collections.abc import AsyncIterator

import pytest

from core.contracts.actions import ActionId
from core.contracts.places import PostRef, RoomRef
from core.contracts.posts import Action, Card
from core.contracts.text import plain
from core.contracts.workplace import Standing
from tests.plugins.slack_peer import Peer, peer, post


@pytest.fixture(params=["http", "socket"])
async def here(request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    async with peer(socket_mode=request.param == "socket") as made:
        yield made


async def test_a_first_message_and_its_card_are_one_post(here: Peer) -> None:
    thread = await here.open("Hello <!channel>")
    (opening,) = [message for message in here.slack.messages(here.room) if message.get("bot_id")]
    assert opening["ts"] == thread.thread
    assert opening["username"] == "Jane (WhatsApp)"
    assert opening["text"] == "Hello &lt;!channel&gt;"
    assert [block["type"] for block in opening["blocks"]] == ["header", "context", "rich_text"]


async def test_an_agents_reply_in_the_thread_reaches_the_desk(here: Peer) -> None:
    thread = await here.open()
    ts = await here.slack.person_posts(here.bea, here.room, "On my way :tada: *now*", thread.thread)
    said = await here.desk.wait("said")
    assert said["post"] == PostRef(workspace="acme", room=here.room, thread=thread.thread, post=ts)
    assert plain(said["content"].body) == "On my way 🎉 now"
    assert (said["agent"].name, said["agent"].standing) == ("Bea Baker", Standing.MEMBER)
    assert said["agent"].timezone == "Europe/Berlin"
    assert said["quote"] is None
    assert f"{said['at'].timestamp():.6f}" == ts


async def test_our_own_post_comes_back_as_proof(here: Peer) -> None:
    thread = await here.open()
    ref = await here.workplace.post(thread, post("More", key="k2"))
    await here.settle()
    assert {(call["post"].post, call["key"]) for call in here.desk.named("posted")} == {
        (thread.thread, "k1"),
        (ref.post, "k2"),
    }
    assert here.desk.named("said") == []


async def test_a_button_is_one_act(here: Peer) -> None:
    claim = Action(id=ActionId.CLAIM, label="Claim", value="c|7", style="primary")
    card = Card(title="Jane", status="Open", status_emoji="🟢", actions=(claim,))
    thread = await here.workplace.open_thread(RoomRef(workspace="acme", room=here.room), card, post())
    ack = await here.slack.person_presses(here.bea, here.room, thread.thread, "tb_do:claim:0")
    assert ack.ok
    act = await here.desk.wait("act")
    assert (act["thread"], act["action"], act["value"]) == (thread, "claim", "c|7")
    assert act["agent"].agent_id == here.bea
