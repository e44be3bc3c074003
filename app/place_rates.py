"""How sure is a place's figure, given how few items or people it rests on? Of places of one level, each beside the city.

Columns added by `with_rates`, all from the true counts, so app.place_counts.safe hides them with the count:
    smoothed_rate       per 10,000: the rate drawn towards the level's mean, the more the fewer people it rests on
    rate_low, rate_high per 10,000: exact 95 % interval of the rate (Garwood 1936)
    rate_sign           up, down: the rate differs from the level's mean, p < .01, exact Poisson; else null
    change_sign         up, down: more or fewer items than before, p < .01; else null
"""

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import special

PER = 10_000
P_CLEAR = 0.01
INTERVAL = 0.95
MIN_PAIR = 20
"""Items now and before together: fewer say nothing about how places swing."""
CHI2_MEDIAN = float(special.chdtri(1, 0.5))

Floats = npt.NDArray[np.float64]


def with_rates(places: pl.DataFrame) -> pl.DataFrame:
    """One level: n_events, n_events_before, population (each may be null) → the columns above."""
    n, before, people = (
        places[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        for name in ("n_events", "n_events_before", "population")
    )
    people = np.where(people > 0, people, np.nan)
    low, high = interval(n, people)
    columns = {"smoothed_rate": PER * smoothed(n, people), "rate_low": PER * low, "rate_high": PER * high}
    signs = {"rate_sign": rate_signs(n, people), "change_sign": change_signs(n, before)}
    return places.with_columns(
        *(pl.Series(name, values).fill_nan(None) for name, values in columns.items()),
        *(pl.Series(name, values, dtype=pl.String) for name, values in signs.items()),
    )


def smoothed(n: Floats, people: Floats) -> Floats:
    """Empirical Bayes rates, global mean of the places given (Marshall 1991, Appl. Statist. 40, eq. 3–5; as spdep::EBest).

    A place's rate r is drawn to the mean m of all: m + a / (a + m / people) · (r − m), where a is how much the rates
    differ beyond chance, at least 0. NaN where count or people are.

    >>> smoothed(np.array([0.0, 20.0, 40.0]), np.array([1e3, 1e4, 1e4])).round(5).tolist()
    [0.00214, 0.0022, 0.00374]
    """
    known = ~np.isnan(n + people)
    if not known.any() or not n[known].sum():
        return np.where(known, 0.0, np.nan)
    rate, mean = n / people, n[known].sum() / people[known].sum()
    spread = (people[known] * (rate[known] - mean) ** 2).sum() / people[known].sum()
    between = max(0.0, spread - mean / people[known].mean())
    return np.asarray(mean + between / (between + mean / people) * (rate - mean))


def interval(n: Floats, people: Floats) -> tuple[Floats, Floats]:
    """The exact interval of a Poisson rate (Garwood 1936, Biometrika 28)."""
    tail = (1 - INTERVAL) / 2
    low = np.where(n == 0, 0.0, special.gammaincinv(n, tail))
    return low / people, special.gammaincinv(n + 1, 1 - tail) / people


def rate_signs(n: Floats, people: Floats) -> list[str | None]:
    """Is a place's rate off the mean of all, beyond chance? Exact two-sided Poisson test, twice the smaller tail."""
    known = ~np.isnan(n + people)
    mean = n[known].sum() / people[known].sum() if known.any() else np.nan
    above, below = special.gammainc(n, mean * people), special.pdtr(n, mean * people)
    return _signs(above < P_CLEAR / 2, below < P_CLEAR / 2)


def change_signs(now: Floats, before: Floats) -> list[str | None]:
    """Has a place more or fewer items than in an equally long period, beyond the usual swing of places?

    z = (now − before) / √(φ (now + before)). φ, at least 1, is how much more than chance the places swing around the
    common change of all: the median of their z² over that of χ²₁, so that a few real changes do not hide each other.
    """
    both = now + before
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(both > 0, (now - before) / np.sqrt(both), 0.0)
        heard = both >= MIN_PAIR
        share = now[heard].sum() / both[heard].sum() if heard.any() else np.nan
        around = (now - both * share) / np.sqrt(both * share * (1 - share))
    swing = float(np.median(around[heard] ** 2)) / CHI2_MEDIAN if heard.sum() >= 5 and 0 < share < 1 else 1.0
    bound = -special.ndtri(P_CLEAR / 2) * np.sqrt(max(1.0, swing))
    return _signs(z > bound, z < -bound)


def _signs(up: npt.NDArray[np.bool_], down: npt.NDArray[np.bool_]) -> list[str | None]:
    return ["up" if high else "down" if low else None for high, low in zip(up.tolist(), down.tolist(), strict=True)]
