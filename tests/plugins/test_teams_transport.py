"""What goes out: every call of Microsoft's, what its answers mean, and where our token never goes."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from core.contracts.errors import (
    AdapterError,
    DestinationUnavailable,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from plugins.teams import rest
from plugins.teams.transport import Transport
from sandbox.faults import Fault
from sandbox.teams import TeamsSandbox
from tests.plugins.teams_microsoft import ROOM, THREAD, TOKEN, Json, Microsoft, transporting

ACTIVITIES = f"/v3/conversations/{THREAD}/activities"
ONE = f"{ACTIVITIES}/5"
CARD: Json = {
    "type": "message",
    "attachments": [
        {
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "type": "AdaptiveCard",
                "version": "1.5",
                "body": [{"type": "RichTextBlock", "inlines": ["Hi"]}],
            },
        }
    ],
}


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


async def drained(transport: Transport, url: str, *, graph: bool = False, taken: list[bytes] | None = None) -> bytes:
    taken = [] if taken is None else taken
    async for chunk in transport.graph_download(url) if graph else transport.download(url):
        taken.append(chunk)
    return b"".join(taken)


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


Becomes = type[AdapterError]
Unavailable, Permanent, Temporary = DestinationUnavailable, PermanentFailure, TemporaryFailure
# Status, body, headers; what a post becomes, and what anything repeatable becomes; words that must be said.
ANSWERS: list[tuple[int, str, dict[str, str], Becomes, Becomes, str]] = [
    (400, "BadArgument", {}, Permanent, Permanent, "BadArgument"),
    (403, "MessageWritesBlocked", {}, Unavailable, Unavailable, "archived"),
    (403, "BotDisabledByAdmin", {}, Unavailable, Unavailable, "admin center"),
    (403, "InvalidBotApiHost", {}, Unavailable, Unavailable, 'cloud = "gcc"'),
    (403, "", {}, Unavailable, Unavailable, "Manage team"),
    (404, "ConversationNotFound", {}, Unavailable, Unavailable, "restore it"),
    (404, "ActivityNotFoundInConversation", {}, Permanent, Permanent, "no longer"),
    (412, "PreconditionFailed", {}, Temporary, Temporary, "busy"),
    (413, "MessageSizeTooBig", {}, Permanent, Permanent, "too large"),
    (429, "Throttled", {"Retry-After": "7"}, Temporary, Temporary, "wait"),
    (500, "ServiceError", {}, OutcomeUnknown, Temporary, "ServiceError"),
    (502, "", {}, OutcomeUnknown, Temporary, "502"),
    (503, "", {}, OutcomeUnknown, Temporary, "503"),
    (503, "", {"Retry-After": "9"}, Temporary, Temporary, "wait"),
    (504, "", {}, OutcomeUnknown, Temporary, "504"),
    (408, "", {}, OutcomeUnknown, Temporary, "408"),
]


@pytest.mark.parametrize(("status", "code", "headers", "post", "other", "words"), ANSWERS)
async def test_what_an_answer_means(
    microsoft: Microsoft,
    transport: Transport,
    status: int,
    code: str,
    headers: dict[str, str],
    post: Becomes,
    other: Becomes,
    words: str,
) -> None:
    answer = web.json_response({"error": {"code": code}} if code else {}, status=status, headers=headers)
    microsoft.order(ACTIVITIES, answer)
    microsoft.order(ONE, answer)
    with pytest.raises(AdapterError, match=words) as posted:
        await transport.post(microsoft.url, THREAD, CARD)
    with pytest.raises(AdapterError, match=words) as updated:
        await transport.update(microsoft.url, THREAD, "5", CARD)
    with pytest.raises(AdapterError, match=words) as deleted:
        await transport.delete(microsoft.url, THREAD, "5")
    assert (type(posted.value), type(updated.value), type(deleted.value)) == (post, other, other)
    if "Retry-After" in headers:
        assert posted.value.retry_after == float(headers["Retry-After"])  # type: ignore[attr-defined]
    if post is OutcomeUnknown:
        assert len(microsoft.calls(wire(ACTIVITIES))) == 1, "a post is never repeated blindly"


def wire(path: str) -> str:
    """A path of the thread's as it is percent-encoded."""
    return path.replace(THREAD, THREAD.replace(":", "%3A").replace("@", "%40").replace(";", "%3B").replace("=", "%3D"))


async def test_reasons_tell_the_core_what_to_offer(microsoft: Microsoft, transport: Transport) -> None:
    expected = {
        (413, "MessageSizeTooBig"): FailureReason.TOO_LARGE,
        (400, "BadSyntax"): FailureReason.BAD_CONTENT,
        (404, "ActivityNotFoundInConversation"): FailureReason.RECIPIENT_GONE,
        (403, "BotNotInConversationRoster"): FailureReason.MISCONFIGURED,
    }
    answers = [web.json_response({"error": {"code": code}}, status=status) for status, code in expected]
    microsoft.order(ACTIVITIES, *answers)
    for reason in expected.values():
        with pytest.raises(PermanentFailure) as raised:
            await transport.post(microsoft.url, THREAD, CARD)
        assert raised.value.reason is reason


@pytest.mark.parametrize("status", [412, 500, 502, 503, 504])
async def test_what_may_be_repeated_is_tried_again_within_the_call(
    microsoft: Microsoft, transport: Transport, status: int
) -> None:
    bad, good = web.Response(status=status), web.json_response({})
    for path in (ONE, f"{ONE}/reactions/like", f"/v3/teams/{ROOM}"):
        microsoft.order(path, bad, bad, good)
    await transport.update(microsoft.url, THREAD, "5", CARD)
    await transport.react(microsoft.url, THREAD, "5", "like", added=True)
    await transport.team(microsoft.url, ROOM)
    assert len(microsoft.others) == 9


async def test_a_post_that_surely_did_not_happen_is_tried_again(microsoft: Microsoft, transport: Transport) -> None:
    microsoft.order(ACTIVITIES, web.Response(status=412), web.json_response({"id": "9"}))
    assert await transport.post(microsoft.url, THREAD, CARD) == "9"


async def test_whoever_posts_while_throttled_waits_in_the_outbox(microsoft: Microsoft, transport: Transport) -> None:
    microsoft.order(ACTIVITIES, web.Response(status=429, headers={"Retry-After": "1"}))
    microsoft.order(ONE, web.Response(status=429))
    with pytest.raises(TemporaryFailure) as posted:
        await transport.post(microsoft.url, THREAD, CARD)
    with pytest.raises(TemporaryFailure) as updated:
        await transport.update(microsoft.url, THREAD, "5", CARD)
    assert (posted.value.retry_after, updated.value.retry_after) == (1, 2)
    assert len(microsoft.others) == 2


@pytest.mark.parametrize(("given", "seconds"), [("99999999", 3600), ("nan", 2), ("soon", 2), ("-5", 2), ("", 2)])
async def test_an_odd_retry_after_is_brought_into_bounds(
    microsoft: Microsoft, transport: Transport, given: str, seconds: float
) -> None:
    microsoft.order(ACTIVITIES, web.Response(status=429, headers={"Retry-After": given}))
    with pytest.raises(TemporaryFailure) as raised:
        await transport.post(microsoft.url, THREAD, CARD)
    assert raised.value.retry_after == seconds


async def test_a_post_without_an_answer_is_in_doubt_and_an_edit_is_not(
    microsoft: Microsoft, transport: Transport
) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    microsoft.order(ACTIVITIES, cut)
    microsoft.order(ONE, cut)
    with pytest.raises(OutcomeUnknown):
        await transport.post(microsoft.url, THREAD, CARD)
    with pytest.raises(TemporaryFailure) as raised:
        await transport.update(microsoft.url, THREAD, "5", CARD)
    assert not isinstance(raised.value, OutcomeUnknown)
    assert len(microsoft.calls(wire(ACTIVITIES))) == 1


async def test_an_answer_that_takes_too_long_leaves_a_post_in_doubt(
    microsoft: Microsoft, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "TIMEOUT", rest.aiohttp.ClientTimeout(total=0.1))
    microsoft.delay = 20
    with pytest.raises(OutcomeUnknown):
        await transport.post(microsoft.url, THREAD, CARD)
    assert len(microsoft.others) == 1
    with pytest.raises(TemporaryFailure) as raised:
        await transport.team(microsoft.url, ROOM)
    assert type(raised.value) is TemporaryFailure
    assert len(microsoft.others) == 1 + rest.TRIES


async def test_a_service_that_cannot_be_reached_was_surely_not_told(microsoft: Microsoft) -> None:
    token = {"access_token": "token", "expires_in": 3600}
    microsoft.order(TOKEN, web.json_response(token, headers={"Connection": "close"}))
    async with transporting(microsoft.url) as transport:
        await transport.check_token()
        await microsoft._server.close()
        with pytest.raises(TemporaryFailure, match="cannot be reached") as raised:
            await transport.post(microsoft.url, THREAD, CARD)
    assert type(raised.value) is TemporaryFailure


@pytest.mark.parametrize(
    "answer",
    [
        web.json_response({}),
        web.Response(status=201),
        web.Response(status=200, text="<html>"),
        web.json_response([1]),
        web.json_response({"id": ""}),
        web.json_response({"id": None}),
    ],
)
async def test_a_post_that_says_no_id_is_in_doubt(
    microsoft: Microsoft, transport: Transport, answer: web.Response
) -> None:
    microsoft.order(ACTIVITIES, answer)
    with pytest.raises(OutcomeUnknown):
        await transport.post(microsoft.url, THREAD, CARD)


async def test_an_answer_without_end_is_not_read_to_its_end(
    microsoft: Microsoft, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "MOST_BYTES", 100_000)
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while sent < 50_000_000:
            await response.write(b"x" * 65_536)
            sent += 65_536
        return response

    microsoft.order(ACTIVITIES, endless)
    microsoft.order(f"/v3/teams/{ROOM}", endless)
    with pytest.raises(OutcomeUnknown, match="longer than it should be"):
        await transport.post(microsoft.url, THREAD, CARD)
    with pytest.raises(PermanentFailure, match="longer than it should be"):
        await transport.team(microsoft.url, ROOM)
    assert sent < 50_000_000


@pytest.mark.parametrize("body", [b"\xff\xfe", b"[" * 100_000, b'{"error": 5}', b'{"error": "x"}', b"<html>", b"null"])
async def test_odd_errors_become_sentences_too(microsoft: Microsoft, transport: Transport, body: bytes) -> None:
    microsoft.order(ACTIVITIES, web.Response(status=400, body=body))
    with pytest.raises(PermanentFailure) as raised:
        await transport.post(microsoft.url, THREAD, CARD)
    assert 15 < len(str(raised.value)) < 400
    assert "\n" not in str(raised.value)


async def test_a_picture_goes_in_one_post(microsoft: Microsoft, transport: Transport) -> None:
    large = {
        **CARD,
        "attachments": [{"contentType": "image/png", "contentUrl": "data:image/png;base64," + "A" * 1_400_000}],
    }
    assert await transport.post(microsoft.url, THREAD, large) == "1"
    assert json.loads(microsoft.others[0].body) == large


GRAPH_ANSWERS: list[tuple[int, Becomes, FailureReason | None]] = [
    (401, PermanentFailure, FailureReason.MISCONFIGURED),
    (403, PermanentFailure, FailureReason.MISCONFIGURED),
    (404, PermanentFailure, FailureReason.RECIPIENT_GONE),
    (410, PermanentFailure, FailureReason.RECIPIENT_GONE),
    (400, PermanentFailure, FailureReason.UNKNOWN),
    (429, TemporaryFailure, None),
    (503, TemporaryFailure, None),
]


@pytest.mark.parametrize(("status", "becomes", "reason"), GRAPH_ANSWERS)
async def test_what_graph_refuses_pauses_nothing_else(
    microsoft: Microsoft, transport: Transport, status: int, becomes: Becomes, reason: FailureReason | None
) -> None:
    answer = web.json_response({"error": {"code": "Odd", "message": "Because."}}, status=status)
    microsoft.order("/v1.0/x", answer)
    for call in (transport.graph("/x"), drained(transport, "/x", graph=True)):
        with pytest.raises(becomes) as raised:
            await call
        assert type(raised.value) is becomes
        assert getattr(raised.value, "reason", None) is reason


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


async def test_a_lost_answer_to_a_post_is_in_doubt_in_the_sandbox_too(teams: TeamsSandbox) -> None:
    team = teams.add_team("Support", [teams.add_user("Bea")])
    await teams.install(team)
    teams.faults.order("post", Fault(drop="after"))
    async with transporting(teams.url) as transport:
        with pytest.raises(OutcomeUnknown):
            await transport.post(teams.url, team, CARD)
    assert len(teams.messages(team)) == 1


async def test_in_development_no_token_is_asked_for_and_none_is_sent(microsoft: Microsoft) -> None:
    local: dict[str, Any] = {"development": True, "app_id": "", "tenant_id": "", "app_secret": "", "api_url": ""}
    async with transporting(microsoft.url, **local) as transport:
        await transport.post(microsoft.url, THREAD, CARD)
        await drained(transport, f"{microsoft.url}/file")
        with pytest.raises(PermanentFailure):
            await transport.post("https://smba.trafficmanager.net/amer/", THREAD, CARD)
    assert [call.token for call in microsoft.heard] == ["", ""]


async def test_many_who_were_refused_at_one_moment_do_not_come_back_at_one_moment(
    microsoft: Microsoft, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    real = asyncio.sleep

    async def noted(seconds: float) -> None:
        if seconds >= rest.PAUSE:
            waits.append(seconds)
        await real(0)

    monkeypatch.setattr(rest.asyncio, "sleep", noted)
    microsoft.order(f"/v3/teams/{ROOM}", web.Response(status=502))
    async with transporting(microsoft.url) as transport:
        tries = [transport.team(microsoft.url, ROOM) for _ in range(10)]
        assert all(isinstance(one, TemporaryFailure) for one in await asyncio.gather(*tries, return_exceptions=True))
    assert len(waits) == 20
    assert len({round(wait, 4) for wait in waits}) > 15
    assert max(waits) <= 2 * rest.PAUSE * 1.5
