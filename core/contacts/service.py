"""Turns the sender of an event into a contact, and keeps what is known of her up to date."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from core.contacts import repository
from core.contacts.models import Address, Contact, addresses
from core.contracts.bridge import OptOut, Proof, Sender
from core.contracts.text import line, safe_url
from core.storage.ids import new_id
from core.storage.storage import insert

#: How exactly it is known when somebody was last here.
_SEEN_EVERY = timedelta(minutes=1)
_RANK = {proof: rank for rank, proof in enumerate(Proof)}


def weaker(one: Proof, other: Proof) -> bool:
    """Whether `one` proves less than `other`."""
    return _RANK[one] < _RANK[other]


class ContactService:
    """Who is writing."""

    def resolve(
        self, connection: Connection, account: str, sender: Sender, now: datetime
    ) -> tuple[Contact, Address, bool]:
        """The contact behind `sender`, made on first sight, and whether anything about her is new.

        Two first sights at once make one contact.
        """
        news = True
        address = self._known(connection, account, sender)
        if address is None:
            address = self._add(connection, account, sender, now)
        else:
            repository.lock(connection, address.contact_id)
            news = self._refresh(connection, address, sender, now)
            if news:
                address = repository.address_by_id(connection, address.id)
        contact = repository.contact(connection, address.contact_id)
        changes = {} if weaker(sender.proof, address.proof) else _contact_changes(contact, sender)
        if changes:
            repository.change_contact(connection, contact.id, changes)
            contact = repository.contact(connection, contact.id)
        return contact, address, news or bool(changes)

    def _known(self, connection: Connection, account: str, sender: Sender) -> Address | None:
        """Her address by its id, or by one that the vendor names beside it."""
        found = repository.address(connection, account, sender.external_id)
        if found is not None or weaker(sender.proof, Proof.CHANNEL):
            return found
        ids = (sender.external_id, *sender.aliases)
        others = (repository.address(connection, account, alias) for alias in sender.aliases)
        return next((one for one in others if one is not None and repository.meant(connection, one, ids)), None)

    def ensure(
        self, connection: Connection, account: str, external_id: str, *, email: str, phone: str, now: datetime
    ) -> Address:
        """An address that she proved before she wrote from it; what comes from it must prove as much."""
        address = repository.address(connection, account, external_id)
        if address is None:
            sender = Sender(external_id=external_id, email=email, phone=phone)
            return self._add(connection, account, sender, now)
        if weaker(address.proof, Proof.CHANNEL):
            repository.change_address(connection, address.id, {"proof": Proof.CHANNEL.value})
        return repository.address_by_id(connection, address.id)

    def _add(self, connection: Connection, account: str, sender: Sender, now: datetime) -> Address:
        contact_id = new_id()
        repository.add_contact(
            connection,
            {
                "id": contact_id,
                "name": line(sender.name, limit=200),
                "avatar_url": safe_url(sender.avatar_url) or "",
                "language": line(sender.language, limit=35),
                "timezone": line(sender.timezone, limit=64),
                "created_at": now,
            },
        )
        connection.execute(
            insert(connection, addresses)
            .values(
                id=new_id(),
                account=account,
                external_id=sender.external_id,
                contact_id=contact_id,
                reachable=True,
                cursor=0,
                created_at=now,
                **_address_values(sender, now),
            )
            .on_conflict_do_nothing(index_elements=["account", "external_id"])
        )
        address = repository.address(connection, account, sender.external_id)
        assert address is not None
        return address

    def _refresh(self, connection: Connection, address: Address, sender: Sender, now: datetime) -> bool:
        """Keeps what is new; False: nothing is."""
        values = _address_values(sender, now)
        if weaker(sender.proof, address.proof):
            # Who only claims to be her changes neither what is known of her nor where replies go.
            values = {"seen_at": now}
        for name in ("username", "email", "phone", "facts", "metadata"):
            values[name] = values.get(name) or getattr(address, name)
        if address.reachable and now - address.seen_at < _SEEN_EVERY:
            del values["seen_at"]
        changes = {name: value for name, value in values.items() if value != getattr(address, name)}
        if changes:
            repository.change_address(
                connection, address.id, {**changes, "reachable": OptOut.ALL not in address.opt_outs}
            )
        return bool(changes)


def _address_values(sender: Sender, now: datetime) -> dict[str, Any]:
    return {
        "proof": sender.proof.value,
        "username": line(sender.username, limit=200),
        "email": line(sender.email, limit=320),
        "phone": line(sender.phone, limit=40),
        "facts": {line(k, limit=40): line(v, limit=500) for k, v in list(sender.facts.items())[:20]},
        "metadata": dict(sender.metadata),
        "seen_at": now,
    }


def _contact_changes(contact: Contact, sender: Sender) -> dict[str, Any]:
    found = {
        "name": line(sender.name, limit=200),
        "avatar_url": safe_url(sender.avatar_url) or "",
        "language": line(sender.language, limit=35),
        "timezone": line(sender.timezone, limit=64),
    }
    return {name: value for name, value in found.items() if value and value != getattr(contact, name)}
