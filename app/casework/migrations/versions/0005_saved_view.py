"""Pages kept under a name (收藏); no record of what was done: a row can be renamed and deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "saved_view",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("page", sa.String(40), nullable=False),
        sa.Column("query", sa.JSON, nullable=False),
        sa.Column("is_shared", sa.Boolean, nullable=False),
        sa.Column("role", sa.String(20)),
        sa.Column("unit", sa.String(200)),
        sa.Column("user_id", sa.String(200)),
        sa.Column("saved_at", sa.DateTime, nullable=False),
        sa.Column("request_id", sa.String(80), nullable=False),
        sa.UniqueConstraint("request_id", name="saved_view_request"),
    )
