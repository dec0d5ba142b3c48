"""Customers who mean harm, or merely write much: readable in Teams, under its size limit, and nobody is mentioned."""

from __future__ import annotations

import itertools
import json
import random
import re
import unicodedata
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from core import discovery
from core.contracts.text import normalise
from sandbox.play.customers import MailCustomer
from sandbox.stage import Options, Stage
from sandbox.teams import cards
from tests.flows.conftest import settled, until
from tests.flows.hostile import NAMES, VILLAINS, WORDS, mark
from tests.flows.reading_teams import Json, card_words, installed, said, threads, words

CHANNELS = [name for name in ("webchat", "telegram", "email") if name in discovery.bridges()]
#: Microsoft's own limit is about 100 KB; https://learn.microsoft.com/microsoftteams/platform/bots/how-to/format-your-bot-messages
MOST_BYTES = 80 * 1024
ROOMS = 10
ROUTES = "\n".join(
    f'[[routes]]\nname = "r{number}"\nrooms = ["care/#r{number}"]\nwhen = {{ words = ["room-{number}."] }}'
    for number in range(ROOMS)
)
ARABIC = "مرحبا، أين طلبي رقم 4711؟ دفعت 20 € يوم الاثنين، شكرًا!"
EMOJI = "👍🏽👨\u200d👩\u200d👧🇺🇦❤️🎉" * 8
TABLE = "| Article | Price |\n|---|---|\n| Kettle | 49.00 |\n| Cup, blue | 9.50 |"
HOSTILE = {
    **{name: text for name, text in WORDS.items() if name != "U+0000"},
    "mentions of Teams": '<at>everyone</at> <at id="0">Bea Novak</at> @everyone @Bea Novak @channel @team',
    "Markdown": "# Head\n**bold** _it_ `code` [bank](https://evil.test) ![x](https://evil.test/p.png)\n1. a\n- b\n> q",
    "HTML": "<b>bold</b> <a href='https://evil.test'>bank.test</a> <img src='https://evil.test/p.png'>",
    "a card": '{"type": "AdaptiveCard", "body": [{"type": "Image", "url": "https://evil.test/p.png"}]}',
    "templates": "${$root.secret} {{DATE(2026-01-01T00:00:00Z)}} {{TIME(2026-01-01T00:00:00Z)}}",
    "Arabic": ARABIC,
    "emoji": EMOJI,
    "a table": TABLE,
}


class Care(Stage):
    """Rooms enough that no story waits for another's rate."""

    def _furnish_teams(self) -> None:
        super()._furnish_teams()
        self.rooms = [self.teams.add_channel(self.team, f"r{number}") for number in range(ROOMS)]
        self._turns = itertools.cycle(range(ROOMS))

    def turn(self) -> tuple[str, str]:
        """Words that open a thread where there is room, and that room."""
        number = next(self._turns)
        return f"room-{number}.", self.rooms[number]


@pytest.fixture(scope="module")
async def care(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Care]:
    options = Options(
        hold_seconds=0.0, limits=False, teams=True, rooms=("care/#customers",), channels=tuple(CHANNELS), extra=ROUTES
    )
    async with Care(tmp_path_factory.mktemp("hostile"), options) as stage:
        await installed(stage)
        yield stage


def _below(stage: Stage, room: str, beginning: str) -> list[str]:
    """The words of the posts of the thread that opens with these words."""
    openings = [one for one in threads(stage, room) if beginning in words(one)]
    return said(stage, openings[0], room) if openings else []


def _harmless(stage: Stage) -> None:
    """Nothing that was ever posted mentions, links or shows what a customer put there, or is larger than it may be."""
    assert stage.teams.calls
    for call in stage.teams.calls:
        if call.name not in ("post", "reply", "edit", "targeted") or not isinstance(call.body, dict):
            continue
        assert call.status in (200, 201), (call.name, call.status, call.answer)
        bare = {**call.body, "attachments": [one for one in call.body["attachments"] if "card" in one["contentType"]]}
        assert len(json.dumps(bare).encode("utf-16-le")) <= MOST_BYTES
        assert not call.body.get("entities")
        assert not call.body.get("text")
        for element in _elements(call.body["attachments"]):
            assert "entities" not in element.get("msteams", {})
            if element["type"] == "TextBlock":
                # Markdown is read in it, so it holds our own words alone.
                assert "evil" not in element["text"]
            if element["type"] == "Image":
                assert "evil" not in element["url"]
            for one in element.get("inlines", ()) if element["type"] == "RichTextBlock" else ():
                url = (one.get("selectAction") or {}).get("url", "") if isinstance(one, dict) else ""
                # A link of a customer's says where it leads.
                assert "evil.test" not in url or "evil.test" in _line(element), element


def _elements(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        if isinstance(value.get("type"), str):
            yield value
        for inner in value.values():
            yield from _elements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _elements(inner)


def _line(block: Json) -> str:
    return "".join(one if isinstance(one, str) else one["text"] for one in block["inlines"])


@pytest.mark.parametrize("channel", CHANNELS)
async def test_hostile_words(care: Care, channel: str) -> None:
    opens, room = care.turn()
    beginning = f"words-{channel}."
    texts = {**HOSTILE, "U+0000": WORDS["U+0000"]}
    async with VILLAINS[channel](care).called("Vera") as villain:
        await villain.says(f"{beginning} {opens}")
        await until(lambda: _below(care, room, beginning), "the thread")
        for name in texts:
            # Each mail is a file of its own, so all of them are one.
            if channel != "email":
                await villain.says(f"{texts[name]} {mark(name)}")
        if channel == "email":
            await villain.says("\n\n".join(f"{text} {mark(name)}" for name, text in texts.items()))
        await until(lambda: mark("a table") in "\n".join(_below(care, room, beginning)), "all of them", 30)
    shown = "\n".join(_below(care, room, beginning))
    for name in texts:
        assert mark(name) in shown
    letter_by_letter = ("mentions of Teams", "a card", "templates", "Arabic", "emoji", "mentions", "emphasis")
    for name in letter_by_letter:
        assert _bare(texts[name]) in _bare(shown), name
    if channel != "email":
        assert _bare(texts["HTML"]) in _bare(shown)
    for cell in ("Article", "Kettle", "49.00", "Cup, blue", "9.50"):
        assert cell in shown
    assert "\x00" not in shown
    assert not re.search("[\ud800-\udfff]", shown)
    _harmless(care)


def _bare(text: str) -> str:
    """Without blanks and what only sets direction: how it looks is the card's business."""
    return "".join(one for one in normalise(text) if not one.isspace() and unicodedata.category(one) != "Cf")


@pytest.mark.parametrize("channel", CHANNELS)
async def test_names_are_only_names(care: Care, channel: str) -> None:
    for number, name in enumerate([*NAMES.values(), "<at>everyone</at> **Bea**"]):
        opens, room = care.turn()
        async with VILLAINS[channel](care).called(name) as villain:
            beginning = f"name-{channel}-{number}."
            await villain.says(f"{beginning} {opens}")
            await until(lambda room=room, beginning=beginning: _below(care, room, beginning), "the thread")
    _harmless(care)


async def test_a_mail_of_100_kb(care: Care) -> None:
    """Its beginning stands in the thread, more in a dialog, and the whole behind a link."""
    opens, room = care.turn()
    whole = f"long-mail. {opens}\n" + "\n".join(
        f"Line {number} of “a” <b>very</b> long mail 🙂" for number in range(2_600)
    )
    assert len(whole.encode()) > 100_000
    customer = MailCustomer(care.mail, "Longina")
    await customer.writes(whole)
    await until(lambda: len(_below(care, room, "long-mail.")) >= 4, "its beginning", 30)
    [opening] = [one for one in threads(care, room) if "long-mail." in words(one)]

    def full() -> str | None:
        posts = care.teams.thread(room, opening["id"])
        return next((one["id"] for one in posts if "Show full message" in _titles(one)), None)

    post = await until(full, "the button")
    await settled(care)
    shown = "\n".join(_below(care, room, "long-mail."))
    assert "Line 0 of “a” <b>very</b> long mail 🙂" in shown
    assert shown.count("Line 150 of") == 1
    pressed = await care.teams.person_presses(care.care_bea, room, post, "Show full message")
    assert pressed.dialog is not None
    assert pressed.seconds < 4
    assert len(json.dumps(pressed.body).encode("utf-16-le")) <= MOST_BYTES
    text = "\n".join(card_words(pressed.dialog["card"]))
    assert "Line 300 of" in text
    [address] = re.findall(r"http://127\.0\.0\.1:\d+/files/\S+", text)
    async with aiohttp.ClientSession() as session, session.get(address.rstrip(".")) as file:
        assert "Line 2599 of “a” <b>very</b> long mail 🙂" in await file.text()
    care.teams.person_closes_dialog(care.care_bea)
    _harmless(care)


def _titles(message: Json) -> list[str]:
    found = [one["content"] for one in message["attachments"] if "card" in one["contentType"]]
    return [str(button.get("title")) for card in found for button in cards.buttons(card)]


async def test_anything_at_all_is_shown(care: Care) -> None:
    """Words of every script and of Markdown's and HTML's signs, from a seed that a failure names."""
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    opens, room = care.turn()
    signs = "<>&*_~`#[]()!|\\/{}$@:;\"' \n\t-+.0aéßЖ中文ع\u0301\u200d👍🏽🇺\ufffd\u2028"
    texts = ["".join(dice.choices(signs, k=dice.randint(1, 400))).strip() for _ in range(12)]
    async with VILLAINS["webchat"](care).called("Fuzzy") as villain:
        await villain.says(f"fuzz. {opens}")
        await until(lambda: _below(care, room, "fuzz."), "the thread")
        for number, text in enumerate(texts):
            await villain.says(f"{text} {mark(str(number))}")
        await until(lambda: mark("11") in "\n".join(_below(care, room, "fuzz.")), f"all, seed {seed}", 30)
    shown = _bare("\n".join(_below(care, room, "fuzz.")))
    for text in texts:
        assert _bare(text) in shown, f"seed {seed}: {text!r}"
    _harmless(care)
