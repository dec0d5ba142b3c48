"""What a person decides about a reply that failed, or of which nobody knows whether it arrived."""

from __future__ import annotations

from sqlalchemy import Connection

from core.contracts.bridge import DeliveryStatus
from core.contracts.text import from_json, from_plain, preview
from core.contracts.workplace import Sign
from core.conversations import repository
from core.conversations.dispatch import Dispatcher
from core.conversations.messages import MessageService
from core.conversations.models import Message
from core.desk.replies import Replies, Where

_DECIDED = "Nothing to do: that message is not waiting for a decision any more."


class Decisions:
    """Each runs inside the transaction of its gesture, and only while the message waits for it."""

    def __init__(self, messages: MessageService, dispatcher: Dispatcher, replies: Replies) -> None:
        self._messages = messages
        self._dispatcher = dispatcher
        self._replies = replies

    def retry(self, connection: Connection, where: Where, message: Message) -> None:
        """A person decided to send again what failed."""
        if message.status is not DeliveryStatus.FAILED:
            self._replies.tell(connection, where, _DECIDED)
            return
        # Without a dead job the vendor had taken it, and reported the failure later.
        afresh = not self._dispatcher.retry(connection, message)
        changed = self._messages.again(connection, message, where.agent, where.now, afresh=afresh)
        if afresh:
            self._dispatcher.send(connection, changed, where.now)
        self._dispatcher.sign(connection, changed, Sign.PENDING)
        self._decided(connection, where, changed, "it is sent again")

    def _decided(self, connection: Connection, where: Where, message: Message, what: str) -> None:
        """The same buttons stand in the other threads: there it is said who pressed them."""
        words = preview(from_json(message.body), 80) or "a file"
        self._dispatcher.notice(
            connection,
            message.conversation_id,
            from_plain(f"{where.agent.name} decided about “{words}”: {what}."),
            key=f"decided:{message.id}:{where.now.isoformat()}",
            except_link=where.link.id,
        )

    def arrived(self, connection: Connection, where: Where, message: Message) -> None:
        """A person knows that a message whose outcome was unknown did arrive."""
        if message.status is DeliveryStatus.FAILED and self._dispatcher.settle(connection, message):
            self._messages.advance(connection, message, DeliveryStatus.SENT, where.now)
            self._dispatcher.sign(connection, message, Sign.DELIVERED)
            self._decided(connection, where, message, "it arrived")
        else:
            self._replies.tell(connection, where, _DECIDED)

    def discard(self, connection: Connection, where: Where, message: Message) -> None:
        """A person gives up on what failed."""
        if message.status is not DeliveryStatus.FAILED:
            self._replies.tell(connection, where, _DECIDED)
            return
        self._messages.advance(connection, message, DeliveryStatus.CANCELLED, where.now)
        self._dispatcher.discard(connection, message)
        self._decided(connection, where, message, "it is not sent again")
        self._replies.tell(connection, where, "Discarded: it is not sent again.")

    def send_elsewhere(self, connection: Connection, where: Where, message: Message) -> None:
        """What failed is sent to the address that the conversation has now."""
        if message.status is not DeliveryStatus.FAILED:
            self._replies.tell(connection, where, _DECIDED)
            return
        self._dispatcher.discard(connection, message)
        # The other channel has no such template; its words are what the customer would have read.
        repository.change_message(connection, message.id, template=None)
        changed = self._messages.again(connection, message, where.agent, where.now, afresh=True)
        if self._replies.release(connection, where, changed) is None:
            self._messages.advance(connection, changed, DeliveryStatus.FAILED, where.now, problem=message.problem)
            return
        self._dispatcher.sign(connection, changed, Sign.PENDING)
        self._decided(connection, where, changed, "it is sent there instead")
