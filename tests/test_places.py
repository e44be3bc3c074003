"""Names, points and default points: how an item comes to its place, and when it must not."""

import json
from collections import Counter
from datetime import date, datetime

import duckdb
import numpy as np
import polars as pl
import pytest
from builders import PLACES, add_reference, load, make_events

from pipelines import build, places, positions, publish, reference, states, warehouse
from pipelines.ingest import ingest
from tests.test_views import opened, said

TODAY = date(2026, 11, 16)
END = datetime(2026, 11, 17)


@pytest.fixture
def known(empty_home) -> pl.DataFrame:
    add_reference(empty_home)
    more = [
        ("990102002", "和平镇", "town", "990102", None, None, None, "西和平"),
        ("990101003", "新桥街道", "town", "990101", None, None, None, None),
        ("990101003001", "云水社区", "community", "990101003", None, None, None, None),
    ]
    extra = pl.DataFrame(more, schema=reference.PLACE_COLUMNS, orient="row")
    together = pl.concat([reference.read_places(empty_home.reference), extra])
    return together.with_columns(
        pl.when(pl.col("place_code") == "990101003").then(pl.lit("新桥乡;桥北公社")).alias("former_names")
    )


@pytest.mark.parametrize(
    ("said", "codes", "how"),
    [
        (("云溪区", "和平街道", "柳岸社区"), ("990101", "990101001", "990101001001"), "exact"),
        (("云溪区", "和平街道", "云水社区"), ("990101", "990101001", "990101001002"), "below_parent"),
        (("云溪区", "新桥街道", "云水社区"), ("990101", "990101003", "990101003001"), "below_parent"),
        (("云溪", "东门街道", None), ("990101", "990101002", None), "alias"),
        (("临川县", "西和平", None), ("990102", "990102002", None), "alias"),
        (("云溪区", "桥北公社", None), ("990101", "990101003", None), "former_name"),
        (("云溪区", "和平街办", None), ("990101", "990101001", None), "suffix"),
        (("云溪区", "和平街道办事处", "柳岸居委会"), ("990101", "990101001", "990101001001"), "suffix"),
        (("云溪区", "和平", None), ("990101", "990101001", None), "suffix"),
        (("云溪区", "东门镇", None), ("990101", "990101002", None), "suffix"),  # since made a 街道
        (("安澜市云溪区", None, None), ("990101", None, None), "suffix"),
        (("云溪区", "东门街道柳岸社区", None), ("990101", None, None), "partly"),  # 柳岸 is not below 东门
        (("云溪区", None, "和平街道柳岸社区"), ("990101", "990101001", "990101001001"), "suffix"),
        (("云溪　区", "和平 街道", None), ("990101", "990101001", None), "exact"),
        ((None, "东门街道", None), ("990101", "990101002", None), "unique_in_city"),
        ((None, "石桥", None), ("990102", "990102001", None), "unique_in_city"),
        (("安澜市", "石桥镇", None), ("990102", "990102001", None), "unique_in_city"),
        (("安澜", "石桥镇", None), ("990102", "990102001", None), "unique_in_city"),
        (("错字县", "石桥镇", "石桥村"), ("990102", "990102001", "990102001001"), "unique_in_city"),
        ((None, None, "柳岸社区"), ("990101", "990101001", "990101001001"), "unique_in_city"),
        ((None, None, "云水社区"), (None, None, None), "unlocated"),  # two of them
        ((None, "和平", None), (None, None, None), "unlocated"),  # 和平街道 and 和平镇
        ((None, None, "柳岸"), (None, None, None), "unlocated"),  # a bare word is no community
        ((None, "石桥街道", None), (None, None, None), "unlocated"),  # another ending, no parent
        (("云溪区", "没有的街道", None), ("990101", None, None), "partly"),
        (("云溪区", "和平街道", "没有的社区"), ("990101", "990101001", None), "partly"),
        (("远方区", None, None), (None, None, None), "unlocated"),
        ((None, None, None), (None, None, None), "unlocated"),
    ],
)
def test_each_way_a_name_is_understood(known, said, codes, how):
    names = dict(zip(("county_name", "town_name", "community_name"), said, strict=True))
    reported = pl.DataFrame([{**names, "n_events": 1}], schema=dict.fromkeys(names, pl.String) | {"n_events": pl.Int64})
    resolved, provisional = places.resolve(reported, known)
    assert resolved.row(0)[3:] == (*codes, how)
    assert provisional.is_empty()


def test_every_official_name_finds_itself(known):
    """For each place its full path gives its own code, whatever else is in the list."""
    names = {row["place_code"]: row for row in known.iter_rows(named=True)}
    for code, row in names.items():
        if row["place_level"] == "city":
            continue
        path = [row["place_name"]]
        while names[code]["parent_code"] != "990100":
            code = names[code]["parent_code"]
            path.insert(0, names[code]["place_name"])
        path += [None] * (3 - len(path))
        reported = pl.DataFrame(
            [(*path, 1)], schema=["county_name", "town_name", "community_name", "n_events"], orient="row"
        ).cast({"town_name": pl.String, "community_name": pl.String})
        resolved = places.resolve(reported, known)[0].row(0, named=True)
        assert resolved["how"] in ("exact", "below_parent")
        assert row["place_code"] in (resolved["county_code"], resolved["town_code"], resolved["community_code"])


def answers(home, sql: str) -> list[tuple]:
    version = publish.current(home)
    assert version
    with duckdb.connect(publish.version_file(home, version), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_a_point_places_what_the_names_do_not(empty_home):
    add_reference(empty_home)
    nameless = {"county_name": None, "town_name": None, "community_name": None}
    load(
        empty_home,
        make_events(
            nameless | {"lon": 123.15, "lat": 29.15},  # in 临川县 and 石桥村
            nameless | {"lon": 124.0, "lat": 29.15},  # far outside
            nameless | {"lon": 123.25, "lat": 29.15},  # outside all boundaries, but not far
            nameless,
            {"county_name": "临川县", "town_name": "错字", "community_name": None, "lon": 123.15, "lat": 29.15},
            {"county_name": "云溪区", "town_name": None, "community_name": None, "lon": 123.15, "lat": 29.15},
            {"lon": 123.15, "lat": 29.15},  # names say 柳岸社区: names come first
            nameless | {"lon": 123.1, "lat": 29.15},  # a cell on the border of 石桥村 is not wholly in it
        ),
    )
    build.build(empty_home, today=TODAY)
    got = answers(
        empty_home,
        "select county_code, town_code, community_code, place_how, position_kind from event order by event_key",
    )
    village = ("990102", "990102001", "990102001001")
    assert got == [
        (*village, "from_point", "cell"),
        (None, None, None, "unlocated", "outside"),
        (None, None, None, "unlocated", "cell"),
        (None, None, None, "unlocated", "none"),
        (*village, "from_point", "cell"),
        ("990101", None, None, "exact", "cell"),
        ("990101", "990101001", "990101001001", "exact", "cell"),
        ("990102", "990102001", None, "from_point", "cell"),
    ]
    by_way = dict(answers(empty_home, "select place_how, n_events from place_resolution"))
    assert by_way == Counter(row[3] for row in got)
    named = answers(empty_home, "select sum(n_events) from resolved_name")
    assert named == [(len(got),)]
    outcomes = answers(
        empty_home, "select name_reported, outcome, n_events from unresolved_name where name_kind = 'place'"
    )
    assert outcomes == [("", "unlocated", 3)]


# --- default points ----------------------------------------------------------------------------------------------


def city_of_cells(n: int = 4000, *, n_categories: int = 8, seed: int = 1) -> pl.DataFrame:
    """Items of several kinds around a busy centre, none of them on a default point."""
    random = np.random.default_rng(seed)
    at = random.normal((123.05, 29.05), 0.01, (n, 2))
    cells = np.round(np.round(at / 0.002) * 0.002, 3)
    months = random.integers(1, 11, n)
    return make_events(
        *[
            {
                "lon": float(cells[i, 0]),
                "lat": float(cells[i, 1]),
                "category_raw": f"类{random.integers(n_categories)}>小类",
                "registered_at": datetime(2026, int(months[i]), 5, 9),
            }
            for i in range(n)
        ]
    )


def on_one_point(n: int, *, lon: float = 123.05, lat: float = 29.05, kinds: int = 8, **same) -> pl.DataFrame:
    return make_events(
        *[
            {
                "lon": lon,
                "lat": lat,
                "category_raw": f"类{i % kinds}>小类",
                "registered_at": datetime(2026, 1 + i % 10, 5, 9),
            }
            for i in range(n)
        ],
        **same,
    )


def default_points(home) -> list[tuple[float, float]]:
    with warehouse.connect(home, read_only=True) as connection:
        states.view_as_known(connection, TODAY, warehouse="warehouse")
        _, default = positions.locate(connection, None, END)
    return default.select("lon", "lat").rows()


def test_a_default_point_down_town_is_found(empty_home):
    load(empty_home, city_of_cells(), on_one_point(1500))
    assert default_points(empty_home) == [(123.05, 29.05)]


def test_two_default_points_side_by_side_are_found(empty_home):
    load(empty_home, city_of_cells(), on_one_point(1500), on_one_point(1200, lon=123.052))
    assert default_points(empty_home) == [(123.05, 29.05), (123.052, 29.05)]


@pytest.mark.parametrize(
    "loud",
    [
        lambda: on_one_point(1500, kinds=1),  # one matter, however loud
        lambda: on_one_point(60),  # many, but the centre is as busy
        lambda: pl.concat([on_one_point(300, lon=123.0 + n * 0.01, lat=29.3) for n in range(40)]),  # a centroid each
    ],
)
def test_what_is_no_default_point(empty_home, loud):
    load(empty_home, city_of_cells(), loud())
    assert default_points(empty_home) == []


def test_nothing_is_found_in_a_city_without_default_points(empty_home):
    load(empty_home, city_of_cells())
    assert default_points(empty_home) == []


def test_default_points_do_not_depend_on_how_files_are_split(empty_home):
    """The rule looks at all rows of a layout, so one file or many give the same."""
    events = pl.concat([city_of_cells(1500), on_one_point(200)]).sample(fraction=1, shuffle=True, seed=2)
    load(empty_home, events)
    whole = default_points(empty_home)
    with warehouse.connect(empty_home) as connection:
        connection.execute(
            "insert into core.batch select b.* replace ('b' || part as batch_id) from core.batch as b, range(1, 5) as r(part)"
        )
        connection.execute("update core.event set batch_id = 'b' || (1 + event_id % 4)")
    assert default_points(empty_home) == whole == [(123.05, 29.05)]


def test_a_default_point_is_no_position_and_gives_no_place(empty_home):
    add_reference(empty_home)
    nameless = {"county_name": None, "town_name": None, "community_name": None}
    load(empty_home, city_of_cells(1500), on_one_point(300, **nameless))
    build.build(empty_home, today=TODAY)
    on_it = answers(
        empty_home,
        "select distinct lon, county_code, place_how from event where position_kind = 'default_point' and county_code is null",
    )
    assert on_it == [(None, None, "unlocated")]
    ((lon, lat, n, share),) = answers(empty_home, "select lon, lat, n_events, position_share from default_point")
    assert (lon, lat) == (123.05, 29.05) and n >= 300 and share == pytest.approx(n / 1800)
    assert not answers(empty_home, "select 1 from event where lon = 123.05 and lat = 29.05")


def test_the_page_says_how_places_were_found(empty_home):
    add_reference(empty_home)
    load(empty_home, city_of_cells(1500), on_one_point(300, town_name="和平街办", community_name=None))
    build.build(empty_home, today=TODAY)
    at = opened("intake", tab="名称与位置")
    assert not at.exception
    text = said(at)
    for words in ("名称一致", "写法不同", "默认点", "123.05, 29.05", "云溪区 › 和平街办", "云溪区 › 和平街道"):
        assert words in text, words
    assert {metric.label: metric.value for metric in at.metric}["有坐标"] != "0"


def test_bostons_default_point_is_found_and_its_busy_centre_is_not(empty_home, shared_files, tmp_path):
    layout = {
        "source": "grid",
        "title": "311",
        "columns": {
            "case_enquiry_id": "item_number",
            "open_dt": "registered_at",
            "reason": "category",
            "neighborhood": "town_name",
            "longitude": "lon",
            "latitude": "lat",
            "closed_dt": "closed_at",
            "source": "channel",
        },
        "required": ["case_enquiry_id", "open_dt"],
        "identifying": ["location"],
        "bounds": [-71.3, 42.1, -70.8, 42.5],
    }
    path = tmp_path / "311.json"
    path.write_text(json.dumps(layout), encoding="utf-8")
    (batch,) = ingest([shared_files / "boston311" / "boston_2011.csv.gz"], empty_home, layout=str(path), today=TODAY)
    assert batch["n_read"] == 58_251
    assert default_points(empty_home) == [(-71.058, 42.36)]
    with warehouse.connect(empty_home, read_only=True) as connection:
        n = connection.execute("select count(*) from core.event where lon = -71.058 and lat = 42.36").fetchall()[0][0]
    assert n >= 4_775


def test_the_reference_city_is_the_one_of_the_builders(known):
    assert {row[0] for row in PLACES} < set(known["place_code"])
