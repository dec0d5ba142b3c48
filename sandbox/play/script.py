"""The script: every kind of message, both ways, on every channel; a table of what happened and how long it took."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from sandbox.play.agents import Agent, SlackAgent, TeamsAgent
from sandbox.play.customers import Customer, MailCustomer, TelegramCustomer, WebCustomer
from sandbox.play.mirror import Mirror
from sandbox.play.phones import InstagramCustomer, LineCustomer, MessengerCustomer, SmsCustomer, WhatsAppCustomer
from sandbox.play.samples import GREETINGS, MIXED, PDF, PNG, TRICKY, long_text
from sandbox.play.steps import Step, Steps, nothing
from sandbox.stage import Stage
from sandbox.visitor import Visitor


class Scene:
    """One customer and one agent."""

    def __init__(self, customer: Customer, agent: Agent, opens: str) -> None:
        self.customer = customer
        self.agent = agent
        #: Words in the first message that decide where the conversation is shown.
        self.opens = opens
        self.step = Steps(agent.workplace, customer.channel)
        self.thread = ""

    def shown(self, text: str) -> Callable[[], Any]:
        return lambda: self.agent.find(self.thread, text)

    def arrived(self, text: str) -> Callable[[], Any]:
        return lambda: any(text in words for words in self.customer.texts())

    async def play(self) -> list[Step]:
        await self._meet()
        if self.thread:
            await self._customer_side()
            await self._agent_side()
            await self._end()
        return self.step.done

    async def _meet(self) -> None:
        customer, agent = self.customer, self.agent
        hello = f"Hello {self.opens}, this is {customer.name}. {MIXED}"
        self.thread = (
            await self.step(
                "first message opens a thread",
                lambda: customer.writes(hello),
                lambda: agent.thread_of(customer.name),
            )
            or ""
        )

    async def _customer_side(self) -> None:
        customer = self.customer
        await self.step("hostile text is only text", lambda: customer.writes(TRICKY), self.shown("<!channel>"))
        await self.step("10,000 characters", lambda: customer.writes(long_text("C")), self.shown("C-the-end"))
        await self.step(
            "an image", lambda: customer.sends("cup.png", "image/png", PNG), self._file_shown("cup.png", "image/png")
        )
        await self.step(
            "a PDF",
            lambda: customer.sends("order.pdf", "application/pdf", PDF),
            self._file_shown("order.pdf" if customer.names_files else ".pdf", "application/pdf"),
        )
        ref = ""

        async def write() -> None:
            nonlocal ref
            ref = await customer.writes("I would like green tea")

        await self.step("a message to change", write, self.shown("green tea"))
        if customer.edits:
            await self.step("edited", lambda: customer.edit(ref, "I would like black tea"), self.shown("black tea"))
        if customer.deletes:
            await self.step("deleted", lambda: customer.delete(ref), self.shown("eleted"))

    def _file_shown(self, name: str, mime: str) -> Callable[[], Any]:
        return lambda: self.agent.has_file(self.thread, name, mime)

    async def _agent_side(self) -> None:
        customer, agent = self.customer, self.agent
        ts = ""

        async def reply(text: str) -> None:
            nonlocal ts
            ts = await agent.replies(self.thread, text)

        await self.step("the answer", lambda: reply(f"Thank you. {MIXED}"), self.arrived(GREETINGS))
        if customer.channel != "Web chat":
            # A browser says itself what it has; the script's visitor shows no marks.
            await self.step("marked as sent", nothing, lambda: agent.is_signed(ts, self.thread))
        await self.step("a note stays inside", lambda: agent.replies(self.thread, "// not for her"), self._no_note)
        await self.step("an answer of 10,000 characters", lambda: reply(long_text("A")), self.arrived("A-the-end"))
        await self.step(
            "a file back",
            lambda: agent.replies(self.thread, "The invoice", files=[("invoice.pdf", "application/pdf", PDF)]),
            lambda: customer.has_file("invoice.pdf", "application/pdf"),
        )
        await self.step("an answer to change", lambda: reply("We have greem tea"), self.arrived("greem tea"))
        if customer.sees_edits:
            await self.step("edited", lambda: agent.edits(ts, "We have green tea"), self.arrived("We have green tea"))
        else:
            await self.step("edit: told that it cannot", lambda: agent.edits(ts, "We have green tea"), self._told)
        if customer.sees_deletes:
            await self.step("deleted", lambda: agent.deletes(ts), lambda: not self.arrived("We have green tea")())
        await self.step(
            "a quote",
            lambda: customer.writes("Yes, that one", quoting="Thank you."),
            self.shown("Yes, that one"),
        )
        if customer.sees_reactions:
            post = agent.find(self.thread, "Yes, that one")
            await self.step(
                "a reaction",
                lambda: agent.reacts(agent.id_of(post) if post else "", agent.thumbs_up),
                lambda: "👍" in customer.reactions(),
            )
        if customer.reacts:
            await self.step("a reaction back", lambda: customer.react("Thank you.", "❤️"), self._reacted)

    def _no_note(self) -> bool:
        inside = self.agent.find(self.thread, "not for her")
        return inside is not None and not any("not for her" in text for text in self.customer.texts())

    def _told(self) -> bool:
        return any("cannot change it there" in text for text in self.agent.whispers())

    def _reacted(self) -> bool:
        return self.agent.has_reaction(self.thread, "❤️")

    async def _end(self) -> None:
        agent = self.agent
        await self.step("resolved", lambda: agent.presses(self.thread, "Resolve"), self.shown("resolved this"))
        await self.step("card says so", nothing, self.shown("Resolved"))
        await self.step("writes again: same thread", lambda: self.customer.writes("One more question"), self._again)

    def _again(self) -> Any:
        return self.agent.find(self.thread, "One more question")


_SEGMENTS_A_SECOND = 75.0
#: Which words of a first message open its thread where; what has none of them is shown in both workspaces.
SLACK_ALONE, TEAMS_ALONE = "to the tea house", "to the tea garden"
#: The phones' threads stand in rooms of their own: Slack takes one post a second in each.
SLACK_VIP, TEAMS_VIP = "to the tea boat", "to the tea train"
ROUTES = f"""
[[routes]]
name = "slack"
rooms = ["shop/#support"]
when = {{ words = ["{SLACK_ALONE}"] }}
[[routes]]
name = "teams"
rooms = ["care/#customers"]
when = {{ words = ["{TEAMS_ALONE}"] }}
[[routes]]
name = "slack-vip"
rooms = ["shop/#vip"]
when = {{ words = ["{SLACK_VIP}"] }}
[[routes]]
name = "teams-vip"
rooms = ["care/#vip"]
when = {{ words = ["{TEAMS_VIP}"] }}
"""


async def play(stage: Stage, *, as_json: bool) -> int:
    """Plays every scene at once; 0 when nothing is missing. The stage has `ROUTES` and both workspaces."""
    async with AsyncExitStack() as stack:
        slack = SlackAgent(stage.slack, stage.bea, stage.support)
        teams = TeamsAgent(stage.teams, stage.care_omar, stage.customers)
        scenes: list[Scene] = []
        cast: list[tuple[Agent, str, tuple[str, str, str]]] = [
            (slack, SLACK_ALONE, ("Wilma", "Tariq", "Emma")),
            (teams, TEAMS_ALONE, ("Willow", "Tomas", "Erika")),
        ]
        for agent, opens, (webchat, telegram, email) in cast:
            customers: list[Customer] = []
            if "webchat" in stage.options.channels:
                visitor = Visitor(stage.website, about={"name": webchat})
                customers.append(WebCustomer(await stack.enter_async_context(visitor), webchat))
            if "telegram" in stage.options.channels:
                customers.append(TelegramCustomer(stage.telegram, telegram))
            if "email" in stage.options.channels:
                customers.append(MailCustomer(stage.mail, email))
            scenes += [Scene(customer, agent, opens) for customer in customers]
        elsewhere: list[tuple[Agent, str]] = [
            (SlackAgent(stage.slack, stage.omar, stage.vip), SLACK_VIP),
            (TeamsAgent(stage.teams, stage.care_bea, stage.care_vip), TEAMS_VIP),
        ]
        scenes += [Scene(customer, *elsewhere[n % 2]) for n, customer in enumerate(_on_phones(stage))]
        mirrored = Mirror(TelegramCustomer(stage.telegram, "Mira"), slack, teams)
        played = await asyncio.gather(*(scene.play() for scene in scenes), mirrored.play())
    steps = [step for one in played for step in one]
    missing = sum(1 for step in steps if step.missing)
    if as_json:
        sys.stdout.write(json.dumps({"missing": missing, "steps": [asdict(step) for step in steps]}, indent=2) + "\n")
    else:
        _print(steps, missing)
    return 1 if missing or not steps else 0


def _on_phones(stage: Stage) -> list[Customer]:
    """Those whose channel is connected; Slack and Teams answer them in turn."""
    makes: dict[str, Callable[[], Customer]] = {
        "whatsapp": lambda: WhatsAppCustomer(stage.graph, "Wanda", "+4915110000001"),
        "sms": lambda: SmsCustomer(stage.twilio, "+12025550142"),
        "messenger": lambda: MessengerCustomer(stage.graph, "Melissa"),
        "instagram": lambda: InstagramCustomer(stage.graph, "Ines"),
        "line": lambda: LineCustomer(stage.line, "Lin"),
    }
    if "sms" in stage.options.channels:
        # What carriers take from a registered sender, not from a number of one's own.
        stage.twilio.world.lines[stage.number].rate = _SEGMENTS_A_SECOND
    return [make() for channel, make in makes.items() if channel in stage.options.channels]


def _print(steps: list[Step], missing: int) -> None:
    console = Console()
    table = Table("agents in", "channel", "step", "seconds", "", box=None, pad_edge=False)
    for step in steps:
        mark = "[red]✗[/] " + step.missing if step.missing else "[green]✓[/]"
        table.add_row(step.workplace, step.channel, step.what, f"{step.seconds:.2f}", mark)
    console.print(table)
    console.print(f"\n{len(steps) - missing} seen, {missing} missing.")
