"""Numbers on their way into a sentence: each is formatted here, and what was worked out from others is written down.

A sentence may say a figure of the findings, or one derived from them: a difference, a sum, a share, a number of rows. Of a
derived one the parts are kept, so that checking.py can work it out again and the reader finds it in Excel 「文中推算」.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from app import wording

HOW = {"difference": "相减", "share": "相除", "count": "计数"}


@dataclass(frozen=True)
class Derived:
    """A number that stands in no frame: `said` in the text, worked out from `parts`."""

    said: str
    label: str
    how: str
    """One of HOW; a count has no parts but the rows counted."""
    value: float
    parts: tuple[float, ...]


@dataclass
class Told:
    """What one report has said so far."""

    derived: list[Derived] = field(default_factory=list)

    def items(self, n: float | None) -> str:
        """5,561件"""
        return "—件" if n is None else f"{wording.number(n)}件"

    def difference(self, label: str, now: float, before: float) -> str:
        """How many more or fewer: 203件, without a sign."""
        value = abs(now - before)
        return self._kept(self.items(value), label, "difference", value, (now, before))

    def share(self, label: str, part: float, whole: float) -> str:
        """12.3%"""
        value = part / whole
        return self._kept(f"{value:.1%}", label, "share", value, (part, whole))

    def change(self, label: str, now: float, before: float) -> str:
        """上升3.8%, 下降2.0%, 持平. Against a base of SMALL_BASE or more."""
        value = now / before - 1
        if now == before:
            return "持平"
        said = self._kept(f"{abs(value):.1%}", label, "share", abs(value), (now - before, before))
        return f"{'上升' if value > 0 else '下降'}{said}"

    def count(self, label: str, rows: Sequence[object] | pl.DataFrame, unit: str = "条") -> str:
        """3条"""
        n = len(rows)
        return self._kept(f"{n}{unit}", label, "count", n, (n,))

    def compared(self, label: str, now: float, before: float | None, word: str) -> str:
        """较上周增加203件，上升3.8%; no per cent of a small base; 上周无可比数据."""
        if before is None:
            return f"{word}无可比数据"
        if now == before:
            return f"与{word}持平"
        move = "增加" if now > before else "减少"
        said = f"较{word}{move}{self.difference(f'{label}与{word}之差', now, before)}"
        if before < wording.SMALL_BASE:
            return f"{said}（基数小，不算百分比）"
        return f"{said}，{self.change(f'{label}较{word}', now, before)}"

    def frame(self) -> pl.DataFrame:
        """Everything derived, once each, for Excel: label, said, how, parts."""
        rows = {(one.label, one.said): one for one in self.derived}
        return pl.DataFrame(
            [
                (one.label, one.said, HOW[one.how], "、".join(f"{part:,.10g}" for part in one.parts))
                for one in rows.values()
            ],
            schema={"label": pl.String, "said": pl.String, "how": pl.String, "parts": pl.String},
            orient="row",
        )

    def _kept(self, said: str, label: str, how: str, value: float, parts: tuple[float, ...]) -> str:
        self.derived.append(Derived(said, label, how, float(value), tuple(map(float, parts))))
        return said


def tight(text: str) -> str:
    """As printed matter sets it: no blank between Chinese and figures.

    >>> tight("供暖 48 件，约 6 件；ABC 12")
    '供暖48件，约6件；ABC 12'
    """
    text = re.sub(r"(?<=[\u3000-\u9fff\uff00-\uffef”]) +(?=[0-9A-Za-z+−—<“])", "", text)
    return re.sub(r"(?<=[0-9A-Za-z%>]) +(?=[\u3000-\u9fff\uff00-\uffef“])", "", text)
