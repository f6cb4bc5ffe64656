"""The Pythons of images, and which tree a lock gave for one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "interpreters",
        sa.Column("image_id", sa.String(80), primary_key=True),
        sa.Column("image", sa.String(255), nullable=False),
        sa.Column("interpreter", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "trees",
        sa.Column("lock_digest", sa.String(80), primary_key=True),
        sa.Column("interpreter", sa.String(64), primary_key=True),
        sa.Column("digest", sa.String(80), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("trees")
    op.drop_table("interpreters")
