"""What the pages count without scipy.stats is what scipy.stats says."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import special, stats

from app import chance


def test_false_discoveries():
    p = np.random.default_rng(1).random(1000) ** 3
    assert np.allclose(chance.adjusted(p), stats.false_discovery_control(p), rtol=1e-12)
    assert chance.adjusted([0.2]).tolist() == [0.2] and chance.adjusted([]).tolist() == []
    assert chance.adjusted([0.9, 0.9, 1.0]).max() == 1.0


@pytest.mark.parametrize("p", [0.0, 0.003, 0.1, 0.5, 0.93, 1.0])
@pytest.mark.parametrize("q", [0.001, 0.025, 0.3, 0.975, 0.999])
def test_binomial_quantiles(p, q):
    n = np.arange(1, 3000, 7)
    assert (chance.binomial_quantile(q, n, p) == stats.binom.ppf(q, n, p)).all()


def test_the_functions_used_in_place_of_distributions():
    n, x = np.arange(0, 400.0), np.linspace(-6, 6, 41)
    assert np.allclose(special.gammaincinv(n[1:], 0.025), stats.chi2.ppf(0.025, 2 * n[1:]) / 2)
    assert np.allclose(special.gammaincinv(n + 1, 0.975), stats.chi2.ppf(0.975, 2 * n + 2) / 2)
    assert np.allclose(special.gammainc(n, 77.5), stats.poisson.sf(n - 1, 77.5))
    assert np.allclose(special.pdtr(n, 77.5), stats.poisson.cdf(n, 77.5))
    assert np.allclose(special.bdtrc(n - 1, 500, 0.3), stats.binom.sf(n - 1, 500, 0.3))
    assert np.allclose(special.ndtr(-x), stats.norm.sf(x)) and special.chdtri(1, 0.5) == pytest.approx(
        stats.chi2.ppf(0.5, 1)
    )
    assert special.stdtrit(7, 0.975) == pytest.approx(stats.t.ppf(0.975, 7))


def test_the_server_does_without_what_only_exports_need():
    """Each of these takes tens of megabytes, and half a second of every start."""
    code = "import sys, app.server, app.parts.week, app.parts.reports, app.downloads; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"scipy.stats", "matplotlib", "pptx", "typst", "pypdfium2"} & set(loaded)
