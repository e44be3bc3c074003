"""回测: how much is reported in an ordinary week, how much of it is chance, and what is too small to be seen?"""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import polars as pl
import streamlit as st

from app import page, versions, wording
from app.charts.series import trend

FORMAT = 1  # of the file these tables read; what `yanpan backtest` writes
SHAPES = {"sudden": "突发（多半在头两周）", "slow": "缓慢（8 周里渐增）"}
LEVELS = {"city": "全市", "county": "县区", "town": "镇街"}
STRATA = {
    ("place_level", "city"): "全市一级的序列",
    ("place_level", "county"): "县区一级的序列",
    ("place_level", "town"): "镇街一级的序列",
    ("half_year", "warm"): "4—9 月",
    ("half_year", "cold"): "10—3 月",
    ("mean", "0.0"): "每周预期不足 0.5 件的序列",
    ("mean", "0.5"): "每周预期 0.5—2 件的序列",
    ("mean", "2.0"): "每周预期 2—10 件的序列",
    ("mean", "10.0"): "每周预期 10 件以上的序列",
}
HOW = (
    "做法：一、按当时所知把每一周重判一遍，基线只用更早的周。二、造“替身城市”：区域、事项、历史、季节和波动与本市相同，"
    "被判断的周按检测方法自己给出的分布重抽，其中没有任何异常，报出来的都是误报。三、在替身城市里埋入已知大小的事件，看报出多少、晚几周；"
    "不埋也会报的不算报出。"
)
LIMITS = (
    "回测不能说明的：替身城市里没有集中补录、分类变动、开通新渠道这类变化，同一社区成串而来的诉求也按单件处理，真实的误报会多于实测；"
    "空间聚集和单位办理没有参加回测；从未登记过的地方和事项无从埋入，也就无从检验。"
)


def latest() -> dict[str, Any] | None:
    """The figures of the last backtest; None where there is none these tables can read."""
    path = versions.home() / "marts" / "backtest.json"
    if not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    return found if found.get("format") == FORMAT else None


def results(edition: page.Edition) -> None:
    """The whole tab."""
    figures = latest()
    if figures is None:
        page.quiet(
            "还没有做过回测，或做它的是旧程序。回测要算几分钟，请管理员在服务器上运行下面的命令，或设成每周自动运行一次。"
        )
        st.code("yanpan backtest", language=None)
        return
    notes = edition.notes(standing(figures))
    st.html(f'<div class="warning large"><p>{wording.escape(summary(figures))}</p></div>')
    st.html(f'<p class="note">{wording.escape(standing(figures, edition.version))}</p>')
    page.section("看不到多小的事", "在没有异常的替身城市里埋入事件，多出这么多件的，报出几成、晚几周")
    page.quiet(smallest(figures))
    sizes(figures, notes)
    page.section("每周报出多少", "上图为本系统，下图为同样这些周里环比超过 20% 的县区事项")
    by_week(figures, notes)
    page.section("误报有多准")
    said = [false_words(figures), worst(figures), LIMITS]
    st.html('<ul class="facts">' + "".join(f"<li>{wording.escape(one)}</li>" for one in said if one) + "</ul>")
    page.foot(
        strata(figures),
        name=f"回测 各类序列的误报 {span(figures)}",
        notes=[HOW, *notes],
        key="backtest_strata",
        labels={"stratum": "类别", "n": "判断次数", "n_alarms": "超限次数", "ratio": "实测是标称的几倍"},
    )


def span(figures: Mapping[str, Any]) -> str:
    first, last = (date.fromisoformat(figures[name]) for name in ("first_week", "last_week"))
    return f"{wording.week_name(first)}—{wording.week_name(last)}"


def standing(figures: Mapping[str, Any], version: str = "") -> str:
    """When and on what was it run?"""
    ran = datetime.fromisoformat(figures["run_at"])
    other = f"，现在看的是版本 {version}" if version and str(figures["version"]) != version else ""
    return (
        f"回测于 {wording.full_day(ran.date())}，用数据版本 {figures['version']}{other}；"
        f"{span(figures)}共 {figures['n_weeks']} 周，替身城市 {figures['n_cities']} 座。"
    )


def summary(figures: Mapping[str, Any]) -> str:
    """What a leader should take away."""
    old, false = figures["old_rule"], figures["false"]
    return (
        f"过去 {figures['n_weeks']} 周平均每周报 {_rate(figures['record']['events_per_week'])} 条新预警，"
        f"其中纯属偶然的按规则约 {_rate(figures['rule']['false_per_week'])} 条"
        f"（在没有异常的替身城市里实测 {_rate(false['per_week'])} 条）；同样这些周，"
        f"“县区×事项环比超过 {old['rise']:.0%}”每周报 {old['alarms_per_week']:.0f} 条，"
        f"在没有异常的城市里也要报 {old['false_per_week']:.0f} 条。"
    )


def _rate(per_week: float) -> str:
    return f"{per_week:.2f}" if per_week < 1 else f"{per_week:.1f}"


def smallest(figures: Mapping[str, Any]) -> str:
    largest = max((row["size"] for row in figures["planted"]["by_size"]), default=0)
    said = []
    for shape, name in (("sudden", "突发的事"), ("slow", "缓慢上升的事")):
        size = figures["planted"]["smallest_seen"][shape]
        if size:
            said.append(f"{name}多出 {size} 件及以上的，八成以上报得出；再小的不一定看得到")
        else:
            said.append(f"{name}即使多出 {largest} 件，也不能保证八成报得出（或埋入的太少，说不准）")
    return "；".join(said) + "。小事要靠窗口人员的判断，不能靠预警。"


def sizes(figures: Mapping[str, Any], notes: list[str]) -> None:
    """Found and delay by the size of an event: items, and multiples of a week's ordinary fluctuation."""
    by_size = pl.DataFrame(figures["planted"]["by_size"], infer_schema_length=None)
    if by_size.is_empty():
        page.quiet("替身城市里没有可以埋入事件的镇街和事项。")
        return
    shown = _per_cent(by_size)
    columns = [
        ("size", "number", "埋入件数"),
        ("found", "bar", "报出（%）"),
        ("first_week", "number", "当周报出（%）"),
        ("median_delay_weeks", "decimal", "一般晚几周"),
        ("old_found", "number", "环比规则（%）"),
    ]
    for column, (shape, name) in zip(st.columns(2, gap="large"), SHAPES.items(), strict=True):
        with column:
            st.html(f'<p class="note"><b>{name}</b></p>')
            page.table(
                shown.filter(pl.col("shape") == shape),
                [page.Column(*column) for column in columns],
            )
    labels = {
        "shape": "形态", "size": "埋入件数", "n": "埋入次数", "found": "报出%", "first_week": "当周报出%",
        "median_delay_weeks": "晚几周（中位数）", "old_found": "环比规则报出%", "from_sigmas": "相当于平常波动的倍数（起）",
    }  # fmt: skip
    sigmas = _per_cent(pl.DataFrame(figures["planted"]["by_sigmas"], infer_schema_length=None))
    seen = sigmas.filter(pl.col("found") >= 80)["from_sigmas"].sort().to_list()[:1]
    said = [f"多出的件数达到所在镇街（县区）该事项平常波动（标准差）的 {times:.0f} 倍，八成报得出。" for times in seen]
    old = f"环比规则每周报 {figures['old_rule']['alarms_per_week']:.0f} 条，埋入的事即使在其中，也要从这么多条里去找。"
    page.foot(
        pl.concat([shown.with_columns(pl.col("shape").replace(SHAPES)), sigmas], how="diagonal"),
        name=f"回测 埋入事件报出多少 {span(figures)}",
        notes=[*said, old, *notes],
        key="backtest_sizes",
        labels=labels,
    )


def _per_cent(rows: pl.DataFrame) -> pl.DataFrame:
    shares = {"found_share": "found", "first_week_share": "first_week", "old_found_share": "old_found"}
    return rows.with_columns((pl.col(name).cast(pl.Float64) * 100).round(0) for name in shares).rename(shares)


def by_week(figures: Mapping[str, Any], notes: list[str]) -> None:
    """The same weeks by both rules, one above the other: on one scale the first would be a line on the floor."""
    weeks = pl.DataFrame(figures["weeks"]).with_columns(pl.col("week_start_on").str.to_date())
    for name, title in (("n_signals", "本系统每周列出的预警"), ("n_old", "环比超过 20% 的县区事项")):
        drawn = weeks.select(pl.col("week_start_on").alias("period_start_on"), pl.col(name).alias("n_events"))
        page.chart(
            page.drawn(trend, drawn, title=title, unit="条", height=210),
            weeks if name == "n_signals" else drawn,
            name=f"回测 {title} {span(figures)}",
            notes=notes if name == "n_old" else [],
            key=f"backtest_{name}",
            labels={
                "period_start_on": "周起始日", "n_events": "条数", "n_signals": "列出的预警", "n_old": "环比规则",
                "n_false": "替身城市误报（平均）", "week_start_on": "周起始日",
            } | ({"n_events": "其中新预警"} if name == "n_signals" else {}),
        )  # fmt: skip


def false_words(figures: Mapping[str, Any]) -> str:
    false, stated = figures["false"], figures["rule"]["false_per_week"]
    by_place = "、".join(f"{LEVELS[level]} {n} 条" for level in LEVELS if (n := false["by_place_level"].get(level)))
    return (
        f"没有异常时，规则声明每周约 {_rate(stated)} 条纯属偶然，实测 {_rate(false['per_week'])} 条"
        f"（±{2 * false['standard_error']:.2f}）；{figures['n_cities']} 座替身城市合计：{by_place or '没有误报'}。"
        f"城里另有真事时，判定会随之放宽，与真事无关的报出每周 {_rate(false['beside_events_per_week'])} 条，"
        f"占全部报出的 {false['beside_events_share']:.0%}。"
    )


def worst(figures: Mapping[str, Any]) -> str:
    if not figures["false"]["worst"]:
        return ""
    row = figures["false"]["worst"][0]
    name = STRATA[row["stratum"], row["name"]]
    return (
        f"最差的一类是{name}：单周单个序列超过上限的标称机会是 {figures['alpha']:.0%}，实测 "
        f"{row['ratio'] * figures['alpha']:.2%}，是标称的 {row['ratio']:.2f} 倍。"
    )


def strata(figures: Mapping[str, Any]) -> pl.DataFrame:
    rows = [row for row in figures["false"]["strata"] if (row["stratum"], row["name"]) in STRATA]
    frame = pl.DataFrame(rows, schema=["stratum", "name", "n", "n_alarms", "ratio"], infer_schema_length=None)
    names = [STRATA[row["stratum"], row["name"]] for row in rows]
    return frame.drop("name").with_columns(pl.Series("stratum", names, dtype=pl.String))
