"""LINE on loopback is as strict as LINE: tokens, keys, limits, message objects, signatures and redelivery."""

import asyncio
import base64
import hmac
import io
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sandbox.faults import Fault
from sandbox.line import LineSandbox

TEXT = {"type": "text", "text": "Hello"}


class Time:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


class Bot:
    """A bot server, and its calls."""

    def __init__(self, line: LineSandbox, session: aiohttp.ClientSession) -> None:
        self.line, self.session = line, session
        self.bodies: list[dict[str, Any]] = []
        self.signatures: list[tuple[str, bytes]] = []
        self.status = 200

    async def webhook(self, request: web.Request) -> web.Response:
        raw = await request.read()
        self.bodies.append(json.loads(raw))
        self.signatures.append((request.headers["X-Line-Signature"], raw))
        return web.Response(status=self.status)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for body in self.bodies for event in body["events"]]

    async def call(self, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
        given = {"Authorization": f"Bearer {self.line.token}", **headers}
        verb, more = ("GET", {}) if body is None else ("POST", {"json": body})
        async with self.session.request(verb, self.line.url + path, headers=given, **more) as response:
            answer = await response.json()
            assert response.status == status, answer
            assert response.headers["X-Line-Request-Id"]
            return answer

    async def push(self, user: str, *messages: Any, status: int = 200, key: str = "") -> Any:
        headers = {"X-Line-Retry-Key": key} if key else {}
        body = {"to": user, "messages": list(messages) or [TEXT]}
        return await self.call("/v2/bot/message/push", body, status=status, **headers)

    async def reply(self, token: str, *messages: Any, status: int = 200, **headers: str) -> Any:
        body = {"replyToken": token, "messages": list(messages) or [TEXT]}
        return await self.call("/v2/bot/message/reply", body, status=status, **headers)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def line(time: Time) -> AsyncIterator[LineSandbox]:
    async with LineSandbox(clock=time, retry_delays=(0.01, 0.01)) as server:
        yield server


@pytest.fixture
async def bot(line: LineSandbox) -> AsyncIterator[Bot]:
    async with aiohttp.ClientSession() as session:
        one = Bot(line, session)
        app = web.Application()
        app.router.add_post("/hook", one.webhook)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        line.connect(f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
        yield one
        await runner.cleanup()


@pytest.fixture
async def token(line: LineSandbox, bot: Bot) -> str:
    """A reply token of Ada's first message."""
    await line.customer_writes(line.add_customer("Ada"), "Hello")
    await line.idle()
    return str(bot.events[0]["replyToken"])


def ada(line: LineSandbox) -> str:
    return next(iter(line.world.people))


async def test_a_webhook_has_the_form_that_line_gives_it(line: LineSandbox, bot: Bot, token: str) -> None:
    (event,) = bot.events
    assert bot.bodies[0]["destination"] == line.world.bot["userId"]
    assert event["source"] == {"type": "user", "userId": ada(line)}
    assert len(event["webhookEventId"]) == 26
    assert event["timestamp"] == 1_790_000_000_000
    assert (event["type"], event["mode"], event["deliveryContext"]) == ("message", "active", {"isRedelivery": False})
    assert set(event["message"]) == {"type", "id", "text", "quoteToken", "markAsReadToken"}
    signature, raw = bot.signatures[0]
    assert base64.b64decode(signature) == hmac.digest(b"line-secret", raw, "sha256")


async def test_a_reply_token_works_once(line: LineSandbox, bot: Bot, token: str) -> None:
    await bot.reply(token)
    assert (await bot.reply(token, status=400))["message"] == "Invalid reply token"
    assert [bubble.by_reply for bubble in line.chat(ada(line)) if bubble.from_bot] == [True]
    assert line.world.used == 0


@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (61, 400)])
async def test_a_reply_token_works_for_a_minute(bot: Bot, token: str, time: Time, seconds: int, status: int) -> None:
    time.now += seconds
    await bot.reply(token, status=status)


async def test_a_bad_message_leaves_the_reply_token_alone(bot: Bot, token: str) -> None:
    await bot.reply(token, {"type": "text", "text": ""}, status=400)
    await bot.reply(token)


async def test_a_redelivered_token_works_for_another_minute_but_not_after_twenty(
    line: LineSandbox, bot: Bot, time: Time
) -> None:
    bot.status = 500
    await line.customer_writes(line.add_customer("Ada"), "Hello")
    await asyncio.wait_for(_count(bot, 1), 5)
    time.now += 600
    bot.status = 200
    await line.idle()
    assert [event["deliveryContext"]["isRedelivery"] for event in bot.events] == [False, True]
    assert len({event["webhookEventId"] for event in bot.events}) == 1
    time.now += 59
    await bot.reply(bot.events[1]["replyToken"])


async def test_without_redelivery_an_event_is_lost(line: LineSandbox, bot: Bot) -> None:
    line.delivery.redelivery = False
    bot.status = 500
    await line.customer_writes(line.add_customer("Ada"), "Hello")
    await line.idle()
    assert (line.delivery.attempts, len(line.delivery.lost)) == ([500], 1)


async def test_a_retry_key_is_accepted_once_a_day(line: LineSandbox, bot: Bot, token: str, time: Time) -> None:
    key = str(uuid.uuid4())
    first = await bot.push(ada(line), key=key)
    again = await bot.push(ada(line), key=key.upper(), status=409)
    assert again == {"message": "The retry key is already accepted", **first}
    assert line.world.used == 1
    time.now += 24 * 3600 + 1
    await bot.push(ada(line), key=key)
    await bot.push(ada(line), key="not-a-uuid", status=400)
    await bot.reply(token, status=400, **{"X-Line-Retry-Key": key})


async def test_a_refused_push_does_not_use_its_retry_key(line: LineSandbox, bot: Bot, token: str) -> None:
    key = str(uuid.uuid4())
    line.world.quota = 0
    assert (await bot.push(ada(line), key=key, status=429))["message"] == "You have reached your monthly limit."
    line.world.quota = 1
    await bot.push(ada(line), key=key)
    assert await bot.call("/v2/bot/message/quota") == {"type": "limited", "value": 1}
    assert await bot.call("/v2/bot/message/quota/consumption") == {"totalUsage": 1}


async def test_who_can_be_pushed_to(line: LineSandbox, bot: Bot, token: str) -> None:
    assert "'to'" in (await bot.push("Ada", status=400))["message"]
    assert (await bot.push("U" + "f" * 32, status=400))["message"] == "Failed to send messages"
    await line.customer_blocks(ada(line))
    await bot.push(ada(line))
    assert not [bubble for bubble in line.chat(ada(line)) if bubble.from_bot]
    assert line.world.used == 0
    await bot.call(f"/v2/bot/profile/{ada(line)}", status=404)
    line.customer_leaves(ada(line))
    await bot.push(ada(line), status=400)


def button(label: str = "Yes", data: str = "yes") -> dict[str, Any]:
    return {"type": "action", "action": {"type": "postback", "label": label, "data": data}}


def buttons(*items: Any) -> dict[str, Any]:
    return {**TEXT, "quickReply": {"items": list(items)}}


IMAGE = {"type": "image", "originalContentUrl": "https://a.example/a", "previewImageUrl": "https://a.example/p"}
BAD: dict[str, tuple[Any, str]] = {
    "nothing": ([], "messages"),
    "six": ([TEXT] * 6, "messages"),
    "no list": (TEXT, "messages"),
    "no type": ([{"text": "Hello"}], "messages[0].type"),
    "no such type": ([TEXT, {"type": "file"}], "messages[1].type"),
    "blank": ([{"type": "text", "text": " \n"}], "messages[0].text"),
    "long": ([{"type": "text", "text": "🙂" * 2500 + "a"}], "messages[0].text"),
    "misspelt": ([{**TEXT, "qouteToken": "x"}], "messages[0].qouteToken"),
    "a quote of nothing": ([{**TEXT, "quoteToken": "x"}], "messages[0].quoteToken"),
    "a quoting picture": ([{**IMAGE, "quoteToken": "x"}], "messages[0].quoteToken"),
    "no preview": ([{"type": "image", "originalContentUrl": "https://a.example/a"}], "messages[0].previewImageUrl"),
    "http": ([{**IMAGE, "originalContentUrl": "http://a.example/a"}], "messages[0].originalContentUrl"),
    "not encoded": ([{**IMAGE, "originalContentUrl": "https://a.example/ä"}], "messages[0].originalContentUrl"),
    "a long address": (
        [{**IMAGE, "previewImageUrl": "https://a.example/" + "a" * 2000}],
        "messages[0].previewImageUrl",
    ),
    "sound without length": ([{"type": "audio", "originalContentUrl": "https://a.example/a"}], "messages[0].duration"),
    "14 buttons": ([buttons(*[button()] * 14)], "messages[0].quickReply.items"),
    "no button": ([buttons()], "messages[0].quickReply.items"),
    "a long label": ([buttons(button("a" * 21))], "messages[0].quickReply.items[0].action.label"),
    "long data": ([buttons(button(data="a" * 301))], "messages[0].quickReply.items[0].action.data"),
}


@pytest.mark.parametrize("name", BAD)
async def test_message_objects_are_checked(line: LineSandbox, bot: Bot, token: str, name: str) -> None:
    messages, where = BAD[name]
    body = {"to": ada(line), "messages": messages}
    answer = await bot.call("/v2/bot/message/push", body, status=400)
    assert answer["message"] == "The request body has 1 error(s)"
    assert [one["property"] for one in answer["details"]] == [where]
    assert not [bubble for bubble in line.chat(ada(line)) if bubble.from_bot]


async def test_what_is_just_within_the_limits_goes_through(line: LineSandbox, bot: Bot, token: str) -> None:
    longest = {"type": "text", "text": "🙂" * 2500}
    sent = await bot.push(ada(line), longest, IMAGE, TEXT, TEXT, buttons(*[button("👨‍👩‍👧‍👦" * 20, "a" * 300)] * 13))
    assert len(sent["sentMessages"]) == 5
    assert all(one["quoteToken"] for one in sent["sentMessages"])
    assert line.world.used == 1


async def test_quotes_and_reading(line: LineSandbox, bot: Bot, token: str) -> None:
    message = bot.events[0]["message"]
    sent = (await bot.push(ada(line), {**TEXT, "quoteToken": message["quoteToken"]}))["sentMessages"][0]
    assert line.world.bubbles[sent["id"]].quotes == message["id"]
    await line.customer_writes(ada(line), "Yes", quote=sent["id"])
    await line.idle()
    assert bot.events[1]["message"]["quotedMessageId"] == sent["id"]
    await bot.call("/v2/bot/chat/markAsRead", {"markAsReadToken": message["markAsReadToken"]})
    assert [bubble.read for bubble in line.chat(ada(line)) if not bubble.from_bot] == [True, False]
    await bot.call("/v2/bot/chat/markAsRead", {"markAsReadToken": "x"}, status=400)


async def test_the_loading_animation(line: LineSandbox, bot: Bot, token: str, time: Time) -> None:
    await bot.call("/v2/bot/chat/loading/start", {"chatId": ada(line), "loadingSeconds": 10}, status=202)
    assert line.snapshot()["customers"][0]["loading"]
    time.now += 11
    assert not line.snapshot()["customers"][0]["loading"]
    for seconds in (0, 4, 7, 65, "5"):
        body = {"chatId": ada(line), "loadingSeconds": seconds}
        await bot.call("/v2/bot/chat/loading/start", body, status=400)
    await bot.call("/v2/bot/chat/loading/start", {"chatId": "C" + "0" * 32}, status=400)


async def test_files_are_prepared_served_and_gone(line: LineSandbox, bot: Bot, token: str, time: Time) -> None:
    sent = await line.customer_sends(ada(line), "video", "", "video/mp4", b"film", preparing=10)
    path = f"/v2/bot/message/{sent}/content"
    await bot.call(path, status=202)
    assert await bot.call(f"{path}/transcoding") == {"status": "processing"}
    time.now += 10
    assert await bot.call(f"{path}/transcoding") == {"status": "succeeded"}
    headers = {"Authorization": f"Bearer {line.token}"}
    async with bot.session.get(line.url + path, headers=headers) as response:
        assert (response.content_type, await response.read()) == ("video/mp4", b"film")
    await line.customer_unsends(ada(line), sent)
    await bot.call(path, status=410)
    await bot.call("/v2/bot/message/1/content", status=404)
    await line.idle()
    assert bot.events[-1]["unsend"] == {"messageId": sent}
    assert "replyToken" not in bot.events[-1]


async def test_a_quick_reply_stands_below_the_newest_message_only(line: LineSandbox, bot: Bot, token: str) -> None:
    await bot.push(ada(line), buttons(button("Yes", "1"), button("No", "2")))
    with pytest.raises(ValueError, match="no button 'Maybe'"):
        await line.customer_presses(ada(line), "Maybe")
    await line.customer_presses(ada(line), "No")
    await line.idle()
    assert bot.events[-1]["postback"] == {"data": "2"}
    await bot.reply(bot.events[-1]["replyToken"])
    with pytest.raises(ValueError, match="newest message"):
        await line.customer_presses(ada(line), "Yes")


async def test_her_phone_shows_what_line_would_show(line: LineSandbox, bot: Bot, token: str) -> None:
    async def file(request: web.Request) -> web.Response:
        size = int(request.query["size"])
        return web.Response(body=bytes(size), content_type=request.query["mime"])

    app = web.Application()
    app.router.add_get("/file", file)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/file"
    try:
        for original, preview, good in (
            ("mime=image/png&size=10", "mime=image/jpeg&size=10", True),
            ("mime=image/gif&size=10", "mime=image/jpeg&size=10", False),
            ("mime=image/png&size=10", "mime=image/png&size=1048577", False),
            ("mime=image/png&size=10485761", "mime=image/png&size=10", False),
        ):
            urls = {"originalContentUrl": f"{base}?{original}", "previewImageUrl": f"{base}?{preview}"}
            sent = await bot.push(ada(line), {"type": "image", **urls})
            opening = line.customer_opens(ada(line), sent["sentMessages"][0]["id"])
            if good:
                assert await opening == bytes(10)
            else:
                with pytest.raises(ValueError, match=r"preview|shows no"):
                    await opening
    finally:
        await runner.cleanup()


async def test_the_front_door(line: LineSandbox, bot: Bot, token: str) -> None:
    assert (await bot.call("/v2/bot/info"))["basicId"] == "@threadbridge"
    headers = {"Authorization": f"Bearer {line.token}"}
    url = f"{line.url}/v2/bot/message/push"
    for given, status in (
        ({"data": b"{"}, 400),
        ({"data": b"[]"}, 400),
        ({"data": b"{}", "headers": {**headers, "Content-Type": "text/plain"}}, 415),
        ({"data": io.BytesIO(b'"' + b"a" * (2 * 1024 * 1024) + b'"')}, 413),
        ({"json": {}, "headers": {"Authorization": "Bearer another"}}, 401),
        ({"json": {}, "headers": {}}, 401),
    ):
        more = {"headers": {**headers, "Content-Type": "application/json"}, **given}
        if "json" in given:
            more["headers"] = given["headers"]
        async with bot.session.post(url, **more) as response:  # type: ignore[arg-type]
            assert response.status == status, given
            assert (await response.json())["message"]
    async with bot.session.get(f"{line.url}/v2/bot/nothing") as response:
        assert response.status == 404


async def test_two_thousand_a_second_and_a_hundred_animations(line: LineSandbox, time: Time) -> None:
    for endpoint, most in (("push", 2000), ("loading", 100)):
        for _ in range(most):
            line.limits.spend(endpoint)
        with pytest.raises(Exception, match="rate limit"):
            line.limits.spend(endpoint)
        time.now += 1
        line.limits.spend(endpoint)


async def test_events_of_one_customer_come_in_order_and_twice_if_asked(line: LineSandbox, bot: Bot) -> None:
    user = line.add_customer("Ada")
    line.delivery.twice = True
    line.faults.order("webhook", Fault(delay=0.05))
    for number in range(3):
        await line.customer_writes(user, str(number))
    await line.idle()
    assert [event["message"]["text"] for event in bot.events] == ["0", "0", "1", "1", "2", "2"]


async def test_the_page_sees_what_happens(line: LineSandbox, bot: Bot) -> None:
    changes = line.watch()
    user = line.add_customer("Ada")
    sent = await line.customer_writes(user, "Hello")
    await line.customer_unsends(user, sent)
    seen = [await anext(changes) for _ in range(3)]
    assert [one["type"] for one in seen] == ["customer", "message", "unsent"]
    assert json.loads(json.dumps(line.snapshot()))["customers"][0]["messages"][0]["unsent"]


async def _count(bot: Bot, number: int) -> None:
    while len(bot.bodies) < number:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
