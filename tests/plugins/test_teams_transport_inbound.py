"""What comes in: only what Microsoft signed for us, for this activity, lately, gets past the door."""

import base64
import json
from collections.abc import AsyncIterator, Callable

import jwt
import pytest

from plugins.teams.transport import MOST_BYTES
from sandbox.teams import TeamsSandbox
from tests.plugins.teams_microsoft import Clock, Json, teams_settings
from tests.plugins.teams_proving import Door, fetches, message, now, opened


@pytest.fixture
async def teams() -> AsyncIterator[TeamsSandbox]:
    async with TeamsSandbox(limits=False) as server:
        yield server


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def door(teams: TeamsSandbox, clock: Clock) -> AsyncIterator[Door]:
    async with opened(teams, clock) as opening:
        yield opening


def spliced(teams: TeamsSandbox, claims: Json) -> str:
    """Claims of somebody's own under a signature that was made for others."""
    head, _body, signature = teams.mint().split(".")
    body = {**jwt.decode(teams.mint(), options={"verify_signature": False}), **claims}
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip('=')}.{signature}"


BAD: dict[str, Callable[[TeamsSandbox], str | None]] = {
    "none": lambda teams: None,
    "empty": lambda teams: "",
    "only the scheme": lambda teams: "Bearer",
    "only the scheme and spaces": lambda teams: "Bearer   ",
    "garbage": lambda teams: "Bearer garbage",
    "three parts of garbage": lambda teams: "Bearer a.b.c",
    "another scheme": lambda teams: f"Basic {teams.mint()}",
    "no scheme": lambda teams: teams.mint(),
    "a header of deep lists": lambda teams: f"Bearer {base64.urlsafe_b64encode(b'[' * 4000).decode()}.e30.e30",
    "a body of deep lists": lambda teams: (
        f"Bearer {teams.mint().split('.')[0]}.{base64.urlsafe_b64encode(b'[' * 4000).decode()}.e30"
    ),
    "wrong aud": lambda teams: f"Bearer {teams.mint(aud='11111111-1111-1111-1111-111111111111')}",
    "missing aud": lambda teams: f"Bearer {teams.mint(aud=None)}",
    "a list as aud": lambda teams: f"Bearer {teams.mint(aud=[teams.app_id])}",
    "wrong iss": lambda teams: f"Bearer {teams.mint(iss='https://sts.windows.net/x/')}",
    "missing iss": lambda teams: f"Bearer {teams.mint(iss=None)}",
    "wrong serviceurl": lambda teams: f"Bearer {teams.mint(serviceurl='https://smba.trafficmanager.net/amer/')}",
    "missing serviceurl": lambda teams: f"Bearer {teams.mint(serviceurl=None)}",
    "expired": lambda teams: f"Bearer {teams.mint(exp=now() - 320)}",
    "missing exp": lambda teams: f"Bearer {teams.mint(exp=None)}",
    "a word as exp": lambda teams: f"Bearer {spliced(teams, {'exp': 'never'})}",
    "not begun": lambda teams: f"Bearer {teams.mint(nbf=now() + 320)}",
    "forged under a known kid": lambda teams: (
        f"Bearer {teams.mint(key='stranger', kid=jwt.get_unverified_header(teams.mint())['kid'])}"
    ),
    "a stranger's key": lambda teams: f"Bearer {teams.mint(key='stranger')}",
    "another's claims": lambda teams: f"Bearer {spliced(teams, {'nbf': 0})}",
    "HS256": lambda teams: f"Bearer {teams.mint(alg='HS256')}",
    "none as alg": lambda teams: f"Bearer {teams.mint(alg='none')}",
    "RS512": lambda teams: f"Bearer {teams.mint(alg='RS512')}",
    "a key that is not endorsed for Teams": lambda teams: f"Bearer {teams.mint(key='unendorsed')}",
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_token_is_401_and_delivers_nothing(teams: TeamsSandbox, door: Door, kind: str) -> None:
    assert await door.post(message(teams), BAD[kind](teams)) == 401
    assert await door.post(message(teams, type="invoke", name="task/submit"), BAD[kind](teams)) == 401
    assert door.delivered == []
    # The same activity under a good token passes, so nothing else was at fault.
    assert await door.signed() == 200


GOOD: dict[str, Callable[[TeamsSandbox], str]] = {
    "as it is": lambda teams: f"Bearer {teams.mint()}",
    "lower-case scheme": lambda teams: f"bearer {teams.mint()}",
    "more spaces": lambda teams: f"Bearer   {teams.mint()}  ",
    "no slash behind serviceurl": lambda teams: f"Bearer {teams.mint(serviceurl=teams.url)}",
    "expired two minutes ago": lambda teams: f"Bearer {teams.mint(exp=now() - 120)}",
    "beginning in two minutes": lambda teams: f"Bearer {teams.mint(nbf=now() + 120)}",
    "without a beginning": lambda teams: f"Bearer {teams.mint(nbf=None)}",
    "the app's address as aud": lambda teams: f"Bearer {teams.mint(aud=f'api://{teams.app_id}')}",
    "the bot's address as aud": lambda teams: f"Bearer {teams.mint(aud=f'api://botid-{teams.app_id}')}",
}


@pytest.mark.parametrize("kind", GOOD)
async def test_a_good_token_delivers_what_was_said(teams: TeamsSandbox, door: Door, kind: str) -> None:
    sent = message(teams)
    assert await door.post(sent, GOOD[kind](teams)) == 200
    assert door.delivered == [sent], "not even a field that the SDK's models do not know is lost"


async def test_what_the_sandbox_brings_by_itself_is_delivered(teams: TeamsSandbox, door: Door) -> None:
    teams.connect(door.url)
    bea = teams.add_user("Bea")
    team = teams.add_team("Support", [bea])
    await teams.install(team)
    await teams.person_posts(bea, team, "Good morning")
    await teams.idle()
    assert [record.status for record in teams.deliveries] == [200] * 3
    assert [activity["type"] for activity in door.delivered] == ["conversationUpdate", "installationUpdate", "message"]


async def test_tokens_that_name_neither_us_nor_microsoft_cost_no_fetch(
    teams: TeamsSandbox, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = fetches(teams, monkeypatch)
    for kind in ("wrong aud", "wrong iss", "expired", "HS256", "none as alg", "garbage"):
        assert await door.post(message(teams), BAD[kind](teams)) == 401
    assert asked == []


@pytest.mark.parametrize(
    "changes",
    [
        {"serviceUrl": "https://smba.trafficmanager.net/amer/"},
        {"serviceUrl": "https://attacker.example/"},
        {"serviceUrl": "http://127.0.0.1:1/"},
        {"serviceUrl": ""},
        {"serviceUrl": ["https://smba.trafficmanager.net/"]},
        {"serviceUrl": 5},
        {"channelId": 5},
        {"serviceUrl": None},
        {"channelId": "emulator"},
        {"channelId": "directline"},
        {"channelId": None},
    ],
)
async def test_an_activity_of_elsewhere_is_401_whatever_its_token_says(
    teams: TeamsSandbox, door: Door, changes: Json
) -> None:
    forged = message(teams, **changes)
    assert await door.post(forged, f"Bearer {teams.mint(serviceurl=changes.get('serviceUrl'))}") == 401
    without = {name: value for name, value in forged.items() if name not in changes}
    assert await door.post(without, f"Bearer {teams.mint()}") == 401
    assert door.delivered == []
    assert teams.token_requests == []


@pytest.mark.parametrize("more", ["?x=", "#x", "/../?a"])
async def test_a_service_url_with_more_than_a_path_is_refused(teams: TeamsSandbox, door: Door, more: str) -> None:
    address = f"{teams.url}/{more}"
    assert await door.post(message(teams, serviceUrl=address), f"Bearer {teams.mint(serviceurl=address)}") == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b'"message"',
        b"null",
        b"{}",
        b'{"type": 5}',
        b'{"type": null}',
        b'{"type": "message", "text": NaN}',
        b"[" * 100_000,
        b'{"type": "message", "value": ' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"type": "message", "text": "\xff"}',
    ],
)
async def test_what_is_no_activity_is_400(teams: TeamsSandbox, door: Door, body: bytes) -> None:
    assert await door.post(body, f"Bearer {teams.mint()}") == 400
    assert await door.post(body) == 401, "a stranger's body is not even read"
    assert door.delivered == []


@pytest.mark.parametrize(
    "changes",
    [
        {"timestamp": "yesterday"},
        {"timestamp": 5},
        {"timestamp": "2026-99-99T00:00:00Z"},
        {"attachments": 5},
        {"entities": ["x"]},
        {"from": "bea"},
    ],
)
async def test_a_malformed_activity_is_400(teams: TeamsSandbox, door: Door, changes: Json) -> None:
    assert await door.signed(message(teams, **changes)) == 400
    assert door.delivered == []


async def test_a_body_that_is_too_large_is_413(teams: TeamsSandbox, door: Door) -> None:
    assert await door.signed(message(teams, text="x" * MOST_BYTES)) == 413
    assert await door.signed(message(teams, text="x" * 200_000)) == 200


@pytest.mark.parametrize("name", ["adaptiveCard/action", "task/fetch", "composeExtension/query"])
async def test_invokes_come_through_whole(teams: TeamsSandbox, door: Door, name: str) -> None:
    sent = message(teams, type="invoke", name=name, value={"action": {"verb": "claim", "data": {"deep": [1, {}]}}})
    assert await door.signed(sent) == 200
    assert door.delivered == [sent]


async def test_answers_that_are_expected_in_the_same_request_change_nothing(teams: TeamsSandbox, door: Door) -> None:
    assert await door.signed(message(teams, deliveryMode="expectReplies")) == 200
    assert len(door.delivered) == 1


async def test_in_development_unsigned_activities_come_from_this_machine_only(
    teams: TeamsSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    local: Json = {"development": True, "app_id": "", "tenant_id": "", "app_secret": "", "api_url": ""}
    async with opened(teams, **local) as door:
        assert [record.action for record in caplog.records if hasattr(record, "action")] == ["teams_unsigned"]
        assert await door.post(message(teams)) == 200
        assert await door.post(message(teams), Host="localhost:8700") == 200
        delivered = list(door.delivered)
        assert await door.post(message(teams), Host="support.example.com") == 401
        assert await door.post(message(teams), Host="localhost.example.com") == 401
        assert await door.post(message(teams), **{"X-Forwarded-For": "203.0.113.7"}) == 401
        assert await door.post(message(teams, serviceUrl="https://smba.trafficmanager.net/amer/")) == 401
        assert await door.post(message(teams, serviceUrl="http://203.0.113.7/")) == 401
        assert door.delivered == delivered
    assert teams.token_requests == []


async def test_a_token_of_another_cloud_is_refused(teams: TeamsSandbox) -> None:
    async with opened(teams, cloud="gcch") as door:
        assert await door.signed() == 401
        assert await door.signed(iss="https://api.botframework.us") == 200


async def test_settings_without_development_ask_for_a_token_always(teams: TeamsSandbox) -> None:
    assert not teams_settings(teams.url).development
