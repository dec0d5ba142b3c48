"""The access token of a login with Instagram: it ends after 60 days, and can be renewed once it is a day old."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from sandbox.graph.wire import GraphError, Json

#: https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token
LASTS_S, YOUNG_S = 60 * 86_400, 86_400


class InstagramLogin:
    """One token; the one before it ends when it is renewed."""

    def __init__(self, token: str, clock: Callable[[], float]) -> None:
        self.token = token
        self._clock = clock
        self.made_at = clock()

    def check(self) -> None:
        """Raises: GraphError when it has ended."""
        if self._clock() - self.made_at >= LASTS_S:
            raise GraphError(401, 190, "Error validating access token: Session has expired.", subcode=463)

    def renew(self, query: Mapping[str, str]) -> Json:
        """GET of `/refresh_access_token`. Raises: GraphError."""
        if query.get("grant_type") != "ig_refresh_token":
            raise GraphError(400, 100, "(#100) Param grant_type must be ig_refresh_token.")
        if query.get("access_token") != self.token:
            raise GraphError(401, 190, "Invalid OAuth access token - Cannot parse access token")
        self.check()
        if self._clock() - self.made_at < YOUNG_S:
            raise GraphError(400, 100, "(#100) The access token is less than 24 hours old.")
        self.token = f"IGAA{secrets.token_urlsafe(16)}"
        self.made_at = self._clock()
        return {"access_token": self.token, "token_type": "bearer", "expires_in": LASTS_S}
