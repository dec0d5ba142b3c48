"""The renderer of Block Kit itself: what is written stands on the page, and markup of a customer stays text."""

import pytest
from playwright.async_api import Page

from tests.judges.picture import draw_blocks

pytestmark = [pytest.mark.judges, pytest.mark.browser]


async def test_blocks_become_a_page_that_a_browser_shows(page: Page) -> None:
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Jane <script>document.title='bad'</script>"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "writes on *web chat*"}},
        {
            "type": "actions",
            "elements": [{"type": "button", "action_id": "claim", "text": {"type": "plain_text", "text": "Claim"}}],
        },
    ]
    await page.set_content(await draw_blocks(blocks, name="Ada"))
    text = await page.inner_text("body")
    assert "Ada" in text
    assert "Jane <script>" in text
    assert await page.inner_text("strong") == "web chat"
    assert await page.inner_text("button") == "Claim"
    assert await page.title() == ""


async def test_blocks_that_cannot_be_drawn_say_so() -> None:
    with pytest.raises(RuntimeError, match="renderer failed"):
        await draw_blocks([{"type": "actions", "elements": None}])  # type: ignore[list-item]
