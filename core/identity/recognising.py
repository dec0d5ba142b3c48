"""Sees in what arrives who is writing: the links that follow by themselves, and those that an agent has to decide."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from core.contacts import keys, links
from core.contacts import repository as contacts
from core.contacts.keys import Key, KeyKind
from core.contacts.links import Evidence, Link, LinkState
from core.contacts.models import Address, Contact
from core.contacts.naming import plain_key
from core.contacts.service import weaker
from core.contracts.actions import ActionId
from core.contracts.bridge import AddressChanged, MessageReceived, Proof, Sender
from core.contracts.posts import Action, Tone
from core.contracts.text import from_plain, plain
from core.conversations import events, repository
from core.conversations.dispatch import Dispatcher
from core.conversations.events import Fact
from core.conversations.service import SYSTEM
from core.identity.linking import Linker
from core.identity.proving import Proving
from core.storage.ids import new_id

#: Whom somebody may be: more are a number that everybody uses.
_MOST_SUGGESTED = 3


class Recognition:
    """Every method runs inside the transaction of the event."""

    def __init__(self, linker: Linker, proving: Proving, dispatcher: Dispatcher) -> None:
        self._linker = linker
        self._proving = proving
        self._dispatcher = dispatcher

    def recognise(
        self, connection: Connection, contact: Contact, address: Address, event: MessageReceived, now: datetime
    ) -> tuple[Contact, list[Key]]:
        """The contact as one of the person that she turns out to be, and what is new about her to suggest by.

        Only what is as well proven as the address itself counts: who claims to be her links nothing.
        """
        sender = event.sender
        if weaker(sender.proof, address.proof):
            return contact, []
        if not weaker(sender.proof, Proof.CHANNEL):
            self._by_payload(connection, address, sender, now)
            if event.proof_token:
                self._proving.brought(connection, event.proof_token, address, now)
        self._proving.wrote(connection, address, plain(event.content.body), now)
        fresh = keys.learn(connection, address, sender, now)
        for kind, key in fresh:
            self._by_key(connection, address, kind, key, now)
        return contacts.contact(connection, contact.id), fresh

    def _by_payload(self, connection: Connection, address: Address, sender: Sender, now: datetime) -> None:
        """The vendor itself names all of these ids as hers; of a number, she may be the new owner."""
        ids = (sender.external_id, *sender.aliases)
        if ids == (address.external_id,):
            return
        if sender.external_id != address.external_id:
            own = keys.id_key(address.account, sender.external_id)
            keys.add(connection, address.id, [(KeyKind.OWN, own)], now)
        for alias in sender.aliases:
            other = contacts.address(connection, address.account, alias)
            if other is not None and other.id != address.id:
                if contacts.meant(connection, other, ids):
                    own = keys.id_key(address.account, sender.external_id)
                    keys.add(connection, other.id, [(KeyKind.OWN, own)], now)
                    why = "the vendor named both ids in one message."
                    self._link(connection, address, other, Evidence.PAYLOAD, why, now)
                    continue
                self._bereave(connection, other, alias, now)
            if alias != address.external_id:
                keys.take_alias(connection, address, alias, now)

    def _bereave(self, connection: Connection, address: Address, lost: str, now: datetime) -> None:
        """Somebody else has that id now: nothing that is meant for this address may go there."""
        changes: dict[str, Any] = {"metadata": {}, "phone": "", "facts": {}, "renumbered_at": now}
        if address.external_id == lost:
            own = keys.keys_of(connection, [address.id], KeyKind.OWN)
            changes["external_id"] = own[0].partition("/")[2] if own else f"moved:{address.id.hex}"
        contacts.change_address(connection, address.id, changes)
        current = repository.open_conversation(connection, address.contact_id)
        if current is not None:
            self._dispatcher.refresh_card(connection, current.id, now)

    def _by_key(self, connection: Connection, address: Address, kind: KeyKind, key: str, now: datetime) -> None:
        match kind:
            case KeyKind.USER:
                partner, evidence, why = KeyKind.USER, Evidence.USER, "the same signed-in user of the website."
            case KeyKind.SIGNED_MAIL:
                partner, evidence = KeyKind.VOUCHED_MAIL, Evidence.MAIL
                why = f"the website signed that {plain_key(key)} is hers, and mail came from there."
            case KeyKind.VOUCHED_MAIL:
                partner, evidence = KeyKind.SIGNED_MAIL, Evidence.MAIL
                why = f"the website signed that {plain_key(key)} is hers, and this mail came from there."
            case _:
                return
        for other in keys.addresses_with(connection, partner, key):
            if other.id != address.id:
                self._link(connection, other, address, evidence, why, now)

    def _link(
        self, connection: Connection, one: Address, other: Address, evidence: Evidence, why: str, now: datetime
    ) -> None:
        """What an agent took back is not made again by the same evidence."""
        sides = [links.together(connection, address.contact_id) for address in (one, other)]
        before = links.between(connection, *sides)
        if any(link.state is LinkState.ENDED and link.evidence is evidence for link in before):
            return
        detail = {"addresses": [str(one.id), str(other.id)]}
        self._linker.link(connection, one.contact_id, other.contact_id, evidence, why=why, now=now, detail=detail)

    def suggest(
        self, connection: Connection, conversation_id: UUID, address: Address, fresh: list[Key], now: datetime
    ) -> None:
        """Shows whom she may be, once, for an agent to decide."""
        for kind, key in fresh:
            if kind not in (KeyKind.SUGGESTED, KeyKind.VOUCHED_MAIL, KeyKind.SIGNED_MAIL):
                continue
            partners = keys.addresses_with(connection, KeyKind.SUGGESTED, key)
            if kind is KeyKind.SUGGESTED and key.startswith("mailto:"):
                for proven in (KeyKind.VOUCHED_MAIL, KeyKind.SIGNED_MAIL):
                    partners += keys.addresses_with(connection, proven, key)
            found = {other.contact_id: other for other in partners if other.id != address.id}
            for other in list(found.values())[:_MOST_SUGGESTED]:
                self._suggest(connection, conversation_id, address, other, key, now)

    def _suggest(
        self,
        connection: Connection,
        conversation_id: UUID,
        address: Address,
        other: Address,
        key: str,
        now: datetime,
    ) -> None:
        sides = [links.together(connection, one.contact_id) for one in (address, other)]
        if other.contact_id in sides[0] or links.between(connection, *sides):
            return
        number = key.startswith("tel:")
        link = Link(
            id=new_id(),
            contact_id=address.contact_id,
            other_id=other.contact_id,
            state=LinkState.SUGGESTED,
            evidence=Evidence.NUMBER if number else Evidence.ORGANISATION,
            detail={"key": key, "addresses": [str(address.id), str(other.id)]},
            actor=SYSTEM,
            joined_id=None,
            at=now,
        )
        links.add(connection, link)
        who = self._linker.called(connection, other.contact_id)
        why = f"both have the number {plain_key(key)}" if number else f"both have the mail address {plain_key(key)}"
        caution = " Numbers get new owners, so look before you say so." if number else ""
        self._dispatcher.notice(
            connection,
            conversation_id,
            from_plain(f"This may be the same customer as {who}: {why}.{caution}"),
            key=f"suggested:{link.id}",
            actions=(
                Action(id=ActionId.MERGE, label="Same customer", value=str(link.id)),
                Action(id=ActionId.SPLIT, label="Somebody else", value=str(link.id)),
            ),
        )

    def moved(self, connection: Connection, account: str, event: AddressChanged, now: datetime) -> None:
        """Her id changed: the address goes with her, and the old id is nobody's until somebody writes with it."""
        address = contacts.address(connection, account, event.before)
        if address is None or event.before == event.after:
            return
        contacts.lock(connection, address.contact_id)
        there = contacts.address(connection, account, event.after)
        there = there if there is not None and there.id != address.id else None
        keys.forget(connection, address.id)
        # What `send` was to know led to the old id.
        changes: dict[str, Any] = {"metadata": {}}
        if event.before != address.external_id:
            # It was one more id of hers; her own stays.
            keys.take_alias(connection, address, event.after, now)
        elif there is None:
            changes["external_id"] = event.after
        else:
            changes |= {"external_id": f"moved:{address.id.hex}", "reachable": False}
        if event.renumbered:
            # Who had the old number's context need not be who reads it now.
            changes |= {"facts": {}, "phone": "", "email": "", "verified_at": None, "renumbered_at": now}
        contacts.change_address(connection, address.id, changes)
        if there is not None:
            self._follow(connection, address, there, event.renumbered, now)
        current = repository.open_conversation(connection, address.contact_id)
        current = current or repository.latest_conversation(connection, address.contact_id)
        data = {"account": account, "address": str(address.id), "renumbered": event.renumbered}
        conversation_id = current.id if current else None
        events.record(
            connection, Fact.ADDRESS_CHANGED, at=now, actor=SYSTEM, conversation_id=conversation_id, data=data
        )
        if current is None:
            return
        if event.renumbered:
            text = (
                "The customer's number changed. Make sure that it is she before you speak of anything private; "
                "what was known by the old number is not shown any more."
            )
            key = f"renumbered:{account}:{event.event_id}"
            self._dispatcher.notice(connection, current.id, from_plain(text), key=key, tone=Tone.FAILURE)
        self._dispatcher.refresh_card(connection, current.id, now)

    def _follow(
        self, connection: Connection, address: Address, there: Address, renumbered: bool, now: datetime
    ) -> None:
        """She has written from the new id already: that is where she is answered."""
        why = "the vendor says that the one became the other."
        self._link(connection, address, there, Evidence.MOVED, why, now)
        if renumbered:
            contacts.change_address(connection, there.id, {"renumbered_at": now})
        for one in repository.conversations_of(connection, address.contact_id, limit=1_000):
            if one.address_id == address.id:
                repository.change_conversation(connection, one.id, address_id=there.id)
