"""Messenger: one Facebook Page, through Meta's Send API."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bridges._meta.page_compose import CARDS, MAX_LABEL, MAX_QUICK_REPLIES
from bridges._meta.page_events import REPLY_WINDOW
from bridges._meta.pages import HUMAN_WINDOW
from bridges._meta.webhooks import LARGEST_BODY
from bridges.messenger.bridge import MAX_TEXT, MessengerBridge, MessengerSettings
from core.contracts.bridge import BridgeSpec
from core.contracts.content import Capabilities, MediaKind, Rate

MEGABYTE = 1024 * 1024

# https://developers.facebook.com/docs/messenger-platform/send-messages, /reference/send-api and
# https://developers.facebook.com/docs/graph-api/overview/rate-limiting#messenger
_CAPABILITIES = Capabilities(
    max_text=MAX_TEXT,
    media=dict.fromkeys(MediaKind, 25 * MEGABYTE) | {MediaKind.IMAGE: 8 * MEGABYTE},
    reply_window=REPLY_WINDOW,
    quotes=True,
    edits_in=True,
    reactions_in=True,
    reactions_out=True,
    typing_out=True,
    delivered=True,
    read=True,
    max_choices=MAX_QUICK_REPLIES,
    choice_label=MAX_LABEL,
    cards=CARDS,
    invites=True,
    account_rate=Rate(gap=timedelta(seconds=1 / 300), burst=300),
)


def _tailored(settings: MessengerSettings) -> Capabilities:
    return replace(_CAPABILITIES, human_window=HUMAN_WINDOW if settings.human_agent else None)


BRIDGE = BridgeSpec(
    channel="messenger",
    title="Messenger",
    settings=MessengerSettings,
    capabilities=_CAPABILITIES,
    tailored=_tailored,
    build=MessengerBridge,
    largest_webhook=LARGEST_BODY,
)
