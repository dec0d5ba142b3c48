"""Mailboxes with their folders, as IMAP numbers them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.mail.letters import Letter

#: The oldest mails of a folder are forgotten beyond this many.
MAX_MAILS = 10_000
MAX_FOLDERS = 100
FOLDERS = ("INBOX", "Sent", "Drafts", "Trash", "Junk")
SPECIAL_USE = {"Sent": "\\Sent", "Drafts": "\\Drafts", "Trash": "\\Trash", "Junk": "\\Junk"}


@dataclass(slots=True, kw_only=True)
class StoredMail:
    """One mail in a folder."""

    uid: int
    raw: bytes
    received_at: datetime
    flags: set[str] = field(default_factory=set)
    #: The bytes as a client submitted them, before servers wrote their headers on top; None for mail that came in.
    submitted: bytes | None = None
    _letter: Letter | None = None

    @property
    def letter(self) -> Letter:
        """The mail as its reader sees it."""
        if self._letter is None:
            self._letter = Letter.read(self.raw)
        return self._letter


class Folder:
    """Mails by UID; listeners hear of every change."""

    def __init__(self, name: str, uidvalidity: int) -> None:
        self.name = name
        self.uidvalidity = uidvalidity
        self.uidnext = 1
        self.mails: dict[int, StoredMail] = {}
        #: Woken at every change.
        self.listeners: set[Callable[[], None]] = set()

    def add(
        self, raw: bytes, received_at: datetime, *, flags: Iterable[str] = (), submitted: bytes | None = None
    ) -> StoredMail:
        """Appends a mail under the next UID."""
        mail = StoredMail(uid=self.uidnext, raw=raw, received_at=received_at, flags=set(flags), submitted=submitted)
        self.uidnext += 1
        self.mails[mail.uid] = mail
        if len(self.mails) > MAX_MAILS:
            del self.mails[next(iter(self.mails))]
        self.changed()
        return mail

    def remove(self, uids: Iterable[int]) -> None:
        """Forgets mails for good."""
        for uid in list(uids):
            self.mails.pop(uid, None)
        self.changed()

    def renumber(self, uidvalidity: int) -> None:
        """Gives every mail a new UID from 1 on, as a restored server does."""
        self.uidvalidity = uidvalidity
        mails = list(self.mails.values())
        self.mails.clear()
        for uid, mail in enumerate(mails, 1):
            mail.uid = uid
            self.mails[uid] = mail
        self.uidnext = len(mails) + 1

    def changed(self) -> None:
        """Wakes the listeners."""
        for listener in list(self.listeners):
            listener()


class Mailbox:
    """One person's mail account."""

    def __init__(self, address: str, password: str | None, uidvalidity: int) -> None:
        self.address = address
        #: None for mailboxes that came into being by mail sent to them; nobody can log in there.
        self.password = password
        self._next_validity = uidvalidity
        self.folders: dict[str, Folder] = {}
        for name in FOLDERS:
            self.create(name)

    @property
    def inbox(self) -> Folder:
        """Where mail arrives."""
        return self.folders["INBOX"]

    def folder(self, name: str) -> Folder | None:
        """A folder by name; INBOX in any case."""
        return self.folders.get("INBOX" if name.upper() == "INBOX" else name)

    def create(self, name: str) -> Folder:
        """A new, empty folder."""
        if len(self.folders) >= MAX_FOLDERS:
            raise ValueError(f"{self.address} has {MAX_FOLDERS} folders already")
        folder = self.folders[name] = Folder(name, self._next_validity)
        self._next_validity += 1
        return folder


def base_address(address: str) -> str:
    """The mailbox behind an address: no +tag, small letters."""
    local, _, domain = address.strip().lower().rpartition("@")
    return f"{re.sub('[+].*', '', local)}@{domain}"
