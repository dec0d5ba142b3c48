"""What a customer, or her channel's vendor, says about whether and how long we may write to her."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from core.contacts import repository as contacts
from core.contacts.models import Address
from core.contacts.service import ContactService
from core.contracts.bridge import ReachabilityChanged, Sender, WindowChanged
from core.contracts.text import from_plain
from core.conversations import events, reaching, repository
from core.conversations.dispatch import Dispatcher
from core.conversations.events import Fact
from core.conversations.service import CUSTOMER, SYSTEM


class Reachability:
    """Kept on the address, shown on the card. Every method takes the transaction it belongs to."""

    def __init__(self, contact_service: ContactService, dispatcher: Dispatcher) -> None:
        self._contacts = contact_service
        self._dispatcher = dispatcher

    def heard(self, connection: Connection, address: Address, at: datetime, now: datetime) -> bool:
        """She wrote; True: her card reads otherwise now."""
        capabilities = self._dispatcher.capabilities(address.account)
        if capabilities is None:
            return False
        after = reaching.heard(connection, address, capabilities, at, now)
        if after.window_until is not None and not _watched(address, now):
            self._watch(connection, after, now)
        return (after.window_until, after.opt_outs) != (address.window_until, address.opt_outs)

    def changed(self, connection: Connection, account: str, event: ReachabilityChanged, now: datetime) -> None:
        """She opted out or blocked us, or takes that back; known before she ever wrote, it is kept for then."""
        address = contacts.address(connection, account, event.sender_id)
        if address is None and not event.reachable:
            _, address, _ = self._contacts.resolve(connection, account, Sender(external_id=event.sender_id), now)
        if address is None or not reaching.opt_out(connection, address, event.kind, not event.reachable, now):
            return
        current = repository.open_conversation(connection, address.contact_id)
        if current is None:
            return
        kind = Fact.REACHABLE if event.reachable else Fact.UNREACHABLE
        data = {"account": account, "what": event.kind.value}
        events.record(connection, kind, at=now, actor=CUSTOMER, conversation_id=current.id, data=data)
        self._dispatcher.notice(
            connection, current.id, from_plain(event.sentence), key=f"reach:{current.id}:{event.event_id}"
        )
        self._dispatcher.refresh_card(connection, current.id, now)

    def window(self, connection: Connection, account: str, event: WindowChanged, now: datetime) -> None:
        """The vendor says until when she can be answered."""
        address = contacts.address(connection, account, event.sender_id)
        if address is None and event.until is not None:
            _, address, _ = self._contacts.resolve(connection, account, Sender(external_id=event.sender_id), now)
        if address is None:
            return
        if event.until is None:
            reaching.closed(connection, address, now)
        else:
            contacts.change_address(connection, address.id, {"window_until": event.until})
        after = contacts.address_by_id(connection, address.id)
        self._watch(connection, after, now)
        current = repository.open_conversation(connection, address.contact_id)
        if current is not None:
            until = {"account": account, "until": after.window_until.isoformat() if after.window_until else ""}
            events.about(connection, Fact.WINDOW_CHANGED, current.id, now, SYSTEM, until)
            self._dispatcher.refresh_card(connection, current.id, now)

    def _watch(self, connection: Connection, address: Address, now: datetime) -> None:
        capabilities = self._dispatcher.capabilities(address.account)
        due = reaching.next_look(address, capabilities, now) if capabilities is not None else None
        if due is not None:
            self._dispatcher.watch_window(connection, address.id, due)


def _watched(address: Address, now: datetime) -> bool:
    """Somebody looks at its window already, and will find what changed since."""
    return address.window_until is not None and now < address.window_until - reaching.SOON
