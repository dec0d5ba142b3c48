"""The adapter of a fake channel: what the core talks to."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, SecretStr

from core.contracts.bridge import Event, ExternalId, OutboundMessage, Received, Recipient, Runtime
from core.contracts.content import Capabilities
from core.contracts.errors import FailureReason, PermanentFailure, RequestRejected
from core.contracts.http import WebhookRequest
from core.contracts.json import loads
from core.contracts.templates import Template
from core.testing.fake_updates import read_update

if TYPE_CHECKING:
    from core.testing.fake_channel import FakeChannel

#: Seconds before the fake hands over again what the core could not take.
AGAIN_S = 0.02
SIGNATURE = "x-fake-signature"


class FakeSettings(BaseModel):
    """One account of a fake channel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Signs the webhook calls.
    secret: SecretStr = SecretStr("fake-secret")
    api_url: str = ""


@dataclass(slots=True, kw_only=True)
class FakeMessage:
    """A message from us, on the customer's screen."""

    id: ExternalId
    #: As it was handed to `send`.
    sent: OutboundMessage
    #: As it is now: an edit replaces it.
    message: OutboundMessage
    files: tuple[bytes, ...] = ()
    edits: int = 0
    deleted: bool = False
    reaction: str | None = None

    @property
    def text(self) -> str:
        return self.message.text


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeCall:
    """One call that the core made, whether it worked or not."""

    verb: str
    customer: str
    external_id: str = ""
    message: OutboundMessage | None = None
    emoji: str | None = None


class FakeBridge:
    """One account on a fake channel; its verbs beyond these follow from the channel's capabilities."""

    def __init__(self, channel: FakeChannel, settings: FakeSettings, runtime: Runtime) -> None:
        self._channel = channel
        self._runtime = runtime
        self._secret = settings.secret.get_secret_value()

    async def receive(self, request: WebhookRequest) -> Received:
        given = request.headers.get(SIGNATURE, "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, sign(self._secret, request.body).encode()):
            raise RequestRejected("The call is not signed by this account's secret.")
        body = loads(request.body)
        updates = body if isinstance(body, list) else [body]
        return Received(items=[json.dumps(update).encode() for update in updates])

    async def parse(self, raw: bytes) -> Sequence[Event]:
        return read_update(loads(raw))

    async def listen(self) -> None:
        """Hands over the channel's updates in order, moving on only after the core has kept one."""
        position = int((await self._runtime.memory.load()).get("position", 0))
        while True:
            raw = await self._channel.next_update(position)
            try:
                await self._runtime.accept(raw)
            except Exception as problem:
                # Whatever the core cannot do now is tried again, as a vendor would.
                self._runtime.trouble(f"Updates could not be handed over: {type(problem).__name__}.")
                await asyncio.sleep(AGAIN_S)
                continue
            position += 1
            await self._runtime.memory.save({"position": position})
            self._runtime.trouble(None)

    async def send(self, message: OutboundMessage) -> ExternalId:
        call = FakeCall(verb="send", customer=message.recipient.external_id, message=message)
        external_id: ExternalId = await self._channel.carry_out(call, lambda: self._channel.deliver(message))
        return external_id

    async def check(self) -> str:
        return await self._channel.faults.around("check", lambda: f"{self._channel.spec.title} account")

    async def fetch(self, source: str) -> AsyncIterator[bytes]:
        if source not in self._channel.uploads:
            raise PermanentFailure("The file is gone.", reason=FailureReason.BAD_CONTENT)
        data = await self._channel.faults.around("fetch", lambda: self._channel.uploads[source])
        for start in range(0, len(data), 64 * 1024):
            yield data[start : start + 64 * 1024]

    async def _change(self, call: FakeCall, change: Callable[[FakeMessage], None]) -> None:
        await self._channel.carry_out(call, lambda: change(self._channel.find(call.external_id)))


class _Edits(FakeBridge):
    async def edit(self, external_id: ExternalId, message: OutboundMessage) -> None:
        def change(shown: FakeMessage) -> None:
            shown.message = message
            shown.edits += 1

        customer = message.recipient.external_id
        await self._change(FakeCall(verb="edit", customer=customer, external_id=external_id, message=message), change)


class _Deletes(FakeBridge):
    async def delete(self, external_id: ExternalId, recipient: Recipient) -> None:
        def change(shown: FakeMessage) -> None:
            shown.deleted = True

        await self._change(FakeCall(verb="delete", customer=recipient.external_id, external_id=external_id), change)


class _Reacts(FakeBridge):
    async def react(self, external_id: ExternalId, recipient: Recipient, emoji: str | None) -> None:
        """On any message of the conversation, hers too; `FakeCall.emoji` tells what was put on hers."""

        def change() -> None:
            for shown in self._channel.messages:
                if shown.id == external_id:
                    shown.reaction = emoji

        call = FakeCall(verb="react", customer=recipient.external_id, external_id=external_id, emoji=emoji)
        await self._channel.carry_out(call, change)


class _ShowsTyping(FakeBridge):
    async def show_typing(self, recipient: Recipient) -> None:
        call = FakeCall(verb="show_typing", customer=recipient.external_id)
        await self._channel.carry_out(call, lambda: None)


class _Invites(FakeBridge):
    async def invitation(self, token: str) -> str:
        return await self._channel.faults.around("invitation", lambda: f"https://fake.example/start?{token}")


class _Reconciles(FakeBridge):
    async def find(self, message: OutboundMessage) -> ExternalId | None:
        def look() -> ExternalId | None:
            found = (shown.id for shown in self._channel.messages if shown.sent.key == message.key)
            return next(found, None)

        call = FakeCall(verb="find", customer=message.recipient.external_id, message=message)
        found: ExternalId | None = await self._channel.carry_out(call, look)
        return found


class _Templates(FakeBridge):
    async def templates(self) -> Sequence[Template]:
        call = FakeCall(verb="templates", customer="")
        found: Sequence[Template] = await self._channel.carry_out(call, lambda: list(self._channel.templates))
        return found


def bridge_class(capabilities: Capabilities, *, reconciles: bool) -> type[FakeBridge]:
    """A bridge with just the verbs that these capabilities declare."""
    wanted: dict[type[FakeBridge], bool] = {
        _Edits: capabilities.edits_out,
        _Deletes: capabilities.deletes_out,
        _Reacts: capabilities.reactions_out,
        _ShowsTyping: capabilities.typing_out,
        _Invites: capabilities.invites,
        _Reconciles: reconciles,
        _Templates: capabilities.templates,
    }
    return type("FakeBridge", (*(verb for verb, has in wanted.items() if has), FakeBridge), {})


def sign(secret: str, raw: bytes) -> str:
    return hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
