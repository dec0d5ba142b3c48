"""Updates mean what the examples say; whatever customers write stays text, whole and bounded."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.telegram.markup import read, write
from core.contracts.bridge import MessageReceived
from core.contracts.content import TextUnit
from core.contracts.errors import RequestRejected
from core.contracts.richtext import (
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
from core.contracts.text import measure, normalise, plain
from sandbox.telegram import TelegramSandbox
from tests.bridges.examples import as_json, examples, settings
from tests.bridges.telegram_accounts import Account, account
from tests.judges.telegram import check_updates

EXAMPLES = examples("telegram")


@pytest.fixture
def bot(session: aiohttp.ClientSession, tmp_path: Path) -> Account:
    """An account that nothing is sent through."""
    return account(TelegramSandbox(), session, tmp_path, **settings("telegram"))


@pytest.mark.parametrize("name", EXAMPLES)
async def test_examples(bot: Account, name: str) -> None:
    example = EXAMPLES[name]
    found = [as_json(event) for event in await bot.bridge.parse(json.dumps(example["item"]).encode())]
    for event in found:
        if event["event"] == "ChoiceMade":  # A press carries no time.
            event["at"] = example["events"][0]["at"]
    assert json.loads(json.dumps(found)) == example["events"]


@pytest.mark.judges
async def test_the_examples_are_updates_as_aiogram_knows_them() -> None:
    updates = {name: example["item"] for name, example in EXAMPLES.items()}
    assert await asyncio.to_thread(check_updates, updates) == {name: [] for name in updates}


def test_each_kind_of_event_has_an_example() -> None:
    kinds = {event["event"] for example in EXAMPLES.values() for event in example["events"]}
    assert kinds == {"MessageReceived", "MessageEdited", "ChoiceMade", "ReachabilityChanged"}


async def received(bot: Account, text: str, entities: Any = ()) -> MessageReceived:
    item = json.loads(json.dumps(EXAMPLES["text"]["item"]))
    item["message"] |= {"text": text, "entities": list(entities)}
    (event,) = await bot.bridge.parse(json.dumps(item).encode())
    assert isinstance(event, MessageReceived)
    return event


@pytest.mark.parametrize(
    "text",
    ["a" * 1_000_000, "\n" * 50_000 + "x", "🙂" * 300_000, "e" + "\u0301" * 100_000, "https://" + "a" * 900_000],
    ids=["line", "newlines", "emoji", "marks", "address"],
)
async def test_huge_text_is_bounded_and_quick(bot: Account, text: str) -> None:
    many = [{"type": kind, "offset": 0, "length": 10**6} for kind in ("url", "bold", "text_link", "email")] * 500
    began = time.process_time()
    event = await received(bot, text, [{**entity, "url": text} for entity in many[:20]] + many)
    assert time.process_time() - began < 3
    assert 0 < len(plain(event.content.body)) <= 100_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\ud800b\udc00", "a\ufffdb\ufffd"),
        ("a\0b\x07c", "abc"),
        ("<!channel> <@U1> *b* <script>", "<!channel> <@U1> *b* <script>"),
        ("abc\u202edef", "abcdef"),
        ("/started", "/started"),
        ("/start\nx", "/start"),
        ("say /start x", "say /start x"),
    ],
)
async def test_odd_text_is_text(bot: Account, text: str, expected: str) -> None:
    assert plain((await received(bot, text)).content.body) == expected


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("/start Ab_-9", "Ab_-9"),
        ("/start", ""),
        ("/start ", ""),
        ("/start a b", ""),
        ("/start a\n", ""),
        (f"/start {'x' * 65}", ""),
        ("/start äh", ""),
        ("say /start x", ""),
        ("/started x", ""),
    ],
)
async def test_what_a_link_carried_is_kept_apart_from_what_she_says(bot: Account, text: str, token: str) -> None:
    event = await received(bot, text)
    assert event.proof_token == token
    assert not token or token not in plain(event.content.body)


BROKEN: list[Any] = [
    {"type": "bold", "offset": -5, "length": 3},
    {"type": "bold", "offset": 99, "length": 10**30},
    {"type": "bold", "offset": 4, "length": -2},
    {"type": "bold", "offset": "0", "length": None},
    {"type": ["bold"], "offset": 0, "length": 1},
    {"type": "pre", "offset": 0},
    {"type": "text_link", "offset": 0, "length": 2, "url": "javascript:alert(1)"},
    {"type": "text_link", "offset": 0, "length": 2, "url": ["https://example.com"]},
    {"type": "text_link", "offset": 0, "length": 2},
    {"type": "url", "offset": 0, "length": 5},
    {"type": "mention", "offset": 0, "length": 5},
    "bold",
    None,
]


async def test_entities_that_fit_nowhere_leave_the_text_whole(bot: Account) -> None:
    text = "x 🙂 y"
    for entity in BROKEN:
        event = await received(bot, text, [entity])
        assert plain(event.content.body) == text, entity
        assert not any(isinstance(run, Link) for run in _runs(event.content.body)), entity
    assert plain((await received(bot, text, BROKEN)).content.body).strip() == text


async def test_entities_never_cut_a_character_in_half(bot: Account) -> None:
    event = await received(bot, "a🙂b", [{"type": "bold", "offset": 2, "length": 2}])
    assert _runs(event.content.body) == [Text(text="a"), Text(text="🙂b", marks=frozenset({Mark.BOLD}))]


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"update_id":1,"message":{"chat":{"type":"private"}}}', b"\xff"])
async def test_what_cannot_be_read_fails_alone_or_means_nothing(bot: Account, raw: bytes) -> None:
    """The core quarantines an item whose parse fails."""
    with pytest.raises((RequestRejected, KeyError, TypeError)):
        await bot.bridge.parse(raw)


@pytest.mark.parametrize("kind", ["poll_answer", "channel_post", "edited_business_message", "something_new"])
async def test_updates_that_were_not_asked_for_mean_nothing(bot: Account, kind: str) -> None:
    assert await bot.bridge.parse(json.dumps({"update_id": 7, kind: {"x": 1}}).encode()) == []


def _runs(body: Document) -> list[Any]:
    return [run for block in body.blocks for run in getattr(block, "inlines", ())]


def squeezed(text: str) -> str:
    return "".join(normalise(text).split())


def seen(body: Document) -> str:
    """What a reader sees, without the bullets and brackets of plain text."""
    parts = []
    for block in body.blocks:
        runs = [Text(text=block.text)] if isinstance(block, CodeBlock) else getattr(block, "inlines", ())
        parts.extend(run.text if isinstance(run, Text) else run.label for run in runs)
    return "".join(parts)


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"]), min_size=1, max_size=12).filter(str.strip)
MARKS = st.frozensets(st.sampled_from(Mark), max_size=3)
INLINES = st.lists(
    st.one_of(
        st.builds(Text, text=WORDS, marks=MARKS),
        st.builds(Link, url=st.sampled_from(["https://example.com/ü", "mailto:a@b.c"]), label=WORDS, marks=MARKS),
        st.builds(Mention, kind=st.just("user"), id=st.just("U1"), label=WORDS),
    ),
    min_size=1,
    max_size=5,
).map(tuple)
ITEMS = st.lists(
    st.builds(ListItem, inlines=INLINES, depth=st.integers(0, 9), ordered=st.booleans()), min_size=1, max_size=4
).map(tuple)
DOCUMENTS = st.builds(
    Document,
    blocks=st.lists(
        st.one_of(
            st.builds(Paragraph, inlines=INLINES),
            st.builds(Heading, level=st.integers(1, 6), inlines=INLINES),
            st.builds(Quote, inlines=INLINES),
            st.builds(CodeBlock, text=WORDS, language=st.sampled_from(["", "c"])),
            st.builds(ListBlock, items=ITEMS),
        ),
        max_size=5,
    ).map(tuple),
)


@given(DOCUMENTS)
def test_what_is_written_fits_and_its_entities_too(document: Document) -> None:
    text, entities = write(document)
    size = measure(text, TextUnit.UTF16)
    assert size <= measure(plain(document), TextUnit.UTF16), "the core cuts by the plain text"
    raw = text.encode("utf-16-le")
    for entity in entities:
        assert 0 <= entity["offset"] < entity["offset"] + entity["length"] <= size
        raw[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode("utf-16-le")
    codes = [entity for entity in entities if entity["type"] == "code"]
    for code in codes:
        same = [entity for entity in entities if entity["offset"] == code["offset"]]
        assert {entity["type"] for entity in same} <= {"code", "blockquote"}, "code stands alone"
    assert squeezed(seen(read(text, entities))) == squeezed(text)


# Direction changes are closed at the end of a run, so there may be more of them than before.
@given(
    st.text(st.characters(exclude_categories=["Cf"]), max_size=40),
    st.lists(st.tuples(st.integers(-3, 50), st.integers(-3, 50)), max_size=6),
)
def test_reading_never_loses_text(text: str, places: list[tuple[int, int]]) -> None:
    kinds = ("bold", "pre", "code", "blockquote", "url", "spoiler")
    entities = [
        {"type": kind, "offset": offset, "length": length}
        for kind, (offset, length) in zip(kinds, places, strict=False)
    ]
    found = read(text, entities)
    assert squeezed(seen(found)) == squeezed(text)
