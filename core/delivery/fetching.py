"""Brings files into our store before their links expire."""

from __future__ import annotations

import asyncio
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from core.contracts.bridge import FetchesMedia
from core.contracts.content import StoredFile
from core.contracts.errors import FailureReason, PermanentFailure, TemporaryFailure
from core.conversations import repository
from core.conversations.models import StoredAttachment
from core.delivery.handler import Context, JobHandler
from core.outbox.jobs import Done, Job

#: Shorter than a job's own time, so that a long download is looked at again instead of being cut.
_LOOK_SECONDS = 7.0
_LOOK_AGAIN_SECONDS = 1.0
#: Longest download; the message has gone without it by then.
_LONGEST_SECONDS = 300.0


class FetchHandler(JobHandler):
    """One attachment of one message. A download goes on between the tries of its job, which only look at it."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._running: dict[UUID, asyncio.Task[StoredFile]] = {}
        #: Downloads that were looked at and not done, since the start.
        self.looked = 0

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
        file = await self._download(adapter, attachment, attachment.source)
        return Done(work=partial(self._fetched, attachment=attachment, file=file))

    async def _download(self, adapter: FetchesMedia, attachment: StoredAttachment, source: str) -> StoredFile:
        task = self._running.get(attachment.id)
        if task is None:
            task = asyncio.create_task(self._save(adapter, attachment, source))
            self._running[attachment.id] = task
        done, _ = await asyncio.wait([task], timeout=_LOOK_SECONDS)
        if not done:
            self.looked += 1
            raise TemporaryFailure("The file is still on its way.", retry_after=_LOOK_AGAIN_SECONDS)
        del self._running[attachment.id]
        return task.result()

    async def _save(self, adapter: FetchesMedia, attachment: StoredAttachment, source: str) -> StoredFile:
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                return await self._context.files.save(adapter.fetch(source), name=attachment.name, mime=attachment.mime)
        except TimeoutError as slow:
            raise PermanentFailure(f"It did not arrive within {_LONGEST_SECONDS / 60:.0f} minutes.") from slow

    async def close(self) -> None:
        """Ends downloads that are under way; their jobs begin them anew."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._running.clear()

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
