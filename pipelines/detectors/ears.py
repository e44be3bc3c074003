"""Is this week out of line with the few weeks before it? EARS C1, C2 and C3, the short-history cross-checks.

Hutwagner et al. (2003), J. Urban Health 80:i89; Fricker, Hegler & Dunfal (2008), Statist. Med. 27:3407. With mean m and
standard deviation s of `baseline` weeks, z the 1-`alpha` normal quantile:

C1  the weeks right before the judged one;              bound m + z·s.
C2  the same, leaving out the two weeks before it;      bound m + z·s.
C3  sum of max(0, C2 - 1) over this and the two weeks before it, C2 = (y - m)/s; alarm where the sum exceeds z.

They know neither season nor trend and raise 4 to 20 false alarms in 100 quiet weeks; where a baseline is constant
(s = 0), every count above it alarms unless `minSigma` is set. Never to be used alone.

`compat=True` gives the C3 of R's surveillance: its bound is y + s·(z - sum over the two earlier weeks), so the judged
week's own count has no part in the verdict, and 0/0 in a constant baseline leaves three weeks unjudged. Here the count
counts, and C2 of a week equal to its constant baseline is 0.
"""

from collections.abc import Sequence

import numpy as np
from scipy import special

from pipelines.detectors.windows import checked, moments

METHODS = ("C1", "C2", "C3")
GUARD_WEEKS = {"C1": 0, "C2": 2, "C3": 2}
DEFAULT_ALPHA = {"C1": 0.001, "C2": 0.001, "C3": 0.025}


def ears(
    counts: np.ndarray,
    *,
    method: str = "C1",
    baseline: int = 7,
    minSigma: float = 0.0,
    alpha: float | None = None,
    weeks: Sequence[int] | None = None,
    compat: bool = False,
) -> dict[str, np.ndarray]:
    """Judge `weeks` (row numbers from 0, default all) of every series of `counts` (n_weeks × n_series).

    Returns `week` and, each (n_evaluated × n_series), `observed`, `alarm` (bool), `upperbound`, `expected` (the
    baseline mean), `score` (excess over the allowed excess), `pvalue` (normal tail of the statistic); NaN where the
    history is too short. C1 needs `baseline` weeks before, C2 two more, C3 four more.

    >>> found = ears(np.array([[4], [6], [4], [6], [4], [6], [5], [20]]), method="C1")
    >>> round(float(found["upperbound"][7, 0]), 4), bool(found["alarm"][7, 0])  # 5 + 3.0902·1
    (8.0902, True)
    """
    if method not in METHODS:
        raise ValueError(f"设置 method：收到 {method}，应为{'、'.join(METHODS)}")
    level = DEFAULT_ALPHA[method] if alpha is None else alpha
    if not 0 < level < 1:
        raise ValueError(f"设置 alpha：收到 {level}，应为0 与 1 之间的数")
    if baseline < 3:
        raise ValueError(f"设置 baseline：收到 {baseline}，应为3 或更大的整数")
    if minSigma < 0:
        raise ValueError(f"设置 minSigma：收到 {minSigma}，应为0 或更大的数")
    y, rows = checked(counts, weeks)
    lags = range(GUARD_WEEKS[method] + 1, GUARD_WEEKS[method] + baseline + 1)
    z = special.ndtri(1 - level)
    mean, spread = _baseline(y, rows, lags, minSigma)
    now = y[rows]
    with np.errstate(invalid="ignore", divide="ignore"):
        if method == "C3":
            earlier = sum(np.maximum(_standardised(y, rows - back, lags, minSigma, compat) - 1, 0) for back in (1, 2))
            mean, spread = (np.where(np.isnan(earlier), np.nan, values) for values in (mean, spread))
            if compat:
                bound = np.maximum(now + spread * (z - earlier), 0)
                bound = np.where(np.isnan(spread * (z - earlier)), np.nan, bound)
            else:
                bound = np.where(earlier >= z, 0.0, mean + spread * (1 + z - np.minimum(earlier, z)))
                bound = np.where(np.isnan(mean), np.nan, bound)
            statistic = earlier + np.maximum(_standardised(y, rows, lags, minSigma, compat) - 1, 0)
        else:
            bound = mean + z * spread
            statistic = _standardised(y, rows, lags, minSigma, compat=False)
        return {
            "week": rows, "observed": now, "alarm": now > bound, "upperbound": bound, "expected": mean,
            "score": statistic / z, "pvalue": special.ndtr(-statistic),
        }  # fmt: skip


def _baseline(y: np.ndarray, rows: np.ndarray, lags: range, least: float) -> tuple[np.ndarray, np.ndarray]:
    mean, spread = moments(y, np.maximum(rows, 0), lags)
    return mean, np.maximum(spread, least)


def _standardised(y: np.ndarray, rows: np.ndarray, lags: range, least: float, compat: bool) -> np.ndarray:
    """(y - m)/s of the given weeks; above a constant baseline infinite, equal to it 0 (in `compat` unknown)."""
    mean, spread = _baseline(y, rows, lags, least)
    excess = y[np.maximum(rows, 0)] - mean
    return np.where((excess == 0) & (spread == 0) & (not compat), 0.0, excess / spread)
