"""Requests that no vendor of ours would send: refused with the right status, counted once, and nothing of them kept."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import io
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from sqlalchemy import func, select

from core.conversations.inbox import inbox
from core.outbox.models import outbox
from core.quarantine.models import quarantine
from core.testing.hostile import BODIES
from sandbox.stage import Stage
from tests.flows.conftest import Opens, until

SECRET = b"sandbox-signing-secret"
TELEGRAM_SECRET = "sandbox-webhook-secret"
EVENTS = "/workspaces/shop/events"
UPDATES = "/bridges/telegram"
LARGE = b'{"a": "' + b"a" * (1024 * 1024) + b'"}'
EVENT = json.dumps({"type": "event_callback", "event_id": "Ev1", "event": {"type": "message"}}).encode()
UPDATE = b'{"update_id": 7, "message": {"message_id": 1}}'
#: Shorter than the real ones, so that a test need not wait for them.
EXTRA = "[limits]\nwebhook_seconds = 0.3"


def _signed(body: bytes, *, at: float | None = None, secret: bytes = SECRET) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
    }


def _known(token: str = TELEGRAM_SECRET) -> dict[str, str]:
    return {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": token}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    path: str
    status: int
    reason: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def _slack(name: str, status: int, reason: str, body: bytes, headers: Mapping[str, str]) -> Case:
    return Case(name=f"slack, {name}", path=EVENTS, status=status, reason=reason, body=body, headers=headers)


def _telegram(name: str, status: int, reason: str, body: bytes, headers: Mapping[str, str]) -> Case:
    return Case(name=f"telegram, {name}", path=UPDATES, status=status, reason=reason, body=body, headers=headers)


def _cases() -> list[Case]:
    now = time.time()
    plain = {"Content-Type": "application/json"}
    packed = gzip.compress(EVENT)
    wrong = {**_signed(EVENT), "X-Slack-Signature": "v0=" + "é" * 64}
    cases = [
        _slack("unsigned", 401, "signature", EVENT, plain),
        _slack("signed with another secret", 401, "signature", EVENT, _signed(EVENT, secret=b"another")),
        _slack("another body signed", 401, "signature", EVENT, _signed(EVENT + b" ")),
        _slack("a signature that is no ASCII", 401, "signature", EVENT, wrong),
        _slack("no signature", 401, "signature", EVENT, {**_signed(EVENT), "X-Slack-Signature": ""}),
        _slack("six minutes old", 401, "signature", EVENT, _signed(EVENT, at=now - 360)),
        _slack("of the future", 401, "signature", EVENT, _signed(EVENT, at=now + 360)),
        _slack("a timestamp of letters", 401, "signature", EVENT, {**_signed(EVENT), "X-Slack-Request-Timestamp": "x"}),
        _slack("too large", 413, "size", LARGE, _signed(LARGE)),
        _slack("compressed", 415, "encoding", packed, {**_signed(packed), "Content-Encoding": "gzip"}),
        _telegram("no secret", 401, "signature", UPDATE, plain),
        _telegram("another secret", 401, "signature", UPDATE, _known("another")),
        _telegram("a secret that is no ASCII", 401, "signature", UPDATE, _known("sécret")),
        _telegram("too large", 413, "size", LARGE, _known()),
        _telegram("compressed", 415, "encoding", packed, {**_known(), "Content-Encoding": "gzip"}),
    ]
    for name, body in BODIES.items():
        if len(body) <= 1024 * 1024:
            cases.append(_telegram(name, 400, "malformed", body, _known()))
    for name in ("empty", "not JSON", "half of it", "not UTF-8", "null", "a list", "deep lists"):
        cases.append(_slack(name, 400, "malformed", BODIES[name], _signed(BODIES[name])))
    no_event = b'{"type": "event_callback", "event_id": "Ev1", "event": []}'
    cases.append(_slack("an event that is a list", 400, "malformed", no_event, _signed(no_event)))
    return cases


async def _counts(stage: Stage, http: aiohttp.ClientSession) -> dict[tuple[str, str], float]:
    """Refusals by source and reason, as Prometheus reads them."""
    async with http.get(f"{stage.url}/metrics") as answer:
        text = await answer.text()
    pattern = re.compile(r'threadbridge_rejected_total\{reason="([^"]+)",source="([^"]+)"\} (\S+)')
    return {(source, reason): float(value) for reason, source, value in pattern.findall(text)}


async def _kept(stage: Stage) -> tuple[int, ...]:
    tables = (inbox, outbox, quarantine)
    return await stage.app.storage.read(
        lambda connection: tuple(
            connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
        )
    )


def _all_told(stage: Stage) -> bool:
    told = {delivery.event_id for delivery in stage.slack.deliveries}
    return bool(told) and told == {delivery.event_id for delivery in stage.slack.deliveries if delivery.status == 200}


@asynccontextmanager
async def _refusing(set_stage: Opens) -> AsyncIterator[tuple[Stage, aiohttp.ClientSession]]:
    async with (
        set_stage(socket_mode=False, polling=False, extra=EXTRA) as stage,
        aiohttp.ClientSession(trust_env=False) as http,
    ):
        # Slack tells that the bot was added to two rooms, and comes again if it was too early.
        await until(lambda: _all_told(stage), "what Slack tells")
        kept = await _kept(stage)
        yield stage, http
        assert await _kept(stage) == kept


async def test_each_refusal_has_its_status_and_is_counted_once(set_stage: Opens) -> None:
    async with _refusing(set_stage) as (stage, http):
        wrong: list[str] = []
        for case in _cases():
            before = await _counts(stage, http)
            async with http.post(f"{stage.url}{case.path}", data=io.BytesIO(case.body), headers=case.headers) as answer:
                sentence = await answer.text()
            rise = _rise(before, await _counts(stage, http))
            source = "shop" if case.path == EVENTS else "telegram"
            if case.status == 415:
                # Nobody looks at whom it was for.
                source = "web"
            if answer.status != case.status or rise != {(source, case.reason): 1.0} or not sentence.strip():
                wrong.append(f"{case.name}: {answer.status} {rise} {sentence!r}")
        assert not wrong, "\n".join(wrong)


def _rise(before: dict[tuple[str, str], float], after: dict[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    return {key: value - before.get(key, 0.0) for key, value in after.items() if value != before.get(key, 0.0)}


@pytest.mark.parametrize("path", [EVENTS, UPDATES])
async def test_a_body_that_drips_is_given_up(set_stage: Opens, path: str) -> None:
    async with _refusing(set_stage) as (stage, http):
        before = await _counts(stage, http)
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        headers = {**_signed(EVENT), **_known(), "Content-Length": "1000", "Host": "shop.test"}
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", "{"]
        writer.write("\r\n".join(lines).encode())
        async with asyncio.timeout(5):
            status = (await reader.readline()).split()[1]
        writer.close()
        assert status == b"408"
        source = "shop" if path == EVENTS else "telegram"
        assert _rise(before, await _counts(stage, http)) == {(source, "slow"): 1.0}


async def test_an_endless_body_is_cut_off(set_stage: Opens) -> None:
    """Without a Content-Length: nobody reads on after the limit."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10_000):
            yield b"a" * 64 * 1024

    async with _refusing(set_stage) as (stage, http):
        for path, headers in ((EVENTS, _signed(b"")), (UPDATES, _known())):
            try:
                async with http.post(f"{stage.url}{path}", data=endless(), headers=headers) as answer:
                    assert answer.status == 413
            except aiohttp.ClientError:
                # The line was cut while we were still writing: refused as well, but the answer is lost.
                pass
            source = "shop" if path == EVENTS else "telegram"
            assert (await _counts(stage, http))[source, "size"] == 1.0


async def test_what_is_right_still_comes_through(set_stage: Opens) -> None:
    async with set_stage(socket_mode=False, polling=False) as stage, aiohttp.ClientSession(trust_env=False) as http:
        before = await _counts(stage, http)
        async with http.post(f"{stage.url}{EVENTS}", data=EVENT, headers=_signed(EVENT)) as answer:
            assert answer.status == 200
        async with http.post(f"{stage.url}{UPDATES}", data=UPDATE, headers=_known()) as answer:
            assert answer.status == 200
        assert await _counts(stage, http) == before
