"""Reads one mailbox over IMAP. Everything blocks: it runs in a thread of its own."""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError, LoginError
from imapclient.imapclient import SENT

from bridges.email.parse import Envelope
from bridges.email.settings import EmailSettings
from core.contracts.errors import CredentialsRejected, TemporaryFailure
from core.contracts.text import line

CONNECT_S = 3.0
READ_S = 30.0
#: Larger mails are announced, not fetched: Gmail takes 25 MB and Microsoft 365 35 MB, before encoding.
MAX_MAIL = 40 * 1024 * 1024
#: RFC 2177 says 29 minutes; routers forget silent connections long before.
IDLE_MOST_S = 9 * 60.0
BATCH = 200
#: Lines that a server may put before an answer.
MAX_NEWS = 1000
_NOT_NOW = re.compile(r"\[(?:UNAVAILABLE|INUSE|LIMIT|SERVERBUG|ALERT)|too many|try again|temporar", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a mailbox was read."""

    uidvalidity: int
    uid: int
    #: The newest day a mail was handled; where to start over when the server renumbers.
    day: date


class Mailbox:
    """One connection to one folder."""

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings
        self._client: Any = None
        self._closed = threading.Event()
        self.uidvalidity = 0
        self._uidnext = 1

    def open(self) -> None:
        """Connects, logs in and selects. Raises TemporaryFailure, CredentialsRejected."""
        with _told("The mailbox cannot be opened"):
            self._connect()
            # Asked here, since it would be asked in between otherwise.
            self._client.capabilities()
            selected = self._client.select_folder(self._settings.folder, readonly=True)
            self.uidvalidity = int(selected[b"UIDVALIDITY"])
            self._uidnext = int(selected.get(b"UIDNEXT", 0)) or max(self._client.search(), default=0) + 1

    def new(self, cursor: Cursor | None, today: date) -> tuple[Cursor, list[int]]:
        """Where reading starts, and the mails behind it in order."""
        with _told("The mailbox cannot be read"):
            self._heard()
            if cursor is not None and cursor.uidvalidity == self.uidvalidity:
                # The server answers `n:*` with the last mail even if that is before n.
                found = self._client.search(["UID", f"{cursor.uid + 1}:*"])
                return cursor, sorted(uid for uid in found if uid > cursor.uid)
            if cursor is not None:
                # What was read before is known by its Message-ID.
                return self._since(cursor.day - timedelta(days=1), cursor.day)
            days = self._settings.since_days
            if days:
                return self._since(today - timedelta(days=days), today)
            return self.new(Cursor(uidvalidity=self.uidvalidity, uid=self._uidnext - 1, day=today), today)

    def _since(self, first: date, day: date) -> tuple[Cursor, list[int]]:
        found = sorted(self._client.search(["SINCE", first]))
        # Just before the first of them, so that an interruption does not lead to the whole mailbox.
        start = found[0] - 1 if found else self._uidnext - 1
        return Cursor(uidvalidity=self.uidvalidity, uid=start, day=day), found

    def sizes(self, uids: Sequence[int]) -> list[Envelope]:
        """What the server says of these mails; those deleted meanwhile are left out."""
        with _told("The mailbox cannot be read"):
            found = self._client.fetch(uids[:BATCH], ["RFC822.SIZE", "INTERNALDATE"])
        return [
            Envelope(
                uid=uid,
                uidvalidity=self.uidvalidity,
                size=int(found[uid].get(b"RFC822.SIZE", 0)),
                received_at=_aware(found[uid].get(b"INTERNALDATE")),
                headers_only=int(found[uid].get(b"RFC822.SIZE", 0)) > MAX_MAIL,
            )
            for uid in uids[:BATCH]
            if uid in found
        ]

    def fetch(self, envelope: Envelope) -> bytes | None:
        """The mail, without marking it as read; None when it was deleted meanwhile."""
        section = "BODY.PEEK[HEADER]" if envelope.headers_only else "BODY.PEEK[]"
        with _told("A mail cannot be fetched"):
            found = self._client.fetch([envelope.uid], [section]).get(envelope.uid, {})
        key = section.replace(".PEEK", "").encode()
        return found.get(key) if isinstance(found.get(key), bytes) else None

    def wait(self, seconds: float) -> None:
        """Returns when the mailbox changed, after `seconds` at most. Raises TemporaryFailure if the connection died."""
        seconds = min(seconds, IDLE_MOST_S)
        with _told("The connection to the mailbox was lost"):
            if self._heard():
                return
            if not self._client.has_capability("IDLE"):
                self._closed.wait(seconds)
                self._client.noop()
                return
            self._start_idle()
            if not self._heard() and not self._read_along():
                self._client.idle_check(timeout=seconds)
            # Also tells a dead connection from silence, which idle_check does not.
            self._client.idle_done()

    def find_sent(self, message_id: str) -> bool:
        """Whether the provider's own folder of sent mail holds a mail of ours."""
        with _told("The mailbox cannot be opened"):
            self._connect()
            folder = self._client.find_special_folder(SENT)
            if folder is None:
                return False
            self._client.select_folder(folder, readonly=True)
            return bool(self._client.search(["HEADER", "Message-ID", message_id]))

    def login(self) -> int:
        """Logs in and counts the folder's mails. Raises as `open`."""
        with _told("The mailbox cannot be opened"):
            self._connect()
            return int(self._client.folder_status(self._settings.folder, ["MESSAGES"])[b"MESSAGES"])

    def abort(self) -> None:
        """Cuts the connection from another thread, which ends whatever waits on it."""
        self._closed.set()
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.socket().shutdown(2)

    def close(self) -> None:
        """Ends the connection; the server needs no farewell."""
        self._closed.set()
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.shutdown()

    def _connect(self) -> None:
        settings = self._settings
        secured = ssl.create_default_context()
        self._client = IMAPClient(
            settings.imap_host,
            settings.imap_port,
            ssl=settings.imap_security == "tls",
            ssl_context=secured if settings.imap_security == "tls" else None,
            timeout=SocketTimeout(connect=CONNECT_S, read=READ_S),
        )
        if self._closed.is_set():
            self._client.shutdown()
            raise TemporaryFailure("The mailbox was closed.")
        if settings.imap_security == "starttls":
            self._client.starttls(secured)
        try:
            self._client.login(settings.username, settings.password.get_secret_value())
        except LoginError as problem:
            said = line(str(problem), limit=200)
            if _NOT_NOW.search(said):
                raise TemporaryFailure(f"The mail server lets nobody in at the moment ({said}).") from problem
            raise CredentialsRejected(
                f"The mailbox {settings.address} needs a new password: the mail server refused the login ({said})."
            ) from problem

    # The library has no calls for news that a server puts between other answers: without these three, a mail that
    # arrives just before IDLE would wait for the next one.

    def _heard(self) -> bool:
        """Whether the server told of mails since this was asked last."""
        return self._client._imap.untagged_responses.pop("EXISTS", None) is not None

    def _start_idle(self) -> None:
        try:
            self._client.idle()
        except IMAPClientError as problem:
            if "Unexpected IDLE response" not in str(problem):
                raise
            # News came before the answer to IDLE.
            for _ in range(MAX_NEWS):
                if self._client._imap._get_response() is None:
                    return
            raise

    def _read_along(self) -> bool:
        """Whether news came in one piece with the answer to IDLE and lies in the reader's buffer."""
        sock = self._client.socket()
        sock.setblocking(False)
        try:
            return bool(self._client._imap.file.peek(1))
        except OSError:
            return False
        finally:
            sock.settimeout(READ_S)


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Whatever a connection dies of, in one sentence."""
    try:
        yield
    except (IMAPClientError, OSError, EOFError, ValueError, KeyError, IndexError, AttributeError) as problem:
        raise TemporaryFailure(f"{what}: {line(str(problem), limit=200) or type(problem).__name__}.") from problem


def _aware(value: Any) -> datetime:
    if not isinstance(value, datetime):
        return datetime.now(UTC)
    # The library gives the machine's local time without a zone.
    return value.astimezone(UTC)
