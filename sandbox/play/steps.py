"""One thing that the script tries: done on one side, awaited on the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

_PATIENCE = 20.0
_LOOK_EVERY = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was tried."""

    workplace: str
    channel: str
    what: str
    seconds: float
    #: "": it happened; else what was missing.
    missing: str


class Steps:
    """The steps of one scene, in order."""

    def __init__(self, workplace: str, channel: str) -> None:
        self._workplace = workplace
        self._channel = channel
        self.done: list[Step] = []

    async def __call__(self, what: str, act: Callable[[], Awaitable[Any]], seen: Callable[[], Any]) -> Any:
        """Does something and waits until the other side sees it."""
        started = time.perf_counter()
        missing = ""
        found: Any = None
        try:
            await act()
            deadline = started + _PATIENCE
            # The sandboxes are looked at from outside, as a person would.
            while not (found := seen()) and time.perf_counter() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_EVERY)
            if not found:
                raise TimeoutError
        except TimeoutError:
            missing = f"not seen within {_PATIENCE:.0f} s"
        except Exception as problem:
            missing = f"{type(problem).__name__}: {problem}"
        seconds = round(time.perf_counter() - started, 3)
        step = Step(workplace=self._workplace, channel=self._channel, what=what, seconds=seconds, missing=missing)
        self.done.append(step)
        return found


async def nothing() -> None:
    """What is done where one only looks."""
