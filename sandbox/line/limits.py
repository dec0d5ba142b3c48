"""LINE's rate limits: so many calls of one endpoint in a second, whoever they are for."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.line.errors import ApiError

#: https://developers.line.biz/en/reference/messaging-api/#rate-limits
A_SECOND = 2000
LOADING_A_SECOND = 100


class Limits:
    """One bucket for each endpoint."""

    def __init__(self, clock: Callable[[], float], *, on: bool) -> None:
        self.on = on
        self._clock = clock
        self._levels: dict[str, tuple[float, float]] = {}

    def spend(self, endpoint: str) -> None:
        """Raises: ApiError 429; such a call was not carried out."""
        if not self.on:
            return
        most = LOADING_A_SECOND if endpoint == "loading" else A_SECOND
        now = self._clock()
        level, at = self._levels.get(endpoint, (float(most), now))
        level = min(float(most), level + max(0.0, now - at) * most)
        if level < 1:
            self._levels[endpoint] = (level, now)
            raise ApiError(429, "The API rate limit has been exceeded. Try again later.")
        self._levels[endpoint] = (level - 1, now)
