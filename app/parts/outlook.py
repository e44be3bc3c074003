"""预测与构成 of 趋势分析: the next four weeks and how far to trust them; trend, season and rest. By day of registration."""

from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import disclosure, filters, forecast, marts, page, wording
from app.charts.outlook import components, fan
from app.parts.course import Look, by_period, days_of, safe_course, with_unknown

SHOWN_WEEKS = 26
TWO_YEARS = 2 * forecast.YEAR
LABELS = {
    "week_start_on": "周起始日",
    "period_start_on": "周起始日",
    "expected": "预测",
    "low_80": "80% 下限",
    "high_80": "80% 上限",
    "low_95": "95% 下限",
    "high_95": "95% 上限",
    "trend": "趋势",
    "season": "季节",
    "rest": "其余",
}


def block(look: Look) -> None:
    if look.basis != "registered":
        page.quiet("预测和构成只按登记日期算：发生、办结日期最近几周还没有收齐。下面是登记件数。")
        look = replace(look, basis="registered")
    weeks = _weeks(look)
    known = forecast.whole(weeks)
    if len(known) < forecast.MIN_WEEKS:
        page.quiet(
            f"连续有数据的只有 {len(known)} 周，不到 {forecast.MIN_WEEKS} 周，还不能预测，也分不出季节。"
            "补入更早的导出文件并重新发布后再看。"
        )
        return
    ahead = _workdays(look.week + timedelta(weeks=1), look.week + timedelta(weeks=forecast.HORIZON))
    with st.spinner("正在计算…"):
        found = page.worked_out(forecast.forecast, known, ahead)
        parts = (
            page.worked_out(forecast.taken_apart, known.select("week_start_on", "n_events"))
            if _is_long(known)
            else None
        )
    _outlook(look, known, found)
    if parts is None:
        page.quiet(f"分出季节要有连续两年（{TWO_YEARS} 周）的数据，现在有 {len(known)} 周。")
    else:
        _components(look, parts)


def _is_long(known: pl.DataFrame) -> bool:
    return len(known) >= TWO_YEARS


def _weeks(look: Look) -> pl.DataFrame:
    """All whole weeks so far: week_start_on, n_events (null = no data), n_workdays."""
    first = look.edition.data_from + timedelta(days=-look.edition.data_from.weekday() % 7)
    last = look.week + timedelta(days=6)
    counted = days_of(look.asked, first, last)
    page.require(counted)
    series = with_unknown(by_period(counted, "week", first, last), "week", filters.covered_weeks(look.choice.source))
    weeks = series.select(pl.col("period_start_on").alias("week_start_on"), "n_events")
    return weeks.join(_workdays(first, look.week), on="week_start_on", how="left").with_columns(
        pl.col("n_workdays").fill_null(5)
    )


def _workdays(first: date, last: date) -> pl.DataFrame:
    """week_start_on, n_workdays from one Monday to another."""
    days = marts.query("days", from_on=first, to_on=last + timedelta(days=6))
    mondays = pl.select(pl.date_range(first, last, "1w").alias("week_start_on"))
    counted = days.group_by(pl.col("day_on").dt.truncate("1w").alias("week_start_on")).agg(
        pl.col("is_workday").sum().cast(pl.Int64).alias("n_workdays")
    )
    return mondays.join(counted, on="week_start_on", how="left").with_columns(pl.col("n_workdays").fill_null(5))


def trusted(found: forecast.Forecast) -> str:
    """How near such forecasts came over the last year, beside the answers that need no model."""
    rows = {row["method"]: row for row in found.errors.iter_rows(named=True)}
    own, n_weeks = rows[found.method], found.errors["n_weeks"][0]
    others = "，".join(
        f"照搬{forecast.METHODS[name]}差 {row['mean_error']:,.1f} 件（{row['error_share']:.0%}）"
        for name, row in rows.items()
        if name != "model"
    )
    model = rows["model"]
    said = (
        f"用过去 {n_weeks} 周检验：每次只用当时已有的数据，向前报 {forecast.HORIZON} 周。"
        f"模型平均每周差 {model['mean_error']:,.1f} 件（{model['error_share']:.0%}），{others}。"
    )
    if found.method != "model":
        said += f"模型不比照搬{forecast.METHODS[found.method]}准，所以图上画的是{forecast.METHODS[found.method]}。"
    return said + (
        f"实际落在 80% 区间里的有 {own['inside_80_share']:.0%}，落在 95% 区间里的有 {own['inside_95_share']:.0%}。"
    )


def _outlook(look: Look, known: pl.DataFrame, found: forecast.Forecast) -> None:
    total, weeks = found.weeks["expected"].sum(), found.weeks
    page.section(f"未来 {forecast.HORIZON} 周，大约 {total:,.0f} 件")
    st.html(f'<p class="said">{wording.escape(trusted(found))}</p>')
    past = known.select("week_start_on", "n_events").tail(SHOWN_WEEKS)
    title = f"{filters.words(look.choice)} 未来 {forecast.HORIZON} 周预测"
    is_city = filters.is_whole_city(look.choice)
    notes = look.edition.notes(
        "按登记日期计。模型：件数的对数对年内两个波和每周工作日数回归，余下的用指数平滑。",
        "预测是照以往的规律推的，没有把新政策、新事件算进去；不是承诺，也不是指标。",
        "" if is_city else disclosure.note(look.k, exported=True),
    )
    left, right = st.columns([8, 5], gap="large")
    with left:
        page.chart(
            page.drawn(fan, past, weeks, title=title),
            pl.concat([past, weeks], how="diagonal"),
            name=f"{title} {wording.week_name(weeks['week_start_on'][0])}起",
            notes=notes,
            key="outlook",
            labels=LABELS,
            export=None if is_city else lambda: pl.concat([safe_weeks(past, look.k), weeks], how="diagonal"),
            picture=None if is_city else partial(_safe_fan, past, weeks, look.k, title),
        )
    with right:
        page.table(
            weeks.with_columns(
                wording.each(weeks["week_start_on"], wording.week_span).alias("week"),
                *(_range(weeks, level).alias(f"range_{level}") for level in forecast.LEVELS),
            ),
            [
                page.Column("week", label="周"),
                page.Column("expected", "number", "预测"),
                page.Column("range_80", "html", "80% 区间"),
                page.Column("range_95", "html", "95% 区间"),
            ],
        )
        errors = found.errors.with_columns(
            pl.col("method").replace_strict(forecast.METHODS),
            *(
                wording.each(found.errors[name], lambda share: f"{share:.0%}")
                for name in ("error_share", "inside_80_share", "inside_95_share")
            ),
        )
        page.table(
            errors,
            [
                page.Column("method", label=f"过去 {found.errors['n_weeks'][0]} 周的检验"),
                page.Column("mean_error", "decimal", "平均差"),
                page.Column("error_share", label="占件数"),
                page.Column("inside_80_share", label="80% 内"),
                page.Column("inside_95_share", label="95% 内"),
            ],
        )


def _range(weeks: pl.DataFrame, level: str) -> pl.Series:
    pairs = weeks.select(f"low_{level}", f"high_{level}").iter_rows()
    return pl.Series([f'<span class="sure">{low:,.0f}—{high:,.0f}</span>' for low, high in pairs], dtype=pl.String)


def safe_weeks(past: pl.DataFrame, k: int) -> pl.DataFrame:
    """Weeks to take away, small counts hidden."""
    return safe_course(past.rename({"week_start_on": "period_start_on"}), k).rename(
        {"period_start_on": "week_start_on"}
    )


def _safe_fan(past: pl.DataFrame, weeks: pl.DataFrame, k: int, title: str) -> go.Figure:
    return fan(disclosure.without_marks(safe_weeks(past, k)), weeks, title=title)


def made_of(parts: pl.DataFrame) -> str:
    """Which of them moves the figure, in words."""
    by_season = forecast.strength(parts["season"], parts["rest"])
    now, before = parts["trend"][-1], parts["trend"][-1 - forecast.YEAR]
    course = wording.change(now, before)
    said = f"趋势现在每周 {now:,.0f} 件，一年前 {before:,.0f} 件"
    said += f"（{course.words}）" if course.share is not None else ""
    much = "很明显" if by_season >= 0.64 else "有一些" if by_season >= 0.3 else "不明显"
    return f"{said}；每年按周次重复的季节起伏{much}。"


def _components(look: Look, parts: pl.DataFrame) -> None:
    page.section("由什么组成", made_of(parts))
    title = f"{filters.words(look.choice)} 趋势、季节与其余"
    is_city = filters.is_whole_city(look.choice)
    page.chart(
        page.drawn(components, parts, title=title),
        parts,
        name=f"{title} {wording.span(parts['week_start_on'][0], look.through)}",
        notes=look.edition.notes(
            "按登记日期计，按周。用 STL 方法（稳健）分解：趋势是去掉季节后的平滑走向，季节按年重复，其余是两者都说不清的部分，"
            "突发的事、移动的春节都在“其余”里。",
            "" if is_city else disclosure.note(look.k, exported=True),
        ),
        key="components",
        labels=LABELS,
        export=None if is_city else partial(safe_parts, parts, look.k),
        picture=None
        if is_city
        else lambda: components(disclosure.without_marks(safe_parts(parts, look.k)), title=title),
    )


def safe_parts(parts: pl.DataFrame, k: int) -> pl.DataFrame:
    """The parts to take away: where the count is hidden so is the rest, or the three would sum to it."""
    safe = safe_weeks(parts, k)
    mark = pl.col("n_events" + disclosure.MARK)
    hidden = pl.when(mark.is_not_null()).then(pl.lit(disclosure.HIDDEN)).alias("rest" + disclosure.MARK)
    return safe.with_columns(hidden, pl.when(mark.is_null()).then("rest").alias("rest"))
