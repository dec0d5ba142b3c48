"""The sandbox's Telegram hands updates out once, in order, and no faster than it may; unless told otherwise."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sandbox.telegram import TelegramSandbox

DEADLINE_S = 5.0


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSandbox]:
    async with TelegramSandbox(limits=False, webhook_retry_delays=(0.01,)) as server:
        yield server


async def call(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, method: str, **arguments: Any
) -> dict[str, Any]:
    async with session.post(f"{telegram.url}/bot123:abc/{method}", json=arguments) as response:
        body: dict[str, Any] = await response.json()
        return body | {"retry_after_header": response.headers.get("Retry-After")}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


class Hook:
    """A webhook that records what it is given and answers as told."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, str, str | None]] = []
        self.answers: list[int] = []
        self.body: dict[str, Any] | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.open = self.most_open = 0
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await self.gate.wait()
        self.open -= 1
        update = await request.json()
        text = update.get("message", {}).get("text", "")
        self.seen.append((update["update_id"], text, request.headers.get("X-Telegram-Bot-Api-Secret-Token")))
        status = self.answers.pop(0) if self.answers else 200
        return web.json_response(self.body, status=status) if self.body else web.Response(status=status)

    @property
    def texts(self) -> list[str]:
        return [text for _, text, _ in self.seen]


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook = Hook()
    app = web.Application()
    app.router.add_post("/hook", hook.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield hook
    hook.gate.set()
    await runner.cleanup()


def customer(telegram: TelegramSandbox) -> int:
    return telegram.add_customer("Jane")


async def test_updates_wait_until_they_are_confirmed(telegram: TelegramSandbox, session: aiohttp.ClientSession) -> None:
    jane = customer(telegram)
    for text in ("a", "b", "c"):
        await telegram.customer_writes(jane, text)

    async def texts(**arguments: Any) -> list[str]:
        answer = await call(telegram, session, "getUpdates", **arguments)
        return [update["message"]["text"] for update in answer["result"]]

    assert await texts(limit=2) == ["a", "b"]
    assert await texts() == ["a", "b", "c"]
    first = (await call(telegram, session, "getUpdates"))["result"][0]["update_id"]
    assert await texts(offset=first + 1) == ["b", "c"]
    assert await texts(offset=-1) == ["c"]
    assert await texts(offset=first + 3) == []


async def test_a_long_poll_ends_when_something_happens(
    telegram: TelegramSandbox, session: aiohttp.ClientSession
) -> None:
    jane = customer(telegram)
    poll = asyncio.create_task(call(telegram, session, "getUpdates", timeout=30))
    await until(lambda: telegram.world.delivery.polled)
    await telegram.customer_writes(jane, "hi")
    async with asyncio.timeout(DEADLINE_S):
        answer = await poll
    assert [update["message"]["text"] for update in answer["result"]] == ["hi"]


async def test_a_second_poller_ends_the_first(telegram: TelegramSandbox, session: aiohttp.ClientSession) -> None:
    first = asyncio.create_task(call(telegram, session, "getUpdates", timeout=30))
    await until(lambda: telegram.world.delivery.polled)
    await call(telegram, session, "getUpdates")
    async with asyncio.timeout(DEADLINE_S):
        answer = await first
    assert answer["error_code"] == 409
    assert answer["description"].startswith("Conflict: terminated by other getUpdates request")


async def test_unwanted_updates_are_never_made(telegram: TelegramSandbox, session: aiohttp.ClientSession) -> None:
    jane = customer(telegram)
    await call(telegram, session, "getUpdates", allowed_updates=["edited_message"])
    sent = await telegram.customer_writes(jane, "hi")
    await telegram.customer_edits(jane, sent, "hello")
    [update] = (await call(telegram, session, "getUpdates"))["result"]
    assert update["edited_message"]["text"] == "hello"
    assert (await call(telegram, session, "getWebhookInfo"))["result"]["allowed_updates"] == ["edited_message"]


async def test_a_webhook_gets_updates_in_order_with_its_secret(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, hook: Hook
) -> None:
    jane = customer(telegram)
    answer = await call(telegram, session, "setWebhook", url=hook.url, secret_token="s3cret_-", max_connections=2)
    assert answer["result"] is True
    assert (await call(telegram, session, "getUpdates"))["error_code"] == 409
    hook.answers = [500, 404]
    for text in ("a", "b", "c"):
        await telegram.customer_writes(jane, text)
    await until(lambda: len(hook.seen) == 5)
    assert hook.texts == ["a", "a", "a", "b", "c"]
    assert {secret for _, _, secret in hook.seen} == {"s3cret_-"}
    info = (await call(telegram, session, "getWebhookInfo"))["result"]
    assert info["last_error_message"] == "Wrong response from the webhook: 404 Not Found"
    await until(lambda: telegram.world.delivery.pending == 0)


async def test_a_webhook_is_called_by_no_more_connections_than_it_allows(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, hook: Hook
) -> None:
    await call(telegram, session, "setWebhook", url=hook.url, max_connections=3)
    hook.gate.clear()
    for _ in range(6):
        await telegram.customer_writes(customer(telegram), "hi")
    await until(lambda: hook.open == 3)
    hook.gate.set()
    await until(lambda: len(hook.seen) == 6)
    assert hook.most_open == 3


async def test_wrong_webhooks_are_refused(telegram: TelegramSandbox, session: aiohttp.ClientSession) -> None:
    local = "http://127.0.0.1:1/x"
    for arguments, reason in (
        ({"url": local, "secret_token": "not allowed"}, "secret token contains unallowed characters"),
        ({"url": local, "secret_token": "x" * 257}, "secret token is too long"),
        ({"url": "http://example.test/"}, "An HTTPS URL must be provided"),
        ({"url": "https://example.test:8080/"}, "only on ports 80, 88, 443 or 8443"),
    ):
        answer = await call(telegram, session, "setWebhook", **arguments)
        assert reason in answer["description"]


async def test_an_unreachable_webhook_is_reported(telegram: TelegramSandbox, session: aiohttp.ClientSession) -> None:
    await call(telegram, session, "setWebhook", url="http://127.0.0.1:1/x")
    await telegram.customer_writes(customer(telegram), "hi")

    async def message() -> str:
        info = (await call(telegram, session, "getWebhookInfo"))["result"]
        assert info["pending_update_count"] == 1
        return str(info.get("last_error_message", ""))

    async with asyncio.timeout(DEADLINE_S):
        while True:
            if found := await message():
                break
            await asyncio.sleep(0.01)
    assert found == "Connection refused"
    await call(telegram, session, "deleteWebhook", drop_pending_updates=True)
    assert (await call(telegram, session, "getUpdates"))["result"] == []


async def test_a_webhook_may_answer_with_a_call(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, hook: Hook
) -> None:
    jane = customer(telegram)
    hook.body = {"method": "sendMessage", "chat_id": jane, "text": "pong"}
    await call(telegram, session, "setWebhook", url=hook.url)
    await telegram.customer_writes(jane, "ping")
    await until(lambda: len(telegram.chat(jane)) == 2)
    assert telegram.chat(jane)[-1].text == "pong"


async def test_updates_come_twice_on_order(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, hook: Hook
) -> None:
    telegram.deliver_twice = True
    jane = customer(telegram)
    await telegram.customer_writes(jane, "polled")
    [first] = (await call(telegram, session, "getUpdates"))["result"]
    [again] = (await call(telegram, session, "getUpdates", offset=first["update_id"] + 1))["result"]
    assert again == first
    assert (await call(telegram, session, "getUpdates", offset=first["update_id"] + 1))["result"] == []
    await call(telegram, session, "setWebhook", url=hook.url)
    await telegram.customer_writes(jane, "pushed")
    await until(lambda: len(hook.seen) == 2)
    assert hook.texts == ["pushed", "pushed"]


@pytest.mark.parametrize("pushed", [True, False])
async def test_held_updates_come_late_and_in_the_order_asked_for(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, hook: Hook, pushed: bool
) -> None:
    jane = customer(telegram)
    if pushed:
        await call(telegram, session, "setWebhook", url=hook.url)
    telegram.hold_updates()
    for text in ("a", "b", "c"):
        await telegram.customer_writes(jane, text)
    assert telegram.world.delivery.pending == 0
    telegram.release_updates("reversed")
    if pushed:
        await until(lambda: len(hook.seen) == 3)
        assert hook.texts == ["c", "b", "a"]
    else:
        updates = (await call(telegram, session, "getUpdates"))["result"]
        assert [update["message"]["text"] for update in updates] == ["c", "b", "a"]


async def test_held_updates_may_come_all_at_once(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, hook: Hook
) -> None:
    jane = customer(telegram)
    await call(telegram, session, "setWebhook", url=hook.url)
    hook.gate.clear()
    telegram.hold_updates()
    for text in ("a", "b", "c"):
        await telegram.customer_writes(jane, text)
    telegram.release_updates(concurrently=True)
    await until(lambda: hook.open == 3)


async def test_flood_limits_name_the_pause(session: aiohttp.ClientSession) -> None:
    now = [1_790_000_000.0]
    async with TelegramSandbox(clock=lambda: now[0]) as telegram:
        jane = customer(telegram)
        await telegram.customer_starts(jane)

        async def send(user: int = jane) -> dict[str, Any]:
            return await call(telegram, session, "sendMessage", chat_id=user, text="hi")

        answers = [await send() for _ in range(5)]
        assert [answer["ok"] for answer in answers] == [True] * 4 + [False]
        refused = answers[-1]
        assert (refused["error_code"], refused["parameters"], refused["retry_after_header"]) == (
            429,
            {"retry_after": 1},
            "1",
        )
        assert refused["description"] == "Too Many Requests: retry after 1"
        now[0] += 1
        assert (await send())["ok"]
        assert not (await send())["ok"]

        others = [telegram.add_customer(f"Customer {number}") for number in range(40)]
        for user in others:
            await telegram.customer_starts(user)
        sent = [(await send(user))["ok"] for user in others]
        assert sent.count(False) == 40 - 29


async def test_the_token_can_be_revoked(telegram: TelegramSandbox, session: aiohttp.ClientSession) -> None:
    telegram.token = "123:new"
    assert (await call(telegram, session, "getMe"))["error_code"] == 401
