"""What a verdict of the reference detectors costs: `python -m bench detectors`, one core, ms a series-week.

CPU time of this process with the numerical libraries on one thread, best of three; 8 years of weekly counts with
season, trend and dispersion of many sizes (sparse: 0.007 to 1 case a week), the last week judged. R's surveillance needs 12.7 to 17.4 ms for
Noufaily's setting and 7.5 ms for the original one.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

N_WEEKS = 416
BACKTEST_SERIES, BACKTEST_WEEKS = 500, 104
NOUFAILY = {"noPeriods": 10, "pastWeeksNotIncluded": 26}
SETTINGS = {
    "noufaily nbPlugin": {**NOUFAILY, "pThresholdTrend": 1, "thresholdMethod": "nbPlugin", "alpha": 0.005},
    "noufaily muan": {**NOUFAILY, "pThresholdTrend": 1, "thresholdMethod": "muan"},
    "noufaily delta": {**NOUFAILY, "alpha": 0.005},
    "original": {"weightsThreshold": 1},
}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def run() -> None:
    """In a process of its own, because the number of threads is fixed when numpy loads."""
    subprocess.run(
        [sys.executable, "-m", "bench.detectors"], cwd=Path(__file__).resolve().parents[1],
        env={**os.environ, **ONE_THREAD}, check=True,
    )  # fmt: skip


def series(n_series: int, log_mean: tuple[float, float] = (-2, 5), seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    week = np.arange(N_WEEKS)[:, None]
    wave = np.exp(rng.uniform(0, 0.8, n_series) * np.cos(2 * np.pi * (week - rng.integers(0, 52, n_series)) / 52))
    mean = np.exp(rng.uniform(*log_mean, n_series) + rng.uniform(-1e-3, 2e-3, n_series) * week) * wave
    dispersion = rng.uniform(1.1, 5, n_series)
    return rng.negative_binomial(mean / (dispersion - 1), 1 / dispersion).astype(float)


def main() -> None:
    from pipelines.detectors.bayes import bayes, rki
    from pipelines.detectors.cusum import cusum
    from pipelines.detectors.ears import METHODS, ears
    from pipelines.detectors.farrington import farrington_flexible

    for n_series in (500, 2_000, 10_000):
        counts = series(n_series)
        for name, settings in SETTINGS.items():
            judge = partial(farrington_flexible, counts, weeks=[N_WEEKS - 1], settings=settings)
            _show(f"farrington {name}, {n_series:,} series", n_series, judge)
    counts = series(2_000, log_mean=(-5, 0))
    for name, settings in SETTINGS.items():
        judge = partial(farrington_flexible, counts, weeks=[N_WEEKS - 1], settings=settings)
        _show(f"farrington {name}, 2,000 sparse series", 2_000, judge)
    counts = series(BACKTEST_SERIES)
    weeks = range(N_WEEKS - BACKTEST_WEEKS, N_WEEKS)
    _show(
        f"farrington noufaily nbPlugin, {BACKTEST_SERIES} series × {BACKTEST_WEEKS} weeks",
        BACKTEST_SERIES * BACKTEST_WEEKS,
        partial(farrington_flexible, counts, weeks=weeks, settings=SETTINGS["noufaily nbPlugin"]),
        repeats=1,
    )
    n_judged = BACKTEST_SERIES * N_WEEKS
    for method in METHODS:
        _show(f"ears {method}", n_judged, partial(ears, counts, method=method))
    for m in ("mean", "glm"):
        _show(
            f"cusum rossi, {m}",
            BACKTEST_SERIES * (N_WEEKS - 208),
            partial(cusum, counts, start=208, trans="rossi", m=m),
        )
    _show("bayes3", n_judged, partial(bayes, counts, method="bayes3"))
    _show("rki3", n_judged, partial(rki, counts, method="rki3"))


def _show(name: str, n_judged: int, judge: Callable[[], dict], repeats: int = 3) -> None:
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        judge()
        seconds.append(time.process_time() - started)
    print(
        f'{{"what": "{name}", "ms_a_series_week": {1000 * min(seconds) / n_judged:.4f}, "seconds": {min(seconds):.3f}}}'
    )


if __name__ == "__main__":
    main()
