"""The opening of a thread: the card and the first message, as they are true now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from core.cards import card as cards
from core.cards.card import ChannelInfo
from core.cards.drawing import Drawer
from core.contracts.posts import Card, Post
from core.contracts.workplace import WorkplaceCapabilities
from core.conversations import repository
from core.conversations.threads import ThreadLink


class Openings:
    """Reads what stands at the top of a thread."""

    def __init__(
        self, drawer: Drawer, channels: Mapping[str, ChannelInfo], workspaces: Mapping[str, WorkplaceCapabilities]
    ) -> None:
        self._drawer = drawer
        self._channels = channels
        self._workspaces = workspaces

    def holds_message(self, link: ThreadLink) -> bool:
        """Whether the first message stands in the opening post; else that shows a preview, and the message follows."""
        return self.holds_messages(link.workspace)

    def holds_messages(self, workspace: str) -> bool:
        """As `holds_message`, of every thread in that workspace."""
        return self._workspaces[workspace].opening_holds_message

    def key(self, link: ThreadLink, message_id: UUID) -> str:
        """What the opening post is found by: the message's own key only where the message stands in it."""
        if self.holds_message(link):
            return f"post:{link.id}:{message_id}:0"
        return f"open:{link.id}:{message_id}"

    def card(self, connection: Connection, link: ThreadLink, now: datetime) -> Card:
        conversation = repository.conversation(connection, link.conversation_id)
        return cards.build(connection, conversation, link, self._channels, now, workspaces=self._workspaces)

    def draw(
        self, connection: Connection, link: ThreadLink, now: datetime, message_id: UUID | None = None
    ) -> tuple[Card, Post] | None:
        """The opening, with that message if there is none in it yet; None: there is nothing to open with."""
        shown = link.first_message_id or message_id
        if shown is None or link.workspace not in self._workspaces:
            return None
        message = repository.message(connection, shown)
        first = self._drawer.draw(connection, link, message, 0, self.key(link, message.id))
        if first is None:
            return None
        if not self.holds_message(link):
            # Its buttons stand under the message itself.
            first = replace(first, actions=())
        return self.card(connection, link, now), first
