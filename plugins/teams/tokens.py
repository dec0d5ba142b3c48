"""Tokens for us, by secret, certificate or managed identity: fetched once for all who wait, and kept for a while."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import msal
import requests

from core.contracts.errors import CredentialsRejected, TemporaryFailure
from core.contracts.text import line
from plugins.teams.answers import body_of
from plugins.teams.certificates import Certificate
from plugins.teams.clouds import TeamsCloud
from plugins.teams.errors import to_entra_error
from plugins.teams.settings import TeamsSettings

#: A token is renewed this long before it ends; a failure then is no harm, and is tried again after a while.
EARLY = timedelta(minutes=5)
AGAIN = timedelta(seconds=30)
#: Entra's longest, in seconds.
LONGEST = 86_400.0
#: Seconds for one answer.
PATIENCE = 10.0
MOST_BYTES = 256 * 1024
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One access token."""

    value: str = field(repr=False)
    renewed: datetime
    ends: datetime


class Tokens:
    """By scope."""

    def __init__(
        self,
        settings: TeamsSettings,
        cloud: TeamsCloud,
        session: aiohttp.ClientSession,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._cloud = cloud
        self._session = session
        self._now = now
        self._tokens: dict[str, Token] = {}
        self._fetching: dict[str, asyncio.Task[Token]] = {}
        self._certificate: Certificate | None = None
        self._identity: msal.ManagedIdentityClient | None = None

    async def get(self, scope: str) -> str:
        """A token that is good for some minutes. Raises CredentialsRejected; TemporaryFailure while Entra is away."""
        known = self._tokens.get(scope)
        if known is not None and self._now() < known.renewed:
            return known.value
        try:
            return (await self._fetch_once(scope)).value
        except TemporaryFailure:
            if known is None or self._now() >= known.ends:
                raise
            self._tokens[scope] = replace(known, renewed=self._now() + AGAIN)
            return known.value

    def drop(self, scope: str, value: str) -> None:
        """That token was not accepted; one that has taken its place meanwhile stays."""
        known = self._tokens.get(scope)
        if known is not None and known.value == value:
            del self._tokens[scope]
            # It remembers tokens too.
            self._identity = None

    async def _fetch_once(self, scope: str) -> Token:
        task = self._fetching.get(scope)
        if task is None:
            task = asyncio.create_task(self._fetch(scope))
            self._fetching[scope] = task
            task.add_done_callback(lambda _task: self._fetching.pop(scope, None))
        return await asyncio.shield(task)

    async def _fetch(self, scope: str) -> Token:
        by_identity = bool(self._settings.managed_identity)
        ask: Callable[[str], Awaitable[Mapping[str, Any]]] = self._by_identity if by_identity else self._by_entra
        asked_at = self._now()
        answer = await ask(scope)
        try:
            value, lasts = str(answer["access_token"]), float(answer["expires_in"])
        except (KeyError, ValueError, TypeError):
            raise TemporaryFailure("Entra's answer holds no token.") from None
        lifetime = timedelta(seconds=min(max(lasts, 0.0), LONGEST))
        ends = asked_at + lifetime
        token = Token(value=value, renewed=ends - min(EARLY, lifetime / 2), ends=ends)
        self._tokens[scope] = token
        return token

    async def _by_entra(self, scope: str) -> Mapping[str, Any]:
        address = f"{self._cloud.login_url}/{self._settings.tenant_id}/oauth2/v2.0/token"
        form = {"grant_type": "client_credentials", "client_id": self._settings.app_id, "scope": scope}
        if self._settings.certificate.get_secret_value():
            assertion = await asyncio.to_thread(self._assertion, address)
            form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        else:
            form["client_secret"] = self._settings.app_secret.get_secret_value()
        try:
            async with (
                asyncio.timeout(PATIENCE),
                self._session.post(address, data=form, allow_redirects=False) as answer,
            ):
                body = await body_of(answer, most=MOST_BYTES) or b""
                if answer.status != 200:
                    raise to_entra_error(answer.status, answer.headers, body)
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise TemporaryFailure(f"Entra cannot be reached ({type(problem).__name__}).") from problem
        try:
            value = json.loads(body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise TemporaryFailure("Entra's answer is not what a token comes in.")
        return value

    def _assertion(self, audience: str) -> str:
        """Signing and above all reading a key takes longer than the event loop should wait."""
        if self._certificate is None:
            self._certificate = Certificate.read(self._settings.certificate.get_secret_value())
        return self._certificate.assertion(audience, self._settings.app_id, self._now())

    async def _by_identity(self, scope: str) -> Mapping[str, Any]:
        """MSAL knows every kind of Azure host; it blocks, so it runs beside the event loop, and keeps one client."""
        if self._identity is None:
            named = self._settings.managed_identity
            identity = (
                msal.SystemAssignedManagedIdentity()
                if named == "system"
                else msal.UserAssignedManagedIdentity(client_id=named)
            )
            self._identity = msal.ManagedIdentityClient(identity, http_client=_Patient())
        ask, resource = self._identity.acquire_token_for_client, scope.removesuffix("/.default")
        try:
            answer: Mapping[str, Any] = await asyncio.to_thread(ask, resource=resource)
        except (OSError, ValueError) as problem:
            raise TemporaryFailure(
                f"The managed identity gives no token ({_reason(problem)}): it works on Azure only; elsewhere set "
                "app_secret or certificate instead."
            ) from problem
        if "access_token" not in answer:
            said = line(str(answer.get("error_description") or answer.get("error") or ""), limit=200)
            raise CredentialsRejected(
                f"The managed identity gives no token ({said}): assign it to this machine, and make the Azure Bot "
                "resource of type User-Assigned Managed Identity with the same app id."
            )
        return answer


class _Patient(requests.Session):
    """What MSAL calls the machine's own identity endpoint with: never for long, never through a proxy."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def send(self, request: Any, **options: Any) -> Any:
        """Raises OSError for what is worth another try, which MSAL would take for a final refusal."""
        answer = super().send(request, **{**options, "timeout": PATIENCE, "allow_redirects": False})
        # https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
        if answer.status_code in {404, 410, 429} or answer.status_code >= 500:
            answer.raise_for_status()
        return answer


def _reason(problem: Exception) -> str:
    status = getattr(getattr(problem, "response", None), "status_code", None)
    return f"HTTP {status}" if status else type(problem).__name__
