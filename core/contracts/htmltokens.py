"""Cuts HTML into text and tags; linear whatever it is given, which general parsers are not."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MAX_HTML = 1_000_000
MAX_TAGS = 50_000
MAX_ATTRIBUTES = 8_000
#: Possessive throughout: nothing is tried twice. A quote opens only behind an equals sign, as in browsers.
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:_-]{0,40}+)((?:[^>\"'=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+')?+|[\"'])*+)>")
_ATTRIBUTE = re.compile(r"([^\s=/>\"']++)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++)))?+")
#: Their content is no text for people; it ends at their own end tag and nowhere else.
_RAW = frozenset(("script", "style", "title", "textarea", "xmp", "noembed", "iframe", "noscript", "template"))
#: Python refuses to read such a number, which names no character anyway.
_ENDLESS = re.compile(r"&#[0-9]{9,}+;?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A tag; names of tags and attributes in small letters."""

    name: str
    closing: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        return self.attributes.get(name, "")


def tokens(source: str) -> Iterator[str | Tag]:
    """Text with entities decoded, and tags with names and attributes in small letters."""
    rest, source = len(source) > MAX_HTML, source[:MAX_HTML]
    at = count = 0
    while at < len(source) and count < MAX_TAGS:
        begin = source.find("<", at)
        begin = len(source) if begin < 0 else begin
        if begin > at:
            yield decoded(source[at:begin])
        if begin == len(source):
            break
        count += 1
        if source.startswith("<!--", begin):
            # Outlook's conditional comments are comments to everybody else.
            at = _after(source, "-->", begin + 4)
        elif source[begin + 1 : begin + 2] in ("!", "?"):
            at = _after(source, ">", begin + 2)
        elif not source[begin + 1 : begin + 3].strip("/")[:1].isalpha():
            yield "<"
            at = begin + 1
        else:
            found = _TAG.match(source, begin)
            if found is None:
                # It never ends, or is no name: what browsers drop.
                at = _after(source, ">", begin + 1)
                continue
            tag = Tag(name=found[2].lower(), closing=bool(found[1]), attributes=_attributes(found[3]))
            yield tag
            at = found.end()
            if tag.name in _RAW and not tag.closing:
                at = _end_of_raw(source, tag.name, at)
    if rest or count >= MAX_TAGS:
        yield "…"


def decoded(text: str) -> str:
    """Text with its entities replaced by what they stand for."""
    return html.unescape(_ENDLESS.sub("\ufffd", text))


def _after(source: str, mark: str, start: int) -> int:
    found = source.find(mark, start)
    return len(source) if found < 0 else found + len(mark)


def _end_of_raw(source: str, name: str, start: int) -> int:
    found = re.compile(f"</{name}", re.IGNORECASE).search(source, start)
    return len(source) if found is None else found.start()


def _attributes(text: str) -> dict[str, str]:
    if not text.strip(" /"):
        return {}
    found = _ATTRIBUTE.finditer(text[:MAX_ATTRIBUTES])
    values: dict[str, str] = {}
    for one in found:
        values.setdefault(one[1].lower(), decoded(one[2] or one[3] or one[4] or ""))
    return values
