"""From week-by-week verdicts to the few signals that deserve a leader's minute.

`detect` runs the detector over every place × issue (city, county, town). `select` then, for each week and place
level, keeps the p-values that survive Benjamini–Hochberg (false-discovery rate `FDR`) and are rarer than
`MAX_CHANCE_PER_YEAR`, follows them as stories while they go on, lets one event be one signal
(places that together carry at least half of the excess of the place above speak for it, else the place above speaks
for them), and ranks by excess and persistence. At most `BUDGET` signals a week. The stated chance is p × number of series × 52: how many times a
year so small a p would appear somewhere in the city if nothing were going on.
"""

import hashlib
import json
from datetime import date, timedelta

import numpy as np
import polars as pl

from pipelines.detectors import negative_binomial_exceedance

FDR = 0.10
BUDGET = 10
MIN_OBSERVED = 5
HISTORY_WEEKS = 53  # weeks judged, enough for a year of band on the trend chart
PERSISTENCE_P = 0.05  # a story goes on while its weeks are at least this unusual
GAP_WEEKS = 4
QUIET_WEEKEND = 0.05  # a Saturday brings less than this share of a weekday: the office does not register then
PLACE_LEVELS = ("city", "county", "town")
MAX_CHANCE_PER_YEAR = 6.0  # what chance brings more often than every two months is not worth a meeting
CHANCE_LEVELS = ((0.01, "red"), (0.1, "orange"), (1.0, "yellow"))  # at most this often a year by chance alone
RED_MIN_EXCESS = 20

DETECTION_COLUMNS = [
    "week_start_on", "place_level", "place_code", "issue_code", "observed",
    "expected", "upper_bound", "score", "p_value", "status", "reason",
]  # fmt: skip


def activity(calendar: pl.DataFrame, daily: pl.DataFrame) -> pl.DataFrame:
    """How much registering each week's working days and days off allow, relative to an ordinary week.

    `calendar`: day_on, week_start_on, is_workday; `daily`: registered_on, n_events. Adds `activity`, one row a week.
    A day off counts as the share of a working day's items that days off have had.
    """
    days = calendar.join(daily, left_on="day_on", right_on="registered_on", how="left").fill_null(0)
    off = days_off_share(days)
    weight = pl.when("is_workday").then(1.0).otherwise(off)
    return days.group_by("week_start_on").agg((weight.sum() / (5 + 2 * off)).alias("activity")).sort("week_start_on")


def days_off_share(days: pl.DataFrame) -> float:
    """Items of an average day off over those of an average working day, 0–1. `days`: is_workday, n_events."""
    means = dict(days.group_by("is_workday").agg(pl.col("n_events").mean()).iter_rows())
    return min(max((means.get(False) or 0.0) / max(means.get(True) or 1.0, 1e-9), 0.0), 1.0)


def complete_weeks(calendar: pl.DataFrame, daily: pl.DataFrame, today: date) -> pl.DataFrame:
    """The weeks that history is made of: week_start_on, activity; every week from the first to the last complete one.

    A week is complete when the data reach its Sunday, or its Friday where weekends bring next to nothing, and it is
    over. History starts on a Monday after the last gap of GAP_WEEKS weeks without any item: what came before such a
    gap was another time or another office's file, and weeks without files are not weeks without complaints.
    """
    first, last = daily["registered_on"].min(), daily["registered_on"].max()
    assert isinstance(first, date) and isinstance(last, date)
    monday = last - timedelta(days=last.weekday())
    counted = calendar.join(daily, left_on="day_on", right_on="registered_on", how="left").fill_null(0)
    at_weekends = counted.filter(pl.col("day_on").is_between(first, last)).with_columns(
        (pl.col("day_on").dt.weekday() <= 5).alias("is_workday")
    )
    reaches = 6 if days_off_share(at_weekends) > QUIET_WEEKEND else 4
    is_over = today > monday + timedelta(days=6)
    end = monday if is_over and last.weekday() >= reaches else monday - timedelta(days=7)
    weeks = counted.group_by("week_start_on").agg(pl.col("n_events").sum()).sort("week_start_on")
    empty = weeks.filter(pl.col("n_events") == 0)["week_start_on"].to_list()
    gaps = [week for week in empty if {week - timedelta(weeks=n) for n in range(GAP_WEEKS)} <= set(empty)]
    start = max(gaps) + timedelta(days=7) if gaps else first
    of_history = pl.col("week_start_on").is_between(start, end)
    return activity(calendar.filter(of_history), daily)


def same_season(weeks: list[date], spring_festivals: list[date]) -> list[list[int]]:
    """For each week the weeks of earlier years at the same point of the season, latest first.

    Ordinarily 52, 104, … weeks earlier. From eight weeks before to five weeks after the week of a Spring Festival,
    which moves by up to a month, weeks are matched by their distance from it.
    """
    first = weeks[0]
    festival_weeks = sorted({(day - first).days // 7 for day in spring_festivals})
    matches = []
    for week in range(len(weeks)):
        anchor = next((f for f in festival_weeks if -8 <= week - f <= 5), None)
        if anchor is None:
            matches.append(list(range(week - 52, -1, -52)))
        else:
            earlier = [f for f in reversed(festival_weeks) if f < anchor]
            matches.append([match for f in earlier if (match := f + week - anchor) >= 0])
    return matches


def detect(
    weekly: pl.DataFrame, weeks: pl.DataFrame, city_code: str, spring_festivals: list[date] | None = None
) -> pl.DataFrame:
    """Judge the last HISTORY_WEEKS weeks of every place × issue series.

    `weekly`: week_start_on, county_code, town_code, issue_code, n_events. `weeks`: week_start_on, activity: every
    complete week in order. Returns DETECTION_COLUMNS; silent rows (nothing seen, less than half an item expected)
    of series that never alarmed are left out, but `n_series` in the frame counts every assessed series of that week and level.
    """
    week_number = {week: number for number, week in enumerate(weeks["week_start_on"])}
    nothing = pl.DataFrame(schema={**dict.fromkeys(DETECTION_COLUMNS, pl.String), "n_series": pl.Int64})
    if weeks.is_empty():
        return nothing
    counts = weekly.filter(pl.col("week_start_on").is_in(weeks["week_start_on"].implode())).with_columns(
        pl.col("week_start_on").replace_strict(week_number, return_dtype=pl.Int32).alias("week")
    )
    issues = sorted(counts["issue_code"].unique())
    city, _ = _matrix(counts.with_columns(pl.lit(city_code).alias("place_code")), len(week_number), issues)
    matches = same_season(weeks["week_start_on"].to_list(), spring_festivals or [])
    season_row = {issue: row for row, issue in enumerate(issues)}
    frames = []
    for level in PLACE_LEVELS:
        column = pl.lit(city_code) if level == "city" else pl.col(f"{level}_code")
        placed = counts.with_columns(column.alias("place_code")).filter(pl.col("place_code").is_not_null())
        if placed.is_empty():
            continue
        observed, series = _matrix(placed, len(week_number), None)
        first_week = dict(placed.group_by("place_code").agg(pl.col("week").min()).iter_rows())
        known_from = np.array([0 if level == "city" else first_week[code] for code in series["place_code"]])
        issue_row = np.array([season_row[issue] for issue in series["issue_code"]])
        judged = negative_binomial_exceedance(
            observed,
            season=city[issue_row],
            groups=issue_row,
            known_from=known_from,
            activity=weeks["activity"].to_numpy(),
            same_season=matches,
            evaluate=HISTORY_WEEKS,
        )
        heard = (judged.observed > 0) | (judged.expected >= 0.5)
        spoke = (judged.status == "alarm").any(axis=1, keepdims=True)  # its band is drawn without gaps
        row, column_number = np.nonzero(heard | spoke)
        pick = (row, column_number)
        frames.append(
            series[row].with_columns(
                pl.Series("week_start_on", weeks["week_start_on"].to_numpy()[judged.weeks[column_number]]).cast(
                    pl.Date
                ),
                pl.lit(level).alias("place_level"),
                pl.Series("observed", judged.observed[pick]).cast(pl.Int64),
                pl.Series("expected", judged.expected[pick]),
                pl.Series("upper_bound", judged.upper_bound[pick]),
                pl.Series("score", judged.score[pick]),
                pl.Series("p_value", judged.p_value[pick]),
                pl.Series("status", judged.status[pick].astype(str)),
                pl.Series("reason", judged.reason[pick].astype(str)),
                pl.lit(len(series)).alias("n_series"),
            )
        )
    if not frames:
        return nothing
    unknown = pl.col("expected").is_nan()
    return (
        pl.concat(frames)
        .with_columns(
            pl.when(unknown).then(None).otherwise(pl.col(name)).alias(name)
            for name in ("expected", "upper_bound", "score", "p_value")
        )
        .select(*DETECTION_COLUMNS, "n_series")
        .sort("week_start_on", "place_level", "place_code", "issue_code")
    )


def _matrix(counts: pl.DataFrame, n_weeks: int, issues: list[str] | None) -> tuple[np.ndarray, pl.DataFrame]:
    """Dense (series × weeks) counts and the series' place_code and issue_code, in row order."""
    keys = ["place_code", "issue_code"]
    totals = counts.group_by([*keys, "week"]).agg(pl.col("n_events").sum())
    series = totals.select(keys).unique().sort(keys)
    if issues is not None:
        series = series.sort("issue_code")
    located = totals.join(series.with_row_index("series"), on=keys)
    matrix = np.zeros((len(series), n_weeks))
    matrix[located["series"].to_numpy(), located["week"].to_numpy()] = located["n_events"].to_numpy()
    return matrix, series


def select(detection: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """The signals of every judged week: one row a signal and week, ranked, at most BUDGET a week.

    `detection` from `detect`; `places`: place_code, parent_code. Adds signal_id, signal_level, kind, excess,
    chance_per_year, since_on, n_weeks, rank.
    """
    assessed = detection.filter(pl.col("p_value").is_not_null())
    by_family = ["week_start_on", "place_level"]
    tested = (
        assessed.sort([*by_family, "p_value"])
        .with_columns(pl.col("p_value").cum_count().over(by_family).alias("order"))
        .with_columns((pl.col("p_value") <= FDR * pl.col("order") / pl.col("n_series")).alias("below"))
        .with_columns(
            (pl.col("order") <= pl.col("order").filter(pl.col("below")).max().over(by_family)).alias("survives"),
            (pl.col("p_value") * pl.col("n_series") * 52).alias("chance_per_year"),
            (pl.col("observed") - pl.col("expected")).alias("excess"),
        )
        .with_columns(pl.col("survives").fill_null(False) & (pl.col("chance_per_year") <= MAX_CHANCE_PER_YEAR))
    )
    lasting = _as_stories(tested).filter(
        pl.col("is_story") & (pl.col("status") == "alarm") & (pl.col("observed") >= MIN_OBSERVED)
    )
    stories = _one_event_one_signal(lasting, dict(places.select("place_code", "parent_code").iter_rows()))
    weight = pl.col("excess") * (1 + 0.25 * (pl.min_horizontal("n_weeks", 5) - 1))
    return (
        stories.with_columns(
            pl.lit("excess").alias("kind"),
            pl.struct("chance_per_year", "excess").map_elements(_level, return_dtype=pl.String).alias("signal_level"),
            pl.struct("place_code", "issue_code", "since_on")
            .map_elements(_id, return_dtype=pl.String)
            .alias("signal_id"),
            weight.rank("ordinal", descending=True).over("week_start_on").cast(pl.Int64).alias("rank"),
        )
        .filter(pl.col("rank") <= BUDGET)
        .sort("week_start_on", "rank")
    )


def _one_event_one_signal(survivors: pl.DataFrame, parent_of: dict[str, str]) -> pl.DataFrame:
    """Of a place and the places below it (same issue, same week), let either the one or the others speak."""
    by_event = survivors.sort("week_start_on", "issue_code", "place_level", "place_code")
    kept = []
    for rows in by_event.partition_by("week_start_on", "issue_code", maintain_order=True):
        speaking = dict(rows.select("place_code", "excess").iter_rows())
        for level in ("county", "city"):  # first towns against their county, then what is left against the city
            for above in rows.filter(pl.col("place_level") == level)["place_code"]:
                below = [code for code in speaking if above in _ancestors(code, parent_of)]
                carried = sum(speaking[code] for code in below)
                for silent in [above] if carried >= speaking[above] / 2 else below:
                    del speaking[silent]
        kept.append(rows.filter(pl.col("place_code").is_in(list(speaking))))
    return pl.concat(kept) if kept else survivors


def _ancestors(code: str, parent_of: dict[str, str]) -> list[str]:
    above = []
    while parent := parent_of.get(code):
        above.append(parent)
        code = parent
    return above


def _as_stories(tested: pl.DataFrame) -> pl.DataFrame:
    """Unbroken runs of raised weeks (p < PERSISTENCE_P) of one place × issue as stories.

    Adds since_on and n_weeks; `is_story` from the first week of the run on that was rare enough to speak; and lets
    chance_per_year be that of the rarest week so far: an event that goes on does not become an accident again.
    """
    keys = ["place_code", "issue_code"]
    raised = tested.filter(pl.col("p_value") < PERSISTENCE_P).sort(*keys, "week_start_on")
    breaks = (pl.col("week_start_on").diff().over(keys) != pl.duration(days=7)).fill_null(True)
    run = [*keys, "run"]
    return raised.with_columns(breaks.cum_sum().over(keys).alias("run")).with_columns(
        pl.col("week_start_on").min().over(run).alias("since_on"),
        pl.col("survives").cast(pl.Int8).cum_max().over(run).cast(pl.Boolean).alias("is_story"),
        pl.col("chance_per_year").cum_min().over(run),
        pl.col("week_start_on").cum_count().over(run).cast(pl.Int64).alias("n_weeks"),
    )


def _level(signal: dict) -> str:
    for most, level in CHANCE_LEVELS:
        if signal["chance_per_year"] <= most and (level != "red" or round(signal["excess"]) >= RED_MIN_EXCESS):
            return level
    return "blue"


def level_rule() -> str:
    """How levels and order are set, in one sentence for the reader."""
    (red, _), (orange, _), (yellow, _) = CHANCE_LEVELS
    return (
        f"按纯属偶然的机会定级：红，一年不到 {red:g} 次且多出 {RED_MIN_EXCESS} 件以上；橙，一年不到 {orange:g} 次；"
        f"黄，一年不到 {yellow:g} 次；蓝，一年不到 {MAX_CHANCE_PER_YEAR:g} 次。按多出的件数排序，持续越久越靠前，"
        f"每周最多 {BUDGET} 条。"
    )


def _id(signal: dict) -> str:
    text = f"{signal['place_code']}|{signal['issue_code']}|{signal['since_on']}"
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def chance_words(chance_per_year: float) -> str:
    """「纯属偶然的机会」 in words a leader can say aloud."""
    if chance_per_year >= 1:
        return f"一年约 {chance_per_year:.0f} 次"
    years = 1 / max(chance_per_year, 1e-12)
    if years <= 100:
        return f"约 {years:.0f} 年一次"
    return "百年不足一次"


def sentence(signal: dict) -> str:
    """One sentence to read aloud: where, what, how many against how many, since when, how likely by chance.

    >>> sentence({"place_full_name": "云溪区和平街道", "issue_name": "供暖", "observed": 63, "expected": 12.4, "upper_bound": 24.0,
    ...           "since_on": date(2026, 11, 2), "n_weeks": 2, "chance_per_year": 0.02})
    '云溪区和平街道“供暖”本周 63 件，按往年和近期水平应在 12 件左右（上限 24 件），多出 51 件；自 11月2日起已连续 2 周偏高。这样的波动纯属偶然的机会：约 50 年一次。'
    """
    since = signal["since_on"]
    lasting = (
        "本周首次出现"
        if signal["n_weeks"] == 1
        else f"自 {since.month}月{since.day}日起已连续 {signal['n_weeks']} 周偏高"
    )
    about = f"应在 {signal['expected']:.0f} 件左右" if signal["expected"] >= 1 else "应不到 1 件"
    return (
        f"{signal['place_full_name']}“{signal['issue_name']}”本周 {signal['observed']} 件，按往年和近期水平{about}"
        f"（上限 {signal['upper_bound']:.0f} 件），多出 {signal['observed'] - signal['expected']:.0f} 件；{lasting}。"
        f"这样的波动纯属偶然的机会：{chance_words(signal['chance_per_year'])}。"
    )


def caveat(parts: dict, observed: int) -> str:
    """What a careful reader should know before acting on it; '' if nothing."""
    notes = []
    busiest = parts["days"][0]
    if len(parts["days"]) > 1 and busiest["n_events"] >= 0.7 * observed:
        day = date.fromisoformat(busiest["name"])
        notes.append(f"{busiest['n_events'] / observed:.0%} 集中在 {day.month}月{day.day}日一天登记，可能是集中补录")
    if parts["unlocated"] >= 0.3 * observed:
        notes.append(f"{parts['unlocated'] / observed:.0%} 没有写明社区村")
    return "；".join(notes)


def parts(items: pl.DataFrame, signals: pl.DataFrame, place_names: dict[str, str]) -> list[dict]:
    """What each signal consists of, in signal order: sources, channels, communities, days, each most first.

    `items`: week_start_on, registered_on, county_code, town_code, community_code, issue_code, source, channel.
    """
    result = []
    by_week_issue = items.partition_by("week_start_on", "issue_code", as_dict=True)
    for signal in signals.iter_rows(named=True):
        rows = by_week_issue.get((signal["week_start_on"], signal["issue_code"]), items.clear())
        if signal["place_level"] != "city":
            rows = rows.filter(pl.col(f"{signal['place_level']}_code") == signal["place_code"])
        below = {"city": "county_code", "county": "town_code", "town": "community_code"}[signal["place_level"]]
        result.append(
            {
                "places": _top(rows, below, place_names),
                "sources": _top(rows, "source"),
                "channels": _top(rows, "channel"),
                "days": _top(rows, "registered_on", limit=7),
                "unlocated": rows["community_code"].null_count(),
            }
        )
    return result


def _top(rows: pl.DataFrame, column: str, names: dict[str, str] | None = None, limit: int = 5) -> list[dict]:
    counted = (
        rows.drop_nulls(column).group_by(column).len("n_events").sort(["n_events", column], descending=[True, False])
    )
    return [
        {"name": (names or {}).get(key, str(key)), **({"code": key} if names else {}), "n_events": n}
        for key, n in counted.head(limit).iter_rows()
    ]


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
