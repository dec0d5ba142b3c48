"""The keys with which Microsoft signs what it brings, fetched when they are needed and kept when they cannot be."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import jwt

from core.contracts.errors import RequestRejected, TemporaryFailure
from plugins.teams.clouds import TeamsCloud

logger = logging.getLogger(__name__)

#: How long keys are believed without asking again.
LASTS = timedelta(hours=24)
#: A key that is not known is asked for at once, this often in a row; then once in `AGAIN`. Strangers can name any key.
AT_ONCE = 5
AGAIN = timedelta(minutes=1)
#: Seconds for one answer, and the most of it that is read.
PATIENCE = 5.0
MOST_BYTES = 1024 * 1024
MOST_KEYS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """One public key, and the channels that it may vouch for."""

    key: Any
    endorsements: frozenset[str]


class Keys:
    """By key id."""

    def __init__(self, cloud: TeamsCloud, session: aiohttp.ClientSession, now: Callable[[], datetime]) -> None:
        self._cloud = cloud
        self._session = session
        self._now = now
        self._keys: Mapping[str, SigningKey] = {}
        self._fetched: datetime | None = None
        self._left = AT_ONCE
        self._refilled = now()
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> SigningKey:
        """The key of that name. Raises RequestRejected for one that Microsoft does not announce, and
        TemporaryFailure while no keys could be fetched at all."""
        old = self._fetched is None or self._now() - self._fetched > LASTS
        if old or (key_id not in self._keys and self._may_ask()):
            await self._fetch_once()
        found = self._keys.get(key_id)
        if found is not None:
            return found
        if not self._keys:
            raise TemporaryFailure("Microsoft's signing keys cannot be fetched just now.")
        raise RequestRejected("The token is signed with a key that Microsoft does not announce.")

    def _may_ask(self) -> bool:
        gained = int((self._now() - self._refilled) / AGAIN)
        if gained > 0:
            self._left = min(AT_ONCE, self._left + gained)
            self._refilled = self._now()
        if not self._left:
            return False
        self._left -= 1
        return True

    async def _fetch_once(self) -> None:
        """All who need keys at one moment wait for the same answer."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._done)
        await asyncio.shield(self._fetching)

    def _done(self, _task: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _fetch(self) -> None:
        try:
            metadata = await self._json(self._cloud.metadata_url)
            address = str(metadata.get("jwks_uri") or "")
            found = await self._json(address)
            keys = dict(_read(found))
        except (aiohttp.ClientError, TimeoutError, ValueError, TypeError, AttributeError, OSError) as problem:
            # What was announced before stays good; the next request tries again.
            logger.warning(
                "Microsoft's signing keys could not be fetched",
                extra={"action": "keys_failed", "reason": type(problem).__name__},
            )
            if self._keys:
                self._fetched = self._now() - LASTS + AGAIN
            return
        if keys:
            self._keys, self._fetched = keys, self._now()

    async def _json(self, address: str) -> Mapping[str, Any]:
        async with asyncio.timeout(PATIENCE), self._session.get(address, allow_redirects=False) as answer:
            answer.raise_for_status()
            body = bytearray()
            async for chunk in answer.content.iter_chunked(64 * 1024):
                body += chunk
                if len(body) > MOST_BYTES:
                    raise ValueError("The answer is too long.")
        value = json.loads(body)
        if not isinstance(value, dict):
            raise ValueError("The answer is not a JSON object.")
        return value


def _read(document: Mapping[str, Any]) -> Any:
    for entry in document["keys"][:MOST_KEYS]:
        try:
            key = jwt.PyJWK(entry, algorithm="RS256").key
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        yield str(entry["kid"]), SigningKey(key=key, endorsements=frozenset(entry.get("endorsements") or ()))
