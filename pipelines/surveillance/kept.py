"""Which verdicts of an earlier run still hold? A week is judged again only where something that it rests on has changed.

The verdict on a week rests on the counts of all weeks up to it, of its series and of the other series of its issue (which
share the prior of their dispersion) and of the issue in the whole city, and on how much registering these weeks allow. So
each week of an issue has a key made of all that, chained from the first week on; where the key is the same, so is the
verdict, but for the last digits (other series were computed beside it).

Tails of shares rest on four numbers, and are kept under these (`looked_up`).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.detectors.predictive import Detection

FIGURES = ("observed", "expected", "phi", "upper_bound", "p_value", "window")
WORDS = ("reason", "method")
TAILS = dict.fromkeys(("cases", "items", "a", "b", "p_value", "upper_bound"), pl.Float64)
"""Of so many cases among so many items, where the share is Beta(a, b)."""
FEW_WEEKS = 12  # at the end are judged by themselves; from more on all are


class Block(NamedTuple):
    """What was said of some series: their issues, a key for each issue and judged week, and the verdicts (series × weeks)."""

    mondays: npt.NDArray[np.datetime64]
    issue: npt.NDArray[np.str_]  # (series,)
    keys: Mapping[str, Sequence[str]]  # issue → key of each judged week
    figures: Mapping[str, npt.NDArray]


@dataclass
class Kept:
    """The blocks and tails of an earlier run, and those of this one. `program`: what else the verdicts rest on."""

    program: str = ""
    before: dict[str, Block] = field(default_factory=dict)
    now: dict[str, Block] = field(default_factory=dict)
    tails_before: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TAILS))
    tails_now: list[pl.DataFrame] = field(default_factory=list)


def looked_up(kept: Kept | None, asked: pl.DataFrame, judge: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """TAILS for each row of `asked`: its first columns, which `judge` adds the others to where they are not known."""
    keys = asked.columns
    before = pl.DataFrame(schema=TAILS) if kept is None else kept.tails_before
    new = asked.join(before, on=keys, how="anti").unique(maintain_order=True)
    known = pl.concat([before.join(asked, on=keys, how="semi"), judge(new).select(list(TAILS))])
    if kept is not None:
        kept.tails_now.append(known)
    return asked.join(known, on=keys, how="left", maintain_order="left")


def judged(
    kept: Kept,
    name: str,
    *,
    places: Sequence[str],
    issues: Sequence[str],
    mondays: Sequence[date],
    by_week: Sequence[npt.NDArray],
    evaluate: int,
    judge: Callable[[npt.NDArray[np.intp], int], Detection],
) -> Detection:
    """What `judge` says of all series and the last `evaluate` weeks, as far as possible from the block `name` before.

    places, issues: of each series. by_week: all that a verdict rests on, (series × weeks). judge: some series, all of each
    issue, and how many weeks.
    """
    issue, evaluate = np.array(issues, dtype=str), min(evaluate, len(mondays))
    keys = _keys(f"{kept.program} {mondays[0]}", np.array(places, dtype=str), issue, by_week, evaluate)
    days = np.array(mondays[-evaluate:], dtype="datetime64[D]")
    found = {
        figure: np.empty((len(issue), evaluate), dtype=object if figure in WORDS else float)
        for figure in (*FIGURES, *WORDS)
    }
    stale = _take_over(kept.before.get(name), days, issue, keys, found)
    few = [one for one, n in stale.items() if 0 < n <= FEW_WEEKS]
    if few:
        n_weeks = max(stale[one] for one in few)
        rows = np.flatnonzero(np.isin(issue, few))
        _enter(found, rows, judge(rows, n_weeks))
    whole = [one for one, n in stale.items() if n > FEW_WEEKS]
    if whole:
        rows = np.flatnonzero(np.isin(issue, whole))
        _enter(found, rows, judge(rows, evaluate))
    kept.now[name] = Block(days, issue, keys, found)
    return Detection(weeks=np.arange(len(mondays) - evaluate, len(mondays)), **found)


def _keys(
    program: str, place: npt.NDArray, issue: npt.NDArray, by_week: Sequence[npt.NDArray], evaluate: int
) -> dict[str, list[str]]:
    keys = {}
    for one in np.unique(issue):
        rows = np.flatnonzero(issue == one)
        chain = hashlib.sha256(f"{program} {' '.join(place[rows])}".encode()).digest()
        said = np.ascontiguousarray(np.vstack([values[rows] for values in by_week]).T)
        links = []
        for week in said:
            chain = hashlib.sha256(chain + week.tobytes()).digest()
            links.append(chain.hex()[:32])
        keys[str(one)] = links[-evaluate:]
    return keys


def _take_over(
    before: Block | None,
    days: npt.NDArray,
    issue: npt.NDArray,
    keys: Mapping[str, Sequence[str]],
    found: dict[str, npt.NDArray],
) -> dict[str, int]:
    """Enter what still holds; issue → how many of its last weeks are to be judged anew."""
    stale = dict.fromkeys(keys, len(days))
    if before is None:
        return stale
    _, here, there = np.intersect1d(days, before.mondays, return_indices=True)
    for one, links in keys.items():
        known = before.keys.get(one, [])
        at = [(h, t) for h, t in zip(here, there, strict=True) if known and links[h] == known[t]]
        if not at or at[0][0] != 0:  # the first judged week is not known
            continue
        now, then = map(list, zip(*at, strict=True))
        rows, old_rows = np.flatnonzero(issue == one), np.flatnonzero(before.issue == one)
        for figure, values in found.items():
            values[np.ix_(rows, now)] = before.figures[figure][np.ix_(old_rows, then)]
        stale[one] = len(days) - len(now)
    return stale


def _enter(found: dict[str, npt.NDArray], rows: npt.NDArray[np.intp], verdicts: Detection) -> None:
    for figure, values in found.items():
        values[rows, values.shape[1] - len(verdicts.weeks) :] = getattr(verdicts, figure)
