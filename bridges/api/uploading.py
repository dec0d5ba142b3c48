"""Takes files from a connector before the message that they belong to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from bridges.api.media import CHUNK, Uploads
from bridges.api.refusals import problem
from bridges.api.signing import Check, begin
from bridges.api.tree import Model
from core.contracts.bridge import Runtime
from core.contracts.content import MediaKind
from core.contracts.errors import FailureReason, PermanentFailure, RequestRejected, TemporaryFailure
from core.contracts.text import file_name

#: A file that belongs to no message is surely kept that long.
UPLOAD_LASTS_S = 24 * 3600
#: Bodies are written down before their signature is known.
MOST_AT_ONCE = 4


class Uploaded(Model):
    """A file that is here for a day; name it as `upload` in an attachment."""

    upload: str
    name: str
    kind: MediaKind
    mime: str
    size: int


class UploadRoute:
    """`POST /bridges/<account>/files?name=…`, the file as the body, signed like every call."""

    def __init__(self, keys: Sequence[bytes], uploads: Uploads, runtime: Runtime, most: int) -> None:
        self._keys, self._uploads, self._runtime, self._most = keys, uploads, runtime, most
        self._running = 0

    async def serve(self, request: web.Request) -> web.Response:
        now = self._runtime.now().timestamp()
        headers = {name.lower(): value for name, value in request.headers.items()}
        check = begin(self._keys, headers, now)
        name = file_name(request.query.get("name", ""))
        if self._running >= MOST_AT_ONCE:
            raise RequestRejected("Other files are still on their way; upload them one after the other.", status=429)
        self._running += 1
        try:
            stored = await self._runtime.files.save(self._chunks(request, check), name=name, mime="")
        except PermanentFailure as failure:
            status = 413 if failure.reason is FailureReason.TOO_LARGE else 415
            return _answer(status, problem(status, "The file is not taken", str(failure)))
        except TemporaryFailure as failure:
            return _answer(503, problem(503, "Not now", str(failure)))
        finally:
            self._running -= 1
        token = self._uploads.token({"sha256": stored.sha256, "until": int(now) + UPLOAD_LASTS_S})
        kind = self._runtime.files.kind(stored)
        answer = Uploaded(upload=token, name=name, kind=kind, mime=stored.mime, size=stored.size)
        return web.Response(status=201, body=answer.model_dump_json().encode(), content_type="application/json")

    async def _chunks(self, request: web.Request, check: Check) -> AsyncIterator[bytes]:
        """Ends with the look at the signature: a file that is not signed is never kept."""
        size = 0
        async for chunk in request.content.iter_chunked(CHUNK):
            size += len(chunk)
            if size > self._most:
                raise PermanentFailure(
                    f"It is larger than {self._most:,} bytes, the most that is taken.", reason=FailureReason.TOO_LARGE
                )
            check.update(chunk)
            yield chunk
        check.finish()


def _answer(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/problem+json")
