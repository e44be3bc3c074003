"""Reports that were issued, and the log of what was taken away; both append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

UNIQUE = {
    "report_issue": (
        "c.kind = new.kind and c.period_code = new.period_code and c.area_code = new.area_code"
        " and c.audience = new.audience and c.revision = new.revision"
    ),
    "export_log": "false",
}
SQLITE = (
    """create trigger {table}_no_update before update on {table}
    begin select raise(abort, '{table} is append-only'); end""",
    """create trigger {table}_no_delete before delete on {table}
    begin select raise(abort, '{table} is append-only'); end""",
    """create trigger {table}_no_replace before insert on {table}
    when exists (select 1 from {table} as c where c.id = new.id or ({unique}))
    begin select raise(abort, '{table} is append-only'); end""",
)
POSTGRESQL = """
create function {table}_refuse() returns trigger language plpgsql as $$
begin raise exception '{table} is append-only' using errcode = 'integrity_constraint_violation'; end $$;
create trigger {table}_append_only before update or delete on {table}
for each row execute function {table}_refuse();
create trigger {table}_no_truncate before truncate on {table}
for each statement execute function {table}_refuse()
"""
_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "report_issue",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("period_code", sa.String(20), nullable=False),
        sa.Column("area_code", sa.String(40), nullable=False),
        sa.Column("area_name", sa.String(200), nullable=False),
        sa.Column("audience", sa.String(20), nullable=False),
        sa.Column("number", sa.Integer),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("mark", sa.String(40), nullable=False),
        sa.Column("version", sa.String(20), nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("fingerprint", sa.String(40), nullable=False),
        sa.Column("issued_at", sa.DateTime, nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("formats", sa.String(80), nullable=False),
        sa.Column("files", sa.JSON, nullable=False),
        sa.UniqueConstraint("kind", "period_code", "area_code", "audience", "revision", name="report_issue_revision"),
    )
    op.create_table(
        "export_log",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("role", sa.String(20)),
        sa.Column("page", sa.String(80), nullable=False),
        sa.Column("what", sa.String(300), nullable=False),
        sa.Column("format", sa.String(20), nullable=False),
        sa.Column("version", sa.String(80), nullable=False),
        sa.Column("n_bytes", sa.BigInteger, nullable=False),
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for table, unique in UNIQUE.items():
        for statement in SQLITE if is_sqlite else (POSTGRESQL,):
            op.execute(statement.format(table=table, unique=unique))
