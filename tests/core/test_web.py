"""The HTTP side over real sockets: what is refused, in which order, and what the caller hears."""

import asyncio
import hmac
import io
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from core.contracts.bridge import Accepted, Event, ExternalId, OutboundMessage, Received
from core.contracts.errors import RequestRejected
from core.contracts.http import WebhookReply, WebhookRequest
from core.contracts.json import loads
from core.observability.metrics import Metrics
from core.settings.models import Limits, Settings, Web
from core.storage.errors import Overloaded, StorageUnavailable
from core.storage.files import FileStore
from core.storage.links import FileLinks
from core.web.parts import Parts
from core.web.server import WebServer

KEY = b"k" * 32


class Signed:
    """A vendor that signs, batches by line, and wants a JSON answer."""

    def __init__(self) -> None:
        self.requests: list[WebhookRequest] = []

    async def receive(self, request: WebhookRequest) -> Received:
        self.requests.append(request)
        expected = hmac.new(KEY, request.body, "sha256").hexdigest()
        if not hmac.compare_digest(request.headers.get("x-signature", "").encode(errors="replace"), expected.encode()):
            raise RequestRejected("The signature does not fit.")
        if request.body == b"bug":
            raise ZeroDivisionError
        loads(request.body.splitlines()[0])
        return Received(
            items=request.body.splitlines(),
            reply=WebhookReply(status=202, body=b"{}", content_type="application/json", headers={"X-Vendor": "1"}),
        )

    async def parse(self, raw: bytes) -> Sequence[Event]:
        return []

    async def send(self, message: OutboundMessage) -> ExternalId:
        raise NotImplementedError

    async def check(self) -> str:
        return ""


class Pages:
    """An adapter with paths of its own."""

    def routes(self) -> Sequence[web.RouteDef]:
        async def page(request: web.Request) -> web.Response:
            return web.Response(text="page", headers={"Content-Security-Policy": "frame-ancestors *"})

        async def upload(request: web.Request) -> web.Response:
            size = 0
            async for chunk in request.content.iter_chunked(1024):
                size += len(chunk)
            return web.Response(text=str(size))

        async def refuse(request: web.Request) -> web.Response:
            raise RequestRejected("Too many messages.", status=429)

        return [web.get("/page", page), web.post("/upload", upload), web.post("/refuse", refuse)]


class World:
    """One server and what came through it."""

    def __init__(self, folder: Path) -> None:
        self.signed = Signed()
        self.taken: list[tuple[str, bytes]] = []
        self.failure: Exception | None = None
        self.metrics = Metrics()
        self.files = FileStore(folder, 1024 * 1024)
        self.links = FileLinks(self.files, KEY)
        self.is_alive = True
        self.is_ready = True
        self.token: str | None = None

    async def take(self, account: str, raw: bytes) -> Sequence[Accepted]:
        if self.failure is not None:
            raise self.failure
        self.taken.append((account, raw))
        return []

    async def ready(self) -> tuple[bool, Mapping[str, Any]]:
        return self.is_ready, {"troubles": ["shop: gone"], "quarantined": 3}

    def parts(self, port: int = 0) -> Parts:
        return Parts(
            settings=Settings(
                public_url="https://chat.example.com",
                data_dir=self.files.root,
                web=Web(port=port, metrics_token=self.token),
                default_room="acme/C1",
                limits=Limits(webhook_bytes=2048, webhook_seconds=0.3),
            ),
            bridges={"shop": self.signed, "batches": self.signed, "chat": Pages()},  # type: ignore[dict-item]
            workplaces={"acme": Pages()},  # type: ignore[dict-item]
            take=self.take,
            links=self.links,
            metrics=self.metrics,
            healthy=lambda: self.is_alive,
            ready=self.ready,
            largest_webhooks={"batches": 3 * 1024 * 1024},
        )

    def refused(self, source: str, reason: str) -> float:
        labels = {"source": source, "reason": reason}
        return self.metrics.registry.get_sample_value("threadbridge_rejected_total", labels) or 0


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
async def server(world: World) -> AsyncIterator[WebServer]:
    async with WebServer(world.parts()) as server:
        yield server


@pytest.fixture
async def http(server: WebServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.url) as session:
        yield session


def signed(body: bytes) -> dict[str, str]:
    return {"X-Signature": hmac.new(KEY, body, "sha256").hexdigest()}


async def raw_answer(server: WebServer, request: bytes, *, wait: float = 5) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(4096), wait)
    finally:
        writer.close()


async def test_a_signed_call_is_taken_item_by_item_and_answered_as_the_vendor_wants(
    world: World, http: aiohttp.ClientSession
) -> None:
    body = b'{"a":1}\n{"a":2}'
    async with http.post("/bridges/shop?a=%2B&b=2", data=body, headers=signed(body)) as answer:
        assert (answer.status, await answer.read()) == (202, b"{}")
        assert (answer.content_type, answer.headers["X-Vendor"]) == ("application/json", "1")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
    assert world.taken == [("shop", b'{"a":1}'), ("shop", b'{"a":2}')]
    [request] = world.signed.requests
    assert request.url == "https://chat.example.com/bridges/shop?a=%2B&b=2"
    assert (request.method, request.query["a"]) == ("POST", "+")
    assert all(name == name.lower() for name in request.headers)


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (b"{}", {}, 401, "signature"),
        (b"{}", {"X-Signature": "0" * 64}, 401, "signature"),
        (b"x" * 3000, signed(b"x" * 3000), 413, "size"),
        (b"{", signed(b"{"), 400, "malformed"),
        (b"[" * 60 + b"]" * 60, signed(b"[" * 60 + b"]" * 60), 400, "malformed"),
        (b"{}", signed(b"{}") | {"Content-Encoding": "gzip"}, 415, "encoding"),
    ],
)
async def test_what_is_not_right_is_refused_and_counted(
    world: World, http: aiohttp.ClientSession, body: bytes, headers: dict[str, str], status: int, reason: str
) -> None:
    async with http.post("/bridges/shop", data=body, headers=headers) as answer:
        assert answer.status == status
    assert world.taken == []
    assert world.metrics.registry.get_sample_value(
        "threadbridge_webhook_seconds_count",
        {"source": "web" if status == 415 else "shop", "status": str(status)},
    )
    assert world.refused("web" if status == 415 else "shop", reason) == 1


async def test_a_repeated_signature_header_fits_nothing(world: World, server: WebServer) -> None:
    right = signed(b"{}")["X-Signature"]
    answer = await raw_answer(
        server,
        b"POST /bridges/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
        b"X-Signature: %s\r\nX-Signature: wrong\r\n\r\n{}" % right.encode(),
    )
    assert answer.startswith(b"HTTP/1.1 401")


async def test_headers_that_are_no_text_are_refused_like_any_other(world: World) -> None:
    world.token = "s3cret-token"
    async with WebServer(world.parts()) as server:
        for line in (b"POST /bridges/shop HTTP/1.1\r\nX-Signature: ", b"GET /metrics HTTP/1.1\r\nAuthorization: "):
            answer = await raw_answer(server, line + b"\xff\xfe\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 401")


async def test_a_vendor_may_need_more_than_others(world: World, http: aiohttp.ClientSession) -> None:
    whole = b"\n".join(b'"%d"' % number for number in range(300_000))
    for path, body, status in (
        ("batches", whole, 202),
        ("batches", whole + whole, 413),
        ("shop", b'"1"' * 1000, 413),
    ):
        answer = await http.post(f"/bridges/{path}", data=io.BytesIO(body), headers=signed(body))
        assert answer.status == status
    assert len(world.taken) == 300_000


async def test_a_large_body_is_refused_before_it_is_sent(world: World, server: WebServer) -> None:
    answer = await raw_answer(server, b"POST /bridges/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")


async def test_a_large_body_of_unknown_size_is_refused(world: World, server: WebServer) -> None:
    head = b"POST /bridges/shop HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await raw_answer(server, head + b"bb8\r\n" + b"x" * 3000 + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    assert world.signed.requests == []


async def test_a_body_that_drips_is_given_up(world: World, server: WebServer) -> None:
    answer = await raw_answer(server, b"POST /bridges/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408")
    assert world.refused("shop", "slow") == 1


async def test_a_body_that_drips_to_an_adapters_own_path_is_given_up(world: World, server: WebServer) -> None:
    answer = await raw_answer(server, b"POST /bridges/chat/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408")
    assert world.refused("chat", "slow") == 1


@pytest.mark.parametrize("failure", [Overloaded("full"), StorageUnavailable("the disk is full")])
async def test_what_cannot_be_kept_is_put_off(world: World, http: aiohttp.ClientSession, failure: Exception) -> None:
    world.failure = failure
    async with http.post("/bridges/shop", data=b"{}", headers=signed(b"{}")) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert "disk" not in await answer.text()


async def test_our_own_mistake_is_a_sentence_without_details(world: World, http: aiohttp.ClientSession) -> None:
    async with http.post("/bridges/shop", data=b"bug", headers=signed(b"bug")) as answer:
        assert (answer.status, await answer.text()) == (500, "Something went wrong here and was logged.\n")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/bridges/nobody", 404),
        ("POST", "/bridges/chat", 404),
        ("PUT", "/bridges/shop", 405),
        ("POST", "/health", 405),
        ("GET", "/", 404),
        ("GET", "/files/forged", 404),
        ("GET", "/bridges/shop/../../etc/passwd", 404),
    ],
)
async def test_addresses_that_mean_nothing(
    world: World, http: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with http.request(method, path) as answer:
        assert answer.status == status
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_unknown_accounts_do_not_grow_the_metrics(world: World, http: aiohttp.ClientSession) -> None:
    for number in range(3):
        async with http.post(f"/bridges/guess{number}") as answer:
            assert answer.status == 404
    assert world.refused("web", "unknown") == 3


async def test_adapters_serve_paths_of_their_own(world: World, http: aiohttp.ClientSession) -> None:
    for prefix, source in (("/bridges/chat", "chat"), ("/workspaces/acme", "acme")):
        async with http.get(f"{prefix}/page") as answer:
            assert (answer.status, await answer.text()) == (200, "page")
            assert answer.headers["Content-Security-Policy"] == "frame-ancestors *"
        async with http.post(f"{prefix}/upload", data=b"x" * 5000) as answer:
            assert await answer.text() == "5000"
        async with http.post(f"{prefix}/refuse", data=b"x") as answer:
            assert (answer.status, await answer.text()) == (429, "Too many messages.\n")
        assert world.refused(source, "rate") == 1


async def test_a_linked_file_is_a_download_and_nothing_else(world: World, http: aiohttp.ClientSession) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"<svg onload='alert(1)'/>"

    file = await world.files.save(content(), name="a.svg", mime="image/svg+xml")
    token = world.links.sign(file.sha256, 'Grüße "1".svg', datetime.now(UTC) + timedelta(hours=1))
    async with http.get(f"/files/{token}") as answer:
        assert (answer.status, await answer.read()) == (200, b"<svg onload='alert(1)'/>")
        assert answer.content_type == "application/octet-stream"
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"] == (
            "attachment; filename=\"Gr__e _1_.svg.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%221%22.svg.txt"
        )
    ended = world.links.sign(file.sha256, "a", datetime.now(UTC) - timedelta(hours=1))
    async with http.get(f"/files/{ended}") as answer:
        assert (answer.status, await answer.text()) == (410, "This link has ended. Ask for a new one.\n")


async def test_health_and_readiness_tell_balancers_little_and_operators_much(
    world: World, http: aiohttp.ClientSession
) -> None:
    async with http.get("/health") as answer:
        assert answer.status == 200
    async with http.get("/ready") as answer:
        assert (answer.status, await answer.json()) == (
            200,
            {"ready": True, "troubles": ["shop: gone"], "quarantined": 3},
        )
    async with http.get("/ready", headers={"X-Forwarded-For": "203.0.113.9"}) as answer:
        assert await answer.json() == {"ready": True}
    world.is_alive = world.is_ready = False
    for path in ("/health", "/ready"):
        async with http.get(path) as answer:
            assert answer.status == 503


async def test_metrics_are_for_operators(world: World, http: aiohttp.ClientSession) -> None:
    async with http.get("/metrics") as answer:
        assert answer.status == 200
        text = await answer.text()
        assert "threadbridge_webhook_seconds" in text
        assert "threadbridge_quarantine_open 3.0" in text
    async with http.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}) as answer:
        assert answer.status == 401


async def test_metrics_from_elsewhere_need_the_token(world: World) -> None:
    world.token = "s3cret-token"
    async with WebServer(world.parts()) as server, aiohttp.ClientSession(server.url) as http:
        for headers, status in (
            ({}, 401),
            ({"Authorization": "Bearer wrong"}, 401),
            ({"Authorization": "Bearer s3cret-token", "X-Forwarded-For": "203.0.113.9"}, 200),
        ):
            async with http.get("/metrics", headers=headers) as answer:
                assert answer.status == status


async def test_a_port_in_use_is_an_error_of_the_start(world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="address already in use"):
            async with WebServer(world.parts(taken.getsockname()[1])):
                pass
