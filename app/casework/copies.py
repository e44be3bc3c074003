"""`python -m app.casework.copies save|load|about FILE`, which `yanpan backup` and `yanpan restore` run: the whole state store
in one file, and back.

SQLite is copied through its own online backup, so a dashboard may go on writing; PostgreSQL goes through pg_dump and pg_restore,
one transaction each. The password is handed over in the environment, never on a command line. One JSON object on standard
output: {"kind", "revision"} or {"error"}.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from filelock import FileLock

from app.casework import store
from pipelines import logs

TOOLS = {"save": "pg_dump", "load": "pg_restore"}


class Refused(Exception):
    """The state cannot be copied; one Chinese sentence says why."""


def about(file: Path) -> dict[str, str | None]:
    """Which database is in force, its revision, and the file of a SQLite."""
    url = _url()
    is_file = url.get_backend_name() == "sqlite"
    return {
        "kind": url.get_backend_name(),
        "revision": store.REVISION,
        "file": str(Path(url.database or "").resolve()) if is_file else None,
    }


def save(file: Path) -> dict[str, str | None]:
    """All of the state into `file`, as it is at one moment."""
    url = _url()
    if url.get_backend_name() == "postgresql":
        store.engine()  # brought up to date; says what is wrong with the address
        _tool("save", "--format=custom", "--no-owner", "--no-privileges", f"--file={file}", *_where(url))
        return {"kind": "postgresql", "revision": store.REVISION}
    path = Path(url.database or "")
    if not path.is_file():
        return {"kind": None, "revision": None}
    with (
        closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=store.WAIT_SECONDS)) as here,
        closing(sqlite3.connect(file)) as there,
    ):
        here.backup(there)
        there.execute("pragma journal_mode = delete")  # one file, without a -wal beside it
        found = there.execute("select max(version_num) from alembic_version").fetchone()
    return {"kind": "sqlite", "revision": found[0]}


def load(file: Path, *, replace: bool = False) -> dict[str, str | None]:
    """The saved state into the database in force, which must be empty unless `replace`. All of it or nothing."""
    url = _url()
    if url.get_backend_name() == "postgresql":
        if not replace and _tables(url):
            raise Refused("办理状态库里已经有数据，没有恢复。确实要用备份替换时加 --replace。")
        more = ["--clean", "--if-exists"] if replace else []
        _tool("load", "--single-transaction", "--exit-on-error", "--no-owner", *more, *_where(url), str(file))
        return {"kind": "postgresql", "revision": None}
    path = Path(url.database or "")
    if path.exists() and not replace:
        raise Refused(f"办理状态库 {path} 已经存在，没有恢复。确实要用备份替换时加 --replace。")
    path.parent.mkdir(parents=True, exist_ok=True)
    pending = path.with_name(f"{path.name}.restoring")
    with FileLock(f"{path}.lock", timeout=store.WAIT_SECONDS):
        pending.unlink(missing_ok=True)
        pending.touch(mode=0o600)
        with closing(sqlite3.connect(file)) as here, closing(sqlite3.connect(pending)) as there:
            here.backup(there)
        for beside in ("-wal", "-shm"):
            Path(f"{path}{beside}").unlink(missing_ok=True)
        pending.replace(path)
    return {"kind": "sqlite", "revision": None}


def _url() -> sa.URL:
    return sa.make_url(store.address())


def _tables(url: sa.URL) -> list[str]:
    engine = sa.create_engine(url)
    try:
        return sa.inspect(engine).get_table_names()
    except sa.exc.DatabaseError as error:
        raise Refused(f"连不上办理状态库 {url.host}/{url.database}。请检查 YANPAN_STATE 和数据库。") from error
    finally:
        engine.dispose()


def _where(url: sa.URL) -> list[str]:
    said = {"--host": url.host, "--port": url.port, "--username": url.username, "--dbname": url.database}
    return [f"{name}={value}" for name, value in said.items() if value is not None] + ["--no-password"]


def _tool(verb: str, *words: str) -> None:
    url, tool = _url(), TOOLS[verb]
    environment = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    try:
        done = subprocess.run([tool, *words], env=environment, check=False, capture_output=True, encoding="utf-8")
    except FileNotFoundError:
        raise Refused(f"本机没有 {tool}。请安装与数据库同一版本的 PostgreSQL 客户端程序。") from None
    if done.returncode:
        first = next((line for line in done.stderr.splitlines() if "error" in line.lower()), f"代码 {done.returncode}")
        raise Refused(f"{tool} 没有成功，什么也没有改变：{first[:200]}。请检查数据库版本、账号权限和磁盘。")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m app.casework.copies")
    parser.add_argument("verb", choices=("save", "load", "about"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--replace", action="store_true")
    chosen = parser.parse_args(arguments)
    logs.set_up()
    try:
        if chosen.verb == "load":
            answer = load(chosen.file, replace=chosen.replace)
        else:
            answer = {"save": save, "about": about}[chosen.verb](chosen.file)
    except (Refused, store.Unavailable) as error:
        answer = {"error": str(error)}
    except (sqlite3.Error, OSError):
        answer = {"error": "办理状态库读不出来或写不进去。请检查磁盘空间和权限。"}
    print(json.dumps(answer, ensure_ascii=False))
    return 3 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
