"""Brings activities to the bot, each under a fresh token, again where it was not taken; and asks it (invokes)."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

from sandbox.faults import Faults
from sandbox.teams.identity import Identity
from sandbox.teams.wire import Json

MOST_RECORDS = 10_000
#: How long after an attempt that failed an activity is brought again.
RETRY_DELAYS = (1.0, 10.0, 60.0)
#: A client asks again twice before it says that the app cannot be reached.
INVOKE_RETRIES = 2
#: An answer to a message may take three times as long as one to an invoke: 15 and 5 seconds.
MESSAGE_PATIENCE = 3.0
UNREACHABLE = "Unable to reach app. Please try again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One attempt to bring one activity to the bot."""

    type: str
    #: Of an invoke.
    name: str
    id: str
    #: 0 is the first attempt.
    attempt: int
    #: HTTP status of the bot's answer; None when there was none.
    status: int | None
    #: Why it counts as failed; empty when the bot took it.
    reason: str
    activity: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the bot answered to an invoke."""

    ok: bool
    status: int | None = None
    #: Parsed JSON, or text, or None.
    body: Any = None
    #: What the person sees when it went wrong.
    error: str = ""
    seconds: float = 0.0


@dataclass(slots=True, kw_only=True)
class Delivery:
    """Sends to one bot."""

    identity: Identity
    faults: Faults
    retry_delays: tuple[float, ...] = RETRY_DELAYS
    #: Seconds that an answer to an invoke may take.
    patience: float = 5.0
    url: str | None = None
    twice: bool = False
    records: list[Delivered] = field(default_factory=list)
    #: Activities that the bot never took.
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

    def send(self, activity: Json) -> None:
        """Delivers an activity; returns at once. Nothing is sent before `connect`."""
        if self._session is None or self.url is None:
            return
        if self._held is not None:
            self._held.append(activity)
            return
        for _copy in range(2 if self.twice else 1):
            self._begin()
            self._spawn(self._deliver(activity))

    def hold(self) -> None:
        """Keeps activities back until `release`; invokes are never held."""
        if self._held is None:
            self._held = []

    def release(self, order: Literal["sent", "reversed", "shuffled"] = "sent") -> None:
        """Delivers what was held back, one after the other in this order."""
        held, self._held = self._held or [], None
        if order == "reversed":
            held.reverse()
        elif order == "shuffled":
            random.shuffle(held)
        copies = [activity for activity in held for _copy in range(2 if self.twice else 1)]
        self._begin(len(copies))
        self._spawn(self._deliver_in_order(copies))

    async def idle(self, timeout: float = 5.0) -> None:
        """Waits until no activity is on its way; waiting redeliveries do not count. Raises: TimeoutError."""
        async with asyncio.timeout(timeout):
            await self._idle.wait()

    async def ask(self, activity: Json) -> Answer:
        """Brings an invoke, or a press that a client waits for, up to three times."""
        started = time.monotonic()
        if self.url is None:
            return Answer(ok=False, error=UNREACHABLE)
        status, body, reason = None, "", ""
        for attempt in range(1 + INVOKE_RETRIES):
            status, body, reason = await self._attempt(activity, attempt, "invoke", self.patience)
            if not reason:
                break
            if status is not None and status < 500:
                break
        seconds = time.monotonic() - started
        if reason:
            return Answer(ok=False, status=status, body=_parsed(body), error=UNREACHABLE, seconds=seconds)
        return Answer(ok=True, status=status, body=_parsed(body), seconds=seconds)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._loop is None:
            work.close()
            raise RuntimeError("the Teams sandbox is not running: enter it with `async with`")
        # Its own loop: a plain fixture may change something while no coroutine is running.
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _begin(self, count: int = 1) -> None:
        self._attempting += count
        if self._attempting:
            self._idle.clear()

    def _end(self) -> None:
        self._attempting -= 1
        if self._attempting <= 0:
            self._idle.set()

    async def _deliver_in_order(self, activities: list[Json]) -> None:
        for activity in activities:
            done = asyncio.Event()
            self._spawn(self._deliver(activity, done))
            await done.wait()

    async def _deliver(self, activity: Json, first_done: asyncio.Event | None = None) -> None:
        """`send` or `release` has counted this work already, so that `idle` never misses it."""
        reason = ""
        try:
            for attempt, delay in enumerate((0.0, *self.retry_delays)):
                if delay and attempt:
                    self._end()
                    try:
                        await asyncio.sleep(delay)
                    finally:
                        self._begin()
                _status, _body, reason = await self._attempt(
                    activity, attempt, "event", self.patience * MESSAGE_PATIENCE
                )
                if first_done is not None:
                    first_done.set()
                if not reason:
                    break
        finally:
            self._end()
        if reason:
            self.lost.append(activity)
            del self.lost[:-MOST_RECORDS]

    async def _attempt(
        self, activity: Json, attempt: int, fault_name: str, patience: float
    ) -> tuple[int | None, str, str]:
        fault = self.faults.take(fault_name)
        status: int | None = None
        body = reason = ""
        if fault is not None:
            await asyncio.sleep(fault.delay)
        if fault is not None and (fault.drop == "before" or fault.status is not None):
            status, reason = fault.status, "http_error" if fault.status is not None else "connection_failed"
        else:
            status, body, reason = await self._post(activity, patience)
            if fault is not None and fault.drop == "after":
                status, body, reason = None, "", "timeout"
        record = Delivered(
            type=str(activity.get("type")),
            name=str(activity.get("name") or ""),
            id=str(activity.get("id") or ""),
            attempt=attempt,
            status=status,
            reason=reason,
            activity=activity,
        )
        self.records.append(record)
        del self.records[:-MOST_RECORDS]
        return status, body, reason

    async def _post(self, activity: Json, patience: float) -> tuple[int | None, str, str]:
        if self._session is None or self.url is None:
            raise RuntimeError("the Teams sandbox is not running, or was not told where the bot is")
        headers = {
            "Authorization": f"Bearer {self.identity.mint()}",
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Microsoft-SkypeBotApi (Microsoft-BotFramework/3.0)",
        }
        raw = json.dumps(activity, ensure_ascii=False).encode()
        try:
            async with asyncio.timeout(patience):
                async with self._session.post(self.url, data=raw, headers=headers) as response:
                    answer = await response.text()
        except TimeoutError:
            return None, "", "timeout"
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
