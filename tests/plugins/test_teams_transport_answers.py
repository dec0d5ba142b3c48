"""What Microsoft's answers mean to the core, and what is tried again where."""

import asyncio
from collections.abc import AsyncIterator

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
from tests.plugins.teams_microsoft import (
    ACTIVITIES,
    CARD,
    ONE,
    ROOM,
    THREAD,
    TOKEN,
    Microsoft,
    drained,
    transporting,
)


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


async def test_a_lost_answer_to_a_post_is_in_doubt_in_the_sandbox_too(teams: TeamsSandbox) -> None:
    team = teams.add_team("Support", [teams.add_user("Bea")])
    await teams.install(team)
    teams.faults.order("post", Fault(drop="after"))
    async with transporting(teams.url) as transport:
        with pytest.raises(OutcomeUnknown):
            await transport.post(teams.url, team, CARD)
    assert len(teams.messages(team)) == 1


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
