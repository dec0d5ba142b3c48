"""Mails come in from a real IMAP server and answers go out through a real SMTP server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.contracts.bridge import Proof
from sandbox.mail import MailSandbox
from tests.bridges.email_accounts import ADA, DOMAIN, PASSWORD, SUPPORT, Account, account, words


@pytest.fixture
async def mail() -> AsyncIterator[MailSandbox]:
    async with MailSandbox(domain=DOMAIN) as server:
        server.add_mailbox(SUPPORT, PASSWORD)
        yield server


@pytest.fixture
async def shop(mail: MailSandbox, tmp_path: Path) -> AsyncIterator[Account]:
    async with account(mail, tmp_path) as opened:
        yield opened


async def test_a_mail_arrives_and_its_answer_joins_the_thread(shop: Account) -> None:
    event = await shop.letter(subject="My order", text="Where is it? 🙂\nשלום 你好")
    assert (event.sender.external_id, event.sender.name) == ("ada@customer.test", "Ada Lovelace")
    assert event.sender.proof is Proof.CHANNEL
    assert words(event) == "Where is it? 🙂\nשלום 你好"
    assert (event.subject, event.automated, event.continues) == ("My order", False, ())
    sent = await shop.bridge.send(shop.answer(event, "On its **way**", token="abc234"))
    (arrived,) = shop.mail.mailbox("ada@customer.test")
    letter = arrived.letter
    assert letter.message_id == sent
    assert (letter.in_reply_to, letter.references) == (event.external_id, (event.external_id,))
    assert letter.subject == "Re: My order"
    assert letter.header("Reply-To") == "support+abc234@shop.test"
    assert letter.header("Auto-Submitted") is None
    assert "On its" in letter.text
    assert "<p" in letter.html
    again = await shop.letter(subject="Re: My order", text="Thanks", in_reply_to=sent)
    assert again.quote == sent
    assert again.continues == (sent,)
    await shop.mail.customer_writes(ADA, "support+abc234@shop.test", "Other", "token only")
    assert (await shop.runtime.arrived(3))[2].token == "abc234"
