"""The front door of the Bot Connector and of Graph: token, fault, rate limit, then the call; every one is recorded."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.faults import Faults
from sandbox.teams.identity import CONNECTOR, GRAPH, Identity
from sandbox.teams.limits import TENANT, Limits, Windows
from sandbox.teams.wire import ApiError, Json
from sandbox.teams.world import World

#: Recorded calls that are kept.
MOST_CALLS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """One call of the Bot Connector or of Graph, as it was answered; `status` 0 means that the answer was cut off."""

    #: What the call is for, by the names of `faults`: "post", "reply", "edit", "graph.messages" and so on.
    name: str
    method: str
    #: Decoded, without the query.
    path: str
    query: dict[str, str]
    body: Any
    #: Whether it carried a good token.
    authorised: bool
    status: int
    answer: Any
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call on its way."""

    request: web.Request
    body: Any

    def part(self, name: str) -> str:
        """A decoded part of the path."""
        return self.request.match_info[name]

    def activity(self) -> Json:
        """The body as an object. Raises: ApiError."""
        if not isinstance(self.body, dict):
            raise ApiError(400, "BadSyntax", "The request body must be a JSON object.")
        return self.body


Handler = Callable[[Call], web.StreamResponse]


class FrontDoor:
    """Lets calls in."""

    def __init__(self, world: World, identity: Identity, limits: Limits, faults: Faults) -> None:
        self.world, self.identity, self.limits, self.faults = world, identity, limits, faults
        self.calls: list[RecordedCall] = []

    def connector(
        self, name: Callable[[Call], str] | str, handler: Handler, limit: Callable[[Call], tuple[str, Windows]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A call of the Bot Connector; `limit` says which windows it fills, beside the tenant's."""

        def limited(call: Call) -> web.StreamResponse:
            key, windows = limit(call)
            wait = self.limits.retry_after((("tenant",), TENANT), ((str(id(windows)), key), windows))
            if wait is not None:
                raise ApiError(429, "TooManyRequests", "API calls quota exceeded.", {"Retry-After": str(wait)})
            return handler(call)

        return self._door(name, CONNECTOR, limited, lambda error: error.connector())

    def graph(self, name: str, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A call of Microsoft Graph."""
        return self._door(name, GRAPH, handler, lambda error: error.graph(self.world.clock()))

    def _door(
        self,
        name: Callable[[Call], str] | str,
        audience: str,
        handler: Handler,
        worded: Callable[[ApiError], web.StreamResponse],
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            raw = await request.read()
            call = Call(request=request, body=_parsed(raw))
            called = name if isinstance(name, str) else name(call)
            authorised = self.identity.holds(request.headers.get("Authorization", ""), audience)

            async def carry_out() -> web.StreamResponse:
                try:
                    if not authorised:
                        words = "Access token is empty, expired or for another audience."
                        raise ApiError(401, "InvalidAuthenticationToken", words)
                    return handler(call)
                except ApiError as error:
                    return worded(error)

            response = await self.faults.around(called, request, carry_out)
            self._record(called, call, authorised, response)
            return response

        return handle

    def _record(self, name: str, call: Call, authorised: bool, response: web.StreamResponse) -> None:
        request = call.request
        text = response.text if isinstance(response, web.Response) and response.content_type.endswith("json") else None
        cut = request.transport is None or request.transport.is_closing()
        self.calls.append(
            RecordedCall(
                name=name,
                method=request.method,
                path=request.path,
                query=dict(request.query),
                body=call.body,
                authorised=authorised,
                status=0 if cut else response.status,
                answer=_parsed((text or "").encode()),
                at=self.world.clock(),
            )
        )
        del self.calls[:-MOST_CALLS]


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode(errors="replace")
