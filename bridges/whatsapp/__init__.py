"""WhatsApp: one business number, through Meta's Cloud API."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bridges._meta.webhooks import LARGEST_BODY
from bridges.whatsapp.bridge import WhatsAppBridge, WhatsAppSettings
from bridges.whatsapp.parse import WINDOW
from core.contracts.bridge import BridgeSpec
from core.contracts.content import Capabilities, Markup, MediaKind, Rate

MEGABYTE = 1024 * 1024

# https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages, /reference/media and /overview#throughput
_CAPABILITIES = Capabilities(
    max_text=4096,
    markup=Markup.RICH,
    media={
        MediaKind.IMAGE: 5 * MEGABYTE,
        MediaKind.VIDEO: 16 * MEGABYTE,
        MediaKind.AUDIO: 16 * MEGABYTE,
        MediaKind.VOICE: 16 * MEGABYTE,
        MediaKind.FILE: 100 * MEGABYTE,
    },
    max_caption=1024,
    reply_window=WINDOW,
    templates=True,
    costly=True,
    quotes=True,
    edits_in=True,
    deletes_in=True,
    reactions_in=True,
    reactions_out=True,
    typing_out=True,
    delivered=True,
    read=True,
    max_choices=3,
    max_list=10,
    choice_label=20,
    list_label=24,
    invites=True,
    max_choice_text=1024,
    account_rate=Rate(gap=timedelta(seconds=1 / 80), burst=80),
    recipient_rate=Rate(gap=timedelta(seconds=6), burst=40),
)


def _tailored(settings: WhatsAppSettings) -> Capabilities:
    # Meta passes these on only for a number that is used in the WhatsApp Business app, too.
    return replace(_CAPABILITIES, edits_in=settings.coexistence, deletes_in=settings.coexistence)


BRIDGE = BridgeSpec(
    channel="whatsapp",
    title="WhatsApp",
    settings=WhatsAppSettings,
    capabilities=_CAPABILITIES,
    tailored=_tailored,
    build=WhatsAppBridge,
    largest_webhook=LARGEST_BODY,
)
