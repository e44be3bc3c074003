"""How many outbreaks are found at how many false alarms: `python -m bench scenarios --reps 20 --seed 1`.

The 42 scenarios of Noufaily et al. (2013), Statist. Med. 32:1206, written from the published description: seven
levels of mean, trend, season and dispersion × {no trend, trend} × {no, one, two harmonics}; 624 weeks; four
past outbreaks in weeks 313–575 and one in the judged weeks 576–624. An outbreak of size k has Poisson(k·σ) cases, σ the
standard deviation of its first week, past k from {0, 2, 3, 5, 10}, current k from 1 to 10 and at least two cases, at
floor(log-normal(0, 0.5)) weeks from its start.

False alarms are counted on the same series without any outbreak, everything else on those with. "At 1 %" means with the
threshold at which 1 % of all those weeks would alarm, so that methods are compared at equal cost.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WEEKS, FIRST_PAST, FIRST_JUDGED = 624, 312, 575
N_JUDGED = WEEKS - FIRST_JUDGED
SEASON_WEEKS = 52
# log level, weekly trend, cosine, sine, dispersion
LEVELS = (
    (0.1, 0.0025, 0.6, 0.6, 1.5),
    (-2.0, 0.005, 0.1, 0.3, 2.0),
    (1.5, 0.003, 0.2, -0.4, 1.0),
    (0.5, 0.002, 0.5, 0.5, 5.0),
    (2.5, 0.001, 1.0, 0.1, 3.0),
    (3.75, 0.001, 0.1, -0.1, 1.1),
    (5.0, 0.0001, 0.05, 0.01, 1.2),
)
SCENARIOS = [(level, trend, harmonics) for level in LEVELS for trend in (0, 1) for harmonics in (0, 1, 2)]
PAST_SIZES, CURRENT_SIZES, N_PAST = (0, 2, 3, 5, 10), range(1, 11), 4
RATES = (0.002, 0.005, 0.01)
SIBLINGS = 10  # whose sum a short series borrows its season from
NOUFAILY = {
    "noPeriods": 10, "pastWeeksNotIncluded": 26, "pThresholdTrend": 1, "thresholdMethod": "nbPlugin", "alpha": 0.01,
    "limit54": (0, 4),
}  # fmt: skip
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Simulated:
    """Series × weeks; the rows of a scenario are consecutive."""

    clean: np.ndarray  # without any outbreak
    counts: np.ndarray  # with past outbreaks and the current one
    outbreak: np.ndarray  # cases of the current outbreak
    mean: np.ndarray
    scenario: np.ndarray  # (series,)
    start: np.ndarray  # (series,) first week of the current outbreak

    @property
    def is_outbreak(self) -> np.ndarray:
        return self.outbreak[:, FIRST_JUDGED:] > 0


Verdict = tuple[np.ndarray, np.ndarray]  # how unlikely (small = alarming) and alarm by the method's own rule


def weekly_mean(level: tuple, trend: int, harmonics: int) -> np.ndarray:
    base, slope, cosine, sine, _ = level
    week = np.arange(1, WEEKS + 1)
    angle = 2 * np.pi * np.arange(1, harmonics + 1)[:, None] * week / SEASON_WEEKS
    return np.exp(base + trend * slope * week + (cosine * np.cos(angle) + sine * np.sin(angle)).sum(axis=0))


def simulate(reps: int, seed: int) -> Simulated:
    rng = np.random.default_rng(seed)
    n = len(SCENARIOS) * reps
    clean, counts, outbreak = (np.zeros((n, WEEKS), dtype=np.int64) for _ in range(3))
    means, start = np.empty((n, WEEKS)), np.empty(n, dtype=int)
    for row in range(n):
        level, trend, harmonics = SCENARIOS[row // reps]
        mean, dispersion = weekly_mean(level, trend, harmonics), level[-1]
        sigma = np.sqrt(dispersion * mean)
        quiet = dispersion == 1
        y = rng.poisson(mean) if quiet else rng.negative_binomial(mean / (dispersion - 1), 1 / dispersion)
        clean[row], counts[row], means[row] = y, y, mean
        size = rng.choice(PAST_SIZES)
        for week in rng.choice(np.arange(FIRST_PAST, FIRST_JUDGED), N_PAST, replace=False):
            counts[row] += _cases(rng, week, rng.poisson(size * sigma[week]))
        size, start[row] = rng.choice(CURRENT_SIZES), rng.integers(FIRST_JUDGED, WEEKS)
        n_cases = 0
        while n_cases < 2:
            n_cases = rng.poisson(size * sigma[start[row]])
        outbreak[row] = _cases(rng, start[row], n_cases)
        counts[row] += outbreak[row]
    return Simulated(clean, counts, outbreak, means, np.repeat(np.arange(len(SCENARIOS)), reps), start)


def _cases(rng: np.random.Generator, week: int, n_cases: int) -> np.ndarray:
    at = week + np.floor(rng.lognormal(0, 0.5, n_cases)).astype(int)
    return np.bincount(at[at < WEEKS], minlength=WEEKS)


# ---- the methods -------------------------------------------------------------------------------------------------


def predictive(counts: np.ndarray, evaluate: int = N_JUDGED, **more) -> Verdict:
    from pipelines.detectors.predictive import predictive_exceedance

    found = predictive_exceedance(counts, year_weeks=SEASON_WEEKS, evaluate=evaluate, **more)
    p = np.where(np.isnan(found.p_value), 1.0, found.p_value)
    return p, found.status == "alarm"


def farrington(counts: np.ndarray) -> Verdict:
    from pipelines.detectors.farrington import farrington_flexible

    found = farrington_flexible(counts.T, weeks=range(FIRST_JUDGED, WEEKS), settings=NOUFAILY)
    return found["pvalue"].T, found["alarm"].T


def ears_c2(counts: np.ndarray) -> Verdict:
    from pipelines.detectors.ears import ears

    found = ears(counts.T[FIRST_JUDGED - 20 :].astype(float), method="C2")
    bound, expected = found["upperbound"].T[:, 20:], found["expected"].T[:, 20:]
    y = counts[:, FIRST_JUDGED:]
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(bound > expected, (y - expected) / (bound - expected), np.where(y > expected, np.inf, -np.inf))
    return -np.nan_to_num(score, nan=-np.inf, posinf=1e9, neginf=-1e9), found["alarm"].T[:, 20:].astype(bool)


def twenty_percent(counts: np.ndarray) -> Verdict:
    """The rule in use: more than 20 % above the week before."""
    now, before = counts[:, FIRST_JUDGED:], counts[:, FIRST_JUDGED - 1 : -1]
    growth = (now + 1e-6) / (before + 1e-6)
    return -growth, now > 1.2 * before


METHODS: dict[str, Callable[[np.ndarray], Verdict]] = {
    "predictive": predictive, "farrington flexible, nbPlugin .01": farrington, "EARS C2": ears_c2, "±20 %": twenty_percent,
}  # fmt: skip


# ---- the figures -------------------------------------------------------------------------------------------------


def at_equal_cost(series: Simulated, clean: np.ndarray, counts: np.ndarray) -> dict[str, float]:
    """Share of outbreaks with an alarm in one of their weeks (POD) at RATES; more at 1 %."""
    figures = {}
    for rate in RATES:
        limit = np.quantile(clean, rate)
        has_room = (clean <= limit).mean() <= 1.02 * rate  # ties may hold many weeks
        alarm, false = (counts <= limit, clean <= limit) if has_room else (counts < limit, clean < limit)
        figures[f"pod_at_{100 * rate:g}%"] = (alarm & series.is_outbreak).any(axis=1).mean()
    first = alarm[np.arange(len(alarm)), series.start - FIRST_JUDGED]
    figures["first_week_pod_at_1%"] = first.mean()
    figures["f1_at_1%"] = 2 * (alarm & series.is_outbreak).sum() / (alarm.sum() + series.is_outbreak.sum())
    figures["worst_scenario_over_1%"] = _by_scenario(series, false).max() / rate
    return figures


def by_own_rule(series: Simulated, false: np.ndarray, alarm: np.ndarray) -> dict[str, float]:
    hit = alarm & series.is_outbreak
    return {
        "fpr_%": 100 * false.mean(),
        "pod": hit.any(axis=1).mean(),
        "first_week_pod": alarm[np.arange(len(alarm)), series.start - FIRST_JUDGED].mean(),
        "f1": 2 * hit.sum() / (alarm.sum() + series.is_outbreak.sum()),
        "worst_scenario_fpr_%": 100 * _by_scenario(series, false).max(),
    }


def _by_scenario(series: Simulated, false: np.ndarray) -> np.ndarray:
    return np.array([false[series.scenario == number].mean() for number in range(len(SCENARIOS))])


def null_tail(clean: np.ndarray) -> dict[str, float]:
    return {f"wanted_{wanted:g}": (clean <= wanted).mean() for wanted in (0.05, 0.01, 0.001, 1e-4)}


def false_discovery(series: Simulated, p: np.ndarray) -> Iterator[tuple[float, dict[str, float]]]:
    """Benjamini-Hochberg over all series of a week."""
    n, n_weeks = p.shape
    order = np.sort(p, axis=0)
    for q in (0.05, 0.10, 0.20):
        below = order <= q * np.arange(1, n + 1)[:, None] / n
        n_kept = np.where(below.any(axis=0), n - below[::-1].argmax(axis=0), 0)
        limit = np.where(n_kept > 0, order[np.maximum(n_kept - 1, 0), np.arange(n_weeks)], -1)
        alarm = p <= limit
        false = (alarm & ~series.is_outbreak).sum()
        yield (
            q,
            {
                "alarms_per_1000": 1000 * alarm.mean(),
                "false_per_1000": 1000 * false / alarm.size,
                "false_share": false / max(alarm.sum(), 1),
                "pod": (alarm & series.is_outbreak).any(axis=1).mean(),
            },
        )


def parents(series: Simulated, reps: int) -> np.ndarray:
    """For each series the sum of itself and up to SIBLINGS others of its scenario, their outbreaks included."""
    blocks = series.counts.reshape(len(SCENARIOS), reps, WEEKS)
    total = sum(np.roll(blocks, shift, axis=1) for shift in range(min(SIBLINGS + 1, reps)))
    return total.reshape(-1, WEEKS)


def short_history(series: Simulated, years: float, parent: np.ndarray | None) -> Verdict:
    """p on clean and on outbreak series of which `years` before the first judged week are known."""
    first = FIRST_JUDGED - int(years * SEASON_WEEKS)
    both = []
    for counts in (series.clean, series.counts):
        more = {}
        if parent is not None:  # the parent holds the series as it is judged
            more = {"parent": (parent - series.counts + counts)[:, first:], "parent_of": np.arange(len(counts))}
        both.append(predictive(counts[:, first:], **more)[0])
    return both[0], both[1]


def measure(reps: int, seed: int, quick: bool = False) -> Iterator[dict]:
    """One line of figures after the other."""
    series = simulate(reps, seed)
    yield {"what": "set", "series": len(series.scenario), "seed": seed, "outbreak_share": series.is_outbreak.mean()}
    for name, judge in METHODS.items():
        judge(series.clean[:1])  # tables that are made once
        started = time.process_time()
        clean, false = judge(series.clean)
        seconds = time.process_time() - started
        counts, alarm = judge(series.counts)
        yield {
            "what": name, **at_equal_cost(series, clean, counts), "ms_a_series_week": 1000 * seconds / clean.size,
        }  # fmt: skip
        yield {"what": f"{name}, own rule", **by_own_rule(series, false, alarm)}
        if name in ("predictive", "farrington flexible, nbPlugin .01"):
            yield {"what": f"{name}, null tail", **null_tail(clean)}
            for q, figures in false_discovery(series, counts):
                yield {"what": f"{name}, Benjamini-Hochberg q {q:g}", **figures}
    many = np.tile(series.counts[:, -8 * SEASON_WEEKS :], (max(2000 // len(series.counts), 1), 1))
    started = time.process_time()
    predictive(many, evaluate=1)
    yield {
        "what": "predictive, last week only", "series": len(many),
        "ms_a_series_week": 1000 * (time.process_time() - started) / len(many),
    }  # fmt: skip
    parent = parents(series, reps)
    for years in (1,) if quick else (0.5, 1, 1.5, 2, 3):
        for name, borrowed in (("predictive, season borrowed", parent), ("predictive, alone", None)):
            clean, counts = short_history(series, years, borrowed)
            yield {"what": f"{name}, {years:g} years", **at_equal_cost(series, clean, counts), **null_tail(clean)}


def run(reps: int, seed: int, quick: bool) -> None:
    """In a process of its own, because the number of threads is fixed when numpy loads."""
    subprocess.run(
        [sys.executable, "-m", "bench.scenarios", str(reps), str(seed), *(["quick"] if quick else [])],
        cwd=Path(__file__).resolve().parents[1], env={**os.environ, **ONE_THREAD}, check=True,
    )  # fmt: skip


def main() -> None:
    reps, seed, *rest = sys.argv[1:]
    for figures in measure(int(reps), int(seed), quick="quick" in rest):
        line = {k: v if isinstance(v, str | int) else round(float(v), 5) for k, v in figures.items()}
        print(json.dumps(line, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
