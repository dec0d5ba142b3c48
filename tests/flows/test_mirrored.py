"""One conversation in a Slack thread and a Teams thread at once: one owner, one state, everything once, no echo."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.contracts.workplace import Sign
from sandbox.faults import Fault
from sandbox.play.customers import Customer, TelegramCustomer, WebCustomer
from sandbox.play.samples import PNG
from sandbox.stage import Options, Stage
from sandbox.visitor import Visitor
from tests.contract.offices.office import Office, Seen
from tests.contract.offices.slack import SlackOffice
from tests.contract.offices.teams import TeamsOffice
from tests.flows.conftest import settled, until
from tests.flows.reading_teams import installed

BOTH = ("shop/#support", "care/#customers")
#: Slack takes one post a second in a room, so each story has rooms of its own.
ROOMS = 7
ROUTES = "\n".join(
    f'[[routes]]\nname = "r{number}"\nrooms = ["shop/#r{number}", "care/#r{number}"]\n'
    f'when = {{ words = ["room-{number}."] }}'
    for number in range(ROOMS)
)
#: Conversations about an order are shown in Slack alone, until somebody mirrors them.
ALONE = '[[routes]]\nname = "orders"\nrooms = ["shop/#support"]\nwhen = { words = ["order"] }\n'
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The conversation as it is shown in one workspace, and who looks at it there."""

    office: Office
    thread: str

    def posts(self) -> Sequence[Seen]:
        """What stands beneath the card; in Slack the card holds the first message."""
        shown = self.office.posts(self.thread)
        return shown[1:] if isinstance(self.office, TeamsOffice) else shown

    def card(self) -> Seen:
        return self.office.posts(self.thread)[0]

    def find(self, text: str) -> Seen | None:
        return next((post for post in reversed(self.posts()) if text in post.text), None)

    def times(self, text: str) -> int:
        return sum(text in post.text for post in self.posts())

    async def says(self, text: str, **more: Any) -> str:
        return await self.office.writes(self.thread, text, **more)

    async def stands(self, text: str) -> Seen:
        post: Seen = await until(lambda: self.find(text), f"{text!r} in {self.office.workspace}")
        return post

    def told(self) -> str:
        return "\n".join(self.office.told(self.thread))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One customer, and her conversation in both workspaces; Bea looks in Slack, Omar in Teams."""

    stage: Stage
    customer: Customer
    slack: Side
    teams: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.slack, self.teams

    async def both(self, text: str) -> None:
        for side in self.sides:
            await side.stands(text)

    async def cards_say(self, text: str) -> None:
        await until(lambda: all(text in side.card().text for side in self.sides), f"{text!r} on both cards")

    async def quiet(self) -> None:
        await self.stage.slack.idle()
        await self.stage.teams.idle()
        await settled(self.stage)

    async def arrives(self, text: str) -> None:
        await until(lambda: any(text in one for one in self.customer.texts()), f"{text!r} at the customer's")

    async def once(self, *texts: str) -> None:
        """Each stands exactly once on either side."""
        await self.quiet()
        found = {text: tuple(side.times(text) for side in self.sides) for text in texts}
        assert found == dict.fromkeys(texts, (1, 1))


class Both(Stage):
    """Pairs of rooms that show the same."""

    def _furnish(self) -> None:
        super()._furnish()
        self._turns = itertools.cycle(range(ROOMS))
        self._here = [self.slack.add_channel(f"r{number}", members=[self.bea, self.omar]) for number in range(ROOMS)]
        for room in self._here:
            self.slack.invite_bot(room)

    def _furnish_teams(self) -> None:
        super()._furnish_teams()
        self._there = [self.teams.add_channel(self.team, f"r{number}") for number in range(ROOMS)]

    def turn(self) -> tuple[str, str, str]:
        """Words that open a thread in both rooms of a pair, and the rooms."""
        number = next(self._turns)
        return f"Good morning from room-{number}.", self._here[number], self._there[number]


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Both]:
    """One for all that need no other: every story brings a customer of its own."""
    options = Options(
        hold_seconds=0.0, limits=False, teams=True, rooms=BOTH, channels=("webchat", "telegram"), extra=ALONE + ROUTES
    )
    async with Both(tmp_path_factory.mktemp("both"), options) as stage:
        await installed(stage)
        yield stage


@asynccontextmanager
async def _pair(stage: Stage, customer: Customer | None = None) -> AsyncIterator[Pair]:
    """A customer, by default a new one on Telegram, has said good morning."""
    customer = customer or TelegramCustomer(stage.telegram, f"Wilma{next(_NUMBERS)}")
    turn = stage.turn() if isinstance(stage, Both) else ("Good morning", stage.support, stage.customers)
    first, here, there = turn
    slack, teams = SlackOffice(stage, here), TeamsOffice(stage, there, stage.care_omar)
    await customer.writes(first)
    slack_thread = await until(lambda: slack.thread_of(customer.name), "the thread in Slack")
    teams_thread = await until(lambda: teams.thread_of(customer.name), "the thread in Teams")
    pair = Pair(
        stage=stage,
        customer=customer,
        slack=Side(office=slack, thread=slack_thread),
        teams=Side(office=teams, thread=teams_thread),
    )
    await pair.both(first)
    await pair.quiet()
    yield pair


async def test_everything_is_in_both_once(shop: Both) -> None:
    async with _pair(shop) as pair:
        await pair.customer.writes("Where is my kettle?")
        await pair.both("Where is my kettle?")
        await pair.slack.says("It left on Monday")
        await pair.both("It left on Monday")
        await pair.teams.says("// she called yesterday, too")
        await pair.both("she called yesterday, too")
        await pair.teams.says("It comes today")
        await pair.both("It comes today")
        await pair.customer.writes("Thank you both")
        await pair.both("Thank you both")
        await pair.arrives("It comes today")
        said = (
            "Good morning",
            "Where is my kettle?",
            "It left on Monday",
            "she called yesterday, too",
            "It comes today",
        )
        await pair.once(*said, "Thank you both")
        assert pair.customer.texts() == ["It left on Monday", "It comes today"]
        for side in pair.sides:
            order = [text for post in side.posts() for text in said if text in post.text]
            assert order == list(said)
        # Under the name of who wrote it.
        copy = await pair.teams.stands("It left on Monday")
        assert "Bea Novak" in copy.text
        for words in ("It comes today", "she called yesterday, too"):
            assert "Omar Haddad" in (await pair.slack.stands(words)).author


async def test_marks_stand_on_what_an_agent_wrote_and_on_its_copy(shop: Both) -> None:
    async with _pair(shop) as pair:
        post = await pair.teams.says("The answer")
        await pair.arrives("The answer")
        copy = await pair.slack.stands("The answer")
        await until(lambda: pair.teams.office.sign(pair.teams.thread, post) is Sign.DELIVERED, "the mark in Teams")
        await until(lambda: pair.slack.office.sign(pair.slack.thread, copy.post) is Sign.DELIVERED, "and in Slack")


async def test_what_is_changed_changes_in_both_and_at_the_customers(shop: Both) -> None:
    async with _pair(shop) as pair:
        post = await pair.teams.says("We have green tee")
        await pair.arrives("green tee")
        await pair.slack.stands("We have green tee")
        await pair.teams.office.edits(pair.teams.thread, post, "We have green tea")
        await pair.slack.stands("We have green tea")
        await until(lambda: pair.customer.texts() == ["We have green tea"], "the edit at the customer's")
        await pair.teams.office.deletes(pair.teams.thread, post)
        await until(lambda: pair.customer.texts() == [], "nothing at the customer's")
        await pair.slack.stands("deleted")
        await pair.teams.office.restores(pair.teams.thread, post)
        # The customer does not have it any more, so it is a note until somebody sends it.
        await pair.slack.stands("only your team sees this")
        await until(lambda: "Restored here" in pair.teams.told(), "a private word")
        await pair.teams.office.sends(pair.teams.thread, post)
        await until(lambda: pair.customer.texts() == ["We have green tea"], "it is back at the customer's")
        await until(lambda: not pair.slack.find("only your team sees this"), "a reply in Slack")
        await pair.once("We have green tea")


async def test_what_the_customer_changes_changes_in_both(shop: Both) -> None:
    async with _pair(shop) as pair:
        ref = await pair.customer.writes("I want too cups")
        await pair.both("I want too cups")
        await pair.customer.edit(ref, "I want two cups")
        await pair.both("I want two cups")
        await pair.once("I want two cups")


async def test_reactions_quotes_and_pictures(shop: Both) -> None:
    async with _pair(shop) as pair:
        await pair.customer.writes("Is there one in blue?")
        await pair.both("Is there one in blue?")
        question = await pair.teams.stands("Is there one in blue?")
        await pair.teams.office.reacts(pair.teams.thread, question.post, "👍")
        await until(lambda: pair.customer.reactions() == ["👍"], "the reaction at the customer's")
        copied = await pair.slack.stands("Is there one in blue?")
        await until(
            lambda: "thumbsup" in str(_reactions(pair, copied)) or "+1" in str(_reactions(pair, copied)), "in Slack"
        )
        files = [("cup.png", "image/png", PNG)]
        await pair.teams.says("Yes, this one", answering=question.post, files=files)
        copy = await pair.slack.stands("Yes, this one")
        assert "Is there one in blue?" in copy.text
        await until(lambda: [one for one in pair.stage.slack.world.files.values() if one.content == PNG], "the picture")
        await until(lambda: pair.customer.files(), "the picture at the customer's")
        pictures = len(pair.stage.slack.world.files)
        await pair.slack.says("And this one", answering=copied.post, files=[("cup2.png", "image/png", PNG + b"2")])
        shown = await pair.teams.stands("And this one")
        assert "Is there one in blue?" in shown.text
        await pair.quiet()
        posts = pair.stage.teams.thread(pair.teams.office.room, pair.teams.thread)
        assert [one for one in posts if one["is_bot"] and "image/png;base64" in str(one["attachments"])]
        assert len(pair.stage.slack.world.files) == pictures + 1, "no file came back as an echo"


def _reactions(pair: Pair, seen: Seen) -> set[str]:
    """What stands on a post in Slack."""
    posts = pair.stage.slack.thread(pair.slack.office.room, pair.slack.thread)
    return {one["name"] for post in posts if post["ts"] == seen.post for one in post.get("reactions", [])}


async def test_one_owner_and_one_state(shop: Both) -> None:
    async with _pair(shop) as pair:
        await pair.teams.office.presses(pair.teams.thread, "Claim")
        await pair.cards_say("Claimed by Omar Haddad")
        # The same person on the other side, known by his address.
        omar = pair.slack.office.colleague()
        await omar.writes(pair.slack.thread, "!claim")
        await until(lambda: "It is yours already" in "\n".join(omar.told(pair.slack.thread)), "a private word")
        await pair.slack.says("!claim")
        await pair.both("Bea Novak took over from Omar Haddad")
        dialog = await pair.teams.office.opens(pair.teams.thread, "Snooze")
        await pair.teams.office.submits(dialog, {"until": "1 hour"})
        await pair.both("Omar Haddad snoozed this conversation until")
        await pair.slack.office.presses(pair.slack.thread, "Resolve")
        await pair.both("Bea Novak resolved this conversation")
        await pair.cards_say("Resolved")
        await pair.teams.office.presses(pair.teams.thread, "Reopen")
        await pair.both("Omar Haddad reopened this conversation")
        await until(lambda: all("Resolved" not in side.card().text for side in pair.sides), "both open")
        await pair.quiet()
        assert pair.customer.texts() == []


async def test_mirrored_later_by_the_action(shop: Both) -> None:
    """From Slack to Teams, with what was said so far; and what is shown there cannot be mirrored again."""
    customer = TelegramCustomer(shop.telegram, f"Wilma{next(_NUMBERS)}")
    slack = SlackOffice(shop, shop.support)
    await customer.writes("About my order")
    thread = await until(lambda: slack.thread_of(customer.name), "the thread")
    here = Side(office=slack, thread=thread)
    await here.says("Which one?")
    await customer.writes("The kettle")
    await here.stands("The kettle")
    await until(lambda: customer.texts(), "the answer")
    await here.says("!mirror care/#customers")
    teams = TeamsOffice(shop, shop.customers, shop.care_omar)
    there = Side(office=teams, thread=await until(lambda: teams.thread_of(customer.name), "the thread in Teams"))
    pair = Pair(stage=shop, customer=customer, slack=here, teams=there)
    await pair.both("The kettle")
    await pair.cards_say("Also in")
    await there.says("Found it")
    await pair.both("Found it")
    await pair.arrives("Found it")
    await pair.once("About my order", "Which one?", "The kettle", "Found it")
    assert customer.texts() == ["Which one?", "Found it"]
    # A mirror of a mirror, and a room that there is not.
    await there.says("!mirror shop/#support")
    await until(lambda: "It is shown in shop/#support already" in there.told(), "a private word")
    await here.says("!mirror care/#nowhere")
    await until(lambda: "There is no room “care/#nowhere”" in here.told(), "a private word")
    await pair.quiet()
    assert len([one for one in shop.teams.messages(shop.customers) if customer.name in str(one)]) >= 1
    assert customer.texts() == ["Which one?", "Found it"]


async def test_no_echo_when_everything_comes_twice(tmp_path: Path) -> None:
    options = Options(hold_seconds=0.0, limits=False, teams=True, rooms=BOTH, channels=("telegram",), socket_mode=False)
    async with Stage(tmp_path, options) as stage:
        await installed(stage)
        stage.teams.deliver_twice = True
        stage.slack.deliver_twice = True
        async with _pair(stage) as pair:
            said = ["one from Slack", "one from Teams", "two from Slack"]
            for number, words in enumerate(said):
                await pair.sides[number % 2].says(words)
                await pair.both(words)
            await pair.teams.says("// between us")
            await pair.both("between us")
            await pair.customer.writes("And from me")
            await pair.both("And from me")
            await pair.teams.office.presses(pair.teams.thread, "Resolve")
            await pair.both("Omar Haddad resolved this conversation")
            await pair.arrives(said[-1])
            await pair.once(*said, "between us", "And from me", "resolved this conversation")
            assert pair.customer.texts() == said


@pytest.mark.parametrize("down", ["shop", "care"])
async def test_one_side_is_down(tmp_path: Path, down: str) -> None:
    """The other goes on, and the first catches up, in order."""
    # Telegram's clock knows whole seconds only, and what waits in one thread is ordered by its times.
    options = Options(hold_seconds=0.0, limits=False, teams=True, rooms=BOTH, channels=("webchat",), probe_seconds=0.3)
    async with Stage(tmp_path, options) as stage, Visitor(stage.website, about={"name": "Wilma"}) as visitor:
        await installed(stage)
        async with _pair(stage, WebCustomer(visitor, "Wilma")) as pair:
            up, other = (pair.teams, pair.slack) if down == "shop" else (pair.slack, pair.teams)
            if down == "shop":
                stage.slack.revoke_token()
            else:
                stage.teams.revoke_secret()
            await pair.customer.writes("one")
            await up.stands("one")
            await up.says("two")
            await pair.arrives("two")
            await pair.customer.writes("three")
            await up.stands("three")
            assert not other.find("one")
            if down == "shop":
                stage.slack.restore_token()
            else:
                stage.teams.restore_secret()
            await other.stands("three")
            await pair.quiet()
            order = [text for post in other.posts() for text in ("one", "two", "three") if text == _last(post)]
            assert order == ["one", "two", "three"]
            assert pair.customer.texts() == ["two"]


def _last(post: Seen) -> str:
    """The last word of a post."""
    return post.text.split()[-1]


async def test_one_answer_is_slow_and_lost_on_one_side(shop: Both) -> None:
    """Found through Graph, so the copy stands once."""
    async with _pair(shop) as pair:
        shop.teams.faults.order("reply", Fault(drop="after"))
        await pair.slack.says("Only once, please")
        await pair.both("Only once, please")
        await pair.customer.writes("And after that")
        await pair.both("And after that")
        await pair.once("Only once, please", "And after that")
