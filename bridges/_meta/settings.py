"""What every account behind Meta's Graph API needs to be told."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class MetaSettings(BaseModel):
    """Base of the settings of one account; nothing in it may be blank."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: What we call the Graph API with: of a system user, so that it does not expire.
    access_token: SecretStr
    #: Signs what Meta brings us: App settings -> Basic -> App secret.
    app_secret: SecretStr
    #: Accepted as well: the old one while a secret is changed, or that of a second app.
    more_app_secrets: tuple[SecretStr, ...] = ()
    #: Made up by you, and typed in again where the webhook is set up.
    verify_token: SecretStr
    #: Meta's server, or the sandbox.
    api_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] = "https://graph.facebook.com"
    api_version: Annotated[str, Field(pattern=r"^v\d{2}\.\d$")] = "v26.0"

    @field_validator("access_token", "app_secret", "verify_token", "more_app_secrets")
    @classmethod
    def _not_blank(cls, value: SecretStr | tuple[SecretStr, ...]) -> SecretStr | tuple[SecretStr, ...]:
        for one in value if isinstance(value, tuple) else (value,):
            secret = one.get_secret_value()
            if not secret or secret != "".join(secret.split()) or not secret.isascii():
                raise ValueError("must not be blank nor hold spaces, or anybody could sign for Meta; copy it again")
        return value

    @property
    def app_secrets(self) -> list[bytes]:
        """All that a webhook may be signed with."""
        return [one.get_secret_value().encode() for one in (self.app_secret, *self.more_app_secrets)]
