"""What is drawn: as it was kept, as Microsoft's own software wants it, and never alive with a customer's text."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import Page

from core.contracts.content import Attachment, Content, MediaKind, StoredFile
from core.contracts.posts import Action, Author, Card, CardLink, Fact, Post, QuotePreview, Tone
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
from core.contracts.text import from_plain, plain
from plugins.teams import render
from plugins.teams.elements import written
from plugins.teams.sizes import CUT, MAX_SIZE, fits, weight
from tests.judges.adaptivecards import check_cards, check_types, draw_cards
from tests.plugins import teams_cases
from tests.plugins.teams_cases import ACTIONS, CARD, GOLDENS, HELLO, POST, THREAD, TO, activities, cards, pictures, said

Json = dict[str, Any]
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="28" height="28"><rect width="28" height="28"/></svg>'


def test_everything_is_drawn_as_it_was_kept() -> None:
    kept = {golden.stem: golden.read_text() for golden in GOLDENS.glob("*.json")}
    assert pictures() == kept, "look at it, then: python -m tests.plugins.teams_cases"


@pytest.mark.judges
def test_microsofts_renderer_has_no_objection() -> None:
    assert {name: found for name, found in check_cards(cards()).items() if found} == {}


def test_microsofts_types_know_every_card() -> None:
    assert {name: found for name, card in cards().items() if (found := check_types(card))} == {}


@pytest.mark.judges
@pytest.mark.browser
async def test_a_browser_shows_the_words_and_nothing_comes_alive(page: Page) -> None:
    await page.set_content(draw_cards(cards()))
    assert "Can you tell me where it is? 🙈" in await page.locator("[id='plain:0']").inner_text()
    for name in ("hostile:0", "opening_hostile:0", "form_hostile:0", "queue_hostile:0", "found_hostile:0", "whisper:0"):
        shown = await page.locator(f"[id='{name}']").inner_text()
        assert "<at>everyone</at> **bold** [bank](javascript:alert(1)) <script>alert(1)</script>" in shown, name
        assert "DATE(2026-01-01T00:00:00Z)" in shown, name
        assert "1/1/2026" not in shown, name
    assert await page.locator("main :is(script, strong, em, ul, ol, li, a[href^=javascript])").count() == 0
    right_to_left = page.locator("[id='arabic:0'] [dir=rtl]")
    assert "طلبي رقم 4711" in await right_to_left.first.inner_text()


@pytest.mark.judges
@pytest.mark.browser
async def test_a_browser_draws_marks_links_and_pictures(page: Page) -> None:
    await page.route(
        "https://cdn.example.com/*", lambda route: route.fulfill(body=PICTURE, content_type="image/svg+xml")
    )
    await page.set_content(draw_cards(cards(), theme="dark"))
    rich = page.locator("[id='agent:0']")
    gone = rich.get_by_text("gone", exact=True)
    assert await gone.evaluate("one => getComputedStyle(one).textDecorationLine") == "line-through"
    assert await rich.get_by_role("link", name="our rules").count() == 1
    assert await page.locator("[id='plain:0'] img").get_attribute("alt") == "Jane (WhatsApp)"
    buttons = page.locator("[id='opening:0']").get_by_role("button")
    # Five to see, and the rest behind the last.
    assert await buttons.count() == 6


# Customers' text of every kind, with what a client would read as markup over-represented.
words = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [teams_cases.HOSTILE, teams_cases.ARABIC, "<at>x</at>", "\u202e", "\n\n", "\ud800", "\u200b", "a  b"]
    ),
    st.text(alphabet="<>&|!@#*_~`{}$[]():\n ab", max_size=40),
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
    reactions=st.lists(words, max_size=2).map(tuple),
    more=st.lists(st.builds(Content, body=documents), max_size=3).map(tuple),
)
drawn_cards = st.builds(
    Card,
    title=words,
    status=words,
    status_emoji=st.just("🟢"),
    facts=st.lists(st.builds(Fact, label=words, value=words), max_size=5).map(tuple),
    links=st.lists(st.builds(CardLink, label=words, url=urls), max_size=3).map(tuple),
    actions=st.just(ACTIONS),
    hint=words,
)

#: Elements that hold no Markdown, or none of anybody's words.
SAFE = {"RichTextBlock", "TextRun", "Container", "ColumnSet", "Column", "Image", "ActionSet"}
ADDRESSES = re.compile(r"(https?|mailto|tel):", re.IGNORECASE)


def elements(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from elements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from elements(inner)


def is_safe(activity: Json, *, trusted: bool) -> None:
    """Teams takes it, nothing in it calls anybody, and no link says another address than it has."""
    assert fits(activity)
    assert "text" not in activity
    assert "entities" not in activity
    assert activity["summary"].strip()
    (attachment,) = activity["attachments"]
    card = attachment["content"]
    assert check_types(card) == []
    assert set(card["msteams"]) == {"width"}
    for element in elements(card["body"]):
        kind = element.get("type")
        assert kind is None or kind in SAFE or kind.startswith("Action.")
        if kind == "TextRun":
            # Android shows no line break at the end of a run.
            assert element["text"] == element["text"].strip("\n")
            assert not re.search(r"\{\{(DATE|TIME)\(", element["text"], re.IGNORECASE)
            opens = element.get("selectAction")
            if opens and not trusted:
                assert element["text"] in (opens["url"], opens["url"].removeprefix("mailto:").removeprefix("tel:"))
        if kind == "Action.OpenUrl":
            assert ADDRESSES.match(element["url"])
        if kind == "Image":
            assert element["url"].startswith("https://")
            assert element["altText"]


@given(posts)
def test_no_customers_words_come_alive_in_a_post(item: Post) -> None:
    trusted = item.tone in {Tone.AGENT, Tone.NOTE, Tone.FAILURE, Tone.NOTICE} or item.quote is not None
    drawn = render.post(item, TO)
    is_safe(drawn, trusted=trusted)
    assert render.key_of(card_of(drawn)) == "k"


@given(drawn_cards, posts, st.booleans())
def test_no_customers_words_come_alive_in_a_card(card: Card, first: Post, known: bool) -> None:
    drawn = render.opening(card, first, THREAD if known else None, TO)
    is_safe(drawn, trusted=True)
    assert card_of(drawn)["actions"]
    assert ("thread" in card_of(drawn)["actions"][0]["data"]) is known


@given(words)
def test_no_words_break_a_whisper(told: str) -> None:
    is_safe(render.private(told, ACTIONS, THREAD, where="https://teams.example.com/l/1"), trusted=True)


@given(documents)
def test_no_word_is_lost(body: Document) -> None:
    drawn = render.post(teams_cases.post(Content(body=body)), TO)
    shown = words_of(drawn)
    for block in body.blocks:
        if isinstance(block, CodeBlock):
            assert squeezed(block.text) in shown
        listed = block.items if isinstance(block, ListBlock) else (block,)
        for part in listed:
            for inline in getattr(part, "inlines", ()):
                said_there = inline.text if isinstance(inline, Text) else inline.label
                assert squeezed(said_there) in shown or isinstance(inline, Link)


def squeezed(text: str) -> str:
    return "".join(written(text).split())


def words_of(activity: Json) -> str:
    texts = [one["text"] for one in elements(card_of(activity)["body"]) if one.get("type") == "TextRun"]
    return squeezed("".join(texts))


def card_of(activity: Json) -> Json:
    card: Json = activity["attachments"][0]["content"]
    return card


@pytest.mark.parametrize(
    "text",
    [
        "x" * 100_000,
        "word " * 20_000,
        "line\n" * 20_000,
        "para\n\n" * 15_000,
        teams_cases.ARABIC * 2_000,
        "🎉" * 25_000,
        "https://a.example/x " * 5_000,
        '"\\' * 50_000,
    ],
    ids=["one word", "words", "lines", "paragraphs", "arabic", "emoji", "links", "escapes"],
)
def test_a_text_of_100_kb_fits_says_so_and_keeps_its_buttons(text: str) -> None:
    drawn = render.post(teams_cases.post(said(text), actions=ACTIONS), TO)
    assert fits(drawn)
    card = card_of(drawn)
    assert check_types(card) == []
    assert len(card["actions"]) == len(ACTIONS)
    assert card["body"][0]["items"][-1]["inlines"][0]["text"] == CUT
    # What can be shown is shown.
    assert weight(drawn) > MAX_SIZE * 0.8


def test_several_posts_in_one_are_cut_from_the_end() -> None:
    long = tuple(said(f"Message {number}. " + "x" * 3_000) for number in range(60))
    drawn = render.post(teams_cases.post(long[0], more=long[1:]), TO)
    assert fits(drawn)
    assert "Message0." in words_of(drawn)
    assert "Message59." not in words_of(drawn)
    assert CUT in json.dumps(drawn, ensure_ascii=False)


def test_what_fits_is_left_as_it_is() -> None:
    drawn = render.post(teams_cases.post(said("é" * 5_000)), TO)
    assert "é" * 5_000 in words_of(drawn)
    assert CUT not in json.dumps(drawn, ensure_ascii=False)


def test_the_bytes_of_pictures_do_not_count() -> None:
    bytes_ = replace(TO, picture=lambda file: "data:image/png;base64," + "A" * 1_000_000)
    looks = Content(body=from_plain("Look"), attachments=(teams_cases.picture(file=teams_cases.FILE),))
    drawn = render.post(teams_cases.post(looks), bytes_)
    assert fits(drawn)
    assert CUT not in json.dumps(drawn, ensure_ascii=False)
    assert not fits({**drawn, "summary": "x" * 1_000_000})


def test_a_picture_without_an_address_is_a_file() -> None:
    looks = Content(attachments=(teams_cases.picture(file=teams_cases.FILE),))
    drawn = json.dumps(render.post(teams_cases.post(looks), replace(TO, picture=lambda file: "")))
    assert "help.example.com" in drawn
    assert "allowExpand" not in drawn


def test_the_key_is_found_in_what_graph_returns() -> None:
    card = card_of(render.post(teams_cases.post(said("x"), key="post:7f:0"), TO))
    assert render.key_of(card) == render.key_of(json.dumps(card)) == "post:7f:0"


@pytest.mark.parametrize(
    "card",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        '{"body": []}',
        {},
        {"body": [1]},
        {"body": [{"id": 7}]},
        {"body": [{"id": "x"}]},
    ],
    ids=lambda card: str(card)[:20],
)
def test_a_card_of_others_has_no_key(card: Any) -> None:
    assert render.key_of(card) == ""


def test_buttons_that_act_and_buttons_that_ask() -> None:
    first, second, *_ = card_of(render.opening(CARD, HELLO, THREAD, TO))["actions"]
    data = {"tb": "act", "action": "claim", "value": "c7", "room": THREAD.room, "thread": THREAD.thread}
    assert (first["type"], first["verb"], first["data"], first["style"]) == (
        "Action.Execute",
        "claim",
        data,
        "positive",
    )
    assert first["fallback"] == {"type": "Action.Submit", "title": "Claim", "style": "positive", "data": data}
    assert second["type"] == "Action.Submit"
    assert second["data"] == {**data, "tb": "ask", "action": "reply", "msteams": {"type": "task/fetch"}}


def test_no_more_buttons_are_seen_than_teams_shows() -> None:
    many = tuple(Action(id="claim", label=f"Button {number}") for number in range(40))
    drawn = card_of(render.post(replace(HELLO, actions=many), TO))["actions"]
    assert len(drawn) == render.MAX_BUTTONS
    assert sum(1 for button in drawn if button.get("mode") != "secondary") == render.MOST_SEEN


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
def test_only_public_pictures_are_given_to_teams(address: str, public: bool) -> None:
    drawn = render.post(teams_cases.post(said("x"), author=Author(name="Jane", avatar_url=address)), TO)
    assert any(element.get("type") == "Image" for element in elements(drawn)) is public
    assert "Jane" in words_of(drawn)


@pytest.mark.parametrize(
    ("mime", "size", "drawn_"),
    [
        ("image/png", 10_000_000, True),
        ("image/jpeg", 1, True),
        ("image/gif", 1, True),
        ("image/png", 10_000_001, False),
        ("image/webp", 1, False),
        ("application/pdf", 1, False),
    ],
)
def test_a_picture_that_teams_can_draw_stands_in_the_card(mime: str, size: int, drawn_: bool) -> None:
    file = StoredFile(sha256="0" * 64, size=size, mime=mime, path=Path("x"))
    attachment = Attachment(kind=MediaKind.IMAGE, name="x", mime="image/png", file=file)
    assert render.is_picture(attachment) is drawn_
    drawn = json.dumps(render.post(teams_cases.post(Content(body=from_plain("Hi"), attachments=(attachment,))), TO))
    assert ("help.example.com" in drawn) is not drawn_
    assert ("cdn.example.com/picture" in drawn) is drawn_


def test_a_file_without_a_public_address_is_named_with_the_reason() -> None:
    assert "no public address" in json.dumps(activities()["file_nowhere"])


def test_the_opening_shows_the_beginning_of_the_first_message() -> None:
    drawn = render.opening(CARD, teams_cases.post(said("word " * 1_000)), THREAD, TO)
    preview = card_of(drawn)["body"][0]["items"][2]["items"][1]["inlines"][0]["text"]
    assert preview.startswith("word word")
    assert len(preview) <= 200
    assert "Deleted by the customer" in json.dumps(activities()["opening_deleted"])


def test_a_notification_says_what_the_message_says() -> None:
    drawn = activities()
    assert drawn["rich"]["summary"].startswith("Return an order Read this")
    assert plain(teams_cases.RICH).startswith("Return an order\n\nRead this")
    assert drawn["picture"]["summary"] == "🖼️ cat.png"
    assert drawn["failure"]["summary"].startswith("⚠️ Not delivered")
    assert drawn["deleted"]["summary"] == "🗑️ the customer deleted a message"
