"""A channel from outside on loopback: the connector that speaks our signed API, and its customers' phones."""

from sandbox.api.server import ApiSandbox

__all__ = ["ApiSandbox"]
