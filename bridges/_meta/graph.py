"""Calls the Graph API: JSON, uploads, and downloads from Meta's own hosts only."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import aiohttp

from bridges._meta.refusals import STATUS_COMES_S, refusal
from bridges._meta.settings import MetaSettings
from core.contracts import errors
from core.contracts.errors import FailureReason, PermanentFailure, RequestRejected
from core.contracts.json import loads

Json = Mapping[str, Any]
#: Shorter than the time that the core gives to one send, so that what is known about it is said.
PATIENCE_S = 6.0
TRANSFER_S = 300.0
MOST_HOPS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Graph:
    """One account's calls. `hosts` are where its media may come from: a name, or ".name" for all below it.

    A path that begins with "/" has no version. `token` is asked before each call, where it changes.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        settings: MetaSettings,
        *,
        title: str,
        hosts: Collection[str],
        token: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        self._session, self._title, self._hosts = session, title, tuple(hosts)
        self._root, self._version = settings.api_url.rstrip("/"), settings.api_version
        self._settings, self._token = settings, token
        api = urlsplit(settings.api_url)
        #: A sandbox on this machine is its own media host.
        self._sandbox = (api.scheme, api.netloc) if api.hostname in _LOOPBACK else None

    async def get(self, path: str, **query: str) -> Json:
        """Reads a node. Raises as `Bridge.send`, but never OutcomeUnknown."""
        return await self._call("GET", path, sends=False, params=query)

    async def post(self, path: str, values: Json, *, sends: bool = False) -> Json:
        """Calls an edge; `sends`: it may have been carried out although its answer is lost. Raises as `Bridge.send`."""
        return await self._call("POST", path, sends=sends, json=values)

    async def upload(
        self, path: str, fields: Mapping[str, str], file: BinaryIO, *, field: str, name: str, mime: str
    ) -> Json:
        """Streams a file to an edge. Raises as `Bridge.send`, but never OutcomeUnknown: nothing is sent by it."""
        # Meta does not decode the names that aiohttp would quote.
        form = aiohttp.FormData(quote_fields=False)
        for key, value in fields.items():
            form.add_field(key, value)
        form.add_field(field, file, filename=name.replace('"', "'"), content_type=mime)
        return await self._call("POST", path, sends=False, patience=TRANSFER_S, data=form)

    async def download(self, url: str, *, sha256: str = "", token: bool = True) -> AsyncGenerator[bytes, None]:
        """The bytes at `url`, if Meta serves it; `sha256` (hex or base64) must fit. Raises as `Bridge.send`."""
        seen = hashlib.sha256()
        try:
            async with self._file(url, token=token) as response:
                if response.status in (401, 403, 404, 410):
                    raise PermanentFailure(f"{self._title} no longer has the file.", reason=FailureReason.BAD_CONTENT)
                if response.status != 200:
                    raise errors.TemporaryFailure(f"{self._title} answered {response.status} instead of the file.")
                async for chunk in response.content.iter_chunked(64 * 1024):
                    seen.update(chunk)
                    yield chunk
        except (aiohttp.ClientError, TimeoutError) as error:
            raise errors.TemporaryFailure(f"The file did not arrive ({type(error).__name__}).") from None
        if sha256 and not _same(seen.digest(), sha256):
            raise PermanentFailure("The file is not the one that was announced.", reason=FailureReason.BAD_CONTENT)

    @asynccontextmanager
    async def _file(self, url: str, *, token: bool) -> AsyncIterator[aiohttp.ClientResponse]:
        """What Meta answers there; a redirect is followed to its own hosts only, and never with the token."""
        headers = await self._bearer() if token else {}
        timeout = aiohttp.ClientTimeout(total=TRANSFER_S, connect=3)
        for hops in range(MOST_HOPS + 1):
            self._check_host(url)
            async with self._session.get(url, headers=headers, allow_redirects=False, timeout=timeout) as response:
                further = response.headers.get("Location", "")
                if token or not further or response.status not in _REDIRECTS or hops == MOST_HOPS:
                    yield response
                    return
            url = f"{url.partition('://')[0]}:{further}" if further.startswith("//") else further

    async def _bearer(self) -> dict[str, str]:
        token = await self._token() if self._token else self._settings.access_token.get_secret_value()
        return {"Authorization": f"Bearer {token}"}

    def _check_host(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            parts, host, port = urlsplit(""), "", None
        if self._sandbox is not None and (parts.scheme, parts.netloc) == self._sandbox:
            return
        known = any(host == one or (one.startswith(".") and host.endswith(one)) for one in self._hosts)
        if parts.scheme != "https" or not known or port not in (None, 443) or "@" in parts.netloc:
            raise PermanentFailure(
                f"The file is at {host or 'no host'}, which is not {self._title}'s.", reason=FailureReason.POLICY
            )

    async def _call(self, verb: str, path: str, *, sends: bool, patience: float = PATIENCE_S, **given: Any) -> Json:
        given |= {"timeout": aiohttp.ClientTimeout(total=patience, connect=3), "headers": await self._bearer()}
        url = self._root + (path if path.startswith("/") else f"/{self._version}/{path}")
        try:
            async with self._session.request(verb, url, allow_redirects=False, **given) as response:
                answer = await _read(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as lost:
            raise errors.TemporaryFailure(f"Meta cannot be reached ({type(lost).__name__}).") from None
        except (aiohttp.ClientError, TimeoutError) as lost:
            sentence = f"Meta's answer did not arrive ({type(lost).__name__})."
            if sends:
                raise errors.OutcomeUnknown(sentence, retry_after=STATUS_COMES_S) from None
            raise errors.TemporaryFailure(sentence) from None
        if response.status != 200 or not answer or "error" in answer:
            error = answer.get("error")
            wait = response.headers.get("Retry-After", "")
            raise refusal(
                # A success that says nothing is as good as no answer.
                500 if response.status == 200 else response.status,
                error if isinstance(error, dict) else {},
                self._title,
                sends=sends,
                wait=float(wait) if wait.isdigit() and len(wait) < 6 else None,
            )
        return answer


async def _read(response: aiohttp.ClientResponse) -> Json:
    with suppress(RequestRejected):
        answer = loads(await response.read())
        return answer if isinstance(answer, dict) else {}
    return {}


def _same(digest: bytes, announced: str) -> bool:
    """Webhooks give the sum in base64, the media node in hex."""
    spellings = (digest.hex(), base64.b64encode(digest).decode())
    return any(hmac.compare_digest(announced.strip().encode(), one.encode()) for one in spellings)
