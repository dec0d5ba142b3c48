"""What goes out is a proper mail, and what a mail server says about it is understood."""

import asyncio
import email
import email.policy
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from imapclient import IMAPClient

from core.contracts.bridge import ExternalId, Recipient
from core.contracts.content import Content
from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.richtext import Document
from core.contracts.text import markdown
from sandbox.faults import Fault
from sandbox.mail import MailSandbox, reply
from tests.bridges.email_accounts import ADA, DOMAIN, PASSWORD, SUPPORT, Account, account
from tests.bridges.runtime import outbound

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    + "1f15c4890000000d4944415478da63fcffff3f030005fe02fea72d"
    "99f40000000049454e44ae426082"
)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Account]:
    async with MailSandbox(domain=DOMAIN) as mail:
        mail.add_mailbox(SUPPORT, PASSWORD)
        async with account(mail, tmp_path) as opened:
            yield opened


def sent(shop: Account, number: int = -1) -> EmailMessage:
    """A mail as it was handed in, read by the standard library."""
    message = email.message_from_bytes(shop.mail.submissions[number].data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def text_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content.replace("\r\n", "\n")


async def test_rich_text_goes_out_as_text_and_as_html(shop: Account) -> None:
    body = markdown(
        "Hello **Ada** & <script>\n\n- one\n- [two](https://shop.test/?a=1&b=2)\n\n"
        "> quoted\n\n```\nx < y\n```\n\nשלום 🙂 你好"
    )
    await shop.bridge.send(outbound(ADA[1], body))
    message = sent(shop)
    assert text_of(message, "plain") == (
        "Hello Ada & <script>\n\n- one\n- two (https://shop.test/?a=1&b=2)\n\n> quoted\n\nx < y\n\nשלום 🙂 你好\n"
    )
    html = text_of(message, "html")
    assert "Hello <strong>Ada</strong> &amp; &lt;script&gt;" in html
    assert '<li><a href="https://shop.test/?a=1&amp;b=2">two</a></li></ul>' in html
    assert "x &lt; y</pre>" in html
    assert "שלום 🙂 你好" in html
    assert "<script" not in html
    assert message["From"] == "The Shop <support@shop.test>"
    assert message["To"] == "Ada <ada@customer.test>"
    assert all(len(line) <= 998 for line in shop.mail.submissions[-1].data.split(b"\r\n"))
    assert shop.mail.submissions[-1].data.isascii()


async def test_long_texts_keep_every_character(shop: Account) -> None:
    words = "".join(f"word{n} " for n in range(1500)) + "ü" * 20_000 + "\n.\n..dots\nFrom here"
    await shop.bridge.send(outbound(ADA[1], replace(outbound(ADA[1], words).content)))
    assert text_of(sent(shop), "plain") == words + "\n"


async def test_a_repeated_send_has_the_same_id_and_others_do_not(shop: Account) -> None:
    first = await shop.bridge.send(outbound(ADA[1], "hello", key="one"))
    assert await shop.bridge.send(outbound(ADA[1], "hello", key="one")) == first
    assert await shop.bridge.send(outbound(ADA[1], "hello", key="two")) != first
    assert len(first) < 60
    assert sent(shop, 0)["Message-ID"] == first


async def test_long_ids_stay_whole(shop: Account) -> None:
    history = tuple(ExternalId(f"<{'a' * 120}.{number}@mail.customer.test>") for number in range(20))
    to = Recipient(external_id=ADA[1], name="Ada", metadata={"root": "<root@customer.test>"})
    await shop.bridge.send(outbound(to, "hello", history=history))
    raw = shop.mail.submissions[-1].data
    assert b"=?" not in raw.partition(b"\r\n\r\n")[0]
    references = (
        raw.partition(b"References:")[2].partition(b"\r\nReply-To")[0].partition(b"\r\nX-Thread")[0].decode().split()
    )
    assert references == ["<root@customer.test>", *history[-10:]]
    assert f"In-Reply-To: {history[-1]}\r\n".encode() in raw


async def test_the_answer_names_the_customers_last_mail_and_the_quoted_one(shop: Account) -> None:
    first = await shop.letter(text="one")
    ours = await shop.bridge.send(shop.answer(first, "two"))
    await shop.bridge.send(shop.answer(first, "three", key="k2", history=(first.external_id, ours)))
    assert sent(shop)["In-Reply-To"] == first.external_id
    assert sent(shop)["References"].split() == [ours, first.external_id]
    third = await shop.letter(text="four")
    history = (first.external_id, ours, third.external_id)
    quoted = shop.answer(third, "five", key="k3", history=history, quote=first.external_id, quote_text="one\n<b>")
    await shop.bridge.send(quoted)
    assert sent(shop)["In-Reply-To"] == first.external_id
    assert text_of(sent(shop), "plain") == "five\n\n> one\n> <b>\n"
    assert "one<br>\n&lt;b&gt;</blockquote>" in text_of(sent(shop), "html")


@pytest.mark.parametrize(
    ("subject", "history", "expected"),
    [
        ("Order", ("<a@b>",), "Re: Order"),
        ("Re: AW: RE[2]: Order", ("<a@b>",), "Re: Order"),
        ("Order", (), "Order"),
        ("", ("<a@b>",), "Message from The Shop"),
        ("Zurück? " + "ü" * 120, ("<a@b>",), "Re: Zurück? " + "ü" * 120),
        ("a\r\nBcc: evil@x.test", ("<a@b>",), "Re: a Bcc: evil@x.test"),
    ],
)
async def test_subjects(shop: Account, subject: str, history: tuple[ExternalId, ...], expected: str) -> None:
    await shop.bridge.send(outbound(ADA[1], "x", subject=subject, history=history))
    assert sent(shop)["Subject"] == expected
    assert sent(shop)["Bcc"] is None


async def test_only_automatic_mails_say_so(shop: Account) -> None:
    await shop.bridge.send(outbound(ADA[1], "hello"))
    assert (sent(shop)["Auto-Submitted"], sent(shop)["X-Auto-Response-Suppress"]) == (None, None)
    await shop.bridge.send(outbound(ADA[1], "we are closed", automated=True))
    assert (sent(shop)["Auto-Submitted"], sent(shop)["X-Auto-Response-Suppress"]) == ("auto-replied", "All")


async def test_files_arrive_as_they_are(shop: Account) -> None:
    text = "line one\r\nFrom line two\n.\nümlaut".encode()
    files = [await shop.runtime.stored(PNG, "Bild ü.png"), await shop.runtime.stored(text, "notes.txt")]
    body = outbound(ADA[1], "see below").content.body
    await shop.bridge.send(outbound(ADA[1], Content(body=body, attachments=tuple(files))))
    parts = list(sent(shop).iter_attachments())
    assert [(part.get_filename(), part.get_content_type()) for part in parts] == [
        ("Bild ü.png", "image/png"),
        ("notes.txt", "text/plain"),
    ]
    assert [part.get_payload(decode=True) for part in parts] == [PNG, text]
    assert text_of(sent(shop), "plain") == "see below\n"


async def test_names_and_addresses_beyond_ascii(shop: Account) -> None:
    await shop.bridge.send(outbound(Recipient(external_id="ada@bücher.test", name='Ada "Ü", L'), "x"))
    assert shop.mail.submissions[-1].recipients == ("ada@xn--bcher-kva.test",)
    assert sent(shop)["To"].addresses[0].display_name == 'Ada "Ü", L'
    await shop.bridge.send(outbound(Recipient(external_id="dóra@customer.test", name="Dóra"), "x"))
    assert shop.mail.submissions[-1].recipients == ("dóra@customer.test",)


REFUSALS = [
    ("smtp.connect", reply(421, "4.3.2 busy"), TemporaryFailure, None),
    ("smtp.connect", reply(554, "5.7.1 go away"), PermanentFailure, FailureReason.POLICY),
    ("smtp.auth", reply(454, "4.7.0 Temporary authentication failure"), TemporaryFailure, None),
    ("smtp.auth", reply(535, "5.7.8 Bad credentials"), CredentialsRejected, None),
    ("smtp.mail", reply(550, "5.7.30 Basic authentication is not supported"), CredentialsRejected, None),
    ("smtp.mail", reply(530, "5.7.0 Authentication required"), CredentialsRejected, None),
    ("smtp.mail", reply(553, "5.7.1 Sender not owned"), PermanentFailure, FailureReason.MISCONFIGURED),
    ("smtp.mail", reply(552, "5.3.4 Message too big"), PermanentFailure, FailureReason.TOO_LARGE),
    ("smtp.mail", reply(451, "4.3.0 try later"), TemporaryFailure, None),
    ("smtp.rcpt", reply(550, "5.1.1 No such user"), PermanentFailure, FailureReason.RECIPIENT_GONE),
    ("smtp.rcpt", reply(550, "No such user here"), PermanentFailure, FailureReason.RECIPIENT_GONE),
    ("smtp.rcpt", reply(552, "5.2.2 Mailbox full"), PermanentFailure, FailureReason.RECIPIENT_GONE),
    ("smtp.rcpt", reply(550, "5.7.1 Blocked by policy"), PermanentFailure, FailureReason.POLICY),
    ("smtp.rcpt", reply(450, "4.2.0 Greylisted"), TemporaryFailure, None),
    ("smtp.data", reply(451, "4.7.0 later"), TemporaryFailure, None),
    ("smtp.data", reply(552, "5.3.4 too large"), PermanentFailure, FailureReason.TOO_LARGE),
    ("smtp.data", reply(554, "5.7.1 Spam"), PermanentFailure, FailureReason.POLICY),
    ("smtp.data", reply(554, "5.6.0 Bad content"), PermanentFailure, FailureReason.BAD_CONTENT),
    ("smtp.mail", Fault(drop="before"), TemporaryFailure, None),
    ("smtp.rcpt", Fault(drop="before"), TemporaryFailure, None),
    ("smtp.data", Fault(drop="before"), OutcomeUnknown, None),
    ("smtp.data", Fault(drop="after"), OutcomeUnknown, None),
]


@pytest.mark.parametrize(("place", "fault", "expected", "reason"), REFUSALS)
async def test_refusals(
    shop: Account, place: str, fault: Fault, expected: type[AdapterError], reason: FailureReason | None
) -> None:
    shop.mail.faults.order(place, fault, times=3)
    with pytest.raises(AdapterError) as raised:
        await shop.bridge.send(outbound(ADA[1], "hello"))
    assert type(raised.value) is expected
    assert getattr(raised.value, "reason", None) == reason
    assert str(raised.value).endswith(".")
    shop.mail.faults.clear()
    await shop.bridge.send(outbound(ADA[1], "hello"))


async def test_a_silent_server_is_not_waited_for(shop: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridges.email.smtp.SEND_S", 0.3)
    for place, expected in (("smtp.rcpt", TemporaryFailure), ("smtp.data", OutcomeUnknown)):
        shop.mail.faults.order(place, Fault(delay=3))
        start = time.perf_counter()
        with pytest.raises(TemporaryFailure) as raised:
            await shop.bridge.send(outbound(ADA[1], "hello"))
        assert type(raised.value) is expected
        assert time.perf_counter() - start < 2


async def test_no_server_is_a_temporary_failure(shop: Account) -> None:
    await shop.mail._smtp.stop()
    with pytest.raises(TemporaryFailure) as raised:
        await shop.bridge.send(outbound(ADA[1], "hello"))
    assert type(raised.value) is TemporaryFailure


async def test_what_is_no_address_is_not_written_to(shop: Account) -> None:
    for address in ("unknown", "a@b\r\nRCPT TO:<c@d>", "a b@c.test"):
        with pytest.raises(PermanentFailure) as raised:
            await shop.bridge.send(outbound(address, "hello"))
        assert raised.value.reason is FailureReason.RECIPIENT_GONE
    assert not shop.mail.submissions


async def test_a_doubtful_send_is_looked_up_among_the_sent_mails(shop: Account) -> None:
    message = outbound(ADA[1], "hello")
    shop.mail.faults.order("smtp.data", Fault(drop="after"))
    with pytest.raises(OutcomeUnknown):
        await shop.bridge.send(message)
    with pytest.raises(OutcomeUnknown):
        await shop.bridge.find(message)
    data = shop.mail.submissions[-1].data

    def files_what_it_sent() -> None:
        client = IMAPClient(shop.mail.host, shop.mail.imap_port, ssl=False, timeout=10)
        client.login(SUPPORT, PASSWORD)
        client.append("Sent", data)
        client.logout()

    await asyncio.to_thread(files_what_it_sent)
    assert await shop.bridge.find(message) == sent(shop)["Message-ID"]


async def test_an_empty_document_is_sent_with_its_file(shop: Account) -> None:
    file = await shop.runtime.stored(b"%PDF-1.4 x", "invoice.pdf")
    await shop.bridge.send(outbound(ADA[1], Content(body=Document(), attachments=(file,))))
    assert [part.get_filename() for part in sent(shop).iter_attachments()] == ["invoice.pdf"]
