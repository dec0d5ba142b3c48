"""What a mail says about its sender, its thread, its files and whether a person wrote it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridges.email.headers import addresses, words
from core.contracts.bridge import DeliveryStatus, MessageReceived, Proof, StatusChanged
from core.contracts.content import MediaKind
from sandbox.mail import MailSandbox
from tests.bridges.email_accounts import ADA, DOMAIN, PASSWORD, SUPPORT, Account, account
from tests.bridges.email_accounts import words as shown
from tests.bridges.runtime import outbound
from tests.bridges.test_email_sending import PNG


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Account]:
    async with MailSandbox(domain=DOMAIN) as mail:
        mail.add_mailbox(SUPPORT, PASSWORD)
        async with account(mail, tmp_path) as opened:
            yield opened


VERDICT = "Authentication-Results: mx.shop.test; dmarc=pass header.from=customer.test"


async def test_only_the_receiving_servers_verdict_proves_a_sender(shop: Account) -> None:
    assert (await shop.letter(text="x")).sender.proof is Proof.CHANNEL
    assert (await shop.letter(text="x", dmarc="fail")).sender.proof is Proof.CLAIMED
    assert (await shop.letter(text="x", dmarc=None)).sender.proof is Proof.CLAIMED
    name, _, value = VERDICT.partition(": ")
    for verdict in ("fail", None):
        forged = await shop.letter(text="x", dmarc=verdict, headers={name: value})
        assert forged.sender.proof is Proof.CLAIMED


@pytest.mark.parametrize(
    ("servers", "verdict", "expected"),
    [
        (["mx.google.com"], "mx.google.com; dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=customer.test", True),
        (["mx.google.com"], "mx.google.com 1; spf=pass smtp.mailfrom=x; dmarc=pass header.from=CUSTOMER.test", True),
        (["mx.google.com"], "evil.test; dmarc=pass header.from=customer.test", False),
        (["mx.google.com"], "dmarc=pass header.from=customer.test", False),
        (["mx.google.com"], "mx.google.com; dmarc=pass header.from=evil.test", False),
        (["mx.google.com"], "mx.google.com; dmarc=pass header.from=mer.test", False),
        (["mx.google.com"], "mx.google.com; dmarc=none header.from=customer.test", False),
        (["mx.google.com"], 'mx.google.com; dkim=pass header.i="@x; dmarc=pass header.from=customer.test"', False),
        (["mx.google.com"], "mx.google.com; dkim=pass (; dmarc=pass header.from=customer.test)", False),
        (["mx.google.com"], "mx.google.com; dmarc=fail header.from=x; dmarc=pass header.from=customer.test", False),
        (
            [""],
            "spf=pass (sender IP is 1.2.3.4);dmarc=pass action=none header.from=customer.test",
            True,
        ),
        ([""], "evil.test; dmarc=pass header.from=customer.test", False),
    ],
)
async def test_verdicts_as_servers_write_them(tmp_path: Path, servers: list[str], verdict: str, expected: bool) -> None:
    raw = f"Authentication-Results: {verdict}\nFrom: ada@customer.test\nMessage-ID: <a@b>\n\nx\n".encode()
    async with MailSandbox(domain=DOMAIN) as mail:
        mail.add_mailbox(SUPPORT, PASSWORD)
        async with account(mail, tmp_path, auth_servers=servers) as shop:
            event = await shop.letter(raw=raw, dmarc=None)
    assert (event.sender.proof is Proof.CHANNEL) is expected


@pytest.mark.parametrize(
    "sender",
    [
        "ada@customer.test, eve@customer.test",
        "ada@customer.test\nFrom: eve@customer.test",
        '"ada@customer.test" <eve@evil.test>',
        "ada@customer.test <eve@evil.test>",
    ],
)
async def test_a_sender_that_is_not_one_is_only_claimed(shop: Account, sender: str) -> None:
    raw = f"From: {sender}\nMessage-ID: <a@b>\n\nx\n".encode()
    event = await shop.letter(raw=raw)
    assert event.sender.proof is Proof.CLAIMED or event.sender.external_id == "eve@evil.test"
    assert event.sender.name in ("ada@customer.test", "eve@evil.test")
    if "evil" in sender:
        assert (event.sender.external_id, event.sender.name) == ("eve@evil.test", "eve@evil.test")


def test_addresses_are_taken_apart_as_written() -> None:
    assert addresses('"Lovelace, Ada" <ada@a.test>, (comment (nested)) bob@b.test; Team: c@c.test;') == [
        ("Lovelace, Ada", "ada@a.test"),
        ("", "bob@b.test"),
        ("", "c@c.test"),
    ]
    assert addresses("=?utf-8?q?D=C3=B3ra=2C?= <d@d.test>") == [("Dóra,", "d@d.test")]
    assert addresses('"unfinished <a@b.test>') == []
    assert addresses("<a@b.test> <c@d.test>")[0][1] in ("a@b.test", "c@d.test")


def test_words_are_decoded_across_their_seams() -> None:
    assert words("=?utf-8?B?4pw=?= =?utf-8?B?kyBkb25l?=") == "✓ done"
    assert words("=?iso-8859-1?Q?f=FCr_dich?= and =?shift_jis?B?k/qWew==?=") == "für dich and 日本"
    assert words("=?no-such?Q?plain?= =?utf-8?X?y?=") == "plain =?utf-8?X?y?="


async def test_subjects_lose_their_line_breaks(shop: Account) -> None:
    raw = b"From: ada@customer.test\nMessage-ID: <a@b>\nSubject: =?utf-8?q?a=0D=0ABcc=3A_x?=\n\nx\n"
    assert (await shop.letter(raw=raw)).subject == "a Bcc: x"


async def test_threads_are_found_by_ids_newest_first(shop: Account) -> None:
    refs = " ".join(f"<{n}@x>" for n in range(30))
    event = await shop.letter(text="x", headers={"In-Reply-To": "<29@x>", "References": refs})
    assert event.continues == tuple(f"<{n}@x>" for n in range(29, 9, -1))
    assert event.quote == "<29@x>"


async def test_a_mail_without_a_usable_id_is_known_by_its_bytes(shop: Account) -> None:
    for header in ("", "Message-ID: <a b@c>\n", "Message-ID: none\n", "Message-ID: <a@b> <c@d>\n"):
        event = await shop.letter(raw=f"From: ada@customer.test\nX: {header!r}\n{header}\nx\n".encode())
        assert event.external_id.startswith("sha256:")
    odd = await shop.letter(raw=b"From: ada@customer.test\nMessage-ID: <[abc]@d>\n\nx\n")
    assert odd.external_id == "<[abc]@d>"


@pytest.mark.parametrize("header", ["To", "Cc", "Delivered-To", "X-Original-To"])
async def test_tokens_come_back_in_any_recipient_header(shop: Account, header: str) -> None:
    raw = f"From: ada@customer.test\nMessage-ID: <{header}@x>\n{header}: Shop <Support+abc23@Shop.test>\n\nx\n"
    assert (await shop.letter(raw=raw.encode())).token == "abc23"
    other = (
        f"From: ada@customer.test\nMessage-ID: <2{header}@x>\n{header}: support+abc23@evil.test, x+y@shop.test\n\nx\n"
    )
    assert (await shop.letter(raw=other.encode())).token == ""


async def test_answers_go_where_a_proven_sender_wants_them(shop: Account) -> None:
    event = await shop.letter(text="x", headers={"Reply-To": "office@customer.test"})
    await shop.bridge.send(shop.answer(event, "hello"))
    assert shop.mail.submissions[-1].recipients == ("office@customer.test",)
    claimed = await shop.letter(text="x", headers={"Reply-To": "eve@evil.test"}, dmarc="fail")
    await shop.bridge.send(shop.answer(claimed, "hello", key="k2"))
    assert shop.mail.submissions[-1].recipients == ("ada@customer.test",)


async def test_files_and_pictures_are_stored(shop: Account) -> None:
    event = await shop.letter(
        html='<p>see <img src="cid:p1"></p><blockquote type="cite"><img src="cid:old"></blockquote>',
        attachments=[("invoice.pdf", "application/pdf", b"%PDF-1.4 x"), ("../../etc/passwd", "text/plain", b"root")],
        inline=[("p1", "shot.png", "image/png", PNG), ("old", "logo.png", "image/png", PNG + b"x")],
        text="see",
    )
    found = event.content.attachments
    assert [(one.name, one.mime, one.kind) for one in found] == [
        ("shot.png", "image/png", MediaKind.IMAGE),
        ("invoice.pdf", "application/pdf", MediaKind.FILE),
        ("passwd", "text/plain", MediaKind.FILE),
    ]
    assert found[0].file is not None
    assert found[0].file.path.read_bytes() == PNG
    assert shown(event) == "see"


async def test_refused_files_become_sentences(shop: Account) -> None:
    event = await shop.letter(
        text="x",
        attachments=[("run.exe", "application/octet-stream", b"MZ" + b"x"), ("empty.txt", "text/plain", b"")],
    )
    assert [one.file for one in event.content.attachments] == [None, None]
    assert "can run a program" in (event.content.attachments[0].problem or "")


async def test_a_forwarded_mail_is_a_file(shop: Account) -> None:
    inner = b"From: bob@b.test\nSubject: Inner words\n\nsecret\n"
    raw = (
        b"From: ada@customer.test\nMessage-ID: <f@x>\nSubject: Fwd\nContent-Type: multipart/mixed; boundary=b\n\n"
        b"--b\n\nlook\n--b\nContent-Type: message/rfc822\n\n" + inner + b"--b--\n"
    )
    event = await shop.letter(raw=raw)
    (file,) = event.content.attachments
    assert (shown(event), file.name) == ("look", "Inner words.eml")


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("iso-8859-1", "“für” – €".encode("cp1252")),
        ("cp-850", "für".encode("cp850")),
        ("unknown-8bit", "für".encode()),
        ("no such", "für".encode()),
        ("gb2312", "你好镕".encode("gb18030")),
        ("shift_jis", "日本①".encode("cp932")),
        ("ks_c_5601-1987", "안녕".encode("cp949")),
        ("us-ascii", "für".encode()),
        ("hex", "für".encode()),
    ],
)
async def test_charsets_as_programs_name_them(shop: Account, charset: str, text: bytes) -> None:
    raw = f'From: ada@customer.test\nContent-Type: text/plain; charset="{charset}"\n\n'.encode() + text
    expected = {"iso-8859-1": "“für” – €", "gb2312": "你好镕", "shift_jis": "日本①", "ks_c_5601-1987": "안녕"}
    assert shown(await shop.letter(raw=raw)) == expected.get(charset, "für")


async def test_a_few_broken_characters_change_no_others(shop: Account) -> None:
    """Every two bytes would be a good character of UTF-16, and all of it Chinese."""
    text = "Größe M <b>bitte</b> — danke! ".encode() * 10 + b"half a pair: \xed\xb0\xbd"
    raw = b"From: ada@customer.test\nContent-Type: text/plain; charset=utf-8\n\n" + text
    assert shown(await shop.letter(raw=raw)).startswith("Größe M <b>bitte</b> — danke!")


@pytest.mark.parametrize("charset", ["hex", "base64", "bz2", "zlib", "rot13", "quopri", "uu", "punycode"])
async def test_codecs_that_make_no_text_are_no_charsets(shop: Account, charset: str) -> None:
    text = "A 😀 and half a pair: ".encode() + b"\xed\xb0\xbd"
    raw = f"From: ada@customer.test\nContent-Type: text/plain; charset={charset}\n\n".encode() + text
    assert "and half a pair" in shown(await shop.letter(raw=raw))


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"X-Auto-Response-Suppress": "All"},
        {"List-Unsubscribe": "<https://x.test>"},
        {"X-Autoreply": "yes"},
        {"Feedback-ID": "x"},
        {"From": "no-reply@customer.test"},
        {"From": "MAILER-DAEMON@customer.test"},
        {"From": "bounces+123@customer.test"},
    ],
)
async def test_machines_are_told_from_people(shop: Account, headers: dict[str, str]) -> None:
    assert (await shop.letter(text="x", headers=headers)).automated
    assert not (await shop.letter(text="x", headers={"Auto-Submitted": "no"})).automated


async def test_our_own_mails_do_not_come_in(shop: Account) -> None:
    await shop.bridge.send(outbound(SUPPORT, "to ourselves"))
    await shop.bridge.send(outbound(ADA[1], "hello"))
    back = shop.mail.submissions[-1].data.replace(b'From: "The Shop" <support@shop.test>', b"From: ada@customer.test")
    assert b"From: ada@customer.test" in back
    await shop.mail.customer_writes(ADA, SUPPORT, raw=back)
    await shop.mail.customer_writes(("x", "Support+tag@shop.test"), SUPPORT, "s", "own address")
    event = await shop.letter(text="from Ada")
    assert shop.runtime.events == [event]


DSN = """From: Mail Delivery Subsystem <mailer-daemon@mx.test>
To: support@shop.test
Subject: Delivery Status Notification (Failure)
Message-ID: <{number}@mx.test>
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

Your message could not be delivered.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.test

Final-Recipient: rfc822; ada@customer.test
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 The account does not exist

--b
Content-Type: message/rfc822

From: support@shop.test
Message-ID: {id}

hello
--b--
"""


async def test_bounces_fail_the_message_they_are_about(shop: Account) -> None:
    sent = await shop.bridge.send(outbound(ADA[1], "hello"))
    await shop.mail.customer_writes(ADA, SUPPORT, raw=DSN.format(number=1, action="failed", id=sent).encode())
    (event,) = await shop.runtime.arrived(1)
    assert isinstance(event, StatusChanged)
    assert (event.external_id, event.status) == (sent, DeliveryStatus.FAILED)
    assert event.problem == (
        "The mail to ada@customer.test came back: the address does not exist (550 5.1.1 The account does not exist)."
    )
    plain = f"From: postmaster@mx.test\nMessage-ID: <9@mx.test>\n\nSorry, undeliverable:\n\nMessage-ID: {sent}\n"
    await shop.mail.customer_writes(ADA, SUPPORT, raw=plain.encode())
    again = (await shop.runtime.arrived(2))[1]
    assert isinstance(again, StatusChanged)
    assert again.status is DeliveryStatus.FAILED


async def test_bounces_about_other_mails_are_shown_as_automatic(shop: Account) -> None:
    sent = await shop.bridge.send(outbound(ADA[1], "hello"))
    forged = sent[:-20] + "x" + sent[-19:]
    cases = (DSN.format(number=2, action="failed", id=forged), DSN.format(number=3, action="delayed", id=sent))
    for number, raw in enumerate(cases, 1):
        await shop.mail.customer_writes(ADA, SUPPORT, raw=raw.encode())
        event = (await shop.runtime.arrived(number))[-1]
        assert isinstance(event, MessageReceived)
        assert event.automated
        assert "could not be delivered" in shown(event)


async def test_the_whole_text_stays_one_click_away(shop: Account, tmp_path: Path) -> None:
    text = "Thanks!\n\nOn Mon, Nov 2, 2026 at 10:00 Shop <s@shop.test> wrote:\n> " + "history " * 20
    event = await shop.letter(text=text)
    assert shown(event) == "Thanks!"
    assert event.full_text.strip() == text.strip()
    long = "\n".join(f"line {n}" for n in range(3000))
    event = await shop.letter(text=long)
    assert shown(event).endswith("line 1999\n\n…")
    assert event.full_text.strip() == long


async def test_a_mail_without_words_shows_its_subject(shop: Account) -> None:
    assert shown(await shop.letter(subject="Please call me", text="")) == "Please call me"
    assert shown(await shop.letter(subject="", text=" \n")) == "(This mail is empty.)"
    stub = await shop.letter(text="Please view this email in HTML.", html="<p>Real words</p>")
    assert shown(stub) == "Real words"
