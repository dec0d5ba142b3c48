"""What an operator can set for one web chat."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field, SecretStr, field_validator

Language = Literal["en", "de", "es", "fr", "ar"]


class JwtKey(BaseModel):
    """A key with which the customer's own website signs who its user is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kid: str = Field(min_length=1, max_length=100)
    alg: Literal["HS256", "RS256"] = "HS256"
    #: The shared secret (HS256, at least 32 characters) or the public key in PEM form (RS256).
    key: SecretStr

    @field_validator("key")
    @classmethod
    def _long_enough(cls, key: SecretStr) -> SecretStr:
        if len(key.get_secret_value()) < 32:
            raise ValueError("is shorter than 32 characters; make one with `openssl rand -hex 32`")
        return key


class WebchatSettings(BaseModel):
    """One `[[accounts]]` entry whose channel is `webchat`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Headline of the chat window.
    title: str = Field(default="Chat with us", min_length=1, max_length=80)
    #: First line in an empty chat; empty: a sentence in the visitor's language.
    greeting: str = Field(default="", max_length=500)
    #: Theme colour as #rrggbb; what is written on it is chosen for contrast.
    color: str = Field(default="#4f46e5", pattern=r"^#[0-9a-fA-F]{6}$")
    #: Sites that may show the chat: "https://shop.example", "https://*.shop.example", or "*". Our own always may.
    origins: tuple[str, ...] = Field(default=(), max_length=50)
    #: Languages offered; the first is used for everybody who speaks none of them.
    languages: tuple[Language, ...] = Field(default=("en", "de", "es", "fr", "ar"), min_length=1)
    #: Two, so that one can be replaced while the other works.
    jwt_keys: tuple[JwtKey, ...] = Field(default=(), max_length=2)
    #: What `aud` must be in a signed-user token.
    jwt_audience: str = Field(default="threadbridge", min_length=1, max_length=100)
    #: How long a signed-in visitor stays so without a fresh token.
    signed_in_hours: int = Field(default=12, ge=1, le=168)
    #: Largest file a visitor may send, such as "20 MiB".
    max_upload: ByteSize = Field(default=ByteSize(20 * 1024 * 1024), ge=1024, le=100 * 1024 * 1024)
    #: Shown below the title, such as "Mon-Fri 9-17".
    hours: str = Field(default="", max_length=120)
    #: Shows agents' pictures, which the visitor's browser fetches from the workplace.
    agent_pictures: bool = True
    #: Every adapter has one; a web chat has no vendor to call.
    api_url: str = ""

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            scheme, _, host = origin.partition("://")
            if origin != "*" and (scheme not in ("http", "https") or not host or set(host) & set("/;,'\" \t?#@")):
                raise ValueError(f'"{origin}" is not an origin; write it like "https://shop.example", without a path')
        return origins

    @field_validator("jwt_keys")
    @classmethod
    def _differ(cls, keys: tuple[JwtKey, ...]) -> tuple[JwtKey, ...]:
        if len({key.kid for key in keys}) != len(keys):
            raise ValueError("has the same kid twice; give each key its own")
        return keys
