"""What 抽查 and 案件评查 found of an item; append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

SQLITE = (
    """create trigger review_no_update before update on review
    begin select raise(abort, 'review is append-only'); end""",
    """create trigger review_no_delete before delete on review
    begin select raise(abort, 'review is append-only'); end""",
    """create trigger review_no_replace before insert on review
    when exists (select 1 from review as c where c.id = new.id or (c.request_id = new.request_id))
    begin select raise(abort, 'review is append-only'); end""",
)
POSTGRESQL = """
create function review_refuse() returns trigger language plpgsql as $$
begin raise exception 'review is append-only' using errcode = 'integrity_constraint_violation'; end $$;
create trigger review_append_only before update or delete on review
for each row execute function review_refuse();
create trigger review_no_truncate before truncate on review
for each statement execute function review_refuse()
"""
_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "review",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("event_key", sa.String(40), nullable=False),
        sa.Column("unit_name", sa.String(200)),
        sa.Column("issue_code", sa.String(40)),
        sa.Column("closed_on", sa.Date, nullable=False),
        sa.Column("draw", sa.String(200), nullable=False),
        sa.Column("result", sa.String(20), nullable=False),
        sa.Column("points", sa.Integer, nullable=False),
        sa.Column("faults", sa.JSON, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("version", sa.String(80), nullable=False),
        sa.Column("request_id", sa.String(80), nullable=False),
        sa.UniqueConstraint("request_id", name="review_request"),
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE if is_sqlite else (POSTGRESQL,):
        op.execute(statement)
