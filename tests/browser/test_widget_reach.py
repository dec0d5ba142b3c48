"""The web chat for everybody: keyboard, phone, other scripts, dark pages, and the website's own script."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import jwt
import pytest
from playwright.async_api import Browser, expect

from tests.bridges.webchat_runtime import rich_answer
from tests.bridges.webchat_site import serving, shop
from tests.browser.widget_page import Customer, shopping, until

pytestmark = pytest.mark.browser

KEY = "the website's secret, which it shares with the chat"
PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True, "reduced_motion": "reduce"}
#: Text on the theme colour, on its darker end, and in its readable shade on both backgrounds.
CONTRASTS = """root => {
    const rgb = (name) => getComputedStyle(root).getPropertyValue(name).match(/\\d+/g).map(Number);
    const light = (parts) => parts.map((part) => part / 255)
        .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
    const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const paper = light(root.dataset.theme === "dark" ? [20, 22, 29] : [255, 255, 255]);
    const pairs = [["--brand", "--on-brand"], ["--brand-deep", "--on-brand"], ["--brand-text", "--brand-soft"]];
    const seen = pairs.map(([a, b]) => contrast(light(rgb(a)), light(rgb(b))));
    return [contrast(light(rgb("--brand-text")), paper), ...seen];
}"""


def signed(user: str) -> str:
    claims = {"sub": user, "name": user.title(), "aud": "threadbridge", "exp": datetime.now(UTC) + timedelta(minutes=5)}
    return jwt.encode(claims, KEY, "HS256", {"kid": "k"})


async def focused(jane: Customer) -> str:
    """What the keyboard would act on inside the chat."""
    script = "({ ariaLabel, dataset, tagName }) => ariaLabel || dataset.id || tagName"
    return str(await jane.chat.locator("body").evaluate(f"() => ({script})(document.activeElement)"))


async def test_everything_works_from_the_keyboard(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path) as jane:
        keys = jane.page.keyboard
        await jane.visit()
        await keys.press("Tab")
        await keys.press("Tab")
        await expect(jane.launcher).to_be_focused()
        await expect(jane.launcher).to_have_attribute("aria-expanded", "false")
        await keys.press("Enter")
        await jane.online()
        await expect(jane.box).to_be_focused()
        await expect(jane.launcher).to_have_attribute("aria-expanded", "true")
        await keys.type("First line")
        await keys.press("Shift+Enter")
        await keys.type("second line")
        await keys.press("Enter")
        await expect(jane.message("second line")).to_contain_text("Sent")
        answer = await jane.core.answer(jane.visitor, rich_answer())
        await expect(jane.message("Of course")).to_be_visible()
        # Up in an empty field corrects the last message, Escape leaves it as it was.
        await keys.press("ArrowUp")
        await expect(jane.box).to_have_value("First line\nsecond line")
        await keys.press("Escape")
        await expect(jane.box).to_have_value("")
        await expect(jane.panel).to_have_class("panel open")
        # Back into the messages, from one to the next, to what can be done with it.
        await keys.press("Shift+Tab")
        assert await focused(jane) == "Attach a file"
        for _ in range(6):
            await keys.press("Shift+Tab")
            if (await focused(jane)).startswith("m/"):
                break
        await keys.press("ArrowUp")
        assert (await focused(jane)).startswith("c/")
        await keys.press("ArrowDown")
        assert await focused(jane) == answer.removeprefix(f"{jane.visitor}/")
        while await focused(jane) != "React":
            await keys.press("Tab")
        await keys.press("Enter")
        assert await focused(jane) == "React: 👍"
        await keys.press("Tab")
        await keys.press("Enter")
        await until(lambda: jane.core.find(answer).reactions == {"customer": "❤️"})  # type: ignore[union-attr]
        await keys.press("Escape")
        await expect(jane.panel).to_have_class("panel")
        await expect(jane.launcher).to_be_focused()


async def test_a_screen_reader_is_told_what_there_is(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path) as jane:
        await jane.visit()
        await jane.open()
        await expect(jane.page.get_by_role("dialog", name="Lumen Support")).to_be_visible()
        log = jane.chat.get_by_role("log", name="Messages")
        await expect(log).to_have_attribute("aria-live", "polite")
        await expect(log).to_have_attribute("aria-busy", "false")
        await jane.send("Hi")
        await expect(jane.message("Hi")).to_contain_text("You")
        nameless = await jane.chat.locator("button, textarea, a").evaluate_all(
            """nodes => nodes.filter((node) => !node.hidden && !node.ariaLabel && !node.textContent.trim())
                .map((node) => node.outerHTML)"""
        )
        assert nameless == []


async def test_a_phone_is_filled(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path, **PHONE) as jane:
        await jane.visit()
        await jane.launcher.tap()
        await jane.online()
        box = await jane.panel.bounding_box()
        assert box == {"x": 0, "y": 0, "width": 360, "height": 640}
        await expect(jane.launcher).to_be_hidden()
        # The keyboard of a phone must not jump up before she wants to write.
        await expect(jane.box).not_to_be_focused()
        await jane.box.fill("From the tram")
        await jane.chat.get_by_role("button", name="Send").tap()
        await expect(jane.message("From the tram")).to_contain_text("Sent")
        await jane.core.answer(jane.visitor, "x" * 300)
        await expect(jane.messages).to_have_count(2)
        assert await jane.chat.locator("body").evaluate("node => document.documentElement.scrollWidth") == 360
        # iOS zooms into fields with smaller letters.
        assert await jane.box.evaluate("node => parseFloat(getComputedStyle(node).fontSize)") >= 16
        await jane.message("From the tram").tap()
        await jane.message("From the tram").get_by_role("button", name="Reply").tap()
        await expect(jane.chat.locator(".bar")).to_contain_text("From the tram")
        small = await jane.chat.locator("header button, .field button").evaluate_all(
            "nodes => nodes.filter(node => node.getBoundingClientRect().width < 36).length"
        )
        assert small == 0
        await jane.chat.get_by_role("button", name="Close chat").tap()
        await expect(jane.launcher).to_be_visible()
        assert await jane.page.evaluate("document.documentElement.style.overflow") == ""


async def test_arabic_runs_from_right_to_left(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path, locale="ar-EG") as jane:
        await jane.visit()
        await expect(jane.launcher).to_have_accessible_name("فتح المحادثة")
        await jane.open()
        await jane.send("مرحبا")
        message = jane.message("مرحبا")
        await expect(message).to_contain_text("أُرسلت")
        await jane.core.answer(jane.visitor, "Hello, how are you?", author="سارة")
        await expect(jane.message("Hello")).to_be_visible()
        launcher = await jane.launcher.bounding_box()
        assert launcher is not None
        assert launcher["x"] < 100
        own, ours = await message.locator(".bubble").bounding_box(), await jane.message("Hello").bounding_box()
        assert own is not None
        assert ours is not None
        assert own["x"] < ours["x"] + ours["width"] / 2
        assert await jane.chat.locator("html").get_attribute("dir") == "rtl"
        # An English sentence in an Arabic chat still starts on its left.
        paragraph = jane.message("Hello").locator(".body p")
        assert await paragraph.evaluate("node => getComputedStyle(node).direction") == "ltr"


@pytest.mark.parametrize(
    ("data", "locale", "words"),
    [
        ({"lang": "de"}, "en-GB", "Wie können wir helfen"),
        ({}, "es-MX", "En qué podemos ayudarle"),
        ({"lang": "xx"}, "fr-CA", "Comment pouvons-nous"),
        ({}, "ja-JP", "How can we help"),
    ],
)
async def test_it_speaks_her_language(
    browser: Browser, tmp_path: Path, data: dict[str, str], locale: str, words: str
) -> None:
    async with shopping(browser, tmp_path, locale=locale) as jane:
        await jane.visit(**data)
        await jane.open()
        await expect(jane.chat.locator(".intro")).to_contain_text(words)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_theme_colour_can_be_read(browser: Browser, tmp_path: Path, theme: str) -> None:
    async with shopping(browser, tmp_path, color_scheme="dark" if theme == "light" else "light") as jane:
        for color in ("#4f46e5", "#facc15", "#ffffff", "#000000", "#0ea5a4", "#ff6f61", "#7f7f7f"):
            # The same chat as a page of its own, anew for each colour.
            looks = urlencode({"theme": theme, "color": color})
            await jane.page.goto(f"{jane.site.base}/frame.html?{color[1:]}#{looks}")
            html = jane.page.locator("html")
            await expect(html).to_have_attribute("data-theme", theme)
            contrasts = await html.evaluate(CONTRASTS)
            assert min(contrasts) >= 4.5, (color, contrasts)


async def test_the_website_says_who_its_user_is(browser: Browser, tmp_path: Path) -> None:
    settings = {"jwt_keys": [{"kid": "k", "alg": "HS256", "key": KEY}]}
    async with shopping(browser, tmp_path, settings=settings) as jane:
        await jane.visit()
        await jane.page.evaluate(
            "window.heard = []; Threadbridge.on('identified', () => heard.push('identified')), null"
        )
        await jane.page.evaluate("Threadbridge.on('error', (detail) => heard.push(detail.code)), null")
        await jane.page.evaluate("(token) => Threadbridge.identify(token)", signed("jane"))
        await jane.page.wait_for_function("heard.includes('identified')")
        await jane.page.evaluate("Threadbridge.open()")
        await jane.send("For Jane's account only")
        await expect(jane.message("only")).to_contain_text("Sent")
        assert jane.core.senders["user:jane"].name == "Jane"
        second = Customer(await jane.page.context.new_page(), jane.site, jane.shop_url)
        await second.visit()
        await second.open()
        await expect(second.message("only")).to_be_visible()
        # She logs out: nothing of hers stays, in any tab.
        await jane.page.evaluate("Threadbridge.reset()")
        for tab in (jane, second):
            await expect(tab.messages).to_have_count(0)
        await jane.online()
        await jane.send("Somebody else")
        await expect(jane.message("Somebody")).to_contain_text("Sent")
        assert len(jane.core.messages["user:jane"]) == 1
        await jane.page.evaluate("(token) => Threadbridge.identify(token)", signed("jane") + "x")
        await jane.page.wait_for_function("heard.includes('identity')")


async def test_a_website_that_is_not_listed_cannot_show_it(browser: Browser, tmp_path: Path) -> None:
    async with (
        shopping(browser, tmp_path) as jane,
        serving(shop(lambda: f"{jane.site.base}/widget.js")) as port,
    ):
        await jane.page.goto(f"http://127.0.0.1:{port}/?open=true")
        await expect(jane.panel).to_have_class("panel open")
        await expect(jane.chat.locator(".chat")).to_have_count(0)
        assert not jane.core.messages
