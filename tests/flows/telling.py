"""A customer and her thread, as an agent sees both: what the flows about agents' words begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.play.agents import SlackAgent, words
from sandbox.slack.composer import compose
from sandbox.stage import Stage
from sandbox.visitor import Visitor
from tests.flows.conftest import settled, until


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One thread of a web chat visitor, and the agent who reads it."""

    stage: Stage
    visitor: Visitor
    agent: SlackAgent
    thread: str

    def colleague(self, user: str) -> SlackAgent:
        return SlackAgent(self.stage.slack, user, self.agent.room)

    async def arrives(self, text: str) -> None:
        """Waits until the customer has these words."""
        await self.visitor.until(lambda: any(text in shown for shown in self.visitor.texts(mine=False)))

    async def stands(self, text: str) -> dict[str, Any]:
        """The post of the thread with these words, as soon as it is there."""
        post: dict[str, Any] = await until(lambda: self.agent.find(self.thread, text), f"{text!r} in the thread")
        return post

    async def whispered(self, text: str, user: str = "") -> dict[str, Any]:
        """What was told privately to this agent."""
        return await whispered(self.stage, user or self.agent.user, text, self.thread)

    async def quiet(self) -> None:
        """Until all that was said had its effect."""
        await self.stage.slack.idle()
        await settled(self.stage)

    def heard(self) -> list[str]:
        """What the customer has from agents."""
        return self.visitor.texts(mine=False)

    async def opens_form(self, label: str) -> str:
        """Presses a button of the card that asks something; the id of the modal."""
        await self.agent.presses(self.thread, label)
        views = await until(lambda: self.stage.slack.views_open(self.agent.user), f"the form of {label}")
        return str(views[-1]["id"])

    async def fills_in(self, view: str, text: str) -> None:
        ack = await self.stage.slack.person_submits_view(self.agent.user, view, {"text": compose(text)[1][0]})
        assert ack.ok, ack


async def talk(stage: Stage, visitor: Visitor, name: str, first: str, room: str) -> Talk:
    """The visitor of that name writes; her thread stands."""
    agent = SlackAgent(stage.slack, stage.bea, room)
    await visitor.send(first)
    thread = await until(lambda: agent.thread_of(name), "the thread")
    return Talk(stage=stage, visitor=visitor, agent=agent, thread=thread)


async def whispered(stage: Stage, user: str, text: str, thread: str) -> dict[str, Any]:
    """What was told privately to that person in a thread, as soon as it is there."""

    def seen() -> Any:
        told = [one for one in stage.slack.ephemerals(user) if one.get("thread_ts") == thread]
        return next((one for one in reversed(told) if text in words(one)), None)

    found: dict[str, Any] = await until(seen, f"{text!r}, told to {user}")
    return found
