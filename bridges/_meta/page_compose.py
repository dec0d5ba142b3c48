"""Puts messages together as the Send API of Messenger and Instagram takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.contracts.content import CardLimits, Choice, OfferedCard
from core.contracts.text import cut

Json = Mapping[str, Any]

# https://developers.facebook.com/docs/messenger-platform/send-messages/quick-replies, and /template/button and /generic
MAX_QUICK_REPLIES, MAX_BUTTONS, MAX_BUTTON_TEXT, MAX_LABEL = 13, 3, 640, 20
CARDS = CardLimits(most=10, title=80, text=80, buttons=MAX_BUTTONS, label=MAX_LABEL)


def words(text: str, choices: Sequence[Choice], *, buttons: bool) -> dict[str, Any]:
    """Text with what it offers: buttons that stay, where the channel has them; else replies that go once used."""
    if buttons and 0 < len(choices) <= MAX_BUTTONS and len(text) <= MAX_BUTTON_TEXT:
        payload = {"template_type": "button", "text": text, "buttons": [_postback(one) for one in choices]}
        return {"attachment": {"type": "template", "payload": payload}}
    return {"text": text} | quick_replies(choices)


def quick_replies(choices: Sequence[Choice]) -> dict[str, Any]:
    replies = [{"content_type": "text", "title": one.label, "payload": one.value} for one in choices]
    return {"quick_replies": replies} if replies else {}


def cards(offered: Sequence[OfferedCard]) -> dict[str, Any]:
    payload = {"template_type": "generic", "elements": [_element(one) for one in offered]}
    return {"attachment": {"type": "template", "payload": payload}}


def file(kind: str, payload: Json) -> Json:
    return {"attachment": {"type": kind, "payload": payload}}


def written(offered: Sequence[OfferedCard], choices: Sequence[Choice]) -> str:
    """What cards offer as text, for clients that show no cards; choices have the numbers that she may answer with."""
    several = len(offered) > 1
    all_choices = [
        *(one.label for one in choices),
        *(f"{card.title}: {one.label}" if several else one.label for card in offered for one in card.choices),
    ]
    links = [f"{card.title}: {one.label} {one.url}" for card in offered for one in card.links]
    titles = [card.title for card in offered if not card.choices and not card.links]
    return "\n".join([*titles, *links, *(f"{number}. {label}" for number, label in enumerate(all_choices, 1))])


def _element(card: OfferedCard) -> Json:
    buttons = [
        *({"type": "web_url", "title": one.label, "url": one.url} for one in card.links),
        *(_postback(one) for one in card.choices),
    ]
    element: dict[str, Any] = {"title": card.title, "subtitle": card.text, "image_url": card.picture_url}
    element = {key: value for key, value in element.items() if value} | ({"buttons": buttons} if buttons else {})
    # Meta wants something beside the title.
    return element if len(element) > 1 else element | {"subtitle": card.title}


def _postback(choice: Choice) -> Json:
    return {"type": "postback", "title": cut(choice.label, MAX_LABEL), "payload": choice.value}
