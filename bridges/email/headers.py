"""Reads mail headers that strangers wrote: fields, words, addresses and ids, each in linear time."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bridges.email.charsets import decode
from core.contracts.text import line

MAX_BLOCK = 256 * 1024
MAX_FIELDS = 1000
#: Longest value that is taken apart; the standard library's own parsers are quadratic here and there.
MAX_VALUE = 4000
_FOLD = re.compile(r"\r?\n(?=[ \t])|[\r\n]")
_NAME = re.compile(r"[!-9;-~]{1,80}")
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]{0,1500})\?=")
_ID = re.compile(r"<[^<>\s]{1,500}>")
_ADDRESS = re.compile(r"[^\s@<>\"(),:;\\]{1,64}@[^\s@<>\"(),:;\\]{1,253}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """The fields of one header block in order: names in small letters, values unfolded and otherwise raw."""

    fields: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, block: bytes) -> Headers:
        found: list[tuple[str, list[bytes]]] = []
        for row in block[:MAX_BLOCK].split(b"\n"):
            if row[:1] in (b" ", b"\t"):
                if found:
                    found[-1][1].append(row)
                continue
            name, colon, value = row.partition(b":")
            text = name.decode("latin-1").rstrip().lower()
            if not colon or not _NAME.fullmatch(text):
                continue
            if len(found) >= MAX_FIELDS:
                break
            found.append((text, [value]))
        return cls(fields=tuple((name, _raw_text(b"\n".join(rows))) for name, rows in found))

    def all(self, name: str) -> list[str]:
        return [_unfolded(value) for found, value in self.fields if found == name]

    def get(self, name: str) -> str:
        """The first field of that name, or nothing."""
        return next(iter(self.all(name)), "")

    def __contains__(self, name: str) -> bool:
        return any(found == name for found, _ in self.fields)

    def text(self, name: str, limit: int = 500) -> str:
        """A field as people read it."""
        return line(words(self.get(name)), limit=limit)

    def ids(self, name: str) -> list[str]:
        """The message ids in a field, as written; those that are broken are left out."""
        return _ID.findall(self.get(name)[:20_000])


def words(value: str) -> str:
    """`value` with its encoded words (RFC 2047) decoded."""
    result: list[str] = []
    pending, charset, end = b"", "", 0
    for found in _WORD.finditer(value[:MAX_VALUE]):
        gap = value[end : found.start()]
        data = _word_bytes(found[2], found[3])
        # Some programs cut a character in two between words.
        if pending and not gap.strip() and found[1].lower() == charset:
            pending += data
        else:
            result.append(decode(pending, charset))
            if gap.strip() or not end:
                result.append(gap)
            pending, charset = data, found[1].lower()
        end = found.end()
    result.append(decode(pending, charset))
    return "".join(result) + value[end:]


def addresses(value: str) -> list[tuple[str, str]]:
    """Display names and addresses of a From, To or Reply-To, in order; what is no address is left out."""
    return [
        (line(words(name), limit=200), address)
        for name, address in _mailboxes(value[:MAX_VALUE])
        if is_address(address)
    ]


def is_address(text: str) -> bool:
    """Whether it is an address that can be shown and written to."""
    return _ADDRESS.fullmatch(text) is not None and text.isprintable()


def _raw_text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")


def _unfolded(value: str) -> str:
    return _FOLD.sub("", value).strip()


def _word_bytes(encoding: str, text: str) -> bytes:
    if encoding in "bB":
        return unbase64(text.encode("ascii", "ignore"))
    return binascii.a2b_qp(text.replace(" ", "_").encode("utf-8", "replace"), header=True)


def unbase64(data: bytes) -> bytes:
    """The bytes in base64, whatever stands between and however it ends."""
    data = _NOT_BASE64.sub(b"", data)
    try:
        return binascii.a2b_base64(data[: len(data) // 4 * 4] if len(data) % 4 == 1 else data + b"=" * (-len(data) % 4))
    except binascii.Error:
        return b""


_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def _mailboxes(value: str) -> Iterator[tuple[str, str]]:
    """One pass over RFC 5322 addresses: comments and quotes are understood, groups are flattened."""
    name: list[str] = []
    angle: list[str] | None = None
    inside = quoted = False
    comments = 0
    characters = iter(value)
    for character in characters:
        if comments:
            comments += (character == "(") - (character == ")")
            if character == "\\":
                next(characters, "")
        elif character == "\\":
            (angle if inside and angle is not None else name).append(next(characters, ""))
        elif quoted:
            if character == '"':
                quoted = False
            else:
                name.append(character)
        elif character == '"' and not inside:
            quoted = True
        elif character == "(":
            comments = 1
        elif character == "<" and not inside:
            angle, inside = [], True
        elif character == ">" and inside:
            inside = False
        elif inside and angle is not None:
            angle.append(character)
        elif character in ",;":
            yield _mailbox(name, angle)
            name, angle = [], None
        elif character == ":":
            name = []
        else:
            name.append(character)
    yield _mailbox(name, angle)


def _mailbox(name: list[str], angle: list[str] | None) -> tuple[str, str]:
    if angle is None:
        return "", "".join(name).strip()
    return "".join(name).strip(), "".join(angle).strip()
