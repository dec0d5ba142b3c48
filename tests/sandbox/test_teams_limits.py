"""How fast the sandbox's Bot Connector may be called, and that each of its calls can be made to fail."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from sandbox.faults import Fault
from sandbox.teams import TeamsSandbox
from sandbox.teams.limits import SEND, Limits
from tests.sandbox.teams_peer import Bot, card, post, there, words, working


@pytest.fixture
async def teams() -> AsyncIterator[TeamsSandbox]:
    async with TeamsSandbox(limits=False) as server:
        yield server


@pytest.fixture
async def bot(teams: TeamsSandbox) -> AsyncIterator[Bot]:
    async with working(teams) as listening:
        teams.connect(None)
        yield listening


@pytest.fixture
async def room(teams: TeamsSandbox) -> str:
    team = teams.add_team("Support", [teams.add_user("Bea Novak")])
    await teams.install(team)
    return teams.add_channel(team, "customers")


async def test_a_channel_takes_seven_posts_a_second() -> None:
    now = [1_800_000_000.0]
    async with TeamsSandbox(clock=lambda: now[0]) as strict, working(strict) as fast:
        team = strict.add_team("Support", [strict.add_user("Bea")])
        await strict.install(team)
        for _ in range(7):
            await fast.posts(team, post(card(words())))
        status, _answer, headers = await fast.whole("POST", there(team), post(card(words())))
        assert (status, headers["Retry-After"]) == (429, "1")
        now[0] += 1.001
        await fast.posts(team, post(card(words())))
        status, _answer, headers = await fast.whole("POST", there(team), post(card(words())))
        assert (status, headers["Retry-After"]) == (429, "1")
        root = strict.messages(team)[0]["id"]
        now[0] += 5
        for number in range(3):
            status, _answer, _headers = await fast.whole("PUT", there(team, root, "/reactions/like"))
            assert status == (429 if number == 2 else 200)


async def test_an_app_calls_fifty_times_a_second_in_a_tenant() -> None:
    now = 1_800_000_000.0
    async with TeamsSandbox(clock=lambda: now) as strict, working(strict) as fast:
        bea = strict.add_user("Bea")
        teams = [strict.add_team(f"Team {number}", [bea]) for number in range(6)]
        for team in teams:
            await strict.install(team)
        for number in range(50):
            assert (await fast.call("GET", f"/v3/teams/{quote(teams[number % 6])}"))[0] == 200
        status, _answer, headers = await fast.whole("POST", there(teams[0]), post(card(words())))
        assert (status, headers["Retry-After"]) == (429, "1")


def test_longer_windows_bind_too() -> None:
    now = [0.0]
    limits = Limits(1.0, lambda: now[0])
    waits = []
    for _ in range(61):
        waits.append(limits.retry_after((("room",), SEND)))
        now[0] += 0.45
    assert waits[:60] == [None] * 60
    assert waits[60] == 3


async def test_faults_meet_calls_by_name(teams: TeamsSandbox, bot: Bot, room: str) -> None:
    for status in (412, 502):
        teams.faults.order("post", Fault(status=status))
        assert (await bot.call("POST", there(room), post(card(words()))))[0] == status
    assert teams.messages(room) == []
    teams.faults.order("post", Fault(drop="after"))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await bot.call("POST", there(room), post(card(words())))
    assert len(teams.messages(room)) == 1
    assert teams.calls[-1].status == 0
    root = await bot.posts(room, post(card(words())))
    teams.faults.order("reply", Fault(status=504))
    assert (await bot.call("POST", there(f"{room};messageid={root}"), post(card(words()))))[0] == 504


@pytest.mark.parametrize(
    ("name", "method", "path", "body"),
    [
        ("post", "POST", "{room}/activities", {"type": "message"}),
        ("reply", "POST", "{room};messageid=1/activities", {"type": "message"}),
        ("typing", "POST", "{room}/activities", {"type": "typing"}),
        ("targeted", "POST", "{room}/activities?isTargetedActivity=true", {"type": "message"}),
        ("targeted", "DELETE", "{room}/activities/1?isTargetedActivity=true", None),
        ("edit", "PUT", "{room}/activities/1", {"type": "message"}),
        ("delete", "DELETE", "{room}/activities/1", None),
        ("react", "PUT", "{room}/activities/1/reactions/like", None),
        ("react", "DELETE", "{room}/activities/1/reactions/like", None),
        ("direct", "POST", "", {"isGroup": False}),
        ("post", "POST", "", {"isGroup": True}),
        ("members", "GET", "{room}/pagedmembers", None),
        ("members", "GET", "{room}/members/29:1", None),
        ("teams", "GET", "/v3/teams/1", None),
        ("teams", "GET", "/v3/teams/1/conversations", None),
        ("image", "GET", "/v3/attachments/1/views/original", None),
        ("graph.messages", "GET", "/v1.0/teams/1/channels/2/messages", None),
        ("graph.messages", "GET", "/v1.0/teams/1/channels/2/messages/3/replies", None),
        ("graph.file", "GET", "/v1.0/shares/u!1/driveItem/content", None),
        ("keys", "GET", "/v1/.well-known/keys", None),
        ("token", "POST", "/tenant/oauth2/v2.0/token", None),
        ("download", "GET", "/download/1", None),
    ],
)
async def test_every_call_can_be_made_to_fail(
    teams: TeamsSandbox, bot: Bot, room: str, name: str, method: str, path: str, body: Any
) -> None:
    whole = path if path.startswith("/") else f"/v3/conversations/{path.format(room=room)}".rstrip("/")
    teams.faults.order(name, Fault(status=418))
    assert (await bot.call(method, whole, body))[0] == 418
    assert (await bot.call(method, whole, body))[0] != 418
