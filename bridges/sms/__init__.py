"""SMS and MMS through Twilio, with WhatsApp and RCS as variants of the same account."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bridges.sms.bridge import SmsBridge
from bridges.sms.settings import SmsSettings
from core.contracts.bridge import BridgeSpec
from core.contracts.content import Capabilities, MediaKind, TextUnit

MEGABYTE = 1024 * 1024

# https://www.twilio.com/docs/messaging/api/message-resource, /docs/messaging/guides/accepted-mime-types,
# /docs/whatsapp/guidance-whatsapp-media-messages
SMS = Capabilities(
    max_text=1600,
    # What Twilio counts is not written anywhere; this is never too much.
    text_unit=TextUnit.UTF16,
    media=dict.fromkeys(MediaKind, 5 * MEGABYTE),
    # Leaves room for the link that a file becomes where no MMS goes.
    max_caption=1000,
    delivered=True,
    writes_first="tel",
)
RCS = replace(SMS, read=True, writes_first="")
WHATSAPP = replace(
    RCS,
    media=dict.fromkeys(MediaKind, 16 * MEGABYTE) | {MediaKind.IMAGE: 5 * MEGABYTE},
    # Twilio drops the words beside everything but pictures.
    max_caption=0,
    reply_window=timedelta(hours=24),
    costly=True,
)
VARIANTS = {"sms": SMS, "whatsapp": WHATSAPP, "rcs": RCS}


def _tailored(settings: SmsSettings) -> Capabilities:
    return VARIANTS[settings.variant]


BRIDGE = BridgeSpec(
    channel="sms",
    title="SMS",
    settings=SmsSettings,
    capabilities=SMS,
    build=SmsBridge,
    tailored=_tailored,
)
