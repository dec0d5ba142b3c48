"""The sandbox's mail servers work with real clients and answer as other people's servers do."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiosmtplib
import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from sandbox.faults import Fault
from sandbox.mail import MailSandbox, reply

SUPPORT, PASSWORD = "support@example.test", "secret"
JANE = ("Jane", "jane@customer.test")
LETTER = (
    b"From: Support <support@example.test>\r\nTo: jane@customer.test\r\nSubject: Re: hello\r\n"
    b"Message-ID: <1@example.test>\r\n\r\nHi Jane\r\n.\r\n..dots\r\nbye\r\n"
)
DEADLINE_S = 10.0


@pytest.fixture
def now() -> list[datetime]:
    return [datetime(2026, 11, 1, 12, tzinfo=UTC)]


@pytest.fixture
async def mail(now: list[datetime]) -> AsyncIterator[MailSandbox]:
    async with MailSandbox(domain="example.test", clock=lambda: now[0]) as server:
        server.add_mailbox(SUPPORT, PASSWORD)
        yield server


@contextmanager
def imap(mail: MailSandbox, *, select: str = "INBOX", readonly: bool = False) -> Iterator[IMAPClient]:
    client = IMAPClient(mail.host, mail.imap_port, ssl=False, timeout=DEADLINE_S)
    try:
        client.login(SUPPORT, PASSWORD)
        if select:
            client.select_folder(select, readonly=readonly)
        yield client
    finally:
        client.shutdown()


async def in_thread(work: Callable[[], Any]) -> Any:
    async with asyncio.timeout(DEADLINE_S):
        return await asyncio.to_thread(work)


async def submit(mail: MailSandbox, data: bytes = LETTER, *, to: str = "jane@customer.test") -> Any:
    async with aiosmtplib.SMTP(
        hostname=mail.host,
        port=mail.smtp_port,
        username=SUPPORT,
        password=PASSWORD,
        start_tls=False,
        timeout=DEADLINE_S,
    ) as client:
        return await client.sendmail(SUPPORT, [to], data)


async def test_a_customers_mail_is_fetched_as_it_was_written(mail: MailSandbox) -> None:
    message_id = await mail.customer_writes(
        JANE,
        "support+t1@example.test",
        "Ärger 😀",
        text="Hello",
        html='<p>Hello <img src="cid:pic1"></p>',
        attachments=[("ä.pdf", "application/pdf", b"%PDF"), ("a.csv", "text/csv", b"a;b\n")],
        inline=[("pic1", "p.png", "image/png", b"\x89PNG")],
        in_reply_to="<root@example.test>",
        headers={"X-Mailer": "Thunder", "Authentication-Results": "mx.example.test; dmarc=pass forged"},
        dmarc="fail",
    )
    assert re.fullmatch(r"<[0-9a-f]{24}@customer\.test>", message_id)

    def fetch() -> Any:
        with imap(mail) as client:
            [uid] = client.search()
            return client.fetch([uid], ["FLAGS", "RFC822.SIZE", "INTERNALDATE", "BODY.PEEK[]"])[uid]

    fetched = await in_thread(fetch)
    [stored] = mail.mailbox(SUPPORT)
    assert fetched[b"BODY[]"] == stored.raw
    assert fetched[b"RFC822.SIZE"] == len(stored.raw)
    assert fetched[b"FLAGS"] == ()
    letter = stored.letter
    assert (letter.subject, letter.text.strip(), letter.message_id) == ("Ärger 😀", "Hello", message_id)
    assert letter.in_reply_to == "<root@example.test>"
    assert letter.header("delivered-to") == "support+t1@example.test"
    verdicts = [value for name, value in letter.headers if name == "Authentication-Results"]
    assert "dmarc=fail" in verdicts[0]
    assert "forged" in verdicts[1]
    assert [(name, kind) for name, kind, _ in letter.attachments] == [
        ("p.png", "image/png"),
        ("ä.pdf", "application/pdf"),
        ("a.csv", "text/csv"),
    ]
    assert [found.letter.subject for found in mail.folder("jane@customer.test", "Sent")] == ["Ärger 😀"]
    json.dumps(mail.snapshot())


async def test_raw_mail_arrives_byte_by_byte(mail: MailSandbox) -> None:
    raw = b"From: <>\nSubject: =?x?Q?broken?=\nmessage-id: <[a b]@c>\nReferences: <a@b>\n <c@d>\n\n\xff\xfe\0 body\n"
    assert await mail.customer_writes(JANE, SUPPORT, raw=raw, dmarc=None) == "<[a b]@c>"
    [stored] = mail.mailbox(SUPPORT)
    assert stored.raw.endswith(raw.replace(b"\n", b"\r\n"))
    assert b"Authentication-Results" not in stored.raw
    assert stored.letter.references == ("<a@b>", "<c@d>")


async def test_parts_of_a_mail_can_be_fetched(mail: MailSandbox) -> None:
    await mail.customer_writes(JANE, SUPPORT, "Long", text="x" * 500)
    [stored] = mail.mailbox(SUPPORT)

    def fetch() -> Any:
        with imap(mail) as client:
            items = [
                "BODY.PEEK[HEADER]",
                "BODY.PEEK[]<0.10>",
                "BODY.PEEK[HEADER.FIELDS (SUBJECT X-NONE)]",
                "RFC822.SIZE",
            ]
            partial = client.fetch([1], items)[1]
            peeked = client.get_flags([1])[1]
            client.fetch([1], ["BODY[TEXT]"])
            with pytest.raises(IMAPClientError, match="not offered"):
                client.fetch([1], ["BODYSTRUCTURE"])
            return partial, peeked, client.get_flags([1])[1]

    partial, peeked, read = await in_thread(fetch)
    assert partial[b"BODY[HEADER]"] == stored.raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert partial[b"BODY[]<0>"] == stored.raw[:10]
    assert partial[b"BODY[HEADER.FIELDS (SUBJECT X-NONE)]"] == b"Subject: Long\r\n\r\n"
    assert (peeked, read) == ((), (b"\\Seen",))


async def test_searches_find_what_they_should(mail: MailSandbox, now: list[datetime]) -> None:
    first = await mail.customer_writes(JANE, SUPPORT, "one", text="a")
    now[0] += timedelta(days=3)
    await mail.customer_writes(JANE, SUPPORT, "zwei ü", text="b", headers={"X-Token": "t-2"})

    def search() -> Any:
        with imap(mail) as client:
            client.add_flags([1], [b"\\Seen"])
            return [
                client.search(criteria)
                for criteria in (
                    "ALL",
                    ["UID", "2:*"],
                    ["UID", "9:*"],
                    ["UID", "3:9"],
                    "UNSEEN",
                    ["SINCE", datetime(2026, 11, 3).date()],  # noqa: DTZ001
                    ["BEFORE", datetime(2026, 11, 3).date()],  # noqa: DTZ001
                    ["HEADER", "Message-ID", first],
                    ["HEADER", "X-Token", ""],
                    ["NOT", "SEEN", "SUBJECT", "zwei"],
                    ["OR", "SUBJECT", "one", "SUBJECT", "zwei"],
                )
            ] + [client.search(["SUBJECT", "zwei ü"], charset="UTF-8")]

    found = await in_thread(search)
    # "9:*" is the last mail even though 9 lies beyond it: the trap that every polling client meets.
    assert found == [[1, 2], [2], [2], [], [2], [2], [1], [1], [2], [2], [1, 2], [2]]


async def test_idle_tells_of_new_mail_and_of_vanished_mail(mail: MailSandbox) -> None:
    await mail.customer_writes(JANE, SUPPORT, "first")
    idling = threading.Event()

    def wait(expected: tuple[int, bytes]) -> Any:
        with imap(mail) as client:
            client.idle()
            idling.set()
            pushed: list[Any] = []
            while expected not in pushed:
                pushed += client.idle_check(timeout=DEADLINE_S) or pytest.fail(f"{expected} was never pushed")
            client.idle_done()
            return client.search(["UID", "2:*"])

    waiter = asyncio.create_task(in_thread(lambda: wait((2, b"EXISTS"))))
    await in_thread(lambda: idling.wait(DEADLINE_S))
    await mail.customer_writes(JANE, SUPPORT, "second")
    assert await waiter == [2]

    idling.clear()
    waiter = asyncio.create_task(in_thread(lambda: wait((1, b"EXPUNGE"))))
    await in_thread(lambda: idling.wait(DEADLINE_S))

    def expunge() -> None:
        with imap(mail) as client:
            client.delete_messages([1])
            client.uid_expunge([1])

    await in_thread(expunge)
    assert await waiter == [2]
    assert [stored.uid for stored in mail.mailbox(SUPPORT)] == [2]


async def test_folders_flags_and_uids(mail: MailSandbox) -> None:
    await mail.customer_writes(JANE, SUPPORT, "one")

    def work() -> None:
        with imap(mail, select="") as client:
            assert b"UIDPLUS" in client.capabilities()
            assert client.namespace().personal == (("", "/"),)
            client.id_({"name": "test"})
            assert {name for _, _, name in client.list_folders()} == {"INBOX", "Sent", "Drafts", "Trash", "Junk"}
            assert client.find_special_folder(b"\\Sent") == "Sent"
            client.create_folder('Rech"nungen')
            assert client.folder_exists('Rech"nungen')
            status = client.folder_status("INBOX", ["MESSAGES", "UIDNEXT", "UNSEEN"])
            assert status == {b"MESSAGES": 1, b"UIDNEXT": 2, b"UNSEEN": 1}
            answer = client.append("Sent", LETTER, flags=[b"\\Seen"], msg_time=datetime(2026, 11, 1, tzinfo=UTC))
            assert re.match(rb"\[APPENDUID \d+ 1\]", answer)
            selected = client.select_folder("INBOX")
            assert (selected[b"EXISTS"], selected[b"UIDNEXT"]) == (1, 2)
            client.copy([1], "Trash")
            client.move([1], "Junk")
            assert client.search() == []
            client.unselect_folder()
            client.select_folder("Sent", readonly=True)
            assert client.fetch([1], ["BODY.PEEK[]"])[1][b"BODY[]"] == LETTER
            with pytest.raises(IMAPClientError, match="READ-ONLY"):
                client.add_flags([1], [b"\\Seen"])
            with pytest.raises(IMAPClientError, match="exist"):
                client.select_folder("Nowhere")

    await in_thread(work)
    assert len(mail.folder(SUPPORT, "Trash")) == len(mail.folder(SUPPORT, "Junk")) == 1


async def test_logins_are_checked_and_counted() -> None:
    async with MailSandbox(max_imap_sessions=1) as mail:
        mail.add_mailbox(SUPPORT, PASSWORD)

        def work() -> None:
            with imap(mail), pytest.raises(LoginError, match="Too many simultaneous"), imap(mail):
                pass
            for user, password in ((SUPPORT, "wrong"), ("nobody@example.test", PASSWORD)):
                client = IMAPClient(mail.host, mail.imap_port, ssl=False, timeout=DEADLINE_S)
                with pytest.raises(LoginError, match="AUTHENTICATIONFAILED"):
                    client.login(user, password)
                client.shutdown()
            client = IMAPClient(mail.host, mail.imap_port, ssl=False, timeout=DEADLINE_S)
            client.plain_login(SUPPORT, PASSWORD)
            client.logout()
            client = IMAPClient(mail.host, mail.imap_port, ssl=False, timeout=DEADLINE_S)
            client.oauth2_login(SUPPORT, PASSWORD)
            client.logout()

        await in_thread(work)


async def test_renumbering_and_dropping_throw_sessions_out(mail: MailSandbox) -> None:
    await mail.customer_writes(JANE, SUPPORT, "one")
    await mail.customer_writes(JANE, SUPPORT, "two")
    ready, go = threading.Event(), threading.Event()

    def work() -> Any:
        with imap(mail) as client:
            client.delete_messages([1])
            client.expunge()
            ready.set()
            go.wait(DEADLINE_S)
            with pytest.raises(IMAPClientAbortError):
                client.noop()
        with imap(mail, select="") as client:
            selected = client.select_folder("INBOX")
            return selected[b"UIDVALIDITY"], client.search()

    worker = asyncio.create_task(in_thread(work))
    await in_thread(lambda: ready.wait(DEADLINE_S))
    mail.set_uidvalidity(SUPPORT, 77)
    go.set()
    assert await worker == (77, [1])

    def idle() -> None:
        with imap(mail) as client:
            client.idle()
            ready.set()
            # IMAPClient swallows the end of the connection while it idles: a loop around idle_check would spin.
            assert client.idle_check(timeout=DEADLINE_S) == []
            with pytest.raises((IMAPClientAbortError, ConnectionError)):
                client.idle_done()

    ready.clear()
    worker = asyncio.create_task(in_thread(idle))
    await in_thread(lambda: ready.wait(DEADLINE_S))
    mail.drop_connections()
    await worker


async def test_ordered_faults_meet_imap_commands(mail: MailSandbox) -> None:
    await mail.customer_writes(JANE, SUPPORT, "one")
    mail.faults.order("imap.login", reply(1, "[UNAVAILABLE] Try later"))
    mail.faults.order("imap.fetch", Fault(drop="before"))
    mail.faults.order("imap.fetch", Fault(drop="after"))

    def work() -> None:
        with pytest.raises(LoginError, match="Try later"), imap(mail):
            pass
        for _ in range(2):
            with imap(mail) as client, pytest.raises((IMAPClientAbortError, ConnectionError)):
                client.fetch([1], ["FLAGS"])
        with imap(mail) as client:
            assert client.fetch([1], ["FLAGS"])[1][b"FLAGS"] == ()

    await in_thread(work)


async def test_submitted_mail_reaches_the_customer(mail: MailSandbox) -> None:
    watch = mail.watch()
    await submit(mail)
    [stored] = mail.mailbox("jane@customer.test")
    assert stored.submitted == LETTER
    assert stored.raw.endswith(LETTER)
    assert stored.letter.text.splitlines() == ["Hi Jane", ".", "..dots", "bye"]
    change = await anext(watch)
    assert (change["address"], change["folder"], change["mail"]["message_id"]) == (
        "jane@customer.test",
        "INBOX",
        "<1@example.test>",
    )
    assert mail.submissions[-1].sender == SUPPORT
    await submit(mail, to="support+tag@example.test")
    assert len(mail.mailbox(SUPPORT)) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (LETTER.replace(b"Subject: Re", "Subject: Ré".encode()), 550),
        (b"Subject: nobody\r\n\r\nhi\r\n", 550),
        (b"From: a@b.test\r\n" + LETTER, 550),
        (LETTER + b"x" * 999 + b"\r\n", 500),
        (LETTER + (b"x" * 70 + b"\r\n") * 200, 552),
    ],
)
async def test_wrong_mails_are_refused(data: bytes, code: int) -> None:
    async with MailSandbox(max_size=10_000) as mail:
        mail.add_mailbox(SUPPORT, PASSWORD)
        with pytest.raises(aiosmtplib.SMTPResponseException) as refused:
            await submit(mail, data)
        assert refused.value.code == code
        assert mail.mailbox("jane@customer.test") == []


async def test_submission_needs_the_owner(mail: MailSandbox) -> None:
    client = aiosmtplib.SMTP(hostname=mail.host, port=mail.smtp_port, start_tls=False, timeout=DEADLINE_S)
    await client.connect()
    with pytest.raises(aiosmtplib.SMTPSenderRefused) as unknown:
        await client.sendmail(SUPPORT, ["jane@customer.test"], LETTER)
    with pytest.raises(aiosmtplib.SMTPAuthenticationError):
        await client.login(SUPPORT, "wrong")
    for method in ("auth_plain", "auth_login"):
        async with aiosmtplib.SMTP(
            hostname=mail.host, port=mail.smtp_port, start_tls=False, timeout=DEADLINE_S
        ) as other:
            await other.ehlo()
            assert (await getattr(other, method)(SUPPORT, PASSWORD)).code == 235
            with pytest.raises(aiosmtplib.SMTPSenderRefused) as foreign:
                await other.sendmail("boss@example.test", ["jane@customer.test"], LETTER)
            assert foreign.value.code == 553
    assert unknown.value.code == 530
    client.close()


async def test_ordered_faults_meet_submissions(mail: MailSandbox) -> None:
    mail.faults.order("smtp.rcpt", reply(550, "5.1.1 No such user"))
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
        await submit(mail)
    assert refused.value.recipients[0].message == "5.1.1 No such user"
    mail.faults.order("smtp.data", reply(451, "4.3.0 Try again later"))
    with pytest.raises(aiosmtplib.SMTPDataError) as later:
        await submit(mail)
    assert later.value.code == 451
    mail.faults.order("smtp.data", Fault(drop="before"))
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await submit(mail)
    assert mail.mailbox("jane@customer.test") == []
    mail.faults.order("smtp.data", Fault(drop="after"))
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await submit(mail)
    assert len(mail.mailbox("jane@customer.test")) == 1
    mail.faults.order("smtp.connect", reply(421, "4.3.2 Busy"))
    with pytest.raises(aiosmtplib.SMTPConnectError):
        await submit(mail)
    await submit(mail)
    assert len(mail.mailbox("jane@customer.test")) == 2
