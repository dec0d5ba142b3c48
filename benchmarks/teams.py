"""Many replies into Teams at once: our transport beside the SDK's own client and authentication, against one server."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
from botbuilder.schema import Activity
from botframework.connector.aio import ConnectorClient
from botframework.connector.auth import MicrosoftAppCredentials
from msrest.authentication import BasicTokenAuthentication
from pydantic import SecretStr

from benchmarks import teams_app
from benchmarks.figures import Figure
from plugins.teams.settings import TeamsSettings
from plugins.teams.transport import Transport

REPLIES = 200
#: Seconds that Microsoft takes for each.
EACH = 0.2
#: Not measured: imports and caches.
WARM_UP = 5
#: Seconds for one way of sending.
PATIENCE = 60.0
#: Replies that the SDK sends under its own authentication: it asks for a token each time, and everything else waits.
STOCK_TURNS = 20
APP, TENANT = "11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-000000000000"
CONVERSATION = "19:benchmark@thread.tacv2;messageid=1700000000000"
TEXT = [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": "Where is my parcel? " * 5}]}] * 10
CARD = {
    "contentType": "application/vnd.microsoft.card.adaptive",
    "content": {"type": "AdaptiveCard", "version": "1.5", "body": TEXT},
}
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One way of sending, measured."""

    seconds: float
    #: The longest time for which the event loop did nothing else, in milliseconds.
    stall: float
    counts: dict[str, int]


async def run() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        authority = Path(folder) / "authority.pem"
        async with _microsoft(authority) as (url, login):
            ours = await _apart(_measure_ours, url)
            sending = await _apart(_measure_sending, url)
            stock = await _apart(_measure_stock, url, login, str(authority))
    for measured, replies in ((ours, REPLIES), (sending, REPLIES), (stock, STOCK_TURNS)):
        if measured.counts["posts"] != replies:
            raise RuntimeError(f"{measured.counts['posts']} of {replies} replies arrived")
    many = f"{REPLIES} replies at once"
    return [
        Figure(name=f"Teams: {many}, {EACH:g} s each", value=ours.seconds, unit="s", at_most=3, wall_clock=True),
        Figure(name=f"Teams: {many}, SDK with a token at hand", value=sending.seconds, unit="s"),
        # Its client sends from a pool of threads, which has as many as the machine's processors and four, at most 32.
        Figure(name="Teams: SDK's time in ours", value=sending.seconds / ours.seconds, unit="x", at_least=1.2),
        Figure(name=f"Teams: stall, {many}", value=ours.stall, unit="ms", at_most=50, wall_clock=True),
        Figure(name=f"Teams: stall, {many}, SDK with a token at hand", value=sending.stall, unit="ms"),
        Figure(name=f"Teams: stall, {STOCK_TURNS} replies, SDK as it comes", value=stock.stall, unit="ms"),
        Figure(name="Teams: SDK's stall in ours", value=stock.stall / ours.stall, unit="x", at_least=2),
        Figure(name=f"Teams: token requests, {REPLIES} replies", value=ours.counts["tokens"], at_least=1, at_most=1),
        Figure(name=f"Teams: token requests, {STOCK_TURNS} replies, SDK as it comes", value=stock.counts["tokens"]),
    ]


async def _measure_ours(url: str) -> Run:
    await _ours(url, WARM_UP)
    return await _measured(url, lambda: _ours(url, REPLIES))


async def _measure_sending(url: str) -> Run:
    await _stock(url, WARM_UP, _token_at_hand)
    return await _measured(url, lambda: _stock(url, REPLIES, _token_at_hand))


async def _measure_stock(url: str, login: str, authority: str) -> Run:
    with _trusting(Path(authority)):
        return await _measured(url, lambda: _stock(url, STOCK_TURNS, lambda: _credentials(login)))


async def _apart(measure: Callable[..., Coroutine[Any, Any, Run]], *arguments: str) -> Run:
    """In a process of its own, so that a stall is nobody else's, and nothing that one leaves behind slows the next."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_run_apart, args=(measure, arguments, there), daemon=True)
    process.start()
    there.close()
    try:
        if not await asyncio.to_thread(here.poll, PATIENCE):
            raise RuntimeError(f"{measure.__name__} took longer than {PATIENCE:g} s")
        found: Run = await asyncio.to_thread(here.recv)
        return found
    finally:
        process.kill()
        await asyncio.to_thread(process.join, 20)
        here.close()


def _run_apart(measure: Callable[..., Coroutine[Any, Any, Run]], arguments: tuple[str, ...], there: Connection) -> None:
    there.send(asyncio.run(measure(*arguments)))


async def _ours(url: str, replies: int) -> None:
    settings = TeamsSettings(app_id=APP, tenant_id=TENANT, app_secret=SecretStr("secret"), api_url=url)
    # As core.app opens it.
    connector = aiohttp.TCPConnector(limit=200, limit_per_host=50)
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        transport = Transport(settings, session, lambda: datetime.now(UTC))
        activity = {"type": "message", "attachments": [CARD]}
        await asyncio.gather(*(transport.post(url, CONVERSATION, activity) for _ in range(replies)))


async def _stock(url: str, replies: int, credentials: Callable[[], Any]) -> None:
    """As the SDK's own adapter does it: a client and credentials for every turn."""

    async def reply() -> None:
        client = ConnectorClient(credentials(), base_url=url)
        activity = Activity(type="message").deserialize({"type": "message", "attachments": [CARD]})
        await client.conversations.send_to_conversation(CONVERSATION, activity)

    await asyncio.gather(*(reply() for _ in range(replies)))


def _token_at_hand() -> BasicTokenAuthentication:
    return BasicTokenAuthentication({"access_token": "x" * 1_200})


def _credentials(login: str) -> MicrosoftAppCredentials:
    credentials = MicrosoftAppCredentials(APP, "secret", channel_auth_tenant=TENANT)
    # MSAL takes no http, and an address of its own choosing only where its path begins so.
    credentials.oauth_endpoint = f"{login}/adfs"
    return credentials


async def _measured(url: str, send: Callable[[], Awaitable[None]]) -> Run:
    async with aiohttp.ClientSession(trust_env=False) as session:
        await (await session.get(f"{url}/counts")).read()
        longest = 0.0

        async def tick() -> None:
            nonlocal longest
            before = time.perf_counter()
            while True:
                await asyncio.sleep(0.001)
                now = time.perf_counter()
                longest = max(longest, now - before)
                before = now

        ticking = asyncio.create_task(tick())
        await asyncio.sleep(0.01)
        started = time.perf_counter()
        await send()
        seconds = time.perf_counter() - started
        await asyncio.sleep(0.002)
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
        async with session.get(f"{url}/counts") as answer:
            return Run(seconds=seconds, stall=longest * 1_000, counts=await answer.json())


@asynccontextmanager
async def _microsoft(authority: Path) -> AsyncIterator[tuple[str, str]]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=teams_app.main, args=(EACH, str(authority), theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        plain, tls = await asyncio.to_thread(ours.recv)
        yield f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{tls}"
    finally:
        process.terminate()
        await asyncio.to_thread(process.join, 20)
        ours.close()


@contextmanager
def _trusting(authority: Path) -> Iterator[None]:
    """MSAL's client can be told only so which certificates are good, and that no proxy stands between."""
    names = [name for name in os.environ if name.lower() in PROXIES] + ["REQUESTS_CA_BUNDLE"]
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ["REQUESTS_CA_BUNDLE"] = str(authority)
    try:
        with warnings.catch_warnings():
            # Its clients are left to the garbage collector with their connections open.
            warnings.simplefilter("ignore", ResourceWarning)
            yield
    finally:
        del os.environ["REQUESTS_CA_BUNDLE"]
        os.environ.update(before)
