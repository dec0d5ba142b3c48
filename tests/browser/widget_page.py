"""A customer in a real browser: the shop's page, the chat's frame in it, and what she does there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.async_api import Browser, BrowserContext, FrameLocator, Locator, Page, expect

from tests.bridges.webchat_runtime import MemoryCore
from tests.bridges.webchat_site import Site, serving, serving_chat, shop

WAIT_MS = 8_000


class Customer:
    """One tab of one browser."""

    def __init__(self, page: Page, site: Site, shop_url: str) -> None:
        self.page = page
        self.site = site
        self.core = site.core
        self.shop_url = shop_url
        self.chat: FrameLocator = page.frame_locator("threadbridge-chat iframe")
        self.launcher = page.locator("threadbridge-chat .button")
        self.panel = page.locator("threadbridge-chat .panel")
        self.box = self.chat.get_by_role("textbox")
        self.messages: Locator = self.chat.locator("li.message")

    async def visit(self, **data: str) -> None:
        await self.page.goto(f"{self.shop_url}/?{urlencode(data)}")
        await expect(self.launcher).to_be_visible()

    async def open(self) -> None:
        await self.launcher.click()
        await self.online()

    async def online(self) -> None:
        await expect(self.chat.locator(".chat")).to_have_attribute("data-connection", "online", timeout=WAIT_MS)

    async def send(self, text: str) -> None:
        await self.box.fill(text)
        await self.box.press("Enter")

    def message(self, text: str) -> Locator:
        return self.messages.filter(has_text=text)

    async def tool(self, text: str, name: str) -> None:
        """Presses one of the buttons that belong to a message."""
        message = self.message(text)
        await message.hover()
        await message.get_by_role("button", name=name).click()

    @property
    def visitor(self) -> str:
        return next(iter(self.core.messages))

    def texts(self) -> list[str]:
        """What the core stored, oldest first."""
        return [
            "".join(
                getattr(inline, "text", "")
                for block in item.content.body.blocks
                for inline in getattr(block, "inlines", ())
            )
            for item in self.core.messages.get(self.visitor, [])
        ]


@asynccontextmanager
async def shopping(
    browser: Browser, folder: Path, *, sockets: bool = True, settings: dict[str, Any] | None = None, **context: Any
) -> AsyncIterator[Customer]:
    """A shop on one origin, the chat on another, and a customer who looks at the shop."""
    widget = ""
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(shop(lambda: widget)))
        origin = f"http://127.0.0.1:{port}"
        core = MemoryCore(folder=folder, settings={"title": "Lumen Support", "origins": [origin], **(settings or {})})
        site = await stack.enter_async_context(serving_chat(core, sockets=sockets))
        widget = f"{site.base}/widget.js"
        options = {
            "locale": "en-GB",
            "timezone_id": "Europe/Berlin",
            "viewport": {"width": 1100, "height": 760},
            **context,
        }
        opened = await browser.new_context(**options)
        opened.set_default_timeout(WAIT_MS)
        errors: list[str] = []
        watch(opened, errors)
        try:
            yield Customer(await opened.new_page(), site, origin)
        finally:
            await opened.close()
        assert not errors, errors


def watch(context: BrowserContext, errors: list[str]) -> None:
    """Collects what no script caught, and what the browser blocked."""
    context.on("weberror", lambda error: errors.append(str(error.error)))

    def heard(message: Any) -> None:
        # Being held by a stranger's page is blocked on purpose, and tried by one test.
        if "Content Security Policy" in message.text and "frame-ancestors" not in message.text:
            errors.append(message.text)

    context.on("console", heard)


async def until(condition: Callable[[], object], seconds: float = 6) -> None:
    """Waits for something that only the server knows."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the stand-in has no event to wait for.
            await asyncio.sleep(0.02)
