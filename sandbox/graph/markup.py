"""WhatsApp's formatting as its apps carry it out, so that what a customer sees can be compared with what was meant.

https://faq.whatsapp.com/539178204879377: `*bold*`, `_italic_`, `~strike~`, backticks once or three times for code, and
lines that begin with `> `, `- `, `* ` or `1. `. There is no escape character. A mark counts at the border of a word
only; what follows the opening one, and what stands before the closing one, is not white space.
"""

from __future__ import annotations

import re

#: Invisible: behind a mark it keeps it from opening anything.
JOINER = "\u2060"
_URL = re.compile(r"https?://\S+")
_CODE = re.compile(r"```(?!\u2060)(.+?)```|`(?!\u2060)([^`\n]+)`", re.DOTALL)
_RUN = re.compile(r"(?<![^\W_])([*_~])(?![\s\u2060])(?!\1)([^\n]*?[^\s\n])\1(?![^\W_])")
_LINE = re.compile(r"(?<![^\n])(> |[-*] )")


def shown(text: str) -> str:
    """What stands on her screen: without the marks that took effect, and without what is invisible."""
    kept: list[str] = []
    start = 0
    for code in _CODE.finditer(text):
        kept += [_styled(text, start, code.start()), code[1] or code[2]]
        start = code.end()
    kept.append(_styled(text, start, len(text)))
    return "".join(kept).replace(JOINER, "")


def _styled(text: str, start: int, end: int) -> str:
    """No mark counts within an address."""
    kept: list[str] = []
    for url in _URL.finditer(text, start, end):
        kept += [_runs(_lines(text, start, url.start())), url[0]]
        start = url.end()
    kept.append(_runs(_lines(text, start, end)))
    return "".join(kept)


def _lines(text: str, start: int, end: int) -> str:
    """A line begins a quote or a list only where it really begins."""
    kept: list[str] = []
    for found in _LINE.finditer(text, start, end):
        kept += [text[start : found.start()], "" if found[1] == "> " else "• "]
        start = found.end()
    return "".join([*kept, text[start:end]])


def _runs(text: str) -> str:
    for _ in range(3):  # bold italic strike
        text = _RUN.sub(lambda found: found[2], text)
    return text
