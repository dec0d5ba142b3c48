"""Meta's Graph API on loopback: WhatsApp Cloud API, Messenger and Instagram messaging, and the customers' phones."""

from sandbox.graph.server import GraphSandbox

__all__ = ["GraphSandbox"]
