"""How an agent's words become a reply or a note, and what an edit or delete of them does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from core.contacts import repository as contacts
from core.contracts.actions import ActionId
from core.contracts.bridge import DeliveryStatus
from core.contracts.content import Capabilities, Content
from core.contracts.places import PostRef, ThreadRef
from core.contracts.posts import Action
from core.contracts.text import from_json, is_empty, preview
from core.contracts.workplace import AgentProfile, Sign
from core.conversations import repository, threads
from core.conversations.cutting import pieces
from core.conversations.dispatch import Dispatcher
from core.conversations.messages import MessageService
from core.conversations.models import Conversation, Direction, Message, State
from core.conversations.service import ConversationService, actor
from core.conversations.threads import ThreadLink

#: Vendors deliver events of one moment in any order; a reply waits at least this long.
SETTLE = timedelta(milliseconds=300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The place a gesture was made in."""

    link: ThreadLink
    conversation: Conversation
    thread: ThreadRef
    agent: AgentProfile
    now: datetime


class Replies:
    """What agents write. Every method runs inside the transaction of its gesture."""

    def __init__(
        self, service: ConversationService, messages: MessageService, dispatcher: Dispatcher, *, hold: timedelta
    ) -> None:
        self._service = service
        self._messages = messages
        self._dispatcher = dispatcher
        # Even without a hold, a reply waits for those that were written before it and are delivered after it.
        self._hold = max(hold, SETTLE)

    def tell(self, connection: Connection, where: Where, text: str, *actions: Action, once: str = "") -> None:
        """A private word to the agent; with `once`, only the first time in this conversation."""
        self._dispatcher.whisper(
            connection,
            where.thread,
            where.agent.agent_id,
            text,
            now=where.now,
            actions=actions,
            key=f"{where.conversation.id}:{where.agent.agent_id}:{once}" if once else "",
        )

    def reply(
        self,
        connection: Connection,
        where: Where,
        content: Content,
        *,
        at: datetime,
        post: PostRef | None,
        quote: PostRef | None = None,
        hold: bool = True,
    ) -> Message | None:
        """Stores a reply and its delivery; None: refused, the agent was told why, and nothing leaves."""
        refusal, warnings = self._preflight(connection, where, content)
        if refusal:
            self.tell(connection, where, f"Not sent: {refusal}")
            return None
        conversation = self._hold_open(connection, where)
        quoted = threads.post_at(connection, quote) if quote else None
        message = self._messages.replied(
            connection,
            conversation,
            where.agent,
            content,
            quote_id=quoted.message_id if quoted else None,
            hold_until=where.now + self._hold if hold else None,
            at=at,
            now=where.now,
        )
        self._place(connection, where, message, post)
        waiting = self._dispatcher.fetch(connection, message, repository.attachments_of(connection, message.id))
        self._dispatcher.send(connection, message, waiting=waiting, now=where.now)
        for warning in warnings:
            self.tell(connection, where, warning)
        if not conversation.owner:
            self._service.claim(connection, conversation, where.agent, where.now)
        self._dispatcher.refresh_card(connection, conversation.id, where.now)
        return message

    def note(
        self, connection: Connection, where: Where, content: Content, *, at: datetime, post: PostRef | None
    ) -> Message:
        """Keeps words among agents."""
        message = self._messages.noted(connection, where.conversation, where.agent, content, at=at, now=where.now)
        self._place(connection, where, message, post)
        self._dispatcher.fetch(connection, message, repository.attachments_of(connection, message.id))
        return message

    def _place(self, connection: Connection, where: Where, message: Message, post: PostRef | None) -> None:
        """The agent's own post stands already; one written in a form is shown like any other."""
        if post is not None:
            threads.add_post(connection, post, where.link.id, message.id, 0, ours=False)
            if message.direction is Direction.NOTE:
                self._dispatcher.sign(connection, message, Sign.NOTE)
        self._dispatcher.show(
            connection,
            message,
            now=where.now,
            settle=timedelta(),
            waiting=False,
            except_link=where.link.id if post else None,
        )

    def _hold_open(self, connection: Connection, where: Where) -> Conversation:
        """A reply to a closed conversation opens it again, unless the customer has another one open."""
        conversation = where.conversation
        if conversation.state is State.OPEN:
            return conversation
        other = repository.open_conversation(connection, conversation.contact_id)
        if other is not None and other.id != conversation.id:
            return conversation
        return self._service.reopen(connection, conversation, where.now, actor(where.agent))

    def _preflight(self, connection: Connection, where: Where, content: Content) -> tuple[str, list[str]]:
        """Why it cannot be sent, or what will look different at the customer's."""
        address = contacts.address_by_id(connection, where.conversation.address_id)
        capabilities = self._dispatcher.capabilities(address.account)
        if capabilities is None:
            return f"the account {address.account} is no longer in the settings.", []
        if is_empty(content.body) and not content.attachments:
            return "there is nothing in it.", []
        window = capabilities.reply_window
        if window is not None and where.now > where.conversation.last_in_at + window:
            return f"this channel allows replies only for {window} after the customer's last message.", []
        warnings = []
        if not is_empty(content.body):
            count = len(pieces(content.body, [], capabilities))
            if count > 1:
                warnings.append(f"Your message is long for this channel: it goes out as {count} messages, in order.")
        for attachment in content.attachments:
            limit = capabilities.media.get(attachment.kind)
            if limit is None or (attachment.size or 0) > limit:
                warnings.append(f"{attachment.name} is not something this channel carries: it goes out as a link.")
        return "", warnings

    def revise(self, connection: Connection, where: Where, message: Message, content: Content | None) -> None:
        """The agent edited or deleted her own post."""
        if message.direction is Direction.NOTE:
            changed = self._messages.revise(connection, message, content, where.now)
            self._dispatcher.show_change(connection, changed, except_link=where.link.id)
            return
        if content is not None and from_json(message.body) == content.body:
            return
        if self._dispatcher.withdraw(connection, message) or message.status is DeliveryStatus.FAILED:
            self._revise_held(connection, where, message, content)
        elif message.status is not DeliveryStatus.CANCELLED:
            self._revise_sent(connection, where, message, content)

    def _revise_held(self, connection: Connection, where: Where, message: Message, content: Content | None) -> None:
        changed = self._messages.revise(connection, message, content, where.now)
        if content is None:
            self._messages.advance(connection, changed, DeliveryStatus.CANCELLED, where.now)
            self.tell(connection, where, "Deleted in time: the customer did not get it.")
        else:
            repository.change_message(
                connection,
                message.id,
                hold_until=where.now + self._hold,
                status=DeliveryStatus.QUEUED.value,
                problem="",
            )
            changed = repository.message(connection, message.id)
            self._dispatcher.send(connection, changed, waiting=False, now=where.now)
        self._dispatcher.show_change(connection, changed, except_link=where.link.id)

    def _revise_sent(self, connection: Connection, where: Where, message: Message, content: Content | None) -> None:
        capabilities = self._dispatcher.capabilities(message.account)
        if capabilities is not None and self._can_change(connection, message, content, capabilities, where.now):
            changed = self._messages.revise(connection, message, content, where.now)
            op = "send_delete" if content is None else "send_edit"
            self._dispatcher.change(connection, changed, op, {})
            self._dispatcher.show_change(connection, changed, except_link=where.link.id)
            return
        what = "take it back" if content is None else "change it there"
        value = str(message.id)
        if content is not None:
            value = str(self._draft(connection, where, message, content).id)
        self.tell(
            connection,
            where,
            f"The customer has “{preview(from_json(message.body), 60)}” already, and this channel cannot {what}.",
            Action(id=ActionId.CORRECT, label="Send a correction", value=value, asks=content is None),
        )

    def _can_change(
        self,
        connection: Connection,
        message: Message,
        content: Content | None,
        capabilities: Capabilities,
        now: datetime,
    ) -> bool:
        if content is None:
            window = capabilities.delete_window
            return capabilities.deletes_out and (window is None or now - message.at < window)
        attachments = repository.attachments_of(connection, message.id)
        before = pieces(from_json(message.body), attachments, capabilities)
        return capabilities.edits_out and len(pieces(content.body, attachments, capabilities)) == len(before)

    def _draft(self, connection: Connection, where: Where, message: Message, content: Content) -> Message:
        """The edited words as a message that waits for the agent's decision."""
        return self._messages.replied(
            connection,
            where.conversation,
            where.agent,
            replace(content, attachments=()),
            quote_id=message.id,
            hold_until=None,
            at=where.now,
            now=where.now,
        )

    def send_draft(self, connection: Connection, where: Where, message_id: UUID) -> None:
        """Sends a correction that was offered."""
        message = repository.find_message(connection, message_id)
        if message is None or message.conversation_id != where.conversation.id:
            return
        if message.status is DeliveryStatus.QUEUED and message.external_id is None:
            self._dispatcher.send(connection, message, waiting=False, now=where.now)
            self._place(connection, where, message, None)

    def make_reply(self, connection: Connection, where: Where, message: Message, post: PostRef) -> None:
        """A note of the agent's, sent after all."""
        content = Content(body=from_json(message.body))
        refusal, warnings = self._preflight(connection, where, content)
        if refusal:
            self.tell(connection, where, f"Not sent: {refusal}")
            return
        self._hold_open(connection, where)
        repository.change_message(
            connection, message.id, direction=Direction.OUT.value, revision=message.revision + 1, hold_until=None
        )
        changed = repository.message(connection, message.id)
        self._dispatcher.send(connection, changed, waiting=False, now=where.now)
        self._dispatcher.sign(connection, changed, Sign.PENDING)
        for warning in warnings:
            self.tell(connection, where, warning)
        if not where.conversation.owner:
            self._service.claim(connection, where.conversation, where.agent, where.now)
        self._dispatcher.refresh_card(connection, where.conversation.id, where.now)

    def make_note(self, connection: Connection, where: Where, message: Message) -> None:
        """A reply that has not left becomes a note."""
        if message.direction is Direction.NOTE:
            self.tell(connection, where, "That is a note already: only your colleagues see it.")
        elif self._dispatcher.withdraw(connection, message):
            repository.change_message(
                connection, message.id, direction=Direction.NOTE.value, revision=message.revision + 1
            )
            self._dispatcher.sign(connection, repository.message(connection, message.id), Sign.NOTE)
            self.tell(connection, where, "Kept as a note: the customer does not get it.")
        else:
            self.tell(
                connection, where, "Too late: it is on its way to the customer. Deleting it may still take it back."
            )

    def retry(self, connection: Connection, where: Where, message: Message) -> None:
        """A person decided to send again what failed."""
        if message.status is not DeliveryStatus.FAILED or not self._dispatcher.retry(connection, message):
            self.tell(connection, where, "Nothing to do: that message is not waiting for a decision any more.")
            return
        self._messages.advance(connection, message, DeliveryStatus.QUEUED, where.now)

    def arrived(self, connection: Connection, where: Where, message: Message) -> None:
        """A person knows that a message whose outcome was unknown did arrive."""
        if message.status is DeliveryStatus.FAILED and self._dispatcher.settle(connection, message):
            self._messages.advance(connection, message, DeliveryStatus.SENT, where.now)
            self._dispatcher.sign(connection, message, Sign.DELIVERED)

    def discard(self, connection: Connection, where: Where, message: Message) -> None:
        """A person gives up on what failed."""
        if self._messages.advance(connection, message, DeliveryStatus.CANCELLED, where.now):
            self._dispatcher.discard(connection, message)
            self.tell(connection, where, "Discarded: the customer does not get it.")
