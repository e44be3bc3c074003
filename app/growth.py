"""Which issues have really grown, and by how much? Small issues do not jump. No Streamlit.

Growth is told as (now + K (1 + g)) ÷ (before + K) − 1, where g is the growth of all items and K = wording.SMALL_BASE: the
mean of a gamma prior worth K items, that the issue moved as all did (Clayton and Kaldor 1987, Biometrics 43, for rates).
Its interval, and whether it is clear, come from the counts alone: the logarithm of now ÷ before is normal with variance
φ (1 ÷ (now + ½) + 1 ÷ (before + ½)), two Poisson counts (Haldane's and Anscombe's ½) overdispersed by the issue's own φ, the
mean squared step from week to week over what Poisson counts would have (after von Neumann 1941, Ann. Math. Stat. 12:
a slow season is no noise), over the year before the period judged. Over all issues the false discovery rate is held at
FDR (Benjamini and Hochberg 1995).
"""

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import special

from app import chance, wording

Floats = npt.NDArray[np.float64]
ALONE = 0.025
"""Chance at which one issue alone would seem to rise (or to fall): its 95 % interval is beyond the line."""
Z = float(-special.ndtri(ALONE))
FDR = 0.05
MIN_ITEMS = 10
"""Now and before together, below which no growth is told."""
MIN_STEPS = 200
"""Items in the steps, below which an issue has the dispersion of all."""
STANDINGS = {
    "up": "明显上升", "perhaps_up": "可能上升", "open": "看不出升降", "perhaps_down": "可能下降", "down": "明显下降"
}  # fmt: skip
"""Perhaps: clear if it were the only issue looked at; of many, some look so by chance."""
SHARES = ("growth_share", "growth_low_share", "growth_high_share")


def overall(counts: pl.DataFrame, base: str) -> float | None:
    """Growth of all items together, 0.2 = +20 %; null where the base is unknown or below SMALL_BASE."""
    before = int(counts[base].sum()) if not counts[base].null_count() else 0
    return float(counts["n_events"].sum() / before - 1) if before >= wording.SMALL_BASE else None


def with_growth(counts: pl.DataFrame, steps: pl.DataFrame, base: str) -> pl.DataFrame:
    """Adds SHARES (0.25 = +25 %; growth and its 95 % interval) and standing (of STANDINGS); null below MIN_ITEMS.

    counts: issue_code, n_events and `base` (null = unknown). steps: issue_counts.steps.
    Clear is what differs both from no change and from the growth of all items: when everything rises after a holiday,
    that alone makes no issue a rising one.
    """
    common = overall(counts, base)
    if common is None or common <= -1:
        nothing = [pl.lit(None, pl.Float64).alias(name) for name in SHARES]
        return counts.with_columns(*nothing, pl.lit(None, pl.String).alias("standing"))
    rows = counts.join(steps, on="issue_code", how="left", maintain_order="left")
    now, before = (rows[name].to_numpy().astype(float) for name in ("n_events", base))
    told, of_all, k = np.log((now + 0.5) / (before + 0.5)), np.log1p(common), wording.SMALL_BASE
    error = np.sqrt(_dispersion(rows) * (1 / (now + 0.5) + 1 / (before + 0.5)))
    is_known = now + before >= MIN_ITEMS
    p_up = special.ndtr((max(0.0, of_all) - told) / error)
    p_down = special.ndtr((told - min(0.0, of_all)) / error)
    p = np.where(is_known, [p_up, p_down], 1.0)
    is_clear = chance.adjusted(p.ravel()).reshape(p.shape) <= FDR
    seems = p <= ALONE
    shares = ((now + k * (1 + common)) / (before + k) - 1, np.expm1(told - Z * error), np.expm1(told + Z * error))
    standing = np.select([*is_clear, *seems], ["up", "down", "perhaps_up", "perhaps_down"], "open")
    found = pl.DataFrame({**dict(zip(SHARES, shares, strict=True)), "standing": standing, "_known": is_known})
    return counts.hstack(
        found.select(pl.when("_known").then(pl.col(name)).alias(name) for name in (*SHARES, "standing"))
    )


def _dispersion(rows: pl.DataFrame) -> Floats:
    """φ of each row, at least 1: Poisson counts are the least that chance does."""
    squares, items = (rows[name].fill_null(0).to_numpy().astype(float) for name in ("squares", "items"))
    of_all = squares.sum() / items.sum() if items.sum() else 1.0
    own = np.divide(squares, items, out=np.full(len(rows), of_all), where=items >= MIN_STEPS)
    return np.maximum(1.0, own)
