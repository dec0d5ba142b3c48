"""The Bot Connector's rate limits: sliding windows per bot and thread, and per tenant.

https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

Windows = tuple[tuple[int, float], ...]

#: (calls, seconds): sending to or creating one conversation; a channel is one, with all its threads.
SEND: Windows = ((7, 1.0), (8, 2.0), (60, 30.0), (1800, 3600.0))
#: Reading members and conversations.
READ: Windows = ((14, 1.0), (16, 2.0), (120, 30.0), (3600, 3600.0))
#: Reactions of a bot.
REACT: Windows = ((2, 1.0),)
#: One app in one tenant, whatever it calls.
TENANT: Windows = ((50, 1.0),)


class Limits:
    """Says how long a call has to wait. `factor` multiplies every allowance; None lifts them all."""

    def __init__(self, factor: float | None, clock: Callable[[], float]) -> None:
        self.factor = factor
        self._clock = clock
        self._calls: dict[tuple[str, ...], deque[float]] = {}

    def retry_after(self, *wanted: tuple[tuple[str, ...], Windows]) -> int | None:
        """Seconds for Retry-After, or None when the call may go on; only then it counts."""
        if self.factor is None:
            return None
        now = self._clock()
        wait = max((self._wait(key, windows, now) for key, windows in wanted), default=0.0)
        if wait > 0:
            return max(1, math.ceil(wait - 1e-6))  # sums of seconds are never quite exact
        for key, windows in wanted:
            calls = self._calls.setdefault(key, deque())
            calls.append(now)
            while calls and calls[0] <= now - windows[-1][1]:
                calls.popleft()
        return None

    def _wait(self, key: tuple[str, ...], windows: Windows, now: float) -> float:
        calls = self._calls.get(key, deque())
        wait = 0.0
        for count, seconds in windows:
            most = max(1, int(count * (self.factor or 1)))
            if len(calls) >= most and calls[-most] > now - seconds:
                wait = max(wait, calls[-most] + seconds - now)
        return wait
