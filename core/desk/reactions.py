"""An agent's reaction on a customer's message."""

from __future__ import annotations

from sqlalchemy import Connection

from core.conversations.dispatch import Dispatcher
from core.conversations.messages import MessageService
from core.conversations.models import Direction, Message
from core.conversations.service import actor
from core.desk.replies import Replies, Where
from core.settings.models import ReplyMode


class Reactions:
    """Runs inside the transaction of its gesture."""

    def __init__(self, messages: MessageService, dispatcher: Dispatcher, replies: Replies) -> None:
        self._messages = messages
        self._dispatcher = dispatcher
        self._replies = replies

    def react(self, connection: Connection, where: Where, message: Message, emoji: str, *, added: bool) -> None:
        """Shows it to the customer where her channel can, and to colleagues in the other threads."""
        if message.direction is not Direction.IN:
            return
        capabilities = self._dispatcher.capabilities(message.account)
        if capabilities is None or where.conversation.reply_mode != ReplyMode.ALL:
            return
        before = message.reactions.get("agent")
        if added == (before == emoji):
            return
        changed = self._messages.react(
            connection, message, "agent", emoji if added else None, where.now, actor(where.agent)
        )
        self._dispatcher.show_colleagues_reaction(connection, changed, where.link.id, before)
        if capabilities.reactions_out:
            self._dispatcher.change(connection, changed, "send_reaction", {"emoji": emoji if added else None})
        else:
            text = "This channel cannot show your reaction to the customer: only your colleagues see it."
            self._replies.tell(connection, where, text, once="reaction")
