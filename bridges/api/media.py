"""Files from a connector: fetched from its own hosts and no other place, or uploaded beforehand."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import socket
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from bridges.api.settings import is_loopback, origin
from core.contracts.errors import FailureReason, PermanentFailure, TemporaryFailure

CHUNK = 64 * 1024
DOWNLOAD_S = 240.0
MOST_REDIRECTS = 3
_MAC_BYTES = 32
#: https://www.rfc-editor.org/rfc/rfc6052#section-2.1
_NAT64 = ip_network("64:ff9b::/96")


class PublicResolver(AbstractResolver):
    """Knows only addresses of the open internet; what connects uses the very addresses that were looked at."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not all(is_public(one["host"]) for one in found):
            raise NotPublic(f"{host} leads to an address inside a network")
        return found

    async def close(self) -> None:
        await self._inner.close()


class NotPublic(OSError):
    """A name stands for an address that outsiders must not reach through us."""


def is_public(address: str) -> bool:
    try:
        one = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    # An IPv6 address may hold one of the old network.
    inner = getattr(one, "ipv4_mapped", None) or getattr(one, "sixtofour", None)
    if one in _NAT64:
        inner = ip_address(int(one) & 0xFFFFFFFF)
    return one.is_global and not one.is_multicast and (inner is None or inner.is_global)


class Downloads:
    """Fetches from the hosts of one account."""

    def __init__(self, hosts: Collection[str], deliver_url: str, most: int) -> None:
        self._hosts, self._most = tuple(hosts), most
        place = origin(deliver_url)
        #: A connector on this machine may serve its own files.
        self._local = place if place is not None and is_loopback(place[1]) else None

    def allows(self, url: str) -> bool:
        place = origin(url)
        if place is None or place == self._local:
            return place is not None
        scheme, host, port = place
        known = any(host == one or (one.startswith(".") and host.endswith(one)) for one in self._hosts)
        return scheme == "https" and port == 443 and known and "@" not in url.split("/", 3)[2]

    async def fetch(self, url: str) -> AsyncGenerator[bytes, None]:
        """The bytes at `url`. Raises as `Bridge.send`."""
        resolver = None if origin(url) == self._local else PublicResolver(aiohttp.ThreadedResolver())
        connector = aiohttp.TCPConnector(resolver=resolver)
        timeout = aiohttp.ClientTimeout(total=DOWNLOAD_S, connect=5, sock_read=30)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
            try:
                for _ in range(MOST_REDIRECTS + 1):
                    self._check(url)
                    async with session.get(url, allow_redirects=False) as response:
                        if response.status in (301, 302, 303, 307, 308):
                            url = urljoin(url, response.headers.get("Location", ""))
                            continue
                        async for chunk in self._body(response):
                            yield chunk
                        return
            except (aiohttp.ClientError, TimeoutError) as error:
                if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, NotPublic):
                    raise PermanentFailure(
                        f"The file was not fetched: {error.os_error}.", reason=FailureReason.POLICY
                    ) from None
                raise TemporaryFailure(f"The file did not arrive ({type(error).__name__}).") from None
        raise PermanentFailure("The file's address leads from one to the next.", reason=FailureReason.POLICY)

    def _check(self, url: str) -> None:
        if not self.allows(url):
            place = origin(url)
            raise PermanentFailure(
                f"The file is at {place[1] if place else 'no address'}, which is none of this account's `media_hosts`.",
                reason=FailureReason.POLICY,
            )

    async def _body(self, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
        if response.status >= 500 or response.status in (408, 425, 429):
            raise TemporaryFailure(f"The connector answered {response.status} instead of the file.")
        if response.status != 200:
            raise PermanentFailure(
                f"The connector answered {response.status} instead of the file.", reason=FailureReason.BAD_CONTENT
            )
        size = response.content_length or 0
        if size <= self._most:
            size = 0
            async for chunk in response.content.iter_chunked(CHUNK):
                size += len(chunk)
                if size > self._most:
                    break
                yield chunk
        if size > self._most:
            raise PermanentFailure(
                f"The file is larger than {self._most:,} bytes, the most that is taken.", reason=FailureReason.TOO_LARGE
            )


class Uploads:
    """Tokens for files that were uploaded and belong to no message yet."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, value: Mapping[str, Any]) -> str:
        payload = json.dumps(value, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(hmac.digest(self._key, payload, "sha256") + payload).rstrip(b"=").decode()

    def read(self, token: str) -> Mapping[str, Any] | None:
        """What `token` was given, or None for one that is not ours."""
        with suppress(ValueError, binascii.Error):
            raw = base64.b64decode(token.encode() + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
            mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
            if hmac.compare_digest(mac, hmac.digest(self._key, payload, "sha256")):
                value: Mapping[str, Any] = json.loads(payload)
                return value
        return None
