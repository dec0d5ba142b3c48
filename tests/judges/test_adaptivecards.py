"""The judges of Adaptive Cards themselves: each lets a right card pass, catches a wrong one, and draws what it says."""

from typing import Any

import pytest
from playwright.async_api import Page

from tests.judges.adaptivecards import check_cards, check_types, draw_cards

RUN = {"type": "TextRun", "text": "Jane <script>document.title='bad'</script> **bold**"}
RICH = {"type": "RichTextBlock", "inlines": [RUN]}
SUBMIT = {"type": "Action.Submit", "title": "Claim", "data": {"type": "ours", "anything": 1}}
EXECUTE = {"type": "Action.Execute", "title": "Claim", "verb": "claim", "fallback": SUBMIT}


def card(*body: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "AdaptiveCard", "version": "1.5", "body": list(body), **more}


RIGHT = card(RICH, actions=[EXECUTE], msteams={"width": "Full"})
WRONG: dict[str, dict[str, Any]] = {
    "an element that is none": card({"type": "Paragraph", "text": "x"}),
    "a weight that is none": card({"type": "RichTextBlock", "inlines": [{**RUN, "weight": "Heavy"}]}),
    "an input without its name": card({"type": "Input.Text", "label": "Text"}),
    "a version that is none": {**RIGHT, "version": "nine"},
}


@pytest.mark.judges
def test_each_wrong_card_is_caught_by_name_and_the_right_one_passes() -> None:
    found = check_cards({"right": RIGHT, **WRONG})
    assert found["right"] == []
    assert {name for name, objections in found.items() if objections} == set(WRONG)


@pytest.mark.judges
def test_a_judge_that_is_asked_nothing_says_so() -> None:
    with pytest.raises(ValueError, match="no card"):
        check_cards({})


def test_the_types_catch_what_no_schema_has() -> None:
    assert check_types(RIGHT) == []
    assert check_types(card({"type": "Paragraph"})) == ["card.body[0]: there is no Paragraph"]
    assert check_types(card({**RICH, "colour": "red"})) == ["card.body[0]: RichTextBlock has no colour"]
    wrong = card({"type": "RichTextBlock", "inlines": [{**RUN, "color": "red"}]})
    assert any("card.body[0].inlines[0].color" in objection for objection in check_types(wrong))
    assert any("width" in objection for objection in check_types({**RIGHT, "msteams": {"width": "Wide"}}))


@pytest.mark.judges
@pytest.mark.browser
async def test_cards_become_a_page_that_a_browser_shows(page: Page) -> None:
    block = {"type": "TextBlock", "text": "our **own** words"}
    await page.set_content(draw_cards({"one": RIGHT, "two": card(block)}))
    assert "Jane <script>document.title='bad'</script> **bold**" in await page.locator("#one").inner_text()
    assert await page.locator("#one").get_by_role("button").inner_text() == "Claim"
    assert "our" in await page.locator("#two").inner_text()
    assert await page.title() == ""
