"""One client script against the sandbox's mail servers and other people's: both must answer alike."""

import asyncio
import contextlib
import re
import socket
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from sandbox.mail import MailSandbox

SUPPORT, PASSWORD = "support@example.test", "secret"
DEADLINE_S = 20.0
LETTERS = [
    b"From: jane@customer.test\r\nSubject: number %d\r\nMessage-ID: <%d@customer.test>\r\n\r\nbody %d\r\n" % (n, n, n)
    for n in range(1, 5)
]


@pytest.fixture
async def mail() -> AsyncIterator[MailSandbox]:
    async with MailSandbox(domain="example.test", require_auth=False, max_size=1_000_000) as server:
        server.add_mailbox(SUPPORT, PASSWORD)
        yield server


@pytest.fixture
async def pymap_port() -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = ["--host", "127.0.0.1", "--port", str(port), "--no-tls", "--no-service", "managesieve"]
    backend = ["dict", "--demo-user", SUPPORT, "--demo-password", PASSWORD]
    program = Path(sys.executable).with_name("pymap")
    process = await asyncio.create_subprocess_exec(program, *service, *backend, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(DEADLINE_S):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                await writer.wait_closed()
                break
        if process.returncode is not None:
            assert process.stderr is not None
            pytest.fail(f"pymap did not start: {(await process.stderr.read())[-500:]!r}")
        yield port
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def imap_script(port: int) -> list[Any]:
    """Works in a mailbox of four mails and tells what the server said."""
    client = IMAPClient("127.0.0.1", port, ssl=False, timeout=DEADLINE_S)
    said: list[Any] = []

    def note(name: str, value: Any) -> None:
        said.append((name, value))

    def refused(name: str, work: Any) -> None:
        try:
            work()
        except IMAPClientError as error:
            note(name, str(error).split(":")[0].split(" ")[-2:][0] if "BAD" in str(error) else "refused")
        else:
            note(name, "accepted")

    try:
        client.login(SUPPORT, PASSWORD)
        client.create_folder("Work")
        for letter in LETTERS[:3]:
            client.append("Work", letter, msg_time=datetime(2026, 11, 5, 12, tzinfo=UTC))
        answer = client.append("Work", LETTERS[3], flags=[b"\\Seen", b"\\Flagged"])
        note("append", bool(re.match(rb"\[APPENDUID \d+ \d+\]", answer)))
        status = client.folder_status("Work", ["MESSAGES", "UIDNEXT", "UNSEEN"])
        base = status[b"UIDNEXT"] - 5
        note("status", (status[b"MESSAGES"], status[b"UNSEEN"]))
        selected = client.select_folder("Work")
        note("select", (selected[b"EXISTS"], selected[b"READ-WRITE"], selected[b"UIDNEXT"] - base))
        uid = {n: base + n for n in range(1, 5)}
        for number, criteria in enumerate(
            (
                "ALL",
                "UNSEEN",
                ["UID", f"{uid[3]}:*"],
                ["UID", f"{uid[4] + 50}:*"],
                ["UID", f"{uid[4] + 50}:{uid[4] + 60}"],
                ["SINCE", datetime(2026, 11, 5, tzinfo=UTC).date(), "BEFORE", datetime(2026, 11, 6, tzinfo=UTC).date()],
                ["HEADER", "Message-ID", "<2@customer.test>"],
                ["NOT", "FLAGGED", "SUBJECT", "number"],
            )
        ):
            note(f"search {number}", [found - base for found in client.search(criteria)])
        items = ["FLAGS", "RFC822.SIZE", "BODY.PEEK[]", "BODY.PEEK[HEADER]", "BODY.PEEK[TEXT]", "BODY.PEEK[]<3.7>"]
        fetched = client.fetch([uid[2]], items)[uid[2]]
        # Which session is the first to see a mail is the server's affair.
        note("fetched flags", set(fetched.pop(b"FLAGS")) - {b"\\Recent"})
        note("fetch", dict(fetched))
        note("nothing", client.fetch([uid[4] + 50], ["FLAGS"]))
        client.fetch([uid[1]], ["BODY[]"])
        note("read", set(client.get_flags([uid[1]])[uid[1]]) - {b"\\Recent"})
        client.add_flags([uid[2], uid[3]], [b"\\Deleted"])
        client.uid_expunge([uid[3]])
        note("expunged", [found - base for found in client.search()])
        client.copy([uid[1]], "INBOX")
        note("copied", client.folder_status("INBOX", ["MESSAGES"])[b"MESSAGES"] > 0)
        client.close_folder()
        note("closed", client.folder_status("Work", ["MESSAGES"]))
        client.select_folder("Work", readonly=True)
        refused("store in EXAMINE", lambda: client.add_flags([uid[1]], [b"\\Seen"]))
        refused("select nothing", lambda: client.select_folder("Nowhere"))
        refused("create twice", lambda: client.create_folder("Work"))
        refused("append nowhere", lambda: client.append("Nowhere", LETTERS[0]))
    finally:
        client.shutdown()
    return said


async def test_imap_answers_as_pymap_does(mail: MailSandbox, pymap_port: int) -> None:
    async with asyncio.timeout(2 * DEADLINE_S):
        ours = await asyncio.to_thread(imap_script, mail.imap_port)
        theirs = await asyncio.to_thread(imap_script, pymap_port)
    assert len(ours) > 20
    assert [(mine, other) for mine, other in zip(ours, theirs, strict=True) if mine != other] == []


class Sink:
    """aiosmtpd's handler: keeps what was handed in."""

    def __init__(self) -> None:
        self.mails: list[tuple[str | None, list[str], bytes]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, content))
        return "250 Ok"


@pytest.fixture
async def aiosmtpd_sink() -> AsyncIterator[tuple[int, Sink]]:
    sink = Sink()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(sink, data_size_limit=1_000_000, enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0
    )
    yield server.sockets[0].getsockname()[1], sink
    server.close()
    await server.wait_closed()


SMTP_SCRIPT = [
    "MAIL FROM:<a@b.test>",
    "EHLO client.test",
    "NOOP",
    "RCPT TO:<c@d.test>",
    "DATA",
    "MAIL a@b.test",
    "MAIL FROM:<a@b.test> SIZE=99999999",
    "MAIL FROM:<a@b.test> FANCY=1",
    "MAIL FROM:<a@b.test> BODY=8BITMIME SIZE=10",
    "MAIL FROM:<a@b.test>",
    "DATA",
    "RCPT c@d.test",
    "RCPT TO:<c@d.test> NOTIFY=NEVER",
    "RSET",
    "RCPT TO:<c@d.test>",
    "MAIL FROM:<ä@b.test> SMTPUTF8",
    "RCPT TO:<c@d.test>",
    "RCPT TO:<e@f.test>",
    "DATA",
    "From: a@b.test\r\nSubject: hi\r\n\r\n..\r\n..two\r\nlast\r\n.",
    "MAIL FROM:<>",
    "RCPT TO:<c@d.test>",
    "RSET",
    "VRFY jane",
    "SHOUT",
    "QUIT",
]


async def smtp_script(port: int) -> list[tuple[str, int]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def code() -> int:
        line = await reader.readline()
        while line[3:4] == b"-":
            line = await reader.readline()
        return int(line[:3])

    said = [("greeting", await code())]
    for command in SMTP_SCRIPT:
        writer.write(command.encode() + b"\r\n")
        said.append((command, await code()))
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    return said


async def test_smtp_answers_as_aiosmtpd_does(mail: MailSandbox, aiosmtpd_sink: tuple[int, Sink]) -> None:
    port, sink = aiosmtpd_sink
    async with asyncio.timeout(DEADLINE_S):
        ours, theirs = await smtp_script(mail.smtp_port), await smtp_script(port)
    differences = [
        (command, mine, other) for (command, mine), (_, other) in zip(ours, theirs, strict=True) if mine != other
    ]
    assert differences == []
    [(sender, recipients, content)] = sink.mails
    [submission] = mail.submissions
    assert (submission.sender, list(submission.recipients), submission.data) == (sender, recipients, content)


async def talk(port: int, *sent: bytes) -> list[bytes]:
    """Sends each piece, and returns the first line that answers it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = [await reader.readline()]
    for piece in sent:
        writer.write(piece)
        answers.append(await reader.readline())
    writer.close()
    await writer.wait_closed()
    return answers[1:]


SIZE = len(SUPPORT)
LITERALS = [
    (b"a LOGIN {%d}\r\n" % SIZE, b"+ "),
    (SUPPORT.encode() + b" {6+}\r\nsecret\r\n", b"a OK"),
    (b"b SELECT\r\n", b"b BAD"),
    (b"c FETCH 1 FLAGS\r\n", b"c BAD"),
    (b'd CREATE "x\r\n', b"d BAD"),
    (b"e NOOP\r\nf NOOP\r\n", b"e OK"),
    (b"", b"f OK"),
    (b"g SHOUT\r\n", b"g BAD"),
]


async def test_literals_and_broken_commands_are_met_as_pymap_meets_them(mail: MailSandbox, pymap_port: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        for port in (mail.imap_port, pymap_port):
            answers = await talk(port, *(sent for sent, _ in LITERALS))
            assert [answer[: len(start)] for answer, (_, start) in zip(answers, LITERALS, strict=True)] == [
                start for _, start in LITERALS
            ]


@pytest.mark.parametrize(
    "command",
    [
        b"x SEARCH " + b"NOT " * 300 + b"ALL",
        b"x SEARCH " + b"(" * 300,
        b"x SEARCH UID " + b"9" * 5000,
        b"x SEARCH LARGER " + b"9" * 5000,
        b"x SEARCH SINCE 99-Foo-1",
        b"x FETCH 0 FLAGS",
        b"x LIST",
    ],
)
async def test_hostile_imap_commands_are_refused(mail: MailSandbox, command: bytes) -> None:
    login = b"a LOGIN %s %s\r\ns SELECT Sent\r\n" % (SUPPORT.encode(), PASSWORD.encode())
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", mail.imap_port)
        writer.write(login + command + b"\r\nz LOGOUT\r\n")
        tagged = [line[:5] async for line in reader if line[:2] in (b"x ", b"z ")]
        writer.close()
        await writer.wait_closed()
    assert tagged == [b"x BAD", b"z OK "]


async def test_a_literal_beyond_reason_ends_the_connection(mail: MailSandbox) -> None:
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", mail.imap_port)
        writer.write(b"a LOGIN {99999999+}\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert [line[:4] async for line in reader] == [b"* OK"]
        writer.close()
        with contextlib.suppress(ConnectionResetError):
            await writer.wait_closed()
    assert mail.snapshot()["connections"]["imap"] == 0


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("MAIL FROM:<ä@b.test>".encode(), b"553"),
        (b"MAIL FROM:<a@b.test> SIZE=" + b"9" * 5000, b"552"),
        (b"MAIL FROM:<a b@c.test>", b"501"),
        (b"NOOP\n", b"500"),
        (b"X" * 13_000, b"500"),
    ],
)
async def test_hostile_smtp_commands_are_refused(mail: MailSandbox, command: bytes, code: bytes) -> None:
    end = b"" if command.endswith(b"\n") else b"\r\n"
    async with asyncio.timeout(DEADLINE_S):
        said = await talk(mail.smtp_port, b"HELO c.test\r\n", command + end, b"NOOP\r\n")
    assert [line[:3] for line in said] == [b"250", code, b"250"]


async def test_bare_line_feeds_do_not_smuggle_a_second_mail(mail: MailSandbox) -> None:
    smuggled = b"From: a@b.test\r\n\r\none\n.\r\nMAIL FROM:<x@y.test>\r\n.\r\n"
    async with asyncio.timeout(DEADLINE_S):
        said = await talk(
            mail.smtp_port,
            b"HELO c.test\r\n",
            b"MAIL FROM:<a@b.test>\r\n",
            b"RCPT TO:<c@d.test>\r\n",
            b"DATA\r\n",
            smuggled,
            b"RCPT TO:<c@d.test>\r\n",
        )
    assert [line[:3] for line in said] == [b"250", b"250", b"250", b"354", b"550", b"503"]
    assert mail.mailbox("c@d.test") == []


async def test_mail_that_cannot_be_taken_apart_is_delivered(mail: MailSandbox) -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3000))
    raw = b"From: Jane <jane@customer.test>\r\nSubject: \xff\r\n" + nested + b"\r\ndeep"
    await mail.customer_writes(("Jane", "jane@customer.test"), SUPPORT, raw=raw)
    [stored] = mail.mailbox(SUPPORT)
    assert stored.raw.endswith(raw)
    assert stored.letter.sender == "Jane <jane@customer.test>"
