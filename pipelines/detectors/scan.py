"""Where do cases of one kind crowd together right now, more than chance would put there?

Kulldorff's prospective space-time scan: a cylinder (a circle around each place, up to `max_radius`, over the last 1 to
`max_periods` periods) is moved over the map; the one whose count is least likely is the most likely cluster, and Monte
Carlo replications say how often chance alone gives one as unlikely anywhere.

`permutation`: which place and which period a case falls in are independent (Kulldorff, Heffernan, Hartman, Assunção,
Mostashari 2005, PLoS Medicine 2:e59): needs no population, and anything that is always so at a place, or everywhere in a
period, is no cluster. `poisson`: cases are spread as `expected` says (Kulldorff 2001, JRSS A 164:61-72).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.spatial import KDTree

EARTH_RADIUS_KM = 6371.0088
MAX_SHARE = 0.5  # a circle holds at most this share of all cases
MIN_CASES = 2
_PILOT = 20  # replications computed in full, to learn how large a maximum is usual

CLUSTER_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "center": pl.Int64,
    "places": pl.List(pl.Int64),
    "radius": pl.Float64,
    "first_period": pl.Int64,
    "last_period": pl.Int64,
    "observed": pl.Int64,
    "expected": pl.Float64,
    "statistic": pl.Float64,
    "p_value": pl.Float64,
    "recurrence_periods": pl.Float64,
}


@dataclass(frozen=True)
class _Circles:
    """All circles, as runs of one flat array: the places round a centre in order of distance."""

    place: np.ndarray  # (n_entries,) index of the place that this entry adds
    distance: np.ndarray  # (n_entries,) its distance from the centre
    start: np.ndarray  # (n_centers,) first entry of each centre
    center: np.ndarray  # (n_entries,)
    is_last_of_ties: np.ndarray  # (n_entries,) no further place at this very distance: the circle ends here


def scan(
    counts: np.ndarray,
    positions: np.ndarray,
    *,
    max_radius: float,
    max_periods: int,
    is_lonlat: bool = False,
    model: str = "permutation",
    expected: np.ndarray | None = None,
    replications: int = 999,
    seed: int = 0,
    max_clusters: int = 10,
) -> pl.DataFrame:
    """The most likely cluster and those that share no place with a more likely one, best first: CLUSTER_COLUMNS.

    counts: (n_places, n_periods) whole numbers; the last period is the present one. positions: (n_places, 2) in
    kilometres, or longitude and latitude in degrees (`is_lonlat`). max_radius: kilometres. expected (poisson only):
    same shape as counts, in any unit; scaled to the number of cases. p_value: rank among `replications` + 1;
    recurrence_periods: 1 / p. Of equally likely cylinders the smaller is taken. Empty where fewer than MIN_CASES cases are recent.
    """
    counts = np.ascontiguousarray(counts, dtype=np.int64)
    if counts.ndim != 2 or positions.shape != (len(counts), 2):
        raise ValueError("counts must be (n_places, n_periods) and positions (n_places, 2)")
    if (counts < 0).any() or not 1 <= max_periods < counts.shape[1]:
        raise ValueError("counts must not be negative, and max_periods must leave periods to compare with")
    total = int(counts.sum())
    recent = _recent(counts[:, -max_periods:])
    if recent[:, -1].sum() < MIN_CASES:
        return pl.DataFrame(schema=CLUSTER_COLUMNS)
    if model == "permutation":
        in_time = recent.sum(axis=0)
        share_of_place = counts.sum(axis=1) / total
        risk = share_of_place[:, None] * in_time[None, :]
    elif model == "poisson" and expected is not None:
        scaled = expected * (total / expected.sum())
        share_of_place = scaled.sum(axis=1) / total
        risk = _recent(scaled[:, -max_periods:])
    else:
        raise ValueError(f"unknown model {model!r}, or no expected counts")
    circles = _circles(positions, max_radius, is_lonlat)
    size = _within(circles, share_of_place[:, None])[:, 0]
    is_allowed = circles.is_last_of_ties & (size <= MAX_SHARE + 1e-12)
    circles, mu = _keep(circles, is_allowed, _within(circles, risk))
    statistic = _statistic(_observed(circles, recent), mu, total)

    rng = np.random.default_rng(seed)
    draw = _permuted(counts, max_periods, rng) if model == "permutation" else _poisson(scaled, total, max_periods, rng)
    maxima = _maxima(circles, mu, total, draw, replications)
    return _clusters(circles, recent, risk, statistic, maxima, counts, max_clusters)


def _recent(last: np.ndarray) -> np.ndarray:
    """(n_places, n_periods) → column d: the sum of the last d + 1 periods."""
    return np.cumsum(last[:, ::-1], axis=1)


def _circles(positions: np.ndarray, max_radius: float, is_lonlat: bool) -> _Circles:
    if is_lonlat:  # chords of the sphere order places as distances along it do
        lon, lat = np.radians(positions).T
        points = EARTH_RADIUS_KM * np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        reach = 2 * EARTH_RADIUS_KM * np.sin(max_radius / (2 * EARTH_RADIUS_KM))
    else:
        points, reach = positions.astype(float), max_radius
    near = KDTree(points).query_ball_point(points, reach * (1 + 1e-12))
    places, distances, centers = [], [], []
    for number, members in enumerate(near):
        around = np.sort(np.asarray(members))
        chord = np.linalg.norm(points[around] - points[number], axis=1)
        order = np.argsort(chord, kind="stable")
        places.append(around[order])
        distances.append(chord[order])
        centers.append(np.full(len(around), number))
    distance, center = np.concatenate(distances), np.concatenate(centers)
    if is_lonlat:
        distance = 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(1, distance / (2 * EARTH_RADIUS_KM)))
    length = np.array([len(around) for around in places])
    start = np.concatenate([[0], np.cumsum(length)[:-1]])
    next_distance = np.append(distance[1:], np.inf)
    is_last = np.append(center[1:] != center[:-1], True)
    return _Circles(np.concatenate(places), distance, start, center, is_last | (next_distance > distance + 1e-9))


def _within(circles: _Circles, values: np.ndarray) -> np.ndarray:
    """(n_places, d) → (n_entries, d): the sum over the circle that ends at each entry."""
    running = np.cumsum(values[circles.place], axis=0)
    before = np.zeros((len(circles.start), values.shape[1]), running.dtype)
    before[1:] = running[circles.start[1:] - 1]
    length = np.diff(np.append(circles.start, len(circles.place)))
    running -= np.repeat(before, length, axis=0)
    return running


def _keep(circles: _Circles, is_allowed: np.ndarray, mu: np.ndarray) -> tuple[_Circles, np.ndarray]:
    """Circles that are too large or end between places at one distance get an expectation nothing can exceed."""
    mu = mu.copy()
    mu[~is_allowed] = np.inf
    # Cut the tail of each centre's run in which no circle is allowed: nothing to be counted there.
    last_allowed = np.maximum.reduceat(np.where(is_allowed, np.arange(len(is_allowed)), -1), circles.start)
    keep = np.arange(len(is_allowed)) <= np.repeat(last_allowed, np.diff(np.append(circles.start, len(is_allowed))))
    start = np.unique(circles.center[keep], return_index=True)[1]
    return (
        _Circles(
            circles.place[keep], circles.distance[keep], start, circles.center[keep], circles.is_last_of_ties[keep]
        ),
        mu[keep],
    )


def _observed(circles: _Circles, recent: np.ndarray) -> np.ndarray:
    """`_within` for whole numbers, many times over: (n_places, d) → (n_entries, d).

    The counts of all windows of a place ride in one 64-bit number, so that one pass sums them all; where a centre's run
    begins, the sum of the run before is taken off, so that the running sum starts anew.
    """
    field = np.uint16 if recent[:, -1].sum() < 1 << 16 else np.uint32
    n_fields = 8 // field().itemsize
    n_windows = recent.shape[1]
    packed = np.zeros((len(recent), -(-n_windows // n_fields) * n_fields), dtype=field)
    packed[:, :n_windows] = recent
    words = packed.view(np.uint64)[circles.place]
    of_run = np.add.reduceat(words, circles.start, axis=0)
    words[circles.start[1:]] -= of_run[:-1]
    return np.cumsum(words, axis=0, out=words).view(field)[:, :n_windows]


def _statistic(observed: np.ndarray, mu: np.ndarray, total: int) -> np.ndarray:
    """Log likelihood ratio where more was observed than expected and at least MIN_CASES, else 0."""
    observed = observed.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = total - observed
        ratio = observed * np.log(observed / mu) + np.where(rest > 0, rest * np.log(rest / (total - mu)), 0.0)
    return np.where((observed > mu) & (observed >= MIN_CASES), ratio, 0.0)


def _maxima(circles: _Circles, mu: np.ndarray, total: int, draw, replications: int) -> np.ndarray:
    """The largest statistic of each replication.

    The statistic grows with the count while the expectation stays, so a count that cannot reach a usual maximum need
    not be put through logarithms: only counts at or above `least` are, and all of them where none is.
    """
    maxima = np.empty(replications)
    least = None
    for number in range(replications):
        observed = _observed(circles, draw())
        if least is not None:
            reaches = observed >= least
            if reaches.any():
                maxima[number] = _statistic(observed[reaches], mu[reaches], total).max()
                continue
        maxima[number] = _statistic(observed, mu, total).max()
        if number == _PILOT - 1:
            least = np.minimum(_least_count(mu, total, maxima[:_PILOT].min()), np.iinfo(observed.dtype).max)
            least = least.astype(observed.dtype)
    return maxima


def _least_count(mu: np.ndarray, total: int, statistic: float) -> np.ndarray:
    """The smallest count whose statistic reaches the given one, by bisection."""
    most = total + 1  # a count nobody has: this cylinder cannot reach it
    low = np.where(np.isfinite(mu), np.maximum(np.floor(np.minimum(mu, most - 1)), MIN_CASES - 1), most - 1).astype(
        np.int32
    )
    high = np.full(mu.shape, most, dtype=np.int32)
    while True:
        open_ = high - low > 1
        if not open_.any():
            return high
        middle = low + (high - low) // 2
        reaches = _statistic(middle, mu, total) >= statistic
        high = np.where(open_ & reaches, middle, high)
        low = np.where(open_ & ~reaches, middle, low)


def _permuted(counts: np.ndarray, max_periods: int, rng: np.random.Generator):
    """Replications: the cases keep their places, the periods are dealt out anew."""
    place_of_case = np.repeat(np.arange(len(counts)), counts.sum(axis=1))
    n_in_period = counts[:, -max_periods:].sum(axis=0)[::-1]
    period_of_case = np.repeat(np.arange(max_periods), n_in_period)
    n_places, n_recent = len(counts), len(period_of_case)

    def draw() -> np.ndarray:
        chosen = rng.choice(len(place_of_case), n_recent, replace=False)
        cell = place_of_case[chosen] * max_periods + period_of_case
        by_period = np.bincount(cell, minlength=n_places * max_periods).reshape(n_places, max_periods)
        return np.cumsum(by_period, axis=1)

    return draw


def _poisson(expected: np.ndarray, total: int, max_periods: int, rng: np.random.Generator):
    """Replications: `total` cases fall as `expected` says."""
    recent = expected[:, -max_periods:][:, ::-1]
    chance = np.append(recent.ravel(), expected.sum() - recent.sum()) / expected.sum()

    def draw() -> np.ndarray:
        return np.cumsum(rng.multinomial(total, chance)[:-1].reshape(recent.shape), axis=1)

    return draw


def _clusters(
    circles: _Circles,
    recent: np.ndarray,
    risk: np.ndarray,
    statistic: np.ndarray,
    maxima: np.ndarray,
    counts: np.ndarray,
    max_clusters: int,
) -> pl.DataFrame:
    n_periods = counts.shape[1]
    best_window = statistic.argmax(axis=1)  # the first of equals: the shorter
    best = statistic[np.arange(len(statistic)), best_window]
    order = np.lexsort((circles.distance, -np.round(best, 9)))
    taken = np.zeros(len(counts), dtype=bool)
    rows: list[dict] = []
    for entry in order:
        if best[entry] <= 0 or len(rows) == max_clusters:
            break
        begin = np.searchsorted(circles.center, circles.center[entry])
        members = circles.place[begin : entry + 1]
        if taken[members].any():
            continue
        taken[members] = True
        window = int(best_window[entry])
        p_value = (1 + int((maxima >= best[entry] - 1e-9).sum())) / (len(maxima) + 1)
        rows.append(
            {
                "center": int(circles.center[entry]),
                "places": members.tolist(),
                "radius": float(circles.distance[entry]),
                "first_period": n_periods - 1 - window,
                "last_period": n_periods - 1,
                "observed": int(recent[members, window].sum()),
                "expected": float(risk[members, window].sum()),
                "statistic": float(best[entry]),
                "p_value": p_value,
                "recurrence_periods": 1 / p_value,
            }
        )
    return pl.DataFrame(rows, schema=CLUSTER_COLUMNS)
