"""How long a customer can be answered where, what she does not want, and what messages offered and chose."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from core.storage.types import Json, Moment

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.add_column("addresses", sa.Column("wrote_at", Moment(), nullable=True))
    op.add_column("addresses", sa.Column("window_until", Moment(), nullable=True))
    op.add_column("addresses", sa.Column("opt_outs", Json(), nullable=False, server_default="{}"))
    op.add_column("addresses", sa.Column("offered_at", Moment(), nullable=True))
    addresses = sa.table("addresses", sa.column("reachable", sa.Boolean()), sa.column("opt_outs", Json()))
    blocked = {"blocked": datetime.now(UTC).isoformat()}
    op.execute(addresses.update().where(addresses.c.reachable.is_(False)).values(opt_outs=blocked))
    op.add_column("messages", sa.Column("offer", Json(), nullable=True))
    op.add_column("messages", sa.Column("choice", Json(), nullable=True))
    op.add_column("messages", sa.Column("template", Json(), nullable=True))
