"""What one IMAP session knows of the folder it selected, and how it hears of changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from sandbox.mail.imap_wire import BadCommand, Token, flag_list, numbers
from sandbox.mail.store import Folder, StoredMail


@dataclass(slots=True, kw_only=True)
class View:
    """The session's message numbers: they change only when the session was told."""

    folder: Folder
    read_only: bool
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    uids: list[int] = field(default_factory=list)
    _uidvalidity: int = 0
    _flags: dict[int, frozenset[str]] = field(default_factory=dict)

    def open(self) -> None:
        """Takes the folder as it is now and listens."""
        self.uids = sorted(self.folder.mails)
        self._uidvalidity = self.folder.uidvalidity
        self._flags = {uid: frozenset(mail.flags) for uid, mail in self.folder.mails.items()}
        self.folder.listeners.add(self.changed.set)

    def close(self) -> None:
        """Listens no more."""
        self.folder.listeners.discard(self.changed.set)

    @property
    def renumbered(self) -> bool:
        """Whether the UIDs became void."""
        return self._uidvalidity != self.folder.uidvalidity

    def news(self, *, expunges: bool) -> bytes:
        """The untagged answers about everything that changed; expunges only where the command allows them."""
        self.changed.clear()
        lines: list[bytes] = []
        if expunges:
            for position in range(len(self.uids), 0, -1):
                if self.uids[position - 1] not in self.folder.mails:
                    self._flags.pop(self.uids.pop(position - 1), None)
                    lines.append(b"* %d EXPUNGE\r\n" % position)
        elif any(uid not in self.folder.mails for uid in self.uids):
            self.changed.set()
        for position, uid in enumerate(self.uids, 1):
            mail = self.folder.mails.get(uid)
            if mail is not None and self._flags[uid] != mail.flags:
                self.saw(mail)
                lines.append(b"* %d FETCH (UID %d FLAGS %s)\r\n" % (position, uid, flag_list(mail.flags)))
        last = self.uids[-1] if self.uids else 0
        fresh = [uid for uid in self.folder.mails if uid > last and uid not in self._flags]
        if fresh:
            self.uids.extend(sorted(fresh))
            self._flags |= {uid: frozenset(self.folder.mails[uid].flags) for uid in fresh}
            lines.append(b"* %d EXISTS\r\n* 0 RECENT\r\n" % len(self.uids))
        return b"".join(lines)

    def saw(self, mail: StoredMail) -> None:
        """The session was told these flags."""
        self._flags[mail.uid] = frozenset(mail.flags)

    def chosen(self, token: Token, *, by_uid: bool) -> Sequence[tuple[int, StoredMail]]:
        """Position and mail of each member of a set. Raises: BadCommand for a position that does not exist."""
        if by_uid:
            named = set(numbers(token, self.uids, self.uids[-1] if self.uids else 0))
            positions = [position for position, uid in enumerate(self.uids, 1) if uid in named]
        else:
            positions = numbers(token, range(1, len(self.uids) + 1), len(self.uids))
            if not positions:
                raise BadCommand("Invalid message sequence number")
        return [
            (position, self.folder.mails[self.uids[position - 1]])
            for position in positions
            if self.uids[position - 1] in self.folder.mails
        ]
