"""A bounded memory whose entries are believed for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """The latest values by key; the one unused for longest goes first."""

    def __init__(
        self, now: Callable[[], datetime], *, lasts: timedelta = timedelta(minutes=15), most: int = 5_000
    ) -> None:
        self._now = now
        self._lasts = lasts
        self._most = most
        self._values: OrderedDict[str, tuple[datetime, T]] = OrderedDict()

    def get(self, key: str) -> T | None:
        entry = self._values.get(key)
        if entry is None or self._now() - entry[0] > self._lasts:
            return None
        self._values.move_to_end(key)
        return entry[1]

    def put(self, key: str, value: T) -> None:
        self._values[key] = (self._now(), value)
        self._values.move_to_end(key)
        while len(self._values) > self._most:
            self._values.popitem(last=False)

    def drop(self, key: str) -> None:
        self._values.pop(key, None)
