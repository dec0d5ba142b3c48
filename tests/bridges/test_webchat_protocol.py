"""The web chat's WebSocket, as a browser speaks it: order, acks, resume, limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.contracts import bridge
from tests.bridges.webchat_runtime import MemoryCore, rich_answer
from tests.bridges.webchat_site import Site, serving_chat


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving_chat(MemoryCore(folder=tmp_path)) as site:
        yield site


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
    await tab.socket.close()
