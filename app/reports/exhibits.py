"""The tables and charts of a report, each from one frame of the findings. Text, deck and Excel show the same ones."""

import re
from collections.abc import Mapping

import polars as pl

from app import disclosure, place_counts, wording
from app.casework import workflow
from app.charts.maps import locator_map
from app.charts.ranks import pareto, ranking
from app.charts.series import stacked, trend
from app.reports.figures import Findings
from app.reports.model import Chart, Column, Table

N_ISSUES, N_RISING, N_MOST, N_UNITS, N_PLACES, N_ANNUAL = 10, 8, 8, 40, 30, 20
SPANS = {"weekly": "近13周", "monthly": "近13个月", "quarterly": "近9个季度", "annual": "近5年"}
AGO = {"weekly": "去年同期", "monthly": "去年同月", "quarterly": "去年同季", "annual": "上年"}
BELOW = {"city": "县区", "county": "镇街", "town": "社区（村）"}


def tables(f: Findings) -> dict[str, Table]:
    """Every table of the period by its key; an empty one says in its note that there is nothing."""
    found = [
        _totals(f), _sources(f), _groups(f), _issues(f), _rising(f), _places(f), _warnings(f), _followup(f), _service(f),
        *_units(f), _matters(f), _concerns(f), _hot(f), *_annual(f), _reconciliation(f),
    ]  # fmt: skip
    return {table.key: table for table in found}


def span(f: Findings) -> str:
    """近13周; fewer where the data begin later: 近3年."""
    n = len(f.course.filter(~pl.col("is_incomplete")))
    full = SPANS[f.period.kind]
    return full if f"近{n}" in full or not f.is_complete else re.sub(r"\d+", str(n), full)


def before(f: Findings) -> str:
    """What this period is compared with: 上月; of one that is not over, as many days of it: 上月同期."""
    return f.period.word_before if f.is_complete else f"{f.period.word_before}同期"


def is_known(f: Findings) -> bool:
    """Is anything known of the period? No item in a week without any data is not 0."""
    whole = f.totals.filter(pl.col("measure") == "n_events")
    return len(whole) > 0 and (whole["n"][0] is not None or whole["n" + disclosure.MARK][0] is not None)


def charts(f: Findings) -> dict[str, Chart]:
    """Every chart there is something to draw for."""
    if not is_known(f):
        return {}
    found = [
        _course(f),
        _source_bars(f),
        _issue_bars(f),
        _issue_pareto(f),
        _rising_course(f),
        _map(f) or _place_bars(f),
    ]
    return {chart.key: chart for chart in found if chart is not None}


# ---------------------------------------------------------------- tables


def compared(f: Findings, *, year: bool = True, share: bool = True) -> list[Column]:
    """本周 · 上周 · 环比 · 同比 · 占比, as this kind of period calls them."""
    columns = [
        Column("n_events", "number", f"{f.period.word}件数"),
        Column("n_events_before", "number", before(f)),
        Column("change_share", "change", "环比" if f.period.kind != "annual" else "比上年"),
    ]
    columns += [Column("year_share", "change", "同比")] if year and f.period.kind != "annual" else []
    return columns + ([Column("share", "share", "占比")] if share else [])


def _totals(f: Findings) -> Table:
    columns = [
        Column("label", label="指标", width=1.4),
        Column("n", "number", f.period.word),
        Column("n_before", "number", before(f)),
        Column("change_share", "change", "环比" if f.period.kind != "annual" else "比上年"),
        Column("n_year_ago", "number", AGO[f.period.kind]),
        Column("year_share", "change", "同比"),
    ]
    return Table("totals", "总体情况", f.totals, columns if f.period.kind != "annual" else columns[:4], f.left_out)


def _sources(f: Findings) -> Table:
    return Table("sources", "各来源件数", f.sources, [Column("source", label="来源", width=1.4), *compared(f)])


def _groups(f: Findings) -> Table:
    return Table("groups", "各领域件数", f.groups, [Column("group_name", label="领域", width=1.8), *compared(f)])


def _issues(f: Findings) -> Table:
    frame = f.issues.head(N_ISSUES).with_row_index("rank", 1)
    columns = [Column("rank", "number", "位次", 0.7), Column("issue_name", label="事项", width=2.2), *compared(f)]
    return Table("issues", f"件数居前的事项（前{len(frame)}位）", frame, columns, wording_of_small_base())


def wording_of_small_base() -> str:
    return f"基数不足{wording.SMALL_BASE}件的不算百分比，写作“—”。"


def _rising(f: Findings) -> Table:
    columns = [
        Column("issue_name", label="事项", width=2.0),
        Column("observed", "number", "件数"),
        Column("expected", "decimal", "预期"),
        Column("upper_bound", "number", "上限"),
        Column("excess", "decimal", "超出预期"),
    ]
    if f.period.kind != "weekly":
        columns.append(Column("n_weeks", "number", "超限周数"))
    note = "预期和上限按本地历史推算，已考虑季节、节假日。" if len(f.rising) else "没有超出预期上限的事项。"
    if not f.was_judged:
        note = f"{f.period.word}没有判定，无从比较。"
    return Table("rising", "超出预期上限的事项", f.rising.head(N_RISING), columns, note)


def _places(f: Findings) -> Table:
    columns = [
        Column("place_name", label=BELOW[f.area.level], width=1.6),
        *compared(f, year=False, share=False),
        Column("rate", "decimal", "每万人"),
    ]
    note = "；".join(part.rstrip("。；") for part in (f.not_placed, disclosure.note()) if part) + "。"
    return Table("places", f"各{BELOW[f.area.level]}件数", f.places.head(N_PLACES), columns, note)


def _warnings(f: Findings) -> Table:
    frame = f.warnings.with_row_index("order", 1).with_columns(
        pl.Series("level", [wording.level_text(level) for level in f.warnings["signal_level"]], dtype=pl.String),
        pl.coalesce("to_unit", "responsible_unit", "role_name").fill_null("待定").alias("unit"),
        pl.Series("standing", [standing(row) for row in f.warnings.iter_rows(named=True)], dtype=pl.String),
    )
    kept = ["order", "level", "title", "kinds", "observed", "observed" + disclosure.MARK, "n_weeks", "unit", "standing"]
    columns = [
        Column("order", "number", "序号", 0.6),
        Column("level", label="等级", width=0.8),
        Column("title", label="预警", width=2.6),
        Column("observed", "number", "件数", 0.7),
        Column("n_weeks", "number", "周数", 0.7),
        Column("unit", label="承办或建议单位", width=2.0),
        Column("standing", label="办理状态", width=1.1),
    ]
    note = wording.LEVEL_NOTE if len(frame) else f"{f.period.word}没有预警。"
    return Table("warnings", f"{f.period.word}预警清单", frame.select(kept), columns, note)


STANDING = {**workflow.STATUSES, "covered": "办理中的同一件事", "again": "销号后又出现"}


def standing(row: Mapping[str, object]) -> str:
    """已签收, 处置中（超期）; 未推送 where nobody acted."""
    said = STANDING.get(str(row["case_status"] or ""), "")
    return f"{said}（超期）" if said and row["is_overdue"] else said


def _followup(f: Findings) -> Table:
    word = f.period.word_before
    if f.period.kind == "weekly":
        columns = [
            Column("title", label="预警", width=2.6),
            Column("observed_before", "number", word),
            Column("observed", "number", f.period.word),
            Column("upper_bound", "number", "上限"),
            Column("outcome", label="件数变化", width=1.8),
            Column("standing", label="办理", width=1.1),
        ]
        frame = f.followup
    else:
        columns = [
            Column("title", label="预警", width=2.8),
            Column("observed", "number", f"{word}件数"),
            Column("again", label=f"{f.period.word}是否又列入", width=1.2),
            Column("standing", label="办理", width=1.2),
        ]
        frame = f.followup.with_columns(
            pl.when("is_listed_again").then(pl.lit("是")).otherwise(pl.lit("否")).alias("again")
        )
    frame = frame.with_columns(pl.Series("standing", _standings(frame), dtype=pl.String))
    note = "同一区域、同一事项（单位）的件数。" if len(frame) else f"{word}没有预警。"
    return Table("followup", f"{word}预警跟踪", frame, columns, note)


def _standings(frame: pl.DataFrame) -> list[str]:
    if "case_status" not in frame.columns:
        return frame["standing"].to_list()
    return [standing(row) for row in frame.iter_rows(named=True)]


def _service(f: Findings) -> Table:
    known = f.service.filter(pl.col("value").is_not_null() | pl.col("value_before").is_not_null())
    is_share = known["unit"] == "share"
    frame = known.with_columns(
        pl.Series("said", [_measured(row, "") for row in known.iter_rows(named=True)], dtype=pl.String),
        pl.Series("said_before", [_measured(row, "_before") for row in known.iter_rows(named=True)], dtype=pl.String),
        pl.when(is_share).then("numerator").alias("numerator"),
        pl.when(is_share).then("denominator").alias("denominator"),
    )
    columns = [
        Column("label", label="指标", width=2.2),
        Column("numerator", "number", "分子"),
        Column("denominator", "number", "分母"),
        Column("said", label=f.period.word, width=1.0),
        Column("said_before", label=before(f), width=1.0),
    ]
    return Table(
        "service", "办理质效", frame, columns, "各来源合计；率均列分子分母。「办理质效」按来源、口径分开算，数字不同。"
    )


def _measured(row: Mapping[str, object], suffix: str) -> str:
    return measured(row["value" + suffix], str(row["unit"]))  # type: ignore[arg-type]


def measured(value: float | None, unit: str) -> str:
    """95.3%, 4.2天, 812件; — where nothing is known."""
    if value is None:
        return "—"
    if unit == "share":
        return f"{value:.1%}"
    return f"{wording.number(value, 1 if unit == '天' else 0)}{unit}"


def _units(f: Findings) -> list[Table]:
    columns = [
        Column("unit_name", label="承办单位", width=3.0),
        Column("n_due", "number", "到期"),
        Column("n_on_time", "number", "按期"),
        Column("on_time_share", "share", "按期率"),
        Column("n_closed", "number", "办结"),
        Column("days_median", "decimal", "中位天数"),
        Column("n_rated", "number", "评价"),
        Column("satisfied_share", "share", "满意率"),
    ]
    note = f"按{f.period.word}到期件数排列；分母不足{wording.SMALL_BASE}件的不算率、不排名。"
    return [
        Table("units", "承办单位办理情况", f.units.head(N_UNITS), columns, note),
        Table("units_most", "到期最多的承办单位", f.units.head(N_MOST), columns, note),
    ]


def _matters(f: Findings) -> Table:
    columns = [
        Column("title", label="同一事项", width=3.0),
        Column("issue_name", label="事项", width=1.4),
        Column("n_events", "number", "件数"),
        Column("n_sources", "number", "来源数"),
        Column("first_on", "date", "最早登记"),
    ]
    note = "多件反映的是同一件事，按内容、地点、时间归并。" if len(f.matters) else "没有多件反映同一件事的情况。"
    return Table("matters", "多件反映的同一事项", f.matters, columns, note)


def _concerns(f: Findings) -> Table:
    columns = [
        Column("concern_group", label="诉求群体", width=1.6),
        Column("observed", "number", "件数"),
        Column("expected", "decimal", "预期"),
        Column("upper_bound", "number", "上限"),
    ]
    return Table("concerns", "诉求群体", f.concerns, columns, "只是有关事项的总量，不涉及任何个人。")


def _hot(f: Findings) -> Table:
    columns = [
        Column("place_name", label="社区（村）", width=1.6),
        Column("county_name", label="县区", width=1.2),
        Column("issue_name", label="事项", width=1.6),
        Column("n_events", "number", "件数"),
    ]
    return Table("hot", "同一社区、同一事项10件以上", f.hot, columns, "" if len(f.hot) else "没有这样的社区。")


def _annual(f: Findings) -> list[Table]:
    """The tables of 条例第四十一条; none for other periods."""
    counted = {
        "groups": ("涉及领域", "group_name", "领域"),
        "sources": ("各来源件数", "source", "来源"),
        "channels": ("各渠道件数", "channel", "渠道"),
        "purposes": ("各诉求目的件数", "purpose", "目的"),
        "units": ("承办较多的机关单位", "unit_name", "机关单位"),
    }
    columns = {
        key: [
            Column(name, label=label, width=2.2),
            *(compared(f) if key != "units" else [Column("n_events", "number")]),
        ]
        for key, (_, name, label) in counted.items()
    }
    columns["steps"] = [
        Column("part", label="环节", width=1.6),
        Column("name", label="情况", width=1.6),
        Column("n", "number", "数量"),
        Column("unit", label="单位", width=0.6),
    ]
    columns["proposals"] = [
        Column("kind", label="建议", width=2.0),
        Column("n_proposed", "number", "提出"),
        Column("n_adopted", "number", "采纳"),
        Column("note", label="说明", width=2.0),
    ]
    titles = {key: title for key, (title, *_) in counted.items()}
    titles |= {"steps": "转送、交办、督办情况", "proposals": "三项建议及采纳情况"}
    found = []
    for key, frame in f.annual.items():
        named = frame.with_columns(pl.col(columns[key][0].name).fill_null("未写明"))
        note = "" if key in ("steps", "proposals") else f.annual_notes.get(key, "")
        if key == "purposes":
            note = "照各来源自己的说法；网格填的是上报方式。"
        found.append(Table(f"annual_{key}", titles[key], named.head(N_ANNUAL), columns[key], note))
    return found


def _reconciliation(f: Findings) -> Table:
    frame = f.reconciliation.with_columns(
        pl.when("is_ok").then(pl.lit("✓ 相符")).otherwise(pl.lit("✕ 不符")).alias("result")
    )
    columns = [
        Column("check_name", label="核对", width=3.0),
        Column("scope", label="范围", width=1.6),
        Column("n_expected", "number", "应为"),
        Column("n_found", "number", "实为"),
        Column("n_difference", "number", "差额"),
        Column("result", label="结论", width=1.0),
    ]
    return Table("reconciliation", "勾稽校验", frame, columns, "导出前自动核对，任何一项不符就不出材料。")


# ---------------------------------------------------------------- charts


def _course(f: Findings) -> Chart | None:
    known = f.course.filter(pl.col("n_events").is_not_null())
    if len(known) < 2:
        return None
    frame = disclosure.without_marks(f.course)
    while len(frame) > 2 and frame["is_incomplete"][0]:  # a rise from half a year is none
        frame = frame[1:]
    if f.period.kind == "annual" or frame["n_events_year_ago"].null_count() == len(frame):
        frame = frame.drop("n_events_year_ago")
    title = f"{span(f)}诉求件数"
    return Chart("course", title, trend(frame, title="", height=290), f.course, "按登记日期计。", height=0.42)


def _source_bars(f: Findings) -> Chart | None:
    """This period beside the one before and a year ago, by source; not where a count is hidden or unknown."""
    spans = {
        "n_events_year_ago": AGO[f.period.kind],
        "n_events_before": before(f),
        "n_events": f.period.word,
    }
    if f.period.kind == "annual":
        del spans["n_events_year_ago"]
    spans = {name: word for name, word in spans.items() if not f.sources[name].null_count()}
    if len(f.sources) < 2 or len(spans) < 2 or "n_events" not in spans:
        return None
    rows = [
        (word, wording.SOURCES.get(row["source"], row["source"]), row[name])
        for name, word in spans.items()
        for row in f.sources.iter_rows(named=True)
    ]
    frame = pl.DataFrame(rows, schema=["label", "series_name", "n_events"], orient="row")
    labels = {"label": "时段", "series_name": "来源", "n_events": "件数"}
    return Chart("source_bars", "各来源件数对比", stacked(frame, title=""), frame, "按登记日期计。", labels=labels)


def _rising_course(f: Findings) -> Chart | None:
    frame = disclosure.without_marks(f.rising_course)
    if f.rising.is_empty() or frame["expected"].null_count() == len(frame):
        return None
    title = f"{f.rising['issue_name'][0]}近{len(frame)}周件数"
    note = "深色线为实际，色带为预期至上限，▲为超出上限的周。" + (
        "" if f.area.level == "city" else disclosure.note(exported=True)
    )
    return Chart("rising_course", title, trend(frame, title="", height=290), f.rising_course, note, height=0.42)


def _issue_bars(f: Findings) -> Chart | None:
    frame = disclosure.without_marks(f.issues).filter(pl.col("n_events") > 0).head(N_ISSUES)
    if frame.is_empty():
        return None
    bars = frame.select(
        pl.col("issue_name").alias("label"), pl.col("n_events").alias("value"), pl.col("change_share").alias("change")
    )
    word = f"较{before(f)}"
    figure = ranking(bars, title="", change_label=word)
    labels = {"label": "事项", "value": "件数", "change": word}
    return Chart("issue_bars", "件数居前的事项", figure, bars, wording_of_small_base(), labels=labels)


def _issue_pareto(f: Findings) -> Chart | None:
    if len(f.issues) < 5 or f.issues["n_events"].null_count():  # of a part the whole cannot be told
        return None
    frame = disclosure.without_marks(f.issues)
    bars = frame.select(pl.col("issue_name").alias("label"), "n_events")
    return Chart("issue_pareto", "多少事项占了八成", pareto(bars, title="", n_shown=15), bars, labels={"label": "事项"})


def _place_bars(f: Findings) -> Chart | None:
    """In place of the map where there are no boundaries."""
    frame = disclosure.without_marks(f.places).filter(pl.col("n_events") > 0).head(12)
    if len(frame) < 2:
        return None
    word = f"较{before(f)}"
    bars = frame.select(
        pl.col("place_name").alias("label"), pl.col("n_events").alias("value"), pl.col("change_share").alias("change")
    )
    labels = {"label": BELOW[f.area.level], "value": "件数", "change": word}
    figure = ranking(bars, title="", change_label=word)
    return Chart("map", f"各{BELOW[f.area.level]}件数", figure, bars, f.not_placed, labels=labels)


def _map(f: Findings) -> Chart | None:
    shown = f.towns.filter(pl.col("place_code").is_in(list(f.geometry)))
    if shown.is_empty():
        return None
    word = "社区（村）" if f.area.level == "town" else "镇街"
    figure = locator_map(
        disclosure.without_marks(shown), f.geometry, title="", measure_label="件数（件）",
        classes=place_counts.classes_of(shown, "count"), max_labels=12, height=460,
    )  # fmt: skip
    marked = [name + disclosure.MARK for name in ("n_events",) if name + disclosure.MARK in f.towns.columns]
    frame = f.towns.select("place_code", "county_name", "place_name", "n_events", *marked)
    lacking = len(f.towns) - len(shown)
    note = f"能定位到{word}的事项。" + (f"另有{lacking}个{word}没有边界，不在图上。" if lacking else "")
    return Chart("map", f"各{word}件数", figure, frame, note + disclosure.note(), height=0.72)
