"""The durable work that carries replies to customers: sent, taken back, tried again, given up."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from core.contracts.bridge import DeliveryStatus
from core.contracts.content import Capabilities
from core.contracts.errors import TemporaryFailure
from core.conversations import buckets, inbox, repository
from core.conversations.cutting import pieces_of
from core.conversations.models import Direction, Message
from core.outbox.jobs import NewJob, Status
from core.outbox.repository import Outbox
from core.storage.ids import new_id

#: How long a message waits for its files before it is shown or sent without them.
FILES_WAIT = timedelta(minutes=2)


class Departures:
    """Adds and changes the jobs of what leaves; every method takes the transaction it belongs to."""

    def __init__(
        self, outbox: Outbox, channels: Mapping[str, Capabilities], titles: Mapping[str, str] | None = None
    ) -> None:
        self._outbox = outbox
        self._channels = channels
        self._titles = titles or {}

    def capabilities(self, account: str) -> Capabilities | None:
        """None: the account has left the settings."""
        return self._channels.get(account)

    def title(self, account: str) -> str:
        """The channel of an account as people call it."""
        return self._titles.get(account, account)

    def send(self, connection: Connection, message: Message, now: datetime) -> None:
        """Sends a reply, piece by piece, after its hold and after its files are here."""
        capabilities = self._channels[message.account]
        attachments = repository.attachments_of(connection, message.id)
        waiting = any(attachment.pending for attachment in attachments)
        not_before = max(filter(None, [message.hold_until, now + FILES_WAIT if waiting else None]), default=None)
        for number in range(len(pieces_of(message, attachments, capabilities))):
            self._outbox.add(
                connection,
                self._send_job(
                    message,
                    op="send",
                    key=_key(message.id, message.revision, number),
                    payload={"message": str(message.id), "piece": number},
                    rank=message.rank,
                    not_before=not_before,
                ),
            )

    def change(self, connection: Connection, message: Message, op: str, data: Mapping[str, Any]) -> None:
        """Carries an edit, a delete or a reaction to the customer: `send_edit`, `send_delete`, `send_reaction`."""
        key = f"{op}:{message.id}:{message.revision}:{new_id()}"
        self._outbox.add(
            connection,
            self._send_job(
                message,
                op=op,
                # One delete for each revision, so that its author can ask for it back.
                key=_delete_key(message) if op == "send_delete" else key,
                payload={"message": str(message.id), **data},
            ),
        )

    def _send_job(
        self,
        message: Message,
        *,
        op: str,
        key: str,
        payload: dict[str, Any],
        rank: int | None = None,
        not_before: datetime | None = None,
    ) -> NewJob:
        return NewJob(
            key=key,
            op=op,
            payload=payload,
            lane=f"send:{message.account}:{message.conversation_id}",
            scope=message.account,
            buckets=buckets.of_message(message, self._channels[message.account]),
            rank=rank,
            not_before=not_before,
            priority=0,
        )

    def keeps_it(self, connection: Connection, message: Message) -> bool:
        """Whether the customer has a message still that its author deleted; a delete that has not begun is undone.

        Raises TemporaryFailure while that is being decided.
        """
        state = self._outbox.state(connection, _delete_key(message))
        if state is None or state.status is Status.DONE:
            # Without a job there was nothing to take back, or it was so long ago that nothing is known of it.
            return False
        if state.status is Status.QUEUED and not self._outbox.cancel(connection, _delete_key(message)):
            raise TemporaryFailure("It is being taken back from the customer right now.", retry_after=1.0)
        return True

    def receipts_count(self, connection: Connection, message: Message) -> bool:
        """Whether a receipt for one piece says something of the whole message: all have left, and none failed."""
        capabilities = self._channels.get(message.account)
        if capabilities is None:
            return True
        attachments = repository.attachments_of(connection, message.id)
        count = len(pieces_of(message, attachments, capabilities))
        return count <= 1 or (
            message.status is not DeliveryStatus.FAILED and len(repository.pieces(connection, message.id)) >= count
        )

    def take_early(self, connection: Connection, account: str, external_id: str) -> None:
        """The message is known now: what the vendor told of it before is taken again, in order."""
        for event_id, raw in inbox.unpark(connection, account, external_id):
            self._outbox.add(
                connection,
                NewJob(
                    key=f"early:{account}:{event_id}:{external_id}",
                    op="early",
                    payload={"account": account, "raw": base64.b64encode(raw).decode("ascii")},
                    lane=f"early:{account}:{external_id}",
                    scope="threadbridge",
                ),
            )

    def may_leave(self, connection: Connection, message: Message, now: datetime) -> None:
        """The files of a reply are here: it waits for its hold only."""
        if message.direction is Direction.OUT and message.status is DeliveryStatus.QUEUED:
            due = max(message.hold_until or now, now)
            for key in self._send_keys(connection, message):
                self._outbox.amend(connection, key, not_before=due)

    def withdraw(self, connection: Connection, message: Message) -> bool:
        """Takes back a reply of which nothing has begun to leave. False: something has, or may have."""
        if message.status is DeliveryStatus.FAILED:
            if self._may_have_left(connection, message):
                return False
            self.discard(connection, message)
            return True
        if message.status is not DeliveryStatus.QUEUED:
            return False
        keys = self._send_keys(connection, message)
        # In order: while the first one is still here, none has left.
        return bool(keys) and all(self._outbox.cancel(connection, key) for key in keys)

    def _may_have_left(self, connection: Connection, message: Message) -> bool:
        states = [self._outbox.state(connection, key) for key in self._send_keys(connection, message)]
        return any(
            state is not None and (state.status in (Status.DONE, Status.QUEUED) or state.in_doubt) for state in states
        )

    def _send_keys(self, connection: Connection, message: Message) -> list[str]:
        """The jobs of a message's last sending; an edit may have given it a later revision than that."""
        for revision in range(message.revision, -1, -1):
            keys: list[str] = []
            while self._outbox.state(connection, key := _key(message.id, revision, len(keys))) is not None:
                keys.append(key)
            if keys:
                return keys
        return []

    def retry(self, connection: Connection, message: Message) -> int:
        """Sends again what failed of a message; the number of its pieces that leave again."""
        return sum(self._outbox.retry(connection, key) for key in self._send_keys(connection, message))

    def settle(self, connection: Connection, message: Message) -> int:
        """A person says that a message whose outcome was unknown did arrive."""
        return sum(self._outbox.settle(connection, key, "") for key in self._send_keys(connection, message))

    def discard(self, connection: Connection, message: Message) -> None:
        """A person gave up on a failed message: nobody waits for it any more."""
        for key in self._send_keys(connection, message):
            self._outbox.discard(connection, key)


def _key(message_id: UUID, revision: int, piece: int) -> str:
    return f"send:{message_id}:{revision}:{piece}"


def _delete_key(message: Message) -> str:
    return f"send_delete:{message.id}:{message.revision}"
