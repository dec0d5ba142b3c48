"""Messenger and Instagram in the whole product: there and back, echoes of other tools, and conversations taken over."""

from __future__ import annotations

import pytest

from sandbox.faults import Fault
from sandbox.play.agents import SlackAgent
from tests.flows.conftest import Opens, settled, until
from tests.flows.reading import find, threads

CHANNELS = ("messenger", "instagram")


@pytest.mark.parametrize("channel", CHANNELS)
async def test_there_and_back(set_stage: Opens, channel: str) -> None:
    async with set_stage(channels=(channel,)) as stage:
        page = getattr(stage.graph, channel)
        ada = page.add_customer("Ada Moss", username="ada")
        hers = await page.customer_writes(ada, "Where is my lamp?")
        (opening,) = await until(lambda: threads(stage), "her thread")
        agent = SlackAgent(stage.slack, stage.bea, stage.support)
        post = await agent.replies(opening["ts"], "It is *on its way*.")
        bubble = await until(lambda: next((one for one in page.chat(ada) if one.ours), None), "the reply on her phone")
        assert bubble.text == "It is on its way."
        await until(lambda: page.message(hers).seen, "that her message was seen")
        await page.customer_reads(ada)
        await until(lambda: agent.is_signed(post, opening["ts"]), "that it was read")
        await page.customer_edits(ada, hers, "Where are my lamps?")
        await until(lambda: find(stage, opening, "Where are my lamps?"), "her correction")
        await settled(stage)
        assert len([one for one in page.chat(ada) if one.ours]) == 1
        assert not find(stage, opening, "Answered with"), "our own echo is not shown"


@pytest.mark.parametrize("channel", CHANNELS)
async def test_what_others_answer_is_shown(set_stage: Opens, channel: str) -> None:
    async with set_stage(channels=(channel,)) as stage:
        page = getattr(stage.graph, channel)
        ada = page.add_customer("Ada Moss", username="ada")
        await page.customer_writes(ada, "Where is my lamp?")
        (opening,) = await until(lambda: threads(stage), "her thread")
        await page.owner_writes(ada, "It left yesterday.")
        await until(lambda: find(stage, opening, "Answered with Meta Business Suite"), "what the inbox answered")
        page.locks = True
        page.hand_over(ada)
        await until(lambda: find(stage, opening, "answers from now on"), "that another app has it")
        agent = SlackAgent(stage.slack, stage.bea, stage.support)
        await agent.replies(opening["ts"], "A person here.")
        await until(lambda: [one for one in page.chat(ada) if one.text == "A person here."], "that it was taken over")


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_lost_answer_is_found_and_nothing_is_sent_twice(
    set_stage: Opens, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridges._meta.graph.STATUS_COMES_S", 1.0)
    async with set_stage(channels=(channel,)) as stage:
        page = getattr(stage.graph, channel)
        ada = page.add_customer("Ada Moss")
        await page.customer_writes(ada, "Where is my lamp?")
        (opening,) = await until(lambda: threads(stage), "her thread")
        stage.graph.faults.order("messages", Fault(drop="after"))
        agent = SlackAgent(stage.slack, stage.bea, stage.support)
        await agent.replies(opening["ts"], "It is on its way.")
        await until(lambda: [one for one in page.chat(ada) if one.ours], "the reply on her phone")
        await settled(stage)
        assert len([one for one in page.chat(ada) if one.ours]) == 1
        assert not agent.find(opening["ts"], "not known")


async def test_after_a_day_the_reply_of_a_person_carries_the_tag(set_stage: Opens) -> None:
    async with set_stage(channels=("messenger",)) as stage:
        page = stage.graph.messenger
        ada = page.add_customer("Ada Moss")
        await page.customer_writes(ada, "Where is my lamp?")
        (opening,) = await until(lambda: threads(stage), "her thread")
        # Meta counts otherwise than we do, and knows better.
        page.person(ada).wrote_at = stage.graph.clock() - 90_000
        agent = SlackAgent(stage.slack, stage.bea, stage.support)
        await agent.replies(opening["ts"], "It is on its way.")
        await until(lambda: find(stage, opening, "allows free replies only for 24 hours"), "why it did not arrive")
        # From then on we know, too.
        await agent.replies(opening["ts"], "It is on its way, says a person.")
        await until(lambda: [one for one in page.chat(ada) if "a person" in one.text], "the tagged reply")
        tags = [call.body.get("tag") for call in stage.graph.calls if call.method == "messages"]
        assert tags == [None, "HUMAN_AGENT"]
