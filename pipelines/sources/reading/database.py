"""What does a view of the business system's database hold? `postgresql://user@host:5432/db?view=schema.view`, mysql://…

One read-only snapshot (REPEATABLE READ) from the first look to the last row, so that what was counted is what is read.
Only the wanted columns are selected, streamed in blocks: identifying columns never leave the database, and looking at
the view takes its column names alone. A password may be in the address, in PGPASSWORD or ~/.pgpass (PostgreSQL), or in
MYSQL_PWD (MySQL); the address is shown nowhere, the name 「数据库 host/db schema.view」 is.
"""

import hashlib
import json
import os
import re
import weakref
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import polars as pl
import psycopg
import pymysql
import sqlalchemy
from psycopg.types.string import TextLoader
from sqlalchemy import exc
from sqlalchemy.sql import quoted_name

from pipelines.errors import SourceError
from pipelines.sources.reading.facts import BLOCK_ROWS, WRONG_FIELD_COUNT, FileFacts, Origin, Preview, Table

DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}
CONNECT_SECONDS = 10
UNSEEN = "…"  # stands for the values of a row nobody has looked at
# As text from the server, whatever their value: 'infinity' and years beyond 9999 have no Python date.
AS_TEXT = ("date", "timestamp", "time", "timetz", "interval", "numeric", "float4", "float8")
CHECK_ADDRESS = "请核对地址：postgresql://用户@主机:端口/库名?view=模式.视图 或 mysql://用户@主机:端口/库名?view=视图。"


class _LocalTime(TextLoader):
    """A time with a zone, in the session's zone (+08), without saying it: 2024-01-05 08:00:00."""

    def load(self, data):
        return re.sub(r"[+-]\d\d(?::\d\d)*$", "", str(super().load(data)))


class View:
    """One view (or table), connected to. Closed when its rows are read, or with the last word of it."""

    def __init__(self, address: str):
        url, schema, view = _parsed(address)
        self.name = _name(url, schema, view)
        self.engine = url.get_backend_name()
        with _told(self.name):
            engine = sqlalchemy.create_engine(
                url._replace(password=None), poolclass=sqlalchemy.NullPool, connect_args=_connect_arguments(url)
            )
            self._connection = engine.connect()
        self._closing = weakref.finalize(self, self._connection.close)
        self._table = sqlalchemy.table(
            quoted_name(view, quote=True), schema=quoted_name(schema, quote=True) if schema else None
        )
        try:
            with _told(self.name):
                self._begin_snapshot()
                look = sqlalchemy.select(sqlalchemy.text("*")).select_from(self._table)
                self.columns = list(self._connection.execute(look.where(sqlalchemy.false())).keys())
                one = sqlalchemy.select(sqlalchemy.literal(1)).select_from(self._table).limit(1)
                self.has_rows = self._connection.execute(one).first() is not None
        except BaseException:
            self.close()
            raise

    def _begin_snapshot(self) -> None:
        run = self._connection.exec_driver_sql
        if self.engine == "postgresql":
            driver = self._connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            for kind in AS_TEXT:
                driver.adapters.register_loader(kind, TextLoader)
            driver.adapters.register_loader("timestamptz", _LocalTime)
            run("set transaction isolation level repeatable read, read only")
            run("set local time zone 8")
            run("set local datestyle = 'ISO'")
        else:
            run("set session transaction isolation level repeatable read")
            run("set time_zone = '+08:00'")
            self._connection.rollback()  # what SQLAlchemy began by itself
            run("start transaction with consistent snapshot, read only")

    def blocks(self, columns: list[str]) -> Iterator[pl.DataFrame]:
        """All rows, these columns alone, as text; streamed by the server."""
        query: sqlalchemy.Select = sqlalchemy.select(
            *(sqlalchemy.column(quoted_name(name, quote=True)) for name in columns)
        )
        with _told(self.name):
            streamed = self._connection.execution_options(stream_results=True, max_row_buffer=BLOCK_ROWS)
            with streamed.execute(query.select_from(self._table)) as result:
                for rows in result.partitions(BLOCK_ROWS):
                    texts = [[_as_text(value) for value in row] for row in rows]
                    yield pl.DataFrame(texts, schema=dict.fromkeys(columns, pl.String), orient="row")

    def close(self) -> None:
        self._closing()


def origin(address: str) -> Origin:
    """The view under its name, not yet connected to."""
    return Origin(_name(*_parsed(address)), 0, _no_bytes, connect=lambda: View(address))


def inspect(origin: Origin) -> FileFacts:
    """The view's columns. Its SHA-256 is known only when it is known which columns are wanted: see `fingerprint`."""
    assert origin.connect is not None
    view = origin.connect()
    return FileFacts(origin, "", "database", view.engine, view=view)


def _no_bytes():
    raise AssertionError("a database view has no bytes of its own")


def previews(facts: FileFacts) -> list[Preview]:
    """Its column names, and below them marks for the values, which stay where they are."""
    view = _view(facts)
    rows = [view.columns] + [[UNSEEN] * len(view.columns)] * view.has_rows
    return [Preview(rows, [], sheet=0, sheet_name=facts.name)]


def fingerprint(table: Table, wanted: list[str]) -> tuple[str, int]:
    """SHA-256 over the wanted cells, whatever the order of the rows, and how many bytes they are.

    A view without `order by` may give the same rows in another order each time, so the digests of the rows are added
    up (modulo 2^256; Bellare & Micciancio 1997, "A New Paradigm for Collision-Free Hashing") and the sum is hashed.
    """
    names = sorted(wanted)
    total, n_rows, n_bytes = 0, 0, 0
    for rows in _view(table.facts).blocks(_columns(table, names)):
        cells = [pl.concat_str(pl.lit("1"), pl.col(name)).fill_null("0") for name in rows.columns]
        for line in rows.select(pl.concat_str(cells, separator="\x1f").alias("line"))["line"]:
            content = line.encode()
            total += int.from_bytes(hashlib.sha256(content).digest())
            n_bytes += len(content)
        n_rows += len(rows)
    said = json.dumps([names, n_rows, total % (1 << 256)], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest(), n_bytes


def read(table: Table, wanted: list[str]) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """See `reading.read`. Rows are numbered as they come; the connection is closed behind the last."""
    view, next_row = _view(table.facts), 2
    try:
        for rows in view.blocks(_columns(table, wanted)):
            rows.columns = wanted
            numbers = pl.int_range(next_row, next_row + pl.len(), dtype=pl.Int32).alias("source_row")
            next_row += len(rows)
            yield rows.with_columns(numbers), pl.DataFrame(schema=WRONG_FIELD_COUNT)
    finally:
        view.close()


def _view(facts: FileFacts) -> View:
    assert facts.view is not None
    return facts.view


def _columns(table: Table, wanted: list[str]) -> list[str]:
    """The view's own names of these headers, which may have been trimmed or numbered."""
    own = _view(table.facts).columns
    return [own[table.headers.index(name)] for name in wanted]


def _parsed(address: str) -> tuple[sqlalchemy.URL, str | None, str]:
    """Where to connect, schema and view. A path that came through pathlib has lost one of its slashes."""
    try:
        url = sqlalchemy.make_url(re.sub(r"^([^:/]+):/+", r"\1://", address))
    except (exc.ArgumentError, ValueError):
        url = None
    driver = DRIVERS.get(url.drivername) if url else None
    said = url.query.get("view") if url else None
    if url is None or driver is None or not isinstance(said, str) or not url.database:
        lack = "不认识的数据库地址" if driver is None else "没有写明库名的地址" if said else "没有写明 view= 的地址"
        raise SourceError("数据库地址", found=lack, expected="PostgreSQL 或 MySQL 的视图地址", next_step=CHECK_ADDRESS)
    schema, _, view = said.rpartition(".")
    return url.set(drivername=driver).difference_update_query(["view"]), schema or None, view


def _connect_arguments(url: sqlalchemy.URL) -> dict:
    """PostgreSQL's own library looks for PGPASSWORD and ~/.pgpass; for MySQL we look for MYSQL_PWD."""
    is_mysql = url.get_backend_name() == "mysql"
    password = url.password or (os.environ.get("MYSQL_PWD") if is_mysql else None)
    arguments: dict = {"connect_timeout": CONNECT_SECONDS}
    if password is not None:  # PyMySQL would take a str for Latin-1
        arguments["password"] = password.encode() if is_mysql else password
    return arguments


def _name(url: sqlalchemy.URL, schema: str | None, view: str) -> str:
    """
    >>> _name(sqlalchemy.make_url("postgresql://u:p@db.local/office"), "public", "orders")
    '数据库 db.local/office public.orders'
    """
    return f"数据库 {url.host or '本机'}/{url.database} {schema + '.' if schema else ''}{view}"


def _as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    if isinstance(value, date | time | timedelta | int | float):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    return json.dumps(value, ensure_ascii=False, default=str)


class _told:
    """What the database says, as one Chinese sentence that repeats nothing of the address or of its rows."""

    def __init__(self, name: str):
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, exc.SQLAlchemyError | psycopg.Error | pymysql.Error | OSError):
            raise _refusal(self._name, getattr(error, "orig", None) or error) from None


def _refusal(name: str, error: BaseException) -> SourceError:
    first = error.args[0] if error.args else None
    code = first if isinstance(first, int) else getattr(error, "sqlstate", None)  # MySQL's own number says more
    said = " ".join(map(str, error.args)).lower()
    for codes, words, found, expected, next_step in FAULTS:
        if code in codes or any(word in said for word in words):
            return SourceError(name, found=found, expected=expected, next_step=next_step)
    return SourceError(
        name,
        found=f"数据库报错（{type(error).__name__}{f' {code}' if isinstance(code, int) or _is_state(code) else ''}）",
        expected="可以读取的视图",
        next_step="请把错误名称告诉数据库管理员；数据没有导入。",
    )


def _is_state(code: object) -> bool:
    return isinstance(code, str) and re.fullmatch(r"[0-9A-Z]{5}", code) is not None


_ASK = "请向业务系统管理员核对后重试。"
# (error codes of PostgreSQL and MySQL, words of PostgreSQL's refusals to connect, found, expected, next step)
FAULTS = (
    (
        ("28P01", 1045, 1698),
        ("password authentication", "no password supplied", "密码认证失败", "password 认证"),
        "用户名或密码不被接受",
        "能登录的用户名和密码",
        "请核对用户名和密码；密码可以写在地址里，或放在环境变量 PGPASSWORD（MySQL 用 MYSQL_PWD）或 ~/.pgpass 中。",
    ),
    (
        ("28000", 1130, 1044, 1227),
        ("pg_hba.conf", 'role "', "角色", "is not permitted to log in"),
        "数据库不允许这个用户从本机登录",
        "已授权的用户",
        _ASK,
    ),
    (("42501",), (), "没有读取这个视图的权限", "有 SELECT 权限的视图", _ASK),
    ((1142, 1143), (), "没有这个视图，或没有读取它的权限", "已有且有 SELECT 权限的视图", _ASK),
    (("3D000", 1049), ('database "', "数据库 “"), "没有这个数据库", "已有的数据库名", _ASK),
    (
        ("42P01", "3F000", 1146, 1356),
        (),
        "没有这个视图",
        "已有的视图或表（模式.名称，区分大小写）",
        "请核对 view= 后面的名称。",
    ),
    (
        (2003, 2005),
        (
            "connection refused",
            "could not translate host",
            "name or service not known",
            "failed to resolve",
            "timeout",
            "timed out",
            "no route to host",
            "network is unreachable",
            "no such file or directory",
        ),
        "连不上数据库服务器",
        "正在运行、可以从本机访问的数据库",
        "请核对主机名和端口，并确认防火墙允许本机访问。",
    ),
    (
        (2006, 2013, "57P01", "57P02", "57P03", "25P03", "08006", "08003"),
        ("server closed the connection", "connection is lost", "terminating connection", "lost connection"),
        "读取途中连接中断",
        "读取期间保持的连接",
        "数据没有导入；请稍后重试。",
    ),
    (("57014", 1317, 3024, 1969), (), "查询被数据库中止（可能超时）", "能读完的视图", _ASK),
)
