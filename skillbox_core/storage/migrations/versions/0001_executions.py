"""Executions and skill digests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "executions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("skill_name", sa.String(64), nullable=False),
        sa.Column("skill_version", sa.String(64), nullable=False),
        sa.Column("skill_digest", sa.String(64)),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(16)),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("input", sa.Text, nullable=False),
        sa.Column("output", sa.Text),
        sa.Column("logs", sa.Text, nullable=False),
        sa.Column("files_key", sa.String(255), nullable=False),
        sa.Column("files_list", sa.Text, nullable=False),
        sa.Column("files_skipped", sa.Text, nullable=False),
        sa.Column("image", sa.String(255)),
        sa.Column("image_id", sa.String(80)),
        sa.Column("exit_code", sa.Integer),
        sa.Column("peak_memory", sa.BigInteger),
        sa.Column("cpu_seconds", sa.Float),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("idempotency_key", sa.String(300), nullable=False, unique=True),
        sa.Column("request_digest", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(200)),
        sa.Column("owner_attempt", sa.Integer, nullable=False),
        sa.Column("instance", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_executions_tenant_created", "executions", ["tenant_id", "created_at"])
    op.create_index("ix_executions_status", "executions", ["status"])
    op.create_index("ix_executions_owner", "executions", ["owner"])
    op.create_table(
        "skill_digests",
        sa.Column("tenant_id", sa.String(64), primary_key=True),
        sa.Column("skill_name", sa.String(64), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("skill_digests")
    op.drop_table("executions")
