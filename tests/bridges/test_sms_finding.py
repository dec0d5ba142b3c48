"""A send whose answer was lost is found again, or surely was not sent, or a person is asked."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridges.sms.bridge import SETTLED
from core.contracts.bridge import ExternalId
from core.contracts.content import Content
from core.contracts.errors import OutcomeUnknown, TemporaryFailure
from core.contracts.text import from_plain
from core.testing.runtime import outbound
from core.testing.scenarios import PNG
from sandbox.faults import Fault
from sandbox.twilio import TwilioSandbox
from tests.bridges.sms_accounts import ADA, Account, sms_account


@pytest.fixture
async def sms(session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Account]:
    async with TwilioSandbox(limits=False) as twilio, sms_account(twilio, session, tmp_path) as one:
        yield one


class Lost:
    """A send whose answer was lost, and a clock that can be moved on."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.later = timedelta()
        account.core.clock = lambda: datetime.now(UTC) + self.later
        self.bridge = account.built(number="+12025550100")
        account.bridge = account.core.bridge = self.bridge

    async def send(self, text: str = "Hello", *, fault: Fault | None = None, key: str = "k1", **values: Any) -> Any:
        message = outbound(self.account.ada, text, key=key, **values)
        self.account.twilio.faults.order("messages.create", fault or Fault(drop="after"))
        with pytest.raises(OutcomeUnknown):
            await self.bridge.send(message)
        await self.account.twilio.idle()
        return message

    async def restart(self) -> None:
        self.bridge = self.account.built(number="+12025550100")


@pytest.fixture
def lost(sms: Account) -> Lost:
    return Lost(sms)


async def test_the_callback_proves_which_message_arrived(lost: Lost) -> None:
    message = await lost.send()
    await lost.account.twilio.idle()
    # The same words from elsewhere do not confuse it.
    await lost.bridge.send(outbound(lost.account.ada, "Hello", key="k2"))
    assert await lost.bridge.find(message) == lost.account.twilio.phone(ADA)[0].sid
    assert len([one for one in lost.account.twilio.calls if one.method == "messages.list"]) == 0


@pytest.mark.parametrize("text", ["Hello", "“Typographic” – signs…", " two  spaces\nand a line ", "🙂"])
async def test_the_list_proves_it_too(lost: Lost, text: str) -> None:
    message = await lost.send(text)
    lost.bridge._proven.clear()
    (bubble,) = lost.account.twilio.phone(ADA)
    bubble.body = f"Sent from your Twilio trial account - {bubble.body}".replace("“", '"').replace("…", "...")
    assert await lost.bridge.find(message) == bubble.sid


async def test_what_was_surely_not_sent_is_sent_again(lost: Lost) -> None:
    message = await lost.send(fault=Fault(drop="before"))
    with pytest.raises(TemporaryFailure) as early:
        await lost.bridge.find(message)
    assert type(early.value) is TemporaryFailure, "the list may be late; asked again, not given up"
    lost.later = SETTLED + timedelta(seconds=1)
    assert await lost.bridge.find(message) is None


async def test_what_is_known_already_is_not_it(lost: Lost) -> None:
    before = await lost.bridge.send(outbound(lost.account.ada, "Hello", key="k0"))
    message = await lost.send(fault=Fault(drop="before"))
    lost.later = SETTLED + timedelta(seconds=1)
    assert await lost.bridge.find(replace(message, history=(ExternalId(before),))) is None


@pytest.mark.parametrize("other", ["Hello", "Something else"])
async def test_other_messages_at_that_time_make_it_unsure(lost: Lost, other: str) -> None:
    await lost.bridge.send(outbound(lost.account.ada, other, key="k0"))
    message = await lost.send(fault=Fault(drop="after" if other == "Hello" else "before"))
    lost.bridge._proven.clear()
    lost.later = SETTLED + timedelta(seconds=1)
    with pytest.raises(OutcomeUnknown):
        await lost.bridge.find(message)


async def test_old_messages_are_not_it(lost: Lost) -> None:
    await lost.bridge.send(outbound(lost.account.ada, "Hello", key="k0"))
    lost.account.twilio.phone(ADA)
    for one in lost.account.twilio.world.messages.values():
        one.made_at -= 3600
    message = await lost.send(fault=Fault(drop="before"))
    lost.later = SETTLED + timedelta(seconds=1)
    assert await lost.bridge.find(message) is None


async def test_after_a_restart_only_an_empty_list_is_sure(lost: Lost) -> None:
    message = await lost.send()
    await lost.restart()
    with pytest.raises(OutcomeUnknown):
        await lost.bridge.find(message)
    lost.account.twilio.world.messages.clear()
    with pytest.raises(TemporaryFailure):
        await lost.bridge.find(message)
    lost.later = SETTLED + timedelta(seconds=1)
    assert await lost.bridge.find(message) is None


async def test_our_own_answers_to_keywords_are_not_it(lost: Lost) -> None:
    message = await lost.send(fault=Fault(drop="before"))
    lost.account.twilio.customer_writes(ADA, "HELP")
    lost.later = SETTLED + timedelta(seconds=1)
    assert await lost.bridge.find(message) is None


async def test_a_lost_file_is_found_by_its_words(lost: Lost) -> None:
    attachment = await lost.account.core.stored(PNG, "lamp.png")
    message = outbound(lost.account.ada, Content(body=from_plain("This one"), attachments=(attachment,)))
    lost.account.twilio.faults.order("messages.create", Fault(drop="after"))
    with pytest.raises(OutcomeUnknown):
        await lost.bridge.send(message)
    await lost.account.twilio.idle()
    lost.bridge._proven.clear()
    assert await lost.bridge.find(message) == lost.account.twilio.phone(ADA)[0].sid


async def test_a_question_that_fails_leaves_it_in_doubt(lost: Lost) -> None:
    message = await lost.send()
    lost.bridge._proven.clear()
    lost.later = SETTLED * 2
    for fault in (Fault(status=503), Fault(status=429), Fault(status=200, body={"x": 1})):
        lost.account.twilio.faults.order("messages.list", fault)
        with pytest.raises(TemporaryFailure) as failed:
            await lost.bridge.find(message)
        assert type(failed.value) is TemporaryFailure
