"""A customer with LINE and an agent in Slack, through the whole product: words, pictures, unsending, bad days."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from sandbox.faults import Fault
from sandbox.line.world import Bubble
from sandbox.play.agents import SlackAgent, words
from sandbox.play.samples import PNG
from sandbox.stage import Stage
from tests.flows.conftest import Opens, settled, until


@dataclass(frozen=True, slots=True, kw_only=True)
class Chatting:
    """Ada's phone, and Bea who answers."""

    stage: Stage
    agent: SlackAgent
    ada: str

    async def write(self, text: str) -> str:
        return await self.stage.line.customer_writes(self.ada, text)

    def heard(self) -> list[Bubble]:
        return [bubble for bubble in self.stage.line.chat(self.ada) if bubble.from_bot]

    async def thread(self) -> str:
        found: str = await until(lambda: self.agent.thread_of("Ada"), "a thread for Ada")
        return found

    async def stands(self, text: str) -> str:
        thread = await self.thread()
        return words(await until(lambda: self.agent.find(thread, text), f"{text!r} in the thread"))

    async def arrives(self, text: str) -> Bubble:
        def found() -> Bubble | None:
            return next((bubble for bubble in self.heard() if text in bubble.text), None)

        bubble: Bubble = await until(found, f"{text!r} on the phone")
        return bubble


@pytest.fixture
async def chatting(set_stage: Opens) -> AsyncIterator[Chatting]:
    async with set_stage(channels=("line",)) as stage:
        user = stage.line.add_customer("Ada", language="ja")
        yield Chatting(stage=stage, agent=SlackAgent(stage.slack, stage.bea, stage.support), ada=user)


async def test_a_conversation_on_line(chatting: Chatting) -> None:
    await chatting.write("Where is my lamp? 🙂")
    thread = await chatting.thread()
    assert "Where is my lamp? 🙂" in await chatting.stands("lamp")
    ts = await chatting.agent.replies(thread, "It is *on its way*")
    assert (await chatting.arrives("It is on its way")).by_reply, "the first answer within the minute is free"
    await until(lambda: chatting.agent.is_signed(ts, thread), "the mark that it was delivered")
    await chatting.agent.replies(thread, "And here is more")
    assert not (await chatting.arrives("here is more")).by_reply
    await chatting.write("<!channel> thanks & bye")
    assert "<!channel> thanks & bye" in await chatting.stands("bye")


async def test_pictures_go_both_ways(chatting: Chatting) -> None:
    await chatting.stage.line.customer_sends(chatting.ada, "image", "", "image/png", PNG)
    thread = await chatting.thread()
    await until(lambda: chatting.agent.has_file(thread, "photo.jpg", "image/png"), "her picture in the thread")
    await chatting.agent.replies(thread, "Or this one?", files=[("other.png", "image/png", PNG)])
    await chatting.arrives("Or this one?")
    (picture,) = [bubble for bubble in chatting.heard() if bubble.kind == "image"]
    assert await chatting.stage.line.customer_opens(chatting.ada, picture.id) == PNG


async def test_what_she_takes_back_is_marked_in_the_thread(chatting: Chatting) -> None:
    await chatting.write("Hello")
    sent = await chatting.write("My card is 4242")
    await chatting.stands("4242")
    await chatting.stage.line.customer_unsends(chatting.ada, sent)
    assert "4242" in await chatting.stands("Deleted by the customer")


async def test_blocking_is_said(chatting: Chatting) -> None:
    await chatting.write("Hello")
    await chatting.stands("Hello")
    await chatting.stage.line.customer_blocks(chatting.ada)
    await chatting.stands("Ada blocked the account")
    await chatting.stage.line.customer_adds(chatting.ada)
    await chatting.stands("Ada unblocked the account")


@pytest.mark.parametrize("endpoint", ["reply", "push"])
async def test_a_lost_answer_is_sent_again_and_arrives_once(chatting: Chatting, endpoint: str) -> None:
    await chatting.write("Hello")
    thread = await chatting.thread()
    if endpoint == "push":
        chatting.stage.line.world.reply_tokens.clear()
    chatting.stage.line.faults.order(endpoint, Fault(drop="after"))
    ts = await chatting.agent.replies(thread, "Only once")
    await chatting.arrives("Only once")
    await until(lambda: chatting.agent.is_signed(ts, thread), "the mark that it was delivered")
    await settled(chatting.stage)
    assert [bubble.text for bubble in chatting.heard()] == ["Only once"]


async def test_what_cannot_be_delivered_is_said(chatting: Chatting) -> None:
    await chatting.write("Hello")
    thread = await chatting.thread()
    chatting.stage.line.customer_leaves(chatting.ada)
    await chatting.agent.replies(thread, "Are you there?")
    assert "no longer has this customer" in await chatting.stands("was not delivered")


async def test_what_comes_twice_and_late_stands_once(chatting: Chatting) -> None:
    chatting.stage.line.delivery.twice = True
    await chatting.write("Hello")
    await chatting.stands("Hello")
    await chatting.stage.line.idle()
    await settled(chatting.stage)
    thread = await chatting.thread()
    assert chatting.agent.times(thread, "Hello") == 1
    chatting.stage.line.hold_events()
    await chatting.write("First")
    await chatting.write("Second")
    chatting.stage.line.release_events("reversed", batch=False)
    await chatting.stands("First")
    await chatting.stands("Second")
    assert chatting.agent.times(thread, "First") == chatting.agent.times(thread, "Second") == 1
