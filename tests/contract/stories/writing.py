"""What agents write, and what of it the customer gets."""

from __future__ import annotations

from typing import Any

import aiohttp

from core.contracts.gestures import Gesture
from core.contracts.workplace import Sign
from sandbox.play.samples import PDF, PNG
from sandbox.stage import CANNED
from tests.contract.stories.telling import Talk, shows
from tests.flows.conftest import until


@shows(Gesture.REPLY, "telegram")
async def reply(here: Talk) -> None:
    post = await here.office.writes(here.thread, "The kettle left our house today")
    await here.arrives("The kettle left our house today")
    await here.signed(post, Sign.DELIVERED)
    # Who answers first is who it belongs to.
    await here.card_says(f"Claimed by {here.office.name}")
    await here.hears_only("The kettle left our house today")


@shows(Gesture.REPLY_BY_FORM)
async def reply_by_form(here: Talk) -> None:
    dialog = await here.fills_in("Reply", {"text": "Written in the form"})
    assert here.customer.name in dialog.words, "to whom it goes is said before it goes"
    await here.arrives("Written in the form")
    shown = await here.stands("Written in the form")
    assert here.office.name in shown.author + shown.text
    await here.hears_only("Written in the form")


@shows(Gesture.REPLY_CANNED)
async def reply_canned(here: Talk) -> None:
    title, text = CANNED[0]
    await here.fills_in("Reply", {"canned": title})
    await here.arrives(text)
    await here.stands(text)
    await here.hears_only(text)


@shows(Gesture.OFFER_CHOICES, "telegram")
async def offer_choices(here: Talk) -> None:
    await here.fills_in("Reply", {"text": "Which colour?", "choices": "Red\nDark blue"})
    await here.arrives("Which colour?")
    await here.stands("Offered: Red")
    telegram = here.stage.telegram
    [shown] = [bubble for bubble in telegram.chat(here.phone) if bubble.buttons]
    buttons = [button for row in shown.buttons for button in row]
    assert [button["text"] for button in buttons] == ["Red", "Dark blue"]
    await telegram.customer_presses(here.phone, shown.message_id, buttons[1]["callback_data"])
    await here.stands("Dark blue")
    # Typed, it is the same choice.
    await here.customer.writes("1")
    await here.stands("Red (“1”)")


@shows(Gesture.QUOTE)
async def quote(here: Talk) -> None:
    asked = await here.customer.writes("Is there one in blue?")
    await here.customer.writes("And is it large?")
    question = await here.stands("Is there one in blue?")
    await here.stands("And is it large?")
    await here.office.writes(here.thread, "Yes, there is", answering=question.post)
    await here.arrives("Yes, there is")
    [item] = [one for one in here.tab.items.values() if not one["me"]]
    assert item["quote"] in (asked, here.tab.items[asked]["mid"])
    assert here.heard() == ["Yes, there is"], "what is quoted stands above the words, not in them"


@shows(Gesture.FORMAT)
async def formatted(here: Talk) -> None:
    await here.office.writes(here.thread, here.office.formatted)
    await here.arrives("bold")
    [item] = [one for one in here.tab.items.values() if not one["me"]]
    runs = [run for block in item["body"] for run in block.get("c", ())]
    assert {"s": "bold", "m": ["bold"]} in runs
    assert {"s": "code", "m": ["code"]} in runs
    [link] = [run for run in runs if "u" in run]
    assert (link["s"], link["u"]) == ("the menu", "https://tea.example/menu")
    [listed] = [block for block in item["body"] if block["t"] == "list"]
    assert ["".join(run["s"] for run in entry["c"]) for entry in listed["items"]] == ["one", "two"]


@shows(Gesture.ATTACH_PICTURE)
async def attach_picture(here: Talk) -> None:
    await here.office.writes(here.thread, "This is the cup", files=[("cup.png", "image/png", PNG)])
    file = await _file_of(here, "This is the cup")
    assert (file["kind"], file["mime"]) == ("image", "image/png")
    assert await _content(here, file) == PNG
    await here.hears_only("This is the cup")


@shows(Gesture.ATTACH_FILE)
async def attach_file(here: Talk) -> None:
    await here.office.writes(here.thread, "The invoice", files=[("invoice.pdf", "application/pdf", PDF)])
    file = await _file_of(here, "The invoice")
    assert file["name"] == "invoice.pdf"
    assert await _content(here, file) == PDF
    await here.hears_only("The invoice")


async def _file_of(here: Talk, text: str) -> Any:
    """The file that the customer sees beside these words, once it can be had."""
    await here.arrives(text)

    def seen() -> Any:
        files = [file for item in here.tab.items.values() if not item["me"] for file in item.get("files", ())]
        return next((file for file in files if file.get("url")), None)

    return await until(seen, "the file at the customer's")


async def _content(here: Talk, file: Any) -> bytes:
    async with aiohttp.ClientSession() as http, http.get(f"{here.stage.website}/{file['url']}") as answer:
        assert answer.status == 200
        return await answer.read()


@shows(Gesture.REACT)
async def react(here: Talk) -> None:
    post = await here.stands(here.first)
    await here.office.reacts(here.thread, post.post, "👍")
    await until(lambda: here.customer.reactions() == ["👍"], "the reaction at the customer's")


@shows(Gesture.NOTE)
async def note(here: Talk) -> None:
    post = await here.office.writes(here.thread, "// she always pays late")
    await here.signed(post, Sign.NOTE)
    await here.hears_only()


@shows(Gesture.NOTE_TO_COLLEAGUE)
async def note_to_colleague(here: Talk) -> None:
    post = await here.office.mentions(here.thread, here.office.colleague(), "can you have a look?")
    await here.signed(post, Sign.NOTE)
    await here.hears_only()


@shows(Gesture.NOTE_BY_FORM)
async def note_by_form(here: Talk) -> None:
    await here.fills_in("Note", {"text": "She called yesterday"})
    shown = await here.stands("She called yesterday")
    assert here.office.name in shown.author + shown.text
    await here.hears_only()


@shows(Gesture.SEND_NOTE)
async def send_note(here: Talk) -> None:
    post = await here.office.writes(here.thread, "// the price is 40 euros")
    await here.signed(post, Sign.NOTE)
    await here.office.sends(here.thread, post)
    await here.arrives("the price is 40 euros")
    await until(lambda: here.office.sign(here.thread, post) is not Sign.NOTE, "the mark of a note to go")
    await here.hears_only("the price is 40 euros")


@shows(Gesture.KEEP_REPLY)
async def keep_reply(here: Talk) -> None:
    post = await here.office.writes(here.thread, "We lost your parcel")
    await here.taken(post)
    await here.office.keeps(here.thread, post)
    await here.whispered("Kept as a note")
    await here.signed(post, Sign.NOTE)
    await here.hears_only()
