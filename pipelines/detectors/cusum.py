"""Has the level shifted upward and stayed there? One-sided cumulative sum of standardised counts.

Page (1954), Biometrika 41:100; for rare counts Rossi, Lampugnani & Marchi (1999), Statist. Med. 18:2111. With the
in-control mean m of each week and z(y, m) one of five standardisations,

    C₀ = 0,  Cₜ = max(0, Cₜ₋₁ + zₜ - k),  alarm where Cₜ ≥ h.

standard       (y - m)/√m
rossi          (y - 3m + 2√(ym)) / (2√m)
anscombe       (3/2)(y^⅔ - m^⅔)/m^⅙
anscombe2nd    (3/2)(y^⅔ - m^⅔ + m^-⅓/9)/m^⅙, second-order mean of y^⅔ (Pierce & Schafer 1986, JASA 81:977)
pearsonNegBin  (y - m)/√(m + alpha·m²)

k = 1.04, h = 2.26 are the values in use in R's surveillance (`algo.cusum`), whose numbers these are. `compat=True`
keeps its bound for anscombe2nd, where m^⅓ stands for m^-⅓; path and alarms are the same. A CUSUM without season on
seasonal counts alarms for months; `reset=True` starts again at 0 after each alarm.
"""

from collections.abc import Callable

import numpy as np
from scipy import special

from pipelines.detectors.windows import checked

YEAR_WEEKS = 52
MAX_ROUNDS = 25
DEVIANCE_TOLERANCE = 1e-8

TRANSFORMS: dict[str, Callable[[np.ndarray, np.ndarray, float], np.ndarray]] = {
    "standard": lambda y, m, alpha: (y - m) / np.sqrt(m),
    "rossi": lambda y, m, alpha: (y - 3 * m + 2 * np.sqrt(y * m)) / (2 * np.sqrt(m)),
    "anscombe": lambda y, m, alpha: 1.5 * (y ** (2 / 3) - m ** (2 / 3)) / m ** (1 / 6),
    "anscombe2nd": lambda y, m, alpha: 1.5 * (y ** (2 / 3) - m ** (2 / 3) + m ** (-1 / 3) / 9) / m ** (1 / 6),
    "pearsonNegBin": lambda y, m, alpha: (y - m) / np.sqrt(m + alpha * m**2),
}
MEANS = ("mean", "glm")


def cusum(
    counts: np.ndarray,
    *,
    start: int,
    k: float = 1.04,
    h: float = 2.26,
    trans: str = "standard",
    m: str | float = "mean",
    alpha: float = 0.1,
    reset: bool = False,
    compat: bool = False,
) -> dict[str, np.ndarray]:
    """Follow every series of `counts` (n_weeks × n_series) from row `start` (from 0) on; the rows before are in control.

    `m`: the in-control mean: "mean" of the rows before, "glm" a Poisson regression of them on one yearly sine wave, or
    a number. `alpha`: the negative binomial's, variance m + alpha·m².
    Returns `week` (row numbers start, start+1, …) and, each (n_weeks - start × n_series), `observed`, `alarm` (bool),
    `upperbound` (the count from which on that week would alarm), `expected` (m), `cusum`, `score` = C/h; NaN for a
    series without any case before `start`.

    >>> found = cusum(np.array([[4], [4], [4], [4], [12], [4]]), start=4)  # z = 4, C = 2.96; then 2.96 + 0 - 1.04
    >>> np.round(found["cusum"][:, 0], 2).tolist(), found["alarm"][:, 0].tolist()
    ([2.96, 1.92], [True, False])
    """
    y, _ = checked(counts, None)
    if not 1 <= start < len(y):
        raise ValueError(f"设置 start：收到 {start}，应在 1 到 {len(y) - 1} 之间")
    if trans not in TRANSFORMS:
        raise ValueError(f"设置 trans：收到 {trans}，应为{'、'.join(TRANSFORMS)}")
    if k < 0 or h <= 0 or alpha < 0:
        raise ValueError(f"设置 k、h、alpha：收到 {k}、{h}、{alpha}，应为不小于 0 的数（h 大于 0）")
    now, mean = y[start:], _in_control(y, start, m)
    mean = np.where(y[:start].sum(axis=0) > 0, mean, np.nan) if isinstance(m, str) else mean
    z = TRANSFORMS[trans](now, mean, alpha)
    path, before = np.empty_like(now), np.zeros(now.shape)
    state = np.zeros(now.shape[1])
    for row in range(len(now)):
        before[row] = state
        path[row] = np.maximum(0, state + z[row] - k)
        state = np.where(reset & (path[row] >= h), 0, path[row])
    with np.errstate(invalid="ignore"):
        alarm = path >= h
    return {
        "week": np.arange(start, len(y)), "observed": now, "alarm": alarm,
        "upperbound": _bound(trans, mean, h + k - before, alpha, compat), "expected": mean, "cusum": path,
        "score": path / h,
    }  # fmt: skip


def _in_control(y: np.ndarray, start: int, m: str | float) -> np.ndarray:
    shape = y[start:].shape
    if m == "mean":
        return np.broadcast_to(y[:start].mean(axis=0), shape)
    if m == "glm":
        return _yearly_wave(y[:start], np.arange(start, len(y)))
    if isinstance(m, str) or not m > 0:
        raise ValueError(f"设置 m：收到 {m}，应为{'、'.join(MEANS)}或大于 0 的数")
    return np.full(shape, float(m))


def _yearly_wave(base: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Poisson log-linear fit of intercept, cos and sin of the week of the year, told for `rows`; R's stopping rule."""

    def wave(t: np.ndarray) -> np.ndarray:
        angle = 2 * np.pi / YEAR_WEEKS * (t + 1)
        return np.column_stack([np.ones(len(t)), np.cos(angle), np.sin(angle)])

    x = wave(np.arange(len(base)))
    outer = np.einsum("ni,nj->nij", x, x).reshape(len(x), -1)
    beta = np.zeros((base.shape[1], 3))
    mean, score = base + 0.1, x.T @ ((base + 0.1) * np.log(base + 0.1) - 0.1)
    saturated = special.xlogy(base, base) - base
    deviance = 2 * (saturated - base * np.log(mean) + mean).sum(axis=0)
    going = np.ones(base.shape[1], dtype=bool)
    for _ in range(MAX_ROUNDS):
        information = (mean.T @ outer).reshape(-1, 3, 3)
        step = np.linalg.solve(information, score.T[..., None])[..., 0]
        beta[going] += step[going]
        eta = x @ beta.T
        mean = np.maximum(np.exp(eta), np.finfo(float).eps)
        new = 2 * (saturated - base * eta + mean).sum(axis=0)
        going &= np.abs(new - deviance) >= DEVIANCE_TOLERANCE * (np.abs(new) + 0.1)
        if not going.any():
            break
        deviance, score = new, x.T @ (base - mean)
    return np.exp(wave(rows) @ beta.T)


def _bound(trans: str, m: np.ndarray, gap: np.ndarray, alpha: float, compat: bool) -> np.ndarray:
    """The y with z(y, m) = gap: from this count on the sum reaches h. At least 0."""
    if trans == "standard":
        return np.maximum(np.ceil(m + gap * np.sqrt(m)), 0)
    if trans == "pearsonNegBin":
        return np.maximum(m + gap * np.sqrt(m + alpha * m**2), 0)
    if trans == "rossi":
        root = np.sqrt(m)
        inner = 4 * m + 2 * root * gap
        reach = np.sqrt(np.maximum(inner, 0)) - root
        return np.where(inner < 0, 0, (reach if compat else np.maximum(reach, 0)) ** 2)
    shift = 0.0 if trans == "anscombe" else m ** (1 / 3 if compat else -1 / 3) / 9
    power = m ** (2 / 3) - shift + gap * m ** (1 / 6) * 2 / 3
    return np.maximum(power, 0) ** 1.5
