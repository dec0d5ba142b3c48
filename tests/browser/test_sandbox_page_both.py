"""Both workspaces on one page: the switch, the two side by side, troubles in Teams, small screens, and cards."""

from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import quote

import pytest
from playwright.async_api import Page, expect

from core.contracts.content import Content
from core.contracts.posts import Tone
from core.contracts.richtext import Document, Link, Paragraph
from plugins.teams import render
from tests.browser.teams_stage import ROOT, TeamsStage, both

pytestmark = pytest.mark.browser
CARD = {
    "type": "AdaptiveCard",
    "version": "1.5",
    "body": [
        {
            "type": "TextBlock",
            "text": "**Bold** [a page](https://x.test/) [a trap](javascript:alert(1)) \\*plain\\* <b>\n\n- one\n- two",
            "wrap": True,
        },
        {
            "type": "RichTextBlock",
            "inlines": [{"type": "TextRun", "text": "**not bold**\nbelow", "strikethrough": True}],
        },
        {
            "type": "Chart.Donut",
            "data": [{"legend": "Open", "value": 12}],
            "fallback": {"type": "TextBlock", "text": "Twelve"},
        },
        {"type": "Carousel", "pages": []},
        {"type": "Image", "url": "https://elsewhere.test/pixel.png", "altText": "A pixel"},
        {"type": "TextBlock", "id": "more", "text": "Hidden at first", "isVisible": False},
        {
            "type": "ActionSet",
            "actions": [
                {
                    "type": "Action.ShowCard",
                    "title": "Ask",
                    "card": {
                        "type": "AdaptiveCard",
                        "body": [
                            {
                                "type": "Input.Text",
                                "id": "why",
                                "label": "Why?",
                                "isRequired": True,
                                "errorMessage": "Say why.",
                            },
                            {
                                "type": "Input.Toggle",
                                "id": "loud",
                                "title": "Loudly",
                                "valueOn": "yes",
                                "valueOff": "no",
                            },
                        ],
                        "actions": [{"type": "Action.Submit", "title": "Tell", "data": {"tb": "told"}}],
                    },
                },
            ],
        },
    ],
    "actions": [
        {"type": "Action.ToggleVisibility", "title": "More", "targetElements": ["more"]},
        {"type": "Action.Submit", "title": "Rare", "mode": "secondary"},
    ],
}


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TeamsStage]:
    async with both(tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture
async def visitor(page: Page, stage: TeamsStage) -> Page:
    page.set_default_timeout(8_000)
    await page.set_viewport_size({"width": 1920, "height": 1000})
    await page.goto(f"{stage.url}/#telegram")
    await expect(page.locator("#rooms .side-row").first).to_be_visible()
    return page


async def test_a_mirrored_conversation_is_watched_in_both(visitor: Page, stage: TeamsStage) -> None:
    in_slack = await stage.stage.opens("Jane", "Telegram", "Where is my lamp?")
    in_teams = await stage.opens("Jane", "Telegram", "Where is my lamp?")
    left, right = visitor.locator(f'#thread [data-ts="{in_slack}"]'), visitor.locator(f'[data-root="{in_teams}"]')
    await expect(left).to_contain_text("Where is my lamp?")
    await expect(right).to_contain_text("Where is my lamp?")
    one, other = await visitor.locator("#team").bounding_box(), await visitor.locator("#teams").bounding_box()
    assert one
    assert other
    assert one["x"] + one["width"] <= other["x"]
    assert one["y"] == other["y"]
    await visitor.locator("#thread textarea").fill("On its way, says Slack")
    await visitor.locator("#thread textarea").press("Enter")
    await right.get_by_role("button", name="Reply", exact=True).last.click()
    await right.get_by_role("textbox", name="Reply").fill("On its way, says Teams")
    await right.get_by_role("textbox", name="Reply").press("Enter")
    await expect(right.locator(".t-message").last).to_contain_text("On its way, says Teams")
    await expect(visitor.locator("#thread-messages article").last).to_contain_text("On its way, says Slack")


async def test_links_lead_from_one_workspace_into_the_other(visitor: Page, stage: TeamsStage) -> None:
    in_slack, in_teams = await stage.stage.opens("Jane", "Web", "Both"), await stage.opens("Jane", "Web", "Both")
    here = f"{stage.stage.slack.url}/archives/{stage.stage.support}/p{in_slack.replace('.', '')}"
    there = f"https://teams.microsoft.com/l/message/{quote(stage.support)}/{in_teams}"
    await visitor.locator("#workplace-teams").click()
    notice = stage.post("", "Also shown in Slack", Tone.NOTICE)
    body = Document(blocks=(Paragraph(inlines=(Link(url=here, label="in Slack"),)),))
    await stage.says(in_teams, replace(notice, content=Content(body=body)))
    await visitor.locator(f'[data-root="{in_teams}"]').get_by_text("in Slack", exact=True).click()
    await expect(visitor.locator(f'#thread [data-ts="{in_slack}"]')).to_be_visible()
    await expect(visitor.locator("#teams")).to_be_hidden()
    await stage.stage.slack.person_posts(stage.stage.bea, stage.stage.support, f"See {there}", in_slack)
    await visitor.locator("#thread-messages a").last.click()
    await expect(visitor.locator(f'.t-message[data-id="{in_teams}"]')).to_be_in_viewport()


async def test_one_workspace_at_a_time_and_the_other_counts_what_is_new(visitor: Page, stage: TeamsStage) -> None:
    switch = visitor.get_by_role("group", name="Workspace")
    await expect(switch.get_by_role("button", name="Both")).to_have_attribute("aria-pressed", "true")
    await visitor.locator("#workplace-slack").click()
    await expect(visitor.locator("#teams")).to_be_hidden()
    await stage.opens("Priya", "Email", "Anybody?")
    await expect(visitor.locator("#workplace-teams-count")).to_have_text("2")
    await visitor.locator("#workplace-teams").click()
    await expect(visitor.locator("#team")).to_be_hidden()
    await expect(visitor.locator("#workplace-teams-count")).to_be_hidden()
    await stage.stage.opens("Priya", "Email", "Anybody?")
    await expect(visitor.locator("#workplace-slack-count")).to_have_text("1")
    await visitor.reload()
    await expect(visitor.locator("#teams")).to_be_visible()
    await switch.get_by_role("button", name="Both").click()
    await visitor.set_viewport_size({"width": 1440, "height": 900})
    await expect(switch.get_by_role("button", name="Both")).to_be_hidden()
    await expect(visitor.locator("#teams")).to_be_visible()
    await expect(visitor.locator("#team")).to_be_hidden()


async def test_on_a_phone_everything_fits_and_is_reached(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("مريم السعيد", "WhatsApp", "وصل المصباح مكسورًا. " * 30)
    await visitor.set_viewport_size({"width": 390, "height": 844})
    await visitor.get_by_role("button", name="Team", exact=True).click()
    await visitor.locator("#workplace-teams").click()
    card = visitor.locator(f'.t-message[data-id="{root}"] .card')
    await expect(card.get_by_role("button", name="Claim")).to_be_visible()
    words = visitor.locator(f'[data-root="{root}"] .t-message').last.locator(".run").last
    assert await words.evaluate("(run) => getComputedStyle(run).direction") == "rtl"
    assert await visitor.evaluate("document.scrollingElement.scrollWidth") <= 390
    assert await visitor.locator("#t-posts").evaluate("(posts) => posts.scrollWidth - posts.clientWidth") == 0
    await visitor.get_by_label("All channels").click()
    await visitor.locator(f'[data-room="{stage.vip}"]').click()
    await expect(visitor.locator("#t-pane h2").first).to_have_text("VIP")
    await visitor.get_by_label("All channels").click()
    await visitor.locator("#t-rail").get_by_role("button", name="Chat").click()
    await expect(visitor.get_by_role("textbox", name="Message Threadbridge")).to_be_visible()


async def test_troubles_in_teams_are_switched_on_and_off(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("Jane", "Telegram", "Hello?")
    said = render.post(stage.post("Jane", "Hello again?"), stage.to)
    where = f"{stage.support}{ROOT}{root}"
    await visitor.get_by_role("button", name="Make it fail").click()
    drawer = visitor.locator("#faults section").filter(has=visitor.get_by_role("heading", name="Teams"))
    for trouble, status in (
        ("Too many requests", 429),
        ("Server errors", 500),
        ("Message too large", 413),
        ("Secret revoked", 401),
        ("App removed", 403),
        ("Channel deleted", 404),
    ):
        await drawer.get_by_role("switch", name=trouble).check(force=True)
        await expect(visitor.locator("#faults-count")).to_have_text("1")
        assert await stage.status(where, said) == status
        if trouble == "Channel deleted":
            await expect(visitor.locator(".t-closed")).to_contain_text("This channel was deleted.")
            await visitor.reload()
            await expect(visitor.locator("#t-list")).not_to_contain_text("Support")
            await visitor.get_by_role("button", name="Make it fail").click()
        await drawer.get_by_role("switch", name=trouble).uncheck(force=True)
        await expect(visitor.locator("#faults-count")).to_be_hidden()
        assert await stage.status(where, said) == 201
    await expect(visitor.locator(f'[data-root="{root}"]')).to_contain_text("Hello again?")
    await expect(visitor.locator(".t-closed")).to_have_count(0)


async def test_a_card_is_drawn_as_it_was_sent(visitor: Page, stage: TeamsStage) -> None:
    activity = {"type": "message", "attachments": [{"contentType": render.CARD_TYPE, "content": CARD}]}
    number = await stage.posts(stage.support, activity)
    card = visitor.locator(f'.t-message[data-id="{number}"] .card')
    await expect(card.locator("strong")).to_have_text("Bold")
    await expect(card.locator("li")).to_have_text(["one", "two"])
    assert await card.locator("a").evaluate_all("(links) => links.map((link) => link.href)") == [
        "https://x.test/",
        "https://elsewhere.test/pixel.png",
    ]
    await expect(card).to_contain_text("[a trap](javascript:alert(1)) *plain* <b>")
    await expect(card.locator(".run.struck")).to_have_text("**not bold**\nbelow")
    await expect(card).to_contain_text("Twelve")
    await expect(card).to_contain_text("An element of type “Carousel”, which this page does not draw.")
    assert await card.locator("img").count() == 0
    hidden = card.get_by_text("Hidden at first")
    await expect(hidden).to_be_hidden()
    await card.get_by_role("button", name="More", exact=True).click()
    await expect(hidden).to_be_visible()
    await card.get_by_role("button", name="Ask").click()
    await card.get_by_role("button", name="Tell").click()
    await expect(card.get_by_role("alert").first).to_have_text("Say why.")
    await card.get_by_label("Why?").fill("Because")
    await card.get_by_role("switch", name="Loudly").check(force=True)
    async with visitor.expect_response("**/act") as answered:
        await card.get_by_role("button", name="Tell").click()
    answer = await (await answered.value).json()
    assert answer.get("result", {}).get("ok"), answer
    assert stage.heard[-1]["value"] == {"tb": "told", "why": "Because", "loud": "yes"}
    await card.get_by_role("button", name="More actions").click()
    await expect(visitor.get_by_role("menuitem", name="Rare")).to_be_visible()


async def test_only_agents_of_the_page_act_in_teams(stage: TeamsStage) -> None:
    headers = {"Origin": stage.url}
    stranger = stage.teams.add_user("Eve Nobody")
    body = {"who": stranger, "verb": "teams.post", "arguments": {"room": stage.support, "text": "x"}}
    async with stage.http.post(f"{stage.url}/act", json=body, headers=headers) as answer:
        assert answer.status == 400
    async with stage.http.get(f"{stage.url}/static/teams/main.js") as answer:
        assert (answer.status, answer.content_type) == (200, "text/javascript")
    async with stage.http.get(f"{stage.url}/static/teams/..%2f..%2fserver.py") as answer:
        assert answer.status == 404
