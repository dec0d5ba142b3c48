"""When Messenger and Instagram take no message, it is told why; windows, doubt and subscriptions are minded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from bridges import instagram, messenger
from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.testing.runtime import outbound
from sandbox.faults import Fault
from sandbox.graph import GraphSandbox
from sandbox.graph.shapes import Bubble
from tests.bridges.page_accounts import KINDS, Account, given, page_account, refusal


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def graph(clock: Clock) -> AsyncIterator[GraphSandbox]:
    async with GraphSandbox(limits=False, retry_delays=(0.01, 0.01), clock=clock) as server:
        yield server


@pytest.fixture(params=KINDS)
async def account(
    graph: GraphSandbox, session: aiohttp.ClientSession, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Account]:
    async with page_account(graph, session, tmp_path, request.param) as one:
        yield one


@pytest.fixture
async def page(graph: GraphSandbox, session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Account]:
    """Messenger, for what the products share."""
    async with page_account(graph, session, tmp_path, "messenger") as one:
        yield one


def ours(account: Account) -> list[Bubble]:
    return [bubble for bubble in account.page.chat(account.user) if bubble.ours]


async def test_after_a_day_only_people_may_answer_and_only_where_it_is_granted(
    graph: GraphSandbox, session: aiohttp.ClientSession, tmp_path: Path, clock: Clock
) -> None:
    async with page_account(graph, session, tmp_path, "messenger", human_agent=True) as account:
        clock.now += 90_000
        with pytest.raises(PermanentFailure) as refused:
            await account.bridge.send(outbound(account.ada, "By a machine", automated=True))
        assert refused.value.reason is FailureReason.WINDOW_CLOSED
        await account.bridge.send(outbound(account.ada, "By Bea", human=True))
        assert account.calls()[-1]["tag"] == "HUMAN_AGENT"
        plain = account.rebuilt(human_agent=False)
        with pytest.raises(PermanentFailure):
            await plain.send(outbound(account.ada, "By Bea", human=True))
        assert "tag" not in account.calls()[-1]
        clock.now += 7 * 86_400
        account.rebuilt(human_agent=True)
        with pytest.raises(PermanentFailure, match="24 hours"):
            await account.bridge.send(outbound(account.ada, "By Bea", human=True))
        await account.page.customer_writes(account.user, "Hello?")
        await account.bridge.send(outbound(account.ada, "By Bea"))
        assert account.calls()[-1]["messaging_type"] == "RESPONSE"


@pytest.mark.parametrize("kind", KINDS)
def test_the_longer_window_is_declared_where_it_is_granted(kind: str) -> None:
    graph = GraphSandbox()
    spec: Any = messenger.BRIDGE if kind == "messenger" else instagram.BRIDGE
    for granted, window in ((False, None), (True, timedelta(days=7))):
        settings = spec.settings.model_validate(given(graph, kind, human_agent=granted))
        assert spec.capabilities_of(settings).human_window == window
        assert spec.capabilities_of(settings).reply_window == timedelta(hours=24)


GONE, BAD, POLICY = FailureReason.RECIPIENT_GONE, FailureReason.BAD_CONTENT, FailureReason.POLICY
FAULTS: dict[str, tuple[Fault, type[AdapterError], FailureReason | None]] = {
    "2": (refusal(2, status=500), OutcomeUnknown, None),
    "1200": (refusal(1200), TemporaryFailure, None),
    "613": (refusal(613), TemporaryFailure, None),
    "4": (refusal(4), TemporaryFailure, None),
    "32": (refusal(32), TemporaryFailure, None),
    "10/2018278": (refusal(10, 2018278), PermanentFailure, FailureReason.WINDOW_CLOSED),
    "10/2534022": (refusal(10, 2534022), PermanentFailure, FailureReason.WINDOW_CLOSED),
    "551": (refusal(551), PermanentFailure, GONE),
    "10/1545041": (refusal(10, 1545041), PermanentFailure, GONE),
    "100/2018001": (refusal(100, 2018001), PermanentFailure, GONE),
    "10/1893063": (refusal(10, 1893063), PermanentFailure, POLICY),
    "368": (refusal(368), PermanentFailure, POLICY),
    "190": (refusal(190, status=401), CredentialsRejected, None),
    "10/2018108": (refusal(10, 2018108), PermanentFailure, FailureReason.MISCONFIGURED),
    "200": (refusal(200, status=403), CredentialsRejected, None),
    "100": (refusal(100), PermanentFailure, BAD),
    "500": (Fault(status=500), OutcomeUnknown, None),
    "cut before": (Fault(drop="before"), OutcomeUnknown, None),
    "cut after": (Fault(drop="after"), OutcomeUnknown, None),
    "200 without an id": (Fault(status=200, body={"recipient_id": "1"}), OutcomeUnknown, None),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_each_refusal_says_what_happened(account: Account, name: str) -> None:
    fault, kind, reason = FAULTS[name]
    account.graph.faults.order("messages", fault)
    with pytest.raises(AdapterError) as failed:
        await account.bridge.send(outbound(account.ada, "hello"))
    assert type(failed.value) is kind
    assert getattr(failed.value, "reason", None) is reason
    assert str(failed.value).endswith(".")
    token = account.settings["access_token"]
    assert token not in "".join(map(str, (failed.value, failed.value.__cause__))), "the token leaked"


async def test_a_conversation_of_another_app_is_taken_over_by_an_answer(account: Account) -> None:
    account.page.locks = True
    account.page.hand_over(account.user)
    account.graph.faults.order("thread_control", refusal(10))
    with pytest.raises(PermanentFailure) as refused:
        await account.bridge.send(outbound(account.ada, "A person here"))
    assert refused.value.reason is FailureReason.OWNED_ELSEWHERE
    await account.bridge.send(outbound(account.ada, "A person here"))
    assert [bubble.text for bubble in ours(account)] == ["A person here"]


async def test_a_lost_answer_is_found_by_its_echo(account: Account) -> None:
    account.graph.faults.order("messages", Fault(drop="after"))
    message = outbound(account.ada, "Once")
    with pytest.raises(OutcomeUnknown):
        await account.bridge.send(message)
    await account.settled()
    assert await account.bridge.find(message) == ours(account)[0].id
    with pytest.raises(OutcomeUnknown):
        await account.bridge.find(outbound(account.ada, "Never", key="never"))


async def test_the_page_is_subscribed_again(account: Account) -> None:
    account.page.disabled = True
    assert await account.bridge._look_after() is None
    assert not account.page.disabled
    account.graph.faults.order("subscribed_apps", refusal(200, status=403))
    sentence = await account.bridge._look_after()
    assert sentence is not None
    assert sentence.startswith("Meta could not be told to call us")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"page_id": ""}, "page_id must name"),
        ({"login": "instagram", "page_id": "100200300"}, "page_id must name"),
        ({"instagram_id": "lumen"}, "instagram_id"),
        ({"app_secret": " "}, "copy it again"),
        ({"verify_token": ""}, "copy it again"),
        ({"more_app_secrets": [""]}, "copy it again"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        instagram.BRIDGE.settings.model_validate(given(GraphSandbox(), "instagram") | settings)
