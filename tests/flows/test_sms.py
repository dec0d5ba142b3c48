"""A customer with a phone and an agent in Slack, through the whole product: texts, pictures, STOP, bad days."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from sandbox.faults import Fault
from sandbox.play.agents import SlackAgent, words
from sandbox.play.samples import PNG
from sandbox.stage import Stage
from tests.flows.conftest import Opens, settled, until

ADA = "+12025550199"


@dataclass(frozen=True, slots=True, kw_only=True)
class Texting:
    """Ada's phone, and Bea who answers."""

    stage: Stage
    agent: SlackAgent

    def write(self, text: str) -> str:
        return self.stage.twilio.customer_writes(ADA, text)

    def heard(self) -> list[str]:
        return [one.words for one in self.stage.twilio.phone(ADA) if one.direction == "outbound-api"]

    async def thread(self) -> str:
        found: str = await until(lambda: self.agent.thread_of(ADA), "a thread for the number")
        return found

    async def stands(self, text: str) -> str:
        thread = await self.thread()
        return words(await until(lambda: self.agent.find(thread, text), f"{text!r} in the thread"))

    async def arrives(self, text: str) -> None:
        await until(lambda: text in self.heard(), f"{text!r} on the phone")


@pytest.fixture
async def texting(set_stage: Opens) -> AsyncIterator[Texting]:
    async with set_stage(channels=("sms",)) as stage:
        stage.twilio.add_customer("Ada", ADA, city="Washington", country="US")
        yield Texting(stage=stage, agent=SlackAgent(stage.slack, stage.bea, stage.support))


async def test_a_conversation_by_text(texting: Texting) -> None:
    texting.write("Where is my lamp? 🙂")
    thread = await texting.thread()
    assert "Where is my lamp? 🙂" in await texting.stands("lamp")
    ts = await texting.agent.replies(thread, "It is *on its way*")
    await texting.arrives("It is on its way")
    await until(lambda: texting.agent.is_signed(ts, thread), "the mark that it was delivered")
    texting.write("<!channel> thanks & bye")
    assert "<!channel> thanks & bye" in await texting.stands("bye")
    assert texting.heard() == ["It is on its way"]


async def test_pictures_go_both_ways(texting: Texting) -> None:
    texting.stage.twilio.customer_sends(ADA, "image/png", PNG, text="This one")
    thread = await texting.thread()
    await until(lambda: texting.agent.has_file(thread, "image.png", "image/png"), "her picture in the thread")
    await texting.agent.replies(thread, "Or this one?", files=[("other.png", "image/png", PNG)])
    await texting.arrives("Or this one?")
    await until(lambda: any(one.media for one in texting.stage.twilio.phone(ADA)[1:]), "our picture on the phone")
    assert [one.data for bubble in texting.stage.twilio.phone(ADA)[1:] for one in bubble.media] == [PNG]
    assert not texting.stage.twilio.login_leaked


async def test_stop_is_obeyed_and_said(texting: Texting) -> None:
    texting.write("Hello")
    thread = await texting.thread()
    texting.write("STOP")
    assert "answered STOP" in await texting.stands("answered STOP")
    await texting.agent.replies(thread, "One last thing")
    await until(
        lambda: any("asked not to be written to" in told for told in texting.agent.whispers()), "why it did not leave"
    )
    assert not texting.heard()
    texting.write("START")
    await texting.stands("answered START")
    await texting.agent.replies(thread, "Good to have you back")
    await texting.arrives("Good to have you back")


async def test_a_phone_that_is_off_is_said_when_the_carrier_says_it(texting: Texting) -> None:
    texting.write("Hello")
    thread = await texting.thread()
    texting.stage.twilio.customer_loses_signal(ADA)
    await texting.agent.replies(thread, "Are you there?")
    assert "switched off or has no signal" in await texting.stands("was not delivered")


async def test_a_lost_answer_is_looked_up_and_never_repeated(texting: Texting) -> None:
    texting.write("Hello")
    thread = await texting.thread()
    texting.stage.twilio.faults.order("messages.create", Fault(drop="after"))
    ts = await texting.agent.replies(thread, "Only once")
    await texting.arrives("Only once")
    await until(lambda: texting.agent.is_signed(ts, thread), "the mark that it was delivered")
    await settled(texting.stage)
    assert texting.heard() == ["Only once"]


async def test_what_comes_twice_and_late_stands_once(texting: Texting) -> None:
    texting.stage.twilio.delivery.twice = True
    texting.write("Hello")
    await texting.stands("Hello")
    await texting.stage.twilio.idle()
    await settled(texting.stage)
    thread = await texting.thread()
    assert texting.agent.times(thread, "Hello") == 1
    texting.stage.twilio.hold_webhooks()
    ts = await texting.agent.replies(thread, "Hello Ada")
    await texting.arrives("Hello Ada")
    texting.stage.twilio.release_webhooks("reversed")
    await until(lambda: texting.agent.is_signed(ts, thread), "the mark that it was delivered")
    await texting.stage.twilio.idle()
    assert {one.status for one in texting.stage.twilio.delivery.delivered} == {200}
