"""Who may use a web chat, and as whom."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError

from bridges.webchat.settings import WebchatSettings
from bridges.webchat.tokens import Purpose, Tokens
from core.contracts import bridge
from tests.bridges.webchat_runtime import MemoryCore
from tests.bridges.webchat_site import Site, serving_chat

OLD, NEW = "an old secret of some length, " * 3, "a new secret of some length, " * 3
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = (
    RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)
KEYS = [{"kid": "old", "alg": "HS256", "key": OLD}, {"kid": "new", "alg": "RS256", "key": PUBLIC}]
SITES = ["https://shop.example", "https://*.shop.example"]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    core = MemoryCore(
        folder=tmp_path, settings={"origins": SITES, "jwt_keys": KEYS}, url="https://chat.example/bridges/web"
    )
    async with serving_chat(core) as site:
        yield site


def signed(key: Any = OLD, *, alg: str = "HS256", kid: str | None = "old", **claims: Any) -> str:
    body = {"sub": "42", "aud": "threadbridge", "exp": datetime.now(UTC) + timedelta(minutes=5), **claims}
    return jwt.encode(
        {name: value for name, value in body.items() if value is not None}, key, alg, {"kid": kid} if kid else None
    )


async def refused(site: Site, **body: Any) -> dict[str, Any]:
    async with site.http.post(f"{site.base}/session", json=body, headers={"Origin": site.origin}) as answer:
        assert answer.status == 401
        return dict((await answer.json())["error"])


async def sender(site: Site, token: str) -> bridge.Sender:
    tab = await site.tab(token)
    await tab.say(type="send", client_id="whoami-001", text="Who am I?")
    await tab.hear("ack")
    received = site.core.events[-1]
    assert isinstance(received, bridge.MessageReceived)
    return received.sender


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://shop.example", True),
        ("https://de.shop.example", True),
        ("https://chat.example", True),
        ("https://evilshop.example", False),
        ("https://shop.example.evil.net", False),
        ("http://shop.example", False),
        ("https://shop.example:8443", False),
        ("null", False),
        ("", False),
    ],
)
async def test_only_listed_origins_may_begin(site: Site, origin: str, allowed: bool) -> None:
    headers = {"Origin": origin} if origin else {}
    async with site.http.post(f"{site.base}/session", json={}, headers=headers) as answer:
        assert (answer.status == 200) is allowed
        if not allowed:
            assert (await answer.json())["error"]["code"] == "origin"
    try:
        socket = await site.http.ws_connect(f"{site.base}/ws", headers=headers)
        await socket.close()
        connected = True
    except aiohttp.WSServerHandshakeError as error:
        connected = error.status != 403
    assert connected is allowed
    for path in ("send", "upload"):
        async with site.http.post(f"{site.base}/{path}", data=b"x", headers=headers) as answer:
            assert answer.status == (401 if allowed else 403)


async def test_a_visitor_is_the_same_after_a_reload_and_nobody_else_is(site: Site) -> None:
    first = await site.begin()
    again = await site.begin(resume=first["resume"])
    other = await site.begin()
    assert again["visitor"] == first["visitor"] != other["visitor"]
    assert again["resumed"]
    assert not first["resumed"]
    # Neither a token for something else, nor one that was changed, nor another account's is believed.
    for made_up in (first["token"], first["resume"][:-2] + "xx", "x", "é.é", "a" * 4000):
        assert (await site.begin(resume=made_up))["visitor"] not in (first["visitor"], other["visitor"])


async def test_a_signed_user_is_verified_and_her_address_is_hers(site: Site) -> None:
    begun = await site.begin()
    token = signed(RSA, alg="RS256", kid="new", name="Jane", email="jane@x.example", email_verified=True)
    session = await site.begin(jwt=token, resume=begun["resume"])
    assert session["verified"]
    who = await sender(site, session["token"])
    assert (who.external_id, who.proof, who.name) == ("user:42", bridge.Proof.VERIFIED, "Jane")
    assert (who.email, who.email_proven, who.claims) == ("jane@x.example", True, ())
    assert who.facts["Before signing in"] == begun["visitor"]
    assert (await site.begin(resume=session["resume"]))["visitor"] == "user:42"


async def test_an_address_the_website_did_not_verify_links_to_nobody(site: Site) -> None:
    for claim in (False, "true", 1, None):
        who = await sender(site, (await site.begin(jwt=signed(email="x@y.z", email_verified=claim)))["token"])
        assert (who.proof, who.email) == (bridge.Proof.VERIFIED, "")
        assert (who.email_proven, who.claims) == (False, ("mailto:x@y.z",))
        site.core.known.clear()


async def test_a_user_is_named_by_the_key_that_signed_her(site: Site) -> None:
    """So that the same user of one website is known on two accounts, and nobody else's user of that name is."""
    users = []
    for token in (signed(), signed(), signed(RSA, alg="RS256", kid="new")):
        site.core.known.clear()
        users.append((await sender(site, (await site.begin(jwt=token))["token"])).user)
    assert users[0] == users[1] != users[2]
    assert all(re.fullmatch("[0-9a-f]{16}:user:42", user) for user in users)
    stranger = await sender(site, (await site.begin())["token"])
    assert stranger.user == ""


async def test_either_key_works_and_a_token_without_kid_is_tried_with_both(site: Site) -> None:
    for token in (signed(), signed(kid=None), signed(RSA, alg="RS256", kid=None)):
        assert (await site.begin(jwt=token))["visitor"] == "user:42"


@pytest.mark.parametrize(
    "token",
    [
        "not a token",
        signed(NEW),
        signed(kid="unknown"),
        signed(alg="HS512"),
        # The public key must never be taken for a shared secret.
        signed(RSA, alg="RS256", kid="old"),
        signed("", alg="none", kid=None),
        signed(aud=None),
        signed(aud="another widget"),
        signed(exp=None),
        signed(sub=None),
        signed(sub=""),
        signed(sub="x" * 201),
        signed(exp=datetime.now(UTC) - timedelta(minutes=2)),
        signed(exp=datetime.now(UTC) + timedelta(days=30)),
    ],
)
async def test_an_invalid_sign_in_is_refused_with_a_sentence(site: Site, token: str) -> None:
    error = await refused(site, jwt=token)
    assert error["code"] == "identity"
    assert error["message"].endswith(".")


async def test_a_nonce_serves_one_browser(site: Site) -> None:
    token = signed(nonce="n-1")
    session = await site.begin(jwt=token)
    assert (await site.begin(jwt=token, resume=session["resume"]))["visitor"] == "user:42"
    assert "used before" in (await refused(site, jwt=token))["message"]


async def test_one_user_of_a_shared_computer_is_not_told_of_the_other(site: Site) -> None:
    first = await site.begin(jwt=signed(), resume=(await site.begin())["resume"])
    second = await site.begin(jwt=signed(sub="43"), resume=first["resume"])
    who = await sender(site, second["token"])
    assert who.external_id == "user:43"
    assert "Before signing in" not in who.facts


async def test_signing_in_ends_when_it_was_promised_to(site: Site) -> None:
    session = await site.begin(jwt=signed())
    site.core.clock = datetime.now(UTC) + timedelta(hours=11)
    renewed = await site.begin(resume=session["resume"])
    assert renewed["visitor"] == "user:42"
    # Resuming does not make it last longer.
    site.core.clock += timedelta(hours=2)
    assert (await site.begin(resume=renewed["resume"]))["visitor"].startswith("visitor:")


async def test_another_visitors_session_shows_only_her_own_words(site: Site) -> None:
    jane, mallory = await site.begin(), await site.begin()
    answer = await site.core.answer(jane["visitor"], "For Jane only")
    tab = await site.tab(mallory["token"])
    ref = answer.removeprefix(f"{jane['visitor']}/")
    await tab.say(type="react", client_id="steal-0001", id=ref, emoji="👀")
    await tab.hear("ack")
    (reacted,) = site.core.events
    assert isinstance(reacted, bridge.ReactionChanged)
    assert reacted.external_id == f"{mallory['visitor']}/{ref}" != answer
    assert site.core.messages[jane["visitor"]][0].reactions == {}


async def test_too_many_new_visitors_from_one_address_wait(site: Site) -> None:
    for _ in range(20):
        await site.begin()
    async with site.http.post(f"{site.base}/session", json={}, headers={"Origin": site.origin}) as answer:
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"resume": 5}', b'{"resume": "' + b"x" * 20_000 + b'"}'], ids=range(5)
)
async def test_a_malformed_opening_is_refused(site: Site, body: bytes) -> None:
    async with site.http.post(f"{site.base}/session", data=body, headers={"Origin": site.origin}) as answer:
        assert answer.status in (400, 413)


async def test_a_socket_must_say_hello_first_and_soon(site: Site) -> None:
    socket = await site.http.ws_connect(f"{site.base}/ws", headers={"Origin": site.origin})
    await socket.send_json({"type": "send", "client_id": "12345678", "text": "x"})
    assert (await socket.receive_json())["code"] == "hello"
    for hello, code in (({"token": "made.up"}, "session"), ({"token": "x", "v": 9}, "version")):
        socket = await site.http.ws_connect(f"{site.base}/ws", headers={"Origin": site.origin})
        await socket.send_json({"type": "hello", **hello})
        assert (await socket.receive_json())["code"] == code
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE


def test_a_token_serves_one_account_and_purpose() -> None:
    def now() -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    tokens = Tokens(key=b"k" * 32, account="a", now=now)
    token = tokens.sign_for(Purpose.FILE, {"s": "x"}, lasts=timedelta(hours=1))
    assert tokens.read(Purpose.FILE, token) is not None
    assert tokens.read(Purpose.UPLOAD, token) is None
    assert Tokens(key=b"k" * 32, account="b", now=now).read(Purpose.FILE, token) is None
    assert Tokens(key=b"j" * 32, account="a", now=now).read(Purpose.FILE, token) is None
    late = Tokens(key=b"k" * 32, account="a", now=lambda: now() + timedelta(hours=1))
    assert late.read(Purpose.FILE, token) is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"origins": ["shop.example"]}, "https://shop.example"),
        ({"origins": ["https://shop.example/path"]}, "without a path"),
        ({"origins": ["https://x; script-src *"]}, "is not an origin"),
        ({"color": "red"}, "pattern"),
        ({"jwt_keys": [{"kid": "a", "key": "short"}]}, "openssl rand"),
        ({"jwt_keys": [KEYS[0], KEYS[0]]}, "kid twice"),
        ({"jwt_keys": [{**KEYS[0], "kid": str(number)} for number in range(3)]}, "at most 2"),
        ({"languages": ["tlh"]}, "'en', 'de'"),
        ({"max_upload": "1 GiB"}, "less than or equal to 104857600"),
        ({"colour": "#000000"}, "not permitted"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        WebchatSettings.model_validate(settings)
