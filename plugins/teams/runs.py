"""Joins, parts and trims runs of text while a message is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from core.contracts.richtext import Inline, Mark, Text

_PARAGRAPHS = re.compile(r"\n(?:[ \t]*\n)+")


def merged(runs: Iterable[Inline]) -> Iterator[Inline]:
    """Neighbouring text of the same looks as one run."""
    pending: list[str] = []
    marks: frozenset[Mark] = frozenset()
    for run in runs:
        if isinstance(run, Text) and run.marks == marks:
            pending.append(run.text)
            continue
        if pending:
            yield Text(text="".join(pending), marks=marks)
            pending = []
        if isinstance(run, Text):
            pending, marks = [run.text], run.marks
        else:
            yield run
    if pending:
        yield Text(text="".join(pending), marks=marks)


def paragraphs(runs: Iterable[Inline]) -> Iterator[tuple[Inline, ...]]:
    """Cuts a stretch of runs at empty lines."""
    current: list[Inline] = []
    for run in runs:
        if not isinstance(run, Text):
            current.append(run)
            continue
        for number, piece in enumerate(_PARAGRAPHS.split(run.text)):
            if number:
                if inlines := trimmed(current):
                    yield inlines
                current = []
            if piece:
                current.append(Text(text=piece, marks=run.marks))
    if inlines := trimmed(current):
        yield inlines


def trimmed(runs: Iterable[Inline]) -> tuple[Inline, ...]:
    """Runs without blank lines before and blanks behind."""
    kept = list(runs)
    while kept and isinstance(last := kept[-1], Text) and not last.text.strip():
        kept.pop()
    while kept and isinstance(first := kept[0], Text) and not first.text.strip():
        kept.pop(0)
    if kept and isinstance(last := kept[-1], Text):
        kept[-1] = Text(text=last.text.rstrip(), marks=last.marks)
    if kept and isinstance(first := kept[0], Text):
        kept[0] = Text(text=first.text.lstrip("\n"), marks=first.marks)
    return tuple(kept)
