"""What the menu of a message in a thread offers: "Send to customer" and "Make a note"."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from core.contracts.content import Content
from core.contracts.places import PostRef
from core.conversations.models import Direction, Message
from core.desk import early
from core.desk.commands import read
from core.desk.permissions import MEMBERS_ONLY, Permissions
from core.desk.replies import Replies, Where

_MEMBERS_ANSWER = "Only members of the organisation answer customers."


class Shortcuts:
    """Each runs inside the transaction of its gesture; `message` is None for a post that is none of ours."""

    def __init__(self, permissions: Permissions, replies: Replies) -> None:
        self._permissions = permissions
        self._replies = replies

    def send(
        self, connection: Connection, where: Where, post: PostRef, message: Message | None, content: Content
    ) -> None:
        """Whatever stands in that post goes to the customer."""
        may = self._permissions.may_answer(where.agent)
        refusal = self._permissions.refusal(where, explicit=True) if may else _MEMBERS_ANSWER
        if refusal:
            self._replies.tell(connection, where, refusal)
        elif message is None:
            content = replace(content, body=read(content.body).body)
            self._replies.reply(connection, where, content, at=where.now, post=post)
        elif message.direction is Direction.NOTE:
            self._replies.make_reply(connection, where, message)
        else:
            text = "the customer's own." if message.direction is Direction.IN else "on its way to the customer already."
            self._replies.tell(connection, where, f"Nothing was sent: that message is {text}")

    def keep(self, connection: Connection, where: Where, post: PostRef, message: Message | None) -> None:
        """That post stays among agents, if nothing of it has left."""
        if not self._permissions.may_answer(where.agent):
            self._replies.tell(connection, where, MEMBERS_ONLY)
        elif message is None and early.awaits(connection, post):
            early.kept(connection, post, where.now)
        elif message is None:
            self._replies.tell(connection, where, "Nothing to do: that message was not on its way to the customer.")
        elif message.direction is Direction.IN:
            self._replies.tell(connection, where, "Nothing to do: that message is the customer's own.")
        else:
            self._replies.make_note(connection, where, message)
