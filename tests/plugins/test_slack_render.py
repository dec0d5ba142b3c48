"""What is drawn: as it was kept, as Slack's own types want it, and never alive with a customer's text."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block as SdkBlock

from core.contracts.content import Content
from core.contracts.posts import (
    Author,
    Card,
    CardLink,
    Fact,
    FieldKind,
    Form,
    FormField,
    Post,
    Queue,
    QueueItem,
    QuotePreview,
    Tone,
)
from core.contracts.richtext import (
    Block,
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
)
from core.contracts.text import plain
from plugins.slack import render, views
from plugins.slack.richtext import MAX_FALLBACK
from sandbox.slack.blocks import check_message_blocks, check_view
from tests.judges.blockkit import check_limits, check_many, check_views
from tests.plugins import slack_cases
from tests.plugins.slack_cases import ACTIONS, GOLDENS, POST, THREAD, messages, pages, permalink, pictures

Json = dict[str, Any]


def test_everything_is_drawn_as_it_was_kept() -> None:
    kept = {golden.stem: golden.read_text() for golden in GOLDENS.glob("*.json")}
    assert pictures() == kept, "look at it, then: python -m tests.plugins.slack_cases"


@pytest.mark.judges
def test_slacks_types_know_every_message() -> None:
    samples = {name: without_offset(drawn.blocks) for name, drawn in messages().items() if drawn.blocks}
    assert {name: found for name, found in check_many(samples).items() if found} == {}


@pytest.mark.judges
def test_slacks_types_know_every_page() -> None:
    assert {name: found for name, found in check_views(pages()).items() if found} == {}


def without_offset(value: Any) -> Any:
    """Slack documents `offset` of a rich_text_list, which its types forgot."""
    if isinstance(value, dict):
        return {name: without_offset(inner) for name, inner in value.items() if name != "offset"}
    return [without_offset(inner) for inner in value] if isinstance(value, list) else value


def test_slacks_sdk_finds_every_length_within_its_limits() -> None:
    for name, blocks in {
        **{name: drawn.blocks for name, drawn in messages().items()},
        **{name: view["blocks"] for name, view in pages().items()},
    }.items():
        assert check_limits(blocks) == [], name
        assert len(blocks) <= 100


# Customers' text of every kind, with what Slack would read as markup over-represented.
words = st.one_of(
    st.text(max_size=60),
    st.sampled_from([slack_cases.HOSTILE, "<!channel>", "<@U1>", "<http://a|b>", "@here", ":tada:", "\u202e", "\n\n"]),
    st.text(alphabet="<>&|!@#*_~`:\n ab", max_size=40),
)
marks = st.frozensets(st.sampled_from(Mark))
urls = st.one_of(words, st.sampled_from(["https://a.example/x?y=1&z", "http://b.example", "mailto:a@b.example"]))
inlines: st.SearchStrategy[Inline] = st.one_of(
    st.builds(Text, text=words, marks=marks),
    st.builds(Link, url=urls, label=words, marks=marks),
    st.builds(Mention, kind=st.sampled_from(["user", "room", "everyone"]), id=words, label=words),
)
runs = st.lists(inlines, max_size=4).map(tuple)
items = st.builds(
    ListItem, inlines=runs, depth=st.integers(-1, 12), ordered=st.booleans(), number=st.integers(-3, 10_000)
)
blocks: st.SearchStrategy[Block] = st.one_of(
    st.builds(Paragraph, inlines=runs),
    st.builds(Heading, level=st.integers(1, 6), inlines=runs),
    st.builds(Quote, inlines=runs),
    st.builds(CodeBlock, text=words),
    st.builds(ListBlock, items=st.lists(items, max_size=4).map(tuple)),
)
documents = st.builds(Document, blocks=st.lists(blocks, max_size=6).map(tuple))
posts = st.builds(
    Post,
    key=st.just("k"),
    tone=st.sampled_from(Tone),
    author=st.builds(Author, name=words, avatar_url=urls),
    content=st.builds(Content, body=documents),
    quote=st.none() | st.builds(QuotePreview, author=words, text=words, post=st.none() | st.just(POST)),
    actions=st.sampled_from([(), ACTIONS]),
    edited=st.booleans(),
    deleted=st.booleans(),
    more=st.lists(st.builds(Content, body=documents), max_size=3).map(tuple),
)
cards = st.builds(
    Card,
    title=words,
    status=words,
    status_emoji=st.just("🟢"),
    facts=st.lists(st.builds(Fact, label=words, value=words), max_size=5).map(tuple),
    links=st.lists(st.builds(CardLink, label=words, url=urls), max_size=3).map(tuple),
    actions=st.just(ACTIONS),
    hint=words,
)

#: Elements that call somebody, lead somewhere or draw a picture.
CALLING = {"user", "usergroup", "broadcast", "channel", "team", "date", "emoji"}


def elements(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from elements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from elements(inner)


def is_safe(drawn: render.Drawn, *, trusted: bool) -> None:
    """Slack takes it, nothing in it calls anybody, and no link says another address than it has."""
    if drawn.blocks:
        check_message_blocks(drawn.blocks)
        for block in drawn.blocks:
            parsed = SdkBlock.parse(dict(block))
            assert parsed is not None
            parsed.validate_json()
    found = list(elements(drawn.blocks))
    assert not CALLING & {str(element.get("type")) for element in found}
    assert "mrkdwn" not in {element.get("type") for element in found}
    for element in found:
        if element.get("type") == "link" and not trusted:
            assert element.get("text", element["url"]) in (element["url"], element["url"].removeprefix("mailto:"))
    for element in found:
        if element.get("type") == "plain_text":
            assert not re.search(r"<[@#!]|<https?:", element["text"])
    without_escapes = drawn.text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert not set(without_escapes) & set("<>&")
    assert 0 < len(drawn.text) <= MAX_FALLBACK


@given(posts)
def test_no_customers_words_come_alive_in_a_post(item: Post) -> None:
    drawn = render.post(item, permalink)
    trusted = item.tone in {Tone.AGENT, Tone.NOTE, Tone.FAILURE, Tone.NOTICE} or item.quote is not None
    is_safe(drawn, trusted=trusted)
    shown = render.persona(item.tone, item.author)
    assert not set(shown.get("username", "")) & set("<>\n")
    assert shown.get("icon_url", "https://").startswith("https://")


@given(cards, posts)
def test_no_customers_words_come_alive_in_a_card(card: Card, first: Post) -> None:
    drawn = render.opening(card, first, permalink)
    is_safe(drawn, trusted=True)
    assert any(block["type"] == "actions" for block in drawn.blocks)


@given(words, words)
def test_no_customers_words_break_a_page(title: str, text: str) -> None:
    item = QueueItem(title=title, status=text, text=text, thread=THREAD, actions=ACTIONS)
    check_view(views.home(Queue(mine=(item,) * 3, troubles=(text,)), permalink))
    field = FormField(id="f", label=title, kind=FieldKind.RICH_TEXT, initial=text, hint=text)
    form = Form(title=title, submit=title, text=text, fields=(field,))
    check_view(views.modal(form, views.Asked(thread=THREAD, action="reply", value="v")))


@given(documents)
def test_no_word_is_lost(body: Document) -> None:
    drawn = render.post(slack_cases.post(Content(body=body)), permalink)
    shown = "".join(element["text"] for element in elements(drawn.blocks) if isinstance(element.get("text"), str))
    for block in body.blocks:
        for inline in getattr(block, "inlines", ()):
            assert (inline.text if isinstance(inline, Text) else inline.label) in shown or isinstance(inline, Link)


def test_a_post_that_is_too_long_keeps_its_buttons_and_says_so() -> None:
    long = tuple(slack_cases.said("x" * 3_000) for _ in range(60))
    item = slack_cases.post(long[0], more=long[1:], actions=ACTIONS)
    drawn = render.post(item, permalink)
    check_message_blocks(drawn.blocks)
    assert sum(len(element.get("text", "")) for element in elements(drawn.blocks) if element.get("type") == "text") <= (
        render.MAX_TOTAL
    )
    assert drawn.blocks[-1]["type"] == "actions"
    assert "too long" in json.dumps(drawn.blocks[-2])


def test_escapes_never_make_the_fallback_too_long() -> None:
    drawn = render.post(slack_cases.post(slack_cases.said("&" * 3_000)), permalink)
    assert len(drawn.text) <= MAX_FALLBACK
    assert drawn.text.replace("&amp;", "") == "…"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("https://cdn.example.com/a.png", True),
        ("http://cdn.example.com/a.png", False),
        ("https://localhost/a.png", False),
        ("https://intranet/a.png", False),
        ("https://10.0.0.7/a.png", False),
        ("https://[::1]/a.png", False),
        ("https://8.8.8.8/a.png", True),
        ("", False),
    ],
)
def test_only_public_pictures_are_given_to_slack(address: str, public: bool) -> None:
    assert ("icon_url" in render.persona(Tone.CUSTOMER, Author(name="Jane", avatar_url=address))) is public


def test_a_long_text_to_read_is_all_there() -> None:
    form = slack_cases.FORMS["to_read"]
    view = views.modal(form, views.Asked(thread=THREAD, action="full_text", value="m"))
    check_view(view)
    assert "submit" not in view
    shown = "".join(element["text"] for element in elements(view["blocks"]) if element.get("type") == "text")
    assert shown.count("A line of a long mail.") == 400


def test_a_notification_says_what_the_message_says() -> None:
    assert messages()["rich"].text.startswith("Return an order\n\nRead this")
    assert plain(slack_cases.RICH).startswith("Return an order\n\nRead this")
