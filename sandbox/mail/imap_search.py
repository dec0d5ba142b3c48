"""What SEARCH asks for, as predicates over mails."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.mail.imap_wire import BadCommand, Token, numbers, read_date, text_of
from sandbox.mail.store import StoredMail

Test = Callable[[StoredMail], bool]

MAX_KEYS = 200
_FLAGS = {"SEEN", "ANSWERED", "FLAGGED", "DELETED", "DRAFT"}
_HEADERS = {"FROM", "TO", "CC", "BCC", "SUBJECT"}
_DATES = {"SINCE", "BEFORE", "ON"}


@dataclass(slots=True)
class Search:
    """Reads the keys of one SEARCH in a folder whose mails have these UIDs, in order."""

    keys: Sequence[Token]
    uids: Sequence[int]
    at: int = 0

    def read(self) -> Test:
        """The predicate that all keys together make. Raises: BadCommand."""
        if self.keys and text_of(self.keys[0]).upper() == "CHARSET":
            charset = text_of(self._next_after(0)).upper()
            if charset not in ("UTF-8", "US-ASCII"):
                raise BadCommand("[BADCHARSET (UTF-8 US-ASCII)] Unknown charset")
            self.at = 2
        if self.at >= len(self.keys):
            raise BadCommand("SEARCH without a key")
        if len(self.keys) > MAX_KEYS:
            raise BadCommand(f"SEARCH with more than {MAX_KEYS} keys")
        tests: list[Test] = []
        while self.at < len(self.keys):
            tests.append(self._key())
        return lambda mail: all(test(mail) for test in tests)

    def _next_after(self, at: int) -> Token:
        if at + 1 >= len(self.keys):
            raise BadCommand("SEARCH key without a value")
        return self.keys[at + 1]

    def _take(self) -> Token:
        if self.at >= len(self.keys):
            raise BadCommand("SEARCH key without a value")
        self.at += 1
        return self.keys[self.at - 1]

    def _key(self) -> Test:
        token = self._take()
        if isinstance(token, list):
            return Search(token, self.uids).read()
        word = text_of(token).upper()
        if word in ("ALL", "OLD"):
            return lambda mail: True
        if word in ("NEW", "RECENT"):
            return lambda mail: False
        if word == "NOT":
            inner = self._key()
            return lambda mail: not inner(mail)
        if word == "OR":
            one, other = self._key(), self._key()
            return lambda mail: one(mail) or other(mail)
        return self._flag(word) or self._value(word)

    def _flag(self, word: str) -> Test | None:
        if word in _FLAGS:
            return lambda mail: f"\\{word.capitalize()}" in mail.flags
        if word.startswith("UN") and word[2:] in _FLAGS:
            return lambda mail: f"\\{word[2:].capitalize()}" not in mail.flags
        if word in ("KEYWORD", "UNKEYWORD"):
            keyword = text_of(self._take())
            return lambda mail: (keyword in mail.flags) == (word == "KEYWORD")
        return None

    def _value(self, word: str) -> Test:
        if word == "UID":
            uids = set(numbers(self._take(), self.uids, max(self.uids, default=0)))
            return lambda mail: mail.uid in uids
        if word in _DATES:
            day = read_date(text_of(self._take())).date()
            if word == "ON":
                return lambda mail: mail.received_at.date() == day
            return lambda mail: (mail.received_at.date() >= day) == (word == "SINCE")
        if word in ("LARGER", "SMALLER"):
            text = text_of(self._take())
            if not re.fullmatch(r"\d{1,10}", text):
                raise BadCommand(f"Invalid size {text[:40]!a}")
            size = int(text)
            return lambda mail: len(mail.raw) > size if word == "LARGER" else len(mail.raw) < size
        if word in _HEADERS:
            return _header(word, text_of(self._take()))
        if word == "HEADER":
            return _header(text_of(self._take()), text_of(self._take()))
        if word in ("TEXT", "BODY"):
            wanted = text_of(self._take()).lower().encode()
            return lambda mail: wanted in (mail.raw if word == "TEXT" else mail.raw.partition(b"\r\n\r\n")[2]).lower()
        if re.fullmatch(r"[\d:*,]+", word):
            positions = set(numbers(word, range(1, len(self.uids) + 1), len(self.uids)))
            uids = {self.uids[position - 1] for position in positions}
            return lambda mail: mail.uid in uids
        raise BadCommand(f"Unknown SEARCH key {word[:40]!a}")


def _header(name: str, value: str) -> Test:
    def matches(mail: StoredMail) -> bool:
        return any(
            found.lower() == name.lower() and value.lower() in content.lower() for found, content in mail.letter.headers
        )

    return matches
