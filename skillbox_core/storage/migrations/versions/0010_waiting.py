"""Containers that wait for a job, and which of them an execution has taken."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("executions", sa.Column("claimed", sa.String(64)))
    taken = sa.text("claimed IS NOT NULL")
    op.create_index("ix_executions_claimed", "executions", ["claimed"], sqlite_where=taken, postgresql_where=taken)
    op.create_table(
        "waiting_containers",
        sa.Column("instance", sa.String(64), primary_key=True),
        sa.Column("engine", sa.String(128), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("image", sa.String(512), nullable=False),
        sa.Column("image_id", sa.String(80), nullable=False),
        sa.Column("memory", sa.BigInteger, nullable=False),
        sa.Column("scratch", sa.BigInteger, nullable=False),
        sa.Column("cpu_quota", sa.Integer, nullable=False),
        sa.Column("ready_for", sa.String(256), nullable=False),
        sa.Column("ready", sa.Boolean, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_waiting_containers_kind", "waiting_containers", ["instance", "engine", "kind"])


def downgrade() -> None:
    op.drop_table("waiting_containers")
    op.drop_index("ix_executions_claimed", "executions")
    with op.batch_alter_table("executions") as table:
        table.drop_column("claimed")
