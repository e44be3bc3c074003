"""The published version → HOME/marts/backtest.json: what early warning would have said of the last two years, and how well."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from multiprocessing import get_context

import duckdb
import polars as pl

from pipelines import build, publish, signals, states, warehouse
from pipelines.config import Home, warning_budget
from pipelines.errors import UsageError
from pipelines.surveillance import Record, stories, weeks
from pipelines.surveillance.backtest import BASELINE_WEEKS, CITIES, MAX_WEEKS, MIN_WEEKS, backtest

FILE = "backtest.json"
FORMAT = 1  # of that file; the page reads no other


def run(
    home: Home,
    *,
    first: date | None = None,
    last: date | None = None,
    seed: int = 0,
    cities: int = CITIES,
    progress: Callable[[str], None] = lambda said: None,
) -> dict:
    """Backtest the version that serves and keep the figures; the file is replaced in one go. Raises UsageError where
    there is no version or too little history. `first`, `last`: any day of the first and last week judged."""
    version = publish.current(home)
    if version is None:
        raise UsageError("还没有发布过版本，没有可回测的数据。请先运行 yanpan build。")
    progress("正在读取已发布的周统计")
    record, reports, n_weeks = _read(home, version, first, last)
    # Fresh processes: a forked one would inherit locks of libraries that run threads.
    with ProcessPoolExecutor(min(cities, os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
        figures = backtest(
            record,
            reports,
            n_weeks,
            rule=stories.Rule(**warning_budget()),
            seed=seed,
            cities=cities,
            run=pool.map,
            progress=progress,
        )
    result = {"format": FORMAT, "version": version, "run_at": datetime.now().isoformat(timespec="seconds"), **figures}
    pending = home.marts / f"{FILE}.new"
    pending.write_text(json.dumps(result, ensure_ascii=False, indent=1), encoding="utf-8")
    pending.replace(home.marts / FILE)
    return result


def _read(home: Home, version: int, first: date | None, last: date | None) -> tuple[Record, pl.DataFrame, int]:
    """The record up to the last week wanted, when its items were first known, and how many weeks to judge."""
    warehouse.connect(home, read_only=True).close()  # brings an older one up to date, or says why it cannot be read
    with duckdb.connect() as connection:
        for path, name in ((publish.version_file(home, version), "marts"), (home.warehouse, "warehouse")):
            quoted = str(path).replace("'", "''")
            connection.execute(f"attach '{quoted}' as {name} (read_only)")
        connection.execute(f"set search_path = '{build.SEARCH_PATH}'")
        meta = dict(connection.execute("select key, value from meta").fetchall())
        if meta.get("schema") != publish.SCHEMA:
            raise UsageError("正在使用的版本由旧程序发布。请先用 yanpan build 重新发布，再运行 yanpan backtest。")
        as_of = date.fromisoformat(meta["as_of"])
        states.view_as_known(connection, as_of, warehouse="warehouse")
        upto = date.fromisoformat(meta["last_full_week"]) + timedelta(days=7)
        complete = signals.complete_weeks(connection, upto)
        chosen, n_weeks = _chosen(complete, first, last)
        record = signals.record(connection, chosen, as_of, has_communities=True)
        since = chosen["week_start_on"][-n_weeks] - timedelta(weeks=sum(weeks.DELAY_WEEKS))
        reports = signals.first_reports(connection, since)
    judged = record.weekly.filter(pl.col("week_start_on").is_in(chosen["week_start_on"].implode()))
    columns = [*judged.columns, "known_on"]
    return replace(record, weekly=judged), reports.select(columns), n_weeks


def _chosen(complete: pl.DataFrame, first: date | None, last: date | None) -> tuple[pl.DataFrame, int]:
    """The complete weeks up to `last`, and how many of them, from `first` on, are to be judged."""
    chosen = complete.filter(pl.col("week_start_on") <= (last or date.max))
    possible = len(chosen) - BASELINE_WEEKS
    if possible < MIN_WEEKS:
        raise UsageError(
            f"历史不够回测：到最后一周为止有 {len(chosen)} 个完整周，至少要 {BASELINE_WEEKS + MIN_WEEKS} 周"
            f"（前 {BASELINE_WEEKS} 周作基线）。请积累或补导更早的文件后再运行。"
        )
    if first is None:
        return chosen, min(possible, MAX_WEEKS)
    wanted = chosen.filter(pl.col("week_start_on") + pl.duration(days=6) >= first).height
    if not MIN_WEEKS <= wanted <= possible:
        earliest = chosen["week_start_on"][BASELINE_WEEKS]
        raise UsageError(
            f"--from 到 --to 是 {wanted} 个完整周，应至少 {MIN_WEEKS} 周，且不早于 {earliest}"
            f"（此前 {BASELINE_WEEKS} 周作基线）。请改日期后重新运行。"
        )
    return chosen, wanted
