"""How an agent's words become a reply or a note, and what an edit or delete of them does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from core.contacts import repository as contacts
from core.contracts.actions import ActionId
from core.contracts.bridge import DeliveryStatus
from core.contracts.content import Attachment, Content, MediaKind
from core.contracts.places import PostRef, ThreadRef
from core.contracts.posts import Action
from core.contracts.templates import TemplateUse
from core.contracts.text import from_json, is_empty, offer_from_json, preview
from core.contracts.workplace import AgentProfile, Sign
from core.conversations import repository, steps, threads
from core.conversations.cutting import pieces, pieces_of
from core.conversations.dispatch import Dispatcher
from core.conversations.messages import MessageService
from core.conversations.models import Conversation, Direction, Message, State
from core.conversations.service import ConversationService, actor
from core.conversations.threads import ThreadLink
from core.desk.preflight import Checked, check

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
        template: TemplateUse | None = None,
    ) -> Message | None:
        """Stores a reply and its delivery; None: refused, the agent was told why, and nothing leaves."""
        checked = self._preflight(connection, where, content, template)
        if checked.refusal:
            kept = None
            if template is None and (not is_empty(content.body) or content.attachments):
                # A private word may be missed: the words stay, and the mark of a note says that they did not leave.
                kept = self.note(connection, where, content, at=at, post=post)
            self._refuse(connection, where, checked, kept)
            return None
        conversation = self._hold_open(connection, where)
        message = self._messages.replied(
            connection,
            conversation,
            where.agent,
            content,
            quote_id=self._quoted(connection, where, quote),
            hold_until=where.now + self._hold if hold else None,
            at=at,
            now=where.now,
            template=template,
        )
        self._place(connection, where, message, post)
        self._dispatcher.send(connection, message, where.now)
        self._answered(connection, where, conversation, checked.warnings)
        return message

    def _refuse(self, connection: Connection, where: Where, checked: Checked, kept: Message | None) -> None:
        """Tells the agent why nothing left, with what she can do instead; `kept`: words that she can do it with."""
        actions: tuple[Action, ...] = ()
        if checked.reason is not None:
            address = contacts.address_by_id(connection, where.conversation.address_id)
            actions = steps.instead(
                connection,
                self._dispatcher,
                where.conversation,
                address,
                checked.reason,
                where.now,
                message_id=kept.id if kept else None,
            )
        self.tell(connection, where, f"Not sent: {checked.refusal}", *actions)

    def _quoted(self, connection: Connection, where: Where, quote: PostRef | None) -> UUID | None:
        """What an agent quotes is quoted to the customer only if she knows it: no note, nothing of somebody else."""
        found = threads.post_at(connection, quote) if quote else None
        message = repository.message(connection, found.message_id) if found else None
        if message is None or message.conversation_id != where.conversation.id:
            return None
        return message.id if message.direction in (Direction.IN, Direction.OUT) else None

    def note(
        self, connection: Connection, where: Where, content: Content, *, at: datetime, post: PostRef | None
    ) -> Message:
        """Keeps words among agents."""
        message = self._messages.noted(connection, where.conversation, where.agent, content, at=at, now=where.now)
        self._place(connection, where, message, post)
        return message

    def _place(self, connection: Connection, where: Where, message: Message, post: PostRef | None) -> None:
        """The agent's own post stands already; one written in a form is shown like any other, with its files."""
        waiting = self._dispatcher.fetch(connection, message, repository.attachments_of(connection, message.id))
        if post is not None:
            threads.add_post(connection, post, where.link.id, message.id, 0, ours=False)
            if message.direction is Direction.NOTE:
                self._dispatcher.sign(connection, message, Sign.NOTE)
        self._dispatcher.show(
            connection,
            message,
            now=where.now,
            settle=timedelta(),
            waiting=waiting,
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

    def _preflight(
        self, connection: Connection, where: Where, content: Content, template: TemplateUse | None = None
    ) -> Checked:
        address = contacts.address_by_id(connection, where.conversation.address_id)
        return check(address, self._dispatcher.capabilities(address.account), content, where.now, template=template)

    def revise(self, connection: Connection, where: Where, message: Message, content: Content | None) -> None:
        """The agent edited or deleted her own post."""
        if message.direction is Direction.NOTE:
            changed = self._messages.revise(connection, message, content, where.now)
            self._dispatcher.show_change(connection, changed, except_link=where.link.id)
            return
        if content is not None and from_json(message.body) == content.body:
            return
        if self._dispatcher.withdraw(connection, message):
            self._revise_held(connection, where, message, content)
        elif message.status is DeliveryStatus.FAILED:
            self._revise_doubtful(connection, where, message, content)
        elif message.status is not DeliveryStatus.CANCELLED:
            self._revise_sent(connection, where, message, content)

    def _revise_held(self, connection: Connection, where: Where, message: Message, content: Content | None) -> None:
        changed = self._messages.revise(connection, message, content, where.now)
        if content is None:
            self._messages.advance(connection, changed, DeliveryStatus.CANCELLED, where.now)
            self.tell(connection, where, "Deleted in time: the customer did not get it.")
        else:
            self._messages.advance(connection, changed, DeliveryStatus.QUEUED, where.now)
            # The customer never saw the first form, so to her it was not edited.
            repository.change_message(connection, message.id, hold_until=where.now + self._hold, edited_at=None)
            changed = repository.message(connection, message.id)
            self._dispatcher.send(connection, changed, where.now)
        self._dispatcher.show_change(connection, changed, except_link=where.link.id)

    def _revise_doubtful(self, connection: Connection, where: Where, message: Message, content: Content | None) -> None:
        """It failed, but the customer has a part of it, or may have it: nothing leaves before the agent decides."""
        left = repository.pieces(connection, message.id)
        if content is None:
            changed = self._messages.revise(connection, message, None, where.now)
            self._messages.advance(connection, changed, DeliveryStatus.CANCELLED, where.now)
            self._dispatcher.discard(connection, message)
            self._dispatcher.show_change(connection, changed, except_link=where.link.id)
            if left and self._can_change(connection, message, None, where.now):
                self._dispatcher.change(connection, changed, "send_delete", {})
            else:
                self.tell(
                    connection, where, "Deleted here and not sent again. The customer may have got it, or a part."
                )
        elif self._can_change(connection, message, content, where.now) or (
            not left and self._fits(connection, message, content)
        ):
            changed = self._messages.revise(connection, message, content, where.now)
            if left:
                self._dispatcher.change(connection, changed, "send_edit", {})
            self._dispatcher.show_change(connection, changed, except_link=where.link.id)
            self.tell(connection, where, "Changed here. If you send it again, the customer gets it as it reads now.")
        else:
            self._offer(connection, where, message, content)

    def _revise_sent(self, connection: Connection, where: Where, message: Message, content: Content | None) -> None:
        if self._can_change(connection, message, content, where.now):
            changed = self._messages.revise(connection, message, content, where.now)
            op = "send_delete" if content is None else "send_edit"
            self._dispatcher.change(connection, changed, op, {})
            self._dispatcher.show_change(connection, changed, except_link=where.link.id)
        else:
            self._offer(connection, where, message, content)

    def _offer(self, connection: Connection, where: Where, message: Message, content: Content | None) -> None:
        """A correction, where what the customer has cannot be changed."""
        what, value = "take it back", str(message.id)
        if content is not None:
            content = replace(content, attachments=())
            draft = self._messages.drafted(
                connection, where.conversation, where.agent, content, corrects=message.id, now=where.now
            )
            what, value = "change it there", str(draft.id)
        self.tell(
            connection,
            where,
            f"The customer has “{preview(from_json(message.body), 60)}” already, and this channel cannot {what}.",
            Action(id=ActionId.CORRECT, label="Send a correction", value=value, asks=content is None),
        )

    def _can_change(self, connection: Connection, message: Message, content: Content | None, now: datetime) -> bool:
        capabilities = self._dispatcher.capabilities(message.account)
        if capabilities is None:
            return False
        if content is None:
            window = capabilities.delete_window
            return capabilities.deletes_out and (window is None or now - message.at < window)
        return capabilities.edits_out and self._fits(connection, message, content)

    def _fits(self, connection: Connection, message: Message, content: Content) -> bool:
        """The new words take as many calls to the channel as the old ones."""
        capabilities = self._dispatcher.capabilities(message.account)
        if capabilities is None:
            return False
        attachments = repository.attachments_of(connection, message.id)
        before = pieces_of(message, attachments, capabilities)
        after = pieces(content.body, attachments, capabilities, offer_from_json(message.offer))
        # A template reads as it was approved.
        return message.template is None and len(after) == len(before)

    def send_draft(self, connection: Connection, where: Where, message_id: UUID) -> None:
        """Sends a correction that was offered."""
        message = repository.find_message(connection, message_id)
        if message is None or message.conversation_id != where.conversation.id:
            return
        if message.direction is Direction.DRAFT:
            changed = self.release(connection, where, message)
            if changed is not None:
                self._place(connection, where, changed, None)
        else:
            self.tell(connection, where, "It was sent already.")

    def make_reply(self, connection: Connection, where: Where, message: Message) -> None:
        """A note of the agent's, sent after all."""
        changed = self.release(connection, where, message)
        if changed is not None:
            self._dispatcher.sign(connection, changed, Sign.PENDING)
            self._dispatcher.show_change(connection, changed)

    def release(self, connection: Connection, where: Where, message: Message) -> Message | None:
        """What was kept leaves; None: refused, and the agent was told why."""
        files = tuple(
            Attachment(kind=MediaKind(stored.kind), name=stored.name, size=stored.size)
            for stored in repository.attachments_of(connection, message.id)
        )
        content = replace(offer_from_json(message.offer), body=from_json(message.body), attachments=files)
        checked = self._preflight(connection, where, content)
        if checked.refusal:
            self._refuse(connection, where, checked, message)
            return None
        conversation = self._hold_open(connection, where)
        changed = self._messages.released(connection, conversation, message, where.agent, where.now)
        self._dispatcher.send(connection, changed, where.now)
        self._answered(connection, where, conversation, checked.warnings)
        return changed

    def _answered(
        self, connection: Connection, where: Where, conversation: Conversation, warnings: Sequence[str]
    ) -> None:
        for warning in warnings:
            self.tell(connection, where, warning)
        if not conversation.owner:
            self._service.claim(connection, conversation, where.agent, where.now)
        self._dispatcher.refresh_card(connection, conversation.id, where.now)

    def refreshed(self, connection: Connection, where: Where) -> Where:
        """The place with its conversation as it is now."""
        return replace(where, conversation=repository.conversation(connection, where.conversation.id))

    def make_note(self, connection: Connection, where: Where, message: Message, content: Content | None = None) -> None:
        """A reply that has not left becomes a note, with these words if they changed."""
        if message.direction is Direction.NOTE:
            self.tell(connection, where, "That is a note already: only your colleagues see it.")
        elif self._dispatcher.withdraw(connection, message):
            if content is not None and from_json(message.body) != content.body:
                message = self._messages.revise(connection, message, content, where.now)
            repository.change_message(
                connection, message.id, direction=Direction.NOTE.value, revision=message.revision + 1
            )
            changed = repository.message(connection, message.id)
            self._dispatcher.sign(connection, changed, Sign.NOTE)
            self._dispatcher.show_change(connection, changed)
            self.tell(connection, where, "Kept as a note: the customer does not get it.")
        else:
            self.tell(
                connection, where, "Too late: it is on its way to the customer. Deleting it may still take it back."
            )

    def restore(self, connection: Connection, where: Where, message: Message, content: Content | None) -> None:
        """The agent brought back what she had deleted; nothing is sent by that alone."""
        if message.direction is Direction.NOTE:
            changed = self._messages.restored(connection, message, content, where.now, kept=False)
        elif self._dispatcher.keeps_it(connection, message) and message.status is not DeliveryStatus.CANCELLED:
            # What she has is what she was sent.
            changed = self._messages.restored(connection, message, None, where.now, kept=False)
        else:
            # Deleted when its outcome was in doubt: nobody knows.
            doubtful = message.status is DeliveryStatus.CANCELLED and repository.pieces(connection, message.id)
            has = "the customer may have a part of it" if doubtful else "the customer does not have it"
            changed = self._messages.restored(connection, message, content, where.now, kept=True)
            self._dispatcher.sign(connection, changed, Sign.NOTE)
            self.tell(connection, where, f"Restored here, {has}; choose “Send to customer” to send it.")
        self._dispatcher.show_change(connection, changed, except_link=where.link.id)
