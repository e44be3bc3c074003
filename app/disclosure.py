"""Which counts are too small to leave the screen, and which others must go with them?

A count of a few items in one place, about one issue, in one week can point at the one who complained. Counts of
1 … k−1 are written 「<k」; where such a cell could be worked out from a published total, another is written 「隐去」.
0 stays 0 (unless it is needed as that other cell: then it reads 「<k」, which is true). k is 5 (YANPAN_MIN_CELL; 0
switches all of this off) and higher for what sql/seeds/min_cell.csv lists: children, health, disability.

Wide views are what a leader or another office sees without the right to drill, and must be safe on the screen:
    the map and table of places on 热点地图, the map and tables of 本周研判, the list of warnings,
    and whatever leaves the screen from any page: pictures, Excel, CSV.
The analyst's own drill stays exact on the screen, because the items are listed beside it: 高频事项, 趋势分析, one
warning, one community. What is exported from there is made safe (`export=` of page.chart and page.foot).

Exempt, because the cell is no small group of people but a whole city or the work of an office:
    the city's totals by week, source, channel, unit and issue (headline figures, 超出预期最多的事项, 高频事项 and
    趋势分析 without a place); the row-level ledgers (批次台账, 拒收行清单, 未对上的名称), which hold no persons.
A warning says its own count: `surveillance.stories.MIN_OBSERVED` is 5, the default k. Where k is higher than the count, the
sentence is said without figures (wording.spoken).

What is protected: each safe table on its own, with the totals it publishes, for a reader who knows k, this file and
all other cells. Such a reader is left with
    (k−1)//2 + 1 or more possible values for a count of 1 … k−1 (for k = 5: three of 0 … 4), and
    two or more possible values for any other cell that was hidden (a zero excepted: it is no secret), and
    no sum of hidden cells, worked out from a published total, that is itself 1 … k−1.
Where the published total of a whole city is itself that small, the first and last cannot be had; a count then still
has two possible values or more, unless the totals alone tell it: all of the city's items in its only place.
What is not: tables with different filters subtracted from each other (a week from a month, one source from all).
Only a fixed list of tables could be protected against that; here the filters are free. Nor the knowledge that the
smallest fitting cell was hidden.

Method: cells are the edges of a network, published totals its nodes; this holds for one-way and two-way tables and
for places within places. A hidden cell can have another value exactly when a cycle of hidden cells leads through it
along which an amount can be moved (Gusfield 1988, SIAM J. Comput. 17; Cox 1995, JASA 90); where there is none, the
cheapest cycle, by the counts it hides, is found by shortest paths (Castro 2007, INFORMS J. Comput. 19; τ-ARGUS's hypercubes are
such cycles of four cells). Terms as in Hundepool et al., Statistical Disclosure Control (2012), ch. 4.
"""

import csv
import heapq
import itertools
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from app.once import once

MIN_CELL = 5
SETTING = "YANPAN_MIN_CELL"
HIGHER = Path(__file__).resolve().parents[1] / "sql" / "seeds" / "min_cell.csv"
MARK = "__mark"
"""Column n_events__mark says what stands in place of n_events; null where the count is shown."""
HIDDEN = "隐去"
FREE = 0
"""The node without a total: flow may come from there and go there as it likes."""
FAR = 1 << 40
NEXT_TO_NOTHING = 1e-3
"""What a cell costs that is hidden already."""


class BadSetting(ValueError):
    """YANPAN_MIN_CELL is no whole number from 0 on."""


# ---------------------------------------------------------------- how small is small


def min_cell() -> int:
    """The smallest count that is shown; 0 = every count. Raises BadSetting."""
    said = os.environ.get(SETTING, "").strip() or str(MIN_CELL)
    if not (said.isascii() and said.isdigit()):
        raise BadSetting(
            f"环境变量 {SETTING} 应为 0 或正整数（默认 {MIN_CELL}，0 = 不隐去），现在是“{said}”。请改正后重新启动看板。"
        )
    return int(said)


@lru_cache(maxsize=1)
def _higher() -> dict[str, int]:
    with HIGHER.open(encoding="utf-8", newline="") as file:
        return {row["code"]: int(row["min_cell"]) for row in csv.DictReader(file)}


def threshold(*codes: str | None) -> int:
    """k for a table about these issue or group codes; the highest that applies.

    >>> threshold("0501"), threshold("1002"), threshold(None, "09")
    (5, 10, 10)
    """
    lowest = min_cell()
    higher = [k for code in codes if code for start, k in _higher().items() if code.startswith(start)]
    return max([lowest, *higher]) if lowest else 0


def thresholds(frame: pl.DataFrame, *codes: str | None) -> pl.Series:
    """k row by row, from issue_code or group_code where the frame has one; at least that of `codes`."""
    name = next((name for name in ("issue_code", "group_code") if name in frame.columns), None)
    given = frame[name].to_list() if name else [None] * len(frame)
    return pl.Series("k", [threshold(code, *codes) for code in given], dtype=pl.Int64)


def note(k: int | None = None, *, exported: bool = False) -> str:
    """The sentence for 口径. `exported`: said on a page whose screen shows the counts as they are."""
    lowest = min_cell()
    if not lowest:
        return f"没有隐去小数（{SETTING}=0），只供内部使用，不要外传。"
    k = lowest if k is None else k
    where = "导出时，" if exported else ""
    higher = max(_higher().values(), default=0)
    more = f"儿童、医疗、残疾等事项以 {higher} 为界。" if lowest < higher and k < higher else ""
    more += "图上断开的线、“其余”一项是隐去的格子。" if exported else ""
    return f"{where}小于 {k} 的格子写作“<{k}”，并隐去另一格以防倒推（写作“{HIDDEN}”）。{more}"


# ---------------------------------------------------------------- tables


@once(256)
def suppress(
    frame: pl.DataFrame,
    *,
    measures: Sequence[str],
    k: int | pl.Series,
    within: Sequence[Sequence[str]] = ((),),
    small_totals: bool = False,
    tree: tuple[str, str] | None = None,
    shown: Mapping[str, pl.Series] | None = None,
    derived: Mapping[str, Sequence[str]] | None = None,
    sort_hidden_by: str | None = None,
) -> pl.DataFrame:
    """The frame with its small counts, and those needed to protect them, replaced by marks.

    frame: one row a cell. measures: columns of counts (null = unknown, left alone), each protected on its own.
    k: one number, or one a row. within: the sums over which rows are published? Up to two groupings, each a list of
    columns: `((),)` the grand total, `(("week",), ("series",))` both margins of a two-way table, `()` none.
    small_totals: the totals of the first grouping are a city's, published even where they are 1 … k−1.
    shown: measure → the rows (true) whose count is published anyway: a city's total, a warning's own count.
    tree: (code, parent) columns instead of `within`: a row's count is the sum of the rows below it, and all levels
    are published. derived: column → the measures it is worked out from (a share, a rate, a change).
    sort_hidden_by: give it where rows come in the order of the first measure, which would tell a hidden count: the
    hidden rows then stand between the counts and the zeros, in the order of this column.

    Adds `<name>__mark` (text; null where shown) for each measure and derived column; the count itself becomes null.
    Totals are taken to be published as this function would: one of 1 … k−1 is not, nor the one that protects it. With k ≤ 1 the marks are all null.

    >>> cells = pl.DataFrame({"town": ["甲", "乙", "丙"], "n": [3, 8, 40]})
    >>> suppress(cells, measures=["n"], k=5)["n__mark"].to_list()
    ['<5', '隐去', None]
    """
    ks = np.full(len(frame), k) if isinstance(k, int) else k.to_numpy()
    marks: dict[str, pl.Series] = {}
    for measure in measures:
        known = frame[measure].is_not_null().to_numpy()
        values = frame[measure].fill_null(0).cast(pl.Int64).to_numpy()
        tail, head = _tree(frame, *tree) if tree else _margins(frame, within, values, ks, small_totals=small_totals)
        given = (shown or {}).get(measure)
        is_shown = np.zeros(len(frame), bool) if given is None else given.to_numpy()
        marks[measure] = pl.Series(measure + MARK, _marks(values, known, ks, tail, head, is_shown), dtype=pl.String)
    for name, inputs in (derived or {}).items():
        gone = pl.DataFrame([marks[measure] for measure in inputs]).select(
            pl.any_horizontal(pl.all().is_not_null()) if inputs else pl.lit(False)
        )
        said = pl.when(gone.to_series() & frame[name].is_not_null()).then(pl.lit(HIDDEN))
        marks[name] = frame.select(said.alias(name + MARK)).to_series()
    safe = frame.with_columns(marks.values()).with_columns(
        pl.when(pl.col(name + MARK).is_null()).then(pl.col(name)).alias(name) for name in marks
    )
    return without_order(safe, measures[0], sort_hidden_by) if sort_hidden_by else safe


def without_order(safe: pl.DataFrame, measure: str, by: str) -> pl.DataFrame:
    """The rows with a hidden `measure` between the counts and the zeros, in the order of column `by`."""
    count, is_hidden = pl.col(measure), pl.col(measure + MARK).is_not_null()
    part = pl.when(is_hidden).then(1).when(count.is_null()).then(3).when(count == 0).then(2).otherwise(0)
    parts = safe.with_columns(part.alias("_part")).partition_by("_part", as_dict=True, include_key=False)
    kept = [parts[key].sort(by) if key == (1,) else parts[key] for key in sorted(parts)]
    return pl.concat(kept) if kept else safe


def _marks(
    values: np.ndarray, known: np.ndarray, ks: np.ndarray, tail: np.ndarray, head: np.ndarray, is_shown: np.ndarray
) -> list[str | None]:
    hidden, is_mute = np.zeros(len(values), bool), np.zeros(len(values), bool)
    at = np.flatnonzero(known & ~is_shown)
    hidden[at], is_mute[at] = protect(values[at], ks[at], tail[at], head[at])
    return [
        (HIDDEN if mute or value >= k else f"<{k}") if gone else None
        for value, k, gone, mute in zip(values.tolist(), ks.tolist(), hidden, is_mute, strict=True)
    ]


def _margins(
    frame: pl.DataFrame,
    within: Sequence[Sequence[str]],
    values: np.ndarray,
    ks: np.ndarray,
    *,
    small_totals: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Each cell as an edge from the total of its first grouping to that of its second."""
    if len(within) > 2:
        raise ValueError("at most two groupings: beyond that a table is no network")
    ends: list[np.ndarray] = []
    n = FREE
    for columns in within:
        if columns:
            node = frame.select(pl.struct(columns).rank("dense")).to_series().cast(pl.Int64).to_numpy()
        else:
            node = np.ones(len(frame), np.int64)
        total = np.bincount(node, values, minlength=1).astype(np.int64)
        most = np.zeros(len(total), np.int64)
        np.maximum.at(most, node, ks)
        if small_totals and not ends:
            ends.append(node + n)
            n += len(total)
            continue
        all_of_it = np.full(len(total), FREE if total.sum() < most.max() else 1)
        is_hidden, _ = protect(total, most, all_of_it, np.full(len(total), FREE))  # totals are a table, too
        ends.append(np.where(is_hidden[node], FREE, node + n))
        n += len(total)
    ends += [np.full(len(frame), FREE)] * (2 - len(ends))
    return ends[0], ends[1]


def _tree(frame: pl.DataFrame, code: str, parent: str) -> tuple[np.ndarray, np.ndarray]:
    """Each place as an edge into its own total, out of that of the place above."""
    above = frame[parent].to_list()
    node = {name: n for n, name in enumerate(dict.fromkeys(name for name in above if name is not None), start=1)}
    codes = frame[code].to_list()
    listed = set(codes)
    tail = [node[name] if name is not None and name in listed else FREE for name in above]
    return np.array(tail, np.int64), np.array([node.get(name, FREE) for name in codes], np.int64)


# ---------------------------------------------------------------- the network


def protect(values: np.ndarray, ks: np.ndarray, tail: np.ndarray, head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which cells are hidden (bool), and which of them say nothing at all about their size (bool)?

    One entry a cell: its count, its k, and the totals (nodes from 1; FREE = none) it is part of, one at either end.
    The second answer is for cells that could not be otherwise, such as 4 + 4 under a total of 8: 「<5」 would tell both.
    """
    hidden, is_mute = (values > 0) & (values < ks), np.zeros(len(values), bool)
    if not hidden.any():
        return hidden, is_mute
    wanted = _wanted(values, ks)
    net = _network(values, tail, head)
    while True:
        _hide_small_sums(values, ks, tail, head, hidden)
        cells = _Cells(values.tolist(), ks.tolist(), is_mute.tolist(), hidden.tolist())
        cheap = _by_arc(net, np.flatnonzero(hidden).tolist())
        for cell in _unprotected(values, ks, tail, head, hidden, *_slack(values, ks, is_mute)):
            for amount, all_mute in itertools.product(dict.fromkeys((int(wanted[cell]), 1)), (False, True)):
                moves = _cheapest_moves(cell, amount, net, cells, cheap, all_mute=all_mute)
                if moves:
                    gone = [at for at in moves if not cells.hidden[at]]
                    for at, (rise, fall) in moves.items():
                        cells.hidden[at] = hidden[at] = True
                        if rise > cells.room(at, 1) or fall > cells.room(at, -1):
                            cells.mute[at] = is_mute[at] = True
                    for arc, more in _by_arc(net, gone).items():
                        cheap.setdefault(arc, []).extend(more)
                    break
        if not _small_sums(values, ks, tail, head, hidden):
            return hidden, is_mute


def _wanted(values: np.ndarray, ks: np.ndarray) -> np.ndarray:
    """By how much must a hidden cell be able to move? A small one by about half of 0 … k−1."""
    return np.where((values > 0) & (values < ks), np.maximum(1, (ks - 1) // 2), 1)


def _slack(values: np.ndarray, ks: np.ndarray, is_mute: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far up and down can a hidden cell be without contradicting its own mark?"""
    is_small = (values < ks) & ~is_mute
    up = np.where(is_small, ks - 1 - values, FAR)
    down = np.where(is_small | is_mute, values, values - ks)
    return up, down


def _small_sums(
    values: np.ndarray, ks: np.ndarray, tail: np.ndarray, head: np.ndarray, hidden: np.ndarray
) -> list[tuple[np.ndarray, int]]:
    """Totals whose hidden cells sum to 1 … k−1: (the shown cells that could join, smallest first; how many)."""
    n = int(max(tail.max(), head.max())) + 1
    weight = np.where(hidden, values, 0)
    most = np.zeros(n, np.int64)
    sums = [np.bincount(end, weight, minlength=n) for end in (tail, head)]
    touched = [np.bincount(end[hidden], minlength=n) > 0 for end in (tail, head)]
    for end in (tail, head):
        np.maximum.at(most, end[hidden], ks[hidden])
    found = []
    for side, end in enumerate((tail, head)):
        alone = touched[side] & ~touched[1 - side] & (sums[side] > 0) & (sums[side] < most)
        for node in np.flatnonzero(alone):
            if node == FREE:
                continue
            for at in (np.flatnonzero(e == node) for e in (end, (head, tail)[side])):
                free = at[~hidden[at] & (values[at] > 0)]
                if len(free):
                    found.append((free[np.argsort(values[free], kind="stable")], int(node)))
                    break
    return found


def _hide_small_sums(
    values: np.ndarray, ks: np.ndarray, tail: np.ndarray, head: np.ndarray, hidden: np.ndarray
) -> None:
    while found := _small_sums(values, ks, tail, head, hidden):
        for free, _ in found:
            hidden[free[0]] = True


def _unprotected(
    values: np.ndarray,
    ks: np.ndarray,
    tail: np.ndarray,
    head: np.ndarray,
    hidden: np.ndarray,
    up: np.ndarray,
    down: np.ndarray,
) -> list[int]:
    """The hidden cells for which no cycle is known, largest count first.

    A cell that can move both ways gets one direction at a time, so that its two ends being strongly connected proves
    a cycle through other cells; four rounds find nearly all, `_cheapest_moves` looks at the rest one by one.
    """
    at = np.flatnonzero(hidden)
    amount = int(_wanted(values, ks)[at].max())
    can_up, can_down = up[at] >= amount, down[at] >= amount
    n = int(max(tail.max(), head.max())) + 1
    is_safe = tail[at] == head[at]
    odd = np.arange(len(at)) % 2 == 1
    for prefers_up in (np.ones(len(at), bool), np.zeros(len(at), bool), odd, ~odd):
        goes_up = can_up & (prefers_up | ~can_down)
        moves = can_up | can_down
        start = np.where(goes_up, tail[at], head[at])[moves]
        end = np.where(goes_up, head[at], tail[at])[moves]
        graph = csr_array((np.ones(len(start)), (start, end)), shape=(n, n))
        part = connected_components(graph, connection="strong")[1]
        is_safe |= moves & (part[tail[at]] == part[head[at]])
    rest = at[~is_safe]
    return [int(cell) for cell in rest[np.argsort(-values[rest], kind="stable")]]


class _Cells(NamedTuple):
    """What the search looks at, one by one and so as lists."""

    values: list[int]
    ks: list[int]
    mute: list[bool]
    hidden: list[bool]

    def room(self, cell: int, step: int, *, is_mute: bool = False) -> int:
        """`_slack` of one cell, up (step 1) or down (−1)."""
        value, k, is_mute = self.values[cell], self.ks[cell], is_mute or self.mute[cell]
        is_small = value < k and not is_mute
        if step > 0:
            return k - 1 - value if is_small else FAR
        return value if is_small or is_mute else value - k


class _Network(NamedTuple):
    arc: list[tuple[int, int]]  # of each cell: from its total at one end to that at the other
    cells: dict[tuple[int, int], list[int]]  # of each arc, smallest count first
    ways: dict[int, list[tuple[int, int, tuple[int, int]]]]  # node → (next node, up or down, arc)


def _network(values: np.ndarray, tail: np.ndarray, head: np.ndarray) -> _Network:
    arc = list(zip(tail.tolist(), head.tolist(), strict=True))
    cells: dict[tuple[int, int], list[int]] = {}
    for cell in np.argsort(values, kind="stable").tolist():
        cells.setdefault(arc[cell], []).append(cell)
    ways: dict[int, list[tuple[int, int, tuple[int, int]]]] = {}
    for start, end in cells:
        ways.setdefault(start, []).append((end, 1, (start, end)))
        ways.setdefault(end, []).append((start, -1, (start, end)))
    return _Network(arc, cells, ways)


def _by_arc(net: _Network, cells: Iterable[int]) -> dict[tuple[int, int], list[int]]:
    found: dict[tuple[int, int], list[int]] = {}
    for cell in cells:
        found.setdefault(net.arc[cell], []).append(cell)
    return found


def _cheapest_moves(
    cell: int,
    amount: int,
    net: _Network,
    cells: _Cells,
    cheap: dict[tuple[int, int], list[int]],
    *,
    all_mute: bool,
) -> dict[int, tuple[int, int]]:
    """The cells to hide, those of least count, so that `cell` can be `amount` larger, or smaller, or both together.

    cheap: the cells hidden already, by arc. all_mute: as if no cell told anything by its mark. Cell → by how much it rises
    and falls in these alternatives; empty where there are none.
    """
    found = []
    for sign in (1, -1):
        shift: dict[int, int] = {}
        cost = 0.0
        while abs(shift.get(cell, 0)) < min(amount, cells.room(cell, sign, is_mute=all_mute)):
            path = _cheapest_cycle(cell, sign, net, cells, cheap, shift, all_mute=all_mute)
            if not path:
                break
            cost += sum(
                NEXT_TO_NOTHING if cells.hidden[at] or at in shift else max(cells.values[at], 1) for at, _ in path
            )
            for at, step in path:
                shift[at] = shift.get(at, 0) + step
        found.append((abs(shift.get(cell, 0)) < amount, cost, shift))
    enough = [(cost, n) for n, (too_few, cost, _) in enumerate(found) if not too_few]
    if enough:
        found = [found[min(enough)[1]]]
    elif sum(abs(shift.get(cell, 0)) for _, _, shift in found) < amount:
        return {}
    shifts = [shift for *_, shift in found]
    moved = sorted({at for shift in shifts for at, by in shift.items() if by})
    return {at: (max(shift.get(at, 0) for shift in shifts), -min(shift.get(at, 0) for shift in shifts)) for at in moved}


def _cheapest_cycle(
    cell: int,
    sign: int,
    net: _Network,
    cells: _Cells,
    cheap: dict[tuple[int, int], list[int]],
    shift: dict[int, int],
    *,
    all_mute: bool,
) -> list[tuple[int, int]]:
    """A cycle along which one item can be moved, up (sign 1) or down (−1) through `cell`: (cell, its step).

    Dijkstra's way through the totals, from cell to cell; of the cells between the same two the cheapest that can still
    be moved. shift: what the cycles before moved. It ends at the first way there is: the network is small, the way short.
    """
    start, end = net.arc[cell]
    source, target, ahead = (end, start, 1) if sign > 0 else (start, end, 1)
    if source == FREE:  # from the other end, against the arcs: nearly every total is next to FREE
        source, target, ahead = target, source, -1
    used = _by_arc(net, (at for at in shift if not cells.hidden[at]))

    def can_move(at: int, step: int) -> bool:
        return at != cell and cells.room(at, step, is_mute=all_mute) - step * shift.get(at, 0) >= 1

    def cheapest(arc: tuple[int, int], step: int) -> tuple[float, int] | None:
        for at in itertools.chain(cheap.get(arc, ()), used.get(arc, ())):
            if can_move(at, step):
                return NEXT_TO_NOTHING, at
        for at in net.cells[arc]:
            if not cells.hidden[at] and at not in shift and can_move(at, step):
                return max(cells.values[at], 1), at
        return None

    best, came, queue = {source: 0.0}, {}, [(0.0, source)]
    while queue:
        cost, node = heapq.heappop(queue)
        if node == target:
            break
        if cost > best[node]:
            continue
        for after, step, arc in net.ways.get(node, ()):
            if (pick := cheapest(arc, ahead * step)) and cost + pick[0] < best.get(after, math.inf):
                best[after] = cost + pick[0]
                came[after] = node, pick[1], ahead * step
                heapq.heappush(queue, (best[after], after))
    if target not in best:
        return []
    path, node = [(cell, sign)], target
    while node != source:
        node, at, step = came[node]
        path.append((at, step))
    return path


# ---------------------------------------------------------------- marks in words


def marked(frame: pl.DataFrame) -> list[str]:
    """The columns in which something is hidden."""
    names = [name.removesuffix(MARK) for name in frame.columns if name.endswith(MARK)]
    return [name for name in names if name in frame.columns and frame[name + MARK].is_not_null().any()]


def without_marks(frame: pl.DataFrame) -> pl.DataFrame:
    """What the charts get: hidden counts are null."""
    return frame.drop(name for name in frame.columns if name.endswith(MARK))


def in_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Marks in their places: a column with hidden cells becomes text, the others stay as they are."""
    return without_marks(
        frame.with_columns(
            pl.coalesce(pl.col(name + MARK), pl.col(name).cast(pl.String)).alias(name) for name in marked(frame)
        )
    )


def to_sort(frame: pl.DataFrame) -> pl.DataFrame:
    """`in_text` for a table on the screen: text of equal width, so that a click on the head still sorts by size."""
    words = {
        name: pl.coalesce(
            pl.col(name + MARK),
            pl.Series(
                name,
                [None if n is None else f"{n:,}" if isinstance(n, int) else f"{n:,.1f}" for n in frame[name]],
                dtype=pl.String,
            ),
        )
        for name in marked(frame)
    }
    return without_marks(frame.with_columns(text.str.pad_start(9).alias(name) for name, text in words.items()))


def rolled_up(
    safe: pl.DataFrame, frame: pl.DataFrame, *, label: str, measure: str, others: Mapping[str, object] | None = None
) -> pl.DataFrame:
    """For bars and tiles: the hidden rows of `safe` as one row 「其余 3 项（未分列）」 with their sum in `frame`.

    The sum is no secret: it is the published total less what is shown, and `suppress` has seen to it that it is not
    small; where it is (the total itself is), it is left out. others: what the row says in further columns.
    """
    is_shown = pl.col(measure + MARK).is_null()
    shown, n = safe.filter(is_shown).select(frame.columns), len(safe.filter(~is_shown))
    rest = int(frame[measure].sum()) - int(shown[measure].sum())
    if not n or rest < min_cell():
        return shown
    row = {**dict.fromkeys(frame.columns), **(others or {}), label: f"其余 {n} 项（未分列）", measure: rest}
    return pl.concat([shown, pl.DataFrame([row], schema=frame.schema)])
