"""Formatting goes out as WhatsApp's own, and text that only looks like it stays text, as the app shows it."""

from __future__ import annotations

import random
import re
import time

import pytest

from bridges.whatsapp.markup import JOINER, write
from core.contracts.richtext import (
    CodeBlock,
    Document,
    Heading,
    Link,
    ListBlock,
    ListItem,
    Mark,
    Paragraph,
    Quote,
    Text,
)
from core.contracts.text import from_plain, plain
from sandbox.graph.markup import shown

MOST = 4096


def text(words: str, *marks: Mark) -> Text:
    return Text(text=words, marks=frozenset(marks))


def paragraph(*inlines: Text | Link) -> Document:
    return Document(blocks=(Paragraph(inlines=inlines),))


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (paragraph(text("a "), text("b", Mark.BOLD), text(" c")), "a *b* c"),
        (paragraph(text("both ", Mark.BOLD, Mark.ITALIC), text("x")), "*_both_* x"),
        (paragraph(text("gone", Mark.STRIKE), text(".")), "~gone~."),
        (paragraph(text("x = 1", Mark.CODE)), "`x = 1`"),
        (paragraph(text("one\n\ntwo", Mark.BOLD)), "*one*\n\n*two*"),
        # WhatsApp has no underline and hides nothing.
        (paragraph(text("u", Mark.UNDERLINE), text("s", Mark.SPOILER)), "us"),
        # Within a word nothing can be marked.
        (paragraph(text("un"), text("believ", Mark.BOLD), text("able")), "unbelievable"),
        (paragraph(text("a*b", Mark.BOLD)), "a*b"),
        (paragraph(Link(url="https://example.com/_a_", label="the guide")), "the guide (https://example.com/_a_)"),
        (from_plain("https://example.com/*a*?b=_c_ *d*"), f"https://example.com/*a*?b=_c_ *{JOINER}d*"),
        (from_plain("2 * 3 * 4 = 24, ~5 min"), "2 * 3 * 4 = 24, ~5 min"),
        (from_plain("snake_case_name"), "snake_case_name"),
        (from_plain("> not quoted\n- nor listed"), f">{JOINER} not quoted\n-{JOINER} nor listed"),
        (Document(blocks=(Heading(level=2, inlines=(text("Title"),)),)), "*Title*"),
        (Document(blocks=(Quote(inlines=(text("a\nb"),)),)), "> a\n> b"),
        (Document(blocks=(CodeBlock(text="*a*\n_b_"),)), "```\n*a*\n_b_\n```"),
        (Document(blocks=(CodeBlock(text="```"),)), "```"),
        (
            Document(
                blocks=(
                    ListBlock(
                        items=(
                            ListItem(inlines=(text("a"),), ordered=True, number=7),
                            ListItem(inlines=(text("b"),), depth=1),
                        )
                    ),
                )
            ),
            "7. a\n  - b",
        ),
    ],
)
def test_what_is_drawn(document: Document, expected: str) -> None:
    assert write(document, MOST) == expected


def test_marks_that_would_not_fit_are_left_out() -> None:
    document = paragraph(*(piece for _ in range(600) for piece in (text("bold", Mark.BOLD), text(" a "))))
    assert len(plain(document)) == 4200
    assert write(document, 4500) == plain(document)
    assert write(document, 6000).startswith("*bold* a *bold* a ")


@pytest.mark.parametrize("seed", range(20))
def test_the_app_shows_what_was_meant(seed: int) -> None:
    chance = random.Random(seed)
    marks = (Mark.BOLD, Mark.ITALIC, Mark.STRIKE, Mark.CODE)
    for _ in range(300):
        runs = tuple(
            Text(
                text="".join(chance.choice("*_~`ab  \n>-xyz1.") for _ in range(chance.randrange(1, 9))),
                marks=frozenset(mark for mark in marks if chance.random() < 0.2),
            )
            for _ in range(chance.randrange(1, 5))
        )
        document = paragraph(*runs)
        assert _bare(shown(write(document, MOST))) == _bare(plain(document)), runs


def _bare(words: str) -> str:
    """Without white space, which is moved out of marks, and the signs of lists and quotes, which are drawn."""
    return re.sub(r"[\s•>-]+", "", words)


def test_nothing_takes_long() -> None:
    begun = time.perf_counter()
    for words in ("*a " * 1300, "`" * 4000, "_" * 4000, "*a\n" * 1300, "a*" * 2000, "> " * 2000):
        write(from_plain(words), MOST)
    assert time.perf_counter() - begun < 1
