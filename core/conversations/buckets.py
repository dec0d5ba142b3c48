"""Which of the vendors' rate limits a job counts against, the narrowest first."""

from __future__ import annotations

from core.contracts.content import Capabilities, Rate
from core.contracts.workplace import WorkplaceCapabilities
from core.conversations.models import Message
from core.conversations.threads import ThreadLink
from core.outbox.jobs import Bucket


def of_room(link: ThreadLink, capabilities: WorkplaceCapabilities) -> tuple[Bucket, ...]:
    """What is posted counts against its room, then its workspace."""
    room = _bucket(f"room:{link.workspace}:{link.room}", capabilities.room_rate)
    workspace = _bucket(f"workspace:{link.workspace}", capabilities.workspace_rate)
    return (*room, *workspace)


def of_message(message: Message, capabilities: Capabilities) -> tuple[Bucket, ...]:
    """What is sent counts against its customer, then its account."""
    recipient = _bucket(f"recipient:{message.address_id}", capabilities.recipient_rate)
    account = _bucket(f"account:{message.account}", capabilities.account_rate)
    return (*recipient, *account)


def _bucket(key: str, rate: Rate | None) -> tuple[Bucket, ...]:
    return () if rate is None else (Bucket(key=key, gap=rate.gap, burst=rate.burst),)
