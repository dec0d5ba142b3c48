"""Web chat: our own protocol, server and widget."""

from __future__ import annotations

from bridges.webchat.bridge import WebchatBridge
from bridges.webchat.protocol import MAX_TEXT
from bridges.webchat.settings import WebchatSettings
from core.contracts.bridge import BridgeSpec
from core.contracts.content import Capabilities, Markup, MediaKind

MEDIA = 25 * 1024 * 1024

BRIDGE = BridgeSpec(
    channel="webchat",
    title="Web chat",
    settings=WebchatSettings,
    capabilities=Capabilities(
        max_text=MAX_TEXT,
        markup=Markup.RICH,
        media=dict.fromkeys(MediaKind, MEDIA),
        max_caption=MAX_TEXT,
        quotes=True,
        edits_in=True,
        deletes_in=True,
        reactions_in=True,
        edits_out=True,
        deletes_out=True,
        reactions_out=True,
        typing_out=True,
        delivered=True,
        read=True,
        max_choices=10,
        idempotent=True,
    ),
    build=WebchatBridge,
)
