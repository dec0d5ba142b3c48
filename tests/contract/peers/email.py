"""A customer with a mailbox on the sandbox's mail servers, for the scenarios."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from bridges.email import BRIDGE
from core.contracts.bridge import ExternalId, MessageReceived, Recipient
from core.testing.customer_peer import Failure, Seen
from core.testing.runtime import RecordingRuntime
from sandbox.faults import Fault
from sandbox.mail import MailSandbox
from sandbox.mail.server import reply

ADDRESS, PASSWORD = "support@shop.test", "open-sesame"
ADA = ("Ada Lovelace", "ada@customer.test")


class EmailPeer:
    """Implements `CustomerPeer`."""

    spec = BRIDGE
    failures = frozenset(Failure)

    def __init__(self, mail: MailSandbox, core: RecordingRuntime) -> None:
        self._mail = mail
        self.core = core
        given = {
            "address": ADDRESS,
            "username": ADDRESS,
            "password": PASSWORD,
            "imap_host": mail.host,
            "imap_port": mail.imap_port,
            "imap_security": "none",
            "smtp_host": mail.host,
            "smtp_port": mail.smtp_port,
            "smtp_security": "none",
            "auth_servers": ["mx.shop.test"],
        }
        self.bridge = BRIDGE.build(BRIDGE.settings.model_validate(given), core.runtime)
        core.bridge = self.bridge
        self.recipient = Recipient(external_id=ADA[1], name=ADA[0])

    async def begin(self) -> None:
        """She writes first: the core answers only people who did."""
        await self.says("Hello")
        first = (await self.core.arrived(1))[0]
        assert isinstance(first, MessageReceived)
        sender = first.sender
        self.recipient = Recipient(external_id=sender.external_id, name=sender.name, metadata=sender.metadata)

    async def seen(self) -> Sequence[Seen]:
        letters = [mail.letter for mail in self._mail.mailbox(ADA[1])]
        return [
            Seen(
                text=_unquoted(letter.text),
                files=tuple((attachment[0], attachment[2]) for attachment in letter.attachments),
                quote="\n".join(line for line in letter.text.splitlines() if line.startswith(">")),
            )
            for letter in letters
        ]

    async def reaction(self, to: ExternalId) -> str | None:
        raise NotImplementedError("mail has no reactions")

    async def typing(self) -> bool:
        raise NotImplementedError("mail shows nobody typing")

    async def fail(self, failure: Failure) -> None:
        match failure:
            case Failure.REFUSED:
                self._mail.faults.order("smtp.rcpt", reply(550, "5.1.1 No such user"))
            case Failure.THROTTLED:
                self._mail.faults.order("smtp.rcpt", reply(450, "4.2.1 Too many messages, slow down"))
            case Failure.LOST:
                self._mail.faults.order("smtp.data", Fault(drop="after"))
            case Failure.REVOKED:
                self._mail.faults.stand("smtp.auth", reply(535, "5.7.8 Username and password not accepted"))

    async def says(
        self, text: str = "", *, file: tuple[str, str, bytes] | None = None, quote: ExternalId | None = None
    ) -> None:
        await self._mail.customer_writes(
            ADA,
            ADDRESS,
            subject="My lamp",
            text=text,
            attachments=[file] if file else [],
            in_reply_to=str(quote) if quote else None,
        )

    async def edits(self, text: str) -> None:
        raise NotImplementedError("a mail that is sent stays as it is")

    async def deletes(self) -> None:
        raise NotImplementedError("a mail that is sent stays")

    async def reacts(self, to: ExternalId, emoji: str) -> None:
        raise NotImplementedError("mail has no reactions")


def _unquoted(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith(">")).strip()


@asynccontextmanager
async def email_peer(folder: Path) -> AsyncIterator[EmailPeer]:
    async with MailSandbox(domain="shop.test") as mail, aiohttp.ClientSession() as session:
        mail.add_mailbox(ADDRESS, PASSWORD)
        peer = EmailPeer(mail, RecordingRuntime(session=session, folder=folder))
        task = asyncio.create_task(peer.bridge.listen())
        try:
            # Mail that was there before the mailbox was first opened is not ours to answer.
            await peer.core.until(lambda: None in peer.core.troubles)
            await peer.begin()
            yield peer
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
