"""What do the reference detectors say about the weekly counts in this file? CSV and settings in, verdicts out as CSV.

For comparing with R or another office's program, away from the warehouse. Input columns `series`, `week` (1, 2, …
without gaps within a series), `count`, and optionally `population` and `date` (one a week). Output: OUTPUT_COLUMNS,
one row per series and judged week, in the order of the input; `alarm` and `trendUsed` 0 or 1, empty where not judged.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipelines.detectors import bayes as bayes_rules
from pipelines.detectors.cusum import cusum
from pipelines.detectors.ears import ears
from pipelines.detectors.farrington import Settings, farrington_flexible
from pipelines.errors import SourceError, UsageError, YanpanError

REQUIRED = ("series", "week", "count")
OUTPUT_COLUMNS = (
    "series", "week", "observed", "alarm", "upperbound", "expected", "score", "pvalue", "phi", "trendUsed",
)  # fmt: skip
DEFAULTS: dict[str, dict] = {  # what each key may be: the type of its default
    "farrington": {**asdict(Settings(pastWeeksNotIncluded=0)), "limit54_cases": 5, "limit54_weeks": 4},
    "ears": {"method": "C1", "baseline": 7, "minSigma": 0.0, "alpha": 0.001},
    "cusum": {"start": 1, "k": 1.04, "h": 2.26, "trans": "standard", "m": None, "alpha": 0.1, "reset": False},
    "bayes": {"method": "bayes1", "alpha": 0.05},
}
LABEL_KEY = "control"  # the name of a setting, as in R's tables; carries no meaning
WORDS = {"TRUE": True, "FALSE": False}
KINDS = {
    bool: "true 或 false", int: "整数", float: "数", str: "文字", tuple: "[件数, 周数]", type(None): "文字或数",
}  # fmt: skip
FITS: dict[type, Callable[[object], bool]] = {
    bool: lambda value: isinstance(value, bool),
    int: lambda value: type(value) is int,
    float: lambda value: type(value) in (int, float),
    str: lambda value: isinstance(value, str),
    tuple: lambda value: isinstance(value, list) and len(value) == 2 and all(type(part) is int for part in value),
    type(None): lambda value: type(value) in (int, float, str),
}
AS_CSV = "请对照列名与第一条出错的行改好文件，再运行一次。"
AS_SETTINGS = "请改好设置文件，再运行一次。"


def detect(
    method: str,
    source: Path,
    out: Path,
    *,
    settings: Path | None = None,
    weeks: str | None = None,
    compat: bool = False,
) -> dict:
    """Judge the series of `source` and write `out`; returns counts for the command to say.

    `weeks`: "588,600" or "580-624" (default: every week). Raises SourceError for the file and the settings, UsageError
    for the words of the command; nothing is written then.
    """
    if out.resolve() in {source.resolve(), *([settings.resolve()] if settings else [])}:
        raise UsageError("--out 与输入是同一个文件，会覆盖原文件。请换一个文件名。")
    if not out.resolve().parent.is_dir():
        raise UsageError(f"文件夹 {out.parent} 不存在。请先建好，或改用别的 --out。")
    chosen = read_settings(method, settings)
    frame = read_counts(source)
    if chosen.get("populationOffset") and "population" not in frame.columns:
        raise SourceError(
            source.name, where="表头", found="没有 population 列", expected="有人口数（设置 populationOffset 为真）",
            next_step=AS_CSV,
        )  # fmt: skip
    wanted = None if weeks is None else _wanted_weeks(weeks)
    known = set(frame["week"].to_list())
    if wanted is not None and (missing := sorted(wanted - known)):
        raise UsageError(f"--weeks 里的第 {missing[0]} 周不在文件里；文件有第 {min(known)} 至 {max(known)} 周。")
    verdicts = []
    for names, first, counts, population, dates in _groups(frame):
        rows = [row for row in range(len(counts)) if wanted is None or row + first in wanted]
        if not rows:
            continue
        try:
            found = _run(method, counts, population, dates, rows, first, chosen, compat)
        except ValueError as error:
            raise YanpanError(f"{(settings or source).name}：{error}。请改好后再运行一次。") from error
        verdicts.append(_frame(names, first, found))
    table = pl.concat(verdicts).sort("order", "week").select(OUTPUT_COLUMNS)
    table.write_csv(out)
    return {
        "series": table["series"].n_unique(), "rows": len(table), "alarms": int(table["alarm"].sum()),
        "not_assessed": table["alarm"].null_count(), "out": str(out),
    }  # fmt: skip


def read_counts(path: Path) -> pl.DataFrame:
    """The checked input: `series`, `order` (of first appearance), `week`, `count` and, where given, `population`, `date`."""
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(
            path.name, found=f"读不出来的内容（{type(error).__name__}）", expected="UTF-8 的 CSV", next_step=AS_CSV
        ) from error
    if missing := [name for name in REQUIRED if name not in frame.columns]:
        raise SourceError(
            path.name, where="表头", found=f"{'、'.join(frame.columns)}，缺 {'、'.join(missing)}",
            expected="series,week,count[,population][,date]", next_step=AS_CSV,
        )  # fmt: skip
    if frame.is_empty():
        raise SourceError(path.name, found="只有表头", expected="至少一行计数", next_step=AS_CSV)
    optional = [name for name in ("population", "date") if name in frame.columns]
    text = frame.select(pl.col(*REQUIRED, *optional).str.strip_chars())
    number = {
        name: text[name].cast(pl.Float64, strict=False) for name in text.columns if name not in ("series", "date")
    }
    whole = {name: (number[name] == number[name].floor()) & number[name].is_finite() for name in ("week", "count")}
    _refuse(path, text, "series", text["series"].fill_null("") != "", "序列的名字")
    _refuse(path, text, "week", whole["week"] & number["week"].is_between(1, 100_000), "1 起的整数（第几周）")
    _refuse(path, text, "count", whole["count"] & number["count"].is_between(0, 1e9), "0 到 10 亿的整数")
    columns = [
        text["series"], number["week"].cast(pl.Int64), number["count"],
        text["series"].rle_id().alias("run"), pl.Series("row", np.arange(2, len(text) + 2)),
    ]  # fmt: skip
    if "population" in optional:
        good = number["population"].is_finite() & (number["population"] > 0)
        _refuse(path, text, "population", good, "大于 0 的数")
        columns.append(number["population"])
    if "date" in optional and (text["date"].fill_null("") != "").any():
        days = text["date"].str.to_date("%Y-%m-%d", strict=False)
        _refuse(path, text, "date", days.is_not_null(), "2026-06-29 这样的日期（要么每行都有，要么都空）")
        columns.append(days)
    checked = pl.DataFrame(columns)
    checked = checked.with_columns(order=pl.col("run").min().over("series")).sort("order", "week", maintain_order=True)
    _refuse_gaps(path, checked)
    return checked


def _refuse(path: Path, text: pl.DataFrame, column: str, good: pl.Series, expected: str) -> None:
    """Stop at the first row whose value is not what it should be."""
    wrong = (~good.fill_null(False)).arg_true()
    if len(wrong):
        value = text[column][int(wrong[0])]
        more = f"（共 {len(wrong):,} 行）" if len(wrong) > 1 else ""
        raise SourceError(
            path.name, where=f"第 {int(wrong[0]) + 2} 行“{column}”列",
            found=("空值" if value in (None, "") else f"“{value}”") + more, expected=expected, next_step=AS_CSV,
        )  # fmt: skip


def _refuse_gaps(path: Path, frame: pl.DataFrame) -> None:
    """Within a series week follows week, and the dates with them."""
    steps = frame.with_columns(
        step=pl.col("week").diff().over("order"),
        days=pl.col("date").diff().dt.total_days().over("order") if "date" in frame.columns else pl.lit(7),
    ).filter(pl.col("step").is_not_null())
    for condition, column, expected in (
        (pl.col("step") == 0, "week", "每个序列每周只有一行"),
        (pl.col("step") > 1, "week", "同一序列的周连续，没有缺口（没有事项的周写 0）"),
        (pl.col("days") != 7, "date", "下一周的日期晚 7 天"),
    ):
        wrong = steps.filter(condition)
        if len(wrong):
            row = wrong.row(0, named=True)
            found = {
                "date": f"序列“{row['series']}”第 {row['week']} 周的日期 {row.get('date')} 与上一周相差 {row['days']} 天",
                "week": f"序列“{row['series']}”第 {row['week']} 周"
                + ("出现两次" if row["step"] == 0 else f"之前缺 {row['step'] - 1} 周"),
            }[column]
            raise SourceError(
                path.name, where=f"第 {row['row']} 行“{column}”列", found=found, expected=expected, next_step=AS_CSV
            )


def read_settings(method: str, path: Path | None) -> dict:
    """The settings of a JSON file, checked for names; null means the default, TRUE and FALSE may be words."""
    if path is None:
        return {}
    try:
        given = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise SourceError(
            path.name,
            found=f"读不出来的内容（{type(error).__name__}）",
            expected="UTF-8 的 JSON",
            next_step=AS_SETTINGS,
        ) from error
    if not isinstance(given, dict):
        raise SourceError(path.name, found="不是一个对象", expected='{"b": 5, "w": 3} 这样', next_step=AS_SETTINGS)
    chosen: dict[str, Any] = {
        key: WORDS.get(value, value) if isinstance(value, str) else value
        for key, value in given.items()
        if value is not None and key != LABEL_KEY
    }
    usual = DEFAULTS[method]
    for key, value in chosen.items():
        if key not in usual:
            raise SourceError(
                path.name, where=f"键“{key}”", found="不认识的设置", expected="、".join(usual), next_step=AS_SETTINGS
            )
        kind = type(usual[key])
        if not FITS[kind](value):
            raise SourceError(
                path.name, where=f"键“{key}”", found=json.dumps(value, ensure_ascii=False), expected=KINDS[kind],
                next_step=AS_SETTINGS,
            )  # fmt: skip
    limit = [chosen.pop(f"limit54_{part}", None) for part in ("cases", "weeks")]
    if limit != [None, None]:
        chosen["limit54"] = [
            given if given is not None else own for given, own in zip(limit, usual["limit54"], strict=True)
        ]
    if "limit54" in chosen:
        chosen["limit54"] = tuple(chosen["limit54"])
    return chosen


def _wanted_weeks(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not (first.isdecimal() and (last or first).isdecimal() and 1 <= int(first) <= int(last or first)):
            raise UsageError(f"--weeks 应写成 588,600 或 580-624 这样，收到“{part.strip()}”。")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def _groups(frame: pl.DataFrame):
    """Series that share their weeks (and dates), as matrices: names, first week, counts, population, dates."""
    spans = frame.group_by("order", maintain_order=True).agg(
        pl.col("series").first(), pl.col("week").min().alias("first"), pl.len().alias("n"),
        *([pl.col("date").min()] if "date" in frame.columns else []),
    )  # fmt: skip
    keys = [name for name in ("first", "n", "date") if name in spans.columns]
    for _, members in spans.group_by(keys, maintain_order=True):
        part = frame.join(members.select("order"), on="order", maintain_order="left")
        n, shape = members["n"][0], (len(members), members["n"][0])
        matrix = {
            name: part[name].to_numpy().reshape(shape).T for name in ("count", "population") if name in part.columns
        }
        dates = part["date"].head(n).to_numpy().astype("datetime64[D]") if "date" in part.columns else None
        yield (
            members.select("order", "series"),
            int(members["first"][0]),
            matrix["count"],
            matrix.get("population"),
            dates,
        )


def _run(
    method: str,
    counts: np.ndarray,
    population: np.ndarray | None,
    dates: np.ndarray | None,
    rows: list[int],
    first: int,
    chosen: dict,
    compat: bool,
) -> dict[str, np.ndarray]:
    if method == "farrington":
        return farrington_flexible(
            counts, population=population, dates=dates, weeks=rows, settings=chosen, compat=compat
        )
    if method == "ears":
        return ears(counts, weeks=rows, compat=compat, **chosen)
    if method == "bayes":
        if str(chosen.get("method", "")).startswith("rki"):
            if "alpha" in chosen:
                raise ValueError("设置 alpha：rki1 至 rki3 没有这个设置，请删去")
            return bayes_rules.rki(counts, weeks=rows, **chosen)
        return bayes_rules.bayes(counts, weeks=rows, **chosen)
    words = {"mean_before_range": "mean"}
    options = {key: words.get(value, value) if key == "m" else value for key, value in chosen.items()}
    start, last = options.pop("start", rows[0] + first), first + len(counts) - 1
    if not first < start <= last:
        raise ValueError(
            f"设置 start（从第几周起监测，默认为 --weeks 的第一周）：收到 {start}，应在 {first + 1} 到 {last} 之间"
        )
    found = cusum(counts, start=start - first, compat=compat, **options)
    kept = np.isin(found["week"], rows)
    return {name: values[kept] for name, values in found.items()}


def _frame(names: pl.DataFrame, first: int, found: dict[str, np.ndarray]) -> pl.DataFrame:
    """Long form; a verdict is empty where the history was too short or the rule gave none."""
    n_weeks, n_series = found["observed"].shape
    expected = found["expected"].T.ravel()
    judged = ~np.isnan(found.get("phi", found["upperbound"]).T.ravel())
    columns = {
        "order": np.repeat(names["order"].to_numpy(), n_weeks),
        "series": names["series"].gather(np.repeat(np.arange(n_series), n_weeks)),
        "week": np.tile(found["week"] + first, n_series),
        "observed": found["observed"].T.ravel().astype(np.int64),
        "expected": expected,
    }
    for name in ("upperbound", "score", "pvalue", "phi"):
        columns[name] = found[name].T.ravel() if name in found else np.full(len(expected), np.nan)
    for name in ("alarm", "trendUsed"):
        values = found[name].T.ravel().astype(float) if name in found else np.full(len(expected), np.nan)
        columns[name] = np.where(judged, values, np.nan)
    return pl.DataFrame(columns).with_columns(
        pl.col("alarm", "trendUsed").fill_nan(None).cast(pl.Int8),
        pl.col("expected", "upperbound", "score", "pvalue", "phi").fill_nan(None),
    )
