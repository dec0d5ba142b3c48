"""What people in Slack write, as the tree: from rich_text where there is any, from mrkdwn where there is none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contracts.richtext import (
    CodeBlock,
    Link,
    ListBlock,
    ListItem,
    Mention,
    Paragraph,
    Quote,
    Text,
    document,
)
from core.contracts.text import normalise, plain
from plugins.slack import richtext
from plugins.slack.messages import content_of, same
from plugins.slack.parse import document_of, document_of_text, mentioned
from tests.plugins import slack_cases

NAMES = {("user", "U1"): "@Bea", ("room", "C1"): "#sales"}


def block(*elements: Any) -> list[Any]:
    return [{"type": "rich_text", "elements": list(elements)}]


def section(*elements: Any) -> Any:
    return {"type": "rich_text_section", "elements": list(elements)}


def said(text: str) -> list[Any]:
    return [{"type": "text", "text": text}]


def test_what_we_draw_is_read_back_as_it_was() -> None:
    drawn = block(*richtext.elements(slack_cases.RICH, trusted=True))
    read = document_of(drawn, {})
    assert plain(read) == plain(slack_cases.RICH)
    assert [type(part) for part in read.blocks][1:] == [type(part) for part in slack_cases.RICH.blocks][1:]


def test_a_list_is_one_list_through_its_depths() -> None:
    parts = [
        {"type": "rich_text_list", "style": "ordered", "indent": 0, "elements": [section(*said("a"))]},
        {"type": "rich_text_list", "style": "bullet", "indent": 1, "elements": [section(*said("b"))]},
        {"type": "rich_text_list", "style": "ordered", "indent": 0, "offset": 1, "elements": [section(*said("c"))]},
        {"type": "rich_text_list", "style": "ordered", "indent": 0, "elements": [section(*said("d"))]},
    ]
    assert document_of(block(*parts), {}) == document(
        [
            ListBlock(
                items=(
                    ListItem(inlines=(Text(text="a"),), ordered=True, number=1),
                    ListItem(inlines=(Text(text="b"),), depth=1),
                    ListItem(inlines=(Text(text="c"),), ordered=True, number=2),
                    ListItem(inlines=(Text(text="d"),), ordered=True, number=3),
                )
            )
        ]
    )


def test_quotes_code_links_and_emoji() -> None:
    drawn = block(
        {"type": "rich_text_quote", "elements": said("you\nsaid")},
        {"type": "rich_text_preformatted", "elements": said("a < b &amp; c")},
        section(
            {"type": "link", "url": "https://a.example", "text": "here"},
            {"type": "link", "url": "javascript:alert(1)", "text": "there"},
            {"type": "emoji", "name": "wave", "unicode": "1f44b-1f3fd", "skin_tone": 4},
            {"type": "emoji", "name": "tada"},
            {"type": "emoji", "name": "our-logo"},
            {"type": "emoji", "name": "x", "unicode": "zz"},
            {"type": "citation", "title": "of later"},
            {"type": "of_next_year"},
        ),
    )
    quote, code, paragraph = document_of(drawn, {}).blocks
    assert quote == Quote(inlines=(Text(text="you\nsaid"),))
    assert code == CodeBlock(text="a < b &amp; c")
    assert isinstance(paragraph, Paragraph)
    assert paragraph.inlines[0] == Link(url="https://a.example", label="here")
    assert plain(document([paragraph])) == "here (https://a.example)there👋🏽🎉:our-logo:❌of later[of_next_year]"


def test_mrkdwn_is_read_where_there_are_no_blocks() -> None:
    text = "<@U1> &lt;b&gt; :tada: <https://a.example?x&amp;y|a &amp; b> <!here> <#C1|sales> <!subteam^S1|@ops> *x*"
    assert mentioned([], text) == {("user", "U1"), ("room", "C1")}
    first, second = document_of_text(text + "\n\nB", NAMES).blocks
    assert isinstance(first, Paragraph)
    assert first.inlines[0] == Mention(kind="user", id="U1", label="@Bea")
    assert Link(url="https://a.example?x&y", label="a & b") in first.inlines
    assert plain(document([first])) == "@Bea <b> 🎉 a & b (https://a.example?x&y) @here #sales @ops *x*"
    assert second == Paragraph(inlines=(Text(text="B"),))


def test_an_escaped_token_is_not_a_token() -> None:
    assert plain(document_of_text("&lt;!channel&gt; &amp;lt;", {})) == "<!channel> &lt;"


@pytest.mark.parametrize(
    ("file", "kind", "problem"),
    [
        ({"mimetype": "image/png"}, "image", None),
        ({"mimetype": "audio/mp4", "subtype": "slack_audio"}, "voice", None),
        ({"mimetype": "video/mp4"}, "video", None),
        ({}, "file", None),
        ({"mode": "tombstone"}, "file", "It was deleted in Slack."),
        ({"mode": "hidden_by_limit"}, "file", "Slack hides it because the workspace's plan keeps no older files."),
        (
            {"mode": "external", "is_external": True, "external_type": "gdrive"},
            "file",
            "It is kept in gdrive, not in Slack; send a link to it instead.",
        ),
    ],
    ids=str,
)
def test_a_file_is_what_it_can_become(file: Any, kind: str, problem: str | None) -> None:
    message = {"text": "", "files": [{"id": "F1", "name": "../a\u202ecat.png", **file}]}
    (attachment,) = content_of(message, {}).attachments
    assert (attachment.kind, attachment.problem) == (kind, problem)
    assert (attachment.source == "slack:F1") is (problem is None)
    assert "/" not in attachment.name
    assert "\u202e" not in attachment.name


def test_only_words_and_files_make_a_change() -> None:
    message = {"text": "a", "blocks": block(section(*said("a"))), "files": [{"id": "F1", "mode": "hosted"}]}
    assert same({**message, "attachments": [{"title": "preview"}], "reply_count": 1}, message)
    assert same({**message, "blocks": [{**message["blocks"][0], "block_id": "new"}]}, message)  # type: ignore[index]
    assert not same({**message, "blocks": block(section(*said("b")))}, message)
    assert not same({**message, "files": [{"id": "F1", "mode": "tombstone"}]}, message)
    assert not same({"text": "b"}, {"text": "a"})


def letters(text: str) -> str:
    return "".join(text.split())


@given(st.text(max_size=80))
def test_no_character_of_a_text_is_lost(typed: str) -> None:
    assert letters(plain(document_of(block(section(*said(typed))), {}))) == letters(normalise(typed))


@given(st.text(max_size=80).filter(lambda typed: ":" not in typed))
def test_what_was_escaped_is_read_as_it_was_typed(typed: str) -> None:
    assert letters(plain(document_of_text(richtext.escape(typed), {}))) == letters(normalise(typed))
