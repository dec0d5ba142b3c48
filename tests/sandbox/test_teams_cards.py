"""What the sandbox's Teams takes for an Adaptive Card, with Microsoft's own model of cards as the judge."""

from typing import Any

import pytest
from microsoft_teams.cards import AdaptiveCard

from sandbox.teams import cards

Body = dict[str, Any]
ADA: Body = {"type": "TextRun", "text": "Ada"}


def card(*body: Body, **more: Any) -> Body:
    return {"type": "AdaptiveCard", "version": "1.5", "body": list(body), **more}


GOOD = [
    card(),
    card({"type": "TextBlock", "text": "Hi", "size": "Medium", "weight": "Bolder"}),
    card({"type": "RichTextBlock", "inlines": [ADA, "bare"]}),
    card({"type": "Container", "id": "tb:1", "style": "emphasis", "items": [{"type": "TextBlock", "text": "in"}]}),
    card({"type": "ColumnSet", "columns": [{"type": "Column", "width": "auto", "items": []}]}),
    card({"type": "FactSet", "facts": [{"title": "a", "value": "b"}]}),
    card({"type": "ActionSet", "actions": [{"type": "Action.Submit", "title": "Go", "data": {"x": 1}}]}),
    card({"type": "Image", "url": "https://example.com/a.png", "size": "Small"}),
    card({"type": "Input.Text", "id": "a", "isRequired": True, "errorMessage": "Missing."}),
    card({"type": "Input.ChoiceSet", "id": "a", "choices": [{"title": "A", "value": "a"}], "style": "filtered"}),
    card({"type": "Chart.Donut", "data": [{"legend": "a", "value": 1}]}),
    card({"type": "Hologram", "fallback": {"type": "TextBlock", "text": "flat"}}),
    card({"type": "Hologram", "fallback": "drop"}),
    card(
        {
            "type": "Table",
            "columns": [{"width": 1}],
            "rows": [
                {"type": "TableRow", "cells": [{"type": "TableCell", "items": [{"type": "TextBlock", "text": "x"}]}]}
            ],
        }
    ),
    card(
        actions=[
            {
                "type": "Action.Execute",
                "title": "Go",
                "verb": "go",
                "fallback": {"type": "Action.Submit", "title": "Go"},
            }
        ]
    ),
    card(actions=[{"type": "Action.ShowCard", "title": "More", "card": card({"type": "TextBlock", "text": "x"})}]),
]
BAD = [
    (["a list"], "must be an object"),
    ({**card(), "version": "1.6"}, "newer than Teams"),
    ({"type": "AdaptiveCard", "body": []}, "version is missing"),
    (card({"type": "Hologram"}), "'Hologram' is not known"),
    (card({"text": "x"}), "has no type"),
    (card({"type": "TextBlock"}), "needs 'text'"),
    (card({"type": "TextBlock", "text": 5}), "wrong type"),
    (card({"type": "TextBlock", "text": "x", "size": "huge"}), "is none of"),
    (card({"type": "Container", "items": [], "style": "pink"}), "is none of"),
    (card({"type": "RichTextBlock", "inlines": [{"type": "TextBlock", "text": "x"}]}), "not known here"),
    (card({"type": "Column", "items": []}), "not known here"),
    (card(ADA), "not known here"),
    (card({"type": "FactSet", "facts": [{"title": "a"}]}), "needs a title and a value"),
    (card({"type": "Input.Text"}), "needs 'id'"),
    (card({"type": "Input.Text", "id": "a", "isRequired": True}), "needs an errorMessage"),
    (card({"type": "Input.ChoiceSet", "id": "a", "choices": []}), "needs choices"),
    (card({"type": "TextBlock", "id": "a", "text": "x"}, {"type": "Input.Text", "id": "a"}), "used twice"),
    (card({"type": "Image", "url": "http://example.com/a.png"}), "must be https"),
    (card(actions=[{"type": "Action.OpenUrl", "title": "x", "url": "javascript:alert(1)"}]), "cannot be opened"),
    (card(actions=[{"type": "Action.Fly", "title": "x"}]), "not known here"),
    (card(actions=[{"type": "Action.Submit", "title": "x", "data": [1]}]), "an object or a text"),
    (card(refresh={"action": {"type": "Action.Submit"}}), "must be an Action.Execute"),
    (card(refresh={"action": {"type": "Action.Execute"}, "userIds": ["29:1"] * 61}), "at most 60"),
]


@pytest.mark.parametrize("good", GOOD)
def test_a_good_card_is_taken_here_and_by_microsofts_model(good: Body) -> None:
    cards.check(good)
    AdaptiveCard.model_validate(good)


@pytest.mark.parametrize(("bad", "why"), BAD)
def test_a_bad_card_is_refused_and_the_reason_named(bad: Any, why: str) -> None:
    with pytest.raises(cards.BadCard, match=why):
        cards.check(bad)
