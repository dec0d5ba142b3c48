"""A customer channel in memory, with its customers, that speaks the whole bridge contract and fails to order."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from core.contracts.bridge import BridgeSpec, ExternalId, OptOut, OutboundMessage
from core.contracts.content import Capabilities, Markup, MediaKind
from core.contracts.errors import FailureReason, PermanentFailure
from core.contracts.http import WebhookRequest
from core.contracts.templates import Template
from core.testing.fake_bridge import SIGNATURE, FakeCall, FakeMessage, FakeSettings, bridge_class, sign
from core.testing.faults import Faults

MEGABYTE = 1024 * 1024
#: A channel that can do everything.
EVERYTHING = Capabilities(
    max_text=4_000,
    markup=Markup.RICH,
    media=dict.fromkeys(MediaKind, 10 * MEGABYTE),
    max_caption=1_000,
    quotes=True,
    edits_in=True,
    deletes_in=True,
    reactions_in=True,
    edits_out=True,
    deletes_out=True,
    reactions_out=True,
    typing_out=True,
    delivered=True,
    read=True,
    max_choices=5,
)


@dataclass(slots=True, kw_only=True)
class FakeCustomer:
    """Somebody who writes on the channel."""

    id: str
    name: str
    #: Further fields of `Sender`: email, language, proof.
    about: dict[str, Any] = field(default_factory=dict)
    blocked: bool = False


class FakeChannel:
    """The vendor and its customers: outlives every bridge to it, as a vendor outlives a process that is killed.

    `spec` goes to `core.testing.fakes.installed`. What customers do is kept until a bridge has handed it over, and
    what we send stands in `messages`. `faults` takes orders for "send", "edit", "delete", "react", "show_typing",
    "find", "fetch", "check", "templates".
    """

    def __init__(
        self,
        name: str = "fake",
        *,
        capabilities: Capabilities = EVERYTHING,
        reconciles: bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = name
        self.capabilities = capabilities
        self.faults = Faults()
        self.messages: list[FakeMessage] = []
        self.calls: list[FakeCall] = []
        self.customers: dict[str, FakeCustomer] = {}
        #: Attachments that customers sent, by handle.
        self.uploads: dict[str, bytes] = {}
        #: Updates, oldest first; a bridge remembers how many it has handed over.
        self.updates: list[bytes] = []
        #: Each update is handed over twice while set.
        self.twice = False
        #: What arrives is reported as delivered, where the channel has receipts.
        self.receipts = True
        self.secret = "fake-secret"
        #: Approved, where the channel has templates.
        self.templates: list[Template] = []
        self._clock = clock
        self._numbers = itertools.count(1)
        self._changed = asyncio.Condition()
        self._held = False
        made = bridge_class(capabilities, reconciles=reconciles and not capabilities.idempotent)
        self.spec = BridgeSpec(
            channel=name,
            title=name.capitalize(),
            settings=FakeSettings,
            capabilities=capabilities,
            build=lambda settings, runtime: made(self, settings, runtime),
        )

    def customer(self, name: str = "Jane", **about: Any) -> FakeCustomer:
        """Somebody new; `about` are further fields of `Sender`."""
        customer = FakeCustomer(id=f"{name.lower()}-{len(self.customers) + 1}", name=name, about=about)
        self.customers[customer.id] = customer
        return customer

    async def writes(
        self,
        customer: FakeCustomer,
        text: str = "",
        *,
        files: Sequence[tuple[str, str, bytes]] = (),
        **more: Any,
    ) -> ExternalId:
        """A message of hers, with files of (name, type, content); `more` are further fields of `MessageReceived`."""
        attachments = []
        for name, mime, data in files:
            handle = f"upload-{next(self._numbers)}"
            self.uploads[handle] = data
            attachments.append({"name": name, "mime": mime, "source": handle, "size": len(data)})
        message = f"{customer.id}/in-{next(self._numbers)}"
        await self._tell(
            "message", customer=_sender(customer), message=message, text=text, attachments=attachments, **more
        )
        return ExternalId(message)

    async def edits(self, message: str, text: str) -> None:
        await self._tell("edit", message=message, text=text)

    async def deletes(self, message: str) -> None:
        await self._tell("delete", message=message)

    async def reacts(self, message: str, emoji: str | None) -> None:
        await self._tell("reaction", message=message, emoji=emoji)

    async def chooses(self, customer: FakeCustomer, message: str, value: str, label: str) -> None:
        """She presses a button; `message` is "" on a channel that does not say of which message."""
        await self._tell("choice", customer=_sender(customer), message=message, value=value, label=label)

    async def reports(
        self, message: str, status: str, problem: str = "", reason: FailureReason = FailureReason.UNKNOWN
    ) -> None:
        """The vendor's receipt for a message of ours: "delivered", "failed"."""
        await self._tell("status", message=message, status=status, problem=problem, reason=reason.value)

    async def reads(self, customer: FakeCustomer, message: str) -> None:
        await self._tell("read", sender=customer.id, message=message)

    async def moves(self, customer: FakeCustomer, after: str, *, renumbered: bool = True) -> None:
        """Her id becomes another."""
        before, customer.id = customer.id, after
        self.customers[after] = self.customers.pop(before)
        await self._tell("address", before=before, after=after, renumbered=renumbered)

    async def types(self, customer: FakeCustomer) -> None:
        await self._tell("typing", sender=customer.id)

    async def blocks(self, customer: FakeCustomer, blocked: bool = True) -> None:
        """From now on a send to her is refused; the core is told."""
        customer.blocked = blocked
        sentence = f"{customer.name} {'blocked us' if blocked else 'can be reached again'}."
        await self._tell("reachability", sender=customer.id, reachable=not blocked, sentence=sentence)

    async def opts_out(self, customer: FakeCustomer, kind: OptOut = OptOut.ALL, out: bool = True) -> None:
        """She answers STOP, or START; the core is told."""
        sentence = f"{customer.name} {'opted out' if out else 'opted in again'}."
        await self._tell("reachability", sender=customer.id, reachable=not out, sentence=sentence, about=kind.value)

    async def sets_window(self, customer: FakeCustomer, until: datetime | None) -> None:
        """The vendor says until when she can be answered; None: not any more."""
        await self._tell("window", sender=customer.id, until=until.isoformat() if until else None)

    async def sends_raw(self, raw: bytes) -> None:
        """Anything at all, as the vendor might."""
        async with self._changed:
            self.updates += [raw, raw] if self.twice else [raw]
            self._changed.notify_all()

    def request(self, raw: bytes, *, signature: str | None = None) -> WebhookRequest:
        """The webhook call that would bring `raw`, rightly signed unless told otherwise."""
        signed = sign(self.secret, raw) if signature is None else signature
        return WebhookRequest(method="POST", url="", query={}, headers={SIGNATURE: signed}, body=raw)

    def hold(self) -> None:
        """Updates wait from now on."""
        self._held = True

    async def release(self, *, reverse: bool = False, handed_over: int = 0) -> None:
        """Updates go out again, those after the first `handed_over` in reverse order if asked for."""
        async with self._changed:
            if reverse:
                self.updates[handed_over:] = reversed(self.updates[handed_over:])
            self._held = False
            self._changed.notify_all()

    def shown(self, customer: FakeCustomer) -> list[FakeMessage]:
        """What she sees from us, oldest first; what we deleted is gone."""
        mine = [message for message in self.messages if message.sent.recipient.external_id == customer.id]
        return [message for message in mine if not message.deleted]

    async def until(self, condition: Callable[[], bool], timeout: float = 5.0) -> None:
        """Waits for something that a call of the core, or an update, changes. Raises TimeoutError."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(condition)

    async def next_update(self, position: int) -> bytes:
        """The update at that position, once there is one."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._held and len(self.updates) > position)
            return self.updates[position]

    async def carry_out(self, call: FakeCall, work: Callable[[], Any]) -> Any:
        self.calls.append(call)
        try:
            return await self.faults.around(call.verb, work)
        finally:
            async with self._changed:
                self._changed.notify_all()

    def deliver(self, message: OutboundMessage) -> ExternalId:
        has = self.capabilities
        if len(message.content.choices) > max(has.max_choices, has.max_list):
            raise PermanentFailure("There are too many choices.", reason=FailureReason.BAD_CONTENT)
        customer = self.customers.get(message.recipient.external_id)
        if customer is None:
            raise PermanentFailure("Nobody has this address.", reason=FailureReason.RECIPIENT_GONE)
        if customer.blocked:
            raise PermanentFailure(f"{customer.name} blocked us.", reason=FailureReason.RECIPIENT_GONE)
        sent = FakeMessage(
            id=ExternalId(f"{customer.id}/out-{next(self._numbers)}"),
            sent=message,
            message=message,
            files=tuple(one.file.path.read_bytes() for one in message.content.attachments if one.file),
        )
        self.messages.append(sent)
        if self.receipts and self.capabilities.delivered:
            # As vendors do, it may be told before the call that it is about has answered.
            self.updates.append(self._update("status", message=sent.id, status="delivered"))
        return sent.id

    def find(self, external_id: str) -> FakeMessage:
        for message in self.messages:
            if message.id == external_id and not message.deleted:
                return message
        raise PermanentFailure("The message is gone.", reason=FailureReason.RECIPIENT_GONE)

    async def _tell(self, kind: str, **values: Any) -> None:
        await self.sends_raw(self._update(kind, **values))

    def _update(self, kind: str, **values: Any) -> bytes:
        update = {"id": f"u{next(self._numbers)}", "at": self._clock().isoformat(), "kind": kind, **values}
        return json.dumps(update).encode()


def _sender(customer: FakeCustomer) -> Mapping[str, Any]:
    return {"external_id": customer.id, "name": customer.name, **customer.about}
