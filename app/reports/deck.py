"""Which slides make the meeting? One thing a slide, its headline the sentence that it shows."""

from collections.abc import Mapping
from itertools import accumulate

import polars as pl

from app import disclosure, wording
from app.reports import exhibits, narrative
from app.reports.figures import Findings
from app.reports.model import Audience, Chart, Slide, Table, Tile
from app.reports.told import Told, tight

N_WARNINGS = 6
SPOKEN = 110
"""Characters of a warning on a slide: what can be read from the last row; the rest is in the speaker notes' basis."""


def slides(
    f: Findings,
    audience: Audience,
    told: Told,
    tables: Mapping[str, Table],
    charts: Mapping[str, Chart],
    order: Mapping[str, int],
) -> list[Slide]:
    """The pages after the cover. order: section title → its place, for the small line above the headline."""

    def section(word: str) -> str:
        title = next((title for title in order if word in title), "")
        return f"{narrative.CHINESE[order[title]]}、{title}" if title else ""

    basics = section("情况") or section("数据统计")
    problems, warned, back = section("突出") or basics, section("预警"), section("回看")
    service, advice = section("质效") or section("督办"), section("建议") or section("要求")
    found = [Slide(_headline(f, told), _tiles(f), _basis(f), basics)]
    headlines = {
        "course": _course,
        "source_bars": _sources,
        "issue_bars": _issues,
        "issue_pareto": _pareto,
        "map": _places,
    }
    for key, headline in headlines.items():
        if key in charts:
            where = basics if key in ("course", "source_bars") else problems
            found.append(Slide(tight(headline(f, told)), charts[key], tight(charts[key].note), where))
    if "rising_course" in charts:
        found.append(Slide(tight(_rising(f)), charts["rising_course"], charts["rising_course"].note, problems))
    if len(f.rising):
        many = f"{told.count('超出上限的事项', f.rising, '个')}事项超出预期上限"
        found.append(Slide(many, tables["rising"], tables["rising"].note, problems))
    found.append(Slide(_n_warnings(f, told), _spoken(f) or [_no_warnings(f)], wording.LEVEL_NOTE, warned))
    if len(f.warnings) > 1:
        found.append(Slide("预警由谁办、办到哪一步", tables["warnings"], tables["warnings"].note, warned))
    if len(f.followup):
        found.append(Slide(tight(_followup(f, told)), tables["followup"], tables["followup"].note, back))
    if f.service["value"].is_not_null().any():
        found.append(Slide(tight(_service(f)), tables["service"], tables["service"].note, service))
    if len(f.units):
        found.append(Slide(tight(_units(f, told)), tables["units_most"], tables["units_most"].note, service))
    advised = narrative.advice(f) if audience == "leaders" and f.period.kind != "annual" else []
    if advised:
        found.append(
            Slide("建议会议研究的事项", [tight(one) for one in advised], "由系统按规则列出，供会前核定。", advice)
        )
    return found


def _basis(f: Findings) -> str:
    return tight(
        f"按登记日期计，{f.period.span}。环比与{exhibits.before(f)}比，同比与{exhibits.AGO[f.period.kind]}比；基数不足{wording.SMALL_BASE}件不算百分比。"
    )


def _headline(f: Findings, told: Told) -> str:
    total = narrative.row_of(f, "n_events")
    if total is None or total["n"] is None:
        return f"{f.period.word}登记诉求{narrative.counted(total, 'n') if total else narrative.UNKNOWN}"
    said = f"{f.period.word}登记诉求{wording.number(total['n'])}件"
    if total["n_before"] is None or total["n_before"] < wording.SMALL_BASE:
        return said
    return f"{said}，较{exhibits.before(f)}{told.change('诉求总量', total['n'], total['n_before'])}"


def _tiles(f: Findings) -> list[Tile]:
    tiles = []
    for row in f.totals.iter_rows(named=True):
        before = "比上年" if f.period.kind == "annual" else "环比"
        remarks = [f"{before} {row['change_words']}"]
        if f.period.kind != "annual":
            remarks.append(f"同比 {row['year_words']}")
        tiles.append(Tile(row["label"], narrative.counted(row, "n").removesuffix("件"), remarks))
    return tiles


def _course(f: Findings, told: Told) -> str:
    known = disclosure.without_marks(f.course).filter(pl.col("n_events").is_not_null() & ~pl.col("is_incomplete"))
    is_hidden = f.course["n_events" + disclosure.MARK].is_not_null().any()
    if len(known) < 3 or not f.is_complete or is_hidden:
        return f"{exhibits.span(f)}诉求件数"
    *rest, last = known["n_events"].to_list()
    span = exhibits.span(f)
    if last > max(rest):
        return f"{f.period.word}{wording.number(last)}件，为{span}最高"
    if last < min(rest):
        return f"{f.period.word}{wording.number(last)}件，为{span}最低"
    return f"{f.period.word}{wording.number(last)}件，{span}在{wording.number(min(rest))}—{wording.number(max(rest))}件之间"


def _sources(f: Findings, told: Told) -> str:
    top = f.sources.sort("n_events", descending=True).row(0, named=True)
    whole = sum(f.sources["n_events"])
    name = wording.SOURCES.get(top["source"], top["source"])
    return f"{name}{wording.number(top['n_events'])}件，占{told.share(f'{name}占比', top['n_events'], whole)}"


def _issues(f: Findings, told: Told) -> str:
    top = f.issues.filter(pl.col("n_events") > 0).row(0, named=True)
    is_first = not (f.issues["n_events" + disclosure.MARK] == disclosure.HIDDEN).any()
    said = f"{top['issue_name']}{'居首，' if is_first else ''}{wording.number(top['n_events'])}件"
    if top["change_share"] is None:
        return said
    return f"{said}，{told.compared(top['issue_name'], top['n_events'], top['n_events_before'], exhibits.before(f))}"


def _pareto(f: Findings, told: Told) -> str:
    counts = sorted(f.issues["n_events"].drop_nulls().to_list(), reverse=True)
    most = [running for running in accumulate(counts) if running < 0.8 * sum(counts)]
    return f"{told.count('占八成的事项', [*most, None], '个')}事项占了全部诉求的八成"


def _places(f: Findings, told: Told) -> str:
    top = f.towns.filter(pl.col("n_events") > 0).sort("n_events", "place_code", descending=[True, False]).head(3)
    names = "、".join(top["place_name"])
    return f"件数最多的是{names}" if names else "区域分布"


def _rising(f: Findings) -> str:
    top = f.rising.row(0, named=True)
    return f"{top['issue_name']}超出预期最多，{wording.number(top['observed'])}件，预期{wording.number(top['expected'], 1)}件"


def _n_warnings(f: Findings, told: Told) -> str:
    if f.warnings.is_empty():
        return _no_warnings(f)
    red = f.warnings.filter(pl.col("signal_level").is_in(["red", "orange"]))
    said = f"{f.period.word}{told.count('预警', f.warnings)}预警"
    return f"{said}，其中红橙{told.count('红橙预警', red)}" if len(red) else f"{said}，没有红色和橙色"


def _no_warnings(f: Findings) -> str:
    return f"{f.period.word}没有预警" if f.was_judged else f"{f.period.word}没有判定"


def _spoken(f: Findings) -> list[str]:
    found = []
    for row in f.warnings.head(N_WARNINGS).iter_rows(named=True):
        sentence = _cut(narrative.sentence_of(row, f))
        found.append(tight(f"{wording.level_text(row['signal_level'])}　{narrative.named(row)}：{sentence}"))
    return found


def _cut(sentence: str) -> str:
    """The first clauses that fit; a sentence is not torn inside a clause."""
    if len(sentence) <= SPOKEN:
        return sentence
    kept = ""
    for clause in sentence.replace("。", "；").split("；"):
        if kept and len(kept) + len(clause) > SPOKEN:
            break
        kept = f"{kept}；{clause}" if kept else clause
    return f"{kept}。"


def _followup(f: Findings, told: Told) -> str:
    said = f"{f.period.word_before}{told.count('上期预警', f.followup)}预警"
    if f.period.kind != "weekly":
        again = f.followup.filter("is_listed_again")
        return (
            f"{said}，{told.count('又列入的预警', again)}{f.period.word}又列入"
            if len(again)
            else f"{said}，{f.period.word}都没有再列入"
        )
    high = f.followup.filter(pl.col("outcome").str.contains("仍偏高"))
    return f"{said}，{told.count('仍偏高的预警', high)}仍偏高" if len(high) else f"{said}都没有再偏高"


def _service(f: Findings) -> str:
    rows = f.service.filter(
        pl.col("measure").is_in(["on_time_elapsed", "on_time_reported"]) & pl.col("value").is_not_null()
    )
    for row in rows.head(1).iter_rows(named=True):
        return f"到期{wording.number(row['denominator'])}件，按期率{row['value']:.1%}"
    return "办理质效"


def _units(f: Findings, told: Told) -> str:
    late = narrative.late_units(f)
    if len(late):
        return f"{told.count('按期率明显低的单位', late, '个')}单位按期率明显低于总体"
    return "各单位按期率都在偶然波动的范围内" if f.units["has_enough"].any() else "各单位样本不足，不排名"
