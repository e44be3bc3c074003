"""What clerks made of the suggestions of 智能分派; append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

SQLITE = (
    """create trigger dispatch_choice_no_update before update on dispatch_choice
    begin select raise(abort, 'dispatch_choice is append-only'); end""",
    """create trigger dispatch_choice_no_delete before delete on dispatch_choice
    begin select raise(abort, 'dispatch_choice is append-only'); end""",
    """create trigger dispatch_choice_no_replace before insert on dispatch_choice
    when exists (select 1 from dispatch_choice as c where c.id = new.id or (c.request_id = new.request_id))
    begin select raise(abort, 'dispatch_choice is append-only'); end""",
)
POSTGRESQL = """
create function dispatch_choice_refuse() returns trigger language plpgsql as $$
begin raise exception 'dispatch_choice is append-only' using errcode = 'integrity_constraint_violation'; end $$;
create trigger dispatch_choice_append_only before update or delete on dispatch_choice
for each row execute function dispatch_choice_refuse();
create trigger dispatch_choice_no_truncate before truncate on dispatch_choice
for each statement execute function dispatch_choice_refuse()
"""
_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "dispatch_choice",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("event_key", sa.String(40), nullable=False),
        sa.Column("suggested_issue", sa.String(40)),
        sa.Column("suggested_unit", sa.String(200)),
        sa.Column("probability", sa.Double),
        sa.Column("is_abstained", sa.Boolean, nullable=False),
        sa.Column("model_version", sa.Integer),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("chosen_issue", sa.String(40)),
        sa.Column("chosen_unit", sa.String(200)),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("actor_unit", sa.String(200)),
        sa.Column("chosen_at", sa.DateTime, nullable=False),
        sa.Column("version", sa.String(80), nullable=False),
        sa.Column("request_id", sa.String(80), nullable=False),
        sa.UniqueConstraint("request_id", name="dispatch_choice_request"),
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE if is_sqlite else (POSTGRESQL,):
        op.execute(statement)
