"""Who is one person with whom, by what evidence; what addresses are known by, and what proves them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.storage.types import Id, Json, Moment

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.add_column("contacts", sa.Column("person_id", Id(), nullable=True))
    op.create_index(op.f("ix_contacts_person_id"), "contacts", ["person_id"])
    op.add_column("addresses", sa.Column("verified_at", Moment(), nullable=True))
    op.add_column("addresses", sa.Column("renumbered_at", Moment(), nullable=True))
    op.add_column("conversations", sa.Column("joined_id", Id(), nullable=True))
    op.create_index(op.f("ix_conversations_joined_id"), "conversations", ["joined_id"])
    op.create_table(
        "address_keys",
        sa.Column("address_id", Id(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=500), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["address_id"], ["addresses.id"], name=op.f("fk_address_keys_address_id_addresses")),
        sa.PrimaryKeyConstraint("address_id", "kind", "key", name=op.f("pk_address_keys")),
    )
    op.create_index("address_keys_key", "address_keys", ["key", "kind"])
    op.create_table(
        "contact_links",
        sa.Column("id", Id(), nullable=False),
        sa.Column("contact_id", Id(), nullable=False),
        sa.Column("other_id", Id(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("evidence", sa.String(length=16), nullable=False),
        sa.Column("detail", Json(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("joined_id", Id(), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("ended_by", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_contact_links_contact_id_contacts")),
        sa.ForeignKeyConstraint(["other_id"], ["contacts.id"], name=op.f("fk_contact_links_other_id_contacts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_links")),
    )
    op.create_index(op.f("ix_contact_links_contact_id"), "contact_links", ["contact_id"])
    op.create_index(op.f("ix_contact_links_other_id"), "contact_links", ["other_id"])
    op.create_table(
        "identity_proofs",
        sa.Column("id", Id(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("contact_id", Id(), nullable=False),
        sa.Column("address_id", Id(), nullable=False),
        sa.Column("conversation_id", Id(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=500), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_identity_proofs_contact_id_contacts")),
        sa.ForeignKeyConstraint(["address_id"], ["addresses.id"], name=op.f("fk_identity_proofs_address_id_addresses")),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f("fk_identity_proofs_conversation_id_conversations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_proofs")),
    )
    op.create_index("identity_proofs_address", "identity_proofs", ["address_id", "kind"])
    op.create_index("identity_proofs_contact", "identity_proofs", ["contact_id", "created_at"])
    op.create_index("identity_proofs_target", "identity_proofs", ["target", "created_at"])
