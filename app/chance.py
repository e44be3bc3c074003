"""What scipy.stats has and scipy.special has not. The pages do without scipy.stats: it takes 60 MB and half a second to load, and
its distributions cost 50 µs a call before they begin to count.
"""

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]


def adjusted(p: npt.ArrayLike) -> Floats:
    """P-values so adjusted that those ≤ q are the ones a false discovery rate of q lets through (Benjamini & Hochberg 1995,
    J. R. Statist. Soc. B 57); as scipy.stats.false_discovery_control.

    >>> adjusted([0.01, 0.04, 0.03, 0.5]).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    values = np.asarray(p, float)
    order = np.argsort(values)[::-1]
    shares = values[order] * len(values) / np.arange(len(values), 0, -1)
    found = np.empty_like(values)
    found[order] = np.minimum.accumulate(shares)
    return np.minimum(found, 1.0)


def binomial_quantile(q: float, n: npt.ArrayLike, p: float) -> Floats:
    """The smallest k with P(X ≤ k) ≥ q, of n trials with chance p; as scipy.stats.binom.ppf for 0 < q < 1.

    >>> binomial_quantile(0.025, [10, 100], 0.5).tolist()
    [2.0, 40.0]
    """
    size = np.asarray(n, np.int64)  # special.bdtr wants whole ones
    if p in (0.0, 1.0):
        return np.asarray(n, float) * p
    above = np.ceil(special.bdtrik(q, size, p))
    below = np.maximum(above - 1, 0)
    return np.where(special.bdtr(below, size, p) >= q, below, above).astype(np.float64)
