"""Builds the aiohttp application from its parts, and runs it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import wraps
from types import TracebackType
from typing import Self

import structlog
from aiohttp import web

from core.contracts.bridge import ServesRoutes
from core.contracts.workplace import ServesWorkplaceRoutes
from core.web import description, downloads, status, verify
from core.web.guard import Handler, guard, harden
from core.web.parts import COUNTED, PARTS, SOURCE, Parts
from core.web.webhooks import webhook

log = structlog.get_logger(__name__)

__all__ = ["Parts", "WebServer", "build"]

#: Seconds that running requests have to end when the server stops.
GRACE = 10


def build(parts: Parts) -> web.Application:
    """Every route; nothing is opened before the application runs."""
    app = web.Application(middlewares=[guard], client_max_size=parts.settings.limits.webhook_bytes)
    app[PARTS] = parts
    app.on_response_prepare.append(harden)
    app.add_routes(
        [
            web.get("/health", status.health),
            web.get("/ready", status.ready),
            web.get("/metrics", status.metrics),
            web.get("/files/{token}", downloads.download),
            web.get("/openapi.json", description.describe),
            web.get("/verify/{token}", verify.show),
            web.post("/verify/{token}", verify.confirm),
        ]
    )
    # An adapter's own paths go first, so that one may serve its bare address itself.
    for account, bridge in parts.bridges.items():
        if isinstance(bridge, ServesRoutes):
            app.add_routes(_mounted(f"/bridges/{account}", account, bridge.routes()))
    for workspace, workplace in parts.workplaces.items():
        if isinstance(workplace, ServesWorkplaceRoutes):
            app.add_routes(_mounted(f"/workspaces/{workspace}", workspace, workplace.routes(), counts=True))
    app.add_routes([web.get("/bridges/{account}", webhook, allow_head=False), web.post("/bridges/{account}", webhook)])
    return app


class WebServer:
    """The application on its port, while it is entered."""

    def __init__(self, parts: Parts) -> None:
        self._app = build(parts)
        self._host = parts.settings.web.host
        #: The configured one; the real one once entered.
        self.port = parts.settings.web.port

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=GRACE)
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, self._host, self.port)
            await site.start()
        except BaseException:
            await self._runner.cleanup()
            raise
        self.port = self._runner.addresses[0][1]
        log.info("serving", action="serving", url=self.url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._runner.cleanup()


def _mounted(prefix: str, source: str, routes: Iterable[web.RouteDef], *, counts: bool = False) -> list[web.RouteDef]:
    return [
        web.RouteDef(route.method, f"{prefix}{route.path}", _named(source, route.handler, counts), route.kwargs)
        for route in routes
    ]


def _named(source: str, handler: Handler, counts: bool) -> Handler:
    @wraps(handler)
    async def named(request: web.Request) -> web.StreamResponse:
        request[SOURCE] = source
        response = await handler(request)
        # A workplace counts what it refuses (`WorkplaceRuntime.rejected`).
        request[COUNTED] = counts
        return response

    return named
