"""How many calls the API takes at once, and how long messages wait for their sender's rate."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.twilio.errors import ApiError
from sandbox.twilio.world import Line

#: Calls a second before the API answers 429; Twilio names no number and limits calls at once, which is much the same.
CALLS_A_SECOND = 100
#: A sender's queue holds what it can send in this time: https://www.twilio.com/docs/messaging/guides/rate-limits
QUEUE_S = 4 * 3600


class Limits:
    """Counts calls and lines up messages."""

    def __init__(self, clock: Callable[[], float], *, on: bool) -> None:
        self.on = on
        self._clock = clock
        self._second, self._calls = 0, 0

    def call(self) -> None:
        """Counts one call. Raises: ApiError 20429."""
        if not self.on:
            return
        second = int(self._clock())
        if second != self._second:
            self._second, self._calls = second, 0
        self._calls += 1
        if self._calls > CALLS_A_SECOND:
            raise ApiError(20429)

    def wait(self, line: Line, count: int) -> float:
        """Seconds until the sender's carriers take that many segments. Raises: ApiError 21611."""
        if not self.on:
            return 0.0
        now = self._clock()
        start = max(now, line.free_at)
        if start - now > QUEUE_S:
            raise ApiError(21611)
        line.free_at = start + count / line.rate
        return start - now
