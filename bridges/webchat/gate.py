"""Lets in whom an account allows: the right origins, valid sessions, and no more than the limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from bridges.webchat.identity import Session, read_session
from bridges.webchat.limits import Buckets
from bridges.webchat.tokens import Purpose, Tokens


class Refused(Exception):
    """A request that is answered with an error: a code for the browser, a sentence for people."""

    def __init__(self, status: int, code: str, sentence: str, *, retry_after: float = 0) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.retry_after = retry_after

    def response(self) -> web.Response:
        error: dict[str, Any] = {"code": self.code, "message": str(self)}
        headers = {"Cache-Control": "no-store"}
        if self.retry_after:
            error["retry_after"] = round(self.retry_after, 2)
            headers["Retry-After"] = str(int(self.retry_after) + 1)
        return web.json_response({"error": error}, status=self.status, headers=headers)


class Gate:
    """Checks that every route shares."""

    def __init__(self, *, origins: Sequence[str], url: str, tokens: Tokens) -> None:
        self._origins = tuple(origin.lower().rstrip("/") for origin in origins)
        self._own = origin_of(url)
        self._tokens = tokens
        self._arrivals = Buckets(burst=60, gap=1.0)

    def check_origin(self, request: web.Request) -> None:
        """Browsers name the origin on every POST and WebSocket. Ours holds the chat's frame; others must be listed."""
        origin = request.headers.get("Origin", "").lower()
        if not self.allows(origin, host=request.host):
            name = origin[:200] or "none"
            raise Refused(403, "origin", f"The origin {name} may not use this chat; add it to the account's origins.")

    def allows(self, origin: str, *, host: str) -> bool:
        address = origin_of(origin)
        if not address or address != origin:
            return False
        if address == self._own or urlsplit(address).netloc == host.lower():
            return True
        return any(_matches(address, allowed) for allowed in self._origins)

    def check_arrival(self, request: web.Request) -> None:
        """One address may open 60 sessions and sockets at once, then one a second."""
        if wait := self._arrivals.wait(request.remote or ""):
            raise Refused(429, "rate_limited", "Too many visitors from one address.", retry_after=wait)

    def session(self, headers: Mapping[str, str]) -> Session:
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        session = read_session(self._tokens, Purpose.SESSION, token) if scheme == "Bearer" else None
        if session is None:
            raise Refused(401, "session", "The session is not valid any more; begin a new one.")
        return session

    def frame_ancestors(self) -> str:
        """Whose pages a browser lets hold the chat's frame."""
        return " ".join(("'self'", *(origin for origin in self._origins)))


def origin_of(url: str) -> str:
    try:
        parts = urlsplit(url.lower())
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.netloc else ""


def _matches(origin: str, allowed: str) -> bool:
    if allowed == "*":
        return True
    scheme, _, host = allowed.partition("://")
    if host.startswith("*."):
        return origin.startswith(f"{scheme}://") and origin.endswith(host[1:])
    return origin == allowed
