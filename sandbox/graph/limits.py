"""Meta's rate limits, as token buckets."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """`rate` a second, after a burst of `burst`."""

    rate: float
    burst: float


#: https://developers.facebook.com/docs/whatsapp/cloud-api/overview#throughput and #pair-rate-limits
WHATSAPP_NUMBER = Allowance(80, 80)
WHATSAPP_PAIR = Allowance(1 / 6, 45)
#: https://developers.facebook.com/docs/graph-api/overview/rate-limiting#messenger
PAGE_TEXT = Allowance(300, 300)
PAGE_MEDIA = Allowance(10, 10)


class Limits:
    """One bucket for each key."""

    def __init__(self, clock: Callable[[], float], *, on: bool) -> None:
        self.on = on
        self._clock = clock
        self._levels: dict[Hashable, tuple[float, float]] = {}

    def spend(self, key: Hashable, allowed: Allowance) -> float:
        """0 when the call may go on, and then it counts; else the seconds until it may."""
        if not self.on:
            return 0.0
        now = self._clock()
        level, at = self._levels.get(key, (allowed.burst, now))
        level = min(allowed.burst, level + max(0.0, now - at) * allowed.rate)
        if level < 1:
            self._levels[key] = (level, now)
            return (1 - level) / allowed.rate
        self._levels[key] = (level - 1, now)
        return 0.0
