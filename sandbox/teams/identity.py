"""Entra's token endpoint for the app, and the keys with which the Bot Connector signs what it brings to the bot."""

from __future__ import annotations

import base64
import functools
import hashlib
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jwt
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.teams.wire import Json, stamp

ISSUER = "https://api.botframework.com"
CONNECTOR, GRAPH = "https://api.botframework.com", "https://graph.microsoft.com"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: Seconds for which a token holds; Entra gives the Bot Connector's a day.
LIFETIME = 86_399
MOST_REQUESTS = 2_000
KeyName = Literal["current", "previous", "unendorsed", "stranger"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """One call of the token endpoint; secrets are not kept."""

    tenant: str
    client_id: str
    scope: str
    #: "secret", "certificate" or "none".
    credential: str
    status: int
    error: str
    at: float


@functools.cache
def _key(number: int) -> rsa.RSAPrivateKey:
    """Keys are dear to make, so all sandboxes of a process share theirs."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _kid(number: int) -> str:
    public = (
        _key(number)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return base64.urlsafe_b64encode(hashlib.sha1(public).digest()).rstrip(b"=").decode()


class Identity:
    """One app registration and the Bot Connector's keys."""

    #: Not signed for Teams, and published by nobody.
    _UNENDORSED, _STRANGER, _FIRST = 0, 1, 2

    def __init__(self, *, app_id: str, secret: str, tenant: str, clock: Callable[[], float]) -> None:
        self.app_id, self.secret, self.tenant = app_id, secret, tenant
        self.url = ""
        self.lifetime = LIFETIME
        #: The secret was deleted from the app registration.
        self.revoked = False
        self.requests: list[TokenRequest] = []
        self._clock = clock
        self._certificates: list[x509.Certificate] = []
        self._tokens: dict[str, tuple[str, float]] = {}
        self._published = [self._FIRST]
        self._newest = self._FIRST

    def register_certificate(self, pem: bytes) -> None:
        """The app registration knows this certificate, as PEM."""
        self._certificates.append(x509.load_pem_x509_certificate(pem))

    def expire_tokens(self) -> None:
        """Every token that was handed out is over."""
        self._tokens = {token: (audience, 0.0) for token, (audience, _until) in self._tokens.items()}

    def holds(self, header: str, audience: str) -> bool:
        """Whether an Authorization header carries a token of ours for this audience that is not over."""
        scheme, _, token = header.partition(" ")
        known = self._tokens.get(token.strip())
        return scheme.lower() == "bearer" and known is not None and known[0] == audience and known[1] > self._clock()

    def rotate(self) -> None:
        """A new key signs from now on; the one before stays published, older ones go."""
        self._published = [self._newest, self._newest + 1]
        self._newest += 1

    def mint(self, *, alg: str = "RS256", key: KeyName = "current", kid: str | None = None, **claims: Any) -> str:
        """A token as the Bot Connector signs it; `claims` replace its own, None leaves one out."""
        now = int(time.time())  # the bot compares with its own clock
        whole: Json = {
            "serviceurl": f"{self.url}/",
            "nbf": now - 300,
            "exp": now + 3600,
            "iss": ISSUER,
            "aud": self.app_id,
            **claims,
        }
        payload = {name: value for name, value in whole.items() if value is not None}
        numbers = {"previous": self._newest - 1, "unendorsed": self._UNENDORSED, "stranger": self._STRANGER}
        number = numbers.get(key, self._newest)
        headers = {"kid": kid or _kid(number), "x5t": kid or _kid(number)}
        signing: Any = _key(number)
        if alg == "none":
            signing = None
        elif alg.startswith("HS"):
            signing = "a secret of somebody else, 32 bytes long"
        return jwt.encode(payload, signing, algorithm=alg, headers=headers)

    async def metadata(self, _request: web.Request) -> web.StreamResponse:
        """`/v1/.well-known/openidconfiguration`."""
        return web.json_response(
            {
                "issuer": ISSUER,
                "authorization_endpoint": "https://invalid.botframework.com",
                "jwks_uri": f"{self.url}/v1/.well-known/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            }
        )

    async def keys(self, _request: web.Request) -> web.StreamResponse:
        """`/v1/.well-known/keys`."""
        keys = [_published(self._UNENDORSED, ["webchat", "directline"])]
        keys += [_published(number, ["msteams", "skype"]) for number in self._published]
        return web.json_response({"keys": keys})

    async def token(self, request: web.Request) -> web.StreamResponse:
        """`/{tenant}/oauth2/v2.0/token`."""
        form = await request.post()
        given = {name: str(value) for name, value in form.items()}
        credential = "secret" if "client_secret" in given else "certificate" if "client_assertion" in given else "none"
        problem = self._problem(request.match_info["tenant"], given)
        status, error, code, words = problem or (200, "", 0, "")
        self.requests.append(
            TokenRequest(
                tenant=request.match_info["tenant"],
                client_id=given.get("client_id", ""),
                scope=given.get("scope", ""),
                credential=credential,
                status=status,
                error=f"AADSTS{code}" if code else "",
                at=self._clock(),
            )
        )
        del self.requests[:-MOST_REQUESTS]
        if problem is not None:
            trace = str(uuid.uuid4())
            moment = stamp(self._clock())[:19].replace("T", " ") + "Z"
            told = f"AADSTS{code}: {words} Trace ID: {trace} Correlation ID: {trace} Timestamp: {moment}"
            body = {
                "error": error,
                "error_description": told,
                "error_codes": [code],
                "timestamp": moment,
                "trace_id": trace,
                "correlation_id": trace,
                "error_uri": f"https://login.microsoftonline.com/error?code={code}",
            }
            return web.json_response(body, status=status)
        token = f"eyJ0eXAiOiJKV1QifQ.{secrets.token_urlsafe(48)}.{secrets.token_urlsafe(24)}"
        self._tokens[token] = (given["scope"].removesuffix("/.default"), self._clock() + self.lifetime)
        lasts = {"expires_in": self.lifetime, "ext_expires_in": self.lifetime}
        return web.json_response({"token_type": "Bearer", **lasts, "access_token": token})

    def _problem(self, tenant: str, given: dict[str, str]) -> tuple[int, str, int, str] | None:
        for name in ("grant_type", "client_id", "scope"):
            if not given.get(name):
                words = f"The request body must contain the following parameter: '{name}'."
                return 400, "invalid_request", 900144, words
        if given["grant_type"] != "client_credentials":
            return 400, "unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{tenant}'."
        if tenant not in {self.tenant, "botframework.com"}:
            words = f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
            return 400, "invalid_request", 90002, words
        if given["client_id"] != self.app_id or tenant != self.tenant:
            words = f"Application with identifier '{given['client_id']}' was not found in the directory '{tenant}'."
            return 400, "unauthorized_client", 700016, words
        scope = given["scope"]
        if not scope.endswith("/.default"):
            words = f"The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."
            return 400, "invalid_scope", 70011, words
        if scope.removesuffix("/.default") not in {CONNECTOR, GRAPH}:
            words = f"The resource principal named {scope.removesuffix('/.default')} was not found in the tenant."
            return 400, "invalid_resource", 500011, words
        return self._credential_problem(given)

    def _credential_problem(self, given: dict[str, str]) -> tuple[int, str, int, str] | None:
        if "client_assertion" in given:
            if given.get("client_assertion_type") != ASSERTION:
                return 401, "invalid_client", 7000216, "'client_assertion_type' is not supported."
            if not any(self._signed(certificate, given["client_assertion"]) for certificate in self._certificates):
                words = "The certificate with identifier used to sign the client assertion is not registered."
                return 401, "invalid_client", 700027, words
            return None
        if "client_secret" not in given:
            words = "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant."
            return 401, "invalid_client", 7000216, words
        if self.revoked:
            words = f"The provided client secret keys for app '{self.app_id}' are expired."
            return 401, "invalid_client", 7000222, words
        if given["client_secret"] != self.secret:
            words = f"Invalid client secret provided. Ensure the secret being sent is the value for '{self.app_id}'."
            return 401, "invalid_client", 7000215, words
        return None

    def _signed(self, certificate: x509.Certificate, assertion: str) -> bool:
        """An assertion names the certificate, the app, the endpoint, an end, and an id."""
        der = certificate.public_bytes(serialization.Encoding.DER)
        prints = {base64.urlsafe_b64encode(digest(der).digest()).rstrip(b"=").decode() for digest in _DIGESTS}
        try:
            header = jwt.get_unverified_header(assertion)
            claims = jwt.decode(
                assertion,
                key=certificate.public_key(),  # type: ignore[arg-type]  # a registered certificate holds an RSA key
                algorithms=["RS256", "PS256"],
                audience=[
                    f"{base}/{self.tenant}/oauth2/v2.0/token"
                    for base in (self.url, "https://login.microsoftonline.com")
                ],
                options={"require": ["exp", "iss", "sub", "jti"]},
            )
        except jwt.PyJWTError:
            return False
        named = {str(header.get(name, "")).rstrip("=") for name in ("x5t", "x5t#S256")}
        return bool(named & prints) and claims["iss"] == claims["sub"] == self.app_id


_DIGESTS = (hashlib.sha1, hashlib.sha256)


def _published(number: int, endorsements: list[str]) -> Json:
    numbers = _key(number).public_key().public_numbers()

    def encoded(value: int) -> str:
        raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    kid = _kid(number)
    return {
        "kty": "RSA",
        "use": "sig",
        "kid": kid,
        "x5t": kid,
        "n": encoded(numbers.n),
        "e": encoded(numbers.e),
        "endorsements": endorsements,
    }
