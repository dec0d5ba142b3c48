"""What operators and load balancers ask: /health, /ready and /metrics."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from core.web.parts import PARTS, Parts


async def health(request: web.Request) -> web.Response:
    """Restart the process when this is not 200."""
    alive = request.app[PARTS].healthy()
    return web.json_response(
        {"status": "ok" if alive else "a loop of this process has ended"}, status=200 if alive else 503
    )


async def ready(request: web.Request) -> web.Response:
    """Send no work here while this is not 200."""
    parts = request.app[PARTS]
    is_ready, details = await parts.ready()
    shown = {"ready": is_ready, **(details if _is_operator(request, parts) else {})}
    return web.json_response(shown, status=200 if is_ready else 503)


async def metrics(request: web.Request) -> web.Response:
    parts = request.app[PARTS]
    if not _is_operator(request, parts):
        raise web.HTTPUnauthorized(
            text="Set web.metrics_token and send it as a bearer token.", headers={"WWW-Authenticate": "Bearer"}
        )
    _, details = await parts.ready()
    # Any replica may have put events aside or repaired them, so the database is asked.
    parts.metrics.quarantine_open.set(details.get("quarantined", 0))
    body = generate_latest(parts.metrics.registry)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _is_operator(request: web.Request, parts: Parts) -> bool:
    """Knows the token; without one, asks from this machine and not through a proxy."""
    token = parts.settings.web.metrics_token
    if token is not None:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(errors="replace"), f"Bearer {token.get_secret_value()}".encode())
    if any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")):
        return False
    try:
        return ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
