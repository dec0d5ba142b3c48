"""The whole Teams endpoint against strangers: tokens, addresses, bodies that stall; nothing of it is kept."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from plugins.teams import listeners
from tests.plugins.teams_forger import ISSUER, claims_of, encoded, raw_request
from tests.plugins.teams_line import Door, Json, door, longest_stall, stranger


@pytest.fixture
async def at() -> AsyncIterator[Door]:
    async with door() as opened:
        yield opened


# What anybody could send.

BAD: dict[str, dict[str, Any]] = {
    "another app's": {"aud": "00000000-0000-4000-8000-00000000dead"},
    "no aud": {"aud": None},
    "another issuer": {"iss": "https://sts.windows.net/00000000-0000-4000-8000-000000000002/"},
    "issuer with a slash": {"iss": f"{ISSUER}/"},
    "no issuer": {"iss": None},
    "another serviceurl": {"serviceurl": "https://smba.trafficmanager.net/emea/"},
    "no serviceurl": {"serviceurl": None},
    "expired long ago": {"exp": 0},
    "no end": {"exp": None},
    "end is true": {"exp": True},
    "good in the year 2100": {"nbf": 4_102_444_800},
    "a stranger's key": {"key": "stranger"},
    "HS256": {"alg": "HS256"},
    "PS256": {"alg": "PS256"},
    "alg none": {"alg": "none"},
    "a key for other channels": {"key": "unendorsed"},
    "an unknown kid": {"kid": "nobody-knows-this-key"},
}


@pytest.mark.parametrize("kind", ["message", "invoke"])
@pytest.mark.parametrize("name", BAD)
async def test_a_bad_token_opens_nothing(at: Door, name: str, kind: str) -> None:
    value = {"action": {"type": "Action.Execute", "verb": "close", "data": {"tb": "act", "action": "close"}}}
    activity = at.activity(type=kind, name="adaptiveCard/action", value=value)
    assert await at.bring_signed(activity, **BAD[name]) == 401
    assert at.untouched()
    assert at.rejected == ["signature"]


@pytest.mark.parametrize(
    "authorization",
    [
        (),
        ("",),
        ("Bearer",),
        ("Bearer garbage",),
        ("Bearer ..",),
        ("Bearer eyJhbGciOiJSUzI1NiJ9..",),
        ("Basic dXNlcjpwYXNz",),
        ("Bearer " + "A" * 6000,),
        ("Bearer " + ".".join(["eyJhbGciOiJSUzI1NiJ9"] * 3),),
    ],
    ids=lambda given: repr(given)[:40],
)
async def test_no_token_is_no_way_in(at: Door, authorization: tuple[str, ...]) -> None:
    assert await at.bring(*authorization) == 401
    assert at.untouched()
    assert at.rejected == ["signature"]


async def test_a_good_token_opens(at: Door) -> None:
    assert await at.bring_signed() == 200
    assert [json.loads(raw) for raw in at.accepted] == [at.activity()]
    assert at.rejected == []


async def test_two_authorization_headers_are_one_too_many(at: Door) -> None:
    good, bad = f"Bearer {at.teams.mint()}", f"Bearer {at.teams.mint(key='stranger')}"
    for pair in [(good, bad), (bad, good), (good, good), (good, "")]:
        # aiohttp itself may refuse such a request before it reaches us.
        assert await at.bring(*pair) in {400, 401}
    assert at.untouched()


async def test_a_token_of_64_kilobytes_is_refused(at: Door) -> None:
    # aiohttp reads no header of that length.
    assert await at.bring(f"Bearer {at.teams.mint(padding='A' * 48_000)}") in {400, 401}
    assert at.untouched()


@pytest.mark.parametrize("flipped", range(0, 340, 31))
async def test_a_changed_letter_spoils_the_signature(at: Door, flipped: int) -> None:
    head, body, signature = at.teams.mint().split(".")
    letter = "A" if signature[flipped] != "A" else "B"
    changed = signature[:flipped] + letter + signature[flipped + 1 :]
    assert await at.bring(f"Bearer {head}.{body}.{changed}") == 401
    assert at.untouched()


async def test_a_public_key_is_no_secret(at: Door) -> None:
    """The oldest trick: HS256, with Microsoft's published key as the shared secret."""
    async with at.session.get(f"{at.teams.url}/v1/.well-known/keys") as answer:
        keys = (await answer.json())["keys"]
    assert len(keys) > 1
    for entry in keys:
        public = jwt.PyJWK(entry, algorithm="RS256").key
        for encoding, kind in [
            (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
            (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
            (serialization.Encoding.PEM, serialization.PublicFormat.PKCS1),
        ]:
            secret = public.public_bytes(encoding, kind)
            head = encoded({"alg": "HS256", "typ": "JWT", "kid": entry["kid"]}) + b"." + encoded(claims_of(at))
            proof = base64.urlsafe_b64encode(hmac.digest(secret, head, hashlib.sha256)).rstrip(b"=")
            assert await at.bring(f"Bearer {(head + b'.' + proof).decode()}") == 401
    assert at.untouched()


async def test_bytes_of_no_script_in_the_header_are_refused(at: Door) -> None:
    """A client of ours would refuse to send these, so they go over a bare socket."""
    for token in [b"\xff\xfe\xfd", b"a.b.\xe2\x82\xac", b"\xed\xa0\x80.x.y", at.teams.mint().encode() + b"\xff"]:
        answer = await raw_request(at, b"Authorization: Bearer " + token + b"\r\n", json.dumps(at.activity()).encode())
        assert answer in {400, 401}
    assert at.untouched()


# Where an activity says that we are to answer.


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "https://smba.trafficmanager.net/emea/",  # real, and yet not the stand-in that was set
        "https://smba.trafficmanager.net.evil.example/",
        "http://127.0.0.1:1/",
        "//evil.example/",
        "file:///etc/passwd",
        "words",
        "http://[::1",
        "http://127.0.0.1:99999/",
    ],
)
async def test_a_service_url_of_a_stranger_is_refused_though_microsoft_signed_it(at: Door, address: str) -> None:
    """Our answer, and our token with it, would go there."""
    assert await at.bring_signed(at.activity(serviceUrl=address), serviceurl=address) == 401
    assert at.untouched()
    assert at.rejected == ["signature"]
    assert at.teams.token_requests == []


@pytest.mark.parametrize(
    "tail", ["@evil.example/", ".evil.example/", "0/", "\\@evil.example/", " /", "/\r\nX: y", "/é", "/?x=", "/#x"]
)
async def test_nothing_may_be_appended_to_the_address(at: Door, tail: str) -> None:
    address = f"{at.teams.url}{tail}"
    assert await at.bring_signed(at.activity(serviceUrl=address), serviceurl=address) == 401
    assert at.untouched()


@pytest.mark.parametrize("address", [None, 5, [], {}, ["{url}"], {"url": "{url}"}, True])
async def test_a_service_url_that_is_no_text_is_refused(at: Door, address: Any) -> None:
    given = json.loads(json.dumps(address).replace("{url}", f"{at.teams.url}/"))
    assert await at.bring_signed(at.activity(serviceUrl=given)) in {400, 401}
    assert await at.bring_signed(at.activity(serviceUrl=given), serviceurl=str(given)) in {400, 401}
    assert at.untouched()
    assert len(at.rejected) == 2


async def test_an_invoke_with_a_strangers_address_reaches_nobody(at: Door) -> None:
    async with stranger() as (url, reached):
        value = {"action": {"type": "Action.Execute", "verb": "close", "data": {"tb": "act", "action": "close"}}}
        invoke = at.activity(type="invoke", name="adaptiveCard/action", value=value, serviceUrl=f"{url}/")
        assert await at.bring_signed(invoke, serviceurl=f"{url}/") == 401
        assert await at.bring_signed(invoke) == 401
        assert at.untouched()
        assert reached == []


# Bodies.


def nested(depth: int) -> bytes:
    return b'{"type":"message","value":' + b"[" * depth + b"]" * depth + b"}"


BODIES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 400, "malformed"),
    "words": (b"hello", 400, "malformed"),
    "list": (b'[{"type":"message"}]', 400, "malformed"),
    "no type": (b"{}", 400, "malformed"),
    "type is a number": (b'{"type":5}', 400, "malformed"),
    "not UTF-8": (b'{"type":"message","text":"\xff"}', 400, "malformed"),
    "UTF-16": ('{"type":"message"}'.encode("utf-16"), 400, "malformed"),
    "NaN": (b'{"type":"message","value":NaN}', 400, "malformed"),
    "60 deep": (nested(60), 400, "malformed"),
    "100,000 deep": (nested(100_000), 400, "malformed"),
    "3 MB": (b'{"type":"message","text":"' + b"x" * (3 * 1024 * 1024) + b'"}', 413, "size"),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_no_activity_is_refused_and_counted_once(at: Door, name: str) -> None:
    raw, status, reason = BODIES[name]
    assert await at.bring_signed(raw=raw) == status
    assert at.untouched()
    assert at.rejected == [reason]


@pytest.mark.parametrize("stamp", ["yesterday", 5, "2026-13-45T99:00:00Z", None])
async def test_an_activity_that_does_not_say_when_is_refused_and_counted_once(at: Door, stamp: Any) -> None:
    assert await at.bring_signed(at.activity(timestamp=stamp)) == 400
    assert at.untouched()
    assert at.rejected == ["malformed"]


@pytest.mark.parametrize("kind", ["message", "messageUpdate", "messageDelete", "messageReaction", "installationUpdate"])
@pytest.mark.parametrize(
    "changed",
    [
        {"channelData": "words"},
        {"channelData": ["x"]},
        {"channelData": {"channel": "19:x"}},
        {"channelData": {"team": ["x"]}},
        {"channelData": {"tenant": 5}},
        {"conversation": "words"},
        {"conversation": {"id": []}},
        {"from": "bea"},
        {"recipient": [1]},
        {"entities": "words"},
        {"attachments": {"x": 1}},
    ],
    ids=lambda changed: repr(changed)[:40],
)
async def test_an_activity_of_a_shape_of_its_own_stops_nothing(at: Door, changed: Json, kind: str) -> None:
    """A 500 would make Microsoft bring it again and again."""
    assert await at.bring_signed(at.activity(type=kind, **changed)) in {200, 400}
    assert at.desk.calls == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
async def test_a_compressed_body_is_refused(at: Door, encoding: str) -> None:
    headers = f"Authorization: Bearer {at.teams.mint()}\r\nContent-Encoding: {encoding}\r\n".encode()
    # aiohttp's parser may refuse first what is not in that encoding.
    assert await raw_request(at, headers, json.dumps(at.activity()).encode()) in {400, 415}
    assert at.untouched()


async def test_a_body_that_does_not_come_is_given_up(at: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "READ_DEADLINE", 0.2)
    headers = f"Authorization: Bearer {at.teams.mint()}\r\n".encode()
    assert await raw_request(at, headers, b'{"type":', length=500) == 408
    assert at.untouched()
    assert at.rejected == ["slow"]


async def test_a_body_that_does_not_say_its_length_is_bounded_all_the_same(at: Door) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(48):
            yield b"x" * 65536

    headers = {"Authorization": f"Bearer {at.teams.mint()}"}
    async with at.session.post(at.url, data=endless(), headers=headers) as answer:
        assert answer.status == 413
    assert at.untouched()
    assert at.rejected == ["size"]


@pytest.mark.parametrize("heavy", ["membersAdded", "attachments", "entities", "reactionsAdded"])
async def test_a_strangers_large_body_stops_nobody(at: Door, heavy: str) -> None:
    """Reading it with the SDK takes 10 to 20 s, in which nothing else would happen: so nobody's is read unproved."""
    activity = json.dumps(at.activity(**{heavy: [{}]})).encode()
    raw = activity.replace(b"[{}]", b"[" + b",".join([b"{}"] * 600_000) + b"]")
    assert len(raw) < listeners.MAX_BODY
    async with longest_stall() as stall:
        assert await at.bring(raw=raw) == 401
        assert await at.bring(f"Bearer {at.teams.mint(key='stranger')}", raw=raw) == 401
    assert stall[0] < 0.5
    assert at.untouched()


@pytest.mark.parametrize("kind", ["typing", "event", "trace", "x" * 500, ""])
async def test_what_nobody_knows_yet_is_taken_and_left_alone(at: Door, kind: str) -> None:
    assert await at.bring_signed(at.activity(type=kind)) == 200
    assert at.untouched()
    assert at.rejected == []


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
async def test_only_post_is_heard(at: Door, method: str) -> None:
    headers = {"Authorization": f"Bearer {at.teams.mint()}"}
    async with at.session.request(method, at.url, json=at.activity(), headers=headers) as answer:
        assert answer.status == 405
    assert at.untouched()


async def test_nothing_of_a_refusal_tells_a_secret(at: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    tokens = [at.teams.mint(**wanted) for name, wanted in BAD.items() if name != "alg none"]
    said = []
    for token in tokens:
        headers = {"Authorization": f"Bearer {token}"}
        async with at.session.post(at.url, json=at.activity(), headers=headers) as answer:
            said.append(await answer.text())
    for token in tokens:
        proof = token.split(".")[2]
        assert proof not in caplog.text
        assert not any(proof in words for words in said)
    assert at.activity()["text"] not in caplog.text
    assert not any(at.activity()["text"] in words for words in said)
