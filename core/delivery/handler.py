"""What the handlers share: the adapters, and what happens when one of them can no longer be reached."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import Connection

from core.cards.card import ChannelInfo
from core.cards.opening import Openings
from core.contracts.bridge import Accepted, Bridge
from core.contracts.content import StoredFile
from core.contracts.errors import FailureReason, PermanentFailure
from core.contracts.workplace import Workplace
from core.conversations import events
from core.conversations.dispatch import Dispatcher
from core.conversations.events import Fact
from core.conversations.messages import MessageService
from core.conversations.service import SYSTEM, ConversationService
from core.outbox.jobs import Done, Job
from core.outbox.repository import Outbox
from core.storage.files import FileStore
from core.storage.storage import Storage

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every handler works with."""

    storage: Storage
    service: ConversationService
    messages: MessageService
    dispatcher: Dispatcher
    outbox: Outbox
    files: FileStore
    bridges: Mapping[str, Bridge]
    workplaces: Mapping[str, Workplace]
    channels: Mapping[str, ChannelInfo]
    openings: Openings
    #: Processes one raw item of an account.
    take: Callable[[str, bytes], Awaitable[Sequence[Accepted]]]
    #: An expiring public link to a file, or None without a public address.
    file_link: Callable[[StoredFile, str], str | None]
    #: (source, sentence or None): what an operator has to know.
    trouble: Callable[[str, str | None], None]
    #: What does not work right now, in sentences.
    troubles: Callable[[], tuple[str, ...]]


class JobHandler(ABC):
    """Base of the handlers: repeating is harmless and nothing is merged, unless one says otherwise."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def workplace(self, name: str) -> Workplace:
        workplace = self._context.workplaces.get(name)
        if workplace is None:
            raise PermanentFailure(
                f"The workspace {name} is no longer in the settings.", reason=FailureReason.MISCONFIGURED
            )
        return workplace

    @abstractmethod
    async def deliver(self, job: Job) -> Done:
        """Makes one try; raises the errors of core.contracts.errors."""

    async def reconcile(self, job: Job) -> Done | None:
        """Nothing to look up where carrying it out twice changes nothing."""
        return None

    def buried(self, connection: Connection, job: Job, reason: FailureReason, sentence: str) -> None:
        """No person waits for it, so it is only logged."""
        log.info("Given up", op=job.op, scope=job.scope, reason=reason.value, problem=sentence, action="given_up")

    def held(self, connection: Connection, job: Job, sentence: str) -> None:
        """The account or workspace refused our credentials: told once, to whoever runs us."""
        now = self._context.storage.now(connection)
        events.record(connection, Fact.PAUSED, at=now, actor=SYSTEM, data={"scope": job.scope, "reason": sentence})
        trouble = self._context.trouble
        self._context.storage.after_commit(connection, lambda: trouble(job.scope, sentence))

    def merge(self, jobs: Sequence[Job]) -> int:
        return 1


def message_id(job: Job) -> UUID:
    return UUID(job.payload["message"])


def link_id(job: Job) -> UUID:
    return UUID(job.payload["link"])
