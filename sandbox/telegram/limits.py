"""Telegram's flood limits, as token buckets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.telegram.errors import too_many_requests

#: https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
CHAT_RATE, CHAT_BURST = 1.0, 4.0
BOT_RATE, BOT_BURST = 30.0, 30.0


@dataclass(slots=True)
class Bucket:
    """Allows `burst` at once and `rate` a second."""

    rate: float
    burst: float
    level: float
    filled_at: float

    def wait(self, now: float) -> float:
        """Seconds until one more may pass; 0 when it may now."""
        self.level = min(self.burst, self.level + max(0.0, now - self.filled_at) * self.rate)
        self.filled_at = now
        return 0.0 if self.level >= 1 else (1 - self.level) / self.rate


class FloodLimits:
    """One bucket for the bot and one for each chat."""

    def __init__(self, clock: Callable[[], float], *, on: bool) -> None:
        self.on = on
        self._clock = clock
        self._chats: dict[int, Bucket] = {}
        self._bot = Bucket(BOT_RATE, BOT_BURST, BOT_BURST, clock())

    def spend(self, chat: int) -> None:
        """Counts one message to `chat`. Raises: ApiError 429, which counts nothing."""
        if not self.on:
            return
        now = self._clock()
        bucket = self._chats.setdefault(chat, Bucket(CHAT_RATE, CHAT_BURST, CHAT_BURST, now))
        wait = max(bucket.wait(now), self._bot.wait(now))
        if wait > 0:
            raise too_many_requests(max(1, math.ceil(wait)))
        bucket.level -= 1
        self._bot.level -= 1
