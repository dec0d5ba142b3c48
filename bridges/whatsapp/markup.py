"""Draws our tree in WhatsApp's own formatting, in which literal text must not format anything.

https://faq.whatsapp.com/539178204879377. WhatsApp has no escape character: an invisible one (U+2060) behind a mark
keeps it from opening anything. What cannot be marked safely stays plain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest

from core.contracts import richtext as tree
from core.contracts.plaintext import block_text, inline_text
from core.contracts.richtext import Inline, Link, Mark, Text
from core.contracts.text import plain

JOINER = "\u2060"
_MARKS = {Mark.BOLD: "*", Mark.ITALIC: "_", Mark.STRIKE: "~"}
_LITERAL = re.compile(r"(?<![^\W_])[*_~](?=\S)|`")
_LINE = re.compile(r"^(?:>|[-*])(?= )", re.MULTILINE)


def write(body: tree.Document, limit: int) -> str:
    """The text as it is sent; plain if its marks would make it longer than `limit`."""
    styled = "\n\n".join(filter(None, map(_block, body.blocks)))
    return styled if len(styled) <= limit else plain(body)


def _block(block: tree.Block) -> str:
    match block:
        case tree.CodeBlock():
            return block.text if "```" in block.text or not block.text.strip() else f"```\n{block.text}\n```"
        case tree.ListBlock():
            return "\n".join(_item(item) for item in block.items)
        case tree.Quote():
            return "> " + _inlines(block.inlines).replace("\n", "\n> ") if block_text(block) else ""
        case tree.Heading():
            return _inlines(block.inlines, frozenset({Mark.BOLD}))
        case tree.Paragraph():
            # A line that only looks like one of a list or a quote is none.
            return _LINE.sub(lambda found: found[0] + JOINER, _inlines(block.inlines))


def _item(item: tree.ListItem) -> str:
    # WhatsApp draws no deeper levels, so they are indented by hand.
    bullet = f"{item.number}. " if item.ordered else "- "
    return "  " * min(max(item.depth, 0), 8) + bullet + _inlines(item.inlines).replace("\n", " ")


def _inlines(inlines: Iterable[Inline], more: frozenset[Mark] = frozenset()) -> str:
    runs = [run for run in inlines if inline_text(run)]
    text, literal = "", list[range]()
    for run, following in zip_longest(runs, runs[1:]):
        after = inline_text(following)[0] if following else ""
        for piece, styled in _run(run, more, text[-1:], after):
            literal += [] if styled else [range(len(text), len(text) + len(piece))]
            text += piece
    return _neutral(text, literal)


def _run(run: Inline, more: frozenset[Mark], before: str, after: str) -> Iterator[tuple[str, bool]]:
    """The run in pieces, and whether each is to be left alone."""
    text = inline_text(run)
    if isinstance(run, Link):
        # An address is never touched; a label is.
        label = text.removesuffix(f" ({run.url})")
        yield from [(text, True)] if label == text else [(label, False), (f" ({run.url})", True)]
        return
    marks = run.marks | more if isinstance(run, Text) else frozenset()
    signs = "".join(sign for mark, sign in _MARKS.items() if mark in marks)
    if Mark.CODE in marks:
        fits = bool(text.strip()) and not re.search("[`\n]", before + text + after)
        yield (f"`{text.strip()}`", True) if fits else (text, False)
    elif not signs or _joins(before, text[0]) or _joins(after, text[-1]) or re.search("[*_~`]", text):
        yield text, False
    else:
        for number, line in enumerate(text.split("\n")):
            # White space stays outside the marks, or they would not count.
            core = line.strip()
            start = line.index(core)
            yield "\n" * bool(number) + line[:start], False
            yield (f"{signs}{core}{signs[::-1]}" if core else ""), True
            yield line[start + len(core) :], False


def _joins(outside: str, inside: str) -> bool:
    """Whether a mark between these two would not count: it needs the border of a word, and no other mark beside it."""
    return bool(re.search(r"[^\W_]|[*_~`]", outside)) and not inside.isspace()


def _neutral(text: str, literal: list[range]) -> str:
    """`text` in which nothing opens a style but what was meant to."""
    start, pieces, places = 0, list[str](), iter(literal)
    place = next(places, range(0))
    for found in _LITERAL.finditer(text):
        sign, at = found[0], found.start()
        while place.stop <= at and (following := next(places, None)) is not None:
            place = following
        # Nothing opens what is never closed: a mark on the same line, a backtick anywhere behind.
        end = text.find("\n", at) if sign != "`" else -1
        if at in place and text.find(sign, at + 1, end if end >= 0 else len(text)) >= 0:
            pieces.append(text[start : at + 1] + JOINER)
            start = at + 1
    return "".join([*pieces, text[start:]])
