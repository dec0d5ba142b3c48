"""The access token of an Instagram login, which ends after 60 days unless it is renewed."""

from __future__ import annotations

import base64
import hashlib
import logging
from datetime import UTC, datetime, timedelta

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

from bridges._meta.graph import Graph
from core.contracts.bridge import Runtime
from core.contracts.errors import AdapterError

log = logging.getLogger(__name__)

#: https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token: from 24 hours to 60 days old.
RENEW_AFTER = timedelta(days=7)
LASTS = timedelta(days=60)
#: From here on an operator is told.
WARN_BEFORE = timedelta(days=14)
#: Another process may have renewed it.
_BELIEVED = timedelta(minutes=5)


class Tokens:
    """Begins with the one in the settings; what it was renewed to is kept, sealed with a key of the installation."""

    def __init__(self, given: SecretStr, runtime: Runtime) -> None:
        self._given, self._runtime = given.get_secret_value(), runtime
        self._fernet = Fernet(base64.urlsafe_b64encode(runtime.secret("access token")))
        #: Another token in the settings makes what was kept worthless.
        self._origin = hashlib.sha256(self._given.encode()).hexdigest()[:16]
        self._token, self._ends = self._given, runtime.now() + LASTS
        self._renewed = datetime.min.replace(tzinfo=UTC)
        self._read_at = datetime.min.replace(tzinfo=UTC)

    async def current(self) -> str:
        """The token to call with now."""
        if self._runtime.now() - self._read_at >= _BELIEVED:
            await self._read()
        return self._token

    async def renew(self, graph: Graph) -> str | None:
        """Renews it when that is due; a sentence if it will end, or has ended."""
        token, now = await self.current(), self._runtime.now()
        if now - self._renewed < RENEW_AFTER:
            return None
        try:
            answer = await graph.get("/refresh_access_token", grant_type="ig_refresh_token", access_token=token)
        except AdapterError as problem:
            return await self._refused(graph, problem)
        self._token, self._renewed = str(answer["access_token"]), now
        self._ends = now + timedelta(seconds=int(answer["expires_in"]))
        await self._keep()
        log.info("The access token was renewed", extra={"action": "token_renewed"})
        return None

    async def _keep(self) -> None:
        await self._runtime.memory.save(
            {
                "of": self._origin,
                "token": self._fernet.encrypt(self._token.encode()).decode(),
                "renewed": self._renewed.isoformat(),
                "ends": self._ends.isoformat(),
            }
        )

    async def _refused(self, graph: Graph, problem: AdapterError) -> str | None:
        """A token of less than a day cannot be renewed yet; whether that is all is seen when it is used."""
        try:
            await graph.get("me", fields="user_id")
        except AdapterError as worse:
            return f"Instagram's access token does not work. {worse}"
        if self._ends - self._runtime.now() > WARN_BEFORE:
            return None
        return f"Instagram's access token ends by {self._ends:%d %B %Y} and could not be renewed. {problem}"

    async def _read(self) -> None:
        kept = await self._runtime.memory.load()
        self._read_at = self._runtime.now()
        if kept.get("of") != self._origin:
            # It was made by now; when, Meta does not say.
            self._ends = self._read_at + LASTS
            await self._keep()
            return
        try:
            self._token = self._fernet.decrypt(str(kept["token"])).decode()
        except InvalidToken:
            # The installation has another key now.
            log.warning("The renewed access token cannot be read any more", extra={"action": "token_unreadable"})
            return
        self._renewed = datetime.fromisoformat(kept["renewed"])
        self._ends = datetime.fromisoformat(kept["ends"])
