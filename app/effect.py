"""After a warning was closed, did its figure fall more than in comparable places, and how sure is that?

The weeks are added up in three spans: before the warning (a year), while it stood (to the week in which it was closed)
and since. Of the place and of the comparable ones the rate since is set against the rate while it stood; the quotient of
the two ratios is the effect: difference in differences on the log scale, spans collapsed so that weeks that hang together
do not count as independent evidence (Bertrand, Duflo & Mullainathan 2004, Q. J. Econ. 119).

Only one place was treated; how far places stray from their common course by chance is learnt from the others (Conley &
Taber 2011, Rev. Econ. Stat. 93) and from earlier stretches of the same lengths in which nothing was closed (placebos in
time: Abadie, Diamond & Hainmueller 2015, Am. J. Pol. Sci. 59). Given a place's total, its count since is binomial with
extra variation; the intraclass correlation rho by moments (Williams 1982, Appl. Statist. 31) makes the variance grow
with the place's own size, as a negative binomial would. The others' common ratio is that of Mantel & Haenszel for
person-time (Greenland & Robins 1985, Biometrics 41); 0.5 is added to the place's own counts (Haldane 1956; Anscombe 1956).

What it cannot say: a warning is given in high weeks, which would be followed by lower ones anyway (regression to the
mean), so that the fall is no proof of what was done. `against_before` compares with the year before instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from scipy import special

N_BEFORE = 52
"""Weeks before the warning: a whole year, so that seasons are in it."""
MAX_AFTER = 12
MIN_AFTER = 2
MIN_OTHERS = 5
MIN_ITEMS = 10
"""Of the place while and since, and of the others in either span."""
MIN_EXPECTED = 5
"""Since it was closed, had the place gone the way of the others."""
MAX_SIZE_RATIO = 3.0
BEFORE, DURING, AFTER = 0, 1, 2


@dataclass(frozen=True)
class Spans:
    """Mondays: first week looked at, first of the warning, the one in which it was closed, last one looked at."""

    before_on: date
    since_on: date
    closed_on: date
    to_on: date

    @property
    def n_after(self) -> int:
        return (self.to_on - self.closed_on).days // 7

    def weeks(self) -> list[date]:
        return [self.before_on + timedelta(weeks=n) for n in range((self.to_on - self.before_on).days // 7 + 1)]

    def parts(self) -> np.ndarray:
        """BEFORE, DURING or AFTER, one entry a week."""
        return np.array([(day >= self.since_on) + (day > self.closed_on) for day in self.weeks()], dtype=np.int64)


def spans(since_on: date, closed_on: date, last_full_week: date) -> Spans:
    """The spans of a warning that began in the week of `since_on` and was closed on the day `closed_on`.

    At most MAX_AFTER weeks are looked at after it; `n_after` is 0 or less where none is complete yet.
    """
    since, closed = (day - timedelta(days=day.weekday()) for day in (since_on, max(since_on, closed_on)))
    return Spans(
        since - timedelta(weeks=N_BEFORE), since, closed, min(closed + timedelta(weeks=MAX_AFTER), last_full_week)
    )


@dataclass(frozen=True)
class Effect:
    """Rates of one place set against comparable ones; `reason` (Chinese) says why nothing can be said, else empty."""

    n_after: int
    """Weeks since it was closed that are looked at."""
    n_others: int
    rates: tuple[float, float, float]
    """The place: events per unit of exposure before, while the warning stood, since."""
    counts: tuple[int, int, int]
    others_rates: tuple[float, float, float]
    own: float = float("nan")
    """Rate since ÷ rate while it stood, of the place."""
    others: float = float("nan")
    """The same of the comparable places."""
    ratio: float = float("nan")
    """own ÷ others."""
    low: float = float("nan")
    high: float = float("nan")
    """95 % interval of `ratio`."""
    against_before: float | None = None
    """The same quotient, since against the year before the warning."""
    reason: str = ""


def comparable(size: np.ndarray, is_free: np.ndarray) -> np.ndarray:
    """Rows that may be compared with row 0: of a size within MAX_SIZE_RATIO of its own before the warning, and free of
    warnings (bool). Row numbers, ascending; the size alone decides, never what came after."""
    apart = np.abs(np.log((size + 0.5) / (size[0] + 0.5)))
    fits = (apart <= np.log(MAX_SIZE_RATIO) + 1e-9) & is_free
    fits[0] = False
    return np.flatnonzero(fits)


def assess(events: np.ndarray, exposure: np.ndarray, parts: np.ndarray) -> Effect:
    """The effect for row 0 against all other rows.

    events, exposure: n places × weeks; exposure is 1 in a week with data and 0 in a gap, or, for a share, its base.
    parts: BEFORE, DURING or AFTER, one a week.

    >>> weeks = np.array([BEFORE] * 52 + [DURING] * 4 + [AFTER] * 4)
    >>> events = np.tile(np.where(weeks == DURING, 10, 10), (9, 1))
    >>> events[0] = np.where(weeks == AFTER, 10, np.where(weeks == DURING, 40, 10))
    >>> effect = assess(events, np.ones_like(events), weeks)
    >>> round(effect.own, 2), effect.others, round(effect.ratio, 2), effect.high < 0.5
    (0.25, 1.0, 0.25, True)
    """
    counts, time = (
        np.stack([table[:, parts == part].sum(1) for part in (BEFORE, DURING, AFTER)], 1).astype(float)
        for table in (events, exposure)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = np.vstack([counts[0] / time[0], counts[1:].sum(0) / time[1:].sum(0)])
    n_after, n_others = int((parts == AFTER).sum()), len(events) - 1
    own_counts = (int(counts[0, 0]), int(counts[0, 1]), int(counts[0, 2]))
    plain = Effect(n_after, n_others, _three(rates[0]), own_counts, _three(rates[1]))
    during, after = counts[:, DURING], counts[:, AFTER]
    too_little = _too_little(during, after, time[:, DURING], time[:, AFTER])
    if too_little:
        return Effect(**{**plain.__dict__, "reason": too_little})
    rho, df = _correlation(events, exposure, parts)
    own, others, low, high = _quotient(during, after, time[:, DURING], time[:, AFTER], rho, df)
    before, time_before = counts[:, BEFORE], time[:, BEFORE]
    against = None
    if min(before[1:].sum(), before[0] + after[0]) >= MIN_ITEMS and time_before[0]:
        then, theirs, *_ = _quotient(before, after, time_before, time[:, AFTER], rho, df)
        against = then / theirs
    said = {"own": own, "others": others, "ratio": own / others, "low": low, "high": high, "against_before": against}
    return Effect(**{**plain.__dict__, **said})


def _three(values: np.ndarray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def _too_little(during: np.ndarray, after: np.ndarray, time_during: np.ndarray, time_after: np.ndarray) -> str:
    """Why there is too little to say anything; empty where there is enough."""
    if not time_during[0] or not time_after[0]:
        return "预警期间或销号后的几周没有数据"
    if len(during) - 1 < MIN_OTHERS:
        return f"可比的不足 {MIN_OTHERS} 个"
    if min(during[1:].sum(), after[1:].sum()) < MIN_ITEMS:
        return "可比地区、单位的件数太少"
    others, _ = _common(during[1:], after[1:], time_during[1:], time_after[1:])
    if during[0] + after[0] < MIN_ITEMS or during[0] / time_during[0] * time_after[0] * others < MIN_EXPECTED:
        return "件数太少"
    return ""


def _common(
    first: np.ndarray, then: np.ndarray, time_first: np.ndarray, time_then: np.ndarray
) -> tuple[float, np.ndarray]:
    """The ratio of rates, then ÷ first, that all places have in common (Mantel-Haenszel), and for each place the share
    of its events that should then fall into the second span."""
    both = np.maximum(time_first + time_then, 1e-9)
    above, below = (then * time_first / both).sum(), (first * time_then / both).sum()
    ratio = float(above / below) if above and below else float("nan")
    return ratio, time_then * ratio / np.maximum(time_first + time_then * ratio, 1e-9)


def _quotient(
    first: np.ndarray, then: np.ndarray, time_first: np.ndarray, time_then: np.ndarray, rho: float, df: int
) -> tuple[float, float, float, float]:
    """Ratio of row 0, common ratio of the others, and the 95 % interval of their quotient."""
    others, share = _common(first[1:], then[1:], time_first[1:], time_then[1:])
    own = (then[0] + 0.5) / time_then[0] / ((first[0] + 0.5) / time_first[0])
    n = first + then
    spread = 1 + np.maximum(n - 1, 0) * rho
    weight = n[1:] * share * (1 - share)
    variance = (
        spread[0] * (1 / (then[0] + 0.5) + 1 / (first[0] + 0.5)) + (spread[1:] * weight).sum() / weight.sum() ** 2
    )
    reach = special.stdtrit(df, 0.975) * np.sqrt(variance)
    at = np.log(own / others)
    return float(own), others, float(np.exp(at - reach)), float(np.exp(at + reach))


def _correlation(events: np.ndarray, exposure: np.ndarray, parts: np.ndarray) -> tuple[float, int]:
    """rho ≥ 0, and the degrees of freedom behind it: from the others' two spans, and from all places' earlier weeks cut
    into stretches of the same two lengths."""
    n_during, n_after = int((parts == DURING).sum()), int((parts == AFTER).sum())
    first_on = int((parts == BEFORE).sum())
    starts = range(first_on - n_during - n_after, -1, -(n_during + n_after))
    excess = leverage = 0.0
    df = 0
    for start, rows in [(first_on, slice(1, None)), *((start, slice(None)) for start in starts)]:
        cut = (slice(start, start + n_during), slice(start + n_during, start + n_during + n_after))
        first, then = (events[rows, span].sum(1) for span in cut)
        time_first, time_then = (exposure[rows, span].sum(1) for span in cut)
        n = first + then
        ratio, share = _common(first, then, time_first, time_then)
        known = (n > 0) & (time_first > 0) & (time_then > 0)
        if known.sum() < 2 or not np.isfinite(ratio):
            continue
        n, share, then = n[known], share[known], then[known]
        excess += float(((then - n * share) ** 2 / (n * share * (1 - share))).sum()) - (len(n) - 1)
        leverage += float(((n - 1) * (1 - n / n.sum())).sum())
        df += len(n) - 1
    return (max(0.0, min(excess / leverage, 1.0)) if leverage else 0.0), max(df, 1)


def matrix(rows: pl.DataFrame, codes: Sequence[str], weeks: Sequence[date], column: str) -> np.ndarray:
    """rows (code, week_start_on, `column`) as codes × weeks, 0 where there is no row."""
    table = np.zeros((len(codes), len(weeks)))
    at_code, at_week = ({name: n for n, name in enumerate(names)} for names in (codes, weeks))
    for code, week, value in rows.select("code", "week_start_on", column).iter_rows():
        if code in at_code and week in at_week:
            table[at_code[code], at_week[week]] += value or 0
    return table


# ---------------------------------------------------------------- in words

CAUTION = "预警挑的是偏高的几周，之后自然会有回落；这一对比是线索，不能说明因果。"


def sentence(effect: Effect, k: int, *, what: str = "件数", others: str = "同类地区") -> str:
    """The effect in one careful sentence; where a count behind it is 1 … k−1, without the figures that would tell it.

    what: 件数, or the share of a unit; others: what the comparable ones are called.
    """
    after = f"销号后 {effect.n_after} 周"
    if effect.n_after < MIN_AFTER:
        return f"销号后还不满 {MIN_AFTER} 个整周，暂不比较。"
    if effect.reason:
        return f"{after}，样本不足，不下结论（{effect.reason}）。"
    is_small = [0 < n < k for n in effect.counts]
    if effect.low > 1 or effect.high < 1:
        verdict = f"走势明显{'低' if effect.high < 1 else '高'}于{others}"
    else:
        verdict = f"走势与{others}看不出差别"
    if is_small[DURING] or is_small[AFTER]:
        return f"{after}，{verdict}；件数不足 {k} 件，按最小格子规则不列数字。"
    said = f"{after}，{what}为预警期间的 {_times(effect.own)} 倍，{others}（{effect.n_others} 个）同期为 {_times(effect.others)} 倍；"
    said += f"相对{_change(effect.ratio)}（95% 区间：{_between(effect.low, effect.high)}），{verdict}。"
    if effect.against_before is not None and not is_small[BEFORE]:
        said += f"与预警前一年相比，是{others}同期变化的 {_times(effect.against_before)} 倍。"
    return said


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 0.1 else f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"


def _change(ratio: float) -> str:
    return f"下降 {1 - ratio:.0%}" if ratio <= 1 else f"上升 {ratio - 1:.0%}"


def _between(low: float, high: float) -> str:
    """
    >>> _between(0.25, 0.79), _between(0.8, 1.3), _between(1.1, 2.5)
    ('下降 21% 至 75%', '下降 20% 至上升 30%', '上升 10% 至 150%')
    """
    if high <= 1:
        return f"下降 {1 - high:.0%} 至 {1 - low:.0%}"
    return f"{_change(low)} 至{_change(high)}" if low < 1 else f"上升 {low - 1:.0%} 至 {high - 1:.0%}"
