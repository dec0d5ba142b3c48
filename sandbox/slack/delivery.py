"""Brings events and interactions to the app, over signed HTTP or its sockets, and redelivers what was not taken."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp

from sandbox.faults import Faults
from sandbox.slack.sockets import Sockets
from sandbox.slack.wire import Json

MOST_RECORDS = 10_000
#: Events that may wait for their redelivery; Slack drops them above 30,000 an hour.
MOST_WAITING = 30_000
#: Slack's own redelivery: almost at once, after a minute, after five.
RETRY_DELAYS = (0.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One attempt to bring one event to the app."""

    event_id: str
    type: str
    #: 0 is the first attempt.
    attempt: int
    #: HTTP status of the app's answer, 200 for an acknowledged frame; None when there was none.
    status: int | None
    #: Why Slack will try again; empty when the app took the event.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """What the app answered to a press, a command or a submission."""

    ok: bool
    status: int | None = None
    #: Parsed JSON, or text, or None.
    body: Any = None
    #: What the person sees when it went wrong: "http_error", "timeout", "connection_failed", "not_configured".
    error: str = ""
    seconds: float = 0.0


@dataclass(slots=True, kw_only=True)
class Target:
    """Where the app listens, in HTTP mode."""

    request_url: str | None = None
    interactivity_url: str | None = None


@dataclass(slots=True, kw_only=True)
class Delivery:
    """Sends to one app. `patience` is how long an answer may take: three seconds, as with Slack."""

    signing_secret: str
    sockets: Sockets
    faults: Faults
    retry_delays: tuple[float, ...] = RETRY_DELAYS
    patience: float = 3.0
    target: Target = field(default_factory=Target)
    twice: bool = False
    records: list[Delivered] = field(default_factory=list)
    #: Events that the app never took, after the last redelivery.
    lost: list[Json] = field(default_factory=list)
    _held: list[Json] | None = None
    _session: aiohttp.ClientSession | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _attempting: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Opens what deliveries need."""
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self._loop = asyncio.get_running_loop()
        self._idle.set()

    async def stop(self) -> None:
        """Gives up what is still under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = self._loop = None

    def send(self, envelope: Json) -> None:
        """Delivers an event; returns at once."""
        if self._session is None:
            return
        if self._held is not None:
            self._held.append(envelope)
            return
        if len(self._tasks) >= MOST_WAITING:
            self.lost.append(envelope)
            del self.lost[:-MOST_RECORDS]
            return
        for _copy in range(2 if self.twice else 1):
            self._begin()
            self.spawn(self._deliver(envelope))

    def hold(self) -> None:
        """Keeps events back until `release`."""
        if self._held is None:
            self._held = []

    def release(self, order: Literal["sent", "reversed", "shuffled"] = "sent") -> None:
        """Delivers what was held back, one after the other in this order."""
        held, self._held = self._held or [], None
        if order == "reversed":
            held.reverse()
        elif order == "shuffled":
            random.shuffle(held)
        copies = [envelope for envelope in held for _copy in range(2 if self.twice else 1)]
        self._begin(len(copies))
        self.spawn(self._deliver_in_order(copies))

    async def idle(self, timeout: float = 5.0) -> None:
        """Waits until no event is on its way; waiting redeliveries do not count. Raises: TimeoutError."""
        async with asyncio.timeout(timeout):
            await self._idle.wait()

    async def interact(self, kind: Literal["interactive", "slash_commands"], payload: Json) -> Ack:
        """Brings a press, submission or command to the app, once; Slack never repeats these."""
        started = time.monotonic()
        url = self.target.interactivity_url
        if url is None:
            if not self.sockets.connected:
                return Ack(ok=False, error="not_configured")
            answered, body = await self.sockets.send(kind, payload, patience=self.patience, attempt=0, reason="")
            seconds = time.monotonic() - started
            if not answered:
                return Ack(ok=False, error="timeout", seconds=seconds)
            return Ack(ok=True, status=200, body=body, seconds=seconds)
        form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
        raw = urlencode({name: str(value) for name, value in form.items()})
        status, answer, reason = await self._post(url, raw, "application/x-www-form-urlencoded", {})
        seconds = time.monotonic() - started
        if reason:
            error = {"http_timeout": "timeout"}.get(reason, reason)
            return Ack(ok=False, status=status, body=_parsed(answer), error=error, seconds=seconds)
        return Ack(ok=True, status=status, body=_parsed(answer), seconds=seconds)

    async def verify_url(self, challenge: str) -> bool:
        """What Slack does when somebody enters a request URL: it must echo the challenge."""
        if self.target.request_url is None:
            return False
        raw = json.dumps({"token": "verification", "challenge": challenge, "type": "url_verification"})
        status, answer, _reason = await self._post(self.target.request_url, raw, "application/json", {})
        parsed = _parsed(answer)
        echoed = parsed.get("challenge") if isinstance(parsed, dict) else parsed
        return status == 200 and echoed == challenge

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` beside everything else, until `stop`."""
        if self._loop is None:
            work.close()
            raise RuntimeError("the Slack sandbox is not running: enter it with `async with`")
        # Its own loop: a plain fixture may invite the bot while no coroutine is running.
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def run_later(self, delay: float, work: Callable[[], None]) -> None:
        """Calls `work` after `delay` seconds; `idle` waits for it."""

        async def run() -> None:
            try:
                if delay:
                    await asyncio.sleep(delay)
                work()
            finally:
                self._end()

        self._begin()
        self.spawn(run())

    def _begin(self, count: int = 1) -> None:
        self._attempting += count
        if self._attempting:
            self._idle.clear()

    def _end(self) -> None:
        self._attempting -= 1
        if self._attempting <= 0:
            self._idle.set()

    async def _deliver_in_order(self, envelopes: list[Json]) -> None:
        for envelope in envelopes:
            done = asyncio.Event()
            self.spawn(self._deliver(envelope, done))
            await done.wait()

    async def _deliver(self, envelope: Json, first_done: asyncio.Event | None = None) -> None:
        """`send` or `release` has counted this work already, so that `idle` never misses it."""
        reason, again = "", True
        try:
            for attempt, delay in enumerate((0.0, *self.retry_delays)):
                if delay:
                    self._end()
                    await asyncio.sleep(delay)
                    self._begin()
                reason, again = await self._attempt(envelope, attempt, reason)
                if first_done is not None:
                    first_done.set()
                if not again:
                    break
        finally:
            self._end()
        if reason:
            self.lost.append(envelope)
            del self.lost[:-MOST_RECORDS]

    async def _attempt(self, envelope: Json, attempt: int, why: str) -> tuple[str, bool]:
        """Returns why it failed and whether to try again."""
        fault = self.faults.take("event")
        if fault is not None:
            await asyncio.sleep(fault.delay)
            if fault.drop == "before" or fault.status is not None:
                reason = "http_error" if fault.status is not None else "connection_failed"
                return self._recorded(envelope, attempt, fault.status, reason), True
        again = True
        if self.target.request_url is None:
            answered, _body = await self.sockets.send(
                "events_api", envelope, patience=self.patience, attempt=attempt, reason=why
            )
            status, reason = (200, "") if answered else (None, "timeout")
        else:
            headers = {"x-slack-retry-num": str(attempt), "x-slack-retry-reason": why} if attempt else {}
            asked: dict[str, str] = {}
            status, _answer, reason = await self._post(
                self.target.request_url, json.dumps(envelope), "application/json", headers, asked
            )
            again = asked.get("x-slack-no-retry") != "1"
        if fault is not None and fault.drop == "after":
            reason = "http_timeout"
        return self._recorded(envelope, attempt, status, reason), bool(reason) and again

    def _recorded(self, envelope: Json, attempt: int, status: int | None, reason: str) -> str:
        kind = str(envelope.get("event", envelope).get("type"))
        self.records.append(
            Delivered(
                event_id=str(envelope.get("event_id", "")), type=kind, attempt=attempt, status=status, reason=reason
            )
        )
        del self.records[:-MOST_RECORDS]
        return reason

    async def _post(
        self,
        url: str,
        raw: str,
        content_type: str,
        headers: Mapping[str, str],
        answer_headers: dict[str, str] | None = None,
    ) -> tuple[int | None, str, str]:
        """POSTs a signed body: status, answer, and why Slack counts it as failed."""
        if self._session is None:
            raise RuntimeError("the Slack sandbox is not running: enter it with `async with`")
        stamp = str(int(time.time()))  # the app compares this with its own clock
        digest = hmac.new(self.signing_secret.encode(), f"v0:{stamp}:{raw}".encode(), hashlib.sha256).hexdigest()
        signed = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
            **headers,
        }
        try:
            async with asyncio.timeout(self.patience):
                async with self._session.post(url, data=raw.encode(), headers=signed) as response:
                    answer = await response.text()
                    if answer_headers is not None:
                        answer_headers.update({name.lower(): value for name, value in response.headers.items()})
        except TimeoutError:
            return None, "", "http_timeout"
        except aiohttp.TooManyRedirects:
            return None, "", "too_many_redirects"
        except aiohttp.ClientError:
            return None, "", "connection_failed"
        return response.status, answer, "" if 200 <= response.status < 300 else "http_error"


def _parsed(answer: str) -> Any:
    if not answer:
        return None
    try:
        return json.loads(answer)
    except ValueError:
        return answer
