"""The database's time, asked seldom and never running backwards within a process."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

#: How long an answer of the source is carried on by the machine's monotonic clock.
CARRY_ON = 1.0


class SteadyClock:
    """Follows its source forwards at once and never backwards: a clock set back must not delay what is due."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._read_at = -CARRY_ON
        self._base = datetime.min.replace(tzinfo=UTC)

    def now(self, source: Callable[[], datetime]) -> datetime:
        elapsed = self._monotonic() - self._read_at
        now = self._base + timedelta(seconds=elapsed) if self._base.year > 1 else self._base
        if elapsed >= CARRY_ON:
            now = max(now, source())
            self._base = now
            self._read_at = self._monotonic()
        return now
