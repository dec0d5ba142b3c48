"""Who a visitor is, and the website's signed word for it."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from bridges.webchat.settings import WebchatSettings
from bridges.webchat.tokens import Purpose, Tokens
from core.contracts.errors import RequestRejected

SESSION_LASTS = timedelta(hours=1)
VISITOR_LASTS = timedelta(days=400)
#: A website's token lives minutes; one that lives longer than a day was made by mistake.
LONGEST_JWT = timedelta(days=1)
LEEWAY = timedelta(seconds=30)
NONCES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """One browser, or one user of the website that shows the chat."""

    external_id: str
    #: The website signed who this is.
    verified: bool = False
    name: str = ""
    email: str = ""
    #: The website says that the e-mail address is hers.
    email_verified: bool = False
    #: The anonymous visitor that this browser was before it signed in.
    before: str = ""
    #: Stands for the key that signed who this is: the same user of two websites is not one person.
    signer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    visitor: Visitor
    ends: datetime


def read_session(tokens: Tokens, purpose: Purpose, token: str) -> Session | None:
    """The session a token stands for, or None."""
    value = tokens.read(purpose, token)
    if value is None:
        return None
    ends = datetime.fromtimestamp(value.pop("exp"), UTC)
    return Session(visitor=Visitor(**value), ends=ends)


class Identities:
    """Begins, resumes and verifies visitors."""

    def __init__(self, settings: WebchatSettings, tokens: Tokens, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._tokens = tokens
        self._now = now
        #: Nonces seen by this process, and when each ends; a second browser cannot use one again.
        self._nonces: OrderedDict[str, float] = OrderedDict()

    def tokens_for(self, visitor: Visitor, *, until: datetime | None = None) -> tuple[str, str, int]:
        """A session token, a resume token, and the seconds that the session lasts."""
        value = asdict(visitor)
        lasts = timedelta(hours=self._settings.signed_in_hours) if visitor.verified else VISITOR_LASTS
        resume_until = until if until is not None and visitor.verified else self._now() + lasts
        session_until = min(self._now() + SESSION_LASTS, resume_until)
        return (
            self._tokens.sign(Purpose.SESSION, value, until=session_until),
            self._tokens.sign(Purpose.RESUME, value, until=resume_until),
            int((session_until - self._now()).total_seconds()),
        )

    def resume(self, token: str) -> Session | None:
        return read_session(self._tokens, Purpose.RESUME, token)

    def begin(self) -> Visitor:
        return Visitor(external_id=f"visitor:{secrets.token_urlsafe(16)}")

    def verify(self, token: str, *, earlier: Visitor | None) -> Visitor:
        """The user that the website's token names. Raises RequestRejected."""
        claims, signer = self._claims(token)
        subject, name = claims["sub"], claims.get("name", "")
        if not isinstance(subject, str) or not 0 < len(subject) <= 200:
            raise RequestRejected("The sign-in token's sub must be 1 to 200 characters of text.")
        visitor = Visitor(
            external_id=f"user:{subject}",
            verified=True,
            name=str(name)[:200],
            email=str(claims.get("email", ""))[:254],
            email_verified=claims.get("email_verified") is True,
            before=_before(earlier, f"user:{subject}"),
            signer=signer,
        )
        self._use_once(claims, visitor, earlier)
        return visitor

    def _claims(self, token: str) -> tuple[dict[str, Any], str]:
        """What the website signed, and what stands for its key."""
        if not self._settings.jwt_keys:
            raise RequestRejected("This chat knows no key for signed-in users; set jwt_keys.")
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            keys = [key for key in self._settings.jwt_keys if kid in (None, key.kid)]
            if not keys:
                raise RequestRejected("The sign-in token names a key that this chat does not know.")
            for number, key in enumerate(keys):
                try:
                    claims = jwt.decode(
                        token,
                        key.key.get_secret_value(),
                        algorithms=[key.alg],
                        audience=self._settings.jwt_audience,
                        leeway=LEEWAY,
                        options={"require": ["exp", "sub", "aud"], "verify_exp": False, "verify_iat": False},
                    )
                    break
                except jwt.InvalidTokenError:
                    if number == len(keys) - 1:
                        raise
        except jwt.InvalidTokenError as error:
            raise RequestRejected(f"The sign-in token is not valid: {error}.") from error
        self._check_life(claims)
        return claims, hashlib.sha256(b"webchat-signer\n" + key.key.get_secret_value().encode()).hexdigest()[:16]

    def _check_life(self, claims: dict[str, Any]) -> None:
        # By our own clock, which tests can set; PyJWT reads the system's.
        try:
            left = datetime.fromtimestamp(int(claims["exp"]), UTC) - self._now()
        except (TypeError, ValueError, OverflowError, OSError) as error:
            raise RequestRejected("The sign-in token's exp is not a time.") from error
        if left < -LEEWAY:
            raise RequestRejected("The sign-in token has expired; ask the website for a new one.")
        if left > LONGEST_JWT:
            raise RequestRejected("The sign-in token lasts more than a day; sign one for a few minutes.")

    def _use_once(self, claims: dict[str, Any], visitor: Visitor, earlier: Visitor | None) -> None:
        nonce = claims.get("nonce")
        if nonce is None:
            return
        key = f"{visitor.external_id}\n{nonce}"[:400]
        now = time.monotonic()
        same_browser = earlier is not None and earlier.external_id == visitor.external_id
        if self._nonces.get(key, 0.0) > now and not same_browser:
            raise RequestRejected("The sign-in token was used before; ask the website for a new one.")
        self._nonces[key] = now + (LONGEST_JWT + LEEWAY).total_seconds()
        self._nonces.move_to_end(key)
        if len(self._nonces) > NONCES:
            self._nonces.popitem(last=False)


def _before(earlier: Visitor | None, external_id: str) -> str:
    """Whom this browser was before; never carried from one user of a shared computer to the next."""
    if earlier is None or (earlier.verified and earlier.external_id != external_id):
        return ""
    return earlier.before if earlier.verified else earlier.external_id
