"""Tables and records of contacts and addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Row, String, Table, UniqueConstraint

from core.contracts.bridge import Proof
from core.storage.base import Id, Json, Moment, metadata

contacts = Table(
    "contacts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("avatar_url", String(2000), nullable=False),
    Column("language", String(35), nullable=False),
    Column("timezone", String(64), nullable=False),
    # The contact that stands for the person: the oldest of those that are linked, null where it is this one.
    Column("person_id", Id, index=True),
    Column("created_at", Moment, nullable=False),
)

addresses = Table(
    "addresses",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", String(64), nullable=False),
    Column("external_id", String(320), nullable=False),
    Column("contact_id", Id, ForeignKey("contacts.id"), nullable=False, index=True),
    Column("proof", String(16), nullable=False),
    Column("username", String(200), nullable=False),
    Column("email", String(320), nullable=False),
    Column("phone", String(40), nullable=False),
    Column("facts", Json, nullable=False),
    Column("metadata", Json, nullable=False),
    Column("reachable", Boolean, nullable=False),
    # Grows with every change to the address's messages: the transcript's cursor.
    Column("cursor", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    # Her last message here, by the vendor's clock; null: none yet, or the vendor says that it does not count any more.
    Column("wrote_at", Moment),
    # Until when a reply may be sent, where the channel has a window: as her last message, or the vendor, says.
    Column("window_until", Moment),
    # What she does not want, and since when: `OptOut` to ISO 8601.
    Column("opt_outs", Json, nullable=False, server_default="{}"),
    # When choices were last offered to her: only then are her words looked at as an answer.
    Column("offered_at", Moment),
    # She answered a code or link that was sent there.
    Column("verified_at", Moment),
    # The vendor said that her number changed.
    Column("renumbered_at", Moment),
    UniqueConstraint("account", "external_id"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A customer."""

    id: UUID
    name: str
    avatar_url: str
    language: str
    timezone: str
    created_at: datetime
    #: The same for all contacts that are linked: one customer.
    person_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A customer's identity on one account."""

    id: UUID
    account: str
    external_id: str
    contact_id: UUID
    proof: Proof
    username: str
    email: str
    phone: str
    facts: Mapping[str, str]
    metadata: Mapping[str, Any]
    reachable: bool
    seen_at: datetime
    wrote_at: datetime | None = None
    window_until: datetime | None = None
    #: `OptOut` to ISO 8601: since when.
    opt_outs: Mapping[str, str] = field(default_factory=dict)
    offered_at: datetime | None = None
    verified_at: datetime | None = None
    renumbered_at: datetime | None = None

    @property
    def level(self) -> Proof:
        """What it proves, a code or link that she answered there included."""
        return Proof.VERIFIED if self.verified_at is not None else self.proof


def to_contact(row: Row[Any]) -> Contact:
    return Contact(
        id=row.id,
        name=row.name,
        avatar_url=row.avatar_url,
        language=row.language,
        timezone=row.timezone,
        created_at=row.created_at,
        person_id=row.person_id or row.id,
    )


def to_address(row: Row[Any]) -> Address:
    return Address(
        id=row.id,
        account=row.account,
        external_id=row.external_id,
        contact_id=row.contact_id,
        proof=Proof(row.proof),
        username=row.username,
        email=row.email,
        phone=row.phone,
        facts=row.facts,
        metadata=row.metadata,
        reachable=row.reachable,
        seen_at=row.seen_at,
        wrote_at=row.wrote_at,
        window_until=row.window_until,
        opt_outs=row.opt_outs,
        offered_at=row.offered_at,
        verified_at=row.verified_at,
        renumbered_at=row.renumbered_at,
    )
