"""Two sides of a comparison: which, their figures, and the blocks of the page."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import Any, NamedTuple

import polars as pl
import streamlit as st

from app import comparison, disclosure, filters, marts, page, wording
from app.access import signin
from app.charts.comparison import dumbbell
from app.charts.series import lines
from app.filters import Choice, Period
from app.parts import area
from app.parts.course import safe_course

KINDS = {"areas": "两个区域", "periods": "两个时段"}
AGAINST = {"year_ago": "上年同期", "before": "上一个同样长的时段", "own": "另选一段"}
CITY = ""
N_SCATTER_WEEKS = 52
"""Before the end of a side: from these its dispersion is told."""
N_MIX = 20
N_NAMED = 3
SHARES = {
    "overdue": ("未按期办结", "n_overdue", "n_due", "限办时间落在期内、到时没有办结的，占期内到期的。"),
    "dissatisfied": ("不满意", "n_dissatisfied", "n_rated", "期内办结的事项中评价为不满意的，占有评价的。"),
    "repeat": ("重复", "n_repeat", "n_repeat_known", "期内登记的事项中来源标为重复的，占写明是否重复的。"),
    "returned": ("退回", "n_returned", "n_return_known", "期内办结的事项中退回过的，占写明退回次数的。"),
}
"""Of the handling: name, numerator, denominator (app/queries/compare_outcome.sql), what it means."""


@dataclass(frozen=True)
class Side:
    """One of the two: its name in full and short, its weeks, where, and how many people live there (None: not known)."""

    name: str
    short: str
    span: Period
    choice: Choice
    but_county: str | None = None
    but_town: str | None = None
    population: int | None = None

    def parameters(self) -> dict[str, Any]:
        """As the queries compare_* name them."""
        more = {"not_county": self.but_county, "not_town": self.but_town}
        return {**self.choice.parameters(), **self.span.parameters(), **more}

    @property
    def is_city(self) -> bool:
        """The city's own totals are no small group (app.disclosure)."""
        return filters.is_whole_city(self.choice) and not (self.but_county or self.but_town)


class Found(NamedTuple):
    """Both sides with their figures."""

    sides: tuple[Side, Side]
    weeks: tuple[pl.DataFrame, pl.DataFrame]
    """week_start_on, n_events of the side's own weeks; null where there are no data."""
    spread: tuple[float, float]
    """By how much the counts of either scatter more than Poisson's law says."""
    total: tuple[int, int]
    issues: tuple[pl.DataFrame, pl.DataFrame]
    """comparison.by_issue"""

    @property
    def is_areas(self) -> bool:
        return self.sides[0].span == self.sides[1].span

    @property
    def per_people(self) -> bool:
        return self.is_areas and all(side.population for side in self.sides)

    @property
    def sizes(self) -> tuple[float, float]:
        """What a count is divided by: 10,000 people; else (no population) a hundred items; of two periods, weeks with data."""
        if self.per_people:
            one, other = ((side.population or 0) / 10_000 for side in self.sides)
        elif self.is_areas:
            one, other = (max(n, 1) / 100 for n in self.total)
        else:
            one, other = (float(len(weeks.drop_nulls("n_events"))) for weeks in self.weeks)
        return one, other

    @property
    def unit(self) -> str:
        return "件/万人" if self.per_people else "每百件" if self.is_areas else "件/周"

    @property
    def digits(self) -> int:
        return 0 if min(self.total) / max(self.sizes) >= 100 else 1

    @property
    def names(self) -> tuple[str, str]:
        return self.sides[0].short, self.sides[1].short

    @property
    def is_city(self) -> bool:
        return all(side.is_city for side in self.sides)

    @property
    def k(self) -> int:
        """Below which count is hidden: nothing of the whole city's."""
        choice = self.sides[0].choice
        return 0 if self.is_city else disclosure.threshold(choice.issue, choice.group)

    @property
    def about(self) -> str:
        """What is compared, in a phrase: for notes and file names."""
        one, other = self.sides
        if self.is_areas:
            of = filters.words(replace(one.choice, county=None, town=None)).removeprefix("全市 · ")
            return f"{one.name}与{other.name} {of} {one.span.words()}"
        return f"{filters.words(one.choice)} {one.name}与{other.name}"

    def notes(self, edition: page.Edition, *said: str) -> list[str]:
        small = disclosure.note(self.k) if self.k else ""
        without = any(side.but_county or side.but_town for side in self.sides)
        lost = "没有写明在哪个县区（镇街）的事项不在任何一边，两边相加会少于总数。" if without else ""
        return edition.notes(f"{self.about}。按登记日期计。", lost, *said, small)


# ---------------------------------------------------------------- which two


def areas(edition: page.Edition, n_weeks: int, week: date) -> tuple[Side, Side]:
    """Two places in the same weeks; of a place that contains the other, the rest."""
    places = marts.query("places").filter(pl.col("place_level").is_in(["county", "town"]), ~pl.col("is_provisional"))
    page.require(places, "区划名单里还没有县区和镇街，没有可比的区域。请在「数据接入」导入区划名单。")
    known = {row["place_code"]: row for row in places.iter_rows(named=True)}
    order = sorted(known, key=lambda code: (known[code]["place_level"] == "town", code))
    names = {code: wording.place(known[code]) for code in order}
    mine = signin.scope()
    if len(known) < 2:
        page.quiet("这里只看得到一个区域，没有可比的。可以改为比两个时段。")
        st.stop()
    rest = "全市其余" if mine is None else "所辖其余"
    first, second, source, group, issue = st.columns([1.3, 1.3, 1, 1, 1.2], vertical_alignment="bottom")
    with first:
        one = filters.choose(
            "甲", names, key="one", default=filters.carried("town") or filters.carried("county"), say_default=True
        )
    with second:
        others = {CITY: rest, **{code: name for code, name in names.items() if code != one}}
        if mine and mine.root:
            del others[CITY]  # the county is one of the places
        other = filters.choose("乙", others, key="than")
    choice = _choice(source, group, issue)
    span = filters.period(n_weeks, week, edition.data_from, edition.last_full_week, choice.source)
    if span.shortfall():
        page.quiet(span.shortfall())
    city = marts.query("places").filter(pl.col("place_level") == "city")
    counties = [row["population"] for row in known.values() if row["place_level"] == "county"]
    whole = sum(counties) if all(counties) else None
    if mine is None:
        whole = next(iter(city["population"]), None) or whole
    here = _side(known[one], names[one], span, choice)
    there = (
        Side(rest, rest, span, choice, population=whole)
        if other == CITY
        else _side(known[other], names[other], span, choice)
    )
    return _apart(here, there, known)


def _choice(source: Any, group: Any, issue: Any) -> Choice:
    with source:
        of = filters.source()
    with group:
        which = filters.group()
    with issue:
        what = filters.issue(which)
    filters.chips()
    return Choice(source=of, group=which, issue=what)


def _side(place: Mapping[str, Any], name: str, span: Period, choice: Choice) -> Side:
    at = {"county": place["county_code"]} | ({"town": place["town_code"]} if place["place_level"] == "town" else {})
    return Side(name, place["place_name"], span, replace(choice, **at), population=place["population"])


def _apart(one: Side, other: Side, known: Mapping[str, Mapping[str, Any]]) -> tuple[Side, Side]:
    """Two sides that share nothing: what contains the other is without it."""
    a, b = one.choice, other.choice
    if b.county is None or (a.town and not b.town and a.county == b.county):
        return one, _without(other, one, known)
    if b.town and not a.town and a.county == b.county:
        return _without(one, other, known), other
    return one, other


def _without(whole: Side, part: Side, known: Mapping[str, Mapping[str, Any]]) -> Side:
    place = known[part.choice.town or part.choice.county or ""]
    name = whole.name if whole.choice.county is None else f"{whole.name}其余"
    gone = {"but_town": part.choice.town} if part.choice.town else {"but_county": part.choice.county}
    people = None if not whole.population or not place["population"] else whole.population - place["population"]
    return replace(whole, name=name, short=name, population=people, **gone)


def periods(edition: page.Edition, n_weeks: int, week: date, first: Any, second: Any) -> tuple[Side, Side]:
    """The same choice in two periods of the same length. first, second: where to ask for the other one."""
    with first:
        against = filters.choose("和哪一段比", AGAINST, key="against")
    now = Period(n_weeks, week)
    ends = {"year_ago": week - timedelta(weeks=52), "before": week - timedelta(weeks=n_weeks)}
    if against == "own":
        mondays = marts.query("weeks", data_from=edition.data_from, last_full_week=edition.last_full_week)[
            "week_start_on"
        ]
        options = {
            wording.week_code(one): f"{wording.week_name(one)}（{wording.week_span(one)}）"
            for one in mondays
            if one != week
        }
        if not options:
            page.quiet("入库的数据只有一周，没有另一段可比。")
            st.stop()
        with second:
            code = filters.choose("另一段截至", options, key="other_week", say_default=True)
        ends["own"] = next(one for one in mondays if wording.week_code(one) == code)
    choice, _ = filters.bar(edition.data_from, edition.last_full_week, "source", "county", "town", "group", "issue")
    a = filters.period(n_weeks, week, edition.data_from, edition.last_full_week, choice.source)
    b = replace(a, to_on=ends[against])
    for span in (a, b):
        if span.shortfall():
            page.quiet(f"{span.words()}：{span.shortfall()}")
    if not b.weeks_from(b.from_on) & b.covered:
        page.quiet("另一段没有数据，无从比较。请另选一段，或缩短时段。")
        st.stop()
    if abs((a.to_on - b.to_on).days) < 7 * n_weeks:
        page.quiet("两段有重叠的周，差别会被冲淡。")
    other = {"year_ago": "上年同期", "before": "上一时段", "own": "另一段"}[against]
    return Side(now.words(), "本期", a, choice), Side(b.words(), other, b, choice)


# ---------------------------------------------------------------- their figures


def _hidden(sides: tuple[Side, Side], city_code: str) -> list[str]:
    """The places of either side whose total the map and the tables of places hide: it would tell another's small count."""
    names = []
    for choice, span in {(side.choice, side.span): None for side in sides}:
        code = choice.town or choice.county
        if code is not None:
            place = area.counted(choice, span, city_code).row(by_predicate=pl.col("place_code") == code, named=True)
            names += [place["place_name"]] if place["n_events" + disclosure.MARK] else []
    return list(dict.fromkeys(names))


def counted(sides: tuple[Side, Side], city_code: str) -> Found:
    """The figures both are compared by; stops with a sentence where they are none or too few to be shown."""
    weeks, spread, issues = [], [], []
    for side in sides:
        first = min(side.span.from_on, side.span.to_on - timedelta(weeks=N_SCATTER_WEEKS - 1))
        counts = marts.query("compare_weeks", **{**side.parameters(), "first_on": first})
        known = sorted(monday for monday in side.span.covered if first <= monday <= side.span.to_on)
        series = pl.DataFrame({"week_start_on": known}, schema={"week_start_on": pl.Date})
        series = series.join(
            counts.group_by("week_start_on").agg(pl.col("n_events").sum()), on="week_start_on", how="left"
        )
        series = (
            series.with_columns(pl.col("n_events").fill_null(0))
            .sort("week_start_on")
            .upsample("week_start_on", every="1w")
        )
        spread.append(comparison.dispersion(series["n_events"].to_list()))
        weeks.append(series.filter(pl.col("week_start_on") >= side.span.from_on))
        issues.append(comparison.by_issue(counts, known, side.span.from_on))
    total = [int(one["n_events"].sum()) for one in weeks]
    found = Found(sides, (weeks[0], weeks[1]), (spread[0], spread[1]), (total[0], total[1]), (issues[0], issues[1]))
    if not sum(total):
        page.quiet("两边在这个筛选下都没有登记的事项。可放宽时段、来源或事项后再看。")
        st.stop()
    if min(total) < found.k:
        page.quiet(f"其中一边不足 {found.k} 件，按最小格子规则不列，也不比较。可放宽时段或事项。")
        st.stop()
    if hidden := _hidden(sides, city_code):
        page.quiet(
            f"{'、'.join(hidden)}的件数隐去，以防倒推出别处的小数（与热点地图一致），这里也不比较。可放宽时段或事项。"
        )
        st.stop()
    return found


def _more_or_less(found: Found, ratio: comparison.Ratio) -> str:
    """1.48 倍（95% 区间 1.32—1.66），明显更多；或 +8.2%（…），可能是偶然"""
    if ratio.value is None or ratio.low is None or ratio.high is None:
        return "样本少，不作判断"
    if found.is_areas:
        said = f"是后者的 {ratio.value:.2f} 倍（95% 区间 {ratio.low:.2f}—{ratio.high:.2f}）"
    else:
        low, high = (wording.share(bound - 1) for bound in (ratio.low, ratio.high))
        said = f"每周 {wording.share(ratio.value - 1)}（95% 区间 {low} 到 {high}）"
    way = "更多" if ratio.value > 1 else "更少"
    return f"{said}，{'明显' + way if ratio.verdict == comparison.CLEAR else '差别可能是偶然'}"


def sentence(found: Found) -> None:
    """The answer in one sentence, and the way to the items of either side."""
    one, other = found.sides
    rates = [n / size for n, size in zip(found.total, found.sizes, strict=True)]
    ratio = comparison.ratio(*found.total, *found.sizes, found.spread)
    if found.per_people:
        said = f"{one.name}每万人 {rates[0]:,.1f} 件，{other.name}每万人 {rates[1]:,.1f} 件，{_more_or_less(found, ratio)}。"
    elif found.is_areas:
        said = f"{one.name} {found.total[0]:,} 件，{other.name} {found.total[1]:,} 件；没有人口数，不比多少，只比构成。"
    else:
        where = filters.words(one.choice)
        said = f"{where}：{one.short} {found.total[0]:,} 件，{other.short} {found.total[1]:,} 件，{_more_or_less(found, ratio)}。"
    mixed = _mixed(found).drop_nulls("difference").filter(pl.col("verdict") == comparison.CLEAR)
    if not one.choice.issue:
        for way, rows in (
            ("多", mixed.filter(pl.col("difference") > 0)),
            ("少", mixed.filter(pl.col("difference") < 0)),
        ):
            if len(rows):
                said += f"明显{way}的：{'、'.join(rows['issue_name'].head(N_NAMED))}{f'等 {len(rows)} 项' if len(rows) > N_NAMED else ''}。"
        if mixed.is_empty():
            said += "没有哪一类事项的差别超出偶然。"
    st.html(f'<div class="warning large"><p>{wording.escape(said)}</p></div>')
    with st.container(horizontal=True, gap="medium", key="compare_links"):
        for side in found.sides:
            if side.but_county or side.but_town:
                continue
            at = {name: code for name, code in side.choice.parameters().items() if code}
            until = {"weeks": str(side.span.n_weeks), "week": wording.week_code(side.span.to_on)}
            label = f"看{side.name}的事项" if found.is_areas else f"看{side.short}的事项"
            st.page_link("views/issues.py", label=label, icon=":material/chevron_right:", query_params={**until, **at})


# ---------------------------------------------------------------- blocks


def headline(found: Found, edition: page.Edition) -> None:
    """Volume and handling side by side, each difference with its interval and verdict."""
    rows = [_volume(found)]
    if found.sides[0].choice.source is None:
        outcome = [marts.query("compare_outcome", **side.parameters()).row(0, named=True) for side in found.sides]
        rows += [row for name in SHARES if (row := _share_row(found, name, outcome))]
        left_out = ""
    else:
        left_out = "选定来源时不列办理各项：它们按全部来源统计。"
    frame = pl.DataFrame(
        rows, schema=dict.fromkeys(("what", "one", "other", "difference", "interval", "verdict"), pl.String)
    )
    labels = {
        "what": "指标", "one": found.names[0], "other": found.names[1], "difference": "相差", "interval": "95% 区间", "verdict": "判断",
    }  # fmt: skip
    page.table(
        frame,
        [
            page.Column(name, "text" if name in ("what", "verdict") else "figure", label)
            for name, label in labels.items()
        ],
    )
    meaning = "".join(
        f"{SHARES[name][0]}：{SHARES[name][3]}"
        for name in SHARES
        if any(row["what"] == SHARES[name][0] for row in rows)
    )
    people = ""
    if found.per_people:
        people = (
            "人口："
            + "，".join(f"{side.short} {(side.population or 0) / 10_000:,.1f} 万" for side in found.sides)
            + "。"
        )
    spread = "区间按近 52 周逐周波动的大小放宽；明显 = 区间不含“一样多”。"
    page.foot(
        frame, name=f"对比 {found.about}", notes=found.notes(edition, people, spread, meaning, left_out), key="compare", labels=labels,
    )  # fmt: skip


def _volume(found: Found) -> dict[str, str]:
    ratio = comparison.ratio(*found.total, *found.sizes, found.spread)
    rates = [n / size for n, size in zip(found.total, found.sizes, strict=True)]
    if found.is_areas and not found.per_people:
        one, other = (f"{n:,} 件" for n in found.total)
        return {
            "what": "登记件数",
            "one": one,
            "other": other,
            "difference": "—",
            "interval": "—",
            "verdict": "没有人口数",
        }
    one, other = (f"{rate:,.1f}（{n:,} 件）" for rate, n in zip(rates, found.total, strict=True))
    return {
        "what": "每万人件数" if found.per_people else "每周件数",
        "one": one,
        "other": other,
        "difference": "—" if ratio.value is None else f"{ratio.value:.2f} 倍",
        "interval": "—" if ratio.low is None else f"{ratio.low:.2f} 到 {ratio.high:.2f}",
        "verdict": _verdict(ratio.verdict, rates[0] - rates[1]),
    }


def _verdict(verdict: str, more: float) -> str:
    """▲ 明显；▼ 明显: with the way of the first side."""
    return f"{'▲' if more > 0 else '▼'} {verdict}" if verdict == comparison.CLEAR else verdict


def _share_row(found: Found, name: str, outcome: list[dict[str, Any]]) -> dict[str, str] | None:
    label, numerator, denominator, _ = SHARES[name]
    pairs = [(row[numerator], row[denominator]) for row in outcome]
    if not all(n for _, n in pairs):
        return None
    gap = comparison.gap(*pairs)
    is_small = any(0 < min(n, of - n) < found.k for n, of in pairs)
    said = [f"<{found.k} / {of:,}" if 0 < n < found.k else f"{n / of:.1%}（{n:,} / {of:,}）" for n, of in pairs]
    points = "—" if gap.value is None or is_small else f"{_signed(100 * gap.value)} 个百分点"
    interval = (
        "—"
        if gap.low is None or gap.high is None or is_small
        else f"{_signed(100 * gap.low)} 到 {_signed(100 * gap.high)}"
    )
    return {
        "what": label,
        "one": said[0],
        "other": said[1],
        "difference": points,
        "interval": interval,
        "verdict": gap.verdict if is_small or gap.value is None else _verdict(gap.verdict, gap.value),
    }


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else '−' if value < 0 else '±'}{abs(value):.1f}"


def _mixed(found: Found) -> pl.DataFrame:
    """comparison.mix with small counts of places hidden; what is hidden comes last, in the order of the codes."""
    frame = comparison.mix(*found.issues, sizes=found.sizes)
    names = marts.query("issues").select("issue_code", "issue_name", "group_code", "group_name")
    frame = names.join(frame, on="issue_code", maintain_order="right")
    if not found.k:
        return frame
    choice = found.sides[0].choice
    both = ["n_one", "n_other"]
    derived = {"rate_one": both[:1], "rate_other": both[1:], "difference": both, "ratio": both, "verdict": both}
    safe = disclosure.suppress(
        frame,
        measures=both,
        k=disclosure.thresholds(frame, choice.issue, choice.group),
        derived=derived,
    )
    is_known = pl.col("difference").is_not_null()
    return pl.concat([safe.filter(is_known), safe.filter(~is_known).sort("issue_code")])


def choose_issue() -> None:
    """A row clicked: the same comparison for that issue alone."""
    points = st.session_state["compare_mix"]["selection"]["points"]
    codes = st.session_state.get("_mix_shown", [])
    if points and points[0]["point_index"] < len(codes):
        filters.pick(issue=codes[points[0]["point_index"]])


def mix(found: Found, edition: page.Edition) -> None:
    """What one side has more of, and what the other."""
    one, other = found.sides
    if one.choice.issue:
        st.html('<p class="note">已选定一个事项；去掉它，可比各类事项的构成。</p>')
        return
    page.section("差在哪些事项", f"差得最多的 {N_MIX} 项，从{one.short}多的到{other.short}多的；点一项只比这一项")
    frame = _mixed(found)
    shown = frame.drop_nulls("difference").head(N_MIX).sort("difference", "issue_code", descending=[True, False])
    st.session_state["_mix_shown"] = shown["issue_code"].to_list()
    drawn = shown.select(
        pl.col("issue_name").alias("label"),
        pl.col("rate_one").alias("one"),
        pl.col("rate_other").alias("other"),
        pl.col("verdict").replace({comparison.CHANCE: "或属偶然", comparison.CLEAR: "明显"}).alias("note"),
    )
    title = "各类事项" + ("每万人件数" if found.per_people else "占各自件数的比例" if found.is_areas else "每周件数")
    page.chart(
        page.drawn(dumbbell, drawn, title=title, names=found.names, unit=found.unit, digits=_digits(drawn)),
        frame.drop("issue_code", "group_code"),
        name=f"对比·事项 {found.about}",
        notes=found.notes(edition, "“明显”已按同时比较的事项数校正（错误发现率 5%）；件数太少的不判断。"),
        key="compare_mix",
        labels={
            "n_one": f"{one.short}件数", "n_other": f"{other.short}件数", "rate_one": f"{one.short}（{found.unit}）",
            "rate_other": f"{other.short}（{found.unit}）", "difference": "相差", "ratio": "倍数", "verdict": "判断",
        },
        on_select=choose_issue,
    )  # fmt: skip


def _digits(drawn: pl.DataFrame) -> int:
    most = max([*drawn["one"], *drawn["other"]], default=0)
    return 0 if most >= 100 else 1 if most >= 5 else 2


def course(found: Found, edition: page.Edition) -> None:
    """Both week by week; two periods with the weeks of the later one as dates."""
    if all(len(weeks) < 2 for weeks in found.weeks):
        return
    one, other = found.sides
    page.section("逐周走势", "" if found.is_areas else f"两段逐周对齐，日期为{one.short}的")
    shift = one.span.to_on - other.span.to_on
    series = pl.concat(
        weeks.select(
            (pl.col("week_start_on") + (shift if side is other else timedelta())).alias("period_start_on"),
            pl.lit(side.short).alias("series_name"),
            "n_events",
        )
        for side, weeks in zip(found.sides, found.weeks, strict=True)
    )
    sizes = dict(zip(found.names, found.sizes, strict=True)) if found.per_people else {}
    unit = "件/万人" if found.per_people else "件"

    def figure(counts: pl.DataFrame) -> Any:
        size = pl.col("series_name").replace_strict(sizes, default=1.0, return_dtype=pl.Float64)
        return page.drawn(
            lines, counts.with_columns(pl.col("n_events") / size), title="", unit=unit, emphasis=found.names, height=280
        )

    safe = partial(safe_course, series, found.k) if found.k else None
    page.chart(
        figure(series),
        series,
        export=safe,
        picture=(lambda: figure(disclosure.without_marks(safe()))) if safe else None,
        name=f"对比·走势 {found.about}",
        notes=found.notes(edition),
        key="compare_course",
        labels={"period_start_on": "周起始日", "series_name": "哪一边"},
    )


def channels(found: Found, edition: page.Edition) -> None:
    """Through which channels they came, as shares."""
    page.section("从什么渠道来")
    keys = ["source", "channel"]
    each = [marts.query("compare_channels", **side.parameters()) for side in found.sides]
    frame = (
        each[0].rename({"n_events": "n_one"})
        .join(each[1].rename({"n_events": "n_other"}), on=keys, how="full", coalesce=True)
        .with_columns(pl.col("n_one", "n_other").fill_null(0))
        .with_columns(rate_one=100 * pl.col("n_one") / max(found.total[0], 1), rate_other=100 * pl.col("n_other") / max(found.total[1], 1))
        .sort(pl.col("rate_one") + pl.col("rate_other"), *keys, descending=[True, False, False])
    )  # fmt: skip
    if found.k:
        derived = {"rate_one": ["n_one"], "rate_other": ["n_other"]}
        frame = disclosure.suppress(frame, measures=["n_one", "n_other"], k=found.k, derived=derived)
        is_known = pl.col("rate_one").is_not_null() & pl.col("rate_other").is_not_null()
        frame = pl.concat([frame.filter(is_known), frame.filter(~is_known).sort(keys)])
    names = pl.col("source").replace(wording.SOURCES) + "·" + pl.col("channel")
    drawn = (
        frame.drop_nulls(["rate_one", "rate_other"])
        .head(8)
        .select(names.alias("label"), one="rate_one", other="rate_other")
    )
    page.chart(
        page.drawn(dumbbell, drawn, title="各渠道占各自件数的比例", names=found.names, unit="%", digits=1),
        frame,
        name=f"对比·渠道 {found.about}",
        notes=found.notes(edition),
        key="compare_channels",
        labels={
            "n_one": f"{found.names[0]}件数", "n_other": f"{found.names[1]}件数", "rate_one": f"{found.names[0]}占比（%）",
            "rate_other": f"{found.names[1]}占比（%）",
        },
    )  # fmt: skip
