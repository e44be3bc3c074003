"""The figures of BENCHMARKS.md: `make bench`, or `python -m bench pipeline --items 1000000` / `python -m bench pages`.

Ratios are taken in one run on one machine: the pipeline against DuckDB's bare `read_csv` of the same rows.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import fastexcel

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("what", nargs="?", default="all", choices=("all", "pipeline", "pages"))
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="folder to work in and keep (default: a temporary one)")
    options = parser.parse_args()
    work = options.keep or Path(tempfile.mkdtemp(prefix="yanpan-bench-"))
    try:
        home = work / "home"
        if not (home / "demo").exists():
            _show("demo", seconds=_timed(home, "demo", "--items", str(options.items)))
        if options.what in ("all", "pipeline"):
            pipeline(home, work)
        if options.what in ("all", "pages"):
            pages(home)
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


def pages(home: Path) -> None:
    """p50 and p95 of a rerun of each page, one session, warm, a new filter each time."""
    os.environ["YANPAN_HOME"] = str(home)
    from streamlit.testing.v1 import AppTest

    weeks = [
        str(row[0]) for row in _query(home, "select distinct week_start_on from weekly_counts order by 1 desc limit 30")
    ]
    for page in ("weekly", "hotspots", "trends", "issues", "early_warnings", "intake"):
        test = AppTest.from_file(str(ROOT / "app" / "views" / f"{page}.py"), default_timeout=60)
        seconds = []
        for week in weeks:
            test.query_params["week"] = week
            started = time.perf_counter()
            test.run()
            seconds.append(time.perf_counter() - started)
        warm = sorted(seconds[3:])
        _show(f"page {page}", p50=statistics.median(warm), p95=warm[int(0.95 * (len(warm) - 1))])


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
    print(json.dumps({"what": name, **{key: round(value, 2) for key, value in figures.items()}}), flush=True)


if __name__ == "__main__":
    main()
