"""How many segments a text costs on the air: GSM-7 while every character fits, else UCS-2."""

from __future__ import annotations

#: https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Each costs an escape character, too.
_EXTENDED = frozenset("\f^{}\\[~]|€")


def is_gsm(text: str) -> bool:
    """Whether GSM-7 holds every character."""
    return all(char in _BASIC or char in _EXTENDED for char in text)


def segments(text: str) -> int:
    """What Twilio bills for this text; an empty one is one segment."""
    if is_gsm(text):
        return _count([2 if char in _EXTENDED else 1 for char in text], alone=160, joined=153)
    return _count([2 if ord(char) > 0xFFFF else 1 for char in text], alone=70, joined=67)


def _count(widths: list[int], *, alone: int, joined: int) -> int:
    if sum(widths) <= alone:
        return 1
    count, room = 1, joined
    for width in widths:
        # Neither an escaped nor an astral character is cut in two.
        if width > room:
            count, room = count + 1, joined
        room -= width
    return count
