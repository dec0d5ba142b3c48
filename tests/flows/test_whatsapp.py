"""WhatsApp in the whole product: there and back, and a batch as large as Meta sends with one poisonous event in it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.contracts.text import from_json, plain
from core.conversations.models import messages
from sandbox.faults import Fault
from sandbox.play.agents import SlackAgent
from tests.flows.conftest import Opens, settled, until
from tests.flows.reading import find, threads

MEGABYTES_3 = 3 * 1024 * 1024


async def test_there_and_back(set_stage: Opens) -> None:
    async with set_stage(channels=("whatsapp",)) as stage:
        phone = stage.graph.whatsapp
        ada = phone.add_customer("Ada", username="ada", phone="+49 1511 0000001")
        hers = await phone.customer_writes(ada, "Where is my lamp?")
        (opening,) = await until(lambda: threads(stage), "her thread")
        agent = SlackAgent(stage.slack, stage.bea, stage.support)
        await agent.replies(opening["ts"], "It is *on its way*.")
        bubble = await until(lambda: next((one for one in phone.chat(ada) if one.ours), None), "the reply on her phone")
        assert (bubble.raw, bubble.text) == ("It is *on its way*.", "It is on its way.")
        await until(lambda: phone.message(hers).seen, "that her message was read")
        await phone.customer_reads(ada)
        await phone.customer_reacts(ada, bubble.id, "👍")
        await until(lambda: phone.message(bubble.id).status == "read", "that it was read")
        await settled(stage)


async def test_a_lost_answer_is_told_by_a_status_and_nothing_is_sent_twice(
    set_stage: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridges._meta.graph.STATUS_COMES_S", 1.0)
    async with set_stage(channels=("whatsapp",)) as stage:
        phone = stage.graph.whatsapp
        ada = phone.add_customer("Ada")
        await phone.customer_writes(ada, "Where is my lamp?")
        (opening,) = await until(lambda: threads(stage), "her thread")
        stage.graph.faults.order("messages", Fault(drop="after"))
        agent = SlackAgent(stage.slack, stage.bea, stage.support)
        post = await agent.replies(opening["ts"], "It is on its way.")
        await until(lambda: agent.is_signed(post, opening["ts"]), "that it is known to have arrived")
        assert [one.text for one in phone.chat(ada) if one.ours] == ["It is on its way."]
        assert len([call for call in stage.graph.calls if call.method == "messages"]) == 1
        assert not agent.find(opening["ts"], "not known")


async def test_a_closed_window_is_told_in_the_thread(set_stage: Opens) -> None:
    async with set_stage(channels=("whatsapp",)) as stage:
        phone = stage.graph.whatsapp
        ada = phone.add_customer("Ada")
        await phone.customer_writes(ada, "Where is my lamp?")
        (opening,) = await until(lambda: threads(stage), "her thread")
        # Meta counts otherwise than we do: a call that we never saw, or a clock that differs.
        phone.person(ada).wrote_at -= 90_000
        agent = SlackAgent(stage.slack, stage.bea, stage.support)
        await agent.replies(opening["ts"], "It is on its way.")
        await until(lambda: find(stage, opening, "allows free replies only for 24 hours"), "why it did not arrive")


async def test_three_megabytes_with_one_poisonous_event(set_stage: Opens) -> None:
    """All but the poisonous one arrive, and the answer is 200, so that Meta has no reason to bring them again."""
    async with set_stage(channels=("whatsapp",)) as stage:
        phone = stage.graph.whatsapp
        people = [phone.add_customer(f"Customer {number}") for number in range(6)]
        phone.delivery.patience = 60.0
        phone.delivery.hold()
        for number in range(120):
            await phone.customer_writes(people[number % 6], f"{number}: " + "ä" * 4000)
            if number == 60:
                poison = {"messages": [{"type": "text", "id": {"not": "an id"}}]}
                phone.tell("messages", poison, lane="")
        phone.delivery.release()
        await until(lambda: phone.delivery.records, "an answer", 60)
        (record,) = phone.delivery.records
        assert MEGABYTES_3 * 0.9 < record.size < MEGABYTES_3
        assert (record.status, record.events) == (200, 121)
        (aside,) = await stage.app.storage.read(stage.app.quarantine.list)
        assert aside.source == "bridge:whatsapp"
        # It is answered after the commit, so all is there by now.
        stored = await stage.app.storage.read(
            lambda connection: connection.execute(select(messages.c.body)).scalars().all()
        )
        found = sorted(int(plain(from_json(body)).partition(":")[0]) for body in stored)
        assert found == list(range(120))
