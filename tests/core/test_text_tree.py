"""Text becomes the tree, and the tree becomes text and JSON, without loss or surprise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.contracts.content import Attachment, Choice, Content, MediaKind, StoredFile
from core.contracts.richtext import (
    CodeBlock,
    Document,
    Heading,
    Inline,
    Link,
    ListBlock,
    ListItem,
    Mark,
    Mention,
    Paragraph,
    Quote,
    Text,
    document,
)
from core.contracts.text import (
    content_from_json,
    content_to_json,
    from_json,
    from_plain,
    is_empty,
    markdown,
    plain,
    preview,
    to_json,
)


def text(value: str, *marks: Mark) -> Text:
    return Text(text=value, marks=frozenset(marks))


def link(url: str, label: str | None = None, *marks: Mark) -> Link:
    return Link(url=url, label=label or url, marks=frozenset(marks))


def paragraph(*inlines: Inline) -> Paragraph:
    return Paragraph(inlines=inlines)


def bullet(value: str, depth: int = 0, number: int | None = None) -> ListItem:
    return ListItem(inlines=(text(value),), depth=depth, ordered=number is not None, number=number or 1)


EVERYTHING = document(
    [
        Heading(level=2, inlines=(text("Your order"),)),
        paragraph(
            text("Hi "),
            Mention(kind="user", id="U1", label="@Jane"),
            text(", see\n"),
            link("https://a.example/x", "this"),
        ),
        ListBlock(items=(bullet("one"), bullet("two\nlines", 1), bullet("three", 0, 3))),
        Quote(inlines=(text("said\n"), text("twice", Mark.BOLD, Mark.ITALIC))),
        CodeBlock(text="if x:\n    y()", language="python"),
        paragraph(text("a*b", Mark.CODE), link("mailto:a@b.example", "a@b.example"), text("!", Mark.SPOILER)),
    ]
)


@pytest.mark.parametrize(
    ("typed", "inlines"),
    [
        ("*no* _markup_ <b> `x` <!channel> [a](https://b.example)", None),
        ("see https://a.example/x.", ["see ", "=https://a.example/x", "."]),
        ("(https://a.example/b_(c))", ["(", "=https://a.example/b_(c)", ")"]),
        ('"https://a.example", he said', ['"', "=https://a.example", '", he said']),
        ("看https://a.example/路，好", ["看", "=https://a.example/路", "，好"]),
        ("HTTPS://A.example?q=1!?", ["=HTTPS://A.example?q=1", "!?"]),
        ("مرحبا https://a.example/ شكرا", ["مرحبا ", "=https://a.example/", " شكرا"]),
        (
            "https://user:pw@evil.example http:// xhttp://a.example javascript:x",
            ["https://user:pw@evil.example http:// xhttp://a.example javascript:x"],
        ),
        ("https://" + "a" * 3000, None),
    ],
)
def test_customer_text_is_data_with_links(typed: str, inlines: list[str] | None) -> None:
    if inlines is None and "https://b" in typed:
        inlines = ["*no* _markup_ <b> `x` <!channel> [a](", "=https://b.example", ")"]
    expected = [link(one[1:]) if one.startswith("=") else text(one) for one in inlines or [typed]]
    assert from_plain(typed) == document([paragraph(*expected)])
    assert plain(from_plain(typed)) == typed


@pytest.mark.parametrize(
    ("typed", "paragraphs"),
    [("", []), (" \n\t\n ", []), ("a\nb", ["a\nb"]), ("\n\na\n \n\n  b\nc\n", ["a", "  b\nc"])],
)
def test_empty_lines_part_paragraphs(typed: str, paragraphs: list[str]) -> None:
    assert from_plain(typed) == document(paragraph(text(one)) for one in paragraphs)


def test_plain_draws_everything() -> None:
    assert plain(EVERYTHING) == (
        "Your order\n\n"
        "Hi @Jane, see\nthis (https://a.example/x)\n\n"
        "- one\n  - two\n    lines\n3. three\n\n"
        "> said\n> twice\n\n"
        "if x:\n    y()\n\n"
        "a*ba@b.example!"
    )


def test_preview_is_one_line() -> None:
    assert preview(EVERYTHING, 30) == "Your order Hi @Jane, see this…"
    assert preview(Document()) == ""


@pytest.mark.parametrize(
    ("value", "empty"),
    [
        (Document(), True),
        (document([paragraph(), ListBlock(items=()), CodeBlock(text="")]), True),
        (document([paragraph(text(" \n\u200b\u3164"))]), True),
        (document([paragraph(text("👍"))]), False),
        (document([CodeBlock(text="x")]), False),
        (document([paragraph(Mention(kind="user", id="U", label="J"))]), False),
    ],
)
def test_is_empty(value: Document, empty: bool) -> None:
    assert is_empty(value) is empty


def test_most_messages_are_short_json() -> None:
    assert to_json(from_plain("Hello\nyou")) == [["Hello\nyou"]]


def test_json_keeps_everything() -> None:
    value = json.loads(json.dumps(to_json(EVERYTHING)))
    assert from_json(value) == EVERYTHING
    assert value[1] == [
        "Hi ",
        {"type": "mention", "text": "@Jane", "kind": "user", "id": "U1"},
        ", see\n",
        {"type": "link", "text": "this", "url": "https://a.example/x"},
    ]


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ([{"type": "table", "children": [["a", {"type": "cell", "text": "b"}], "c"]}], "abc"),
        ([[{"type": "sparkle", "text": "x", "children": ["y"]}]], "xy"),
        ([{"type": "link", "text": "click", "url": "javascript:alert(1)"}], "click"),
        ([[{"text": "m", "marks": ["blink", 3, "bold"]}]], "m"),
        ([{"type": "heading", "level": 99, "children": ["h"]}], "h"),
        ([{"type": "list", "children": ["bare", {"text": "own"}, None, {"children": "no"}]}], "- bare\n- own\n- \n- "),
        ([None, 3, True, "text"], "text"),
        ({"not": "a list"}, ""),
        (None, ""),
    ],
)
def test_unknown_json_survives_as_its_text(value: Any, seen: str) -> None:
    assert plain(from_json(value)) == seen


def test_deep_json_is_no_recursion() -> None:
    value: Any = "deep"
    for _ in range(500):
        value = {"type": "x", "children": [value]}
    assert plain(from_json([value])) == ""


def test_content_keeps_files_by_their_hash() -> None:
    stored = StoredFile(sha256="ab" * 32, size=3, mime="image/png", path=Path("/data/ab"))
    content = Content(
        body=EVERYTHING,
        attachments=(
            Attachment(kind=MediaKind.IMAGE, name="a.png", mime="image/png", size=3, file=stored, alt="A cat"),
            Attachment(kind=MediaKind.VOICE, name="b.ogg", source="file-id"),
            Attachment(kind=MediaKind.FILE, name="c.exe", problem="Too large."),
        ),
        choices=(Choice(value="1", label="Yes"),),
    )
    value = json.loads(json.dumps(content_to_json(content)))
    assert "/data" not in json.dumps(value)
    assert content_from_json(value, {stored.sha256: stored}.get) == content
    gone = content_from_json(value, lambda sha256: None).attachments[0]
    assert (gone.file, gone.source, gone.problem) == (None, None, "The file is no longer stored.")
    assert content_to_json(Content()) == {"body": []}
    assert content_from_json("junk", lambda sha256: None) == Content()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (
            "hi **b _bi_** ~~s~~ `c*d*`",
            [
                paragraph(
                    text("hi "),
                    text("b ", Mark.BOLD),
                    text("bi", Mark.BOLD, Mark.ITALIC),
                    text(" "),
                    text("s", Mark.STRIKE),
                    text(" "),
                    text("c*d*", Mark.CODE),
                )
            ],
        ),
        (
            "[a **b**](https://x.example/?a=1&b=ü) ok",
            [paragraph(link("https://x.example/?a=1&b=ü", "a b"), text(" ok"))],
        ),
        ("**[x](https://x.example)**", [paragraph(link("https://x.example", "x", Mark.BOLD))]),
        (
            "https://x.example/a_b_c and <https://y.example>",
            [paragraph(link("https://x.example/a_b_c"), text(" and "), link("https://y.example"))],
        ),
        ("[x](javascript:alert(1))", [paragraph(text("[x](javascript:alert(1))"))]),
        ("![cat](https://x.example/c.png)", [paragraph(link("https://x.example/c.png", "cat"))]),
        ("<b>raw</b> &amp; <!channel>", [paragraph(text("<b>raw</b> & <!channel>"))]),
        ("<div>\nraw\n</div>", [paragraph(text("<div>\nraw\n</div>"))]),
        ("# Big\n## Small", [Heading(level=1, inlines=(text("Big"),)), Heading(level=2, inlines=(text("Small"),))]),
        ("a\nb  \nc\n\nd", [paragraph(text("a\nb\nc")), paragraph(text("d"))]),
        (
            "- a\n- b\n  1. c\n  2. d\n- e",
            [ListBlock(items=(bullet("a"), bullet("b"), bullet("c", 1, 1), bullet("d", 1, 2), bullet("e")))],
        ),
        ("3. a\n4. b", [ListBlock(items=(bullet("a", 0, 3), bullet("b", 0, 4)))]),
        ("- a\n\n  more\n-", [ListBlock(items=(bullet("a\nmore"), ListItem(inlines=())))]),
        (
            "1. a\n   ```\n   x\n   ```\n2. b",
            [ListBlock(items=(bullet("a", 0, 1),)), CodeBlock(text="x"), ListBlock(items=(bullet("b", 0, 2),))],
        ),
        ("> a\n> b\n>\n> - c\n\nd", [Quote(inlines=(text("a\nb\n- c"),)), paragraph(text("d"))]),
        ("> a\n> > b", [Quote(inlines=(text("a\nb"),))]),
        ("```py x\na < b\n```", [CodeBlock(text="a < b", language="py")]),
        (
            "    indented\n\nTitle\n---\n",
            [paragraph(text("indented")), paragraph(text("Title")), paragraph(text("---"))],
        ),
        ("[ref]: https://x.example", [paragraph(text("[ref]: "), link("https://x.example"))]),
        ("", []),
    ],
)
def test_markdown(typed: str, expected: list[Any]) -> None:
    assert markdown(typed) == document(expected)
