"""A submission server: takes mail from those who log in and hands it to the mailboxes."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.faults import Faults
from sandbox.mail.store import base_address
from sandbox.mail.streams import Connection, ConnectionCut, LineTooLong, fault_text, meet

#: RFC 5321 4.5.3.1: 512 for a command, more with AUTH and SMTPUTF8; 1000 for a line of text with its end.
MAX_COMMAND = 12_288
MAX_TEXT_LINE = 1000
MAX_RECIPIENTS = 100
MAX_MISTAKES = 20
_PATH = re.compile(r"^<(?P<address>[^<>\s]*)>(?P<parameters>(?:\s+\S+)*)$")
_ADDRESS = re.compile(r"^(?:\"[^\"\r\n]{1,62}\"|[^\s@<>(),;:\\\"]{1,64})@[^\s@<>]{1,255}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One mail as it was handed in."""

    user: str | None
    sender: str
    recipients: tuple[str, ...]
    data: bytes


@dataclass(slots=True, kw_only=True)
class Envelope:
    """The mail under way."""

    sender: str
    smtputf8: bool = False
    recipients: list[str] = field(default_factory=list)


class Refusal(Exception):
    """A reply that ends the command."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpRules:
    """What all sessions share."""

    host_name: str
    max_size: int
    require_auth: bool
    faults: Faults
    #: The mailbox's password, None when it has none.
    password_of: Callable[[str], str | None]
    accept: Callable[[Submission], None]


class SmtpSession:
    """One connection."""

    def __init__(self, connection: Connection, rules: SmtpRules) -> None:
        self._connection = connection
        self._rules = rules
        self._greeted = ""
        self._user: str | None = None
        self._envelope: Envelope | None = None

    async def run(self) -> None:
        """Talks until the client leaves."""
        if await self._ordered("smtp.connect"):
            return
        await self._reply(220, f"{self._rules.host_name} ESMTP")
        mistakes = 0
        while mistakes < MAX_MISTAKES:
            try:
                line = await self._connection.line()
                if len(line) > MAX_COMMAND:
                    raise Refusal(500, "5.5.6 Line too long")
                if not line.endswith(b"\r\n"):
                    raise Refusal(500, "5.5.2 Lines end with CR LF")
                verb, _, rest = line[:-2].decode("utf-8", "surrogateescape").partition(" ")
                if verb.upper() == "QUIT":
                    await self._reply(221, "2.0.0 Bye")
                    return
                await self._command(verb.upper(), rest.strip())
            except Refusal as refusal:
                mistakes += 1
                await self._reply(refusal.code, refusal.text)
            except LineTooLong:
                await self._reply(500, "5.5.6 Line too long")
                return
            except TimeoutError:
                await self._reply(421, "4.4.2 Timeout")
                return
        await self._reply(421, "4.7.0 Too many errors")

    async def _command(self, verb: str, rest: str) -> None:
        if await self._ordered(f"smtp.{verb.lower()}", unless=verb == "DATA"):
            return
        if verb in ("EHLO", "HELO"):
            await self._hello(verb, rest)
        elif verb == "AUTH":
            await self._auth(rest)
        elif verb == "MAIL":
            await self._mail(rest)
        elif verb == "RCPT":
            await self._rcpt(rest)
        elif verb == "DATA":
            await self._data()
        elif verb == "RSET":
            self._envelope = None
            await self._reply(250, "2.0.0 Ok")
        elif verb == "NOOP":
            await self._reply(250, "2.0.0 Ok")
        elif verb == "VRFY":
            await self._reply(252, "2.5.1 Send some mail, I'll try my best")
        else:
            raise Refusal(500, "5.5.1 Command not recognized")

    async def _hello(self, verb: str, name: str) -> None:
        if not name:
            raise Refusal(501, f"5.5.4 Syntax: {verb} hostname")
        self._greeted = name
        self._envelope = None
        if verb == "HELO":
            await self._reply(250, self._rules.host_name)
            return
        await self._reply(
            250,
            self._rules.host_name,
            "PIPELINING",
            f"SIZE {self._rules.max_size}",
            "AUTH PLAIN LOGIN XOAUTH2",
            "ENHANCEDSTATUSCODES",
            "8BITMIME",
            "SMTPUTF8",
        )

    async def _auth(self, rest: str) -> None:
        if not self._greeted:
            raise Refusal(503, "5.5.1 Send EHLO first")
        if self._user is not None:
            raise Refusal(503, "5.5.1 Already authenticated")
        mechanism, _, initial = rest.partition(" ")
        user, password = "", ""
        if mechanism.upper() == "PLAIN":
            parts = (await self._answer(initial, "")).split("\0")
            if len(parts) != 3:
                raise Refusal(501, "5.5.2 Cannot decode the response")
            _, user, password = parts
        elif mechanism.upper() == "LOGIN":
            user = await self._answer(initial, "Username:")
            password = await self._answer("", "Password:")
        elif mechanism.upper() == "XOAUTH2":
            # A token is accepted where it equals the mailbox's password.
            fields = dict(part.partition("=")[::2] for part in (await self._answer(initial, "")).split("\1") if part)
            user, password = fields.get("user", ""), fields.get("auth", "").removeprefix("Bearer ")
        else:
            raise Refusal(504, "5.5.4 Unrecognized authentication type")
        known = self._rules.password_of(user)
        if known is None or not hmac.compare_digest(known.encode(), password.encode("utf-8", "replace")):
            raise Refusal(535, "5.7.8 Authentication credentials invalid")
        self._user = base_address(user)
        await self._reply(235, "2.7.0 Authentication successful")

    async def _answer(self, initial: str, challenge: str) -> str:
        if not initial:
            await self._reply(334, base64.b64encode(challenge.encode()).decode())
            initial = (await self._connection.line()).strip().decode("ascii", "replace")
        if initial == "*":
            raise Refusal(501, "5.7.0 Authentication cancelled")
        try:
            return base64.b64decode("" if initial == "=" else initial, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Refusal(501, "5.5.2 Cannot decode the response") from None

    async def _mail(self, rest: str) -> None:
        if not self._greeted:
            raise Refusal(503, "5.5.1 Send EHLO first")
        if self._rules.require_auth and self._user is None:
            raise Refusal(530, "5.7.0 Authentication required")
        if self._envelope is not None:
            raise Refusal(503, "5.5.1 Nested MAIL command")
        address, parameters = self._path(rest, "FROM:")
        utf8 = False
        for parameter in parameters:
            name, _, value = parameter.upper().partition("=")
            if name == "SIZE" and value.isascii() and value.isdigit():
                if len(value) > 20 or int(value) > self._rules.max_size:
                    raise Refusal(552, "5.3.4 Message size exceeds fixed limit")
            elif name == "SMTPUTF8" and not value:
                utf8 = True
            elif not ((name == "BODY" and value in ("7BIT", "8BITMIME")) or name == "AUTH"):
                raise Refusal(555, "5.5.4 MAIL FROM parameters not recognized or not implemented")
        if address:
            self._check_address(address, utf8=utf8, code=553)
            if self._user is not None and base_address(address) != self._user:
                raise Refusal(553, f"5.7.1 Sender address rejected: not owned by user {self._user}")
        self._envelope = Envelope(sender=address, smtputf8=utf8)
        await self._reply(250, "2.1.0 Ok")

    async def _rcpt(self, rest: str) -> None:
        if self._envelope is None:
            raise Refusal(503, "5.5.1 Send MAIL first")
        address, parameters = self._path(rest, "TO:")
        if parameters:
            raise Refusal(555, "5.5.4 RCPT TO parameters not recognized or not implemented")
        self._check_address(address, utf8=self._envelope.smtputf8, code=501)
        if len(self._envelope.recipients) >= MAX_RECIPIENTS:
            raise Refusal(452, "4.5.3 Too many recipients")
        self._envelope.recipients.append(address)
        await self._reply(250, "2.1.5 Ok")

    async def _data(self) -> None:
        envelope = self._envelope
        if envelope is None or not envelope.recipients:
            raise Refusal(503, "5.5.1 Send MAIL and RCPT first")
        await self._reply(354, "End data with <CR><LF>.<CR><LF>")
        self._envelope = None
        data, problem = await self._content()
        # The reply after the final dot is the one that counts; this is where a mail can get lost.
        fault = await meet(self._rules.faults, "smtp.data", self._connection)
        if fault is not None and fault.status is not None:
            raise Refusal(fault.status, fault_text(fault, "5.0.0 Refused on order"))
        if problem is not None:
            raise problem
        self._check_content(data, envelope)
        self._rules.accept(
            Submission(user=self._user, sender=envelope.sender, recipients=tuple(envelope.recipients), data=data)
        )
        if fault is not None and fault.drop == "after":
            self._connection.cut()
            raise ConnectionCut
        await self._reply(250, "2.0.0 Ok: queued")

    async def _content(self) -> tuple[bytes, Refusal | None]:
        data = bytearray()
        problem: Refusal | None = None
        whole = True
        while True:
            try:
                line = await self._connection.line()
            except LineTooLong:
                await self._reply(500, "5.5.2 Line too long")
                self._connection.cut()
                raise ConnectionCut from None
            # After a bare LF a lone dot ends nothing: that is how one mail is smuggled inside another.
            if whole and line == b".\r\n":
                return bytes(data), problem
            whole = line.endswith(b"\r\n")
            if not whole or b"\r" in line[:-2]:
                problem = problem or Refusal(550, "5.5.2 Bare CR or LF in message")
            if len(line) > MAX_TEXT_LINE + (1 if line.startswith(b".") else 0):
                problem = problem or Refusal(500, "5.5.2 Line too long")
            data += line[1:] if line.startswith(b".") else line
            if len(data) > self._rules.max_size:
                problem = Refusal(552, "5.3.4 Message size exceeds fixed limit")
                data.clear()

    def _check_content(self, data: bytes, envelope: Envelope) -> None:
        head = data.partition(b"\r\n\r\n")[0]
        if any(byte > 127 for byte in head) and not envelope.smtputf8:
            raise Refusal(550, "5.6.7 Header holds 8-bit characters without SMTPUTF8")
        senders = len(re.findall(rb"^from\s*:", head, re.IGNORECASE | re.MULTILINE))
        if senders != 1:
            raise Refusal(550, f"5.7.1 A message has exactly one From header, this one has {senders}")

    def _path(self, rest: str, word: str) -> tuple[str, list[str]]:
        if rest[: len(word)].upper() != word:
            raise Refusal(501, f"5.5.4 Syntax: {word} <address>")
        match = _PATH.match(rest[len(word) :].strip())
        if match is None:
            raise Refusal(501, f"5.5.4 Syntax: {word} <address>")
        return match["address"], match["parameters"].split()

    def _check_address(self, address: str, *, utf8: bool, code: int) -> None:
        if not _ADDRESS.match(address):
            raise Refusal(code, f"5.1.3 Bad address syntax: {address!a}")
        if not address.isascii() and not utf8:
            raise Refusal(553, "5.6.7 Address with 8-bit characters without SMTPUTF8")

    async def _ordered(self, name: str, *, unless: bool = False) -> bool:
        """Answers with an ordered fault; True when that was the answer."""
        if unless:
            return False
        fault = await meet(self._rules.faults, name, self._connection)
        if fault is None or fault.status is None:
            return False
        await self._reply(fault.status, fault_text(fault, "4.0.0 Refused on order"))
        return True

    async def _reply(self, code: int, *lines: str) -> None:
        shown = [f"{code}{'-' if number < len(lines) else ' '}{line}\r\n" for number, line in enumerate(lines, 1)]
        await self._connection.write("".join(shown).encode("utf-8", "replace"))
