"""What customers do on Telegram becomes events: by webhook and by polling, once, in order, and never lost."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.contracts.bridge import ChoiceMade, MessageEdited, MessageReceived, Proof, ReachabilityChanged
from core.contracts.content import Choice, Content, MediaKind
from core.contracts.richtext import Link, Mark, Paragraph, Text
from core.contracts.text import from_plain, plain
from sandbox.telegram import TelegramSandbox
from tests.bridges.runtime import outbound
from tests.bridges.telegram_accounts import PNG, Account, account, customer, webhook_account


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSandbox]:
    async with TelegramSandbox(limits=False, webhook_retry_delays=(0.01,)) as server:
        yield server


@pytest.fixture
async def polling(telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Account]:
    one = account(telegram, session, tmp_path)
    async with one.listening():
        yield one


async def test_text_arrives_with_its_sender_and_its_style(telegram: TelegramSandbox, polling: Account) -> None:
    user = telegram.add_customer("Ada", username="ada", language_code="de")
    entities = [
        {"type": "bold", "offset": 3, "length": 5},
        {"type": "text_link", "offset": 9, "length": 4, "url": "https://example.com/a"},
    ]
    sent = await telegram.customer_writes(user, "🙂 hello here שלום", entities)
    event = await polling.message()
    assert event.sender.external_id == str(user)
    assert (event.sender.name, event.sender.username, event.sender.language) == ("Ada", "ada", "de")
    assert event.sender.proof is Proof.CHANNEL
    assert event.sender.metadata == {"chat": user}
    assert event.external_id == f"{user}:{sent}"
    assert event.event_id == f"update:{event.order}"
    assert event.content.body.blocks == (
        Paragraph(
            inlines=(
                Text(text="🙂 "),
                Text(text="hello", marks=frozenset({Mark.BOLD})),
                Text(text=" "),
                Link(url="https://example.com/a", label="here"),
                Text(text=" שלום"),
            )
        ),
    )


async def test_addresses_in_text_are_links(telegram: TelegramSandbox, polling: Account) -> None:
    user = telegram.add_customer("Ada")
    await telegram.customer_writes(user, "see https://example.com/x or ask ada@example.com")
    links = [run for run in _runs(await polling.message()) if isinstance(run, Link)]
    assert [(link.url, link.label) for link in links] == [
        ("https://example.com/x", "https://example.com/x"),
        ("mailto:ada@example.com", "ada@example.com"),
    ]


async def test_long_text_arrives_in_pieces_and_in_order(telegram: TelegramSandbox, polling: Account) -> None:
    user = telegram.add_customer("Ada")
    text = "".join(f"{number:05}" for number in range(2000))
    await telegram.customer_writes(user, text)
    events = await polling.core.arrived(3)
    assert "".join(plain(event.content.body) for event in events if isinstance(event, MessageReceived)) == text
    orders = [event.order or 0 for event in events]
    assert orders == list(range(orders[0], orders[0] + 3))


@pytest.mark.parametrize(
    ("kind", "name", "mime", "expected"),
    [
        ("photo", "", "image/png", (MediaKind.IMAGE, "photo.jpg", "image/jpeg")),
        ("video", "clip.mp4", "video/mp4", (MediaKind.VIDEO, "clip.mp4", "video/mp4")),
        ("voice", "", "audio/ogg", (MediaKind.VOICE, "voice-message.ogg", "audio/ogg")),
        ("audio", "song.mp3", "audio/mpeg", (MediaKind.AUDIO, "song.mp3", "audio/mpeg")),
        ("document", "../bill.pdf", "application/pdf", (MediaKind.FILE, "bill.pdf", "application/pdf")),
        ("sticker", "", "", (MediaKind.IMAGE, "sticker.webp", "image/webp")),
    ],
)
async def test_files_arrive_and_can_be_fetched(
    telegram: TelegramSandbox, polling: Account, kind: Any, name: str, mime: str, expected: tuple[Any, ...]
) -> None:
    user = telegram.add_customer("Ada")
    caption = None if kind == "sticker" else "look 👀"
    await telegram.customer_sends(user, kind, name, mime, PNG, caption=caption)
    event = await polling.message()
    (attachment,) = event.content.attachments
    assert (attachment.kind, attachment.name, attachment.mime) == expected
    assert attachment.size == len(PNG)
    assert plain(event.content.body) == (caption or "")
    assert attachment.source is not None
    file = await polling.core.files.save(polling.bridge.fetch(attachment.source), name=attachment.name, mime="")
    assert file.path.read_bytes() == PNG
    assert file.mime == "image/png"


async def test_an_album_is_a_message_for_each_picture(telegram: TelegramSandbox, polling: Account) -> None:
    user = telegram.add_customer("Ada")
    album = telegram.album()
    for number in range(3):
        await telegram.customer_sends(user, "photo", data=PNG + bytes([number]), media_group_id=album)
    events = await polling.core.arrived(3)
    assert all(isinstance(event, MessageReceived) and len(event.content.attachments) == 1 for event in events)


async def test_places_and_contacts_are_readable(telegram: TelegramSandbox, polling: Account) -> None:
    user = telegram.add_customer("Ada")
    await telegram.customer_sends(user, "location", latitude=48.2, longitude=16.37)
    await telegram.customer_sends(user, "contact", "Bob", phone_number="+43 1 234")
    await telegram.customer_sends(user, "contact", phone_number="+43 1 999", contact_user_id=user)
    place, other, own = [await polling.message(number) for number in (1, 2, 3)]
    (link,) = [run for run in _runs(place) if isinstance(run, Link)]
    assert "mlat=48.200000&mlon=16.370000" in link.url
    assert plain(other.content.body) == "👤 Bob: +43 1 234"
    assert other.sender.phone == "", "anybody's card can be shared"
    assert own.sender.phone == "+43 1 999"


async def test_quotes_edits_and_the_start_button(telegram: TelegramSandbox, polling: Account) -> None:
    user = telegram.add_customer("Ada")
    await telegram.customer_starts(user, "secret-token_1")
    first = await polling.message()
    assert plain(first.content.body) == "/start"
    answer = await polling.bridge.send(outbound(first.sender.external_id, "How can we help?"))
    second = await telegram.customer_writes(user, "with this", reply_to=int(answer.split(":")[1]))
    assert (await polling.message(2)).quote == answer
    await telegram.customer_edits(user, second, "with that")
    edit = (await polling.core.arrived(3))[2]
    assert isinstance(edit, MessageEdited)
    assert edit.external_id == f"{user}:{second}"
    assert plain(edit.content.body) == "with that"


async def test_a_pressed_button_is_a_choice_and_stops_spinning(telegram: TelegramSandbox, polling: Account) -> None:
    await _press(telegram, polling)


async def test_a_pressed_button_stops_spinning_by_webhook_too(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with webhook_account(telegram, session, tmp_path) as one, one.listening():
        await one.core.until(lambda: telegram.world.delivery.webhook is not None)
        await _press(telegram, one)


async def _press(telegram: TelegramSandbox, one: Account) -> None:
    ada = await customer(telegram)
    choices = (Choice(value="ja", label="Yes, please"), Choice(value="no", label="No"))
    asked = await one.bridge.send(outbound(ada, Content(body=from_plain("Shall we?"), choices=choices)))
    press = await telegram.customer_presses(int(ada.external_id), int(asked.split(":")[1]), "ja")
    (event,) = await one.core.arrived(1)
    assert isinstance(event, ChoiceMade)
    assert (event.external_id, event.value, event.label) == (asked, "ja", "Yes, please")
    assert event.sender.external_id == ada.external_id
    await one.core.until(lambda: telegram.world.presses[press].answer is not None)


async def test_blocking_and_coming_back(telegram: TelegramSandbox, polling: Account) -> None:
    ada = await customer(telegram)
    await telegram.customer_blocks(int(ada.external_id))
    await telegram.customer_unblocks(int(ada.external_id))
    events = await polling.core.arrived(2)
    seen = [
        (event.sender_id, event.reachable, event.sentence) for event in events if isinstance(event, ReachabilityChanged)
    ]
    assert seen == [(ada.external_id, False, "Ada blocked the bot."), (ada.external_id, True, "Ada unblocked the bot.")]


def _runs(event: MessageReceived) -> list[Any]:
    return [run for block in event.content.body.blocks for run in getattr(block, "inlines", ())]
