"""Turns the bytes of a mail into text, whatever charset it claims."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

#: How much the detector looks at; it is slow.
SAMPLE = 4096
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
#: What programs write and what they mean: https://encoding.spec.whatwg.org/#names-and-labels
_ALIASES = {
    "ascii": "utf-8",
    "us-ascii": "utf-8",
    "ansi_x3.4-1968": "utf-8",
    "unknown-8bit": "utf-8",
    "x-unknown": "utf-8",
    "default": "utf-8",
    "utf8mb4": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "ansi": "cp1252",
    "cp-1252": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "windows-874": "cp874",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "cp-850": "cp850",
    "cp-1251": "cp1251",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "big5": "big5hkscs",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
}
#: Text codecs of Python that are no charsets; punycode even takes quadratic time.
_REFUSED = frozenset(("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7", "mbcs", "oem"))

#: Any two bytes are a character in them, so that everything seems to be Chinese.
_WIDE = ["utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le"]


def decode(data: bytes, declared: str) -> str:
    """`data` as text: by the declared charset, else as UTF-8, else as it looks, else as Windows Latin."""
    if not data:
        return ""
    for name in (_known(declared), "utf-8"):
        try:
            return data.decode(name)
        except (UnicodeError, LookupError):
            continue
    if _known(declared) not in ("utf-8", ""):
        # Mostly right: one broken character shall not change all others.
        return data.decode(_known(declared), "replace")
    mostly = data.decode("utf-8", "replace")
    if b"\0" in data[:SAMPLE] or _is_right(mostly):
        return mostly
    best = from_bytes(data[:SAMPLE], cp_exclusion=_WIDE, explain=False).best() if len(data) > 16 else None
    return data.decode(_known(best.encoding) if best else "cp1252", "replace")


def _is_right(text: str) -> bool:
    """Whether more characters were read than broken: in another charset hardly any would be good UTF-8."""
    broken = text.count("\ufffd")
    return sum(one > "\x7f" for one in text) > 2 * broken


def _known(declared: str) -> str:
    """A codec that exists; nothing if there is none of that name."""
    name = declared.strip().strip("\"'").lower()
    name = _ALIASES.get(name, name)
    if not _NAME.fullmatch(name):
        return "utf-8"
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        return "utf-8"
    return "utf-8" if codec in _REFUSED or not _is_text(codec) else codec


def _is_text(codec: str) -> bool:
    try:
        # Not empty: Python returns "" for nothing without asking whether the codec makes text at all.
        b"a".decode(codec, "replace")
    except (LookupError, UnicodeError):
        return False
    return True
