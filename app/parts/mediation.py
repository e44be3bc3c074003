"""访调诉: how many disputes were led into mediation, what became of them, how long it took, and did they come back?"""

from datetime import timedelta

import polars as pl
import streamlit as st

from app import disclosure, filters, marts, mediation_counts, page, wording
from app.charts.flows import flows, shares, steps
from app.charts.series import lines
from app.filters import Choice, Period
from app.mediation_counts import COURT, FEW, HEADS, MIN_RESULTS
from app.palette import CATEGORICAL
from app.parts.course import safe_course

STALE_AFTER_DAYS = 45
RECURRENCE_YEARS = 2
HOW_TO_LOAD = (
    "还没有导入过调解、诉讼案件。请从人民调解平台和法院诉讼服务平台导出案件列表（含信访件编号或工单编号），"
    "在「数据接入」上传或运行 yanpan ingest，再发布一次。"
)
COHORT = "漏斗按事项的登记日期计：这段时间登记、适合调解的事项，到现在走到了哪一步；最近登记的还来不及走完。"
LINKED = "案件只按事项编号关联到事项，不用姓名、电话或内容。"
SUITED = "适合调解：事项属于婚姻家庭、邻里、劳动、消费、物业等纠纷类型（sql/seeds/mediable_issue.csv），不含检举控告和涉法涉诉。"
RATE = "成功率 = 调解成功 ÷（调解成功 + 调解不成 + 终止），撤回和不予受理不计；横条是 95% 区间（Wilson）。"
RECURRENCE = (
    "调解成功后 90 天内，同一社区村又登记了同一事项（不论谁提出）的占比，与事项登记前 90 天相比；只看事项和地点，不看人。"
    "件数多的时候才会去调解，此后回落有一部分是自然的。"
)


def dispute() -> str | None:
    """Which type of dispute, or all?"""
    types = dict(marts.query("dispute_types").iter_rows())
    return filters.choose("纠纷类型", {filters.ALL: "全部类型", **types}, key="dispute") or None


def where(choice: Choice) -> str:
    """全市, or the county."""
    return filters.place_name(choice.county)


def standing(edition: page.Edition) -> list[str]:
    """What there is of cases, as notes; stops with a sentence where there is nothing, says so where it is old."""
    known = {row["source"]: row for row in marts.query("referral_totals").to_dicts()}
    if not known:
        page.quiet(HOW_TO_LOAD)
        st.page_link("views/intake.py", label="到「数据接入」上传文件", icon=":material/upload_file:")
        st.stop()
    last = max(row["last_on"] for row in known.values())
    if (edition.data_through - last).days > STALE_AFTER_DAYS:
        page.quiet(
            f"调解、诉讼案件的最近日期是 {wording.full_day(last)}，比事项数据早 {(edition.data_through - last).days} 天；"
            "此后的进展还没有导入，请导出新的案件列表。"
        )
    missing = "、".join(wording.SOURCES[name] for name in ("mediation", "litigation") if name not in known)
    n_apart = sum(row["n_cases"] - row["n_linked"] for row in known.values())
    n_faulty = sum(row["n_faulty"] for row in known.values())
    said = [
        f"没有导入{missing}案件。" if missing else "",
        f"{n_apart:,} 个案件没有找到所指的事项，不在漏斗里。" if n_apart else "",
        f"{n_faulty:,} 个案件的阶段日期先后不符，不计天数。" if n_faulty else "",
    ]
    return [sentence for sentence in said if sentence]


def headline(days: pl.DataFrame, safe: pl.DataFrame) -> None:
    """The figures to be read from three metres, each with what it is counted from."""
    shown = dict(zip(safe["label"], safe.select("value", "mark", "before", "share").iter_rows(), strict=True))
    suited = safe["before"][0]
    whole = days.filter(pl.col("institution_name") == "全部机构").to_dicts()
    columns = st.columns(6)

    def rate(column: int, label: str, step: str, whole_label: str, help: str) -> None:
        value, mark, before, share = shown[step]
        columns[column].metric(
            label,
            "—" if share is None else f"{share:.1%}",
            delta=f"{mark or wording.number(value)} ÷ {whole_label} {wording.number(before)}",
            delta_color="off",
            delta_arrow="off",
            help=help,
        )

    columns[0].metric(
        "适合调解",
        FEW if suited is None else wording.items(suited),
        delta="登记的事项",
        delta_color="off",
        delta_arrow="off",
        help=SUITED,
    )
    rate(1, "导入率", "导入调解", "适合", "适合调解的事项里，导入人民调解平台的占比。")
    rate(2, "受理率", "受理", "导入", "导入的事项里，调解组织受理的占比。")
    rate(3, "受理后调成", "调解成功", "受理", "受理的事项里已调解成功的占比；还在调解的、撤回的也在分母里。")
    rate(4, "司法确认", "司法确认", "成功", "调解成功的事项里，经法院司法确认的占比。")
    median = whole[0]["total_median"] if whole else None
    columns[5].metric(
        "导入到结束",
        "—" if median is None else f"{median:.0f} 天",
        delta=f"中位，{whole[0]['n_timed']:,} 件" if whole else "结束的案件没有或太少",
        delta_color="off",
        delta_arrow="off",
        help="这段时间结束的调解案件，从导入到结束的天数，一半不超过这个数。",
    )


def funnel(safe: pl.DataFrame, name: str, notes: list[str]) -> None:
    """适合 → 导入 → 受理 → 成功 → 司法确认, and beside it the court."""
    suited = safe["before"][0]
    base = f"适合调解 {wording.items(suited)}" if suited is not None else f"适合调解的{FEW}"
    before = {"导入调解": "占适合的", "转诉讼": "占适合的", "诉讼结案": "占转诉讼的"}
    drawn = safe.with_columns(
        pl.Series(
            "note",
            [
                f"{before.get(row['label'], '占上一步的')} {row['share']:.1%}" if row["share"] is not None else ""
                for row in safe.to_dicts()
            ],
        ),
        pl.when(pl.col("label").is_in(list(COURT.values()))).then(pl.lit(CATEGORICAL[1])).alias("colour"),
    )
    title = "走到了哪一步"
    page.chart(
        page.drawn(steps, drawn.drop("before", "share"), title=title, remark=base),
        safe.select("label", "value", "before", "share", pl.col("mark").alias("value" + disclosure.MARK)),
        name=f"访调诉漏斗 {name}",
        notes=notes,
        key="mediation_steps",
        labels={"label": "步骤", "value": "件数", "before": "上一步", "share": "占上一步"},
    )


def course(choice: Choice, dispute: str | None, span: Period, k: int, name: str, notes: list[str]) -> None:
    """Led in, settled, filed at court, month by month; by quarter inside a county or type, where a month holds too few."""
    months = marts.query("referral_course", county=choice.county, dispute=dispute, last_on=span.last_day_on)
    is_whole = choice.county is None and dispute is None
    every, word = ("1mo", "月") if is_whole else ("1q", "季度")
    names = {"n_applied": "导入调解", "n_settled": "调解成功", "n_in_court": "法院收案"}
    series = (
        months.group_by(pl.col("month_start_on").dt.truncate(every).alias("period_start_on"))
        .agg(pl.col(*names).sum())
        .filter(pl.col("period_start_on").dt.offset_by(every) <= span.last_day_on + timedelta(days=1))
        .unpivot(list(names), index="period_start_on", variable_name="series_name", value_name="n_events")
        .with_columns(pl.col("series_name").replace(names))
        .sort("series_name", "period_start_on")
    )
    if series.is_empty():
        page.quiet(f"这个筛选下还没有过完的{word}，画不出走势。")
        return
    safe = series if is_whole else safe_course(series, k, is_city=choice.county is None)
    title = f"各{word}导入、调成与收案"
    page.chart(
        page.drawn(lines, disclosure.without_marks(safe), title=title, emphasis=list(names.values()), height=330),
        safe,
        name=f"访调诉走势 {name}",
        notes=[
            f"导入按导入日期、成功按结束日期、收案按法院收案日期计；只列过完的{word}，不限于所选时段。",
            *([] if is_whole else [disclosure.note(k)]),
            *notes[-1:],
        ],
        key="mediation_course",
        labels={"period_start_on": "起始日", "series_name": "哪一项"},
    )


def paths(scope: dict, ks: dict[str, int], k: int, name: str, notes: list[str]) -> None:
    """From which source, about what, to which end."""
    found = marts.query("referral_flows", **scope)
    if found.is_empty():
        page.quiet("这段时间没有导入调解的案件。")
        return
    nodes, links = mediation_counts.safe_flows(found, ks, k)
    n = int(found["n_cases"].sum())
    page.chart(
        page.drawn(
            flows,
            nodes,
            disclosure.without_marks(links),
            title=f"{n:,} 个调解案件从哪里来、为了什么、到哪里去",
            heads=HEADS,
        ),
        links.with_columns(pl.col("layer").replace_strict({0: "来源 → 类型", 1: "类型 → 结果"}).alias("layer")),
        name=f"访调诉流向 {name}",
        notes=[
            "按案件的导入日期计，只含关联到事项的案件。调解未成、同一事项又有诉讼案件的，记为转诉讼。没有画出的流是隐去的。",
            disclosure.note(k),
            *notes[-1:],
        ],
        key="mediation_flows",
        labels={"layer": "哪一段", "from_name": "从", "to_name": "到", "value": "件数"},
    )


def success(scope: dict, ks: dict[str, int], name: str, notes: list[str]) -> None:
    """Which types are settled how often, and how sure is that?"""
    safe = mediation_counts.safe_success(marts.query("referral_success", **scope), ks)
    if safe.is_empty():
        page.quiet("这段时间没有调解出结果的案件。")
        return
    judged = safe.filter(pl.col("share").is_not_null())
    said = [f"{row['n_settled']:,} ÷ {row['n_ended']:,}" for row in judged.to_dicts()]
    drawn = judged.select(pl.col("dispute_name").alias("label"), "share", "low", "high", pl.Series("note", said))
    if n_few := len(safe) - len(judged):
        rest = pl.DataFrame([{"label": f"{'其余' if said else '全部'} {n_few} 类", "note": ""}])
        drawn = pl.concat([drawn, rest], how="diagonal_relaxed")
    page.chart(
        page.drawn(shares, drawn, title="各类纠纷的调解成功率", remark=f"不足 {MIN_RESULTS} 件的写作“{FEW}”"),
        safe.drop("dispute_code"),
        name=f"调解成功率 {name}",
        notes=[RATE, disclosure.note(), *notes[-1:]],
        key="mediation_success",
        labels={"share": "成功率", "low": "区间下限", "high": "区间上限", "n_ended": "有结果"},
    )


def durations(days: pl.DataFrame, courts: pl.DataFrame, name: str, notes: list[str]) -> None:
    """Days of each stage by institution; the court's beside the mediation's."""
    labels = {
        "institution_name": "机构",
        "n_cases": "结束",
        "accept_median": "到受理",
        "start_median": "到调解",
        "handle_median": "调解",
        "total_median": "全程",
        "total_p90": "P90",
    }
    at_court = labels | {"accept_median": "到立案", "start_median": "到开庭", "handle_median": "审理"}
    tables = (("days", days, "人民调解", labels), ("court_days", courts, "法院", at_court))
    for column, (key, frame, title, heads) in zip(st.columns(2, gap="large"), tables, strict=True):
        with column:
            if frame.is_empty():
                page.quiet(f"这段时间结束的{title}案件没有或太少，不列天数。")
                continue
            shown = frame.select(list(heads))
            page.grid(shown, key=f"mediation_{key}", labels=heads, widths={"institution_name": 190}, height=320)
            page.foot(
                shown,
                name=f"{title}各阶段天数 {name}",
                notes=[
                    f"{title}：按结束日期计，各列为天数的中位数，到受理（立案）从导入（收案）算起；P90 为九成案件全程"
                    f"不超过的天数，不足 {MIN_RESULTS} 件不列。",
                    *notes[-1:],
                ],
                key=f"mediation_{key}_foot",
                labels=heads,
            )


def recurrence(choice: Choice, dispute: str | None, span: Period, name: str, notes: list[str]) -> None:
    """Is it settled for good? By issue, before and after."""
    found = marts.query("mediation_recurrence", county=choice.county, dispute=dispute, last_on=span.last_day_on)
    page.section("调解之后", "同一社区村、同一事项有没有再出现")
    if found.is_empty():
        page.quiet("还没有过满 90 天的成功调解，或它们所指的事项没有写明社区村。")
        return
    safe = page.drawn(mediation_counts.safe_recurrence, found)
    judged = safe.filter(pl.col("again_share").is_not_null())
    n, n_again, n_before = (int(found[column].sum()) for column in ("n_mediated", "n_again", "n_before"))
    if n >= MIN_RESULTS and choice.county is None:
        st.html(
            f'<p class="said">{n:,} 次成功的调解里，此后 90 天内同一社区村又登记了同一事项的有 {n_again / n:.0%}，'
            f"事项登记前的 90 天里是 {n_before / n:.0%}。</p>"
        )
    labels = {
        "n_mediated": "成功调解",
        "before_share": "此前有",
        "again_share": "此后再现",
        "n_items_before": "此前件数",
        "n_items_after": "此后件数",
        "change_share": "件数变化",
    }
    columns = [
        "issue_name",
        "n_mediated",
        "before_share",
        "again_share",
        "n_items_before",
        "n_items_after",
        "change_share",
    ]
    marks = [
        one for one in safe.columns if one.endswith(disclosure.MARK) and one.removesuffix(disclosure.MARK) in columns
    ]
    table = safe.select(*columns, *marks)
    left, right = st.columns([5, 6], gap="large")
    with left:
        rows = judged.sort("again_share", descending=True).head(12)
        drawn = rows.select(
            pl.col("issue_name").alias("label"),
            pl.col("again_share").alias("share"),
            "low",
            "high",
            pl.Series("note", [_before(row["before_share"]) for row in rows.to_dicts()], dtype=pl.String),
        )
        if rows.is_empty():
            page.quiet(f"没有一个事项的成功调解达到 {MIN_RESULTS} 次，{FEW}，不列占比。")
        else:
            page.chart(
                page.drawn(shares, drawn, title="调解成功后 90 天内再现的占比"),
                table,
                name=f"调解后再现 {name}",
                notes=[RECURRENCE, disclosure.note(), *notes[-1:]],
                key="mediation_again",
                labels=labels,
            )
    with right:
        percent = {"before_percent": "此前有（%）", "again_percent": "此后再现（%）"}
        shown = table.with_columns(pl.col("before_share", "again_share") * 100).rename(
            {"before_share": "before_percent", "again_share": "again_percent"}
        )
        page.grid(shown, key="mediation_recurrence", labels=labels | percent, height=420)
        page.foot(
            table,
            name=f"调解前后 {name}",
            notes=[
                f"截至 {wording.full_day(span.last_day_on)} 的 {RECURRENCE_YEARS} 年里结束、已过满 90 天的成功调解。",
                *notes[-1:],
            ],
            key="mediation_recurrence_foot",
            labels=labels,
        )


def _before(share: float | None) -> str:
    """此前 12%; 此前隐去 where the count is too small to be told."""
    return "此前隐去" if share is None else f"此前 {share:.0%}"


def by_county(span: Period, dispute: str | None, k: int, name: str, notes: list[str]) -> None:
    """Where is more led in? Of the items that suit mediation, by county."""
    counts = marts.query("referral_counties", dispute=dispute, **span.parameters())
    safe = mediation_counts.safe_counties(counts, k)
    said = [
        " ÷ ".join(row[one + disclosure.MARK] or wording.number(row[one]) for one in ("n_referred", "n_suited"))
        for row in safe.to_dicts()
    ]
    drawn = safe.select(pl.col("county_name").alias("label"), "share", "low", "high", pl.Series("note", said))
    page.chart(
        page.drawn(shares, drawn, title="各县区导入率", remark=f"导入 ÷ 适合，不足 {MIN_RESULTS} 件的写作“{FEW}”"),
        safe.drop("county_code"),
        name=f"各县区导入率 {name}",
        notes=["导入率 = 导入调解的 ÷ 适合调解的；横条是 95% 区间（Wilson）。", disclosure.note(k), *notes[-1:]],
        key="mediation_counties",
        labels={"share": "导入率", "low": "区间下限", "high": "区间上限"},
    )
