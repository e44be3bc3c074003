"""How far up does a count go by chance? Tail and upper quantile of a Poisson or negative binomial, for any mean.

Both distributions are given by their mean and `dispersion` φ = variance / mean; φ = 1 is the Poisson. They are read off
the incomplete gamma and beta functions. `scipy.stats.nbinom.ppf` is not used: it aborts the process or never returns
for means from about 1e133 on, which a fitted log-linear model can produce. Above MEAN_CAP the count is taken as normal.
"""

import numpy as np
from scipy import special

MEAN_CAP = 1e9
POISSON_UP_TO = 1 + 1e-9  # closer to 1 than the beta function can tell


def exceedance(count: np.ndarray, mean: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
    """P(Y ≥ count), elementwise after broadcasting; NaN where the mean is NaN.

    >>> round(float(exceedance(1, 2.0, 1.0)), 6)  # 1 - e⁻²
    0.864665
    """
    y, mu, phi = np.broadcast_arrays(*(np.asarray(values, dtype=float) for values in (count, mean, dispersion)))
    safe = np.minimum(mu, MEAN_CAP)
    at = np.maximum(y, 1.0)
    poisson = phi <= POISSON_UP_TO
    rest = ~poisson
    p = np.empty(mu.shape)
    p[poisson] = special.gammainc(at[poisson], safe[poisson])
    spread = phi[rest]
    p[rest] = special.betainc(at[rest], np.maximum(safe[rest] / (spread - 1), 1e-300), 1 - 1 / spread)
    with np.errstate(invalid="ignore", over="ignore"):
        if (mu > MEAN_CAP).any():
            p = np.where(mu > MEAN_CAP, special.ndtr(np.sqrt(mu) / np.sqrt(phi) * (1 - (at - 0.5) / mu)), p)
    return np.where(np.isnan(mu), np.nan, np.where(y <= 0, 1.0, p))


def upper_quantile(alpha: float, mean: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
    """The smallest whole number q with P(Y > q) ≤ alpha; (m,) in, (m,) out; NaN for a mean that is NaN or infinite.

    Starts at the Cornish-Fisher approximation, steps away from it in doubling strides, then halves the interval.

    >>> upper_quantile(0.05, np.array([2.0]), np.array([1.0])).tolist()  # P(Y ≤ 4) = .947, P(Y ≤ 5) = .983
    [5.0]
    """
    mu, phi = np.asarray(mean, dtype=float), np.asarray(dispersion, dtype=float)
    known = np.isfinite(mu)
    mu_known, phi = np.where(known, mu, 1.0), np.where(known, phi, 1.0)
    z = special.ndtri(1 - alpha)
    spread = np.sqrt(mu_known) * np.sqrt(phi)
    with np.errstate(over="ignore"):
        guess = np.maximum(np.round(mu_known + z * spread + (2 * phi - 1) * (z * z - 1) / 6), 0.0)
    search = np.flatnonzero(mu_known <= MEAN_CAP)
    if search.size:
        guess[search] = _search(alpha, mu_known[search], phi[search], guess[search])
    return np.where(known, guess, np.nan)


def _search(alpha: float, mean: np.ndarray, dispersion: np.ndarray, guess: np.ndarray) -> np.ndarray:
    enough = exceedance(guess + 1, mean, dispersion) <= alpha
    low, high = np.where(enough, -1.0, guess), np.where(enough, guess, np.inf)  # low fails, high holds
    edge, stride = guess.copy(), 1.0
    active = np.flatnonzero(~(enough & (guess == 0)))
    while active.size:
        down = enough[active]
        edge[active] = np.maximum(edge[active] + np.where(down, -stride, stride), -1.0)
        at = edge[active]
        holds = (at >= 0) & (exceedance(at + 1, mean[active], dispersion[active]) <= alpha)
        high[active] = np.where(holds, np.minimum(high[active], at), high[active])
        low[active] = np.where(holds, low[active], np.maximum(low[active], at))
        active = active[holds == down]
        stride *= 2
    active = np.flatnonzero(high - low > 1)
    while active.size:
        middle = np.floor((low[active] + high[active]) / 2)
        holds = exceedance(middle + 1, mean[active], dispersion[active]) <= alpha
        high[active[holds]], low[active[~holds]] = middle[holds], middle[~holds]
        active = active[high[active] - low[active] > 1]
    return high
