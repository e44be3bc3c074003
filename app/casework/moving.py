"""`python -m app.casework.moving TO`, which `yanpan state move` runs: the state store out of SQLite into an empty PostgreSQL.

All tables in one transaction, while nobody else writes into the SQLite; before it is committed every row is read back and
compared, and the chain of seals of the audit log walked. The SQLite stays as it is: which database is in force is
YANPAN_STATE's to say. TO is an address as YANPAN_STATE takes it. One JSON object on standard output: {"result", "text"} or {"error"}.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from app.access import audit
from app.casework import store
from pipelines import logs

ROWS = 1000


class Refused(Exception):
    """The state is not moved; one Chinese sentence says why."""


def move(to: str) -> dict[str, int]:
    """table → rows moved. Raises Refused, store.Unavailable; then nothing has changed."""
    here, there = sa.make_url(store.address()), sa.make_url(store.address(to))
    if here.get_backend_name() != "sqlite":
        raise Refused("现在用的办理状态库已经是 PostgreSQL，没有要搬的。请核对 YANPAN_STATE。")
    if not Path(here.database or "").is_file():
        raise Refused(f"没有找到办理状态库 {here.database}，没有要搬的。请用 --home 指明数据目录。")
    if there.get_backend_name() != "postgresql":
        raise Refused("--to 应是 postgresql://用户:密码@主机/库名，或 file:/路径（文件里写这样的地址）。请改正。")
    with store.writing(is_asked=False) as source:
        try:
            with store.engine(to).connect() as target, target.begin():
                target.exec_driver_sql("select pg_advisory_xact_lock(hashtext('yanpan.casework'))")
                return _moved(source, target)
        except sa.exc.DBAPIError as error:
            raise Refused(
                f"搬到 {there.host or '本机'}/{there.database} 没有成功，什么也没有改变（{type(error).__name__}）。"
                "请检查目标库的地址、账号权限和编码（应为 UTF-8）。"
            ) from error


def _moved(source: sa.Connection, target: sa.Connection) -> dict[str, int]:
    tables = store.metadata.sorted_tables
    for table in tables:
        if target.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
            raise Refused("目标库里已经有办理记录，没有搬。请换一个空库。")
    moved = {}
    for table in tables:
        for rows in _read(source, table):
            target.execute(table.insert(), [dict(row._mapping) for row in rows])
        key = next(iter(table.primary_key.columns))
        if isinstance(key.type, sa.BigInteger):  # the next row gets the next number
            last = sa.select(sa.func.max(key)).scalar_subquery()
            sequence = sa.func.pg_get_serial_sequence(table.name, key.name)
            target.execute(sa.select(sa.func.setval(sequence, sa.func.coalesce(last, 1), last.is_not(None))))
        moved[table.name], digest = _content(target, table)
        if (moved[table.name], digest) != _content(source, table):
            raise Refused(f"核对不符：{table.name} 搬过去的与原来的不一样，已全部撤回。请报告给程序维护人。")
    n, wrong, seal = audit.chain(target)
    if (n, wrong, seal) != audit.chain(source):
        raise Refused("核对不符：审计日志的封印与原来的不一样，已全部撤回。请报告给程序维护人。")
    if wrong is not None:
        raise Refused(f"审计日志第 {wrong} 号起与封印不符：有记录被改过或删过，没有搬。请先保全数据库并追查。")
    return moved


def _read(connection: sa.Connection, table: sa.Table) -> Iterator[list[sa.Row]]:
    ordered = sa.select(table).order_by(*table.primary_key.columns).execution_options(yield_per=ROWS)
    yield from map(list, connection.execute(ordered).partitions())


def _content(connection: sa.Connection, table: sa.Table) -> tuple[int, str]:
    """How many rows, and a digest of all of them."""
    n, digest = 0, hashlib.sha256()
    for rows in _read(connection, table):
        n += len(rows)
        for row in rows:
            digest.update(json.dumps(list(row), ensure_ascii=False, sort_keys=True, default=str).encode())
    return n, digest.hexdigest()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m app.casework.moving")
    parser.add_argument("to")
    chosen = parser.parse_args(arguments)
    logs.set_up()
    try:
        moved = move(chosen.to)
        total = f"{sum(moved.values()):,} 行，{len(moved)} 张表，逐行核对一致，审计封印全部相符"
        answer: dict = {
            "result": {"n_rows": moved},
            "text": f"已搬到 PostgreSQL：{total}。请把 YANPAN_STATE 设成新地址再启动看板和推送；原来的文件没有改动，确认无误后收起来。",
        }
    except (Refused, store.Unavailable) as error:
        answer = {"error": str(error)}
    print(json.dumps(answer, ensure_ascii=False))
    return 3 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
