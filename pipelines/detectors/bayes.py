"""What would the reference weeks lead one to expect? Bayes 1-3 and the RKI rule, as kept in R's surveillance.

Reference weeks of week t: `w` weeks before it (if `actY`), and for each of `b` years the week 52 back with `w` weeks
on either side. The named systems differ in these alone:

    bayes1, rki1  b = 0, w = 6, actY      the six weeks before
    bayes2, rki2  b = 1, w = 6, actY      and thirteen weeks of last year
    bayes3, rki3  b = 2, w = 4, not actY  nine weeks of each of two years

bayes  Gamma-Poisson with Jeffreys prior (Riebler 2004, diploma thesis, LMU München; Höhle 2007, Comput. Statist.
       22:571): the predictive count is negative binomial with mean (S + ½)/n and variance (n+1)/n times that, S the
       cases in n weeks. Bound: its 1-alpha quantile, alarm above.
rki    mean + 2 standard deviations when the mean is above 20; else the upper 95 % Poisson limit of Crow & Gardner
       (1959), Biometrika 46:441, at the mean's whole part.
"""

from collections.abc import Sequence

import numpy as np

from pipelines.detectors.count_quantiles import exceedance, upper_quantile
from pipelines.detectors.windows import checked, moments

YEAR_WEEKS = 52
SYSTEMS = {
    "bayes1": (0, 6, True), "bayes2": (1, 6, True), "bayes3": (2, 4, False),
    "rki1": (0, 6, True), "rki2": (1, 6, True), "rki3": (2, 4, False),
}  # fmt: skip
# Crow & Gardner 1959, table 1, 95 %: upper limit of the mean for 0, 1, … 20 cases.
CROW_GARDNER = np.array([
    3.285, 5.323, 6.686, 8.102, 9.598, 11.177, 12.817, 13.765, 14.921, 16.768, 17.633, 19.050, 20.335, 21.364, 22.945,
    23.762, 25.400, 26.306, 27.735, 28.966, 30.017,
])  # fmt: skip
RKI_NORMAL_FROM = 20


def bayes(
    counts: np.ndarray, *, method: str = "bayes1", alpha: float = 0.05, weeks: Sequence[int] | None = None
) -> dict[str, np.ndarray]:
    """Judge `weeks` (row numbers from 0, default all) of every series of `counts` (n_weeks × n_series) by bayes1-3.

    Returns `week` and, each (n_evaluated × n_series), `observed`, `alarm` (bool), `upperbound`, `expected`, `score` =
    (y - expected)/(bound - expected), `pvalue` = P(Y ≥ y), `phi` (variance over mean); NaN with too little history.

    >>> found = bayes(np.array([[1], [1], [1], [1], [1], [1], [4]]), weeks=[6])
    >>> round(float(found["expected"][0, 0]), 4), float(found["upperbound"][0, 0]), bool(found["alarm"][0, 0])
    (1.0833, 3.0, True)
    """
    if not 0 < alpha < 1:
        raise ValueError(f"设置 alpha：收到 {alpha}，应为0 与 1 之间的数")
    y, rows = checked(counts, weeks)
    lags = _lags(method, "bayes")
    mean = moments(y, rows, lags)[0] + 0.5 / len(lags)
    phi = np.where(np.isnan(mean), np.nan, 1 + 1 / len(lags))
    bound = upper_quantile(alpha, mean.ravel(), phi.ravel()).reshape(mean.shape)
    return _verdict(rows, y[rows], mean, bound, pvalue=exceedance(y[rows], mean, phi), phi=phi)


def rki(counts: np.ndarray, *, method: str = "rki1", weeks: Sequence[int] | None = None) -> dict[str, np.ndarray]:
    """The same by rki1-3; no p-value.

    >>> found = rki(np.array([[0], [0], [0], [0], [0], [0], [4]]), weeks=[6])
    >>> float(found["upperbound"][0, 0]), bool(found["alarm"][0, 0])
    (3.285, True)
    """
    y, rows = checked(counts, weeks)
    mean, spread = moments(y, rows, _lags(method, "rki"))
    whole = np.clip(np.nan_to_num(mean), 0, RKI_NORMAL_FROM).astype(int)
    bound = np.where(mean > RKI_NORMAL_FROM, mean + 2 * spread, CROW_GARDNER[whole])
    return _verdict(rows, y[rows], mean, np.where(np.isnan(mean), np.nan, bound))


def _lags(method: str, family: str) -> list[int]:
    known = [name for name in SYSTEMS if name.startswith(family)]
    if method not in known:
        raise ValueError(f"设置 method：收到 {method}，应为{'、'.join(known)}")
    b, w, recent = SYSTEMS[method]
    years = [YEAR_WEEKS * year + near for year in range(1, b + 1) for near in range(-w, w + 1)]
    return [*(range(1, w + 1) if recent else ()), *years]


def _verdict(rows, now, mean, bound, **more: np.ndarray) -> dict[str, np.ndarray]:
    with np.errstate(invalid="ignore"):
        room = np.maximum(bound - mean, 0.5)
        return {
            "week": rows, "observed": now, "alarm": now > bound, "upperbound": bound, "expected": mean,
            "score": (now - mean) / room, **more,
        }  # fmt: skip
