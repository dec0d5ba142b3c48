"""Which contacts are one person, why, and since when: rows that are added and ended, and stay for the record."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, ForeignKey, Row, String, Table, insert, or_, select, update

from core.contacts.models import Address, contacts
from core.contracts.bridge import Proof
from core.storage.base import Id, Json, Moment, metadata

contact_links = Table(
    "contact_links",
    metadata,
    Column("id", Id, primary_key=True),
    Column("contact_id", Id, ForeignKey("contacts.id"), nullable=False, index=True),
    Column("other_id", Id, ForeignKey("contacts.id"), nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("evidence", String(16), nullable=False),
    # What the evidence consists of: a key, ids of addresses and proofs, the agent's reason.
    Column("detail", Json, nullable=False),
    # "customer", "system", or "<workspace>/<agent id>".
    Column("actor", String(128), nullable=False),
    # The conversation that was closed because she goes on in another.
    Column("joined_id", Id),
    Column("at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("ended_by", String(128), nullable=False),
)


class Evidence(StrEnum):
    """Why two contacts are held to be one person."""

    #: The vendor named both ids in one payload.
    PAYLOAD = "payload"
    #: The vendor says that one id became the other.
    MOVED = "moved"
    #: The business signed the same user on both.
    USER = "user"
    #: The business signed the mail address that the other proved by its domain.
    MAIL = "mail"
    #: She confirmed a link that was sent there.
    LINK = "link"
    #: She wrote on one the code that was sent to the other.
    CODE = "code"
    #: She brought a token of ours from one to the other.
    INVITATION = "invitation"
    #: Both have the same number, which may have had another owner.
    NUMBER = "number"
    #: An organisation says that this is her mail address.
    ORGANISATION = "organisation"
    #: An agent says so.
    AGENT = "agent"


#: What an agent says or agreed to, on no proof.
_WORDS = frozenset({Evidence.NUMBER, Evidence.ORGANISATION, Evidence.AGENT})


class LinkState(StrEnum):
    SUGGESTED = "suggested"
    ACTIVE = "active"
    #: Taken back or declined; kept for the record, and so that it is not suggested again.
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Two contacts that are, may be, or were held to be one person."""

    id: UUID
    contact_id: UUID
    other_id: UUID
    state: LinkState
    evidence: Evidence
    detail: Mapping[str, Any]
    actor: str
    joined_id: UUID | None
    at: datetime
    ended_at: datetime | None = None
    ended_by: str = ""


def _to_link(row: Row[Any]) -> Link:
    values = {name: getattr(row, name) for name in Link.__slots__}
    return Link(**{**values, "state": LinkState(row.state), "evidence": Evidence(row.evidence)})


def add(connection: Connection, link: Link) -> None:
    values = {name: getattr(link, name) for name in Link.__slots__}
    values |= {"state": link.state.value, "evidence": link.evidence.value, "detail": dict(link.detail)}
    connection.execute(insert(contact_links), [values])


def change(connection: Connection, link_id: UUID, **values: Any) -> None:
    connection.execute(update(contact_links).where(contact_links.c.id == link_id).values(**values))


def find(connection: Connection, link_id: UUID) -> Link | None:
    row = connection.execute(select(contact_links).where(contact_links.c.id == link_id)).first()
    return _to_link(row) if row else None


def touching(connection: Connection, contact_ids: Collection[UUID], *states: LinkState) -> list[Link]:
    """Every link that begins or ends at one of these contacts, the first one first."""
    ids = list(contact_ids)
    query = select(contact_links).where(or_(contact_links.c.contact_id.in_(ids), contact_links.c.other_id.in_(ids)))
    if states:
        query = query.where(contact_links.c.state.in_([state.value for state in states]))
    return [_to_link(row) for row in connection.execute(query.order_by(contact_links.c.id))]


def between(connection: Connection, ones: Collection[UUID], others: Collection[UUID]) -> list[Link]:
    """Every link, whatever became of it, from one of these contacts to one of those."""
    return [link for link in touching(connection, ones) if link.contact_id in others or link.other_id in others]


def together(connection: Connection, contact_id: UUID) -> set[UUID]:
    """Every contact that is linked with this one, over however many others."""
    seen, edge = {contact_id}, {contact_id}
    while edge:
        found = touching(connection, edge, LinkState.ACTIVE)
        edge = {one for link in found for one in (link.contact_id, link.other_id)} - seen
        seen |= edge
    return seen


def vouched(connection: Connection, address: Address) -> bool:
    """Whether replies may go there: it proves something by itself, or is linked by proof and not by somebody's word."""
    if address.level in (Proof.CHANNEL, Proof.VERIFIED):
        return True
    return any(link.evidence not in _WORDS for link in touching(connection, [address.contact_id], LinkState.ACTIVE))


def regroup(connection: Connection, contact_ids: Collection[UUID]) -> None:
    """Each of them is from now on one person with those it is linked with, and with nobody else."""
    left = set(contact_ids)
    while left:
        group = together(connection, min(left))
        # Ids grow with time: the oldest stands for all.
        standing = min(group)
        for one in group:
            person = None if one == standing else standing
            connection.execute(update(contacts).where(contacts.c.id == one).values(person_id=person))
        left -= group
