"""What is left to Microsoft's moods: answers that are none, files that are not given, a pool without a free line."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    DestinationUnavailable,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from plugins.teams import rest
from plugins.teams.transport import Transport
from tests.plugins.teams_line import Scripted, card, line, longest_stall, scripted, stranger

TEAM = "19:team@thread.tacv2"
THREAD = f"{TEAM};messageid=1700000000000"


@pytest.fixture
async def answering() -> AsyncIterator[tuple[Scripted, Transport]]:
    async with scripted() as both:
        yield both


@pytest.mark.parametrize("answer", [b"<html>Please log in</html>", b"", b"[]", b"5", b"null", b"{"])
async def test_an_answer_that_is_none_is_not_taken_for_an_empty_one(
    answering: tuple[Scripted, Transport], answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy's page with status 200 must make nobody an outsider and no team empty."""
    server, transport = answering
    server.say(200, answer)
    asks: list[Callable[[], Awaitable[Any]]] = [
        partial(transport.member, server.url, TEAM, "29:bea"),
        partial(transport.members, server.url, TEAM),
        partial(transport.team, server.url, TEAM),
        partial(transport.channels, server.url, TEAM),
        partial(transport.graph, "/teams/1/channels/2/messages"),
    ]
    monkeypatch.setattr(rest, "PAUSE", 0.001)
    for ask in asks:
        with pytest.raises(TemporaryFailure) as raised:
            await ask()
        assert type(raised.value) is TemporaryFailure


@pytest.mark.parametrize("answer", [b"<html>Please log in</html>", b"", b"[]"])
async def test_an_edit_that_was_taken_needs_no_words(answering: tuple[Scripted, Transport], answer: bytes) -> None:
    server, transport = answering
    server.say(200, answer)
    await transport.update(server.url, THREAD, "1", card())
    await transport.delete(server.url, THREAD, "1")
    await transport.react(server.url, THREAD, "1", "like", added=True)
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 451])
@pytest.mark.parametrize("graph", [False, True])
async def test_a_file_that_is_not_given_closes_no_room_and_pauses_nothing(
    answering: tuple[Scripted, Transport], status: int, graph: bool
) -> None:
    server, transport = answering
    server.say(status, {"error": {"code": "Whatever", "message": "Not for you"}})
    path = "/shares/u!x/driveItem/content"
    chunks = transport.graph_download(path) if graph else transport.download(f"{server.url}/v3/attachments/1/views/1")
    with pytest.raises(AdapterError) as raised:
        _ = [chunk async for chunk in chunks]
    assert type(raised.value) is PermanentFailure
    assert not isinstance(raised.value, DestinationUnavailable | CredentialsRejected)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_file_that_does_not_come_just_now_is_asked_for_again(
    answering: tuple[Scripted, Transport], status: int
) -> None:
    server, transport = answering
    server.say(status, {}, Retry_After="7")
    with pytest.raises(TemporaryFailure) as raised:
        _ = [chunk async for chunk in transport.download(f"{server.url}/v3/attachments/1/views/1")]
    assert raised.value.retry_after == 7
    assert len(server.asked) == 1


async def test_whoever_gets_no_line_surely_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a host's connections are taken: the post never left, so it may be sent again."""
    monkeypatch.setattr(rest, "TIMEOUT", aiohttp.ClientTimeout(total=5, connect=0.1))
    async with scripted(connector=aiohttp.TCPConnector(limit_per_host=1)) as (server, transport):
        await transport.check_token()
        server.hang()
        first = asyncio.create_task(transport.post(server.url, THREAD, card("first")))
        async with asyncio.timeout(5):
            while not server.asked:  # noqa: ASYNC110
                await asyncio.sleep(0)
        with pytest.raises(TemporaryFailure) as raised:
            await transport.post(server.url, THREAD, card("second"))
        assert not isinstance(raised.value, OutcomeUnknown)
        assert len(server.asked) == 1
        server.held.set()
        assert await first == "1"


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_a_post_that_left_is_never_repeated(answering: tuple[Scripted, Transport], status: int) -> None:
    server, transport = answering
    server.say(status, {})
    with pytest.raises(OutcomeUnknown):
        await transport.post(server.url, THREAD, card())
    assert len(server.asked) == 1


async def test_a_wait_that_was_asked_for_is_never_cut_short(answering: tuple[Scripted, Transport]) -> None:
    server, transport = answering
    server.say(429, {}, Retry_After="1")
    server.say(200, {"name": "Support"})
    assert (await transport.team(server.url, TEAM))["name"] == "Support"
    first, second = server.asked
    assert 1.0 <= second.at - first.at < 2.5


async def read(download: Callable[[str], AsyncIterator[bytes]], address: str) -> bytes:
    return b"".join([chunk async for chunk in download(address)])


async def test_a_host_of_strangers_hears_nothing_at_all(answering: tuple[Scripted, Transport]) -> None:
    server, transport = answering
    async with stranger() as (url, reached):
        server.say(302, {}, Location=f"{url}/elsewhere")
        calls: list[Callable[[], Awaitable[Any]]] = [
            partial(transport.post, f"{url}/", THREAD, card()),
            partial(transport.update, f"{url}/", THREAD, "1", card()),
            partial(transport.delete, f"{url}/", THREAD, "1"),
            partial(transport.react, f"{url}/", THREAD, "1", "like", added=True),
            partial(transport.create_direct, f"{url}/", "29:bea", "tenant"),
            partial(transport.member, f"{url}/", TEAM, "29:bea"),
            partial(transport.members, f"{url}/", TEAM),
            partial(transport.team, f"{url}/", TEAM),
            partial(transport.channels, f"{url}/", TEAM),
            partial(transport.graph, f"{url}/v1.0/teams"),
            # What is trusted sends us on.
            partial(transport.team, server.url, TEAM),
            partial(transport.graph, "/teams"),
            partial(read, transport.download, f"{url}/picture.png"),
            partial(read, transport.graph_download, f"{url}/v1.0/file"),
            partial(read, transport.download, f"{server.url}/v3/attachments/1/views/1"),
            partial(read, transport.graph_download, "/shares/u!x/driveItem/content"),
        ]
        for call in calls:
            with pytest.raises(PermanentFailure):
                await call()
        assert reached == []


async def test_each_token_goes_to_its_own_service_only(answering: tuple[Scripted, Transport]) -> None:
    server, transport = answering
    server.say(200, {"id": "1", "conversations": [], "value": []})
    await transport.post(server.url, THREAD, card())
    await transport.graph("/teams")
    connector, graph = (asked.headers["Authorization"] for asked in server.asked)
    assert connector.endswith("https://api.botframework.com/.default")
    assert graph.endswith("https://graph.microsoft.com/.default")


async def test_two_hundred_large_posts_hold_nobody_up() -> None:
    """Each near Teams' limit: 80 KB."""
    async with scripted(connector=aiohttp.TCPConnector(limit_per_host=50)) as (server, transport):
        server.say(201, {"id": "1"})
        async with longest_stall() as stall:
            await asyncio.gather(*(transport.post(server.url, THREAD, card("x" * 40_000)) for _ in range(200)))
        assert len(server.asked) == 200
        assert len(server.tokens) == 1
        # The server shares this loop.
        assert stall[0] < 0.5


async def test_what_the_sandbox_refuses_is_told_as_what_it_is() -> None:
    async with line() as at:
        root = await at.post("root")
        thread = f"{at.room};messageid={root}"
        with pytest.raises(DestinationUnavailable):
            await at.post(conversation="19:nowhere@thread.tacv2")
        with pytest.raises(PermanentFailure) as gone:
            await at.transport.update(at.service_url, thread, "1700000000000", card())
        assert type(gone.value) is PermanentFailure
        with pytest.raises(PermanentFailure) as nobody:
            await at.transport.member(at.service_url, at.team, "29:nobody")
        assert type(nobody.value) is PermanentFailure
        with pytest.raises(PermanentFailure, match="too large"):
            await at.post("x" * 120_000)
        with pytest.raises(OutcomeUnknown):
            await at.transport.post(at.service_url, thread, {**card(), "text": "and words"})
        await at.teams.uninstall(at.team)
        with pytest.raises(DestinationUnavailable):
            await at.post("after the app was removed")


async def test_a_token_that_the_connector_drops_is_renewed_once_for_all() -> None:
    async with line() as at:
        await at.post("first")
        at.teams.identity.expire_tokens()
        ids = await asyncio.gather(*(at.post(f"post {number}") for number in range(50)))
        assert len(set(ids)) == 50
        assert len(at.teams.token_requests) == 2
        assert [call.status for call in at.teams.calls].count(401) <= 50


async def test_a_stream_of_a_file_begins_before_it_ends(answering: tuple[Scripted, Transport]) -> None:
    server, transport = answering

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await server.held.wait()
        await response.write(b"last")
        return response

    server.answers.append(slow)
    chunks = transport.download(f"{server.url}/v3/attachments/1/views/1")
    async with asyncio.timeout(5):
        assert await anext(chunks) == b"first"
        server.held.set()
        assert b"".join([chunk async for chunk in chunks]) == b"last"
