"""The queries on contacts, their addresses, and who of them are one person."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, ScalarSelect, Select, bindparam, func, insert, or_, select, update

from core.contacts.keys import KeyKind, addresses_with, id_key, keys_of
from core.contacts.models import Address, Contact, addresses, contacts, to_address, to_contact

# Composed once: these run for every message, and composing costs more than running.
_ADDRESS_OF = select(addresses).where(
    addresses.c.account == bindparam("account"), addresses.c.external_id == bindparam("external_id")
)
_ADDRESS = select(addresses).where(addresses.c.id == bindparam("id"))
_CONTACT = select(contacts).where(contacts.c.id == bindparam("id"))
#: Who stands for the person.
_PERSON = func.coalesce(contacts.c.person_id, contacts.c.id)
_PERSON_OF = select(_PERSON).where(contacts.c.id == bindparam("id"))
_self = contacts.alias("self")
_STANDING = select(func.coalesce(_self.c.person_id, _self.c.id)).where(_self.c.id == bindparam("id"))
# Not FOR UPDATE, which would also wait for everybody who only refers to the contact.
_LOCK = (
    select(contacts.c.id, contacts.c.person_id)
    .where(contacts.c.id == _STANDING.scalar_subquery())
    .with_for_update(key_share=True, of=contacts)
)
_NEXT_CURSOR = (
    update(addresses)
    .where(addresses.c.id == bindparam("address"))
    .values(cursor=addresses.c.cursor + 1)
    .returning(addresses.c.cursor)
)


def address(connection: Connection, account: str, external_id: str) -> Address | None:
    """The address with that id, or with that id as one of its further ones."""
    row = connection.execute(_ADDRESS_OF, {"account": account, "external_id": external_id}).first()
    if row is not None:
        return to_address(row)
    key = id_key(account, external_id)
    found = (one for kind in (KeyKind.OWN, KeyKind.ALIAS) for one in addresses_with(connection, kind, key))
    return next(found, None)


def meant(connection: Connection, address: Address, ids: Collection[str]) -> bool:
    """Whether one payload's ids are this address's: all that are its own are among them, else one got a new owner."""
    own = keys_of(connection, [address.id], KeyKind.OWN)
    return {id_key(address.account, address.external_id), *own} <= {id_key(address.account, one) for one in ids}


def address_by_id(connection: Connection, address_id: UUID) -> Address:
    return to_address(connection.execute(_ADDRESS, {"id": address_id}).one())


def contact(connection: Connection, contact_id: UUID) -> Contact:
    return to_contact(connection.execute(_CONTACT, {"id": contact_id}).one())


def lock(connection: Connection, contact_id: UUID) -> None:
    """One change at a time to a person's conversations: whoever comes second sees what the first one did.

    SQLite has one writer anyway.
    """
    if connection.dialect.name == "sqlite":
        return
    while True:
        locked = connection.execute(_LOCK, {"id": contact_id}).one()
        # Whom we waited for may have linked her to somebody else, or split her off.
        if locked.person_id is None and (locked.id == contact_id or person(connection, contact_id) == locked.id):
            return


def person(connection: Connection, contact_id: UUID) -> UUID:
    """The contact that stands for all that are linked with this one."""
    found: UUID = connection.execute(_PERSON_OF, {"id": contact_id}).scalar_one()
    return found


def person_key(contact_id: UUID) -> ScalarSelect[Any]:
    """As `person`, inside of another query."""
    return select(_PERSON).where(contacts.c.id == contact_id).scalar_subquery()


def same_person(connection: Connection, one: UUID, other: UUID) -> bool:
    return one == other or person(connection, one) == person(connection, other)


def linked(contact_id: UUID) -> Select[Any]:
    """The ids of all contacts that are this person, to be selected from."""
    standing = person_key(contact_id)
    return select(contacts.c.id).where(or_(contacts.c.id == standing, contacts.c.person_id == standing))


def addresses_of(connection: Connection, contact_id: UUID) -> list[Address]:
    """All addresses of the person, the first one first."""
    query = select(addresses).where(addresses.c.contact_id.in_(linked(contact_id))).order_by(addresses.c.id)
    return [to_address(row) for row in connection.execute(query)]


def find_contact(connection: Connection, contact_id: UUID) -> Contact | None:
    row = connection.execute(_CONTACT, {"id": contact_id}).first()
    return to_contact(row) if row else None


def own_address(connection: Connection, contact_id: UUID) -> Address:
    """The address that made the contact."""
    query = select(addresses).where(addresses.c.contact_id == contact_id).order_by(addresses.c.id).limit(1)
    return to_address(connection.execute(query).one())


def add_contact(connection: Connection, values: dict[str, Any]) -> None:
    connection.execute(insert(contacts), [values])


def change_contact(connection: Connection, contact_id: UUID, values: dict[str, Any]) -> None:
    connection.execute(update(contacts).where(contacts.c.id == contact_id).values(values))


def change_address(connection: Connection, address_id: UUID, values: dict[str, Any]) -> None:
    connection.execute(update(addresses).where(addresses.c.id == address_id).values(values))


def next_cursor(connection: Connection, address_id: UUID) -> int:
    """A new position in the address's transcript; the row lock makes commit order equal cursor order."""
    value: int = connection.execute(_NEXT_CURSOR, {"address": address_id}).scalar_one()
    return value
