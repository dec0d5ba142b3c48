"""Hands mails in, and tells what a refusal means."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiosmtplib

from bridges.email.compose import Composed
from bridges.email.settings import EmailSettings
from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.text import line

CONNECT_S = 3.0
#: For a whole mail, and more for a large one: 2 Mbit/s is what a slow office sends.
SEND_S = 10.0
BYTES_PER_S = 250_000
_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_HINT = "The mail server no longer accepts the user name and password; the account needs a new (app) password"


class Submission:
    """One account at its provider's submission server; a connection per mail."""

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings

    async def send(self, mail: Composed) -> None:
        """Raises TemporaryFailure (surely not sent), OutcomeUnknown, PermanentFailure, CredentialsRejected."""
        handed_over = False
        try:
            async with asyncio.timeout(SEND_S + len(mail.data) / BYTES_PER_S), self._connected() as server:
                options = [f"SIZE={len(mail.data)}"] if server.supports_extension("size") else []
                if mail.smtputf8:
                    if not server.supports_extension("smtputf8"):
                        raise PermanentFailure(
                            f"The mail server cannot write to {mail.recipient}: it takes only ASCII addresses.",
                            reason=FailureReason.UNSUPPORTED,
                        )
                    options.append("SMTPUTF8")
                encoding = "utf-8" if mail.smtputf8 else "ascii"
                await server.mail(self._settings.address, options=options, encoding=encoding)
                await server.rcpt(mail.recipient, encoding=encoding)
                handed_over = True
                await server.data(mail.data)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as problem:
            raise _failure(problem, handed_over) from problem

    async def check(self) -> None:
        """Logs in and leaves. Raises as `send`."""
        try:
            async with asyncio.timeout(SEND_S), self._connected() as server:
                await server.noop()
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as problem:
            raise _failure(problem, False) from problem

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        settings = self._settings
        server = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            use_tls=settings.smtp_security == "tls",
            start_tls=settings.smtp_security == "starttls",
            local_hostname="localhost",
            timeout=None,
        )
        try:
            await server.connect(timeout=CONNECT_S)
            await server.login(settings.username, settings.password.get_secret_value(), timeout=SEND_S)
            yield server
        except BaseException:
            server.close()
            raise
        # The mail is with the server; a bad farewell changes nothing.
        try:
            await asyncio.wait_for(server.quit(), CONNECT_S)
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            server.close()


def _failure(problem: Exception, handed_over: bool) -> AdapterError:
    match problem:
        case aiosmtplib.SMTPRecipientsRefused():
            return _failure(problem.recipients[0], handed_over)
        case aiosmtplib.SMTPAuthenticationError() if problem.code >= 500:
            return CredentialsRejected(f"{_HINT} ({_said(problem)}).")
        case aiosmtplib.SMTPResponseException():
            return _refusal(problem)
        case aiosmtplib.SMTPNotSupported() | ValueError():
            return PermanentFailure(f"The mail server cannot do this: {problem}", reason=FailureReason.MISCONFIGURED)
    if handed_over:
        return OutcomeUnknown("The connection to the mail server broke while the mail was handed over.")
    return TemporaryFailure(
        f"The mail server cannot be reached: {line(str(problem), limit=200) or 'no answer in time'}."
    )


def _refusal(problem: aiosmtplib.SMTPResponseException) -> AdapterError:
    """Reply codes: RFC 5321; enhanced codes: https://www.iana.org/assignments/smtp-enhanced-status-codes"""
    code, said = problem.code, _said(problem)
    enhanced = _ENHANCED.search(problem.message[:500])
    status = enhanced[0] if enhanced else ""
    if code in (530, 535, 534) or status in ("5.7.30", "5.7.8", "5.7.139"):
        return CredentialsRejected(f"{_HINT} ({said}).")
    if code < 500:
        return TemporaryFailure(f"The mail server asks to try again later ({said}).")
    if isinstance(problem, aiosmtplib.SMTPSenderRefused) and not _is_size(code, status):
        return PermanentFailure(
            f"The mail server does not let this account send from its address ({said}).",
            reason=FailureReason.MISCONFIGURED,
        )
    at_recipient = isinstance(problem, aiosmtplib.SMTPRecipientRefused)
    if status.startswith("5.7."):
        return PermanentFailure(f"A policy of the mail server refused the mail ({said}).", reason=FailureReason.POLICY)
    if status.startswith(("5.1.", "5.2.1", "5.2.2")) or (at_recipient and not status and code in (550, 551, 553)):
        return PermanentFailure(
            f"The address does not exist or takes no mail ({said}).", reason=FailureReason.RECIPIENT_GONE
        )
    if _is_size(code, status):
        return PermanentFailure(f"The mail is too large for the mail server ({said}).", reason=FailureReason.TOO_LARGE)
    return PermanentFailure(f"The mail server refused the mail ({said}).", reason=FailureReason.BAD_CONTENT)


def _is_size(code: int, status: str) -> bool:
    return status in ("5.3.4", "5.2.3") or (code == 552 and not status)


def _said(problem: aiosmtplib.SMTPResponseException) -> str:
    return f"{problem.code} {line(problem.message, limit=200)}".rstrip(". ")
