"""Bytes that come from Microsoft: whole, within the limit, and with our token only where it belongs."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from core.contracts.errors import (
    FailureReason,
    PermanentFailure,
    TemporaryFailure,
)
from plugins.teams import rest
from plugins.teams.transport import Transport
from sandbox.teams import TeamsSandbox
from tests.plugins.teams_microsoft import Microsoft, drained, transporting


@pytest.fixture
async def microsoft() -> AsyncIterator[Microsoft]:
    async with Microsoft() as server:
        yield server


@pytest.fixture
async def transport(microsoft: Microsoft, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Transport]:
    monkeypatch.setattr(rest, "PAUSE", 0.001)
    async with transporting(microsoft.url) as made:
        yield made


@pytest.fixture
async def teams() -> AsyncIterator[TeamsSandbox]:
    async with TeamsSandbox(limits=False, retry_delays=()) as server:
        yield server


async def test_a_pasted_picture_comes_with_the_bots_token(teams: TeamsSandbox) -> None:
    bea = teams.add_user("Bea")
    team = teams.add_team("Support", [bea])
    await teams.install(team)
    picture = b"\x89PNG\r\n\x1a\n" + bytes(200_000)
    await teams.person_posts(bea, team, "Look", files=[("shot.png", "image/png", picture)])
    pasted = next(file.id for file in teams.world.files.values() if file.inline)
    async with transporting(teams.url) as transport:
        assert await drained(transport, f"{teams.url}/v3/attachments/{pasted}/views/original") == picture


async def test_a_file_is_not_taken_beyond_the_limit(microsoft: Microsoft) -> None:
    async def unsaid(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for _ in range(20):
            await response.write(b"x" * 1_000)
        return response

    microsoft.order("/said", web.Response(body=b"x" * 20_000))
    microsoft.order("/unsaid", unsaid)
    microsoft.order("/fits", web.Response(body=b"x" * 10_000))
    async with transporting(microsoft.url, max_file=10_000) as transport:
        for path in ("/said", "/unsaid"):
            taken: list[bytes] = []
            with pytest.raises(PermanentFailure, match="max_file") as raised:
                await drained(transport, f"{microsoft.url}{path}", taken=taken)
            assert raised.value.reason is FailureReason.TOO_LARGE
            assert len(b"".join(taken)) <= 10_000
        assert len(await drained(transport, f"{microsoft.url}/fits")) == 10_000


async def test_a_file_whose_end_is_missing_did_not_arrive(microsoft: Microsoft, transport: Transport) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100000"})
        await response.prepare(request)
        await response.write(b"x" * 50_000)
        assert request.transport is not None
        request.transport.close()
        return response

    microsoft.order("/file", cut)
    with pytest.raises(TemporaryFailure, match="did not arrive"):
        await drained(transport, f"{microsoft.url}/file")


async def test_a_download_whose_token_is_refused_gets_another_once(microsoft: Microsoft, transport: Transport) -> None:
    microsoft.order("/file", web.Response(status=401), web.Response(body=b"bytes"))
    assert await drained(transport, f"{microsoft.url}/file") == b"bytes"
    assert [call.token for call in microsoft.others] == ["Bearer token-1", "Bearer token-2"]


async def test_a_shared_file_comes_from_where_graph_sends_us_without_our_token(
    microsoft: Microsoft, transport: Transport
) -> None:
    address = "/v1.0/shares/u!x/driveItem/content"
    signed = f"{microsoft.url}/download/1?tempauth=v1.a%2Fb%2Bc%3D&x=%C3%A4"
    microsoft.order(address, web.Response(status=302, headers={"Location": signed}))
    microsoft.order("/download/1", web.Response(body=b"bytes"))
    assert await drained(transport, "/shares/u!x/driveItem/content", graph=True) == b"bytes"
    assert microsoft.others[-1].token == ""
    assert microsoft.others[-1].path == "/download/1?tempauth=v1.a%2Fb%2Bc%3D&x=%C3%A4"


@pytest.mark.parametrize(
    "target",
    [
        "https://attacker.example/x",
        "http://tenant.sharepoint.com/x",
        "https://tenant.sharepoint.com.attacker.example/x",
        "https://attackersharepoint.com/x",
        "file:///etc/passwd",
        "http://[::1/x",
        "http://169.254.169.254/latest",
    ],
)
async def test_a_shared_file_is_not_fetched_from_anywhere_else(
    microsoft: Microsoft, transport: Transport, target: str
) -> None:
    microsoft.order("/v1.0/x", web.Response(status=302, headers={"Location": target}))
    with pytest.raises(PermanentFailure, match="where none is fetched from"):
        await drained(transport, "/x", graph=True)
