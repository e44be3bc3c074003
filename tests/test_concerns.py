"""诉求群体: sums of issues by city and county, judged as other series; small ones stay unsaid, persons stay out."""

import csv
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from app import disclosure, page
from app.parts import concerns
from tests.test_views import copied, opened, said, sql

SEEDS = Path(__file__).resolve().parents[1] / "sql" / "seeds"
LAST = date(2026, 11, 9)


def seed(name: str) -> list[dict[str, str]]:
    with (SEEDS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_group_is_a_set_of_known_issues_that_are_not_counted_only():
    issues = {row["issue_code"]: row for row in seed("issue.csv")}
    codes = [row["issue_code"] for row in seed("concern_group.csv")]
    assert len(codes) == len(set(codes))  # one group or none
    assert {issues[code]["is_counted_only"] for code in codes} == {"false"}
    assert "1106" not in codes  # 退役安置与优抚: a matter of policy, no group to watch


def test_the_mart_is_the_sum_of_the_items(demo_home):
    """Every week, group and place, counted item by item."""
    group_of = {row["issue_code"]: row["concern_group"] for row in seed("concern_group.csv")}
    rows = sql(demo_home, "select week_start_on, place_code, concern_group, observed from weekly_concern")
    first = min(week for week, *_ in rows)
    counted: Counter = Counter()
    for day, county, issue in sql(demo_home, "select registered_on, county_code, issue_code from event"):
        week = day - timedelta(days=day.weekday())
        if issue in group_of and first <= week <= LAST:
            counted[week, "990100", group_of[issue]] += 1
            if county:
                counted[week, county, group_of[issue]] += 1
    given = {(week, place, group): n for week, place, group, n in rows}
    assert len(given) == len(rows)
    assert {key: n for key, n in given.items() if n} == counted  # a week left out is a week without an item


def figures(*counties: tuple[str, int, int], group: str = "业主") -> pl.DataFrame:
    """City and counties of one group: (code, this week, 13 weeks)."""
    rows = [("990100", sum(n for _, n, _ in counties), sum(n for *_, n in counties)), *counties]
    return pl.DataFrame(
        [
            (group, "city" if code == "990100" else "county", code, f"地方{code}", n, total, 1.0, 4.0, "alarm", [n])
            for code, n, total in rows
        ],
        schema=["concern_group", "place_level", "place_code", "place_name", "observed", "n_events", "expected",
                "upper_bound", "status", "course"],
        orient="row",
    )  # fmt: skip


def issues(*codes: str, group: str = "业主") -> pl.DataFrame:
    return pl.DataFrame({"concern_group": [group] * len(codes), "issue_code": list(codes)})


def cells(safe: pl.DataFrame, name: str) -> dict[str, object]:
    """What is read in the column: place_code → count or mark."""
    mark = safe[name + disclosure.MARK]
    return {code: m or n for code, m, n in zip(safe["place_code"], mark, safe[name], strict=True)}


def test_a_group_of_fewer_than_twenty_items_is_not_said():
    safe = concerns.safe_figures(figures(("990101", 9, 20), ("990102", 9, 19), ("990103", 0, 0)), issues("0201"))
    assert cells(safe, "observed") == {"990100": 18, "990101": 9, "990102": "样本不足", "990103": "样本不足"}
    few = safe.filter("is_few")
    assert few.select("observed", "n_events", "expected", "upper_bound", "status").null_count().row(0) == (2,) * 5


def test_a_small_count_takes_another_along_and_its_verdict():
    safe = concerns.safe_figures(figures(("990101", 3, 40), ("990102", 9, 50), ("990103", 30, 90)), issues("0201"))
    assert cells(safe, "observed") == {"990100": 42, "990101": "<5", "990102": "隐去", "990103": 30}
    assert cells(safe, "status") == {"990100": "alarm", "990101": "隐去", "990102": "隐去", "990103": "alarm"}


def test_one_issue_about_children_or_health_raises_the_bar_of_its_group():
    given = figures(("990101", 8, 40), ("990102", 30, 50), ("990103", 40, 90))
    assert cells(concerns.safe_figures(given, issues("0201")), "observed")["990101"] == 8
    assert cells(concerns.safe_figures(given, issues("0201", "0901")), "observed")["990101"] == "<10"


def test_large_groups_come_first_and_a_county_does_not_tell_its_order():
    several = pl.concat(
        [figures(("990101", 7, 40), ("990102", 9, 50)), figures(("990101", 70, 400), ("990102", 0, 0), group="务工者")]
    )
    safe = concerns.safe_figures(several, pl.concat([issues("0201"), issues("0301", group="务工者")]))
    for place in ("990100", "990102"):
        assert safe.filter(pl.col("place_code") == place)["concern_group"].to_list() == ["务工者", "业主"]


def county_with_enough(home) -> tuple[str, str]:
    """A county and group of at least MIN_ITEMS items in the last 13 weeks."""
    return sql(
        home,
        "select place_code, concern_group from weekly_concern where place_level = 'county' "
        f"and week_start_on > date '{LAST}' - 91 group by all having sum(observed) >= 20 order by sum(observed) desc",
    )[0]


def test_the_tab_shows_every_group_and_one_of_them(full):
    at = opened("early_warnings", part="诉求群体", concern="务工者")
    assert not at.exception
    assert "不是人员名单，也不识别任何人" in said(at) and "务工者安澜市" in said(at)
    groups = at.dataframe[0].value
    assert set(groups["concern_group"]) == {row["concern_group"] for row in seed("concern_group.csv")}
    counted = dict(
        sql(
            full,
            "select g.concern_group, count(*) from event join concern_group as g using (issue_code) "
            f"where registered_on between date '{LAST}' - 84 and date '{LAST}' + 6 group by all",
        )
    )
    for name, shown in groups.set_index("concern_group")["n_events"].items():
        n = counted.get(name, 0)
        assert str(shown).strip() == (f"{n:,}" if n >= concerns.MIN_ITEMS else "样本不足"), name


def test_a_county_says_no_small_figure(full):
    county, group = county_with_enough(full)
    at = opened("early_warnings", part="诉求群体", county=county, concern=group)
    assert not at.exception
    table = at.dataframe[0].value
    assert "course" not in table.columns
    for name in ("observed", "n_events"):
        shown = [str(cell).strip() for cell in table[name]]
        assert not [cell for cell in shown if cell.isdigit() and 0 < int(cell) < 5]
    assert "样本不足" in {str(cell).strip() for cell in table["n_events"]}
    assert "分县区" not in said(at)


def test_a_small_group_of_a_county_has_no_course(full):
    at = opened("early_warnings", part="诉求群体", county="990109", concern="企业与个体户")
    assert not at.exception
    assert "不足 20 件，样本不足，不列数字" in said(at)
    assert not at.get("plotly_chart")


def test_the_warnings_of_a_group_are_those_of_its_issues(full):
    rows = sql(
        full,
        "select week_start_on, concern_group, sentence from signal join concern_group using (issue_code) "
        "where observed >= 10 order by all desc limit 1",
    )
    week, group, sentence = rows[0]
    code = f"{week.isocalendar().year}-W{week.isocalendar().week:02d}"
    at = opened("early_warnings", part="诉求群体", concern=group, week=code)
    other = next(name for name in at.dataframe[0].value["concern_group"] if name != group)
    assert page.wording.escape(sentence) in said(at)
    assert page.wording.escape(sentence) not in said(
        opened("early_warnings", part="诉求群体", concern=other, week=code)
    )


def test_a_week_without_verdicts_and_an_unknown_group(full):
    at = opened("early_warnings", part="诉求群体", week="2023-W10")
    assert not at.exception and "没有判定" in said(at)
    at = opened("early_warnings", part="诉求群体", concern="张三")
    assert not at.exception and "张三" not in said(at)


def test_stale(full, monkeypatch):
    monkeypatch.setattr(page, "today", lambda: date(2027, 1, 4))
    at = opened("early_warnings", part="诉求群体")
    assert not at.exception and "最近一次登记是 2026年11月15日" in said(at)


def test_empty(empty_home):
    at = opened("early_warnings", part="诉求群体")
    assert not at.exception and "尚无数据" in said(at)


def test_categories_of_ours_unknown_leave_the_groups_empty(full, monkeypatch, tmp_path):
    """An office whose categories meet none of our issues: a table of groups, all too small."""
    home = copied(full, tmp_path, "delete from weekly_concern")
    monkeypatch.setenv("YANPAN_HOME", str(home))
    at = opened("early_warnings", part="诉求群体")
    assert not at.exception
    assert {str(cell).strip() for cell in at.dataframe[0].value["n_events"]} == {"样本不足"}
