"""What every request passes: a name in the logs, refusals that are counted, errors as sentences, safe headers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from aiohttp import web

from core.contracts.errors import RequestRejected
from core.observability.logs import about
from core.storage.errors import StorageError
from core.storage.ids import new_id
from core.web.parts import COUNTED, PARTS, REASON, SOURCE

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: One word for each kind of refusal, by HTTP status.
REASONS = {400: "malformed", 401: "signature", 403: "forbidden", 408: "slow", 413: "size", 415: "encoding", 429: "rate"}

#: Seconds after which a vendor may come again when the database could not take more.
RETRY_AFTER = 5

#: Slower uploads than this per second, on top of the fixed time, are given up.
SLOWEST = 32 * 1024

# What a handler sets itself stays: a page that is shown in a frame has its own policy.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


async def harden(request: web.Request, response: web.StreamResponse) -> None:
    """Runs before any answer leaves."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "threadbridge"


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns whatever a handler raises into an answer, and counts what was refused."""
    parts = request.app[PARTS]
    request[SOURCE] = "web"
    started = time.perf_counter()
    with about(request=new_id().hex):
        response = await _answer(request, handler)
        status = response.status
        if (status in REASONS or REASON in request) and not request.get(COUNTED, False):
            parts.metrics.reject(request[SOURCE], request.get(REASON) or REASONS[status])
        if request.method == "POST":
            elapsed = time.perf_counter() - started
            parts.metrics.webhook_seconds.labels(request[SOURCE], str(status)).observe(elapsed)
        log.debug("request answered", action="answered", method=request.method, path=request.path, status=status)
        return response


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        # Compressed bodies hide their size, and no vendor of ours sends any.
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return _sentence(request, 415, "Content-Encoding is not accepted; send the body as it is.")
        return await _timed(request, handler)
    except RequestRejected as refusal:
        log.info(
            "request refused", action="refused", source=request[SOURCE], status=refusal.status, reason=str(refusal)
        )
        return _sentence(request, refusal.status, str(refusal))
    except StorageError as error:
        log.warning("request put off", action="put_off", source=request[SOURCE], problem=str(error))
        return _sentence(request, 503, "Not now; please come again.", {"Retry-After": str(RETRY_AFTER)})
    except web.HTTPException as answer:
        if answer.status >= 400 and answer.empty_body is False:
            return _sentence(request, answer.status, answer.text or answer.reason, dict(answer.headers))
        raise
    except asyncio.CancelledError:
        raise
    except Exception:
        log.exception("A request failed", action="request_failed", source=request[SOURCE], path=request.path)
        return _sentence(request, 500, "Something went wrong here and was logged.")


async def _timed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Gives up on a caller whose body drips; what the handler does with the body takes as long as it takes."""
    if not request.body_exists:
        return await handler(request)
    limits = request.app[PARTS].settings.limits
    size = request.content_length if request.content_length is not None else limits.attachment_bytes
    # One second later than a handler with a deadline of its own, which knows better what to say.
    seconds = limits.webhook_seconds + 1 + size / SLOWEST
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as scope:

            def check() -> None:
                if not request.content.is_eof():
                    scope.reschedule(loop.time())

            timer = loop.call_later(seconds, check)
            try:
                return await handler(request)
            finally:
                timer.cancel()
    except TimeoutError:
        if not scope.expired():
            raise
        return _sentence(request, 408, f"The body did not arrive within {seconds:.0f} seconds.")


def _sentence(request: web.Request, status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    """For people, and for programs that ask for JSON as RFC 9457 writes it."""
    headers = {name: value for name, value in (headers or {}).items() if name.lower() != "content-type"}
    if "json" not in request.headers.get("Accept", ""):
        return web.Response(status=status, text=f"{text}\n", headers=headers)
    problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": text}
    return web.json_response(problem, status=status, headers=headers, content_type="application/problem+json")
