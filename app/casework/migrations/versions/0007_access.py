"""Accounts, their logins, and the audit log, append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

SQLITE = (
    """create trigger audit_no_update before update on audit
    begin select raise(abort, 'audit is append-only'); end""",
    """create trigger audit_no_delete before delete on audit
    begin select raise(abort, 'audit is append-only'); end""",
    """create trigger audit_no_replace before insert on audit
    when exists (select 1 from audit as c where c.id = new.id)
    begin select raise(abort, 'audit is append-only'); end""",
)
POSTGRESQL = """
create function audit_refuse() returns trigger language plpgsql as $$
begin raise exception 'audit is append-only' using errcode = 'integrity_constraint_violation'; end $$;
create trigger audit_append_only before update or delete on audit
for each row execute function audit_refuse();
create trigger audit_no_truncate before truncate on audit
for each statement execute function audit_refuse()
"""
_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("issuer", sa.String(300), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("role", sa.String(20)),
        sa.Column("places", sa.JSON, nullable=False),
        sa.Column("unit", sa.String(200)),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("changed_at", sa.DateTime, nullable=False),
        sa.Column("disabled_at", sa.DateTime),
        sa.UniqueConstraint("issuer", "subject", name="account_subject"),
    )
    op.create_table(
        "login",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("account_id", _KEY, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("seen_at", sa.DateTime, nullable=False),
        sa.Column("ended_at", sa.DateTime),
    )
    op.create_table(
        "audit",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("account", sa.String(40), nullable=False),
        sa.Column("role", sa.String(20)),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("object", sa.String(400), nullable=False),
        sa.Column("version", sa.String(80), nullable=False),
        sa.Column("seal", sa.String(64), nullable=False),
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE if is_sqlite else (POSTGRESQL,):
        op.execute(statement)
