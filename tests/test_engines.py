"""The marts on Apache Spark: a real master and two workers on loopback give what DuckDB gives."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
from servers import free_port

from pipelines import build, engines, publish
from pipelines.config import home as open_home
from pipelines.engines import EngineFailed, spark
from pipelines.errors import UsageError

TODAY = date(2026, 11, 16)
# For a small city on two cores: compiling every query to Java would take longer than running it.
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
DEFAULTS = f"""
spark.sql.codegen.wholeStage false
spark.sql.codegen.factoryMode NO_CODEGEN
spark.sql.shuffle.partitions 2
spark.sql.adaptive.enabled false
spark.executor.memory 512m
spark.driver.memory 512m
spark.executor.extraJavaOptions {JAVA}
spark.driver.extraJavaOptions {JAVA}
"""


def lacking(what: str):
    if os.environ.get("CI") == "true":
        pytest.fail(f"本机没有 {what}：请先安装（见 .ci/run）")
    pytest.skip(f"本机没有 {what}，跳过 Spark 集群测试")


@pytest.fixture(scope="module")
def spark_class() -> Path:
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        lacking("Java（default-jre-headless）")
    try:
        import pyspark
    except ImportError:
        lacking("pyspark（make spark）")
    return Path(pyspark.__file__).parent / "bin" / "spark-class"


@pytest.fixture(scope="module")
def cluster(spark_class, tmp_path_factory):
    """A standalone cluster as a city would run it: a master and two workers of one core each. → (cluster, its workers)"""
    folder = tmp_path_factory.mktemp("spark")
    (folder / "spark-defaults.conf").write_text(DEFAULTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("SPARK_CONF_DIR", str(folder))
        patch.setenv("SPARK_HOME", str(spark_class.parents[1]))
        patch.setenv("SPARK_DAEMON_MEMORY", "256m")
        patch.setenv("SPARK_DAEMON_JAVA_OPTS", JAVA)
        port = free_port()
        place = ["--host", "127.0.0.1", "--webui-port", "0"]
        worker = [*place, "--cores", "1", "--memory", "600m", f"spark://127.0.0.1:{port}"]
        master = start(spark_class, folder / "master.log", "master.Master", *place, "--port", str(port))
        workers = [
            start(spark_class, folder / f"{n}.log", "worker.Worker", "--work-dir", f"{folder}/{n}", *worker)
            for n in (1, 2)
        ]
        try:
            until = time.monotonic() + 120
            while (folder / "master.log").read_text().count("Registering worker") < 2:
                assert time.monotonic() < until, (folder / "master.log").read_text()[-2000:]
                time.sleep(0.2)
            (folder / "共享 folder").mkdir()
            yield engines.Cluster(f"spark://127.0.0.1:{port}", folder / "共享 folder"), workers
        finally:
            for process in (*workers, master):
                stop(process)


def start(spark_class: Path, log: Path, name: str, *arguments: str) -> subprocess.Popen:
    with log.open("w") as said:
        return subprocess.Popen(
            [spark_class, f"org.apache.spark.deploy.{name}", *arguments],
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stop(process: subprocess.Popen) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def chosen(cluster, monkeypatch) -> engines.Cluster:
    """The cluster, named by the settings."""
    found, _ = cluster
    monkeypatch.setenv(engines.SETTING, found.master)
    monkeypatch.setenv(engines.FOLDER, str(found.folder))
    return found


def test_the_whole_build_is_the_same(chosen, demo_home, tmp_path):
    """Every table of the published version, from the items to the warnings, row by row."""
    other = open_home(shutil.copytree(demo_home.path, tmp_path / "spark home"))
    first = publish.current(other)
    second = build.build(other, today=TODAY)["version"]
    with duckdb.connect() as connection:
        for name, version in (("duck", first), ("spark", second)):
            connection.execute(f"attach '{publish.version_file(other, version)}' as {name} (read_only)")
        tables = {name: columns(connection, name) for name in ("duck", "spark")}
        assert tables["spark"] == tables["duck"]
        assert set(build.mart_files()) <= set(tables["duck"])
        for table, kinds in tables["duck"].items():
            if table != "meta":  # version and time of the build
                assert rows(connection, "spark", table, kinds) == rows(connection, "duck", table, kinds), table
    assert not list(chosen.folder.iterdir())  # nothing of an item stays there


def columns(connection, catalog: str) -> dict[str, list[tuple[str, str]]]:
    found = connection.execute(
        "select table_name, list((column_name, data_type) order by column_index) from duckdb_columns()"
        " where database_name = $name and schema_name = 'main' group by table_name order by table_name",
        {"name": catalog},
    ).fetchall()
    return {table: [tuple(one) for one in kinds] for table, kinds in found}


def rows(connection, catalog: str, table: str, kinds: list[tuple[str, str]]) -> list[tuple]:
    """Sorted; floats to 1e-9."""
    cells = [f'round("{name}", 9)' if kind == "DOUBLE" else f'"{name}"' for name, kind in kinds]
    return connection.execute(f"select {', '.join(cells)} from {catalog}.main.{table} order by all").fetchall()


TRICKY = """
-- grain: item_key
-- inputs: item, core.other
select
    lower(printf('%016x', i.item_id)) as item_key,
    date_diff('day', i.from_at, i.to_at) as n_days,
    (epoch(i.to_at) - epoch(i.from_at)) / 86400.0 as days,
    greatest(i.share, 0.3) as share,
    i.from_at as "时间",
    o.names,
    o.middle
from item as i
left join (
    select
        item_id,
        string_agg(distinct name, '、' order by name) as names,
        percentile_cont(0.5) within group (order by cost) as middle
    from core.other
    group by item_id
) as o on o.item_id = i.item_id
where i.share is distinct from 7.5
order by item_key
"""


def test_what_the_dialects_see_differently_is_translated(chosen, tmp_path):
    """Keys beyond 63 bits, midnights, fractions of a second, medians, ordered lists; a mart without rows."""
    probe, empty = tmp_path / "probe.sql", tmp_path / "empty.sql"
    probe.write_text(TRICKY, encoding="utf-8")
    empty.write_text("select item_key, n_days, names from probe where n_days > 100000", encoding="utf-8")
    with duckdb.connect() as connection:
        connection.execute(f"attach '{tmp_path / 'm.duckdb'}' as marts; attach ':memory:' as warehouse")
        connection.execute("create schema warehouse.core; set search_path = 'marts.main,warehouse.core'")
        connection.execute(
            """
            create temp table item (item_id ubigint, from_at timestamp, to_at timestamp, share double);
            insert into item values
                (18446744073709551615, '2026-01-01 23:59:59.25', '2026-01-02 00:00:01', 0.1),
                (1, '2026-03-08 00:30:00', '2026-03-09 00:00:00', null), (9223372036854775808, null, now()::timestamp, 7.5),
                (9223372036854775807, '1969-12-31 12:00:00', '2026-01-02 00:00:01.123456', 0.7);
            create table core.other (item_id ubigint, name varchar, cost bigint);
            insert into core.other values
                (1, 'b', 10), (1, '乙', 1), (1, 'b', 2), (1, '甲', 5), (1, null, 9), (18446744073709551615, null, null);
            """
        )
        expected = rounded(connection.execute(probe.read_text(encoding="utf-8")).fetchall())
        spark.run(connection, {"probe": probe, "empty": empty}, chosen)
        assert rounded(connection.execute("from marts.probe").fetchall()) == expected
        day = datetime(2026, 3, 8, 0, 30)
        assert expected[0] == ("0000000000000001", 1, 0.979166667, 0.3, day, "b、乙、甲", 5.0)
        assert connection.execute("from marts.empty").fetchall() == []
        assert connection.execute("describe marts.empty").fetchall()[1][:2] == ("n_days", "BIGINT")


def rounded(found: list[tuple]) -> list[tuple]:
    return [tuple(round(cell, 9) if isinstance(cell, float) else cell for cell in row) for row in found]


def test_every_mart_can_be_carried_over():
    """In `make test`, without a cluster: no dialect's own function has crept in."""
    pytest.importorskip("sqlglot")
    marts = {name: spark.parse(path) for name, path in build.mart_files().items()}
    for name, tree in marts.items():
        said = spark.translate(tree)
        assert "APPROX" not in said and "DATEDIFF(DAY" not in said and "UNIX_TIMESTAMP" not in said, name
    assert "event" not in spark.inputs(marts) and "known_event" in spark.inputs(marts)


@pytest.mark.parametrize(
    ("engine", "folder", "said"),
    [
        ("hadoop", "", "YANPAN_ENGINE 是“hadoop”，应为 duckdb 或 spark://主机:端口"),
        ("spark://10.0.0.1", "", "应为 duckdb 或 spark://主机:端口"),
        ("spark://10.0.0.1:7077", "", "YANPAN_ENGINE_FOLDER 应为一个已有文件夹的完整路径"),
        ("spark://10.0.0.1:7077", "relative", "现在是“relative”"),
        ("spark://10.0.0.1:7077", "/no/such/folder", "现在是“/no/such/folder”"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_at_once(engine, folder, said, monkeypatch, empty_home):
    monkeypatch.setenv(engines.SETTING, engine)
    monkeypatch.setenv(engines.FOLDER, folder)
    with pytest.raises(UsageError, match=said):
        engines.cluster()


def test_without_the_extra_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv(engines.SETTING, "spark://10.0.0.1:7077")
    monkeypatch.setenv(engines.FOLDER, str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"没有安装 pyspark、sqlglot、Java 17。请在程序文件夹运行 make spark"):
        engines.cluster()
    monkeypatch.setenv(engines.SETTING, "duckdb")
    assert engines.cluster() is None


def test_a_cluster_that_is_not_there_leaves_the_version_that_serves(spark_class, full, monkeypatch, tmp_path):
    monkeypatch.setenv(engines.SETTING, f"spark://127.0.0.1:{free_port()}")
    monkeypatch.setenv(engines.FOLDER, str(tmp_path))
    before = publish.versions(full)
    with pytest.raises(EngineFailed, match=r"连不上 Spark 集群.*原版本继续使用") as caught:
        build.build(full, today=TODAY)
    assert caught.value.exit_code == 3
    assert publish.versions(full) == before
    assert not list(tmp_path.glob("yanpan-*"))


def test_rows_that_only_another_machine_sees_are_missed(tmp_path):
    """A worker without the shared folder writes to a folder of its own, and nobody complains: the count does."""
    file = tmp_path / "mart.sql"
    file.write_text("select 1 as n", encoding="utf-8")
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as marts")
        connection.execute(f"copy (select 1 as n) to '{tmp_path / 'part-0.parquet'}' (format parquet)")
        with pytest.raises(
            EngineFailed, match="Spark 写了 2 行，本机在共享文件夹里只看到 1 行。多半是某台机器没有挂载"
        ):
            spark.load(connection, "mart", file, tmp_path, 2)


def test_a_cluster_without_workers_is_not_waited_for(chosen, cluster, demo_home, monkeypatch):
    """Stops the workers; as it asks for demo_home too, it comes after the test that needs both."""
    monkeypatch.setattr(spark, "WORKER_SECONDS", 1)
    for process in cluster[1]:
        stop(process)
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as marts")
        with pytest.raises(EngineFailed, match="1 秒内没有给出可用的工作进程"):
            spark.run(connection, {}, chosen)
    assert not list(chosen.folder.iterdir())
