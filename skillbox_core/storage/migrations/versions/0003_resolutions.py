"""What was asked for, beside the version it meant; the first answer given to an owner."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("executions", sa.Column("asked_version", sa.String(64), nullable=False, server_default=""))
    # Older records know only what it meant; that they asked for exactly that is the truest thing to say of them.
    op.execute("UPDATE executions SET asked_version = skill_version")
    op.create_table(
        "resolutions",
        sa.Column("owner", sa.String(200), primary_key=True),
        sa.Column("tenant_id", sa.String(64), primary_key=True),
        sa.Column("skill_name", sa.String(64), primary_key=True),
        sa.Column("asked_version", sa.String(64), primary_key=True),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("resolutions")
    op.drop_column("executions", "asked_version")
