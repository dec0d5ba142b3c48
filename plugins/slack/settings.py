"""What `[[workspaces]]` holds for a Slack workspace."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from yarl import URL


class SlackSettings(BaseModel):
    """One installation of the app in one workspace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # OAuth & Permissions > Bot User OAuth Token
    bot_token: SecretStr
    # Basic Information > App Credentials > Signing Secret; events over HTTP need it.
    signing_secret: SecretStr = SecretStr("")
    # Basic Information > App-Level Tokens, with connections:write; set means Socket Mode.
    app_token: SecretStr = SecretStr("")
    #: The workspace's id ("T..."); when set, a token of another workspace is refused.
    team: str = ""
    api_url: str = "https://slack.com/api/"
    #: Guests of the workspace may answer customers.
    allow_guests: bool = False
    #: Puts a mark on an agent's post when the customer has it.
    marks: bool = True
    #: Largest file in bytes that is taken from an agent.
    max_file: int = Field(default=100 * 1024 * 1024, gt=0)
    #: Seconds between two signs of life on a Socket Mode connection; it is rebuilt after four without any.
    ping_interval: float = Field(default=10.0, gt=0)

    @field_validator("api_url")
    @classmethod
    def _complete(cls, value: str) -> str:
        url = URL(value)
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError(f"api_url is {value!r}; it must be a web address such as https://slack.com/api/")
        return value if value.endswith("/") else f"{value}/"

    @model_validator(mode="after")
    def _way_in(self) -> Self:
        if not self.bot_token.get_secret_value():
            raise ValueError("bot_token is empty; copy it from OAuth & Permissions of your Slack app")
        if not self.signing_secret.get_secret_value() and not self.app_token.get_secret_value():
            raise ValueError("set app_token (Socket Mode) or signing_secret (events over HTTP)")
        return self

    @property
    def socket_mode(self) -> bool:
        """Whether events arrive over a socket that we open."""
        return bool(self.app_token.get_secret_value())
