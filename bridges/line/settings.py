"""What an operator can set for one LINE Official Account."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

LINE = "https://api.line.me"


class LineSettings(BaseModel):
    """One `[[accounts]]` entry whose channel is `line`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Long-lived, from the channel's Messaging API tab.
    channel_access_token: SecretStr
    #: From its Basic settings tab: proves that a webhook call comes from LINE.
    channel_secret: SecretStr
    #: LINE's server, or one that stands in for it and for its data host.
    api_url: Annotated[
        str, Field(pattern=r"^(https://[^\s?#@]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/[^\s?#@]*)?)$")
    ] = LINE

    @field_validator("channel_access_token", "channel_secret")
    @classmethod
    def _not_blank(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
            raise ValueError("must not be blank nor hold spaces; copy it again from the LINE Developers Console")
        return value
