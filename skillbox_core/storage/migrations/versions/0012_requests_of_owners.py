"""An index that finds what an owner has asked for before among thousands of its requests."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_executions_owner_request", "executions", ["owner", "request_digest"])
    op.drop_index("ix_executions_owner", "executions")


def downgrade() -> None:
    op.create_index("ix_executions_owner", "executions", ["owner"])
    op.drop_index("ix_executions_owner_request", "executions")
