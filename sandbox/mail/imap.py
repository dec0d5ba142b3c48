"""An IMAP4rev1 server with IDLE, UIDPLUS, MOVE and non-synchronising literals."""

from __future__ import annotations

import asyncio
import base64
import binascii
import fnmatch
import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sandbox.faults import Faults
from sandbox.mail.imap_selected import FLAGS, No, SelectedCommands
from sandbox.mail.imap_view import View
from sandbox.mail.imap_wire import BadCommand, Token, quoted, read_command, read_date, text_of
from sandbox.mail.store import SPECIAL_USE, Folder, Mailbox
from sandbox.mail.streams import Connection, ConnectionCut, LineTooLong, fault_text, meet

#: RFC 2177 advises clients to renew IDLE before 29 minutes; servers may let them go after 30.
IDLE_MOST = 30 * 60.0
#: Before login nobody needs a long literal.
MAX_LOGIN_LITERAL = 4096
MAX_MISTAKES = 10
CAPABILITIES = "IMAP4rev1 LITERAL+ SASL-IR AUTH=PLAIN AUTH=XOAUTH2 ID NAMESPACE IDLE UIDPLUS UNSELECT MOVE SPECIAL-USE"
_BEFORE_LOGIN = frozenset(("capability", "noop", "logout", "id", "login", "authenticate"))
_SELECTED = frozenset(("fetch", "search", "store", "copy", "move", "expunge", "close", "unselect", "check"))
_NO_EXPUNGE = frozenset(("fetch", "store", "search"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapRules:
    """What all sessions share."""

    faults: Faults
    max_size: int
    max_sessions: int
    mailbox: Callable[[str], Mailbox | None]
    #: Sessions open per mailbox address.
    sessions: dict[str, int]
    clock: Callable[[], datetime]
    idle_most: float = IDLE_MOST


class ImapSession(SelectedCommands):
    """One connection."""

    def __init__(self, connection: Connection, rules: ImapRules) -> None:
        super().__init__(connection)
        self._rules = rules
        self._left = False
        self._commands: dict[str, Callable[[list[Token], bool], Awaitable[str]]] = {
            "capability": self._capability,
            "noop": self._noop,
            "check": self._noop,
            "logout": self._logout,
            "id": self._id,
            "login": self._login,
            "authenticate": self._authenticate,
            "namespace": self._namespace,
            "list": self._list,
            "lsub": self._list,
            "subscribe": self._noop,
            "unsubscribe": self._noop,
            "create": self._create,
            "delete": self._delete,
            "select": self._select,
            "examine": self._select,
            "status": self._status,
            "append": self._append,
            "idle": self._idle,
            "close": self._close,
            "unselect": self._close,
            "expunge": self._expunge,
            "fetch": self._fetch,
            "search": self._search,
            "store": self._store,
            "copy": self._copy,
            "move": self._copy,
        }

    async def run(self) -> None:
        """Talks until the client leaves."""
        try:
            fault = await meet(self._rules.faults, "imap.connect", self._connection)
            if fault is not None and fault.status is not None:
                await self._send(f"* BYE {fault_text(fault, 'Refused on order')}")
                return
            await self._send(f"* OK [CAPABILITY {CAPABILITIES}] Ready")
            await self._talk()
        finally:
            self._unselect()
            if self._mailbox is not None:
                self._rules.sessions[self._mailbox.address] -= 1

    async def _talk(self) -> None:
        mistakes = 0
        while not self._left and mistakes < MAX_MISTAKES:
            most = MAX_LOGIN_LITERAL if self._mailbox is None else self._rules.max_size
            try:
                tag, words = await read_command(self._connection, self._rules.idle_most, most)
                await self._command(tag, words)
            except BadCommand as bad:
                mistakes += 1
                await self._send(f"{bad.tag} BAD {bad.text}")
            except LineTooLong:
                await self._send("* BYE Line too long")
                return
            except TimeoutError:
                await self._send("* BYE Autologout; idle for too long")
                return
        if not self._left:
            await self._send("* BYE Too many bad commands")

    async def _command(self, tag: str, words: list[Token]) -> None:
        if not words:
            raise BadCommand("Command is missing", tag)
        self._tag = tag
        self._name = text_of(words[0]).lower()
        by_uid = self._name == "uid" and len(words) > 1
        if by_uid:
            self._name = text_of(words[1]).lower()
        allowed = not by_uid or self._name in ("fetch", "search", "store", "copy", "move", "expunge")
        handler = self._commands.get(self._name)
        if handler is None or not allowed:
            raise BadCommand(f"Unknown command {self._name[:40]!a}", tag)
        fault = await meet(self._rules.faults, f"imap.{self._name}", self._connection)
        try:
            if fault is not None and fault.status is not None:
                raise No(fault_text(fault, "[UNAVAILABLE] Refused on order"))
            if self._mailbox is None and self._name not in _BEFORE_LOGIN:
                raise BadCommand("Log in first", tag)
            if self._view is None and self._name in _SELECTED:
                raise BadCommand("No mailbox selected", tag)
            done = await handler(words[2 if by_uid else 1 :], by_uid)
        except No as refused:
            await self._send(f"{tag} NO {refused}")
            return
        except BadCommand as bad:
            raise BadCommand(bad.text, tag) from None
        if fault is not None and fault.drop == "after":
            self._connection.cut()
            raise ConnectionCut
        await self._tell_news(expunges=by_uid or self._name not in _NO_EXPUNGE)
        await self._send(f"{tag} OK {done}")

    # Any state

    async def _capability(self, words: list[Token], by_uid: bool) -> str:
        await self._send(f"* CAPABILITY {CAPABILITIES}")
        return "CAPABILITY completed"

    async def _noop(self, words: list[Token], by_uid: bool) -> str:
        return f"{self._name.upper()} completed"

    async def _logout(self, words: list[Token], by_uid: bool) -> str:
        self._unselect()
        self._left = True
        await self._send("* BYE Logging out")
        return "LOGOUT completed"

    async def _id(self, words: list[Token], by_uid: bool) -> str:
        await self._send('* ID ("name" "Threadbridge sandbox")')
        return "ID completed"

    # Not authenticated

    async def _login(self, words: list[Token], by_uid: bool) -> str:
        if len(words) != 2:
            raise BadCommand("LOGIN takes a user and a password")
        return self._enter(text_of(words[0]), text_of(words[1]))

    async def _authenticate(self, words: list[Token], by_uid: bool) -> str:
        mechanism = text_of(words[0]).upper() if words else ""
        if mechanism not in ("PLAIN", "XOAUTH2"):
            raise No("[CANNOT] Unsupported authentication mechanism")
        if len(words) > 1:
            answer = text_of(words[1])
        else:
            await self._connection.write(b"+ \r\n")
            answer = (await self._connection.line()).strip().decode("ascii", "replace")
        if answer == "*":
            raise BadCommand("Authentication cancelled")
        try:
            text = base64.b64decode(answer, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise BadCommand("Cannot decode the response") from None
        if mechanism == "PLAIN":
            parts = text.split("\0")
            if len(parts) != 3:
                raise BadCommand("Cannot decode the response")
            return self._enter(parts[1], parts[2])
        # A token is accepted where it equals the mailbox's password.
        fields = dict(part.partition("=")[::2] for part in text.split("\1") if part)
        return self._enter(fields.get("user", ""), fields.get("auth", "").removeprefix("Bearer "))

    def _enter(self, user: str, password: str) -> str:
        if self._mailbox is not None:
            raise BadCommand("Already logged in")
        mailbox = self._rules.mailbox(user)
        if (
            mailbox is None
            or mailbox.password is None
            or not hmac.compare_digest(mailbox.password.encode(), password.encode("utf-8", "replace"))
        ):
            raise No("[AUTHENTICATIONFAILED] Invalid credentials (Failure)")
        open_sessions = self._rules.sessions.get(mailbox.address, 0)
        if open_sessions >= self._rules.max_sessions:
            raise No("[ALERT] Too many simultaneous connections. (Failure)")
        self._rules.sessions[mailbox.address] = open_sessions + 1
        self._mailbox = mailbox
        return f"[CAPABILITY {CAPABILITIES}] Logged in"

    # Authenticated

    async def _namespace(self, words: list[Token], by_uid: bool) -> str:
        await self._send('* NAMESPACE (("" "/")) NIL NIL')
        return "NAMESPACE completed"

    async def _list(self, words: list[Token], by_uid: bool) -> str:
        if len(words) < 2:
            raise BadCommand("LIST takes a reference and a pattern")
        name = self._name.upper()
        pattern = text_of(words[0]) + text_of(words[1])
        if not pattern:
            await self._send(f'* {name} (\\Noselect) "/" ""')
        shape = re.compile(fnmatch.translate(re.sub(r"[\[?]", "[?]", pattern).replace("%", "*")), re.IGNORECASE)
        for folder in self._box.folders:
            if shape.match(folder):
                flags = " ".join(filter(None, ("\\HasNoChildren", SPECIAL_USE.get(folder))))
                await self._connection.write(f'* {name} ({flags}) "/" '.encode() + quoted(folder) + b"\r\n")
        return f"{name} completed"

    async def _create(self, words: list[Token], by_uid: bool) -> str:
        name = self._folder_name(words)
        if self._box.folder(name) is not None:
            raise No("[ALREADYEXISTS] Mailbox already exists")
        try:
            self._box.create(name)
        except ValueError as full:
            raise No(f"[LIMIT] {full}") from None
        return "CREATE completed"

    async def _delete(self, words: list[Token], by_uid: bool) -> str:
        folder = self._folder(words)
        if folder is self._box.inbox:
            raise No("[CANNOT] INBOX cannot be deleted")
        del self._box.folders[folder.name]
        return "DELETE completed"

    async def _select(self, words: list[Token], by_uid: bool) -> str:
        self._unselect()
        folder = self._folder(words)
        view = View(folder=folder, read_only=self._name == "examine")
        view.open()
        self._view = view
        unseen = [n for n, uid in enumerate(view.uids, 1) if "\\Seen" not in folder.mails[uid].flags]
        permanent = "()" if view.read_only else f"({' '.join(FLAGS)} \\*)"
        await self._send(
            f"* FLAGS ({' '.join(FLAGS)})",
            f"* {len(view.uids)} EXISTS",
            "* 0 RECENT",
            *([f"* OK [UNSEEN {unseen[0]}] First unseen"] if unseen else []),
            f"* OK [PERMANENTFLAGS {permanent}] Flags permitted",
            f"* OK [UIDNEXT {folder.uidnext}] Predicted next UID",
            f"* OK [UIDVALIDITY {folder.uidvalidity}] UIDs valid",
        )
        return f"[READ-{'ONLY' if view.read_only else 'WRITE'}] {self._name.upper()} completed"

    async def _status(self, words: list[Token], by_uid: bool) -> str:
        folder = self._folder(words)
        if len(words) != 2 or not isinstance(words[1], list):
            raise BadCommand("STATUS takes a mailbox and a list of items")
        values = {
            "MESSAGES": len(folder.mails),
            "RECENT": 0,
            "UIDNEXT": folder.uidnext,
            "UIDVALIDITY": folder.uidvalidity,
            "UNSEEN": sum("\\Seen" not in mail.flags for mail in folder.mails.values()),
        }
        names = [text_of(word).upper() for word in words[1]]
        if unknown := [name for name in names if name not in values]:
            raise BadCommand(f"Unknown STATUS item {unknown[0][:40]!a}")
        shown = " ".join(f"{name} {values[name]}" for name in names)
        await self._connection.write(b"* STATUS " + quoted(folder.name) + f" ({shown})\r\n".encode())
        return "STATUS completed"

    async def _append(self, words: list[Token], by_uid: bool) -> str:
        folder = self._box.folder(self._folder_name(words))
        if folder is None:
            raise No("[TRYCREATE] Mailbox doesn't exist")
        rest = words[1:]
        flags: list[str] = []
        if rest and isinstance(rest[0], list):
            flags = [self._flag(text_of(flag)) for flag in rest[0]]
            del rest[0]
        received = read_date(text_of(rest.pop(0))) if len(rest) == 2 else self._rules.clock()
        if len(rest) != 1 or not isinstance(rest[0], bytes) or not rest[0]:
            raise BadCommand("APPEND takes a mailbox, flags, a date and a literal")
        mail = folder.add(rest[0], received, flags=flags)
        return f"[APPENDUID {folder.uidvalidity} {mail.uid}] APPEND completed"

    async def _idle(self, words: list[Token], by_uid: bool) -> str:
        await self._connection.write(b"+ idling\r\n")
        done = asyncio.create_task(self._connection.line(self._rules.idle_most))
        try:
            while not done.done():
                await self._tell_news(expunges=True)
                changed = asyncio.create_task(self._view.changed.wait() if self._view else asyncio.Event().wait())
                await asyncio.wait((done, changed), return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
            line = await done
        finally:
            done.cancel()
        if line.strip().upper() != b"DONE":
            raise BadCommand("Expected DONE")
        return "IDLE terminated"

    # Helpers

    def _folder_name(self, words: list[Token]) -> str:
        name = text_of(words[0]) if words else ""
        if not name:
            raise BadCommand(f"{self._name.upper()} takes a mailbox")
        return name

    def _folder(self, words: list[Token]) -> Folder:
        folder = self._box.folder(self._folder_name(words))
        if folder is None:
            raise No("[NONEXISTENT] Mailbox doesn't exist")
        return folder

    async def _tell_news(self, *, expunges: bool) -> None:
        if self._view is None:
            return
        if self._view.renumbered:
            await self._send("* BYE Mailbox was renumbered; log in again")
            self._connection.cut()
            raise ConnectionCut
        if news := self._view.news(expunges=expunges):
            await self._connection.write(news)
