"""Calls to the Bot Connector and Microsoft Graph: our token only where it belongs, repeats only where harmless."""

from __future__ import annotations

import asyncio
import io
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from core.contracts.errors import AdapterError, FailureReason, OutcomeUnknown, PermanentFailure, TemporaryFailure
from plugins.teams.answers import CHUNK, body_of
from plugins.teams.clouds import TeamsCloud, is_here, parsed
from plugins.teams.errors import refused, to_error, to_file_error
from plugins.teams.settings import TeamsSettings
from plugins.teams.tokens import Tokens

Json = Mapping[str, Any]

#: Tries within one call, and the seconds between them, doubled each time and jittered.
TRIES = 3
PAUSE = 0.25
#: A longer wait is the outbox's business, and so is another try of a call that has taken this long.
LONGEST_PAUSE = 1.0
PATIENCE = 10.0
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=3, sock_connect=3, sock_read=15)
#: A file takes as long as it takes, but a connection that says nothing for half a minute is dead.
FILE_TIMEOUT = aiohttp.ClientTimeout(total=600, connect=3, sock_connect=3, sock_read=30)
#: Largest answer that is read.
MOST_BYTES = 16 * 1024 * 1024
#: Where the files of teams lie, by cloud: https://learn.microsoft.com/microsoft-365/enterprise/urls-and-ip-address-ranges
SHAREPOINT = (".sharepoint.com", ".sharepoint.us", ".sharepoint-mil.us", ".sharepoint.cn")
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request."""

    method: str
    url: str
    body: Json | None = None
    #: Carrying it out twice changes nothing.
    repeatable: bool = True
    #: It goes to Microsoft Graph, with the token for that; else to the Bot Connector.
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
        self._turn = asyncio.Lock()

    async def call(self, call: Call) -> Json:
        """The answer's JSON, {} for none. Raises as `Bridge.send`."""
        url = self._checked(call)
        until = asyncio.get_running_loop().time() + PATIENCE
        for attempt in range(TRIES):
            token = await self._token(call)
            try:
                return await self._once(call, url, token)
            except OutcomeUnknown:
                raise
            except TemporaryFailure as failure:
                # Surely not carried out. Whoever is throttled waits in the outbox, where the whole room waits along;
                # only what somebody is looking for at this moment waits here.
                wait = failure.retry_after or PAUSE * 2**attempt
                throttled = failure.retry_after is not None and call.method != "GET"
                late = asyncio.get_running_loop().time() + wait > until
                if attempt == TRIES - 1 or wait > LONGEST_PAUSE or throttled or late:
                    raise
                # Many who were refused at one moment must not come back at one moment.
                await asyncio.sleep(wait * random.uniform(1.0, 1.5))
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, call: Call, url: URL, token: str) -> Json:
        try:
            async with await self._begun(call, url, token, TIMEOUT) as answer:
                status, headers, body = answer.status, answer.headers, await body_of(answer, most=MOST_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise _interrupted(call, url, problem) from problem
        if body is None:
            sentence = f"The answer of {url.host} is longer than it should be."
            raise PermanentFailure(sentence) if call.repeatable else OutcomeUnknown(sentence)
        if 200 <= status < 300:
            return _value(call, url, body)
        raise to_error(refused(status, headers, body), repeatable=call.repeatable, graph=call.graph)

    async def _begun(self, call: Call, url: URL, token: str, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """The answer's beginning. A token that is not accepted may have been revoked: another is tried, once."""
        response = await self._sent(call, url, token, timeout)
        if response.status != 401 or not token:
            return response
        response.release()
        self._tokens.drop(self._scope(call), token)
        return await self._sent(call, url, await self._token(call), timeout)

    async def _sent(self, call: Call, url: URL, token: str, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        async with self._turn:
            # Whoever waited for one token together begins one after another: what else is going on stays quick.
            await asyncio.sleep(0)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = None
        if call.body is not None:
            # In pieces: a picture in base64 is more than aiohttp writes at once without holding the loop.
            body = io.BytesIO(json.dumps(call.body, separators=(",", ":")).encode())
            headers["Content-Type"] = "application/json"
        return await self._session.request(
            call.method,
            url,
            data=body,
            headers=headers,
            allow_redirects=False,
            timeout=timeout,
        )

    def _scope(self, call: Call) -> str:
        return self._cloud.graph_scope if call.graph else self._cloud.bot_scope

    async def _token(self, call: Call) -> str:
        return "" if self._settings.development else await self._tokens.get(self._scope(call))

    def _checked(self, call: Call) -> URL:
        """Where to call. Raises PermanentFailure rather than show our token to a stranger."""
        url = parsed(call.url)
        if url is not None:
            trusted = self._cloud.is_graph(url) if call.graph else self._cloud.trusts(url)
            if is_here(url) if self._settings.development else trusted:
                return url
        raise PermanentFailure(
            f"{(url and url.host) or 'That'} is none of Microsoft's hosts, so nothing was sent there; if it is right, "
            "add it to service_hosts.",
            reason=FailureReason.MISCONFIGURED,
        )

    async def download(self, url: str, *, graph: bool = False) -> AsyncIterator[bytes]:
        """The bytes there, at most `max_file` of them; a redirect is followed without our token."""
        call = Call(method="GET", url=url, graph=graph)
        address = self._checked(call)
        token = await self._token(call)
        try:
            async with await self._begun(call, address, token, FILE_TIMEOUT) as answer:
                if answer.status in REDIRECTS:
                    elsewhere = self._elsewhere(answer)
                else:
                    elsewhere = None
                    await _check(answer, graph=graph)
                    async for chunk in self._bounded(answer):
                        yield chunk
            if elsewhere is not None:
                async with self._session.get(elsewhere, allow_redirects=False, timeout=FILE_TIMEOUT) as file:
                    await _check(file, graph=True)
                    async for chunk in self._bounded(file):
                        yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise TemporaryFailure(f"The file did not arrive ({type(problem).__name__}).") from problem

    def _elsewhere(self, answer: aiohttp.ClientResponse) -> URL:
        """Graph sends files from an address that is signed itself, on a host of the tenant's."""
        target: URL | None = None
        with suppress(ValueError):
            # As it is written: the signature covers every letter.
            target = parsed(str(answer.url.join(URL(answer.headers.get("Location", ""), encoded=True))))
        if target is not None:
            shared = target.scheme == "https" and (target.raw_host or "").endswith(SHAREPOINT)
            if shared or self._cloud.trusts(target) or self._cloud.is_graph(target):
                return target
        raise PermanentFailure(
            f"The file lies on {(target and target.host) or 'no web address'}, where none is fetched from.",
            reason=FailureReason.UNSUPPORTED,
        )

    async def _bounded(self, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        limit = self._settings.max_file
        size = answer.content_length or 0
        if size <= limit:
            size = 0
            async for chunk in answer.content.iter_chunked(CHUNK):
                size += len(chunk)
                if size > limit:
                    break
                yield chunk
        if size > limit:
            raise PermanentFailure(f"It is larger than {limit:,} bytes (max_file).", reason=FailureReason.TOO_LARGE)


async def _check(answer: aiohttp.ClientResponse, *, graph: bool) -> None:
    """Raises as `Bridge.send` unless the answer is a file's."""
    if answer.status != 200:
        body = await body_of(answer, most=MOST_BYTES)
        raise to_file_error(refused(answer.status, answer.headers, body or b""), graph=graph)


def _interrupted(call: Call, url: URL, problem: Exception) -> AdapterError:
    """What a call that got no answer means."""
    if isinstance(problem, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.InvalidURL):
        return TemporaryFailure(f"{url.host} cannot be reached.")
    sentence = f"The answer of {url.host} was lost ({type(problem).__name__})."
    return TemporaryFailure(sentence) if call.repeatable else OutcomeUnknown(sentence)


def _value(call: Call, url: URL, body: bytes) -> Json:
    """What was answered; only where something was asked for must there be anything. Raises TemporaryFailure."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    if call.method == "GET":
        # A proxy's page would otherwise be a team without members, or a thread without our post.
        raise TemporaryFailure(f"Something other than {url.host} answers there.")
    return {}
