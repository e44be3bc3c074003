"""Warehouse → a new, checked, published version of the marts.

Order: seeds and reference → places and issues resolved → sql/marts → detection and signals → sql/checks → publish.
Every step is rebuilt from the warehouse, so the same warehouse, reference and as-of day give the same figures.
"""

import re
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb
import polars as pl

from pipelines import (
    classify,
    corrections,
    deadlines,
    places,
    positions,
    privacy_scan,
    publish,
    quality,
    reference,
    states,
    surveillance,
    warehouse,
)
from pipelines.config import SEEDS, SQL, Home, warning_budget
from pipelines.errors import CheckFailed, SourceError, UsageError
from pipelines.surveillance import clusters, indicators, stories, weeks, wording

MEMORY_LIMIT = "4GB"  # beyond it DuckDB spills beside the marts instead of filling the machine
EVIDENCE_KEPT_P = 0.2  # evidence less telling than this is not kept
SEARCH_PATH = "marts.main,warehouse.core"


def build(
    home: Home,
    *,
    today: date,
    as_of: date | None = None,
    is_replay: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> dict:
    """Build and publish a new version; returns what `meta` says of it plus seconds a step.

    `as_of`: only what was known on this day is seen (default: `today`); see `states.view_as_known`. `is_replay`: the
    result is put beside the versions, for whoever asks for that day, and the version that serves stays. Raises
    CheckFailed, with the previous version still serving, when a check finds wrong rows.
    """
    if not home.warehouse.exists():
        raise SourceError(
            str(home.path.name),
            found="还没有入库的数据",
            expected="先导入信访、12345 或网格文件",
            next_step="请先运行 yanpan ingest 文件或文件夹",
        )
    warehouse.connect(home).close()  # brings an older one up to date; says whether it is busy or damaged
    home.marts.mkdir(exist_ok=True)
    building = home.marts / "building.duckdb"
    reference.keep(home)
    folder = reference.as_of(home, as_of) if as_of else home.reference
    as_of = min(as_of or today, today)
    seconds: dict[str, float] = {}
    others: list[pl.DataFrame] = []  # evidence besides the weekly counts
    judged: list[surveillance.Judged] = []

    def step(name: str, run: Callable[[], object]) -> None:
        progress(name)
        started = time.perf_counter()
        run()
        seconds[name] = round(time.perf_counter() - started, 2)

    with warehouse.storage_errors("新版本没有发布，原版本继续使用"), _open(home, building) as connection:
        version = max([*publish.existing(home), 0]) + 1
        basis = states.view_as_known(connection, as_of, warehouse="warehouse")
        step("更正", lambda: _correct(connection, home, as_of))
        step("区划与事项", lambda: _resolve_names(connection, folder, as_of))
        step("时限与质量", lambda: _prepare(connection, folder, as_of))
        step("统计表", lambda: run_marts(connection))
        # A day that is reconstructed is over; a day as it was known is as far as it had come.
        complete = _complete_weeks(connection, as_of if basis == "known" else min(today, as_of + timedelta(days=1)))
        step("空间聚集", lambda: others.append(clusters.evidence(_find_clusters(connection, complete))))
        step("单位办理", lambda: others.append(_judge_units(connection, complete)))
        step("预警", lambda: judged.append(_detect(connection, complete, as_of, pl.concat(others))))
        step(
            "个人信息复查",
            lambda: _put(connection, "privacy_scan", privacy_scan.scan_tables(connection), temporary=False),
        )
        step("概况", lambda: _describe(connection, version, as_of, basis, complete, judged[0].rule))
        step("校验", lambda: run_checks(connection))
        meta = dict(connection.execute("select key, value from meta").fetchall())
        connection.execute("use memory; checkpoint marts; detach marts; detach warehouse")
        if is_replay:
            publish.keep_replay(home, building, as_of)
        else:
            publish.publish(home, building, version)
    return {**meta, "version": version, "seconds": seconds}


def _open(home: Home, building: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory connection with the warehouse attached read-only and a fresh marts file to write."""
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
    try:
        connection.execute(f"attach '{_quoted(home.warehouse)}' as warehouse (read_only)")
        connection.execute(f"attach '{_quoted(building)}' as marts")
    except duckdb.IOException as error:
        raise busy from error
    connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
    connection.execute(f"set temp_directory = '{_quoted(home.marts / 'spill')}'")
    connection.execute(f"set search_path = '{SEARCH_PATH}'")
    return connection


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _put(connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame, *, temporary: bool = True) -> None:
    """Write a frame as a table: a temporary input of the marts, or a mart of its own."""
    connection.register("incoming_frame", frame.to_arrow())
    target = f"temp table {table}" if temporary else f"table marts.{table}"
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


def _prepare(connection: duckdb.DuckDBPyConnection, folder: Path, as_of: date) -> None:
    deadlines.prepare(connection, folder, as_of)
    quality.prepare(connection)


def mart_files() -> dict[str, Path]:
    """The marts in the order their `-- inputs:` lines demand."""
    files = {path.stem: path for path in sorted((SQL / "marts").glob("*.sql"))}
    inputs = {name: [source for source in header(path, "inputs") if source in files] for name, path in files.items()}
    return {name: files[name] for name in TopologicalSorter(inputs).static_order()}


def header(path: Path, key: str) -> list[str]:
    """The comma-separated values of a `-- key:` line at the top of a SQL file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"-- {key}:"):
            return [value.strip() for value in line.split(":", 1)[1].split(",")]
    raise ValueError(f"{path.name} has no `-- {key}:` line")


def run_marts(connection: duckdb.DuckDBPyConnection) -> None:
    for name, path in mart_files().items():
        connection.execute(f"create table marts.{name} as {path.read_text(encoding='utf-8')}")


def surveillance_record(
    connection: duckdb.DuckDBPyConnection, complete: pl.DataFrame, as_of: date
) -> surveillance.Record:
    """What early warning looks at, from the marts just built. `complete`: see `weeks.complete_weeks`."""
    [(n_days,)] = connection.execute("select count(distinct known_on) from known_batch").fetchall()
    triangle = (
        connection.sql((SQL / "views" / "reporting_triangle.sql").read_text(encoding="utf-8")).pl()
        if n_days >= weeks.MIN_DELAY_WEEKS  # fewer say nothing about delays
        else pl.DataFrame()
    )
    return surveillance.Record(
        weekly=connection.sql("from weekly_counts").pl(),
        weeks=complete,
        places=connection.sql("from place").pl(),
        issues=connection.sql("select issue_code, group_code from issue").pl(),
        city_code=_city(connection)[0],
        arrived=weeks.completeness(triangle, complete["week_start_on"].to_list(), as_of),
    )


def _detect(
    connection: duckdb.DuckDBPyConnection, complete: pl.DataFrame, as_of: date, others: pl.DataFrame
) -> surveillance.Judged:
    """Weekly verdicts, the evidence besides them and the signals made of both, up to the last complete week."""
    record = surveillance_record(connection, complete, as_of)
    judged = surveillance.judge(record, others=others, rule=stories.Rule(**warning_budget()))
    _put(connection, "weekly_detection", judged.detection.select(list(_DETECTION_SCHEMA)), temporary=False)
    worth_keeping = (pl.col("p_value") < EVIDENCE_KEPT_P) | pl.col("unit_name").is_not_null()
    _put(connection, "evidence", judged.evidence.filter(worth_keeping), temporary=False)
    _put(connection, "signal", _described_signals(connection, judged.signals, record), temporary=False)
    return judged


def _judge_units(connection: duckdb.DuckDBPyConnection, complete: pl.DataFrame) -> pl.DataFrame:
    outcome = connection.sql("from weekly_outcome").pl()
    return indicators.unit_evidence(outcome, complete["week_start_on"].to_list(), city_code=_city(connection)[0])


def _find_clusters(connection: duckdb.DuckDBPyConnection, complete: pl.DataFrame) -> pl.DataFrame:
    """Where items of one issue crowd together: the marts `cluster` and `cluster_place`."""
    mondays = complete["week_start_on"].to_list()
    studied = mondays[-clusters.CLUSTER_WEEKS - clusters.STUDY_WEEKS :]
    items = connection.sql(
        "select date_trunc('week', registered_on)::date as week_start_on, issue_code, county_code, town_code, "
        "community_code, lon, lat, count(*) as n_events from event where registered_on >= $first group by all",
        params={"first": studied[0] if studied else date.max},
    ).pl()
    found, members = clusters.find(items, connection.sql("from place").pl(), weeks=studied)
    _put(connection, "cluster", found, temporary=False)
    _put(connection, "cluster_place", members, temporary=False)
    return found


def _described_signals(
    connection: duckdb.DuckDBPyConnection, signals: pl.DataFrame, record: surveillance.Record
) -> pl.DataFrame:
    """The signals with names, sentence, evidence and caveat: the `signal` mart."""
    if signals.is_empty():
        return pl.DataFrame(schema=_SIGNAL_SCHEMA)
    place = connection.sql("from place").pl()
    town = pl.when(pl.col("place_level") == "town").then("county_name").otherwise(pl.lit(""))
    full_name = pl.concat_str(town, "place_name").alias("place_full_name")
    issues = connection.sql(
        "select issue_code, issue_name, group_name, role_name from issue union all "
        "select distinct group_code, group_name || '（大类）', group_name, null from issue "
        "where group_code not in (select issue_code from issue)"
    ).pl()
    named = signals.join(
        place.select("place_code", "place_name", "county_code", full_name), on="place_code", maintain_order="left"
    ).join(issues, on="issue_code", maintain_order="left")
    _put(connection, "chosen_week", named.select("week_start_on", "issue_code").unique())
    items = connection.sql(
        "select w.week_start_on, e.registered_on, e.county_code, e.town_code, e.community_code, w.issue_code, "
        "e.source, e.channel from event as e inner join issue as i on i.issue_code = e.issue_code "
        "inner join chosen_week as w on w.issue_code in (i.issue_code, i.group_code) "
        "and e.registered_on between w.week_start_on and w.week_start_on + 6"
    ).pl()
    names = dict(place.select("place_code", "place_name").iter_rows())
    rows = named.to_dicts()
    consists_of = wording.parts(items, named, names)
    arrived = weeks.arrived_by_week(record.arrived)
    return named.with_columns(
        pl.col("kinds").list.join(","),
        pl.Series("sentence", [wording.sentence(row) for row in rows]),
        pl.Series("evidence", [wording.as_json(part) for part in consists_of]),
        pl.Series(
            "caveat",
            [
                wording.caveat(part, row["observed"], arrived.get((row["week_start_on"], row["county_code"]), 1.0))
                for part, row in zip(consists_of, rows, strict=True)
            ],
        ),
    ).select(list(_SIGNAL_SCHEMA))


_DETECTION_SCHEMA = (
    "week_start_on", "place_level", "place_code", "issue_code", "observed",
    "expected", "upper_bound", "score", "p_value", "status", "reason",
)  # fmt: skip
_SIGNAL_SCHEMA = {
    "signal_id": pl.String, "week_start_on": pl.Date, "signal_level": pl.String, "kind": pl.String, "kinds": pl.String,
    "place_level": pl.String, "place_code": pl.String, "place_name": pl.String, "county_code": pl.String,
    "issue_code": pl.String, "issue_name": pl.String, "group_name": pl.String, "role_name": pl.String,
    "observed": pl.Int64, "expected": pl.Float64, "upper_bound": pl.Float64, "excess": pl.Float64,
    "p_value": pl.Float64, "chance_per_year": pl.Float64, "since_on": pl.Date, "n_weeks": pl.Int64, "rank": pl.Int64,
    "sentence": pl.String, "evidence": pl.String, "caveat": pl.String,
}  # fmt: skip


def _complete_weeks(connection: duckdb.DuckDBPyConnection, today: date) -> pl.DataFrame:
    calendar = connection.sql("select day_on, week_start_on, is_workday from calendar").pl()
    daily = connection.sql(
        "select registered_on, sum(n_events)::bigint as n_events from daily_counts group by all"
    ).pl()
    return weeks.complete_weeks(calendar, daily, today)


def _city(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    cities = "select place_code, place_name from place where place_level = 'city' order by place_code"
    return connection.execute(cities).fetchall()[0]


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
    city_code, city_name = _city(connection)
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
