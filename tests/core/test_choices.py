"""Choices that agents offer, and what customers make of them: pressed, typed, numbered, or something else entirely."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from core.contacts.models import addresses
from core.contracts.content import CardLimits, Choice, Content, OfferedCard
from core.contracts.errors import PermanentFailure
from core.contracts.posts import Form
from core.contracts.text import offer_to_json
from core.conversations.models import messages
from core.testing.fakes import EVERYTHING, FakeChannel, FakeCustomer, FakeMessage, FakeThread
from tests.core.office import Office, buttons, open_office, said, until

BUTTONS = replace(EVERYTHING, max_choices=3, choice_label=20)
TEXT = replace(EVERYTHING, max_choices=0)


async def offer(office: Office, thread: FakeThread, customer: FakeCustomer, *labels: str) -> FakeMessage:
    """Bea asks in the Reply form; the message on the customer's screen."""
    before = len(office.channel.shown(customer))
    fields = [("choices", "\n".join(labels))]
    await office.tool.presses(office.bea, thread.ref, "reply", text="Which colour?", fields=fields)
    await office.channel.until(lambda: len(office.channel.shown(customer)) > before)
    await office.quiet()
    return office.channel.shown(customer)[-1]


def offered(thread: FakeThread) -> list[str]:
    """What the last post of the thread says that was offered."""
    post = thread.posts[-1].post
    return [one.label for one in post.content.choices] if post else []


async def chosen(office: Office) -> list[Any]:
    rows = await office.rows(messages)
    return [row.choice for row in rows if row.direction == "in" and row.choice is not None]


async def test_she_presses_a_button(database_url: str, tmp_path: Path) -> None:
    channel = FakeChannel("wire", capabilities=BUTTONS)
    async with open_office(tmp_path, database_url, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        await office.tool.asks(office.bea, thread.ref, "reply")
        await office.tool.until(lambda: office.tool.forms)
        form = office.tool.forms[-1]
        assert isinstance(form, Form)
        assert "choices" in [field.id for field in form.fields]
        shown = await offer(office, thread, jane, "Red", "Something rather dark blue", "", "Red")
        first, second = shown.sent.content.choices
        assert (first.label, second.label) == ("Red", "Something rather da…")
        assert "2. Something rather dark blue" in shown.text
        await until(lambda: offered(thread) == ["Red", "Something rather dark blue"], "what was offered")
        await channel.chooses(jane, shown.id, second.value, second.label)
        await until(lambda: said(thread)[-1] == "Something rather dark blue", "the whole of her choice")
        assert thread.posts[-1].post is not None
        assert thread.posts[-1].post.quote is not None
        assert await chosen(office) == [{"value": second.value, "label": "Something rather dark blue"}]


async def test_a_button_says_what_it_belongs_to_also_where_the_vendor_does_not(tmp_path: Path) -> None:
    channel = FakeChannel("wire", capabilities=BUTTONS)
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        old = await offer(office, thread, jane, "Red", "Blue")
        new = await offer(office, thread, jane, "Small", "Large")
        values = {one.value for shown in (old, new) for one in shown.sent.content.choices}
        assert len(values) == 4
        assert all(len(value.encode()) <= 64 for value in values)
        await channel.chooses(jane, "", old.sent.content.choices[1].value, "Blue")
        await until(lambda: said(thread)[-1] == "Blue", "her choice")
        assert thread.posts[-1].post is not None
        assert thread.posts[-1].post.quote is not None


@pytest.mark.parametrize("typed", ["2", " 2. ", "2)", "2️⃣", "blue", "BLUE"])
async def test_she_answers_in_words(tmp_path: Path, typed: str) -> None:
    channel = FakeChannel("wire", capabilities=TEXT)
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        shown = await offer(office, thread, jane, "Red", "Blue", "Green")
        assert shown.text.endswith("1. Red\n2. Blue\n3. Green")
        assert not shown.sent.content.choices
        assert [text for text in office.whispered() if "numbered text" in text]
        await channel.writes(jane, typed)
        shows = "Blue" if typed.strip().casefold() == "blue" else f"Blue (“{typed.strip()}”)"
        await until(lambda: said(thread)[-1] in (shows, typed), "her choice")
        [choice] = await chosen(office)
        assert (choice["label"], choice["typed"]) == ("Blue", typed.strip())
        if typed.strip().casefold() != "blue":
            assert said(thread)[-1] == shows


async def test_the_payload_is_understood_too(database_url: str, tmp_path: Path) -> None:
    channel = FakeChannel("wire", capabilities=BUTTONS)
    async with open_office(tmp_path, database_url, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        shown = await offer(office, thread, jane, "Red", "Blue")
        await channel.writes(jane, shown.sent.content.choices[0].value)
        await office.quiet()
        assert [choice["label"] for choice in await chosen(office)] == ["Red"]


@pytest.mark.parametrize("typed", ["4", "0", "22", "2 lamps", "Blueish", "1 2", "-1"])
async def test_other_words_are_just_words(tmp_path: Path, typed: str) -> None:
    channel = FakeChannel("wire", capabilities=TEXT)
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        await offer(office, thread, jane, "Red", "Blue", "Green")
        await channel.writes(jane, typed)
        await until(lambda: said(thread)[-1] == typed, "her words")
        assert await chosen(office) == []


async def test_a_number_answers_what_was_said_last(tmp_path: Path) -> None:
    """After another question it may mean anything; a title does not."""
    channel = FakeChannel("wire", capabilities=TEXT)
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        shown = await offer(office, thread, jane, "Red", "Blue")
        await office.tool.says(office.bea, thread.ref, "And how many lamps?")
        await channel.until(lambda: len(channel.shown(jane)) == 2)
        await office.quiet()
        await channel.writes(jane, "2")
        await office.quiet()
        assert await chosen(office) == []
        await channel.writes(jane, "red")
        await channel.writes(jane, "2", quote=shown.id)
        await office.quiet()
        assert [choice["label"] for choice in await chosen(office)] == ["Red", "Blue"]


async def test_an_offer_stands_for_a_day(tmp_path: Path) -> None:
    channel = FakeChannel("wire", capabilities=TEXT)
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        await offer(office, thread, jane, "Red", "Blue")
        yesterday = datetime.now(UTC) - timedelta(hours=24, minutes=1)
        change = update(addresses).values(offered_at=yesterday)
        await office.app.storage.write(lambda connection: connection.execute(change))
        await channel.writes(jane, "2")
        await office.quiet()
        assert await chosen(office) == []


async def test_another_customers_offer_is_none_of_hers(tmp_path: Path) -> None:
    channel = FakeChannel("wire", capabilities=BUTTONS)
    async with open_office(tmp_path, channel=channel) as office:
        jane, eve = channel.customer("Jane"), channel.customer("Eve")
        thread = await office.opened(jane)
        shown = await offer(office, thread, jane, "The secret of Jane")
        hers = await office.opened(eve)
        await channel.chooses(eve, shown.id, shown.sent.content.choices[0].value, "What Eve sees")
        await until(lambda: said(hers)[-1] == "What Eve sees", "her words")
        await channel.writes(eve, "1")
        await office.quiet()
        assert "secret" not in "".join(said(hers))


async def test_choices_need_a_question_and_are_kept_where_it_cannot_leave(tmp_path: Path) -> None:
    channel = FakeChannel("wire", capabilities=BUTTONS)
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        await office.tool.presses(office.bea, thread.ref, "reply", fields=[("choices", "Red\nBlue")])
        await until(lambda: [text for text in office.whispered() if "need a question" in text], "a refusal")
        assert not channel.messages


async def test_a_retry_offers_the_same_again(tmp_path: Path) -> None:
    channel = FakeChannel("wire", capabilities=BUTTONS)
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        channel.faults.order("send", PermanentFailure("Not now."))
        fields = [("choices", "Red\nBlue")]
        await office.tool.presses(office.bea, thread.ref, "reply", text="Which?", fields=fields)
        [value] = await until(lambda: buttons(thread, "retry"), "the failure in the thread")
        await office.tool.presses(office.bea, thread.ref, "retry", value)
        await channel.until(lambda: len(channel.shown(jane)) == 1)
        assert [one.label for one in channel.shown(jane)[0].sent.content.choices] == ["Red", "Blue"]


@pytest.mark.parametrize("cards", [True, False])
async def test_a_carousel_reaches_the_channel_as_cards_or_as_text(tmp_path: Path, cards: bool) -> None:
    limits = CardLimits(most=10, title=80, text=80, buttons=3, with_text=True) if cards else None
    channel = FakeChannel("wire", capabilities=replace(TEXT, cards=limits))
    async with open_office(tmp_path, channel=channel, hold=0.7) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        await office.tool.says(office.bea, thread.ref, "What we have:")
        await office.handed_over()
        carousel = tuple(
            OfferedCard(title=name, choices=(Choice(value=name.lower(), label="Buy"),)) for name in ("Lamp", "Desk")
        )
        # No agent writes cards: this is what a bot will store.
        values = {"offer": offer_to_json(Content(cards=carousel))}
        change = update(messages).where(messages.c.direction == "out").values(**values)
        await office.app.storage.write(lambda connection: connection.execute(change))
        await office.app.storage.write(
            lambda connection: connection.execute(update(addresses).values(offered_at=datetime.now(UTC)))
        )
        await channel.until(lambda: len(channel.shown(jane)) == 1)
        sent = channel.shown(jane)[0].sent
        assert sent.content.cards == (carousel if cards else ())
        assert sent.text == (
            "What we have:" if cards else "What we have:\n\nLamp\n\nDesk\n\n1. Lamp: Buy\n2. Desk: Buy"
        )
        await office.quiet()
        if cards:
            await channel.chooses(jane, channel.shown(jane)[0].id, "desk", "Buy")
        else:
            await channel.writes(jane, "2")
        await until(lambda: said(thread)[-1].startswith("Desk: Buy"), "her choice")
        assert [choice["value"] for choice in await chosen(office)] == ["desk"]
