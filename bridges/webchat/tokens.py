"""Signed values that visitors carry for us: sessions, uploads and links to files."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

MAX_TOKEN = 4096


class Purpose(StrEnum):
    """What a token is good for; one made for one purpose is worthless for another."""

    SESSION = "session"
    RESUME = "resume"
    UPLOAD = "upload"
    FILE = "file"


class Tokens:
    """Signs JSON values for one account and reads them back while they last."""

    def __init__(self, *, key: bytes, account: str, now: Callable[[], datetime]) -> None:
        self._key = key
        self._account = account
        self._now = now

    def sign(self, purpose: Purpose, value: dict[str, Any], *, until: datetime) -> str:
        body = _encode(
            json.dumps({**value, "exp": int(until.timestamp())}, ensure_ascii=False, separators=(",", ":")).encode()
        )
        return f"{body}.{self._signature(purpose, body)}"

    def sign_for(self, purpose: Purpose, value: dict[str, Any], *, lasts: timedelta) -> str:
        return self.sign(purpose, value, until=self._now() + lasts)

    def read(self, purpose: Purpose, token: str) -> dict[str, Any] | None:
        """The signed value; None when the token is not ours, for something else, or too old."""
        body, _, signature = token.partition(".")
        if len(token) > MAX_TOKEN or not token.isascii():
            return None
        if not hmac.compare_digest(signature, self._signature(purpose, body)):
            return None
        try:
            value = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (binascii.Error, ValueError):
            return None
        if not isinstance(value, dict) or value.get("exp", 0) <= self._now().timestamp():
            return None
        return value

    def _signature(self, purpose: Purpose, body: str) -> str:
        signed = f"{purpose}\n{self._account}\n{body}".encode()
        return _encode(hmac.new(self._key, signed, hashlib.sha256).digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
