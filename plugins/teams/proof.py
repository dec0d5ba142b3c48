"""Proves that a request is from Teams, for us and of now: by its token alone, and by what the token says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

import jwt
from multidict import MultiMapping

from core.contracts.errors import RequestRejected
from plugins.teams.clouds import TeamsCloud, is_here, parsed
from plugins.teams.keys import Keys
from plugins.teams.settings import TeamsSettings

Json = Mapping[str, Any]

#: How far clocks may differ.
LEEWAY = timedelta(minutes=5)
CHANNEL = "msteams"
#: What proxies add.
FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")


class Proof:
    """https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication"""

    def __init__(self, settings: TeamsSettings, cloud: TeamsCloud, keys: Keys, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._cloud = cloud
        self._keys = keys
        self._now = now

    async def claims(self, headers: MultiMapping[str]) -> Json:
        """What the token of a request says. Raises RequestRejected, and TemporaryFailure while keys cannot be had.

        Nothing of a body is needed for it: to read a stranger's takes so long that everybody else would wait.
        """
        if self._settings.development:
            _check_here(headers)
            return {}
        given = headers.getall("Authorization", [])
        if len(given) > 1:
            raise RequestRejected("The request carries more than one token.")
        scheme, _, rest = (given[0] if given else "").strip().partition(" ")
        token = rest.strip()
        if scheme.lower() != "bearer" or not token:
            raise RequestRejected("The request carries no token.")
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != "RS256":
                raise RequestRejected("The token is not signed with RS256.")
            # Looked at before its signature, so that strangers' tokens cost no look-up of keys.
            self._check_claims(jwt.decode(token, options={"verify_signature": False}))
            signing = await self._keys.find(str(header.get("kid") or ""))
            claims: Json = jwt.decode(
                token,
                signing.key,
                algorithms=["RS256"],
                options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as wrong:
            raise RequestRejected(f"The token is not good: {type(wrong).__name__}.") from None
        if CHANNEL not in signing.endorsements:
            raise RequestRejected("The token's key is not one for Teams.")
        self._check_claims(claims)
        return claims

    def check(self, activity: Json, claims: Json) -> None:
        """Raises RequestRejected unless that token was made for this activity, and it is one of Teams."""
        if not self._settings.development:
            if activity.get("channelId") != CHANNEL:
                raise RequestRejected("The activity is of another channel than Teams.")
            named = claims.get("serviceurl")
            if not isinstance(named, str) or named.rstrip("/") != str(activity.get("serviceUrl") or "").rstrip("/"):
                raise RequestRejected("The token is for another serviceUrl.")
        self._check_service_url(activity.get("serviceUrl"))

    def _check_claims(self, claims: Json) -> None:
        """Raises RequestRejected unless the token was made by Microsoft, for us, lately."""
        if claims.get("iss") != self._cloud.issuer:
            raise RequestRejected("The token's issuer is not the Bot Connector.")
        ours = self._settings.app_id
        if claims.get("aud") not in (ours, f"api://{ours}", f"api://botid-{ours}"):
            raise RequestRejected("The token is for another app.")
        now, leeway = self._now().timestamp(), LEEWAY.total_seconds()
        begins, ends = _time(claims.get("nbf", 0)), _time(claims.get("exp"))
        if begins is None or ends is None or not begins - leeway <= now <= ends + leeway:
            raise RequestRejected("The token is not good at this time.")

    def _check_service_url(self, address: object) -> None:
        """An answer, and our token with it, goes where the activity says: so that must be Microsoft's."""
        url = parsed(address) if isinstance(address, str) else None
        trusted = url is not None and (is_here(url) if self._settings.development else self._cloud.trusts(url))
        if not trusted or url is None or url.raw_query_string or url.raw_fragment:
            raise RequestRejected("The activity's serviceUrl is none of Microsoft's hosts.")


def _check_here(headers: MultiMapping[str]) -> None:
    """Nothing is signed for a developer's tool, so nothing is believed that came to a public address, or by a proxy.

    Raises RequestRejected.
    """
    url = parsed(f"http://{headers.get('Host', '')}/")
    if url is None or not is_here(url) or any(name in headers for name in FORWARDED):
        raise RequestRejected("Activities without a token are taken from this machine only.")


def _time(value: object) -> float | None:
    """Seconds since 1970, or None for what is no moment."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if isfinite(seconds) else None
