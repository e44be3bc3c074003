"""Who did what, when? One append-only table; each row carries a seal made of itself and the seal before it.

Kept are the account's number and role, what was done (ACTIONS), to what (a page, a file name, codes of filters) and on which
version of the data; never the text of an item, never anything about a petitioner, no address of a computer. Times are kept
in UTC and told (`rows`) in this machine's own time, as on every page. Whoever can write into the database could change a row
in spite of the triggers; the seals then no longer fit (`broken`), unless all later rows are made anew: a copy of the last
seal, kept elsewhere, tells.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.casework import store
from app.casework.store import audit

ACTIONS = {
    "login": "登录",
    "logout": "退出",
    "refused": "拒绝",
    "export": "导出",
    "items": "逐件查看",
    "job": "数据任务",
    "account": "账号变更",
    "casework": "办理",
    "purge": "清除旧记录",
}
LOCAL, COMMAND, DIRECTORY = "local", "command", "directory"
WHO = {LOCAL: "本机（未启用登录）", COMMAND: "命令行", DIRECTORY: "登录服务"}
NAMES = ("at", "account", "role", "action", "object", "version")
MAX = {"object": 400, "version": 80}


def now() -> datetime:
    """UTC, to the second, as the table keeps it."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def zone() -> str:
    """UTC+8: how this machine's own time stands to the one kept."""
    ahead = datetime.now().astimezone().utcoffset() or timedelta()
    return f"UTC{ahead / timedelta(hours=1):+g}"


def _local(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)


def _starts(day: date) -> datetime:
    """The first moment of a day of this machine's time, in UTC."""
    return datetime.combine(day, datetime.min.time()).astimezone(UTC).replace(tzinfo=None)


def note(action: str, thing: str, *, account: str, role: str | None = None, version: str = "") -> None:
    """Add a row. Raises Unavailable: what cannot be noted is not to happen."""
    row = {
        "at": now(), "account": account, "role": role, "action": action, "object": thing[: MAX["object"]],
        "version": version[: MAX["version"]],
    }  # fmt: skip
    assert action in ACTIONS
    with store.writing(is_asked=False) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("select pg_advisory_xact_lock(hashtext('yanpan.audit'))")
        last = connection.execute(sa.select(audit.c.seal).order_by(audit.c.id.desc()).limit(1)).scalar()
        connection.execute(audit.insert().values(**row, seal=_seal(row, last)))


def _seal(row: Mapping[str, Any], before: str | None) -> str:
    said = json.dumps([before or "", *(str(row[name] or "") for name in NAMES)], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()


def rows(
    *, first_on: date | None = None, last_on: date | None = None, action: str | None = None, account: str | None = None,
    limit: int = 1000,
) -> Sequence[Mapping[str, Any]]:  # fmt: skip
    """Newest first: id and NAMES; times and days (both included) of this machine. Raises Unavailable."""
    question = sa.select(audit.c.id, *(audit.c[name] for name in NAMES)).order_by(audit.c.id.desc()).limit(limit)
    if first_on:
        question = question.where(audit.c.at >= _starts(first_on))
    if last_on:
        question = question.where(audit.c.at < _starts(last_on + timedelta(days=1)))
    if action:
        question = question.where(audit.c.action == action)
    if account:
        question = question.where(audit.c.account == account)
    with store.reading() as connection:
        return [{**row._mapping, "at": _local(row.at)} for row in connection.execute(question)]


def broken() -> tuple[int, int | None, str]:
    """How many rows, the id of the first whose seal does not fit (None: all fit), and the last seal. Raises Unavailable."""
    with store.reading() as connection:
        return chain(connection)


def chain(connection: sa.Connection) -> tuple[int, int | None, str]:
    """`broken`, of the log behind this connection.

    After old rows were purged (app.casework.retention) the first one left follows the seal that the purge wrote down.
    """
    n, wrong, before = 0, None, None
    said = sa.select(audit.c.object).where(audit.c.action == "purge")
    purged = {thing.rpartition(" ")[2] for thing in connection.execute(said).scalars()}
    question = sa.select(audit).order_by(audit.c.id).execution_options(yield_per=5000)
    for row in connection.execute(question):
        n += 1
        follows = {before} if n > 1 else {None, *purged}
        if wrong is None and row.seal not in {_seal(dict(row._mapping), one) for one in follows}:
            wrong = row.id
        before = row.seal
    return n, wrong, before or ""
