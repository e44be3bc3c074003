"""What a report says: every number rests on a finding, whoever reads it, whatever is missing."""

import dataclasses
import re
from datetime import date

import polars as pl
import pytest

from app import reader
from app.reports import checking, figures, narrative, periods
from app.reports.model import Heading, Paragraph, Report, Slide, Table
from app.reports.told import Told, tight

KINDS = {"weekly": "2026-W46", "monthly": "2026-10", "quarterly": "2026-Q3", "annual": "2025"}


@pytest.fixture(scope="module")
def ask(demo_home):
    with reader.asking(demo_home.marts / demo_home.current.read_text().strip()) as asked:
        yield asked


@pytest.fixture(autouse=True)
def own_state(monkeypatch, tmp_path):
    monkeypatch.setenv("YANPAN_STATE", f"sqlite:///{tmp_path / 'state.sqlite'}")


def told(found: figures.Findings, audience: str = "leaders", **more) -> Report:
    words = {"number": "2026年第46期", "office": "安澜市诉求研判中心", "issued_on": date(2026, 11, 16)} | more
    return narrative.tell(found, audience=audience, **words)


known: dict[tuple, figures.Findings] = {}


def find(ask, kind: str, area: str | None = None) -> figures.Findings:
    """The findings, worked out once a test process."""
    if (kind, area) not in known:
        known[kind, area] = figures.find(ask, periods.parse(kind, KINDS[kind]), area)
    return known[kind, area]


def text(report: Report) -> str:
    return "\n".join(
        f"{block.lead}{block.text}" if isinstance(block, Paragraph) else block.text
        for block in report.blocks
        if isinstance(block, Paragraph | Heading)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_of_every_period_is_a_finding(ask, kind):
    found = find(ask, kind)
    for audience in ("leaders", "units"):
        report = told(found, audience)
        assert checking.unsupported(report, found) == []
        assert len(report.slides) >= 5 and len(text(report)) > 300


def test_a_number_from_nowhere_is_found(ask):
    found = find(ask, "weekly")
    report = told(found)
    for wrong, number in (("全市另有 7,312 件。", "7,312"), ("满意率 99.7%。", "99.7%")):
        spoilt = dataclasses.replace(report, blocks=[*report.blocks, Paragraph(wrong)])
        assert [fault for fault in checking.unsupported(spoilt, found) if f"“{number}”" in fault]
    slide = Slide("本周 7,312 件", ["供暖 7,312 件"])
    assert len(checking.unsupported(dataclasses.replace(report, slides=[*report.slides, slide]), found)) == 2


def test_a_sum_that_is_wrong_is_found(ask):
    """What was worked out is worked out again: a derived figure whose parts give another one, or are no findings."""
    found = find(ask, "weekly")
    report = told(found)
    right = next(one for one in report.derived if one.how == "difference")
    for wrong in (
        dataclasses.replace(right, value=right.value + 1),
        dataclasses.replace(right, parts=(right.parts[0] + 0.5, right.parts[1] + 0.5)),
    ):
        faults = checking.unsupported(dataclasses.replace(report, derived=[*report.derived, wrong]), found)
        assert any("推算" in fault for fault in faults)


def test_what_was_derived_stands_in_the_workbook(ask):
    report = told(find(ask, "weekly"))
    derived = next(table for table in report.sheets if table.key == "derived")
    row = derived.frame.filter(pl.col("label") == "诉求总量与上周之差").row(0, named=True)
    now, before = (float(part.replace(",", "")) for part in row["parts"].split("、"))
    assert row["said"] == f"{abs(now - before):,.0f}件" and row["how"] == "相减"
    assert row["said"] in text(report)


def test_sections_in_the_order_of_the_house(ask):
    headings = [
        block.text for block in told(find(ask, "weekly")).blocks if isinstance(block, Heading) and block.level == 1
    ]
    assert headings == [
        "一、基本情况",
        "二、突出问题",
        "三、预警研判",
        "四、上周预警回看",
        "五、办理质效",
        "六、工作建议",
    ]


def test_units_are_told_what_to_do_and_no_advice_to_leaders(ask):
    found = find(ask, "weekly")
    report = told(found, "units")
    said = text(report)
    assert "二、需办理的预警" in said and "工作建议" not in said and "不打听、不透露是谁反映的" in said
    for unit in found.warnings["responsible_unit"].drop_nulls():
        assert unit in said


def test_the_first_sentence_is_right(ask):
    """Against the rows of the findings, by hand."""
    found = find(ask, "weekly")
    total = found.totals.filter(pl.col("measure") == "n_events").row(0, named=True)
    said = text(told(found))
    more = total["n"] - total["n_before"]
    assert f"共登记诉求{total['n']:,}件，较上周{'增加' if more > 0 else '减少'}{abs(more):,}件" in said


def test_a_week_without_warnings_and_without_items(ask):
    found = find(ask, "weekly")
    none = dataclasses.replace(
        found, warnings=found.warnings.clear(), followup=found.followup.clear(), rising=found.rising.clear()
    )
    said = text(told(none))
    assert "没有达到预警门槛的事项。" in said and "上周没有预警。" in said
    assert checking.unsupported(told(none), none) == []
    zero = found.totals.with_columns(
        pl.lit(0).cast(pl.Int64).alias("n"), pl.lit(None, pl.Float64).alias("change_share")
    )
    names = (
        "sources",
        "channels",
        "purposes",
        "groups",
        "issues",
        "places",
        "units",
        "matters",
        "concerns",
        "hot",
        "towns",
    )
    empty = {name: getattr(found, name).clear() for name in names}
    nothing = dataclasses.replace(none, totals=zero, service=found.service.clear(), **empty)
    report = told(nothing)
    assert "共登记诉求0件" in text(report) and checking.unsupported(report, nothing) == []
    assert any(isinstance(block, Table) and block.frame.is_empty() for block in told(nothing, "units").blocks) is False


def test_a_week_nobody_judged_does_not_sound_calm(ask):
    found = dataclasses.replace(find(ask, "weekly"), was_judged=False)
    calm = dataclasses.replace(found, warnings=found.warnings.clear(), rising=found.rising.clear())
    assert "没有判定" in text(told(calm)) and "没有超出往年" not in text(told(calm))


def test_a_county_speaks_of_itself(ask):
    found = find(ask, "weekly", area="990101")
    report = told(found)
    assert report.title == f"{found.area.name}诉求风险研判周报" and "全市" not in text(report)
    assert checking.unsupported(report, found) == []


def test_hidden_counts_stay_hidden(ask):
    """A town has small counts everywhere: none is said."""
    found = find(ask, "weekly", area="990101001")
    report = told(found)
    marked = found.issues.filter(pl.col("n_events__mark").is_not_null())["issue_name"].to_list()
    assert marked, "the town hides nothing: the test is void"
    for name in marked:
        assert not re.search(rf"{re.escape(name)}\d", text(report))
    assert checking.unsupported(report, found) == []


def test_small_bases_get_no_per_cent():
    assert Told().compared("x", 12, 5, "上周") == "较上周增加7件（基数小，不算百分比）"
    assert Told().compared("x", 110, 100, "上周") == "较上周增加10件，上升10.0%"
    assert Told().compared("x", 5, None, "上周") == "上周无可比数据"
    assert Told().compared("x", 5, 5, "上周") == "与上周持平"


def test_print_has_no_blanks_between_chinese_and_figures():
    assert tight("供暖 48 件，<5 件，“热线” 12 件") == "供暖48件，<5件，“热线”12件"
    assert tight("Word 2026 版") == "Word 2026版"


def test_a_clock_that_runs_ahead_of_the_data_is_told(ask):
    found = find(ask, "weekly")
    assert not any("期限算到" in note for note in told(found).notes)
    later = dataclasses.replace(found, as_of=date(2026, 11, 22))
    assert any("数据只到2026年11月15日，期限算到2026年11月22日" in note for note in told(later).notes)
    assert checking.unsupported(told(later), later) == []
