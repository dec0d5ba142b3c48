"""Carries messages between customers who write mails and the core."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import TypeVar

from bridges.email.compose import compose
from bridges.email.identifiers import Identifiers
from bridges.email.imap import BATCH, Cursor, Mailbox
from bridges.email.parse import FileDraft, Mail, MailReader, pack
from bridges.email.settings import EmailSettings
from bridges.email.smtp import Submission
from core.contracts.bridge import Event, ExternalId, MessageReceived, OutboundMessage, Runtime
from core.contracts.content import Attachment, MediaKind
from core.contracts.errors import AdapterError, CredentialsRejected, OutcomeUnknown, PermanentFailure
from core.contracts.text import file_name

log = logging.getLogger(__name__)
T = TypeVar("T")

CHUNK = 256 * 1024
_KINDS = {"image": MediaKind.IMAGE, "video": MediaKind.VIDEO, "audio": MediaKind.AUDIO}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patiently a lost mailbox is tried again, in seconds."""

    first: float = 1.0
    most: float = 60.0
    #: After a refused login: providers lock accounts that try too often.
    refused: float = 600.0


class EmailBridge:
    """One mailbox."""

    def __init__(self, settings: EmailSettings, runtime: Runtime, pace: Pace | None = None) -> None:
        self._settings = settings
        self._runtime = runtime
        self._pace = pace or Pace()
        self._identifiers = Identifiers(runtime.secret("email"), settings.address.rpartition("@")[2].lower())
        self._reader = MailReader(settings, self._identifiers)
        self._submission = Submission(settings)

    async def parse(self, raw: bytes) -> Sequence[Event]:
        # A mail is up to 40 MB of anybody's making: the loop serves others meanwhile.
        mail = await asyncio.to_thread(self._reader.read, raw)
        if mail is None:
            return []
        if not isinstance(mail.event, MessageReceived):
            return [mail.event]
        attachments = await self._attachments(mail)
        content = replace(mail.event.content, attachments=attachments)
        return [replace(mail.event, content=content)]

    async def _attachments(self, mail: Mail) -> tuple[Attachment, ...]:
        result = [await self._saved(draft) for draft in mail.files]
        result += [Attachment(kind=MediaKind.FILE, name="…", problem=sentence) for sentence in mail.problems]
        return tuple(result)

    async def _saved(self, draft: FileDraft) -> Attachment:
        name = file_name(draft.name)
        try:
            stored = await self._runtime.files.save(_chunks(draft.data), name=name, mime=draft.mime)
        except PermanentFailure as problem:
            kind = _KINDS.get(draft.mime.partition("/")[0], MediaKind.FILE)
            return Attachment(kind=kind, name=name, mime=draft.mime, size=len(draft.data), problem=str(problem))
        kind = self._runtime.files.kind(stored)
        return Attachment(kind=kind, name=name, mime=stored.mime, size=stored.size, file=stored)

    async def listen(self) -> None:
        # One thread, so that only one call at a time talks to the mailbox.
        with _Thread() as thread:
            failures = 0
            while True:
                mailbox = Mailbox(self._settings)
                try:
                    await thread.run(mailbox.open, mailbox)
                    while True:
                        await self._read_new(thread, mailbox)
                        self._runtime.trouble(None)
                        failures = 0
                        await thread.run(partial(mailbox.wait, self._settings.poll_seconds), mailbox)
                except Exception as problem:
                    failures += 1
                    self._runtime.trouble(_sentence(problem))
                    pause = self._pace.refused if isinstance(problem, CredentialsRejected) else self._back_off(failures)
                finally:
                    mailbox.close()
                await asyncio.sleep(pause)

    def _back_off(self, failures: int) -> float:
        # A connection that was fine until now is opened again at once.
        longest = self._pace.first * 2.0 ** min(failures - 1, 10)
        return random.uniform(0.5, 1.0) * min(self._pace.most, longest)

    async def _read_new(self, thread: _Thread, mailbox: Mailbox) -> None:
        memory = self._runtime.memory
        before = _cursor(await memory.load())
        today = self._runtime.now().date()
        cursor, uids = await thread.run(partial(mailbox.new, before, today), mailbox)
        if cursor != before:
            await memory.save(_memory(cursor))
        while uids:
            envelopes = await thread.run(partial(mailbox.sizes, uids), mailbox)
            for envelope in envelopes:
                raw = await thread.run(partial(mailbox.fetch, envelope), mailbox)
                if raw is not None:
                    await self._runtime.accept(pack(envelope, raw))
                cursor = Cursor(
                    uidvalidity=cursor.uidvalidity,
                    uid=max(cursor.uid, envelope.uid),
                    day=max(cursor.day, envelope.received_at.date()),
                )
                await memory.save(_memory(cursor))
            uids = uids[BATCH:]

    async def send(self, message: OutboundMessage) -> ExternalId:
        mail = await asyncio.to_thread(compose, message, self._settings, self._identifiers, self._runtime.now())
        await self._submission.send(mail)
        return ExternalId(mail.message_id)

    async def find(self, message: OutboundMessage) -> ExternalId | None:
        # Gmail and Microsoft 365 file what they sent; elsewhere nothing is found and nothing is known.
        message_id = self._identifiers.of(message.key)
        mailbox = Mailbox(self._settings)
        with _Thread() as thread:
            try:
                if await thread.run(partial(mailbox.find_sent, message_id), mailbox):
                    return ExternalId(message_id)
            except AdapterError as problem:
                raise OutcomeUnknown(str(problem)) from problem
            finally:
                mailbox.close()
        raise OutcomeUnknown("The mail is not among the sent mails, but the mail server may have it.")

    async def check(self) -> str:
        mailbox = Mailbox(self._settings)
        with _Thread() as thread:
            try:
                count = await thread.run(mailbox.login, mailbox)
            finally:
                mailbox.close()
        await self._submission.check()
        settings = self._settings
        return f"{settings.address}: {count} mails in {settings.folder}, sending through {settings.smtp_host}"


class _Thread:
    """A thread whose work can be abandoned: cancelling cuts the connection that it waits on."""

    def __enter__(self) -> _Thread:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="mailbox")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def run(self, work: Callable[[], T], mailbox: Mailbox) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except asyncio.CancelledError:
            mailbox.abort()
            raise


def _sentence(problem: Exception) -> str:
    if isinstance(problem, AdapterError):
        return str(problem)
    log.error("Mails could not be handed over", extra={"action": "mails_kept_waiting"}, exc_info=problem)
    return "New mails cannot be stored at the moment; they wait in the mailbox."


def _cursor(value: object) -> Cursor | None:
    match value:
        case {"uidvalidity": int(validity), "uid": int(uid), "day": str(day)}:
            return Cursor(uidvalidity=validity, uid=uid, day=date.fromisoformat(day))
    return None


def _memory(cursor: Cursor) -> dict[str, object]:
    return {"uidvalidity": cursor.uidvalidity, "uid": cursor.uid, "day": cursor.day.isoformat()}


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), CHUNK):
        yield data[start : start + CHUNK]
