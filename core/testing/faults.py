"""Failures that a test orders from a fake: the next call of a verb goes wrong the way a vendor goes wrong."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

#: How long a held call waits to be released before it gives up, in seconds.
HELD_MOST = 10.0


@dataclass(slots=True)
class Held:
    """One call that waits in the middle until the test lets it go on."""

    _reached: asyncio.Event = field(default_factory=asyncio.Event)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    async def reached(self) -> None:
        """Until the call is waiting here."""
        async with asyncio.timeout(HELD_MOST):
            await self._reached.wait()

    def release(self) -> None:
        self._released.set()

    async def wait(self) -> None:
        self._reached.set()
        async with asyncio.timeout(HELD_MOST):
            await self._released.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way for a call to go wrong; each part may be left out."""

    error: Exception | None = None
    #: The call is carried out before `error` is raised: what a lost answer looks like.
    after: bool = False
    #: Seconds before anything else happens.
    delay: float = 0.0
    held: Held | None = None


class Faults:
    """Ordered faults by verb ("send", "edit", "open_thread"); `"*"` meets every verb."""

    def __init__(self) -> None:
        self._ordered: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._standing: dict[str, Fault] = {}

    def order(
        self,
        verb: str,
        error: Exception | None = None,
        *,
        after: bool = False,
        delay: float = 0.0,
        times: int = 1,
    ) -> None:
        """The next `times` calls of `verb` meet this, after what was ordered before."""
        self._ordered[verb].extend([Fault(error=error, after=after, delay=delay)] * times)

    def stand(self, verb: str, error: Exception, *, after: bool = False) -> None:
        """Every call of `verb` meets this until `clear`."""
        self._standing[verb] = Fault(error=error, after=after)

    def hold(self, verb: str) -> Held:
        """The next call of `verb` waits until the test releases it."""
        held = Held()
        self._ordered[verb].append(Fault(held=held))
        return held

    def clear(self, verb: str | None = None) -> None:
        """Forgets what was ordered for `verb`, or everything."""
        if verb is None:
            self._ordered.clear()
            self._standing.clear()
        else:
            self._ordered.pop(verb, None)
            self._standing.pop(verb, None)

    async def around(self, verb: str, work: Callable[[], T]) -> T:
        """Carries out `work`, or the fault ordered for `verb`."""
        fault = self._take(verb)
        if fault is None:
            return work()
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.held is not None:
            await fault.held.wait()
        if fault.error is None:
            return work()
        if fault.after:
            work()
        raise fault.error

    def _take(self, verb: str) -> Fault | None:
        for name in (verb, "*"):
            if self._ordered[name]:
                return self._ordered[name].popleft()
            if name in self._standing:
                return self._standing[name]
        return None
