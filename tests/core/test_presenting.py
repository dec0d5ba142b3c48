"""What a message offers, drawn for each channel's limits: buttons, lists, cards, or text that says the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contracts.content import (
    Capabilities,
    CardButton,
    CardLimits,
    Choice,
    Content,
    MediaKind,
    OfferedCard,
    Question,
    TextUnit,
)
from core.contracts.richtext import Document, Inline, Link, Mark, Paragraph, Text
from core.contracts.text import (
    content_from_json,
    content_to_json,
    from_plain,
    measure,
    offer_from_json,
    offer_to_json,
    plain,
)
from core.conversations.cutting import Piece, pieces
from core.conversations.models import StoredAttachment
from core.conversations.presenting import choices_of, presented
from core.desk.preflight import check
from core.storage.ids import new_id
from tests.core.test_windows import GRANTED, an_address

ASKED = from_plain("Which colour?")
LIST = Capabilities(max_text=4_096, max_choices=3, max_list=10, choice_label=20, list_label=24, max_choice_text=1_024)
PLAIN = Capabilities(max_text=160)
CARDS = CardLimits(most=10, fewest=2, title=80, text=80, buttons=3)


def offers(*labels: str) -> Content:
    return Content(choices=tuple(Choice(value=f"v{number}", label=one) for number, one in enumerate(labels, 1)))


def colours(count: int) -> Content:
    return offers(*(f"Colour {number}" for number in range(1, count + 1)))


def a_file(position: int = 0) -> StoredAttachment:
    return StoredAttachment(
        id=new_id(),
        message_id=new_id(),
        position=position,
        kind="image",
        name="lamp.png",
        mime="image/png",
        size=10,
        alt="",
        holder="",
        source=None,
        sha256="00",
        problem=None,
    )


@pytest.mark.parametrize("count", [1, 3, 4, 10])
def test_buttons_then_a_list(count: int) -> None:
    shows = presented(ASKED, colours(count), LIST)
    assert (shows.body, shows.choices, shows.numbered) == (ASKED, colours(count).choices, False)


@pytest.mark.parametrize(("count", "has"), [(11, LIST), (1, PLAIN), (20, PLAIN)])
def test_then_numbered_text(count: int, has: Capabilities) -> None:
    shows = presented(ASKED, colours(count), has)
    assert shows.numbered
    assert not shows.choices
    assert plain(shows.body).splitlines() == ["Which colour?", "", *(f"{n}. Colour {n}" for n in range(1, count + 1))]


def test_a_label_that_is_too_long_stands_whole_in_the_text() -> None:
    long = "Delivered to a neighbour on the second floor"
    shows = presented(ASKED, offers(long, "At home"), LIST)
    assert [choice.label for choice in shows.choices] == ["Delivered to a neig…", "At home"]
    assert [choice.value for choice in shows.choices] == ["v1", "v2"]
    assert plain(shows.body).endswith(f"1. {long}\n2. At home")
    assert all(len(choice.label) <= 20 for choice in shows.choices)


def test_labels_that_would_read_the_same_are_told_apart() -> None:
    shows = presented(ASKED, offers("Delivered to a neighbour left", "Delivered to a neighbour right"), LIST)
    labels = [choice.label for choice in shows.choices]
    assert labels == ["1. Delivered to a n…", "2. Delivered to a n…"]
    assert "1. Delivered to a neighbour left" in plain(shows.body)


def test_a_cut_label_keeps_its_last_character_whole() -> None:
    [choice] = presented(ASKED, offers("👩‍👩‍👧‍👦" * 6), LIST).choices
    assert choice.label in ("👩‍👩‍👧‍👦👩‍👩‍👧‍👦…", "👩‍👩‍👧‍👦…")


def test_clients_without_buttons_read_the_choices() -> None:
    has = Capabilities(max_text=1_000, text_unit=TextUnit.BYTE, max_choices=13, choice_label=20, choices_in_text=True)
    shows = presented(ASKED, colours(2), has)
    assert len(shows.choices) == 2
    assert "2. Colour 2" in plain(shows.body)


def test_what_offers_goes_last_and_its_text_is_short_enough() -> None:
    body = from_plain("\n\n".join("word " * 300 for _ in range(3)))
    files = [a_file(0), a_file(1)]
    cut = pieces(body, files, LIST, colours(3))
    assert [piece.attachment for piece in cut] == [None, None, 0, 1, None]
    assert [bool(piece.choices) for piece in cut] == [False, False, False, False, True]
    assert cut[-1].text is not None
    assert len(plain(cut[-1].text)) <= 1_024
    words = " ".join(plain(piece.text) for piece in cut if piece.text).split()
    assert words == plain(body).split()


def test_nothing_changes_for_a_message_that_offers_nothing() -> None:
    assert pieces(ASKED, [], LIST) == pieces(ASKED, [], LIST, Content()) == [Piece(text=ASKED, attachment=None)]


LAMP = OfferedCard(
    title="Lamp",
    text="Bright.",
    picture_url="https://shop.example/lamp.png",
    links=(CardButton(label="See it", url="https://shop.example/lamp"),),
    choices=(Choice(value="lamp", label="Buy"),),
)
DESK = OfferedCard(title="Desk", choices=(Choice(value="desk", label="Buy"),))


def test_cards_where_the_channel_has_them() -> None:
    carousel = Content(cards=(LAMP, DESK))
    has = Capabilities(max_text=2_000, cards=CARDS)
    assert pieces(ASKED, [], has, carousel) == [
        Piece(text=ASKED, attachment=None),
        Piece(text=None, attachment=None, cards=(LAMP, DESK)),
    ]
    together = Capabilities(max_text=2_000, cards=CardLimits(most=10, title=80, text=80, buttons=3, with_text=True))
    assert pieces(ASKED, [], together, carousel) == [Piece(text=ASKED, attachment=None, cards=(LAMP, DESK))]


@pytest.mark.parametrize(
    "limits",
    [
        None,
        CardLimits(most=1, title=80, text=80, buttons=3),
        CardLimits(most=9, title=3, text=80, buttons=3),
        CardLimits(most=9, title=80, text=3, buttons=3),
        CardLimits(most=9, title=80, text=80, buttons=1),
        CardLimits(most=9, title=80, text=80, buttons=3, pictures=True),
    ],
)
def test_else_a_card_is_text_with_links_and_numbers(limits: CardLimits | None) -> None:
    carousel = Content(cards=(LAMP, DESK))
    shows = presented(ASKED, carousel, Capabilities(max_text=2_000, cards=limits))
    assert shows.flattened
    assert not shows.cards
    assert plain(shows.body) == (
        "Which colour?\n\nLamp\n\nBright.\n\nSee it (https://shop.example/lamp)\n\nDesk\n\n1. Lamp: Buy\n2. Desk: Buy"
    )
    assert shows.body.blocks[1] == Paragraph(inlines=(Text(text="Lamp", marks=frozenset({Mark.BOLD})),))
    assert [choice.value for choice in choices_of(carousel)] == ["lamp", "desk"]


def test_a_form_is_asked_in_numbered_lines() -> None:
    form = Content(form=(Question(label="Your name"), Question(label="Order number", hint="begins with #")))
    shows = presented(from_plain("Please tell us:"), form, LIST)
    assert plain(shows.body) == "Please tell us:\n\n1. Your name\n2. Order number (begins with #)"


def test_an_offer_survives_the_database() -> None:
    content = Content(
        body=ASKED, choices=colours(2).choices, cards=(LAMP,), form=(Question(label="Name", hint="full"),)
    )
    assert content_from_json(content_to_json(content), lambda _: None) == content
    assert offer_from_json(offer_to_json(content)).cards == (LAMP,)
    assert offer_to_json(Content(body=ASKED)) == {}
    broken = {"choices": [1, {"label": "x"}], "cards": "no", "form": [None]}
    assert offer_from_json(broken) == Content(choices=(Choice(value="", label="x"),))
    evil = {"cards": [{"title": "x", "picture_url": "javascript:1", "links": [{"label": "y", "url": "javascript:1"}]}]}
    assert offer_from_json(evil).cards == (OfferedCard(title="x"),)


COSTLY = Capabilities(max_text=400, max_caption=100, media={MediaKind.IMAGE: 1_000}, costly=True)
CHEAP = Capabilities(max_text=400, max_caption=100, media={MediaKind.IMAGE: 1_000})


def test_what_costs_is_sent_in_the_fewest_messages() -> None:
    # Cheap cuts go between paragraphs, which takes one message more here.
    body = from_plain("\n\n".join(["one " * 60, "two " * 60, "three " * 45]))
    assert len(plain(body)) <= 800
    assert (len(pieces(body, [], CHEAP)), len(pieces(body, [], COSTLY))) == (3, 2)
    words = " ".join(plain(piece.text) for piece in pieces(body, [], COSTLY) if piece.text).split()
    assert words == plain(body).split()


@given(st.lists(st.text(alphabet="ab. \n", min_size=1, max_size=300), min_size=1, max_size=6))
def test_it_is_never_more_of_them_and_no_word_is_lost(paragraphs: list[str]) -> None:
    body = from_plain("\n\n".join(paragraphs))
    cheap, costly = pieces(body, [], CHEAP), pieces(body, [], COSTLY)
    assert len(costly) <= len(cheap)
    told = ["".join("".join(plain(piece.text).split()) for piece in cut if piece.text) for cut in (cheap, costly)]
    assert told[0] == told[1]


def test_the_rest_of_the_words_stands_beside_a_file_where_messages_cost() -> None:
    body = from_plain("word " * 90)
    assert [piece.attachment for piece in pieces(body, [a_file()], COSTLY)] == [None, 0]
    assert [piece.attachment for piece in pieces(body, [a_file()], CHEAP)] == [None, None, 0]


@pytest.mark.parametrize("fewest", [False, True])
def test_no_link_code_or_character_is_cut(fewest: bool) -> None:
    has = Capabilities(max_text=60, text_unit=TextUnit.BYTE, costly=fewest)
    link, code = "https://shop.example/a/long/way/to/the/lamp", "threadbridge check --all"
    inlines: list[Inline] = []
    for number in range(30):
        inlines += [Text(text=f"Look {number} 👩‍👩‍👧‍👦 "), Link(url=link, label=link), Text(text=" and ")]
        inlines += [Text(text=code, marks=frozenset({Mark.CODE})), Text(text=". ")]
    cut = pieces(Document(blocks=(Paragraph(inlines=tuple(inlines)),)), [], has)
    texts = [plain(piece.text) for piece in cut if piece.text]
    assert all(measure(text, TextUnit.BYTE) <= 60 for text in texts)
    whole = "\n".join(texts)
    assert (whole.count(link), whole.count(code), whole.count("👩‍👩‍👧‍👦")) == (30, 30, 30)


def test_the_agent_is_told_what_will_change() -> None:
    address = an_address(ago=timedelta(days=3))

    def told(content: Content, has: Capabilities) -> str:
        return "\n".join(check(address, has, content, address.seen_at).warnings)

    assert not told(Content(body=ASKED, choices=colours(3).choices), LIST)
    assert "numbered text" in told(Content(body=ASKED, choices=colours(3).choices), PLAIN)
    assert "shows 10 choices at most" in told(Content(body=ASKED, choices=colours(11).choices), LIST)
    assert "too long for this channel's buttons" in told(Content(body=ASKED, choices=offers("x" * 21).choices), LIST)
    assert "text with links" in told(Content(body=ASKED, cards=(LAMP,)), PLAIN)
    long = from_plain("word " * 100)
    assert told(Content(body=long), PLAIN).endswith("it goes out as 4 messages, in order.")
    assert told(Content(body=long), COSTLY).endswith("it goes out as 2 messages, in order, and each of them costs.")
    assert "marked as written by a person, which this channel allows for 7 days" in told(Content(body=ASKED), GRANTED)
    assert check(address, LIST, colours(2), address.seen_at).refusal == "choices need a question above them."
