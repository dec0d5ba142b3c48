"""A WhatsApp account against the sandbox's number, with one customer who has written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from bridges.whatsapp import BRIDGE
from bridges.whatsapp.bridge import WhatsAppBridge
from core.contracts.bridge import Event, MessageReceived, Recipient
from core.testing.runtime import RecordingRuntime
from sandbox.graph import GraphSandbox
from sandbox.graph.whatsapp import WhatsApp
from tests.bridges.webhooks import served
from tests.contract.peers.whatsapp import given

E = TypeVar("E", bound=Event)


@dataclass
class Account:
    """One number: its bridge, the core's stand-in, Meta's server, and Ada."""

    graph: GraphSandbox
    core: RecordingRuntime
    bridge: WhatsAppBridge
    #: Her BSUID.
    ada: str
    recipient: Recipient

    @property
    def phone(self) -> WhatsApp:
        return self.graph.whatsapp

    def sent(self, method: str = "messages") -> list[dict[str, Any]]:
        """The bodies of our calls."""
        return [dict(call.body) for call in self.graph.calls if call.method == method]

    async def event(self, kind: type[E], number: int = 0) -> E:
        """The event of this kind with that number, once it is there."""

        def found() -> E | None:
            events = [one for one in self.core.events if isinstance(one, kind)]
            return events[number] if len(events) > number else None

        one: E = await self.core.until(found)
        return one

    async def message(self) -> MessageReceived:
        """What she wrote after Hello."""
        return await self.event(MessageReceived, 1)


@asynccontextmanager
async def account(session: aiohttp.ClientSession, folder: Path, **settings: Any) -> AsyncIterator[Account]:
    async with GraphSandbox(limits=False, retry_delays=(0.01, 0.01)) as graph:
        core = RecordingRuntime(session=session, folder=folder)
        bridge = WhatsAppBridge(BRIDGE.settings.model_validate(given(graph, **settings)), core.runtime)
        core.bridge = bridge
        ada = graph.whatsapp.add_customer("Ada", username="ada", phone="+49 1511 0000001")
        async with served(bridge, core) as url:
            await graph.whatsapp.connect(url, "sandbox-verify")
            await graph.whatsapp.customer_writes(ada, "Hello")
            one = Account(graph, core, bridge, ada, Recipient(external_id=ada, name="Ada"))
            hello = await one.event(MessageReceived)
            one.recipient = Recipient(external_id=ada, name="Ada", metadata=hello.sender.metadata)
            yield one
