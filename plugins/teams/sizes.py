"""What an activity may weigh, and the cut that says so where a card would weigh more."""

from __future__ import annotations

import json
import re
from typing import Any

from core.contracts.text import cut
from plugins.teams.elements import Element, small

# Teams takes about 100 KB, counted in UTF-16 and without pictures: 413 MessageSizeTooBig.
MAX_SIZE = 80_000
_PICTURE = re.compile(r'"data:image/[^"]*+"')
CUT = "✂️ The rest is too long to be shown here."


def weight(value: Any) -> int:
    """Bytes of `value` in an activity; the bytes of pictures do not count."""
    return 2 * len(_PICTURE.sub('""', json.dumps(value)))


def fits(activity: dict[str, Any]) -> bool:
    """Whether Teams takes an activity."""
    return weight(activity) <= MAX_SIZE


def shortened(items: list[Element], room: int) -> list[Element]:
    """`items`, or as many of them as weigh no more than `room` and a sentence that says so."""
    if weight(items) <= room:
        return items
    notice = small(CUT)
    kept, _ = _kept(items, room - weight(notice))
    return [*kept, *notice]


def _kept(items: list[Element], room: int) -> tuple[list[Element], int]:
    """The first of `items` that fit in `room`, the last of them cut; and what room is left."""
    kept: list[Element] = []
    for item in items:
        needs = weight(item) + 4
        if needs > room:
            part = _part(item, room)
            return ([*kept, part] if part else kept), 0
        kept.append(item)
        room -= needs
    return kept, room


def _part(item: Element, room: int) -> Element | None:
    """The beginning of one element."""
    for name in ("items", "inlines"):
        if name in item:
            inner, _ = _kept(item[name], room - weight({**item, name: []}) - 4)
            return {**item, name: inner} if inner else None
    if item.get("type") != "TextRun":
        return None
    room -= weight({**item, "text": ""}) + 4
    # A character weighs 2 bytes, or 12 for each half of it that JSON escapes.
    words = cut(item["text"], max(room, 0) // 2)
    while words and weight(words) - 4 > room:
        words = cut(words, max(len(words) * room // weight(words), 0) if room > 0 else 0)
    return {**item, "text": words} if words.strip("… ") else None
