"""What agents send looks right on the customer's phone, and what Telegram refuses is explained."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridges.telegram import BRIDGE
from core.contracts.bridge import (
    Deletes,
    Edits,
    ExternalId,
    FetchesMedia,
    Invites,
    Reacts,
    Recipient,
    ShowsTyping,
)
from core.contracts.content import Choice, Content
from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.text import from_plain, markdown
from sandbox.faults import Fault
from sandbox.telegram import TelegramSandbox
from sandbox.telegram.messages import Bubble
from tests.bridges.runtime import outbound
from tests.bridges.telegram_accounts import PNG, Account, account, customer
from tests.judges.telegram import check_calls

#: 1 x 30 pixels: more than 20 times as high as wide, which Telegram shows as a file only.
TALL = PNG[:20] + (30).to_bytes(4) + PNG[24:]
FILES = {
    "picture.png": (PNG, "photo"),
    "tall.png": (TALL, "document"),
    "moving.gif": (b"GIF89a" + bytes(20), "document"),
    "Rechnung „März“ שלום.pdf": (b"%PDF-1.7\n" + bytes(100), "document"),
    "clip.mp4": (bytes(4) + b"ftypisom" + bytes(50), "video"),
    "note.ogg": (b"OggS" + bytes(50), "voice"),
    "song.mp3": (b"ID3" + bytes(50), "audio"),
    'odd "name".txt': (b"hello", "document"),
}


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSandbox]:
    async with TelegramSandbox(limits=False) as server:
        yield server


@pytest.fixture
def bot(telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path) -> Account:
    return account(telegram, session, tmp_path)


@pytest.fixture
async def ada(telegram: TelegramSandbox) -> Recipient:
    return await customer(telegram)


def shown(bot: Account, ada: Recipient) -> Bubble:
    """What stands last on the customer's phone."""
    return bot.telegram.chat(int(ada.external_id))[-1]


def styles(bubble: Bubble) -> set[tuple[str, str]]:
    raw = bubble.text.encode("utf-16-le")
    return {
        (entity["type"], raw[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode("utf-16-le"))
        for entity in bubble.entities
    }


RICH = """# Your order 🙂

It is **on _its_ way**, see [the map](https://example.com/map) or ~~ask~~ `run()`, or [write](mailto:a@example.com)

> Where is
> my parcel?

1. Open the app
2. Tap 🙂 **Orders**
   - then the first

```python
print("שלום")
```
"""


async def test_rich_text_keeps_its_style(bot: Account, ada: Recipient) -> None:
    sent = await bot.bridge.send(outbound(ada, markdown(RICH)))
    bubble = shown(bot, ada)
    assert sent == f"{ada.external_id}:{bubble.message_id}"
    assert bubble.text == (
        "Your order 🙂\n\nIt is on its way, see the map or ask run(), or write (mailto:a@example.com)\n\n"
        "Where is\nmy parcel?\n\n1. Open the app\n2. Tap 🙂 Orders\n  • then the first\n\n"
        'print("שלום")'
    )
    assert styles(bubble) >= {
        ("bold", "Your order 🙂"),
        ("bold", "on "),
        ("italic", "its"),
        ("bold", "its"),
        ("text_link", "the map"),
        ("strikethrough", "ask"),
        ("code", "run()"),
        ("blockquote", "Where is\nmy parcel?"),
        ("bold", "Orders"),
        ("pre", 'print("שלום")'),
    }
    assert next(entity["language"] for entity in bubble.entities if entity["type"] == "pre") == "python"


async def test_text_is_never_markup(bot: Account, ada: Recipient) -> None:
    text = "<b>no</b> *no* _no_ [no](https://example.com) `no` <!channel> &amp; \\ @ada"
    await bot.bridge.send(outbound(ada, text))
    assert shown(bot, ada).text == text
    assert {kind for kind, _ in styles(shown(bot, ada))} <= {"url", "bot_command"}


async def test_the_longest_text_fits(bot: Account, ada: Recipient) -> None:
    text = "🙂" * (BRIDGE.capabilities.max_text // 2)
    await bot.bridge.send(outbound(ada, text))
    assert shown(bot, ada).text == text


@pytest.mark.parametrize("name", FILES)
async def test_files_arrive_as_what_they_are(bot: Account, ada: Recipient, name: str) -> None:
    data, kind = FILES[name]
    attachment = await bot.core.stored(data, name)
    content = Content(body=markdown("**look** 👀"), attachments=(attachment,))
    await bot.bridge.send(outbound(ada, content))
    bubble = shown(bot, ada)
    assert bubble.kind == kind
    assert (bubble.text, styles(bubble)) == ("look 👀", {("bold", "look")})
    assert bubble.url is not None
    async with bot.core.session.get(bubble.url) as response:
        assert await response.read() == data
    if kind == "document":
        assert bubble.file_name == name


async def test_a_large_file_is_streamed_whole(bot: Account, ada: Recipient) -> None:
    data = b"%PDF-1.7\n" + bytes(range(256)) * 4 * 1024 * 12
    attachment = await bot.core.stored(data, "large.pdf")
    await bot.bridge.send(outbound(ada, Content(attachments=(attachment,))))
    assert shown(bot, ada).size == len(data)


async def test_quotes_buttons_and_edits(bot: Account, ada: Recipient) -> None:
    user = int(ada.external_id)
    asked = await bot.telegram.customer_writes(user, "Is it here?")
    choices = (Choice(value="a", label="Yes"), Choice(value="ü" * 32, label="No"))
    content = Content(body=from_plain("It is."), choices=choices)
    sent = await bot.bridge.send(outbound(ada, content, quote=ExternalId(f"{user}:{asked}")))
    bubble = shown(bot, ada)
    assert bubble.reply_to == asked
    assert [[button["text"] for button in row] for row in bubble.buttons] == [["Yes"], ["No"]]
    for _ in range(2):  # The second changes nothing, as after a lost answer.
        await bot.bridge.edit(sent, outbound(ada, Content(body=markdown("It **was**."), choices=choices)))
        assert shown(bot, ada).text == "It was."
    assert len(shown(bot, ada).buttons) == 2


@pytest.mark.parametrize("quote", ["4711:{}", "choice:update:5", "{user}:99999"])
async def test_a_quote_that_is_gone_does_not_stop_a_reply(bot: Account, ada: Recipient, quote: str) -> None:
    user = int(ada.external_id)
    asked = await bot.telegram.customer_writes(user, "Is it here?")
    await bot.bridge.send(outbound(ada, "Yes", quote=ExternalId(quote.format(asked, user=user))))
    assert (shown(bot, ada).text, shown(bot, ada).reply_to) == ("Yes", None)


async def test_captions_are_edited(bot: Account, ada: Recipient) -> None:
    attachment = await bot.core.stored(PNG, "picture.png")
    sent = await bot.bridge.send(outbound(ada, Content(body=from_plain("old"), attachments=(attachment,))))
    await bot.bridge.edit(sent, outbound(ada, Content(body=from_plain("new"), attachments=(attachment,))))
    assert shown(bot, ada).text == "new"


async def test_a_deleted_message_is_gone_and_stays_gone(bot: Account, ada: Recipient) -> None:
    sent = await bot.bridge.send(outbound(ada, "wrong customer"))
    for _ in range(2):
        await bot.bridge.delete(sent, ada)
        assert shown(bot, ada).deleted


async def test_reactions(bot: Account, ada: Recipient) -> None:
    user = int(ada.external_id)
    message = ExternalId(f"{user}:{await bot.telegram.customer_writes(user, 'thanks')}")
    for emoji, expected in (("👍🏽", "👍"), ("❤️", "❤"), (None, None)):
        await bot.bridge.react(message, ada, emoji)
        assert shown(bot, ada).bot_reaction == expected
    for place, emoji in ((message, "🦖"), (ExternalId("choice:update:5"), "👍")):
        with pytest.raises(PermanentFailure) as refused:
            await bot.bridge.react(place, ada, emoji)
        assert refused.value.reason is FailureReason.UNSUPPORTED


async def test_typing_shows_and_the_bot_says_who_it_is(bot: Account, ada: Recipient) -> None:
    await bot.bridge.show_typing(ada)
    assert bot.telegram.world.actions[int(ada.external_id)][0] == "typing"
    assert await bot.bridge.check() == "Threadbridge (@threadbridge_bot)"


async def test_an_invitation_opens_a_chat_with_the_bot(bot: Account) -> None:
    assert await bot.bridge.invitation("tok_-1") == "https://t.me/threadbridge_bot?start=tok_-1"


def test_what_the_capabilities_promise_is_there(bot: Account) -> None:
    for verb in (Edits, Deletes, Reacts, ShowsTyping, FetchesMedia, Invites):
        assert isinstance(bot.bridge, verb)


GONE, BAD = FailureReason.RECIPIENT_GONE, FailureReason.BAD_CONTENT
FAULTS: dict[str, tuple[Fault, type[AdapterError], FailureReason | None]] = {
    "400 deleted chat": (
        Fault(status=400, body={"description": "Bad Request: chat not found"}),
        PermanentFailure,
        GONE,
    ),
    "400 bad button": (Fault(status=400, body={"description": "BUTTON_DATA_INVALID"}), PermanentFailure, BAD),
    "400 without words": (Fault(status=400), PermanentFailure, BAD),
    "401": (Fault(status=401, body={"description": "Unauthorized"}), CredentialsRejected, None),
    "403 blocked": (Fault(status=403, body={"description": "Forbidden: bot was blocked"}), PermanentFailure, GONE),
    "404": (Fault(status=404, body={"description": "Not Found"}), CredentialsRejected, None),
    "404 old server": (
        Fault(status=404, body={"description": "Not Found: method not found"}),
        PermanentFailure,
        FailureReason.UNSUPPORTED,
    ),
    "409": (Fault(status=409, body={"description": "Conflict"}), TemporaryFailure, None),
    "413": (Fault(status=413), PermanentFailure, FailureReason.TOO_LARGE),
    "429": (Fault(status=429, body={"parameters": {"retry_after": 7}}), TemporaryFailure, None),
    "500": (Fault(status=500), OutcomeUnknown, None),
    "502": (Fault(status=502, body={"description": "Bad Gateway"}), OutcomeUnknown, None),
    "200 without result": (Fault(status=200, body={"ok": True}), OutcomeUnknown, None),
    "302": (Fault(status=302, headers={"Location": "http://127.0.0.1:1/"}), OutcomeUnknown, None),
    "cut before": (Fault(drop="before"), OutcomeUnknown, None),
    "cut after": (Fault(drop="after"), OutcomeUnknown, None),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_each_refusal_says_what_to_do(bot: Account, ada: Recipient, name: str) -> None:
    fault, kind, reason = FAULTS[name]
    bot.telegram.faults.order("sendMessage", fault)
    with pytest.raises(AdapterError) as failed:
        await bot.bridge.send(outbound(ada, "hello"))
    assert type(failed.value) is kind
    assert getattr(failed.value, "reason", None) is reason
    assert getattr(failed.value, "retry_after", None) == (7 if name == "429" else None)
    assert str(failed.value).endswith(".")
    assert "123:abc" not in "".join(map(str, (failed.value, failed.value.__cause__))), "the token leaked"


async def test_customers_who_left_are_named(bot: Account, ada: Recipient) -> None:
    await bot.telegram.customer_blocks(int(ada.external_id))
    with pytest.raises(PermanentFailure, match="blocked the bot"):
        await bot.bridge.send(outbound(ada, "hello"))
    await bot.telegram.customer_unblocks(int(ada.external_id))
    bot.telegram.customer_deactivates(int(ada.external_id))
    with pytest.raises(PermanentFailure, match="deleted the Telegram account"):
        await bot.bridge.send(outbound(ada, "hello"))
    with pytest.raises(PermanentFailure, match="no such chat") as failed:
        await bot.bridge.send(outbound("4711", "hello"))
    assert failed.value.reason is GONE


async def test_a_slow_answer_is_in_doubt_and_a_closed_door_is_not(
    bot: Account, ada: Recipient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attachment = await bot.core.stored(PNG, "picture.png")
    monkeypatch.setattr("bridges.telegram.bridge.UPLOAD_S", 0.05)
    bot.telegram.faults.order("sendPhoto", Fault(delay=0.2))
    with pytest.raises(OutcomeUnknown):
        await bot.bridge.send(outbound(ada, Content(attachments=(attachment,))))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        for url in (f"http://127.0.0.1:{unused.getsockname()[1]}", "http://telegram.invalid"):
            away = account(bot.telegram, bot.core.session, tmp_path, api_url=url)
            with pytest.raises(TemporaryFailure) as failed:
                await away.bridge.send(outbound(ada, "hello"))
            assert type(failed.value) is TemporaryFailure


async def test_flood_limits_are_passed_on(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    async with TelegramSandbox() as telegram:
        bot, ada = account(telegram, session, tmp_path), await customer(telegram)
        with pytest.raises(TemporaryFailure) as failed:
            await asyncio.gather(*(bot.bridge.send(outbound(ada, "hello")) for _ in range(10)))
        assert failed.value.retry_after
        rate = BRIDGE.capabilities.recipient_rate
        assert rate is not None
        assert len(bot.telegram.chat(int(ada.external_id))) - 1 >= rate.burst


async def test_a_file_too_big_or_gone_is_explained(bot: Account, ada: Recipient) -> None:
    user = int(ada.external_id)
    await bot.telegram.customer_sends(user, "document", "big.bin", "", bytes(21 * 1024 * 1024))
    big = bot.telegram.world.in_chat(user)[-1].file
    await bot.telegram.customer_sends(user, "document", "gone.bin", "", b"x")
    gone = bot.telegram.world.in_chat(user)[-1].file
    assert big is not None
    assert gone is not None
    del bot.telegram.world.files._by_path[gone.path]
    for file_id, words in ((big.file_id, "20 MB"), (gone.file_id, "no longer has"), ("invented", "wrong file_id")):
        with pytest.raises(PermanentFailure, match=words):
            await anext(aiter(bot.bridge.fetch(file_id)))
    bot.telegram.faults.order("file", Fault(status=502))
    with pytest.raises(OutcomeUnknown):
        await anext(aiter(bot.bridge.fetch(gone.file_id)))


@pytest.mark.judges
async def test_every_call_has_the_shape_that_aiogram_knows(bot: Account, ada: Recipient) -> None:
    user = int(ada.external_id)
    asked = ExternalId(f"{user}:{await bot.telegram.customer_writes(user, 'Is it here?')}")
    choices = (Choice(value="a", label="Yes"),)
    message = outbound(ada, Content(body=markdown(RICH), choices=choices), quote=asked)
    sent = await bot.bridge.send(message)
    await bot.bridge.edit(sent, replace(message, content=Content(body=from_plain("new"))))
    await bot.bridge.react(asked, ada, "👍")
    await bot.bridge.react(asked, ada, None)
    await bot.bridge.show_typing(ada)
    press = await bot.telegram.customer_presses(user, int((await bot.bridge.send(message)).split(":")[1]), "a")
    async with bot.listening():
        await bot.core.until(lambda: bot.telegram.world.presses[press].answer is not None)
    for name, (data, _) in FILES.items():
        attachment = await bot.core.stored(data, name)
        photo = await bot.bridge.send(outbound(ada, Content(body=from_plain("x"), attachments=(attachment,))))
        await bot.bridge.edit(photo, outbound(ada, Content(body=from_plain("y"), attachments=(attachment,))))
    await bot.bridge.delete(sent, ada)
    hook = account(
        bot.telegram, bot.core.session, bot.core.folder, url="http://127.0.0.1:9/", mode="webhook", secret="s"
    )
    async with hook.listening():
        await bot.core.until(lambda: bool(bot.calls("setWebhook")))
    calls = {
        f"{call.method} {number}": (call.method, _decoded(call.arguments) | {one[0]: "id" for one in call.uploads})
        for number, call in enumerate(bot.telegram.calls)
    }
    methods = {call.method for call in bot.telegram.calls}
    assert len(methods) >= 15, methods
    objections = await asyncio.to_thread(check_calls, calls)
    assert objections == {name: [] for name in calls}


def _decoded(arguments: Any) -> dict[str, Any]:
    """Structures as structures again; texts stay texts."""
    texts = {"text", "caption", "url", "secret_token", "callback_query_id"}
    return {name: value if name in texts else _value(value) for name, value in arguments.items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
