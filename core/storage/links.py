"""Signed links to stored files, for what is too large to be sent: they name one file, and end."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from core.contracts.bridge import Files
from core.contracts.content import StoredFile

HEAD = struct.Struct(">32sQ")


class LinkRejected(Exception):
    """The link cannot be followed; `str()` is a sentence for who clicked it."""

    def __init__(self, sentence: str, *, status: int) -> None:
        super().__init__(sentence)
        #: HTTP status of the answer: 404 for a link that we did not make, 410 for one that ended.
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedFile:
    """What a link stands for."""

    file: StoredFile
    #: The name it was sent under.
    name: str


class FileLinks:
    """Makes and opens the tokens of `/files/<token>`."""

    def __init__(self, files: Files, key: bytes, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._files = files
        self._key = key
        self._now = now

    def sign(self, sha256: str, name: str, expires: datetime) -> str:
        """A token that opens that file until `expires`."""
        payload = HEAD.pack(bytes.fromhex(sha256), int(expires.timestamp())) + name.encode(errors="replace")[:300]
        return base64.urlsafe_b64encode(self._mac(payload) + payload).rstrip(b"=").decode()

    def open(self, token: str) -> LinkedFile:
        """Raises LinkRejected."""
        try:
            raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raw = b""
        mac, payload = raw[:32], raw[32:]
        if len(payload) < HEAD.size or not hmac.compare_digest(mac, self._mac(payload)):
            raise LinkRejected("This link is not complete. Copy the whole link and try again.", status=404)
        digest, expires = HEAD.unpack_from(payload)
        if self._now().timestamp() > expires:
            raise LinkRejected("This link has ended. Ask for a new one.", status=410)
        file = self._files.find(digest.hex())
        if file is None:
            raise LinkRejected("This file is no longer kept.", status=410)
        return LinkedFile(file=file, name=payload[HEAD.size :].decode(errors="replace"))

    def _mac(self, payload: bytes) -> bytes:
        return hmac.new(self._key, payload, hashlib.sha256).digest()
