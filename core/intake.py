"""The customer side: a raw item in, rows out, all in one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection

from core.contacts import repository as contacts
from core.contacts.models import Address, Contact
from core.contacts.service import ContactService, weaker
from core.contracts.bridge import (
    Accepted,
    AddressChanged,
    Bridge,
    ChoiceMade,
    Event,
    ExternalId,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    ReachabilityChanged,
    ReactionChanged,
    ReadUpTo,
    StatusChanged,
    Typing,
    WindowChanged,
)
from core.contracts.content import Content
from core.contracts.posts import Tone
from core.contracts.text import from_json, from_plain, plain
from core.conversations import answers, inbox, repository
from core.conversations.arriving import Arrived, announce
from core.conversations.dispatch import Dispatcher
from core.conversations.messages import MessageService
from core.conversations.models import Conversation, Direction, Message, State
from core.conversations.service import CUSTOMER, ConversationService
from core.conversations.thanks import is_thanks
from core.identity.recognising import Recognition
from core.quarantine.repository import Quarantine
from core.reachability import Reachability
from core.receipts import Receipts
from core.routing import rooms
from core.routing.rules import Arrival, Router, Rule
from core.storage.errors import StorageError
from core.storage.storage import Storage

log = structlog.get_logger(__name__)

#: How long a message whose predecessor has not arrived waits for it before it is shown.
SETTLE = timedelta(milliseconds=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One configured account, as intake needs it."""

    name: str
    channel: str
    title: str
    bridge: Bridge


class _Known(Exception):
    """The message is stored already, though its event is new to us; undoes what was prepared for it."""

    def __init__(self, accepted: Accepted) -> None:
        super().__init__(accepted.event_id)
        self.accepted = accepted


class Intake:
    """Takes raw items of every account."""

    def __init__(
        self,
        storage: Storage,
        accounts: Mapping[str, Account],
        contact_service: ContactService,
        conversation_service: ConversationService,
        message_service: MessageService,
        recognition: Recognition,
        dispatcher: Dispatcher,
        router: Router,
        quarantine: Quarantine,
        *,
        reopen_for: timedelta,
        show_typing: Callable[[str, str], Awaitable[None]],
        counted: Callable[[str, str], None],
    ) -> None:
        self._storage = storage
        self._accounts = accounts
        self._contacts = contact_service
        self._reachability = Reachability(contact_service, dispatcher)
        self._receipts = Receipts(message_service, dispatcher)
        self._conversations = conversation_service
        self._messages = message_service
        self._recognition = recognition
        self._dispatcher = dispatcher
        self._router = router
        self._quarantine = quarantine
        self._reopen_for = reopen_for
        self._show_typing = show_typing
        #: (account, "accepted" | "duplicate" | "quarantined")
        self._counted = counted

    async def take(self, account: str, raw: bytes) -> Sequence[Accepted]:
        """Processes one raw item; returns after the commit. What cannot be processed is quarantined.

        Raises Overloaded or StorageUnavailable when it could not be kept: the vendor must deliver it again.
        """
        try:
            found = await self._accounts[account].bridge.parse(raw)
        except Exception as problem:
            log.exception("An item could not be read and is quarantined", account=account, action="quarantined")
            await self._set_aside(account, raw, "", problem)
            return []
        results: list[Accepted] = []
        for event in found:
            if isinstance(event, Typing):
                await self._show_typing(account, event.sender_id)
                continue
            results.append(await self._take_event(account, raw, event))
        return results

    async def redo(self, account: str, raw: bytes) -> None:
        """Processes a quarantined item again. Raises whatever it fails on."""
        for event in await self._accounts[account].bridge.parse(raw):
            if not isinstance(event, Typing):
                with contextlib.suppress(_Known):
                    await self._storage.write(partial(self._record, account=account, raw=raw, event=event))

    async def _take_event(self, account: str, raw: bytes, event: Event) -> Accepted:
        try:
            accepted = await self._storage.write(partial(self._record, account=account, raw=raw, event=event))
        except StorageError:
            raise
        except _Known as known:
            accepted = known.accepted
        except Exception as problem:
            log.exception("An event could not be stored and is quarantined", account=account, action="quarantined")
            await self._set_aside(account, raw, event.event_id, problem)
            return Accepted(event_id=event.event_id, duplicate=False)
        self._counted(account, "duplicate" if accepted.duplicate else "accepted")
        return accepted

    async def _set_aside(self, account: str, raw: bytes, event_id: str, problem: Exception) -> None:
        self._counted(account, "quarantined")
        await self._storage.write(
            lambda connection: self._quarantine.add(connection, f"bridge:{account}", event_id, raw, problem)
        )

    def _record(self, connection: Connection, *, account: str, raw: bytes, event: Event) -> Accepted:
        now = self._storage.now(connection)
        if not inbox.first_time(connection, account, event, now):
            return self._known(connection, account, event)
        message: Message | None = None
        if isinstance(event, MessageReceived):
            message = self._received(connection, account, event, now)
        elif isinstance(event, ChoiceMade):
            message = self._received(connection, account, _as_message(event), now, made=event)
        elif isinstance(event, ReachabilityChanged):
            self._reachability.changed(connection, account, event, now)
        elif isinstance(event, AddressChanged):
            self._recognition.moved(connection, account, event, now)
        elif isinstance(event, WindowChanged):
            self._reachability.window(connection, account, event, now)
        elif isinstance(event, ReadUpTo):
            if not self._receipts.read_up_to(connection, account, event, now):
                inbox.take_turns(connection, account, event.external_id)
                if not self._receipts.read_up_to(connection, account, event, now):
                    inbox.park(connection, account, event, event.external_id, raw, now)
        elif isinstance(event, MessageEdited | MessageDeleted | ReactionChanged | StatusChanged):
            subject = repository.message_by_external(connection, account, event.external_id)
            if subject is None:
                inbox.take_turns(connection, account, event.external_id)
                subject = repository.message_by_external(connection, account, event.external_id)
            if subject is None:
                inbox.park(connection, account, event, event.external_id, raw, now)
            else:
                self._changed(connection, subject, event, now)
        return Accepted(
            event_id=event.event_id,
            duplicate=False,
            message_id=str(message.id) if message else None,
            cursor=message.cursor if message else None,
        )

    def _known(self, connection: Connection, account: str, event: Event) -> Accepted:
        message = None
        if isinstance(event, MessageReceived):
            message = repository.message_by_external(connection, account, event.external_id, Direction.IN)
        return Accepted(
            event_id=event.event_id,
            duplicate=True,
            message_id=str(message.id) if message else None,
            cursor=message.cursor if message else None,
        )

    def _received(
        self,
        connection: Connection,
        account: str,
        event: MessageReceived,
        now: datetime,
        *,
        made: ChoiceMade | None = None,
    ) -> Message:
        contact, address, news = self._contacts.resolve(connection, account, event.sender, now)
        # What a machine wrote, an echo of ours among it, is no sign of her.
        news |= not event.automated and self._reachability.heard(connection, address, event.at, now)
        contact, fresh = self._recognition.recognise(connection, contact, address, event, now)
        event, answer = answers.read(connection, address, event, made, now)
        current, reopened, elsewhere = self._conversation_for(connection, contact, address, event, now)
        rank = settle = None
        if event.order is not None:
            # The vendor's clock may be coarse; its numbering tells equals apart.
            rank = int(event.at.timestamp()) * 1_000_000 + event.order % 1_000_000
            settle = None if inbox.has_predecessor(connection, account, event.order) else SETTLE
        chosen = answer.to_json() if answer else None
        hers = contacts.same_person(connection, address.contact_id, current.contact_id)
        unproven = weaker(event.sender.proof, address.proof)
        message = self._messages.received(
            connection, current, address, event, now, rank=rank, choice=chosen, follow=hers and not unproven
        )
        if message is None:
            # What was opened or reopened for it must not stay.
            raise _Known(self._known(connection, account, event))
        arrived = Arrived(
            message=message,
            conversation=current,
            contact=contact,
            address=address,
            title=self._accounts[account].title,
            reopened=reopened,
            hers=hers,
            unproven=unproven,
        )
        announce(connection, self._dispatcher, arrived)
        attachments = repository.attachments_of(connection, message.id)
        waiting = self._dispatcher.fetch(connection, message, attachments)
        show = partial(
            self._dispatcher.show, connection, message, now=now, settle=settle or timedelta(), waiting=waiting
        )
        if not show():
            # The workspace it was shown in has left the settings.
            rule, elsewhere = self._place(connection, contact, address, event)
            for ref in rule.rooms:
                self._conversations.add_thread(connection, current.id, ref, now)
            show()
        self._recognition.suggest(connection, current.id, address, fresh, now)
        if elsewhere:
            self._dispatcher.notice(
                connection, current.id, from_plain(elsewhere), key=f"elsewhere:{current.id}", tone=Tone.FAILURE
            )
        if news or reopened or address.id != current.address_id:
            self._dispatcher.refresh_card(connection, current.id, now)
        self._dispatcher.take_early(connection, account, event.external_id)
        return message

    def _conversation_for(
        self, connection: Connection, contact: Contact, address: Address, event: MessageReceived, now: datetime
    ) -> tuple[Conversation, bool, str]:
        """The conversation a message belongs to, whether it was reopened for it, and why it is not where it should."""
        current = self._continued(connection, address.account, event)
        if current is not None and not contacts.same_person(connection, current.contact_id, contact.id):
            contacts.lock(connection, current.contact_id)
            current = repository.conversation(connection, current.id)
        if current is None:
            current = repository.open_conversation(connection, contact.id)
        if current is None:
            current = repository.latest_conversation(connection, contact.id)
        if current is not None:
            if current.state is State.OPEN:
                return current, False, ""
            if event.automated or is_thanks(event.content):
                return current, False, ""
            if current.state is State.SNOOZED:
                return self._conversations.reopen(connection, current, now, CUSTOMER), True, ""
            other = repository.open_conversation(connection, current.contact_id)
            if other is not None:
                return other, False, ""
            if current.closed_at is not None and now - current.closed_at <= self._reopen_for:
                return self._conversations.reopen(connection, current, now, CUSTOMER), True, ""
        rule, elsewhere = self._place(connection, contact, address, event)
        opened = self._conversations.open(connection, contact, address, rule, subject=event.subject, now=now)
        return opened, False, elsewhere

    def _place(
        self, connection: Connection, contact: Contact, address: Address, event: MessageReceived
    ) -> tuple[Rule, str]:
        """The rule with the rooms that can take it now, and why that is not the usual one."""
        rule = self._router.place(self._arrival(contact, address, event))
        places, elsewhere = rooms.place(connection, rule.rooms, self._router.default)
        return replace(rule, rooms=places), elsewhere

    def _arrival(self, contact: Contact, address: Address, event: MessageReceived) -> Arrival:
        return Arrival(
            account=address.account,
            channel=self._accounts[address.account].channel,
            language=contact.language,
            proof=address.proof,
            text=plain(event.content.body)[:10_000],
        )

    def _continued(self, connection: Connection, account: str, event: MessageReceived) -> Conversation | None:
        if event.token:
            current = repository.conversation_by_token(connection, event.token)
            if current is not None:
                return current
        for external_id in event.continues[:20]:
            message = repository.message_by_external(connection, account, external_id)
            if message is not None:
                return repository.conversation(connection, message.conversation_id)
        return None

    def _changed(
        self,
        connection: Connection,
        message: Message,
        event: MessageEdited | MessageDeleted | ReactionChanged | StatusChanged,
        now: datetime,
    ) -> None:
        if isinstance(event, StatusChanged):
            self._receipts.status(connection, message, event, now)
            return
        if isinstance(event, ReactionChanged):
            changed = self._messages.react(connection, message, "customer", event.emoji, now, CUSTOMER)
            self._dispatcher.show_reaction(connection, changed, message.reactions.get("customer"))
            return
        if message.direction is not Direction.IN or message.deleted_at is not None:
            return
        if isinstance(event, MessageDeleted):
            changed = self._messages.revise(connection, message, None, now)
        elif from_json(message.body) == event.content.body:
            return
        else:
            changed = self._messages.revise(connection, message, event.content, now)
        self._dispatcher.show_change(connection, changed)


def _as_message(event: ChoiceMade) -> MessageReceived:
    return MessageReceived(
        event_id=event.event_id,
        at=event.at,
        order=event.order,
        sender=event.sender,
        external_id=event.answer_id or ExternalId(f"choice:{event.event_id}"),
        content=Content(body=from_plain(event.label or event.value)),
        quote=event.external_id or None,
    )
