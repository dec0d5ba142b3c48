"""What an address is known by beside its own id: what links it, what suggests who she is, and what she claims."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Column, Connection, ForeignKey, Index, String, Table, delete, select

from core.contacts.models import Address, addresses, to_address
from core.contracts.bridge import Proof, Sender
from core.contracts.text import line
from core.storage.base import Id, Moment, metadata
from core.storage.storage import insert

#: Of what one sender may bring.
_MOST = 10

address_keys = Table(
    "address_keys",
    metadata,
    Column("address_id", Id, ForeignKey("addresses.id"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("key", String(500), primary_key=True),
    Column("at", Moment, nullable=False),
    Index("address_keys_key", "key", "kind"),
)


class KeyKind(StrEnum):
    """Where a key comes from, which decides what may follow from it."""

    #: One more id on the same account, from one payload. It may get another owner, as numbers do.
    ALIAS = "alias"
    #: An id on the same account that is nobody else's, beside the address's own.
    OWN = "own"
    #: The business's own id of her, signed by it.
    USER = "user"
    #: A mail address that the business signed to be hers.
    SIGNED_MAIL = "signed_mail"
    #: A mail address whose domain vouches for what she wrote from it.
    VOUCHED_MAIL = "vouched_mail"
    #: Shown to agents, who decide.
    SUGGESTED = "suggested"
    #: She says so.
    CLAIMED = "claimed"


Key = tuple[KeyKind, str]


def id_key(account: str, external_id: str) -> str:
    """An id as a key: the same on two accounts is not the same."""
    return f"{account}/{external_id}"[:500]


def keys_of(connection: Connection, address_ids: Collection[UUID], *kinds: KeyKind) -> list[str]:
    """The keys of those kinds that these addresses have."""
    query = select(address_keys.c.key).where(
        address_keys.c.address_id.in_(list(address_ids)), address_keys.c.kind.in_([kind.value for kind in kinds])
    )
    return sorted(set(connection.execute(query).scalars()))


def addresses_with(connection: Connection, kind: KeyKind, key: str) -> list[Address]:
    """Every address that is known by that key, the first one first."""
    query = (
        select(addresses)
        .join(address_keys, address_keys.c.address_id == addresses.c.id)
        .where(address_keys.c.key == key, address_keys.c.kind == kind.value)
        .order_by(addresses.c.id)
    )
    return [to_address(row) for row in connection.execute(query)]


def learn(connection: Connection, address: Address, sender: Sender, now: datetime) -> list[Key]:
    """Keeps what the sender brought in place of what was known, beside her ids; those that are new."""
    brought = dict.fromkeys(_brought(sender))
    if not brought:
        return []
    mine = address_keys.c.address_id == address.id
    rows = connection.execute(select(address_keys.c.kind, address_keys.c.key).where(mine))
    known = {(KeyKind(row.kind), row.key) for row in rows}
    for kind, key in known:
        if kind not in (KeyKind.ALIAS, KeyKind.OWN) and (kind, key) not in brought:
            old = (mine, address_keys.c.kind == kind.value, address_keys.c.key == key)
            connection.execute(delete(address_keys).where(*old))
    fresh = [key for key in brought if key not in known]
    add(connection, address.id, fresh, now)
    return fresh


def add(connection: Connection, address_id: UUID, keys: Iterable[Key], now: datetime) -> None:
    for kind, key in keys:
        row = {"address_id": address_id, "kind": kind.value, "key": key, "at": now}
        connection.execute(insert(connection, address_keys).values(**row).on_conflict_do_nothing())


def take_alias(connection: Connection, address: Address, external_id: str, now: datetime) -> None:
    """The id leads to this address from now on, and to no other."""
    key = id_key(address.account, external_id)
    others = (address_keys.c.kind == KeyKind.ALIAS.value, address_keys.c.key == key)
    connection.execute(delete(address_keys).where(*others, address_keys.c.address_id != address.id))
    add(connection, address.id, [(KeyKind.ALIAS, key)], now)


def forget(connection: Connection, address_id: UUID) -> None:
    """Nothing but its own id is known of the address any more."""
    connection.execute(delete(address_keys).where(address_keys.c.address_id == address_id))


def _brought(sender: Sender) -> Iterable[Key]:
    email = line(sender.email, limit=320).lower()
    if sender.user and sender.proof is Proof.VERIFIED:
        yield KeyKind.USER, sender.user[:500]
    if email and sender.email_proven and sender.proof in (Proof.CHANNEL, Proof.VERIFIED):
        signed = sender.proof is Proof.VERIFIED
        yield (KeyKind.SIGNED_MAIL if signed else KeyKind.VOUCHED_MAIL), f"mailto:{email}"
    for one in sender.suggests[:_MOST]:
        yield KeyKind.SUGGESTED, line(one, limit=500).lower()
    for one in sender.claims[:_MOST]:
        yield KeyKind.CLAIMED, line(one, limit=500).lower()
