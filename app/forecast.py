"""How does a weekly series fall into trend, season and the rest, and how many items come in the next weeks?

Taken apart by STL (Cleveland, Cleveland, McRae & Terpenning 1990, J. Official Statistics 6), in the robust form of
statsmodels. Forecast by dynamic harmonic regression (Hyndman & Athanasopoulos 2021, Forecasting, ch. 10.5): the
logarithm of the count on two yearly waves and the number of working days of the week, which is known ahead; what is left
over by simple exponential smoothing (statsmodels), with its prediction variance (Hyndman et al. 2008, table 6.1).
STL with smoothing was tried and was no better than last year's figure: 春节 and short weeks move, its season does not.

No forecast without its past errors: each of the last 52 weeks was forecast 1 to 4 weeks ahead from what was known then,
and so were the two answers that need no model. Where one of them was closer, that one is drawn.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

HORIZON = 4
"""Weeks ahead."""
YEAR = 52
MIN_WEEKS = 64
"""Twelve weeks to learn from before the first comparison with a year ago."""
WAVES_FROM = 104
"""Weeks from which a year's wave is told from chance."""
WAVES = 2
LEVELS = {"80": 1.2815515655, "95": 1.9599639845}
"""Coverage of an interval, % → standard deviations."""
METHODS = {"model": "模型", "year_ago": "去年同周", "last": "最近一周"}
NAIVE = ("year_ago", "last")

Values = np.ndarray
Ahead = tuple[Values, Values]
"""Middle of each of the next weeks and the standard deviation, on the scale of log(n + 1)."""


@dataclass(frozen=True)
class Forecast:
    """What is to come and how far it can be trusted.

    weeks: week_start_on, expected, low_80, high_80, low_95, high_95; the next HORIZON weeks.
    errors: method, mean_error (件), error_share, n_weeks, inside_80_share, inside_95_share; one row a method, best first.
    method: the one `weeks` comes from.
    """

    weeks: pl.DataFrame
    errors: pl.DataFrame
    method: str


def whole(weeks: pl.DataFrame) -> pl.DataFrame:
    """The stretch after the last week without data; a gap is neither 0 nor to be guessed."""
    known = weeks.sort("week_start_on").with_columns(pl.col("n_events").is_null().cum_sum().alias("gap"))
    return known.filter(pl.col("gap") == pl.col("gap").max(), pl.col("n_events").is_not_null()).drop("gap")


def taken_apart(weeks: pl.DataFrame) -> pl.DataFrame:
    """Adds trend, season and rest, which sum to n_events. weeks: week_start_on, n_events; two years and more, no gap."""
    from statsmodels.tsa.seasonal import STL  # half a second to load, and no other page needs it

    # Of four years, each week of the year has four values: too few to let the season change, so it repeats.
    whole_span = 10 * len(weeks) + 1
    counts = weeks["n_events"].cast(pl.Float64).to_numpy()
    parts = STL(counts, period=YEAR, seasonal=whole_span, seasonal_deg=0, robust=True).fit()
    return weeks.with_columns(
        pl.Series("trend", parts.trend), pl.Series("season", parts.seasonal), pl.Series("rest", parts.resid)
    )


def forecast(weeks: pl.DataFrame, ahead: pl.DataFrame) -> Forecast:
    """The next HORIZON weeks with 80 % and 95 % intervals, and how such forecasts did over the last year.

    weeks: week_start_on, n_events, n_workdays; MIN_WEEKS and more, oldest first, no gap.
    ahead: week_start_on, n_workdays of the HORIZON weeks that follow.
    """
    counts = weeks["n_events"].cast(pl.Float64).to_numpy()
    workdays = np.concatenate([weeks["n_workdays"].to_numpy(), ahead["n_workdays"].to_numpy()]).astype(float)
    ways: dict[str, Callable[[int], Ahead]] = {
        "model": lambda n: _model(counts[:n], workdays[: n + HORIZON]),
        "year_ago": lambda n: _naive(counts[:n], YEAR),
        "last": lambda n: _naive(counts[:n], 1),
    }
    errors = pl.concat([_past_errors(name, way, counts) for name, way in ways.items()]).sort("mean_error")
    best = errors["method"][0]
    middle, deviation = ways[best](len(counts))
    found = {"expected": _count(middle)}
    for level, z in LEVELS.items():
        found[f"low_{level}"], found[f"high_{level}"] = _count(middle - z * deviation), _count(middle + z * deviation)
    return Forecast(ahead.select("week_start_on").with_columns(pl.Series(k, v) for k, v in found.items()), errors, best)


def _past_errors(method: str, way: Callable[[int], Ahead], counts: Values) -> pl.DataFrame:
    """The last year's weeks as they would have been forecast, HORIZON weeks at a time."""
    n_rounds = min(YEAR // HORIZON, (len(counts) - YEAR) // HORIZON - 2)  # two months and more to learn from
    starts = [len(counts) - HORIZON * k for k in range(n_rounds, 0, -1)]
    said = [way(start) for start in starts]
    middle, deviation = (np.concatenate([one[k] for one in said]) for k in (0, 1))
    came = counts[starts[0] :]
    away = np.abs(_count(middle) - came)
    inside = {
        f"inside_{level}_share": float(np.mean(np.abs(np.log1p(came) - middle) <= z * deviation))
        for level, z in LEVELS.items()
    }
    row = {"method": method, "mean_error": float(away.mean()), "error_share": float(away.sum() / max(came.sum(), 1.0))}
    return pl.DataFrame([row | {"n_weeks": len(came)} | inside])


def _count(logarithm: Values) -> Values:
    return np.maximum(np.expm1(logarithm), 0.0)


def _model(counts: Values, workdays: Values) -> Ahead:
    """Regression with smoothed errors; workdays reach HORIZON weeks further than counts."""
    from statsmodels.tsa.holtwinters import SimpleExpSmoothing

    n, logarithm = len(counts), np.log1p(counts)
    given = _regressors(workdays, WAVES if n >= WAVES_FROM else 0)
    weights = np.linalg.lstsq(given[:n], logarithm, rcond=None)[0]
    left = logarithm - given[:n] @ weights
    smoothed = SimpleExpSmoothing(left, initialization_method="heuristic").fit()
    alpha = float(smoothed.params["smoothing_level"])
    variance = smoothed.sse / (n - given.shape[1] - 1)
    steps = np.arange(HORIZON)
    return given[n:] @ weights + smoothed.forecast(HORIZON), np.sqrt(variance * (1 + steps * alpha**2))


def _regressors(workdays: Values, n_waves: int) -> Values:
    """Columns: 1, working days short of five, sine and cosine of each yearly wave."""
    turn = 2 * np.pi * np.arange(len(workdays)) / (365.25 / 7)
    waves = [wave(k * turn) for k in range(1, n_waves + 1) for wave in (np.sin, np.cos)]
    return np.column_stack([np.ones_like(turn), 5 - workdays, *waves])


def _naive(counts: Values, back: int) -> Ahead:
    """The value `back` weeks before (the last one known), as uncertain as it was on the weeks so far."""
    logarithm, n = np.log1p(counts), len(counts)
    middle = np.array([logarithm[n - back + (step % back)] for step in range(HORIZON)])
    deviations = [_spread(logarithm, max(back, step + 1)) for step in range(HORIZON)]
    return middle, np.array(deviations)


def _spread(logarithm: Values, lag: int) -> float:
    away = logarithm[lag:] - logarithm[:-lag]
    return float(np.sqrt(np.mean(away**2))) if len(away) else float("nan")


def strength(parts: Iterable[float], rest: Iterable[float]) -> float:
    """How much of what is left without the others does this part explain? 0–1 (Wang, Smith & Hyndman 2006).

    >>> strength([1.0, -1.0, 1.0, -1.0], [0.0, 0.0, 0.0, 0.0])
    1.0
    """
    left = np.var(np.array([*rest]) + np.array([*parts]))
    return float(max(0.0, 1 - np.var([*rest]) / left)) if left else 0.0
