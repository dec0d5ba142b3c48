"""Hands accepted events to whom they are for, when their time has come; ends snoozes, and watches reply windows."""

from __future__ import annotations

import base64
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from core.contacts import repository as contacts
from core.contracts.errors import FailureReason, PermanentFailure
from core.contracts.text import from_plain
from core.conversations import reaching, repository
from core.conversations.models import State
from core.conversations.service import SYSTEM
from core.delivery.handler import Context, JobHandler
from core.outbox.jobs import Done, Job
from core.quarantine.repository import Quarantine


class EventHandler(JobHandler):
    """One event of a workplace; its vendor's id keeps it from being taken twice, so repeating is harmless."""

    def __init__(self, context: Context, quarantine: Quarantine) -> None:
        super().__init__(context)
        self._quarantine = quarantine

    async def deliver(self, job: Job) -> Done:
        await self.workplace(job.scope).handle(base64.b64decode(job.payload["raw"]))
        return Done()

    def buried(self, connection: Connection, job: Job, reason: FailureReason, sentence: str) -> None:
        raw = base64.b64decode(job.payload["raw"])
        self._quarantine.add(connection, f"workspace:{job.scope}", job.key, raw, PermanentFailure(sentence))


class EarlyHandler(JobHandler):
    """One item of a channel that came before the message it speaks of; taking it twice changes nothing."""

    async def deliver(self, job: Job) -> Done:
        await self._context.take(job.payload["account"], base64.b64decode(job.payload["raw"]))
        return Done()


class WindowHandler(JobHandler):
    """Redraws the card of a conversation whose reply window is about to close, or has, and looks again later."""

    async def deliver(self, job: Job) -> Done:
        return Done(work=partial(self._look, job=job))

    def _look(self, connection: Connection, job: Job) -> None:
        address = contacts.address_by_id(connection, UUID(job.payload["address"]))
        current = repository.open_conversation(connection, address.contact_id)
        capabilities = self._context.dispatcher.capabilities(address.account)
        now = self._context.storage.now(connection)
        if capabilities is None:
            return
        if current is not None and current.address_id == address.id:
            self._context.dispatcher.refresh_card(connection, current.id, now)
        due = reaching.next_look(address, capabilities, now)
        if due is not None:
            self._context.dispatcher.watch_window(connection, address.id, due)


class WakeHandler(JobHandler):
    """Ends a snooze, unless it was ended or moved meanwhile."""

    async def deliver(self, job: Job) -> Done:
        return Done(work=partial(self._wake, job=job))

    def _wake(self, connection: Connection, job: Job) -> None:
        conversation = repository.conversation(connection, UUID(job.payload["conversation"]))
        due = datetime.fromisoformat(job.payload["at"])
        if conversation.state is not State.SNOOZED or conversation.snoozed_until != due:
            return
        now = self._context.storage.now(connection)
        self._context.service.reopen(connection, conversation, now, SYSTEM)
        whose = f"{conversation.owner_name}, this" if conversation.owner_name else "This"
        self._context.dispatcher.notice(
            connection, conversation.id, from_plain(f"{whose} conversation is back from its snooze."), key=job.key
        )
        self._context.dispatcher.refresh_card(connection, conversation.id, now)
