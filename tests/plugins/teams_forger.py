"""Tokens and requests that no honest client would send, with signatures that are right."""

import asyncio
import base64
import functools
import json
import time
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.faults import Fault
from tests.plugins.teams_line import Door, Json

HOUR = 3600
ISSUER = "https://api.botframework.com"


def now() -> int:
    return int(time.time())


@functools.cache
def private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def announced(key_id: str = "ours", **more: Any) -> Json:
    entry: Json = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private().public_key()))
    return {**entry, "kid": key_id, "use": "sig", "endorsements": ["msteams"], **more}


def announce(at: Door, *entries: Any, times: int = 1) -> None:
    """The next looks at the keys find these."""
    for _ in range(times):
        at.teams.faults.order("keys", Fault())
        at.teams.faults.order("keys", Fault(status=200, body={"keys": list(entries)}))


def encoded(value: Any) -> bytes:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def signed(claims: Any, key: rsa.RSAPrivateKey | None = None, **header: Any) -> str:
    """Any bytes whatever, with a signature that is right."""
    head = encoded({"alg": "RS256", "typ": "JWT", "kid": "ours", **header}) + b"." + encoded(claims)
    proof = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(head, key or private())
    return f"Bearer {(head + b'.' + encoded(proof)).decode()}"


def claims_of(at: Door, **changed: Any) -> Json:
    good = {"iss": ISSUER, "aud": at.teams.app_id, "serviceurl": f"{at.teams.url}/", "exp": now() + HOUR}
    return {**good, "nbf": now() - 60, **changed}


async def raw_request(at: Door, headers: bytes, body: bytes, *, length: int | None = None) -> int:
    where = urlsplit(at.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        size = len(body) if length is None else length
        writer.write(b"POST /messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + headers)
        writer.write(b"Content-Length: %d\r\n\r\n" % size + body)
        await writer.drain()
        async with asyncio.timeout(5):
            status = await reader.readline()
        return int(status.split()[1])
    finally:
        writer.close()
        await writer.wait_closed()
