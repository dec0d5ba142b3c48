"""Short names of emoji as Slack writes them (`:thumbsup:`), and back."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

#: Skin tones 2 to 6, as Slack numbers them.
_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
_TONE = re.compile("[" + _TONES + "]")
_NAME = re.compile(r":?([a-z0-9_+'&.-]{1,100})(?:::skin-tone-([2-6]))?:?", re.IGNORECASE)
_REGION = 0x1F1E6 - ord("a")

#: One emoji and its names a column; the first name is the one written back.
_TABLE = """
👍 +1 thumbsup | 👎 -1 thumbsdown | ❤️ heart | 😂 joy | 🎉 tada | ✅ white_check_mark | 👀 eyes | 🙏 pray
"""


@cache
def _by_name() -> dict[str, str]:
    table: dict[str, str] = {}
    for entry in re.split(r"[|\n]", _TABLE):
        emoji, *names = entry.split() or [""]
        for name in names:
            assert name not in table, name
            table[name] = emoji
    return table


@cache
def _by_emoji() -> dict[str, str]:
    table: dict[str, str] = {}
    for name, emoji in _by_name().items():
        table.setdefault(emoji.replace("\ufe0f", ""), name)
    return table


def _region(code: str) -> str:
    return "".join(chr(ord(letter) + _REGION) for letter in code)


def emoji_name(name: str) -> str | None:
    """The emoji of a short name, with or without colons and skin tone; None for one that only a workspace knows."""
    found = _NAME.fullmatch(name)
    if not found:
        return None
    short = found[1].lower()
    emoji = _by_name().get(short)
    if emoji is None and re.fullmatch("flag-[a-z]{2}", short):
        emoji = _region(short[5:])
    if emoji is None:
        try:
            emoji = unicodedata.lookup(short.replace("_", " "))
        except KeyError:
            return None
        if unicodedata.category(emoji) != "So":
            return None
    if found[2]:
        # The tone follows the person, and takes the place of the selector for colour.
        return emoji[0] + _TONES[int(found[2]) - 2] + emoji[1:].removeprefix("\ufe0f")
    return emoji


def name_of(emoji: str) -> str | None:
    """The short name of an emoji, without colons; None if it has none."""
    tone = _TONE.search(emoji)
    bare = _TONE.sub("", emoji).replace("\ufe0f", "")
    suffix = f"::skin-tone-{_TONES.index(tone[0]) + 2}" if tone and bare else ""
    bare = bare or emoji
    name = _by_emoji().get(bare)
    if name is None and re.fullmatch("[\U0001f1e6-\U0001f1ff]{2}", bare):
        name = "flag-" + "".join(chr(ord(one) - _REGION) for one in bare)
    return name + suffix if name else None
