"""What an operator can set for one Twilio sender."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_NUMBERS = {
    "sms": (r"\+[1-9]\d{6,14}|\d{3,8}", 'a number like "+436601234567" or a short code'),
    "whatsapp": (r"\+[1-9]\d{6,14}", 'the WhatsApp sender\'s number like "+436601234567"'),
    "rcs": (r"[A-Za-z0-9_-]{1,100}", 'the RCS sender\'s name like "lumen_agent"'),
}


class SmsSettings(BaseModel):
    """One `[[accounts]]` entry whose channel is `sms`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-f]{32}$")]
    #: Calls Twilio, and signs its webhooks with HMAC-SHA1.
    auth_token: SecretStr
    #: Accepted on webhooks, too: the secondary token while they are exchanged.
    more_auth_tokens: tuple[SecretStr, ...] = ()
    #: Shared keys, for webhooks that Twilio signs with HMAC-SHA256.
    signing_keys: tuple[SecretStr, ...] = ()
    variant: Literal["sms", "whatsapp", "rcs"] = "sms"
    #: Who writes to customers; not needed with a messaging service.
    number: str = ""
    messaging_service_sid: Annotated[str, Field(pattern=r"^(MG[0-9a-f]{32})?$")] = ""
    #: Twilio's server in a region, or the sandbox.
    api_url: Annotated[str, Field(pattern=r"^https?://[^\s?#@]+$")] = "https://api.twilio.com"

    @field_validator("auth_token", "more_auth_tokens", "signing_keys")
    @classmethod
    def _not_blank(cls, value: SecretStr | tuple[SecretStr, ...]) -> SecretStr | tuple[SecretStr, ...]:
        for one in value if isinstance(value, tuple) else (value,):
            secret = one.get_secret_value()
            if not re.fullmatch(r"[!-~]+", secret):
                raise ValueError("must not be blank nor hold spaces, or anybody could sign for Twilio; copy it again")
        return value

    @field_validator("api_url")
    @classmethod
    def _encrypted(cls, url: str) -> str:
        if url.startswith("http:") and urlsplit(url).hostname not in LOOPBACK:
            raise ValueError("must begin with https://, or the auth token would travel readably")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _has_a_sender(self) -> SmsSettings:
        pattern, wanted = _NUMBERS[self.variant]
        if not self.number and not self.messaging_service_sid:
            raise ValueError(f"number or messaging_service_sid is missing; number is {wanted}")
        if self.number and not re.fullmatch(pattern, self.number, re.ASCII):
            raise ValueError(f"number must be {wanted}, without a prefix and without spaces")
        return self

    @property
    def prefix(self) -> str:
        """What stands before every address of this variant."""
        return "" if self.variant == "sms" else f"{self.variant}:"
