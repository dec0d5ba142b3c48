"""Message-IDs of our own: a repeated send has the same one, and it is recognised when it returns."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

_OURS = re.compile(r"<tb\.([a-z2-7]{16})\.([a-z2-7]{10})@[^<>@\s]{1,253}>")


class Identifiers:
    """Makes and recognises ids with one account's key."""

    def __init__(self, key: bytes, domain: str) -> None:
        self._key = key
        self._domain = domain

    def of(self, message_key: str) -> str:
        """The Message-ID under which a message goes out."""
        name = self._word("message:" + message_key, 16)
        return f"<tb.{name}.{self._word('proof:' + name, 10)}@{self._domain}>"

    def are_ours(self, message_id: str) -> bool:
        """Whether this account made it; nobody else can."""
        found = _OURS.fullmatch(message_id)
        return found is not None and hmac.compare_digest(found[2], self._word("proof:" + found[1], 10))

    def loop_mark(self) -> str:
        """Stands in every mail of ours: one that comes back to this mailbox with it went in a circle."""
        return self._word("loop", 16)

    def _word(self, text: str, size: int) -> str:
        digest = hmac.digest(self._key, text.encode(), hashlib.sha256)
        return base64.b32encode(digest).decode().lower()[:size]
