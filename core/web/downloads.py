"""Serves stored files to whoever holds a signed link, as downloads and never as pages."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from aiohttp import web

from core.contracts.errors import RequestRejected
from core.storage.files import download_name
from core.storage.links import LinkRejected
from core.web.parts import PARTS, REASON


async def download(request: web.Request) -> web.StreamResponse:
    """`/files/<token>`."""
    try:
        linked = await asyncio.to_thread(request.app[PARTS].links.open, request.match_info["token"])
    except LinkRejected as refusal:
        request[REASON] = "link"
        raise RequestRejected(str(refusal), status=refusal.status) from None
    name = download_name(linked.name, linked.file.mime)
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    return web.FileResponse(
        linked.file.path,
        headers={
            "Content-Type": linked.file.mime,
            "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
            "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
            "Cache-Control": "private, no-store",
        },
    )
