"""What every story of the parity suite begins with: a customer who wrote, and the agent who sees her thread."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from core.contracts.gestures import Gesture
from core.contracts.places import PostRef
from core.contracts.workplace import Sign
from core.conversations import threads
from sandbox.play.customers import Customer, MailCustomer, TelegramCustomer, WebCustomer
from sandbox.stage import Stage
from sandbox.visitor import Visitor
from tests.contract.offices.office import Dialog, Office, Seen
from tests.contract.offices.rooms import Offices
from tests.contract.stories.letters import LetterCustomer
from tests.flows.conftest import until

_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One customer, her thread, and the agent who reads it."""

    stage: Stage
    office: Office
    customer: Customer
    thread: str
    #: The customer's first words.
    first: str

    @property
    def tab(self) -> Visitor:
        """The browser of a customer on the web chat."""
        assert isinstance(self.customer, WebCustomer)
        return self.customer.visitor

    @property
    def phone(self) -> int:
        """The Telegram account of a customer there."""
        assert isinstance(self.customer, TelegramCustomer)
        return self.customer.user

    def heard(self) -> list[str]:
        """What the customer has from agents."""
        return self.customer.texts()

    async def arrives(self, text: str) -> None:
        """Waits until the customer has these words."""
        await until(lambda: any(text in one for one in self.heard()), f"{text!r} at the customer's")

    async def hears_only(self, *texts: str) -> None:
        """One more reply leaves and arrives, and these before it: what has not come by then does not come."""
        last = f"That is all, number {next(_NUMBERS)}"
        await self.office.writes(self.thread, last)
        await self.arrives(last)
        assert self.heard() == [*texts, last]

    async def stands(self, text: str, office: Office | None = None, thread: str = "") -> Seen:
        """The latest post with these words, once it is there."""
        at, where = office or self.office, thread or self.thread

        def found() -> Seen | None:
            return next((post for post in reversed(at.posts(where)) if text in post.text), None)

        post: Seen = await until(found, f"{text!r} in the thread")
        return post

    def card(self) -> Seen:
        """The opening post."""
        return self.office.posts(self.thread)[0]

    async def card_says(self, text: str) -> None:
        """Waits until the card says so, to everybody."""
        for office in (self.office, self.office.colleague()):
            await until(
                lambda office=office: text in office.posts(self.thread)[0].text,  # type: ignore[misc]
                f"{text!r} on the card, seen by {office.name}",
            )

    async def signed(self, post: str, sign: Sign) -> None:
        await until(lambda: self.office.sign(self.thread, post) is sign, f"the mark {sign}")

    async def whispered(self, text: str, office: Office | None = None) -> str:
        """The private words that hold this text, once the agent was told."""
        at = office or self.office

        def found() -> str | None:
            return next((words for words in reversed(at.told(self.thread)) if text in words), None)

        words: str = await until(found, f"{text!r}, told to {at.name}")
        return words

    async def fills_in(self, label: str, fields: dict[str, str]) -> Dialog:
        """Presses a button that asks, and answers."""
        dialog = await self.office.opens(self.thread, label)
        await self.office.submits(dialog, fields)
        return dialog

    async def taken(self, post: str) -> None:
        """Until we know of what the agent wrote; it has not left by then, for it is held."""
        storage = self.stage.app.storage
        ref = PostRef(workspace=self.office.workspace, room=self.office.room, thread=self.thread, post=post)
        async with asyncio.timeout(10):
            while await storage.read(lambda connection: threads.post_at(connection, ref)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert self.heard() == [], "the hold is too short for this machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """How an agent does one thing, and what follows at the customer's and in the thread."""

    gesture: Gesture
    #: Where the customer is.
    channel: str
    play: Callable[[Talk], Awaitable[None]]


#: Every story that was told with `shows`, in their order.
STORIES: list[Story] = []


def shows(gesture: Gesture, channel: str = "webchat") -> Callable[[Any], Any]:
    """Makes a function the story of that gesture."""

    def told(play: Callable[[Talk], Awaitable[None]]) -> Callable[[Talk], Awaitable[None]]:
        STORIES.append(Story(gesture=gesture, channel=channel, play=play))
        return play

    return told


@asynccontextmanager
async def talking(stage: Stage, office: Office, channel: str, first: str) -> AsyncIterator[Talk]:
    """A fresh customer on that channel writes `first`, which routes her to the office's room; her thread stands."""
    name = f"Wilma{next(_NUMBERS)}"
    async with _customer(stage, channel, name) as customer:
        await customer.writes(first)
        thread = await until(lambda: office.thread_of(f"{name} "), "the thread")
        begins = 0 if office.spec.capabilities.opening_holds_message else 1
        shown = lambda: any(first in post.text for post in office.posts(thread)[begins:])  # noqa: E731
        await until(shown, "the first message")
        yield Talk(stage=stage, office=office, customer=customer, thread=thread, first=first)
        # So that the queues of the next ones are short.
        await office.writes(thread, "!resolve")


@asynccontextmanager
async def _customer(stage: Stage, channel: str, name: str) -> AsyncIterator[Customer]:
    match channel:
        case "webchat":
            # From an address of her own, for one address may not begin many sessions at once.
            address = f"127.0.1.{next(_NUMBERS) % 250 + 1}"
            async with Visitor(stage.website, about={"name": name}, address=address) as visitor:
                yield WebCustomer(visitor, name)
        case "telegram":
            yield TelegramCustomer(stage.telegram, name)
        case "letters":
            assert isinstance(stage, Offices)
            yield LetterCustomer(stage.letters, name)
        case _:
            yield MailCustomer(stage.mail, name)
