"""Takes a mail apart into its parts: one pass over offsets, with bounds on depth and number."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message

from bridges.email.charsets import decode
from bridges.email.headers import MAX_BLOCK, MAX_VALUE, Headers, unbase64, words
from core.contracts.text import line

MAX_DEPTH = 20
MAX_PARTS = 200
#: Lines that look like a boundary; a mail has a few hundred at most.
MAX_BOUNDARIES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One leaf of a mail."""

    headers: Headers
    #: Still in its transfer encoding.
    body: bytes
    mime: str
    charset: str
    #: As people read it; empty when the part has none.
    name: str
    #: "attachment", "inline" or nothing.
    disposition: str
    #: Without angle brackets.
    content_id: str
    flowed: bool
    delsp: bool
    #: Kinds of the multiparts around it, outermost first.
    around: tuple[str, ...]

    def content(self) -> bytes:
        """The bytes that the sender meant."""
        encoding = self.headers.get("content-transfer-encoding").lower()
        if encoding == "base64":
            return unbase64(self.body)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(self.body)
        return self.body

    def text(self, limit: int) -> str:
        """The text that the sender meant, of at most `limit` bytes."""
        return decode(self.content()[:limit], self.charset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A mail, taken apart."""

    headers: Headers
    mime: str
    #: Of the outermost content type: `report-type`.
    report: str
    parts: tuple[Part, ...]
    #: Beyond the bounds; the rest was not read.
    cut: bool


def take_apart(raw: bytes) -> Tree:
    """The parts of a mail in order; never fails."""
    splitter = _Splitter(raw)
    parts = tuple(splitter.parts(0, len(raw), ()))
    headers, _ = _head(raw, 0, len(raw))
    kind = _Kind.read(headers)
    return Tree(headers=headers, mime=kind.mime, report=kind.report, parts=parts, cut=splitter.cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    mime: str
    boundary: bytes
    charset: str
    name: str
    flowed: bool
    delsp: bool
    report: str

    @classmethod
    def read(cls, headers: Headers) -> _Kind:
        """Content-Type and what belongs to it, by the standard library's reader of parameters (RFC 2231)."""
        message = Message()
        message["Content-Type"] = headers.get("content-type")[:MAX_VALUE] or "text/plain"
        if disposition := headers.get("content-disposition"):
            message["Content-Disposition"] = disposition[:MAX_VALUE]
        name = _guarded(message.get_filename)
        return cls(
            mime=message.get_content_type(),
            boundary=_guarded(message.get_boundary).encode("utf-8", "surrogateescape"),
            charset=_guarded(message.get_content_charset),
            name=line(words(name), limit=500),
            flowed=_parameter(message, "format") == "flowed",
            delsp=_parameter(message, "delsp") == "yes",
            report=_parameter(message, "report-type"),
        )


class _Splitter:
    """Cuts at boundaries; regions of the one mail, no copies."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._count = 0
        self._boundaries = 0
        self.cut = False

    def parts(self, start: int, end: int, around: tuple[str, ...]) -> Iterator[Part]:
        if self._count >= MAX_PARTS:
            self.cut = True
            return
        headers, body = _head(self._raw, start, end)
        kind = _Kind.read(headers)
        if kind.mime.startswith("multipart/") and kind.boundary and len(around) < MAX_DEPTH:
            found = False
            for begin, stop in self._regions(body, end, kind.boundary):
                found = True
                yield from self.parts(begin, stop, (*around, kind.mime.partition("/")[2]))
                if self.cut:
                    return
            if found:
                return
        self.cut = self.cut or len(around) >= MAX_DEPTH
        self._count += 1
        yield Part(
            headers=headers,
            body=self._raw[body:end],
            # Without its boundary a multipart is a text to read.
            mime="text/plain" if kind.mime.startswith("multipart/") else kind.mime,
            charset=kind.charset,
            name=kind.name,
            disposition=headers.get("content-disposition").partition(";")[0].strip().lower(),
            content_id=headers.get("content-id").strip().strip("<>"),
            flowed=kind.flowed,
            delsp=kind.delsp,
            around=around,
        )

    def _regions(self, start: int, end: int, boundary: bytes) -> Iterator[tuple[int, int]]:
        """Where the parts between the lines of a boundary lie; a missing last line is forgiven."""
        mark = b"\n--" + boundary
        begin: int | None = None
        # What comes before a body is always a break.
        at = start - 1
        while self._boundaries < MAX_BOUNDARIES and (at := self._raw.find(mark, max(at, 0), end)) >= 0:
            self._boundaries += 1
            after = at + len(mark)
            stop = self._raw.find(b"\n", after, end)
            stop = end if stop < 0 else stop
            tail = self._raw[after : min(stop, after + 200)].strip()
            if tail not in (b"", b"--"):
                at = after
                continue
            if begin is not None:
                # The break before a boundary belongs to it.
                yield begin, max(begin, at - (self._raw[at - 1 : at] == b"\r"))
            if tail == b"--":
                return
            begin = min(stop + 1, end)
            at = begin - 1
        self.cut = self.cut or self._boundaries >= MAX_BOUNDARIES
        if begin is not None and begin < end:
            yield begin, end


def _head(raw: bytes, start: int, end: int) -> tuple[Headers, int]:
    """The header block at `start`, and where the body begins."""
    window = raw[start : min(end, start + MAX_BLOCK)]
    if window.startswith((b"\n", b"\r\n")):
        return Headers(fields=()), start + window.index(b"\n") + 1
    ends = [at + len(gap) for gap in (b"\r\n\r\n", b"\n\n") if (at := window.find(gap)) >= 0]
    size = min(ends, default=len(window))
    return Headers.read(window[:size]), start + size


def _guarded(read: Callable[[], object]) -> str:
    """What a reader of the standard library finds, where it does not stumble."""
    try:
        found = read()
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError):
        return ""
    return str(found) if found else ""


def _parameter(message: Message, name: str) -> str:
    return _guarded(lambda: message.get_param(name)).lower()
