"""Email: one mailbox, read by IMAP and answered by SMTP."""

from __future__ import annotations

from bridges.email.bridge import EmailBridge
from bridges.email.settings import EmailSettings
from core.contracts.bridge import BridgeSpec
from core.contracts.content import Capabilities, Markup, MediaKind

MAX_TEXT = 200_000
#: With the third that encoding adds this stays below the 35 MB that Microsoft 365 takes.
MAX_FILE = 20 * 1000 * 1000

BRIDGE = BridgeSpec(
    channel="email",
    title="Email",
    settings=EmailSettings,
    capabilities=Capabilities(
        max_text=MAX_TEXT,
        markup=Markup.RICH,
        media=dict.fromkeys(MediaKind, MAX_FILE),
        max_caption=MAX_TEXT,
        quotes=True,
        writes_first="mailto",
    ),
    build=EmailBridge,
)
