"""Only what Twilio signed for this account's address is let in, by either of its two ways."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from pydantic import ValidationError

from bridges.sms import BRIDGE
from bridges.sms.signature import algorithm, is_signed
from core.contracts.bridge import WebhookBridge
from core.contracts.errors import RequestRejected
from core.contracts.http import WebhookRequest
from core.testing.runtime import RecordingRuntime

ACCOUNT = "AC" + "0123456789abcdef" * 2
URL = "https://support.example/bridges/sms"
TOKEN, OTHER, KEY, NEXT = "token-1", "token-2", "key-1", "key-2"
FIELDS = [("MessageSid", "SM" + "1" * 32), ("From", "+12025550199"), ("Body", "  a&b=c 🙂 "), ("ToZip", ""), ("a", "1")]
SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings".lower()


def signed(secret: str, url: str = URL, fields: Sequence[tuple[str, str]] = FIELDS, hash_name: str = "sha1") -> str:
    """What the documentation tells to do, with nothing taken from the bridge: HMAC by hand, RFC 2104."""
    said = url.encode() + b"".join(name.encode() + value.encode() for name, value in sorted(fields))
    key = secret.encode().ljust(64, b"\0")
    inner = hashlib.new(hash_name, bytes(byte ^ 0x36 for byte in key) + said).digest()
    outer = hashlib.new(hash_name, bytes(byte ^ 0x5C for byte in key) + inner).digest()
    return base64.b64encode(outer).decode()


@pytest.fixture
def bridge(session: aiohttp.ClientSession, tmp_path: Path) -> WebhookBridge:
    given = {
        "account_sid": ACCOUNT,
        "auth_token": TOKEN,
        "more_auth_tokens": [OTHER],
        "signing_keys": [KEY, NEXT],
        "number": "+12025550100",
    }
    built = BRIDGE.build(
        BRIDGE.settings.model_validate(given), RecordingRuntime(session=session, folder=tmp_path).runtime
    )
    assert isinstance(built, WebhookBridge)
    return built


def call(headers: Mapping[str, str], *, url: str = URL, body: bytes | None = None, **query: str) -> WebhookRequest:
    sent = urlencode(FIELDS).encode() if body is None else body
    return WebhookRequest(method="POST", url=url, query=query, headers=headers, body=sent)


def settings_of(name: str, key: str = "webhooks_sharedkey_1") -> dict[str, str]:
    return {SETTINGS_HEADER: f"key={key},algorithm={name}"}


def test_the_example_of_the_documentation() -> None:
    """https://www.twilio.com/docs/usage/security#explore-the-algorithm-yourself"""
    fields = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ]
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert is_signed(url, fields, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "sha1", [b"12345"])
    assert is_signed(url, fields[::-1], "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "sha1", [b"x", b"12345"])
    assert not is_signed(url, fields[1:], "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "sha1", [b"12345"])


def test_hmac_by_hand_is_hmac() -> None:
    text = URL.encode() + b"".join(f"{name}{value}".encode() for name, value in sorted(FIELDS))
    for name in ("sha1", "sha256"):
        assert signed(KEY, hash_name=name) == base64.b64encode(hmac.new(KEY.encode(), text, name).digest()).decode()


@pytest.mark.parametrize("secret", [TOKEN, OTHER])
async def test_tokens_are_believed_while_they_are_exchanged(bridge: WebhookBridge, secret: str) -> None:
    received = await bridge.receive(call({"x-twilio-signature": signed(secret)}))
    assert received.items == [urlencode(FIELDS).encode()]
    assert (received.reply.body, received.reply.content_type) == (b"<Response/>", "text/xml")


@pytest.mark.parametrize("secret", [KEY, NEXT])
@pytest.mark.parametrize("way", ["HMAC_SHA256", "hmac_sha256"])
async def test_shared_keys_are_believed(bridge: WebhookBridge, secret: str, way: str) -> None:
    headers = {"x-twilio-signature": signed(secret, hash_name="sha256"), **settings_of(way)}
    assert (await bridge.receive(call(headers))).items


@pytest.mark.parametrize(
    ("url", "signed_url"),
    [
        (URL, "https://support.example:443/bridges/sms"),
        ("https://support.example:443/bridges/sms", URL),
        ("http://127.0.0.1:8700/b?m=1", "http://127.0.0.1/b?m=1"),
        ("http://support.example/b?u=https://x:1/", "http://support.example:80/b?u=https://x:1/"),
        ("https://support.example:8443?a", "https://support.example?a"),
    ],
)
async def test_the_port_may_be_named_or_not(bridge: WebhookBridge, url: str, signed_url: str) -> None:
    assert (await bridge.receive(call({"x-twilio-signature": signed(TOKEN, signed_url)}, url=url))).items


async def test_a_name_that_comes_twice_counts_each_value_once(bridge: WebhookBridge) -> None:
    twice = [*FIELDS, ("a", "0"), ("a", "1")]
    header = {"x-twilio-signature": signed(TOKEN, fields=sorted(set(twice)))}
    assert (await bridge.receive(call(header, body=urlencode(twice).encode()))).items


async def test_bytes_that_are_no_text_are_signed_as_they_are(bridge: WebhookBridge) -> None:
    said = URL.encode() + b"Body\xff\xfeMessageSidSM1"
    header = {"x-twilio-signature": base64.b64encode(hmac.new(TOKEN.encode(), said, "sha1").digest()).decode()}
    assert (await bridge.receive(call(header, body=b"Body=%ff%fe&MessageSid=SM1"))).items


FORGERIES: dict[str, WebhookRequest] = {
    "no signature": call({}),
    "an empty one": call({"x-twilio-signature": ""}),
    "of somebody else": call({"x-twilio-signature": signed("token-3")}),
    "for another host": call({"x-twilio-signature": signed(TOKEN, "https://evil.example/bridges/sms")}),
    "for another account": call({"x-twilio-signature": signed(TOKEN, URL + "2")}),
    "for another query": call({"x-twilio-signature": signed(TOKEN)}, url=URL + "?m=1"),
    "with a word more": call({"x-twilio-signature": signed(TOKEN)}, body=urlencode([*FIELDS, ("b", "2")]).encode()),
    "with a blank less": call(
        {"x-twilio-signature": signed(TOKEN)}, body=urlencode(FIELDS).replace("++a", "a").encode()
    ),
    "a shared key the old way": call({"x-twilio-signature": signed(KEY)}),
    "a token the new way": call(
        {"x-twilio-signature": signed(TOKEN, hash_name="sha256"), **settings_of("HMAC_SHA256")}
    ),
    "a token without its way": call({"x-twilio-signature": signed(KEY, hash_name="sha256")}),
    "an unknown way": call({"x-twilio-signature": signed(TOKEN), **settings_of("NONE")}),
    "a weak way": call({"x-twilio-signature": signed(TOKEN, hash_name="md5"), **settings_of("HMAC_MD5")}),
    "not ASCII": call({"x-twilio-signature": "\udce9é" * 20}),
    "twice": call({"x-twilio-signature": f"{signed(TOKEN)}, {signed(TOKEN)}"}),
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_forgeries_are_refused(bridge: WebhookBridge, name: str) -> None:
    with pytest.raises(RequestRejected) as refused:
        await bridge.receive(FORGERIES[name])
    assert refused.value.status == 401


@pytest.mark.parametrize("body", [b"\xff\xfe", b"&".join(b"a=%d" % number for number in range(2_000))])
async def test_what_is_no_form_is_refused(bridge: WebhookBridge, body: bytes) -> None:
    with pytest.raises(RequestRejected) as refused:
        await bridge.receive(call({"x-twilio-signature": "x"}, body=body))
    assert refused.value.status == 400


def test_without_a_shared_key_the_new_way_is_closed(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    assert algorithm("") == "HMAC_SHA1"
    assert algorithm("key=algorithm=HMAC_SHA1,algorithm=HMAC_SHA256") == "HMAC_SHA256"
    assert algorithm("key=1, algorithm = hmac_sha256") == "HMAC_SHA256"


SETTINGS = {"account_sid": ACCOUNT, "auth_token": TOKEN, "number": "+12025550100"}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a blank token": ({"auth_token": ""}, "must not be blank"),
    "spaces for a token": ({"auth_token": "   "}, "must not be blank"),
    "a blank key": ({"signing_keys": [KEY, ""]}, "must not be blank"),
    "a blank second token": ({"more_auth_tokens": [" "]}, "must not be blank"),
    "a wrong account": ({"account_sid": "SK" + "0" * 32}, "account_sid"),
    "no sender": ({"number": ""}, "number or messaging_service_sid is missing"),
    "a name as sender": ({"number": "LUMEN"}, "number must be a number like"),
    "a prefix": ({"number": "whatsapp:+12025550100", "variant": "whatsapp"}, "without a prefix"),
    "a wrong service": ({"messaging_service_sid": "MG1"}, "messaging_service_sid"),
    "a token sent readably": ({"api_url": "http://api.twilio.com"}, "https://"),
    "a variant of nobody's": ({"variant": "fax"}, "variant"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_are_refused_at_the_start(name: str) -> None:
    wrong, sentence = WRONG[name]
    with pytest.raises(ValidationError, match=sentence):
        BRIDGE.settings.model_validate({**SETTINGS, **wrong})


@pytest.mark.parametrize(
    "given",
    [
        {"number": "72975"},
        {"number": "", "messaging_service_sid": "MG" + "0" * 32},
        {"number": "lumen_agent", "variant": "rcs"},
        {"api_url": "https://api.dublin.ie1.twilio.com/"},
        {"api_url": "http://127.0.0.1:9"},
    ],
)
def test_right_settings_are_taken(given: dict[str, Any]) -> None:
    assert BRIDGE.settings.model_validate({**SETTINGS, **given})
