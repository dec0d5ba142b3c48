"""Reads what is answered to us, and never more than was to be expected."""

from __future__ import annotations

import aiohttp

CHUNK = 64 * 1024


async def body_of(answer: aiohttp.ClientResponse, *, most: int) -> bytes | None:
    """The whole body, or None for one that is longer than `most` bytes."""
    body = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)
