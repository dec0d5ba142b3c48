"""The page's Teams in a real browser: what an agent does there reaches the app, what the app does reaches her."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Locator, Page, expect

from core.contracts.posts import Tone
from plugins.teams import render
from tests.browser.page_stage import ACTIONS, picture
from tests.browser.teams_stage import ROOT, TeamsStage, both

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="document.title=1"> <script>document.title=2</script> **bold** [x](javascript:1) &amp;'


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TeamsStage]:
    async with both(tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture
async def visitor(page: Page, stage: TeamsStage) -> Page:
    page.set_default_timeout(8_000)
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.goto(f"{stage.url}/#telegram")
    await page.locator("#workplace-teams").click()
    await expect(page.locator("#t-list [data-room]").first).to_be_visible()
    return page


def thread(page: Page, root: str) -> Locator:
    return page.locator(f'.t-thread[data-root="{root}"]')


def message(page: Page, number: str) -> Locator:
    return page.locator(f'.t-message[data-id="{number}"]')


async def menu(page: Page, said: Locator, name: str) -> None:
    await said.hover()
    await said.get_by_label("More options").click()
    await page.get_by_role("menuitem", name=name).click()


async def heard(stage: TeamsStage, page: Page, kind: str) -> dict[str, object]:
    """The last activity of this kind, once the app has it."""
    await stage.teams.idle()
    found = [activity for activity in stage.heard if activity["type"] == kind or activity.get("name") == kind]
    return found[-1]


async def test_an_agent_answers_in_a_thread(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("Jane", "Telegram", "Where is my parcel?")
    place = thread(visitor, root)
    await place.get_by_role("button", name="Reply", exact=True).last.click()
    field = place.get_by_role("textbox", name="Reply")
    await field.fill("On its way, **today**, says @Om")
    await place.get_by_role("button", name="Omar Haddad").dispatch_event("pointerdown")
    await field.press("Enter")
    said = place.locator(".t-message").last
    await expect(said.locator("strong")).to_have_text("today")
    await expect(said.locator(".t-mention")).to_have_text("Omar Haddad")
    await expect(field).to_have_value("")
    reply = stage.teams.thread(stage.support, root)[-1]
    assert (reply["from"]["id"], reply["mentions"]) == (stage.bea, [{"id": stage.omar, "name": "Omar Haddad"}])
    activity = await heard(stage, visitor, "message")
    assert activity["conversation"]["id"] == f"{stage.support}{ROOT}{root}"  # type: ignore[index]


async def test_a_long_thread_is_folded_to_its_latest_replies(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("Priya", "Email", "Broken shade")
    for number in range(4):
        await stage.teams.person_posts(stage.omar, stage.support, f"Reply {number}", root)
    place = thread(visitor, root)
    await expect(place.locator(".t-message")).to_have_count(3)
    await expect(place.locator(".t-message").last).to_contain_text("Reply 3")
    await place.get_by_role("button", name="Open 3 replies").click()
    await expect(place.locator(".t-message")).to_have_count(6)
    await place.get_by_role("button", name="Collapse all").click()
    await expect(place.locator(".t-message")).to_have_count(3)


async def test_long_words_are_folded_and_opened(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("Priya", "Email", "Broken shade")
    await stage.teams.person_posts(stage.omar, stage.support, "ten characters, again and again. " * 303, root)
    said = thread(visitor, root).locator(".t-message").last
    closed = (await said.bounding_box() or {})["height"]
    await said.get_by_role("button", name="See more").click()
    await expect(said.get_by_role("button", name="See less")).to_be_visible()
    assert (await said.bounding_box() or {})["height"] > closed * 2


async def test_a_press_shows_the_presser_a_card_of_her_own(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("Jane", "Telegram", "Hello")
    card = message(visitor, root).locator(".card")
    await card.get_by_role("button", name="Claim").click()
    await expect(card).to_contain_text("Claimed: claim")
    assert (await heard(stage, visitor, "adaptiveCard/action"))["from"]["id"] == stage.bea  # type: ignore[index]
    await visitor.locator("#t-agents").get_by_role("tab", name="Omar").click()
    await expect(card).to_contain_text("Open, waiting for somebody")
    await visitor.locator("#t-agents").get_by_role("tab", name="Bea").click()
    await expect(card).to_contain_text("Claimed: claim")
    changed = render.post(stage.post("Jane", "Drawn anew for everybody"), stage.to)
    await stage.edits(f"{stage.support}{ROOT}{root}", root, changed)
    await expect(card).to_contain_text("Drawn anew for everybody")


async def test_the_queue_presses_the_right_one_of_equal_buttons_and_opens_threads(
    visitor: Page, stage: TeamsStage
) -> None:
    first, second = await stage.opens("Jane", "Telegram", "One"), await stage.opens("Jane", "Telegram", "Two")
    await stage.shows_queue(stage.bea, [first, second])
    await visitor.locator("#t-rail").get_by_role("button", name="Chat").click()
    card = visitor.locator("#t-chat .card").last
    await card.get_by_role("button", name="Claim").last.click()
    await expect(card).to_contain_text("Claimed: claim")
    pressed = await heard(stage, visitor, "adaptiveCard/action")
    assert pressed["value"]["action"]["data"]["thread"] == second  # type: ignore[index]
    await stage.shows_queue(stage.bea, [first, second])
    await visitor.locator("#t-chat .card").last.get_by_role("button", name="Open thread").first.click()
    await expect(message(visitor, first)).to_be_in_viewport()
    field = visitor.locator("#t-chat")
    await expect(field).to_have_count(0)


async def test_a_dialog_is_filled_in_refused_and_taken(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("Jane", "Telegram", "I need an invoice")
    await message(visitor, root).locator(".card").get_by_role("button", name="Reply").click()
    dialog = visitor.get_by_role("dialog", name="Reply")
    await dialog.get_by_role("button", name="Send").click()
    await expect(dialog.get_by_role("alert").first).to_have_text("Message is missing.")
    await dialog.get_by_role("textbox").first.fill("refuse this")
    await dialog.get_by_role("button", name="Send").click()
    await expect(dialog).to_contain_text("That is too rude.")
    await expect(dialog.get_by_role("textbox").first).to_have_value("refuse this")
    await visitor.reload()
    await expect(dialog).to_contain_text("That is too rude.")
    await dialog.get_by_role("textbox").first.fill("Here it **is**")
    await dialog.get_by_role("textbox").first.press("Control+Enter")
    await expect(dialog).to_have_count(0)
    data = (await heard(stage, visitor, "task/submit"))["value"]["data"]  # type: ignore[index]
    assert (data["rich_text"], data["action"]) == ("Here it **is**", "reply")


async def test_a_choice_is_submitted_and_a_dialog_is_closed(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("Jane", "Telegram", "Later, please")
    snooze = message(visitor, root).locator(".card").get_by_role("button", name="Snooze")
    dialog = visitor.get_by_role("dialog", name="Snooze")
    await snooze.click()
    await expect(dialog).to_be_visible()
    await visitor.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    assert stage.teams.dialogs(stage.bea) == []
    await snooze.click()
    await dialog.get_by_role("combobox").select_option("1w")
    await dialog.get_by_role("button", name="Snooze").click()
    await expect(dialog).to_have_count(0)
    data = (await heard(stage, visitor, "task/submit"))["value"]["data"]  # type: ignore[index]
    assert data["field_until"] == "1w"


async def test_an_agent_edits_deletes_and_undoes(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("Jane", "Telegram", "Can you help?")
    number = await stage.teams.person_posts(stage.bea, stage.support, "Yes we _cna_", root)
    said = message(visitor, number)
    await menu(visitor, said, "Edit")
    field = said.get_by_role("textbox", name="Edit message")
    await expect(field).to_have_value("Yes we _cna_")
    await field.fill("Yes we _can_")
    await field.press("Enter")
    await expect(said.locator(".t-edited")).to_be_visible()
    await expect(said.locator("em")).to_have_text("can")
    assert (await heard(stage, visitor, "messageUpdate"))["channelData"]["eventType"] == "editMessage"  # type: ignore[index]
    await menu(visitor, said, "Delete")
    await expect(said).to_contain_text("This message has been deleted.")
    assert (await heard(stage, visitor, "messageDelete"))["id"] == number
    await visitor.locator("#t-agents").get_by_role("tab", name="Omar").click()
    await expect(said.get_by_role("button", name="Undo")).to_have_count(0)
    await visitor.locator("#t-agents").get_by_role("tab", name="Bea").click()
    await said.get_by_role("button", name="Undo").click()
    await expect(said.locator("em")).to_have_text("can")
    assert (await heard(stage, visitor, "messageUpdate"))["channelData"]["eventType"] == "undeleteMessage"  # type: ignore[index]


async def test_reactions_of_the_app_and_of_people_are_pills(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("Jane", "Telegram", "Thanks")
    number = await stage.teams.person_posts(stage.bea, stage.support, "You are welcome", root)
    await stage.reacts(f"{stage.support}{ROOT}{root}", number, "2705_whiteheavycheckmark")
    said = message(visitor, number)
    await expect(said.locator(".t-reaction")).to_contain_text("✅")
    await said.hover()
    await said.get_by_label("React with Heart").click()
    await expect(said.get_by_label("Heart, 1")).to_have_attribute("aria-pressed", "true")
    await said.get_by_label("Heart, 1").click()
    await expect(said.get_by_label("Heart, 1")).to_have_count(0)


async def test_only_one_agent_sees_what_is_for_her(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("Jane", "Telegram", "Private things")
    await stage.whispers(stage.bea, root, "Only Bea reads this", ACTIONS[:1])
    private = thread(visitor, root).locator(".t-targeted")
    await expect(private).to_contain_text("Only you can see this message")
    await expect(private).to_contain_text("Only Bea reads this")
    await visitor.locator("#t-agents").get_by_role("tab", name="Omar").click()
    await expect(message(visitor, root)).to_be_visible()
    await expect(visitor.get_by_text("Only Bea reads this")).to_have_count(0)
    await visitor.locator("#t-agents").get_by_role("tab", name="Bea").click()
    await private.get_by_role("button", name="Claim").click()
    await expect(private).to_contain_text("Claimed: claim")


async def test_commands_of_the_manifest_run_on_a_message(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("Jane", "Telegram", "Commands?")
    number = await stage.teams.person_posts(stage.omar, stage.support, "She may read this", root)
    await menu(visitor, message(visitor, number), "Send to customer")
    told = visitor.get_by_role("dialog", name="Threadbridge")
    await expect(told).to_contain_text("Sent to Jane.")
    asked = await heard(stage, visitor, "composeExtension/fetchTask")
    assert asked["value"]["messagePayload"]["id"] == number  # type: ignore[index]
    await told.get_by_role("button", name="OK").click()
    await expect(told).to_have_count(0)


async def test_a_canned_reply_is_found_and_inserted(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("Jane", "Telegram", "I want to return it")
    place = thread(visitor, root)
    await place.get_by_role("button", name="Reply", exact=True).last.click()
    await place.get_by_label("Search in Threadbridge").click()
    search = visitor.get_by_role("searchbox", name="Search")
    await expect(visitor.locator(".t-result")).to_contain_text("Return label")
    await search.fill("unknown")
    await expect(visitor.locator(".t-results")).to_have_text("Nothing was found.")
    await search.fill("label")
    await visitor.locator(".t-result").click()
    await expect(place.locator(".t-inserted")).to_contain_text("Here is your **label**.")
    await place.get_by_role("textbox", name="Reply").fill("Of course:")
    await place.get_by_label("Send", exact=True).click()
    said = place.locator(".t-message").last
    await expect(said).to_contain_text("Of course:")
    await expect(said.locator(".card")).to_contain_text("Here is your **label**.")
    sent = stage.teams.thread(stage.support, root)[-1]
    assert [entry["contentType"] for entry in sent["attachments"]] == [render.CARD_TYPE]


async def test_an_agent_sends_files(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("Jane", "Telegram", "May I see it?")
    place = thread(visitor, root)
    await place.get_by_role("button", name="Reply", exact=True).last.click()
    lamp = {"name": "lamp.png", "mimeType": "image/png", "buffer": picture(60, 40)}
    page_ = {"name": "x.html", "mimeType": "text/html", "buffer": b"<b>no</b>"}
    await place.locator('input[type="file"]').set_input_files([lamp, page_])
    await place.get_by_label("Send", exact=True).click()
    said = place.locator(".t-message").last
    await expect(said.locator("img")).to_have_js_property("naturalWidth", 60)
    await expect(said.locator(".t-file")).to_contain_text("x.html")
    address = await said.locator(".t-file").get_attribute("href")
    async with stage.http.get(f"{stage.url}{address}") as answer:
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")


async def test_hostile_words_are_shown_and_do_nothing(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens(HOSTILE, "Telegram", HOSTILE)
    await expect(message(visitor, root).locator(".card")).to_contain_text(HOSTILE)
    await stage.teams.person_posts(stage.omar, stage.support, f"<p>{HOSTILE}<iframe src='/shop'></iframe></p>", root)
    said = thread(visitor, root).locator(".t-message").last
    await expect(said).to_contain_text("[x](javascript:1)")
    place = thread(visitor, root)
    await place.get_by_role("button", name="Reply", exact=True).last.click()
    await place.get_by_role("textbox", name="Reply").fill(f"<p>{HOSTILE}</p>")
    await place.get_by_role("textbox", name="Reply").press("Enter")
    await expect(place.locator(".t-message").last.locator(".t-words")).to_have_text(f"<p>{HOSTILE}</p>")
    assert await visitor.title() == "Threadbridge · sandbox"
    assert await visitor.locator(".teams :is(img[src='x'], script, iframe)").count() == 0


async def test_unread_marks_are_each_agents_own(visitor: Page, stage: TeamsStage) -> None:
    vip = visitor.locator(f'[data-room="{stage.vip}"]')
    await expect(vip.locator(".t-badge")).to_have_count(0)
    await stage.posts(stage.vip, render.post(stage.post("Jane", "Are you there?"), stage.to))
    await expect(vip.locator(".t-badge")).to_have_text("1")
    await vip.click()
    await expect(visitor.locator("#t-posts")).to_contain_text("Are you there?")
    await expect(vip.locator(".t-badge")).to_have_count(0)
    await visitor.locator("#t-agents").get_by_role("tab", name="Omar").click()
    await expect(vip.locator(".t-badge")).to_have_text("1")


async def test_an_agent_writes_to_the_app(visitor: Page, stage: TeamsStage) -> None:
    await visitor.locator("#t-rail").get_by_role("button", name="Chat").click()
    field = visitor.get_by_role("textbox", name="Message Threadbridge")
    await field.fill("queue")
    await field.press("Enter")
    await expect(visitor.locator("#t-chat .mine").last).to_contain_text("queue")
    activity = await heard(stage, visitor, "message")
    assert activity["conversation"]["conversationType"] == "personal"  # type: ignore[index]


async def test_a_post_is_started(visitor: Page, stage: TeamsStage) -> None:
    await visitor.get_by_role("button", name="Start a post").click()
    field = visitor.get_by_role("textbox", name="Start a post")
    await field.fill("Lunch at noon?")
    await field.press("Enter")
    await expect(visitor.locator(".t-thread").last).to_contain_text("Lunch at noon?")
    await expect(visitor.get_by_role("button", name="Start a post")).to_be_visible()


async def test_a_failure_stands_in_the_thread_with_its_buttons(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("Jane", "Telegram", "Hello?")
    await stage.says(root, stage.post("", "The customer blocked the bot.", Tone.FAILURE, actions=ACTIONS[:1]))
    said = thread(visitor, root).locator(".t-message").last
    await expect(said.locator(".style-attention")).to_contain_text("The customer blocked the bot.")
    await expect(said.get_by_role("button", name="Claim")).to_be_visible()


async def test_words_on_cards_are_found(visitor: Page, stage: TeamsStage) -> None:
    root = await stage.opens("Jane", "Telegram", "The zeppelin has landed")
    for number in range(4):
        await stage.opens("Priya", "Email", f"Something else {number}")
    await visitor.locator("#t-find").click()
    field = visitor.get_by_role("searchbox", name="Search messages in Teams")
    await field.fill("no such word")
    await expect(visitor.locator(".t-results")).to_have_text("Nothing was found.")
    await field.fill("Zeppelin")
    await expect(visitor.locator(".t-result")).to_have_count(2)
    await visitor.locator(".t-result").last.click()
    await expect(message(visitor, root)).to_be_in_viewport()
