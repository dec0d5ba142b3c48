"""What a button or a `!` command does."""

from __future__ import annotations

from sqlalchemy import Connection

from core.cards import words
from core.contacts import repository as contacts
from core.contracts.actions import ActionId
from core.contracts.text import from_plain
from core.conversations.dispatch import Dispatcher
from core.conversations.models import Message, State
from core.conversations.service import ConversationService, actor, owns
from core.desk.commands import HELP, until
from core.desk.deciding import Decisions
from core.desk.identity import Identities
from core.desk.mirroring import Mirrors
from core.desk.replies import Replies, Where
from core.desk.switching import Switching


class Actions:
    """Each runs inside the transaction of its gesture, and answers the agent in words when it cannot be done."""

    def __init__(
        self,
        service: ConversationService,
        dispatcher: Dispatcher,
        replies: Replies,
        decisions: Decisions,
        mirrors: Mirrors,
        identities: Identities,
    ) -> None:
        self._service = service
        self._dispatcher = dispatcher
        self._replies = replies
        self._decisions = decisions
        self._switching = Switching(dispatcher, replies, decisions)
        self._mirrors = mirrors
        self._identities = identities

    def command(self, connection: Connection, where: Where, action: ActionId, argument: str) -> None:
        """A typed command; unlike the button, `!claim` also takes over from a colleague."""
        if action is ActionId.CLAIM:
            self._claim(connection, where, take_over=True)
        elif action is ActionId.SNOOZE:
            self._snooze(connection, where, argument or "tomorrow")
        elif action is ActionId.MIRROR:
            self._mirrors.add(connection, where, argument)
        else:
            self.press(connection, where, action, None, {})

    def press(
        self,
        connection: Connection,
        where: Where,
        action: str,
        message: Message | None,
        fields: dict[str, str],
        value: str = "",
    ) -> None:
        match action:
            case ActionId.VERIFY | ActionId.MERGE | ActionId.SPLIT:
                self._identities.press(connection, where, action, value, fields)
            case ActionId.SWITCH:
                self._switching.press(connection, where, value)
            case ActionId.CLAIM:
                self._claim(connection, where, take_over=False)
            case ActionId.RESOLVE:
                self._resolve(connection, where)
            case ActionId.REOPEN:
                self._reopen(connection, where)
            case ActionId.SNOOZE:
                self._snooze(connection, where, fields.get("until", ""))
            case ActionId.MIRROR:
                self._mirrors.add(connection, where, fields.get("room", ""))
            case ActionId.WHO:
                self._replies.tell(connection, where, self._who(connection, where))
            case ActionId.HELP:
                self._replies.tell(connection, where, HELP)
            case _ if message is not None:
                self._decide(connection, where, action, message)
            case _:
                self._replies.tell(connection, where, "That button belongs to something that is no longer here.")

    def _decide(self, connection: Connection, where: Where, action: str, message: Message) -> None:
        match action:
            case ActionId.RETRY | ActionId.RESEND:
                self._decisions.retry(connection, where, message)
            case ActionId.ARRIVED:
                self._decisions.arrived(connection, where, message)
            case ActionId.DISCARD:
                self._decisions.discard(connection, where, message)
            case ActionId.CORRECT:
                self._replies.send_draft(connection, where, message.id)

    def _claim(self, connection: Connection, where: Where, *, take_over: bool) -> None:
        conversation = where.conversation
        if owns(conversation, where.agent):
            self._replies.tell(connection, where, "It is yours already.")
            return
        if conversation.owner and not take_over:
            text = f"{conversation.owner_name} was quicker. Type !claim to take over."
            self._replies.tell(connection, where, text)
            return
        self._service.claim(connection, conversation, where.agent, where.now)
        if conversation.owner:
            self._say(connection, where, f"{where.agent.name} took over from {conversation.owner_name}.", "claimed")
        self._dispatcher.refresh_card(connection, conversation.id, where.now)

    def _resolve(self, connection: Connection, where: Where) -> None:
        if where.conversation.state is State.CLOSED:
            self._replies.tell(connection, where, "It is resolved already.")
            return
        self._service.close(connection, where.conversation, where.agent, where.now)
        self._say(connection, where, f"{where.agent.name} resolved this conversation.", "closed")
        self._dispatcher.refresh_card(connection, where.conversation.id, where.now)

    def _reopen(self, connection: Connection, where: Where) -> None:
        conversation = where.conversation
        if conversation.state is State.OPEN:
            self._replies.tell(connection, where, "It is open already.")
            return
        if not self._service.can_open(connection, conversation):
            text = "The customer has another open conversation; write to her there."
            self._replies.tell(connection, where, text)
            return
        self._service.reopen(connection, conversation, where.now, actor(where.agent))
        self._say(connection, where, f"{where.agent.name} reopened this conversation.", "reopened")
        self._dispatcher.refresh_card(connection, conversation.id, where.now)

    def _snooze(self, connection: Connection, where: Where, argument: str) -> None:
        end = until(argument, where.now, where.agent.timezone)
        if end is None:
            text = f"“{argument}” is no time to snooze until. Try 30m, 2h, 3d, tomorrow or monday."
            self._replies.tell(connection, where, text)
            return
        if not self._service.can_open(connection, where.conversation):
            text = "The customer has another open conversation; this one stays closed."
            self._replies.tell(connection, where, text)
            return
        self._service.snooze(connection, where.conversation, where.agent, end, where.now)
        self._dispatcher.wake(connection, where.conversation.id, end)
        when = words.clock(end, where.agent.timezone)
        self._say(connection, where, f"{where.agent.name} snoozed this conversation until {when}.", "snoozed")
        self._dispatcher.refresh_card(connection, where.conversation.id, where.now)

    def _say(self, connection: Connection, where: Where, text: str, what: str) -> None:
        key = f"{what}:{where.conversation.id}:{where.now.isoformat()}"
        self._dispatcher.notice(connection, where.conversation.id, from_plain(text), key=key)

    def _who(self, connection: Connection, where: Where) -> str:
        contact = contacts.contact(connection, where.conversation.contact_id)
        lines = []
        for address in contacts.addresses_of(connection, contact.id):
            lines.append(f"{words.name_of(contact, address)}, {words.proof_of(address, address.account)}")
            lines.extend(f"{label}: {value}" for label, value in address.facts.items() if value)
        return "\n".join(lines)
