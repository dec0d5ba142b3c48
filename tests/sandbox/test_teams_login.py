"""The sandbox's Entra and its signing keys, with the Bot Framework's own validation as the judge."""

import base64
import hashlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from sandbox.faults import Fault
from sandbox.teams import TeamsSandbox
from tests.sandbox.teams_peer import Body, Bot, post, there, working


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def teams(clock: Clock) -> AsyncIterator[TeamsSandbox]:
    async with TeamsSandbox(limits=False, clock=clock, retry_delays=()) as server:
        yield server


@pytest.fixture
async def bot(teams: TeamsSandbox) -> AsyncIterator[Bot]:
    async with working(teams) as listening:
        yield listening


@pytest.mark.parametrize(
    ("form", "status", "error", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000216),
        ({"client_id": "11111111-1111-1111-1111-111111111111"}, 400, "unauthorized_client", 700016),
        ({"tenant": "botframework.com"}, 400, "unauthorized_client", 700016),
        ({"tenant": "33333333-3333-3333-3333-333333333333"}, 400, "invalid_request", 90002),
        ({"scope": "https://api.botframework.com"}, 400, "invalid_scope", 70011),
        ({"scope": "https://other.example/.default"}, 400, "invalid_resource", 500011),
        ({"scope": ""}, 400, "invalid_request", 900144),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
async def test_what_is_wrong_with_a_login_is_said_as_entra_says_it(
    teams: TeamsSandbox, bot: Bot, form: dict[str, str], status: int, error: str, code: int
) -> None:
    answered, body = await bot.log_in(**form)
    assert (answered, body["error"], body["error_codes"]) == (status, error, [code])
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert teams.token_requests[-1].error == f"AADSTS{code}"
    assert teams.app_secret not in str(teams.token_requests)


async def test_a_deleted_secret_ends_logins_and_tokens(teams: TeamsSandbox, bot: Bot) -> None:
    team = teams.add_team("Support", [teams.add_user("Bea")])
    await teams.install(team)
    assert (await bot.call("GET", f"/v3/teams/{team}"))[0] == 200
    teams.revoke_secret()
    assert (await bot.log_in())[1]["error_codes"] == [7000222]
    assert (await bot.call("GET", f"/v3/teams/{team}"))[0] == 401
    teams.restore_secret()
    assert (await bot.log_in())[0] == 200
    assert (await bot.call("GET", f"/v3/teams/{team}"))[0] == 200


async def test_a_token_is_for_one_audience_and_ends(teams: TeamsSandbox, bot: Bot, clock: Clock) -> None:
    team = teams.add_team("Support", [teams.add_user("Bea")])
    await teams.install(team)
    clock.now += 86_400
    assert (await bot.call("GET", f"/v3/teams/{team}"))[0] == 401
    await bot.log_in("https://graph.microsoft.com")
    status, answer = await bot.call("POST", there(team), post())
    assert (status, answer) == (401, {"message": "Authorization has been denied for this request."})
    assert not teams.calls[-1].authorised
    bot.token = ""
    assert (await bot.call("GET", f"/v3/teams/{team}"))[0] == 401


def certificate() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "threadbridge")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return key, built.sign(key, hashes.SHA256())


async def test_a_registered_certificate_logs_in(teams: TeamsSandbox, bot: Bot) -> None:
    key, known = certificate()
    der = known.public_bytes(serialization.Encoding.DER)
    print_ = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
    now = int(time.time())
    claims = {"aud": f"{teams.url}/{teams.tenant_id}/oauth2/v2.0/token", "iss": teams.app_id, "sub": teams.app_id}
    claims |= {"jti": "1", "nbf": now, "exp": now + 300}

    async def asserted(**changes: Any) -> tuple[int, Body]:
        signed = jwt.encode({**claims, **changes}, key, algorithm="PS256", headers={"x5t#S256": print_})
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        return await bot.log_in(client_secret="", client_assertion=signed, client_assertion_type=kind)

    assert (await asserted())[1]["error_codes"] == [700027]
    teams.identity.register_certificate(known.public_bytes(serialization.Encoding.PEM))
    assert (await asserted())[0] == 200
    assert teams.token_requests[-1].credential == "certificate"
    for wrong in ({"aud": "https://other.example"}, {"iss": "x"}, {"exp": now - 600}):
        assert (await asserted(**wrong))[1]["error_codes"] == [700027]


async def published(bot: Bot) -> dict[str, Body]:
    status, metadata = await bot.call("GET", "/v1/.well-known/openidconfiguration")
    assert (status, metadata["issuer"]) == (200, "https://api.botframework.com")
    status, keys = await bot.call("GET", metadata["jwks_uri"])
    assert status == 200
    return {key["kid"]: key for key in keys["keys"]}


async def judged(bot: Bot, token: str, service_url: str) -> bool:
    """Whether the published keys and the rules of the Bot Framework accept a token."""
    key = (await published(bot)).get(jwt.get_unverified_header(token)["kid"])
    if key is None or "msteams" not in key["endorsements"]:
        return False
    try:
        claims = jwt.decode(
            token,
            jwt.PyJWK(key, algorithm="RS256").key,
            algorithms=["RS256"],
            audience=bot.teams.app_id,
            issuer="https://api.botframework.com",
            leeway=300,
        )
    except jwt.PyJWTError:
        return False
    return bool(claims.get("serviceurl") == service_url)


@pytest.mark.parametrize(
    ("defects", "good"),
    [
        ({}, True),
        ({"exp": -120}, True),
        ({"exp": -900}, False),
        ({"aud": "somebody else"}, False),
        ({"aud": None}, False),
        ({"iss": "https://other.example"}, False),
        ({"iss": None}, False),
        ({"serviceurl": "https://other.example/"}, False),
        ({"serviceurl": None}, False),
        ({"key": "stranger"}, False),
        ({"key": "unendorsed"}, False),
        ({"kid": "unknown"}, False),
        ({"alg": "HS256"}, False),
        ({"alg": "none"}, False),
    ],
)
async def test_a_minted_token_has_the_defect_that_was_ordered(
    teams: TeamsSandbox, bot: Bot, defects: dict[str, Any], good: bool
) -> None:
    if "exp" in defects:
        # From now: the test may run long after it was collected.
        defects = {"exp": int(time.time()) + defects["exp"]}
    assert await judged(bot, teams.mint(**defects), f"{teams.url}/") is good


async def test_the_bot_frameworks_own_validation_takes_what_is_delivered(teams: TeamsSandbox, bot: Bot) -> None:
    from botbuilder.schema import Activity
    from botframework.connector.auth import ChannelValidation, JwtTokenValidation, SimpleCredentialProvider

    bea = teams.add_user("Bea")
    await teams.install(teams.add_team("Support", [bea]))
    await teams.person_messages_bot(bea, "hello")
    activity = await bot.until(lambda one: one["type"] == "message")
    header = bot.headers[bot.heard.index(activity)]["Authorization"]
    keys = list((await published(bot)).values())

    # Its key fetch blocks the loop on which the sandbox would answer, so it is handed the published keys.
    from botframework.connector.auth.jwt_token_extractor import JwtTokenExtractor, _OpenIdMetadata

    url = f"{teams.url}/v1/.well-known/openidconfiguration"
    metadata = _OpenIdMetadata(url)
    metadata.keys, metadata.last_updated = keys, datetime.now(UTC).replace(tzinfo=None)
    JwtTokenExtractor.metadataCache[url] = metadata
    before, ChannelValidation.open_id_metadata_endpoint = ChannelValidation.open_id_metadata_endpoint, url
    try:
        identity = await JwtTokenValidation.authenticate_request(
            Activity().deserialize(activity), header, SimpleCredentialProvider(teams.app_id, "")
        )
    finally:
        ChannelValidation.open_id_metadata_endpoint = before
        del JwtTokenExtractor.metadataCache[url]
    assert identity.is_authenticated
    assert identity.claims["aud"] == teams.app_id


async def test_keys_rotate_and_the_one_before_stays(teams: TeamsSandbox, bot: Bot) -> None:
    before = teams.mint()
    teams.rotate_keys()
    after = teams.mint()
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
    assert await judged(bot, before, f"{teams.url}/")
    assert await judged(bot, after, f"{teams.url}/")
    teams.rotate_keys()
    assert not await judged(bot, before, f"{teams.url}/")


async def test_the_login_and_the_keys_fail_when_ordered(teams: TeamsSandbox, bot: Bot) -> None:
    teams.faults.order("token", Fault(status=503))
    teams.faults.order("keys", Fault(status=500))
    assert (await bot.log_in())[0] == 503
    assert (await bot.call("GET", "/v1/.well-known/keys"))[0] == 500
    assert (await bot.log_in())[0] == 200
