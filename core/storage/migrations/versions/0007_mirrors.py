"""Where mirrored threads are found, who asked for them, and who an owner is in another workplace."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.add_column("thread_links", sa.Column("url", sa.String(length=2000), nullable=False, server_default=""))
    op.add_column("thread_links", sa.Column("added_by", sa.String(length=200), nullable=False, server_default=""))
    op.add_column("conversations", sa.Column("owner_email", sa.String(length=320), nullable=False, server_default=""))
    op.create_index("conversations_owner_email", "conversations", ["owner_email", "state", "last_in_at"])
