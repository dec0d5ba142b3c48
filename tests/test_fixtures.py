"""The fixtures themselves: the guard refuses, the browser draws, the database is real and fresh."""

import asyncio
import os
import socket

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Page
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.fixtures.network import OutsideConnection, is_local


@pytest.mark.parametrize(
    "host", [None, "", "localhost", "127.0.0.1", "127.9.9.9", "::1", "fe.localhost", "0.0.0.0", b""]
)
def test_what_can_only_be_this_machine_is_local(host: str | None) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["slack.com", "10.0.0.1", "127.0.0.1.example.com", "fe80::1%eth0", b"example.com"])
def test_what_may_be_elsewhere_is_not_local(host: str) -> None:
    assert not is_local(host)


async def test_a_connection_outside_is_refused_and_remembered(outside_attempts: list[str]) -> None:
    with pytest.raises(OutsideConnection, match=r"lookup of 'slack\.com'"):
        await asyncio.get_running_loop().getaddrinfo("slack.com", 443)
    with socket.socket() as sock, pytest.raises(OutsideConnection, match=r"192\.0\.2\.1:80"):
        sock.connect(("192.0.2.1", 80))
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(OutsideConnection):
        sock.sendto(b"", ("192.0.2.1", 53))
    assert len(outside_attempts) == 3
    outside_attempts.clear()


async def test_an_attempt_that_was_swallowed_is_still_seen(outside_attempts: list[str]) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises((OutsideConnection, aiohttp.ClientError)):
            await session.get("http://example.com/")
    assert outside_attempts
    outside_attempts.clear()


async def test_a_name_that_exists_nowhere_gets_the_resolvers_own_error() -> None:
    with pytest.raises(socket.gaierror):
        await asyncio.get_running_loop().getaddrinfo("nobody.invalid", 25)


def test_no_proxy_is_set() -> None:
    assert not [name for name in os.environ if name.lower().endswith("_proxy")]


@pytest.mark.browser
async def test_the_browser_runs_a_page_from_the_loopback(page: Page) -> None:
    async def answer(_: web.Request) -> web.Response:
        html = "<title>ready</title><p>مرحبا 你好 🙂</p><script>document.title += ' ' + 6 * 7</script>"
        return web.Response(text=html, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        await page.goto(f"http://127.0.0.1:{port}/")
        assert await page.title() == "ready 42"
        assert await page.inner_text("p") == "مرحبا 你好 🙂"
    finally:
        await runner.cleanup()


@pytest.mark.postgres
async def test_the_database_is_real(postgres_url: str) -> None:
    engine = create_async_engine(postgres_url)
    async with engine.begin() as connection:
        assert "PostgreSQL" in (await connection.execute(text("SELECT version()"))).scalar_one()
        await connection.execute(text("CREATE TABLE kept (id int)"))
        assert (await connection.execute(text("SHOW fsync"))).scalar_one() == "off"
    await engine.dispose()


@pytest.mark.postgres
async def test_the_database_is_fresh(postgres_url: str) -> None:
    engine = create_async_engine(postgres_url)
    async with engine.begin() as connection:
        assert (await connection.execute(text("SELECT to_regclass('kept')"))).scalar_one() is None
    await engine.dispose()
