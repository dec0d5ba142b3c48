"""Microsoft as far as sending needs it, in a process of its own: tokens, and posts that take a while."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


class Microsoft:
    """Counts what it is asked for."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.counts = {"tokens": 0, "logins": 0, "posts": 0, "connections": 0}
        self._seen: set[Any] = set()

    async def post(self, request: web.Request) -> web.Response:
        self._meet(request)
        await request.read()
        await asyncio.sleep(self._seconds)
        self.counts["posts"] += 1
        return web.json_response({"id": str(self.counts["posts"])}, status=201)

    async def token(self, request: web.Request) -> web.Response:
        self._meet(request)
        self.counts["tokens"] += 1
        self.counts["logins"] += 1
        return web.json_response({"token_type": "Bearer", "expires_in": 3600, "access_token": "x" * 1_200})

    async def metadata(self, request: web.Request) -> web.Response:
        """What MSAL asks an authority for before it asks for a token."""
        self._meet(request)
        self.counts["logins"] += 1
        base = f"https://{request.host}/adfs"
        return web.json_response(
            {"issuer": base, "authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/oauth2/token"}
        )

    async def read_counts(self, _request: web.Request) -> web.Response:
        """What was counted since the last time it was asked for."""
        answer = web.json_response(self.counts)
        self.counts = dict.fromkeys(self.counts, 0)
        self._seen.clear()
        return answer

    def _meet(self, request: web.Request) -> None:
        if request.transport not in self._seen:
            self._seen.add(request.transport)
            self.counts["connections"] += 1


def main(seconds: float, authority: str, ready: Connection) -> None:
    """Serves until it is ended; says its two ports. `authority` is where the certificate goes that is to be trusted."""
    asyncio.run(_serve(seconds, Path(authority), ready))


async def _serve(seconds: float, authority: Path, ready: Connection) -> None:
    microsoft = Microsoft(seconds)
    application = web.Application()
    application.add_routes(
        [
            web.post("/{tenant}/oauth2/v2.0/token", microsoft.token),
            web.post("/v3/conversations/{conversation}/activities", microsoft.post),
            web.get("/adfs/.well-known/openid-configuration", microsoft.metadata),
            web.post("/adfs/oauth2/token", microsoft.token),
            web.get("/counts", microsoft.read_counts),
        ]
    )
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1_024).start()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=_tls(authority)).start()
    ready.send([address[1] for address in runner.addresses])
    await asyncio.Event().wait()


def _tls(authority: Path) -> ssl.SSLContext:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate = made.public_bytes(serialization.Encoding.PEM)
    authority.write_bytes(certificate)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as whole:
        whole.write(private + certificate)
        whole.flush()
        context.load_cert_chain(whole.name)
    return context
