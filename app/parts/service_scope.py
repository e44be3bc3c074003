"""办理质效: over which period and where, and which indicator by which 口径? All of it in the URL."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

import polars as pl
import streamlit as st

from app import disclosure, filters, kpis, marts, page, wording

KINDS = {"week": "周", "month": "月", "quarter": "季", "year": "年"}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
LONGER = {"week": (4, 13, 52), "month": (3, 12)}
"""Of how many weeks or months units may be ranked instead of one period alone."""
BANDS = {"green": "✓", "yellow": "■", "red": "✕"}
"""band → shape; the word is kpis.BAND_NAMES, the colour page.STYLE's. Where the bounds lie is in the registry."""


class Scope(NamedTuple):
    """A period of whole weeks or months, and a county or all."""

    kind: str
    """week or month: which periods of the marts are summed."""
    n: int
    from_on: date
    to_on: date
    """First day of the last week or month."""
    last_day: date
    name: str
    county: str | None
    place: str
    is_whole: bool
    """Is the period over?"""

    def parameters(self) -> dict[str, Any]:
        """As the queries of indicators and items name them."""
        return {
            "kind": self.kind, "from_on": self.from_on, "to_on": self.to_on, "first_day": self.from_on,
            "last_day": self.last_day, "county": self.county, "unit": None, "group": None,
        }  # fmt: skip

    def before(self) -> "Scope":
        """The equally long period before."""
        start = self.from_on - timedelta(weeks=self.n) if self.kind == "week" else plus(self.from_on, -self.n)
        to_on = self.from_on - timedelta(weeks=1) if self.kind == "week" else plus(self.from_on, -1)
        return self._replace(from_on=start, to_on=to_on, last_day=self.from_on - timedelta(days=1), is_whole=True)

    def last(self, n: int) -> "Scope":
        """The n weeks or months that end with this one."""
        if n == self.n:
            return self
        if self.kind == "week":
            start = self.to_on - timedelta(weeks=n - 1)
            name = f"{wording.week_name(start)}—{wording.week_name(self.to_on)}"
        else:
            start = plus(self.to_on, 1 - n)
            name = f"{start.year}年{start.month}月—{self.to_on.year}年{self.to_on.month}月"
        return self._replace(n=n, from_on=start, name=name)

    def longer(self, data_from: date) -> list["Scope"]:
        """This period and longer ones that end with it, as far as there are data, the shortest first."""
        more = (self.last(n) for n in LONGER[self.kind] if n > self.n)
        return [self, *(scope for scope in more if scope.from_on >= data_from.replace(day=1))]

    @property
    def title(self) -> str:
        return f"{self.place} {self.name}"

    def within(self) -> list[str]:
        """Notes on what is looked at: an unfinished period, small counts in an export."""
        return ["" if self.is_whole else f"{self.name}还没有过完，计到{wording.day(self.last_day)}。"]

    def k(self, *codes: str | None) -> int:
        """Below which count is hidden in an export: the city's totals by unit are not (app.disclosure)."""
        return disclosure.threshold(*codes) if self.county else 0


def plus(month: date, n: int) -> date:
    """The first of the month n months on."""
    at = month.year * 12 + month.month - 1 + n
    return date(at // 12, at % 12 + 1, 1)


def choose(edition: page.Edition) -> Scope:
    """Period and county, side by side."""
    first, second, third, _ = st.columns([1.1, 1.7, 1.2, 2.2], vertical_alignment="bottom")
    with first:
        by = filters.choose("统计期", KINDS, key="by", default="month", kind="buttons")
    with second:
        found = periods(by, edition)
        whole = [code for code, scope in found.items() if scope.is_whole]
        names = {code: scope.name + ("" if scope.is_whole else "（未满）") for code, scope in found.items()}
        code = filters.choose("哪一期", names, key="period", default=whole[0] if whole else None)
    with third:
        county = filters.county()
    filters.chips()
    return found[code]._replace(county=county, place=filters.place_name(county))


def periods(by: str, edition: page.Edition) -> dict[str, Scope]:
    """All periods with data, newest first: code in the URL → Scope of the whole city."""
    if by == "week":
        weeks = marts.query("weeks", data_from=edition.data_from, last_full_week=edition.last_full_week)[
            "week_start_on"
        ]
        return {
            wording.week_code(one): Scope(
                "week", 1, one, one, one + timedelta(days=6), f"{wording.week_name(one)}", None, "全市", True
            )
            for one in weeks.to_list()
        }
    n = MONTHS[by]
    start = date(edition.data_through.year, (edition.data_through.month - 1) // n * n + 1, 1)
    found = {}
    while plus(start, n) > edition.data_from:
        last = plus(start, n) - timedelta(days=1)
        code = {
            "month": f"{start:%Y-%m}",
            "quarter": f"{start.year}-Q{(start.month + 2) // 3}",
            "year": f"{start.year}",
        }[by]
        name = {
            "month": f"{start.year}年{start.month}月",
            "quarter": f"{start.year}年第{(start.month + 2) // 3}季度",
            "year": f"{start.year}年",
        }[by]
        found[code] = Scope(
            "month", n, start, plus(start, n - 1), min(last, edition.data_through), name, None, "全市",
            last <= edition.data_through,
        )  # fmt: skip
        start = plus(start, -n)
    return found


def following(key: str, default: str) -> str:
    """The default of a filter whose default depends on other filters: what the reader has not chosen follows it."""
    before = st.session_state.get(f"_default_{key}")
    if before not in (None, default) and st.session_state.get(key) == before and key not in st.query_params:
        st.session_state[key] = default
    st.session_state[f"_default_{key}"] = default
    return default


def registry() -> pl.DataFrame:
    return marts.query("kpi_registry")


def chosen_kpi(known: pl.DataFrame) -> dict[str, Any]:
    """Which indicator, by which 口径? The row of the registry; page, export and tooltip all follow it."""
    left, right = st.columns([1.2, 3.4], vertical_alignment="bottom")
    names = dict(known.unique("kpi_id", maintain_order=True).select("kpi_id", "kpi_name").iter_rows())
    with left:
        kpi_id = filters.choose("指标", names, key="kpi", default="reply_timely")
    variants = known.filter(pl.col("kpi_id") == kpi_id)
    default = variants.filter("is_default")["variant"][0]
    options = dict(variants.select("variant", "variant_name").iter_rows())
    with right:
        variant = filters.choose("口径", options, key="variant", default=default, kind="buttons")
    return variants.row(by_predicate=pl.col("variant") == variant, named=True)


def name(kpi: Mapping[str, Any]) -> str:
    """按期答复率（通报口径）"""
    return f"{kpi['kpi_name']}（{kpi['variant_name']}）"


def scale(kpi: Mapping[str, Any]) -> tuple[float, str]:
    """By what a value is multiplied for a chart or table, and the unit it then has."""
    return {"share": (100.0, "%"), "days": (1.0, "天"), "count": (1.0, "件"), "index": (1.0, "")}[kpi["kpi_unit"]]


def tag(band: str | None) -> str:
    """A colour band as HTML: shape and word on its colour; empty without bounds."""
    if band is None:
        return ""
    return f'<span class="level {band}">{BANDS[band]}{wording.NBSP}{kpis.BAND_NAMES[band]}</span>'


def band_text(band: str | None) -> str:
    return f"{BANDS[band]} {kpis.BAND_NAMES[band]}" if band else ""
