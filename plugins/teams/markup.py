"""Cuts the HTML of a Teams message into text and tags; linear whatever it is given."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

#: More than a message of Teams can be; the rest is not read.
MAX_HTML = 500_000
MAX_TAGS = 20_000
#: Longest tag, addresses included; without a bound, quotes that never close would make every tag look through the rest.
MAX_TAG = 8_000
#: Possessive throughout, so nothing is tried twice.
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:_-]{0,40}+)((?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*+)>")
_ATTRIBUTE = re.compile(r"([^\s=/>\"']++)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++)))?+")

#: Python refuses to read such a number; it names no character anyway.
_ENDLESS = re.compile(r"&#[0-9]{9,};?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A tag; names of tags and attributes in small letters."""

    name: str
    closing: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        return self.attributes.get(name, "")


def tokens(source: str) -> Iterator[str | Tag]:
    """Text with entities decoded, and tags."""
    source = source[:MAX_HTML]
    at = count = 0
    while at < len(source):
        begin = source.find("<", at)
        if begin < 0 or count >= MAX_TAGS:
            yield decoded(source[at:])
            return
        if begin > at:
            yield decoded(source[at:begin])
        count += 1
        found = _TAG.match(source, begin, begin + MAX_TAG)
        if found:
            yield Tag(name=found[2].lower(), closing=bool(found[1]), attributes=_attributes(found[3]))
            at = found.end()
        elif source.startswith("<!--", begin):
            end = source.find("-->", begin + 4)
            at = len(source) if end < 0 else end + 3
        else:
            yield "<"
            at = begin + 1


def decoded(text: str) -> str:
    """Text with its entities replaced by what they stand for."""
    return html.unescape(_ENDLESS.sub("\ufffd", text))


def _attributes(source: str) -> dict[str, str]:
    return {found[1].lower(): decoded(found[2] or found[3] or found[4] or "") for found in _ATTRIBUTE.finditer(source)}
