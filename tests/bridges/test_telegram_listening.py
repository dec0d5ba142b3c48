"""A bot hears everything once: across restarts, refused batches, rivals, outages, and wrong webhook calls."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bridges.telegram import BRIDGE
from bridges.telegram import bridge as telegram_bridge
from core.contracts.bridge import ListeningBridge, MessageReceived, WebhookBridge
from core.contracts.errors import RequestRejected
from core.contracts.http import WebhookRequest
from core.contracts.text import plain
from sandbox.faults import Fault
from sandbox.telegram import TelegramSandbox
from tests.bridges.runtime import KeptValue
from tests.bridges.telegram_accounts import SECRET, Account, account, webhook_account


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSandbox]:
    async with TelegramSandbox(limits=False, webhook_retry_delays=(0.01,)) as server:
        yield server


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries shrink; that they grow is not what these tests are about."""
    monkeypatch.setattr(telegram_bridge, "MAX_PAUSE_S", 0.02)
    monkeypatch.setattr(telegram_bridge, "WATCH_S", 0.02)


def texts(one: Account) -> list[str]:
    return [plain(event.content.body) for event in one.core.events if isinstance(event, MessageReceived)]


async def test_polling_resumes_after_a_restart_without_loss_or_repeat(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    user = telegram.add_customer("Ada")
    memory = KeptValue()
    first = account(telegram, session, tmp_path, memory=memory)
    async with first.listening():
        await telegram.customer_writes(user, "one")
        await telegram.customer_writes(user, "two")
        await first.core.until(lambda: texts(first) == ["one", "two"] and bool(memory.value))
    await telegram.customer_writes(user, "three")
    second = account(telegram, session, tmp_path, memory=memory)
    async with second.listening():
        await second.core.arrived(1)
        await telegram.customer_writes(user, "four")
        await second.core.arrived(2)
    assert texts(second) == ["three", "four"]
    assert len(first.core.raws) + len(second.core.raws) == 4, "nothing was handed over twice"


async def test_the_offset_is_dropped_once_nothing_waits(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """After a quiet week Telegram counts from a random number, which may be lower than what we would ask for."""
    memory = KeptValue()
    memory.value = {"offset": 2_000_000}
    one = account(telegram, session, tmp_path, memory=memory)
    async with one.listening():
        await one.core.until(lambda: memory.value == {"offset": 0})
        await telegram.customer_writes(telegram.add_customer("Ada"), "hello")
        await one.core.arrived(1)


@pytest.mark.usefixtures("quick")
async def test_what_the_core_cannot_keep_is_asked_for_again(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    one = account(telegram, session, tmp_path)
    one.core.broken = OSError("no space")
    user = telegram.add_customer("Ada")
    await telegram.customer_writes(user, "one")
    await telegram.customer_writes(user, "two")
    async with one.listening():
        await one.core.until(lambda: len(one.core.raws) >= 2 and bool(one.core.troubles))
        assert one.core.troubles == ["Updates cannot be stored at the moment; Telegram keeps them."]
        one.core.broken = None
        await one.core.arrived(2)
        await one.core.until(lambda: one.core.troubles[-1] is None)
    assert texts(one) == ["one", "two"]


@pytest.mark.usefixtures("quick")
async def test_troubles_are_told_and_end(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    one = account(telegram, session, tmp_path)
    user = telegram.add_customer("Ada")
    async with one.listening():
        await one.core.until(lambda: one.core.troubles == [None])
        await one.core.until(lambda: telegram.world.delivery._poll is not None)
        telegram.token = "123:other"
        telegram.world.delivery.end_poll("Conflict: terminated by other getUpdates request")
        await one.core.until(lambda: "@BotFather" in (one.core.troubles[-1] or ""))
        assert one.core.troubles[1] is not None
        assert "only one can" in one.core.troubles[1]
        telegram.token = "123:abc"
        await telegram.customer_writes(user, "still here?")
        await one.core.arrived(1)
        await one.core.until(lambda: one.core.troubles[-1] is None)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "fault",
    [Fault(status=502), Fault(drop="before"), Fault(status=429, body={"parameters": {"retry_after": 0.01}})],
    ids=["502", "cut", "429"],
)
async def test_an_outage_delays_and_loses_nothing(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path, fault: Fault
) -> None:
    one = account(telegram, session, tmp_path)
    telegram.faults.order("getUpdates", fault, times=3)
    await telegram.customer_writes(telegram.add_customer("Ada"), "hello")
    async with one.listening():
        await one.core.arrived(1)
        await one.core.until(lambda: one.core.troubles[-1] is None)
    assert one.core.troubles[0]
    assert texts(one) == ["hello"]


async def test_a_webhook_left_behind_does_not_stop_polling(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with session.post(f"{telegram.url}/bot123:abc/setWebhook", json={"url": "http://127.0.0.1:1/"}) as response:
        assert response.status == 200
    one = account(telegram, session, tmp_path)
    await telegram.customer_writes(telegram.add_customer("Ada"), "hello")
    async with one.listening():
        await one.core.arrived(1)
    assert telegram.world.delivery.webhook is None


async def test_updates_come_by_webhook_even_if_delivered_twice_and_backwards(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    telegram.deliver_twice = True
    async with webhook_account(telegram, session, tmp_path) as one, one.listening():
        await one.core.until(lambda: telegram.world.delivery.webhook is not None)
        user = telegram.add_customer("Ada")
        telegram.hold_updates()
        for number in range(5):
            await telegram.customer_writes(user, str(number))
        telegram.release_updates("reversed")
        await one.core.until(lambda: len(one.core.raws) == 10)
    assert sorted(texts(one)) == ["0", "1", "2", "3", "4"]
    events = sorted(one.core.events, key=lambda event: event.order or 0)
    assert [plain(event.content.body) for event in events if isinstance(event, MessageReceived)] == list("01234")
    (call,) = one.calls("setWebhook")
    assert call["secret_token"] == SECRET
    assert "my_chat_member" in json.loads(call["allowed_updates"])


@pytest.mark.usefixtures("quick")
async def test_failed_webhook_deliveries_are_a_trouble_until_they_work(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with webhook_account(telegram, session, tmp_path) as one, one.listening():
        await one.core.until(lambda: telegram.world.delivery.webhook is not None)
        webhook = telegram.world.delivery.webhook
        assert webhook is not None
        one.bridge._secret = "changed"
        await telegram.customer_writes(telegram.add_customer("Ada"), "hello")
        await one.core.until(lambda: bool(one.core.troubles[-1]))
        assert "401" in (one.core.troubles[-1] or "")
        assert "1 updates wait" in (one.core.troubles[-1] or "")
        one.bridge._secret = SECRET
        await one.core.arrived(1)
        webhook.last_error_date = 1
        await one.core.until(lambda: one.core.troubles[-1] is None)
        telegram.world.delivery.webhook = None
        await one.core.until(lambda: telegram.world.delivery.webhook is not None)


async def test_webhook_mode_without_an_address_says_so(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    one = account(telegram, session, tmp_path, mode="webhook", secret=SECRET)
    async with one.listening():
        await one.core.until(lambda: bool(one.core.troubles))
    assert "mode = 'polling'" in (one.core.troubles[0] or "")
    assert not telegram.calls


def call(body: bytes, **headers: str) -> WebhookRequest:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest(method="POST", url="https://example.com/bridges/test", query={}, headers=given, body=body)


@pytest.mark.parametrize("secret", ["", "wrong", SECRET + "x", "gehe\u00efm", "\udce9"])
async def test_calls_without_the_secret_are_rejected(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path, secret: str
) -> None:
    one = account(telegram, session, tmp_path, mode="webhook", secret=SECRET)
    for headers in ({"x_telegram_bot_api_secret_token": secret}, {}):
        with pytest.raises(RequestRejected) as refused:
            await one.bridge.receive(call(b'{"update_id":1}', **headers))
        assert refused.value.status == 401


async def test_an_account_without_a_secret_takes_no_calls(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    one = account(telegram, session, tmp_path)
    with pytest.raises(RequestRejected):
        await one.bridge.receive(call(b'{"update_id":1}', x_telegram_bot_api_secret_token=""))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"update_id":"1"}', b"\xff", b"[" * 100_000, b'{"update_id":NaN}']
)
async def test_bodies_that_are_no_update_are_rejected(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path, body: bytes
) -> None:
    one = account(telegram, session, tmp_path, mode="webhook", secret=SECRET)
    with pytest.raises(RequestRejected) as refused:
        await one.bridge.receive(call(body, x_telegram_bot_api_secret_token=SECRET))
    assert refused.value.status == 400


def test_settings_say_what_is_wrong() -> None:
    settings = BRIDGE.settings
    assert settings.model_validate({"token": "123:abc"}).mode == "polling"
    with pytest.raises(ValueError, match="as @BotFather gives it"):
        settings.model_validate({"token": "abc"})
    for secret in ({}, {"secret": ""}, {"secret": "with space"}, {"secret": "x" * 257}):
        with pytest.raises(ValueError, match="when mode is 'webhook'"):
            settings.model_validate({"token": "123:abc", "mode": "webhook", **secret})
    shown = repr(settings.model_validate({"token": "123:abc", "secret": "hush"}))
    assert "123:abc" not in shown
    assert "hush" not in shown


async def test_both_ways_in_are_offered(
    telegram: TelegramSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    one = account(telegram, session, tmp_path)
    assert isinstance(one.bridge, WebhookBridge)
    assert isinstance(one.bridge, ListeningBridge)
