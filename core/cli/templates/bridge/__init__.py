"""New channel: one sentence about the vendor goes here."""

from __future__ import annotations

from core.cli.templates.bridge.bridge import NewchannelBridge, NewchannelSettings
from core.contracts.bridge import BridgeSpec
from core.contracts.content import Capabilities, Markup

BRIDGE = BridgeSpec(
    channel="newchannel",
    title="New channel",
    settings=NewchannelSettings,
    # Say only what the vendor promises: the core cuts, splits and refuses by it.
    capabilities=Capabilities(max_text=4000, markup=Markup.PLAIN),
    build=NewchannelBridge,
)
