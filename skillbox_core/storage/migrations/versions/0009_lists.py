"""Indexes in the order of the lists of executions, and what lists say of skills."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_executions_listed", "executions", ["tenant_id", "created_at", "id"])
    op.create_index("ix_executions_listed_status", "executions", ["tenant_id", "status", "created_at", "id"])
    op.create_index("ix_executions_listed_skill", "executions", ["tenant_id", "skill_name", "created_at", "id"])
    op.drop_index("ix_executions_tenant_created", "executions")
    op.create_table(
        "skill_listings",
        sa.Column("tenant_id", sa.String(64), primary_key=True),
        sa.Column("skill_name", sa.String(64), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("form", sa.Integer, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("files", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("skill_listings")
    op.create_index("ix_executions_tenant_created", "executions", ["tenant_id", "created_at"])
    for name in ("skill", "status"):
        op.drop_index(f"ix_executions_listed_{name}", "executions")
    op.drop_index("ix_executions_listed", "executions")
