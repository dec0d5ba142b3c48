"""Faults that a test or a visitor orders from a sandbox server: the next call fails the way the vendor fails."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way for a call to go wrong."""

    #: HTTP status to answer with; None lets the call's own answer through (for a pure delay or drop).
    status: int | None = None
    #: JSON body to answer with.
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Seconds to wait before anything else happens.
    delay: float = 0.0
    #: "before": the connection is cut and nothing was done; "after": the call was carried out and its answer is lost.
    drop: Literal["before", "after"] | None = None


class Faults:
    """Ordered faults by method name; `"*"` meets every method."""

    def __init__(self) -> None:
        self._ordered: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._standing: dict[str, Fault] = {}

    def order(self, method: str, fault: Fault, *, times: int = 1) -> None:
        """The next `times` calls of `method` meet `fault`, after those ordered before."""
        self._ordered[method].extend([fault] * times)

    def stand(self, method: str, fault: Fault) -> None:
        """Every call of `method` meets `fault` until `clear`."""
        self._standing[method] = fault

    def clear(self, method: str | None = None) -> None:
        """Forgets what was ordered for `method`, or everything."""
        if method is None:
            self._ordered.clear()
            self._standing.clear()
        else:
            self._ordered.pop(method, None)
            self._standing.pop(method, None)

    def take(self, method: str) -> Fault | None:
        """The fault that this call meets, if any; an ordered one is used up."""
        for name in (method, "*"):
            if self._ordered.get(name):
                return self._ordered[name].popleft()
            if name in self._standing:
                return self._standing[name]
        return None

    async def around(
        self, method: str, request: web.Request, call: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Carries out `call`, or the fault ordered for it."""
        fault = self.take(method)
        if fault is None:
            return await call()
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.drop == "before":
            return _cut(request)
        if fault.drop == "after":
            await call()
            return _cut(request)
        if fault.status is None:
            return await call()
        return web.json_response(dict(fault.body or {}), status=fault.status, headers=dict(fault.headers))


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
