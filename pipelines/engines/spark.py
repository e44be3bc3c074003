"""The marts on Apache Spark: inputs out as Parquet, the same SQL on the cluster, results back into the marts file.

What one build writes lies in one folder of the shared storage, `yanpan-<hash of this home>`, and is deleted at its end,
whatever the end; what a killed build left there goes with the next one:

- `input/<table>/` every table the marts read and Python or the warehouse holds, in files of FILE_BYTES, of which Spark
  reads parts in parallel. By month or week they are not split: every mart reads all of history.
- `mart/<name>/` what Spark made of sql/marts/<name>.sql, in the SQL's own order; later marts read it from there.

SQLGlot carries the SQL from DuckDB's dialect to Spark's; `translate` does what it would get wrong. The types of a mart
are those DuckDB gives it. `event_fault`, which has a row an item and is no mart, is made on the cluster too.

What runs, runs in Spark's executors: no Python there. Spark's own settings (memory, cores, secrets) are read by Spark
from SPARK_CONF_DIR/spark-defaults.conf, as everywhere.
"""

import hashlib
import shutil
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipelines.config import SQL
from pipelines.engines import SETTING, Cluster, EngineFailed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from sqlglot import exp

FILE_BYTES = "256MB"
CONNECT_SECONDS = 5  # to the master
WORKER_SECONDS = 60  # until a first worker has given an executor
VIEWS = ("event_fault",)  # of sql/views, made on the cluster: a row an item, and the marts' own subset of SQL
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",  # an overflow or a bad cast is an error, as in DuckDB
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.ui.enabled": "false",  # opens no port of its own
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}
KINDS = {
    "BIGINT": "bigint", "BOOLEAN": "boolean", "DATE": "date", "DOUBLE": "double", "INTEGER": "int", "SMALLINT": "smallint",
    "TIMESTAMP": "timestamp_ntz", "UBIGINT": "bigint", "VARCHAR": "string",
}  # fmt: skip  # types of DuckDB → of Spark; the office's local time has no zone
AGAIN = f"原版本继续使用。请处理后重新运行 yanpan build，或设 {SETTING}=duckdb 在本机计算。"


def run(
    connection: duckdb.DuckDBPyConnection,
    files: dict[str, Path],
    cluster: Cluster,
    progress: Callable[[str, float], None] = lambda table, seconds: None,
) -> None:
    """Make the marts `files` (name → SQL file, in the order they need each other) in the catalog `marts`.

    The connection has all their other inputs, as tables or views of these names. progress: told each mart's seconds.
    Raises EngineFailed where the cluster cannot be reached, gives no worker or breaks down.
    """
    marts = {name: parse(path) for name, path in files.items()}
    views = {name: parse(SQL / "views" / f"{name}.sql") for name in VIEWS if name in inputs(marts)}
    parsed = views | marts
    with _folder(connection, cluster) as folder, _session(cluster) as session:
        with _sentences("导出", cluster):
            for table, columns in inputs(parsed).items():
                path = folder / "input" / table
                schema = _export(connection, table, columns, path)
                session.read.schema(schema).parquet(str(path)).createOrReplaceTempView(_view_name(table))
        for name, tree in parsed.items():
            started = time.perf_counter()
            with _sentences(name, cluster):
                path = folder / "mart" / name
                n_rows = _compute(session, name, translate(tree), path)
                if name in files:
                    load(connection, name, files[name], path, n_rows)
            progress(name, time.perf_counter() - started)


# ---------------------------------------------------------------- the SQL


def parse(file: Path) -> "exp.Expr":
    import sqlglot

    return sqlglot.parse_one(file.read_text(encoding="utf-8"), read="duckdb")


def inputs(parsed: dict[str, "exp.Expr"]) -> dict[str, set[str] | None]:
    """Tables that the queries read and none of them makes → the columns that may be meant; None: all."""
    from sqlglot import exp

    found: dict[str, set[str] | None] = {}
    for tree in parsed.values():
        own = {cte.alias for cte in tree.find_all(exp.CTE)}
        takes_all = any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star))
        named = {column.name for column in tree.find_all(exp.Column)}
        for table in tree.find_all(exp.Table):
            name = f"{table.db}.{table.name}" if table.db else table.name
            if name in parsed or name in own:
                continue
            known = found.setdefault(name, set())
            found[name] = None if takes_all or known is None else known | named
    return found


def translate(tree: "exp.Expr") -> str:
    """The query in Spark's SQL, with the same answer.

    Names are quoted, since Spark has other reserved words; `core.event` is the view core_event. Four things SQLGlot would
    carry over to something that answers otherwise, without a word:

    - a number with a point is an exact decimal of few digits in Spark also where DuckDB goes on in doubles: made a double;
    - date_diff in days counts midnights in DuckDB, full 24 hours in Spark: the days of the two are taken;
    - epoch() has fractions of a second, unix_timestamp() has not;
    - percentile_cont becomes an approximation: Spark's exact `percentile` takes its place.
    """
    from sqlglot import exp

    tree = tree.copy()
    for number in list(tree.find_all(exp.Literal)):
        if not number.is_string and "." in number.name:
            number.replace(exp.cast(number.copy(), "double"))
    for difference in list(tree.find_all(exp.DateDiff)):
        if difference.unit.name.upper() != "DAY":
            raise NotImplementedError(difference.sql(dialect="duckdb"))
        difference.replace(
            _call("datediff", *(exp.cast(one, "date") for one in (difference.this, difference.expression)))
        )
    for moment in list(tree.find_all(exp.TimeToUnix)):
        moment.replace(exp.cast(exp.cast(moment.this, "timestamptz"), "double"))
    for within in list(tree.find_all(exp.WithinGroup)):
        if not isinstance(within.this, exp.PercentileCont):
            raise NotImplementedError(within.sql(dialect="duckdb"))
        [ordered] = within.expression.expressions
        within.replace(_call("percentile", ordered.this, within.this.this))
    for table in list(tree.find_all(exp.Table)):
        if table.db:
            view = exp.to_table(_view_name(f"{table.db}.{table.name}"))
            table.replace(exp.alias_(view, table.alias_or_name, table=True))
    return tree.sql(dialect="spark", identify=True, comments=False)


def _call(name: str, *arguments: "exp.Expr") -> "exp.Expr":
    from sqlglot import exp

    return exp.Anonymous(this=name, expressions=list(arguments))


def _view_name(table: str) -> str:
    return table.replace(".", "_")


# ---------------------------------------------------------------- out, over there, and back


def _export(connection: duckdb.DuckDBPyConnection, table: str, columns: set[str] | None, folder: Path) -> str:
    """Those columns of a table as Parquet; returns their names and types as Spark wants them.

    Keys are unsigned in DuckDB, signed with the same bits in Spark: equal where they were, and the same in hexadecimal."""
    kinds = {
        name: kind
        for name, kind, *_ in connection.execute(f"describe {table}").fetchall()
        if columns is None or name in columns
    }
    cells = [f"{_signed(name) if kind == 'UBIGINT' else name} as {name}" for name, kind in kinds.items()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    connection.execute(
        f"copy (select {', '.join(cells)} from {table}) to {_quoted(folder)}"
        f" (format parquet, compression zstd, file_size_bytes '{FILE_BYTES}')"
    )
    return ", ".join(f"{name} {KINDS[kind]}" for name, kind in kinds.items())


def _signed(name: str) -> str:
    return f"case when {name} < 9223372036854775808 then {name}::bigint else ({name}::hugeint - 18446744073709551616)::bigint end"


def _compute(session: "SparkSession", name: str, query: str, folder: Path) -> int:
    """Write the query's answer, and let what follows read it there; how many rows the executors say they wrote."""
    from pyspark.sql import Observation
    from pyspark.sql.functions import count, lit

    answer, written = session.sql(query), Observation()
    assert "timestamp" not in (kind for _, kind in answer.dtypes), f"{name}: a time with a zone"
    answer.observe(written, count(lit(1)).alias("n_rows")).write.parquet(str(folder))
    session.read.schema(answer.schema).parquet(str(folder)).createOrReplaceTempView(name)
    return int(written.get["n_rows"])


def load(connection: duckdb.DuckDBPyConnection, name: str, file: Path, folder: Path, n_rows: int) -> None:
    """The mart from what Spark wrote, with the columns and types DuckDB would give it.

    A worker that has a folder of its own under the shared path writes where nobody reads: then rows are missing.
    """
    connection.execute(f"create table marts.{name} as {file.read_text(encoding='utf-8')} with no data")
    columns = ", ".join(row[0] for row in connection.execute(f"describe marts.{name}").fetchall())
    parts = f"read_parquet({_quoted(folder / '*.parquet')})"
    [(n_loaded,)] = connection.execute(f"insert into marts.{name} select {columns} from {parts}").fetchall()
    if n_loaded != n_rows:
        raise EngineFailed(
            f"统计表 {name}：Spark 写了 {n_rows:,} 行，本机在共享文件夹里只看到 {n_loaded:,} 行。"
            f"多半是某台机器没有挂载共享文件夹。{AGAIN}"
        )


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


@contextmanager
def _folder(connection: duckdb.DuckDBPyConnection, cluster: Cluster) -> Iterator[Path]:
    """This home's folder in the shared storage: empty now, gone at the end, closed to all but its owner and group."""
    [(file,)] = connection.execute("select path from duckdb_databases() where database_name = 'marts'").fetchall()
    mark = hashlib.sha256(f"{socket.gethostname()} {file}".encode()).hexdigest()[:12]
    folder = cluster.folder / f"yanpan-{mark}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o770)
    except OSError as error:
        raise EngineFailed(f"共享文件夹 {cluster.folder} 写不进去（{error.strerror}）。{AGAIN}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _session(cluster: Cluster) -> "Iterator[SparkSession]":
    """A session with at least one executor."""
    _reach(cluster.master)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of pandas 3, which is not used here
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master(cluster.master).appName("yanpan build")
        for key, value in SETTINGS.items():
            builder = builder.config(key, value)
        with _sentences("连接", cluster):
            session = builder.getOrCreate()
    try:
        _wait_for_worker(session, cluster.master)
        yield session
    finally:
        session.stop()


def _reach(master: str) -> None:
    """One of the masters answers: Spark itself would try for a minute."""
    for place in master.removeprefix("spark://").split(","):
        host, port = place.rsplit(":", 1)
        try:
            socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
            return
        except OSError as error:
            refused = error
    raise EngineFailed(f"连不上 Spark 集群 {master}（{refused.strerror or refused}）。{AGAIN}")


def _wait_for_worker(session: "SparkSession", master: str) -> None:
    """Without a worker that has cores and memory to give, Spark would wait for ever."""
    until = time.monotonic() + WORKER_SECONDS
    while len(session.sparkContext._jsc.sc().statusTracker().getExecutorInfos()) < 2:  # the driver is one of them
        if time.monotonic() > until:
            raise EngineFailed(
                f"Spark 集群 {master} 在 {WORKER_SECONDS} 秒内没有给出可用的工作进程：没有启动，或内存、CPU 已被占满。{AGAIN}"
            )
        time.sleep(0.2)


@contextmanager
def _sentences(what: str, cluster: Cluster) -> Iterator[None]:
    """What Spark or the shared folder says in its own words as one sentence."""
    from pyspark.errors import AnalysisException, PySparkException

    try:
        yield
    except AnalysisException:  # our SQL
        raise
    except (PySparkException, _java_error(), duckdb.IOException, OSError) as error:
        raise EngineFailed(
            f"Spark 集群 {cluster.master} 没有算成“{what}”：{_first_line(error)}。"
            f"请看 Spark 的日志，并检查每台机器都能读写 {cluster.folder}。{AGAIN}"
        ) from error


def _java_error() -> type[Exception]:
    from py4j.protocol import Py4JError

    return Py4JError


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]
