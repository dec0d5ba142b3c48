"""The queries on contacts and addresses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, insert, select, update

from core.contacts.models import Address, Contact, addresses, contacts, to_address, to_contact

# Composed once: these run for every message, and composing costs more than running.
_ADDRESS_OF = select(addresses).where(
    addresses.c.account == bindparam("account"), addresses.c.external_id == bindparam("external_id")
)
_ADDRESS = select(addresses).where(addresses.c.id == bindparam("id"))
_CONTACT = select(contacts).where(contacts.c.id == bindparam("id"))
# Not FOR UPDATE, which would also wait for everybody who only refers to the contact.
_LOCK = select(contacts.c.id).where(contacts.c.id == bindparam("id")).with_for_update(key_share=True)
_NEXT_CURSOR = (
    update(addresses)
    .where(addresses.c.id == bindparam("address"))
    .values(cursor=addresses.c.cursor + 1)
    .returning(addresses.c.cursor)
)


def address(connection: Connection, account: str, external_id: str) -> Address | None:
    row = connection.execute(_ADDRESS_OF, {"account": account, "external_id": external_id}).first()
    return to_address(row) if row else None


def address_by_id(connection: Connection, address_id: UUID) -> Address:
    return to_address(connection.execute(_ADDRESS, {"id": address_id}).one())


def contact(connection: Connection, contact_id: UUID) -> Contact:
    return to_contact(connection.execute(_CONTACT, {"id": contact_id}).one())


def lock(connection: Connection, contact_id: UUID) -> None:
    """One change at a time to a contact's conversations: whoever comes second sees what the first one did.

    SQLite has one writer anyway.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(_LOCK, {"id": contact_id})


def addresses_of(connection: Connection, contact_id: UUID) -> list[Address]:
    rows = connection.execute(select(addresses).where(addresses.c.contact_id == contact_id).order_by(addresses.c.id))
    return [to_address(row) for row in rows]


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
