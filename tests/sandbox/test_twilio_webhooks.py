"""The sandbox's Twilio brings what happens as the real one does: signed, in order, and again only where asked."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from sandbox.twilio import TwilioSandbox
from tests.sandbox.twilio_program import ADA, NUMBER, WHATSAPP, Client, Endpoint


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioSandbox]:
    async with TwilioSandbox(limits=False) as server:
        server.add_sender(NUMBER)
        server.add_customer("Ada", ADA)
        yield server


@pytest.fixture
def client(twilio: TwilioSandbox, session: aiohttp.ClientSession) -> Client:
    return Client(twilio, session)


@pytest.fixture
async def endpoint(twilio: TwilioSandbox) -> AsyncIterator[Endpoint]:
    async with Endpoint().open() as one:
        twilio.connect(one.url)
        yield one


async def test_webhooks_are_signed_for_their_whole_address(twilio: TwilioSandbox, endpoint: Endpoint) -> None:
    twilio.customer_writes(ADA, " a&b 🙂")
    twilio.delivery.signing_key = ("webhooks_sharedkey_1", "shared")
    twilio.customer_writes(ADA, "again")
    await twilio.idle()
    # The key is looked at when the call is made.
    for path, form, headers in endpoint.calls:
        assert path == "/hook?a=1"
        text = endpoint.url + "".join(name + form[name] for name in sorted(form))
        made = hmac.new(b"shared", text.encode(), hashlib.sha256).digest()
        assert headers["X-Twilio-Signature"] == base64.b64encode(made).decode()
        assert headers["X-Twilio-Webhooks-Signature-Settings"] == "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    assert endpoint.calls[0][1]["Body"] == " a&b 🙂"


async def test_the_old_signature(twilio: TwilioSandbox, endpoint: Endpoint) -> None:
    twilio.customer_writes(ADA, "Hello")
    await twilio.idle()
    ((_, form, headers),) = endpoint.calls
    text = endpoint.url + "".join(name + form[name] for name in sorted(form))
    made = hmac.new(b"sandbox-auth-token", text.encode(), hashlib.sha1).digest()
    assert headers["X-Twilio-Signature"] == base64.b64encode(made).decode()
    assert "X-Twilio-Webhooks-Signature-Settings" not in headers
    assert {"ToCountry", "SmsSid", "NumSegments", "ApiVersion"} <= set(form)


@pytest.mark.parametrize(
    ("overrides", "answers", "calls"),
    [
        ("", [500], 1),
        ("#rc=2&rp=all", [500, 500], 3),
        ("#rc=2&rp=5xx", [500, 404], 2),
        ("#rc=1&rp=4xx", [404], 2),
        ("#rc=9&rp=all", [500] * 9, 6),
    ],
)
async def test_failed_webhooks_come_again_only_if_asked_for(
    twilio: TwilioSandbox, endpoint: Endpoint, overrides: str, answers: list[int], calls: int
) -> None:
    twilio.connect(endpoint.url + overrides)
    endpoint.answers = [web.Response(status=status) for status in answers]
    twilio.customer_writes(ADA, "Hello")
    await twilio.idle()
    assert len(endpoint.calls) == calls
    assert len({headers["I-Twilio-Idempotency-Token"] for _, _, headers in endpoint.calls}) == 1
    assert [code for code, _ in twilio.delivery.alerts] == [11200] * min(len(answers), calls)


async def test_the_fallback_gets_what_failed(twilio: TwilioSandbox, endpoint: Endpoint) -> None:
    line = twilio.world.lines[NUMBER]
    line.webhook, line.fallback = "http://127.0.0.1:1/", endpoint.url
    twilio.customer_writes(ADA, "Hello")
    await twilio.idle()
    ((_, form, _),) = endpoint.calls
    assert (form["ErrorCode"], form["Body"]) == ("11200", "Hello")


async def test_an_answer_that_is_no_twiml_is_an_alert(twilio: TwilioSandbox, endpoint: Endpoint) -> None:
    endpoint.answers = [web.json_response({}), web.Response(body=b"<Response/>", content_type="text/xml")]
    twilio.customer_writes(ADA, "Hello")
    twilio.customer_writes(ADA, "Hello")
    await twilio.idle()
    assert [code for code, _ in twilio.delivery.alerts] == [12300]


async def test_statuses_come_one_after_the_other(twilio: TwilioSandbox, client: Client, endpoint: Endpoint) -> None:
    twilio.customer_loses_signal(ADA)
    await client.send(StatusCallback=endpoint.url)
    await twilio.idle()
    assert [(form["MessageStatus"], form.get("ErrorCode")) for _, form, _ in endpoint.calls] == [
        ("sent", None),
        ("undelivered", "30003"),
    ]
    assert not twilio.phone(ADA)


async def test_stop_holds_for_every_sender_of_a_service(twilio: TwilioSandbox, client: Client) -> None:
    other = twilio.add_sender("+12025550102")
    twilio.customer_writes(ADA, " stop ")
    assert (await client.send())[1]["code"] == 21610
    assert (await client.send(From=other))[0] == 201, "without a service each number is for itself"
    twilio.customer_writes(ADA, "UNSTOP")
    assert (await client.send())[0] == 201
    service = twilio.add_service(NUMBER, other)
    twilio.customer_writes(ADA, "cancel", to=other)
    assert (await client.send(From=None, MessagingServiceSid=service))[1]["code"] == 21610
    answers = [one.body for one in twilio.phone(ADA) if one.direction == "outbound-reply"]
    assert len(answers) == 3
    assert answers[0].startswith("You have successfully been unsubscribed")


@pytest.mark.parametrize("advanced", [False, True])
async def test_who_looks_for_keywords(twilio: TwilioSandbox, endpoint: Endpoint, advanced: bool) -> None:
    twilio.add_sender(WHATSAPP, webhook=endpoint.url)
    if advanced:
        twilio.add_service(NUMBER, WHATSAPP, advanced_opt_out=True)
    for address in (NUMBER, WHATSAPP):
        twilio.customer_writes(ADA, "STOP", to=address)
    await twilio.idle()
    assert [form.get("OptOutType") for _, form, _ in endpoint.calls] == (["STOP"] * 2 if advanced else [None] * 2)
    assert bool(twilio.world.opted_out)
