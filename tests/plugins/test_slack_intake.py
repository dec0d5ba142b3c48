"""The way in: what is not Slack's is refused and counted, what is ours is kept before Slack hears so."""

import asyncio
import hashlib
import hmac
import io
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest

from core.contracts.text import plain
from plugins.slack.intake import MAX_BODY, micros, place_of
from tests.plugins.slack_peer import Peer, peer, until

SECRET = "sandbox-signing-secret"
EVENT = {"type": "event_callback", "api_app_id": "A", "team_id": "T", "event_id": "Ev1"}
REACTION = {
    "type": "reaction_added",
    "user": "U1",
    "reaction": "eyes",
    "item": {"type": "message", "channel": "C1", "ts": "1.000001"},
    "event_ts": "2.000000",
}


@pytest.fixture
async def here() -> AsyncIterator[Peer]:
    async with peer() as made:
        yield made


async def call(
    here: Peer,
    body: bytes,
    *,
    secret: str = SECRET,
    stamp: str | None = None,
    age: int = 0,
    signature: str | None = None,
    headers: dict[str, str] | None = None,
) -> int:
    stamp = str(int(time.time()) - age) if stamp is None else stamp
    signed = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    sent = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={signed}" if signature is None else signature,
        **(headers or {}),
    }
    async with here.session.post(f"{here.url}/events", data=io.BytesIO(body), headers=sent) as response:
        return response.status


def event(inner: dict[str, Any] = REACTION) -> bytes:
    return json.dumps({**EVENT, "event": inner}).encode()


async def test_slack_is_believed(here: Peer) -> None:
    assert await here.slack.verify_events_url()
    assert await call(here, event()) == 200
    assert here.inbox.accepted[0][:3] == ("A:T:Ev1", "C1:1.000001", 2_000_000)
    assert here.rejected == []


@pytest.mark.parametrize(
    ("forged", "status", "reason"),
    [
        ({"secret": "another"}, 401, "signature"),
        ({"signature": ""}, 401, "signature"),
        ({"signature": "v0=ü"}, 401, "signature"),
        ({"age": 302}, 401, "signature"),
        ({"age": -302}, 401, "signature"),
        ({"stamp": "now"}, 401, "signature"),
        ({"stamp": "١٢٣"}, 401, "signature"),
        ({"stamp": ""}, 401, "signature"),
        ({"stamp": "9" * 400}, 401, "signature"),
        ({"headers": {"Content-Encoding": "gzip"}}, 415, "encoding"),
    ],
    ids=str,
)
async def test_what_slack_did_not_sign_is_refused(here: Peer, forged: Any, status: int, reason: str) -> None:
    assert await call(here, event(), **forged) == status
    assert here.rejected == [reason]
    assert here.inbox.accepted == []


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff{}",
        b'{"type": "event_callback"}',
        b'{"type": "event_callback", "event": 5}',
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"enterprise": 5}',
    ],
    ids=lambda body: body[:30].decode("latin-1"),
)
async def test_what_is_malformed_is_refused(here: Peer, body: bytes) -> None:
    assert await call(here, body) == 400
    assert here.rejected == ["malformed"]


async def test_a_malformed_form_is_refused(here: Peer) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert await call(here, urlencode({"payload": "{no"}).encode(), headers=form) == 400
    assert here.rejected == ["malformed"]


async def test_what_is_too_large_is_refused_unread(here: Peer) -> None:
    assert await call(here, bytes(MAX_BODY + 1)) == 413
    assert here.rejected == ["size"]


async def test_what_takes_too_long_is_refused(here: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.slack.intake.READ_DEADLINE", 0.05)
    never = asyncio.Event()

    async def dripping() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    async with here.session.post(f"{here.url}/events", data=dripping()) as response:
        assert response.status == 408
        never.set()
    assert here.rejected == ["slow"]


async def test_an_event_that_could_not_be_kept_comes_again(here: Peer) -> None:
    thread = await here.open()
    await here.settle()
    here.inbox.fails_with = OSError("the disk is full")
    await here.slack.person_posts(here.bea, here.room, "Hi", thread.thread)
    await until(lambda: len([one for one in here.slack.deliveries if one.status == 500]) >= 2)
    here.inbox.fails_with = None
    assert plain((await here.desk.wait("said"))["content"].body) == "Hi"


async def test_the_same_event_twice_is_one(here: Peer) -> None:
    here.slack.deliver_twice = True
    thread = await here.open()
    await here.slack.person_posts(here.bea, here.room, "Hi", thread.thread)
    await here.settle()
    assert len(here.desk.named("said")) == 1


async def test_events_out_of_order_keep_their_rank(here: Peer) -> None:
    thread = await here.open()
    await here.settle()
    here.slack.hold_events()
    sent = [await here.slack.person_posts(here.bea, here.room, str(number), thread.thread) for number in range(5)]
    here.slack.release_events("reversed")
    await here.settle()
    kept = [row for row in here.inbox.accepted if row[1] == f"{here.room}:{thread.thread}"][-5:]
    assert [rank for _id, _lane, rank, _raw in kept] == [micros(ts) for ts in reversed(sent)]


async def test_what_nobody_needs_is_not_kept(here: Peer) -> None:
    await here.slack.idle()
    before = len(here.slack.deliveries)
    await here.slack.person_posts(here.bea, here.room, "Nothing to do with a customer")
    here.slack.change_user(here.bea, real_name="Bea B.")
    here.slack.limit_app_rate()
    await here.slack.idle()
    assert here.inbox.accepted == []
    told = here.slack.deliveries[before:]
    assert [one.status for one in told] == [200] * 3


def test_ranks_are_exact() -> None:
    assert micros("1712345678.000200") == 1712345678000200
    assert micros("1712345678.2") == 1712345678200000
    assert [micros(wrong) for wrong in (None, "", "1", "x.y", 1.5, "-1.0")] == [0] * 6


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message", "channel": "C", "user": "U", "ts": "1.0", "text": "a root"},
        {"type": "message", "channel": "C", "bot_id": "B", "ts": "2.0", "thread_ts": "1.0", "text": "another bot"},
        {"type": "message", "channel": "C", "subtype": "channel_join", "ts": "2.0", "thread_ts": "1.0"},
        {"type": "message", "channel": "C", "user": "U", "hidden": True, "ts": "2.0", "thread_ts": "1.0"},
        {"type": "reaction_added", "user": "U", "item": {"type": "file", "file": "F"}},
        {"type": "app_home_opened", "user": "U", "tab": "messages"},
        {"type": "something_new"},
        {},
    ],
    ids=str,
)
def test_events_without_meaning_have_no_place(event: Any) -> None:
    assert place_of(event) is None
