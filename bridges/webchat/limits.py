"""How much one visitor or one address may ask for."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable


class Buckets:
    """Token buckets by key: `burst` at once, then one per `gap` seconds. Remembers the most recent keys only."""

    def __init__(
        self, *, burst: int, gap: float, keys: int = 20_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._gap = gap
        self._keys = keys
        self._clock = clock
        #: When each key's bucket is full again.
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, key: str) -> float:
        """Takes one token; 0.0 when there was one, else the seconds until the next."""
        now = self._clock()
        full_at = max(self._full_at.get(key, now), now)
        wait = full_at + self._gap - (now + self._burst * self._gap)
        # Half a millisecond of tolerance for the rounding of floats.
        if wait > 0.0005:
            return wait
        self._full_at[key] = full_at + self._gap
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._keys:
            self._full_at.popitem(last=False)
        return 0.0
