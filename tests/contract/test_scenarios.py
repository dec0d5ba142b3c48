"""Every channel carries every scenario that it declares, over real sockets, and can do nothing undeclared."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from core import discovery
from core.testing.customer_peer import CustomerPeer
from core.testing.receiving import RECEIVING
from core.testing.scenarios import SENDING, Scenario
from tests.contract.peers.api import api_peer
from tests.contract.peers.email import email_peer
from tests.contract.peers.fake_channel import fake_channel_peer
from tests.contract.peers.line import line_peer
from tests.contract.peers.pages import page_peer
from tests.contract.peers.sms import sms_peer
from tests.contract.peers.telegram import telegram_peer
from tests.contract.peers.webchat import webchat_peer
from tests.contract.peers.whatsapp import whatsapp_peer

PEERS: dict[str, Callable[[Path], AbstractAsyncContextManager[Any]]] = {
    "api": api_peer,
    "email": email_peer,
    "fake": fake_channel_peer,
    "instagram": page_peer("instagram"),
    "instagram itself": page_peer("instagram itself"),
    "line": line_peer,
    "messenger": page_peer("messenger"),
    "sms": sms_peer("sms"),
    "sms as rcs": sms_peer("rcs"),
    "sms as whatsapp": sms_peer("whatsapp"),
    "telegram": telegram_peer,
    "webchat": webchat_peer,
    "whatsapp": whatsapp_peer,
}


@pytest.fixture(params=sorted(PEERS))
async def peer(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CustomerPeer]:
    async with PEERS[request.param](tmp_path) as peer:
        yield peer


@pytest.mark.parametrize("scenario", SENDING, ids=str)
async def test_from_the_agent(peer: CustomerPeer, scenario: Scenario) -> None:
    await scenario.play(peer)


@pytest.mark.parametrize("scenario", RECEIVING, ids=str)
async def test_from_the_customer(peer: CustomerPeer, scenario: Scenario) -> None:
    await scenario.play(peer)


@pytest.mark.parametrize("channel", discovery.bridges().names)
def test_has_a_customer_here(channel: str) -> None:
    """A channel of somebody else's may come without a sandbox; then only its own tests see it send."""
    if channel not in PEERS:
        pytest.skip(f"{channel} has no peer in tests/contract/peers, so the scenarios are not played on it")
