"""What an operator can set for one mailbox."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

Security = Literal["tls", "starttls", "none"]

#: The receiver whose verdict is believed, by IMAP host. "" stands for a server that leaves its name out:
#: https://learn.microsoft.com/defender-office-365/message-headers-eop-mdo
_VERDICTS = {"imap.gmail.com": "mx.google.com", "imap.googlemail.com": "mx.google.com", "outlook.office365.com": ""}
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


class EmailSettings(BaseModel):
    """One `[[accounts]]` entry whose channel is `email`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: The mailbox's own address: customers write to it and read it as the sender.
    address: str = Field(max_length=254)
    #: Shown beside the address; empty: the agent's name.
    sender_name: str = Field(default="", max_length=80)
    username: str = Field(min_length=1, max_length=320)
    #: An app password where the provider asks for one.
    password: SecretStr = Field(min_length=1)
    imap_host: str = Field(min_length=1, max_length=253)
    imap_port: int = Field(default=993, ge=1, le=65535)
    imap_security: Security = "tls"
    smtp_host: str = Field(min_length=1, max_length=253)
    smtp_port: int = Field(default=465, ge=1, le=65535)
    smtp_security: Security = "tls"
    folder: str = Field(default="INBOX", min_length=1, max_length=255)
    #: Names that the receiving server writes at the start of Authentication-Results. Only name a server that puts this
    #: header on every mail. Empty: known for Gmail and Microsoft 365; elsewhere no sender counts as proven.
    auth_servers: tuple[str, ...] = Field(default=(), max_length=10)
    #: How many days back the first start reads; 0: only mail that comes from now on.
    since_days: int = Field(default=0, ge=0, le=365)
    #: Keeps the whole text of a mail, quoted history included, one click away.
    full_history: bool = True
    #: How often the mailbox is looked at, besides being told at once.
    poll_seconds: float = Field(default=60, ge=1, le=540)
    #: Puts a conversation's token behind a plus sign into Reply-To; False for servers without plus addresses.
    plus_addressing: bool = True

    @field_validator("address")
    @classmethod
    def _is_address(cls, address: str) -> str:
        if not _ADDRESS.fullmatch(address):
            raise ValueError(f'"{address}" is not a mail address; write it like "support@shop.example"')
        return address

    @model_validator(mode="after")
    def _passwords_are_encrypted(self) -> EmailSettings:
        for protocol, host, security in (
            ("imap", self.imap_host, self.imap_security),
            ("smtp", self.smtp_host, self.smtp_security),
        ):
            if security == "none" and not _is_loopback(host):
                raise ValueError(
                    f'{protocol}_security is "none", which sends the password readably to {host}; '
                    'use "tls" or "starttls" (only this machine itself may do without)'
                )
        return self

    @property
    def believed(self) -> tuple[str, ...]:
        """Whose Authentication-Results count."""
        if self.auth_servers:
            return self.auth_servers
        host = self.imap_host.lower()
        return (_VERDICTS[host],) if host in _VERDICTS else ()


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
