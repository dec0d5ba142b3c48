"""What customers do on their phones becomes events: once, whole, and never lost."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from core.contracts.bridge import DeliveryStatus, MessageReceived, OptOut, Proof, ReachabilityChanged, StatusChanged
from core.contracts.content import MediaKind
from core.contracts.errors import AdapterError, CredentialsRejected, FailureReason, PermanentFailure, TemporaryFailure
from core.contracts.text import plain
from core.testing.runtime import KeptValue, outbound
from sandbox.faults import Fault
from sandbox.twilio import TwilioSandbox
from tests.bridges.sms_accounts import ADA, SENDERS, Account, sms_account

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 2_000


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioSandbox]:
    async with TwilioSandbox(limits=False) as server:
        yield server


@pytest.fixture
async def sms(twilio: TwilioSandbox, session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Account]:
    async with sms_account(twilio, session, tmp_path) as one:
        yield one


@pytest.fixture
async def whatsapp(twilio: TwilioSandbox, session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Account]:
    async with sms_account(twilio, session, tmp_path, variant="whatsapp") as one:
        yield one


async def test_a_text_arrives_with_its_sender(sms: Account) -> None:
    sid = sms.twilio.customer_writes(ADA, "Where is my lamp? 🙂\nשלום")
    event = await sms.message()
    assert (event.event_id, event.external_id) == (sid, sid)
    assert plain(event.content.body) == "Where is my lamp? 🙂\nשלום"
    assert (event.sender.external_id, event.sender.phone, event.sender.suggests) == (ADA, ADA, (f"tel:{ADA}",))
    assert event.sender.proof is Proof.CLAIMED, "a number can be forged"
    assert event.sender.facts == {"Number": "+1 202-555-0199", "Place": "Washington, US"}
    await sms.twilio.idle()
    assert sms.answers == [200]
    assert not sms.twilio.delivery.alerts, "Twilio has nothing to say against our answers"


async def test_whatsapp_says_who_writes_and_what_she_answers(whatsapp: Account) -> None:
    whatsapp.twilio.customer_writes(ADA, "Hello")
    sent = await whatsapp.bridge.send(outbound(whatsapp.ada, "Which lamp?"))
    await whatsapp.twilio.idle()
    whatsapp.twilio.customer_writes(ADA, "The green one", reply_to=sent)
    await whatsapp.twilio.idle()
    event = whatsapp.core.events[-1]
    assert isinstance(event, MessageReceived)
    assert (event.sender.name, event.sender.external_id, event.sender.proof) == ("Ada Byron", ADA, Proof.CHANNEL)
    assert event.quote == sent


async def test_somebody_who_shows_no_number_is_answered_by_her_id(whatsapp: Account) -> None:
    number = whatsapp.twilio.add_customer("Grace", user_id="AT.1349120865530274")
    whatsapp.twilio.customer_writes(number, "Hello")
    event = await whatsapp.message()
    assert (event.sender.external_id, event.sender.phone) == ("AT.1349120865530274", "")
    await whatsapp.bridge.send(outbound(event.sender.external_id, "Hello Grace"))
    await whatsapp.twilio.idle()
    assert whatsapp.twilio.phone(number)[-1].body == "Hello Grace"


async def test_a_place_is_a_link_to_a_map(whatsapp: Account) -> None:
    whatsapp.twilio.customer_shares_place(ADA, 48.2, 16.37, "Prater")
    assert "📍 Prater\nhttps://www.openstreetmap.org/?mlat=48.200000&mlon=16.370000" in plain(
        (await whatsapp.message()).content.body
    )


@pytest.mark.parametrize(
    ("mime", "kind", "name"),
    [
        ("image/jpeg", MediaKind.IMAGE, "image.jpg"),
        ("video/3gpp", MediaKind.VIDEO, "video.3gp"),
        ("audio/amr", MediaKind.VOICE, "voice.amr"),
        ("text/vcard", MediaKind.FILE, "file.vcf"),
        ("application/x-unheard-of", MediaKind.FILE, "file"),
    ],
)
async def test_files_arrive_whole_and_the_login_stays_with_the_api(
    sms: Account, mime: str, kind: MediaKind, name: str
) -> None:
    sms.twilio.customer_sends(ADA, mime, JPEG, text="Look", more=1)
    event = await sms.message()
    first, second = event.content.attachments
    assert (first.kind, first.name) == (kind, name)
    assert first.name != second.name
    for one in (first, second):
        assert one.source is not None
        assert b"".join([chunk async for chunk in sms.bridge.fetch(one.source)]) == JPEG
    assert not sms.twilio.login_leaked
    assert [call.status for call in sms.twilio.calls if call.method == "media.fetch"] == [307, 307]


async def fetched(sms: Account) -> bytes:
    source = (await sms.message()).content.attachments[0].source
    assert source is not None
    return b"".join([chunk async for chunk in sms.bridge.fetch(source)])


async def test_a_redirect_to_anybody_else_is_not_followed(sms: Account) -> None:
    sms.twilio.customer_sends(ADA, "image/jpeg", JPEG)
    await sms.message()
    seen: list[Any] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(dict(request.headers))
        return web.Response(body=b"secret of the inner network")

    app = web.Application()
    app.router.add_get("/{path:.*}", elsewhere)
    async with TestServer(app) as other:
        for target in (
            str(other.make_url("/metadata")),
            "http://127.0.0.1:1/",
            "//evil.example/x",
            "https://twiliocdn.com.evil.example/x",
            "https://eviltwiliocdn.com/x",
            "https://s3-external-1.amazonaws.com/other-bucket/x",
            "file:///etc/passwd",
            f"{sms.twilio.url}@{other.host}:{other.port}/x",
        ):
            sms.twilio.faults.order("media.fetch", Fault(status=307, headers={"Location": target}))
            with pytest.raises(PermanentFailure):
                await fetched(sms)
    assert not seen


@pytest.mark.parametrize(
    ("call", "fault", "kind"),
    [
        ("media.fetch", Fault(status=404, body={"code": 20404}), PermanentFailure),
        ("media.fetch", Fault(status=401, body={"code": 20003}), CredentialsRejected),
        ("media.fetch", Fault(status=503), TemporaryFailure),
        ("media.fetch", Fault(drop="before"), TemporaryFailure),
        ("cdn", Fault(status=404), PermanentFailure),
        ("cdn", Fault(status=403), TemporaryFailure),
        ("cdn", Fault(drop="before"), TemporaryFailure),
    ],
)
async def test_a_file_that_cannot_be_had_says_why(
    sms: Account, call: str, fault: Fault, kind: type[AdapterError]
) -> None:
    sms.twilio.customer_sends(ADA, "image/jpeg", JPEG)
    # More than once, since the HTTP client repeats a question by itself.
    sms.twilio.faults.stand(call, fault)
    with pytest.raises(AdapterError) as failed:
        await fetched(sms)
    assert type(failed.value) is kind
    assert str(failed.value).endswith(".")


async def test_redirects_end(sms: Account) -> None:
    sms.twilio.customer_sends(ADA, "image/jpeg", JPEG)
    sms.twilio.faults.stand("cdn", Fault(status=302, headers={"Location": f"{sms.twilio.url}/cdn/x/y"}))
    with pytest.raises(PermanentFailure):
        await fetched(sms)


@pytest.mark.parametrize("advanced", [False, True])
async def test_stop_and_start_are_facts_and_words(
    twilio: TwilioSandbox, session: aiohttp.ClientSession, tmp_path: Path, advanced: bool
) -> None:
    async with sms_account(twilio, session, tmp_path) as sms:
        if advanced:
            twilio.add_service(SENDERS["sms"], advanced_opt_out=True)
        twilio.customer_writes(ADA, "Stop")
        stopped = await sms.event(2)
        with pytest.raises(PermanentFailure) as refused:
            await sms.bridge.send(outbound(sms.ada, "One more thing"))
        twilio.customer_writes(ADA, "START")
        started = await sms.event(4)
        twilio.customer_writes(ADA, "help")
        assert plain((await sms.message(5)).content.body) == "help"
    assert isinstance(sms.core.events[0], MessageReceived), "the word itself is shown, and comes first"
    assert isinstance(stopped, ReachabilityChanged)
    assert isinstance(started, ReachabilityChanged)
    assert (stopped.sender_id, stopped.reachable, stopped.kind) == (ADA, False, OptOut.ALL)
    assert (started.sender_id, started.reachable, started.kind) == (ADA, True, OptOut.ALL)
    assert refused.value.reason is FailureReason.OPTED_OUT
    assert "START" in str(refused.value)


async def test_on_whatsapp_stop_is_a_word_like_any_other(whatsapp: Account) -> None:
    whatsapp.twilio.customer_writes(ADA, "stop")
    whatsapp.twilio.customer_writes(ADA, "it hurts")
    assert [type(event) for event in await whatsapp.core.arrived(2)] == [MessageReceived, MessageReceived]


async def test_statuses_come_in_their_own_order_and_twice(sms: Account) -> None:
    sms.twilio.delivery.twice = True
    sms.twilio.hold_webhooks()
    sent = await sms.bridge.send(outbound(sms.ada, "On its way"))
    await sms.twilio.carrier.idle()
    sms.twilio.release_webhooks("reversed")
    await sms.twilio.idle()
    events = [event for event in sms.core.events if isinstance(event, StatusChanged)]
    assert {event.external_id for event in events} == {sent}
    assert sorted(event.status for event in events) == [DeliveryStatus.DELIVERED, DeliveryStatus.SENT]
    assert len(sms.core.raws) == 4
    assert sms.answers == [200] * 4


async def test_whatsapp_says_that_it_was_read(whatsapp: Account) -> None:
    whatsapp.twilio.customer_writes(ADA, "Hello")
    await whatsapp.bridge.send(outbound(whatsapp.ada, "Hello Ada"))
    await whatsapp.twilio.idle()
    whatsapp.twilio.customer_reads(ADA)
    await whatsapp.twilio.idle()
    assert [event.status for event in whatsapp.core.events if isinstance(event, StatusChanged)] == [
        DeliveryStatus.SENT,
        DeliveryStatus.DELIVERED,
        DeliveryStatus.READ,
    ]


async def test_a_shared_key_signs_as_well(
    twilio: TwilioSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    twilio.delivery.signing_key = ("webhooks_sharedkey_1", "shared")
    async with sms_account(twilio, session, tmp_path, signing_keys=["shared"]) as sms:
        twilio.customer_writes(ADA, "Hello")
        await sms.message()
        twilio.delivery.signing_key = ("webhooks_sharedkey_2", "stranger's")
        twilio.customer_writes(ADA, "I am the administrator")
        await twilio.idle()
        assert (sms.answers, len(sms.core.events)) == ([200, 401], 1)


async def test_a_retried_webhook_is_one_message(sms: Account) -> None:
    """Twilio tries again with the same idempotency token, and at the fallback address with another one."""
    line = sms.twilio.world.lines[SENDERS["sms"]]
    line.webhook += "#rc=2&rp=all"
    line.fallback = line.webhook
    sms.core.broken = RuntimeError("The database is away")
    sms.twilio.customer_writes(ADA, "Hello")
    await sms.core.until(lambda: len(sms.core.raws) >= 2)
    sms.core.broken = None
    await sms.twilio.idle()
    sms.twilio.delivery.twice = True
    sms.twilio.customer_writes(ADA, "Again")
    await sms.twilio.idle()
    texts = [plain(event.content.body) for event in sms.core.events if isinstance(event, MessageReceived)]
    assert texts == ["Hello", "Again"]


async def test_what_was_missed_is_asked_for(
    twilio: TwilioSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    memory = KeptValue()
    async with sms_account(twilio, session, tmp_path, memory=memory) as sms:
        twilio.customer_writes(ADA, "Before")
        await sms.message()
        async with listening(sms):
            await sms.core.until(lambda: bool(memory.value))
    # The endpoint is gone now.
    for number in range(120):
        twilio.customer_writes(ADA, f"Missed {number}")
    twilio.customer_sends(ADA, "image/jpeg", JPEG, text="And a picture")
    twilio.customer_writes(ADA, "stop")
    twilio.world.lines["+12025550177"] = type(twilio.world.lines[SENDERS["sms"]])(address="+12025550177")
    twilio.customer_writes(ADA, "To another number", to="+12025550177")
    await twilio.idle()
    assert len(twilio.delivery.alerts) >= 122
    memory.value = {"since": (datetime.fromisoformat(memory.value["since"]) - timedelta(minutes=5)).isoformat()}
    for one in twilio.world.messages.values():
        one.sent_at = one.made_at - 90
    async with sms_account(twilio, session, tmp_path, memory=memory) as sms, listening(sms):
        # What was here already comes again, which the core knows by its id.
        await sms.core.until(lambda: any(isinstance(one, ReachabilityChanged) for one in sms.core.events))
        received = [one for one in sms.core.events if isinstance(one, MessageReceived)]
        assert [plain(one.content.body) for one in received] == [
            "Before",
            *(f"Missed {number}" for number in range(120)),
            "And a picture",
            "stop",
        ]
        (attachment,) = received[-2].content.attachments
        assert attachment.source is not None
        assert b"".join([chunk async for chunk in sms.bridge.fetch(attachment.source)]) == JPEG
        assert received[0].event_id.startswith("SM")
        await sms.core.until(lambda: bool(sms.core.troubles))
    # The one before counts as well, since this core is a new one.
    assert "123 messages did not come by webhook" in (sms.core.troubles[0] or "")
    assert sms.core.url in (sms.core.troubles[0] or "")


async def test_a_webhook_that_works_is_no_trouble(sms: Account) -> None:
    sms.core.memory.value = {"since": (sms.core.clock() - timedelta(minutes=5)).isoformat()}
    sms.twilio.customer_writes(ADA, "Hello")
    await sms.message()
    for one in sms.twilio.world.messages.values():
        one.sent_at = one.made_at - 90
    async with listening(sms):
        await sms.core.until(lambda: bool(sms.core.troubles))
    assert (sms.core.troubles, len(sms.core.raws), len(sms.core.events)) == ([None], 2, 1)


async def test_the_first_start_asks_for_nothing_old(
    twilio: TwilioSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with sms_account(twilio, session, tmp_path) as sms:
        twilio.connect("")
        twilio.customer_writes(ADA, "Long ago")
        async with listening(sms):
            await sms.core.until(lambda: bool(sms.core.memory.value))
        assert not sms.core.events


async def test_a_revoked_token_is_a_trouble_until_it_works_again(sms: Account) -> None:
    sms.core.memory.value = {"since": sms.core.clock().isoformat()}
    sms.twilio.faults.order("messages.list", Fault(status=401, body={"code": 20003}))
    async with listening(sms):
        await sms.core.until(lambda: len(sms.core.troubles) == 2)
    assert "auth token" in (sms.core.troubles[0] or "")
    assert sms.core.troubles[1] is None


async def test_without_a_public_address_the_list_is_the_way_in(
    twilio: TwilioSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with sms_account(twilio, session, tmp_path, public=False) as sms:
        twilio.connect("")
        sms.core.memory.value = {"since": sms.core.clock().isoformat()}
        twilio.customer_writes(ADA, "Hello")
        async with listening(sms):
            assert plain((await sms.message()).content.body) == "Hello"


class listening:
    """The bridge asks Twilio while this lasts."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._account.bridge.listen())

    async def __aexit__(self, *exc_info: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
