"""Brings webhooks to the business: signed, in batches, again where they were not taken, and badly when so ordered."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

from sandbox.faults import Faults
from sandbox.graph.wire import Json

#: Meta repeats for up to 7 days, ever more slowly.
RETRY_DELAYS = (1.0, 5.0, 30.0, 120.0, 600.0)
#: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
MOST_EVENTS, MOST_BYTES = 1000, 3 * 1024 * 1024
MOST_RECORDS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened, as a part of an entry."""

    entry: str
    #: "changes", "messaging" or "standby".
    list: str
    part: Json
    #: Whose it is: what one customer does arrives in order, unless reordering was ordered.
    lane: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One attempt to bring one body."""

    #: 0 is the first attempt.
    attempt: int
    #: HTTP status of the answer; None when there was none.
    status: int | None
    #: Why it counts as failed; empty when it was taken.
    problem: str
    size: int
    events: int
    seconds: float


@dataclass(slots=True, kw_only=True)
class Delivery:
    """Sends to one callback URL."""

    #: `object` of the body.
    object: str
    clock: Callable[[], float]
    faults: Faults
    secret: str
    #: Milliseconds in an entry; WhatsApp has none.
    timed: bool
    retry_delays: Sequence[float] = RETRY_DELAYS
    #: Seconds that an answer may take.
    patience: float = 10.0
    #: Whether every body is brought twice, as after a lost answer.
    twice: bool = False
    url: str = ""
    #: Fields that the app is subscribed to; None: all.
    fields: frozenset[str] | None = None
    records: list[Delivered] = field(default_factory=list)
    #: Bodies that were never taken.
    lost: list[bytes] = field(default_factory=list)
    _held: list[Event] | None = None
    _session: aiohttp.ClientSession | None = None
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(trust_env=False)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def connect(self, url: str, verify_token: str, fields: Iterable[str] | None = None) -> None:
        """What "Verify and save" does in the dashboard. Raises ValueError when the handshake fails."""
        assert self._session is not None
        challenge = str(secrets.randbelow(10**10))
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
        async with self._session.get(url, params=query, allow_redirects=False) as response:
            said = await response.text()
        if response.status != 200 or said != challenge:
            raise ValueError(
                "The callback URL or verify token couldn't be validated. Please verify the provided information or try "
                f"again later. ({response.status}: {said[:200]!r})"
            )
        self.url = url
        self.fields = None if fields is None else frozenset(fields)

    def add(self, entry: str, part: Json, *, lane: str, list: str = "changes", field: str = "messages") -> None:
        """Brings one event, unless the app is not subscribed to its field."""
        if self.fields is not None and field not in self.fields:
            return
        event = Event(entry=entry, list=list, part=part, lane=lane, at=self.clock())
        if self._held is not None:
            self._held.append(event)
        elif self.url:
            self._bring([event], lane)

    def hold(self) -> None:
        """Keeps events back from now on."""
        self._held = self._held if self._held is not None else []

    def drop_held(self) -> int:
        """Forgets what was kept back, and goes on; how many there were."""
        held, self._held = self._held or [], None
        return len(held)

    def release(self, order: Literal["given", "reversed"] = "given", *, batch: bool = True) -> None:
        """Lets held events go: in as few bodies as Meta allows, or each in its own and all at once."""
        held, self._held = self._held or [], None
        if order == "reversed":
            held.reverse()
        if not self.url:
            return
        if not batch:
            for number, event in enumerate(held):
                self._bring([event], f"{event.lane}:{number}")
            return
        for events in _batches(held):
            self._bring(events, "")

    def body(self, events: Sequence[Event]) -> bytes:
        """A body as Meta writes it: what belongs to one entry stands together."""
        entries: dict[tuple[str, str], Json] = {}
        for event in events:
            entry = entries.setdefault((event.entry, event.list), {"id": event.entry})
            if self.timed:
                entry["time"] = int(event.at * 1000)
            entry.setdefault(event.list, []).append(event.part)
        # Meta escapes everything beyond ASCII, and signs what it escaped.
        return json.dumps({"object": self.object, "entry": list(entries.values())}, separators=(",", ":")).encode()

    async def post(self, body: bytes, *, secret: str | None = None, headers: Json | None = None) -> int | None:
        """One attempt with any body, signed with our secret, or another; the status of the answer."""
        assert self._session is not None
        key = (self.secret if secret is None else secret).encode()
        given = {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature": "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest(),
            "X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
            **(headers or {}),
        }
        # Of more than a megabyte, aiohttp wants a file.
        timeout = aiohttp.ClientTimeout(total=self.patience)
        async with self._session.post(
            self.url, data=io.BytesIO(body), headers=given, allow_redirects=False, timeout=timeout
        ) as response:
            await response.read()
        return response.status

    async def idle(self) -> None:
        """Until every body was taken or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _bring(self, events: Sequence[Event], lane: str) -> None:
        body = self.body(events)
        for _ in range(2 if self.twice else 1):
            self._spawn(self._deliver(body, len(events), lane))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, body: bytes, events: int, lane: str) -> None:
        for attempt in range(len(self.retry_delays) + 1):
            async with self._locks.setdefault(lane, asyncio.Lock()):
                if await self._attempt(body, events, attempt):
                    return
            # Others overtake what failed, as they do at Meta.
            if attempt < len(self.retry_delays):
                await asyncio.sleep(self.retry_delays[attempt])
        self.lost.append(body)

    async def _attempt(self, body: bytes, events: int, attempt: int) -> bool:
        fault = self.faults.take("webhook")
        begun = time.monotonic()
        status: int | None = None
        problem = ""
        try:
            if fault is not None and fault.delay:
                await asyncio.sleep(fault.delay)
            if fault is not None and fault.drop == "before":
                problem = "It was ordered that it gets lost"
            else:
                status = await self.post(body)
                if status != 200:
                    problem = f"Answered {status}"
                if fault is not None and fault.drop == "after":
                    problem = "It was ordered that its answer gets lost"
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = type(error).__name__
        self.records.append(
            Delivered(
                attempt=attempt,
                status=status,
                problem=problem,
                size=len(body),
                events=events,
                seconds=time.monotonic() - begun,
            )
        )
        del self.records[:-MOST_RECORDS]
        return not problem


def _batches(events: Sequence[Event]) -> Iterable[Sequence[Event]]:
    batch: list[Event] = []
    size = 0
    for event in events:
        more = len(json.dumps(event.part)) + 64
        if batch and (len(batch) >= MOST_EVENTS or size + more > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += more
    if batch:
        yield batch
