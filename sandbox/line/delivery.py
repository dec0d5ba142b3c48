"""Brings webhooks to the bot server: signed, and once more where redelivery is on and they were not taken."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import Sequence
from typing import Literal

import aiohttp

from sandbox.faults import Faults
from sandbox.line.errors import Json
from sandbox.line.world import World

#: LINE says neither how often nor when it brings an event again.
RETRY_DELAYS = (1.0, 10.0, 60.0)
PATIENCE_S = 10.0
MOST_LOST = 10_000


class Delivery:
    """Sends events to one webhook URL; those of one customer in order."""

    def __init__(self, world: World, faults: Faults, *, secret: str, retry_delays: Sequence[float]) -> None:
        self.url = ""
        self.secret = secret
        #: "Use webhook" of the console.
        self.active = True
        #: "Webhook redelivery" of the console; off unless switched on.
        self.redelivery = False
        #: Every event comes twice, as after a lost answer.
        self.twice = False
        #: Status of every attempt; None: there was no answer.
        self.attempts: list[int | None] = []
        #: Events that were never taken.
        self.lost: list[Json] = []
        self._world, self._faults = world, faults
        self._delays = tuple(retry_delays)
        self._held: list[Json] | None = None
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=PATIENCE_S))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def add(self, event: Json) -> None:
        """One event happened."""
        if not self.url or not self.active:
            return
        if self._held is not None:
            self._held.append(event)
        else:
            self._bring([event])

    def hold(self) -> None:
        """Keeps events back from now on."""
        self._held = self._held if self._held is not None else []

    def release(self, order: Literal["given", "reversed"] = "given", *, batch: bool = True) -> None:
        """Lets held events go, in one call or each in its own and all at once."""
        held, self._held = self._held or [], None
        if order == "reversed":
            held.reverse()
        if batch and held:
            self._bring(held)
        for number, event in enumerate([] if batch else held):
            self._bring([event], lane=f"alone-{number}")

    async def idle(self) -> None:
        """Until every event was taken or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def verify(self) -> int | None:
        """What the console's "Verify" button does: a call without events; the status of the answer."""
        return await self.post(self.body([]))

    def body(self, events: Sequence[Json]) -> bytes:
        given = {"destination": self._world.bot["userId"], "events": list(events)}
        return json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

    def signature(self, body: bytes) -> str:
        return base64.b64encode(hmac.digest(self.secret.encode(), body, "sha256")).decode()

    async def post(self, body: bytes, *, signature: str | None = None) -> int | None:
        """One attempt with any body; the status of the answer, None where there was none."""
        assert self._session is not None
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "LineBotWebhook/2.0",
            "X-Line-Signature": self.signature(body) if signature is None else signature,
        }
        try:
            async with self._session.post(self.url, data=body, headers=headers, allow_redirects=False) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return None

    def _bring(self, events: Sequence[Json], lane: str = "") -> None:
        lane = lane or str(events[0].get("source", {}).get("userId", ""))
        for _ in range(2 if self.twice else 1):
            task = asyncio.create_task(self._deliver(list(events), lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, events: list[Json], lane: str) -> None:
        for attempt in range(1 + len(self._delays)):
            async with self._locks.setdefault(lane, asyncio.Lock()):
                if await self._attempt(events, again=attempt > 0):
                    return
            if not self.redelivery or attempt == len(self._delays):
                break
            # Others overtake what failed, as they do at LINE.
            await asyncio.sleep(self._delays[attempt])
        self.lost.extend(events)
        del self.lost[:-MOST_LOST]

    async def _attempt(self, events: Sequence[Json], *, again: bool) -> bool:
        fault = self._faults.take("webhook")
        if fault is not None and fault.delay:
            await asyncio.sleep(fault.delay)
        if fault is not None and fault.drop == "before":
            self.attempts.append(None)
            return False
        for event in events:
            self._world.brought(event.get("replyToken", ""))
        status = await self.post(self.body([{**event, "deliveryContext": {"isRedelivery": again}} for event in events]))
        self.attempts.append(status)
        return status is not None and 200 <= status < 300 and (fault is None or fault.drop != "after")
