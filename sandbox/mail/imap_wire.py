"""IMAP's syntax: reads commands with their literals, and writes strings, flags and dates."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import TypeAlias

from sandbox.mail.streams import Connection

#: An atom is text, a quoted string or literal is bytes, a parenthesised list is a list.
Token: TypeAlias = "str | bytes | list[Token]"

MAX_LITERALS = 50
MAX_DEPTH = 20
_LITERAL = re.compile(rb"\{(\d{1,10})(\+?)\}$")
_RANGE = re.compile(r"^([1-9]\d{0,9}|\*)(?::([1-9]\d{0,9}|\*))?$")
_SPECIALS = frozenset(b'(){ "')
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class BadCommand(Exception):
    """The client broke the syntax; it hears BAD."""

    def __init__(self, text: str, tag: str = "*") -> None:
        super().__init__(text)
        self.text, self.tag = text, tag


async def read_command(connection: Connection, timeout: float, max_literal: int) -> tuple[str, list[Token]]:
    """The tag and words of the next command, its literals asked for. Raises: BadCommand and what Connection raises."""
    pieces: list[tuple[bool, bytes]] = []
    tag = "*"
    room = max_literal
    while True:
        line = (await connection.line(timeout)).rstrip(b"\r\n")
        if not pieces:
            tag = line.split(b" ", 1)[0].decode("ascii", "replace") or "*"
        match = _LITERAL.search(line)
        if match is None:
            pieces.append((False, line))
            break
        size = int(match[1])
        pieces.append((False, line[: match.start()]))
        room -= size
        if room < 0 or len(pieces) > 2 * MAX_LITERALS:
            if match[2]:
                # The client sends it without asking; it has to be read past. Beyond reason the connection ends.
                connection.cut()
            raise BadCommand(f"[TOOBIG] Literal of {size} bytes is too long", tag)
        if not match[2]:
            await connection.write(b"+ Ready for literal data\r\n")
        pieces.append((True, await connection.exactly(size, timeout)))
    words = _Tokens(pieces, tag).read()
    if not words or not isinstance(words[0], str):
        raise BadCommand("Command has no tag", "*")
    return tag, words[1:]


class _Tokens:
    def __init__(self, pieces: list[tuple[bool, bytes]], tag: str) -> None:
        self._pieces, self._tag = pieces, tag

    def read(self) -> list[Token]:
        stack: list[list[Token]] = [[]]
        for is_literal, piece in self._pieces:
            if is_literal:
                stack[-1].append(piece)
            else:
                self._line(piece, stack)
        if len(stack) != 1:
            raise BadCommand("Missing )", self._tag)
        return stack[0]

    def _line(self, line: bytes, stack: list[list[Token]]) -> None:
        at = 0
        while at < len(line):
            byte = line[at : at + 1]
            if byte == b" ":
                at += 1
            elif byte == b"(":
                if len(stack) > MAX_DEPTH:
                    raise BadCommand("Too many nested lists", self._tag)
                inner: list[Token] = []
                stack[-1].append(inner)
                stack.append(inner)
                at += 1
            elif byte == b")":
                if len(stack) == 1:
                    raise BadCommand("Unexpected )", self._tag)
                stack.pop()
                at += 1
            elif byte == b'"':
                value, at = self._quoted(line, at + 1)
                stack[-1].append(value)
            else:
                atom, at = self._atom(line, at)
                stack[-1].append(atom)

    def _quoted(self, line: bytes, at: int) -> tuple[bytes, int]:
        value = bytearray()
        while at < len(line) and line[at] != ord('"'):
            if line[at] == ord("\\"):
                at += 1
            value += line[at : at + 1]
            at += 1
        if at >= len(line):
            raise BadCommand("Missing closing quote", self._tag)
        return bytes(value), at + 1

    def _atom(self, line: bytes, at: int) -> tuple[str, int]:
        start, brackets = at, 0
        # BODY[HEADER.FIELDS (SUBJECT)]<0.100> is one word although it holds spaces and parentheses.
        while at < len(line) and (brackets or line[at] not in _SPECIALS):
            brackets += (line[at] == ord("[")) - (line[at] == ord("]"))
            at += 1
        if at == start:
            raise BadCommand(f"Unexpected character {line[at : at + 1]!r}", self._tag)
        return line[start:at].decode("utf-8", "replace"), at


def text_of(token: Token) -> str:
    """A word's text. Raises: BadCommand for a list."""
    if isinstance(token, list):
        raise BadCommand("Expected a string, found a list")
    return token if isinstance(token, str) else token.decode("utf-8", "replace")


def numbers(token: Token, known: Collection[int], last: int) -> list[int]:
    """The members of `known` that a set such as 1,3:* names; `*` is `last`. Raises: BadCommand."""
    found: set[int] = set()
    for part in text_of(token).split(","):
        match = _RANGE.match(part)
        if match is None:
            raise BadCommand(f"Invalid set {text_of(token)[:40]!a}")
        # "9:*" names the last one even where 9 lies beyond it, RFC 3501 section 6.4.8.
        edges = [last if edge == "*" else int(edge) for edge in match.groups(default=match[1])]
        low, high = min(edges), max(edges)
        found.update(number for number in known if low <= number <= high)
    return sorted(found)


def quoted(text: str) -> bytes:
    """A string for the wire; a literal where a quoted one cannot hold it."""
    raw = text.encode()
    if raw.isascii() and not any(byte in b'\r\n"\\' for byte in raw):
        return b'"' + raw + b'"'
    return literal(raw)


def literal(data: bytes) -> bytes:
    """Bytes for the wire."""
    return b"{%d}\r\n" % len(data) + data


def flag_list(flags: Iterable[str]) -> bytes:
    """Flags in their parentheses."""
    return f"({' '.join(sorted(flags))})".encode()


def uid_set(uids: Iterable[int]) -> str:
    """UIDs for UIDPLUS answers."""
    return ",".join(map(str, uids))


def write_date(moment: datetime) -> bytes:
    """INTERNALDATE."""
    at = moment.astimezone(UTC)
    return f'"{at.day:>2}-{_MONTHS[at.month - 1]}-{at:%Y %H:%M:%S} +0000"'.encode()


def read_date(text: str) -> datetime:
    """A date such as 1-Nov-2026, or a whole INTERNALDATE. Raises: BadCommand."""
    try:
        day, month, rest = text.strip().split("-", 2)
        number = [name.lower() for name in _MONTHS].index(month.lower()) + 1
        shape = "%Y-%m-%d %H:%M:%S %z" if " " in rest else "%Y-%m-%d"
        year, space, clock = rest.partition(" ")
        # A bare date has no zone; the next line reads it as UTC.
        moment = datetime.strptime(f"{year}-{number}-{int(day)}{space}{clock}", shape)  # noqa: DTZ007
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise BadCommand(f"Invalid date {text[:40]!a}") from None
