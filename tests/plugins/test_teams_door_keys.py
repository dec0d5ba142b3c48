"""Signed nonsense, keys that come, go and cannot be read, and floods of strangers: before the whole Teams endpoint."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.faults import Fault
from sandbox.teams import TeamsSandbox
from tests.plugins.slack_peer import until
from tests.plugins.teams_forger import HOUR, ISSUER, announce, announced, claims_of, now, signed
from tests.plugins.teams_line import Door, Json, door


@pytest.fixture
async def at() -> AsyncIterator[Door]:
    async with door() as opened:
        yield opened


# What only a signature that is right could carry: our own key, announced in place of Microsoft's.


async def test_our_own_key_would_open_if_it_were_announced(at: Door) -> None:
    announce(at, announced())
    assert await at.bring(signed(claims_of(at))) == 200
    assert len(at.accepted) == 1


@pytest.mark.parametrize(
    "claims",
    [[], [1], None, "words", 5, b"", b"{", b"\xff\xfe", b"[" * 5000, b'{"exp":' + b"9" * 4000 + b"}", b'{"exp": NaN}'],
    ids=lambda value: repr(value)[:24],
)
async def test_claims_that_are_none_are_refused_though_signed(at: Door, claims: Any) -> None:
    announce(at, announced(), times=3)
    assert await at.bring(signed(claims)) == 401
    assert at.untouched()
    assert at.rejected == ["signature"]


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 10**4000},
        {"nbf": 10**4000},
        {"nbf": -(10**4000)},
        {"exp": float("inf"), "nbf": float("-inf")},
        {"exp": float("nan")},
        {"nbf": None},
        {"nbf": "0"},
        {"exp": {}},
        {"iss": [ISSUER]},
        {"aud": {}},
        {"aud": ""},
        {"serviceurl": {}},
        {"serviceurl": ""},
    ],
    ids=lambda changed: repr(changed)[:30],
)
async def test_strange_claims_are_refused_though_signed(at: Door, changed: Json) -> None:
    announce(at, announced(), times=3)
    assert await at.bring(signed(claims_of(at, **changed))) == 401
    assert at.untouched()
    assert at.rejected == ["signature"]


@pytest.mark.parametrize(
    "header",
    [
        {"kid": None},
        {"kid": 5},
        {"kid": ["ours"]},
        {"kid": ""},
        {"alg": None},
        {"alg": ["RS256"]},
        {"alg": "rs256"},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
    ],
    ids=lambda header: repr(header)[:30],
)
async def test_strange_headers_are_refused_though_signed(at: Door, header: Json) -> None:
    announce(at, announced(), times=3)
    assert await at.bring(signed(claims_of(at), **header)) == 401
    assert at.untouched()
    assert at.rejected == ["signature"]


@pytest.mark.parametrize(
    "bad",
    [
        "words",
        None,
        [],
        {},
        {"kid": "x"},
        {"kty": "oct", "k": "AAAA", "kid": "x"},
        {"kty": "RSA", "n": "AQ", "e": "AQAB", "kid": "x"},
        {"kty": "EC", "crv": "P-256", "x": "", "y": "", "kid": "x"},
        {name: value for name, value in announced().items() if name != "kid"},
        announced(key_id="y", endorsements=5),
        announced(key_id="y", endorsements=[{}, []]),
    ],
    ids=lambda entry: repr(entry)[:30],
)
async def test_a_key_that_cannot_be_read_spoils_no_other(at: Door, bad: Any) -> None:
    announce(at, bad, announced(), bad)
    assert await at.bring(signed(claims_of(at))) == 200


@pytest.mark.parametrize("endorsements", [None, [], ["webchat"], "msteams", {"msteams": True}, [["msteams"]]])
async def test_a_key_vouches_only_for_what_it_is_endorsed_for(at: Door, endorsements: Any) -> None:
    announce(at, announced(endorsements=endorsements), times=3)
    assert await at.bring(signed(claims_of(at))) == 401
    assert at.untouched()
    assert at.rejected == ["signature"]


async def test_a_short_key_proves_nothing(at: Door) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    entry = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(short.public_key()))
    announce(at, {**entry, "kid": "ours", "endorsements": ["msteams"]}, announced(key_id="other"), times=3)
    assert await at.bring(signed(claims_of(at), short)) == 401
    assert at.untouched()


# Keys.


def count_fetches(teams: TeamsSandbox, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When the published keys were asked for."""
    fetched: list[float] = []
    answering = teams.identity.keys

    async def counted(request: web.Request) -> web.StreamResponse:
        fetched.append(time.monotonic())
        return await answering(request)

    monkeypatch.setattr(teams.identity, "keys", counted)
    return fetched


async def test_many_who_come_with_a_new_key_at_once_all_come_in(at: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = count_fetches(at.teams, monkeypatch)
    assert await asyncio.gather(*(at.bring_signed() for _ in range(60))) == [200] * 60
    assert len(fetched) == 1
    at.teams.rotate_keys()
    assert await asyncio.gather(*(at.bring_signed() for _ in range(60))) == [200] * 60
    assert 2 <= len(fetched) <= 3


async def test_keys_are_kept_whatever_is_wrong_with_a_fetch(at: Door) -> None:
    assert await at.bring_signed() == 200
    ends = now() + 500 * HOUR
    for broken in [
        Fault(status=404),
        Fault(status=302, headers={"Location": "http://127.0.0.1:1/"}),
        Fault(drop="before"),
        Fault(status=200, body={}),
        Fault(status=200, body={"keys": []}),
        Fault(status=200, body={"keys": {}}),
        Fault(status=200, body={"keys": "none", "jwks_uri": 7}),
        Fault(status=200, body={"jwks_uri": "http://smba.trafficmanager.net/keys"}),
        Fault(status=200, body={"jwks_uri": "file:///etc/passwd"}),
    ]:
        at.teams.faults.stand("keys", broken)
        at.clock.ahead += timedelta(hours=25)
        assert await at.bring_signed(exp=ends) == 200, broken
    at.teams.faults.clear()
    assert await at.bring_signed(exp=ends) == 200


async def test_without_any_keys_microsoft_comes_again(at: Door) -> None:
    at.teams.connect(at.url)
    at.teams.faults.order("keys", Fault(status=503))
    root = await at.teams.person_posts(at.bea, at.room, "hello")

    def statuses() -> list[int | None]:
        return [record.status for record in at.teams.deliveries if record.id == root]

    await until(lambda: 503 in statuses())
    assert at.untouched()
    at.clock.ahead += timedelta(seconds=10)
    await until(lambda: 200 in statuses())
    assert set(statuses()[:-1]) == {503}
    assert len(at.accepted) == 1
    assert at.rejected == ["keys"] * statuses().count(503)


async def test_a_flood_of_unknown_keys_costs_few_looks_and_locks_nobody_out(
    at: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strangers who know our app's id use up every look; Microsoft's own new key waits seconds, and is not lost."""
    assert await at.bring_signed() == 200
    fetched = count_fetches(at.teams, monkeypatch)

    async def flood(first: int, count: int) -> set[int]:
        numbers = range(first, first + count)
        return {await at.bring_signed(key="stranger", kid=f"k{number}") for number in numbers}

    assert await flood(0, 200) <= {401, 503}
    assert len(fetched) <= 6
    at.teams.rotate_keys()
    # Nobody calls a key unknown who could not look: 503 makes Microsoft bring it again.
    assert await at.bring_signed() == 503
    looked = len(fetched)
    at.clock.ahead += timedelta(seconds=10)
    assert await flood(1000, 50) <= {401, 503}
    assert await at.bring_signed() == 200
    assert len(fetched) == looked + 1
    assert len(at.accepted) == 1
    assert set(at.rejected) <= {"signature", "keys"}


async def test_known_keys_need_no_look_whatever_the_flood(at: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await at.bring_signed() == 200
    fetched = count_fetches(at.teams, monkeypatch)
    strangers = [at.bring_signed(key="stranger", kid=f"k{number}") for number in range(100)]
    ours = [at.bring_signed() for _ in range(20)]
    statuses = await asyncio.gather(*strangers, *ours)
    assert set(statuses[:100]) <= {401, 503}
    assert statuses[100:] == [200] * 20
    assert len(fetched) <= 6
