"""Tokens for us, by secret, certificate or managed identity: fetched once for all who wait, and kept for a while."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import jwt
import msal
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from core.contracts.errors import CredentialsRejected, TemporaryFailure
from plugins.teams.clouds import TeamsCloud
from plugins.teams.errors import to_entra_error
from plugins.teams.settings import TeamsSettings

#: A token is renewed this long before it ends.
EARLY = timedelta(minutes=5)
#: Seconds for one answer.
PATIENCE = 10.0
MOST_BYTES = 256 * 1024
#: How long a signed statement that we hold the certificate is good.
ASSERTION_LASTS = timedelta(minutes=5)
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One access token."""

    value: str
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
        self._identity: msal.ManagedIdentityClient | None = None

    async def get(self, scope: str) -> str:
        """A token that is good for some minutes. Raises CredentialsRejected; TemporaryFailure while Entra is away."""
        known = self._tokens.get(scope)
        if known is not None and self._now() < known.ends - EARLY:
            return known.value
        try:
            return (await self._fetch_once(scope)).value
        except TemporaryFailure:
            if known is not None and self._now() < known.ends:
                return known.value
            raise

    def drop(self, scope: str, value: str) -> None:
        """That token was not accepted; one that has taken its place meanwhile stays."""
        known = self._tokens.get(scope)
        if known is not None and known.value == value:
            del self._tokens[scope]

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
        token = Token(value=value, ends=asked_at + timedelta(seconds=min(max(lasts, 0.0), 86_400.0)))
        self._tokens[scope] = token
        return token

    async def _by_entra(self, scope: str) -> Mapping[str, Any]:
        address = f"{self._cloud.login_url}/{self._settings.tenant_id}/oauth2/v2.0/token"
        form = {"grant_type": "client_credentials", "client_id": self._settings.app_id, "scope": scope}
        if self._settings.certificate.get_secret_value():
            form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self._assertion(address)}
        else:
            form["client_secret"] = self._settings.app_secret.get_secret_value()
        try:
            async with (
                asyncio.timeout(PATIENCE),
                self._session.post(address, data=form, allow_redirects=False) as answer,
            ):
                body = await answer.content.read(MOST_BYTES)
                if answer.status != 200:
                    raise to_entra_error(answer.status, answer.headers, body)
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise TemporaryFailure(f"Entra cannot be reached ({type(problem).__name__}).") from problem
        try:
            value: Mapping[str, Any] = json.loads(body)
        except ValueError:
            raise TemporaryFailure("Entra's answer is not JSON.") from None
        return value

    def _assertion(self, audience: str) -> str:
        """A statement signed with our key: https://learn.microsoft.com/entra/identity-platform/certificate-credentials"""
        pem = self._settings.certificate.get_secret_value().encode()
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as wrong:
            raise CredentialsRejected(
                "certificate holds no private key and certificate in PEM without a password; write both into one file."
            ) from wrong
        digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest()
        now = self._now()
        claims = {
            "aud": audience,
            "iss": self._settings.app_id,
            "sub": self._settings.app_id,
            "jti": str(uuid.uuid4()),
            "nbf": now,
            "exp": now + ASSERTION_LASTS,
        }
        thumbprint = base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")
        return jwt.encode(claims, key, algorithm="PS256", headers={"x5t#S256": thumbprint})  # type: ignore[arg-type]

    async def _by_identity(self, scope: str) -> Mapping[str, Any]:
        """MSAL knows every kind of Azure host; it blocks, so it runs beside the event loop, and keeps one client."""
        if self._identity is None:
            named = self._settings.managed_identity
            identity = (
                msal.SystemAssignedManagedIdentity()
                if named == "system"
                else msal.UserAssignedManagedIdentity(client_id=named)
            )
            self._identity = msal.ManagedIdentityClient(identity, http_client=_Http())
        resource = scope.removesuffix("/.default")
        try:
            async with asyncio.timeout(PATIENCE * 3):
                answer: Mapping[str, Any] = await asyncio.to_thread(
                    self._identity.acquire_token_for_client, resource=resource
                )
        except (TimeoutError, OSError, ValueError, msal.ManagedIdentityError) as problem:
            raise TemporaryFailure(f"The managed identity gives no token ({type(problem).__name__}).") from problem
        if "access_token" not in answer:
            said = str(answer.get("error_description") or answer.get("error") or "")[:200]
            raise CredentialsRejected(
                f"The managed identity gives no token ({said}): assign it to this machine, and make the Azure Bot "
                "resource of type User-Assigned Managed Identity."
            )
        return answer


class _Http:
    """What MSAL calls the machine's own identity endpoint with; never for long, never through a proxy."""

    def get(self, url: str, **arguments: Any) -> Any:
        import requests

        with requests.Session() as session:
            session.trust_env = False
            return session.get(url, timeout=PATIENCE, **arguments)

    def post(self, url: str, **arguments: Any) -> Any:
        import requests

        with requests.Session() as session:
            session.trust_env = False
            return session.post(url, timeout=PATIENCE, **arguments)

    def close(self) -> None:
        """Nothing is kept open."""
