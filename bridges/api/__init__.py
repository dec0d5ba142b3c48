"""A signed HTTP API: our neutral events as JSON, in and out, so that anything can be a channel from outside."""

from bridges.api.bridge import ApiBridge
from bridges.api.settings import ApiSettings, Can
from core.contracts.bridge import BridgeSpec

BRIDGE = BridgeSpec(
    channel="api",
    title="API",
    settings=ApiSettings,
    # All that can be told to a connector; what the channel behind it cannot do is switched off in the account's `can`.
    capabilities=Can(delivered=True, read=True).capabilities(),
    build=ApiBridge,
    tailored=lambda settings: settings.can.capabilities(),
)
