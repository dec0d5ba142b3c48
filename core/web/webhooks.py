"""Takes vendors' webhook calls: bounded and checked before anything is parsed, answered after the commit."""

from __future__ import annotations

import structlog
from aiohttp import web

from core.contracts.bridge import WebhookBridge
from core.contracts.http import WebhookReply, WebhookRequest, read_body
from core.web.parts import PARTS, REASON, SOURCE, Parts

log = structlog.get_logger(__name__)


async def webhook(request: web.Request) -> web.Response:
    """`/bridges/<account>`."""
    parts = request.app[PARTS]
    account = request.match_info["account"]
    bridge: object = parts.bridges.get(account)
    if not isinstance(bridge, WebhookBridge):
        request[REASON] = "unknown"
        raise web.HTTPNotFound(text="There is no webhook at this address.")
    request[SOURCE] = account
    limits = parts.settings.limits
    most = max(limits.webhook_bytes, parts.largest_webhooks.get(account, 0))
    body = await read_body(request, most=most, seconds=limits.webhook_seconds)
    received = await bridge.receive(_neutral(request, parts, body))
    # One after the other: a batch is in order, and what fails is set aside by `take` without stopping the rest.
    for item in received.items:
        await parts.take(account, item)
    return answer(received.reply)


def answer(reply: WebhookReply) -> web.Response:
    return web.Response(
        status=reply.status,
        body=reply.body,
        headers={**reply.headers, "Content-Type": reply.content_type},
    )


def _neutral(request: web.Request, parts: Parts, body: bytes) -> WebhookRequest:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        # Repeated, a signature matches nothing: better than letting the caller choose which one is looked at.
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return WebhookRequest(
        method=request.method,
        url=f"{parts.settings.public_url}{request.raw_path}",
        query=dict(request.query),
        headers=headers,
        body=body,
    )
