"""What agents send reaches the right phone, and what Twilio or a carrier refuses is explained."""

import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from bridges.sms import BRIDGE, VARIANTS
from bridges.sms.refusals import codes, meaning
from core.contracts.bridge import FetchesMedia, Reconciles, StatusChanged
from core.contracts.content import Content, MediaKind
from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.text import from_plain
from core.testing.runtime import outbound
from core.testing.scenarios import PDF, PNG
from sandbox.faults import Fault
from sandbox.twilio import TwilioSandbox
from tests.bridges.sms_accounts import ADA, SENDERS, Account, sms_account

ZIP = b"PK\x03\x04" + bytes(40)


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioSandbox]:
    async with TwilioSandbox(limits=False) as server:
        yield server


@pytest.fixture
async def sms(twilio: TwilioSandbox, session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Account]:
    async with sms_account(twilio, session, tmp_path) as one:
        yield one


def forms(one: Account) -> list[dict[str, str]]:
    return [dict(call.values) for call in one.twilio.calls if call.method == "messages.create"]


async def test_a_text_goes_from_our_number_and_reports_to_us(sms: Account) -> None:
    sent = await sms.bridge.send(outbound(sms.ada, "It is on its way 🙂"))
    (form,) = forms(sms)
    callback = form.pop("StatusCallback")
    assert form == {"To": ADA, "From": SENDERS["sms"], "Body": "It is on its way 🙂"}
    assert callback.startswith(f"{sms.core.url}?m=")
    assert "k1" not in callback, "our keys are nobody's business"
    await sms.twilio.idle()
    assert [(one.sid, one.body) for one in sms.twilio.phone(ADA)] == [(sent, "It is on its way 🙂")]


async def test_a_number_that_never_wrote_can_be_written_to(sms: Account) -> None:
    assert BRIDGE.capabilities.writes_first == "tel"
    grace = sms.twilio.add_customer("Grace")
    sent = await sms.bridge.send(outbound(grace, "Your code is 123 456"))
    await sms.twilio.idle()
    assert [one.sid for one in sms.twilio.phone(grace)] == [sent]


async def test_the_longest_text_fits_and_no_longer_one(sms: Account) -> None:
    most = BRIDGE.capabilities.max_text
    for text in ("a" * most, "🙂" * (most // 2)):
        await sms.bridge.send(outbound(sms.ada, text))
    with pytest.raises(PermanentFailure) as refused:
        await sms.bridge.send(outbound(sms.ada, "🙂" * (most // 2) + "a"))
    assert refused.value.reason is FailureReason.BAD_CONTENT


def test_every_variant_says_what_it_can() -> None:
    made = {
        variant: BRIDGE.capabilities_of(
            BRIDGE.settings(account_sid="AC" + "0" * 32, auth_token="x", number=number, variant=variant)
        )
        for variant, number in {"sms": "+12025550100", "whatsapp": "+12025550101", "rcs": "agent"}.items()
    }
    assert made == VARIANTS
    assert [made[name].read for name in ("sms", "whatsapp", "rcs")] == [False, True, True]
    assert [made[name].reply_window for name in ("sms", "whatsapp", "rcs")] == [None, timedelta(hours=24), None]
    assert made["whatsapp"].media[MediaKind.IMAGE] == 5 * 1024 * 1024


@pytest.mark.parametrize(
    ("name", "data", "number", "as_mms"),
    [
        ("lamp.png", PNG, ADA, True),
        ("invoice.pdf", PDF, ADA, True),
        ("lamp.png", PNG, "+14165550123", True),
        ("parts.zip", ZIP, ADA, False),
        ("lamp.png", PNG, "+436601234567", False),
        ("lamp.png", PNG, "+18765550123", False),
    ],
)
async def test_files_go_as_mms_where_there_is_mms_else_as_a_link(
    sms: Account, name: str, data: bytes, number: str, as_mms: bool
) -> None:
    if number != ADA:
        sms.twilio.add_customer("Grace", number)
    attachment = await sms.core.stored(data, name)
    content = Content(body=from_plain("This one?"), attachments=(attachment,))
    await sms.bridge.send(outbound(number, content))
    await sms.twilio.idle()
    (bubble,) = sms.twilio.phone(number)
    assert attachment.file is not None
    if as_mms:
        assert ([one.data for one in bubble.media], bubble.body) == ([data], "This one?")
    else:
        link = sms.core.file_link(attachment.file, name)
        assert (list(bubble.media), bubble.body) == ([], f"This one?\n{name}: {link}")


async def test_without_a_public_address_no_file_goes(sms: Account) -> None:
    sms.core.file_link = lambda file, name: None
    bridge = sms.built(number="+12025550100")
    with pytest.raises(PermanentFailure, match="public address") as refused:
        await bridge.send(outbound(sms.ada, Content(attachments=(await sms.core.stored(PNG, "a.png"),))))
    assert refused.value.reason is FailureReason.MISCONFIGURED


async def test_a_service_chooses_the_number_itself(
    twilio: TwilioSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    service = twilio.add_service(twilio.add_sender(), smart_encoding=True)
    async with sms_account(twilio, session, tmp_path, messaging_service_sid=service) as one:
        # The harness adds its number anew, so it joins again.
        twilio.world.lines[SENDERS["sms"]].service = service
        await one.bridge.send(outbound(one.ada, "“Hello”"))
        (form,) = forms(one)
        assert (form["MessagingServiceSid"], "From" in form) == (service, False)
        await twilio.idle()
        assert twilio.phone(ADA)[-1].body == '"Hello"'
        assert service in await one.bridge.check()


@pytest.mark.parametrize(("has_rcs", "sender"), [(True, SENDERS["rcs"]), (False, SENDERS["sms"])])
async def test_rcs_goes_on_with_sms_where_a_service_can(
    twilio: TwilioSandbox, session: aiohttp.ClientSession, tmp_path: Path, has_rcs: bool, sender: str
) -> None:
    service = twilio.add_service(twilio.add_sender(SENDERS["rcs"]), twilio.add_sender())
    async with sms_account(twilio, session, tmp_path, variant="rcs", messaging_service_sid=service) as one:
        twilio.world.lines[SENDERS["rcs"]].service = service
        twilio.world.phones[ADA].has_rcs = has_rcs
        twilio.faults.order("messages.create", Fault(drop="after"))
        message = outbound(one.ada, "Hello")
        with pytest.raises(OutcomeUnknown):
            await one.bridge.send(message)
        await twilio.carrier.idle()
        (bubble,) = twilio.phone(ADA)
        assert bubble.sender == sender
        one.bridge._proven.clear()
        assert await one.bridge.find(message) == bubble.sid, "found under either address"


async def test_it_is_what_it_says(sms: Account) -> None:
    assert isinstance(sms.bridge, FetchesMedia)
    assert isinstance(sms.bridge, Reconciles)
    assert await sms.bridge.check() == "Lumen & Loom (+12025550100)"
    sms.twilio.world.account_status = "suspended"
    with pytest.raises(PermanentFailure, match="suspended"):
        await sms.bridge.check()
    sms.twilio.auth_token = "another"
    with pytest.raises(CredentialsRejected):
        await sms.bridge.check()


async def test_twilio_checks_what_the_real_one_checks(sms: Account) -> None:
    """The sandbox's own refusals, each by its cause."""
    world = sms.twilio.world
    landline = sms.twilio.add_customer("Office")
    world.phones[landline].landline = True
    world.closed_countries.add("+7")
    cases = {
        landline: (21614, FailureReason.RECIPIENT_GONE),
        "+79991234567": (21408, FailureReason.MISCONFIGURED),
        "AMAZON": (21211, FailureReason.RECIPIENT_GONE),
    }
    for number, (code, reason) in cases.items():
        with pytest.raises(PermanentFailure, match=f"Twilio {code}") as refused:
            await sms.bridge.send(outbound(number, "Hello"))
        assert refused.value.reason is reason
    with pytest.raises(PermanentFailure, match="21606"):
        await sms.built(number="+12025550111").send(outbound(sms.ada, "Hello"))
    with pytest.raises(PermanentFailure, match="21701"):
        await sms.built(messaging_service_sid="MG" + "0" * 32).send(outbound(sms.ada, "Hello"))


GONE, BAD, SETUP = FailureReason.RECIPIENT_GONE, FailureReason.BAD_CONTENT, FailureReason.MISCONFIGURED
#: Every code of the fact sheet and what follows from it; None: again later.
CODES: dict[int, FailureReason | None] = {
    20429: None,
    30001: None,
    30008: None,
    30500: None,
    30501: None,
    30599: None,
    21611: None,
    30003: GONE,
    30005: GONE,
    30006: GONE,
    21211: GONE,
    21614: GONE,
    21635: GONE,
    63014: GONE,
    21610: FailureReason.OPTED_OUT,
    30007: FailureReason.POLICY,
    30034: SETUP,
    63016: FailureReason.WINDOW_CLOSED,
    63049: FailureReason.RATE_POLICY,
    21617: BAD,
    12300: FailureReason.UNSUPPORTED,
    11751: FailureReason.TOO_LARGE,
    63007: SETUP,
    21408: SETUP,
    39999: FailureReason.UNKNOWN,
}


@pytest.mark.parametrize("code", CODES)
async def test_each_code_says_what_to_do_at_once(sms: Account, code: int) -> None:
    sms.twilio.faults.order("messages.create", Fault(status=400, body={"code": code, "message": "Because."}))
    with pytest.raises(AdapterError) as failed:
        await sms.bridge.send(outbound(sms.ada, "Hello"))
    _is_helpful(str(failed.value), code)
    if CODES[code] is None:
        assert type(failed.value) is TemporaryFailure
    else:
        assert isinstance(failed.value, PermanentFailure)
        assert failed.value.reason is CODES[code]


@pytest.mark.parametrize("code", CODES)
async def test_each_code_says_the_same_when_it_comes_later(sms: Account, code: int) -> None:
    sms.twilio.customer_loses_signal(ADA, code)
    await sms.bridge.send(outbound(sms.ada, "Hello"))
    await sms.twilio.idle()
    event = sms.core.events[-1]
    assert isinstance(event, StatusChanged)
    assert event.status == "failed"
    assert event.reason is (CODES[code] or FailureReason.UNKNOWN)
    _is_helpful(event.problem, code)


def test_every_sentence_says_what_to_do() -> None:
    known = list(codes())
    assert len(known) == len(set(known)) > 50
    for code in known:
        _is_helpful(meaning(code).sentence, code)


def _is_helpful(sentence: str, code: int) -> None:
    assert sentence.endswith(f"(Twilio {code}).")
    assert " she " not in sentence
    assert len(sentence) < 200


FAULTS: dict[str, tuple[Fault, type[AdapterError]]] = {
    "401": (Fault(status=401, body={"code": 20003, "message": "Authenticate"}), CredentialsRejected),
    "403": (Fault(status=403, body={"code": 20003, "message": "Permission denied"}), CredentialsRejected),
    "404": (Fault(status=404, body={"code": 20404, "message": "Not found"}), CredentialsRejected),
    "400 without words": (Fault(status=400), PermanentFailure),
    "400 with odd words": (Fault(status=400, body={"code": "x", "message": ["y"]}), PermanentFailure),
    "429": (Fault(status=429, body={"code": 20429}), TemporaryFailure),
    "429 without words": (Fault(status=429), TemporaryFailure),
    "500": (Fault(status=500, body={"code": 20500, "message": "Internal"}), OutcomeUnknown),
    "503": (Fault(status=503), OutcomeUnknown),
    "201 without words": (Fault(status=201), OutcomeUnknown),
    "201 without a name": (Fault(status=201, body={"status": "queued"}), OutcomeUnknown),
    "302": (Fault(status=302, headers={"Location": "http://127.0.0.1:1/"}), OutcomeUnknown),
    "cut before": (Fault(drop="before"), OutcomeUnknown),
    "cut after": (Fault(drop="after"), OutcomeUnknown),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_each_trouble_says_what_to_do(sms: Account, name: str) -> None:
    fault, kind = FAULTS[name]
    sms.twilio.faults.order("messages.create", fault)
    with pytest.raises(AdapterError) as failed:
        await sms.bridge.send(outbound(sms.ada, "Hello"))
    assert type(failed.value) is kind
    assert str(failed.value).endswith(".")
    assert "sandbox-auth-token" not in str(failed.value)


@pytest.mark.parametrize(("given", "wait"), [("7", 7.0), ("", 5.0), ("soon", 5.0)])
async def test_the_pause_is_the_one_that_twilio_asks_for(sms: Account, given: str, wait: float) -> None:
    sms.twilio.faults.order("messages.create", Fault(status=429, headers={"Retry-After": given}))
    with pytest.raises(TemporaryFailure) as failed:
        await sms.bridge.send(outbound(sms.ada, "Hello"))
    assert failed.value.retry_after == wait


async def test_a_server_that_is_away_got_nothing(sms: Account) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    bridge = sms.built(number="+12025550100", api_url=f"http://127.0.0.1:{port}")
    with pytest.raises(TemporaryFailure) as failed:
        await bridge.send(outbound(sms.ada, "Hello"))
    assert type(failed.value) is TemporaryFailure


async def test_the_limits_of_calls_are_obeyed(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    async with TwilioSandbox(clock=lambda: 1_790_000_000.0) as twilio, sms_account(twilio, session, tmp_path) as one:
        for _ in range(100):
            await one.bridge.check()
        with pytest.raises(TemporaryFailure, match="slow down"):
            await one.bridge.check()
