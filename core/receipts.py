"""What a vendor reports of our messages: how far they came, in whatever order it tells."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from core.contacts import repository as contacts
from core.contracts.bridge import DeliveryStatus, ReadUpTo, StatusChanged
from core.contracts.text import from_json, from_plain, preview
from core.contracts.workplace import Sign
from core.conversations import failures, repository
from core.conversations.dispatch import Dispatcher
from core.conversations.messages import MessageService
from core.conversations.models import Direction, Message

_ARRIVED = (DeliveryStatus.DELIVERED, DeliveryStatus.READ)


class Receipts:
    """States only move forward. Every method takes the transaction it belongs to."""

    def __init__(self, messages: MessageService, dispatcher: Dispatcher) -> None:
        self._messages = messages
        self._dispatcher = dispatcher

    def status(self, connection: Connection, message: Message, event: StatusChanged, now: datetime) -> None:
        """A failure is the end, unless the vendor says that the customer has it."""
        if message.direction is not Direction.OUT:
            return
        failed = message.status is DeliveryStatus.FAILED
        if event.status is DeliveryStatus.FAILED:
            sentence = event.problem or "The channel reported a failure without a reason."
            failures.report(connection, self._messages, self._dispatcher, message, event.reason, sentence, now)
        elif event.status not in (DeliveryStatus.SENT, *_ARRIVED) or (failed and event.status not in _ARRIVED):
            return
        elif (
            self._dispatcher.receipts_count(connection, message)
            and self._messages.advance(connection, message, event.status, now)
            and event.status in _ARRIVED
        ):
            self._dispatcher.sign(connection, message, Sign.DELIVERED)
            if failed:
                self._after_all(connection, message)

    def _after_all(self, connection: Connection, message: Message) -> None:
        """The thread says that it failed, and offers what is not needed any more."""
        self._dispatcher.settle(connection, message)
        words = preview(from_json(message.body), 80)
        what = f"“{words}”" if words else "Your file"
        self._dispatcher.notice(
            connection,
            message.conversation_id,
            from_plain(f"{what} reached the customer after all, the channel says now."),
            key=f"after-all:{message.id}",
        )

    def read_up_to(self, connection: Connection, account: str, event: ReadUpTo, now: datetime) -> bool:
        """False: that message is not known yet."""
        address = contacts.address(connection, account, event.sender_id)
        last = repository.message_by_external(connection, account, event.external_id)
        if last is None:
            return False
        if address is None or last.address_id != address.id:
            return True
        for message in repository.unread_until(connection, address.id, last.position):
            if self._messages.advance(connection, message, DeliveryStatus.READ, now):
                self._dispatcher.sign(connection, message, Sign.DELIVERED)
        return True
