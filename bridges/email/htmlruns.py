"""Joins the runs of text that an HTML mail consists of, and makes its links safe and honest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from core.contracts.plaintext import inline_text, linked
from core.contracts.richtext import Inline, Link, Mark, Mention
from core.contracts.richtext import Text as Run
from core.contracts.text import normalise, safe_url

_LOOKS_LIKE_ADDRESS = re.compile(r"(?:https?://|www\.)\S|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,18}(?:[/:?#]|$)", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class _Stretch:
    """Text of one style on its way to being a run."""

    texts: list[str]
    url: str
    marks: frozenset[Mark]


def tidy(runs: Iterable[Inline]) -> tuple[Inline, ...]:
    """Neighbours of one style joined, links made safe, spaces at both ends gone."""
    joined: list[_Stretch] = []
    for run in runs:
        url = run.url if isinstance(run, Link) else ""
        text = run.label if isinstance(run, Link) else inline_text(run)
        marks = frozenset() if isinstance(run, Mention) else run.marks
        if joined and joined[-1].url == url and (joined[-1].marks == marks or not text.strip()):
            joined[-1].texts.append(text)
        else:
            joined.append(_Stretch(texts=[text], url=url, marks=marks))
    result: list[Inline] = []
    for number, stretch in enumerate(joined):
        text = normalise("".join(stretch.texts))
        text = text.lstrip() if number == 0 else text
        text = text.rstrip() if number == len(joined) - 1 else text
        result.extend(_inline(text, stretch.url, stretch.marks))
    while result and isinstance(result[-1], Run) and not result[-1].text.strip():
        result.pop()
    return tuple(result)


def _inline(text: str, url: str, marks: frozenset[Mark]) -> Iterable[Inline]:
    target = safe_url(url) if url else None
    if not text:
        return []
    if target is None or not text.strip():
        return [Run(text=text, marks=marks)] if not text.strip() or Mark.CODE in marks else linked(text, marks)
    label = " ".join(text.split())
    to_site = target[:4].lower() == "http"
    if to_site and _LOOKS_LIKE_ADDRESS.match(label) and _host(label) != _host(target):
        # What reads as one address and leads to another is shown as both.
        return [Run(text=f"{label} ", marks=marks), Link(url=target, label=target, marks=marks)]
    return [Link(url=target, label=label, marks=marks)]


def _host(address: str) -> str:
    rest = re.sub(r"^[a-z]+://", "", address.strip().lower()).removeprefix("www.")
    return re.split(r"[/?#:\s]", rest, maxsplit=1)[0]
