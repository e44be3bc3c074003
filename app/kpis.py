"""How is an indicator read: value, uncertainty, fair comparison between units, colour, and the words beside it?

Counts come from app/queries/kpi_*.sql, the registry of indicators and their 口径 from `kpi_registry`. A rate of a small
unit says little about the unit: every value carries its interval, ranks go by the value shrunk towards the peers, and
a unit with fewer items than the indicator's `min_denominator` has no rank (样本不足不排名).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import special

from app import chance, disclosure, wording

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
FUNNEL_LEVELS = (0.95, 0.998)
"""Limits of about two and three standard deviations (Spiegelhalter 2005)."""
PEERS = {"county_unit": "县区部门", "city_unit": "市直部门", "town": "乡镇街道", "other": "其他单位"}
STANDINGS = {"ranked": "参加排名", "too_few": "样本不足，不排名", "no_data": "没有可算的件"}
BAND_NAMES = {"green": "绿", "yellow": "黄", "red": "红"}
COHORTS = {
    "registered": "登记日",
    "accept_due": "登记日 + 15 日",
    "notify_due": "登记日 + 30 日",
    "due": "限办截止日",
    "closed": "办结日",
    "rated": "评价日",
}
NO_DATA = "本库没有这些数据"
SAME = 1e-9
"""Shrunk values closer than this share a rank."""


class Prior(NamedTuple):
    """What the peers say before a unit's own items are looked at: their mean, and how many items it is worth."""

    mean: float
    weight: float


def value(numerator: float | None, denominator: float | None) -> float | None:
    """The indicator; None where nothing is in the denominator. A count (no denominator) is its numerator: see `figure`."""
    return None if numerator is None or not denominator else numerator / denominator


def figure(kpi: Mapping[str, Any], row: Mapping[str, Any]) -> float | None:
    """The value of one indicator from a row with numerator and denominator, whatever its unit."""
    if kpi["kpi_unit"] == "count":
        return row["numerator"] if kpi["known_sources"] else None
    return value(row["numerator"], row["denominator"])


def interval(numerator: float, denominator: float, level: float = LEVEL) -> tuple[float | None, float | None]:
    """Wilson's score interval of a share (Wilson 1927, JASA 22:209–212); (None, None) without items.

    >>> [round(limit, 4) for limit in interval(1, 1)]
    [0.2065, 1.0]
    """
    if not denominator:
        return None, None
    z = float(special.ndtri((1 + level) / 2))
    p, spread = numerator / denominator, z * z / denominator
    centre = (p + spread / 2) / (1 + spread)
    half = z / (1 + spread) * (p * (1 - p) / denominator + spread / denominator / 4) ** 0.5
    # At 0 and 1 the limit is exactly that; arithmetic leaves it a last digit short.
    return (0.0 if numerator == 0 else centre - half), (1.0 if numerator == denominator else centre + half)


def shrink(numerators: Sequence[float], denominators: Sequence[float]) -> tuple[Floats, Prior]:
    """Shares pulled towards the peers' mean, the more the fewer items they rest on: empirical Bayes, beta-binomial.

    The prior's mean and weight (a + b) come from the moments of the peers, weighted by items (Kleinman 1973, JASA
    68:46–54); the shrunk share is the posterior mean (x + weight × mean) ÷ (n + weight). Where the peers differ no more
    than chance makes them, the weight is infinite and all get the mean. Units without items get the mean.

    >>> shares, prior = shrink([1, 90, 60], [1, 100, 100])
    >>> [round(float(share), 2) for share in shares], round(prior.weight)
    ([0.81, 0.9, 0.61], 3)
    """
    x, n = np.asarray(numerators, float), np.asarray(denominators, float)
    total = n.sum()
    if total == 0:
        return np.full(len(n), np.nan), Prior(float("nan"), float("inf"))
    mean = float(x.sum() / total)
    has = n > 0
    spread = float((n[has] * (x[has] / n[has] - mean) ** 2).sum())
    by_chance = mean * (1 - mean)
    freedom = has.sum() - 1
    more = by_chance * (total - (n**2).sum() / total - freedom)
    between = (spread - by_chance * freedom) / more if more > 0 else 0.0
    weight = float("inf") if between <= 0 else max(1 / between - 1, 0.0)
    if np.isinf(weight):
        return np.full(len(n), mean), Prior(mean, weight)
    with np.errstate(invalid="ignore"):
        return np.where(n + weight > 0, (x + weight * mean) / (n + weight), mean), Prior(mean, weight)


def shrink_means(means: Sequence[float], deviations: Sequence[float], counts: Sequence[float]) -> tuple[Floats, Prior]:
    """The same for means of days: normal-normal, the variance between units by moments (DerSimonian & Laird 1986).

    deviations: of the single items; the variance of a mean is taken from all units together, so that a unit with two
    items does not look sure of itself. Prior.weight: how many items the peers' mean is worth.
    """
    m, s, n = (np.asarray(part, float) for part in (means, deviations, counts))
    has = n > 0
    total = n.sum()
    if total == 0:
        return np.full(len(n), np.nan), Prior(float("nan"), float("inf"))
    mean = float((m[has] * n[has]).sum() / total)
    within = float((s[has] ** 2 * n[has]).sum() / total)
    freedom = has.sum() - 1
    spread = float((n[has] * (m[has] - mean) ** 2).sum())
    more = total - (n**2).sum() / total
    between = (spread - within * freedom) / more if more > 0 else 0.0
    if between <= 0:
        return np.full(len(n), mean), Prior(mean, float("inf"))
    weight = within / between
    return np.where(has, (n * np.where(has, m, 0) + weight * mean) / (n + weight), mean), Prior(mean, weight)


def ranked(units: pl.DataFrame, kpi: Mapping[str, Any]) -> pl.DataFrame:
    """One peer group in order of the indicator `kpi` (a row of the registry): who stands where, and how sure is it?

    units: one row a unit with numerator and denominator (`kpi_units`); for days also mean and sd, denominator being the
    items (`kpi_unit_days`). Adds value, low, high, shrunk, band, rank (ties share the better one; both null where there
    are too few items) and standing (STANDINGS). Order: the ranked from best to worst, then those with too few items, then those
    without. Counts are not ranked: more items are no merit and no fault.
    """
    n = units["denominator"].fill_null(0)
    if kpi["kpi_unit"] == "days":
        own = units["mean"].cast(pl.Float64)
        error = units["sd"].fill_null(0.0) / n.cast(pl.Float64).clip(1).sqrt()
        half = float(special.ndtri((1 + LEVEL) / 2)) * error
        low, high = (own - half).clip(0), own + half
        shrunk = shrink_means(own.fill_null(0.0).to_list(), units["sd"].fill_null(0.0).to_list(), n.to_list())[0]
    else:
        pairs = list(zip(units["numerator"].to_list(), n.to_list(), strict=True))
        own = pl.Series([value(*pair) for pair in pairs], dtype=pl.Float64)
        is_share = kpi["kpi_unit"] == "share"
        bounds = [interval(*pair) if is_share else (None, None) for pair in pairs]
        low, high = (pl.Series([bound[at] for bound in bounds], dtype=pl.Float64) for at in (0, 1))
        shrunk = shrink(*zip(*pairs, strict=True))[0] if is_share and pairs else own.fill_null(0.0).to_numpy()
    is_up = kpi["better"] == "up"
    standing = (
        pl.when(pl.col("value").is_null())
        .then(pl.lit("no_data"))
        .when((pl.col("denominator") < kpi["min_denominator"]) | (kpi["kpi_unit"] == "count"))
        .then(pl.lit("too_few"))
        .otherwise(pl.lit("ranked"))
    )
    framed = units.with_columns(
        own.alias("value"),
        low.alias("low"),
        high.alias("high"),
        pl.Series("shrunk", shrunk, dtype=pl.Float64, nan_to_null=True),
        pl.Series("band", [band(one, kpi) for one in own], dtype=pl.String),
    ).with_columns(standing.alias("standing"))
    is_ranked = pl.col("standing") == "ranked"
    framed = framed.with_columns(pl.when(is_ranked).then("band").alias("band"))
    step = (pl.col("shrunk") / SAME).round()
    rank = pl.when(is_ranked).then(step).rank("min", descending=is_up).cast(pl.Int64)
    order = pl.col("standing").replace_strict({name: at for at, name in enumerate(STANDINGS)}, return_dtype=pl.Int8)
    return framed.with_columns(rank.alias("rank")).sort(
        order, "rank", -pl.col("denominator").cast(pl.Int64), "unit_name", nulls_last=True
    )


def funnel(centre: float, denominators: Sequence[int], sd: float | None = None) -> pl.DataFrame:
    """Between which shares do 95 % and 99.8 % of units with n items fall, if all are as good as `centre`?

    Exact binomial limits (Spiegelhalter 2005, Stat Med 24:1185–1202, appendix A.1.1) at whole numbers of items, not
    interpolated between them as there, so that a unit lies beyond the line just where `outside` says so. With `sd`, of
    single items: limits of a mean (days), normal. Out: denominator, lower_95, upper_95, lower_998, upper_998.
    """
    n = np.asarray(denominators, int)
    columns: dict[str, Any] = {"denominator": n}
    for level in FUNNEL_LEVELS:
        name = f"{level * 100:g}".replace(".", "")
        for side, p in (("lower", (1 - level) / 2), ("upper", (1 + level) / 2)):
            if sd is not None:
                limit = centre + special.ndtri(p) * sd / np.sqrt(n)
                columns[f"{side}_{name}"] = np.maximum(limit, 0.0)
                continue
            columns[f"{side}_{name}"] = chance.binomial_quantile(p, n, centre) / n
    return pl.DataFrame(columns)


def outside(numerator: float, denominator: int, centre: float, level: float = 0.998) -> str | None:
    """above or below the funnel: further from `centre` than chance takes a unit of this size; None inside.

    By the exact tail: a share as far out or further has less than half of 1 − level.
    """
    if not denominator:
        return None
    tail = (1 - level) / 2
    if special.bdtr(numerator, denominator, centre) < tail:
        return "below"
    return "above" if special.bdtrc(numerator - 1, denominator, centre) < tail else None


def band(of: float | None, kpi: Mapping[str, Any]) -> str | None:
    """green, yellow or red by the registry's bounds, themselves yellow; None without value or bounds.

    >>> kpi = {"better": "up", "band_green": 0.9, "band_red": 0.85}
    >>> [band(share, kpi) for share in (0.901, 0.9, 0.85, 0.849, None)]
    ['green', 'yellow', 'yellow', 'red', None]
    """
    if of is None or kpi["band_green"] is None:
        return None
    sign = 1 if kpi["better"] == "up" else -1
    if sign * (of - kpi["band_green"]) > SAME:
        return "green"
    return "red" if sign * (kpi["band_red"] - of) > SAME else "yellow"


def told(of: float | None, kpi: Mapping[str, Any]) -> str:
    """A value as it is read: 92.3%、4.6 天、1,204、1.85；空 → —

    >>> told(0.77226, {"kpi_unit": "share"})
    '77.2%'
    """
    if of is None:
        return "—"
    return {
        "share": f"{of:.1%}",
        "days": f"{of:,.1f} 天",
        "count": f"{of:,.0f}",
        "index": f"{of:,.2f}",
    }[kpi["kpi_unit"]]


def missing(kpi: Mapping[str, Any], row: Mapping[str, Any]) -> str | None:
    """Why there is no value, in a sentence; None where there is one. Nothing known is never 0."""
    if not kpi["known_sources"]:
        wanted = [part for part in (kpi["note"] or "").split("；") if part.startswith("要来源文件")]
        return "；".join([NO_DATA, *wanted]) + "。"
    if kpi["kpi_unit"] == "count" or row["denominator"]:
        return None
    unknown, excluded = (row.get(name + disclosure.MARK) or row[name] for name in ("n_unknown", "n_excluded"))
    if unknown:
        return f"所选范围的 {wording.number(unknown)} 件都没有写明，不能算。"
    return f"所选范围的 {wording.number(excluded)} 件按口径都不计。" if excluded else "所选范围没有计入这项指标的件。"


def reading(kpi: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """What stands behind a figure, line by line, for the tooltip and under an exported table.

    row: the counts, as they are or as app.service_counts.safe leaves them.
    """

    def count(name: str) -> str:
        return row.get(name + disclosure.MARK) or wording.number(row[name])

    lines = [f"{kpi['kpi_name']}（{kpi['variant_name']}）"]
    if kpi["kpi_unit"] == "count":
        lines.append(f"{kpi['numerator_text']}：{count('numerator')}")
    elif kpi["numerator_text"] and (row["denominator"] or row.get("denominator" + disclosure.MARK)):
        lines.append(f"分子 {count('numerator')}：{kpi['numerator_text']}")
        lines.append(f"分母 {count('denominator')} 件：{kpi['denominator_text']}")
    else:
        lines.append(missing(kpi, row) or "")
        lines.append(f"分子：{kpi['numerator_text']}；分母：{kpi['denominator_text']}")
    if kpi["filter_text"]:
        lines.append(f"统计对象：{kpi['filter_text']}")
    if kpi["excluded_text"]:
        lines.append(f"剔除 {count('n_excluded')} 件：{kpi['excluded_text']}")
    if row["n_unknown"] or row.get("n_unknown" + disclosure.MARK):
        lines.append(f"未写明 {count('n_unknown')} 件，分子分母都不计")
    lines.append(f"归期：{COHORTS.get(kpi['cohort'], kpi['cohort'])}落在期内")
    lines.append(
        f"依据：{kpi['basis']}；口径第 {kpi['kpi_version']} 版" + ("（本单位自定）" if kpi["is_local"] else "")
    )
    return lines + ([f"说明：{kpi['note']}"] if kpi["note"] else [])
