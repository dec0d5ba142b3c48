"""What strings must pass before they are kept or shown: cleaning, measuring, cutting, addresses and file names."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from core.contracts.content import TextUnit
from core.contracts.graphemes import floor

ELLIPSIS = "…"
MAX_URL = 2000
MAX_FILE_NAME = 120
#: Longest run of combining marks that is kept; no language needs more (https://unicode.org/reports/tr15/#Stream_Safe_Text_Format).
_MAX_MARKS = 30
#: Deepest nesting of direction changes on a line; Unicode allows 125, people need two or three.
_MAX_BIDI = 16
_PDF, _PDI = "\u202c", "\u2069"
_EMBEDDINGS = "\u202a\u202b"
_OVERRIDES = "\u202d\u202e"
_ISOLATES = "\u2066\u2067\u2068"
_BIDI_FORMATS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
#: C0 and C1 but tab and newline; byte order marks; annotation marks; deprecated formats.
_REMOVED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufff9-\ufffb\u206a-\u206f]")
_NONCHARACTERS = re.compile(
    "[\ufdd0-\ufdef"
    + "".join(chr(plane * 0x10000 + 0xFFFE) + chr(plane * 0x10000 + 0xFFFF) for plane in range(17))
    + "]"
)
#: Tag characters are invisible; they are kept only where they spell a subdivision flag such as Scotland's.
_TAGS = re.compile("(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,8}\U000e007f)|[\U000e0000-\U000e007f]")
#: Drawn as nothing although Unicode calls them letters or symbols.
_BLANKS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
_SCHEME = re.compile(r"(https?|mailto|tel):", re.IGNORECASE)
#: Not in an address: spaces, controls, what is invisible, backslashes (slashes to browsers), brackets of markup.
_UNSAFE_IN_URL = re.compile(
    r'[\s\\<>"`{}|^\x00-\x20\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]'
)
_HOST = re.compile(r"[^\s%/?#@:\[\]!$&'()*+,;=]+")
_BIDI_OR_INVISIBLE = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f]")


def measure(text: str, unit: TextUnit = TextUnit.CHARACTER) -> int:
    """The length of `text` as a channel counts it."""
    if unit is TextUnit.CHARACTER or (text.isascii()):
        return len(text)
    if unit is TextUnit.UTF16:
        return len(text.encode("utf-16-le", "surrogatepass")) // 2
    return len(text.encode("utf-8", "surrogatepass"))


def _prefix(text: str, limit: int, unit: TextUnit) -> int:
    """How many characters of `text` fit in `limit`."""
    if unit is TextUnit.CHARACTER:
        return min(limit, len(text))
    low, high = 0, min(limit, len(text))
    while low < high:
        middle = (low + high + 1) // 2
        if measure(text[:middle], unit) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def cut(text: str, limit: int, unit: TextUnit = TextUnit.CHARACTER) -> str:
    """`text`, or as much of it as fits in `limit` with an ellipsis, cut between visible characters."""
    if measure(text, unit) <= limit:
        return text
    room = limit - measure(ELLIPSIS, unit)
    if room < 0:
        return text[: floor(text, _prefix(text, max(limit, 0), unit))]
    return text[: floor(text, _prefix(text, room, unit))].rstrip() + ELLIPSIS


def _bounded_marks(text: str) -> str:
    """`text` with no endless stack of marks on one letter; those also make normalisation quadratic."""
    if text.isascii():
        return text
    combining = unicodedata.combining
    kept: list[str] = []
    start = run = 0
    for index, char in enumerate(text):
        if char < "\u0300" or not combining(char):
            run = 0
            continue
        run += 1
        if run > _MAX_MARKS:
            kept.append(text[start:index])
            start = index + 1
    kept.append(text[start:])
    return "".join(kept)


def _balanced_line(line: str) -> str:
    result: list[str] = []
    opened: list[str] = []
    for char in line:
        if char in _EMBEDDINGS or char in _OVERRIDES or char in _ISOLATES:
            if len(opened) >= _MAX_BIDI:
                continue
            opened.append(char)
            if char in _OVERRIDES:
                continue
        elif char == _PDF:
            if not opened or opened[-1] in _ISOLATES:
                continue
            if opened.pop() in _OVERRIDES:
                continue
        elif char == _PDI:
            if not any(one in _ISOLATES for one in opened):
                continue
            while opened[-1] not in _ISOLATES:
                if opened.pop() in _EMBEDDINGS:
                    result.append(_PDF)
            opened.pop()
        result.append(char)
    result.extend(_PDI if one in _ISOLATES else _PDF for one in reversed(opened) if one not in _OVERRIDES)
    return "".join(result)


def _balanced(text: str) -> str:
    """`text` with overrides gone and every other direction change closed on its own line."""
    if not _BIDI_FORMATS.search(text):
        return text
    return "\n".join(_balanced_line(one) if _BIDI_FORMATS.search(one) else one for one in text.split("\n"))


def _cleaned(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    if _SURROGATES.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = _REMOVED.sub("", _BREAKS.sub("\n", text))
    text = _NONCHARACTERS.sub("\ufffd", text)
    text = _balanced(_TAGS.sub(lambda found: found[1] or "", text))
    return _bounded_marks(unicodedata.normalize("NFC", _bounded_marks(text)))


def normalise(text: str, *, limit: int = 100_000) -> str:
    """What `text` is kept as: NFC, only newline and tab of the controls, nothing that disguises text, bounded.

    Normalising twice changes nothing. Marks and joiners that scripts and emoji need (LRM, RLM, ZWJ, ZWNJ) stay.
    """
    text = _cleaned(text)
    if len(text) <= limit:
        return text
    # Closing what the cut left open needs room of its own.
    for room in range(max(limit, 0), max(limit - _MAX_BIDI - 1, -1), -1):
        shorter = _balanced(cut(text, room))
        if len(shorter) <= limit:
            return shorter
    return cut(_BIDI_FORMATS.sub("", text), limit)


def is_blank(text: str) -> bool:
    """Whether a reader sees nothing of `text`."""
    return all(char in _BLANKS or unicodedata.category(char)[0] in "ZC" for char in text)


def line(text: str, *, limit: int) -> str:
    """`text` as one display line (a name, a subject, a label); empty if nothing of it can be seen."""
    text = " ".join(_cleaned(text).split())
    return "" if is_blank(text) else normalise(text, limit=limit)


def safe_url(url: str) -> str | None:
    """`url` as it is if people may be led to it, else None.

    Only http, https, mailto and tel; no control or invisible characters, no user names that disguise the host.
    """
    url = url.strip()
    scheme = _SCHEME.match(url)
    if not scheme or len(url) > MAX_URL or _UNSAFE_IN_URL.search(url):
        return None
    rest = url[scheme.end() :]
    if scheme[1].lower() == "tel":
        return url if re.fullmatch(r"\+?[0-9*#().;=A-Za-z-]+", rest) and any(char.isdigit() for char in rest) else None
    if scheme[1].lower() == "mailto":
        # An encoded line break would start a header of its own.
        return None if re.search("%0[ad]|%00", rest, re.IGNORECASE) or not re.match(r"[^?@]+@[^?@]+", rest) else url
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not rest.startswith("//") or not host or "@" in parts.netloc:
        return None
    return url if parts.netloc.startswith("[") or _HOST.fullmatch(host) else None


def file_name(name: str) -> str:
    """`name` as it may be shown and offered for saving: one path component of at most 120 characters."""
    name = line(_BIDI_OR_INVISIBLE.sub("", name), limit=10_000)
    if re.match(r"[A-Za-z]:[\\/]|[\\/]|\.\.?[\\/]", name):
        name = re.split(r"[\\/]", name)[-1]
    name = re.sub(r'[\\/:*?"<>|]', "_", name).lstrip(". ").rstrip(". ")
    if len(name) > MAX_FILE_NAME:
        stem, dot, extension = name.rpartition(".")
        keeps = bool(stem) and len(extension) <= 16
        end = dot + extension if keeps else ""
        name = cut(stem if keeps else name, MAX_FILE_NAME - len(end)) + end
    return "file" if is_blank(name) else name
