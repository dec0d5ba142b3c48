"""Brings updates to the bot, by long poll or by webhook, never both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

from sandbox.telegram.errors import ApiError

#: Telegram keeps updates for 24 hours.
KEPT_FOR = 24 * 3600.0
MAX_PENDING = 10_000
LONG_POLL_MOST = 50
#: A webhook may ask for a pause with Retry-After, up to this many seconds.
MAX_RETRY_AFTER = 3600.0
#: Sent only when a bot asks for them by name.
_ON_REQUEST = {"chat_member", "message_reaction", "message_reaction_count"}
Answer = Callable[[str, Mapping[str, Any]], Awaitable[Any]]


@dataclass(slots=True, kw_only=True)
class Update:
    """One update on its way."""

    id: int
    kind: str
    body: dict[str, Any]
    #: Updates of one lane wait for each other; Telegram's lanes are chats.
    lane: str
    made_at: float
    handed_out: int = 0
    failures: int = 0
    not_before: float = 0.0
    reordered: bool = False

    def as_api(self) -> dict[str, Any]:
        """The Bot API's Update."""
        return {"update_id": self.id, self.kind: self.body}


@dataclass(slots=True, kw_only=True)
class Webhook:
    """Where updates are pushed to."""

    url: str
    secret: str = ""
    max_connections: int = 40
    last_error_date: int | None = None
    last_error_message: str = ""


@dataclass(slots=True, kw_only=True)
class Poll:
    """A getUpdates call that waits."""

    terminated: str = ""
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Delivery:
    """The queue of updates and both ways out of it."""

    def __init__(self, clock: Callable[[], float], retry_delays: Sequence[float], answer: Answer) -> None:
        self.webhook: Webhook | None = None
        self.allowed: list[str] = []
        #: Every update reaches the bot twice, as after a lost answer.
        self.twice = False
        self._clock = clock
        self._delays = tuple(retry_delays) or (1.0,)
        self._answer = answer
        self._next_id = 1000
        self._pending: list[Update] = []
        self._held: list[Update] | None = None
        self._poll: Poll | None = None
        self._wake = asyncio.Event()
        self._busy: dict[asyncio.Task[None], Update] = {}
        self._session: aiohttp.ClientSession | None = None
        self._pusher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Opens what pushing needs."""
        timeout = aiohttp.ClientTimeout(total=60)
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=False)
        self._pusher = asyncio.create_task(self._push())

    async def stop(self) -> None:
        """Stops pushing and ends waiting polls."""
        self.end_poll("Conflict: terminated by the server's end")
        tasks = [task for task in (self._pusher, *self._busy) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def add(self, kind: str, body: dict[str, Any], chat: int) -> None:
        """Queues an update, unless the bot did not ask for its kind."""
        wanted = kind in self.allowed if self.allowed else kind not in _ON_REQUEST
        if not wanted:
            return
        update = Update(id=self._next_id, kind=kind, body=body, lane=str(chat), made_at=self._clock())
        self._next_id += 1
        if self._held is not None:
            self._held.append(update)
            return
        self._queue([update])

    def hold(self) -> None:
        """Updates wait from now on."""
        self._held = self._held if self._held is not None else []

    def release(self, order: Literal["given", "reversed"], *, concurrently: bool) -> None:
        """Lets the held updates go, in the order asked for; concurrently means they do not wait for each other."""
        held, self._held = self._held or [], None
        if order == "reversed":
            held.reverse()
        for update in held:
            update.reordered = order == "reversed"
            if concurrently:
                update.lane = f"alone-{update.id}"
        self._queue(held)

    def drop_pending(self) -> None:
        """Forgets everything that was not delivered."""
        self._pending.clear()
        if self._held is not None:
            self._held.clear()

    @property
    def pending(self) -> int:
        """How many updates wait or are being delivered."""
        return len(self._pending) + len(self._busy)

    @property
    def polled(self) -> bool:
        """Whether a getUpdates waits."""
        return self._poll is not None

    def wake(self) -> None:
        """Looks at the queue again, for example after a webhook was set."""
        self._wake.set()

    def end_poll(self, reason: str) -> None:
        """The waiting getUpdates, if there is one, ends with 409."""
        if self._poll is not None:
            self._poll.terminated = reason
            self._poll.wake.set()
            self._poll = None

    async def updates(self, offset: int, limit: int, timeout: float) -> list[dict[str, Any]]:
        """One getUpdates. Raises: ApiError 409 when another call takes over."""
        if self.webhook is not None:
            raise ApiError(
                409,
                "Conflict: can't use getUpdates method while webhook is active;"
                " use deleteWebhook to delete the webhook first",
            )
        self.end_poll(
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
        )
        self._confirm(offset)
        poll = self._poll = Poll()
        try:
            if not self._ready(limit) and timeout > 0:
                await asyncio.wait_for(poll.wake.wait(), timeout)
        except TimeoutError:
            pass
        finally:
            if self._poll is poll:
                self._poll = None
        if poll.terminated:
            raise ApiError(409, poll.terminated)
        found = self._ready(limit)
        for update in found:
            update.handed_out += 1
        return [update.as_api() for update in found]

    def _queue(self, updates: Sequence[Update]) -> None:
        self._pending.extend(updates)
        del self._pending[:-MAX_PENDING]
        self._wake.set()
        if self._poll is not None and updates:
            self._poll.wake.set()

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            self._pending = self._pending[offset:]
            return
        copies = 2 if self.twice else 1
        self._pending = [
            update
            for update in self._pending
            if update.id >= offset
            # What was delivered once is shown again, and what comes late was never seen at all.
            or (self.twice and update.handed_out < copies)
            or (update.reordered and not update.handed_out)
        ]

    def _ready(self, limit: int) -> list[Update]:
        oldest = self._clock() - KEPT_FOR
        self._pending = [update for update in self._pending if update.made_at > oldest]
        return self._pending[:limit]

    async def _push(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            pause = self._send_due(loop.time())
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except TimeoutError:
                continue

    def _send_due(self, now: float) -> float | None:
        """Starts what may start now; returns seconds until something else may."""
        if self.webhook is None:
            return None
        lanes = {update.lane for update in self._busy.values()}
        pause: float | None = None
        for update in self._ready(MAX_PENDING):
            if len(self._busy) >= self.webhook.max_connections:
                break
            if update.lane in lanes:
                continue
            lanes.add(update.lane)
            if update.not_before > now:
                wait = update.not_before - now
                pause = wait if pause is None else min(pause, wait)
                continue
            self._pending.remove(update)
            task = asyncio.create_task(self._deliver(update, self.webhook))
            self._busy[task] = update
            task.add_done_callback(self._delivered)
        return pause

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._busy.pop(task, None)
        self._wake.set()

    async def _deliver(self, update: Update, webhook: Webhook) -> None:
        problem, retry_after = await self._post(update, webhook)
        if problem:
            webhook.last_error_date = int(self._clock())
            webhook.last_error_message = problem
            delay = retry_after or self._delays[min(update.failures, len(self._delays) - 1)]
            update.failures += 1
            update.not_before = asyncio.get_running_loop().time() + delay
            self._pending.insert(0, update)
            return
        update.handed_out += 1
        if self.twice and update.handed_out < 2:
            self._pending.insert(0, update)

    async def _post(self, update: Update, webhook: Webhook) -> tuple[str, float]:
        assert self._session is not None
        headers = {"X-Telegram-Bot-Api-Secret-Token": webhook.secret} if webhook.secret else {}
        try:
            async with self._session.post(
                webhook.url, json=update.as_api(), headers=headers, allow_redirects=False
            ) as response:
                body = await response.content.read(65536)
                if not 200 <= response.status < 300:
                    wait = response.headers.get("Retry-After", "")
                    pause = min(float(wait), MAX_RETRY_AFTER) if wait.isdigit() else 0.0
                    return f"Wrong response from the webhook: {response.status} {response.reason}", pause
        except aiohttp.ClientConnectorError:
            return "Connection refused", 0.0
        except TimeoutError:
            return "Read timeout expired", 0.0
        except aiohttp.ClientError as error:
            return f"Connection closed: {type(error).__name__}", 0.0
        await self._answer_of(body)
        return "", 0.0

    async def _answer_of(self, body: bytes) -> None:
        """A webhook may answer with one method call; Telegram carries it out and tells nobody how it went."""
        try:
            call = json.loads(body) if body[:1] == b"{" else None
        except (ValueError, RecursionError):
            return
        if isinstance(call, dict) and isinstance(call.get("method"), str):
            await self._answer(call["method"], {name: value for name, value in call.items() if name != "method"})
