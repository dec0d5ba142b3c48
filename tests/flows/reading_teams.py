"""Reads the sandbox's Teams as a person would: which threads there are, and what stands in them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from sandbox.stage import Stage
from sandbox.teams import cards
from sandbox.teams.wire import ADAPTIVE_CARD
from tests.flows.conftest import settled, until

Json = dict[str, Any]


async def installed(stage: Stage) -> None:
    """Until we know the team: a message that is earlier waits for the next look at the rooms."""
    await until(lambda: sum(call.path.endswith("pagedmembers") for call in stage.teams.calls) >= 2, "the installation")
    await settled(stage)


def threads(stage: Stage, room: str | None = None) -> list[Json]:
    """The opening posts of ours, oldest first; what is told to the operator in the room has no buttons."""
    messages = stage.teams.messages(room or stage.customers)
    return [one for one in messages if one["is_bot"] and one["id"] == one["root"] and buttons(one)]


def buttons(message: Json) -> list[str]:
    """The titles of a message's buttons, as everybody sees it."""
    return [str(button.get("title")) for card in _cards(message) for button in cards.buttons(card)]


def thread(stage: Stage, opening: Json, room: str | None = None) -> list[Json]:
    """The opening post and what stands beneath it."""
    return stage.teams.thread(room or stage.customers, opening["id"])


def said(stage: Stage, opening: Json, room: str | None = None) -> list[str]:
    """The words of every post beneath an opening, in order; the opening itself shows only a preview."""
    return [words(post) for post in thread(stage, opening, room)[1:]]


def find(stage: Stage, opening: Json, text: str, room: str | None = None) -> Json | None:
    """The latest post beneath an opening with these words."""
    return next((post for post in reversed(thread(stage, opening, room)[1:]) if text in words(post)), None)


def told(stage: Stage, user: str) -> list[str]:
    """What was said to this person alone."""
    return [words(one) for one in stage.teams.targeted(user)]


def words(message: Json) -> str:
    """What a message says: the words of its card, block by block, else its own."""
    if shown := _cards(message):
        return "\n".join(line for card in shown for line in card_words(card))
    return html.unescape(re.sub("<[^>]*>", "", message["html"]))


def card_words(card: Any) -> Iterator[str]:
    """The words of each block of a card, in reading order, without its buttons."""
    if isinstance(card, list):
        for inner in card:
            yield from card_words(inner)
    elif isinstance(card, dict):
        if card.get("type") == "RichTextBlock":
            yield "".join(one if isinstance(one, str) else str(one["text"]) for one in card["inlines"])
        elif card.get("type") == "TextBlock":
            yield str(card["text"])
        for name, inner in card.items():
            if name not in {"actions", "inlines"}:
                yield from card_words(inner)


def _cards(message: Json) -> list[Json]:
    return [one["content"] for one in message["attachments"] if one.get("contentType") == ADAPTIVE_CARD]
