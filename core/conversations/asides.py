"""The durable work beside a conversation: marks, reactions, private words, agents' own pages, the end of a snooze."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from core.contracts.bridge import DeliveryStatus
from core.contracts.content import Capabilities
from core.contracts.places import PostRef, ThreadRef
from core.contracts.posts import Action
from core.contracts.workplace import Sign, WorkplaceCapabilities
from core.conversations import threads
from core.conversations.departures import Departures
from core.conversations.models import Direction, Message
from core.conversations.threads import PostLink, ThreadLink
from core.outbox.jobs import NewJob
from core.outbox.repository import Outbox
from core.storage.ids import new_id

_QUEUE_DEBOUNCE = timedelta(seconds=5)
_WHISPER_LIFE = timedelta(minutes=10)
_NOTICE, _LATER = 1, 4
_ARRIVED = frozenset({DeliveryStatus.DELIVERED, DeliveryStatus.READ})


class Asides(Departures):
    """Adds jobs for what may wait or be missing; every method takes the transaction it belongs to."""

    def __init__(
        self,
        outbox: Outbox,
        channels: Mapping[str, Capabilities],
        workspaces: Mapping[str, WorkplaceCapabilities],
        titles: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(outbox, channels, titles)
        self._workspaces = workspaces

    def _links(self, connection: Connection, conversation_id: UUID) -> list[ThreadLink]:
        """Those in workspaces that have not left the settings."""
        return [link for link in threads.links_of(connection, conversation_id) if link.workspace in self._workspaces]

    def _posts(self, connection: Connection, message_id: UUID) -> list[PostLink]:
        return [post for post in threads.posts_of(connection, message_id) if post.ref.workspace in self._workspaces]

    def show_colleagues_reaction(
        self, connection: Connection, message: Message, here: UUID, before: str | None
    ) -> None:
        """Shows an agent's reaction in the other threads as one of ours, in place of the one before."""
        now = message.reactions.get("agent")
        posts = [post for post in self._posts(connection, message.id) if post.part == 0]
        if before == now or all(post.thread_link_id == here for post in posts):
            return
        for post in posts:
            if before:
                self._react(connection, post.ref, message, before, added=False)
            if now and post.thread_link_id != here:
                self._react(connection, post.ref, message, now, added=True)

    def _react(self, connection: Connection, ref: PostRef, message: Message, emoji: str, *, added: bool) -> None:
        self._outbox.add(
            connection,
            NewJob(
                key=f"react_post:{ref.workspace}:{ref.room}:{ref.post}:{message.cursor}:{added}",
                op="react_post",
                payload={"ref": asdict(ref), "emoji": emoji, "added": added},
                lane=f"sign:{ref.workspace}:{ref.room}:{ref.post}",
                scope=ref.workspace,
                priority=_LATER,
            ),
        )

    def refresh_queue(self, connection: Connection, owner: str, now: datetime) -> None:
        """Redraws the owner's own page soon, once for all that changes within a few seconds."""
        workspace, _, agent_id = owner.partition("/")
        slot = int(now.timestamp() / _QUEUE_DEBOUNCE.total_seconds()) + 1
        self._outbox.add(
            connection,
            NewJob(
                key=f"queue:{owner}:{slot}",
                op="queue",
                payload={"workspace": workspace, "agent": agent_id},
                lane=f"queue:{owner}",
                scope=workspace,
                not_before=datetime.fromtimestamp(slot * _QUEUE_DEBOUNCE.total_seconds(), now.tzinfo),
                expires_at=now + _WHISPER_LIFE,
                priority=_LATER,
            ),
        )

    def sign(self, connection: Connection, message: Message, sign: Sign) -> None:
        """Puts a mark on the agent's own posts of that message."""
        # It may fail, be tried and fail again; it is delivered once.
        stage = f"{message.revision}" if sign is Sign.DELIVERED else f"{message.revision}:{message.cursor}"
        for post in self._posts(connection, message.id):
            self._outbox.add(
                connection,
                NewJob(
                    key=f"sign:{post.ref.workspace}:{post.ref.room}:{post.ref.post}:{stage}:{sign.value}",
                    op="sign",
                    payload={"ref": asdict(post.ref), "sign": sign.value},
                    lane=f"sign:{post.ref.workspace}:{post.ref.room}:{post.ref.post}",
                    scope=post.ref.workspace,
                    priority=_LATER,
                ),
            )

    def sign_copy(self, connection: Connection, message: Message) -> None:
        """A copy that stands only now gets the mark that the others got before."""
        capabilities = self.capabilities(message.account)
        if message.direction is not Direction.OUT or capabilities is None:
            return
        if message.status is DeliveryStatus.FAILED:
            self.sign(connection, message, Sign.FAILED)
        elif message.status in _ARRIVED or (message.status is DeliveryStatus.SENT and not capabilities.delivered):
            self.sign(connection, message, Sign.DELIVERED)

    def whisper(
        self,
        connection: Connection,
        thread: ThreadRef,
        agent_id: str,
        text: str,
        *,
        now: datetime,
        actions: Sequence[Action] = (),
        key: str = "",
    ) -> None:
        """Tells one agent something, privately; worth nothing after a while, so it expires. A `key` is told once."""
        self._outbox.add(
            connection,
            NewJob(
                key=f"whisper:{key or new_id()}",
                op="whisper",
                payload={
                    "thread": asdict(thread),
                    "agent": agent_id,
                    "text": text,
                    "actions": [asdict(action) for action in actions],
                },
                lane=f"whisper:{thread.workspace}:{agent_id}",
                scope=thread.workspace,
                expires_at=now + _WHISPER_LIFE,
                priority=_NOTICE,
            ),
        )

    def watch_window(self, connection: Connection, address_id: UUID, at: datetime) -> None:
        """Looks at that time whether a card tells the reply window as it is."""
        self._outbox.add(
            connection,
            NewJob(
                key=f"window:{address_id}:{at.isoformat()}",
                op="window",
                payload={"address": str(address_id)},
                lane=f"window:{address_id}",
                scope="threadbridge",
                not_before=at,
                priority=_LATER,
            ),
        )

    def wake(self, connection: Connection, conversation_id: UUID, at: datetime) -> None:
        """Ends a snooze at that time."""
        self._outbox.add(
            connection,
            NewJob(
                key=f"wake:{conversation_id}:{at.isoformat()}",
                op="wake",
                payload={"conversation": str(conversation_id), "at": at.isoformat()},
                lane=f"wake:{conversation_id}",
                scope="threadbridge",
                not_before=at,
                priority=_LATER,
            ),
        )
