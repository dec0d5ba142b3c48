"""Translates between New channel's HTTP API and Threadbridge: signed JSON in, JSON out."""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from core.contracts.bridge import Event, ExternalId, MessageReceived, OutboundMessage, Received, Runtime, Sender
from core.contracts.content import Content
from core.contracts.errors import (
    CredentialsRejected,
    OutcomeUnknown,
    PermanentFailure,
    RequestRejected,
    TemporaryFailure,
)
from core.contracts.http import WebhookRequest
from core.contracts.json import loads
from core.contracts.text import from_plain

#: The vendor's answers are small; more is not read.
MAX_ANSWER = 64 * 1024


class NewchannelSettings(BaseModel):
    """One `[[accounts]]` entry whose channel is `newchannel`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: SecretStr = Field(description="Where the vendor's console shows it.")
    #: The vendor signs every webhook with it.
    webhook_secret: SecretStr = Field(description="Where the vendor's console shows it.")
    api_url: str = "https://api.newchannel.example"


class NewchannelBridge:
    """One account."""

    def __init__(self, settings: NewchannelSettings, runtime: Runtime) -> None:
        self._settings = settings
        self._runtime = runtime

    async def receive(self, request: WebhookRequest) -> Received:
        """Checks the signature over the raw bytes, before anything in them is read."""
        secret = self._settings.webhook_secret.get_secret_value().encode()
        expected = hmac.new(secret, request.body, "sha256").hexdigest()
        if not hmac.compare_digest(request.headers.get("x-signature", "").encode(errors="replace"), expected.encode()):
            raise RequestRejected("The signature does not fit the body.")
        loads(request.body)
        # A vendor that sends several events in one call gets several items: each fails, and is repeated, on its own.
        return Received(items=[request.body])

    async def parse(self, raw: bytes) -> Sequence[Event]:
        """Anything it raises quarantines this item alone."""
        event = loads(raw)
        if event["type"] == "receipt":
            return []
        sender = event["from"]
        # What we do not know yet is shown as a placeholder, never dropped.
        text = event["text"] if event["type"] == "text" else f"[{event['type']}: not supported yet]"
        return [
            MessageReceived(
                event_id=str(event["id"]),
                at=datetime.fromtimestamp(event["at"], UTC),
                sender=Sender(external_id=str(sender["id"]), name=str(sender.get("name", ""))),
                external_id=ExternalId(str(event["id"])),
                content=Content(body=from_plain(text)),
            )
        ]

    async def send(self, message: OutboundMessage) -> ExternalId:
        """Delivers once; retries belong to the core."""
        sent = await self._call("POST", "/messages", {"to": message.recipient.external_id, "text": message.text})
        return ExternalId(str(sent["id"]))

    async def check(self) -> str:
        me = await self._call("GET", "/me")
        return f"New channel account {me['name']}"

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self._settings.token.get_secret_value()}"}
        url = f"{self._settings.api_url}{path}"
        try:
            async with self._runtime.session.request(method, url, json=body, headers=headers) as answer:
                raw = await answer.content.read(MAX_ANSWER)
                return self._understood(answer, raw)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise TemporaryFailure(f"New channel cannot be reached: {error}") from error
        # The request had left us, so nobody knows what became of it.
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OutcomeUnknown(f"New channel did not answer: {type(error).__name__}") from error

    def _understood(self, answer: aiohttp.ClientResponse, raw: bytes) -> Any:
        """The answer's JSON, or the exception that says what the core does next."""
        if answer.status in (401, 403):
            raise CredentialsRejected("New channel does not accept the token; make a new one in its console.")
        if answer.status == 429:
            seconds = answer.headers.get("Retry-After", "")
            wait = float(seconds) if seconds.isdecimal() else 1
            raise TemporaryFailure("New channel is throttling us.", retry_after=wait)
        if answer.status >= 500:
            raise OutcomeUnknown(f"New channel answered {answer.status}.")
        if answer.status >= 400:
            raise PermanentFailure(f"New channel refused the message with {answer.status}.")
        try:
            return json.loads(raw)
        except ValueError as error:
            raise OutcomeUnknown("New channel's answer is not JSON.") from error
