"""热点地图: rates and what is clearly off, the counts behind hexagons, steps and expectations, and the four ways of looking."""

import itertools
import json
import math
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
import shapely
from builders import maps_of
from streamlit.testing.v1 import AppTest

from app import disclosure, filters, page, place_counts, place_rates, reader
from app.charts.breaks import excess_classes, sequential_classes
from app.charts.maps import hex_columns
from app.parts import density, over_time, picked

MAIN = str(Path(__file__).resolve().parents[1] / "app" / "main.py")
LAST = date(2026, 11, 9)
NONE = {"source": None, "issue": None, "group": None, "county": None, "town": None}


@pytest.fixture
def full(demo_home, monkeypatch):
    monkeypatch.setenv("YANPAN_HOME", str(demo_home.path))
    monkeypatch.setattr(page, "today", lambda: date(2026, 11, 16))
    return demo_home


@pytest.fixture
def ask(demo_home):
    with reader.asking(demo_home.marts / demo_home.current.read_text().strip()) as asked:
        yield asked


def rows(home, text: str) -> list[tuple]:
    with duckdb.connect(home.marts / home.current.read_text().strip(), read_only=True) as connection:
        return connection.execute(text).fetchall()


def opened(**params: str) -> AppTest:
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.query_params.update(params)
    at.run()
    at.switch_page("views/hotspots.py").run()
    assert not at.exception
    return at


def said(at: AppTest) -> str:
    return " ".join(element.proto.body for element in at.get("html"))


# ---------------------------------------------------------------- rates


def test_smoothed_rates_equal_a_dull_reading_of_marshall():
    n, people = [0, 3, 20, 40, 7], [800, 2_000, 10_000, 9_000, 5_000]
    mean = sum(n) / sum(people)
    spread = sum(p * (k / p - mean) ** 2 for k, p in zip(n, people, strict=True)) / sum(people)
    between = max(0, spread - mean / (sum(people) / 5))
    wanted = [mean + between / (between + mean / p) * (k / p - mean) for k, p in zip(n, people, strict=True)]
    got = place_rates.smoothed(np.array(n, float), np.array(people, float))
    assert got == pytest.approx(wanted)
    assert mean < got[3] < n[3] / people[3] and got[0] > 0, "towards the mean"
    assert np.isnan(place_rates.smoothed(np.array([1.0, np.nan]), np.array([10.0, 10.0]))[1])
    assert place_rates.smoothed(np.zeros(2), np.full(2, 9.0)).tolist() == [0, 0]


def test_an_exact_interval_holds_as_often_as_it_says():
    for n in (0, 1, 7, 40):
        low, high = place_rates.interval(np.array([float(n)]), np.array([1.0]))

        def tail(mean: float, ks) -> float:
            return sum(math.exp(-mean) * mean**k / math.factorial(k) for k in ks)

        assert tail(high[0], range(n + 1)) == pytest.approx(0.025, abs=1e-6)
        assert n == 0 or 1 - tail(low[0], range(n)) == pytest.approx(0.025, abs=1e-6)


def test_only_what_chance_does_not_bring_is_signed():
    people = np.full(200, 1e4)
    random = np.random.default_rng(7)
    by_chance = [place_rates.rate_signs(random.poisson(20, 200).astype(float), people) for _ in range(20)]
    share = sum(sign is not None for signs in by_chance for sign in signs) / 4_000
    assert share < 0.015
    n = np.full(200, 20.0)
    n[0], n[1] = 60, 2
    assert place_rates.rate_signs(n, people)[:3] == ["up", "down", None]


def test_a_change_is_clear_only_against_the_usual_swing_of_places():
    """Counts that swing more than Poisson: the plain test would sign a quarter of them."""
    random = np.random.default_rng(3)
    level = 60 * random.gamma(8, 1 / 8, (2, 400))  # about eight times the variance of chance
    now, before = random.poisson(level).astype(float)
    signed = sum(sign is not None for sign in place_rates.change_signs(now, before))
    plain = sum(abs(a - b) > 2.576 * math.sqrt(a + b) for a, b in zip(now, before, strict=True))
    assert plain > 60 and signed < 12
    now[0], before[0] = 900, 60
    assert place_rates.change_signs(now, before)[0] == "up"
    assert place_rates.change_signs(np.array([np.nan, 0]), np.array([3.0, 0])) == [None, None]


def test_excess_classes_mirror_around_nothing():
    classes = excess_classes([-3.0, 120.0, None])
    assert len(classes.colours) == 7 and classes.edges == tuple(-edge for edge in reversed(classes.edges))
    assert classes.label(0.0).startswith("±") and classes.label(120.0) == classes.labels[-1]
    assert excess_classes([None]).edges == (-4, -2, -1, 1, 2, 4)


# ---------------------------------------------------------------- questions


def test_hexagons_equal_a_dull_count_and_tell_none_below_the_least(demo_home, ask):
    size, least, lon0, lat0 = 4000, 5, 123.0, 29.0
    span = {"from_on": LAST - timedelta(weeks=51), "to_on": LAST}
    found = ask("hexes", **NONE, **span, size=size, least=least, lon0=lon0, lat0=lat0)
    points = rows(
        demo_home,
        f"select lon, lat from event where lon is not null and registered_on between '{span['from_on']}' and '{LAST + timedelta(days=6)}'",
    )
    east = 111_320 * math.cos(math.radians(lat0))
    centres = {}
    for q in range(-60, 61):
        for r in range(-60, 61):
            centres[q, r] = (math.sqrt(3) * size * (q + r / 2), 1.5 * size * r)
    names, at = list(centres), np.array(list(centres.values()))
    dull = Counter()
    for lon, lat in points:
        away = np.hypot(at[:, 0] - (lon - lon0) * east, at[:, 1] - (lat - lat0) * 111_320)
        dull[names[int(away.argmin())]] += 1  # a hexagon is where its middle is the nearest
    drawn = {(q, r): n for q, r, n in found.drop_nulls("q").select("q", "r", "n_events").iter_rows()}
    assert drawn == {key: n for key, n in dull.items() if n >= least} and drawn
    assert found.filter(pl.col("q").is_null())["n_events"].item() == sum(n for n in dull.values() if n < least)
    row = found.drop_nulls("q").row(0, named=True)
    x, y = centres[row["q"], row["r"]]
    assert ((row["lon"] - lon0) * east, (row["lat"] - lat0) * 111_320) == pytest.approx((x, y), abs=1)


def test_expected_items_equal_a_dull_sum(demo_home, ask):
    span = {"from_on": LAST - timedelta(weeks=12), "to_on": LAST}
    [(issue,)] = rows(
        demo_home,
        "select issue_code from weekly_detection where place_level = 'county' group by 1 order by count(*) desc, 1 limit 1",
    )
    got = ask("excess_counts", place_level="county", issue=issue, **span)
    judged = rows(
        demo_home,
        "select place_code, expected, status from weekly_detection where place_level = 'county' and status <> 'not_assessed'"
        f" and issue_code = '{issue}' and week_start_on between '{span['from_on']}' and '{LAST}'",
    )
    assert len(got) and got["n_judged"].unique().to_list() == [13]
    for code, expected, n_alarms in got.select("place_code", "expected", "n_alarms").iter_rows():
        own = [(value, status) for place, value, status in judged if place == code]
        low = [value for value, _ in own if value < 0.5]
        silent = min(0.5, sum(low) / len(low) if low else 0.5)
        assert expected == pytest.approx(sum(value for value, _ in own) + (13 - len(own)) * silent)
        assert n_alarms == sum(status == "alarm" for _, status in own)


def test_a_step_is_the_map_of_its_four_weeks(ask, demo_home):
    """Counts and what is hidden of them: two answers that differed could be laid over each other."""
    [(city,)] = rows(demo_home, "select place_code from place where place_level = 'city'")
    steps = ask("place_steps", source=None, issue=None, group=None, city=city, to_on=LAST, n_steps=2)
    safe = over_time.safe_steps(steps, city_code=city, k=5, unknown=[])
    for n, one in enumerate(safe):
        last = LAST - n * over_time.STEP
        span = {"from_on": last - timedelta(weeks=3), "to_on": last, "before_on": last - timedelta(weeks=7)}
        every = place_counts.asked(ask, **NONE, **span)
        levels = [every.filter(pl.col("place_level") == level) for level in place_counts.LEVELS]
        own = {"place_code": city, **ask("located_counts", **NONE, **span).row(0, named=True)}
        wanted = place_counts.safe(
            place_counts.whole_city(levels, own), {"n_events": [city], "n_events_before": [city]}, 5
        )
        columns = ["place_code", "n_events", "n_events__mark"]
        assert one.select(columns).sort("place_code").equals(wanted.select(columns).sort("place_code"))
        assert one["n_events__mark"].is_not_null().sum() > 10


# ---------------------------------------------------------------- the page


def test_chosen_places_are_in_the_url_listed_and_lead_to_the_items(full):
    codes = [
        code for (code,) in rows(full, "select place_code from place where place_level = 'county' order by 1 limit 2")
    ]
    at = opened(places=",".join([*codes, "没有这里"]), weeks="52")
    assert at.multiselect(key="places").value == codes
    assert "选中的 2 个县区：反映最多的事项" in said(at)
    (n,) = rows(
        full,
        f"select count(*) from event where county_code in ('{codes[0]}', '{codes[1]}') and registered_on > date '{LAST}' - 358"
        f" and registered_on <= date '{LAST}' + 6",
    )[0]
    listed = next(frame.value for frame in at.dataframe if "issue_name" in frame.value.columns)
    numbers = pl.Series(listed["n_events"].astype(str).str.strip().str.replace(",", "").to_list()).cast(
        pl.Int64, strict=False
    )
    assert 0.5 * n < numbers.sum() <= n, "a small city: what one of the two hides is not in the sum"
    assert not numbers.drop_nulls().is_between(1, 4).any()
    to_items = [link.proto.query_string for link in at.get("page_link") if "的具体事项" in link.proto.label]
    assert [f"county={code}" in text for code, text in zip(codes, to_items, strict=True)] == [True, True]
    at.multiselect(key="places").set_value([]).run()
    assert "places" not in at.query_params and "全市：反映最多的事项" in said(at)


def published(choice: filters.Choice, counts: pl.DataFrame, weeks: pl.DataFrame, on_map: pl.DataFrame, codes) -> dict:
    """Every figure of a selection that is read off the page: (now | before | week, what) → count or None."""
    own = counts.filter(pl.col("place_code").is_in(codes))
    if picked.hides_one(on_map, codes) or own["n_events"].sum() == 0:
        return {}
    hides = picked.hides_one(on_map, codes, "n_events_before")
    listed = picked.issues_together(own, choice, hides_before=hides)
    cells = {("now", row["issue_code"]): row["n_events"] for row in listed.iter_rows(named=True)}
    cells |= {("before", row["issue_code"]): row["n_events_before"] for row in listed.iter_rows(named=True)}
    covered = [LAST - timedelta(weeks=51 - n) for n in range(52)]
    k = disclosure.threshold(choice.issue, choice.group)
    course = picked.course_together(weeks.filter(pl.col("place_code").is_in(codes)), covered, k)
    return cells | {("week", day): n for day, n in course.select("period_start_on", "n_events").iter_rows()}


def test_no_two_selections_tell_a_small_count_by_their_difference(demo_home, ask):
    """By brute force: eight filters, towns alone and with and without them in a selection: issues and weeks."""
    random = np.random.default_rng(11)
    issues = [
        code
        for (code,) in rows(
            demo_home, "select issue_code from weekly_counts group by 1 order by sum(n_events) desc, 1 limit 40"
        )
    ]
    none = filters.Choice()
    choices = [none] * 2 + [replace(none, issue=str(code)) for code in random.choice(issues, 3, replace=False)]
    choices += [replace(none, group=str(code)[:2]) for code in random.choice(issues, 3, replace=False)]
    n_pairs = n_shown = n_closed = 0
    for choice, n_weeks in zip(choices, itertools.cycle((13, 1, 4, 52)), strict=False):
        k = disclosure.threshold(choice.issue, choice.group)
        first, before = LAST - timedelta(weeks=n_weeks - 1), LAST - timedelta(weeks=2 * n_weeks - 1)
        asked = {"source": None, "issue": choice.issue, "group": choice.group}
        scope = {**asked, "inside": None, "place_level": "town"}
        counts = ask("issues_inside", **scope, from_on=first, to_on=LAST, before_on=before)
        weeks = ask("weeks_inside", **scope, since_on=LAST - timedelta(weeks=51), to_on=LAST)
        span = {"from_on": first, "to_on": LAST, "before_on": before}
        every = place_counts.asked(ask, **asked, county=None, town=None, **span)
        levels = [every.filter(pl.col("place_level") == at) for at in place_counts.LEVELS]
        city = {
            name: max(int(counts[name].sum()), int(levels[0][name].sum())) for name in ("n_events", "n_events_before")
        }
        told = {name: ["990100"] for name in ("n_events", "n_events_before")}
        on_map = place_counts.safe(place_counts.whole_city(levels, {"place_code": "990100", **city}), told, k)
        towns = sorted(set(counts["place_code"].drop_nulls()))
        if len(towns) < 4:
            continue
        shown = partial(published, choice, counts, weeks, on_map)
        for n, town in enumerate(random.choice(towns, 3, replace=False).tolist()):
            alone = shown([town])
            small = {key for key, n in alone.items() if n is not None and 0 < n < k}
            assert not small, "one place alone"
            n_closed += not alone
            rest = random.choice([code for code in towns if code != town], 1 + n % 2, replace=False).tolist()
            without, together = shown(rest), shown([*rest, town])
            for key in together.keys() & without.keys():
                if together[key] is None or without[key] is None:
                    continue
                own_k = disclosure.threshold(key[1], choice.group) if key[0] != "week" else k
                assert together[key] - without[key] in (0, alone.get(key)), (choice, town, rest, key)
                assert not 0 < together[key] - without[key] < own_k
                n_shown += 1
            n_pairs += 1

    assert n_pairs >= 12 and n_shown > 10 and n_closed > 3, (n_pairs, n_shown, n_closed)


def test_what_cannot_be_judged_is_said_with_what_to_choose(full):
    assert "请先在上面选一个事项或事项大类" in said(opened(measure="excess"))
    [(group,)] = rows(
        full,
        "select group_code from issue join weekly_detection d on d.issue_code = group_code and place_level = 'county' group by 1 order by count(*) desc limit 1",
    )
    assert "把来源改回全部来源" in said(opened(measure="excess", group=group, source="hotline"))
    at = opened(measure="excess", group=group, weeks="13")
    (drawing,) = maps_of(at)
    assert drawing["measure"] == "超出预期" and any("预期" in place["t"] for place in drawing["places"])


def test_no_hexagon_below_k_reaches_the_browser(full):
    (drawing,) = maps_of(opened(mode="density", weeks="52"))
    assert drawing["hexes"]["cells"] and not drawing["places"]
    assert all(n >= disclosure.MIN_CELL for _, _, _, n, _ in drawing["hexes"]["cells"])
    assert "对齐到约 200 米" in said(opened(mode="density", weeks="52"))
    assert min(min(sizes) for sizes in density.SIZES.values()) >= 500


def test_columns_are_the_hexagons_and_ask_for_no_map(full):
    (flat,) = maps_of(opened(mode="density", weeks="52"))
    at = opened(mode="density", weeks="52", form="columns")
    (shown,) = (element.proto for element in at.get("deck_gl_json_chart"))
    deck = json.loads(shown.json)
    columns = [row for layer in deck["layers"] if layer["@@type"] == "ColumnLayer" for row in layer["data"]]
    towns = flat["hexes"]["towns"]
    assert sorted((row["n"], row["id"], row["name"]) for row in columns) == sorted(
        (n, *towns[town]) for _, _, _, n, town in flat["hexes"]["cells"]
    )
    assert columns and all(row["n"] >= disclosure.MIN_CELL for row in columns)
    assert deck["mapStyle"] == "__MAP_STYLE__" and "mapProvider" not in deck
    assert "://" not in shown.json + shown.tooltip and len(shown.json) < 200_000
    assert "件数：{n} 件" in json.loads(shown.tooltip)["html"]
    most = max(row["n"] for row in columns)
    assert f"柱高与件数成正比，最高的一柱 {most:,} 件" in said(at) and "换回「平面」" in said(at)
    assert not maps_of(at) and "form" in at.query_params
    at.segmented_control(key="form").set_value("flat").run()
    assert "form" not in at.query_params and maps_of(at) and not at.get("deck_gl_json_chart") and "柱高" not in said(at)


def test_the_most_columns_fit_and_no_name_is_an_expression():
    n = density.MOST
    cells = pl.DataFrame(
        {
            "lon": [120 + k % 50 / 50 for k in range(n)],
            "lat": [30 + k // 50 / 50 for k in range(n)],
            "n_events": list(range(5, n + 5)),
            "place_code": "990104012",
            "place_name": "@@=alert(1) 的街道",
        }
    )
    ground = {"1": shapely.to_geojson(shapely.Point(120.5, 30.4).buffer(0.5, 2_000))}
    names = pl.DataFrame({"place_name": ["甲镇", "乙镇"], "lon": [120.2, 120.7], "lat": [30.2, 30.7]})
    classes = sequential_classes(cells["n_events"].to_list())
    about = {"size": 1000, "title": "", "measure_label": "件数（件）", "classes": classes}
    deck = hex_columns(cells, ground, names, **about)
    assert len(deck.text.encode()) < 200_000 and "@@=alert" not in deck.text
    layers = {layer["id"]: layer for layer in json.loads(deck.text)["layers"]}
    assert [row["t"] for row in layers["names"]["data"]] == ["甲镇", "乙镇"]
    assert layers["names"]["characterSet"] == "auto"
    used = [layer for name, layer in layers.items() if name.startswith("class_")]
    assert len({layer["elevationScale"] for layer in used}) == 1, "one scale of height for all colours"
    assert sum(len(layer["data"]) for layer in used) == n


def test_the_played_year_and_the_two_periods(full):
    (drawing,) = maps_of(opened(mode="play", level="town"))
    assert len(drawing["frames"]) == 13 and all(
        len(frame["c"]) == len(drawing["places"]) for frame in drawing["frames"]
    )
    assert drawing["frames"][-1]["label"].endswith("11月15日")
    then, now = maps_of(opened(mode="compare", weeks="13", against="year"))
    assert then["classes"] == now["classes"] and [p["id"] for p in then["places"]] != []
    [(n,)] = rows(
        full,
        f"select count(*) from event where county_code = '{now['places'][0]['id']}' and registered_on between date '{LAST}' - 84 and date '{LAST}' + 6",
    )
    assert now["places"][0]["t"].startswith(f"{n:,} 件")


def test_what_is_hidden_does_not_depend_on_the_period_compared_with():
    """Two maps of the same weeks, one beside last month and one beside last year, must hide the same places."""

    def level(rows: list[tuple]) -> pl.DataFrame:
        names = ["place_code", "parent_code", "population", "n_events", "n_events_before"]
        kinds = {name: pl.String if "code" in name else pl.Int64 for name in names}
        return pl.DataFrame(rows, schema=kinds, orient="row")

    marks = []
    for before in (0, 6):
        levels = [
            level([("县", "市", 900, 12, before)]),
            level([("甲", "县", 400, 3, 0), ("乙", "县", 500, 9, 0)]),
            level([]),
        ]
        city = {"place_code": "市", "n_events": 12, "n_events_before": before}
        safe = place_counts.safe(place_counts.whole_city(levels, city), {}, 5)
        marks.append(
            {code: mark for code, mark in safe.select("place_code", "n_events__mark").iter_rows() if "/" not in code}
        )
    assert marks[0] == marks[1] and marks[0]["甲"] == "<5" and marks[0]["乙"] is not None
