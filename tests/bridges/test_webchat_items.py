"""What a visitor's gestures become, and what is drawn for her, without a server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import bridges.webchat
from bridges.webchat.items import read_item, to_events
from bridges.webchat.limits import Buckets
from bridges.webchat.protocol import MAX_FRAME, ProtocolError, Send, decode
from bridges.webchat.render import to_tree
from core.contracts import bridge
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
from tests.bridges.webchat_runtime import MemoryCore, MemoryFiles

EXAMPLES = sorted((Path(bridges.webchat.__file__).parent / "examples").glob("*.json"))
#: A time without its zone says nothing.
NAIVE = b'{"at": "2026-11-23T09:31:00", "visitor": {"external_id": "x"}, "frame": {"type": "typing"}}'


def holds(wanted: Mapping[str, Any], actual: Any) -> None:
    """Every field that the example names is as it says."""
    for name, value in wanted.items():
        if name == "type":
            assert type(actual).__name__ == value
        elif name == "text":
            assert "".join(run.text for block in actual.content.body.blocks for run in block.inlines) == value
        elif name == "sender":
            holds(value, actual.sender)
        else:
            field = getattr(actual, name)
            field = list(field) if isinstance(field, tuple) else field
            assert (field.value if isinstance(field, Enum) else field) == value, name


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_become_the_events_they_promise(path: Path, tmp_path: Path) -> None:
    example = json.loads(path.read_text(encoding="utf-8"))
    item = read_item(json.dumps(example["item"]).encode())
    # Written down and read again, as after a quarantine, it is the same.
    assert read_item(item.raw()) == item
    events = to_events(item, MemoryFiles(tmp_path))
    assert len(events) == len(example["events"])
    for wanted, event in zip(example["events"], events, strict=True):
        holds(wanted, event)
        assert event.at == datetime.fromisoformat(example["item"]["at"])


@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff", b'{"v": 2}', b'{"v": 1, "frame": {"type": "hello"}}', NAIVE])
def test_an_item_that_is_not_ours_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"validation error|Expecting|decode"):
        read_item(raw)


def test_every_kind_of_text_is_drawn_as_data() -> None:
    body = Document(
        blocks=(
            Paragraph(
                inlines=(
                    Text(text="<b>", marks=frozenset({Mark.ITALIC, Mark.BOLD})),
                    Link(url="https://x.example", label=""),
                    Mention(kind="user", id="U1", label="@Ada"),
                )
            ),
            Heading(level=2, inlines=(Text(text="H"),)),
            Quote(inlines=(Text(text="Q"),)),
            CodeBlock(text="x = 1", language="python"),
            ListBlock(items=(ListItem(inlines=(Text(text="a"),), depth=1, ordered=True, number=3),)),
        )
    )
    assert to_tree(body) == [
        {
            "t": "paragraph",
            "c": [
                {"s": "<b>", "m": ["bold", "italic"]},
                {"s": "https://x.example", "u": "https://x.example", "m": []},
                {"s": "@Ada", "m": ["bold"]},
            ],
        },
        {"t": "heading", "level": 2, "c": [{"s": "H"}]},
        {"t": "quote", "c": [{"s": "Q"}]},
        {"t": "code", "s": "x = 1", "lang": "python"},
        {"t": "list", "items": [{"c": [{"s": "a"}], "depth": 1, "n": 3}]},
    ]


def test_the_longest_message_fits_however_it_is_written() -> None:
    for char in ("a", "\n", "語", "🙂", "\x01"):
        data = json.dumps({"type": "send", "client_id": "12345678", "text": char * 10_000})
        assert len(data) < MAX_FRAME
        frame = decode(data)
        assert isinstance(frame, Send)
        assert len(frame.text) == 10_000


def test_a_newer_widget_may_say_more_than_we_know() -> None:
    assert isinstance(decode('{"type": "send", "client_id": "12345678", "text": "x", "mood": "good"}'), Send)


def test_a_refusal_names_whose_frame_it_was() -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(json.dumps({"type": "send", "client_id": "12345678", "text": "a" * 10_001}))
    assert caught.value.frame() == {
        "type": "error",
        "code": "too_long",
        "message": "A message of 10001 characters is over the limit of 10000.",
        "client_id": "12345678",
    }


def test_buckets_fill_again_and_forget_the_oldest() -> None:
    now = 0.0
    buckets = Buckets(burst=2, gap=3.0, keys=2, clock=lambda: now)
    assert [buckets.wait("a"), buckets.wait("a"), buckets.wait("a")] == [0.0, 0.0, 3.0]
    now = 2.0
    assert buckets.wait("a") == 1.0
    now = 3.0
    assert [buckets.wait("a"), buckets.wait("a")] == [0.0, 3.0]
    for key in ("b", "c"):
        assert buckets.wait(key) == 0.0
    assert buckets.wait("a") == 0.0, "forgotten, so full again"


@pytest.mark.parametrize(
    "verb",
    [bridge.ServesRoutes, bridge.FollowsTranscript, bridge.ShowsTyping, bridge.Edits, bridge.Deletes, bridge.Reacts],
    ids=lambda v: v.__name__,
)
async def test_it_can_do_what_its_capabilities_say(tmp_path: Path, verb: type) -> None:
    core = MemoryCore(folder=tmp_path, settings={"origins": ["https://shop.example"]})
    async with aiohttp.ClientSession() as http:
        await core.start(http)
        assert isinstance(core.bridge, verb)
        assert "https://shop.example" in await core.bridge.check()
