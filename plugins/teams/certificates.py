"""The certificate that stands in for a secret, and what is signed with its key."""

from __future__ import annotations

import base64
import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

#: How long a signed statement that we hold the key is good.
LASTS = timedelta(minutes=5)
WHOLE = "certificate must hold a private RSA key without a password and its certificate, both in PEM, in one file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A private key, and the name by which Entra knows its certificate."""

    key: RSAPrivateKey = field(repr=False)
    #: SHA-256 of the certificate, base64url.
    thumbprint: str

    @classmethod
    def read(cls, pem: str) -> Self:
        """Raises ValueError with a sentence for what is not both halves of one pair."""
        try:
            found = x509.load_pem_x509_certificate(pem.encode())
            key = serialization.load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError) as wrong:
            raise ValueError(WHOLE) from wrong
        public = found.public_key()
        if not isinstance(key, RSAPrivateKey) or not isinstance(public, RSAPublicKey):
            raise ValueError(WHOLE)
        if key.public_key().public_numbers() != public.public_numbers():
            raise ValueError("the private key in certificate belongs to another certificate than the one beside it")
        digest = hashlib.sha256(found.public_bytes(serialization.Encoding.DER)).digest()
        return cls(key=key, thumbprint=base64.urlsafe_b64encode(digest).decode("ascii").rstrip("="))

    def assertion(self, audience: str, app_id: str, now: datetime) -> str:
        """A statement that we hold the key: https://learn.microsoft.com/entra/identity-platform/certificate-credentials"""
        claims = {
            "aud": audience,
            "iss": app_id,
            "sub": app_id,
            "jti": str(uuid.uuid4()),
            "nbf": now,
            "exp": now + LASTS,
        }
        return jwt.encode(claims, self.key, algorithm="PS256", headers={"x5t#S256": self.thumbprint})
