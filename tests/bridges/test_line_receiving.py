"""What customers do on LINE becomes events: signed, once, each on its own, and with whom they came from."""

import base64
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from bridges.line import BRIDGE
from bridges.line.parse import choice_data
from core.contracts.bridge import ChoiceMade, MessageDeleted, MessageReceived, Proof, ReachabilityChanged
from core.contracts.content import MediaKind
from core.contracts.errors import CredentialsRejected, PermanentFailure, RequestRejected, TemporaryFailure
from core.contracts.http import WebhookRequest
from core.contracts.richtext import Link
from core.contracts.text import plain
from core.testing.scenarios import PDF, PNG
from sandbox.faults import Fault
from sandbox.line import LineSandbox
from tests.bridges.line_accounts import Account, served


@pytest.fixture
async def line() -> AsyncIterator[LineSandbox]:
    async with LineSandbox(limits=False, retry_delays=(0.01, 0.01)) as server:
        yield server


@pytest.fixture
async def shop(line: LineSandbox, session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Account]:
    async with served(line, session, tmp_path) as one:
        yield one


async def test_text_arrives_with_her_name_and_what_an_answer_needs(line: LineSandbox, shop: Account) -> None:
    user = line.add_customer("Ada 🙂", language="ja", picture="https://profile.example/ada")
    first = await line.customer_writes(user, "Hello שלום\nhttps://example.com/a")
    second = await line.customer_writes(user, "and this", quote=first)
    event = await shop.message()
    assert event.sender.external_id == user
    assert (event.sender.name, event.sender.language) == ("Ada 🙂", "ja")
    assert (event.sender.avatar_url, event.sender.proof) == ("https://profile.example/ada", Proof.CHANNEL)
    assert plain(event.content.body) == "Hello שלום\nhttps://example.com/a"
    assert event.sender.metadata["reply"] in line.world.reply_tokens
    assert event.sender.metadata["quote"][0] == event.external_id == first
    reply = await shop.message(2)
    assert (reply.external_id, reply.quote) == (second, first)
    assert len([call for call in line.calls if call.name == "profile"]) == 1, "a name is asked for once"


@pytest.mark.parametrize(
    "fault", [Fault(status=404), Fault(status=500), Fault(drop="before"), Fault(delay=0.2), Fault(status=200)]
)
async def test_a_name_that_line_does_not_say_keeps_nothing_back(
    line: LineSandbox, shop: Account, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr("bridges.line.bridge.PROFILES_S", 0.05)
    line.faults.stand("profile", fault)
    user = line.add_customer("Ada")
    await line.customer_writes(user, "Hello")
    assert (await shop.message()).sender.name == ""
    line.faults.clear()
    await line.customer_writes(user, "Hello again")
    assert (await shop.message(2)).sender.name == "Ada"


@pytest.mark.parametrize(
    ("kind", "name", "data", "expected"),
    [
        ("image", "", PNG, (MediaKind.IMAGE, "photo.jpg", "image/jpeg")),
        ("video", "", b"film", (MediaKind.VIDEO, "video.mp4", "video/mp4")),
        ("audio", "", b"sound", (MediaKind.VOICE, "voice-message.m4a", "audio/mp4")),
        ("file", "../bill.pdf", PDF, (MediaKind.FILE, "bill.pdf", "application/octet-stream")),
    ],
)
async def test_files_come_from_the_data_host(
    line: LineSandbox, shop: Account, kind: Any, name: str, data: bytes, expected: tuple[Any, ...]
) -> None:
    user = line.add_customer("Ada")
    await line.customer_sends(user, kind, name, "application/octet-stream", data)
    (attachment,) = (await shop.message()).content.attachments
    assert (attachment.kind, attachment.name, attachment.mime) == expected
    assert attachment.source is not None
    assert b"".join([chunk async for chunk in shop.bridge.fetch(attachment.source)]) == data


async def test_files_that_are_not_there_are_explained(line: LineSandbox, shop: Account) -> None:
    user = line.add_customer("Ada")
    sent = await line.customer_sends(user, "video", "", "video/mp4", b"film", preparing=60)
    with pytest.raises(TemporaryFailure, match="preparing") as failed:
        await anext(aiter(shop.bridge.fetch(sent)))
    assert failed.value.retry_after
    await line.customer_unsends(user, sent)
    for source in (sent, "123456", "../../profile", "1/2", "１２"):
        with pytest.raises(PermanentFailure):
            await anext(aiter(shop.bridge.fetch(source)))
    for status, kind in ((500, TemporaryFailure), (302, TemporaryFailure), (401, CredentialsRejected)):
        line.faults.order("content", Fault(status=status, headers={"Location": "http://127.0.0.1:1/"}))
        with pytest.raises(kind):
            await anext(aiter(shop.bridge.fetch("123456")))


async def test_stickers_and_places_are_readable(line: LineSandbox, shop: Account) -> None:
    user = line.add_customer("Ada")
    await line.customer_sends_sticker(user, keywords=["happy", "cat"])
    await line.customer_sends_sticker(user)
    await line.customer_sends_place(user, title="Shop", address="1 Example Street", latitude=48.2, longitude=16.37)
    await line.customer_sends_place(user)
    texts = [plain((await shop.message(number)).content.body) for number in (1, 2, 3, 4)]
    assert texts[:2] == ["🏷 Sticker: happy, cat", "🏷 Sticker"]
    assert texts[2].startswith("📍 Shop, 1 Example Street\nhttps://www.openstreetmap.org/?mlat=48.200000&mlon=16.37")
    assert texts[3].startswith("📍\nhttps://")


async def test_unsending_following_and_blocking(line: LineSandbox, shop: Account) -> None:
    user = line.add_customer("Ada")
    sent = await line.customer_writes(user, "My card is 4242")
    await line.customer_unsends(user, sent)
    await line.customer_blocks(user)
    await line.customer_adds(user)
    await line.customer_adds(user)
    _, unsent, *changes = await shop.core.arrived(5)
    assert isinstance(unsent, MessageDeleted)
    assert unsent.external_id == sent
    assert [
        (change.sender_id, change.reachable, change.sentence)
        for change in changes
        if isinstance(change, ReachabilityChanged)
    ] == [
        (user, False, "Ada blocked the account."),
        (user, True, "Ada unblocked the account."),
        (user, True, "Ada added the account as a friend."),
    ]


async def test_a_rich_menu_of_the_operator_is_a_choice_too(line: LineSandbox, shop: Account) -> None:
    user = line.add_customer("Ada")
    for data in ("action=hours", "[1, 2]", '["a"]', "[" * 290):
        line.customer_posts_back(user, data)
    events = await shop.core.arrived(4)
    assert [(one.value, one.label) for one in events if isinstance(one, ChoiceMade)] == [
        (data, data[:200] if len(data) <= 200 else one.label)
        for data, one in zip(("action=hours", "[1, 2]", '["a"]', "[" * 290), events, strict=True)
        if isinstance(one, ChoiceMade)
    ]


@pytest.mark.parametrize("value", ["yes", "ü" * 32, '"' * 64, "\\" * 64])
@pytest.mark.parametrize("label", ["Yes", "👨‍👩‍👧‍👦" * 20, '"' * 20])
def test_what_a_button_brings_back_always_fits(value: str, label: str) -> None:
    data = choice_data(value, label)
    assert 1 <= len(data.encode("utf-16-le")) // 2 <= 300
    found = json.loads(data)
    assert found[0] == value
    assert label.startswith(found[1])


async def test_the_verify_button_gets_its_200(line: LineSandbox, shop: Account) -> None:
    assert await line.delivery.verify() == 200
    assert not shop.core.events


async def test_an_event_that_comes_again_is_the_same(line: LineSandbox, shop: Account) -> None:
    user = line.add_customer("Ada")
    line.faults.order("webhook", Fault(drop="after"))
    await line.customer_writes(user, "Once")
    await line.idle()
    assert line.delivery.attempts == [200, 200]
    assert len(shop.core.raws) == 2
    assert len(shop.core.events) == 1
    again = json.loads(shop.core.raws[1])["events"][0]
    assert again["deliveryContext"] == {"isRedelivery": True}


async def test_what_was_kept_back_comes_in_one_call_and_each_fails_alone(line: LineSandbox, shop: Account) -> None:
    user = line.add_customer("Ada")
    line.hold_events()
    for text in ("One", "Two", "Three"):
        await line.customer_writes(user, text)
    line.release_events("reversed")
    events = await shop.core.arrived(3)
    assert [plain(one.content.body) for one in events if isinstance(one, MessageReceived)] == ["Three", "Two", "One"]
    assert line.delivery.attempts == [200]
    assert len(shop.core.raws) == 3
    at = [one.at for one in events]
    assert at == sorted(at, reverse=True), "the time is LINE's, so that the core can put them in order"


async def test_only_what_line_signed_is_believed(line: LineSandbox, shop: Account) -> None:
    body = line.delivery.body([])
    good = line.delivery.signature(body)
    hexed = hmac.digest(b"line-secret", body, "sha256").hex()
    other = base64.b64encode(hmac.digest(b"another", body, "sha256")).decode()
    for signature in ("", hexed, other, good[:-2] + "A=", good + "=", good.lower(), "é" * 44):
        request = WebhookRequest(method="POST", url="", query={}, headers={"x-line-signature": signature}, body=body)
        with pytest.raises(RequestRejected) as refused:
            await shop.bridge.receive(request)
        assert refused.value.status == 401
    assert await line.delivery.post(body + b" ", signature=good) == 401
    assert await line.delivery.post(body, signature=good) == 200
    assert await line.delivery.post(b'{"events": {}}') == 400
    assert await line.delivery.post(b"[]") == 400
    assert not shop.core.events


async def test_no_stranger_decides_where_a_name_is_asked_for(line: LineSandbox, shop: Account) -> None:
    for user in ("../../v2/bot/info", "U" + "g" * 32, "", None, ["U"]):
        event = {"type": "unfollow", "webhookEventId": "01", "timestamp": 1, "source": {"type": "user", "userId": user}}
        body = line.delivery.body([event])
        headers = {"x-line-signature": line.delivery.signature(body)}
        request = WebhookRequest(method="POST", url="", query={}, headers=headers, body=body)
        assert len((await shop.bridge.receive(request)).items) == 1
    assert not [call for call in line.calls if call.name in ("profile", "info")]


async def test_a_picture_on_another_host_is_a_link_and_never_fetched(shop: Account) -> None:
    provider = {"type": "external", "originalContentUrl": "https://example.com/a.jpg"}
    event = {
        "type": "message",
        "webhookEventId": "01",
        "timestamp": 1_790_000_000_000,
        "source": {"type": "user", "userId": "U" + "1" * 32},
        "message": {"type": "image", "id": "1", "contentProvider": provider},
    }
    (found,) = await shop.bridge.parse(json.dumps({"events": [event]}).encode())
    assert isinstance(found, MessageReceived)
    assert not found.content.attachments
    runs = [run for block in found.content.body.blocks for run in getattr(block, "inlines", ())]
    assert [run.url for run in runs if isinstance(run, Link)] == ["https://example.com/a.jpg"]
    provider["originalContentUrl"] = "javascript:alert(1)"
    (found,) = await shop.bridge.parse(json.dumps({"events": [event]}).encode())
    assert isinstance(found, MessageReceived)
    assert plain(found.content.body) == "(Sent something that only LINE can show: image)"


async def test_the_preview_is_a_small_picture(shop: Account) -> None:
    async with shop.core.session.get(f"{shop.core.url}/preview.png") as response:
        assert (response.status, response.content_type) == (200, "image/png")
        assert (await response.read()).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("channel_secret", ""),
        ("channel_secret", " \t"),
        ("channel_access_token", ""),
        ("channel_access_token", "two words"),
        ("api_url", "http://api.line.me"),
        ("api_url", "ftp://127.0.0.1"),
        ("api_url", "http://127.0.0.1.example.com"),
        ("api_url", "https://user@api.line.me"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(name: str, value: str) -> None:
    given = {"channel_access_token": "t", "channel_secret": "s", name: value}
    with pytest.raises(ValidationError):
        BRIDGE.settings.model_validate(given)
