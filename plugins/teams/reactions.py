"""Emoji as Teams names its reactions, and back."""

from __future__ import annotations

import re
import unicodedata

from core.contracts.text import emoji_name

# https://learn.microsoft.com/microsoftteams/platform/bots/how-to/agent-reactions
CLASSICS = {"like": "👍", "heart": "❤️", "laugh": "😆", "surprised": "😮", "sad": "😢", "angry": "😡"}
_BY_EMOJI = {emoji.replace("\ufe0f", ""): kind for kind, emoji in CLASSICS.items()}
_IGNORED = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
_CODED = re.compile(r"([0-9a-f]{2,6})(?:-[0-9a-f]{2,6})*_[a-z0-9_]*", re.IGNORECASE)


def reaction_of(emoji: str) -> str:
    """The reaction type of an emoji, without its skin tone; "" where Teams has none that is known."""
    bare = _IGNORED.sub("", emoji)
    if kind := _BY_EMOJI.get(bare):
        return kind
    name = unicodedata.name(bare, "") if len(bare) == 1 else ""
    if not name or unicodedata.category(bare) != "So":
        return ""
    return f"{ord(bare):x}_{re.sub('[^a-z0-9]', '', name.lower())}"


def emoji_of(reaction: str) -> str:
    """The emoji of a reaction type; "" for one that only an organisation knows."""
    if classic := CLASSICS.get(reaction):
        return classic
    if found := _CODED.fullmatch(reaction):
        points = [int(code, 16) for code in reaction.partition("_")[0].split("-")]
        if all(point > 0x22 and point <= 0x10FFFF and not 0xD800 <= point < 0xE000 for point in points):
            emoji = "".join(map(chr, points))
            return emoji if unicodedata.category(chr(int(found[1], 16))) in {"So", "Sm", "Po", "Nd"} else ""
    return emoji_name(reaction) or ""
