"""What FETCH asks for and how it is answered."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.mail.imap_wire import BadCommand, Token, flag_list, literal, write_date
from sandbox.mail.store import StoredMail

_BODY = re.compile(
    r"^BODY(?P<peek>\.PEEK)?\[(?P<section>[^\]]*)\](?:<(?P<start>\d{1,10})\.(?P<size>\d{1,10})>)?$", re.IGNORECASE
)
_FIELDS = re.compile(r"^HEADER\.FIELDS(?P<not>\.NOT)? \((?P<names>[^()]*)\)$", re.IGNORECASE)
_MACROS = {"FAST": ["FLAGS", "INTERNALDATE", "RFC822.SIZE"]}
_PLAIN = {"FLAGS", "UID", "RFC822.SIZE", "INTERNALDATE"}
_OLD = {"RFC822": "BODY[]", "RFC822.HEADER": "BODY.PEEK[HEADER]", "RFC822.TEXT": "BODY[TEXT]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to fetch."""

    #: The name in the answer.
    name: str
    section: str | None = None
    start: int | None = None
    size: int = 0
    #: Reading it marks the mail as read.
    marks: bool = False

    def answer(self, mail: StoredMail) -> bytes:
        """Name and value."""
        if self.section is not None:
            data = _cut(mail.raw, self.section)
            name = self.name
            if self.start is not None:
                data = data[self.start : self.start + self.size]
                name = f"{name}<{self.start}>"
            return name.encode() + b" " + literal(data)
        if self.name == "FLAGS":
            return b"FLAGS " + flag_list(mail.flags)
        if self.name == "UID":
            return b"UID %d" % mail.uid
        if self.name == "RFC822.SIZE":
            return b"RFC822.SIZE %d" % len(mail.raw)
        return b"INTERNALDATE " + write_date(mail.received_at)


def read_items(token: Token, *, by_uid: bool) -> list[Item]:
    """The items of a FETCH. Raises: BadCommand."""
    words = token if isinstance(token, list) else _MACROS.get(str(token).upper(), [token])
    items = [_read_item(word) for word in words]
    if by_uid and all(item.name != "UID" for item in items):
        items.insert(0, Item(name="UID"))
    if any(item.marks for item in items) and all(item.name != "FLAGS" for item in items):
        items.append(Item(name="FLAGS"))
    if not items:
        raise BadCommand("Nothing to fetch")
    return items


def _read_item(word: Token) -> Item:
    if not isinstance(word, str):
        raise BadCommand("Invalid FETCH item")
    upper = word.upper()
    if upper in _PLAIN:
        return Item(name=upper)
    match = _BODY.match(_OLD.get(upper, word))
    if match is None:
        raise BadCommand(f"FETCH item {word[:60]!a} is not offered by the sandbox")
    section = match["section"]
    if section.upper() not in ("", "HEADER", "TEXT") and not _FIELDS.match(section):
        raise BadCommand(f"FETCH section {section[:60]!a} is not offered by the sandbox")
    return Item(
        name=upper if upper in _OLD else f"BODY[{section}]",
        section=section,
        start=int(match["start"]) if match["start"] else None,
        size=int(match["size"] or 0),
        marks=not match["peek"],
    )


def _cut(raw: bytes, section: str) -> bytes:
    head, separator, body = raw.partition(b"\r\n\r\n")
    upper = section.upper()
    if not upper:
        return raw
    if upper == "HEADER":
        return head + separator
    if upper == "TEXT":
        return body
    match = _FIELDS.match(section)
    assert match is not None
    names = {name.strip('"').lower().encode() for name in match["names"].split()}
    kept = b""
    for line in re.split(rb"\r\n(?![ \t])", head):
        if (line.partition(b":")[0].strip().lower() in names) != bool(match["not"]):
            kept += line + b"\r\n"
    return kept + b"\r\n"
