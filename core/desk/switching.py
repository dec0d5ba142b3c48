"""Goes on with a customer at another of her addresses, and sends what could not be sent at the one before."""

from __future__ import annotations

from sqlalchemy import Connection

from core.contacts import repository as contacts
from core.contracts.text import from_plain
from core.conversations import events, repository, steps
from core.conversations.dispatch import Dispatcher
from core.conversations.events import Fact
from core.conversations.models import Direction, Message
from core.conversations.service import actor
from core.desk.deciding import Decisions
from core.desk.finding import message_in
from core.desk.replies import Replies, Where

_GONE = "Nothing was sent: that address cannot be written to any more. Press the button of a later message, or Reply."


class Switching:
    """Runs inside the transaction of its gesture, and answers the agent in words when it cannot be done."""

    def __init__(self, dispatcher: Dispatcher, replies: Replies, decisions: Decisions) -> None:
        self._dispatcher = dispatcher
        self._replies = replies
        self._decisions = decisions

    def press(self, connection: Connection, where: Where, value: str) -> None:
        """`value` is an address, or a message and an address."""
        message_id, colon, address_id = value.rpartition(":")
        message = message_in(connection, where, message_id) if colon else None
        before = contacts.address_by_id(connection, where.conversation.address_id)
        found = steps.others(connection, self._dispatcher, where.conversation, before, where.now)
        address = next((one for one in found if str(one.id) == address_id), None)
        if address is None and str(before.id) != address_id:
            self._replies.tell(connection, where, _GONE)
            return
        if address is not None:
            repository.change_conversation(connection, where.conversation.id, address_id=address.id)
            data = {"account": address.account, "from": before.account}
            events.about(connection, Fact.SWITCHED_CHANNEL, where.conversation.id, where.now, actor(where.agent), data)
            self._dispatcher.notice(
                connection,
                where.conversation.id,
                from_plain(
                    f"Replies go to {steps.described(self._dispatcher, address)} from now on: "
                    f"{where.agent.name} chose it."
                ),
                key=f"switched:{where.conversation.id}:{where.now.isoformat()}",
            )
        here = self._replies.refreshed(connection, where)
        if message is not None:
            self._send(connection, here, message)
        self._dispatcher.refresh_card(connection, here.conversation.id, here.now)

    def _send(self, connection: Connection, where: Where, message: Message) -> None:
        if message.direction is Direction.NOTE:
            self._replies.make_reply(connection, where, message)
        elif message.direction is Direction.OUT:
            self._decisions.send_elsewhere(connection, where, message)
