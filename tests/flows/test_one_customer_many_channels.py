"""A customer begins in web chat, proves her mail address, and goes on by phone and mail: one thread, all the way."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import aiohttp
import pytest
from sqlalchemy import func, select

from core.contacts.models import contacts
from core.conversations.models import conversations
from sandbox.play.customers import MailCustomer, TelegramCustomer
from sandbox.stage import Stage
from sandbox.visitor import Visitor
from tests.contract.offices.office import Office, Seen
from tests.contract.offices.slack import SlackOffice
from tests.contract.offices.teams import TeamsOffice
from tests.flows import reading, reading_teams
from tests.flows.conftest import Opens, settled, until

BOTH = ("shop/#support", "care/#customers")
MAIL = "jane@customer.test"


class Sides:
    """Her conversation, as Bea sees it in Slack and Omar in Teams."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.slack = SlackOffice(stage, stage.support)
        self.teams = TeamsOffice(stage, stage.customers, stage.care_omar)
        self.threads: dict[str, str] = {}

    @property
    def offices(self) -> tuple[Office, Office]:
        return self.slack, self.teams

    async def open(self, customer: str) -> None:
        """Her thread stands on both sides."""
        for office in self.offices:
            seen: Callable[[], Any] = lambda office=office: office.thread_of(customer)  # noqa: E731
            self.threads[office.workspace] = await until(seen, f"a thread in {office.workspace}")

    def posts(self, office: Office) -> list[Seen]:
        return list(office.posts(self.threads[office.workspace]))

    async def stand(self, text: str) -> None:
        """These words stand on both sides."""
        for office in self.offices:
            seen: Callable[[], Any] = lambda office=office: text in self.words(office)  # noqa: E731
            await until(seen, f"{text!r} in {office.workspace}")

    def said(self, office: Office) -> list[str]:
        """The words of every post beneath the card of one side; in Slack the card holds the first message."""
        shown = self.posts(office)[1 if office is self.teams else 0 :]
        return [f"{post.author} {post.text}" for post in shown]

    def words(self, office: Office) -> str:
        return "\n".join(self.said(office))

    async def cards_say(self, *texts: str) -> None:
        for office in self.offices:
            for text in texts:
                seen: Callable[[], Any] = lambda office=office, text=text: text in self.posts(office)[0].text  # noqa: E731
                await until(seen, f"{text!r} on the card in {office.workspace}")

    async def chooses(self, office: Office, button: str, choice: str) -> None:
        """Presses a button that asks, and chooses in its form."""
        dialog = await office.opens(self.threads[office.workspace], button)
        [label] = [one for one in dialog.choices["way"] if choice in one]
        await office.submits(dialog, {"way": label})

    async def says(self, office: Office, text: str) -> None:
        await office.writes(self.threads[office.workspace], text)

    async def quiet(self) -> None:
        await self.stage.slack.idle()
        await self.stage.teams.idle()
        await settled(self.stage)


async def _count(stage: Stage) -> tuple[int, int]:
    """(customers, conversations)"""

    def work(connection: Any) -> tuple[int, int]:
        person = func.coalesce(contacts.c.person_id, contacts.c.id)
        people = connection.execute(select(func.count(person.distinct()))).scalar_one()
        return people, connection.execute(select(func.count()).select_from(conversations)).scalar_one()

    found: tuple[int, int] = await stage.app.storage.read(work)
    return found


async def _confirms(letter: str) -> None:
    """Opens the link of a mail, as a preview would, and presses the button."""
    [url] = re.findall(r"http://\S+/verify/[\w-]+", letter)
    async with aiohttp.ClientSession() as http:
        async with http.get(url) as page:
            assert (page.status, MAIL in await page.text()) == (200, True)
        async with http.post(url) as page:
            assert (page.status, "Thank you" in await page.text()) == (200, True)


class TelegramPhone:
    title = "Telegram"

    def __init__(self, stage: Stage) -> None:
        self._telegram = stage.telegram
        self._user = stage.telegram.add_customer("Jane")

    async def opens(self, invitation: str) -> None:
        [token] = re.findall(r"https://t\.me/\w+\?start=([\w-]+)", invitation)
        await self._telegram.customer_starts(self._user, token)

    async def writes(self, text: str) -> None:
        await self._telegram.customer_writes(self._user, text)

    def texts(self) -> list[str]:
        return [bubble.text for bubble in self._telegram.chat(self._user) if bubble.from_bot]


class WhatsAppPhone:
    title = "WhatsApp"

    def __init__(self, stage: Stage) -> None:
        self._app = stage.graph.whatsapp
        self._user = self._app.add_customer("Jane", username="jane", phone="+4915110000001")

    async def opens(self, invitation: str) -> None:
        """The app opens with the words of the link; she sends them as they are."""
        [words] = re.findall(r"https://wa\.me/\d+\?text=(\S+)", invitation)
        await self._app.customer_writes(self._user, unquote(words))

    async def writes(self, text: str) -> None:
        await self._app.customer_writes(self._user, text)

    def texts(self) -> list[str]:
        return [bubble.text for bubble in self._app.chat(self._user) if bubble.ours]


@pytest.mark.parametrize("kind", [TelegramPhone, WhatsAppPhone], ids=lambda kind: kind.title)
async def test_one_customer_on_many_channels(
    set_stage: Opens, any_database: str, kind: type[TelegramPhone] | type[WhatsAppPhone]
) -> None:
    channels = ("webchat", "email", kind.title.lower())
    options = {"channels": channels, "teams": True, "rooms": BOTH, "database": any_database}
    async with set_stage(**options) as stage:
        await reading_teams.installed(stage)
        sides, mail = Sides(stage), MailCustomer(stage.mail, "Jane")
        assert mail.address == MAIL
        about = {"name": "Jane", "email": MAIL}
        async with Visitor(stage.website, about=about) as jane:
            await jane.send("The lamp of my order 4711 arrived broken")
            await sides.open("Jane")
            await sides.stand("arrived broken")
            await sides.cards_say(f"{MAIL} (not proven)")

            # She proves her mail address.
            await sides.chooses(sides.slack, "Ask to verify", MAIL)
            await sides.stand(f"asked the customer to prove that {MAIL} is hers")
            letters = await until(mail.texts, "the mail with the link")
            await _confirms(letters[0])
            await sides.stand("she confirmed the link that was sent to")
            await sides.cards_say(f"Email {MAIL} (verified)")

            # She goes on by phone, by an invitation that Omar sends from Teams.
            await sides.chooses(sides.teams, "Ask to verify", kind.title)
            await jane.until(lambda: any("https://" in one for one in jane.texts(mine=False)))
            phone = kind(stage)
            await phone.opens(jane.texts(mine=False)[0])
            await sides.stand("she followed the invitation")
            await sides.stand(f"Jane continued by {kind.title}")
            await phone.writes("I am on the train now")
            await sides.stand("I am on the train now")
            await sides.says(sides.teams, "We send you a new one")
            await until(lambda: "We send you a new one" in phone.texts(), "the answer, on the phone")

            # And by mail, in a letter of its own.
            await mail.writes("Here is my new postal address")
            await sides.stand("Here is my new postal address")
            await sides.stand("Jane continued by Email")
            await sides.says(sides.slack, "Noted, it leaves today")
            await until(lambda: any("it leaves today" in one for one in mail.texts()), "the answer, by mail")
            await sides.quiet()

            # Who only types her address is somebody else, sees nothing, and inherits nothing.
            async with Visitor(stage.website, about={"name": "Mallory", "email": MAIL}, address="127.0.1.9") as mallory:
                await mallory.send("What is my postal address?")
                other = Sides(stage)
                await other.open("Mallory")
                await other.stand("What is my postal address?")
                await other.cards_say(f"{MAIL} (not proven)")
                await other.quiet()
                for office in other.offices:
                    shown = "\n".join(post.text for post in other.posts(office))
                    assert "4711" not in shown
                    assert "#1001" not in shown
                    assert kind.title not in other.posts(office)[0].text
                await sides.says(sides.slack, "For Jane alone")
                await until(lambda: any("For Jane alone" in one for one in mail.texts()), "one more mail")
                await sides.quiet()
                assert mallory.texts() == ["What is my postal address?"]
                assert "What is my postal address?" not in sides.words(sides.slack) + sides.words(sides.teams)

            assert await _count(stage) == (2, 2)
            # Her browser has what was said there and nothing of what she said elsewhere.
            assert len(jane.texts()) == 2
            assert phone.texts() == ["We send you a new one"]
            # One thread each for Jane and Mallory, with everything in it once.
            assert len(reading.threads(stage)) == len(reading_teams.threads(stage)) == 2
            for office in sides.offices:
                for text in ("arrived broken", "I am on the train now", "Here is my new postal address"):
                    assert sum(text in words for words in sides.said(office)) == 1, text


@pytest.mark.parametrize("words", ["", "no-token-of-ours"])
async def test_a_start_that_nobody_asked_for_links_nothing(set_stage: Opens, words: str) -> None:
    async with set_stage() as stage, Visitor(stage.website, about={"name": "Jane"}) as jane:
        await jane.send("Hello")
        office = SlackOffice(stage, stage.support)
        await until(lambda: office.thread_of("Jane ("), "her thread")
        telegram = TelegramCustomer(stage.telegram, "Jim")
        await stage.telegram.customer_starts(telegram.user, words)
        thread = await until(lambda: office.thread_of("Jim"), "a thread of his own")
        assert "/start" in office.posts(thread)[0].text
        assert "no-token" not in office.posts(thread)[0].text
        assert await _count(stage) == (2, 2)
