"""The sandbox's Microsoft Graph: what an app with resource-specific consent reads, and what it does not."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from sandbox.faults import Fault
from sandbox.teams import TeamsSandbox
from tests.sandbox.teams_peer import Body, Bot, card, post, words, working

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def teams() -> AsyncIterator[TeamsSandbox]:
    async with TeamsSandbox(limits=False, retry_delays=()) as server:
        yield server


@pytest.fixture
async def bot(teams: TeamsSandbox) -> AsyncIterator[Bot]:
    async with working(teams) as listening:
        teams.connect(None)
        yield listening


@pytest.fixture
def bea(teams: TeamsSandbox) -> str:
    return teams.add_user("Bea Novak")


@pytest.fixture
async def team(teams: TeamsSandbox, bea: str) -> str:
    made = teams.add_team("Support", [bea])
    await teams.install(made)
    return made


@pytest.fixture
def room(teams: TeamsSandbox, team: str) -> str:
    return teams.add_channel(team, "customers")


@pytest.fixture
def listed(teams: TeamsSandbox, team: str, room: str) -> str:
    return f"/v1.0/teams/{teams.world.teams[team].aad_group}/channels/{quote(room)}/messages"


async def code(bot: Bot, path: str) -> tuple[int, str]:
    status, answer = await bot.call("GET", path)
    return status, answer["error"]["code"] if isinstance(answer, dict) and "error" in answer else ""


async def test_messages_come_newest_first_in_pages(
    teams: TeamsSandbox, bot: Bot, bea: str, room: str, listed: str
) -> None:
    roots = [await teams.person_posts(bea, room, f"root {number}") for number in range(3)]
    replies = [await bot.posts(f"{room};messageid={roots[0]}", post(card(words(f"{number}")))) for number in range(5)]
    await bot.log_in("https://graph.microsoft.com")
    found: list[Body] = []
    following: Any = f"{listed}?$top=2"
    while following:
        status, page = await bot.call("GET", following)
        assert status == 200
        assert len(page["value"]) <= 2
        found += page["value"]
        following = page.get("@odata.nextLink")
    assert [one["id"] for one in found] == [roots[0], roots[2], roots[1]], "the thread that was answered comes first"
    status, page = await bot.call("GET", f"{listed}/{roots[0]}/replies?$top=50")
    assert [one["id"] for one in page["value"]] == replies[::-1]
    assert {one["replyToId"] for one in page["value"]} == {roots[0]}
    status, one = await bot.call("GET", f"{listed}/{roots[0]}/replies/{replies[1]}")
    assert (status, one["id"]) == (200, replies[1])
    assert (await code(bot, f"{listed}/{replies[1]}"))[0] == 404
    assert (await code(bot, f"{listed}/{roots[1]}/replies/{replies[1]}"))[0] == 404


async def test_our_cards_come_as_strings_and_peoples_words_as_html(
    teams: TeamsSandbox, bot: Bot, bea: str, room: str, listed: str
) -> None:
    body = {"type": "Container", "id": "tb:key-1", "items": [words("Hello")]}
    ours = await bot.posts(room, post(card(body), summary="Hello"))
    hers = await teams.person_posts(bea, room, "**hi** <you>", ours, mention_bot=True)
    await bot.log_in("https://graph.microsoft.com")
    _status, root = await bot.call("GET", f"{listed}/{ours}")
    assert (root["from"]["application"]["id"], root["from"]["user"]) == (teams.app_id, None)
    (attachment,) = root["attachments"]
    assert json.loads(attachment["content"])["body"][0]["id"] == "tb:key-1"
    assert root["body"]["content"] == f'<attachment id="{attachment["id"]}"></attachment>'
    _status, reply = await bot.call("GET", f"{listed}/{ours}/replies/{hers}")
    assert reply["from"]["user"]["displayName"] == "Bea Novak"
    expected = '<p><at id="0">Threadbridge</at>&nbsp;<strong>hi</strong> &lt;you&gt;</p>'
    assert reply["body"] == {"contentType": "html", "content": expected}
    assert reply["mentions"][0]["mentioned"]["application"]["id"] == teams.app_id
    await teams.person_deletes(bea, room, hers)
    _status, gone = await bot.call("GET", f"{listed}/{ours}/replies/{hers}")
    assert (gone["deletedDateTime"] is not None, gone["body"]["content"]) == (True, "")
    assert (await bot.call("GET", f"{listed}/{ours}/replies"))[1]["value"][0]["id"] == hers


async def test_who_may_not_read_is_told_so(teams: TeamsSandbox, bot: Bot, team: str, room: str, listed: str) -> None:
    assert await code(bot, listed) == (401, "InvalidAuthenticationToken")
    await bot.log_in("https://graph.microsoft.com")
    assert (await code(bot, listed))[0] == 200
    assert await code(bot, f"/v1.0/teams/{quote(team)}/channels/{quote(room)}/messages") == (400, "BadRequest")
    unknown = "00000000-0000-0000-0000-000000000000"
    assert await code(bot, f"/v1.0/teams/{unknown}/channels/{quote(room)}/messages") == (404, "NotFound")
    assert await code(bot, f"{listed}?$top=51") == (400, "BadRequest")
    assert await code(bot, f"{listed}?$filter=x") == (400, "BadRequest")
    assert await code(bot, f"{listed}/12345") == (404, "NotFound")
    teams.world.rsc = False
    assert await code(bot, listed) == (403, "Forbidden")
    teams.world.rsc = True
    teams.faults.order("graph.messages", Fault(status=429, headers={"Retry-After": "3"}))
    assert (await code(bot, listed))[0] == 429
    await teams.uninstall(team)
    assert await code(bot, listed) == (403, "Forbidden")


async def test_pictures_and_files(teams: TeamsSandbox, bot: Bot, bea: str, room: str, listed: str) -> None:
    root = await teams.person_posts(bea, room, "root")
    files = [("shot.png", "image/png", PNG), ("a list.pdf", "application/pdf", b"%PDF")]
    id = await teams.person_posts(bea, room, "see", root, files=files)
    await bot.log_in("https://graph.microsoft.com")
    _status, message = await bot.call("GET", f"{listed}/{root}/replies/{id}")
    picture = message["body"]["content"].partition('src="')[2].partition('"')[0]
    assert await bot.call("GET", picture) == (200, PNG)
    (reference,) = message["attachments"]
    assert (reference["contentType"], reference["name"]) == ("reference", "a list.pdf")
    assert f'<attachment id="{reference["id"]}"></attachment>' in message["body"]["content"]
    share = "u!" + base64.urlsafe_b64encode(reference["contentUrl"].encode()).decode().rstrip("=")
    content = f"/v1.0/shares/{share}/driveItem/content"
    assert await code(bot, content) == (403, "accessDenied")
    teams.world.files_permission = True
    assert await bot.call("GET", content) == (200, b"%PDF")
    status, _answer, headers = await bot.whole("GET", content, allow_redirects=False)
    assert status == 302
    assert await code(bot, "/v1.0/shares/u!eA/driveItem/content") == (404, "itemNotFound")
    assert await code(bot, "/v1.0/shares/plain/driveItem/content") == (400, "invalidRequest")
    bot.token = ""
    assert await bot.call("GET", headers["Location"]) == (200, b"%PDF"), "the address itself needs no token"
    assert (await bot.call("GET", headers["Location"].partition("?")[0]))[0] == 401
    assert (await code(bot, picture))[0] == 401


async def test_graph_may_lag_behind(teams: TeamsSandbox, bot: Bot, room: str, listed: str) -> None:
    await bot.posts(room, post(card(words())))
    await bot.log_in("https://graph.microsoft.com")
    teams.world.graph_lag = 60.0
    assert (await bot.call("GET", listed))[1]["value"] == []
    teams.world.graph_lag = 0.0
    assert len((await bot.call("GET", listed))[1]["value"]) == 1
