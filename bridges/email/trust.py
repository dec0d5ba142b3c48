"""Decides what a sender's address proves, from the verdict of the server that received the mail."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bridges.email.headers import MAX_VALUE, Headers
from core.contracts.bridge import Proof

#: What the writer's own program writes; above it are the lines of servers on the way.
_WRITERS = frozenset(("from", "to", "cc", "subject", "date", "message-id", "mime-version", "reply-to", "sender"))
_RESULT = re.compile(r"\s*dmarc\s*=\s*(\w+)", re.IGNORECASE)
_FROM = re.compile(r"\bheader\.from\s*=\s*\"?([^\s;\"]{1,253})", re.IGNORECASE)


def proof(headers: Headers, address: str, believed: Sequence[str]) -> Proof:
    """CHANNEL where a believed server says that the address's domain vouches for the mail (DMARC), else CLAIMED."""
    verdict = _topmost(headers)
    if verdict is None or len(headers.all("from")) != 1:
        return Proof.CLAIMED
    server, results = _parts(verdict)
    if server.lower() not in {name.lower() for name in believed}:
        return Proof.CLAIMED
    verdicts = [result for result in results if _RESULT.match(result)]
    if len(verdicts) != 1:
        return Proof.CLAIMED
    (result,) = verdicts
    outcome, domain = _RESULT.match(result), _FROM.search(result)
    passed = outcome is not None and outcome[1].lower() == "pass"
    return Proof.CHANNEL if passed and domain is not None and _aligned(address, domain[1]) else Proof.CLAIMED


def _topmost(headers: Headers) -> str | None:
    """Everything below may be written by anybody, and so may what stands below the writer's own lines."""
    for name, value in headers.fields:
        if name == "authentication-results":
            return value
        if name in _WRITERS:
            return None
    return None


def _parts(value: str) -> tuple[str, list[str]]:
    """The server's name and its results. Microsoft 365 leaves its name out, which reads as ""."""
    text = " ".join(_without_comments(value[:MAX_VALUE]).split())
    first, *rest = text.split(";")
    if "=" in first:
        return "", [first, *rest]
    # A version may follow the name.
    return (first.split() or [""])[0].strip('"'), rest


def _without_comments(value: str) -> str:
    kept: list[str] = []
    depth = 0
    quoted = escaped = False
    for character in value:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
            continue
        elif character == '"' and not depth:
            quoted = not quoted
        elif character == "(" and not quoted:
            depth += 1
        elif character == ")" and depth and not quoted:
            depth -= 1
            continue
        # A separator that is quoted separates nothing.
        if not depth and not (quoted and character in ";="):
            kept.append(character)
    return "".join(kept)


def _aligned(address: str, domain: str) -> bool:
    own, vouched = address.rpartition("@")[2].lower().rstrip("."), domain.lower().rstrip(".")
    return own == vouched or (vouched.count(".") >= 1 and own.endswith(f".{vouched}"))
