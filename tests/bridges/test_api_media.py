"""Files come from the connector's own hosts, or are uploaded; what leads inside a network is never fetched."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

from bridges.api.media import Downloads, NotPublic, PublicResolver, Uploads, is_public
from core.contracts.bridge import MessageReceived
from core.contracts.content import MediaKind
from core.contracts.errors import FailureReason, PermanentFailure, TemporaryFailure
from core.testing.scenarios import PDF, PNG
from sandbox.api import wire
from sandbox.faults import Fault
from tests.bridges.api_accounts import OLD_SECRET, Account, api_account

VISITS: web.AppKey[list[str]] = web.AppKey("visits", list)
HOSTS = ("files.example.com", ".cdn.example.com")


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[Account]:
    async with api_account(tmp_path, max_file=4 * 1024 * 1024) as one:
        yield one


async def fetched(downloads: Downloads, url: str) -> bytes:
    return b"".join([chunk async for chunk in downloads.fetch(url)])


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://files.example.com/a", True),
        ("https://FILES.example.com/a", True),
        ("https://files.example.com:443/a", True),
        ("https://a.b.cdn.example.com/a", True),
        ("https://cdn.example.com/a", False),
        ("https://evilcdn.example.com/a", False),
        ("https://files.example.com.evil.example/a", False),
        ("https://files.example.com:8443/a", False),
        ("http://files.example.com/a", False),
        ("https://files.example.com@evil.example/a", False),
        ("https://x@files.example.com/a", False),
        ("https://evil.example/?files.example.com", False),
        ("https://files.example.com\\@evil.example/", False),
        ("https://127.0.0.1/a", False),
        ("https://[::1]/a", False),
        ("http://127.0.0.1:9000/a", True),
        ("http://127.0.0.1:9001/a", False),
        ("https://127.0.0.1:9000/a", False),
        ("http://localhost:9000/a", False),
        ("ftp://files.example.com/a", False),
        ("https://files.example.com:99999/a", False),
        ("https://", False),
    ],
)
def test_only_the_accounts_hosts_are_asked(url: str, allowed: bool) -> None:
    assert Downloads(HOSTS, "http://127.0.0.1:9000/deliveries", 1000).allows(url) is allowed


def test_a_connector_elsewhere_opens_nothing_here() -> None:
    assert not Downloads(HOSTS, "https://127.0.0.2.example/d", 1000).allows("http://127.0.0.1/a")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("ff02::1", False),
        ("example.com", False),
    ],
)
def test_what_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


class Names(AbstractResolver):
    """A resolver that knows what the test tells it."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=one, port=port, family=socket.AF_INET, proto=0, flags=0)
            for one in self.addresses
        ]

    async def close(self) -> None: ...


async def test_a_name_with_one_address_inside_is_refused() -> None:
    with pytest.raises(NotPublic, match=r"files\.example\.com"):
        await PublicResolver(Names("93.184.216.34", "10.0.0.1")).resolve("files.example.com")
    assert len(await PublicResolver(Names("93.184.216.34")).resolve("files.example.com")) == 1


async def test_a_host_that_leads_inside_is_never_called() -> None:
    """Its name is allowed, and stands for an address of this machine."""
    with pytest.raises(PermanentFailure, match="inside a network") as failed:
        await fetched(Downloads(("localhost",), "https://c.example/", 1000), "https://localhost/a")
    assert failed.value.reason is FailureReason.POLICY


@pytest.fixture
async def elsewhere() -> AsyncIterator[TestServer]:
    """A server that nobody allowed, and that counts its visitors."""

    async def secret(request: web.Request) -> web.Response:
        request.app[VISITS].append(request.path)
        return web.Response(body=b"secret")

    app = web.Application()
    app[VISITS] = []
    app.router.add_get("/{path:.*}", secret)
    async with TestServer(app) as server:
        yield server


def redirecting(places: dict[str, str], **more: Any) -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        if request.path in places:
            return web.Response(status=302, headers={"Location": places[request.path]})
        return web.Response(body=more.get("body", b"content"), status=more.get("status", 200))

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    return app


async def test_redirects_are_looked_at_anew(elsewhere: TestServer) -> None:
    places = {
        "/once": "/there",
        "/out": str(elsewhere.make_url("/metadata")),
        "/plain": "http://files.example.com/a",
        "/file": "file:///etc/passwd",
        "/round": "/round",
        "/nowhere": "",
    }
    async with TestServer(redirecting(places)) as server:
        downloads = Downloads(HOSTS, str(server.make_url("/deliveries")), 1000)
        assert await fetched(downloads, str(server.make_url("/once"))) == b"content"
        for path in ("/out", "/plain", "/file"):
            with pytest.raises(PermanentFailure, match="none of this account's `media_hosts`") as failed:
                await fetched(downloads, str(server.make_url(path)))
            assert failed.value.reason is FailureReason.POLICY
        for path in ("/round", "/nowhere"):
            with pytest.raises(PermanentFailure, match="one to the next"):
                await fetched(downloads, str(server.make_url(path)))
    assert not elsewhere.app[VISITS]


async def test_sizes_and_answers() -> None:
    for size, fits in ((1000, True), (1001, False)):
        async with TestServer(redirecting({}, body=b"x" * size)) as server:
            downloads = Downloads(HOSTS, str(server.make_url("/")), 1000)
            if fits:
                assert len(await fetched(downloads, str(server.make_url("/a")))) == size
            else:
                with pytest.raises(PermanentFailure, match="larger than 1,000 bytes") as failed:
                    await fetched(downloads, str(server.make_url("/a")))
                assert failed.value.reason is FailureReason.TOO_LARGE
    for status, kind in (
        (404, PermanentFailure),
        (403, PermanentFailure),
        (429, TemporaryFailure),
        (502, TemporaryFailure),
    ):
        async with TestServer(redirecting({}, status=status)) as server:
            with pytest.raises(kind, match=str(status)):
                await fetched(Downloads(HOSTS, str(server.make_url("/")), 1000), str(server.make_url("/a")))


async def test_a_body_without_a_length_is_counted() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x" * 1000)
        return response

    app = web.Application()
    app.router.add_get("/a", endless)
    async with TestServer(app) as server:
        with pytest.raises(PermanentFailure, match="larger than"):
            await fetched(Downloads(HOSTS, str(server.make_url("/")), 5000), str(server.make_url("/a")))


async def test_a_download_that_breaks_off_is_tried_again(account: Account) -> None:
    url = account.api.host_file("image/png", PNG)
    account.api.faults.order("media", Fault(drop="before"), times=9)
    with pytest.raises(TemporaryFailure, match="did not arrive"):
        await anext(account.bridge.fetch(url))
    account.api.faults.clear()
    assert b"".join([chunk async for chunk in account.bridge.fetch(url)]) == PNG


async def test_an_uploaded_file_is_there_with_its_message(account: Account) -> None:
    await account.api.customer_sends(account.ada, "../lämp.png", "image/png", PNG, text="This", upload=True)
    (event,) = account.core.events
    assert isinstance(event, MessageReceived)
    (file,) = event.content.attachments
    assert (file.name, file.kind, file.mime, file.size) == ("lämp.png", MediaKind.IMAGE, "image/png", len(PNG))
    assert file.file is not None
    assert file.file.sha256 == hashlib.sha256(PNG).hexdigest()


async def test_what_is_uploaded_is_signed(account: Account) -> None:
    """A file that is not signed leaves nothing behind."""
    for secret, data in ((OLD_SECRET, PDF), (account.api.secret, PDF + b" ")):
        headers = wire.headers([secret], "call-1", PDF)
        status, _ = await account.api.post(data, "/files?name=a.pdf", more=headers)
        assert status == 401
    assert (await account.api.post(PDF, "/files?name=a.pdf", more={"webhook-timestamp": "1"}))[0] == 401
    await asyncio.sleep(0)
    assert not [one for one in account.core.folder.rglob("*") if one.is_file()]
    assert (await account.api.upload("a.pdf", PDF))["kind"] == "file"


@pytest.mark.parametrize(
    ("name", "data", "status", "words"),
    [
        ("run.exe", b"MZ", 415, ".exe"),
        ("a.txt", b"\x7fELF" + bytes(100), 415, "program"),
        ("a.bin", bytes(4 * 1024 * 1024 + 1), 413, "larger than"),
        ("empty.txt", b"", 415, "empty"),
    ],
)
async def test_files_that_are_not_taken(account: Account, name: str, data: bytes, status: int, words: str) -> None:
    found, answer = await account.api.post(data, f"/files?name={name}")
    assert (found, answer["status"]) == (status, status)
    assert words in answer["detail"]


async def test_an_upload_ends_and_belongs_to_its_account(account: Account) -> None:
    token = (await account.api.upload("a.pdf", PDF))["upload"]
    uploads = Uploads(account.core.runtime.secret("uploads"))
    known = uploads.read(token)
    assert known is not None
    assert Uploads(b"another account's key").read(token) is None
    for other in (
        uploads.token({**known, "until": 1}),
        uploads.token({**known, "sha256": "0" * 64}),
        token[:-2] + "AA",
        Uploads(b"another account's key").token(known),
    ):
        attachments = [{"name": "a.pdf", "upload": other}]
        sender = {"external_id": account.ada}
        event = {"type": "message", "sender": sender, "external_id": "m1", "attachments": attachments}
        with pytest.raises(Exception, match="upload it again"):
            await account.api.tells([event])
    assert not account.core.events


async def test_too_many_uploads_at_once_are_put_off(account: Account) -> None:
    """Their bytes are written before anybody knows who sends them."""
    gates = [asyncio.Event() for _ in range(4)]
    headers = wire.headers([account.api.secret], "call-1", PDF)

    async def slow(gate: asyncio.Event) -> AsyncIterator[bytes]:
        yield PDF[:10]
        await gate.wait()
        yield PDF[10:]

    async with aiohttp.ClientSession() as session:
        url = f"{account.api.events_url}/files?name=a.pdf"
        running = [asyncio.create_task(_status(session, url, headers, slow(gate))) for gate in gates]
        await account.core.until(lambda: account.bridge._upload_route._running == 4)
        async with session.post(url, data=PDF, headers=headers) as answer:
            assert answer.status == 429
        for gate in gates:
            gate.set()
        assert await asyncio.gather(*running) == [201] * 4
        async with session.post(url, data=PDF, headers=headers) as answer:
            assert answer.status == 201


async def _status(session: aiohttp.ClientSession, url: str, headers: dict[str, str], body: Any) -> int:
    async with session.post(url, data=body, headers=headers) as answer:
        return answer.status
