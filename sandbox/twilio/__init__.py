"""Twilio's messaging API on loopback, with the customers' phones behind it."""

from sandbox.twilio.server import TwilioSandbox

__all__ = ["TwilioSandbox"]
