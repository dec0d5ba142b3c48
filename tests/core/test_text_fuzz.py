"""Whatever people send, text functions keep their promises and take time in proportion to it."""

from __future__ import annotations

import gc
import json
import time
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.contracts.content import TextUnit
from core.contracts.plaintext import inline_text
from core.contracts.richtext import (
    Block,
    CodeBlock,
    Document,
    Heading,
    Link,
    ListBlock,
    ListItem,
    Mark,
    Mention,
    Paragraph,
    Quote,
    Text,
)
from core.contracts.text import (
    cut,
    emoji_name,
    file_name,
    from_json,
    from_plain,
    graphemes,
    is_empty,
    line,
    markdown,
    measure,
    name_of,
    normalise,
    plain,
    preview,
    safe_url,
    split,
    to_json,
)

PIECES = (
    *(
        "a",
        "word ",
        ". ",
        "\n",
        "\n\n",
        "  ",
        "é",
        "e\u0301",
        "日本",
        "。",
        "مرحبا",
        "שלום",
        "क्षि",
        "한",
        "\u1112\u1161\u11ab",
        "👍🏽",
    ),
    *(
        "👨‍👩‍👧‍👦",
        "🇩🇪",
        "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "\u202e",
        "\u202c",
        "\u2067",
        "\u2069",
        "\u200f",
        "\u200d",
        "\x00",
        "\ud83d",
        "\u0344",
        "\u0301" * 40,
    ),
    *(
        "https://a.example/b",
        "<b>",
        "*",
        "_",
        "`",
        "> ",
        "- ",
        "1. ",
        "[",
        "](",
        ")",
        "\r\n",
        "\t",
        "\\",
        "&amp;",
        "javascript:",
    ),
)
anything = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    st.text(st.characters(), max_size=20),
)
clean = anything.map(normalise)
marks = st.frozensets(st.sampled_from(Mark), max_size=2)
texts = st.builds(Text, text=clean, marks=marks)
links = st.builds(
    Link, url=st.sampled_from(["https://a.example/" + "x" * 20, "mailto:a@b.example"]), label=clean, marks=marks
)
mentions = st.builds(Mention, kind=st.just("user"), id=clean, label=clean)
runs = st.lists(st.one_of(texts, texts, links, mentions), max_size=5).map(tuple)
items = st.builds(ListItem, inlines=runs, depth=st.integers(0, 3), ordered=st.booleans(), number=st.integers(0, 50))
blocks: st.SearchStrategy[Block] = st.one_of(
    st.builds(Paragraph, inlines=runs),
    st.builds(Heading, level=st.integers(1, 6), inlines=runs),
    st.builds(Quote, inlines=runs),
    st.builds(CodeBlock, text=clean, language=st.sampled_from(["", "py"])),
    st.builds(ListBlock, items=st.lists(items, max_size=4).map(tuple)),
)
documents = st.builds(Document, blocks=st.lists(blocks, max_size=5).map(tuple))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))
keys = st.sampled_from(["type", "text", "children", "url", "marks", "depth", "number", "level", "x"])
values = st.one_of(scalars, st.sampled_from(["link", "mention", "list", "quote", "code", "heading", "bold"]))
json_values = st.recursive(values, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4))
fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def visible(document: Document) -> str:
    """What is seen, without the drawing around it and without white space."""
    seen: list[str] = []
    for block in document.blocks:
        if isinstance(block, CodeBlock):
            seen.append(block.text)
        elif isinstance(block, ListBlock):
            seen.extend(inline_text(inline) for item in block.items for inline in item.inlines)
        else:
            seen.extend(inline_text(inline) for inline in block.inlines)
    return "".join("".join(seen).split())


@fuzz
@given(anything, st.integers(0, 80))
def test_normalise_is_clean_bounded_and_done_once(text: str, limit: int) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert not any(unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t" for char in once)
    once.encode()
    short = normalise(text, limit=limit)
    assert len(short) <= limit
    assert normalise(short, limit=limit) == short


@fuzz
@given(anything, st.integers(0, 30), st.sampled_from(TextUnit))
def test_shortened_text_fits(text: str, limit: int, unit: TextUnit) -> None:
    assert measure(cut(text, limit, unit), unit) <= limit
    shown = line(text, limit=limit)
    assert len(shown) <= limit
    assert len(shown.splitlines()) <= 1
    name = file_name(text)
    assert 0 < len(name) <= 120
    assert not set(name) & set("/\\\x00\n")
    assert not name.startswith(".")
    assert file_name(name) == name


@fuzz
@given(anything)
def test_graphemes_lose_nothing(text: str) -> None:
    assert "".join(graphemes(text)) == text


@fuzz
@given(anything)
def test_any_text_becomes_a_document(text: str) -> None:
    for document in (from_plain(normalise(text)), markdown(normalise(text))):
        assert from_json(json.loads(json.dumps(to_json(document)))) == document
        preview(document)
    emoji_name(text)
    name_of(text)
    assert safe_url(text) is None or text.strip().lower().startswith(("http", "mailto:", "tel:"))
    assert visible(from_plain(normalise(text))) == "".join(normalise(text).split())


@fuzz
@given(documents)
def test_json_round_trip(document: Document) -> None:
    assert from_json(json.loads(json.dumps(to_json(document)))) == document
    assert is_empty(document) or plain(document)


@fuzz
@given(json_values)
def test_any_json_is_read(value: Any) -> None:
    document = from_json(value)
    plain(document)
    assert from_json(to_json(document)) == document


@fuzz
@given(documents, st.integers(12, 120), st.sampled_from(TextUnit))
def test_split_fits_and_loses_nothing(document: Document, limit: int, unit: TextUnit) -> None:
    parts = split(document, limit=limit, unit=unit)
    assert all(measure(plain(part), unit) <= limit for part in parts if len(visible(part)) > 1)
    if not is_empty(document):
        assert "".join(map(visible, parts)) == visible(document)


#: What a busy neighbour may add; a square of 64,000 characters takes seconds.
NOISE_S = 0.03


def _seconds(call: Callable[[str], object], text: str) -> float:
    best = float("inf")
    gc.disable()
    try:
        for _ in range(3):
            start = time.process_time()
            call(text)
            best = min(best, time.process_time() - start)
    finally:
        gc.enable()
    return best


def _split(text: str) -> object:
    return split(Document(blocks=(Paragraph(inlines=(Text(text=text),)),)), limit=1000, unit=TextUnit.UTF16)


HOSTILE = {
    "letters": "a",
    "spaces": " a" + " " * 50,
    "marks": "\u0301\u0316",
    "flags": "🇩🇪",
    "joiners": "👍\u200d",
    "virama": "क\u094d",
    "dots": '.".',
    "brackets": "https://a.example/)((",
    "closing": ")",
    "isolates": "\u2067\u202e",
    "closers": "\u2069\u202c",
    "stars": "*a_",
    "links": "[a](",
    "ticks": "` `` ",
    "quotes": "> ",
    "lists": "- a\n",
    "lines": "\n",
    "surrogates": "\ud83d",
    "hangul": "\u1112\u1161\u11ab",
}


@pytest.mark.parametrize(
    "call",
    [
        *(
            normalise,
            lambda text: normalise(text, limit=10**9),
            from_plain,
            lambda text: preview(from_plain(text)),
            markdown,
            _split,
        ),
        *(
            lambda text: cut(text, len(text) // 2),
            lambda text: line(text, limit=200),
            file_name,
            safe_url,
            name_of,
            emoji_name,
        ),
        lambda text: split(from_plain(text), limit=1000, unit=TextUnit.BYTE),
    ],
    ids=(
        "normalise unbounded from_plain preview markdown split cut line file_name safe_url name_of emoji_name "
        "split_plain"
    ).split(),
)
@pytest.mark.parametrize("name", HOSTILE)
def test_time_grows_with_the_text(call: Callable[[str], object], name: str) -> None:
    """Twice the text may take about twice the time; four times it, were there a square in it."""
    hostile, count = HOSTILE[name], 4000 // len(HOSTILE[name])
    while (base := _seconds(call, "x" + hostile * count)) < 0.002 and count < 64_000:
        count *= 4
    assert _seconds(call, "x" + hostile * count * 2) <= 3 * base + NOISE_S
