"""Tables of storage."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.storage.types import Json

revision: str = "0001"
down_revision: str | None = None
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.create_table(
        "memories",
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("value", Json(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_memories")),
    )
