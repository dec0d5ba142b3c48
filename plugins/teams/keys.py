"""The keys with which Microsoft signs what it brings, fetched when they are needed and kept when they cannot be."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from core.contracts.errors import RequestRejected, TemporaryFailure
from plugins.teams.answers import body_of
from plugins.teams.clouds import TeamsCloud, is_here, parsed

logger = logging.getLogger(__name__)

#: How long keys are believed; some time before that they are fetched again while nobody waits.
LASTS = timedelta(hours=24)
SOON = timedelta(hours=23)
#: How long nobody asks again after a fetch that failed.
PAUSE = timedelta(seconds=5)
#: A key that is not known is asked for at once, this often in a row; then once in `AGAIN`. Strangers can name any key.
AT_ONCE = 5
AGAIN = timedelta(seconds=10)
#: Seconds for both answers: an invoke has five for everything.
PATIENCE = 4.0
MOST_BYTES = 1024 * 1024
MOST_KEYS = 100
#: Bits; a shorter RSA key proves nothing.
SHORTEST = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """One public key, and the channels that it may vouch for."""

    key: RSAPublicKey
    endorsements: frozenset[str]


class Keys:
    """By key id."""

    def __init__(self, cloud: TeamsCloud, session: aiohttp.ClientSession, now: Callable[[], datetime]) -> None:
        self._cloud = cloud
        self._session = session
        self._now = now
        self._keys: Mapping[str, SigningKey] = {}
        self._fetched = datetime.min.replace(tzinfo=UTC)
        #: When the last fetch failed, None since one succeeded.
        self._failed: datetime | None = None
        self._left = AT_ONCE
        self._refilled = now()
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> SigningKey:
        """The key of that name. Raises RequestRejected for one that Microsoft does not announce, and
        TemporaryFailure while it cannot be asked, or was too often: then nobody knows what is announced by now."""
        age = self._now() - self._fetched
        asked = False
        if age > LASTS and (self._failed is None or not self._keys) and not self._is_pausing():
            asked = self._fetching is None
            await self._wait_for(self._fetch_once())
        elif age > SOON and not self._is_pausing():
            # Nobody waits for what may well fail once more while there are keys that were good until now.
            self._fetch_once()
        found = self._keys.get(key_id)
        if found is None and not asked and key_id:
            found = await self._look_for(key_id)
        if found is not None:
            return found
        if self._failed is not None:
            raise TemporaryFailure("Microsoft's signing keys cannot be fetched just now.")
        raise RequestRejected("The token is signed with a key that Microsoft does not announce.")

    async def _look_for(self, key_id: str) -> SigningKey | None:
        """A key that may have been announced since the last fetch, at once and whoever else is asking."""
        for _ in range(2):
            running = self._fetching
            if running is None and self._is_pausing():
                break
            if running is None and not self._may_ask():
                raise TemporaryFailure("Microsoft's signing keys were asked for too often just now.")
            await self._wait_for(running or self._fetch_once())
            found = self._keys.get(key_id)
            # A fetch that ran already may have had its answer before the key was announced.
            if found is not None or running is None:
                return found
        return None

    def _is_pausing(self) -> bool:
        return self._failed is not None and self._now() - self._failed < PAUSE

    def _may_ask(self) -> bool:
        gained = int((self._now() - self._refilled) / AGAIN)
        if gained > 0:
            self._left = min(AT_ONCE, self._left + gained)
            self._refilled = self._now()
        if self._left <= 0:
            return False
        self._left -= 1
        return True

    async def _wait_for(self, fetching: asyncio.Task[None]) -> None:
        # One caller that gives up must not take the answer from the others.
        await asyncio.shield(fetching)

    def _fetch_once(self) -> asyncio.Task[None]:
        """All who need keys at one moment wait for the same answer."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._done)
        return self._fetching

    def _done(self, _task: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                metadata = await self._json(self._cloud.metadata_url)
                keys = dict(_read(await self._json(str(metadata.get("jwks_uri") or ""))))
            if not keys:
                raise ValueError("The answer holds no key.")
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as problem:
            # What was announced before stays good.
            if self._failed is None:
                logger.warning(
                    "Microsoft's signing keys could not be fetched",
                    extra={"action": "keys_failed", "reason": f"{type(problem).__name__}: {problem}"},
                )
            self._failed = self._now()
            return
        if self._failed is not None:
            logger.info("Microsoft's signing keys are here again", extra={"action": "keys_fetched"})
        self._keys, self._fetched, self._failed = keys, self._now(), None

    async def _json(self, address: str) -> Mapping[str, Any]:
        url = parsed(address)
        if url is None or not (url.scheme == "https" or is_here(url)):
            raise ValueError("The keys are announced at an address that is not safe.")
        async with self._session.get(url, allow_redirects=False) as answer:
            answer.raise_for_status()
            body = await body_of(answer, most=MOST_BYTES)
        value = json.loads(body or b"")
        if not isinstance(value, dict):
            raise ValueError("The answer is not a JSON object.")
        return value


def _read(document: Mapping[str, Any]) -> Iterator[tuple[str, SigningKey]]:
    """What can be used of what is announced."""
    entries = document.get("keys")
    for entry in entries[:MOST_KEYS] if isinstance(entries, list) else ():
        try:
            key = jwt.PyJWK(entry, algorithm="RS256").key
            key_id, named = str(entry["kid"]), entry.get("endorsements")
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
            continue
        if isinstance(key, RSAPublicKey) and key.key_size >= SHORTEST:
            endorsements = frozenset(map(str, named if isinstance(named, list) else ()))
            yield key_id, SigningKey(key=key, endorsements=endorsements)
