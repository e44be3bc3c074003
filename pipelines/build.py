"""Warehouse → a new, checked, published version of the marts.

Order: seeds and reference → places and issues resolved → sql/marts → detection and signals → sql/checks → publish.
Every step is rebuilt from the warehouse, so the same warehouse, reference and as-of day give the same figures.
"""

import re
import shutil
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb
import polars as pl

from pipelines import (
    classify,
    corrections,
    deadlines,
    emerging,
    engines,
    kpi,
    ledgers,
    matters,
    places,
    positions,
    privacy_scan,
    publish,
    quality,
    reference,
    referrals,
    refresh,
    registers,
    signals,
    states,
    topics,
    unclassified,
    verdicts,
    warehouse,
)
from pipelines.config import SEEDS, SQL, Home
from pipelines.errors import CheckFailed, SourceError, UsageError
from pipelines.surveillance import stories
from pipelines.surveillance.kept import Kept

MEMORY_LIMIT = "40%"  # of the machine's (or container's) memory; beyond it DuckDB spills beside the marts
BESIDE_LIMIT = "20%"  # in the steps that hold figures or texts of their own beside it
SEARCH_PATH = "marts.main,warehouse.core"
DAY = timedelta(days=1)

Table = pl.DataFrame | duckdb.DuckDBPyRelation


def build(
    home: Home,
    *,
    today: date,
    as_of: date | None = None,
    is_replay: bool = False,
    is_full: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> dict:
    """Build and publish a new version; returns what `meta` says of it, seconds a step, n_changed items that were looked at
    (all: null) and full_because (why all were).

    `as_of`: only what was known on this day is seen (default: `today`); see `states.view_as_known`. `is_replay`: the
    result is put beside the versions, for whoever asks for that day, and the version that serves stays. `is_full`: make
    everything anew, where only what has changed would be (see `refresh`). Raises CheckFailed, with the previous version
    still serving, when a check finds wrong rows.
    """
    if not home.warehouse.exists():
        raise SourceError(
            str(home.path.name),
            found="还没有入库的数据",
            expected="先导入信访、12345 或网格文件",
            next_step="请先运行 yanpan ingest 文件或文件夹",
        )
    warehouse.connect(home).close()  # brings an older one up to date; says whether it is busy or damaged
    cluster = engines.cluster()
    home.marts.mkdir(exist_ok=True)
    reference.keep(home)
    before = None if is_full or is_replay or cluster else refresh.start(home)
    why = "要求全部重算" if is_full else "没有可以接着算的版本"
    work = partial(_build, home, today, as_of, is_replay, is_full, cluster, progress)
    try:
        return work(before, why)
    except refresh.AllChanged as changed:
        return work(None, str(changed))


def _build(
    home: Home,
    today: date,
    as_of: date | None,
    is_replay: bool,
    is_full: bool,
    cluster: engines.Cluster | None,
    progress: Callable[[str], None],
    before: Path | None,
    why: str,
) -> dict:
    """`build` from a copy of the version `before`, or from nothing (`why`)."""
    building = home.marts / "building.duckdb"
    folder = reference.as_of(home, as_of) if as_of else home.reference
    as_of = min(as_of or today, today)
    seconds: dict[str, float] = {}
    found: signals.Tables = {}  # besides the weekly counts
    rules: list[stories.Rule] = []

    def step(name: str, run: Callable[[], object]) -> None:
        progress(name)
        started = time.perf_counter()
        run()
        seconds[name] = round(time.perf_counter() - started, 2)

    with warehouse.storage_errors("新版本没有发布，原版本继续使用"), _open(home, building, before) as connection:
        version = max([*publish.existing(home), 0]) + 1
        basis = states.view_as_known(connection, as_of, warehouse="warehouse")
        registers.view_as_known(connection, "warehouse")
        step("更正", lambda: _correct(connection, home, as_of))
        step("区划与事项", lambda: _resolve_names(connection, folder, as_of))
        step("时限与质量", lambda: _prepare(connection, folder, as_of, basis))
        given, as_of_end = refresh.facts(folder, home, basis), datetime.combine(as_of, datetime.min.time()) + DAY
        since = refresh.find(connection, given, as_of_end) if before else None
        progress(f"有变动的 {since.n_items:,} 件" if since else f"全部件（{why}）")
        step("统计表", lambda: run_marts(connection, since, cluster))
        step("指标", lambda: kpi.write(connection, folder, as_of, since))
        step("专题", lambda: topics.write_words(connection))
        connection.execute(f"set memory_limit = '{BESIDE_LIMIT}'")
        # A day that is reconstructed is over; a day as it was known is as far as it had come.
        complete = signals.complete_weeks(
            connection, as_of if basis == "known" else min(today, as_of + timedelta(days=1))
        )
        clusters = partial(signals.find_clusters, connection, complete, is_followed=since is not None)
        step("空间聚集", lambda: found.update(_put_marts(connection, clusters())))
        matters_of = partial(
            matters.find, connection, complete, home, is_kept=not is_replay, is_followed=since is not None
        )
        step("同一事项", lambda: found.update(_put_marts(connection, matters_of())))
        matters.forget(connection)
        step("新词", lambda: found.update(_put_marts(connection, {"emerging": emerging.find(connection, complete)})))
        is_large = connection.execute("select count(*) from event").fetchall()[0][0] >= refresh.FEWEST_ITEMS
        kept = verdicts.load(home, is_forgotten=is_full) if is_large and not is_replay else None
        step("预警", lambda: rules.append(_judge(connection, complete, as_of, found, kept)))
        if kept:
            verdicts.save(home, kept)
        step("个人信息复查", lambda: _scan(connection, since))
        step("概况", lambda: _describe(connection, version, as_of, basis, complete, rules[0]))
        step("校验", lambda: run_checks(connection))
        if not cluster:
            refresh.keep(connection, given, as_of_end)
        meta = dict(connection.execute("select key, value from meta").fetchall())
        connection.execute("use memory; checkpoint marts; detach marts; detach warehouse")
        if is_replay:
            publish.keep_replay(home, building, as_of)
        else:
            publish.publish(home, building, version)
    return {
        **meta,
        "version": version,
        "seconds": seconds,
        "n_changed": since.n_items if since else None,
        "full_because": None if since else why,
    }


def _open(home: Home, building: Path, before: Path | None) -> duckdb.DuckDBPyConnection:
    """An in-memory connection with the warehouse attached read-only and a marts file to write: a fresh one, or a copy of
    the version `before`, which is attached as well, with the tables that can be brought up to date."""
    connection = duckdb.connect()
    busy = warehouse.WarehouseBusy(
        "数据文件正被另一个 yanpan 进程使用（导入或计算正在进行）。请等它结束后再运行同一条命令。"
    )
    try:
        if building.exists():  # left by a killed build, or in use by a running one: the lock tells which
            connection.execute(f"attach '{_quoted(building)}' as leftover; detach leftover")
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise busy from error
    except duckdb.Error:
        pass  # a torn file of a killed build
    for leftover in (building, Path(f"{building}.wal")):
        leftover.unlink(missing_ok=True)
    if before:
        shutil.copyfile(before, building)
    try:
        connection.execute(f"attach '{_quoted(home.warehouse)}' as warehouse (read_only)")
        connection.execute(f"attach '{_quoted(building)}' as marts")
        connection.execute("create schema if not exists marts.basis")
        if before:
            connection.execute(f"attach '{_quoted(before)}' as before (read_only)")
            # Folding rows deleted here and there into the file rewrites most of a large table: once, at the end.
            connection.execute("set wal_autocheckpoint = '1TB'")
            refresh.made_anew(connection)
    except duckdb.IOException as error:
        raise busy from error
    connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
    connection.execute(f"set temp_directory = '{_quoted(home.marts / 'spill')}'")
    connection.execute(f"set search_path = '{SEARCH_PATH}'")
    return connection


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _put(connection: duckdb.DuckDBPyConnection, table: str, frame: Table, *, temporary: bool = True) -> None:
    """Write a frame, or what a query finds, as a table: a temporary input of the marts, or a mart of its own."""
    target = f"temp table {table}" if temporary else f"table marts.{table}"
    if isinstance(frame, duckdb.DuckDBPyRelation):
        connection.execute(f"create {target} as {frame.sql_query()}")
        return
    connection.register("incoming_frame", frame.to_arrow())
    connection.execute(f"create {target} as select * from incoming_frame")
    connection.unregister("incoming_frame")


def _resolve_names(connection: duckdb.DuckDBPyConnection, folder: Path, as_of: date) -> None:
    as_of_end = datetime.combine(as_of + timedelta(days=1), datetime.min.time())
    reference_places, boundaries = reference.read_places(folder), reference.read_boundaries(folder)
    reported_places = connection.sql(
        "select county_name, town_name, community_name, count(*) as n_events from known_event"
        f" where registered_at < timestamp '{as_of_end}' group by all order by all"
    ).pl()
    resolved, provisional = places.resolve(reported_places, reference_places)
    if reference_places.filter(pl.col("place_level") == "city").is_empty():
        provisional = provisional.extend(pl.DataFrame([places.WHOLE], schema=provisional.schema, orient="row"))
    _put(connection, "reference_place", reference_places)
    _put(connection, "resolved_place", resolved)
    _put(connection, "provisional_place", provisional)
    _put(connection, "reference_boundary", reference.for_display(boundaries))
    ground = None if boundaries.is_empty() else positions.Atlas(reference_places, boundaries)
    occupied, default_points = positions.locate(connection, ground, as_of_end)
    _put(connection, "resolved_position", occupied)
    _put(connection, "default_cell", default_points)

    reported_categories = connection.sql(
        f"select distinct source, category_raw from known_event where registered_at < timestamp '{as_of_end}' order by all"
    ).pl()
    crosswalk = reference.read_crosswalk(folder)
    resolved_categories, provisional_issues = classify.resolve(reported_categories, crosswalk)
    issues = pl.read_csv(SEEDS / "issue.csv", infer_schema=False)
    _put(connection, "resolved_category", classify.counted_only(resolved_categories, issues))
    _put(connection, "provisional_issue", provisional_issues)
    _put(connection, "issue_seed", issues)
    _put(connection, "concern_group", pl.read_csv(SEEDS / "concern_group.csv", infer_schema=False), temporary=False)
    _put(connection, "unit", reference.read_units(folder), temporary=False)
    holidays = pl.read_csv(SEEDS / "holiday.csv", try_parse_dates=True)
    _put(connection, "holiday_seed", holidays.with_columns(pl.col("is_off_day").cast(pl.Boolean)))

    _put(connection, "build_parameter", pl.DataFrame({"as_of_end": [as_of_end]}))
    first, last = connection.execute(
        "select min(registered_at)::date, max(registered_at)::date from known_event where registered_at < ?",
        [as_of_end],
    ).fetchall()[0]
    if first is None:
        raise SourceError(
            "数据仓库",
            found=f"截至 {as_of} 没有任何入库事项",
            expected="至少一件",
            next_step="请先用 yanpan ingest 导入文件，或改用更晚的 --as-of",
        )
    monday, sunday = first - timedelta(days=first.weekday()), last + timedelta(days=6 - last.weekday())
    day = pl.date_range(monday, sunday, eager=True).alias("day_on")
    _put(connection, "covered_day", day.to_frame().with_columns(day.dt.strftime("%G-W%V").alias("iso_week")))


def _correct(connection: duckdb.DuckDBPyConnection, home: Home, as_of: date) -> None:
    _put(connection, "correction", corrections.apply(connection, home, as_of), temporary=False)


def _prepare(connection: duckdb.DuckDBPyConnection, folder: Path, as_of: date, basis: str) -> None:
    unclassified.view_as_known(connection, basis)
    deadlines.prepare(connection, folder, as_of)
    referrals.prepare(connection)
    ledgers.prepare(connection, folder)
    topics.prepare(connection, folder)
    quality.prepare(connection)


def mart_files() -> dict[str, Path]:
    """The marts in the order their `-- inputs:` lines demand."""
    files = {path.stem: path for path in sorted((SQL / "marts").glob("*.sql"))}
    inputs = {name: [source for source in header(path, "inputs") if source in files] for name, path in files.items()}
    for name, path in files.items():
        if refresh.said(path, "refresh") and name != "event":
            inputs[name].append("event")  # says which weeks have changed
    return {name: files[name] for name in TopologicalSorter(inputs).static_order()}


def header(path: Path, key: str) -> list[str]:
    """The comma-separated values of a `-- key:` line at the top of a SQL file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"-- {key}:"):
            return [value.strip() for value in line.split(":", 1)[1].split(",")]
    raise ValueError(f"{path.name} has no `-- {key}:` line")


def run_marts(
    connection: duckdb.DuckDBPyConnection, change: refresh.Change | None = None, cluster: engines.Cluster | None = None
) -> None:
    """The marts of sql/marts, by DuckDB or on a cluster; with a `change` those that can are only brought up to date."""
    if cluster:
        from pipelines.engines import spark  # an extra of its own

        spark.run(connection, mart_files(), cluster)
        return
    for name, path in mart_files().items():
        if change and refresh.said(path, "refresh"):
            refresh.mart(connection, name, path, change)
        else:
            connection.execute(f"create table marts.{name} as {path.read_text(encoding='utf-8')}")


def _judge(
    connection: duckdb.DuckDBPyConnection,
    complete: pl.DataFrame,
    as_of: date,
    found: signals.Tables,
    kept: Kept | None,
) -> stories.Rule:
    units = signals.judge_units(connection, complete, kept)
    tables, rule = signals.judge(connection, complete, as_of, found, units, kept)
    _put_marts(connection, tables)
    return rule


def _put_marts(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Table]) -> signals.Tables:
    """Write the marts; those that are at hand as frames."""
    for name, table in tables.items():
        _put(connection, name, table, temporary=False)
    return {name: table for name, table in tables.items() if isinstance(table, pl.DataFrame)}


def _scan(connection: duckdb.DuckDBPyConnection, since: refresh.Change | None) -> None:
    found = privacy_scan.scan_tables(connection, ("marts", "warehouse"), is_followed=since is not None)
    _put(connection, "privacy_scan", found, temporary=False)


def _describe(
    connection: duckdb.DuckDBPyConnection,
    version: int,
    as_of: date,
    basis: str,
    complete: pl.DataFrame,
    rule: stories.Rule,
) -> None:
    first, last, n_events = connection.execute(
        "select min(registered_on), max(registered_on), sum(n_events)::bigint from daily_counts"
    ).fetchall()[0]
    mondays = complete["week_start_on"]
    judged_from = connection.execute(
        "select min(week_start_on) from weekly_detection where status <> 'not_assessed'"
    ).fetchall()[0][0]
    city_code, city_name = signals.city(connection)
    facts = {
        "version": str(version),
        "schema": publish.SCHEMA,
        "built_at": datetime.now().isoformat(timespec="seconds"),
        "as_of": str(as_of),
        "replay_basis": basis,
        "city_code": city_code,
        "city_name": city_name,
        "data_from": str(first),
        "data_through": str(last),
        "n_events": str(n_events),
        "last_full_week": str(mondays.max() or last - timedelta(days=last.weekday())),
        "history_from": str(mondays.min() or ""),
        "judged_from": str(judged_from or ""),
        "level_rule": stories.level_rule(rule),
        **unclassified.about(connection),
    }
    _put(connection, "meta", pl.DataFrame({"key": list(facts), "value": list(facts.values())}), temporary=False)


def run_checks(connection: duckdb.DuckDBPyConnection, *, needs_warehouse: bool = True) -> list[str]:
    """Run every check; returns their names. Raises CheckFailed with the first wrong rows of the first that fails."""
    fields = pl.read_csv(SQL / "fields.csv", infer_schema=False)
    connection.register("field", fields.to_arrow())
    names = []
    for path in sorted((SQL / "checks").glob("*.sql")):
        if not needs_warehouse and re.search(r"\b(?:core\.|known_)", path.read_text(encoding="utf-8")):
            continue
        wrong = connection.sql(path.read_text(encoding="utf-8")).limit(3).pl()
        if len(wrong):
            meaning = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("-- ")
            raise CheckFailed(
                f"校验“{path.stem}”未通过（{meaning}）：例如 {wrong.to_dicts()}。"
                "新版本没有发布，原版本继续使用。请检查导入的数据或参考数据后重新运行 yanpan build。"
            )
        names.append(path.stem)
    return names


def check_current(home: Home) -> list[str]:
    """Run the checks that need only the marts against the version that serves."""
    version = publish.current(home)
    if version is None:
        raise UsageError("还没有发布过版本。请先运行 yanpan build。")
    with duckdb.connect() as connection:
        connection.execute(f"attach '{_quoted(publish.version_file(home, version))}' as marts (read_only); use marts")
        return run_checks(connection, needs_warehouse=False)
