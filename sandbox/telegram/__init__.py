"""Telegram's Bot API on loopback, with the customers' phones behind it."""

from sandbox.telegram.server import TelegramSandbox

__all__ = ["TelegramSandbox"]
