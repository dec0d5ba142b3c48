"""The script: every kind of message, both ways, on every channel; a table of what happened and how long it took."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from sandbox.play.agents import SlackAgent
from sandbox.play.customers import Customer, MailCustomer, TelegramCustomer, WebCustomer
from sandbox.play.samples import GREETINGS, MIXED, PDF, PNG, TRICKY, long_text
from sandbox.stage import Stage
from sandbox.visitor import Visitor

_PATIENCE = 20.0
_LOOK_EVERY = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was tried."""

    channel: str
    what: str
    seconds: float
    #: "": it happened; else what was missing.
    missing: str


class Scene:
    """One customer and one agent."""

    def __init__(self, customer: Customer, agent: SlackAgent) -> None:
        self.customer = customer
        self.agent = agent
        self.steps: list[Step] = []
        self.thread = ""

    async def step(self, what: str, act: Callable[[], Awaitable[Any]], seen: Callable[[], Any]) -> Any:
        """Does something and waits until the other side sees it."""
        started = time.perf_counter()
        missing = ""
        found: Any = None
        try:
            await act()
            deadline = started + _PATIENCE
            # The sandboxes are looked at from outside, as a person would.
            while not (found := seen()) and time.perf_counter() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_EVERY)
            if not found:
                raise TimeoutError
        except TimeoutError:
            missing = f"not seen within {_PATIENCE:.0f} s"
        except Exception as problem:
            missing = f"{type(problem).__name__}: {problem}"
        seconds = time.perf_counter() - started
        self.steps.append(Step(channel=self.customer.channel, what=what, seconds=round(seconds, 3), missing=missing))
        return found

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
        return self.steps

    async def _meet(self) -> None:
        customer, agent = self.customer, self.agent
        hello = f"Hello, this is {customer.name}. {MIXED}"
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
            self._file_shown("order.pdf", "application/pdf"),
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
        kind = mime.partition("/")[0]

        def seen() -> bool:
            # Telegram gives photos no name.
            return any(
                file.get("name") == name or (kind == "image" and file.get("mimetype", "").startswith(kind))
                for post in self.agent.posts(self.thread)
                for file in post.get("files", [])
            )

        return seen

    async def _agent_side(self) -> None:
        customer, agent = self.customer, self.agent
        ts = ""

        async def reply(text: str) -> None:
            nonlocal ts
            ts = await agent.replies(self.thread, text)

        await self.step("the answer", lambda: reply(f"Thank you. {MIXED}"), self.arrived(GREETINGS))
        if customer.channel != "Web chat":
            # A browser says itself what it has; the script's visitor shows no marks.
            await self.step("marked as sent", _nothing, lambda: agent.is_signed(ts, self.thread))
        await self.step("a note stays inside", lambda: agent.replies(self.thread, "// not for her"), self._no_note)
        await self.step("an answer of 10,000 characters", lambda: reply(long_text("A")), self.arrived("A-the-end"))
        await self.step(
            "a file back",
            lambda: agent.replies(self.thread, "The invoice", files=[("invoice.pdf", "application/pdf", PDF)]),
            lambda: "invoice.pdf" in customer.files(),
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
                lambda: agent.reacts(post["ts"] if post else "", "thumbsup"),
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
        return any(
            reaction["name"] == "heart"
            for post in self.agent.posts(self.thread)
            for reaction in post.get("reactions", [])
        ) or bool(self.agent.find(self.thread, "❤"))

    async def _end(self) -> None:
        agent = self.agent
        await self.step("resolved", lambda: agent.presses(self.thread, "Resolve"), self.shown("resolved this"))
        await self.step("card says so", _nothing, self.shown("Resolved"))
        await self.step("writes again: same thread", lambda: self.customer.writes("One more question"), self._again)

    def _again(self) -> Any:
        return self.agent.find(self.thread, "One more question")


async def _nothing() -> None:
    return None


async def play(stage: Stage, *, as_json: bool) -> int:
    """Plays every scene at once; 0 when nothing is missing."""
    async with AsyncExitStack() as stack:
        agent = SlackAgent(stage.slack, stage.bea, stage.support)
        customers: list[Customer] = []
        if "webchat" in stage.options.channels:
            visitor = Visitor(stage.website, about={"name": "Wilma"})
            customers.append(WebCustomer(await stack.enter_async_context(visitor), "Wilma"))
        if "telegram" in stage.options.channels:
            customers.append(TelegramCustomer(stage.telegram, "Tariq"))
        if "email" in stage.options.channels:
            customers.append(MailCustomer(stage.mail, "Emma"))
        scenes = await asyncio.gather(*(Scene(customer, agent).play() for customer in customers))
    steps = [step for scene in scenes for step in scene]
    missing = sum(1 for step in steps if step.missing)
    if as_json:
        sys.stdout.write(json.dumps({"missing": missing, "steps": [asdict(step) for step in steps]}, indent=2) + "\n")
    else:
        _print(steps, missing)
    return 1 if missing or not steps else 0


def _print(steps: list[Step], missing: int) -> None:
    console = Console()
    table = Table("channel", "step", "seconds", "", box=None, pad_edge=False)
    for step in steps:
        mark = "[red]✗[/] " + step.missing if step.missing else "[green]✓[/]"
        table.add_row(step.channel, step.what, f"{step.seconds:.2f}", mark)
    console.print(table)
    console.print(f"\n{len(steps) - missing} seen, {missing} missing.")
