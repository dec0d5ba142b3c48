"""Calls to the Bot Connector and Microsoft Graph: our token only where it belongs, repeats only where harmless."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from core.contracts.errors import (
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from plugins.teams.clouds import TeamsCloud, is_development_host
from plugins.teams.errors import refused, to_error
from plugins.teams.settings import TeamsSettings
from plugins.teams.tokens import Tokens

Json = Mapping[str, Any]

#: Tries within one call, and the seconds between them, doubled each time and jittered.
TRIES = 3
PAUSE = 0.25
#: A longer wait is the outbox's business.
LONGEST_PAUSE = 2.0
#: Largest answer that is read.
MOST_BYTES = 16 * 1024 * 1024
CHUNK = 64 * 1024
#: Where the files of teams lie, by cloud: https://learn.microsoft.com/microsoft-365/enterprise/urls-and-ip-address-ranges
SHAREPOINT = (".sharepoint.com", ".sharepoint.us", ".sharepoint-mil.us", ".sharepoint.cn")
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request."""

    method: str
    url: str
    scope: str
    body: Json | None = None
    #: Carrying it out twice changes nothing.
    repeatable: bool = True
    graph: bool = False


class Rest:
    """One session for everything."""

    def __init__(
        self, settings: TeamsSettings, cloud: TeamsCloud, session: aiohttp.ClientSession, tokens: Tokens
    ) -> None:
        self._settings = settings
        self._cloud = cloud
        self._session = session
        self._tokens = tokens

    async def call(self, call: Call) -> Json:
        """The answer's JSON, {} for none. Raises as `Bridge.send`."""
        for attempt in range(TRIES):
            try:
                return await self._once(call)
            except OutcomeUnknown:
                raise
            except TemporaryFailure as failure:
                wait = failure.retry_after or PAUSE * 2**attempt
                if attempt == TRIES - 1 or wait > LONGEST_PAUSE or not call.repeatable:
                    raise
                # Many who were refused at one moment must not come back at one moment.
                await asyncio.sleep(wait * random.uniform(0.8, 1.2))
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, call: Call) -> Json:
        for second in (False, True):
            headers, token = await self._headers(call)
            status, answered, body = await self._send(call, headers)
            if status == 401 and token and not second:
                # It may have been revoked before its time: another is asked for, once.
                self._tokens.drop(call.scope, token)
                continue
            break
        if 200 <= status < 300:
            return _value(body)
        raise to_error(refused(status, answered, body), repeatable=call.repeatable, graph=call.graph)

    async def _headers(self, call: Call) -> tuple[dict[str, str], str]:
        self._check(call.url)
        if self._settings.development:
            return {}, ""
        token = await self._tokens.get(call.scope)
        return {"Authorization": f"Bearer {token}"}, token

    def _check(self, address: str) -> None:
        """Raises PermanentFailure rather than show our token to a stranger."""
        trusted = is_development_host(address) if self._settings.development else self._cloud.trusts(address)
        if not trusted:
            host = URL(address).host if address else ""
            raise PermanentFailure(
                f"{host} is none of Microsoft's hosts, so nothing was sent; if it is right, add it to service_hosts.",
                reason=FailureReason.MISCONFIGURED,
            )

    async def _send(self, call: Call, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        try:
            async with self._session.request(
                call.method,
                URL(call.url, encoded=True),
                json=call.body,
                headers=headers,
                allow_redirects=False,
            ) as answer:
                return answer.status, answer.headers, await _read(answer)
        except aiohttp.ClientConnectorError as problem:
            raise TemporaryFailure(f"{URL(call.url).host} cannot be reached.") from problem
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            sentence = f"The answer of {URL(call.url).host} was lost ({type(problem).__name__})."
            raise (TemporaryFailure(sentence) if call.repeatable else OutcomeUnknown(sentence)) from problem

    async def download(self, url: str, scope: str, *, graph: bool = False) -> AsyncIterator[bytes]:
        """The bytes there, at most `max_file` of them; a redirect is followed without our token."""
        call = Call(method="GET", url=url, scope=scope, graph=graph)
        headers, _ = await self._headers(call)
        try:
            async with self._session.get(URL(url, encoded=True), headers=headers, allow_redirects=False) as answer:
                if answer.status in REDIRECTS:
                    async for chunk in self._elsewhere(answer):
                        yield chunk
                elif answer.status != 200:
                    body = await _read(answer)
                    raise to_error(refused(answer.status, answer.headers, body), repeatable=True, graph=graph)
                else:
                    async for chunk in self._bounded(answer):
                        yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise TemporaryFailure(f"The file did not arrive ({type(problem).__name__}).") from problem

    async def _elsewhere(self, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """Graph sends files from an address that is signed itself, on a host of the tenant's."""
        target = answer.url.join(URL(answer.headers.get("Location", "")))
        allowed = target.scheme == "https" and (target.host or "").endswith(SHAREPOINT)
        if not (allowed or self._cloud.trusts(str(target))):
            raise PermanentFailure(
                f"The file lies on {target.host}, which is none of Microsoft's hosts.", reason=FailureReason.UNSUPPORTED
            )
        async with self._session.get(target, allow_redirects=False) as file:
            if file.status != 200:
                raise TemporaryFailure(f"The file's own address answers {file.status}.")
            async for chunk in self._bounded(file):
                yield chunk

    async def _bounded(self, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in answer.content.iter_chunked(CHUNK):
            size += len(chunk)
            if size > self._settings.max_file:
                raise PermanentFailure(
                    f"The file is larger than {self._settings.max_file:,} bytes (max_file).",
                    reason=FailureReason.TOO_LARGE,
                )
            yield chunk


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > MOST_BYTES:
            raise PermanentFailure("Microsoft's answer is longer than it should be.")
    return bytes(body)


def _value(body: bytes) -> Json:
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {"value": value}
