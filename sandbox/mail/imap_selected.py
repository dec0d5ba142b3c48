"""The IMAP commands about the mails of a selected folder."""

from __future__ import annotations

import re

from sandbox.mail.imap_fetch import read_items
from sandbox.mail.imap_search import Search
from sandbox.mail.imap_view import View
from sandbox.mail.imap_wire import BadCommand, Token, flag_list, text_of, uid_set
from sandbox.mail.store import Mailbox, StoredMail
from sandbox.mail.streams import Connection

FLAGS = ("\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen")


class No(Exception):
    """The command was understood and refused."""


class SelectedCommands:
    """The half of a session that works on mails."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._mailbox: Mailbox | None = None
        self._view: View | None = None
        #: The command under way, in small letters and without UID.
        self._name = ""

    async def _close(self, words: list[Token], by_uid: bool) -> str:
        view = self._selected
        if self._name == "close" and not view.read_only:
            self._remove_deleted(view, [mail for mail in view.folder.mails.values() if mail.uid in view.uids])
        self._unselect()
        return f"{self._name.upper()} completed"

    async def _expunge(self, words: list[Token], by_uid: bool) -> str:
        view = self._writable
        mails = list(view.folder.mails.values())
        if by_uid:
            if not words:
                raise BadCommand("UID EXPUNGE takes a set")
            mails = [mail for _, mail in view.chosen(words[0], by_uid=True)]
        self._remove_deleted(view, mails)
        return "EXPUNGE completed"

    def _remove_deleted(self, view: View, mails: list[StoredMail]) -> None:
        view.folder.remove([mail.uid for mail in mails if "\\Deleted" in mail.flags])

    async def _fetch(self, words: list[Token], by_uid: bool) -> str:
        view = self._selected
        if len(words) != 2:
            raise BadCommand("FETCH takes a set and items")
        items = read_items(words[1], by_uid=by_uid)
        for position, mail in view.chosen(words[0], by_uid=by_uid):
            if not view.read_only and any(item.marks for item in items) and "\\Seen" not in mail.flags:
                mail.flags.add("\\Seen")
                view.saw(mail)
                view.folder.changed()
            answers = b" ".join(item.answer(mail) for item in items)
            await self._connection.write(b"* %d FETCH (%s)\r\n" % (position, answers))
        return "FETCH completed"

    async def _search(self, words: list[Token], by_uid: bool) -> str:
        view = self._selected
        try:
            test = Search(words, view.uids).read()
        except BadCommand as bad:
            if bad.text.startswith("[BADCHARSET"):
                raise No(bad.text) from None
            raise
        everything = [(n, view.folder.mails[uid]) for n, uid in enumerate(view.uids, 1) if uid in view.folder.mails]
        found = [mail.uid if by_uid else position for position, mail in everything if test(mail)]
        await self._send(" ".join(["* SEARCH", *map(str, found)]))
        return "SEARCH completed"

    async def _store(self, words: list[Token], by_uid: bool) -> str:
        view = self._writable
        if len(words) < 3:
            raise BadCommand("STORE takes a set, an action and flags")
        match = re.fullmatch(r"([+-]?)FLAGS(\.SILENT)?", text_of(words[1]), re.IGNORECASE)
        if match is None:
            raise BadCommand("STORE changes FLAGS, +FLAGS or -FLAGS")
        given = words[2] if isinstance(words[2], list) else words[2:]
        flags = {self._flag(text_of(flag)) for flag in given}
        for position, mail in view.chosen(words[0], by_uid=by_uid):
            mail.flags = {"+": mail.flags | flags, "-": mail.flags - flags}.get(match[1], flags)
            view.saw(mail)
            if not match[2]:
                uid = b"UID %d " % mail.uid if by_uid else b""
                await self._connection.write(b"* %d FETCH (%sFLAGS %s)\r\n" % (position, uid, flag_list(mail.flags)))
        view.folder.changed()
        return "STORE completed"

    def _flag(self, name: str) -> str:
        known = {flag.lower(): flag for flag in FLAGS}
        if name.startswith("\\") and name.lower() not in known:
            raise BadCommand(f"Unknown flag {name[:40]!a}")
        return known.get(name.lower(), name)

    async def _copy(self, words: list[Token], by_uid: bool) -> str:
        view = self._writable if self._name == "move" else self._selected
        target = self._box.folder(text_of(words[1])) if len(words) == 2 else None
        if target is None:
            raise No("[TRYCREATE] Mailbox doesn't exist")
        mails = [mail for _, mail in view.chosen(words[0], by_uid=by_uid)]
        copies = [target.add(mail.raw, mail.received_at, flags=mail.flags) for mail in mails]
        if not copies:
            return f"{self._name.upper()} completed"
        sources = uid_set(mail.uid for mail in mails)
        code = f"[COPYUID {target.uidvalidity} {sources} {uid_set(mail.uid for mail in copies)}]"
        if self._name == "copy":
            return f"{code} COPY completed"
        await self._send(f"* OK {code} Moved")
        view.folder.remove([mail.uid for mail in mails])
        return "MOVE completed"

    @property
    def _box(self) -> Mailbox:
        assert self._mailbox is not None
        return self._mailbox

    @property
    def _selected(self) -> View:
        assert self._view is not None
        return self._view

    @property
    def _writable(self) -> View:
        if self._selected.read_only:
            raise No("[READ-ONLY] Mailbox was opened by EXAMINE")
        return self._selected

    def _unselect(self) -> None:
        if self._view is not None:
            self._view.close()
            self._view = None

    async def _send(self, *lines: str) -> None:
        await self._connection.write("".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace"))
