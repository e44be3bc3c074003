"""Where is the state of casework kept? SQLite in HOME by default, PostgreSQL by URL.

YANPAN_STATE is sqlite:///path, postgresql://user:password@host/database, or file:/path of a file that holds such a URL
(so that no password stands in the environment). The database is brought up to date by Alembic on first use, under a lock,
so that two processes may start at once.

Ten tables: `case_action`, append-only (triggers refuse to change or delete a row): a case is its actions in the order of
seq, and its state is the last of them; `delivery`, the outbox of push messages; `report_issue` and `export_log`, both
append-only: what was issued and what was taken away (app/reports/register.py); `review`, append-only: what looking an
item over again found (app/casework/reviews.py); `saved_view`: pages kept under a name (app/casework/saved.py);
`dispatch_choice`, append-only: what clerks made of a suggestion (app/casework/choices.py); `account`, `login` and `audit`,
the last append-only: who may come in, who has, and what was done (app/access).
"""

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy import event

from app import versions

SETTING = "YANPAN_STATE"
FILE = "state.sqlite"
MIGRATIONS = Path(__file__).parent / "migrations"
REVISION = "0008"  # the newest in MIGRATIONS
WAIT_SECONDS = 30  # for another writer

metadata = sa.MetaData()
_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER
case_action = sa.Table(
    "case_action",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("signal_id", sa.String(40), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),  # 1, 2 … within the case
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),  # after the action
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("actor_unit", sa.String(200)),  # who acts, where the role is unit
    sa.Column("to_unit", sa.String(200)),  # whom the case is with after the action
    sa.Column("at", sa.DateTime, nullable=False),  # the office's local time
    sa.Column("due_on", sa.Date),  # of the next step
    sa.Column("note", sa.Text, nullable=False),  # redacted
    sa.Column("reason", sa.String(20)),  # of a dismissal
    sa.Column("finding", sa.String(20)),  # of a closing
    sa.Column("request_id", sa.String(80), nullable=False),  # one click, one action
    sa.Column("snapshot", sa.JSON, nullable=False),  # the warning as it was then
    sa.UniqueConstraint("signal_id", "seq", name="case_action_seq"),
    sa.UniqueConstraint("request_id", name="case_action_request"),
)
delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("dedupe_key", sa.String(200), nullable=False),
    sa.Column("signal_id", sa.String(40)),
    sa.Column("event", sa.String(40), nullable=False),
    sa.Column("channel", sa.String(40), nullable=False),
    sa.Column("recipient", sa.String(200), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("area", sa.String(200)),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("status", sa.String(20), nullable=False),  # pending sending sent failed unclear suppressed
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_try_at", sa.DateTime),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("sent_at", sa.DateTime),
    sa.Column("last_error", sa.Text),
    sa.UniqueConstraint("dedupe_key", name="delivery_dedupe"),
    sa.Index("delivery_waiting", "status", "next_try_at"),
)
report_issue = sa.Table(
    "report_issue",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("period_code", sa.String(20), nullable=False),
    sa.Column("area_code", sa.String(40), nullable=False),  # empty: the whole city
    sa.Column("area_name", sa.String(200), nullable=False),
    sa.Column("audience", sa.String(20), nullable=False),
    sa.Column("number", sa.Integer),  # 第N期 of its year; null: without
    sa.Column("revision", sa.Integer, nullable=False),  # 1, 2 … of the same report
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("mark", sa.String(40), nullable=False),
    sa.Column("version", sa.String(20), nullable=False),  # of the marts
    sa.Column("as_of", sa.Date, nullable=False),  # the day whose data it shows
    sa.Column("fingerprint", sa.String(40), nullable=False),
    sa.Column("issued_at", sa.DateTime, nullable=False),  # the office's local time; casework as it stood then
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("formats", sa.String(80), nullable=False),  # docx,pptx
    sa.Column("files", sa.JSON, nullable=False),  # [{path (below HOME), format, bytes, sha256}]
    sa.UniqueConstraint("kind", "period_code", "area_code", "audience", "revision", name="report_issue_revision"),
)
export_log = sa.Table(
    "export_log",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("at", sa.DateTime, nullable=False),  # the office's local time
    sa.Column("role", sa.String(20)),  # null: not said
    sa.Column("page", sa.String(80), nullable=False),
    sa.Column("what", sa.String(300), nullable=False),  # name of the file
    sa.Column("format", sa.String(20), nullable=False),
    sa.Column("version", sa.String(80), nullable=False),  # of the marts, and the fingerprint of a report
    sa.Column("n_bytes", sa.BigInteger, nullable=False),
)
review = sa.Table(
    "review",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),  # spot 抽查, case 案件评查
    sa.Column("event_key", sa.String(40), nullable=False),  # an item; the last row of an item and kind holds
    sa.Column("unit_name", sa.String(200)),  # that handled it, as it was then
    sa.Column("issue_code", sa.String(40)),
    sa.Column("closed_on", sa.Date, nullable=False),
    sa.Column("draw", sa.String(200), nullable=False),  # how it came to be drawn: period, area, strata, n, seed
    sa.Column("result", sa.String(20), nullable=False),
    sa.Column("points", sa.Integer, nullable=False),  # 100 less what the checklist took off
    sa.Column("faults", sa.JSON, nullable=False),  # codes of the checklist
    sa.Column("note", sa.Text, nullable=False),  # redacted
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),  # the office's local time
    sa.Column("version", sa.String(80), nullable=False),  # of the marts
    sa.Column("request_id", sa.String(80), nullable=False),  # one click, one row
    sa.UniqueConstraint("request_id", name="review_request"),
)
saved_view = sa.Table(
    "saved_view",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),  # redacted
    sa.Column("page", sa.String(40), nullable=False),
    sa.Column("query", sa.JSON, nullable=False),  # {parameter: value}, of saved.KEPT
    sa.Column("is_shared", sa.Boolean, nullable=False),  # for the whole office, else for role and unit
    sa.Column("role", sa.String(20)),  # whose; null: not said, then it is shared
    sa.Column("unit", sa.String(200)),
    sa.Column("user_id", sa.String(200)),  # null: until there is a login
    sa.Column("saved_at", sa.DateTime, nullable=False),  # the office's local time
    sa.Column("request_id", sa.String(80), nullable=False),  # one click, one row
    sa.UniqueConstraint("request_id", name="saved_view_request"),
)

dispatch_choice = sa.Table(
    "dispatch_choice",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("event_key", sa.String(40), nullable=False),  # an item; its last row holds
    sa.Column("suggested_issue", sa.String(40)),  # the first one named, also where it abstained; null: none
    sa.Column("suggested_unit", sa.String(200)),
    sa.Column("probability", sa.Double),  # of the issue; null where only the library spoke
    sa.Column("is_abstained", sa.Boolean, nullable=False),
    sa.Column("model_version", sa.Integer),  # null: library alone
    sa.Column("verdict", sa.String(20), nullable=False),  # accepted changed refused
    sa.Column("chosen_issue", sa.String(40)),  # null: refused without another
    sa.Column("chosen_unit", sa.String(200)),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("actor_unit", sa.String(200)),  # who chose, where the role is unit
    sa.Column("chosen_at", sa.DateTime, nullable=False),  # the office's local time
    sa.Column("version", sa.String(80), nullable=False),  # of the marts
    sa.Column("request_id", sa.String(80), nullable=False),  # one click, one row
    sa.UniqueConstraint("request_id", name="dispatch_choice_request"),
)
account = sa.Table(
    "account",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("issuer", sa.String(300), nullable=False),  # with subject: whom the identity provider means
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("role", sa.String(20)),  # null: has tried to come in, waits for an administrator
    sa.Column("places", sa.JSON, nullable=False),  # [codes]: counties, or one town; empty: the whole city
    sa.Column("unit", sa.String(200)),  # where the role is unit
    sa.Column("is_from_directory", sa.Boolean, nullable=False, server_default=sa.false()),  # by a claim of the login
    sa.Column("created_at", sa.DateTime, nullable=False),  # UTC, as in the two tables below
    sa.Column("changed_at", sa.DateTime, nullable=False),
    sa.Column("disabled_at", sa.DateTime),
    sa.UniqueConstraint("issuer", "subject", name="account_subject"),
)
login = sa.Table(
    "login",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),  # digest of the identity token, so that one ended stays ended
    sa.Column("account_id", _KEY, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("seen_at", sa.DateTime, nullable=False),
    sa.Column("ended_at", sa.DateTime),
)
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("account", sa.String(40), nullable=False),  # id of the account; local: without login; command: `yanpan`
    sa.Column("role", sa.String(20)),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("object", sa.String(400), nullable=False),  # page, file name, codes of filters; nothing of an item
    sa.Column("version", sa.String(80), nullable=False),  # of the marts
    sa.Column("seal", sa.String(64), nullable=False),  # digest of this row and the seal of the one before
)


class Unavailable(Exception):
    """The state cannot be read or written now; one Chinese sentence says why and what to do."""


def engine(at: str | None = None) -> sa.Engine:
    """The database in force, or the one at this address, brought up to date. Raises Unavailable."""
    with _LOCK:
        return _engine(address(at))


@contextmanager
def reading() -> Iterator[sa.Connection]:
    """A connection to look at the state. Raises Unavailable."""
    with _sentences(), engine().connect() as connection:
        yield connection


BEFORE_WRITING: list[Callable[[], None]] = []
"""Asked before anything is written; one that raises Unavailable keeps it from being written (app.access.signin)."""


@contextmanager
def writing(*, is_asked: bool = True) -> Iterator[sa.Connection]:
    """One transaction that writes: committed at the end, nothing of it kept on an error. Raises Unavailable.

    In SQLite it waits for other writers at its start, not in its middle, where waiting would be in vain.
    is_asked: are BEFORE_WRITING asked?
    """
    for ask in BEFORE_WRITING if is_asked else ():
        ask()
    with (
        _sentences(),
        engine().connect().execution_options(**{_BEGIN: "begin immediate"}) as connection,
        connection.begin(),
    ):
        yield connection


def add_once(table: sa.Table, request_id: str, answer: str, make: Callable[[sa.Connection], Mapping[str, Any]]) -> Any:
    """Add the row that `make` gives, unless this click (request_id) has added one, be it at the same moment in another
    process; the value of its column `answer`. Raises Unavailable and what `make` raises."""
    known = sa.select(table.c[answer]).where(table.c.request_id == request_id)
    try:
        with writing() as connection:
            found = connection.execute(known).first()
            if found is None:
                row = make(connection)
                connection.execute(table.insert().values(request_id=request_id, **row))
                return row[answer]
    except sa.exc.IntegrityError:  # the other click was faster between our look and our insert
        with reading() as connection:
            found = connection.execute(known).first()
        if found is None:
            raise
    return found[0]


def problem() -> str | None:
    """What is wrong with the state database, in one sentence; None where it can be used."""
    try:
        with reading() as connection:
            connection.execute(sa.select(sa.func.count()).select_from(case_action)).scalar_one()
    except Unavailable as error:
        return str(error)
    return None


# ---------------------------------------------------------------- which database

_LOCK = threading.Lock()
_BEGIN = "sqlite_begin"


def address(said: str | None = None) -> str:
    """The URL in force, or the one said as YANPAN_STATE says it, as SQLAlchemy wants it."""
    said = os.environ.get(SETTING, "").strip() if said is None else said
    if said.startswith("file:"):
        path = Path(said.removeprefix("file:")).expanduser()
        try:
            said = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"写明办理状态库地址的文件 {path}（{SETTING}）读不出来。请检查路径和权限。") from error
    if not said:
        return sa.URL.create("sqlite", database=str(versions.home() / FILE)).render_as_string()
    try:
        url = sa.make_url(said)
    except sa.exc.ArgumentError:
        url = None
    drivers = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
    if (
        url is None or url.get_backend_name() not in drivers or not url.database
    ):  # nothing of it is repeated: a password
        raise Unavailable(
            f"{SETTING} 不是可用的数据库地址，应写成 sqlite:///路径 或 postgresql://用户:密码@主机/库名。请改正后重新启动。"
        ) from None
    return url.set(drivername=drivers[url.get_backend_name()]).render_as_string(hide_password=False)


@lru_cache(maxsize=4)
def _engine(address: str) -> sa.Engine:
    url = sa.make_url(address)
    is_file = url.get_backend_name() == "sqlite"
    made = _sqlite(url) if is_file else _postgresql(url)
    try:
        with _sentences(address):
            if is_file:
                path = Path(url.database or "").resolve()
                path.parent.mkdir(parents=True, exist_ok=True)
                with FileLock(f"{path}.lock", timeout=WAIT_SECONDS):  # setting WAL does not wait for others
                    _keep_private(path)
                    _migrate(made)
            else:
                _migrate(made)
    except BaseException:
        made.dispose()
        raise
    return made


def _keep_private(path: Path) -> None:
    """For this user alone, before anything is in it: SQLite gives its -wal and -shm the mode of the file."""
    path.touch(mode=0o600)
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        with suppress(FileNotFoundError, PermissionError):  # a file of somebody else stays as its owner wants it
            file.chmod(0o600)


def _postgresql(url: sa.URL) -> sa.Engine:
    return sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 5}, json_serializer=_json)


def _sqlite(url: sa.URL) -> sa.Engine:
    made = sa.create_engine(url, connect_args={"timeout": WAIT_SECONDS}, json_serializer=_json)

    @event.listens_for(made, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where SQLAlchemy says so
        connection.execute("pragma journal_mode = wal")  # readers do not wait for a writer
        connection.execute("pragma synchronous = full")  # what was answered stays, also when the power goes

    @event.listens_for(made, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "begin"))

    return made


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


# ---------------------------------------------------------------- the tables, brought up to date


def _migrate(made: sa.Engine) -> None:
    """Bring an empty or older database to REVISION; Unavailable where it is newer than this program."""
    with made.connect() as connection:
        found = _revision(connection)
    if found is not None and found > REVISION:
        raise Unavailable(
            f"办理状态库 {_place(made.url)} 由更新的程序建立（结构 {found}，本程序只到 {REVISION}）。请升级本程序；预警仍可查看。"
        )
    if found == REVISION:
        return
    from alembic import command  # a tenth of a second that only a new database needs
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with made.connect().execution_options(**{_BEGIN: "begin immediate"}) as connection, connection.begin():
        if made.dialect.name == "postgresql":
            connection.exec_driver_sql("select pg_advisory_xact_lock(hashtext('yanpan.casework'))")
        settings.attributes["connection"] = connection
        command.upgrade(settings, REVISION)


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("select max(version_num) from alembic_version").scalar()


# ---------------------------------------------------------------- what goes wrong, in a sentence


@contextmanager
def _sentences(at: str | None = None) -> Iterator[None]:
    """Turn what the database says in its own words into Unavailable; what a constraint refuses stays as it is."""
    try:
        yield
    except sa.exc.IntegrityError:
        raise
    except (sa.exc.DatabaseError, sa.exc.InterfaceError, OSError) as error:  # OSError: no folder, or its lock is held
        logging.getLogger(__name__).warning("casework state unavailable: %s", error)
        raise Unavailable(
            f"办理状态库 {_place(sa.make_url(at or address()))} 现在用不了，签收、反馈、销号等暂时不能办理；预警仍可查看。"
            "请管理员检查数据库或磁盘，原因见服务日志。"
        ) from error


def _place(url: sa.URL) -> str:
    return str(url.database) if url.get_backend_name() == "sqlite" else f"{url.host or '本机'}/{url.database}"
