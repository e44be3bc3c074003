"""The scan statistic against a search by hand, and against published reference results where these are at hand."""

import gzip
import os
import re
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipelines.detectors.scan import circles, scan

REFERENCE = Path(os.environ.get("YANPAN_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "detect" / "scan"


def city(seed: int = 0, n_places: int = 30, n_periods: int = 20) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.lognormal(0, 1, n_places)[:, None], (n_places, n_periods)), rng.uniform(0, 10, (n_places, 2))


def best_by_hand(
    counts: np.ndarray, positions: np.ndarray, max_radius: float, max_periods: int
) -> tuple[float, set, int]:
    """Every cylinder, one at a time, as the paper writes it down."""
    total, best = counts.sum(), (0.0, set(), 0)
    for center in positions:
        distance = np.hypot(*(positions - center).T)
        for radius in np.unique(distance[distance <= max_radius]):
            inside = distance <= radius
            if counts[inside].sum() > total / 2:
                continue
            for window in range(1, max_periods + 1):
                observed = counts[inside][:, -window:].sum()
                expected = counts[inside].sum() * counts[:, -window:].sum() / total
                if observed > expected and observed >= 2:
                    ratio = observed * np.log(observed / expected)
                    ratio += (total - observed) * np.log((total - observed) / (total - expected))
                    if ratio > best[0] + 1e-9:
                        best = (ratio, set(np.flatnonzero(inside).tolist()), window)
    return best


@pytest.mark.parametrize("seed", range(6))
def test_the_most_likely_cluster_is_the_one_a_search_by_hand_finds(seed):
    counts, positions = city(seed)
    found = scan(counts, positions, max_radius=4, max_periods=5, replications=9).row(0, named=True)
    statistic, places, window = best_by_hand(counts, positions, 4, 5)
    assert found["statistic"] == pytest.approx(statistic, abs=1e-9)
    assert (set(found["places"]), found["last_period"] - found["first_period"] + 1) == (places, window)
    inside = sorted(places)
    assert found["observed"] == counts[inside][:, -window:].sum()


@pytest.mark.parametrize("model", ["permutation", "poisson"])
def test_chance_alone_is_seldom_a_cluster_and_a_planted_one_is_found(model):
    alone, found = [], []
    for seed in range(40):
        counts, positions = city(seed)
        expected = np.broadcast_to(counts.mean(axis=1, keepdims=True) + 1e-9, counts.shape)
        same = {"max_radius": 3, "max_periods": 4, "replications": 99, "model": model, "seed": seed}
        alone.append(scan(counts, positions, expected=expected, **same)["p_value"][0])
        near = np.hypot(*(positions - positions[0]).T) <= 2
        counts[near, -2:] += 6
        row = scan(counts, positions, expected=expected, **same).row(0, named=True)
        found.append(row["p_value"] <= 0.02 and bool(set(np.flatnonzero(near)) & set(row["places"])))
    assert np.mean(np.array(alone) <= 0.10) <= 0.25  # 40 draws of a 10 % event: 10 or more have chance 0.6 %
    assert np.mean(found) >= 0.9


def test_what_always_is_so_at_a_place_or_everywhere_in_a_period_is_no_cluster():
    counts, positions = np.full((20, 12), 3), np.random.default_rng(1).uniform(0, 10, (20, 2))
    counts[4] *= 40
    counts[:, -1] *= 5
    found = scan(counts, positions, max_radius=3, max_periods=3, replications=49)
    assert found.is_empty() or found["statistic"].max() < 1e-6


def test_clusters_share_no_place_and_the_same_seed_gives_the_same():
    counts, positions = city(3, 60)
    found = scan(counts, positions, max_radius=3, max_periods=4, replications=49, seed=7)
    members = [place for places in found["places"].to_list() for place in places]
    assert len(members) == len(set(members)) > 0
    assert found.equals(scan(counts, positions, max_radius=3, max_periods=4, replications=49, seed=7))
    assert found["statistic"].is_sorted(descending=True)


def test_degrees_are_measured_along_the_sphere():
    """One degree of longitude at 60° north is half of one at the equator: 55.6 km."""
    counts = np.zeros((3, 6), dtype=int)
    counts[:, 0], counts[:2, -1] = 5, 8
    positions = np.array([[120.0, 60.0], [121.0, 60.0], [140.0, 10.0]])
    near = scan(counts, positions, max_radius=60, max_periods=2, is_lonlat=True, replications=9)
    far = scan(counts, positions, max_radius=50, max_periods=2, is_lonlat=True, replications=9)
    assert len(near["places"][0]) in (1, 2)
    assert near["radius"].max() == pytest.approx(55.5, abs=0.3) or len(near["places"][0]) == 1
    assert far["radius"].max() == 0


def planted(seed: int = 0, extra: int = 6) -> tuple[np.ndarray, np.ndarray]:
    counts, positions = city(seed)
    counts[np.hypot(*(positions - positions[0]).T) <= 2, -2:] += extra
    return counts, positions


def test_stopping_early_gives_the_same_p_within_chance_and_takes_fewer_replications():
    """Besag & Clifford: p is h by the number of replications it took; so large a one needs few of them."""
    for seed in range(12):
        counts, positions = city(seed)
        same = {"max_radius": 3, "max_periods": 4, "seed": seed, "max_clusters": 1}
        full = scan(counts, positions, **same, replications=999)["p_value"][0]
        stopped = scan(counts, positions, **same, replications=999, stop_after=10)["p_value"][0]
        n = 10 / stopped  # replications it took
        assert stopped >= 10 / 999 or full < 0.03
        assert (
            n == pytest.approx(round(n))
            and abs(stopped - full) <= 4 * np.sqrt(full * (1 - full) * (1 / n + 1e-3)) + 0.01
        )


def test_the_gumbel_tail_agrees_with_replications_where_both_can_tell():
    told, ranked = [], []
    for seed in range(30):
        counts, positions = city(seed, n_periods=40)
        row = scan(counts, positions, max_radius=3, max_periods=4, replications=199, seed=seed).row(0, named=True)
        told.append(row["p_gumbel"])
        ranked.append(row["p_value"])
    assert np.abs(np.array(told) - ranked).max() < 0.12 and np.abs(np.array(told) - ranked).mean() < 0.04
    counts, positions = planted(extra=20)
    beyond = scan(counts, positions, max_radius=3, max_periods=4, replications=999, stop_after=10).row(0, named=True)
    assert beyond["p_gumbel"] < 1e-9 and beyond["p_value"] <= 1 / 200


def test_where_chance_finds_mostly_nothing_no_tail_is_fitted():
    counts = np.zeros((40, 20), dtype=int)
    counts[np.arange(40), np.arange(40) % 17], counts[:2, -1] = 1, 2
    positions = np.column_stack([10.0 * np.arange(40), np.zeros(40)])
    positions[1] = (0.1, 0)
    found = scan(counts, positions, max_radius=1, max_periods=1, replications=99)
    assert found["observed"][0] == 4 and found["p_gumbel"][0] is None and found["p_value"][0] <= 0.05


def test_empty_places_change_nothing_but_the_number_of_circles():
    counts, positions = planted()
    counts[5:12] = 0
    same = {"max_radius": 3, "max_periods": 4, "replications": 199}
    with_all = scan(counts, positions, **same).row(0, named=True)
    without = scan(counts, positions, **same, skip_empty_places=True).row(0, named=True)
    alone = scan(np.delete(counts, range(5, 12), 0), np.delete(positions, range(5, 12), 0), **same).row(0, named=True)
    assert without["statistic"] == pytest.approx(with_all["statistic"]) == pytest.approx(alone["statistic"])
    assert not set(without["places"]) & set(range(5, 12))
    assert set(without["places"]) == set(with_all["places"]) - set(range(5, 12))
    assert len(alone["places"]) == len(without["places"]) and alone["p_value"] == without["p_value"]


def test_circles_worked_out_before_and_a_largest_p_give_the_same_clusters():
    counts, positions = planted()
    same = {"max_radius": 3, "max_periods": 4, "replications": 199}
    found = scan(counts, positions, **same)
    assert found.equals(scan(counts, positions, **same, around=circles(positions, 3)))
    few = scan(counts, positions, **same, max_p=0.3)
    assert 0 < len(few) < len(found) and few.equals(found.filter(found["p_value"] <= 0.3))
    assert scan(*city(1), **same, max_p=0.001).is_empty()


def test_at_most_so_many_places_are_in_a_circle():
    counts, positions = planted()
    few = circles(positions, 9, max_places=4)
    assert np.bincount(few.center).tolist() == [4] * len(counts)
    for center in range(len(counts)):
        nearest = np.argsort(np.hypot(*(positions - positions[center]).T))[:4]
        assert few.place[few.center == center].tolist() == nearest.tolist()
    found = scan(counts, positions, max_radius=9, max_periods=4, replications=19, around=few)
    assert max(len(places) for places in found["places"]) <= 4


def test_bundled_cases_are_allowed_for():
    """Cases in threes look like clusters unless the dispersion is said; the statistic itself stays."""
    naive, allowed = [], []
    for seed in range(30):
        counts, positions = city(seed)
        same = {"max_radius": 3, "max_periods": 4, "replications": 99, "seed": seed, "max_clusters": 1}
        plain, adjusted = scan(3 * counts, positions, **same), scan(3 * counts, positions, **same, dispersion=3.0)
        assert plain["statistic"][0] == adjusted["statistic"][0]
        naive.append(plain["p_value"][0] <= 0.05)
        allowed.append(adjusted["p_value"][0] <= 0.05)
    assert np.mean(naive) > 0.5 and np.mean(allowed) <= 0.2


def test_nothing_recent_is_nothing_found():
    counts = np.zeros((5, 10), dtype=int)
    counts[:, 0] = 4
    assert scan(counts, np.zeros((5, 2)), max_radius=1, max_periods=2).is_empty()


# --- reference results -------------------------------------------------------------------------------------------


def reference(cases: str, places: str, first: date, last: date, days: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    rows = [line.split() for line in (REFERENCE / places).read_text().splitlines() if line.strip()]
    index = {row[0]: number for number, row in enumerate(rows)}
    counts = np.zeros((len(rows), (last - first).days // days + 1), dtype=int)
    path = REFERENCE / cases
    lines = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    for line in lines.splitlines():
        place, n, day = line.split()
        counts[index[place], (date(*map(int, day.split("/"))) - first).days // days] += int(n)
    return [row[0] for row in rows], np.array([[float(row[1]), float(row[2])] for row in rows]), counts


def stated(report: str) -> list[dict]:
    """Members, first day, statistic and p-value of each cluster of a report."""
    found = []
    for part in re.split(r"\n\d+\.Location IDs included\.: ", (REFERENCE / report).read_text())[1:]:
        members = part.split("Coordinates")[0].replace("\n", " ").replace(" ", "").split(",")
        value = lambda name, part=part: re.search(rf"{name}\.*: ([^\n]+)", part)[1].strip()  # noqa: E731
        found.append(
            {
                "members": members,
                "first": date(*map(int, value("Time frame").split(" ")[0].split("/"))),
                "statistic": float(value("Test statistic")),
                "p": float(value("P-value")),
            }
        )
    return found


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="没有参考结果文件夹 detect/scan，跳过")
@pytest.mark.parametrize(
    ("cases", "places", "report", "first", "last", "days", "radius", "periods", "is_lonlat"),
    [
        ("NYCfever.cas", "NYCfever.geo", "NYCSpaceTimePermutation_std9999.txt", date(2001, 11, 1), date(2001, 11, 24), 1, 3, 7, True),
        ("syn_s.cas.gz", "syn_s.geo", "syn_s_t1.txt", date(2023, 1, 2), date(2023, 12, 31), 7, 5, 4, False),
        ("syn_m.cas.gz", "syn_m.geo", "syn_m_t1.txt", date(2023, 1, 2), date(2023, 12, 31), 7, 5, 4, False),
    ],
    ids=["nyc", "syn_s", "syn_m"],
)  # fmt: skip
def test_reference_results_are_reproduced(cases, places, report, first, last, days, radius, periods, is_lonlat):
    names, positions, counts = reference(cases, places, first, last, days)
    if is_lonlat:
        positions = positions[:, ::-1]  # the reference writes latitude first
    n = 499
    found = scan(counts, positions, max_radius=radius, max_periods=periods, is_lonlat=is_lonlat, replications=n, seed=5)
    wanted = stated(report)
    for row, cluster in zip(found.head(len(wanted)).iter_rows(named=True), wanted, strict=True):
        assert row["statistic"] == pytest.approx(cluster["statistic"], abs=1e-6)
        assert [names[place] for place in row["places"]] == cluster["members"]
        assert first + timedelta(days=days * row["first_period"]) == cluster["first"]
        error = 4 * np.sqrt(max(cluster["p"] * (1 - cluster["p"]), 1e-3) * (1 / n + 1 / 999))
        assert abs(row["p_value"] - cluster["p"]) < error + 1 / n
