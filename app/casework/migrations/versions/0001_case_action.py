"""Actions of cases, append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SQLITE = (
    """create trigger case_action_no_update before update on case_action
    begin select raise(abort, 'case_action is append-only'); end""",
    """create trigger case_action_no_delete before delete on case_action
    begin select raise(abort, 'case_action is append-only'); end""",
    """create trigger case_action_no_replace before insert on case_action
    when exists (
        select 1 from case_action as c
        where c.id = new.id or c.request_id = new.request_id or (c.signal_id = new.signal_id and c.seq = new.seq)
    )
    begin select raise(abort, 'case_action is append-only'); end""",
)
POSTGRESQL = """
create function case_action_refuse() returns trigger language plpgsql as $$
begin raise exception 'case_action is append-only' using errcode = 'integrity_constraint_violation'; end $$;
create trigger case_action_append_only before update or delete on case_action
for each row execute function case_action_refuse();
create trigger case_action_no_truncate before truncate on case_action
for each statement execute function case_action_refuse()
"""


def upgrade() -> None:
    op.create_table(
        "case_action",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("signal_id", sa.String(40), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("actor_unit", sa.String(200)),
        sa.Column("to_unit", sa.String(200)),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("due_on", sa.Date),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("reason", sa.String(20)),
        sa.Column("finding", sa.String(20)),
        sa.Column("request_id", sa.String(80), nullable=False),
        sa.Column("snapshot", sa.JSON, nullable=False),
        sa.UniqueConstraint("signal_id", "seq", name="case_action_seq"),
        sa.UniqueConstraint("request_id", name="case_action_request"),
    )
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else (POSTGRESQL,):
        op.execute(statement)
