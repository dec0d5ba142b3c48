"""Instagram: the direct messages of one professional account, through Meta's Send API."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bridges._meta.page_compose import CARDS, MAX_LABEL, MAX_QUICK_REPLIES
from bridges._meta.page_events import REPLY_WINDOW
from bridges._meta.pages import HUMAN_WINDOW
from bridges._meta.webhooks import LARGEST_BODY
from bridges.instagram.bridge import MAX_TEXT, InstagramBridge, InstagramSettings
from core.contracts.bridge import BridgeSpec
from core.contracts.content import Capabilities, MediaKind, Rate, TextUnit

MEGABYTE = 1024 * 1024

# https://developers.facebook.com/docs/messenger-platform/instagram/features and
# https://developers.facebook.com/docs/graph-api/overview/rate-limiting#instagram-graph-api
_CAPABILITIES = Capabilities(
    max_text=MAX_TEXT,
    text_unit=TextUnit.BYTE,
    media=dict.fromkeys(MediaKind, 25 * MEGABYTE) | {MediaKind.IMAGE: 8 * MEGABYTE},
    reply_window=REPLY_WINDOW,
    quotes=True,
    edits_in=True,
    deletes_in=True,
    reactions_in=True,
    reactions_out=True,
    typing_out=True,
    read=True,
    max_choices=MAX_QUICK_REPLIES,
    choice_label=MAX_LABEL,
    choices_in_text=True,
    cards=CARDS,
    invites=True,
    account_rate=Rate(gap=timedelta(seconds=1 / 300), burst=300),
)


def _tailored(settings: InstagramSettings) -> Capabilities:
    return replace(_CAPABILITIES, human_window=HUMAN_WINDOW if settings.human_agent else None)


BRIDGE = BridgeSpec(
    channel="instagram",
    title="Instagram",
    settings=InstagramSettings,
    capabilities=_CAPABILITIES,
    tailored=_tailored,
    build=InstagramBridge,
    largest_webhook=LARGEST_BODY,
)
