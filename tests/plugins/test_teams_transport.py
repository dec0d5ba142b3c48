"""What goes out: every call of Microsoft's, and where our token never goes."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from core.contracts.errors import (
    DestinationUnavailable,
    PermanentFailure,
)
from plugins.teams import rest
from plugins.teams.transport import Transport
from sandbox.teams import TeamsSandbox
from tests.plugins.teams_microsoft import ACTIVITIES, CARD, ROOM, THREAD, Microsoft, drained, transporting


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


async def test_every_call_is_one_that_teams_knows(teams: TeamsSandbox) -> None:
    bea, cem = teams.add_user("Bea"), teams.add_user("Cem")
    team = teams.add_team("Support", [bea, cem])
    room = teams.add_channel(team, "Orders")
    await teams.install(team)
    where = f"{teams.url}/"
    async with transporting(teams.url) as transport:
        root = await transport.post(where, room, CARD)
        thread = f"{room};messageid={root}"
        reply = await transport.post(where, thread, CARD)
        assert [message["id"] for message in teams.thread(room, root)] == [root, reply]
        await transport.update(where, thread, reply, {**CARD, "summary": "changed"})
        await transport.react(where, thread, reply, "2705_whiteheavycheckmark", added=True)
        await transport.react(where, thread, reply, "2705_whiteheavycheckmark", added=True)
        assert "2705_whiteheavycheckmark" in json.dumps(teams.thread(room, root))
        await transport.react(where, thread, reply, "2705_whiteheavycheckmark", added=False)
        await transport.react(where, thread, reply, "2705_whiteheavycheckmark", added=False)
        assert "2705_whiteheavycheckmark" not in json.dumps(teams.thread(room, root))
        aimed = {**CARD, "recipient": {"id": bea, "isTargeted": True}}
        secret = await transport.post(where, thread, aimed, targeted=True)
        await transport.update(where, thread, secret, CARD, targeted=True)
        assert len(teams.targeted(bea)) == 1
        assert teams.targeted(cem) == []
        await transport.delete(where, thread, secret, targeted=True)
        assert teams.targeted(bea) == []
        await transport.delete(where, thread, reply)
        assert [message["id"] for message in teams.thread(room, root)] == [root]
        chat = await transport.create_direct(where, bea, teams.tenant_id)
        assert chat == teams.chat_id(bea) == await transport.create_direct(where, bea, teams.tenant_id)
        await transport.post(where, chat, CARD)
        assert len(teams.chat(bea)) == 1
        assert (await transport.member(where, team, bea))["name"] == "Bea"
        assert {member["name"] for member in await transport.members(where, team)} == {"Bea", "Cem"}
        details = await transport.team(where, team)
        assert details["name"] == "Support"
        assert [channel.get("name") for channel in await transport.channels(where, team)] == [None, "Orders"]
        path = f"/teams/{details['aadGroupId']}/channels/{room.replace('@', '%40').replace(':', '%3A')}/messages"
        assert [message["id"] for message in (await transport.graph(path))["value"]] == [root]
    refused = [call for call in teams.calls if call.status >= 400]
    assert [call.name for call in refused] == ["react"], "only a reaction that was gone already"
    assert all(call.authorised for call in teams.calls)


async def test_members_of_a_large_team_come_page_by_page(teams: TeamsSandbox) -> None:
    team = teams.add_team("Everybody", [teams.add_user(f"Agent {number}") for number in range(1_100)])
    await teams.install(team)
    async with transporting(teams.url) as transport:
        assert len(await transport.members(teams.url, team)) == 1_100
    assert len([call for call in teams.calls if call.name == "members"]) == 3


@pytest.mark.parametrize(
    ("identity", "encoded"),
    [
        ("19:a/../../b@thread.tacv2;messageid=1", "19%3Aa%2F..%2F..%2Fb%40thread.tacv2%3Bmessageid%3D1"),
        ("a?isTargetedActivity=true#x", "a%3FisTargetedActivity%3Dtrue%23x"),
        ("%2e%2e/ä", "%252e%252e%2F%C3%A4"),
        ("..", "%2E%2E"),
        (".", "%2E"),
    ],
)
async def test_an_id_is_one_part_of_the_path_whatever_is_in_it(
    microsoft: Microsoft, transport: Transport, identity: str, encoded: str
) -> None:
    await transport.post(microsoft.url, identity, CARD)
    await transport.team(microsoft.url, identity)
    assert [call.path for call in microsoft.others] == [
        f"/v3/conversations/{encoded}/activities",
        f"/v3/teams/{encoded}",
    ]


@pytest.mark.parametrize("base", ["", "/", "/amer", "/amer/"])
async def test_a_service_url_may_have_a_path(microsoft: Microsoft, transport: Transport, base: str) -> None:
    await transport.post(f"{microsoft.url}{base}", "a", CARD)
    assert microsoft.others[0].path == f"{base.rstrip('/')}/v3/conversations/a/activities"


FORGED = [
    "https://attacker.example/",
    "http://127.0.0.1:1/",
    "http://localhost:1/",
    "https://smba.trafficmanager.net/amer/",
    "https://smba.trafficmanager.net@attacker.example/",
    "//attacker.example/",
    "attacker.example",
    "file:///etc/",
    "http://127.0.0.1 /",
    "",
]


@pytest.mark.parametrize("address", FORGED)
async def test_a_forged_service_url_gets_nothing_and_no_token_is_even_asked_for(
    microsoft: Microsoft, transport: Transport, address: str
) -> None:
    calls = [
        transport.post(address, THREAD, CARD),
        transport.update(address, THREAD, "1", CARD),
        transport.delete(address, THREAD, "1"),
        transport.react(address, THREAD, "1", "like", added=True),
        transport.create_direct(address, "29:bea", "t"),
        transport.member(address, ROOM, "29:bea"),
        transport.members(address, ROOM),
        transport.team(address, ROOM),
        transport.channels(address, ROOM),
        drained(transport, address),
        # A path of Graph's own begins with one slash.
        transport.graph(address.removeprefix("//") or "x"),
    ]
    for call in calls:
        with pytest.raises(PermanentFailure) as raised:
            await call
        assert not isinstance(raised.value, DestinationUnavailable), "a room is not held for it"
    assert microsoft.heard == []


@pytest.mark.parametrize(
    "link",
    ["https://attacker.example/v1.0/teams", "http://127.0.0.1:1/v1.0/x", "{base}.attacker.example/v1.0/x", "{base}"],
)
async def test_graphs_token_follows_no_link_to_elsewhere(microsoft: Microsoft, transport: Transport, link: str) -> None:
    with pytest.raises(PermanentFailure):
        await transport.graph(link.format(base=microsoft.url))
    assert microsoft.heard == []


async def test_a_link_to_more_of_graph_is_followed(microsoft: Microsoft, transport: Transport) -> None:
    await transport.graph(f"{microsoft.url}/v1.0/teams/1/channels?$top=50&$skiptoken=a%2Fb%3D")
    assert microsoft.others[0].path == "/v1.0/teams/1/channels?$top=50&$skiptoken=a%2Fb%3D"


async def test_no_redirect_is_followed_with_a_token(microsoft: Microsoft, transport: Transport) -> None:
    async with Microsoft() as stranger:
        away = web.Response(status=307, headers={"Location": f"{stranger.url}/x"})
        microsoft.order(ACTIVITIES, away)
        microsoft.order("/v1.0/me", away)
        microsoft.order("/file", away)
        with pytest.raises(PermanentFailure):
            await transport.post(microsoft.url, THREAD, CARD)
        with pytest.raises(PermanentFailure):
            await transport.graph("/me")
        with pytest.raises(PermanentFailure, match="where none is fetched from"):
            await drained(transport, f"{microsoft.url}/file")
        assert stranger.heard == []


async def test_a_picture_goes_in_one_post(microsoft: Microsoft, transport: Transport) -> None:
    large = {
        **CARD,
        "attachments": [{"contentType": "image/png", "contentUrl": "data:image/png;base64," + "A" * 1_400_000}],
    }
    assert await transport.post(microsoft.url, THREAD, large) == "1"
    assert json.loads(microsoft.others[0].body) == large


async def test_in_development_no_token_is_asked_for_and_none_is_sent(microsoft: Microsoft) -> None:
    local: dict[str, Any] = {"development": True, "app_id": "", "tenant_id": "", "app_secret": "", "api_url": ""}
    async with transporting(microsoft.url, **local) as transport:
        await transport.post(microsoft.url, THREAD, CARD)
        await drained(transport, f"{microsoft.url}/file")
        with pytest.raises(PermanentFailure):
            await transport.post("https://smba.trafficmanager.net/amer/", THREAD, CARD)
    assert [call.token for call in microsoft.heard] == ["", ""]
