"""The wire on the connector's side, written from the specification and not from our own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import Any

#: Fields that every delivery of a type has.
REQUIRED: Mapping[str, frozenset[str]] = {
    "message": frozenset({"to", "text", "body", "attachments", "quote", "history", "token", "subject", "automated"}),
    "edit": frozenset({"to", "external_id", "text", "body"}),
    "delete": frozenset({"to", "external_id"}),
    "reaction": frozenset({"to", "external_id", "emoji"}),
    "typing": frozenset({"to"}),
    "ping": frozenset(),
}


class Refused(Exception):
    """The connector does not take a delivery."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {"type": "about:blank", "title": "Refused", "status": status, "detail": detail, **more}


def sign(secret: str, name: str, at: int, body: bytes) -> str:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme"""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return (
        "v1,"
        + base64.b64encode(hmac.new(key, b"%s.%d.%s" % (name.encode(), at, body), hashlib.sha256).digest()).decode()
    )


def headers(secrets: Sequence[str], name: str, body: bytes, *, at: float | None = None) -> dict[str, str]:
    """Of a call to Threadbridge, signed now."""
    now = int(time.time() if at is None else at)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(sign(one, name, now, body) for one in secrets),
        "Accept": "application/json",
    }


def check(given: Mapping[str, str], body: bytes, secret: str) -> str:
    """The id of a delivery that Threadbridge signed just now. Raises Refused."""
    name, at, signatures = (given.get(f"webhook-{one}", "") for one in ("id", "timestamp", "signature"))
    if not name or not at.isdigit() or abs(time.time() - int(at)) > 300:
        raise Refused(401, "The delivery has no id, or its time is not now.")
    if not any(hmac.compare_digest(sign(secret, name, int(at), body), one) for one in signatures.split(" ")):
        raise Refused(401, "The delivery is not signed with our secret.")
    if given.get("Content-Type") != "application/json":
        raise Refused(415, "A delivery is JSON.")
    return name


def shape(delivery: Any) -> None:
    """Raises Refused for what is no delivery."""
    kind = str(delivery.get("type")) if isinstance(delivery, dict) else ""
    if kind not in REQUIRED:
        raise Refused(422, f"There is no delivery of type {kind!r}.")
    if missing := sorted(REQUIRED[kind] - set(delivery)):
        raise Refused(422, f"The delivery lacks {', '.join(missing)}.")
