"""Which contacts become one customer by themselves, which are only suggested, and which never."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.contacts.models import addresses
from core.testing.fakes import FakeCustomer
from tests.core.identities import (
    CLAIMS_MAIL,
    MAIL,
    NUMBER,
    button,
    card,
    evidence,
    identity_office,
    open_numbers,
    persons,
    said_by_us,
)
from tests.core.office import said, until

SIGNED_MAIL = {"proof": "verified", "email": MAIL, "email_proven": True}


async def test_two_ids_of_one_payload_are_one_customer(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        by_number = FakeCustomer(id="43660123456", name="Jane")
        by_scope = FakeCustomer(id="US.13491208655302741918", name="Jane")
        both = FakeCustomer(id=by_scope.id, name="Jane", about={"aliases": [by_number.id]})
        thread = await office.opened(by_number, "Hello")
        await channels.wire.writes(both, "With two ids")
        await until(lambda: "With two ids" in said(thread), "the same thread")
        await channels.wire.writes(by_scope, "With the new one")
        await until(lambda: "With the new one" in said(thread), "the same thread")
        assert len(office.tool.threads) == 1
        assert len(await office.rows(addresses)) == 1


async def test_the_new_owner_of_a_number_is_somebody_else(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        number = "43660123456"
        for before in (FakeCustomer(id=number, name="Jane"), FakeCustomer(id="US.1", name="Jane")):
            channels.wire.customers[before.id] = before
        jane = FakeCustomer(id="US.1", name="Jane", about={"aliases": [number], "metadata": {"to": number}})
        thread = await office.opened(channels.wire.customers[number], "My order is 4711")
        await channels.wire.writes(jane, "With both ids")
        await until(lambda: "With both ids" in said(thread), "the same thread")
        jim = FakeCustomer(id="US.2", name="Jim", about={"aliases": [number]})
        await channels.wire.writes(jim, "New here")
        await until(lambda: len(office.tool.threads) == 2, "a thread of his own")
        await office.quiet()
        assert await persons(office) == 2
        assert await evidence(office) == []
        await office.tool.says(office.bea, thread.ref, "Your order left")
        await channels.wire.until(lambda: bool(channels.wire.messages))
        sent = channels.wire.messages[-1].sent.recipient
        assert (sent.external_id, sent.metadata) == ("US.1", {})
        # Without the other id, the number is his by now.
        await channels.wire.writes(FakeCustomer(id=number, name="Jim"), "And still here")
        await until(lambda: "And still here" in said(office.tool.threads[1]), "his thread")


async def test_two_addresses_that_a_payload_names_together_are_linked(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        first = await office.opened(FakeCustomer(id="old", name="Jane"), "Hello")
        second = await office.opened(FakeCustomer(id="new", name="Jane"), "Hello again")
        both = FakeCustomer(id="new", name="Jane", about={"aliases": ["old"]})
        await channels.wire.writes(both, "It is me")
        await until(lambda: "It is me" in said(first), "the older conversation goes on")
        await office.quiet()
        assert await evidence(office) == [("payload", "active")]
        assert "#1002 is closed" in said_by_us(first)
        assert "goes on in #1001" in said_by_us(second)
        assert await open_numbers(office) == [1001]


async def test_a_signed_mail_address_and_vouched_mail_are_one(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        web = channels.wire.customer("Jane", **SIGNED_MAIL)
        thread = await office.opened(web, "From the website")
        mail = channels.mail()
        await channels.letters.writes(mail, "And by mail")
        await until(lambda: "And by mail" in said(thread), "the same thread")
        await office.quiet()
        assert "continued by Letters" in said_by_us(thread)
        assert await persons(office) == 1
        assert await evidence(office) == [("mail", "active")]
        assert len(office.tool.threads) == 1
        await office.tool.says(office.bea, thread.ref, "Here you are")
        await channels.letters.until(lambda: bool(channels.letters.shown(mail)))
        assert channels.wire.shown(web) == []


async def test_the_same_signed_user_on_two_accounts_is_one(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        web = channels.wire.customer("Jane", proof="verified", user="shop:42")
        thread = await office.opened(web)
        phone = channels.texts.customer("Jane", proof="verified", user="shop:42")
        stranger = channels.texts.customer("Janet", proof="verified", user="other:42")
        await channels.texts.writes(phone, "On the way")
        await until(lambda: "On the way" in said(thread), "the same thread")
        await channels.texts.writes(stranger, "Somebody else's 42")
        await office.quiet()
        assert await evidence(office) == [("user", "active")]
        assert len(office.tool.threads) == 2


@pytest.mark.parametrize(
    "about",
    [
        pytest.param(CLAIMS_MAIL, id="typed"),
        pytest.param({"proof": "claimed", "email": MAIL, "email_proven": True}, id="says it is proven"),
        pytest.param({"proof": "claimed", "user": "shop:42"}, id="says who signed"),
        pytest.param({"proof": "anonymous", "aliases": [MAIL]}, id="names another id"),
        pytest.param({"phone": NUMBER, "username": "jane", "avatar_url": "https://x.example/j.png"}, id="looks alike"),
    ],
)
async def test_what_is_only_claimed_links_nothing(database_url: str, tmp_path: Path, about: dict[str, Any]) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        signed = channels.texts.customer("Jane", **SIGNED_MAIL, user="shop:42", phone=NUMBER)
        await channels.texts.writes(signed, "My order is 4711")
        mail = channels.mail()
        await channels.letters.writes(mail, "It is still 4711")
        await until(lambda: len(office.tool.threads) == 1, "her thread")
        await office.quiet()
        liar = FakeCustomer(id="liar", name="Jane", about=about)
        await channels.wire.writes(liar, "What was my order?")
        await until(lambda: len(office.tool.threads) == 2, "a thread of its own")
        await office.quiet()
        assert await persons(office) == 2
        assert "4711" not in "\n".join(said(office.tool.threads[1])) + card(office.tool.threads[1])
        assert "#1001" not in card(office.tool.threads[1])
        seen = await office.app.bridges["line"]._runtime.transcript("liar", 0, 100)  # type: ignore[attr-defined]
        assert len(seen) == 1


async def test_mail_that_nobody_vouches_for_links_nothing_and_moves_no_reply(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        web = channels.wire.customer("Jane", **SIGNED_MAIL)
        thread = await office.opened(web)
        forger = channels.mail(proof="claimed")
        await channels.letters.writes(forger, "Send it to my new address")
        await until(lambda: len(office.tool.threads) == 2, "a thread of its own")
        await office.quiet()
        assert await evidence(office) == []
        # Once it is known as hers, what is forged is shown with a warning, and replies do not follow it.
        channels.mail()
        await channels.letters.writes(channels.letters.customers[MAIL], "This is me")
        await until(lambda: "This is me" in said(thread), "the same thread")
        await channels.wire.writes(web, "I am back here")
        await until(lambda: "I am back here" in said(thread), "the same thread")
        forger = channels.mail(proof="claimed")
        await channels.letters.writes(forger, "Forged")
        await until(lambda: "Forged" in said(thread), "the forged mail, shown")
        assert "Careful: the next message could not be proven" in said_by_us(thread)
        await office.tool.says(office.bea, thread.ref, "The answer")
        await channels.wire.until(lambda: bool(channels.wire.shown(web)))
        assert channels.letters.shown(forger) == []


async def test_the_same_number_is_suggested_once_and_decided_by_an_agent(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        chat = channels.wire.customer("Jane", suggests=[f"tel:{NUMBER}"])
        thread = await office.opened(chat)
        texts = channels.phone(name="J")
        await channels.texts.writes(texts, "By text")
        await until(lambda: len(office.tool.threads) == 2, "a thread of its own")
        await office.quiet()
        other = office.tool.threads[1]
        assert "This may be the same customer as Jane (Wire)" in said_by_us(other)
        assert await persons(office) == 2
        await channels.texts.writes(texts, "Again")
        await office.quiet()
        assert said_by_us(other).count("This may be") == 1
        value = button(other, "Same customer")
        await office.tool.presses(office.bea, other.ref, "merge", value)
        await office.tool.presses(office.omar, other.ref, "merge", value)
        await until(lambda: "decided already" in "\n".join(office.whispered()), "the second is told")
        await office.quiet()
        assert await persons(office) == 1
        assert await evidence(office) == [("number", "active")]
        assert f"Bea says so; both have {NUMBER}" in said_by_us(other)
        # The conversation in which it was decided goes on.
        assert await open_numbers(office) == [1002]
        assert "goes on in #1002" in said_by_us(thread)


async def test_a_declined_suggestion_is_not_made_again(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        await channels.letters.writes(channels.mail(), "By mail")
        await until(lambda: len(office.tool.threads) == 1, "her thread")
        colleague = channels.wire.customer("Jane of Acme", suggests=[f"mailto:{MAIL}"])
        thread = await office.opened(colleague)
        assert "This may be the same customer as Jane (Letters)" in said_by_us(thread)
        await office.tool.presses(office.bea, thread.ref, "split", button(thread, "Somebody else"))
        await until(lambda: "says that it is somebody else" in said_by_us(thread), "the decision")
        colleague.about["suggests"] = []
        colleague.about["claims"] = ["tel:+431"]
        await channels.wire.writes(colleague, "One")
        colleague.about["suggests"] = [f"mailto:{MAIL}"]
        await channels.wire.writes(colleague, "Two")
        await until(lambda: "Two" in said(thread), "the message")
        await office.quiet()
        assert said_by_us(thread).count("This may be") == 1
        assert await evidence(office) == [("organisation", "ended")]


async def test_what_an_agent_took_back_is_not_linked_again_by_the_same_evidence(
    database_url: str, tmp_path: Path
) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        web = channels.wire.customer("Jane", **SIGNED_MAIL)
        thread = await office.opened(web)
        mail = channels.mail()
        await channels.letters.writes(mail, "By mail")
        await until(lambda: "By mail" in said(thread), "the same thread")
        await office.quiet()
        await office.tool.presses(office.bea, thread.ref, "split", button(thread, "Undo"))
        await until(lambda: "Bea took back" in said_by_us(thread), "the notice")
        await channels.letters.writes(mail, "On my own")
        await until(lambda: len(office.tool.threads) == 2, "a thread of her own")
        await office.quiet()
        assert await evidence(office) == [("mail", "ended")]
        assert "On my own" in said(office.tool.threads[1])
        await office.tool.says(office.bea, thread.ref, "To the web only")
        await channels.wire.until(lambda: bool(channels.wire.shown(web)))
        assert channels.letters.shown(mail) == []


async def test_a_changed_number_goes_with_her_and_drops_what_was_known(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        jane = channels.wire.customer("Jane", phone=NUMBER, facts={"Orders": "4711"}, metadata={"to": NUMBER})
        old = jane.id
        thread = await office.opened(jane)
        assert "4711" in card(thread)
        await channels.wire.moves(jane, "new-id")
        await until(lambda: "number changed" in said_by_us(thread), "the flag")
        await until(lambda: "Number changed" in card(thread), "the card")
        assert "4711" not in card(thread)
        assert NUMBER not in card(thread)
        await office.tool.says(office.bea, thread.ref, "Is it you?")
        await channels.wire.until(lambda: bool(channels.wire.shown(jane)))
        assert channels.wire.messages[-1].sent.recipient.metadata == {}
        await channels.wire.writes(FakeCustomer(id="new-id", name="Jane"), "It is me")
        await until(lambda: "It is me" in said(thread), "the same thread")
        # Whoever has the old number now is somebody else.
        await channels.wire.writes(FakeCustomer(id=old, name="Jim"), "New here")
        await until(lambda: len(office.tool.threads) == 2, "a thread of his own")
        assert await persons(office) == 2


async def test_a_notice_that_comes_after_the_new_number_wrote_links_the_two(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        jane = channels.wire.customer("Jane")
        first = await office.opened(jane)
        second = await office.opened(FakeCustomer(id="new-id", name="Jane"), "From my new number")
        channels.wire.customers["new-id"] = FakeCustomer(id="new-id", name="Jane")
        await channels.wire.sends_raw(channels.wire._update("address", before=jane.id, after="new-id", renumbered=True))
        await until(lambda: "goes on in #1001" in said_by_us(second), "one conversation")
        await office.quiet()
        assert await evidence(office) == [("moved", "active")]
        await office.tool.says(office.bea, first.ref, "Hello again")
        new = channels.wire.customers["new-id"]
        await channels.wire.until(lambda: bool(channels.wire.shown(new)))
        assert channels.wire.shown(jane) == []
