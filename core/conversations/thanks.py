"""Tells thanks from a message that wants an answer."""

from __future__ import annotations

import re
import unicodedata

from core.contracts.content import Content
from core.contracts.text import plain

_THANKS = re.compile(
    r"(thanks?( you| u)?( (so|very) much| a lot)?|thx|ty|ok(ay)?|great|perfect|cheers|danke( schön| sehr)?|vielen dank|"
    r"gracias|muchas gracias|merci( beaucoup)?|obrigad[oa]|grazie|شكرا|شكراً|спасибо|谢谢|ありがとう)",
    re.IGNORECASE,
)


def is_thanks(content: Content) -> bool:
    """A bare "thanks" or emoji closes a conversation; it does not open one."""
    if content.attachments:
        return False
    words = plain(content.body).strip().rstrip("!.,…🙏 ").strip()
    if len(words) > 40 or "?" in words:
        return False
    letters = [c for c in words if unicodedata.category(c)[0] in "LN"]
    return not letters or _THANKS.fullmatch(words) is not None
