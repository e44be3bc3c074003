"""Space-time clusters: planted ones are found where they are, chance is seldom one, and what has no place is in none."""

from datetime import date, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest

from app.charts.breaks import sequential_classes
from app.charts.maps import Circle, locator_map
from app.palette import WARNING
from pipelines import build
from pipelines.config import Home
from pipelines.surveillance import EVIDENCE_COLUMNS, clusters
from tests import builders
from tests.test_views import copied, links, opened, opened_at, said, sql

LAST = date(2026, 11, 9)
WEEKS = [LAST - timedelta(weeks=51 - n) for n in range(52)]
KEYS = ["week_start_on", "issue_code", "county_code", "town_code", "community_code", "lon", "lat"]


def city(n_towns: int = 12, n_communities: int = 8) -> pl.DataFrame:
    """Towns about 4 km apart, their communities within about 2 km; two counties."""
    rng = np.random.default_rng(5)
    rows = [("9901", "city", None, None, None, None, None)]
    for town in range(n_towns):
        county, code = f"99010{town % 2}", f"99010{town % 2}{town:03d}"
        middle = (120 + 0.04 * (town % 4), 30 + 0.04 * (town // 4))
        rows.append((code, "town", county, code, 1000 * n_communities, *middle))
        for number in range(n_communities):
            lon, lat = np.round(np.array(middle) + rng.uniform(-0.02, 0.02, 2), 5)
            rows.append((f"{code}{number:03d}", "community", county, code, 1000, lon, lat))
    names = ["place_code", "place_level", "county_code", "town_code", "population", "lon", "lat"]
    return pl.DataFrame(rows, schema=names, orient="row")


def ordinary(places: pl.DataFrame, mean: float = 0.4, issue: str = "0501", seed: int = 0) -> pl.DataFrame:
    """Poisson counts of every community and week, with a season."""
    rng, own = np.random.default_rng(seed), places.filter(pl.col("place_level") == "community")
    season = 1 + 0.5 * np.sin(2 * np.pi * np.arange(len(WEEKS)) / 52)
    counts = rng.poisson(mean * rng.lognormal(0, 0.7, len(own))[:, None] * season)
    at, week = np.nonzero(counts)
    return (
        own.rename({"place_code": "community_code"})
        .select("county_code", "town_code", "community_code")[at]
        .with_columns(
            pl.Series("week_start_on", [WEEKS[n] for n in week], dtype=pl.Date),
            pl.lit(issue).alias("issue_code"),
            pl.lit(None, pl.Float64).alias("lon"),
            pl.lit(None, pl.Float64).alias("lat"),
            pl.Series("n_events", counts[at, week]),
        )
        .select(*KEYS, "n_events")
    )


def more(items: pl.DataFrame, *rows: dict) -> pl.DataFrame:
    usual = {"county_code": None, "town_code": None, "community_code": None, "lon": None, "lat": None}
    return pl.concat(
        [items, pl.DataFrame([{"issue_code": "0501", **usual, **row} for row in rows], schema=items.schema)]
    )


def in_town(places: pl.DataFrame, town: str, n: int, *, weeks: int = 2) -> list[dict]:
    """n more items a week in each of the first two communities of a town."""
    own = places.filter((pl.col("town_code") == town) & (pl.col("place_level") == "community")).head(2)
    return [
        {"week_start_on": week, "county_code": town[:6], "town_code": town, "community_code": code, "n_events": n}
        for week in WEEKS[-weeks:]
        for code in own["place_code"]
    ]


def test_a_planted_cluster_is_found_where_and_when_it_is():
    places = city()
    items = more(ordinary(places), *in_town(places, "990101003", 8))
    found, members, _ = clusters.find(items, places, weeks=WEEKS, n_weeks=1)
    top = found.row(0, named=True)
    assert (top["week_start_on"], top["first_week_on"]) == (LAST, LAST - timedelta(weeks=1))
    assert (top["county_code"], top["town_code"], top["issue_code"]) == ("990101", "990101003", "0501")
    assert top["p_value"] < 1e-6 and top["recurrence_weeks"] == pytest.approx(1 / top["p_value"])
    assert top["chance_per_year"] == pytest.approx(52 * top["p_value"])  # one issue was searched
    assert top["observed"] >= 32 > 5 * top["expected"] and top["radius_km"] <= clusters.MAX_RADIUS_KM
    inside = members.filter(pl.col("cluster_id") == top["cluster_id"])
    assert inside["n_events"].sum() == top["observed"] and len(inside) == top["n_places"]
    assert set(inside.head(2)["place_code"]) == {"990101003000", "990101003001"}


def test_the_same_data_give_the_same_answer_and_an_id_follows_the_cluster():
    places = city()
    items = more(ordinary(places), *in_town(places, "990101003", 8, weeks=3))
    once = clusters.find(items, places, weeks=WEEKS, n_weeks=2)
    again = clusters.find(items.sample(fraction=1, shuffle=True, seed=1), places, weeks=WEEKS, n_weeks=2)
    assert all(one.equals(two) for one, two in zip(once, again, strict=True))
    ids = once[0].filter(pl.col("p_value") < 1e-6).sort("week_start_on")["cluster_id"].to_list()
    assert len(ids) == 2 and ids[0] == ids[1]


def test_weeks_whose_items_are_the_same_are_taken_over_and_no_others(monkeypatch):
    places, scanned = city(), []
    items = more(ordinary(places), *in_town(places, "990101003", 8, weeks=3))
    late = more(items, *in_town(places, "990101005", 1)[:1])
    late = late.with_columns(pl.col("week_start_on").replace(LAST, LAST - timedelta(weeks=1)))
    earlier = clusters.find(items.filter(pl.col("week_start_on") < LAST), places, weeks=WEEKS[:-1], n_weeks=4)
    whole, with_late = (clusters.find(rows, places, weeks=WEEKS, n_weeks=4) for rows in (items, late))
    assert len(earlier.found) and earlier.keys.height == 4

    def counted(*given, **more):
        scanned.append(more["seed"][2])
        return scan(*given, **more)

    scan = clusters.scan
    monkeypatch.setattr(clusters, "scan", counted)
    for rows, expected, before, weeks in ((items, whole, earlier, 1), (late, with_late, whole, 2)):
        again = clusters.find(rows, places, weeks=WEEKS, n_weeks=4, before=before)
        assert all(one.equals(two) for one, two in zip(again, expected, strict=True))
        assert scanned == [week.toordinal() for week in WEEKS[-weeks:]]
        scanned.clear()


def test_chance_alone_is_seldom_a_cluster_also_where_items_come_in_bundles():
    """Of 60 searches of nothing about 3 are listed at 5 %; bundles of 3 would make most of them one."""
    places = city()
    for size in (1, 3):
        noise = [
            ordinary(places, 0.4 / size, f"{n:04d}", seed=n).with_columns(pl.col("n_events") * size) for n in range(60)
        ]
        found, *_ = clusters.find(pl.concat(noise), places, weeks=WEEKS, n_weeks=1)
        assert found["issue_code"].n_unique() <= 9  # 9 of 60 at 5 %: chance 0.2 %


def test_bundles_are_measured():
    rng = np.random.default_rng(0)
    quiet = rng.poisson(2.0, (40, 48))
    assert clusters.dispersion(quiet) == pytest.approx(1, abs=0.08)
    assert clusters.dispersion(3 * rng.poisson(2.0, (40, 48))) == pytest.approx(3, abs=0.3)
    quiet[3, 20] += 60  # one event of its own is no dispersion: without the limit it would make 2 of 1
    assert clusters.dispersion(quiet) < 1.15
    assert clusters.dispersion(np.zeros((3, 9), int)) == 1


def test_items_without_a_community_sit_at_their_own_cell_and_those_without_either_nowhere():
    places = city()
    cell = {"lon": 120.301, "lat": 30.301, "county_code": "990100", "town_code": "990100000"}
    rows = [{"week_start_on": week, "n_events": 6, **cell} for week in WEEKS[-2:]]
    nowhere = [{"week_start_on": LAST, "n_events": 90, "county_code": "990101", "town_code": "990101005"}]
    found, members, _ = clusters.find(more(ordinary(places), *rows, *nowhere), places, weeks=WEEKS, n_weeks=1)
    top = found.row(0, named=True)
    assert (top["lon"], top["lat"], top["radius_km"], top["observed"]) == (120.301, 30.301, 0, 12)
    (member,) = members.filter(pl.col("cluster_id") == top["cluster_id"]).iter_rows(named=True)
    assert (member["place_code"], member["lon"], member["n_events"]) == (None, 120.301, 12)
    assert not found.filter(pl.col("town_code") == "990101005").height


def test_evidence_is_on_the_smallest_place_that_holds_the_cluster_once():
    places = city()
    across = [row for town in ("990100000", "990100004") for row in in_town(places, town, 9)]
    items = more(ordinary(places), *in_town(places, "990101003", 9), *across)
    found, members, _ = clusters.find(items, places, weeks=WEEKS, n_weeks=1)
    assert members.filter(pl.col("n_events") == 0).is_empty()
    for row in found.iter_rows(named=True):
        codes = members.filter(pl.col("cluster_id") == row["cluster_id"])["place_code"]
        towns, counties = {code[:9] for code in codes}, {code[:6] for code in codes}
        level = "town" if len(towns) == 1 else "county" if len(counties) == 1 else "city"
        code = {"town": towns, "county": counties, "city": {"9901"}}[level]
        assert (row["place_level"], {row["place_code"]}) == (level, code)
    evidence = clusters.evidence(pl.concat([found, found]))
    assert dict(evidence.schema) == EVIDENCE_COLUMNS
    assert len(evidence) == found.select("place_code").n_unique()
    assert evidence.filter(pl.col("place_code") == "990101003")["status"].to_list() == ["alarm"]
    assert (evidence.filter(pl.col("status") == "alarm")["score"] >= 1).all()


def test_expectations_take_the_place_of_permutation():
    """What is always so in a town is no cluster by permutation, but is one against as many a head everywhere."""
    places = city()
    busy = (pl.col("town_code") == "990101003") * 4 + 1
    items = ordinary(places).with_columns(pl.col("n_events") * busy)
    all_over = {"weeks": WEEKS, "n_weeks": 1}
    by_time, *_ = clusters.find(items, places, **all_over)
    assert by_time.filter(pl.col("town_code") == "990101003").is_empty()
    a_head = places.filter(pl.col("place_level") == "community").select("place_code", expected="population")
    by_head, *_ = clusters.find(items, places, **all_over, expected=a_head)
    assert by_head.row(0, named=True)["town_code"] == "990101003" and by_head["p_value"].min() < 0.001
    towns = items.group_by("issue_code", pl.col("town_code").alias("place_code")).agg(expected=pl.col("n_events").sum())
    by_town, *_ = clusters.find(items, places, **all_over, expected=towns)
    assert by_town.filter(pl.col("p_value") < 0.01).is_empty()


def test_too_short_a_history_and_no_items_are_no_error():
    places = city()
    assert clusters.find(ordinary(places), places, weeks=WEEKS[-9:])[0].is_empty()
    assert clusters.find(ordinary(places).clear(), places, weeks=WEEKS)[1].is_empty()
    assert clusters.evidence(clusters.find(ordinary(places).clear(), places, weeks=WEEKS)[0]).is_empty()


def test_a_default_point_is_neither_cluster_nor_member(empty_home: Home):
    """Items of many kinds on one point near the middle, more and more of them: no place, as the marts say."""
    builders.add_reference(empty_home)
    kinds = ["公用服务>供暖", "市容环卫>无照经营", "公用服务>供水", "交通>停车", "劳动>欠薪"]
    rng = np.random.default_rng(2)
    days = [LAST + timedelta(days=6) - timedelta(days=int(n)) for n in rng.integers(0, 300, 1500)]
    cells = [
        {
            "registered_at": day,
            "category_raw": kinds[n % 5],
            "lon": 123 + 0.002 * (n % 40),
            "lat": 29 + 0.002 * (n % 37),
        }
        for n, day in enumerate(days)
    ]
    late = [LAST + timedelta(days=6) - timedelta(days=int(n) // 6) for n in range(600)]
    pile = [
        {"registered_at": day, "category_raw": kinds[n % 5], "lon": 123.05, "lat": 29.05} for n, day in enumerate(late)
    ]
    same = {"source": "grid", "community_name": None, "town_name": None, "county_name": None}
    builders.load(empty_home, builders.make_events(*cells, **same), builders.make_events(*pile, **same))
    build.build(empty_home, today=date(2026, 11, 16))
    with duckdb.connect(empty_home.marts / empty_home.current.read_text().strip(), read_only=True) as marts:
        assert marts.execute("select lon, lat from default_point").fetchall() == [(123.05, 29.05)]
        for table in ("cluster", "cluster_place"):
            assert not marts.execute(f"select 1 from {table} where lon = 123.05 and lat = 29.05").fetchall()
        [(n,)] = marts.execute("select count(*) from cluster where chance_per_year < 1").fetchall()
    assert n == 0


# --- on the pages ------------------------------------------------------------------------------------------------


def listed(home: Home) -> list[tuple]:
    return sql(
        home,
        "select cluster_id, issue_code, issue_name, observed, p_value from cluster join issue using (issue_code)"
        " where week_start_on = '2026-11-09' and chance_per_year <= 6 order by chance_per_year, cluster_id",
    )


def test_every_cluster_is_the_sum_of_its_places_and_its_places_of_their_items(full):
    """Asked of the items one by one, without the code that found them."""
    for cluster, week, issue, since, observed in sql(
        full, "select cluster_id, week_start_on, issue_code, first_week_on, observed from cluster"
    ):
        members = sql(
            full,
            f"select place_code, lon, lat, n_events from cluster_place where cluster_id = '{cluster}'"
            f" and week_start_on = '{week}'",
        )
        assert sum(row[3] for row in members) == observed >= clusters.MIN_CASES
        for code, lon, lat, n in members:
            at = f"community_code = '{code}'" if code else f"community_code is null and lon = {lon} and lat = {lat}"
            span = f"registered_on between '{since}' and date '{week}' + 6"
            assert sql(full, f"select count(*) from event where issue_code = '{issue}' and {span} and {at}") == [(n,)]


def test_clusters_are_rings_on_the_map_and_sentences_below_it(full):
    wanted = listed(full)
    assert wanted  # a small city, and yet: the demo's own events
    at = opened("hotspots")
    assert not at.exception
    (drawing,) = builders.maps_of(at)
    assert len(drawing["rings"]) == min(len(wanted), 8)
    text = said(at)
    assert "空间聚集" in text and f"{wanted[0][2]}：" in text
    targets = [link.page_query_string if hasattr(link, "page_query_string") else str(link) for link in links(at)]
    assert sum("cluster=" in target for target in targets) == min(len(wanted), 8)


def test_a_count_below_its_k_is_on_no_wide_view(full, tmp_path, monkeypatch):
    (first, *_), *_ = listed(full)
    home = copied(
        full,
        tmp_path,
        f"update cluster set issue_code = '1002', observed = 7, expected = 4321 where cluster_id = '{first}'",
    )
    monkeypatch.setenv("YANPAN_HOME", str(home))
    at = opened("hotspots")
    text = said(at)
    assert not at.exception
    assert "件数不足 10 件" in text and "4,321" not in text
    assert "4,321" not in str(builders.maps_of(at))


def test_a_link_leads_to_the_items_behind_a_cluster(full):
    (cluster, _, issue, observed, _), *_ = listed(full)
    at = opened_at("issues", cluster=cluster, week="2026-W46")
    assert not at.exception
    assert f"空间聚集：{issue}" in said(at)
    [(n,)] = sql(
        full,
        "select count(*) from event e join cluster c on c.issue_code = e.issue_code and c.week_start_on = '2026-11-09'"
        f" and c.cluster_id = '{cluster}' and e.registered_on between c.first_week_on and c.week_start_on + 6"
        " where not is_counted_only and exists (from cluster_place m where m.cluster_id = c.cluster_id and"
        " m.week_start_on = c.week_start_on and (m.place_code = e.community_code or (m.place_code is null and"
        " e.community_code is null and m.lon = e.lon and m.lat = e.lat)))",
    )
    assert f"{n:,} 件，新的在前" in said(at) and n <= observed


def test_an_unknown_cluster_and_a_chosen_source_are_said(full):
    at = opened_at("issues", cluster="<b>0123", week="2026-W46")
    assert not at.exception and "没有编号为" in said(at)
    assert "按全部来源" in said(opened("hotspots", source="hotline"))


def test_the_rings_are_in_the_exported_picture():
    shape = '{"type":"Polygon","coordinates":[[[120,30],[120.4,30],[120.4,30.3],[120,30.3],[120,30]]]}'
    places = pl.DataFrame({"place_code": ["a"], "place_name": ["甲"], "value": [3.0], "lon": [120.2], "lat": [30.15]})
    ring = Circle(120.2, 30.15, 5.0, "聚集1", "供暖 9 件")
    figure = locator_map(
        places, {"a": shape}, title="图", measure_label="件数（件）", classes=sequential_classes([3.0]), circles=[ring]
    )
    drawn = [trace for trace in figure.data if trace.line.color == WARNING]
    assert len(drawn) == 1
    height = (max(drawn[0].y) - min(drawn[0].y)) * 111.32
    width = (max(drawn[0].x) - min(drawn[0].x)) * 111.32 * np.cos(np.radians(30.15))
    assert (width, height) == (pytest.approx(10, abs=0.05), pytest.approx(10, abs=0.05))
    assert "聚集1" in str(figure.layout.annotations)
