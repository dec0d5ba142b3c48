"""Every workplace keeps the contract: Slack by both of its ways in, Teams, and the fake that stands in for them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core import discovery
from core.testing.workplace_peer import WorkplacePeer
from core.testing.workplaces import WorkplaceContract, WorkplaceSpecContract
from tests.contract.peers.fake_workplace import fake_workplace_peer
from tests.contract.peers.slack import slack_peer
from tests.contract.peers.teams import teams_peer


@pytest.mark.parametrize("office", discovery.workplaces().names)
class TestEveryWorkplace(WorkplaceSpecContract):
    """Found by itself: a new folder under plugins/ needs no edit here."""


class TestSlackOverHttp(WorkplaceContract):
    @pytest.fixture
    async def peer(self) -> AsyncIterator[WorkplacePeer]:
        async with slack_peer(socket_mode=False) as peer:
            yield peer


class TestSlackOverSocketMode(WorkplaceContract):
    @pytest.fixture
    async def peer(self) -> AsyncIterator[WorkplacePeer]:
        async with slack_peer(socket_mode=True) as peer:
            yield peer


class TestTeams(WorkplaceContract):
    @pytest.fixture
    async def peer(self) -> AsyncIterator[WorkplacePeer]:
        async with teams_peer() as peer:
            yield peer


class TestFakeWorkplace(WorkplaceContract):
    @pytest.fixture
    async def peer(self, tmp_path: Path) -> AsyncIterator[WorkplacePeer]:
        async with fake_workplace_peer(tmp_path) as peer:
            yield peer


def test_every_installed_workplace_is_driven() -> None:
    assert set(discovery.workplaces().names) == {"slack", "teams"}, "give a new workplace a peer and a class here"
