"""One ledger: what it comes to, how far its entries are, the list, and one entry unfolded with its steps and clocks."""

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from app import address, disclosure, downloads, fields, filters, ledgers, marts, page, wording
from app.charts.flows import steps as steps_figure
from app.downloads import XLSX
from app.exports import ledger_files
from app.parts.supervision import DOCX

ALL_TIME, LAST_YEAR = "", "12"
RESULT_LABELS = {"n_finished": "已办结", "n_on_time": "按期", "n_fell_due": "到期"}
MARKS = {"on_time": "✓", "done": "✓", "late": "▲", "overdue": "▲", "pending": "○", "not_recorded": "—"}
"""A shape beside the word for how a step stands."""


def tab(kind: Mapping[str, Any], edition: page.Edition) -> None:
    """A ledger that has entries. kind: row of query ledger_kinds."""
    code = kind["ledger_kind"]
    scope, words = _scope(kind, edition)
    counts = marts.query("ledger_counts", kind=code, **scope)
    entries = marts.query("ledger_entries", kind=code, **scope)
    if entries.is_empty():
        page.quiet("这个筛选下没有条目。可放宽时段、县区或类型后再看。")
        return
    sums = ledgers.totals(counts)
    notes = edition.notes(
        f"时段按{kind['opened_word']}日期计，按期率按期限落在的月份计；撤销的不进入各比率。",
        f"筛选：{words}。",
    )
    _headline(kind, sums, entries)
    left, right = st.columns([6, 7], gap="large")
    with left:
        _funnel(kind, sums, f"{kind['kind_name']}走到哪一步 {words}", notes)
    with right:
        _units(kind, counts, f"{kind['kind_name']}各单位 {words}", notes)
    chosen = _listing(kind, entries, f"{kind['kind_name']}台账 {words}", notes)
    if chosen is not None:
        _entry(chosen, kind, edition)


def _scope(kind: Mapping[str, Any], edition: page.Edition) -> tuple[dict[str, Any], str]:
    """Filters in the URL: county, period, subtype; the parameters of the queries, and the filters in words."""
    code = kind["ledger_kind"]
    years = [str(year) for year in range(kind["last_on"].year, kind["first_on"].year - 1, -1)]
    periods = {ALL_TIME: "全部时段", LAST_YEAR: "近12个月", **{year: f"{year}年" for year in years}}
    subtypes = marts.query("ledger_subtypes", kind=code)["subtype"].to_list()
    columns = iter(st.columns([1, 1, 1, 2]))
    with next(columns):
        county = filters.county()
    with next(columns):
        period = filters.choose("时段", periods, key=f"{code}_period")
    subtype = ""
    if subtypes:
        labels = fields.words("subtype")
        with next(columns):
            subtype = filters.choose(
                "类型", {"": "全部类型", **{name: labels[name] for name in subtypes}}, key=f"{code}_subtype"
            )
    filters.chips()
    through = edition.data_through
    if period == LAST_YEAR:
        first = date(through.year - (through.month < 12), through.month % 12 + 1, 1)
    else:
        first = date(int(period), 1, 1) if period else date(1900, 1, 1)
    last = date(int(period), 12, 31) if len(period) == 4 else date(9999, 12, 31)
    words = " · ".join(
        [filters.place_name(county), periods[period], *([fields.words("subtype")[subtype]] if subtype else [])]
    )
    return {"county": county, "subtype": subtype or None, "from_on": first, "to_on": last}, words


def _headline(kind: Mapping[str, Any], sums: Mapping[str, int], entries: pl.DataFrame) -> None:
    """The figures to read first; a rate always with what it is made of."""
    unit = kind["count_word"]
    is_open = entries["ledger_state"].is_in(["open", "replied"])
    n_overdue = int(entries["is_next_overdue"].sum())
    told: list[tuple[str, str, str, str]] = [
        (kind["kind_name"], f"{sums['n_kept']:,} {unit}", f"另撤销 {sums['n_withdrawn']:,} {unit}" if sums["n_withdrawn"] else "", "所选时段登记的条目，撤销的不计"),
        ("在办", f"{int(is_open.sum()):,} {unit}", f"下一步已过期 {n_overdue:,} {unit}", "下一步的到期日已过、还没有记录完成的"),
    ]  # fmt: skip
    if kind["ledger_kind"] == "reception":
        told[0] = ("接访", f"{sums['n_visits']:,} 批", f"{sums['n_persons']:,} 人次", "批次与人次分开计，不相加")
    if kind["ledger_kind"] == "backlog" and is_open.any():
        ages = entries.filter(is_open)["age_days"]
        told.append(
            ("在办年限", f"{_years(ages.median())} 年", f"最长 {_years(ages.max())} 年", "中位数；自首次反映至数据日")
        )
    told += [(rate.name, rate.value, rate.parts, rate.meaning) for rate in ledgers.rates(kind, sums)]
    for column, (label, value, under, meaning) in zip(st.columns(len(told)), told, strict=True):
        column.metric(label, value, under or None, delta_color="off", delta_arrow="off", help=meaning or None)


def _years(days: Any) -> str:
    return f"{days / 365.25:.1f}"


def _funnel(kind: Mapping[str, Any], sums: Mapping[str, int], name: str, notes: list[str]) -> None:
    frame = ledgers.funnel(kind, sums)
    safe = partial(_safe_funnel, frame)
    page.chart(
        page.drawn(steps_figure, frame, title="走到哪一步", unit=kind["count_word"]),
        frame,
        name=name,
        notes=["走到后一步的，前一步即使没有日期也算走过。"],
        key=f"{kind['ledger_kind']}_funnel",
        labels={"label": "步骤", "value": kind["count_word"], "note": "说明"},
        export=safe,
        picture=lambda: steps_figure(disclosure.without_marks(safe()), title=name, unit=kind["count_word"]),
    )


def _safe_funnel(frame: pl.DataFrame) -> pl.DataFrame:
    """Small counts are hidden, and with a count the share of it."""
    safe = disclosure.suppress(frame, measures=["value"], k=disclosure.min_cell(), within=())
    return safe.with_columns(pl.when(pl.col("value").is_not_null()).then("note").otherwise(pl.lit("")).alias("note"))


def _units(kind: Mapping[str, Any], counts: pl.DataFrame, name: str, notes: list[str]) -> None:
    """Who has most, and who is in time? Small numbers are no ranking."""
    result = "n_achieved" if kind["achieved_rate_name"] else "n_finished"
    labels = RESULT_LABELS | {
        "unit_name": "责任单位",
        "n_opened": kind["opened_word"],
        "n_achieved": kind["achieved_word"],
    }
    shown = counts.select(
        pl.col("unit_name").fill_null("（未写明单位）"), "n_opened", result, "n_fell_due", "n_on_time"
    )
    page.section("各单位", "按条目数排；件数少的单位比率多半是偶然，不作排名")
    page.grid(shown, key=f"{kind['ledger_kind']}_units", labels=labels, height=260)
    measures = ["n_opened", result, "n_fell_due", "n_on_time"]
    page.foot(
        partial(disclosure.suppress, shown, measures=measures, k=disclosure.min_cell()),
        name=name,
        notes=notes,
        key=f"{kind['ledger_kind']}_units_foot",
        labels=labels,
        exported=[disclosure.note(exported=True)],
    )


def _listing(kind: Mapping[str, Any], entries: pl.DataFrame, name: str, notes: list[str]) -> Mapping[str, Any] | None:
    """The entries that pass the filters; click one to unfold it."""
    code = kind["ledger_kind"]
    entries, left_out = ledgers.listed(entries)
    page.section("台账", "下一步到期早的在前；点一行看步骤和时限")
    left, middle, _ = st.columns([1, 1.6, 2])
    with left:
        state = filters.choose("状态", {"": "全部状态", **ledgers.STATES}, key=f"{code}_state")
    with middle:
        units = entries["unit_name"].drop_nulls().unique().sort().to_list()
        unit = filters.choose("责任单位", {"": "全部单位", **{one: one for one in units}}, key=f"{code}_unit")
    filters.chips()
    entries = ledgers.narrowed(entries, state, unit)
    if entries.is_empty():
        page.quiet("没有这样的条目。")
        return None
    shown_key = f"_{code}_shown"
    st.session_state[shown_key] = entries["entry_key"].to_list()
    rows = list(entries.iter_rows(named=True))
    shown = entries.select(
        "ledger_number",
        pl.Series("title", [ledgers.name(row) for row in rows], dtype=pl.String),
        "place_name",
        "unit_name",
        "opened_on",
        pl.Series("standing", [ledgers.standing(row, kind) for row in rows], dtype=pl.String),
        "next_step_name",
        "next_due_on",
        pl.Series("clock", [_clock(row) for row in rows], dtype=pl.String),
        *(("age_days",) if code in ("backlog", "leader_case") else ()),
        *(("n_visits", "persons") if code == "reception" else ()),
    )
    labels = _labels(kind)

    def choose() -> None:
        picked = st.session_state[f"{code}_list"]["selection"]["rows"]
        if picked:
            address.write("entry", st.session_state[shown_key][picked[0]])

    widths = {
        "ledger_number": 130,
        "title": 250,
        "opened_on": 92,
        "next_due_on": 92,
        "clock": 120,
        "next_step_name": 100,
    }
    page.grid(shown, key=f"{code}_list", labels=labels, widths=widths, on_select=choose)
    page.foot(
        partial(ledgers.to_take_away, entries, kind),
        name=name,
        notes=[*([left_out] if left_out else []), *notes],
        key=f"{code}_list_foot",
        labels=labels,
        exported=["导出的清单不含事由、进展和县区以下的区域。"],
    )
    asked = entries.filter(pl.col("entry_key") == st.query_params.get("entry", ""))
    return (asked if len(asked) else entries).row(0, named=True)


def _labels(kind: Mapping[str, Any]) -> dict[str, str]:
    steps = {
        f"{step}_on": f"{kind[f'{step}_word']}日期"
        for step in ("signed", "planned", "replied", "closed")
        if kind[f"{step}_word"]
    }
    return {
        "ledger_number": "编号",
        "title": "事项",
        "opened_on": f"{kind['opened_word']}日期",
        "standing": "状态",
        "clock": "期限情况",
        "due_on": "期限",
        "issue_name": "问题类别",
        "persons": "人次",
        "unit_name": "责任单位",
        **steps,
    }


def _clock(entry: Mapping[str, Any]) -> str:
    """How the entry stands to its clock: its next step while it is open, its deadline when it is over."""
    if entry["ledger_state"] == "withdrawn":
        return "—"
    if entry["is_next_overdue"]:
        return f"▲ {entry['next_step_name']}已过期"
    if entry["next_step"]:
        return "○ 未到期" if entry["next_due_on"] else "○ 没有期限"
    state = entry["due_state"] or "not_recorded"
    return f"{MARKS[state]} {fields.words('due_state')[state]}"


def _entry(entry: Mapping[str, Any], kind: Mapping[str, Any], edition: page.Edition) -> None:
    """One entry: what it is, its steps with the rule behind each date, and the sheet to send."""
    steps = marts.query("ledger_steps", entry=entry["entry_key"])
    page.section(
        ledgers.name(entry),
        " · ".join(part for part in (entry["ledger_number"], ledgers.standing(entry, kind)) if part),
    )
    left, right = st.columns([7, 5], gap="large")
    with left:
        st.html(f'<ol class="steps">{"".join(_step(step, kind) for step in steps.iter_rows(named=True))}</ol>')
        if steps.is_empty():
            page.quiet("这种台账没有在用的步骤规则；规则写在 reference/step_rule.csv。")
    with right:
        st.html(f'<ul class="facts">{"".join(f"<li>{wording.escape(fact)}</li>" for fact in _facts(entry, kind))}</ul>')
        if entry["issue_code"]:
            params = {
                "issue": entry["issue_code"],
                **({"county": entry["county_code"]} if entry["county_code"] else {}),
            }
            st.page_link(
                "views/issues.py", label="看这类事项", icon=":material/format_list_numbered:", query_params=params
            )
        if kind["ledger_kind"] in ledgers.PRINTED:
            label = f"{kind['kind_name']}单 Word"
            name = f"{kind['kind_name']}单_{entry['ledger_number'] or entry['entry_key']}.docx"
            st.download_button(
                label,
                downloads.noted(partial(ledger_files.sheet, entry, steps.to_dicts(), kind, edition.notes()), name),
                name,
                DOCX,
                key=f"{kind['ledger_kind']}_sheet",
                on_click="ignore",
                icon=":material/description:",
            )


def _step(step: Mapping[str, Any], kind: Mapping[str, Any]) -> str:
    state = step["step_state"]
    due = f"到期 {step['step_due_on']}" if step["step_due_on"] else ""
    done = f"完成 {step['done_on']}" if step["done_on"] else ""
    late = " late" if state in ("late", "overdue") else ""
    said = "　".join(part for part in (due, done) if part)
    words = ledgers.progress(step)
    return (
        f'<li><p><b>{wording.escape(step["step_name"])}</b>　<span class="standing{late}">{MARKS[state]} {words}</span>'
        f'　{wording.escape(said)}</p><p class="note">{wording.escape(ledgers.explain(step, kind))}</p></li>'
    )


def _facts(entry: Mapping[str, Any], kind: Mapping[str, Any]) -> list[str]:
    subtype = fields.words("subtype").get(entry["subtype"] or "", "")
    told = [
        ("类型", subtype),
        ("问题类别", entry["issue_name"]),
        ("区域", entry["place_name"]),
        ("责任单位", entry["unit_name"]),
        ("领导职务", entry["leader_role"]),
        (f"{kind['opened_word']}日期", entry["opened_on"]),
        ("首次反映", entry["arisen_on"] if kind["ledger_kind"] in ("backlog", "leader_case") else None),
        ("已历", f"{entry['age_days']:,} 天" if entry["age_days"] is not None else None),
        ("期限", entry["due_on"]),
        ("办结报告", {True: "需报送", False: "不需报送"}.get(entry["is_report_required"])),
        ("接访", f"{entry['n_visits']} 批 {entry['persons'] or '—'} 人次" if entry["n_visits"] else None),
        ("进展", entry["progress"]),
    ]
    linked = "已关联到库中的事项" if entry["event_key"] else "没有关联到库中的事项"
    return [*(f"{label}：{value}" for label, value in told if value), linked]


def others(kinds: pl.DataFrame) -> None:
    """Ledgers: how to bring one in, with an empty one of each to fill."""
    page.section("导入台账", "单位自己的台账整理成一个文件一种，表头与模板相同或相近即可")
    st.html(
        '<p class="note">在「数据接入」上传，或运行下面的命令；同一条再次导入即更新，姓名、电话、住址等列不读取，领导只留职务。</p>'
    )
    st.code("yanpan ledger import 督办台账.xlsx\nyanpan build", language=None)
    st.page_link("views/intake.py", label="到「数据接入」上传文件", icon=":material/upload_file:")
    for kind in kinds.iter_rows(named=True):
        with st.container(horizontal=True, vertical_alignment="center", key=f"template_{kind['ledger_kind']}"):
            n = kind["n_entries"]
            there = f"已有 {n:,} {kind['count_word']}" if n else "还没有条目"
            st.html(
                f'<p class="said"><b>{wording.escape(kind["kind_name"])}</b>　{wording.escape(kind["kind_note"])}。{there}。</p>',
                width="stretch",
            )
            st.download_button(
                "模板 Excel",
                partial(ledger_files.template, kind["ledger_kind"]),
                f"{kind['kind_name']}台账_模板.xlsx",
                XLSX,
                key=f"download_template_{kind['ledger_kind']}",
                on_click="ignore",
                icon=":material/download:",
            )
