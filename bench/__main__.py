"""The figures of BENCHMARKS.md: `make bench`, or `python -m bench pipeline --items 1000000` / `python -m bench pages`,
`python -m bench sessions --home HOME --sessions 60 --seconds 300` (pages and sessions need Linux),
`python -m bench detectors`, `python -m bench redaction`, `python -m bench scenarios --reps 20 --seed 1`,
`python -m bench fusion --reps 4 --seed 2001`, `python -m bench dispatch --home HOME` (a built home),
`python -m bench api --home HOME` (the same),
`python -m bench growth --items 1000000 --keep FOLDER` (one size: all, then one more week),
`python -m bench enlarge --home HOME --to BIG --times 33` (a home with so many times the items, for pages and sessions).

Ratios are taken in one run on one machine: the pipeline against DuckDB's bare `read_csv` of the same rows.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import fastexcel

from bench import api, detectors, dispatch, enlarge, fusion, growth, redaction, scenarios, sessions
from pipelines import config

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    whats = (
        "all",
        "pipeline",
        "pages",
        "sessions",
        "warnings",
        "detectors",
        "redaction",
        "scenarios",
        "fusion",
        "dispatch",
        "enlarge",
        "growth",
        "api",
    )
    parser.add_argument("what", nargs="?", default="all", choices=whats)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="folder to work in and keep (default: a temporary one)")
    parser.add_argument("--home", type=Path, help="pages, sessions, warnings: a home that is built already")
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=300, help="sessions: how long they stay")
    parser.add_argument(
        "--think", type=float, default=sessions.THINK_SECONDS, help="sessions: mean seconds between clicks"
    )
    parser.add_argument("--reps", type=int, help="series of each scenario (20); cities (4)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=Path, help="enlarge: folder of the home to make")
    parser.add_argument("--times", type=int, default=33, help="enlarge: how many times the items")
    parser.add_argument("--quick", action="store_true", help="scenarios: one row of the short-history table")
    options = parser.parse_args()
    if options.home and options.what not in ("pages", "sessions", "warnings", "dispatch", "enlarge", "api"):
        parser.error(
            "--home is for pages, sessions, warnings, dispatch, enlarge and api: the others would build it anew"
        )
    if options.what == "dispatch":
        return dispatch.run(config.Home(options.home) if options.home else None)
    if options.what == "api":
        if not options.home:
            parser.error("api needs --home")
        return api.run(config.Home(options.home.resolve()), min(options.seconds, 30), options.seed)
    if options.what == "enlarge":
        if not (options.home and options.to):
            parser.error("enlarge needs --home and --to")
        return enlarge.run(options.home, options.to, options.times)
    if options.what == "growth":
        if not options.keep:
            parser.error("growth needs --keep")
        return growth.run(options.items, options.keep)
    if options.what == "scenarios":
        return scenarios.run(options.reps or 20, options.seed, options.quick)
    if options.what == "fusion":
        return fusion.run(options.reps or 4, options.seed)
    if options.what == "detectors":
        return detectors.run()
    if options.what == "redaction":
        return redaction.run()
    work = options.keep or Path(tempfile.mkdtemp(prefix="yanpan-bench-"))
    try:
        home = options.home or work / "home"
        if not (home / "demo").exists() and not options.home:
            _show("demo", seconds=_timed(home, "demo", "--items", str(options.items)))
        if options.what in ("all", "pipeline"):
            pipeline(home, work)
        if options.what in ("all", "pages"):
            sessions.pages(home, seed=options.seed)
        if options.what in ("all", "sessions"):
            sessions.run(home, options.sessions, options.seconds, options.think, options.seed)
        if options.what in ("all", "warnings"):
            warnings(home)
    finally:
        if not options.keep:
            shutil.rmtree(work)


def pipeline(home: Path, work: Path) -> None:
    """read → redact → core → marts → detect → publish, against the bare read of the same rows as UTF-8 CSV."""
    plain = work / "plain"
    if not plain.exists():
        _as_plain_csv(home / "demo", plain)
    for leftover in (home / "warehouse.duckdb", work / "bare.duckdb"):
        leftover.unlink(missing_ok=True)
    shutil.rmtree(home / "marts", ignore_errors=True)
    bare = min(_bare_read(plain, work / "bare.duckdb") for _ in range(2))
    ingest = _timed(home, "ingest", str(home / "demo"))
    build = _timed(home, "build")
    rows = _rows(home)
    _show("bare read_csv", seconds=bare)
    _show("ingest", seconds=ingest, ratio=ingest / bare)
    _show("build", seconds=build, ratio=build / bare)
    _show("full pipeline", seconds=ingest + build, ratio=(ingest + build) / bare, items=rows)


def warnings(home: Path) -> None:
    """Planted events found, how often told, how soon and how high; signals that match none; what the ±20 % rule would say.

    A warning of a unit matches no planted event and is counted by itself. A signal matches a planted event of the same issue and county from its first week to two weeks after its last.
    """
    truth = str(home / "demo" / "truth.csv").replace("'", "''")
    planted = f"""
        select *, left(place_code, 6) as county, starts_on::date as starts, ends_on::date as ends,
               extra_items::int as extra from read_csv('{truth}', all_varchar=true)
        where starts_on::date >= (select min(week_start_on) from weekly_detection where status <> 'not_assessed')
    """
    match = """s.issue_code in (t.issue_code, left(t.issue_code, 2)) and s.week_start_on between t.starts - 6 and t.ends + 14
        and (s.county_code = t.county or s.place_level = 'city')"""
    [(n_weeks,)] = _query(home, "select count(distinct week_start_on) from weekly_detection")
    for size, low, high in (("small, under 20 items", 0, 20), ("20 items and more", 20, 1_000_000)):
        [(n, found)] = _query(
            home,
            f"""select count(*), count(*) filter (where exists (select 1 from signal as s where {match}))
                from ({planted}) as t where extra >= {low} and extra < {high}""",
        )
        _show(f"planted events, {size}", planted=n, found=found)
    told = _query(
        home,
        f"""select t.event_id, any_value(t.extra), count(distinct s.signal_id),
                any_value(t.starts) - (min(s.week_start_on) + 7),
                arg_min(s.signal_level, (s.week_start_on, s.rank)),
                min(case s.signal_level when 'red' then 0 when 'orange' then 1 when 'yellow' then 2 else 3 end)
            from ({planted}) as t inner join signal as s on {match} where t.extra >= 20 group by t.event_id""",
    )
    late = [max(0, -days) for _, _, _, days, _, _ in told]
    _show(
        "of these, told",
        once=sum(n == 1 for _, _, n, _, _, _ in told),
        more_than_once=sum(n > 1 for _, _, n, _, _, _ in told),
        median_days_after_its_start_on_the_monday_after=statistics.median(late) if late else float("nan"),
        red_or_orange=sum(best <= 1 for *_, best in told),
    )
    [(n_signals, n_units, n_false, n_stories)] = _query(
        home,
        f"""with judged as (
              select s.*, unit_name is null and not exists (select 1 from ({planted}) as t where {match}) as is_false
              from signal as s
            )
            select count(*), count(unit_name), count(*) filter (where is_false),
                (select count(*) from (select signal_id from judged group by signal_id having bool_and(is_false)))
            from judged""",
    )
    by_kind = dict(_query(home, "select kind, count(distinct signal_id) from signal group by kind order by kind"))
    _show(
        "signals",
        weeks=n_weeks,
        signals=n_signals,
        of_units=n_units,
        unplanted_per_week=n_false / n_weeks,
        new_unplanted_stories_per_week=n_stories / n_weeks,
    )
    _show("stories by the kind that speaks first", **by_kind)
    [(n_old,)] = _query(
        home,
        """with series as (
             select county_code, issue_code, week_start_on, sum(n_events) as n from weekly_counts
             where county_code is not null group by all
           )
           select count(*) from series as now
           left join series as before on before.county_code = now.county_code and before.issue_code = now.issue_code
             and before.week_start_on = now.week_start_on - 7
           where now.n > 1.2 * coalesce(before.n, 0)
             and now.week_start_on in (select distinct week_start_on from weekly_detection)""",
    )
    _show("the ±20 % rule, upward, county × issue", alarms_per_week=n_old / n_weeks)


def _as_plain_csv(demo: Path, plain: Path) -> None:
    plain.mkdir(parents=True)
    for path in sorted(demo.rglob("*")):
        if path.parent.name == "reference" or path.name == "truth.csv":
            continue
        target = plain / f"{path.parent.name}-{path.stem}.csv"
        if path.suffix == ".csv":
            text = path.read_bytes()
            try:
                target.write_text(text.decode("utf-8-sig"), encoding="utf-8")
            except UnicodeDecodeError:
                target.write_text(text.decode("gb18030"), encoding="utf-8")
        elif path.suffix == ".xlsx":
            sheet = fastexcel.read_excel(path).load_sheet(0, header_row=2, dtypes="string").to_polars()
            sheet.write_csv(target)


def _bare_read(plain: Path, file: Path) -> float:
    file.unlink(missing_ok=True)
    started = time.perf_counter()
    with duckdb.connect(file) as connection:
        for prefix in ("petition-", "hotline-12345", "hotline-承办", "grid-"):
            if list(plain.glob(f"{prefix}*")):
                files = str(plain / f"{prefix}*.csv").replace("'", "''")
                connection.execute(
                    f"create table \"{prefix}\" as select * from read_csv('{files}', all_varchar=true, header=true,"
                    " ignore_errors=true)"
                )
        connection.execute("checkpoint")
    return time.perf_counter() - started


def _timed(home: Path, *command: str) -> float:
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *command, "--home", str(home)],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return time.perf_counter() - started


def _query(home: Path, sql: str) -> list[tuple]:
    file = home / "marts" / (home / "marts" / "CURRENT").read_text().strip()
    with duckdb.connect(file, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def _rows(home: Path) -> int:
    return _query(home, "select count(*) from event")[0][0]


def _show(name: str, **figures: float) -> None:
    print(
        json.dumps({"what": name, **{key: round(value, 2) for key, value in figures.items()}}, ensure_ascii=False),
        flush=True,
    )


if __name__ == "__main__":
    main()
