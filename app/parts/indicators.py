"""Units that fell out of their control limits: overdue, dissatisfied, returned items. Offices, never who works there."""

from datetime import date, timedelta

import polars as pl
import streamlit as st

from app import disclosure, fields, filters, marts, page, wording
from app.charts.series import trend

KINDS = {"overdue": "到期未办结", "satisfaction": "评价不满意", "returns": "退回"}
N_NEAREST = 20
BASIS = {"overdue": "到期", "satisfaction": "已评价", "returns": "写明退回次数的办结件"}
RULE = (
    "每周判定一次，看截至本周的 4 周：逾期按限办时间落在哪一周计，不满意、退回按办结的周计。与该单位 12 周以前那一年的占比相比；"
    "件数少的单位参照全部单位的占比。上限是没有异常时几乎不会超过的件数；多个单位同时比较带来的偶然已扣除（错误发现率 10%）。"
    "不足 10 件的单位不判定。只看单位，不看经办人。"
)


def unit_warnings(week: date, edition: page.Edition) -> None:
    """The units in question in the 4 weeks up to `week`, and the control chart of one of them."""
    page.section("单位办理", f"截至{wording.week_name(week)}的 4 周，与各单位自己此前一年相比")
    judged = dict(marts.query("unit_judged", week=week).select("kind", "n_units").iter_rows())
    if not any(judged.values()):
        page.quiet("这一周没有单位可以判定：没有限办时间、评价或退回的数据，历史不够长，或这一周太早。")
        return
    warnings = marts.query("unit_warnings", week=week)
    if warnings.is_empty():
        page.quiet(f"{scope(judged)}，本期没有单位越限。下面是离上限最近的单位。")
    else:
        listing(warnings, week, edition, scope(judged))
    nearest = marts.query("unit_nearest", week=week, n_rows=N_NEAREST)
    named = {f"{kind}:{unit}": f"{unit} · {KINDS[kind]}" for kind, unit in nearest.iter_rows()}
    kind, unit = filters.choose("控制图", named, key="unit").split(":", 1)
    control_chart(unit, kind, week, edition)


def scope(judged: dict[str, int]) -> str:
    """How many units were judged on what, and what could not be: 判定了 58 个单位的到期未办结；退回没有数据或件数太少."""
    said = "、".join(f"{n} 个单位的{KINDS[kind]}" for kind in KINDS if (n := judged.get(kind)))
    lacking = "、".join(label for kind, label in KINDS.items() if not judged.get(kind))
    return f"判定了 {said}" + (f"（{lacking}没有数据或件数太少，未判定）" if lacking else "")


def safe_warnings(warnings: pl.DataFrame) -> pl.DataFrame:
    """For a wide view: a count below k is hidden, and so is what would tell it."""
    derived = {name: ["observed"] for name in ("expected", "upper_bound", "p_value", "chance_per_year")}
    return disclosure.suppress(
        warnings, measures=["observed", "base"], k=disclosure.threshold(), within=(), derived=derived
    )


def listing(warnings: pl.DataFrame, week: date, edition: page.Edition, scope: str) -> None:
    safe = safe_warnings(warnings)
    shown = safe.with_columns(
        pl.col("kind").replace(KINDS),
        wording.each(safe["chance_per_year"], wording.chance).alias("chance"),
    )
    labels = {"kind": "哪一项", "observed": "件数", "chance": "纯属偶然"}
    helps = {
        "base": "；".join(f"{KINDS[kind]}：{basis}" for kind, basis in BASIS.items()),
        "since_on": "从这一周起连续越限",
    }
    columns = ["unit_name", "kind", "observed", "base", "expected", "upper_bound", "since_on", "chance"]
    marks = [name for name in shown.columns if name.endswith(disclosure.MARK)]
    page.grid(shown.select(*columns, *marks), key="units", labels=labels, helps=helps)
    page.foot(
        safe.with_columns(pl.col("kind").replace(KINDS)),
        name=f"单位办理预警 {wording.week_name(week)}",
        notes=edition.notes(f"{scope}。", RULE, disclosure.note()),
        key="units_foot",
        labels=labels,
    )


def course(rows: pl.DataFrame, week: date) -> pl.DataFrame:
    """The control chart's weeks without gaps, shares in per cent; where a count is hidden, its share is.

    period_start_on, observed, base, n_events (share), expected, upper_bound, is_alarm, marks.
    """
    n_weeks = (week - min(rows["week_start_on"].to_list(), default=week)).days // 7
    weeks = pl.DataFrame({"week_start_on": [week - timedelta(weeks=n) for n in range(n_weeks, -1, -1)]})
    known = weeks.join(rows, on="week_start_on", how="left").with_columns(
        *(
            (100 * pl.col(name) / pl.col("base")).alias(share)
            for name, share in (("observed", "n_events"), ("expected", "expected"), ("upper_bound", "upper_bound"))
        ),
        (pl.col("status") == "alarm").fill_null(False).alias("is_alarm"),
    )
    return disclosure.suppress(
        known.drop("status").rename({"week_start_on": "period_start_on"}),
        measures=["observed", "base"],
        k=disclosure.threshold(),
        within=(),
        derived={name: ["observed", "base"] for name in ("n_events", "is_alarm")},
    )


def standing(series: pl.DataFrame) -> str:
    """Where the last point and those before it lie, in words; points with hidden counts aside."""
    *before, now = series.select(
        "n_events", "is_alarm", (pl.col("n_events") > pl.col("upper_bound")).alias("is_above")
    ).iter_rows(named=True)
    n_above, n_alarms = (sum(bool(row[name]) for row in before) for name in ("is_above", "is_alarm"))
    at = "越限" if now["is_alarm"] else "高出阴影带，但没有越限" if now["is_above"] else "在正常范围内"
    said = f"本期{at}" if now["n_events"] is not None else "本期件数太少，不列"
    also = f"，其中 {n_alarms} 期越限" if n_alarms else "，没有越限" if n_above else ""
    if not before:
        return f"{said}。"
    return f"{said}；此前 {len(before)} 期" + (
        f"有 {n_above} 期高出阴影带{also}。" if n_above else "都没有高出阴影带。"
    )


def control_chart(unit: str, kind: str, week: date, edition: page.Edition) -> None:
    """One unit's share, week by week, with its own expectation and upper limit."""
    series = course(marts.query("unit_course", unit=unit, kind=kind, week=week), week)
    title = f"{unit} {KINDS[kind]}占{BASIS[kind]}的比例"
    st.html(f'<p class="said">{wording.escape(standing(series))}</p>')
    drawn = disclosure.without_marks(series).drop("observed", "base").with_columns(pl.col("is_alarm").fill_null(False))
    page.chart(
        page.drawn(trend, drawn, title=title, unit="%"),
        series,
        name=f"{title} 至{wording.week_name(week)}",
        notes=edition.notes(
            f"每一点是截至那一周的 4 周之和（{wording.full_day(week - timedelta(weeks=3))}起的 4 周为最后一点），"
            "阴影带为预期到上限，三角为越限；高出阴影带而没有三角的，件数太少，或与全部单位一起比较时仍可能是偶然。",
            disclosure.note(),
        ),
        key="unit_course",
        labels={
            "period_start_on": fields.label("week_start_on"),
            "observed": "件数",
            "n_events": "占比%",
            "expected": "预期占比%",
            "upper_bound": "上限占比%",
            "is_alarm": "越限",
        },
    )
