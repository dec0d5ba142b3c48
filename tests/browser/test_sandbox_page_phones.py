"""A phone for each channel in a real browser, and the whole product behind it: written, answered, pressed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from sandbox.demo import CHANNELS
from sandbox.page import Page as SandboxPage
from sandbox.play.agents import SlackAgent, words
from sandbox.play.samples import PNG
from sandbox.slack.composer import compose
from sandbox.stage import SUPPORT, Options, Stage
from tests.flows.conftest import until

pytestmark = pytest.mark.browser
#: By channel: its tab, and how a thread names the customer.
PHONES = {
    "telegram": ("Telegram", "Tariq"),
    "whatsapp": ("WhatsApp", "Amara"),
    "sms": ("SMS", "+12025550177"),
    "messenger": ("Messenger", "Lucia"),
    "instagram": ("Instagram", "Noor"),
    "line": ("LINE", "Haruka"),
}
#: Where a business is told of what somebody takes back.
DELETES = ("whatsapp", "instagram", "line")
EDITS = ("telegram", "whatsapp", "messenger", "instagram")
REACTS = ("whatsapp", "messenger", "instagram")
CHOOSES = ("telegram", "whatsapp", "messenger", "instagram", "line")


@dataclass(frozen=True)
class Shown:
    """The product, and the page on it."""

    stage: Stage
    url: str
    agent: SlackAgent


@pytest.fixture(scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    options = Options(channels=CHANNELS, limits=False, hold_seconds=0.2)
    async with Stage(tmp_path_factory.mktemp("phones"), options) as stage:
        meta = stage.graph
        people = {
            "whatsapp": [meta.whatsapp.add_customer("Amara", username="amara", phone="+4915110000077")],
            "sms": [stage.twilio.add_customer("Sam", PHONES["sms"][1])],
            "messenger": [meta.messenger.add_customer("Lucia")],
            "instagram": [meta.instagram.add_customer("Noor", username="noor")],
            "line": [stage.line.add_customer("Haruka")],
        }
        async with SandboxPage(
            slack=stage.slack,
            telegram=stage.telegram,
            mail=stage.mail,
            widget_url=f"{stage.website}/widget.js",
            agents=[stage.bea, stage.omar],
            rooms=[stage.support],
            phones=[stage.telegram.add_customer("Tariq", username="tariq")],
            correspondents=[("Emma", "emma@customer.test")],
            support_address=SUPPORT,
            graph=meta,
            twilio=stage.twilio,
            line=stage.line,
            people=people,
        ) as page:
            yield Shown(stage=stage, url=page.url, agent=SlackAgent(stage.slack, stage.bea, stage.support))


async def held(page: Page, shown: Shown, channel: str) -> Locator:
    """The phone of a channel, chosen by its tab; its field."""
    page.set_default_timeout(8_000)
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.goto(shown.url)
    await page.locator("#channel-tabs").get_by_role("tab", name=PHONES[channel][0]).click()
    start = page.get_by_role("button", name="Start", exact=True)
    if channel == "telegram" and not shown.stage.telegram.chat(next(iter(shown.stage.telegram.world.people))):
        await start.click()
    return page.get_by_label(f"Message as the customer on {PHONES[channel][0]}")


async def thread_of(shown: Shown, channel: str) -> str:
    return str(await until(lambda: shown.agent.thread_of(PHONES[channel][1]), f"a thread for {channel}"))


async def asks(shown: Shown, thread: str, question: str, *choices: str) -> None:
    """The agent offers choices, by the form behind Reply."""
    stage, agent = shown.stage, shown.agent
    await agent.presses(thread, "Reply")
    (view,) = await until(lambda: stage.slack.views_open(agent.user), "the form of Reply")
    values: dict[str, Any] = {"text": compose(question)[1][0], "choices": "\n".join(choices)}
    assert (await stage.slack.person_submits_view(agent.user, view["id"], values)).ok


async def chooses(page: Page, row: Locator, entry: str) -> None:
    await row.hover()
    await row.get_by_label("Message actions").click()
    await page.get_by_role("menuitem", name=entry).click()


@pytest.mark.parametrize("channel", PHONES)
async def test_a_customer_writes_and_is_answered(page: Page, shown: Shown, channel: str) -> None:
    field = await held(page, shown, channel)
    await field.fill(f"Is the lamp in stock? ({channel})")
    await field.press("Enter")
    await expect(page.locator("#chat .mine .bubble-text").last).to_have_text(f"Is the lamp in stock? ({channel})")
    await expect(field).to_have_value("")
    thread = await thread_of(shown, channel)
    await until(lambda: shown.agent.find(thread, f"in stock? ({channel})"), "her words in the thread")
    await shown.agent.replies(thread, f"Yes, on {channel}: https://shop.test/lamp.")
    answer = page.locator("#chat .theirs .bubble-text").last
    await expect(answer).to_have_text(f"Yes, on {channel}: https://shop.test/lamp.")
    await expect(answer.locator("a")).to_have_attribute("href", "https://shop.test/lamp")
    photos = page.locator("#phone input[aria-label=Photos]")
    await photos.set_input_files([{"name": "cup.png", "mimeType": "image/png", "buffer": PNG}])
    picture = page.locator("#chat .mine .bubble-photo img").last
    await expect(picture).to_be_visible()
    await expect(picture).to_have_js_property("naturalWidth", 160)
    await until(lambda: shown.agent.has_file(thread, "cup.png", "image/png"), "her picture in the thread")
    await shown.agent.replies(thread, "This one", files=[("lamp.png", "image/png", PNG)])
    theirs = page.locator("#chat .theirs .bubble-photo img").last
    await expect(theirs).to_have_js_property("naturalWidth", 160)


@pytest.mark.parametrize("channel", CHOOSES)
async def test_what_the_agent_offers_is_pressed(page: Page, shown: Shown, channel: str) -> None:
    field = await held(page, shown, channel)
    await field.fill(f"I want a cup ({channel})")
    await field.press("Enter")
    thread = await thread_of(shown, channel)
    await until(lambda: shown.agent.find(thread, f"I want a cup ({channel})"), "her words in the thread")
    await asks(shown, thread, "Which colour?", "Crimson", "Azure")
    await page.locator("#chat").get_by_role("button", name="Azure").last.click()
    await until(lambda: shown.agent.find(thread, "Azure"), "her choice in the thread")


@pytest.mark.parametrize("channel", EDITS)
async def test_she_edits_and_quotes(page: Page, shown: Shown, channel: str) -> None:
    field = await held(page, shown, channel)
    await field.fill(f"Greem tea, please ({channel})")
    await field.press("Enter")
    row = page.locator("#chat .mine").last
    await expect(row).to_contain_text("Greem tea")
    thread = await thread_of(shown, channel)
    await until(lambda: shown.agent.find(thread, f"Greem tea, please ({channel})"), "her words in the thread")
    await chooses(page, row, "Edit")
    await expect(field).to_have_value(f"Greem tea, please ({channel})")
    await field.fill(f"Green tea, please ({channel})")
    await field.press("Enter")
    await expect(row.locator(".bubble-meta")).to_contain_text("edited")
    await until(lambda: shown.agent.find(thread, f"Green tea, please ({channel})"), "the edit in the thread")
    await chooses(page, row, "Reply")
    await field.fill("Two of them")
    await field.press("Enter")
    await expect(page.locator("#chat .mine .bubble-reply").last).to_contain_text("Green tea, please")


@pytest.mark.parametrize("channel", DELETES)
async def test_she_takes_back_what_she_wrote(page: Page, shown: Shown, channel: str) -> None:
    field = await held(page, shown, channel)
    await field.fill(f"Never mind ({channel})")
    await field.press("Enter")
    row = page.locator("#chat .mine").filter(has=page.locator(".bubble-text", has_text=f"Never mind ({channel})"))
    await expect(row).to_be_visible()
    thread = await thread_of(shown, channel)
    post = await until(lambda: shown.agent.find(thread, f"Never mind ({channel})"), "her words in the thread")
    await chooses(page, row, "Reply")
    await field.fill(f"That is, later ({channel})")
    await field.press("Enter")
    await expect(page.locator("#chat .mine .bubble-reply").last).to_contain_text("Never mind")
    await chooses(page, row, "Delete")
    await expect(row).to_have_count(0)

    def told() -> bool:
        now = next(one for one in shown.agent.posts(thread) if one["ts"] == post["ts"])
        return "eleted" in words(now)

    await until(told, "the deletion in the thread")


@pytest.mark.parametrize("channel", REACTS)
async def test_she_reacts_and_sees_reactions(page: Page, shown: Shown, channel: str) -> None:
    field = await held(page, shown, channel)
    await field.fill(f"Thanks! ({channel})")
    await field.press("Enter")
    mine = page.locator("#chat .mine").last
    await expect(mine).to_contain_text("Thanks!")
    thread = await thread_of(shown, channel)
    post = await until(lambda: shown.agent.find(thread, f"Thanks! ({channel})"), "her words in the thread")
    await shown.agent.reacts(post["ts"], "thumbsup")
    await expect(mine.locator(".bubble-reactions")).to_have_text("👍")
    await shown.agent.replies(thread, f"Our pleasure ({channel})")
    row = page.locator("#chat .theirs").last
    await expect(row).to_contain_text("Our pleasure")
    account = getattr(shown.stage.graph, channel)
    sent = await row.get_attribute("data-message")
    await until(lambda: account.message(sent).status == "read", "that she has read it")
    await chooses(page, row, "React…")
    await page.get_by_label("heart", exact=True).click()
    await expect(row.locator(".bubble-reactions")).to_have_text("❤️")
    await until(lambda: shown.agent.has_reaction(thread, "❤️"), "her reaction in the thread")


async def test_every_tab_is_in_sight_on_a_phone(page: Page, shown: Shown) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(f"{shown.url}/#whatsapp")
    tabs = page.locator("#channel-tabs").get_by_role("tab")
    await expect(tabs).to_have_count(8)
    for number in range(8):
        box = await tabs.nth(number).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        label = tabs.nth(number).locator("span")
        assert await label.evaluate("(it) => it.getBoundingClientRect().right") <= box["x"] + box["width"]
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
