"""What a customer was asked to prove: rows, and the tokens and codes that stand for them outside.

A token is the row's id and a signature over everything the row says, so none is worth anything for another contact,
address or purpose. Neither tokens nor codes are stored.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from core.storage.base import Id, Moment, metadata

#: 32 bytes are 43 characters, which fit into Telegram's 64.
_MAC = 16
#: Guesses at one code; it has 1,000,000 values.
MOST_TRIES = 5

identity_proofs = Table(
    "identity_proofs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(16), nullable=False),
    # Who proves it, and the address that the conversation was on when she was asked.
    Column("contact_id", Id, ForeignKey("contacts.id"), nullable=False),
    Column("address_id", Id, ForeignKey("addresses.id"), nullable=False),
    Column("conversation_id", Id, ForeignKey("conversations.id"), nullable=False),
    # The account that asks, or that an invitation leads to.
    Column("account", String(64), nullable=False),
    # `mailto:` or `tel:` of the address in question; "" for an invitation.
    Column("target", String(500), nullable=False),
    Column("actor", String(128), nullable=False),
    Column("actor_name", String(200), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Index("identity_proofs_address", "address_id", "kind"),
    Index("identity_proofs_contact", "contact_id", "created_at"),
    Index("identity_proofs_target", "target", "created_at"),
)


class ProofKind(StrEnum):
    #: A link, sent to the address in question.
    LINK = "link"
    #: Six digits, sent to the address in question and written back in the conversation.
    CODE = "code"
    #: A link, shown in the conversation, that opens a chat on another account.
    INVITATION = "invitation"


#: How long each is good for.
LASTS = {
    ProofKind.LINK: timedelta(hours=24),
    ProofKind.CODE: timedelta(minutes=15),
    ProofKind.INVITATION: timedelta(hours=1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One thing that a customer was asked to prove."""

    id: UUID
    kind: ProofKind
    contact_id: UUID
    address_id: UUID
    conversation_id: UUID
    account: str
    target: str
    actor: str
    actor_name: str
    tries: int
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None

    def open(self, now: datetime) -> bool:
        """Whether it can still be answered."""
        return self.used_at is None and now < self.expires_at and self.tries < MOST_TRIES


def _to_asked(row: Row[Any]) -> Asked:
    values = {name: getattr(row, name) for name in Asked.__slots__}
    return Asked(**{**values, "kind": ProofKind(row.kind)})


def add(connection: Connection, asked: Asked) -> None:
    values = {name: getattr(asked, name) for name in Asked.__slots__}
    connection.execute(insert(identity_proofs), [{**values, "kind": asked.kind.value}])


def find(connection: Connection, proof_id: UUID) -> Asked | None:
    row = connection.execute(select(identity_proofs).where(identity_proofs.c.id == proof_id)).first()
    return _to_asked(row) if row else None


def use(connection: Connection, asked: Asked, now: datetime) -> bool:
    """Whoever is first uses it; False: somebody was."""
    mine = (identity_proofs.c.id == asked.id, identity_proofs.c.used_at.is_(None))
    return connection.execute(update(identity_proofs).where(*mine).values(used_at=now)).rowcount > 0


def tried(connection: Connection, asked: Asked) -> int:
    """Counts a wrong code; how often that was."""
    changed = update(identity_proofs).where(identity_proofs.c.id == asked.id)
    count: int = connection.execute(
        changed.values(tries=identity_proofs.c.tries + 1).returning(identity_proofs.c.tries)
    ).scalar_one()
    return count


def latest_code(connection: Connection, address_id: UUID) -> Asked | None:
    """The code that was last asked for from that address; none counts that was asked for before."""
    query = select(identity_proofs).where(
        identity_proofs.c.address_id == address_id, identity_proofs.c.kind == ProofKind.CODE.value
    )
    row = connection.execute(query.order_by(identity_proofs.c.id.desc()).limit(1)).first()
    return _to_asked(row) if row else None


def count_to(connection: Connection, target: str, since: datetime) -> int:
    """How often anybody was asked by something sent to that address."""
    return _count(connection, identity_proofs.c.target == target, since)


def count_of(connection: Connection, contact_ids: Any, since: datetime) -> int:
    """How often these contacts were asked; the ids may be a query."""
    return _count(connection, identity_proofs.c.contact_id.in_(contact_ids), since)


def _count(connection: Connection, which: Any, since: datetime) -> int:
    query = select(func.count()).select_from(identity_proofs).where(which, identity_proofs.c.created_at > since)
    return int(connection.execute(query).scalar_one())


def prune(connection: Connection, before: datetime) -> None:
    """Forgets what ended that long ago."""
    connection.execute(delete(identity_proofs).where(identity_proofs.c.expires_at < before))


class Signer:
    """Makes and reads what stands for a proof outside."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, asked: Asked) -> str:
        """43 characters of A-Z, a-z, 0-9, _ and -."""
        return base64.urlsafe_b64encode(asked.id.bytes + self._mac("token", asked)).rstrip(b"=").decode()

    def code(self, asked: Asked) -> str:
        """Six digits."""
        return f"{int.from_bytes(self._mac('code', asked)) % 1_000_000:06d}"

    def read(self, connection: Connection, token: str) -> Asked | None:
        """What the token stands for, whether or not it can still be answered; None: it is none of ours."""
        try:
            raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            return None
        if len(raw) != 16 + _MAC:
            return None
        asked = find(connection, UUID(bytes=raw[:16]))
        if asked is None or asked.kind is ProofKind.CODE:
            return None
        return asked if hmac.compare_digest(raw[16:], self._mac("token", asked)) else None

    def fits(self, asked: Asked, code: str) -> bool:
        return hmac.compare_digest(self.code(asked).encode(), code.encode())

    def _mac(self, what: str, asked: Asked) -> bytes:
        signed = (
            what,
            asked.id.hex,
            asked.kind.value,
            asked.contact_id.hex,
            asked.address_id.hex,
            asked.account,
            asked.target,
            str(int(asked.expires_at.timestamp())),
        )
        return hmac.new(self._key, "\n".join(signed).encode(), hashlib.sha256).digest()[:_MAC]
