"""Every channel that is installed keeps the contract."""

import pytest

from core import discovery
from core.testing.bridges import BridgeContract


@pytest.mark.parametrize("channel", discovery.bridges().names)
class TestEveryBridge(BridgeContract):
    """Found by itself: a new folder under bridges/ needs no edit here."""
