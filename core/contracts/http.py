"""A webhook call as an adapter sees it, the answer it gives, and how the body of a call is read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from core.contracts.errors import RequestRejected

#: Read at a time.
CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """One request to `/bridges/<account>`; the body was read whole, within the size and time limits."""

    method: str
    #: The public URL the vendor called: the configured base URL plus path and query, never the Host header.
    url: str
    query: Mapping[str, str]
    #: Names in lower case.
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReply:
    """What the vendor hears once everything received is committed."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)


async def read_body(request: web.Request, *, most: int, seconds: float) -> bytes:
    """The body as it was sent, within `most` bytes and `seconds`. Raises RequestRejected (408, 413, 415)."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RequestRejected("Compressed requests are not accepted; send the body as it is.", status=415)
    too_large = RequestRejected(f"The body is larger than {most} bytes.", status=413)
    if request.content_length is not None and request.content_length > most:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_chunked(CHUNK):
                body += chunk
                if len(body) > most:
                    raise too_large
    except TimeoutError:
        raise RequestRejected(f"The body did not arrive within {seconds:g} seconds.", status=408) from None
    return bytes(body)
