"""Can a hidden count be worked out? An attacker who knows everything published tries, by linear programming."""

import datetime as dt
import io
import itertools

import numpy as np
import openpyxl
import polars as pl
import pytest
from scipy.optimize import linprog

from app import disclosure, server, warned, wording
from app.disclosure import FREE, HIDDEN, MARK, protect, suppress
from app.exports import csv_text, workbook
from app.parts import course

RNG_SEEDS = range(30)


def attack(values, ks, tail, head, hidden, is_mute, *, knows_size=True) -> dict[int, tuple[float, float]]:
    """The bounds of every hidden cell, given all shown cells, all totals and what the marks say.

    Totals of network nodes: flow out − flow in is published. 「<k」 means 0 … k−1, 「隐去」 k or more — unless a whole
    group is mute. LP bounds of a network with whole capacities are whole numbers: what holds here holds for counts.
    """
    at = np.flatnonzero(hidden)
    limits = [
        (0, None)
        if is_mute[i]
        else (0, int(ks[i]) - 1)
        if values[i] < ks[i]
        else (int(ks[i]) if knows_size else 0, None)
        for i in at
    ]
    nodes = [node for node in np.unique(np.concatenate([tail, head])) if node != FREE]
    matrix = np.array([[(tail[i] == node) * 1.0 - (head[i] == node) * 1.0 for i in at] for node in nodes])
    right = matrix @ values[at] if len(nodes) else np.zeros(0)
    bounds = {}
    for k, cell in enumerate(at):
        goal = np.zeros(len(at))
        goal[k] = 1
        both = [
            linprog(sign * goal, A_eq=matrix if len(nodes) else None, b_eq=right if len(nodes) else None, bounds=limits)
            for sign in (1, -1)
        ]
        low = both[0].fun
        high = np.inf if both[1].status == 3 else -both[1].fun
        assert both[0].status == 0 and both[1].status in (0, 3)
        bounds[int(cell)] = (low, high)
    return bounds


def is_protected(values, ks, tail, head) -> tuple[np.ndarray, np.ndarray]:
    """Protects, attacks, and holds the result to the promise in app/disclosure.py."""
    hidden, is_mute = protect(values, ks, tail, head)
    small = (values > 0) & (values < ks)
    assert hidden[small].all()
    for cell, (low, high) in attack(values, ks, tail, head, hidden, is_mute).items():
        wanted = (ks[cell] - 1) // 2 if small[cell] else 1 if values[cell] else 0  # a zero is no secret
        assert high - low >= wanted - 1e-6, (cell, values[cell], low, high)
    return hidden, is_mute


def edges(within, frame, values, ks):
    return disclosure._margins(frame, within, values, ks)


@pytest.mark.parametrize("k", [2, 3, 5, 10])
@pytest.mark.parametrize("seed", RNG_SEEDS)
def test_one_way_tables_hold_against_an_attacker(seed, k):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 16))
    values = rng.negative_binomial(1, 1 / rng.uniform(2, 15), n)
    ks = np.full(n, k)
    frame = pl.DataFrame({"group": rng.integers(0, 3, n)})
    tail, head = edges((("group",),), frame, values, ks)
    hidden, is_mute = is_protected(values, ks, tail, head)
    for node in set(tail.tolist()) - {FREE}:
        gone = values[(tail == node) & hidden].sum()
        assert gone == 0 or gone >= k or is_mute[tail == node].any()


@pytest.mark.parametrize("k", [3, 5, 10])
@pytest.mark.parametrize("seed", RNG_SEEDS)
def test_two_way_tables_hold_against_an_attacker(seed, k):
    rng = np.random.default_rng(seed)
    n_rows, n_columns = rng.integers(2, 8, 2)
    mean = rng.uniform(1, 14)
    values = rng.negative_binomial(1, 1 / (1 + mean), n_rows * n_columns)
    rows, columns = np.divmod(np.arange(len(values)), n_columns)
    ks = np.full(len(values), k)
    tail, head = edges((("row",), ("column",)), pl.DataFrame({"row": rows, "column": columns}), values, ks)
    is_protected(values, ks, tail, head)


@pytest.mark.parametrize("seed", RNG_SEEDS)
def test_places_within_places_hold_against_an_attacker(seed):
    rng = np.random.default_rng(seed)
    frame = make_places(rng)
    values, ks = frame["n_events"].to_numpy(), np.full(len(frame), 5)
    is_protected(values, ks, *disclosure._tree(frame, "place_code", "parent_code"))


def make_places(rng, mean: float | None = None) -> pl.DataFrame:
    """A city of random counties, towns and communities; every count the sum of those below."""
    mean = mean or rng.uniform(0.5, 12)
    rows = []
    for county in range(rng.integers(1, 5)):
        for town in range(rng.integers(1, 5)):
            for community in range(rng.integers(1, 6)):
                n = int(rng.negative_binomial(0.7, 0.7 / (0.7 + mean)))
                rows.append((f"{county}/{town}/{community}", f"{county}/{town}", n))
    below = pl.DataFrame(rows, schema=["place_code", "parent_code", "n_events"], orient="row")
    levels = [below]
    for parent in (pl.col("parent_code").str.extract(r"^(\d+)/"), pl.lit("city")):
        above = levels[-1].group_by(pl.col("parent_code").alias("place_code")).agg(pl.col("n_events").sum())
        levels.append(
            above.sort("place_code")
            .with_columns(pl.col("place_code").alias("parent_code"))
            .with_columns(parent.alias("parent_code"))
            .select("place_code", "parent_code", "n_events")
        )
    city = pl.DataFrame({"place_code": ["city"], "parent_code": [None], "n_events": [below["n_events"].sum()]})
    return pl.concat([*levels, city.select("place_code", "parent_code", "n_events")], how="vertical_relaxed")


@pytest.mark.parametrize("seed", range(60))
def test_where_small_totals_of_a_city_are_known_no_small_count_is_exact(seed):
    """The weaker promise, both kinds of table: the city's total is published even where it is 1 … k−1."""
    rng = np.random.default_rng(seed)
    places = make_places(rng, rng.uniform(0.05, 1)).head(-1)
    n_rows, n_columns = rng.integers(2, 7, 2)
    rows, columns = np.divmod(np.arange(n_rows * n_columns), n_columns)
    table = pl.DataFrame({"row": rows, "column": columns, "n_events": rng.poisson(rng.uniform(0.1, 3), len(rows))})
    values = table["n_events"].to_numpy()
    ks = np.full(len(values), 5)
    margins = disclosure._margins(table, (("row",), ("column",)), values, ks, small_totals=True)
    above, below = disclosure._tree(places, "place_code", "parent_code")
    city = np.where((places["parent_code"] == "city").to_numpy(), above.max() + 1, above)  # a total that is shown
    for counts, tail, head in ((values, *margins), (places["n_events"].to_numpy(), city, below)):
        fives, everything = np.full(len(counts), 5), np.ones(len(counts), bool)
        exact = []
        for hidden, is_mute in (protect(counts, fives, tail, head), (everything, everything)):
            bounds = attack(counts, fives, tail, head, hidden, is_mute)
            exact.append({cell for cell, (low, high) in bounds.items() if high - low < 1 - 1e-6})
        told = {cell for cell in exact[0] - exact[1] if 0 < counts[cell] < 5}
        assert not told, "exact, though hiding more would have helped"


@pytest.mark.parametrize("seed", range(12))
def test_rows_with_different_thresholds(seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 25, 12)
    ks = rng.choice([5, 10], 12)
    tail, head = edges(((),), pl.DataFrame({"x": range(12)}), values, ks)
    is_protected(values, ks, tail, head)


def test_every_small_one_way_table_by_counting():
    """All tables of three cells up to 7, k = 3: the attacker lists every table that would look the same."""
    for values in itertools.product(range(8), repeat=3):
        counts, ks = np.array(values), np.full(3, 3)
        tail, head = edges(((),), pl.DataFrame({"x": range(3)}), counts, ks)
        hidden, is_mute = protect(counts, ks, tail, head)
        alike = [
            other
            for other in itertools.product(range(25), repeat=3)
            if (tail[0] == FREE or sum(other) == sum(values))
            and all(o == v for o, v, gone in zip(other, values, hidden, strict=True) if not gone)
            and all(
                mute or (o < 3) == (v < 3)
                for o, v, gone, mute in zip(other, values, hidden, is_mute, strict=True)
                if gone
            )
        ]
        for cell in np.flatnonzero(hidden):
            assert len({other[cell] for other in alike}) >= 2, values


# ---------------------------------------------------------------- tables


def make_towns(**columns) -> pl.DataFrame:
    return pl.DataFrame({"place_code": list("abcdef"), "n_events": [40, 8, 3, 0, 12, None], **columns})


def test_a_small_count_takes_the_smallest_other_with_it():
    safe = suppress(make_towns(), measures=["n_events"], k=5)
    assert safe["n_events"].to_list() == [40, None, None, 0, 12, None]
    assert safe["n_events" + MARK].to_list() == [None, HIDDEN, "<5", None, None, None]


def test_what_is_worked_out_from_a_hidden_count_goes_too():
    towns = make_towns(
        rate=[1.0, 2.0, 3.0, 0.0, 5.0, None], n_before=[1, 30, 30, 30, 30, 30], change=[None, 0.1, 0.2, 0.3, 0.4, None]
    )
    derived = {"rate": ["n_events"], "change": ["n_events", "n_before"]}
    safe = suppress(towns, measures=["n_events", "n_before"], k=5, derived=derived)
    assert safe["rate"].to_list() == [1.0, None, None, 0.0, 5.0, None]
    assert safe["rate" + MARK].to_list() == [None, HIDDEN, HIDDEN, None, None, None]
    assert safe["n_before"].null_count() == 2 and safe["n_before" + MARK][0] == "<5"
    assert safe["change"].to_list()[1:3] == [None, None]
    assert safe["change" + MARK][0] is None, "nothing was there to hide"


def test_the_order_of_rows_does_not_tell():
    frame = make_towns().sort("n_events", descending=True, nulls_last=True)
    safe = suppress(frame, measures=["n_events"], k=5, sort_hidden_by="place_code")
    assert safe["place_code"].to_list() == ["a", "e", "b", "c", "d", "f"]


def test_without_published_totals_only_small_counts_go():
    safe = suppress(make_towns(), measures=["n_events"], k=5, within=())
    assert safe["n_events" + MARK].to_list() == [None, None, "<5", None, None, None]


def test_a_total_that_is_small_itself_is_not_published_and_protects_nothing():
    safe = suppress(pl.DataFrame({"n": [3, 0, 0]}), measures=["n"], k=5)
    assert safe["n" + MARK].to_list() == ["<5", None, None]
    city = suppress(pl.DataFrame({"n": [3, 0, 0]}), measures=["n"], k=5, small_totals=True)
    assert city["n" + MARK].to_list().count("<5") == 2, "a zero is hidden with it where the total is known"


def test_a_published_row_is_never_hidden():
    told = pl.Series([False, True, False, False, False, False])
    safe = suppress(make_towns(), measures=["n_events"], k=5, shown={"n_events": told})
    assert safe["n_events"].to_list() == [40, 8, None, 0, None, None]


@pytest.mark.parametrize("k", [0, 1])
def test_off_is_off(k):
    safe = suppress(make_towns(), measures=["n_events"], k=k)
    assert safe["n_events"].equals(make_towns()["n_events"]) and not disclosure.marked(safe)


def test_the_same_table_twice_and_in_another_order():
    rng = np.random.default_rng(5)
    frame = pl.DataFrame({"code": [f"{n:03d}" for n in range(60)], "n": rng.permutation(60)})
    marks = [
        dict(suppress(f, measures=["n"], k=5).select("code", "n" + MARK).iter_rows())
        for f in (frame, frame, frame.reverse())
    ]
    assert marks[0] == marks[1] == marks[2]


def test_three_margins_are_refused():
    with pytest.raises(ValueError, match="two"):
        suppress(make_towns(), measures=["n_events"], k=5, within=(("place_code",), (), ("n_events",)))


def test_a_thousand_places_are_quick():
    import time

    frame = pl.concat(
        [
            make_places(np.random.default_rng(seed), 4).with_columns(
                pl.all().exclude("n_events").cast(pl.String) + f"@{seed}"
            )
            for seed in range(60)
        ]
    )
    assert len(frame) > 1000
    start = time.process_time()
    suppress(frame, measures=["n_events"], k=5, tree=("place_code", "parent_code"))
    assert time.process_time() - start < 3


# ---------------------------------------------------------------- settings


def test_the_smallest_cell_is_set_by_the_environment(monkeypatch):
    assert disclosure.min_cell() == 5 and disclosure.threshold("0501", "05") == 5
    assert disclosure.threshold("1002") == disclosure.threshold(None, "09") == disclosure.threshold("1102", "11") == 10
    assert disclosure.threshold("1108") == 5
    assert "小于 5" in disclosure.note() and "以 10 为界" in disclosure.note()
    monkeypatch.setenv(disclosure.SETTING, "20")
    assert disclosure.threshold("1002") == disclosure.threshold() == 20
    assert "小于 20" in disclosure.note() and "以 10 为界" not in disclosure.note()
    monkeypatch.setenv(disclosure.SETTING, "0")
    assert disclosure.threshold("1002") == 0 and "只供内部使用" in disclosure.note()


@pytest.mark.parametrize("said", ["-1", "五", "5.5", "off"])
def test_a_setting_nobody_can_read_stops_the_server(monkeypatch, capsys, said):
    monkeypatch.setenv(disclosure.SETTING, said)
    with pytest.raises(disclosure.BadSetting, match="应为 0 或正整数"):
        disclosure.min_cell()
    assert server.main(["--port", "0"]) == 2
    assert said in capsys.readouterr().err


def test_rows_get_the_threshold_of_their_issue():
    frame = pl.DataFrame({"issue_code": ["0501", "1002", "1102"]})
    assert disclosure.thresholds(frame).to_list() == [5, 10, 10]
    assert disclosure.thresholds(pl.DataFrame({"label": ["a", "b"]}), "10").to_list() == [10, 10]


# ---------------------------------------------------------------- what leaves


def test_marks_stand_as_text_in_excel_and_csv():
    safe = suppress(
        make_towns(rate=[1.0, 2.0, 3.0, 0.0, 5.0, None]), measures=["n_events"], k=5, derived={"rate": ["n_events"]}
    )
    book = openpyxl.load_workbook(io.BytesIO(workbook.xlsx(safe, title="x", notes=[disclosure.note()])))
    rows = list(book["数据"].iter_rows(values_only=True))
    assert rows[0] == ("区域代码", "件数", "rate") and len(rows[0]) == 3
    assert [row[1] for row in rows[1:]] == [40, HIDDEN, "<5", 0, 12, None]
    assert [row[2] for row in rows[1:]] == [1, HIDDEN, HIDDEN, 0, 5, None]
    assert "小于 5 的格子写作" in book["口径"]["A3"].value
    lines = csv_text.csv_bytes(safe).decode("utf-8-sig").splitlines()
    assert lines == [
        "区域代码,件数,rate",
        "a,40,1.0",
        f"b,{HIDDEN},{HIDDEN}",
        f"c,<5,{HIDDEN}",
        "d,0,0.0",
        "e,12,5.0",
        "f,,",
    ]


def test_a_picture_has_the_hidden_rows_as_one():
    frame = pl.DataFrame({"label": list("abcd"), "value": [30, 9, 3, 2]})
    shown = disclosure.rolled_up(suppress(frame, measures=["value"], k=5), frame, label="label", measure="value")
    assert shown["value"].sum() == 44 and shown["label"].to_list() == ["a", "b", "其余 2 项（未分列）"]
    few = pl.DataFrame({"label": ["a", "b"], "value": [1, 2]})
    assert disclosure.rolled_up(suppress(few, measures=["value"], k=5), few, label="label", measure="value").is_empty()


def test_a_week_is_hidden_this_year_and_last_year_alike():
    weeks = [dt.date(2025, 11, 17) + dt.timedelta(weeks=n) for n in range(104)]
    counts = [n % 9 + 3 for n in range(156)]
    series = pl.DataFrame({"period_start_on": weeks, "n_events": counts[52:], "n_events_year_ago": counts[:104]})
    safe = course.safe_course(series.with_columns(is_alarm=pl.lit(True)), 5)
    assert safe["n_events" + MARK][:52].to_list() == safe["n_events_year_ago" + MARK][52:].to_list()
    assert all(
        (mark is None) == (n >= 5) or mark == HIDDEN
        for mark, n in zip(safe["n_events" + MARK], counts[52:], strict=True)
    )
    assert safe["is_alarm"].is_null().equals(safe["n_events"].is_null()), "an alarm would bound the count"


def make_signal(**columns) -> dict:
    return {
        "issue_code": "1002", "issue_name": "就医服务", "place_level": "town", "place_name": "和平街道", "county_name": "云溪区",
        "observed": 7, "n_weeks": 1, "sentence": "本周 7 件", "evidence": '{"places":[{"name":"柳岸社区","code":"1","n_events":7}]}',
        "excess": 6.0, "upper_bound": 3.0, "p_value": 0.001, "chance_per_year": 0.2, "caveat": "86% 集中在一天",
        "kind": "excess", "kinds": "rise,excess", "title": "云溪区和平街道 就医服务",
    } | columns  # fmt: skip


def test_a_warning_about_a_sensitive_issue_says_no_small_count():
    signal = make_signal()
    assert "7" not in wording.spoken(signal) and "不足 10 件" in wording.spoken(signal)
    assert "7" not in warned.safe_evidence(signal)
    row = warned.safe_signals(pl.DataFrame([signal])).row(0, named=True)
    assert row["observed" + MARK] == "<10"
    assert all(
        row[name] is None for name in ("observed", "excess", "upper_bound", "p_value", "chance_per_year", "caveat")
    )
    ordinary = make_signal(issue_code="0501")
    assert wording.spoken(ordinary) == "本周 7 件"
    safe = warned.safe_signals(pl.DataFrame([ordinary]))
    assert safe["observed"].to_list() == [7] and safe["kinds"].to_list() == ["近8周偏高、数量超出"]


def test_a_small_rest_is_not_told_by_the_places_named():
    places = '{"places":[{"name":"甲","code":"1","n_events":31},{"name":"乙","code":"2","n_events":2}]}'
    told = warned.safe_evidence(make_signal(issue_code="0501", observed=33, evidence=places))
    assert "甲" in told and "31" not in told and "乙" not in told
    assert "31" in warned.safe_evidence(make_signal(issue_code="0501", observed=40, evidence=places))
