"""Our tokens: one request for all who wait, by secret, certificate or managed identity; refusals in words."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from core.contracts.errors import CredentialsRejected, TemporaryFailure
from plugins.teams.transport import Transport
from sandbox.faults import Fault
from sandbox.teams import TeamsSandbox
from tests.plugins.teams_microsoft import ROOM, SECRET, THREAD, TOKEN, Clock, Microsoft, teams_settings, transporting

CARD = {"type": "message", "attachments": []}


@pytest.fixture
async def microsoft() -> AsyncIterator[Microsoft]:
    async with Microsoft() as server:
        yield server


def pem(*parts: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | x509.Certificate) -> str:
    """Keys and certificates in one file."""
    whole = b""
    for part in parts:
        if isinstance(part, x509.Certificate):
            whole += part.public_bytes(serialization.Encoding.PEM)
        else:
            whole += part.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
    return whole.decode()


def certified(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "threadbridge")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return built.sign(key, hashes.SHA256())


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


async def test_two_hundred_posts_at_once_ask_for_one_token(microsoft: Microsoft) -> None:
    microsoft.token_delay = 0.05
    async with transporting(microsoft.url) as transport:
        await asyncio.gather(*(transport.post(microsoft.url, THREAD, CARD) for _ in range(200)))
    assert len(microsoft.tokens) == 1
    assert len(microsoft.others) == 200
    assert {call.token for call in microsoft.others} == {"Bearer token-1"}


async def test_a_token_is_asked_for_as_entra_wants_it(microsoft: Microsoft) -> None:
    async with transporting(microsoft.url) as transport:
        await transport.check_token()
    assert parse_qs(microsoft.tokens[0].body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["7d0b2b0e-3b1c-4b1e-9d6b-6b7c2f7f0a01"],
        "client_secret": [SECRET],
        "scope": ["https://api.botframework.com/.default"],
    }


async def test_graph_has_a_token_of_its_own(microsoft: Microsoft) -> None:
    async with transporting(microsoft.url) as transport:
        await transport.team(microsoft.url, ROOM)
        await transport.graph("/teams/1")
        await transport.graph("/teams/1")
    scopes = [parse_qs(call.body.decode())["scope"][0] for call in microsoft.tokens]
    assert scopes == ["https://api.botframework.com/.default", "https://graph.microsoft.com/.default"]
    assert [call.token for call in microsoft.others] == ["Bearer token-1", "Bearer token-2", "Bearer token-2"]


async def test_a_token_is_renewed_five_minutes_before_it_ends(microsoft: Microsoft) -> None:
    clock = Clock()
    async with transporting(microsoft.url, clock) as transport:
        await transport.check_token()
        clock.move(minutes=54, seconds=59)
        await transport.check_token()
        assert len(microsoft.tokens) == 1
        clock.move(seconds=2)
        await transport.check_token()
        assert len(microsoft.tokens) == 2


async def test_a_short_token_is_used_for_half_its_life(microsoft: Microsoft) -> None:
    microsoft.lifetime = 60
    clock = Clock()
    async with transporting(microsoft.url, clock) as transport:
        await transport.check_token()
        clock.move(seconds=29)
        await transport.check_token()
        assert len(microsoft.tokens) == 1
        clock.move(seconds=2)
        await transport.check_token()
        assert len(microsoft.tokens) == 2


async def test_a_token_is_used_to_its_end_while_entra_is_away(microsoft: Microsoft) -> None:
    clock = Clock()
    async with transporting(microsoft.url, clock) as transport:
        await transport.check_token()
        microsoft.order(TOKEN, web.Response(status=503))
        clock.move(minutes=56)
        await transport.check_token()
        await transport.check_token()
        assert len(microsoft.tokens) == 2, "after a failure it is asked again only after a while"
        clock.move(seconds=31)
        await transport.check_token()
        assert len(microsoft.tokens) == 3
        clock.move(minutes=4)
        with pytest.raises(TemporaryFailure):
            await transport.check_token()


async def test_a_token_that_is_refused_is_replaced_once(microsoft: Microsoft) -> None:
    path = f"/v3/conversations/{THREAD}/activities"
    async with transporting(microsoft.url) as transport:
        microsoft.order(path, web.Response(status=401), web.json_response({"id": "7"}))
        assert await transport.post(microsoft.url, THREAD, CARD) == "7"
        assert [call.token for call in microsoft.others] == ["Bearer token-1", "Bearer token-2"]
        assert len(microsoft.tokens) == 2


async def test_a_token_that_is_refused_twice_pauses_the_workspace(microsoft: Microsoft) -> None:
    path = f"/v3/conversations/{THREAD}/activities"
    microsoft.order(path, web.json_response({"error": {"code": "BotNotRegistered", "message": "No."}}, status=401))
    async with transporting(microsoft.url) as transport:
        with pytest.raises(CredentialsRejected, match=r"BotNotRegistered.*Azure Bot"):
            await transport.post(microsoft.url, THREAD, CARD)
    assert len(microsoft.others) == 2
    assert len(microsoft.tokens) == 2


async def test_a_refusal_of_many_calls_costs_one_new_token(microsoft: Microsoft) -> None:
    refused = 0

    async def strict(request: web.Request) -> web.StreamResponse:
        nonlocal refused
        if request.headers["Authorization"] != "Bearer token-1":
            return web.json_response({"id": "1"})
        refused += 1
        # Some hear of it when others have another token already.
        await asyncio.sleep(0.2 * (refused % 2))
        return web.Response(status=401)

    microsoft.order(f"/v3/conversations/{THREAD}/activities", strict)
    async with transporting(microsoft.url) as transport:
        await asyncio.gather(*(transport.post(microsoft.url, THREAD, CARD) for _ in range(50)))
    assert len(microsoft.tokens) == 2


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("7000215", "app_secret is wrong"),
        ("7000222", "app_secret has expired"),
        ("700016", "app_id is no app of this tenant"),
        ("700027", "the certificate is not registered"),
        ("90002", "tenant_id is no tenant"),
        ("50034", "not in this tenant"),
        ("7000112", "the app is disabled"),
        ("500011", "cloud may name the wrong one"),
    ],
)
async def test_entras_numbers_become_sentences_that_name_the_setting(
    microsoft: Microsoft, number: str, words: str
) -> None:
    told = f"AADSTS{number}: Something. Trace ID: 1 Correlation ID: 2"
    body = {"error": "invalid_client", "error_description": told, "error_codes": [int(number)]}
    microsoft.order(TOKEN, web.json_response(body, status=401))
    async with transporting(microsoft.url) as transport:
        with pytest.raises(CredentialsRejected, match=words) as raised:
            await transport.post(microsoft.url, THREAD, CARD)
    assert f"AADSTS{number}" in str(raised.value)
    assert microsoft.others == []


async def test_a_number_of_entras_that_we_do_not_know_is_told_without_its_trace(microsoft: Microsoft) -> None:
    told = "AADSTS99999: Odd thing.\r\nTrace ID: 1"
    microsoft.order(TOKEN, web.json_response({"error": "x", "error_description": told}, status=400))
    async with transporting(microsoft.url) as transport:
        with pytest.raises(CredentialsRejected, match=r"^Entra gives no token: AADSTS99999: Odd thing\.$"):
            await transport.check_token()


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=429, headers={"Retry-After": "7"}),
        web.Response(status=500),
        web.Response(status=407, text="<html>proxy</html>"),
        web.Response(status=302, headers={"Location": "https://login.example.com/"}),
        web.Response(status=200, text="<html>captive portal</html>"),
        web.json_response({"expires_in": 3600}),
        web.json_response({"access_token": "x", "expires_in": "soon"}),
        web.json_response([1]),
        web.json_response({"error": "temporarily_unavailable", "error_description": "Later."}, status=400),
    ],
)
async def test_what_is_no_word_of_entras_is_tried_again_and_pauses_nothing(
    microsoft: Microsoft, answer: web.Response
) -> None:
    microsoft.order(TOKEN, answer)
    async with transporting(microsoft.url) as transport:
        with pytest.raises(TemporaryFailure) as raised:
            await transport.check_token()
    assert raised.value.retry_after == (7 if answer.status == 429 else None)


async def test_entra_that_cannot_be_reached_is_tried_again() -> None:
    async with transporting("http://127.0.0.1:9") as transport:
        with pytest.raises(TemporaryFailure, match="Entra cannot be reached"):
            await transport.check_token()


async def test_whoever_gives_up_waiting_takes_the_token_from_nobody(microsoft: Microsoft) -> None:
    microsoft.token_delay = 0.1
    async with transporting(microsoft.url) as transport:
        first = asyncio.create_task(transport.check_token())
        second = asyncio.create_task(transport.check_token())
        await asyncio.sleep(0)
        first.cancel()
        await second
    assert first.cancelled()
    assert len(microsoft.tokens) == 1


async def test_a_certificate_logs_in(key: rsa.RSAPrivateKey) -> None:
    known = certified(key)
    async with TeamsSandbox() as teams:
        settings = {"app_secret": SecretStr(""), "certificate": SecretStr(pem(key, known))}
        async with transporting(teams.url, **settings) as transport:
            with pytest.raises(CredentialsRejected, match="upload it"):
                await transport.check_token()
            teams.identity.register_certificate(known.public_bytes(serialization.Encoding.PEM))
            await transport.check_token()
        assert [request.credential for request in teams.token_requests] == ["certificate", "certificate"]
        assert teams.token_requests[-1].status == 200


async def test_what_a_certificate_signs_holds_for_minutes_and_for_one_address(
    microsoft: Microsoft, key: rsa.RSAPrivateKey
) -> None:
    settings = {"app_secret": SecretStr(""), "certificate": SecretStr(pem(certified(key), key))}
    async with transporting(microsoft.url, **settings) as transport:
        await transport.check_token()
    form = parse_qs(microsoft.tokens[0].body.decode())
    assert "client_secret" not in form
    claims = jwt.decode(
        form["client_assertion"][0], key.public_key(), algorithms=["PS256"], audience=f"{microsoft.url}{TOKEN}"
    )
    assert claims["exp"] - claims["nbf"] <= 600


def wrong_certificates(key: rsa.RSAPrivateKey) -> dict[str, str]:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    curve = ec.generate_private_key(ec.SECP256R1())
    return {
        "no pem": "hello",
        "no key": pem(certified(key)),
        "no certificate": pem(key),
        "another's key": pem(other, certified(key)),
        "no rsa": pem(curve, certified(curve)),
    }


@pytest.mark.parametrize("wrong", ["no pem", "no key", "no certificate", "another's key", "no rsa"])
def test_a_certificate_that_cannot_work_is_refused_before_the_start(key: rsa.RSAPrivateKey, wrong: str) -> None:
    with pytest.raises(ValueError, match="certificate") as raised:
        teams_settings("", app_secret=SecretStr(""), certificate=SecretStr(wrong_certificates(key)[wrong]))
    assert "PRIVATE KEY" not in str(raised.value)


class Azure:
    """The endpoint for identities that App Service gives to a program."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.status = 200
        self.body: dict[str, object] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append({**request.query, "header": request.headers.get("X-IDENTITY-HEADER", "")})
        ends = int(datetime.now(UTC).timestamp()) + 3600
        good = {"access_token": f"azure-{len(self.asked)}", "expires_on": str(ends), "token_type": "Bearer"}
        return web.json_response(self.body or good, status=self.status)


@pytest.fixture
async def azure(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Azure]:
    service = Azure()
    application = web.Application()
    application.router.add_get("/msi/token", service.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{runner.addresses[0][1]}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "for this program only")
    yield service
    await runner.cleanup()


NAMED = "99999999-8888-7777-6666-555555555555"


@pytest.mark.parametrize(("identity", "client_id"), [("system", None), (NAMED, NAMED)])
async def test_a_managed_identity_needs_no_secret(
    microsoft: Microsoft, azure: Azure, identity: str, client_id: str | None
) -> None:
    async with transporting(microsoft.url, app_secret=SecretStr(""), managed_identity=identity) as transport:
        await asyncio.gather(*(transport.post(microsoft.url, THREAD, CARD) for _ in range(20)))
    assert microsoft.tokens == []
    assert len(azure.asked) == 1
    assert azure.asked[0]["resource"] == "https://api.botframework.com"
    assert azure.asked[0]["header"] == "for this program only"
    assert azure.asked[0].get("client_id") == client_id
    assert {call.token for call in microsoft.others} == {"Bearer azure-1"}


async def test_a_managed_identitys_token_that_is_refused_is_replaced(microsoft: Microsoft, azure: Azure) -> None:
    microsoft.order(f"/v3/conversations/{THREAD}/activities", web.Response(status=401), web.json_response({"id": "7"}))
    async with transporting(microsoft.url, app_secret=SecretStr(""), managed_identity="system") as transport:
        await transport.post(microsoft.url, THREAD, CARD)
    assert [call.token for call in microsoft.others] == ["Bearer azure-1", "Bearer azure-2"]


async def test_an_identity_that_is_not_assigned_is_told_in_words(microsoft: Microsoft, azure: Azure) -> None:
    azure.status, azure.body = 400, {"statusCode": 400, "message": "No such identity."}
    async with transporting(microsoft.url, app_secret=SecretStr(""), managed_identity=NAMED) as transport:
        with pytest.raises(CredentialsRejected, match=r"No such identity.*assign it"):
            await transport.check_token()


@pytest.mark.parametrize("status", [404, 410, 429, 500, 503])
async def test_an_identity_endpoint_in_trouble_is_asked_again(microsoft: Microsoft, azure: Azure, status: int) -> None:
    azure.status = status
    async with transporting(microsoft.url, app_secret=SecretStr(""), managed_identity="system") as transport:
        with pytest.raises(TemporaryFailure, match=f"HTTP {status}"):
            await transport.check_token()
        azure.status = 200
        await transport.check_token()


async def test_where_there_is_no_azure_the_sentence_says_so(
    microsoft: Microsoft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")
    async with transporting(microsoft.url, app_secret=SecretStr(""), managed_identity="system") as transport:
        with pytest.raises(TemporaryFailure, match="on Azure only"):
            await transport.check_token()


async def test_no_secret_and_no_token_is_in_what_is_said_or_shown(microsoft: Microsoft) -> None:
    microsoft.order(f"/v3/conversations/{THREAD}/activities", web.Response(status=400))
    async with aiohttp.ClientSession() as session:
        transport = Transport(teams_settings(microsoft.url), session, Clock())
        with pytest.raises(Exception, match="400") as raised:
            await transport.post(microsoft.url, THREAD, CARD)
        seen = f"{raised.value!r} {vars(transport)} {transport._tokens._tokens}"
    assert "token-1" not in seen
    assert SECRET not in seen


async def test_the_sandboxs_entra_hears_what_a_wrong_secret_means() -> None:
    async with TeamsSandbox() as teams:
        teams.faults.order("token", Fault(drop="before"))
        async with transporting(teams.url, app_secret=SecretStr("wrong")) as transport:
            with pytest.raises(TemporaryFailure, match="cannot be reached"):
                await transport.check_token()
            with pytest.raises(CredentialsRejected, match="copy the secret's Value"):
                await transport.check_token()
        assert teams.token_requests[-1].error == "AADSTS7000215"
