"""Where do cases of one kind crowd together right now, more than chance would put there?

Kulldorff's prospective space-time scan: a cylinder (a circle around each place, up to `max_radius`, over the last 1 to
`max_periods` periods) is moved over the map; the one whose count is least likely is the most likely cluster, and Monte
Carlo replications say how often chance alone gives one as unlikely anywhere.

`permutation`: which place and which period a case falls in are independent (Kulldorff, Heffernan, Hartman, Assunção,
Mostashari 2005, PLoS Medicine 2:e59): needs no population, and anything that is always so at a place, or everywhere in a
period, is no cluster. `poisson`: cases are spread as `expected` says (Kulldorff 2001, JRSS A 164:61-72).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.spatial import KDTree

EARTH_RADIUS_KM = 6371.0088
MAX_SHARE = 0.5  # a circle holds at most this share of all cases
MIN_CASES = 2
_PILOT = 8  # replications computed in full, to learn how large a maximum is usual
_ENOUGH = 199  # replications at least, however far beyond them the statistic is
_BATCH = 64  # replications at once, as long as their circles fit into the processor's cache
_BATCH_WORDS = 1 << 18

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
    "p_gumbel": pl.Float64,
    "recurrence_periods": pl.Float64,
}


@dataclass(frozen=True)
class Circles:
    """All circles, as runs of one flat array: the places round a centre in order of distance."""

    place: np.ndarray  # (n_entries,) index of the place that this entry adds
    distance: np.ndarray  # (n_entries,) its distance from the centre
    start: np.ndarray  # (n_centers,) first entry of each centre
    center: np.ndarray  # (n_entries,)
    is_last_of_ties: np.ndarray  # (n_entries,) no further place at this very distance: the circle ends here

    def among(self, is_kept: np.ndarray) -> "Circles":
        """The same without the other places, the places that are kept numbered anew."""
        number = np.cumsum(is_kept) - 1
        kept = is_kept[self.place] & is_kept[self.center]
        return _runs(number[self.place[kept]], self.distance[kept], number[self.center[kept]])


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
    seed: int | Sequence[int] = 0,
    max_clusters: int = 10,
    dispersion: float = 1.0,
    max_p: float = 1.0,
    stop_after: int | None = None,
    skip_empty_places: bool = False,
    around: Circles | None = None,
) -> pl.DataFrame:
    """The most likely cluster and those that share no place with a more likely one, best first: CLUSTER_COLUMNS.

    counts: (n_places, n_periods) whole numbers; the last period is the present one. positions: (n_places, 2) in
    kilometres, or longitude and latitude in degrees (`is_lonlat`). max_radius: kilometres. expected (poisson only):
    same shape as counts, in any unit; scaled to the number of cases. Of equally likely cylinders the smaller is taken.
    Empty where fewer than MIN_CASES cases are recent, and where no cluster has a p_value of at most `max_p`.

    p_value: rank among `replications` + 1; recurrence_periods: 1 / p_value. dispersion: variance over mean of counts
    when nothing is going on; where cases come in bundles it is above 1, and the statistic, a likelihood of single cases,
    is divided by it before it is compared (quasi-likelihood: McCullagh & Nelder 1989, ch. 9). With `stop_after` = h the
    replications stop once h of them reach the most likely cluster, and p is h by the number it took (Besag & Clifford
    1991, Biometrika 78:301-304): as valid, and soon over where nothing is to be found; they stop, too, where p_gumbel is
    below one in a million. p_gumbel: the tail of a Gumbel distribution with mean and variance of the replications'
    maxima, for chances smaller than the replications can show (Abrams, Kulldorff & Kleinman 2010, Int J Health Geogr
    9:61); null where most of them found nothing at all.
    skip_empty_places: places without a case in all periods (poisson: without an expectation) are neither centre nor
    member. No replication gives them one, so that the p-value stays true; SaTScan keeps their circles, the default.
    around: `circles(positions, max_radius)` of these places, worked out before, where many scans share them.
    """
    counts = np.ascontiguousarray(counts, dtype=np.int64)
    if counts.ndim != 2 or positions.shape != (len(counts), 2):
        raise ValueError("counts must be (n_places, n_periods) and positions (n_places, 2)")
    if (counts < 0).any() or not 1 <= max_periods < counts.shape[1]:
        raise ValueError("counts must not be negative, and max_periods must leave periods to compare with")
    if counts[:, -max_periods:].sum() < MIN_CASES:
        return pl.DataFrame(schema=CLUSTER_COLUMNS)
    if model not in ("permutation", "poisson") or (model == "poisson" and expected is None):
        raise ValueError(f"unknown model {model!r}, or no expected counts")
    if model == "permutation":
        expected = None
    around = around or circles(positions, max_radius, is_lonlat=is_lonlat)
    number = np.arange(len(counts))
    if skip_empty_places:
        number = np.flatnonzero((counts if expected is None else expected).sum(axis=1) > 0)
        around = around.among(np.isin(np.arange(len(counts)), number))
        counts, expected = counts[number], None if expected is None else expected[number]
    total = int(counts.sum())
    recent = _recent(counts[:, -max_periods:])
    rng = np.random.default_rng(seed)
    if expected is None:
        in_time = recent.sum(axis=0)
        share_of_place = counts.sum(axis=1) / total
        risk = share_of_place[:, None] * in_time[None, :]
        draw = _permuted(counts, max_periods, rng)
    else:
        scaled = expected * (total / expected.sum())
        share_of_place = scaled.sum(axis=1) / total
        risk = _recent(scaled[:, -max_periods:])
        draw = _poisson(scaled, total, max_periods, rng)
    size = _within(around, share_of_place[:, None])[:, 0]
    is_allowed = around.is_last_of_ties & (size <= MAX_SHARE + 1e-12)
    if not is_allowed.any():
        return pl.DataFrame(schema=CLUSTER_COLUMNS)
    around, mu = _keep(around, is_allowed, _within(around, risk))
    statistic = _statistic(_observed(around, recent), mu, total)
    if statistic.max() <= 0:
        return pl.DataFrame(schema=CLUSTER_COLUMNS)
    maxima = dispersion * _maxima(around, mu, total, draw, replications, statistic.max() / dispersion, stop_after)
    if _p_value(statistic.max(), maxima, stop_after) > max_p:
        return pl.DataFrame(schema=CLUSTER_COLUMNS)
    n_above = int(2 * max_p * (len(maxima) + 1))  # with so many replications above it, surely none is listed
    if n_above < len(maxima):
        statistic[statistic < np.partition(maxima, -n_above)[-n_above] - 1e-9] = 0
    found = _clusters(around, recent, risk, statistic, counts.shape[1], max_clusters)
    for row in found:
        row["center"], row["places"] = int(number[row["center"]]), number[row["places"]].tolist()
        row["p_value"] = _p_value(row["statistic"], maxima, stop_after)
        row["p_gumbel"] = _gumbel_tail(row["statistic"], maxima)
        row["recurrence_periods"] = 1 / row["p_value"]
    return pl.DataFrame([row for row in found if row["p_value"] <= max_p], schema=CLUSTER_COLUMNS)


def _recent(last: np.ndarray) -> np.ndarray:
    """(n_places, n_periods) → column d: the sum of the last d + 1 periods."""
    return np.cumsum(last[:, ::-1], axis=1)


def circles(
    positions: np.ndarray, max_radius: float, *, is_lonlat: bool = False, max_places: int | None = None
) -> Circles:
    """Around each place the places within max_radius kilometres, nearest first, and of these at most max_places."""
    if is_lonlat:  # chords of the sphere order places as distances along it do
        lon, lat = np.radians(positions).T
        points = EARTH_RADIUS_KM * np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        reach = 2 * EARTH_RADIUS_KM * np.sin(max_radius / (2 * EARTH_RADIUS_KM))
    else:
        points, reach = positions.astype(float), max_radius
    tree, reach = KDTree(points), reach * (1 + 1e-12)
    if max_places:
        chord, place = tree.query(points, np.arange(1, min(max_places, len(points)) + 1), distance_upper_bound=reach)
        center, at = np.nonzero(np.isfinite(chord))
        place, distance = place[center, at], chord[center, at]
    else:
        near = tree.query_ball_point(points, reach)
        center = np.repeat(np.arange(len(points)), [len(members) for members in near])
        place = np.concatenate(near).astype(int)
        distance = np.linalg.norm(points[place] - points[center], axis=1)
    order = np.lexsort((place, distance, center))
    place, distance, center = place[order], distance[order], center[order]
    if is_lonlat:
        distance = 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(1, distance / (2 * EARTH_RADIUS_KM)))
    return _runs(place, distance, center)


def _runs(place: np.ndarray, distance: np.ndarray, center: np.ndarray) -> Circles:
    start = np.flatnonzero(np.diff(center, prepend=-1))
    is_last = np.diff(center, append=-1) != 0
    return Circles(place, distance, start, center, is_last | (np.append(distance[1:], np.inf) > distance + 1e-9))


def _within(circles: Circles, values: np.ndarray) -> np.ndarray:
    """(n_places, d) → (n_entries, d): the sum over the circle that ends at each entry."""
    running = np.cumsum(values[circles.place], axis=0)
    before = np.zeros((len(circles.start), values.shape[1]), running.dtype)
    before[1:] = running[circles.start[1:] - 1]
    length = np.diff(np.append(circles.start, len(circles.place)))
    running -= np.repeat(before, length, axis=0)
    return running


def _keep(circles: Circles, is_allowed: np.ndarray, mu: np.ndarray) -> tuple[Circles, np.ndarray]:
    """Circles that are too large or end between places at one distance get an expectation nothing can exceed."""
    mu = mu.copy()
    mu[~is_allowed] = np.inf
    # Cut the tail of each centre's run in which no circle is allowed: nothing to be counted there.
    last_allowed = np.maximum.reduceat(np.where(is_allowed, np.arange(len(is_allowed)), -1), circles.start)
    keep = np.arange(len(is_allowed)) <= np.repeat(last_allowed, np.diff(np.append(circles.start, len(is_allowed))))
    start = np.unique(circles.center[keep], return_index=True)[1]
    return (
        Circles(
            circles.place[keep], circles.distance[keep], start, circles.center[keep], circles.is_last_of_ties[keep]
        ),
        mu[keep],
    )


def _observed(circles: Circles, recent: np.ndarray) -> np.ndarray:
    """`_within` for whole numbers, many times over: (..., n_places, d) → (..., n_entries, d).

    The counts of all windows of a place ride in one 64-bit number, so that one pass sums them all; where a centre's run
    begins, the sum of the run before is taken off, so that the running sum starts anew.
    """
    field = np.uint16 if recent[..., -1].sum(axis=-1).max() < 1 << 16 else np.uint32
    n_fields = 8 // field().itemsize
    n_windows = recent.shape[-1]
    packed = np.zeros((*recent.shape[:-1], -(-n_windows // n_fields) * n_fields), dtype=field)
    packed[..., :n_windows] = recent
    words = packed.view(np.uint64).take(circles.place, axis=-2)
    of_run = np.add.reduceat(words, circles.start, axis=-2)
    words[..., circles.start[1:], :] -= of_run[..., :-1, :]
    return np.cumsum(words, axis=-2, out=words).view(field)[..., :n_windows]


def _statistic(observed: np.ndarray, mu: np.ndarray, total: int) -> np.ndarray:
    """Log likelihood ratio where more was observed than expected and at least MIN_CASES, else 0."""
    observed = observed.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = total - observed
        ratio = observed * np.log(observed / mu) + np.where(rest > 0, rest * np.log(rest / (total - mu)), 0.0)
    return np.where((observed > mu) & (observed >= MIN_CASES), ratio, 0.0)


def _maxima(
    circles: Circles,
    mu: np.ndarray,
    total: int,
    draw: Callable[[int], np.ndarray],
    replications: int,
    reached: float,
    stop_after: int | None,
) -> np.ndarray:
    """The largest statistic of each replication; no more of them than it takes for `stop_after` to be >= `reached`.

    The statistic grows with the count while the expectation stays, so a count that cannot reach a usual maximum need
    not be put through logarithms: only counts at or above `least` are, and all above expectation where none is.
    """
    above = np.maximum(np.floor(mu) + 1, MIN_CASES)
    least, usual, maxima = above, 0.0, np.empty(0)
    most = min(_BATCH, max(1, _BATCH_WORDS // len(mu)))
    while len(maxima) < replications:
        batch = min(most, replications - len(maxima), max(2 * len(maxima), _PILOT))
        observed = _observed(circles, draw(batch))
        largest = _largest(observed, least, mu, total)
        for at in np.flatnonzero(largest < usual):
            largest[at] = _largest(observed[at : at + 1], above, mu, total)[0]
        maxima = np.append(maxima, largest)
        if usual == 0 and len(maxima) >= _PILOT:
            usual = 0.9 * maxima.min()
            least = np.maximum(above, _least_count(mu, total, usual, 4 * int(observed.max())))
        if stop_after and ((maxima >= reached - 1e-9).sum() >= stop_after or _is_far_beyond(reached, maxima)):
            break
    return maxima


def _least_count(mu: np.ndarray, total: int, statistic: float, most: int) -> np.ndarray:
    """The smallest count whose statistic reaches the given one; `most` + 1 where none up to `most` does.

    For each count the largest expectation with which it does, by bisection: it grows with the count.
    """
    count = np.arange(1, most + 1)
    low, high = np.zeros(most), count.astype(float)
    for _ in range(20):
        middle = (low + high) / 2
        reaches = _statistic(count, middle, total) >= statistic
        low, high = np.where(reaches, middle, low), np.where(reaches, high, middle)
    return np.searchsorted(high, mu) + 1


def _largest(observed: np.ndarray, least: np.ndarray, mu: np.ndarray, total: int) -> np.ndarray:
    """The largest statistic of each replication, of counts (n_replications, n_entries, d) >= least; 0 where none is."""
    limit = np.minimum(least, np.iinfo(observed.dtype).max).astype(observed.dtype)
    hits = np.flatnonzero(observed >= limit)
    cell = hits % mu.size
    largest = np.zeros(len(observed))
    np.maximum.at(largest, hits // mu.size, _statistic(observed.ravel()[hits], mu.ravel()[cell], total))
    return largest


def _permuted(counts: np.ndarray, max_periods: int, rng: np.random.Generator) -> Callable[[int], np.ndarray]:
    """Replications: the cases keep their places, the periods are dealt out anew."""
    n_at_place = counts.sum(axis=1)
    n_in_period = counts[:, -max_periods:].sum(axis=0)[::-1]
    period_of_case = np.repeat(np.arange(max_periods), n_in_period)
    shape = (len(counts), max_periods)

    def draw(n: int) -> np.ndarray:
        taken = rng.multivariate_hypergeometric(n_at_place, len(period_of_case), size=n, method="count")
        place = np.repeat(np.arange(taken.size), taken.ravel())
        period = rng.permuted(np.tile(period_of_case, (n, 1)), axis=1).ravel()
        by_period = np.bincount(place * max_periods + period, minlength=taken.size * max_periods)
        return np.cumsum(by_period.reshape(n, *shape), axis=2)

    return draw


def _poisson(
    expected: np.ndarray, total: int, max_periods: int, rng: np.random.Generator
) -> Callable[[int], np.ndarray]:
    """Replications: `total` cases fall as `expected` says."""
    recent = expected[:, -max_periods:][:, ::-1]
    chance = np.append(recent.ravel(), expected.sum() - recent.sum()) / expected.sum()

    def draw(n: int) -> np.ndarray:
        return np.cumsum(rng.multinomial(total, chance, size=n)[:, :-1].reshape(n, *recent.shape), axis=2)

    return draw


def _p_value(statistic: float, maxima: np.ndarray, stop_after: int | None) -> float:
    """Rank among the replications; where `stop_after` of them reach the statistic, their share when the last one came."""
    (reaching,) = np.nonzero(maxima >= statistic - 1e-9)
    if stop_after and len(reaching) >= stop_after:
        return float(stop_after / (reaching[stop_after - 1] + 1))
    return float((1 + len(reaching)) / (len(maxima) + 1))


def _is_far_beyond(statistic: float, maxima: np.ndarray) -> bool:
    """Rarer than a million replications could show: more of them would tell nothing."""
    return len(maxima) >= _ENOUGH and (_gumbel_tail(statistic, maxima) or 1.0) < 1e-6


def _gumbel_tail(statistic: float, maxima: np.ndarray) -> float | None:
    """How often a Gumbel variable with mean and variance of `maxima` is at least as large."""
    if np.median(maxima) == 0:
        return None
    scale = max(maxima.std(), 1e-9) * np.sqrt(6) / np.pi
    location = maxima.mean() - np.euler_gamma * scale
    return float(-np.expm1(-np.exp(-max((statistic - location) / scale, -30.0))))


def _clusters(
    circles: Circles, recent: np.ndarray, risk: np.ndarray, statistic: np.ndarray, n_periods: int, max_clusters: int
) -> list[dict]:
    best_window = statistic.argmax(axis=1)  # the first of equals: the shorter
    best = statistic[np.arange(len(statistic)), best_window]
    order = np.lexsort((circles.distance, -np.round(best, 9)))
    taken = np.zeros(len(recent), dtype=bool)
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
        rows.append(
            {
                "center": int(circles.center[entry]),
                "places": members,
                "radius": float(circles.distance[entry]),
                "first_period": n_periods - 1 - window,
                "last_period": n_periods - 1,
                "observed": int(recent[members, window].sum()),
                "expected": float(risk[members, window].sum()),
                "statistic": float(best[entry]),
            }
        )
    return rows
