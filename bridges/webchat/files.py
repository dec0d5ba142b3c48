"""Files up from a visitor and down to her."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from urllib.parse import quote

from aiohttp import web

from bridges.webchat.gate import Gate, Refused
from bridges.webchat.limits import Buckets
from bridges.webchat.tokens import Purpose, Tokens
from core.contracts.bridge import Runtime
from core.contracts.errors import FailureReason, PermanentFailure

CHUNK = 64 * 1024
UPLOAD_LASTS = timedelta(days=1)
#: Uploads of one visitor that may run at the same time.
AT_ONCE = 3
#: A browser may show these; everything else is only ever downloaded. SVG is a program, so it is not here.
INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


class FileRoutes:
    def __init__(self, gate: Gate, tokens: Tokens, runtime: Runtime, max_upload: int) -> None:
        self._gate = gate
        self._tokens = tokens
        self._runtime = runtime
        self._max_upload = max_upload
        self._starts = Buckets(burst=20, gap=3.0)
        self._running: dict[str, int] = {}

    async def upload(self, request: web.Request) -> web.Response:
        """Takes the body as the file and answers with a token that a `send` of the same visitor names."""
        self._gate.check_origin(request)
        visitor = self._gate.session(request.headers).visitor.external_id
        if wait := self._starts.wait(visitor):
            raise Refused(429, "rate_limited", "Too many files at once.", retry_after=wait)
        if (request.content_length or 0) > self._max_upload:
            raise self._too_large()
        if self._running.get(visitor, 0) >= AT_ONCE:
            raise Refused(429, "rate_limited", "Other files are still on their way.", retry_after=2)
        name = file_name(request.query.get("name", ""))
        self._running[visitor] = self._running.get(visitor, 0) + 1
        try:
            stored = await self._runtime.files.save(self._chunks(request), name=name, mime=request.content_type)
        except PermanentFailure as failure:
            large = failure.reason is FailureReason.TOO_LARGE
            raise Refused(413 if large else 415, "file", str(failure)) from failure
        finally:
            self._running[visitor] -= 1
            if not self._running[visitor]:
                del self._running[visitor]
        value = {"v": visitor, "s": stored.sha256, "n": name, "m": stored.mime, "z": stored.size}
        token = self._tokens.sign_for(Purpose.UPLOAD, value, lasts=UPLOAD_LASTS)
        kind = self._runtime.files.kind(stored).value
        answer = {"upload": token, "name": name, "mime": stored.mime, "size": stored.size, "kind": kind}
        return web.json_response(answer, headers={"Cache-Control": "no-store"})

    async def download(self, request: web.Request) -> web.StreamResponse:
        """The link is the permission: it was signed for one file, and only her transcript holds it."""
        value = self._tokens.read(Purpose.FILE, request.match_info["token"])
        stored = self._runtime.files.find(value["s"]) if value is not None else None
        if value is None or stored is None:
            raise Refused(404, "file", "This link has expired; reload the chat for a new one.")
        inline = stored.mime in INLINE
        kind = "inline" if inline else "attachment"
        return web.FileResponse(
            stored.path,
            headers={
                "Content-Type": stored.mime,
                "Content-Disposition": f"{kind}; filename*=UTF-8''{quote(value['n'], safe='')}",
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "Cross-Origin-Resource-Policy": "same-origin",
                "Cache-Control": "private, max-age=86400, immutable",
                "Referrer-Policy": "no-referrer",
            },
        )

    async def _chunks(self, request: web.Request) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in request.content.iter_chunked(CHUNK):
            size += len(chunk)
            if size > self._max_upload:
                raise self._too_large()
            yield chunk

    def _too_large(self) -> Refused:
        return Refused(413, "file_too_large", f"The file is over the limit of {self._max_upload / 1e6:.0f} MB.")


def file_name(name: str) -> str:
    """Free of paths and control characters, at most 200 characters."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(char for char in base if char.isprintable())
    return printable.strip(". ")[-200:] or "file"


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answering(handler: Handler) -> Handler:
    """The same handler, with every `Refused` made into its response."""

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refused:
            return refused.response()

    return answered
