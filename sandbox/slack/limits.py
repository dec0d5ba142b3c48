"""Slack's rate limits: a tier per method, and one message a second per channel.

https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

#: Calls a minute, per method and workspace.
TIERS = {1: 1.0, 2: 20.0, 3: 50.0, 4: 100.0}
#: "Special" limits are not published as numbers; Slack says "hundreds of calls a minute".
SPECIAL = 300.0
#: chat.postMessage also meets a workspace-wide limit of several hundred a minute.
POSTS_PER_WORKSPACE = 300.0
CHANNEL_BURST = 3.0


@dataclass(slots=True, kw_only=True)
class Bucket:
    """A bucket that holds `capacity` calls and refills at `rate` calls a second."""

    capacity: float
    rate: float
    level: float
    seen: float

    def wait(self, now: float) -> float:
        """Seconds until a call fits; 0 takes one out."""
        self.level = min(self.capacity, self.level + max(0.0, now - self.seen) * self.rate)
        self.seen = now
        if self.level >= 1.0 - 1e-9:
            self.level -= 1.0
            return 0.0
        return (1.0 - self.level) / self.rate


class Limits:
    """Says how long a call has to wait. `factor` multiplies every allowance; None lifts them all."""

    def __init__(self, factor: float | None, clock: Callable[[], float]) -> None:
        self.factor = factor
        self._clock = clock
        self._buckets: dict[tuple[str, ...], Bucket] = {}

    def retry_after(self, method: str, tier: int | None, channel: str | None = None) -> int | None:
        """Seconds for the Retry-After header, or None when the call may go on. `tier` None is "special"."""
        if self.factor is None:
            return None
        minute = SPECIAL if tier is None else TIERS[tier]
        if method == "chat.postMessage":
            minute = POSTS_PER_WORKSPACE
            if channel is not None:
                wait = self._take(("channel", channel), CHANNEL_BURST * self.factor, self.factor)
                if wait is not None:
                    return wait
        return self._take((method,), minute * self.factor, minute * self.factor / 60)

    def _take(self, key: tuple[str, ...], capacity: float, rate: float) -> int | None:
        now = self._clock()
        capacity = max(1.0, capacity)
        bucket = self._buckets.setdefault(key, Bucket(capacity=capacity, rate=rate, level=capacity, seen=now))
        wait = bucket.wait(now)
        return math.ceil(wait) if wait > 0 else None
