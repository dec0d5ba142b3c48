"""The mail servers of the sandbox: SMTP submission, IMAP, and the mailboxes of customers behind them."""

from __future__ import annotations

import re
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parseaddr
from typing import Any, Self

from sandbox.faults import Fault, Faults
from sandbox.mail.imap import IDLE_MOST, ImapRules, ImapSession
from sandbox.mail.letters import Attachment, Inline, Letter, message_id_of, write_letter
from sandbox.mail.smtp import SmtpRules, SmtpSession, Submission
from sandbox.mail.store import Mailbox, StoredMail, base_address
from sandbox.mail.streams import Connection, Server
from sandbox.telegram.watching import Watch, Watches

#: Gmail's limits: https://support.google.com/mail/answer/6584 and https://support.google.com/mail/answer/7126229
MAX_SIZE = 25 * 1024 * 1024
MAX_IMAP_SESSIONS = 15
MAX_MAILBOXES = 1000
MAX_RECORDED = 2000
_ADDRESS = re.compile(r"^[^\s@]+@[^\s@]+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One mail in a mailbox, as a test or page looks at it."""

    uid: int
    raw: bytes
    #: The bytes as they were submitted by SMTP, None for mail that came in otherwise.
    submitted: bytes | None
    flags: frozenset[str]
    received_at: datetime
    letter: Letter


def reply(code: int, text: str, *, delay: float = 0.0) -> Fault:
    """A fault that answers an SMTP command with this reply, or an IMAP command with NO and this text."""
    return Fault(status=code, body={"text": text}, delay=delay)


class MailSandbox:
    """Mail on loopback; `async with` starts and ends it.

    Faults are ordered by command: `smtp.connect`, `smtp.auth`, `smtp.mail`, `smtp.rcpt`, `smtp.data` (the reply after
    the final dot), `imap.connect`, `imap.login`, `imap.fetch` and so on; `reply(550, "5.1.1 No such user")` refuses,
    `Fault(drop=...)` cuts the connection before or after the command did its work.
    """

    def __init__(
        self,
        *,
        domain: str = "example.test",
        max_size: int = MAX_SIZE,
        require_auth: bool = True,
        max_imap_sessions: int = MAX_IMAP_SESSIONS,
        idle_most: float = IDLE_MOST,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.domain = domain
        self.host = "127.0.0.1"
        self.smtp_port = 0
        self.imap_port = 0
        self.faults = Faults()
        #: Mails that were handed in by SMTP.
        self.submissions: deque[Submission] = deque(maxlen=MAX_RECORDED)
        self._clock = clock
        self._mailboxes: dict[str, Mailbox] = {}
        self._watches = Watches()
        self._validity = 1000
        smtp = SmtpRules(
            host_name=f"mx.{domain}",
            max_size=max_size,
            require_auth=require_auth,
            faults=self.faults,
            password_of=lambda address: box.password if (box := self._find(address)) else None,
            accept=self._accept,
        )
        imap = ImapRules(
            faults=self.faults,
            max_size=max_size,
            max_sessions=max_imap_sessions,
            mailbox=self._find,
            sessions={},
            clock=clock,
            idle_most=idle_most,
        )

        async def serve_smtp(connection: Connection) -> None:
            await SmtpSession(connection, smtp).run()

        async def serve_imap(connection: Connection) -> None:
            await ImapSession(connection, imap).run()

        self._smtp, self._imap = Server(serve_smtp), Server(serve_imap)

    async def __aenter__(self) -> Self:
        self.smtp_port = await self._smtp.start(self.host, self.smtp_port)
        self.imap_port = await self._imap.start(self.host, self.imap_port)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._watches.close()
        await self._smtp.stop()
        await self._imap.stop()

    def add_mailbox(self, address: str, password: str) -> None:
        """A mailbox that can be logged into, for SMTP and IMAP; mail to its +tags arrives there too."""
        self._box(address).password = password

    async def customer_writes(
        self,
        sender: tuple[str, str],
        to: str,
        subject: str = "",
        text: str | None = None,
        html: str | None = None,
        attachments: Sequence[Attachment] = (),
        inline: Sequence[Inline] = (),
        in_reply_to: str | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        dmarc: str | None = "pass",
    ) -> str:
        """A mail from outside arrives; returns its Message-ID.

        `raw` replaces everything the arguments would make. `headers` go below those of the receiving server, so a
        forged Authentication-Results is a forged one. `dmarc` None leaves the verdict out.
        """
        domain = sender[1].rpartition("@")[2]
        # Servers hand mails on with CR LF, whatever the sender wrote.
        letter = re.sub(rb"\r?\n", b"\r\n", raw) if raw is not None else None
        if letter is None:
            letter = write_letter(
                sender=sender,
                to=to,
                subject=subject,
                message_id=f"<{secrets.token_hex(12)}@{domain}>",
                date=self._clock(),
                text=text,
                html=html,
                attachments=attachments,
                inline=inline,
                in_reply_to=in_reply_to,
                headers=headers or {},
            )
        self._keep_sent(sender[1], letter)
        self._deliver(letter, sender=sender[1], to=to, dmarc=dmarc)
        return message_id_of(letter)

    def mailbox(self, address: str) -> list[Delivered]:
        """What lies in a mailbox's inbox, oldest first; empty for an address nobody wrote to."""
        return self.folder(address, "INBOX")

    def folder(self, address: str, name: str) -> list[Delivered]:
        """What lies in a folder."""
        box = self._find(address)
        folder = box.folder(name) if box else None
        return [_shown(mail) for mail in folder.mails.values()] if folder else []

    def set_uidvalidity(self, address: str, uidvalidity: int) -> None:
        """Renumbers the inbox, as after a restore from backup; sessions that have it open are thrown out."""
        box = self._find(address)
        if box is None:
            raise KeyError(f"No mailbox {address}; add_mailbox makes one")
        box.inbox.renumber(uidvalidity)
        box.inbox.changed()

    def drop_connections(self) -> None:
        """Cuts every SMTP and IMAP connection."""
        self._smtp.drop_connections()
        self._imap.drop_connections()

    def watch(self) -> Watch:
        """Changes from now on, as dictionaries with `kind` "mail", `address`, `folder` and the mail."""
        return self._watches.open()

    def snapshot(self) -> dict[str, Any]:
        """Every mailbox with its folders, as JSON."""
        return {
            "domain": self.domain,
            "connections": {"smtp": self._smtp.connections, "imap": self._imap.connections},
            "mailboxes": [
                {
                    "address": box.address,
                    "can_log_in": box.password is not None,
                    "folders": {
                        folder.name: [_as_json(mail) for mail in folder.mails.values()]
                        for folder in box.folders.values()
                    },
                }
                for box in self._mailboxes.values()
            ],
        }

    def _find(self, address: str) -> Mailbox | None:
        return self._mailboxes.get(address.strip().lower()) or self._mailboxes.get(base_address(address))

    def _box(self, address: str) -> Mailbox:
        found = self._find(address)
        if found is not None:
            return found
        if not _ADDRESS.match(address.strip()):
            raise ValueError(f"{address!r} is no mail address; write name@domain")
        if len(self._mailboxes) >= MAX_MAILBOXES:
            raise ValueError(f"The sandbox holds {MAX_MAILBOXES} mailboxes and no more")
        self._validity += 100
        plain = address.strip().lower()
        # A customer's own +tag is her address; a tag of this domain belongs to the mailbox before it.
        name = base_address(plain) if plain.endswith(f"@{self.domain}") else plain
        box = self._mailboxes[name] = Mailbox(name, None, self._validity)
        return box

    def _accept(self, submission: Submission) -> None:
        self.submissions.append(submission)
        for recipient in submission.recipients:
            self._deliver(
                submission.data, sender=submission.sender, to=recipient, dmarc="pass", submitted=submission.data
            )

    def _deliver(
        self, letter: bytes, *, sender: str, to: str, dmarc: str | None, submitted: bytes | None = None
    ) -> None:
        """Writes the receiving server's headers on top and puts the mail into the inbox."""
        now = self._clock()
        domain = sender.rpartition("@")[2] or "unknown.test"
        author = parseaddr(Letter.read(letter).sender)[1].rpartition("@")[2] or domain
        verdict = f"Authentication-Results: mx.{self.domain};\r\n dmarc={dmarc} header.from={author};\r\n"
        verdict += f" spf={'pass' if dmarc == 'pass' else 'fail'} smtp.mailfrom={sender}\r\n"
        trace = (
            f"Return-Path: <{sender}>\r\n"
            f"Delivered-To: {to}\r\n"
            f"Received: from mail.{domain} by mx.{self.domain} with ESMTP id {secrets.token_hex(6)};\r\n"
            f" {format_datetime(now)}\r\n"
        )
        trace += verdict if dmarc is not None else ""
        box = self._box(to)
        mail = box.inbox.add(trace.encode() + letter, now, submitted=submitted)
        self._tell(box, "INBOX", mail)

    def _keep_sent(self, sender: str, letter: bytes) -> None:
        if not _ADDRESS.match(sender.strip()):
            return
        box = self._box(sender)
        mail = box.folders["Sent"].add(letter, self._clock(), flags={"\\Seen"})
        self._tell(box, "Sent", mail)

    def _tell(self, box: Mailbox, folder: str, mail: StoredMail) -> None:
        self._watches.tell({"kind": "mail", "address": box.address, "folder": folder, "mail": _as_json(mail)})


def _shown(mail: StoredMail) -> Delivered:
    return Delivered(
        uid=mail.uid,
        raw=mail.raw,
        submitted=mail.submitted,
        flags=frozenset(mail.flags),
        received_at=mail.received_at,
        letter=mail.letter,
    )


def _as_json(mail: StoredMail) -> dict[str, Any]:
    return mail.letter.as_json() | {
        "uid": mail.uid,
        "flags": sorted(mail.flags),
        "received_at": mail.received_at.isoformat(),
        "size": len(mail.raw),
    }
