"""LINE's Messaging API on loopback, with the customers' phones behind it."""

from sandbox.line.server import LineSandbox

__all__ = ["LineSandbox"]
