"""Where do the colour classes of a map begin and end? Few, round, and honest at zero."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.palette import DIVERGING, NO_VALUE, SEQUENTIAL, UNCHANGED
from app.wording import SMALL_BASE

NEUTRAL_SHARE = 0.1
"""Up to ±10 % counts as unchanged, on maps and in treemaps alike."""
NO_DATA = "无数据"
NOT_COMPARED = f"基数不足 {SMALL_BASE} 件，不算"
NOTHING_COMPARED = f"上期无数据或基数不足 {SMALL_BASE} 件，不算"


@dataclass(frozen=True)
class Classes:
    """Colour classes, lowest first. A value v is in class k when edges[k-1] <= v < edges[k].

    >>> Classes((10, 20), ("#aaaaaa", "#bbbbbb", "#cccccc"), ("不足 10", "10–19", "20 及以上")).index(10)
    1
    """

    edges: tuple[float, ...]
    """Inner edges, ascending; one fewer than colours."""
    colours: tuple[str, ...]
    labels: tuple[str, ...]
    """What the legend says, one a class."""
    null_label: str = ""
    """What the legend says of places without a value; empty when all have one."""

    def index(self, value: float) -> int:
        return bisect_right(self.edges, value)

    def colour(self, value: float | None) -> str:
        return NO_VALUE if value is None else self.colours[self.index(value)]

    def label(self, value: float | None) -> str:
        return self.null_label or NO_DATA if value is None else self.labels[self.index(value)]


def sequential_classes(values: Sequence[float | None], *, n: int = 5, whole: bool = True) -> Classes:
    """Few → many: at most `n` classes of about equal membership, with round edges.

    values: not negative, any order, None skipped. whole: the values are counts, so a label reads 10–19;
    otherwise (per 10,000) it reads 1.5–2.5, upper end excluded. Zero is its own class when some place has none.
    Equal values give one class; few distinct values give fewer classes.

    >>> sequential_classes([0, 0, 3, 8, 12, 19, 33, 47, 60, 95], n=4).labels
    ('0', '1–14', '15–39', '40 及以上')
    """
    known = np.array([value for value in values if value is not None], dtype=float)
    if known.size == 0:
        return Classes((), (NO_VALUE,), (NO_DATA,))
    has_zero = bool((known == 0).any())
    positive = known[known > 0]
    edges: list[float] = []
    if has_zero and positive.size:
        edges.append(1.0 if whole else float(_round_down(positive.min())))
    if positive.size:
        n_upper = n - 1 if has_zero else n
        cuts = np.quantile(positive, np.arange(1, n_upper) / n_upper)
        for cut in (_round_edge(float(cut), whole) for cut in cuts):
            below = edges[-1] if edges else float(positive.min())
            if below < cut <= positive.max():
                edges.append(cut)
    null_label = NO_DATA if len(known) < len(values) else ""
    return Classes(
        tuple(edges), _sequential_colours(len(edges) + 1, has_zero), _labels(edges, known, whole), null_label
    )


def change_classes(values: Sequence[float | None], *, step: float = NEUTRAL_SHARE) -> Classes:
    """Falling → rising around zero: seven classes of a share (0.25 = +25 %), mirrored, the middle one neutral.

    step: half-width of the neutral class; the next edges are 2.5 and 5 times as far. The classes do not depend on
    the values, so that a colour means the same on every map and treemap; None means the base was too small.

    >>> change_classes([0.3, None]).labels[3], change_classes([0.3, None]).null_label
    ('±10% 以内', '基数不足 20 件，不算')
    """
    near, far = step * 2.5, step * 5
    edges = (-far, -near, -step, step, near, far)
    falls = [f"降 {far:.0%} 以上", f"降 {near:.0%}–{far:.0%}", f"降 {step:.0%}–{near:.0%}"]
    rises = [f"升 {step:.0%}–{near:.0%}", f"升 {near:.0%}–{far:.0%}", f"升 {far:.0%} 及以上"]
    colours = (DIVERGING[0], DIVERGING[2], DIVERGING[3], UNCHANGED, DIVERGING[6], DIVERGING[7], DIVERGING[9])
    n_unknown = sum(value is None for value in values)
    null_label = "" if not n_unknown else NOTHING_COMPARED if n_unknown == len(values) else NOT_COMPARED
    return Classes(edges, colours, (*falls, f"±{step:.0%} 以内", *rises), null_label)


def excess_classes(values: Sequence[float | None]) -> Classes:
    """Fewer → more than expected: seven classes of items around zero, mirrored, the middle one neutral.

    The edges are round, about a twentieth, a fifth and a half of the largest difference, at least 1, 2, 4. None: not judged.

    >>> excess_classes([-3.0, 40.0, None]).labels[3:]
    ('±2 件以内', '多 2–8 件', '多 8–20 件', '多 20 件及以上')
    """
    most = max((abs(value) for value in values if value is not None), default=0.0)
    near = _round_edge(max(1.0, most / 20), True)
    middle = _round_edge(max(2 * near, most / 5), True)
    far = _round_edge(max(2 * middle, most / 2), True)
    edges = (-far, -middle, -near, near, middle, far)
    falls = (f"少 {far:,.0f} 件以上", f"少 {middle:,.0f}–{far:,.0f} 件", f"少 {near:,.0f}–{middle:,.0f} 件")
    rises = (f"多 {near:,.0f}–{middle:,.0f} 件", f"多 {middle:,.0f}–{far:,.0f} 件", f"多 {far:,.0f} 件及以上")
    colours = (DIVERGING[0], DIVERGING[2], DIVERGING[3], UNCHANGED, DIVERGING[6], DIVERGING[7], DIVERGING[9])
    return Classes(edges, colours, (*falls, f"±{near:,.0f} 件以内", *rises))


def _round_edge(value: float, whole: bool) -> float:
    """The nearest of 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 × 10^k; counts below 10 to the next whole number."""
    if whole and value < 10:
        return float(max(1, round(value)))
    size = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    edge = min(steps, key=lambda step: abs(step * size - value)) * size
    return float(round(edge)) if whole else float(f"{edge:.6g}")


def _round_down(value: float) -> float:
    size = 10.0 ** math.floor(math.log10(value))
    return float(f"{math.floor(value / size) * size:.6g}")


def _sequential_colours(n: int, has_zero: bool) -> tuple[str, ...]:
    """n steps spread over the ramp, the palest kept for zero."""
    first = 0 if has_zero else 1
    if n == 1:
        return (SEQUENTIAL[0 if has_zero else 3],)
    return tuple(SEQUENTIAL[round(first + (8 - first) * k / (n - 1))] for k in range(n))


def _labels(edges: Sequence[float], known: np.ndarray, whole: bool) -> tuple[str, ...]:
    def said(value: float) -> str:
        return f"{value:,.0f}" if whole else f"{value:,.6g}"

    if not edges:
        return (said(float(known[0])) if known.min() == known.max() else f"{said(known.min())}–{said(known.max())}",)
    starts = [0.0 if known.min() == 0 else None, *edges]
    labels = []
    for start, end in zip(starts, edges, strict=False):
        last = end - 1 if whole else end
        if start is None:
            labels.append(f"不足 {said(end)}")
        elif (whole and start >= last) or (start == 0 and not whole):
            labels.append(said(start))
        else:
            labels.append(f"{said(start)}–{said(last)}")
    return (*labels, f"{said(edges[-1])} 及以上")
