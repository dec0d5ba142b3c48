"""Reply windows: known before sending, kept by address, corrected by the vendor, and what an agent can do instead."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update

from core.contacts.models import Address, addresses, contacts
from core.contracts.bridge import Proof
from core.contracts.errors import FailureReason, PermanentFailure
from core.contracts.posts import Action
from core.contracts.workplace import Sign
from core.storage.ids import new_id
from core.testing.fakes import EVERYTHING, FakeChannel, FakeCustomer, FakeThread
from tests.core.office import Office, buttons, notices, open_office, until, words

DAY = timedelta(hours=24)
WINDOWED = replace(EVERYTHING, reply_window=DAY, templates=True)
GRANTED = replace(WINDOWED, human_window=timedelta(days=7))


def windowed(capabilities: Any = WINDOWED) -> FakeChannel:
    return FakeChannel("wire", capabilities=capabilities)


async def wrote(office: Office, customer: FakeCustomer, ago: timedelta) -> None:
    """As if her last message were that old."""
    at = datetime.now(UTC) - ago
    values = {"wrote_at": at, "window_until": at + DAY}
    change = update(addresses).where(addresses.c.external_id == customer.id).values(**values)
    await office.app.storage.write(lambda connection: connection.execute(change))


async def one_person(office: Office) -> None:
    """Everybody who ever wrote is the same customer, as if she had proven it."""

    def link(connection: Any) -> None:
        first, *others = connection.execute(contacts.select().order_by(contacts.c.id)).all()
        for other in others:
            connection.execute(update(contacts).where(contacts.c.id == other.id).values(person_id=first.id))

    await office.app.storage.write(link)


def an_address(*, ago: timedelta) -> Address:
    """Somebody whose last message is that old."""
    now = datetime.now(UTC)
    return Address(
        id=new_id(),
        account="line",
        external_id="jane",
        contact_id=new_id(),
        proof=Proof.CHANNEL,
        username="",
        email="",
        phone="",
        facts={},
        metadata={},
        reachable=True,
        seen_at=now,
        wrote_at=now - ago,
        window_until=now - ago + DAY,
    )


def fact(thread: FakeThread, label: str) -> str:
    return next((one.value for one in thread.card.facts if one.label == label), "")


def offered(office: Office) -> dict[str, Action]:
    """The buttons of the last private word, by what they do."""
    return {action.id: action for action in office.tool.whispers[-1].actions} if office.tool.whispers else {}


async def test_a_closed_window_is_known_before_sending(database_url: str, tmp_path: Path) -> None:
    async with open_office(tmp_path, database_url, channel=windowed()) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        assert "UTC" in fact(thread, "Reply until")
        await wrote(office, jane, DAY + timedelta(minutes=1))
        post = await office.tool.says(office.bea, thread.ref, "Are you there?")
        await until(lambda: office.tool.find(post).sign is Sign.NOTE, "a mark on what was not sent")
        await until(lambda: offered(office), "what to do instead")
        assert "24 hours after the customer's last message" in office.whispered()[-1]
        assert list(offered(office)) == ["template"]
        assert not [call for call in office.channel.calls if call.verb == "send"]


async def test_a_message_opens_the_window_anew_and_the_card_says_so(tmp_path: Path) -> None:
    async with open_office(tmp_path, channel=windowed()) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        await wrote(office, jane, 2 * DAY)
        await office.tool.presses(office.bea, thread.ref, "claim")
        await until(lambda: "Closed" in fact(thread, "Reply until"), "a closed window on the card")
        assert "template" in [action.id for action in thread.card.actions]
        await office.channel.writes(jane, "Still there?")
        await until(lambda: "Closed" not in fact(thread, "Reply until"), "an open window on the card")
        assert "template" not in [action.id for action in thread.card.actions]
        await office.tool.says(office.bea, thread.ref, "Yes")
        await office.channel.until(lambda: [one.text for one in office.channel.shown(jane)] == ["Yes"])


async def test_what_a_machine_wrote_opens_no_window(tmp_path: Path) -> None:
    async with open_office(tmp_path, channel=windowed()) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        await wrote(office, jane, 2 * DAY)
        await office.channel.writes(jane, "(Answered with another tool: On its way)", automated=True)
        await until(lambda: any("another tool" in words(post) for post in thread.posts), "what the machine wrote")
        await office.tool.says(office.bea, thread.ref, "Are you there?")
        await until(lambda: offered(office), "what to do instead")
        assert "24 hours after the customer's last message" in office.whispered()[-1]


async def test_the_window_counts_from_when_she_wrote_not_from_when_we_heard(tmp_path: Path) -> None:
    channel = windowed()
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        channel._clock = lambda: datetime.now(UTC) - timedelta(hours=25)
        thread = await office.opened(jane)
        assert "Closed" in fact(thread, "Reply until")


async def test_the_card_is_redrawn_when_the_window_closes_without_anybody_doing_anything(tmp_path: Path) -> None:
    channel = FakeChannel("wire", capabilities=replace(EVERYTHING, reply_window=timedelta(seconds=3)))
    async with open_office(tmp_path, channel=channel) as office:
        thread = await office.opened(channel.customer("Jane"))
        assert "less than 2 h" in fact(thread, "Reply until")
        await until(lambda: "Closed" in fact(thread, "Reply until"), "a closed window on the card", within=15)


async def test_the_vendor_knows_better(database_url: str, tmp_path: Path) -> None:
    """It refuses for its window while ours is open: closed for whatever follows, and the reply can be saved."""
    async with open_office(tmp_path, database_url, channel=windowed()) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        refusal = PermanentFailure("Too late, says the vendor.", reason=FailureReason.WINDOW_CLOSED)
        office.channel.faults.order("send", refusal)
        await office.tool.says(office.bea, thread.ref, "First")
        await until(lambda: buttons(thread, "template"), "the next step in the thread")
        assert buttons(thread, "retry")
        assert buttons(thread, "discard")
        await until(lambda: "Closed" in fact(thread, "Reply until"), "a closed window on the card")
        await office.tool.says(office.bea, thread.ref, "Second")
        await until(lambda: "template" in offered(office), "a refusal")
        assert len([call for call in office.channel.calls if call.verb == "send"]) == 1


async def test_a_status_that_comes_later_closes_it_too(tmp_path: Path) -> None:
    channel = windowed()
    channel.receipts = False
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        await office.tool.says(office.bea, thread.ref, "First")
        await channel.until(lambda: len(channel.messages) == 1)
        await office.quiet()
        await channel.reports(channel.messages[0].id, "failed", "Too late.", FailureReason.WINDOW_CLOSED)
        await until(lambda: buttons(thread, "template"), "the next step in the thread")
        await until(lambda: "Closed" in fact(thread, "Reply until"), "a closed window on the card")


async def test_the_vendor_may_say_how_long_it_is_open(tmp_path: Path) -> None:
    async with open_office(tmp_path, channel=windowed()) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        await office.channel.sets_window(jane, None)
        await until(lambda: "Closed" in fact(thread, "Reply until"), "a closed window on the card")
        await office.channel.sets_window(jane, datetime.now(UTC) + timedelta(hours=72))
        await until(lambda: "Closed" not in fact(thread, "Reply until"), "an open window on the card")
        await office.tool.says(office.bea, thread.ref, "Hello again")
        await office.channel.until(lambda: len(office.channel.shown(jane)) == 1)


async def test_a_person_may_answer_longer_where_the_account_is_granted_it(database_url: str, tmp_path: Path) -> None:
    async with open_office(tmp_path, database_url, channel=windowed(GRANTED)) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        await office.tool.says(office.bea, thread.ref, "Within the day")
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        await wrote(office, jane, timedelta(days=3))
        await office.tool.says(office.bea, thread.ref, "Three days later")
        await office.channel.until(lambda: len(office.channel.messages) == 2)
        assert [one.sent.human for one in office.channel.messages] == [False, True]
        await until(lambda: [text for text in office.whispered() if "marked as written by a person" in text], "a word")
        await until(lambda: "in your own words only" in fact(thread, "Reply until"), "the longer window on the card")
        await wrote(office, jane, timedelta(days=8))
        await office.tool.says(office.bea, thread.ref, "Eight days later")
        await until(lambda: "template" in offered(office), "a refusal")
        assert len(office.channel.messages) == 2


async def test_a_refusal_of_the_longer_window_closes_that_one_too(tmp_path: Path) -> None:
    async with open_office(tmp_path, channel=windowed(GRANTED)) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        await wrote(office, jane, timedelta(days=3))
        refusal = PermanentFailure("Not granted.", reason=FailureReason.WINDOW_CLOSED)
        office.channel.faults.order("send", refusal)
        await office.tool.says(office.bea, thread.ref, "Three days later")
        await until(lambda: buttons(thread, "template"), "the next step in the thread")
        await until(lambda: "Closed" in fact(thread, "Reply until"), "a closed window on the card")


async def test_what_could_not_be_sent_goes_to_another_address(database_url: str, tmp_path: Path) -> None:
    post = FakeChannel("post", capabilities=EVERYTHING)
    async with open_office(tmp_path, database_url, channel=windowed(), others=(post,)) as office:
        jane, by_post = office.channel.customer("Jane"), post.customer("Jane", email="jane@example.com")
        await post.writes(by_post, "By post")
        await office.quiet()
        thread = await office.opened(jane, "By wire")
        await one_person(office)
        await wrote(office, jane, 2 * DAY)
        await office.tool.says(office.bea, thread.ref, "Are you there?")
        await until(lambda: "switch" in offered(office), "another address")
        button = offered(office)["switch"]
        assert button.label == "Use Post jane@example.com"
        await office.tool.presses(office.bea, thread.ref, "switch", button.value)
        await post.until(lambda: [one.text for one in post.shown(by_post)] == ["Are you there?"])
        await until(lambda: [one for one in notices(thread) if "Replies go to Post" in words(one)], "a word to all")
        await office.tool.says(office.bea, thread.ref, "And here?")
        await post.until(lambda: len(post.shown(by_post)) == 2)
        assert not office.channel.messages
        await office.tool.presses(office.bea, thread.ref, "switch", button.value)
        await office.quiet()
        assert len(post.shown(by_post)) == 2


async def test_what_failed_goes_to_another_address_once(tmp_path: Path) -> None:
    post = FakeChannel("post", capabilities=EVERYTHING)
    async with open_office(tmp_path, channel=windowed(), others=(post,)) as office:
        jane, by_post = office.channel.customer("Jane"), post.customer("Jane")
        await post.writes(by_post, "By post")
        await office.quiet()
        thread = await office.opened(jane, "By wire")
        await one_person(office)
        refusal = PermanentFailure("She has left.", reason=FailureReason.RECIPIENT_GONE)
        office.channel.faults.order("send", refusal)
        said = await office.tool.says(office.bea, thread.ref, "Are you there?")
        [value] = await until(lambda: buttons(thread, "switch"), "another address")
        await office.tool.presses(office.bea, thread.ref, "switch", value)
        await post.until(lambda: [one.text for one in post.shown(by_post)] == ["Are you there?"])
        await until(lambda: office.tool.find(said).sign is Sign.DELIVERED, "the mark")
        await office.tool.presses(office.omar, thread.ref, "switch", value)
        await office.tool.presses(office.omar, thread.ref, "retry", value.partition(":")[0])
        await office.quiet()
        assert len(post.shown(by_post)) == 1
        assert not office.channel.messages


async def test_somebody_elses_address_is_no_address_of_hers(tmp_path: Path) -> None:
    async with open_office(tmp_path, channel=windowed()) as office:
        jane, eve = office.channel.customer("Jane"), office.channel.customer("Eve")
        thread = await office.opened(jane)
        await office.opened(eve)
        rows = {row.external_id: row.id for row in await office.rows(addresses)}
        await office.tool.presses(office.bea, thread.ref, "switch", str(rows[eve.id]))
        await until(
            lambda: [text for text in office.whispered() if "cannot be written to any more" in text], "a refusal"
        )
        await office.tool.says(office.bea, thread.ref, "For Jane")
        await office.channel.until(lambda: len(office.channel.shown(jane)) == 1)
        assert not office.channel.shown(eve)
