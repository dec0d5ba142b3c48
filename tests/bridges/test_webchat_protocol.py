"""The web chat's WebSocket, as a browser speaks it: order, acks, resume, limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridges.webchat import hub as hub_module
from bridges.webchat.hub import Listener
from bridges.webchat.identity import Session, Visitor
from core.contracts import bridge
from tests.bridges.webchat_runtime import MemoryCore, choices, rich_answer
from tests.bridges.webchat_site import Site, serving_chat


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving_chat(MemoryCore(folder=tmp_path)) as site:
        yield site


def plain(frame: dict[str, Any]) -> str:
    return "".join(run["s"] for block in frame["item"]["body"] for run in block["c"])


async def test_a_message_is_acked_after_it_is_stored_and_answered(site: Site) -> None:
    visitor = await site.begin()
    tab = await site.tab(visitor["token"])
    await tab.hear("synced")
    await tab.say(type="send", client_id="client-0001", text="مرحبا 👋 <b>")
    ack = await tab.hear("ack", client_id="client-0001")
    assert ack["id"] == "c/client-0001"
    assert not ack["duplicate"]
    (received,) = site.core.events
    assert isinstance(received, bridge.MessageReceived)
    assert received.external_id == f"{visitor['visitor']}/c/client-0001"
    assert received.sender.proof is bridge.Proof.ANONYMOUS
    mine = (await tab.hear("event"))["item"]
    assert mine["me"]
    assert mine["body"] == [{"t": "paragraph", "c": [{"s": "مرحبا 👋 <b>"}]}]
    await site.core.answer(visitor["visitor"], rich_answer())
    answer = (await tab.hear("event"))["item"]
    assert answer["author"] == "Ada"
    assert answer["body"][0]["c"][1] == {"s": "Two ways", "m": ["bold"]}
    assert answer["body"][1]["items"][0]["n"] == 1


async def test_an_answer_arrives_at_once_although_it_is_committed_after_the_send(site: Site) -> None:
    site.core.commit_delay = 0.15
    visitor = await site.begin()
    tab = await site.tab(visitor["token"])
    await tab.hear("synced")
    loop = asyncio.get_running_loop()
    sent = await site.core.answer(visitor["visitor"], "Here")
    committed = loop.time()
    frame = await tab.hear("event")
    assert loop.time() - committed < 0.9
    # Nothing was shown while it was only queued.
    assert (frame["item"]["status"], plain(frame)) == ("sent", "Here")
    assert sent == f"{visitor['visitor']}/{frame['item']['id']}"


async def test_a_reply_that_is_held_or_cancelled_is_never_shown(site: Site) -> None:
    visitor = await site.begin()
    site.core.add(visitor["visitor"], author="Ada", content=rich_answer())
    site.core.add(visitor["visitor"], author="Ada", content=rich_answer(), status=bridge.DeliveryStatus.CANCELLED)
    await site.core.answer(visitor["visitor"], "Shown")
    tab = await site.tab(visitor["token"])
    assert plain(await tab.hear("event")) == "Shown"
    assert (await tab.socket.receive_json())["type"] == "synced"


async def test_messages_of_one_socket_keep_their_order(site: Site) -> None:
    visitor = await site.begin()
    tab = await site.tab(visitor["token"])
    for number in range(20):
        await tab.say(type="send", client_id=f"order-{number:04}", text=str(number))
    for number in range(20):
        await tab.hear("ack", client_id=f"order-{number:04}")
    received = [event for event in site.core.events if isinstance(event, bridge.MessageReceived)]
    assert [event.external_id[-4:] for event in received] == [f"{number:04}" for number in range(20)]


async def test_sending_again_is_harmless(site: Site) -> None:
    visitor = await site.begin()
    for duplicate in (False, True):
        tab = await site.tab(visitor["token"])
        await tab.say(type="send", client_id="again-0001", text="Once")
        assert (await tab.hear("ack"))["duplicate"] is duplicate
        await tab.socket.close()
    assert len(site.core.messages[visitor["visitor"]]) == 1


async def test_a_tab_that_comes_back_misses_nothing_and_sees_edits(site: Site) -> None:
    visitor = await site.begin()
    tab = await site.tab(visitor["token"])
    first = await site.core.answer(visitor["visitor"], "One")
    await tab.hear("event")
    await tab.socket.close()
    await site.core.answer(visitor["visitor"], "Two")
    await site.core.revise(visitor["visitor"], first, rich_answer())
    second = await site.tab(visitor["token"], after=tab.cursor)
    heard = [await second.hear("event"), await second.hear("event")]
    assert [frame["item"]["edited"] for frame in heard] == [False, True]
    await site.core.revise(visitor["visitor"], first, None)
    gone = (await second.hear("event"))["item"]
    assert gone["deleted"]
    assert "body" not in gone


async def test_every_gesture_becomes_an_event_about_her_own_conversation(site: Site) -> None:
    visitor = await site.begin()
    me = visitor["visitor"]
    tab = await site.tab(
        visitor["token"], url="https://shop.example/lamps", title="Lamps", language="de-AT", email="a@b.c"
    )
    await tab.say(type="send", client_id="mine-00001", text="Hi")
    await tab.hear("ack")
    answer = await site.core.answer(me, choices())
    ref = answer.removeprefix(f"{me}/")
    await tab.say(type="edit", client_id="edit-00001", id="c/mine-00001", text="Hello")
    await tab.say(type="react", client_id="react-0001", id=ref, emoji="👍")
    await tab.say(type="typing")
    await tab.say(type="delivered", ids=[ref])
    await tab.say(type="read", id=ref)
    await tab.say(type="send", client_id="quote-0001", text="This one", reply_to=ref)
    await tab.say(type="send", client_id="choice-001", choice={"id": ref, "value": "yes", "label": "Yes"})
    await tab.say(type="delete", client_id="delete-001", id="c/mine-00001")
    await tab.hear("ack", client_id="delete-001")
    events = site.core.events
    kinds = "MessageReceived MessageEdited ReactionChanged Typing StatusChanged ReadUpTo MessageReceived ChoiceMade"
    assert [type(event).__name__ for event in events] == [*kinds.split(), "MessageDeleted"]
    first, edited, reacted, _, delivered, read, quoted, chosen, deleted = events
    assert isinstance(first, bridge.MessageReceived)
    # What she types about herself is shown, and links her to nobody.
    assert first.sender.proof is bridge.Proof.CLAIMED
    assert (first.sender.email, first.sender.claims) == ("", ("mailto:a@b.c",))
    assert first.sender.facts["Page"] == "Lamps (https://shop.example/lamps)"
    assert first.sender.language == "de-AT"
    assert isinstance(reacted, bridge.ReactionChanged)
    assert (reacted.external_id, reacted.emoji) == (answer, "👍")
    assert isinstance(delivered, bridge.StatusChanged)
    assert delivered.status is bridge.DeliveryStatus.DELIVERED
    assert isinstance(read, bridge.ReadUpTo)
    assert isinstance(quoted, bridge.MessageReceived)
    assert quoted.quote == answer
    assert isinstance(chosen, bridge.ChoiceMade)
    assert (chosen.external_id, chosen.value) == (answer, "yes")
    assert isinstance(edited, bridge.MessageEdited)
    assert isinstance(deleted, bridge.MessageDeleted)
    assert edited.external_id == deleted.external_id == first.external_id


async def test_typing_is_shown_and_limited(site: Site) -> None:
    visitor = await site.begin()
    tab = await site.tab(visitor["token"])
    await tab.hear("synced")
    await site.core.bridge.show_typing(bridge.Recipient(external_id=visitor["visitor"], name=""))
    assert (await tab.hear("typing"))["for"] > 0
    for _ in range(5):
        await tab.say(type="typing")
    await tab.say(type="ping")
    await tab.hear("pong")
    assert [type(event) for event in site.core.events] == [bridge.Typing]


async def test_the_twenty_first_message_has_to_wait(site: Site) -> None:
    visitor = await site.begin()
    tab = await site.tab(visitor["token"])
    for number in range(21):
        await tab.say(type="send", client_id=f"rate-{number:05}", text="x")
    error = await tab.hear("error", client_id="rate-00020")
    assert error["code"] == "rate_limited"
    assert 0 < error["retry_after"] <= 3
    assert len(site.core.raws) == 20


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "malformed"),
        ("[" * 50_000, "malformed"),
        ("[]", "malformed"),
        ('"hello"', "malformed"),
        ('{"type": "launch"}', "malformed"),
        ('{"type": "send", "client_id": "x"}', "malformed"),
        ('{"type": "edit", "client_id": "12345678", "id": "m/1", "text": "not hers"}', "malformed"),
        ('{"type": "react", "client_id": "12345678", "id": "c/12345678", "emoji": "x"}', "malformed"),
        ('{"type": "send", "client_id": "12345678", "text": "  "}', "empty"),
        ('{"type": "send", "client_id": "12345678", "uploads": ["made.up"]}', "upload"),
        (json.dumps({"type": "send", "client_id": "12345678", "text": "a" * 10_001}), "too_long"),
        (json.dumps({"type": "react", "client_id": "12345678", "id": "m/1", "x": "a" * 17_000}), "too_large"),
        ("x" * 132_000, "too_large"),
    ],
)
async def test_a_frame_that_makes_no_sense_is_answered_and_counted(site: Site, frame: str, code: str) -> None:
    tab = await site.tab((await site.begin())["token"])
    await tab.socket.send_str(frame)
    error = await tab.hear("error")
    assert error["code"] == code
    assert error["message"].endswith(".")
    assert site.core.bridge.sockets.refused == {code: 1}
    await tab.say(type="ping")
    await tab.hear("pong")
    assert not site.core.raws


async def test_whoever_keeps_sending_nonsense_is_disconnected(site: Site) -> None:
    tab = await site.tab((await site.begin())["token"])
    for _ in range(12):
        await tab.socket.send_str("{")
    assert (await tab.hear("bye"))["code"] == "mistakes"
    await tab.closed()


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("👩‍👩‍👧‍👦" + "語" * 9_000, "👩‍👩‍👧‍👦" + "語" * 9_000),
        ("🙂" * 10_000, "🙂" * 10_000),
        ("a\0b", "ab"),
        ("half \ud83d pair", "half � pair"),
        ("<!channel> *x* <script>", "<!channel> *x* <script>"),
    ],
)
async def test_any_text_arrives_as_it_can_be_kept(site: Site, sent: str, stored: str) -> None:
    tab = await site.tab((await site.begin())["token"])
    await tab.say(type="send", client_id="hostile-01", text=sent)
    await tab.hear("ack")
    assert plain(await tab.hear("event")) == stored


async def test_the_sixth_tab_takes_the_place_of_the_first(site: Site) -> None:
    visitor = await site.begin()
    tabs = [await site.tab(visitor["token"]) for _ in range(6)]
    assert (await tabs[0].hear("bye"))["code"] == "replaced"
    await tabs[0].closed()
    await site.core.answer(visitor["visitor"], "To five")
    for tab in tabs[1:]:
        assert plain(await tab.hear("event")) == "To five"


async def test_what_could_not_be_stored_is_not_acked(site: Site) -> None:
    tab = await site.tab((await site.begin())["token"])
    site.core.broken = RuntimeError("the database is away")
    await tab.say(type="send", client_id="broken-001", text="Keep me")
    error = await tab.hear("error", client_id="broken-001")
    assert error["code"] == "try_again"
    assert "database" not in error["message"]
    site.core.broken = None
    await tab.say(type="send", client_id="broken-001", text="Keep me")
    assert not (await tab.hear("ack"))["duplicate"]


async def test_a_session_that_ends_says_so(site: Site) -> None:
    visitor = await site.begin()
    site.core.clock = datetime.now(UTC) + timedelta(minutes=59, seconds=59)
    tab = await site.tab(visitor["token"])
    await tab.hear("synced")
    site.core.clock += timedelta(minutes=2)
    site.core.bridge.hub.nudge(visitor["visitor"])
    assert (await tab.hear("bye"))["code"] == "expired"
    await tab.closed()


async def test_a_browser_that_does_not_read_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "PATIENCE", 0.05)
    session = Session(visitor=Visitor(external_id="visitor:x"), ends=datetime.now(UTC))
    listener = Listener(session, after=0)
    for _ in range(hub_module.QUEUE):
        await listener.put({"type": "event"})
    with pytest.raises(TimeoutError):
        await listener.put({"type": "event"})
    # Typing is simply lost, and a goodbye always fits.
    listener.offer({"type": "typing"})
    listener.dismiss("restart")
    assert listener.queue.get_nowait() == {"type": "bye", "code": "restart"}
    assert listener.queue.empty()


async def test_long_polling_gives_the_same_conversation(site: Site) -> None:
    visitor = await site.begin()
    me = {"Authorization": f"Bearer {visitor['token']}", "Origin": site.origin}
    frame = {"type": "send", "client_id": "poll-00001", "text": "Hi", "about": {"title": "Lamps"}}
    async with site.http.post(f"{site.base}/send", json=frame, headers=me) as answer:
        assert (await answer.json())["type"] == "ack"
    assert site.core.senders[visitor["visitor"]].facts == {"Page": "Lamps"}

    async def poll(after: int, wait: int) -> dict[str, Any]:
        async with site.http.get(f"{site.base}/events?after={after}&wait={wait}", headers=me) as answer:
            assert answer.status == 200
            return dict(await answer.json())

    first = await poll(0, 0)
    assert [plain(frame) for frame in first["frames"]] == ["Hi"]
    # The question waits for up to 20 seconds, and is answered as soon as there is something.
    site.core.commit_delay = 0.3
    async with asyncio.timeout(5):
        heard, _ = await asyncio.gather(poll(first["cursor"], 20), site.core.answer(visitor["visitor"], "Hello"))
    assert plain(heard["frames"][0]) == "Hello"
    async with site.http.post(f"{site.base}/send", data=b"{", headers=me) as answer:
        assert (await answer.json())["code"] == "malformed"
