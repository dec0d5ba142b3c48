"""Where text may be cut without breaking what a reader sees as one character.

The rules are those of Unicode Annex 29 (https://unicode.org/reports/tr29/) on the interpreter's own character tables:
line breaks stand alone, Hangul syllables stay whole, marks, variation selectors, skin tones, tags and ZWJ stay with
what they follow, prepended signs with what they precede, emoji stay joined over ZWJ, regional indicators pair up, and
in the scripts that write conjuncts a virama ties the next consonant. Every Mc mark is kept with its base, also the few
that the annex lets go.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_ZWJ = "\u200d"
_PREPEND = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd")
#: Letters by category, yet drawn upon the letter before them (Thai and Lao AM, halfwidth voicing marks), and ZWNJ.
_EXTEND = frozenset("\u0e33\u0eb3\uff9e\uff9f\u200c\u200d")
#: Devanagari, Bengali, Gujarati, Oriya, Telugu, Malayalam.
_VIRAMAS = frozenset("\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d")
_PICTOGRAPHS = (
    *((0xA9, 0xA9), (0xAE, 0xAE), (0x203C, 0x203C), (0x2049, 0x2049), (0x2122, 0x2122), (0x2139, 0x2139)),
    *((0x2194, 0x21AA), (0x231A, 0x23FF), (0x24C2, 0x24C2), (0x25AA, 0x27BF), (0x2934, 0x2935), (0x2B05, 0x2B55)),
    *((0x3030, 0x3030), (0x303D, 0x303D), (0x3297, 0x3299), (0x1F000, 0x1F1E5), (0x1F201, 0x1F3FA)),
    (0x1F400, 0x1FFFD),
)


@lru_cache(maxsize=4096)
def _extends(char: str) -> bool:
    """Whether `char` belongs to the character before it."""
    if char < "\u0300":
        return False
    return (
        unicodedata.category(char) in ("Mn", "Me", "Mc")
        or char in _EXTEND
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\U000e0020" <= char <= "\U000e007f"
    )


def _control(char: str) -> bool:
    return char < " " or "\x7f" <= char <= "\x9f" or char in "\u2028\u2029"


def _regional(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


@lru_cache(maxsize=4096)
def _pictograph(char: str) -> bool:
    code = ord(char)
    return any(first <= code <= last for first, last in _PICTOGRAPHS)


def _hangul(char: str) -> str:
    """L, V, T, LV, LVT, or nothing."""
    if "\uac00" <= char <= "\ud7a3":
        return "LVT" if (ord(char) - 0xAC00) % 28 else "LV"
    if "\u1100" <= char <= "\u115f" or "\ua960" <= char <= "\ua97c":
        return "L"
    if "\u1160" <= char <= "\u11a7" or "\ud7b0" <= char <= "\ud7c6":
        return "V"
    if "\u11a8" <= char <= "\u11ff" or "\ud7cb" <= char <= "\ud7fb":
        return "T"
    return ""


def _consonant(char: str) -> bool:
    return "\u0904" <= char <= "\u0d7f" and unicodedata.category(char) == "Lo"


def _syllable(before: str, after: str) -> bool:
    left, right = _hangul(before), _hangul(after)
    return (
        (left == "L" and right in ("L", "V", "LV", "LVT"))
        or (left in ("LV", "V") and right in ("V", "T"))
        or (left in ("LVT", "T") and right == "T")
    )


def _conjunct(text: str, index: int, start: int) -> bool:
    """Whether a virama ties the consonant at `index` to one before it."""
    seen = False
    position = index - 1
    while position >= start and (_extends(text[position])):
        seen = seen or text[position] in _VIRAMAS
        position -= 1
    return seen and position >= start and _consonant(text[position])


def is_border(text: str, index: int, start: int = 0) -> bool:
    """Whether `text` may be cut before `index`; `start` is a known border before it, nothing earlier is looked at."""
    if index <= start or index >= len(text):
        return True
    before, after = text[index - 1], text[index]
    if after < "\u0300" and before < "\u0300":
        return not (before == "\r" and after == "\n")
    if _control(before) or _control(after):
        return True
    if _extends(after) or before in _PREPEND:
        return False
    if _hangul(after) and _syllable(before, after):
        return False
    if before == _ZWJ and _pictograph(after):
        position = index - 2
        while position >= start and _extends(text[position]) and text[position] != _ZWJ:
            position -= 1
        return not (position >= start and _pictograph(text[position]))
    if _regional(after) and _regional(before):
        position = index - 1
        while position >= start and _regional(text[position]):
            position -= 1
        return (index - 1 - position) % 2 == 0
    return not (_extends(before) and _consonant(after) and _conjunct(text, index, start))


def floor(text: str, index: int, start: int = 0) -> int:
    """The last border of `text` at or before `index`, a cluster that began at `start` being cut where it must be."""
    index = min(index, len(text))
    position = index
    while position > start:
        if is_border(text, position, start):
            return position
        position -= 1
    return max(index, start)


def graphemes(text: str) -> Iterator[str]:
    """`text` in the pieces that a reader sees as single characters."""
    start = 0
    for index in range(1, len(text) + 1):
        if is_border(text, index, start):
            yield text[start:index]
            start = index
