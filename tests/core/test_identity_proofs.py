"""Asking a customer to prove an address: by a link, a code or an invitation; once, in time, and for nobody else."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest
from sqlalchemy import update

from core.contacts.models import addresses
from core.conversations.events import events
from core.identity.proofs import LASTS, ProofKind, identity_proofs
from core.settings.models import ReplyMode, RouteSettings
from core.testing.fakes import FakeChannel, FakeCustomer, FakeThread
from tests.core.identities import (
    CLAIMS_MAIL,
    CLAIMS_NUMBER,
    MAIL,
    NUMBER,
    button,
    buttons_of,
    card,
    evidence,
    identity_office,
    link_in,
    persons,
    said_by_us,
)
from tests.core.office import SHOP, SUPPORT, Office, said, until

LINK, CODE, INVITATION = f"link|letters|mailto:{MAIL}", f"code|texts|tel:{NUMBER}", "invitation|chatter|"


async def _asked(office: Office, thread: FakeThread, way: str) -> None:
    await office.tool.presses(office.bea, thread.ref, "verify", fields=[("way", way)])
    await office.quiet()


async def _arrives(channel: FakeChannel, customer: FakeCustomer) -> str:
    """The latest that she has from us."""
    await until(lambda: channel.shown(customer), "a message")
    return channel.shown(customer)[-1].text


async def _opens(office: Office, token: str, method: str = "GET") -> tuple[int, str]:
    url = f"{office.app.web.url}/verify/{token}"
    async with aiohttp.ClientSession() as http, http.request(method, url) as answer:
        return answer.status, await answer.text()


async def test_a_link_proves_a_mail_address_when_its_button_is_pressed(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        mail = channels.mail()
        jane = channels.wire.customer("Jane", **CLAIMS_MAIL)
        thread = await office.opened(jane)
        assert f"Claims to be: {MAIL} (not proven)" in card(thread)
        await office.tool.asks(office.bea, thread.ref, "verify")
        await until(lambda: office.tool.forms, "the form")
        assert [option.label for option in office.tool.forms[-1].fields[0].options] == [  # type: ignore[union-attr]
            f"Send a link to {MAIL}",
            "Invite her to Chatter",
        ]
        await _asked(office, thread, LINK)
        text = await _arrives(channels.letters, mail)
        assert "Jane" not in text, "what the claimant wrote goes to nobody whom it is not proven to be"
        token = link_in(text)
        for _ in range(3):
            status, page = await _opens(office, token)
            assert (status, MAIL in page, "<button>" in page) == (200, True, True)
        await office.quiet()
        assert await evidence(office) == [], "looking is not confirming"
        status, page = await _opens(office, token, "POST")
        assert (status, "Thank you" in page) == (200, True)
        await until(lambda: "she confirmed the link" in said_by_us(thread), "the notice")
        await until(lambda: f"Letters {MAIL} (verified)" in card(thread), "the card")
        assert "Claims to be" not in card(thread)
        assert await evidence(office) == [("link", "active")]
        for method in ("GET", "POST"):
            status, page = await _opens(office, token, method)
            assert (status, "has ended" in page) == (410, True)
        await channels.letters.writes(mail, "From my mailbox")
        await until(lambda: "From my mailbox" in said(thread), "the same thread")
        assert "Jane continued by Letters" in said_by_us(thread)
        facts = [row.kind for row in await office.rows(events) if row.kind in ("proof_asked", "proven", "linked")]
        assert sorted(facts) == ["linked", "proof_asked", "proven"]


async def test_the_page_runs_nothing_and_stays_out_of_frames(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        channels.mail('"><script>alert(1)</script>@example.com', claims=[])
        odd = channels.wire.customer("Jane", proof="claimed", claims=["mailto:jane&co@example.com"])
        channels.mail("jane&co@example.com")
        thread = await office.opened(odd)
        await _asked(office, thread, "link|letters|mailto:jane&co@example.com")
        token = link_in(await _arrives(channels.letters, channels.letters.customers["jane&co@example.com"]))
        async with aiohttp.ClientSession() as http, http.get(f"{office.app.web.url}/verify/{token}") as answer:
            assert "jane&amp;co@example.com" in await answer.text()
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("change", ["", "A", "cut", "other", "nonsense"])
async def test_a_token_that_we_did_not_make_is_refused(database_url: str, tmp_path: Path, change: str) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        mail = channels.mail()
        thread = await office.opened(channels.wire.customer("Jane", **CLAIMS_MAIL))
        await _asked(office, thread, LINK)
        await _asked(office, thread, INVITATION)
        token = link_in(await _arrives(channels.letters, mail))
        rows = {row.kind: row for row in await office.rows(identity_proofs)}
        forged = {
            "": token[:-2] + ("AA" if token[-2:] != "AA" else "BA"),
            "A": "A" * 43,
            "cut": token[:-1],
            # Another proof's id under this one's signature.
            "other": _encoded(rows["invitation"].id.bytes + _decoded(token)[16:]),
            "nonsense": "ä%20…",
        }[change]
        assert (await _opens(office, forged))[0] == 404
        assert (await _opens(office, forged, "POST"))[0] == 404
        assert await evidence(office) == []


def _decoded(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def test_a_link_is_bound_to_what_its_row_says(database_url: str, tmp_path: Path) -> None:
    """Whoever could turn the row to another contact has no token for that."""
    async with identity_office(tmp_path, database_url) as (office, channels):
        mail = channels.mail()
        thread = await office.opened(channels.wire.customer("Jane", **CLAIMS_MAIL))
        other = await office.opened(channels.wire.customer("Mallory"))
        assert other is not thread
        await _asked(office, thread, LINK)
        token = link_in(await _arrives(channels.letters, mail))
        mallory: UUID = max(row.contact_id for row in await office.rows(addresses))
        await office.app.storage.write(
            lambda connection: connection.execute(update(identity_proofs).values(contact_id=mallory))
        )
        assert (await _opens(office, token, "POST"))[0] == 404


async def test_links_and_codes_end(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (ProofKind.LINK, ProofKind.CODE):
        monkeypatch.setitem(LASTS, kind, timedelta(seconds=4))
    async with identity_office(tmp_path, database_url) as (office, channels):
        mail, phone = channels.mail(), channels.phone(suggests=[])
        jane = channels.wire.customer("Jane", proof="claimed", claims=[f"mailto:{MAIL}", f"tel:{NUMBER}"])
        thread = await office.opened(jane)
        # The one that is asked first ends first.
        await _asked(office, thread, CODE)
        await _asked(office, thread, LINK)
        token = link_in(await _arrives(channels.letters, mail))
        code = (await _arrives(channels.texts, phone)).split()[3].rstrip(".")
        async with asyncio.timeout(10):
            while (await _opens(office, token))[0] == 200:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert (await _opens(office, token, "POST"))[0] == 410
        await channels.wire.writes(jane, code)
        await office.quiet()
        assert await evidence(office) == []


async def test_two_who_press_at_once_confirm_it_once(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        mail = channels.mail()
        thread = await office.opened(channels.wire.customer("Jane", **CLAIMS_MAIL))
        await _asked(office, thread, LINK)
        token = link_in(await _arrives(channels.letters, mail))
        answers = await asyncio.gather(*(_opens(office, token, "POST") for _ in range(5)))
        assert sorted(status for status, _ in answers) == [200, 410, 410, 410, 410]
        assert await evidence(office) == [("link", "active")]


async def test_a_code_proves_a_number_from_the_chat_it_was_asked_in(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        phone = channels.phone(suggests=[])
        jane = channels.wire.customer("Jane", **CLAIMS_NUMBER)
        mallory = channels.wire.customer("Mallory", **CLAIMS_NUMBER)
        thread = await office.opened(jane)
        await office.opened(mallory)
        await _asked(office, thread, CODE)
        code = (await _arrives(channels.texts, phone)).split()[3].rstrip(".")
        assert len(code) == 6
        await channels.wire.writes(mallory, code)
        await office.quiet()
        assert await evidence(office) == [], "it is good in one chat only"
        await channels.wire.writes(jane, f"{code[:3]} {code[3:]}")
        await until(lambda: "she wrote here the code" in said_by_us(thread), "the notice")
        assert await evidence(office) == [("code", "active")]
        await channels.texts.writes(phone, "By text now")
        await until(lambda: "By text now" in said(thread), "the same thread")
        assert await persons(office) == 2


async def test_a_code_is_guessed_five_times_at_most(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        phone = channels.phone(suggests=[])
        jane = channels.wire.customer("Jane", **CLAIMS_NUMBER)
        thread = await office.opened(jane)
        await _asked(office, thread, CODE)
        code = (await _arrives(channels.texts, phone)).split()[3].rstrip(".")
        wrong = f"{(int(code) + 1) % 1_000_000:06d}"
        for _ in range(5):
            await channels.wire.writes(jane, wrong)
        await until(lambda: "it cannot be tried again" in said_by_us(thread), "the end of the tries")
        await channels.wire.writes(jane, code)
        await office.quiet()
        assert await evidence(office) == []


async def test_an_invitation_brings_her_to_the_same_thread(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        jane = channels.wire.customer("Jane", proof="anonymous")
        thread = await office.opened(jane)
        await _asked(office, thread, INVITATION)
        token = (await _arrives(channels.wire, jane)).split("start?")[1].split()[0]
        assert len(token) <= 64
        there = channels.chatter.customer("Jane on chatter")
        unproven = channels.chatter.customer("Mallory", proof="claimed")
        # Who proves nothing about herself brings nothing.
        await channels.chatter.writes(unproven, "/start", proof_token=token)
        await until(lambda: len(office.tool.threads) == 2, "a thread of its own")
        # Nor is it good on another account.
        await channels.texts.writes(channels.phone(suggests=[]), "/start", proof_token=token)
        await until(lambda: len(office.tool.threads) == 3, "a thread of its own")
        assert await evidence(office) == []
        await channels.chatter.writes(there, "/start", proof_token=token)
        await until(lambda: "she followed the invitation" in said_by_us(thread), "the notice")
        await until(lambda: "/start" in said(thread), "the same thread")
        again = channels.chatter.customer("Forwarded")
        await channels.chatter.writes(again, "/start", proof_token=token)
        await until(lambda: len(office.tool.threads) == 4, "a thread of its own: it works once")
        assert await evidence(office) == [("invitation", "active")]


async def test_asking_is_limited(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        mail = channels.mail()
        first = await office.opened(channels.wire.customer("Jane", **CLAIMS_MAIL))
        second = await office.opened(channels.wire.customer("Jim", **CLAIMS_MAIL))
        for thread in (first, first, second, second):
            await _asked(office, thread, LINK)
        await until(lambda: "messages went to" in "\n".join(office.whispered()), "the refusal")
        assert len(channels.letters.shown(mail)) == 3
        for _ in range(5):
            await _asked(office, first, INVITATION)
        await until(lambda: "times in a day already" in "\n".join(office.whispered()), "the refusal")


async def test_what_could_not_be_asked_is_said(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        thread = await office.opened(channels.wire.customer("Jane", **CLAIMS_MAIL))
        await _asked(office, thread, LINK)
        await until(lambda: f"She could not be asked ({MAIL})" in said_by_us(thread), "the failure")
        assert "Nobody has this address." in said_by_us(thread)


async def test_without_a_public_address_no_link_is_offered(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url, public_url="") as (office, channels):
        thread = await office.opened(channels.wire.customer("Jane", **CLAIMS_MAIL))
        await _asked(office, thread, LINK)
        await until(lambda: "cannot be asked that way" in "\n".join(office.whispered()), "the refusal")
        assert await office.rows(identity_proofs) == []


async def test_from_a_room_for_information_nobody_is_asked(database_url: str, tmp_path: Path) -> None:
    quiet = RouteSettings(name="quiet", rooms=(f"{SHOP}/{SUPPORT.room}",), reply_mode=ReplyMode.NONE)
    async with identity_office(tmp_path, database_url, routes=(quiet,)) as (office, channels):
        thread = await office.opened(channels.wire.customer("Jane", **CLAIMS_MAIL))
        await _asked(office, thread, INVITATION)
        await until(lambda: "this room is for information" in "\n".join(office.whispered()), "the refusal")
        assert await office.rows(identity_proofs) == []


async def test_guests_ask_nothing(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        thread = await office.opened(channels.wire.customer("Jane", **CLAIMS_MAIL))
        await office.tool.presses(office.guest, thread.ref, "verify", fields=[("way", LINK)])
        await until(lambda: "Only members" in "\n".join(office.whispered()), "the refusal")
        assert await office.rows(identity_proofs) == []
        assert "Ask to verify" in buttons_of(thread)


async def test_a_proof_is_undone_like_any_link(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        mail = channels.mail()
        thread = await office.opened(channels.wire.customer("Jane", **CLAIMS_MAIL))
        await _asked(office, thread, LINK)
        await _opens(office, link_in(await _arrives(channels.letters, mail)), "POST")
        await until(lambda: "she confirmed the link" in said_by_us(thread), "the notice")
        await office.tool.presses(office.bea, thread.ref, "split", button(thread, "Undo"), key="one")
        await office.tool.presses(office.bea, thread.ref, "split", button(thread, "Undo"), key="two")
        await until(lambda: "decided already" in "\n".join(office.whispered()), "the second is told")
        assert await evidence(office) == [("link", "ended")]
        await channels.letters.writes(mail, "Not hers")
        await until(lambda: len(office.tool.threads) == 2, "a thread of its own")
