"""What comes in: only what Microsoft signed for us, for this activity, lately, gets past the door."""

import asyncio
import base64
import io
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from core.contracts.errors import RequestRejected
from plugins.teams import keys
from plugins.teams.transport import MOST_BYTES, Transport
from sandbox.faults import Fault
from sandbox.teams import TeamsSandbox
from tests.plugins.teams_microsoft import Clock, Json, teams_settings, transporting


class Door:
    """The endpoint that Microsoft calls, around a transport and nothing else."""

    def __init__(self, teams: TeamsSandbox, transport: Transport, session: aiohttp.ClientSession) -> None:
        self.teams, self.transport, self.session = teams, transport, session
        self.delivered: list[Json] = []
        self.url = ""

    async def endpoint(self, request: web.Request) -> web.Response:
        try:
            self.delivered.append(await self.transport.receive(request.headers, await request.read()))
        except RequestRejected as rejected:
            return web.Response(status=rejected.status, text=str(rejected))
        return web.Response()

    async def post(self, body: Any, authorization: str | None = None, **headers: str) -> int:
        """Brings a body as Microsoft would; the status of the answer."""
        if authorization is not None:
            headers["Authorization"] = authorization
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(self.url, data=io.BytesIO(raw), headers=headers) as answer:
            return answer.status

    async def signed(self, body: Json | None = None, **token: Any) -> int:
        """Brings an activity under a token of the sandbox's Bot Connector, with the defects given."""
        return await self.post(body or message(self.teams), f"Bearer {self.teams.mint(**token)}")


def message(teams: TeamsSandbox, **changes: Any) -> Json:
    """An activity as Teams brings it."""
    return {
        "type": "message",
        "id": "1700000000001",
        "timestamp": "2026-11-28T10:00:00.000Z",
        "channelId": "msteams",
        "serviceUrl": f"{teams.url}/",
        "from": {"id": "29:bea", "name": "Bea"},
        "conversation": {"id": "19:general@thread.tacv2;messageid=1700000000000", "tenantId": teams.tenant_id},
        "recipient": {"id": teams.bot_id, "name": "Threadbridge"},
        "text": "Hello",
        "entities": [{"type": "clientInfo", "locale": "de-DE"}],
        **changes,
    }


@asynccontextmanager
async def opened(teams: TeamsSandbox, clock: Clock | None = None, **settings: Any) -> AsyncIterator[Door]:
    async with aiohttp.ClientSession() as session, transporting(teams.url, clock, **settings) as transport:
        door = Door(teams, transport, session)
        application = web.Application(client_max_size=16 * 1024 * 1024)
        application.router.add_post("/messages", door.endpoint)
        async with TestServer(application) as server:
            door.url = str(server.make_url("/messages"))
            yield door


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


def fetches(teams: TeamsSandbox, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every fetch of the sandbox's keys from now on."""
    seen: list[str] = []
    real = teams.faults.take

    def take(name: str) -> Fault | None:
        if name == "keys":
            seen.append(name)
        return real(name)

    monkeypatch.setattr(teams.faults, "take", take)
    return seen


def now() -> int:
    return int(time.time())


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


async def test_a_key_that_is_announced_after_our_last_fetch_works_at_once(teams: TeamsSandbox, door: Door) -> None:
    assert await door.signed() == 200
    for _ in range(3):
        teams.rotate_keys()
        assert await door.signed() == 200
        assert await door.signed(key="previous") == 200


async def test_a_key_that_is_announced_while_keys_are_being_fetched_works_at_once(
    teams: TeamsSandbox, door: Door
) -> None:
    assert await door.signed() == 200
    address = f"{teams.url}/v1/.well-known/keys"
    async with door.session.get(address) as answer:
        before = await answer.json()
    teams.faults.order("keys", Fault(status=200, body={"jwks_uri": address}))
    teams.faults.order("keys", Fault(status=200, body=before, delay=0.2))
    first = asyncio.create_task(door.signed(key="stranger"))
    async with asyncio.timeout(5):
        # Looked at from outside: the sandbox tells nobody when a fault has begun.
        while teams.faults._ordered["keys"]:  # noqa: ASYNC110
            await asyncio.sleep(0)
    # That fetch is under way, and its answer was made before this.
    teams.rotate_keys()
    assert await door.signed() == 200
    assert await first == 401


async def test_keys_are_fetched_once_for_all_who_wait_and_kept_for_a_day(
    teams: TeamsSandbox, door: Door, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = fetches(teams, monkeypatch)
    assert await asyncio.gather(*(door.signed() for _ in range(50))) == [200] * 50
    assert len(asked) == 2, "the metadata and the keys"
    clock.move(hours=22)
    assert await door.signed(exp=now() + 86_400 * 2) == 200
    assert len(asked) == 2
    clock.move(hours=3)
    assert await door.signed(exp=now() + 86_400 * 2) == 200
    assert len(asked) == 4


async def test_a_key_that_is_no_longer_announced_is_not_believed_for_ever(
    teams: TeamsSandbox, door: Door, clock: Clock
) -> None:
    old = teams.mint(exp=now() + 86_400 * 30)
    assert await door.post(message(teams), f"Bearer {old}") == 200
    teams.rotate_keys()
    teams.rotate_keys()
    clock.move(hours=25)
    assert await door.post(message(teams), f"Bearer {old}") == 401


async def test_keys_are_kept_while_they_cannot_be_fetched(
    teams: TeamsSandbox, door: Door, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    assert await door.signed() == 200
    teams.faults.stand("keys", Fault(status=503))
    for _ in range(3):
        clock.move(days=1, hours=1)
        assert await door.signed(exp=now() + 86_400 * 30) == 200
    assert [record.message for record in caplog.records if getattr(record, "action", "") == "keys_failed"] == [
        "Microsoft's signing keys could not be fetched"
    ]
    teams.rotate_keys()
    assert await door.signed(exp=now() + 86_400 * 30) == 503, "Microsoft brings it again"
    teams.faults.clear()
    clock.move(seconds=6)
    assert await door.signed(exp=now() + 86_400 * 30) == 200


ODD_KEYS: list[Json] = [
    {},
    {"keys": None},
    {"keys": [None, 1, "x", {}, {"kid": "1"}, {"kty": "RSA", "n": "!", "e": "AQAB", "kid": "1"}]},
    {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "1", "endorsements": ["msteams"]}]},
]


@pytest.mark.parametrize("answer", ODD_KEYS)
async def test_odd_keys_break_nothing_and_replace_nothing(
    teams: TeamsSandbox, door: Door, clock: Clock, answer: Json
) -> None:
    assert await door.signed() == 200
    teams.faults.order("keys", Fault(status=200, body={"jwks_uri": f"{teams.url}/v1/.well-known/keys"}))
    teams.faults.order("keys", Fault(status=200, body=answer))
    assert await door.signed(key="stranger") in {401, 503}
    assert await door.signed() == 200


@pytest.mark.parametrize(
    "address", ["", "http://example.com/keys", "file:///etc/passwd", "ftp://127.0.0.1/keys", "http://127.0.0.1:9/"]
)
async def test_keys_are_not_taken_from_an_address_that_is_not_safe(
    teams: TeamsSandbox, door: Door, address: str
) -> None:
    teams.faults.order("keys", Fault(status=200, body={"jwks_uri": address}))
    assert await door.signed() == 503
    assert door.delivered == []


async def test_without_any_keys_microsoft_is_asked_to_come_again(teams: TeamsSandbox, door: Door, clock: Clock) -> None:
    teams.faults.stand("keys", Fault(drop="before"))
    assert await door.signed() == 503
    assert door.delivered == []
    teams.faults.clear()
    clock.move(seconds=6)
    assert await door.signed() == 200


async def test_keys_that_do_not_come_hold_a_request_for_seconds_only(
    teams: TeamsSandbox, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "PATIENCE", 0.2)
    teams.faults.stand("keys", Fault(delay=30))
    async with asyncio.timeout(5):
        assert await door.signed() == 503
    teams.faults.clear()


async def test_a_flood_of_unknown_keys_makes_few_fetches(
    teams: TeamsSandbox, door: Door, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await door.signed() == 200
    asked = fetches(teams, monkeypatch)
    strangers = [door.signed(key="stranger", kid=f"stranger-{number}") for number in range(100)]
    assert set(await asyncio.gather(*strangers)) <= {401, 503}
    for number in range(30):
        assert await door.signed(key="stranger", kid=f"late-{number}") in {401, 503}
    assert len(asked) <= 2 * keys.AT_ONCE
    assert len(door.delivered) == 1
    # A key that is announced during the flood works a moment later; until then Microsoft is asked to come again.
    teams.rotate_keys()
    assert await door.signed() == 503
    clock.move(seconds=keys.AGAIN.total_seconds())
    assert await door.signed(key="stranger", kid="once more") == 401
    assert await door.signed() == 200
    assert len(asked) <= 2 * keys.AT_ONCE + 2


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
