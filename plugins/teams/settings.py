"""What `[[workspaces]]` holds for a Teams tenant."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from yarl import URL

from plugins.teams.certificates import Certificate

GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
#: At least two names, so that no whole top level is trusted.
HOST = re.compile(r"(\*\.)?[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)+")


class TeamsSettings(BaseModel):
    """One installation of the app in one Microsoft 365 organisation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Entra admin center > App registrations > the app > Overview > Application (client) ID
    app_id: str = ""
    # Entra admin center > App registrations > the app > Overview > Directory (tenant) ID
    tenant_id: str = ""
    # Entra admin center > App registrations > the app > Certificates & secrets > Client secrets > Value
    app_secret: SecretStr = SecretStr("")
    #: Private key and certificate in PEM, as "file:PATH"; in place of app_secret.
    certificate: SecretStr = SecretStr("")
    #: "system", or the client id of a user-assigned managed identity; in place of app_secret, on Azure only.
    managed_identity: str = ""
    cloud: Literal["public", "gcc", "gcch", "dod", "china"] = "public"
    #: Guests of the organisation may answer customers.
    allow_guests: bool = False
    #: Puts a mark on an agent's post when the customer has it.
    marks: bool = True
    #: Looks lost answers and pictures up in Microsoft Graph, which the app's permissions in a team allow.
    graph: bool = True
    #: Takes files from channels; an administrator must have granted the app a permission for files.
    graph_files: bool = False
    #: Largest file in bytes that is taken from an agent.
    max_file: int = Field(default=100 * 1024 * 1024, gt=0)
    #: Further hosts, beside Microsoft's, that may be called with our token.
    service_hosts: tuple[str, ...] = ()
    #: One address in place of all of Microsoft's; "": Microsoft's own.
    api_url: str = ""
    #: For Microsoft's Agents Playground on this machine only: nothing that comes in is signed, and no token is sent.
    development: bool = False

    @property
    def asks_graph(self) -> bool:
        """Whether Microsoft Graph is asked; a developer's tool has none."""
        return self.graph and not self.development

    @field_validator("app_id", "tenant_id")
    @classmethod
    def _guid(cls, value: str) -> str:
        return _checked_guid(value) if value else value

    @field_validator("managed_identity")
    @classmethod
    def _identity(cls, value: str) -> str:
        return _checked_guid(value) if value not in {"", "system"} else value

    @field_validator("certificate")
    @classmethod
    def _readable(cls, value: SecretStr) -> SecretStr:
        if pem := value.get_secret_value():
            Certificate.read(pem)
        return value

    @field_validator("service_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if HOST.fullmatch(host) is None:
                raise ValueError(f"{host!r} is no host such as smba.example.com, nor *.example.com for all below one")
        return tuple(host.lower() for host in value)

    @field_validator("api_url")
    @classmethod
    def _complete(cls, value: str) -> str:
        if not value:
            return value
        try:
            url = URL(value)
        except ValueError as wrong:
            raise ValueError(f"api_url is {value!r}, which is no web address: {wrong}") from None
        if not url.host or not (url.scheme == "https" or (url.scheme == "http" and is_loopback(url.host))):
            raise ValueError(f"api_url is {value!r}; it must start with https://, or be an address of this machine")
        if url.raw_user or url.raw_password or url.raw_query_string or url.raw_fragment:
            raise ValueError("api_url may hold no user, password, query or fragment; leave only the address")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _credentials(self) -> Self:
        given = [
            name
            for name, value in (
                ("app_secret", self.app_secret.get_secret_value()),
                ("certificate", self.certificate.get_secret_value()),
                ("managed_identity", self.managed_identity),
            )
            if value
        ]
        if self.development:
            return self._checked_development(given)
        if not self.app_id:
            # Without an app nothing that comes in is proved: whoever finds the address could answer customers.
            raise ValueError(
                "app_id is empty; copy the Application (client) ID from the app's registration in Entra. Only "
                "development = true, for a developer's tool on this machine, works without"
            )
        if not self.tenant_id:
            raise ValueError("tenant_id is empty; copy the Directory (tenant) ID from the app's registration in Entra")
        if len(given) != 1:
            said = " and ".join(given) if given else "none of them"
            raise ValueError(f"set exactly one of app_secret, certificate and managed_identity; {said} is set")
        return self

    def _checked_development(self, given: list[str]) -> Self:
        """Unsigned activities are believed only from a tool on this machine."""
        if self.app_id or given:
            raise ValueError(
                "development = true is for a tool without keys: leave app_id and all credentials empty, or remove "
                "development"
            )
        if (self.api_url and not is_loopback(URL(self.api_url).host or "")) or self.service_hosts:
            raise ValueError(
                "development = true works with addresses of this machine only: leave service_hosts and api_url empty, "
                "or remove development"
            )
        return self


def _checked_guid(value: str) -> str:
    if GUID.fullmatch(value) is None:
        raise ValueError(f"{value!r} is no id such as 00000000-0000-0000-0000-000000000000")
    return value.lower()


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
