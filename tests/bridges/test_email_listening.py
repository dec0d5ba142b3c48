"""The mailbox is read once, in order, whatever happens to the connection."""

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiosmtpd.smtp import SMTP as SmtpServer
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from imapclient import IMAPClient

from bridges.email.bridge import EmailBridge, Pace
from bridges.email.imap import MAX_MAIL
from core.contracts.bridge import MessageReceived
from core.contracts.errors import AdapterError, CredentialsRejected, OutcomeUnknown, TemporaryFailure
from sandbox.faults import Fault
from sandbox.mail import MailSandbox, reply
from tests.bridges.email_accounts import ADA, DOMAIN, PASSWORD, SUPPORT, account, listening, settings, words
from tests.bridges.runtime import KeptValue, RecordingRuntime, outbound


@pytest.fixture
async def mail() -> AsyncIterator[MailSandbox]:
    async with MailSandbox(domain=DOMAIN) as server:
        server.add_mailbox(SUPPORT, PASSWORD)
        yield server


async def test_a_new_mail_is_told_at_once(mail: MailSandbox, tmp_path: Path) -> None:
    async with account(mail, tmp_path, poll_seconds=300) as shop:
        for number in range(5):
            start = time.perf_counter()
            assert words(await shop.letter(text=f"number {number}")) == f"number {number}"
            assert time.perf_counter() - start < 1
    assert all("\\Seen" not in delivered.flags for delivered in mail.mailbox(SUPPORT))


async def test_many_mails_keep_their_order_and_old_ones_stay_unread(mail: MailSandbox, tmp_path: Path) -> None:
    await mail.customer_writes(ADA, SUPPORT, "old", "before the first start")
    async with account(mail, tmp_path, poll_seconds=300) as shop:
        await asyncio.gather(*(mail.customer_writes(ADA, SUPPORT, "s", f"number {n}") for n in range(30)))
        events = await shop.runtime.arrived(30)
        assert [words(e) for e in events if isinstance(e, MessageReceived)] == [f"number {n}" for n in range(30)]


async def test_the_first_start_can_look_back(mail: MailSandbox, tmp_path: Path) -> None:
    await mail.customer_writes(ADA, SUPPORT, "old", "from yesterday")
    async with account(mail, tmp_path, since_days=3) as shop:
        (event,) = await shop.runtime.arrived(1)
        assert isinstance(event, MessageReceived)
        assert words(event) == "from yesterday"


async def test_a_restart_goes_on_where_it_stopped(mail: MailSandbox, tmp_path: Path) -> None:
    memory = KeptValue()
    async with account(mail, tmp_path, memory=memory) as shop:
        await shop.letter(text="one")
    await mail.customer_writes(ADA, SUPPORT, "s", "while away")
    async with account(mail, tmp_path, memory=memory) as shop:
        (event,) = await shop.runtime.arrived(1)
        assert isinstance(event, MessageReceived)
        assert words(event) == "while away"
        assert len(shop.runtime.raws) == 1


async def test_lost_connections_are_opened_again(mail: MailSandbox, tmp_path: Path) -> None:
    async with account(mail, tmp_path, poll_seconds=300) as shop:
        for number in range(3):
            mail.drop_connections()
            assert words(await shop.letter(text=f"after cut {number}")) == f"after cut {number}"
        mail.faults.order("imap.fetch", Fault(drop="before"))
        mail.faults.order("imap.connect", Fault(drop="before"), times=3)
        assert words(await shop.letter(text="after five cuts")) == "after five cuts"
        assert shop.runtime.troubles[-2] is not None
        await shop.runtime.until(lambda: shop.runtime.troubles[-1] is None)


async def test_what_could_not_be_stored_is_read_again(mail: MailSandbox, tmp_path: Path) -> None:
    async with account(mail, tmp_path) as shop:
        shop.runtime.broken = RuntimeError("no database")
        await mail.customer_writes(ADA, SUPPORT, "s", "one")
        await mail.customer_writes(ADA, SUPPORT, "s", "two")
        await shop.runtime.until(lambda: len(shop.runtime.raws) >= 3)
        assert shop.runtime.troubles[-1] == "New mails cannot be stored at the moment; they wait in the mailbox."
        shop.runtime.broken = None
        events = await shop.runtime.arrived(2)
        assert [words(e) for e in events if isinstance(e, MessageReceived)] == ["one", "two"]


async def test_a_renumbered_mailbox_repeats_nothing_and_loses_nothing(tmp_path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=30)
    now = [long_ago]
    async with MailSandbox(domain=DOMAIN, clock=lambda: now[0]) as mail:
        mail.add_mailbox(SUPPORT, PASSWORD)
        for number in range(5):
            await mail.customer_writes(ADA, SUPPORT, "s", f"ancient {number}")
        now[0] = datetime.now(UTC)
        async with account(mail, tmp_path, poll_seconds=300) as shop:
            await shop.letter(text="before")
            mail.set_uidvalidity(SUPPORT, 9)
            assert words(await shop.letter(text="after")) == "after"
            await shop.runtime.until(lambda: shop.runtime.memory.value["uidvalidity"] == 9)
            # Only the mails since the last day are fetched again, and known by their ids.
            assert len(shop.runtime.events) == 2
            assert len(shop.runtime.raws) == 3


async def test_a_refused_password_is_told_and_recovers(mail: MailSandbox, tmp_path: Path) -> None:
    mail.faults.order("imap.login", reply(0, "[AUTHENTICATIONFAILED] Invalid credentials"), times=2)
    async with account(mail, tmp_path, refused=0.05) as shop:
        assert "needs a new password" in (shop.runtime.troubles[0] or "")
        assert shop.runtime.troubles[1:] == [None]


async def test_too_many_connections_are_no_refused_password(mail: MailSandbox, tmp_path: Path) -> None:
    mail.faults.order("imap.login", reply(0, "[ALERT] Too many simultaneous connections."))
    async with account(mail, tmp_path, refused=60) as shop:
        assert "lets nobody in at the moment" in (shop.runtime.troubles[0] or "")


async def test_a_password_is_never_sent_readably(mail: MailSandbox, tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        runtime = RecordingRuntime(session=session, folder=tmp_path)
        for security in ("tls", "starttls"):
            secured = settings(mail, imap_security=security, smtp_security=security)
            bridge = EmailBridge(secured, runtime.runtime, Pace(first=0.01, most=0.02))
            with pytest.raises(TemporaryFailure):
                await bridge.check()
            with pytest.raises(AdapterError) as refused:
                await bridge.send(outbound(ADA[1], "hello"))
            assert not isinstance(refused.value, OutcomeUnknown)
    assert not mail.submissions


async def test_a_mail_that_is_too_large_is_announced(
    mail: MailSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_MAIL == 40 * 1024 * 1024
    monkeypatch.setattr("bridges.email.imap.MAX_MAIL", 1_000_000)
    async with account(mail, tmp_path) as shop:
        event = await shop.letter(
            subject="Big", text="x", attachments=[("a.bin", "application/octet-stream", bytes(2_000_000))]
        )
        assert "MB, which is more than is taken" in words(event)
        assert (event.subject, event.sender.external_id) == ("Big", ADA[1])
        assert len(shop.runtime.raws[0]) < 10_000


async def test_check_names_the_mailbox(mail: MailSandbox, tmp_path: Path) -> None:
    async with account(mail, tmp_path) as shop:
        assert await shop.bridge.check() == f"{SUPPORT}: 0 mails in INBOX, sending through 127.0.0.1"
        mail.faults.order("smtp.auth", reply(535, "5.7.8 bad"), times=3)
        with pytest.raises(CredentialsRejected):
            await shop.bridge.check()
    async with aiohttp.ClientSession() as session:
        runtime = RecordingRuntime(session=session, folder=tmp_path)
        with pytest.raises(CredentialsRejected, match="needs a new password"):
            await EmailBridge(settings(mail, password="wrong"), runtime.runtime).check()


async def test_listening_ends_at_once_and_leaves_no_connection(mail: MailSandbox, tmp_path: Path) -> None:
    async with account(mail, tmp_path, poll_seconds=300) as shop:
        await shop.letter(text="x")
        start = time.perf_counter()
    assert time.perf_counter() - start < 1
    await shop.runtime.until(lambda: mail.snapshot()["connections"]["imap"] == 0)


class Sink:
    """Takes what aiosmtpd receives."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: SmtpServer, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        return "250 OK"


@contextlib.asynccontextmanager
async def other_servers() -> AsyncIterator[tuple[int, int, Sink]]:
    """pymap and aiosmtpd: servers that are not ours."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ["--host", "127.0.0.1", "--port", str(port), "--no-tls", "--no-service", "managesieve"]
    arguments += ["dict", "--demo-user", SUPPORT, "--demo-password", PASSWORD]
    program = Path(sys.executable).with_name("pymap")
    process = await asyncio.create_subprocess_exec(program, *arguments, stderr=asyncio.subprocess.DEVNULL)
    sink = Sink()

    def accepts(server: SmtpServer, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        known = isinstance(data, LoginPassword) and (data.login, data.password) == (SUPPORT.encode(), PASSWORD.encode())
        return AuthResult(success=known)

    def smtp() -> SmtpServer:
        return SmtpServer(sink, authenticator=accepts, auth_required=True, auth_require_tls=False, hostname="mx.test")

    server = await asyncio.get_running_loop().create_server(smtp, "127.0.0.1", 0)
    try:
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    await writer.wait_closed()
                    break
                assert process.returncode is None, "pymap did not start"
                await asyncio.sleep(0.05)
        yield port, server.sockets[0].getsockname()[1], sink
    finally:
        process.kill()
        await process.wait()
        server.close()
        await server.wait_closed()


LETTER = (
    b"From: Ada Lovelace <ada@customer.test>\r\nTo: support@shop.test\r\nSubject: Order\r\n"
    b"Message-ID: <%d@customer.test>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nWhere is number %d?\r\n"
)


# It would rather see TLS, which loopback does without.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_servers_that_are_not_ours_are_understood(mail: MailSandbox, tmp_path: Path) -> None:
    async with other_servers() as (imap_port, smtp_port, sink), aiohttp.ClientSession() as session:
        runtime = RecordingRuntime(session=session, folder=tmp_path)
        chosen = settings(mail, imap_port=imap_port, smtp_port=smtp_port, poll_seconds=300)
        bridge = EmailBridge(chosen, runtime.runtime)
        runtime.bridge = bridge

        def deliver(number: int) -> None:
            client = IMAPClient("127.0.0.1", imap_port, ssl=False, timeout=10)
            client.login(SUPPORT, PASSWORD)
            client.append("INBOX", LETTER % (number, number))
            client.logout()

        async with listening(bridge):
            await runtime.until(lambda: None in runtime.troubles)
            for number in range(1, 4):
                await asyncio.to_thread(deliver, number)
                event = (await runtime.arrived(number))[-1]
                assert isinstance(event, MessageReceived)
                assert words(event) == f"Where is number {number}?"
        sent = await bridge.send(outbound(event.sender.external_id, "On its way", history=(event.external_id,)))
        assert sent.encode() in sink.mails[0]
        assert b"In-Reply-To: <3@customer.test>" in sink.mails[0]
