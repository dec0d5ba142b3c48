"""The sandbox page in a real browser: what a visitor does reaches the sandboxes, what they do reaches the page."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import FrameLocator, Page, expect

from sandbox.page import Page as SandboxPage
from sandbox.slack import emoji
from tests.browser.page_stage import ACTIONS, Stage, picture, staged

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="document.title=1"> <!channel> <script>document.title=2</script> *bold* &amp; <@U1>'


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with staged(tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture
async def visitor(page: Page, stage: Stage) -> Page:
    page.set_default_timeout(8_000)
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.goto(f"{stage.page.url}/#telegram")
    await expect(page.locator("#rooms .side-row").first).to_be_visible()
    return page


async def opened(page: Page, stage: Stage, words: str) -> str:
    """A conversation whose thread is open on the page."""
    root = await stage.opens("Jane", "Telegram", words)
    await page.locator(f'#messages [data-ts="{root}"]').hover()
    await page.locator(f'#messages [data-ts="{root}"] .toolbar [aria-label="Reply in thread"]').click()
    await expect(page.locator(f'#thread [data-ts="{root}"]')).to_be_visible()
    return root


async def test_a_customer_writes_on_telegram(visitor: Page, stage: Stage) -> None:
    start = visitor.get_by_role("button", name="Start", exact=True)
    await start.click()
    field = visitor.get_by_label("Message as the customer on Telegram")
    await field.fill("Is the Tide lamp in stock? 💡")
    await field.press("Enter")
    await expect(visitor.locator("#chat .mine .bubble-text").last).to_have_text("Is the Tide lamp in stock? 💡")
    assert [bubble.text for bubble in stage.telegram.chat(stage.jane)] == ["/start", "Is the Tide lamp in stock? 💡"]
    await expect(field).to_have_value("")


async def test_the_phone_answers_quotes_edits_and_reacts(visitor: Page, stage: Stage) -> None:
    user = stage.jane
    message = await stage.telegram.customer_writes(user, "First version")
    row = visitor.locator(f'[data-message="{message}"]')
    await row.hover()
    await row.get_by_label("Message actions").click()
    await visitor.get_by_role("menuitem", name="Edit").click()
    field = visitor.get_by_label("Message as the customer on Telegram")
    await expect(field).to_have_value("First version")
    await field.fill("Second version")
    await field.press("Enter")
    await expect(row.locator(".bubble-meta")).to_contain_text("edited")
    await row.hover()
    await row.get_by_label("Message actions").click()
    await visitor.get_by_role("menuitem", name="Reply").click()
    await field.fill("One more thing")
    await field.press("Enter")
    await expect(visitor.locator("#chat .mine .bubble-reply").last).to_contain_text("Second version")
    shown = stage.telegram.chat(user)[-1]
    assert (shown.text, shown.reply_to) == ("One more thing", message)
    await row.hover()
    await row.get_by_label("Message actions").click()
    await visitor.get_by_role("menuitem", name="React").click()
    await visitor.get_by_label("🔥", exact=True).click()
    await expect(row.locator(".bubble-reactions")).to_have_text("🔥")


async def test_buttons_of_the_bot_are_pressed(visitor: Page, stage: Stage) -> None:
    keyboard = {"inline_keyboard": [[{"text": "Yes, please", "callback_data": "yes"}]]}
    async with aiohttp.ClientSession() as http:
        url = f"{stage.telegram.url}/bot{stage.telegram.token}"
        await stage.telegram.customer_starts(stage.jane)
        body = {"chat_id": stage.jane, "text": "Shall we?", "reply_markup": keyboard}
        async with http.post(f"{url}/sendMessage", json=body) as sent:
            assert sent.status == 200
        await visitor.get_by_role("button", name="Yes, please").click()
        for _ in range(20):
            async with http.get(f"{url}/getUpdates", params={"timeout": 1, "offset": -1}) as answer:
                updates = (await answer.json())["result"]
            if updates and "callback_query" in updates[-1]:
                break
    assert updates[-1]["callback_query"]["data"] == "yes"


async def test_an_agent_answers_in_a_thread(visitor: Page, stage: Stage) -> None:
    root = await opened(visitor, stage, "Where is my parcel?")
    field = visitor.locator("#thread textarea")
    await field.fill("On its way, *today* 🚚")
    await field.press("Shift+Enter")
    await field.type("see https://example.test/track")
    await field.press("Enter")
    said = visitor.locator("#thread-messages article").last
    await expect(said.locator("strong")).to_have_text("today")
    await expect(said.locator("a")).to_have_attribute("rel", "noopener noreferrer nofollow")
    reply = stage.slack.thread(stage.support, root)[-1]
    assert (reply["user"], reply["text"]) == (
        stage.bea,
        "On its way, *today* :truck:\nsee <https://example.test/track>",
    )
    await expect(visitor.locator(f'#messages [data-ts="{root}"] .thread-bar')).to_contain_text("1 reply")


async def test_the_first_conversation_opens_by_itself_and_later_ones_wait(visitor: Page, stage: Stage) -> None:
    first = await stage.opens("Jane", "Telegram", "First")
    await expect(visitor.locator(f'#thread [data-ts="{first}"]')).to_be_visible()
    second = await stage.opens("Priya", "Email", "Second")
    await expect(visitor.locator(f'#messages [data-ts="{second}"]')).to_be_visible()
    await expect(visitor.locator(f'#thread [data-ts="{first}"]')).to_be_visible()


async def test_an_agent_sends_a_file(visitor: Page, stage: Stage) -> None:
    root = await opened(visitor, stage, "May I see it?")
    lamp = picture(60, 40)
    await visitor.locator('#thread input[type="file"]').set_input_files(
        [{"name": "lamp.png", "mimeType": "image/png", "buffer": lamp}]
    )
    await expect(visitor.locator("#thread .attached .chip")).to_contain_text("lamp.png")
    await visitor.locator("#thread").get_by_label("Send now").click()
    shown = visitor.locator("#thread-messages .picture img")
    await expect(shown).to_be_visible()
    await expect(shown).to_have_js_property("naturalWidth", 60)
    (file,) = stage.slack.thread(stage.support, root)[-1]["files"]
    assert stage.slack.file_content(file["id"]) == ("image/png", lamp)


async def test_an_agent_edits_deletes_and_reacts(visitor: Page, stage: Stage) -> None:
    root = await opened(visitor, stage, "Can you help?")
    ts = await stage.slack.person_posts(stage.bea, stage.support, "Yes we _cna_", root)
    said = visitor.locator(f'#thread [data-ts="{ts}"]')
    await said.hover()
    await said.get_by_label("More actions").click()
    await visitor.get_by_role("menuitem", name="Edit message").click()
    editing = said.locator("textarea")
    await expect(editing).to_have_value("Yes we _cna_")
    await editing.fill("Yes we _can_")
    await editing.press("Enter")
    await expect(said.locator(".edited")).to_be_visible()
    await said.hover()
    await said.get_by_label("React with eyes").click()
    await expect(said.get_by_label("eyes, 1")).to_have_attribute("aria-pressed", "true")
    await said.get_by_label("eyes, 1").click()
    await expect(said.get_by_label("eyes, 1")).to_have_count(0)
    await said.hover()
    await said.get_by_label("More actions").click()
    await visitor.get_by_role("menuitem", name="Delete message").click()
    await visitor.get_by_role("button", name="Delete", exact=True).click()
    await expect(said).to_have_count(0)
    assert len(stage.slack.thread(stage.support, root)) == 1


async def test_a_press_reaches_the_app_and_its_modal_is_filled_in(visitor: Page, stage: Stage) -> None:
    root = await opened(visitor, stage, "I need an invoice")
    await visitor.locator(f'#thread [data-ts="{root}"]').get_by_role("button", name="Reply", exact=True).click()
    modal = visitor.get_by_role("dialog", name="Reply")
    await expect(modal).to_be_visible()
    await modal.get_by_role("button", name="Send").click()
    await expect(modal.get_by_role("alert").first).to_have_text("Please complete this required field.")
    await modal.locator("textarea").first.fill("refuse this")
    await modal.get_by_role("button", name="Send").click()
    await expect(modal.get_by_role("alert").first).to_have_text("That cannot be sent.")
    await modal.locator("textarea").first.fill("Here it *is*")
    await modal.get_by_role("button", name="Send").click()
    await expect(modal).to_have_count(0)
    submitted = stage.heard[-1]["view"]["state"]["values"]["text"]["value"]["rich_text_value"]
    assert submitted["elements"][0]["elements"] == [
        {"type": "text", "text": "Here it "},
        {"type": "text", "text": "is", "style": {"bold": True}},
    ]


async def test_a_choice_in_a_modal_is_submitted(visitor: Page, stage: Stage) -> None:
    root = await opened(visitor, stage, "Later, please")
    await visitor.locator(f'#thread [data-ts="{root}"]').get_by_role("button", name="Snooze").click()
    modal = visitor.get_by_role("dialog", name="Snooze")
    await modal.locator("select").select_option("1w")
    await modal.get_by_role("button", name="Snooze").click()
    await expect(modal).to_have_count(0)
    assert stage.heard[-1]["view"]["state"]["values"]["until"]["value"]["selected_option"]["value"] == "1w"


async def test_shortcuts_of_the_manifest_run_on_a_message(visitor: Page, stage: Stage) -> None:
    root = await opened(visitor, stage, "Shortcuts?")
    ts = await stage.slack.person_posts(stage.omar, stage.support, "She may read this", root)
    said = visitor.locator(f'#thread [data-ts="{ts}"]')
    await said.hover()
    await said.get_by_label("More actions").click()
    async with visitor.expect_response("**/act") as answered:
        await visitor.get_by_role("menuitem", name="Send to customer").click()
    assert (await (await answered.value).json())["result"]["ok"]
    assert (stage.heard[-1]["type"], stage.heard[-1]["message"]["ts"]) == ("message_action", ts)


async def test_only_one_agent_sees_what_is_for_her(visitor: Page, stage: Stage) -> None:
    root = await opened(visitor, stage, "Private things")
    await stage.whispers(stage.bea, root, "Only Bea reads this", ACTIONS[:1])
    private = visitor.locator("#thread .ephemeral")
    await expect(private).to_contain_text("Only visible to you")
    await expect(private).to_contain_text("Only Bea reads this")
    await visitor.locator("#agents").get_by_role("tab", name="Omar").click()
    await visitor.locator(f'#messages [data-ts="{root}"]').hover()
    await visitor.locator(f'#messages [data-ts="{root}"] .toolbar [aria-label="Reply in thread"]').click()
    await expect(visitor.locator(f'#thread [data-ts="{root}"]')).to_be_visible()
    await expect(visitor.get_by_text("Only Bea reads this")).to_have_count(0)
    await visitor.locator("#agents").get_by_role("tab", name="Bea").click()
    await expect(private).to_contain_text("Only Bea reads this")


async def test_the_home_tab_opens_a_thread(visitor: Page, stage: Stage) -> None:
    root = await stage.opens("Jane", "Telegram", "From the queue")
    await stage.shows_home(stage.bea, root)
    await visitor.locator("#rooms").get_by_role("button", name="Threadbridge").click()
    home = visitor.locator(".app-home")
    await expect(home.locator(".block-header").first).to_have_text("Yours · 1")
    await home.get_by_role("button", name="Open thread").first.click()
    await expect(visitor.locator(f'#thread [data-ts="{root}"]')).to_be_visible()


async def test_hostile_words_are_shown_and_do_nothing(visitor: Page, stage: Stage) -> None:
    root = await opened(visitor, stage, HOSTILE)
    await expect(visitor.locator(f'#thread [data-ts="{root}"] .body')).to_contain_text(HOSTILE)
    await stage.telegram.customer_writes(stage.jane, HOSTILE)
    await expect(visitor.locator("#chat .mine .bubble-text").last).to_have_text(HOSTILE)
    html = f"<p>{HOSTILE}</p><script>document.title=3</script>"
    await stage.mail.customer_writes(("Eve", "eve@evil.test"), "priya@customer.test", HOSTILE, html=html)
    await visitor.get_by_role("tab", name="Email").click()
    await visitor.locator(".mail-row").first.click()
    await expect(visitor.locator(".letter-text").first).to_contain_text("*bold*")
    assert await visitor.title() == "Threadbridge · sandbox"
    assert await visitor.locator("main img[src='x'], main script").count() == 0


async def test_a_customer_writes_and_answers_mail(visitor: Page, stage: Stage) -> None:
    await visitor.get_by_role("tab", name="Email").click()
    await visitor.get_by_role("tab", name="Tomás").click()
    await visitor.get_by_role("button", name="New message").click()
    await visitor.get_by_label("Subject").fill("Broken shade")
    await visitor.get_by_label("Write your message").fill("It arrived torn.")
    await visitor.locator("#email input[type=file]").set_input_files(
        [{"name": "shade.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 torn"}]
    )
    await visitor.get_by_role("button", name="Send", exact=True).click()
    await expect(visitor.locator(".mail-subject")).to_have_text("Broken shade")
    first = stage.mail.mailbox("support@example.test")[-1].letter
    assert (first.subject, first.text.strip(), first.attachments[0][2]) == (
        "Broken shade",
        "It arrived torn.",
        b"%PDF-1.4 torn",
    )
    await stage.mail.customer_writes(
        ("Support", "support@example.test"),
        "tomas@customer.test",
        "Re: Broken shade",
        text="We send a new one.\n\nOn Monday, Tomás wrote:\n> It arrived torn.",
        in_reply_to=first.message_id,
    )
    await visitor.locator(".mail-row.fresh").click()
    await expect(visitor.locator(".letter")).to_have_count(2)
    await expect(visitor.locator(".letter-text").last).to_have_text("We send a new one.")
    await visitor.get_by_label("Reply", exact=True).fill("Thank you!")
    await visitor.get_by_role("button", name="Send", exact=True).click()
    await expect(visitor.locator(".letter")).to_have_count(3)
    answer = stage.mail.mailbox("support@example.test")[-1].letter
    theirs = stage.mail.mailbox("tomas@customer.test")[-1].letter
    assert answer.text.startswith("Thank you!\r\n\r\nOn ")
    assert (answer.in_reply_to, answer.references) == (
        theirs.message_id,
        (first.message_id, theirs.message_id),
    )


async def test_the_shop_has_the_real_web_chat(visitor: Page, stage: Stage) -> None:
    await visitor.get_by_role("tab", name="Web chat").click()
    chat: FrameLocator = visitor.frame_locator("#shop").frame_locator("threadbridge-chat iframe")
    await chat.get_by_role("textbox").fill("Hello from the shop")
    await chat.get_by_role("textbox").press("Enter")
    await expect(chat.locator("li.message").first).to_contain_text("Hello from the shop")
    assert stage.web.events


async def test_without_teams_nothing_speaks_of_it(visitor: Page) -> None:
    await expect(visitor.locator("#workplace-switch")).to_be_hidden()
    await expect(visitor.locator("#teams")).to_be_hidden()
    await visitor.get_by_role("button", name="Make it fail").click()
    await expect(visitor.locator("#faults").get_by_role("heading", name="Slack")).to_be_visible()
    await expect(visitor.locator("#faults").get_by_role("heading", name="Teams")).to_have_count(0)


async def test_troubles_are_switched_on_and_off(visitor: Page, stage: Stage) -> None:
    await visitor.get_by_role("button", name="Make it fail").click()
    await visitor.get_by_role("switch", name="Room archived").check(force=True)
    await expect(visitor.locator("#faults-count")).to_have_text("1")
    await expect(visitor.locator("#pane .archived")).to_be_visible()
    async with aiohttp.ClientSession() as http:
        url, headers = f"{stage.slack.url}/api/chat.postMessage", {"Authorization": "Bearer xoxb-sandbox"}
        body = {"channel": stage.support, "text": "x"}
        async with http.post(url, json=body, headers=headers) as answer:
            assert (await answer.json())["error"] == "is_archived"
        await visitor.get_by_role("switch", name="Room archived").uncheck(force=True)
        await expect(visitor.locator("#pane .archived")).to_have_count(0)
        await visitor.get_by_role("switch", name="Too many requests").check(force=True)
        await expect(visitor.locator("#faults-count")).to_have_text("1")
        async with http.post(url, json=body, headers=headers) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "5")
        await visitor.get_by_role("switch", name="Too many requests").uncheck(force=True)
        await expect(visitor.locator("#faults-count")).to_be_hidden()
        async with http.post(url, json=body, headers=headers) as answer:
            assert answer.status == 200


async def test_the_page_survives_a_restart(page: Page, stage: Stage) -> None:
    def again(port: int) -> SandboxPage:
        return SandboxPage(
            slack=stage.slack,
            telegram=stage.telegram,
            mail=stage.mail,
            widget_url=f"{stage.page.url}/none.js",
            agents=[stage.bea, stage.omar],
            rooms=[stage.support],
            phones=[stage.jane],
            correspondents=[],
            support_address="support@example.test",
            port=port,
        )

    async with again(0) as first:
        await page.goto(first.url)
        await expect(page.locator("#rooms .side-row").first).to_be_visible()
        url = first.url
    await expect(page.locator("#offline")).to_be_visible()
    missed = await stage.opens("Jane", "Telegram", "Written meanwhile")
    async with again(int(url.rpartition(":")[2])):
        await expect(page.locator("#offline")).to_be_hidden()
        await expect(page.locator(f'#messages [data-ts="{missed}"]')).to_contain_text("Written meanwhile")


async def test_other_websites_cannot_act(stage: Stage) -> None:
    body = json.dumps({"who": stage.bea, "verb": "agent.post", "arguments": {"channel": stage.support, "text": "x"}})
    url = stage.page.url
    async with aiohttp.ClientSession() as http:
        for headers in ({}, {"Origin": "https://evil.test"}, {"Origin": url, "Host": "evil.test"}):
            async with http.post(f"{url}/act", data=body, headers=headers) as answer:
                assert answer.status == 403
        async with http.get(f"{url}/live", headers={"Host": "evil.test:80"}) as answer:
            assert answer.status == 403
        headers = {"Origin": url, "Content-Type": "application/json"}
        async with http.post(f"{url}/act", data=body.replace(stage.bea, "U9"), headers=headers) as answer:
            assert (answer.status, (await answer.json())["error"]) == (400, "U9 is not one of the agents of this page")
        async with http.post(f"{url}/act", data=b"[" * 100_000, headers=headers) as answer:
            assert answer.status == 400
        async with http.get(f"{url}/static/..%2fserver.py") as answer:
            assert answer.status == 404


async def test_the_workspace_has_every_emoji_that_the_page_offers(visitor: Page) -> None:
    names = await visitor.evaluate("import('/static/emoji.js').then(({ EMOJI }) => EMOJI.map(({ name }) => name))")
    assert len(names) > 100
    assert [name for name in names if not emoji.known(name)] == []


async def test_files_never_run_here(stage: Stage, tmp_path: Path) -> None:
    await stage.slack.person_posts(
        stage.bea,
        stage.sales,
        "",
        files=[("x.svg", "image/svg+xml", b"<svg onload='1'/>"), ("y.html", "text/html", b"<b>")],
    )
    async with aiohttp.ClientSession() as http:
        for file in stage.slack.messages(stage.sales)[-1]["files"]:
            async with http.get(f"{stage.page.url}/file/slack/{file['id']}") as answer:
                assert answer.headers["Content-Type"] == "application/octet-stream"
                assert answer.headers["Content-Disposition"].startswith("attachment")
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
