"""Long documents are cut where readers mind least, and never into something else."""

from __future__ import annotations

import html

import pytest

from core.contracts.content import TextUnit
from core.contracts.richtext import (
    CodeBlock,
    Document,
    Link,
    ListBlock,
    ListItem,
    Mark,
    Mention,
    Paragraph,
    Quote,
    Text,
)
from core.contracts.text import from_plain, graphemes, measure, plain, split

FAMILY = "👨‍👩‍👧‍👦"


def parts(document: Document, limit: int, unit: TextUnit = TextUnit.CHARACTER) -> list[str]:
    return [plain(part) for part in split(document, limit=limit, unit=unit)]


def styled(text: str, *marks: Mark) -> Document:
    return Document(blocks=(Paragraph(inlines=(Text(text=text, marks=frozenset(marks)),)),))


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("fits", 4, ["fits"]),
        ("", 4, []),
        (" \n ", 1, []),
        ("one paragraph\n\nanother one\n\nthird", 30, ["one paragraph\n\nanother one", "third"]),
        ("a first line\na second line\nthird", 30, ["a first line\na second line", "third"]),
        ("It is so. Is it? It is! Good", 20, ["It is so. Is it?", "It is! Good"]),
        ("words are kept whole here", 12, ["words are", "kept whole", "here"]),
        ("a incomprehensibilities", 22, ["a", "incomprehensibilities"]),
        ("unbreakableunbreakable", 10, ["unbreakabl", "eunbreakab", "le"]),
        ("今日は天気。明日は雨でしょう。", 8, ["今日は天気。", "明日は雨でしょう", "。"]),
        ("مرحبا بك في متجرنا", 10, ["مرحبا بك", "في متجرنا"]),
        ("שלום לכולם היום", 11, ["שלום לכולם", "היום"]),
        (FAMILY * 3, 15, [FAMILY * 2, FAMILY]),
        ("🇩🇪🇫🇷🇮🇹", 5, ["🇩🇪🇫🇷", "🇮🇹"]),
        ("e\u0323\u0301" * 3, 4, ["e\u0323\u0301"] * 3),
        ("नमस्ते" * 2, 8, ["नमस्तेनम", "स्ते"]),
        ("see https://a.example/long now", 24, ["see", "https://a.example/long", "now"]),
    ],
)
def test_borders(text: str, limit: int, expected: list[str]) -> None:
    assert parts(from_plain(text), limit) == expected


@pytest.mark.parametrize(
    ("unit", "expected"),
    [(TextUnit.CHARACTER, ["😀" * 8]), (TextUnit.UTF16, ["😀" * 4] * 2), (TextUnit.BYTE, ["😀" * 2] * 4)],
)
def test_limits_are_counted_in_the_channels_unit(unit: TextUnit, expected: list[str]) -> None:
    assert parts(from_plain("😀" * 8), 8, unit) == expected


def test_ten_thousand_characters_in_as_few_parts_as_they_need() -> None:
    text = "The parcel is on its way. " * 385
    sizes = [len(part) for part in parts(from_plain(text), 4096)]
    assert len(sizes) == 3
    assert max(sizes) <= 4096


def test_a_link_is_never_cut() -> None:
    long = Link(url="https://a.example/" + "x" * 30, label="the whole label")
    document = Document(blocks=(Paragraph(inlines=(Text(text="words " * 5), long, Text(text=" after"))),))
    made = split(document, limit=70, unit=TextUnit.CHARACTER)
    assert [inline for part in made for block in part.blocks for inline in block.inlines if inline == long] == [long]  # type: ignore[union-attr]
    assert all(len(plain(part)) <= 70 for part in made)


def test_a_link_too_long_for_any_part_becomes_text() -> None:
    url = "https://a.example/" + "x" * 50
    document = Document(blocks=(Paragraph(inlines=(Link(url=url, label=url),)),))
    assert "".join(parts(document, 20)) == url


def test_code_and_mentions_stay_whole_while_they_fit() -> None:
    code = Text(text="a = b + c", marks=frozenset({Mark.CODE}))
    who = Mention(kind="user", id="U1", label="Jane Doe")
    document = Document(blocks=(Paragraph(inlines=(Text(text="run "), code, Text(text=" ask "), who)),))
    assert parts(document, 11) == ["run", "a = b + c", "ask", "Jane Doe"]
    assert parts(styled("alpha beta", Mark.CODE), 7) == ["alpha", "beta"]


def test_marks_go_on_in_the_next_part() -> None:
    made = split(styled("bold words here", Mark.BOLD), limit=10, unit=TextUnit.CHARACTER)
    assert made == [styled("bold words", Mark.BOLD), styled("here", Mark.BOLD)]


def test_lists_are_cut_between_items_and_a_cut_item_gets_no_second_bullet() -> None:
    items = tuple(ListItem(inlines=(Text(text=f"item number {n}"),), ordered=True, number=n) for n in (1, 2, 3))
    document = Document(blocks=(ListBlock(items=items),))
    assert parts(document, 36) == ["1. item number 1\n2. item number 2", "3. item number 3"]
    assert parts(document, 12) == ["1. item", "number 1", "2. item", "number 2", "3. item", "number 3"]


def test_quotes_and_code_blocks_stay_what_they_are() -> None:
    document = Document(
        blocks=(
            Quote(inlines=(Text(text="first line\nsecond line"),)),
            CodeBlock(text="if a:\n    b()\n    c()", language="py"),
        )
    )
    assert parts(document, 15) == ["> first line", "> second line", "if a:\n    b()", "    c()"]
    assert split(document, limit=15, unit=TextUnit.CHARACTER)[3] == Document(
        blocks=(CodeBlock(text="    c()", language="py"),)
    )


def test_limits_hold_for_what_is_rendered() -> None:
    def render(document: Document) -> str:
        return "<p>" + html.escape(plain(document)) + "</p>"

    made = split(from_plain("a < b & c > d " * 100), limit=60, unit=TextUnit.BYTE, render=render)
    assert all(measure(render(part), TextUnit.BYTE) <= 60 for part in made)
    assert " ".join(map(plain, made)).split() == ("a < b & c > d " * 100).split()


def test_what_cannot_fit_is_sent_character_by_character() -> None:
    assert parts(from_plain("😀é"), 3, TextUnit.BYTE) == ["😀", "é"]
    assert parts(Document(blocks=(Quote(inlines=(Text(text="ab"),)),)), 2) == ["a", "b"]
    with pytest.raises(ValueError, match="limit of at least 1"):
        split(Document(), limit=0, unit=TextUnit.BYTE)


def test_no_grapheme_is_torn() -> None:
    text = (FAMILY + "🇩🇪e\u0301한क्षि👍🏽") * 50
    made = parts(from_plain(text), 37)
    assert [one for part in made for one in graphemes(part)] == list(graphemes(text))
