"""LINE: one Official Account, over the Messaging API."""

from __future__ import annotations

from datetime import timedelta

from bridges.line.bridge import LineBridge
from bridges.line.settings import LineSettings
from core.contracts.bridge import BridgeSpec
from core.contracts.content import Capabilities, MediaKind, Rate, TextUnit

MEGABYTE = 1024 * 1024

BRIDGE = BridgeSpec(
    channel="line",
    title="LINE",
    settings=LineSettings,
    # https://developers.line.biz/en/reference/messaging-api/#message-objects, #quick-reply, #rate-limits;
    # https://developers.line.biz/en/docs/messaging-api/text-character-count/
    capabilities=Capabilities(
        max_text=5000,
        text_unit=TextUnit.UTF16,
        # Sound needs its exact length, and there is no message for any other file: those become links.
        media={MediaKind.IMAGE: 10 * MEGABYTE, MediaKind.VIDEO: 200 * MEGABYTE},
        # A file and its words are two message objects of one call, which counts once.
        max_caption=5000,
        costly=True,
        quotes=True,
        deletes_in=True,
        typing_out=True,
        max_choices=13,
        choice_label=20,
        idempotent=True,
        account_rate=Rate(gap=timedelta(seconds=1 / 2000), burst=2000),
    ),
    build=LineBridge,
)
