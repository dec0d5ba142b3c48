"""A mailbox of the sandbox with the bridge that reads and answers it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bridges.email import BRIDGE
from bridges.email.bridge import EmailBridge, Pace
from bridges.email.settings import EmailSettings
from core.contracts.bridge import MessageReceived, OutboundMessage, Recipient
from core.contracts.text import plain
from sandbox.mail import MailSandbox
from tests.bridges.runtime import KeptValue, RecordingRuntime, outbound

DOMAIN = "shop.test"
SUPPORT, PASSWORD = "support@shop.test", "open-sesame"
ADA = ("Ada Lovelace", "ada@customer.test")


def settings(mail: MailSandbox, **values: Any) -> EmailSettings:
    return EmailSettings.model_validate(
        {
            "address": SUPPORT,
            "sender_name": "The Shop",
            "username": SUPPORT,
            "password": PASSWORD,
            "imap_host": mail.host,
            "imap_port": mail.imap_port,
            "imap_security": "none",
            "smtp_host": mail.host,
            "smtp_port": mail.smtp_port,
            "smtp_security": "none",
            "auth_servers": [f"mx.{DOMAIN}"],
            **values,
        }
    )


@dataclass
class Account:
    """One bridge, listening, and what it handed over."""

    mail: MailSandbox
    runtime: RecordingRuntime
    bridge: EmailBridge

    async def letter(self, **values: Any) -> MessageReceived:
        """What becomes of one mail of Ada's."""
        before = len(self.runtime.events)
        await self.mail.customer_writes(ADA, SUPPORT, **{"subject": "Order", **values})
        event = (await self.runtime.arrived(before + 1))[before]
        assert isinstance(event, MessageReceived)
        return event

    def answer(self, event: MessageReceived, content: Any = "Hello Ada", **values: Any) -> OutboundMessage:
        """A reply to it, as the core would hand it over."""
        sender = event.sender
        to = Recipient(external_id=sender.external_id, name=sender.name, metadata=sender.metadata)
        return outbound(to, content, **{"subject": event.subject, "history": (event.external_id,), **values})


def words(event: MessageReceived) -> str:
    return plain(event.content.body)


@contextlib.asynccontextmanager
async def listening(bridge: EmailBridge) -> AsyncIterator[None]:
    task = asyncio.create_task(bridge.listen())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def account(
    mail: MailSandbox, folder: Path, *, memory: KeptValue | None = None, **values: Any
) -> AsyncIterator[Account]:
    """A bridge that has opened its mailbox."""
    async with aiohttp.ClientSession() as session:
        runtime = RecordingRuntime(session=session, folder=folder, memory=memory or KeptValue())
        pace = Pace(first=0.02, most=0.1, refused=values.pop("refused", 0.2))
        bridge = EmailBridge(settings(mail, **values), runtime.runtime, pace)
        assert BRIDGE.settings is EmailSettings
        runtime.bridge = bridge
        async with listening(bridge):
            await runtime.until(lambda: None in runtime.troubles)
            yield Account(mail=mail, runtime=runtime, bridge=bridge)
