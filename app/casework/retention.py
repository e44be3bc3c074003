"""`python -m app.casework.retention KEY BEFORE [--yes]`, which `yanpan purge` runs: old rows of the state store.

Tables of what happened refuse to lose rows; only here, in the transaction that deletes what is older than the administrator's
rule allows, are they let. What is kept of cases, reports issued, reviews and accounts is no business of this module.
One JSON object on standard output: {"n"} or {"error"}.
"""

import argparse
import json
import sys
from datetime import date, datetime

import sqlalchemy as sa

from app.access import audit
from app.casework import store
from pipelines import logs

ENDED = ("sent", "failed", "suppressed")
ROWS: dict[str, tuple[sa.Table, sa.ColumnElement[datetime], sa.ColumnElement[bool]]] = {
    "push_messages": (store.delivery, store.delivery.c.created_at, store.delivery.c.status.in_(ENDED)),
    "exports": (store.export_log, store.export_log.c.at, sa.true()),
    "audit": (store.audit, store.audit.c.at, sa.true()),
    "logins": (store.login, store.login.c.seen_at, sa.true()),
}


def purge(key: str, before: date, *, really: bool) -> int:
    """How many rows are older than `before`; gone where `really`. Raises Unavailable."""
    table, at, besides = ROWS[key]
    old = sa.and_(at < datetime.combine(before, datetime.min.time()), besides)
    with store.writing() if really else store.reading() as connection:
        n = connection.execute(sa.select(sa.func.count()).select_from(table).where(old)).scalar_one()
        seal = None
        if table is store.audit:  # the first row left follows it
            seal = connection.execute(sa.select(table.c.seal).where(old).order_by(table.c.id.desc()).limit(1)).scalar()
        if really and n:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text(f"alter table {table.name} disable trigger user"))
                connection.execute(table.delete().where(old))
                connection.execute(sa.text(f"alter table {table.name} enable trigger user"))
            else:
                question = "select name, sql from sqlite_master where type = 'trigger' and tbl_name = :name"
                triggers = connection.execute(sa.text(question), {"name": table.name}).all()
                for name, _ in triggers:
                    connection.exec_driver_sql(f"drop trigger {name}")
                connection.execute(table.delete().where(old))
                for _, text in triggers:
                    connection.exec_driver_sql(text)
    if really and seal:
        audit.note("purge", f"{before} 以前 {n} 行，封印 {seal}", account=audit.COMMAND)
    return n


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m app.casework.retention")
    parser.add_argument("key", choices=tuple(ROWS))
    parser.add_argument("before", type=date.fromisoformat)
    parser.add_argument("--yes", action="store_true")
    chosen = parser.parse_args(arguments)
    logs.set_up()
    try:
        answer: dict = {"n": purge(chosen.key, chosen.before, really=chosen.yes)}
    except store.Unavailable as error:
        answer = {"error": str(error)}
    print(json.dumps(answer, ensure_ascii=False))
    return 3 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
