"""Telegram: one bot, by webhook or by long polling."""

from __future__ import annotations

from datetime import timedelta

from bridges.telegram.bridge import TelegramBridge, TelegramSettings
from core.contracts.bridge import BridgeSpec
from core.contracts.content import Capabilities, Markup, MediaKind, Rate, TextUnit

MEGABYTE = 1024 * 1024

BRIDGE = BridgeSpec(
    channel="telegram",
    title="Telegram",
    settings=TelegramSettings,
    # https://core.telegram.org/bots/api#sendmessage, #sending-files, #deletemessage;
    # https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
    capabilities=Capabilities(
        max_text=4096,
        text_unit=TextUnit.UTF16,
        markup=Markup.RICH,
        media=dict.fromkeys(MediaKind, 50 * MEGABYTE) | {MediaKind.IMAGE: 10 * MEGABYTE},
        max_caption=1024,
        quotes=True,
        edits_in=True,
        edits_out=True,
        deletes_out=True,
        delete_window=timedelta(hours=48),
        reactions_out=True,
        typing_out=True,
        max_choices=8,
        invites=True,
        account_rate=Rate(gap=timedelta(seconds=1 / 30), burst=30),
        recipient_rate=Rate(gap=timedelta(seconds=1), burst=3),
    ),
    build=TelegramBridge,
)
