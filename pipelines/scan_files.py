"""Where do the cases of this file crowd together? Counts by place and period and the places in, clusters out as CSV.

Cases: `place`, `week` (1, 2, …) or `date`, and optionally `count` (default 1). Places: `place` and `x`, `y` in kilometres or
`lon`, `lat` in degrees, and `population` for the Poisson statistic. Output: OUTPUT_COLUMNS, the most likely cluster
first, of clusters that share no place.
"""

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.detectors.scan import scan
from pipelines.errors import SourceError, UsageError

OUTPUT_COLUMNS = (
    "cluster", "center", "n_places", "places", "radius_km", "start", "end", "observed", "expected", "statistic",
    "p_value", "recurrence_interval",
)  # fmt: skip
# What a setting is called here and elsewhere, and what it is unless said.
SETTINGS: dict[str, tuple[tuple[str, ...], object]] = {
    "max_radius_km": (("max_radius", "maximum_radius", "maximum_radius_km"), 5.0),
    "max_weeks": (("maximum_weeks", "max_periods", "maximum_periods"), 4),
    "replications": ((), 999),
    "seed": ((), 0),
    "statistic": (("model",), "permutation"),
    "days": (("days_per_period", "period_days"), 7),
    "start": (("start_date",), None),
    "end": (("end_date",), None),
    "max_clusters": ((), 10),
}
MAX_CELLS = 50_000_000
NEXT_STEP = "请改好后再运行一次。"


def scan_clusters(cases: Path, places: Path, out: Path, *, settings: Path | None = None) -> dict:
    """Search and write `out`; returns counts for the command to say.

    start, end are dates where the cases have dates, else week numbers; recurrence_interval is in days. Periods are
    counted back from `end` (default: the last case), so that the present one is whole.
    """
    if out.resolve() in {path.resolve() for path in (cases, places, settings) if path}:
        raise UsageError("--out 与输入是同一个文件，会覆盖原文件。请换一个文件名。")
    if not out.resolve().parent.is_dir():
        raise UsageError(f"文件夹 {out.parent} 不存在。请先建好，或改用别的 --out。")
    chosen = _settings(settings)
    names, positions, is_lonlat, population = _places(places)
    counts, periods = _counts(cases, names, chosen)
    expected = None
    if chosen["statistic"] == "poisson":
        if population is None:
            raise SourceError(
                places.name, where="表头", found="没有 population 列", expected="poisson 统计量需要人口", next_step=NEXT_STEP
            )  # fmt: skip
        expected = np.broadcast_to(population[:, None], counts.shape)
    try:
        found = scan(
            counts,
            positions,
            max_radius=chosen["max_radius_km"],
            max_periods=chosen["max_weeks"],
            is_lonlat=is_lonlat,
            model=chosen["statistic"],
            expected=expected,
            replications=chosen["replications"],
            seed=chosen["seed"],
            max_clusters=chosen["max_clusters"],
        )
    except ValueError as error:
        raise SourceError(
            cases.name,
            found=f"只有 {counts.shape[1]} 期数据",
            expected=f"多于最长窗口（{chosen['max_weeks']} 期）",
            next_step="请给更长的数据，或把 max_weeks 改小后再运行一次。",
        ) from error
    rows = [
        {
            "cluster": number,
            "center": names[row["center"]],
            "n_places": len(row["places"]),
            "places": ";".join(names[place] for place in row["places"]),
            "radius_km": round(row["radius"], 6),
            "start": str(periods[row["first_period"]][0]),
            "end": str(periods[row["last_period"]][1]),
            "observed": row["observed"],
            "expected": row["expected"],
            "statistic": row["statistic"],
            "p_value": row["p_value"],
            "recurrence_interval": row["recurrence_periods"] * chosen["days"],
        }
        for number, row in enumerate(found.iter_rows(named=True), 1)
    ]
    kinds = dict.fromkeys(OUTPUT_COLUMNS, pl.String)
    pl.DataFrame(rows, schema=None if rows else kinds).write_csv(out)
    return {
        "places": len(names), "periods": counts.shape[1], "cases": int(counts.sum()), "clusters": len(rows),
        "out": str(out),
    }  # fmt: skip


def _settings(path: Path | None) -> dict:
    given: dict = {}
    if path is not None:
        try:
            given = json.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            raise SourceError(
                path.name, found=f"读不出来的内容（{type(error).__name__}）", expected="UTF-8 的 JSON", next_step=NEXT_STEP
            ) from error  # fmt: skip
    names = {also: name for name, (others, _) in SETTINGS.items() for also in (name, *others)}
    chosen = {name: usual for name, (_, usual) in SETTINGS.items()}
    file_name = path.name if path else ""

    def refuse(key: str, found: object, expected: str) -> SourceError:
        return SourceError(
            file_name, where=f"键“{key}”", found=json.dumps(found, ensure_ascii=False), expected=expected, next_step=NEXT_STEP
        )  # fmt: skip

    if not isinstance(given, dict):
        raise SourceError(file_name, found="不是一个对象", expected='{"max_radius_km": 5} 这样', next_step=NEXT_STEP)
    for key, value in given.items():
        if key not in names:
            raise SourceError(
                file_name, where=f"键“{key}”", found="不认识的设置", expected="、".join(SETTINGS), next_step=NEXT_STEP
            )
        name = names[key]
        if name in ("max_weeks", "replications", "seed", "days", "max_clusters"):
            lowest = 0 if name == "seed" else 1
            if type(value) is not int or value < lowest:
                raise refuse(key, value, f"不小于 {lowest} 的整数")
        elif name == "max_radius_km":
            if type(value) not in (int, float) or not value >= 0:
                raise refuse(key, value, "不小于 0 的公里数")
        elif name == "statistic":
            words = {"space-time permutation": "permutation", "stp": "permutation"}
            value = words.get(str(value).lower(), str(value).lower())
            if value not in ("permutation", "poisson"):
                raise refuse(key, value, "permutation 或 poisson")
        else:
            try:
                value = date.fromisoformat(str(value).replace("/", "-"))
            except ValueError as error:
                raise refuse(key, value, "2026-06-29 这样的日期") from error
        chosen[name] = value
    return chosen


def _read(path: Path, required: tuple[str, ...], also: str) -> pl.DataFrame:
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(
            path.name, found=f"读不出来的内容（{type(error).__name__}）", expected="UTF-8 的 CSV", next_step=NEXT_STEP
        ) from error
    missing = [name for name in required if name not in frame.columns]
    if missing or frame.is_empty():
        found = f"{'、'.join(frame.columns)}，缺 {'、'.join(missing)}" if missing else "只有表头"
        raise SourceError(path.name, where="表头", found=found, expected=also, next_step=NEXT_STEP)
    return frame.with_columns(pl.all().str.strip_chars())


def _numbers(path: Path, frame: pl.DataFrame, column: str, expected: str, *, lowest: float, whole: bool) -> np.ndarray:
    number = frame[column].cast(pl.Float64, strict=False)
    good = number.is_finite() & (number >= lowest)
    if whole:
        good &= number == number.floor()
    wrong = (~good.fill_null(False)).arg_true()
    if len(wrong):
        row = int(wrong[0])
        raise SourceError(
            path.name, where=f"第 {row + 2} 行“{column}”列", found=f"“{frame[column][row] or ''}”", expected=expected,
            next_step=NEXT_STEP,
        )  # fmt: skip
    return number.to_numpy()


def _places(path: Path) -> tuple[list[str], np.ndarray, bool, np.ndarray | None]:
    frame = _read(path, ("place",), "place,x,y（公里）或 place,lon,lat（度）")
    is_lonlat = {"lon", "lat"} <= set(frame.columns)
    axes = ("lon", "lat") if is_lonlat else ("x", "y")
    if not set(axes) <= set(frame.columns):
        raise SourceError(
            path.name, where="表头", found="、".join(frame.columns), expected="place,x,y（公里）或 place,lon,lat（度）",
            next_step=NEXT_STEP,
        )  # fmt: skip
    twice = frame.filter(frame["place"].is_duplicated())
    if len(twice):
        raise SourceError(
            path.name,
            where="“place”列",
            found=f"“{twice['place'][0]}”出现多次",
            expected="一个地点一行",
            next_step=NEXT_STEP,
        )
    positions = [_numbers(path, frame, axis, "数字", lowest=-np.inf, whole=False) for axis in axes]
    population = None
    if "population" in frame.columns:
        population = _numbers(path, frame, "population", "不小于 0 的数", lowest=0, whole=False)
    return frame["place"].to_list(), np.column_stack(positions), is_lonlat, population


def _counts(path: Path, names: list[str], chosen: dict) -> tuple[np.ndarray, list[tuple]]:
    """(n_places, n_periods) and what each period is called: (first, last) dates, or week numbers."""
    frame = _read(path, ("place",), "place,week|date[,count]")
    index = {name: number for number, name in enumerate(names)}
    unknown = frame.with_row_index("row", 2).filter(~pl.col("place").is_in(names))
    if len(unknown):
        raise SourceError(
            path.name, where=f"第 {unknown['row'][0]} 行“place”列", found=f"“{unknown['place'][0]}”", expected="地点文件里有的地点",
            next_step=NEXT_STEP,
        )  # fmt: skip
    n = np.ones(len(frame))
    if "count" in frame.columns:
        n = _numbers(path, frame, "count", "不小于 0 的整数", lowest=0, whole=True)
    place = frame["place"].replace_strict(index, return_dtype=pl.Int64).to_numpy()
    if "date" in frame.columns:
        days = frame["date"].str.replace_all("/", "-").str.to_date("%Y-%m-%d", strict=False)
        if days.null_count():
            row = int(days.is_null().arg_true()[0])
            raise SourceError(
                path.name, where=f"第 {row + 2} 行“date”列", found=f"“{frame['date'][row] or ''}”", expected="2026-06-29 这样的日期",
                next_step=NEXT_STEP,
            )  # fmt: skip
        first_day, last_day = min(days.to_list()), max(days.to_list())
        end, step = chosen["end"] or last_day, chosen["days"]
        start = chosen["start"] or first_day
        n_periods = ((end - start).days + step) // step
        ago = np.datetime64(end, "D").astype(int) - days.to_numpy().astype("datetime64[D]").astype(int)
        at = n_periods - 1 - ago // step
        labels = [
            (
                end - timedelta(days=step * (n_periods - number) - 1),
                end - timedelta(days=step * (n_periods - 1 - number)),
            )
            for number in range(n_periods)
        ]
    elif "week" in frame.columns:
        week = _numbers(path, frame, "week", "1 起的整数（第几周）", lowest=1, whole=True).astype(int)
        first, last = week.min(), week.max()
        n_periods, at = int(last - first + 1), week - first
        labels = [(number, number) for number in range(int(first), int(last) + 1)]
    else:
        raise SourceError(
            path.name, where="表头", found="、".join(frame.columns), expected="有 week 或 date 列", next_step=NEXT_STEP
        )
    if n_periods < 2 or n_periods * len(names) > MAX_CELLS:
        raise SourceError(
            path.name,
            found=f"{len(names):,} 个地点 × {n_periods:,} 期",
            expected=f"至少 2 期，且不超过 {MAX_CELLS:,} 格",
            next_step=NEXT_STEP,
        )
    counts = np.zeros((len(names), n_periods), dtype=np.int64)
    inside = (at >= 0) & (at < n_periods)
    np.add.at(counts, (place[inside], at[inside]), n[inside].astype(np.int64))
    return counts, labels
