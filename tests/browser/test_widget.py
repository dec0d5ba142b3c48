"""The web chat as a customer uses it, in a real browser on another company's page."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from core.contracts import bridge
from core.contracts.content import Content
from core.contracts.richtext import CodeBlock, Document, Link, Paragraph, Text
from tests.bridges.webchat_runtime import choices, picture, rich_answer
from tests.browser.widget_page import Customer, shopping, until

pytestmark = pytest.mark.browser

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def test_a_question_and_its_answer(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path) as jane:
        await jane.visit()
        assert await jane.page.locator("threadbridge-chat iframe").count() == 0, "loaded before anybody wanted it"
        await jane.open()
        await expect(jane.box).to_be_focused()
        await jane.send("Do you ship to Norway? 🇳🇴")
        await expect(jane.message("Norway")).to_contain_text("Sent")
        sender = jane.core.senders[jane.visitor]
        assert sender.facts["Page"].startswith("Lamp shop (http://127.0.0.1")
        assert (sender.language, sender.timezone) == ("en-GB", "Europe/Berlin")
        await jane.core.bridge.show_typing(bridge.Recipient(external_id=jane.visitor, name=""))
        await expect(jane.chat.locator(".typing")).to_contain_text("is typing")
        answer = await jane.core.answer(jane.visitor, rich_answer(), author="Ada Lovelace")
        await expect(jane.message("Of course")).to_contain_text("Ada Lovelace")
        await expect(jane.chat.locator(".dots")).to_have_count(0)
        link = jane.chat.get_by_role("link", name="our guide")
        await expect(link).to_have_attribute("href", "https://example.com/help")
        assert "nofollow" in (await link.get_attribute("rel") or "")
        await until(lambda: jane.core.find(answer).status is bridge.DeliveryStatus.READ)  # type: ignore[union-attr]


async def test_choices_are_buttons_until_one_is_pressed(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path) as jane:
        await jane.visit()
        await jane.open()
        await jane.send("Hi")
        await expect(jane.message("Hi")).to_contain_text("Sent")
        await jane.core.answer(jane.visitor, choices())
        await jane.chat.get_by_role("button", name="Yes, thank you").click()
        await expect(jane.message("Yes, thank you").last).to_contain_text("Sent")
        await expect(jane.chat.get_by_role("button", name="No", exact=True)).to_be_disabled()
        await expect(jane.messages).to_have_count(3)
        assert [event.value for event in jane.core.events if isinstance(event, bridge.ChoiceMade)] == ["yes"]


async def test_a_reload_brings_everything_back(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path) as jane:
        await jane.visit()
        await jane.open()
        await jane.send("First")
        await expect(jane.message("First")).to_contain_text("Sent")
        await jane.box.fill("half a sentence")
        # The draft is kept a moment after the last key.
        await jane.page.wait_for_timeout(400)
        await jane.visit()
        # Without opening it she learns that there is an answer.
        await jane.core.answer(jane.visitor, "Second")
        await expect(jane.page.locator("threadbridge-chat .badge")).to_have_text("1")
        await expect(jane.launcher).to_have_accessible_name("Open chat (1 unread messages)")
        await jane.open()
        await expect(jane.messages).to_have_count(2)
        await expect(jane.box).to_have_value("half a sentence")
        await expect(jane.page.locator("threadbridge-chat .badge")).to_be_hidden()
        assert len(jane.core.messages) == 1


async def test_what_is_written_without_a_connection_is_sent_once_later(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path) as jane:
        await jane.visit()
        await jane.open()
        await jane.send("Before")
        await expect(jane.message("Before")).to_contain_text("Sent")
        await jane.page.context.set_offline(True)
        await expect(jane.chat.locator(".banner")).to_contain_text("No connection")
        for number in range(3):
            await jane.send(f"Meanwhile {number}")
        await expect(jane.message("Meanwhile 2")).to_contain_text("Sending")
        chooser = jane.chat.locator("input[type=file]")
        await chooser.set_input_files({"name": "lamp.png", "mimeType": "image/png", "buffer": PNG})
        await expect(jane.chat.locator(".chip")).to_contain_text("lamp.png could not be uploaded.")
        await jane.core.answer(jane.visitor, "From us, meanwhile")
        await jane.page.context.set_offline(False)
        await expect(jane.message("Meanwhile 2")).to_contain_text("Sent")
        await expect(jane.message("From us, meanwhile")).to_be_visible()
        await expect(jane.chat.locator(".banner")).to_be_hidden()
        await expect(jane.chat.get_by_role("button", name="Send")).to_be_enabled()
        assert len(jane.core.files.stored) == 1
        own = [text for text in jane.texts() if not text.startswith("From")]
        assert own == ["Before", "Meanwhile 0", "Meanwhile 1", "Meanwhile 2"]


async def test_what_could_not_be_sent_survives_a_reload(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path) as jane:
        await jane.visit()
        await jane.open()
        await jane.send("Hello")
        await expect(jane.message("Hello")).to_contain_text("Sent")
        jane.core.broken = RuntimeError("no database")
        await jane.send("Kept")
        await expect(jane.message("Kept")).to_contain_text("Sending")
        await jane.visit()
        await jane.open()
        await expect(jane.message("Kept")).to_contain_text("Sending")
        jane.core.broken = None
        await expect(jane.message("Kept")).to_contain_text("Sent")
        await expect(jane.messages).to_have_count(2)
        assert jane.texts() == ["Hello", "Kept"]


async def test_two_tabs_show_the_same(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path) as jane:
        await jane.visit()
        await jane.open()
        await jane.send("In the first tab")
        await expect(jane.message("In the first tab")).to_contain_text("Sent")
        second = Customer(await jane.page.context.new_page(), jane.site, jane.shop_url)
        await second.visit()
        await second.open()
        await expect(second.message("In the first tab")).to_be_visible()
        await second.send("In the second")
        await expect(jane.message("In the second")).to_be_visible()
        await jane.core.answer(jane.visitor, "To both")
        for tab in (jane, second):
            await expect(tab.message("To both")).to_be_visible()
            await expect(tab.messages).to_have_count(3)


async def test_hostile_text_is_only_text(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path, settings={"greeting": "<b>Hi</b><script>alert(1)</script>"}) as jane:
        alerts: list[str] = []
        jane.page.on("dialog", lambda dialog: alerts.append(dialog.message))
        await jane.visit()
        await jane.open()
        hostile = "<script>alert(1)</script> <img src=x onerror=alert(2)> javascript:alert(3) <!channel>"
        await jane.send(hostile)
        await expect(jane.message("onerror=alert(2)")).to_contain_text(hostile)
        blocks = (
            Paragraph(inlines=(Link(url="javascript:alert(4)", label="click me"), Text(text="<svg onload=alert(5)>"))),
            CodeBlock(text="</code><script>alert(6)</script>"),
        )
        await jane.core.answer(jane.visitor, Content(body=Document(blocks=blocks)), author="<i>Eve</i>")
        await expect(jane.message("click me")).to_contain_text("<i>Eve</i>")
        await expect(jane.chat.get_by_role("link", name="click me")).to_have_count(0)
        long = "word " * 1999 + "https://example.com/" + "x" * 5
        await jane.send(long[:10_000])
        await expect(jane.messages).to_have_count(3)
        await jane.send("y" * 5_000)
        await expect(jane.messages).to_have_count(4)
        assert await jane.chat.locator(".scroller").evaluate("node => node.scrollWidth <= node.clientWidth")
        elements = "script:not([src]):not([type]), b, i:not(.dots i), svg[onload], img[onerror]"
        assert await jane.chat.locator(elements).count() == 0
        assert not alerts


async def test_too_much_text_cannot_be_sent(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path) as jane:
        await jane.visit()
        await jane.open()
        await jane.box.fill("🙂" * 10_003)
        await expect(jane.chat.locator(".count")).to_have_text("3 characters too many")
        await expect(jane.chat.get_by_role("button", name="Send")).to_be_disabled()
        await jane.send("🙂" * 10_000)
        await expect(jane.messages).to_have_count(1)
        await until(lambda: jane.core.messages)
        assert jane.texts() == ["🙂" * 10_000]


async def test_files_go_both_ways(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path, settings={"max_upload": 50_000}) as jane:
        await jane.visit()
        await jane.open()
        chooser = jane.chat.locator("input[type=file]")
        await chooser.set_input_files({"name": "huge.zip", "mimeType": "application/zip", "buffer": b"x" * 60_000})
        await expect(jane.chat.get_by_role("alert")).to_have_text("huge.zip is too large. The limit is 50 KB.")
        await chooser.set_input_files({"name": "virus.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"})
        await expect(jane.chat.locator(".chip")).to_contain_text("virus.exe is a program, which is not accepted.")
        await jane.chat.get_by_role("button", name="Remove virus.exe").click()
        await chooser.set_input_files(
            [
                {"name": "lamp.png", "mimeType": "image/png", "buffer": PNG},
                {"name": "Rechnung ä.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"},
            ]
        )
        await jane.send("Look")
        message = jane.message("Look")
        await expect(message).to_contain_text("Sent")
        await expect(message.get_by_role("img", name="lamp.png")).to_be_visible()
        async with jane.page.expect_download() as download:
            await message.get_by_role("link", name="Download Rechnung ä.pdf").click()
        assert (await download.value).suggested_filename == "Rechnung ä.pdf"
        # The pasted picture needs no words.
        await jane.box.evaluate(
            """(node, data) => {
                const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
                const files = new DataTransfer();
                files.items.add(new File([bytes], "pasted.png", { type: "image/png" }));
                const paste = { clipboardData: files, bubbles: true, cancelable: true };
                node.dispatchEvent(new ClipboardEvent("paste", paste));
            }""",
            base64.b64encode(PNG).decode(),
        )
        await expect(jane.chat.get_by_role("button", name="Send")).to_be_enabled()
        await jane.box.press("Enter")
        await expect(jane.messages.get_by_role("img", name="pasted.png")).to_be_visible()
        stored = next(iter(jane.core.files.stored.values()))
        await jane.core.answer(jane.visitor, picture(stored, "ours.png"))
        image = jane.messages.get_by_role("img", name="ours.png")
        await expect(image).to_be_visible()
        assert await image.evaluate("node => node.decode().then(() => node.naturalWidth)") == 1


async def test_own_messages_can_be_corrected_and_deleted(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path) as jane:
        await jane.visit()
        await jane.open()
        await jane.send("Order 1234")
        await expect(jane.message("Order 1234")).to_contain_text("Sent")
        await jane.tool("Order 1234", "Edit")
        await expect(jane.box).to_have_value("Order 1234")
        await jane.send("Order 4321")
        await expect(jane.message("Order 4321")).to_contain_text("edited")
        await until(lambda: jane.texts() == ["Order 4321"])
        await jane.tool("Order 4321", "Delete")
        await jane.chat.get_by_role("button", name="Delete").click()
        await expect(jane.messages).to_contain_text(["This message was deleted"])
        await until(lambda: jane.core.messages[jane.visitor][0].deleted)


async def test_reactions_and_quotes(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path) as jane:
        await jane.visit()
        await jane.open()
        await jane.send("Hi")
        await expect(jane.message("Hi")).to_contain_text("Sent")
        answer = await jane.core.answer(jane.visitor, "Which lamp is it?")
        await jane.tool("Which lamp", "React")
        await jane.chat.get_by_role("button", name="React: 👍").click()
        await until(lambda: jane.core.find(answer).reactions == {"customer": "👍"})  # type: ignore[union-attr]
        await jane.message("Which lamp").get_by_role("button", name="👍 You").click()
        await until(lambda: jane.core.find(answer).reactions == {})  # type: ignore[union-attr]
        await jane.tool("Which lamp", "Reply")
        await expect(jane.chat.locator(".bar")).to_contain_text("Reply to Ada")
        await jane.send("The green one")
        await expect(jane.message("The green one").locator(".quoted")).to_contain_text("Which lamp is it?")
        received = jane.core.events[-1]
        assert isinstance(received, bridge.MessageReceived)
        assert received.quote == answer


async def test_agents_edits_and_deletes_are_shown(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path) as jane:
        await jane.visit()
        await jane.open()
        await jane.send("Hi")
        await expect(jane.message("Hi")).to_contain_text("Sent")
        answer = await jane.core.answer(jane.visitor, "It costs 10")
        await expect(jane.message("It costs 10")).to_be_visible()
        body = Document(blocks=(Paragraph(inlines=(Text(text="It costs 12"),)),))
        await jane.core.revise(jane.visitor, answer, Content(body=body))
        await expect(jane.message("It costs 12")).to_contain_text("edited")
        await jane.core.revise(jane.visitor, answer, None)
        await expect(jane.messages.last).to_contain_text("This message was deleted")


async def test_without_websockets_it_polls(browser: Browser, tmp_path: Path) -> None:
    async with shopping(browser, tmp_path, sockets=False) as jane:
        await jane.visit()
        await jane.open()
        await expect(jane.chat.locator(".chat")).to_have_attribute("data-mode", "polling")
        await jane.send("Through the proxy")
        await expect(jane.message("Through the proxy")).to_contain_text("Sent")
        answer = await jane.core.answer(jane.visitor, "And back")
        await expect(jane.message("And back")).to_be_visible()
        await until(lambda: jane.core.find(answer).status is bridge.DeliveryStatus.READ)  # type: ignore[union-attr]
