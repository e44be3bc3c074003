"""Before and after 销号: is the interval as sure as it says, are the figures those of the items, is nothing small told?"""

import datetime as dt
import json
import re

import duckdb
import numpy as np
import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from app import disclosure, page, similar
from app.casework import cases
from app.effect import AFTER, BEFORE, DURING, Effect, assess, comparable, matrix, sentence, spans
from app.parts import aftermath

MONDAY = dt.date(2026, 3, 2)


def parts_of(n_during: int, n_after: int, n_before: int = 52) -> np.ndarray:
    return np.repeat([BEFORE, DURING, AFTER], [n_before, n_during, n_after])


def drawn(seed: int, *, true=0.4, mean=2.0, raised=5.0, n_others=25, size=np.inf, straying=0.0, parts=None) -> Effect:
    """One city: the place is raised `raised` times while the warning stands, `true` times that afterwards; everywhere 10 %
    less afterwards. size: of the negative binomial; straying: sd of the log rate of a place in a stretch of weeks."""
    rng = np.random.default_rng(seed)
    parts = parts_of(3, 6) if parts is None else parts
    level = mean * np.exp(rng.uniform(-0.9, 0.9, n_others + 1))
    level[0] = mean
    means = np.outer(level, np.where(parts == AFTER, 0.9, 1.0))
    stretch = np.arange(len(parts)) // 3
    means *= np.exp(rng.normal(0, straying, (n_others + 1, stretch.max() + 1)))[:, stretch]
    means[0] *= np.select([parts == DURING, parts == AFTER], [raised, raised * true], 1.0)
    events = rng.poisson(means) if np.isinf(size) else rng.negative_binomial(size, size / (size + means))
    return assess(events, np.ones(events.shape), parts)


@pytest.mark.parametrize(
    "city",
    [
        {},
        {"size": 3},
        {"size": 3, "mean": 0.4, "raised": 15},
        {"size": 5, "straying": 0.25},
        {"size": 3, "n_others": 6},
        {"size": 3, "true": 1.0, "raised": 3.0, "mean": 5},
        {"size": 3, "parts": parts_of(6, 12)},
    ],
    ids=["poisson", "uneven", "small and uneven", "places stray", "few others", "no effect", "long spans"],
)
def test_the_interval_holds_the_true_effect_95_times_of_100(city):
    found = [effect for seed in range(400) if not (effect := drawn(seed, **city)).reason]
    true = city.get("true", 0.4)
    held = np.mean([effect.low <= true <= effect.high for effect in found])
    assert len(found) > 350 and 0.925 <= held <= 0.985, held  # 400 draws: 0.95 ± 0.02 by chance alone
    assert np.median([effect.ratio for effect in found]) == pytest.approx(true, rel=0.08)


def test_counts_as_even_as_poisson_get_a_narrower_interval_than_uneven_ones():
    width = [
        np.median([np.log(e.high / e.low) for e in (drawn(s, size=size) for s in range(60))]) for size in (np.inf, 2)
    ]
    assert width[0] * 1.4 < width[1]


def test_against_a_dull_reckoning():
    """Two spans of unlike bases: the others' common ratio item by item, as Greenland & Robins write it."""
    rng = np.random.default_rng(4)
    parts = parts_of(4, 5)
    base = rng.integers(5, 60, (9, len(parts)))
    events = rng.binomial(base, 0.3)
    found = assess(events, base, parts)
    above = below = 0.0
    for place in range(1, 9):
        a, d = (sum(events[place][parts == part]) for part in (AFTER, DURING))
        t_a, t_d = (sum(base[place][parts == part]) for part in (AFTER, DURING))
        above += a * t_d / (t_a + t_d)
        below += d * t_a / (t_a + t_d)
    assert found.others == pytest.approx(above / below)
    own = [(events[0][parts == part].sum() + 0.5) / base[0][parts == part].sum() for part in (DURING, AFTER)]
    assert found.own == pytest.approx(own[1] / own[0])
    assert found.ratio == pytest.approx(found.own / found.others)
    assert found.rates == pytest.approx([events[0][parts == p].sum() / base[0][parts == p].sum() for p in range(3)])


def test_what_happens_everywhere_is_no_effect():
    parts = parts_of(4, 4)
    counts = np.tile(np.where(parts == AFTER, 4, 12), (12, 1))
    found = assess(counts, np.ones(counts.shape), parts)
    assert found.own < 0.4 and found.ratio == pytest.approx(1, abs=0.03) and found.low < 1 < found.high


def test_a_gap_of_the_data_is_not_zero():
    parts = parts_of(4, 4)
    counts = np.full((12, len(parts)), 10)
    known = np.ones(counts.shape)
    known[:, -2:] = counts[:, -2:] = 0
    assert assess(counts, known, parts).own == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        (np.full((5, 60), 9), "可比的不足 5 个"),
        (np.vstack([np.full((1, 60), 9), np.zeros((9, 60))]), "可比地区、单位的件数太少"),
        (np.vstack([np.eye(1, 60, 53), np.full((9, 60), 9)]), "件数太少"),
    ],
)
def test_too_little_is_said_and_not_measured(counts, why):
    found = assess(counts, np.ones(counts.shape), parts_of(4, 4))
    assert found.reason == why and np.isnan(found.ratio) and "不下结论" in sentence(found, 5)


def test_spans_are_whole_weeks():
    between = spans(dt.date(2026, 3, 2), dt.date(2026, 3, 18), dt.date(2026, 4, 27))
    assert (between.before_on, between.closed_on, between.n_after) == (dt.date(2025, 3, 3), dt.date(2026, 3, 16), 6)
    assert np.bincount(between.parts()).tolist() == [52, 3, 6] and len(between.weeks()) == 61
    assert spans(MONDAY, dt.date(2026, 3, 18), dt.date(2026, 12, 28)).n_after == 12
    early = spans(MONDAY, dt.date(2026, 3, 18), dt.date(2026, 3, 16))
    assert early.n_after == 0 and early.parts().max() == DURING


def test_comparable_are_the_free_ones_of_like_size():
    size = np.array([30, 10, 9, 90, 95, 30, 30])
    assert comparable(size, np.array([True, True, True, True, True, False, True])).tolist() == [1, 3, 6]


def test_a_small_count_is_not_told():
    effect = Effect(4, 8, (1.0, 9.0, 0.5), (52, 36, 2), (1, 1, 1), 0.06, 0.9, 0.07, 0.02, 0.24, 0.8)
    said = sentence(effect, 5)
    assert "走势明显低于同类地区" in said and "不足 5 件" in said
    assert not set(re.findall(r"[\d.]+", said)) & {"0.06", "0.9", "0.07", "2", "7"} and "%" not in said
    few_before = Effect(4, 8, (0.1, 9, 5), (3, 36, 20), (1, 1, 1), 0.5, 0.9, 0.6, 0.4, 1.1, 2.0)
    assert "预警前一年" not in sentence(few_before, 5) and "看不出差别" in sentence(few_before, 5)


# ---------------------------------------------------------------- on the page

CLOSED_ON = dt.date(2026, 9, 16)
SCRIPT = """
import streamlit as st
from app import marts, page
from app.casework import cases
from app.parts import aftermath

def main():
    edition = page.start("试页", "试？")
    signal = st.session_state["signal"]
    known = cases.current([signal["signal_id"]])
    aftermath.effect(signal, known.row(0, named=True) if len(known) else None, edition)
    aftermath.similar_past(signal, edition)

st.navigation([st.Page(main, title="一", url_path="one"), st.Page("views/warning.py")], position="hidden").run()
"""


def make_signal(**columns) -> dict:
    return {
        "signal_id": "0a1b2c3d4e", "title": "云溪区 供暖", "kind": "excess", "signal_level": "orange", "place_level": "county",
        "place_code": "990101", "county_code": "990101", "issue_code": "0501", "group_code": "05", "unit_name": None,
        "since_on": dt.date(2026, 8, 24), "week_start_on": dt.date(2026, 9, 7),
    } | columns  # fmt: skip


def closed(signal: dict, *, on: dt.date = CLOSED_ON) -> None:
    """The case of a warning from 推送 to 销号."""
    unit = "云溪区住房和城乡建设局"
    steps = [
        ("push", "office", {"to_unit": unit}), ("sign", "unit", {}), ("measure", "unit", {"note": "抢修两处漏点，次日恢复"}),
        ("reply", "unit", {"note": "已恢复"}), ("close", "office", {"note": "回访属实", "finding": "confirmed"}),
    ]  # fmt: skip
    for seq, (action, role, said) in enumerate(steps):
        cases.act(
            signal, action, role=role, unit=unit if role == "unit" else None, expected_seq=seq,
            request_id=f"{signal['signal_id']}-{seq}", at=dt.datetime.combine(on, dt.time(9, seq)), **said,
        )  # fmt: skip


@pytest.fixture
def city(demo_home, monkeypatch, tmp_path):
    """The demo city's marts: SQL → rows; cases are kept beside them."""
    monkeypatch.setenv("YANPAN_HOME", str(demo_home.path))
    monkeypatch.setenv("YANPAN_STATE", f"sqlite:///{tmp_path / 'state.sqlite'}")
    monkeypatch.setattr(page, "today", lambda: dt.date(2026, 11, 16))
    with duckdb.connect(demo_home.marts / demo_home.current.read_text().strip(), read_only=True) as connection:
        yield lambda text: connection.execute(text).fetchall()


@pytest.fixture
def opened(tmp_path):
    """The blocks alone on a page, beside the page their links lead to."""
    (tmp_path / "views").mkdir()
    (tmp_path / "views" / "warning.py").write_text("")
    (tmp_path / "main.py").write_text(SCRIPT, encoding="utf-8")

    def run(signal: dict) -> tuple[AppTest, str]:
        at = AppTest.from_file(str(tmp_path / "main.py"), default_timeout=60)
        at.session_state["signal"] = signal
        at.run()
        assert not at.exception
        return at, re.sub(
            r"<style>.*?</style>|<[^>]+>", "", "\n".join(one.proto.body for one in at.get("html")), flags=re.S
        )

    return run


def test_the_course_is_that_of_the_items(city, opened):
    items = "(select e.*, i.group_code from event as e join issue as i on i.issue_code = e.issue_code)"
    group = city(f"select group_code from {items} group by 1 order by count(*) desc limit 1")[0][0]
    counties = f"select county_code from {items} where group_code = '{group}' and county_code is not null group by 1"
    [(county,)] = city(f"{counties} order by count(*) limit 1 offset 4")  # neither the largest nor the smallest of nine
    since_on, closed_on = dt.date(2026, 4, 6), dt.date(2026, 8, 19)
    signal = make_signal(issue_code=group, group_code=group, place_code=county, county_code=county, since_on=since_on)
    closed(signal, on=closed_on)
    at, said = opened(signal)
    assert "2026年8月19日销号" in said and "不能说明因果" in said and "销号后 12 周" in said
    spec = json.loads(at.get("plotly_chart")[0].proto.spec)
    assert {"本地", "同类地区"} <= {trace["name"] for trace in spec["data"]} and "预警至销号" in json.dumps(
        spec, ensure_ascii=False
    )
    counts = dict(
        city(
            f"""select case when registered_on < '2026-04-06' then 0 when registered_on < '2026-08-24' then 1 else 2 end, count(*)
            from {items} where county_code = '{county}' and group_code = '{group}'
            and registered_on between '2025-04-07' and '2026-11-15' group by 1"""
        )
    )
    own = (counts[2] + 0.5) / 12 / ((counts[1] + 0.5) / 20)
    assert f"件数为预警期间的 {own:.1f} 倍" in said


def test_nothing_is_compared_before_it_is_closed_or_too_early(city, opened):
    signal = make_signal()
    assert "销号前后" not in opened(signal)[1]
    closed(
        late := make_signal(signal_id="late", since_on=dt.date(2026, 11, 2)) | {"week_start_on": dt.date(2026, 11, 9)}
    )
    assert "走势" not in opened(late)[1]
    closed(whole := make_signal(signal_id="city", place_level="city", place_code="990100", county_code=None))
    assert "没有同类地区可比" in opened(whole)[1]


def test_a_unit_is_compared_with_units(city, opened):
    (unit, n_due, n_overdue) = city(
        "select unit_name, sum(n_due), sum(n_overdue) from weekly_outcome where unit_name is not null group by 1 order by 3 desc limit 1"
    )[0]
    signal = make_signal(kind="overdue", unit_name=unit, issue_code=None, group_code=None, title=f"{unit} 逾期偏多")
    closed(signal)
    _, said = opened(signal)
    assert (
        "与同类单位同期相比" in said
        and ("到期未办结占比为预警期间的" in said or "样本不足" in said)
        and n_due > n_overdue
    )


def test_what_leaves_the_screen_hides_small_counts():
    weeks = [MONDAY + dt.timedelta(weeks=n) for n in range(8)]
    courses = pl.DataFrame(
        {
            "period_start_on": weeks, "part": ["预警前"] * 4 + ["预警期间"] * 2 + ["销号后"] * 2,
            "n_own": [1, 0, 7, 8, 30, 22, 3, 9], "n_others": [40, 44, 38, 41, 39, 45, 40, 43],
            "index_own": [4.0, 0, 27, 31, 115, 85, 12, 35], "index_others": [95.0, 105, 90, 98, 93, 107, 95, 102],
        }
    )  # fmt: skip
    safe = aftermath.safe_courses(courses, 5)
    assert not [n for n in safe["n_own"].drop_nulls() if 0 < n < 5]
    assert safe["n_own"].null_count() > 2, "alone in its span, a small count follows from the sum"
    assert safe["index_own"].is_null().equals(safe["n_own"].is_null())
    assert safe["index_others" + disclosure.MARK].null_count() == 8


# ---------------------------------------------------------------- earlier ones like it


def test_the_most_alike_come_first():
    signal = make_signal()
    stories = pl.DataFrame(
        [
            {**signal, "last_on": MONDAY},  # itself
            make_signal(signal_id="town elsewhere", place_code="990102001", county_code="990102", last_on=MONDAY),
            make_signal(signal_id="town near", place_code="990101001", last_on=dt.date(2025, 1, 6)),
            make_signal(signal_id="here other", issue_code="0101", group_code="01", last_on=MONDAY),
            make_signal(signal_id="here group", issue_code="0502", last_on=MONDAY),
            make_signal(signal_id="here old", last_on=dt.date(2025, 1, 6)),
            make_signal(signal_id="here new", last_on=dt.date(2025, 6, 2)),
            make_signal(signal_id="nothing", place_code="990102", county_code="990102", issue_code="0101", group_code="01", last_on=MONDAY),
            make_signal(signal_id="unit", kind="overdue", unit_name="甲局", issue_code=None, group_code=None, last_on=MONDAY),
        ]
    )  # fmt: skip
    found = similar.ranked(signal, stories)
    assert found["signal_id"].to_list() == [
        "here new",
        "here old",
        "here group",
        "town near",
        "town elsewhere",
        "here other",
    ]
    assert found["tier"].to_list() == ["here"] * 3 + ["elsewhere"] * 2 + ["other"]
    assert similar.ranked(signal, stories, 2)["signal_id"].to_list() == ["here new", "here old"]
    about_unit = make_signal(signal_id="new", kind="overdue", unit_name="甲局", issue_code=None, group_code=None)
    assert similar.ranked(about_unit, stories)["signal_id"].to_list() == ["unit"]
    others = similar.ranked(about_unit | {"unit_name": "乙局"}, stories)
    assert others["tier"].to_list() == ["elsewhere"]


def test_how_it_ended_in_words():
    day = dt.datetime(2026, 3, 2, 9)
    case = {"reason": None, "finding": "confirmed", "opened_at": day, "ended_at": day + dt.timedelta(days=9)}
    assert similar.outcome(case | {"status": "closed"}) == "已销号（属实），用时 9 天"
    assert similar.outcome(case | {"status": "false_alarm", "reason": "season"}) == "误报（季节或节假日），用时 9 天"
    assert similar.outcome(case | {"status": "handling"}) == "处置中" and similar.outcome(None) == "未交办"


def test_earlier_warnings_with_and_without_cases(city, opened):
    latest = city("select signal_id, place_code, issue_code from signal order by since_on limit 1")
    if not latest:
        pytest.skip("演示数据里没有预警")
    (earlier, place, issue) = latest[0]
    signal = make_signal(place_code=place, issue_code=issue, week_start_on=dt.date(2026, 11, 9))
    _, said = opened(signal)
    assert "未交办" in said and "此前没有类似的预警" not in said
    [(title, level, code)] = city(
        f"select title, place_level, place_code from signal where signal_id = '{earlier}' order by week_start_on limit 1"
    )
    closed(make_signal(signal_id=earlier, title=title, place_level=level, place_code=code, issue_code=issue))
    at, said = opened(signal)
    assert "已销号（属实），用时 0 天" in said and "云溪区住房和城乡建设局：已恢复" in said
    assert [link.proto for link in at.get("page_link")]


def test_rows_as_a_matrix():
    rows = pl.DataFrame({"code": ["a", "c", "z"], "week_start_on": [MONDAY] * 3, "n": [3, 4, 9]})
    assert matrix(rows, ["a", "b", "c"], [MONDAY, MONDAY + dt.timedelta(weeks=1)], "n").tolist() == [
        [3, 0],
        [0, 0],
        [4, 0],
    ]
