"""Brings files into our store before their links expire."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from core.contracts.bridge import FetchesMedia
from core.contracts.content import StoredFile
from core.contracts.errors import FailureReason, PermanentFailure
from core.conversations import repository
from core.conversations.models import StoredAttachment
from core.delivery.handler import JobHandler
from core.outbox.jobs import Done, Job


class FetchHandler(JobHandler):
    """One attachment of one message."""

    async def deliver(self, job: Job) -> Done:
        attachment_id = UUID(job.payload["attachment"])
        attachment = await self._context.storage.read(
            lambda connection: repository.attachment(connection, attachment_id)
        )
        if attachment.source is None or not attachment.pending:
            return Done()
        side, _, name = attachment.holder.partition(":")
        adapters = self._context.bridges if side == "bridge" else self._context.workplaces
        adapter = adapters.get(name)
        if not isinstance(adapter, FetchesMedia):
            raise PermanentFailure("Files of this channel cannot be fetched.", reason=FailureReason.UNSUPPORTED)
        chunks = adapter.fetch(attachment.source)
        file = await self._context.files.save(chunks, name=attachment.name, mime=attachment.mime)
        return Done(work=partial(self._fetched, attachment=attachment, file=file))

    def _fetched(self, connection: Connection, attachment: StoredAttachment, file: StoredFile) -> None:
        repository.change_attachment(connection, attachment.id, sha256=file.sha256, size=file.size, mime=file.mime)
        self._release(connection, attachment)

    def buried(self, connection: Connection, job: Job, reason: FailureReason, sentence: str) -> None:
        """The message goes without it, and says why."""
        attachment = repository.attachment(connection, UUID(job.payload["attachment"]))
        repository.change_attachment(connection, attachment.id, problem=sentence[:1000])
        self._release(connection, attachment)

    def _release(self, connection: Connection, attachment: StoredAttachment) -> None:
        if not any(other.pending for other in repository.attachments_of(connection, attachment.message_id)):
            message = repository.message(connection, attachment.message_id)
            self._context.dispatcher.release(connection, message, self._context.storage.now(connection))
