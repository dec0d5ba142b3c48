"""The sandbox's Telegram refuses, shows and records what Telegram would."""

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.faults import Fault
from sandbox.telegram import TelegramSandbox
from tests.judges.telegram import check_objects, check_updates

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (640).to_bytes(4, "big") + (480).to_bytes(4, "big") + b"\x08\x06\0\0\0"


class Bot:
    """A bot as plain HTTP calls."""

    def __init__(self, telegram: TelegramSandbox, session: aiohttp.ClientSession) -> None:
        self.telegram, self.session = telegram, session

    async def call(self, method: str, token: str = "123:abc", **arguments: Any) -> dict[str, Any]:
        async with self.session.post(f"{self.telegram.url}/bot{token}/{method}", json=arguments) as response:
            body: dict[str, Any] = await response.json()
            assert response.status == body.get("error_code", 200)
            return body

    async def ok(self, method: str, **arguments: Any) -> Any:
        body = await self.call(method, **arguments)
        assert body["ok"], body
        return body["result"]

    async def refused(self, method: str, **arguments: Any) -> str:
        body = await self.call(method, **arguments)
        assert not body["ok"], body
        return f"{body['error_code']} {body['description']}"

    async def upload(self, method: str, files: dict[str, tuple[str, str, bytes]], **values: str) -> dict[str, Any]:
        form = aiohttp.FormData()
        for name, value in values.items():
            form.add_field(name, value)
        for name, (file_name, mime, data) in files.items():
            form.add_field(name, io.BytesIO(data), filename=file_name, content_type=mime)
        async with self.session.post(f"{self.telegram.url}/bot123:abc/{method}", data=form) as response:
            body: dict[str, Any] = await response.json()
            return body


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSandbox]:
    async with TelegramSandbox(limits=False) as server:
        yield server


@pytest.fixture
async def bot(telegram: TelegramSandbox) -> AsyncIterator[Bot]:
    async with aiohttp.ClientSession() as session:
        yield Bot(telegram, session)


@pytest.fixture
async def jane(telegram: TelegramSandbox) -> int:
    user = telegram.add_customer("Jane", username="jane", photo=PNG)
    await telegram.customer_starts(user)
    return user


@pytest.mark.judges
async def test_every_kind_of_update_is_one_that_aiogram_reads(telegram: TelegramSandbox, bot: Bot, jane: int) -> None:
    mine = await telegram.customer_writes(
        jane, "see https://example.test", [{"type": "bold", "offset": 0, "length": 3}]
    )
    await telegram.customer_writes(jane, "and this", reply_to=mine)
    await telegram.customer_edits(jane, mine, "see nothing")
    album = telegram.album()
    for kind, name, mime in (
        ("photo", "a.png", "image/png"),
        ("document", "a.pdf", "application/pdf"),
        ("voice", "", "audio/ogg"),
        ("video", "a.mp4", "video/mp4"),
        ("audio", "a.mp3", "audio/mpeg"),
        ("sticker", "", "image/webp"),
        ("location", "", ""),
        ("contact", "Jane", ""),
    ):
        group = album if kind in ("photo", "video") else None
        await telegram.customer_sends(jane, kind, name, mime, PNG, caption="look", media_group_id=group)  # type: ignore[arg-type]
    asked = await bot.ok(
        "sendMessage",
        chat_id=jane,
        text="Sure?",
        reply_markup={"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]},
    )
    await telegram.customer_presses(jane, asked["message_id"], "y")
    await telegram.customer_blocks(jane)
    await telegram.customer_unblocks(jane)
    updates = await bot.ok("getUpdates")
    kinds = [next(name for name in update if name != "update_id") for update in updates]
    assert kinds.count("message") == 11
    assert kinds[-3:] == ["callback_query", "my_chat_member", "my_chat_member"]
    assert [update["update_id"] for update in updates] == list(
        range(updates[0]["update_id"], updates[-1]["update_id"] + 1)
    )
    found = check_updates(
        {f"{number} {kind}": update for number, (kind, update) in enumerate(zip(kinds, updates, strict=True))}
    )
    assert {name: said for name, said in found.items() if said} == {}


@pytest.mark.judges
async def test_answers_are_those_that_aiogram_reads(telegram: TelegramSandbox, bot: Bot, jane: int) -> None:
    sent = await bot.upload("sendPhoto", {"photo": ("p.png", "image/png", PNG)}, chat_id=str(jane), caption="here")
    file = await bot.ok("getFile", file_id=sent["result"]["photo"][-1]["file_id"])
    found = check_objects(
        {
            "me": ("User", await bot.ok("getMe")),
            "message": ("Message", await bot.ok("sendMessage", chat_id=jane, text="<b>hi</b>", parse_mode="HTML")),
            "photo": ("Message", sent["result"]),
            "chat": ("ChatFullInfo", await bot.ok("getChat", chat_id=jane)),
            "photos": ("UserProfilePhotos", await bot.ok("getUserProfilePhotos", user_id=jane)),
            "file": ("File", file),
            "webhook": ("WebhookInfo", await bot.ok("getWebhookInfo")),
        }
    )
    assert {name: said for name, said in found.items() if said} == {}


async def test_the_phone_shows_what_the_bot_sent(telegram: TelegramSandbox, bot: Bot, jane: int) -> None:
    question = await telegram.customer_writes(jane, "Where is my order?")
    bold = [{"type": "bold", "offset": 3, "length": 4}]
    sent = await bot.ok(
        "sendMessage", chat_id=jane, text="😀 here", entities=bold, reply_parameters={"message_id": question}
    )
    shown = telegram.chat(jane)[-1]
    assert (shown.text, shown.from_bot, shown.reply_to, shown.entities) == ("😀 here", True, question, tuple(bold))
    assert sent["reply_to_message"]["message_id"] == question

    await bot.ok("setMessageReaction", chat_id=jane, message_id=question, reaction=[{"type": "emoji", "emoji": "👍"}])
    await bot.ok("editMessageText", chat_id=jane, message_id=sent["message_id"], text="There")
    shown = telegram.chat(jane)[-1]
    assert (shown.text, shown.edited, shown.entities) == ("There", True, ())
    assert telegram.chat(jane)[-2].bot_reaction == "👍"
    await bot.ok("deleteMessage", chat_id=jane, message_id=sent["message_id"])
    assert telegram.chat(jane)[-1].deleted
    json.dumps(telegram.snapshot())


@pytest.mark.parametrize("encoding", ["query", "form", "multipart", "json"])
async def test_arguments_arrive_in_any_encoding(telegram: TelegramSandbox, bot: Bot, jane: int, encoding: str) -> None:
    values = {"chat_id": str(jane), "text": "hé 😀", "entities": '[{"type":"italic","offset":0,"length":2}]'}
    url = f"{telegram.url}/bot123:abc/sendmessage"
    if encoding == "query":
        request = bot.session.get(url, params=values)
    elif encoding == "form":
        request = bot.session.post(url, data=values)
    elif encoding == "json":
        request = bot.session.post(url, json=values | {"chat_id": jane, "entities": json.loads(values["entities"])})
    else:
        form = aiohttp.FormData(default_to_multipart=True)
        for name, value in values.items():
            form.add_field(name, value)
        request = bot.session.post(url, data=form)
    async with request as response:
        assert response.status == 200, await response.text()
    assert telegram.chat(jane)[-1].text == "hé 😀"
    assert telegram.chat(jane)[-1].entities[0]["type"] == "italic"
    assert telegram.calls[-1].method == "sendMessage"


TEXTS = [
    ({"text": " \n "}, "400 Bad Request: message text is empty"),
    ({"text": "<b></b>", "parse_mode": "HTML"}, "400 Bad Request: message text is empty"),
    ({"text": "x" * 4097}, "400 Bad Request: message is too long"),
    ({"text": "😀" * 2049}, "400 Bad Request: message is too long"),
    ({"text": "<b>hi", "parse_mode": "HTML"}, "can't parse entities: Can't find end tag"),
    ({"text": "a <x>hi</x>", "parse_mode": "HTML"}, 'Unsupported start tag "x" at byte offset 2'),
    ({"text": "1.", "parse_mode": "MarkdownV2"}, "Character '.' is reserved"),
    ({"text": "*hi", "parse_mode": "MarkdownV2"}, "Can't find end of Bold entity at byte offset 0"),
    ({"text": "hi", "parse_mode": "bbcode"}, "unsupported parse_mode"),
    ({"text": "😀", "entities": [{"type": "bold", "offset": 1, "length": 1}]}, "in a middle of a UTF-16 symbol"),
    ({"text": "hi", "entities": [{"type": "bold", "offset": 0, "length": 3}]}, "ends after the end of the text"),
    ({"text": "hi", "entities": [{"type": "bold", "offset": -1, "length": 1}]}, "incorrect offset -1"),
    ({"text": "hi", "entities": [{"type": "loud", "offset": 0, "length": 1}]}, "unsupported type specified"),
    ({"text": "hi", "entities": [{"type": "bold"}]}, 'Can\'t find field "offset"'),
    ({"text": "hi", "reply_parameters": {"message_id": 9999}}, "400 Bad Request: message to be replied not found"),
    ({"text": "hi", "reply_markup": {"inline_keyboard": [[{"text": "x"}]]}}, "Text buttons are unallowed"),
    (
        {"text": "hi", "reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": "é" * 33}]]}},
        "400 Bad Request: BUTTON_DATA_INVALID",
    ),
    ({"text": "hi", "entities": "[" * 100_000}, "can't parse message entities JSON object"),
    ({"text": "hi", "chat_id": 1}, "400 Bad Request: chat not found"),
    ({"text": "hi", "chat_id": ""}, "400 Bad Request: chat_id is empty"),
]


@pytest.mark.parametrize(("arguments", "reason"), TEXTS)
async def test_wrong_texts_are_refused(bot: Bot, jane: int, arguments: dict[str, Any], reason: str) -> None:
    assert reason in await bot.refused("sendMessage", **({"chat_id": jane} | arguments))


@pytest.mark.parametrize(
    ("text", "mode", "plain", "entities"),
    [
        ("<b>a<i>b</i></b> &lt;", "HTML", "ab <", [("bold", 0, 2), ("italic", 1, 1)]),
        ("<pre><code class='language-py'>x</code></pre>", "HTML", "x", [("pre", 0, 1)]),
        ("*a _b_* ~c~ `d.` [e](http://x.test/)\\.", "MarkdownV2", "ab c d. e.", None),
        (">q\n>r\nout", "MarkdownV2", "q\nr\nout", [("blockquote", 0, 3)]),
        ("*a* 1.", "Markdown", "a 1.", [("bold", 0, 1)]),
        ("  hi  ", "", "hi", []),
    ],
)
async def test_right_texts_are_parsed(
    bot: Bot, jane: int, text: str, mode: str, plain: str, entities: list[tuple[str, int, int]] | None
) -> None:
    sent = await bot.ok("sendMessage", chat_id=jane, text=text, parse_mode=mode)
    plain = "a b c d. e." if entities is None else plain
    assert sent["text"] == plain
    if entities is not None:
        assert [(e["type"], e["offset"], e["length"]) for e in sent.get("entities", [])] == entities
    else:
        assert [e["type"] for e in sent["entities"]] == ["bold", "italic", "strikethrough", "code", "text_link"]


async def test_who_cannot_be_written_to(telegram: TelegramSandbox, bot: Bot) -> None:
    ada = telegram.add_customer("Ada")
    assert await bot.refused("sendMessage", chat_id=ada, text="hi") == "400 Bad Request: chat not found"
    await telegram.customer_starts(ada, "token_1")
    assert telegram.chat(ada)[-1].text == "/start token_1"
    assert telegram.chat(ada)[-1].entities[0]["type"] == "bot_command"
    await telegram.customer_blocks(ada)
    blocked = "403 Forbidden: bot was blocked by the user"
    assert await bot.refused("sendMessage", chat_id=ada, text="hi") == blocked
    assert await bot.refused("sendChatAction", chat_id=ada, action="typing") == blocked
    with pytest.raises(ValueError, match="blocked the bot"):
        await telegram.customer_writes(ada, "hello?")
    telegram.customer_deactivates(ada)
    assert await bot.refused("sendMessage", chat_id=ada, text="hi") == "403 Forbidden: user is deactivated"
    assert (await bot.call("getMe", token="123:wrong"))["error_code"] == 401
    assert await bot.refused("shout") == "404 Not Found: method not found"


async def test_edits_deletions_and_reactions_are_checked(telegram: TelegramSandbox, bot: Bot, jane: int) -> None:
    theirs = await telegram.customer_writes(jane, "hi")
    mine = (await bot.ok("sendMessage", chat_id=jane, text="hello"))["message_id"]
    assert "message is not modified" in await bot.refused(
        "editMessageText", chat_id=jane, message_id=mine, text="hello"
    )
    assert "message to edit not found" in await bot.refused("editMessageText", chat_id=jane, message_id=999, text="x")
    assert "can't be edited" in await bot.refused("editMessageText", chat_id=jane, message_id=theirs, text="x")
    assert "no caption" in await bot.refused("editMessageCaption", chat_id=jane, message_id=mine, caption="x")
    react = {"chat_id": jane, "message_id": theirs}
    for emoji in ("✅", "❤️", ""):
        answer = await bot.refused("setMessageReaction", **react, reaction=[{"type": "emoji", "emoji": emoji}])
        assert answer == "400 Bad Request: REACTION_INVALID"
    two = [{"type": "emoji", "emoji": "👍"}, {"type": "emoji", "emoji": "🔥"}]
    assert "REACTIONS_TOO_MANY" in await bot.refused("setMessageReaction", **react, reaction=two)
    await bot.ok("setMessageReaction", **react, reaction=two[:1])
    await bot.ok("setMessageReaction", **react, reaction=[])
    assert all(bubble.bot_reaction is None for bubble in telegram.chat(jane))
    await bot.ok("deleteMessage", chat_id=jane, message_id=mine)
    assert "message to delete not found" in await bot.refused("deleteMessage", chat_id=jane, message_id=mine)
    assert "wrong parameter action" in await bot.refused("sendChatAction", chat_id=jane, action="thinking")


async def test_messages_cannot_be_deleted_after_two_days() -> None:
    now = [1_790_000_000.0]
    async with TelegramSandbox(clock=lambda: now[0]) as telegram, aiohttp.ClientSession() as session:
        bot = Bot(telegram, session)
        user = telegram.add_customer("Ada")
        await telegram.customer_starts(user)
        sent = await bot.ok("sendMessage", chat_id=user, text="hi")
        now[0] += 48 * 3600 + 1
        answer = await bot.refused("deleteMessage", chat_id=user, message_id=sent["message_id"])
        assert answer == "400 Bad Request: message can't be deleted"


async def test_buttons_are_pressed_and_answered_once(telegram: TelegramSandbox, bot: Bot, jane: int) -> None:
    keyboard = {"inline_keyboard": [[{"text": "Yes", "callback_data": "y", "style": "success"}]]}
    asked = await bot.ok("sendMessage", chat_id=jane, text="Sure?", reply_markup=keyboard)
    with pytest.raises(ValueError, match="no button 'n'"):
        await telegram.customer_presses(jane, asked["message_id"], "n")
    press = await telegram.customer_presses(jane, asked["message_id"], "y")
    await bot.ok("answerCallbackQuery", callback_query_id=press, text="Done")
    assert "query is too old" in await bot.refused("answerCallbackQuery", callback_query_id=press)


async def test_files_travel_both_ways(telegram: TelegramSandbox, bot: Bot, jane: int) -> None:
    await telegram.customer_sends(jane, "document", "a.pdf", "application/pdf", b"%PDF-1.7", caption="bill")
    [_, update] = await bot.ok("getUpdates")
    document = update["message"]["document"]
    assert (document["file_name"], document["mime_type"], document["file_size"]) == ("a.pdf", "application/pdf", 8)
    file = await bot.ok("getFile", file_id=document["file_id"])
    async with bot.session.get(f"{telegram.url}/file/bot123:abc/{file['file_path']}") as response:
        assert await response.read() == b"%PDF-1.7"

    sent = await bot.upload("sendDocument", {"document": ("b.txt", "text/plain", b"hello")}, chat_id=str(jane))
    shown = telegram.chat(jane)[-1]
    assert (shown.kind, shown.file_name, shown.mime, shown.size) == ("document", "b.txt", "text/plain", 5)
    async with bot.session.get(str(shown.url)) as response:
        assert await response.read() == b"hello"
    again = await bot.ok("sendDocument", chat_id=jane, document=sent["result"]["document"]["file_id"])
    assert again["document"]["file_unique_id"] == sent["result"]["document"]["file_unique_id"]


async def test_wrong_files_are_refused(telegram: TelegramSandbox, bot: Bot, jane: int) -> None:
    chat = str(jane)
    for method, name, data, reason in (
        ("sendPhoto", "photo", b"no image", "IMAGE_PROCESS_FAILED"),
        ("sendPhoto", "photo", PNG + bytes(10 * 1024 * 1024), "too big for a photo"),
        ("sendDocument", "document", b"", "file must be non-empty"),
        ("sendDocument", "document", bytes(50 * 1024 * 1024 + 1), "Request Entity Too Large"),
    ):
        answer = await bot.upload(method, {name: ("f", "application/octet-stream", data)}, chat_id=chat)
        assert reason in answer["description"]
    too_long = await bot.upload("sendPhoto", {"photo": ("f", "image/png", PNG)}, chat_id=chat, caption="x" * 1025)
    assert too_long["description"] == "Bad Request: message caption is too long"
    assert "no document in the request" in await bot.refused("sendDocument", chat_id=jane)
    assert "wrong file identifier" in await bot.refused("sendDocument", chat_id=jane, document="AAA")
    outside = await bot.refused("sendDocument", chat_id=jane, document="https://example.com/a.pdf")
    assert "failed to get HTTP URL content" in outside
    await telegram.customer_sends(jane, "document", "big.bin", "application/octet-stream", bytes(20 * 1024 * 1024 + 1))
    big = (await bot.ok("getUpdates"))[-1]["message"]["document"]
    assert await bot.refused("getFile", file_id=big["file_id"]) == "400 Bad Request: file is too big"


async def test_albums_are_several_messages(telegram: TelegramSandbox, bot: Bot, jane: int) -> None:
    media = [{"type": "photo", "media": f"attach://f{n}", "caption": f"number {n}"} for n in range(2)]
    files = {f"f{n}": (f"{n}.png", "image/png", PNG) for n in range(2)}
    answer = await bot.upload("sendMediaGroup", files, chat_id=str(jane), media=json.dumps(media))
    first, second = answer["result"]
    assert first["media_group_id"] == second["media_group_id"]
    assert [bubble.text for bubble in telegram.chat(jane)[-2:]] == ["number 0", "number 1"]
    mixed = [media[0], {"type": "document", "media": "attach://f1"}]
    answer = await bot.upload("sendMediaGroup", files, chat_id=str(jane), media=json.dumps(mixed))
    assert "of the specified type in the album" in answer["description"]


async def test_faults_lose_answers_and_calls(telegram: TelegramSandbox, bot: Bot, jane: int) -> None:
    telegram.faults.order("sendMessage", Fault(drop="after"))
    with pytest.raises(aiohttp.ClientError):
        await bot.call("sendMessage", chat_id=jane, text="twice?")
    assert telegram.chat(jane)[-1].text == "twice?"
    telegram.faults.order("sendMessage", Fault(drop="before"))
    with pytest.raises(aiohttp.ClientError):
        await bot.call("sendMessage", chat_id=jane, text="never")
    assert telegram.chat(jane)[-1].text == "twice?"
    telegram.faults.order("sendMessage", Fault(status=502, body={"ok": False, "error_code": 502, "description": "Bad"}))
    assert await bot.refused("sendmessage", chat_id=jane, text="never") == "502 Bad"


async def test_watchers_see_both_sides(telegram: TelegramSandbox, bot: Bot, jane: int) -> None:
    watch = telegram.watch()
    await telegram.customer_writes(jane, "hi")
    await bot.ok("sendChatAction", chat_id=jane, action="typing")
    assert [customer["typing"] for customer in telegram.snapshot()["customers"]] == [True]
    await bot.ok("sendMessage", chat_id=jane, text="hello")
    changes = [await anext(watch) for _ in range(3)]
    assert [change["kind"] for change in changes] == ["message", "action", "message"]
    assert [changes[0]["message"]["text"], changes[2]["message"]["text"]] == ["hi", "hello"]
    watch.close()
    assert [change async for change in watch] == []


async def test_the_app_cuts_long_messages(telegram: TelegramSandbox, bot: Bot, jane: int) -> None:
    await telegram.customer_writes(jane, "x" * 10_000)
    assert [len(bubble.text) for bubble in telegram.chat(jane)[1:]] == [4096, 4096, 1808]
