"""The findings of a period → a report to read aloud: 基本情况 — 突出问题 — 预警研判 — 回看 — 办理质效 — 建议 — 附表.

Nothing is worked out here but what told.py writes down; nothing is said that the findings do not hold. A section without
anything to say says so in one sentence. The version for units leaves out advice to the leadership and the ranking of other
units, and opens with what each unit has to do.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from app import disclosure, wording
from app.palette import LEVELS
from app.reports import deck, exhibits
from app.reports.figures import Findings
from app.reports.model import Audience, Block, Chart, Column, Heading, Paragraph, Report, Table
from app.reports.periods import TITLES
from app.reports.told import Told, tight

N_TOP, N_SPOKEN, N_ADVICE = 3, 5, 8
CHINESE = "一二三四五六七八九十"
UNKNOWN = "暂无数据"


def tell(
    findings: Findings, *, audience: Audience, number: str, office: str, issued_on: date, mark: str = ""
) -> Report:
    """The report of these findings for one audience.

    number: 2026年第46期, may be empty. office: who issues it. issued_on: the date it bears. mark: model.INTERNAL or empty.
    """
    told, tables, charts = Told(), exhibits.tables(findings), exhibits.charts(findings)
    if findings.period.kind == "annual":
        sections = _annual(findings, told, tables, charts)
    elif audience == "leaders":
        sections = _for_leaders(findings, told, tables, charts)
    else:
        sections = _for_units(findings, told, tables, charts)
    blocks: list[Block] = []
    for n, (title, inside) in enumerate(sections.items()):
        blocks += [Heading(f"{CHINESE[n]}、{title}"), *map(_set, inside)]
    keys = _appendix(findings, audience) if exhibits.is_known(findings) else ()
    appendix = [tables[key] for key in keys if len(tables[key].frame)]
    slides = deck.slides(findings, audience, told, tables, charts, {title: n for n, title in enumerate(sections)})
    derived = Table(
        "derived",
        "文中推算",
        told.frame(),
        [
            Column("label", label="说的是"),
            Column("said", label="文中"),
            Column("how", label="怎样算"),
            Column("parts", label="由哪些数"),
        ],
        "正文里不直接见于各表的数字，由哪些数怎样算出。",
    )
    return Report(
        kind=findings.period.kind,
        audience=audience,
        title=TITLES[findings.period.kind] if findings.area.level == "city" else f"{findings.area.name}{TITLES[findings.period.kind]}",
        number=number,
        office=office,
        issued_on=issued_on,
        period_code=findings.period.code,
        period_name=_period(findings),
        area_name=findings.area.name,
        blocks=blocks,
        appendix=appendix,
        slides=slides,
        notes=_notes(findings),
        sheets=_sheets(tables, charts, derived),
        mark=mark,
        fingerprint=findings.fingerprint,
        values=findings.values(),
        derived=tuple(told.derived),
    )  # fmt: skip


def _period(f: Findings) -> str:
    """2026年第46周（2026年11月9日—11月15日）; of one that is not over with the day it has come to."""
    if not f.is_complete:
        return f"{f.period.name}（截至{wording.full_day(f.counted.last_on)}）"
    return f.period.name if f.period.kind == "annual" else f"{f.period.name}（{f.period.span}）"


def _set(block: Block) -> Block:
    return Paragraph(tight(block.text), tight(block.lead)) if isinstance(block, Paragraph) else block


def _sheets(tables: Mapping[str, Table], charts: Mapping[str, Chart], derived: Table) -> list[Table]:
    """Every frame once: tables, then the charts' own, then what was derived, the cross-check last."""
    of_charts = [
        Table(
            chart.key,
            chart.title,
            chart.frame,
            [Column(name, label=label) for name, label in chart.labels.items()],
            chart.note,
        )
        for chart in charts.values()
    ]
    last = tables["reconciliation"]
    return [
        *(table for key, table in tables.items() if key not in ("reconciliation", "units_most") and len(table.frame)),
        *of_charts,
        derived,
        last,
    ]


# ---------------------------------------------------------------- which sections


def _for_leaders(
    f: Findings, told: Told, tables: Mapping[str, Table], charts: Mapping[str, Chart]
) -> dict[str, list[Block]]:
    back = f"{f.period.word_before}预警回看"
    return {
        "基本情况": _basics(f, told, charts),
        "突出问题": _problems(f, told, tables, charts),
        "预警研判": _warned(f, told),
        back: _back(f, told, tables),
        "办理质效": _service(f, told, tables),
        "工作建议": _advice(f, told),
    }


def _for_units(
    f: Findings, told: Told, tables: Mapping[str, Table], charts: Mapping[str, Chart]
) -> dict[str, list[Block]]:
    return {
        "总体情况": _basics(f, told, charts)[:3],
        "需办理的预警": _to_do(f, told),
        f"{f.period.word_before}交办事项回看": _back(f, told, tables),
        "办理质效": _service(f, told, tables),
        "工作要求": _demands(f, told),
    }


def _appendix(f: Findings, audience: Audience) -> Sequence[str]:
    if f.period.kind == "annual":
        return ("groups", "places", "issues", "units")
    if audience == "units":
        return ("warnings", "units", "issues")
    return ("totals", "sources", "groups", "places", "warnings", "units", "hot")


# ---------------------------------------------------------------- 基本情况


def _basics(f: Findings, told: Told, charts: Mapping[str, Chart]) -> list[Block]:
    found: list[Block] = [Paragraph(_volume(f, told)), Paragraph(_by_source(f, told))]
    found += [charts["course"]] if "course" in charts else []
    found += [Paragraph(said) for said in (_by_group(f, told), _by_place(f, told), _flags(f, told)) if said]
    if f.not_reported:
        names = "、".join(f.not_reported)
        found.append(Paragraph(f"{names}{f.period.word}还没有上报，以上数字不含。"))
    return found


def row_of(f: Findings, measure: str) -> Mapping[str, Any] | None:
    """The totals of one measure; None where the warehouse cannot give it."""
    rows = f.totals.filter(pl.col("measure") == measure)
    return rows.row(0, named=True) if len(rows) else None


def counted(row: Mapping[str, Any], name: str) -> str:
    """5,561件, <5件 of a hidden one, 暂无数据 of an unknown one."""
    if row.get(name + disclosure.MARK):
        mark = row[name + disclosure.MARK]
        return f"{mark}件" if mark != disclosure.HIDDEN else "件数隐去"
    return UNKNOWN if row[name] is None else f"{wording.number(row[name])}件"


def _volume(f: Findings, told: Told) -> str:
    total = row_of(f, "n_events")
    where = f"{f.area.name}" if f.area.level != "city" else "全市"
    if total is None or total["n"] is None:
        hidden = total is not None and counted(total, "n")
        return f"{f.period.word}（{f.period.span}），{where}登记诉求{hidden or UNKNOWN}。"
    said = [f"{f.period.word}（{f.period.span}），{where}共登记诉求{told.items(total['n'])}"]
    if not f.is_complete:
        said[0] = f"{f.period.word}截至{wording.day(f.counted.last_on)}，{where}共登记诉求{told.items(total['n'])}"
    if not total.get("n_before" + disclosure.MARK):
        said.append(told.compared("诉求总量", total["n"], total["n_before"], exhibits.before(f)))
    if f.period.kind != "annual" and not total.get("n_year_ago" + disclosure.MARK):
        said.append(told.compared("诉求总量", total["n"], total["n_year_ago"], exhibits.AGO[f.period.kind]))
    sentence = "，".join(said) + "。"
    return sentence + (f.workdays["sentence"] if f.period.kind == "weekly" and f.workdays["sentence"] else "")


def _by_source(f: Findings, told: Told) -> str:
    said = []
    for row in f.sources.iter_rows(named=True):
        name = wording.SOURCES.get(row["source"], row["source"])
        part = f"{name}{counted(row, 'n_events')}"
        if row["n_events"] is not None and row["change_share"] is not None:
            part += f"（{_changed(told, row, name, f)}）"
        said.append(part)
    if not said:
        return f"{f.period.word}没有登记的诉求。"
    return (
        f"按来源分，{'、'.join(said)}。括号内为较{exhibits.before(f)}的变化。"
        if "（" in "".join(said)
        else f"按来源分，{'、'.join(said)}。"
    )


def _changed(told: Told, row: Mapping[str, Any], name: str, f: Findings) -> str:
    """上升3.8%; of a row whose change may be said."""
    return told.change(f"{name}较{exhibits.before(f)}", row["n_events"], row["n_events_before"])


def _leads(frame: pl.DataFrame, n: int) -> str:
    """居前3位的是; where a large count may be among the hidden ones nobody can say so: 能列出的有."""
    marks = frame.get_column("n_events" + disclosure.MARK, default=pl.Series([None], dtype=pl.String))
    return "能列出件数的，较多的有" if (marks == disclosure.HIDDEN).any() else f"居前{n}位的是"


def _shown(frame: pl.DataFrame, name: str = "n_events") -> pl.DataFrame:
    """The rows whose count may be said and is not 0."""
    return frame.filter(pl.col(name) > 0)


def _by_group(f: Findings, told: Told) -> str:
    top = _shown(f.groups).head(N_TOP)
    total = row_of(f, "n_events")
    if len(top) < 2 or total is None or not total["n"]:
        return ""
    listed = "、".join(f"{row['group_name']}{told.items(row['n_events'])}" for row in top.iter_rows(named=True))
    share = told.share(f"前{len(top)}个领域合计占比", sum(top["n_events"]), total["n"])
    said = f"从领域看，{_leads(f.groups, len(top))}{listed}，合计占{share}。"
    grown = _shown(f.groups).filter(
        (pl.col("n_events_before") >= wording.SMALL_BASE) & (pl.col("n_events") > pl.col("n_events_before"))
    )
    grown = (
        grown.with_columns((pl.col("n_events") - pl.col("n_events_before")).alias("more"))
        .sort("more", descending=True)
        .head(1)
    )
    for row in grown.iter_rows(named=True):
        more = told.difference(f"{row['group_name']}增加", row["n_events"], row["n_events_before"])
        said += f"增加最多的是{row['group_name']}，比{exhibits.before(f)}多{more}。"
    return said


def _by_place(f: Findings, told: Told) -> str:
    top = _shown(f.places).head(N_TOP)
    if len(top) < 2:
        return ""
    listed = "、".join(f"{row['place_name']}{told.items(row['n_events'])}" for row in top.iter_rows(named=True))
    said = f"从区域看，{_leads(f.places, len(top))}{listed}"
    rated = f.places.filter(pl.col("rate").is_not_null()).sort("rate", "place_code", descending=[True, False]).head(1)
    for row in rated.iter_rows(named=True):
        said += f"；按常住人口计，{row['place_name']}最高，每万人{wording.number(row['rate'], 1)}件"
    said += "。"
    grown = f.places.filter((pl.col("n_events_before") >= wording.SMALL_BASE) & (pl.col("change_share") > 0)).sort(
        "change_share", "place_code", descending=[True, False]
    )
    for row in grown.head(1).iter_rows(named=True):
        said += f"{row['place_name']}升幅最大，{_changed(told, row, row['place_name'], f)}。"
    return said


def _flags(f: Findings, told: Told) -> str:
    said = []
    for measure, word in (("n_repeat", "来源标为重复的"), ("n_group", "集体、联名的")):
        row = row_of(f, measure)
        if row is not None and row["n"] is not None:
            part = f"{word}{told.items(row['n'])}"
            if row["change_share"] is not None:
                change = told.change(f"{row['label']}件数", row["n"], row["n_before"])
                part += f"，较{exhibits.before(f)}{change}"
            said.append(part)
    return f"{'；'.join(said)}。" if said else ""


# ---------------------------------------------------------------- 突出问题


def _problems(f: Findings, told: Told, tables: Mapping[str, Table], charts: Mapping[str, Chart]) -> list[Block]:
    if not exhibits.is_known(f):
        return [Paragraph(f"{f.period.word}没有入库的数据，无从分析；不等于没有诉求。")]
    parts: list[tuple[str, list[Block]]] = [
        ("件数居前的事项", [Paragraph(_top_issues(f, told)), tables["issues"]] if len(f.issues) else []),
        (
            "超出往年和近期水平的事项",
            [
                Paragraph(_rising(f, told)),
                *([tables["rising"]] if len(f.rising) else []),
                *([charts["rising_course"]] if "rising_course" in charts else []),
            ],
        ),
        ("多件反映的同一事项", [Paragraph(_matters(f, told))] if len(f.matters) else []),
        ("诉求群体", [Paragraph(_concerns(f, told))] if _concerns(f, told) else []),
        ("区域分布", [Paragraph(_hot(f, told)), charts["map"]] if "map" in charts else []),
    ]
    found: list[Block] = []
    for n, (title, inside) in enumerate((title, inside) for title, inside in parts if inside):
        found += [Heading(f"（{CHINESE[n]}）{title}", 2), *inside]
    return found or [Paragraph(f"{f.period.word}没有登记的诉求。")]


def _top_issues(f: Findings, told: Told) -> str:
    top = _shown(f.issues).head(N_SPOKEN)
    total = row_of(f, "n_events")
    if top.is_empty() or total is None or not total["n"]:
        return f"{f.period.word}各事项件数都很小，不逐一列出。"
    said = []
    for row in top.iter_rows(named=True):
        part = f"{row['issue_name']}{told.items(row['n_events'])}"
        if row["change_share"] is not None:
            part += f"（{_changed(told, row, row['issue_name'], f)}）"
        said.append(part)
    share = told.share(f"前{len(top)}个事项合计占比", sum(top["n_events"]), total["n"])
    return f"事项中，{_leads(f.issues, len(top))}{'、'.join(said)}，合计占全部诉求的{share}。"


def _rising(f: Findings, told: Told) -> str:
    if not f.was_judged:
        return f"{f.period.word}没有判定：历史不够长或有空缺，无从比较。"
    if f.rising.is_empty():
        return f"{f.period.word}各事项的件数都在往年和近期水平之内。"
    said = []
    for row in f.rising.head(N_TOP).iter_rows(named=True):
        over = wording.number(row["excess"], 1)
        weeks = f"{row['n_weeks']}周超出上限，合计" if f.period.kind != "weekly" else ""
        said.append(
            f"{row['issue_name']}{weeks}{told.items(row['observed'])}，预期{wording.number(row['expected'], 1)}件，超出{over}件"
        )
    return f"{told.count('超出上限的事项', f.rising, '个')}事项超出预期上限，超出最多的是：{'；'.join(said)}。{partly_judged(f)}"


def _matters(f: Findings, told: Told) -> str:
    said = []
    for row in f.matters.head(N_TOP).iter_rows(named=True):
        sources = f"，来自{row['n_sources']}个来源" if row["n_sources"] > 1 else ""
        said.append(f"“{row['title']}”{told.items(row['n_events'])}{sources}")
    return f"按内容归并，反映较集中的同一件事有：{'；'.join(said)}。"


def _concerns(f: Findings, told: Told) -> str:
    if f.concerns.is_empty():
        return ""
    above = f.concerns.filter(pl.col("observed") > pl.col("upper_bound"))
    said = [
        f"{row['concern_group']}有关事项{told.items(row['observed'])}，超出上限（{wording.number(row['upper_bound'])}件）"
        for row in above.iter_rows(named=True)
    ]
    if not said:
        return ""
    return f"{'；'.join(said)}。这里只看事项的总量，不涉及任何个人。"


def _hot(f: Findings, told: Told) -> str:
    said = f"各{'社区（村）' if f.area.level == 'town' else '镇街'}件数见图。"
    if len(f.hot):
        listed = "、".join(
            f"{row['county_name']}{row['place_name']}{row['issue_name']}{told.items(row['n_events'])}"
            for row in f.hot.head(N_TOP).iter_rows(named=True)
        )
        said += f"同一社区、同一事项较集中的有{listed}。"
    return said


# ---------------------------------------------------------------- 预警研判


def _warned(f: Findings, told: Told) -> list[Block]:
    found: list[Block] = [Paragraph(_how_many(f, told))]
    for n, row in enumerate(f.warnings.head(N_SPOKEN).iter_rows(named=True), start=1):
        found.append(Paragraph(spoken(row, f), lead=f"{n}．{wording.level_text(row['signal_level'])}　{named(row)}。"))
    if len(f.warnings) > N_SPOKEN:
        found.append(Paragraph(f"其余{told.count('其余预警', f.warnings[N_SPOKEN:])}见附表。"))
    return found


def _how_many(f: Findings, told: Told) -> str:
    if f.warnings.is_empty():
        if not f.was_judged:
            return f"{f.period.word}没有判定：历史不够长或有空缺，不等于没有问题。"
        return f"{f.period.word}没有达到预警门槛的事项。{partly_judged(f)}"
    levels = [
        f"{style.word}{told.count(f'{style.word}色预警', rows)}"
        for level, style in LEVELS.items()
        if len(rows := f.warnings.filter(pl.col("signal_level") == level))
    ]
    new = f.warnings.filter("is_new")
    said = f"系统提示预警{told.count('预警', f.warnings)}，其中{'、'.join(levels)}；"
    said += (
        f"{f.period.word}新出现{told.count('新出现的预警', new)}"
        if len(new)
        else f"都是{f.period.word_before}以前出现、仍在延续的"
    )
    return f"{said}。{partly_judged(f)}{wording.LEVEL_NOTE}"


def partly_judged(f: Findings) -> str:
    """2025年11月10日以前各周没有判定。 Of a period that was judged as a whole nothing."""
    since = f.judged_from
    return f"{wording.full_day(since)}以前各周没有判定。" if since and since > f.period.mondays()[0] else ""


def named(row: Mapping[str, Any]) -> str:
    """Its title as one word: 青岚区长宁街道供暖; quotation marks in it become inner ones."""
    return str(row["title"]).replace(" ", "").replace("“", "‘").replace("”", "’")


def sentence_of(row: Mapping[str, Any], f: Findings) -> str:
    """Its sentence without the place and issue that its title has just said; in a longer period with the week it is of."""
    said = str(row["sentence"])
    for opening in (f"{row['title']}：", f"{wording.place(row)}“{row['issue_name']}”"):
        said = said.removeprefix(opening)
    if f.period.kind == "weekly":
        return said
    return f"{wording.week_span(row['week_start_on'])}那一周，{said.replace('本周', '当周')}"


PARTS = (("主要在 ", "主要在"), ("来源 ", "来源主要为"), ("渠道 ", "渠道主要为"))


def spoken(row: Mapping[str, Any], f: Findings) -> str:
    """What is said of one warning: the sentence, what it consists of, who handles it and how far that is."""
    sentence, parts = sentence_of(row, f), wording.evidence_line(row["evidence"])
    for loose, set_close in PARTS:
        parts = parts.replace(loose, set_close)
    said = sentence if sentence.endswith("。") else f"{sentence}。"
    said += f"{parts}。" if parts else ""
    if row["to_unit"]:
        said += f"现由{row['to_unit']}办理，{exhibits.standing(row)}。"
    elif row["responsible_unit"]:
        said += f"建议由{row['responsible_unit']}主办。"
    elif row["role_name"]:
        said += f"主办单位待定（这类事项一般由{row['role_name']}主办）。"
    return said + (f"数据提醒：{row['caveat'].rstrip('。')}。" if row["caveat"] else "")


def _to_do(f: Findings, told: Told) -> list[Block]:
    """For units: what each has to do, unit by unit, the most urgent first."""
    found: list[Block] = [Paragraph(_how_many(f, told))]
    rows = f.warnings.with_columns(
        pl.coalesce("to_unit", "responsible_unit", "role_name").fill_null("主办单位待定").alias("unit")
    )
    for n, unit in enumerate(rows["unit"].unique(maintain_order=True)):
        number = CHINESE[n] if n < len(CHINESE) else str(n + 1)
        found.append(Heading(f"（{number}）{unit}", 2))
        for k, row in enumerate(rows.filter(pl.col("unit") == unit).iter_rows(named=True), start=1):
            due = f"限{wording.day(row['due_on'])}前完成下一步。" if row["due_on"] else ""
            found.append(
                Paragraph(spoken(row, f) + due, lead=f"{k}．{wording.level_text(row['signal_level'])}　{named(row)}。")
            )
    return found


# ---------------------------------------------------------------- 回看


def _back(f: Findings, told: Told, tables: Mapping[str, Table]) -> list[Block]:
    if f.followup.is_empty():
        was_judged = f.judged_from is not None and f.period.before().last_on > f.judged_from
        return [
            Paragraph(
                f"{f.period.word_before}没有预警。" if was_judged else f"{f.period.word_before}没有判定，无从跟踪。"
            )
        ]
    said = f"{f.period.word_before}列出的{told.count('上期预警', f.followup)}预警，"
    if f.period.kind == "weekly":
        said += "、".join(
            f"{words.split(' ', 1)[-1]}的{told.count(words, rows)}"
            for words in f.followup["outcome"].unique(maintain_order=True)
            if len(rows := f.followup.filter(pl.col("outcome") == words))
        )
    else:
        again = f.followup.filter("is_listed_again")
        said += (
            f"{f.period.word}又列入的{told.count('又列入的预警', again)}"
            if len(again)
            else f"{f.period.word}都没有再列入"
        )
    return [Paragraph(f"{said}。{_loop(f, told)}"), tables["followup"]]


def _loop(f: Findings, told: Told) -> str:
    if f.loop is None:
        return ""
    loop = f.loop
    steps = [("n_pushed", "推送"), ("n_signed", "签收"), ("n_replied", "反馈"), ("n_closed", "销号")]
    said = "、".join(f"{word}{loop[name]}条" for name, word in steps if loop.get(name))
    said = f"{f.period.word}预警中已{said}" if said else f"{f.period.word}预警还没有推送"
    late = f"，超期{loop['n_overdue']}条" if loop.get("n_overdue") else ""
    false = f"，判为误报{loop['n_false']}条" if loop.get("n_false") else ""
    return f"{said}{false}{late}。"


# ---------------------------------------------------------------- 办理质效


def _service(f: Findings, told: Told, tables: Mapping[str, Table]) -> list[Block]:
    by = {row["measure"]: row for row in f.service.iter_rows(named=True)}
    said = [part for part in (_timely(f, by), _closed(f, by), _judged_by_people(f, by)) if part]
    found: list[Block] = [Paragraph("".join(said) or f"{f.period.word}没有到期和办结的事项，或来源没有这些数据。")]
    if len(f.units):
        found += [Paragraph(_units(f, told)), tables["units_most"]]
    return found


def _timely(f: Findings, by: Mapping[str, Mapping[str, Any]]) -> str:
    row = by.get("on_time_elapsed") or by.get("on_time_reported")
    if row is None or row["value"] is None:
        return ""
    said = f"{f.period.word}到期{wording.number(row['denominator'])}件，按期{wording.number(row['numerator'])}件，按期率{row['value']:.1%}"
    if row["value_before"] is not None:
        said += f"（{exhibits.before(f)}{row['value_before']:.1%}）"
    return f"{said}。"


def _closed(f: Findings, by: Mapping[str, Mapping[str, Any]]) -> str:
    closed = by.get("closed")
    if closed is None or not closed["value"]:
        return ""
    said = f"办结{wording.number(closed['value'])}件"
    mean, median, most = (by.get(name) for name in ("days_mean", "days_median", "days_p90"))
    if mean and mean["value"] is not None:
        said += f"，平均用时{wording.number(mean['value'], 1)}天"
    if median and median["value"] is not None and most and most["value"] is not None:
        said += f"，一半在{wording.number(median['value'], 1)}天内、九成在{wording.number(most['value'], 1)}天内办结"
    return f"{said}。"


def _judged_by_people(f: Findings, by: Mapping[str, Mapping[str, Any]]) -> str:
    said = []
    rated, satisfied, returned = (by.get(name) for name in ("rated", "satisfied", "returned"))
    if rated and rated["value"]:
        said.append(f"参加评价{wording.number(rated['value'])}件")
    if satisfied and satisfied["value"] is not None:
        said.append(f"满意和基本满意{wording.number(satisfied['numerator'])}件，满意率{satisfied['value']:.1%}")
    if returned and returned["value"] is not None:
        said.append(f"退回{wording.number(returned['numerator'])}件，退回率{returned['value']:.1%}")
    return f"{'；'.join(said)}。" if said else ""


def _city_share(f: Findings) -> float | None:
    rows = f.service.filter(
        pl.col("measure").is_in(["on_time_elapsed", "on_time_reported"]) & pl.col("value").is_not_null()
    )
    return rows["value"][0] if len(rows) else None


def late_units(f: Findings) -> pl.DataFrame:
    """Units whose on-time share is below the whole's beyond chance: the upper end of its interval is below."""
    share = _city_share(f)
    if share is None:
        return f.units.clear()
    return f.units.filter(pl.col("has_enough") & (pl.col("on_time_high") < share)).sort("on_time_share", "unit_name")


def _units(f: Findings, told: Told) -> str:
    enough = f.units.filter("has_enough")
    if enough.is_empty():
        return f"各单位{f.period.word}到期都不足{wording.SMALL_BASE}件，样本不足，不排名。"
    late = late_units(f)
    said = f"到期{wording.SMALL_BASE}件以上的单位有{told.count('样本够的单位', enough, '个')}，"
    if late.is_empty():
        return f"{said}按期率与总体相比都在偶然波动的范围内。"
    listed = "、".join(
        f"{row['unit_name']}（{wording.number(row['n_on_time'])}/{wording.number(row['n_due'])}，{row['on_time_share']:.1%}）"
        for row in late.head(N_TOP).iter_rows(named=True)
    )
    more = "等" if len(late) > N_TOP else ""
    return f"{said}按期率明显低于总体的有{told.count('按期率明显低的单位', late, '个')}：{listed}{more}。"


# ---------------------------------------------------------------- 建议


def _advice(f: Findings, told: Told) -> list[Block]:
    found = advice(f)
    if not found:
        return [Paragraph("没有需要特别安排的事项，按常规办理。")]
    blocks: list[Block] = [Paragraph(said, lead=f"{n}．") for n, said in enumerate(found, start=1)]
    return [*blocks, Paragraph("以上由系统按规则列出，供会前核定。")]


def advice(f: Findings) -> list[str]:
    """What the figures ask for, one sentence each; each rests on a finding named in the text."""
    found = []
    for row in f.warnings.filter(pl.col("signal_level").is_in(["red", "orange"])).iter_rows(named=True):
        unit = row["to_unit"] or row["responsible_unit"] or row["role_name"] or "有关单位"
        status = row["case_status"] or "new"
        if status in ("new", "again"):
            found.append(f"请{unit}就“{named(row)}”核实成因、提出处置措施，按督办单期限反馈。")
        elif status == "replied":
            late = "，核查已超期" if row["is_overdue"] else ""
            found.append(f"“{named(row)}”已反馈{late}，请研判中心核查后销号或退回重办。")
        elif row["is_overdue"]:
            found.append(
                f"“{named(row)}”办理已超期（{exhibits.STANDING.get(status, '')}），请{unit}说明原因并尽快办理。"
            )
    warned = set(f.warnings["issue_name"].drop_nulls())
    for row in f.rising.filter(~pl.col("issue_name").is_in(list(warned))).head(2).iter_rows(named=True):
        found.append(f"{row['issue_name']}超出预期上限而没有落到具体区域，请分析是否有共同成因。")
    for row in late_units(f).head(2).iter_rows(named=True):
        found.append(f"请{row['unit_name']}逐件梳理没有按期办结的事项，说明按期率低的原因。")
    if f.not_reported:
        found.append(f"请{'、'.join(f.not_reported)}尽快补报{f.period.word}数据。")
    return found[:N_ADVICE]


def _demands(f: Findings, told: Told) -> list[Block]:
    said = [
        "核实情况和成因，提出处置措施和完成时间，按期签收、反馈。",
        "不属本单位职责的，请在登记处置之前异议退回，并写明理由。",
        "只就事项办理；不打听、不透露是谁反映的，不向反映人施压。",
    ]
    if f.not_reported:
        said.append(f"请{'、'.join(f.not_reported)}尽快补报{f.period.word}数据。")
    return [Paragraph(one, lead=f"{n}．") for n, one in enumerate(said, start=1)]


# ---------------------------------------------------------------- 年度报告（条例第四十一条）


def _annual(
    f: Findings, told: Told, tables: Mapping[str, Table], charts: Mapping[str, Chart]
) -> dict[str, list[Block]]:
    def shown(*keys: str) -> list[Block]:
        return [tables[f"annual_{key}"] for key in keys if f"annual_{key}" in tables]

    def remarks(*keys: str) -> list[Block]:
        return [Paragraph(f.annual_notes[key]) for key in keys if f.annual_notes.get(key)]

    return {
        "信访事项数据统计、涉及领域和承办情况": [
            *_basics(f, told, charts), *shown("sources", "channels", "purposes", "groups"), Paragraph(_top_issues(f, told)),
            *shown("units"),
        ],
        "转送交办督办情况": [*_service(f, told, tables)[:1], *shown("steps"), *remarks("steps")],
        "三项建议及采纳情况": [*remarks("proposals"), *(shown("proposals") if len(f.annual["proposals"]) else [])],
        "预警和研判工作": [Paragraph(_how_many(f, told)), Paragraph(_rising(f, told)), *([Paragraph(_loop(f, told))] if f.loop else [])],
    }  # fmt: skip


# ---------------------------------------------------------------- 口径


def _notes(f: Findings) -> list[str]:
    basis = "件数按登记日期计；到期按限办时间计，办结和评价按办结日期计。"
    weeks = "" if f.period.kind == "weekly" else "预警以周为单位，一周归入它的星期四所在的时段。"
    small = f"基数不足{wording.SMALL_BASE}件不算百分比；环比、同比的“{exhibits.AGO[f.period.kind]}”"
    ago = {
        "weekly": "是52周前的同一周",
        "monthly": "是去年同一个月",
        "quarterly": "是去年同一季度",
        "annual": "是上一年",
    }
    part = (
        ""
        if f.is_complete
        else f"{f.period.word}数据截至{wording.full_day(f.counted.last_on)}，只与往期同样长的时段比较。"
    )
    clock = wording.clock_sentence(f.data_through, f.as_of) if wording.runs_ahead(f.data_through, f.as_of) else ""
    notes = [
        basis, clock, f"{small}{ago[f.period.kind]}。", weeks, part, f.left_out, wording.LEVEL_NOTE, disclosure.note(),
        "只分析事项、区域和单位，不涉及任何个人。",
        f"勾稽校验{len(f.reconciliation)}项全部相符（各来源、领域、区域、单位与总数，各日、周、月与全期），逐项见Excel。",
        f"数据截至{wording.full_day(f.data_through)}，数据指纹{f.fingerprint}（同样的数字，指纹相同）。",
    ]  # fmt: skip
    return [tight(note) for note in notes if note]
