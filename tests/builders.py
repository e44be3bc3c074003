"""Test rows: defaults for everything, so that each test states only its subject."""

import json
from datetime import date, datetime, timedelta

import polars as pl

from pipelines import warehouse
from pipelines.config import Home

EVENT_DEFAULTS = {
    "source": "hotline",
    "batch_id": "b00000000001",
    "source_row": 2,
    "occurred_at": None,
    "registered_at": datetime(2026, 11, 10, 9, 0),
    "accepted_at": None,
    "due_at": None,
    "due_rule": None,
    "replied_at": None,
    "closed_at": None,
    "channel": "电话",
    "purpose": "投诉",
    "severity": None,
    "category_raw": "公用服务>供暖",
    "county_name": "云溪区",
    "town_name": "和平街道",
    "community_name": "柳岸社区",
    "grid_name": None,
    "lon": None,
    "lat": None,
    "unit_name": "云溪区住建局",
    "unit_co_name": None,
    "persons": None,
    "is_first": None,
    "is_repeat": False,
    "is_group": False,
    "status": "in_progress",
    "is_solved": None,
    "satisfaction": None,
    "n_returns": None,
    "title": "暖气不热",
    "text": "家里暖气不热",
}
PLACES = [
    ("990100", "安澜市", "city", None, 3000, 123.0, 29.0, None),
    ("990101", "云溪区", "county", "990100", 2000, 123.0, 29.0, "云溪"),
    ("990102", "临川县", "county", "990100", 1000, 123.1, 29.1, None),
    ("990101001", "和平街道", "town", "990101", 1200, 123.0, 29.0, None),
    ("990101002", "东门街道", "town", "990101", 800, 123.0, 29.0, None),
    ("990102001", "石桥镇", "town", "990102", 1000, 123.1, 29.1, None),
    ("990101001001", "柳岸社区", "community", "990101001", 700, 123.0, 29.0, None),
    ("990101001002", "云水社区", "community", "990101001", 500, 123.0, 29.0, None),
    ("990102001001", "石桥村", "community", "990102001", 1000, 123.1, 29.1, None),
]
PLACE_HEADER = "place_code,place_name,place_level,parent_code,population,lon,lat,aliases"


def make_events(*rows: dict, n: int = 1, **same) -> pl.DataFrame:
    """`n` events for each of `rows` (one row of defaults if none is given), all with the columns in `same`."""
    events = [EVENT_DEFAULTS | same | row for row in (rows or ({},)) for _ in range(n)]
    numbered = [{"event_id": 1000 + number, **event} for number, event in enumerate(events)]
    return pl.DataFrame(numbered, infer_schema_length=None)


def weekly(counts: list[int], *, end_week: date = date(2026, 11, 9), **same) -> pl.DataFrame:
    """Events on the working days of consecutive weeks: counts[-1] of them in the week that starts on `end_week`."""
    first = end_week - timedelta(weeks=len(counts) - 1)
    rows = [
        {"registered_at": datetime.combine(first + timedelta(weeks=week, days=item % 5), datetime.min.time())}
        for week, count in enumerate(counts)
        for item in range(count)
    ]
    return make_events(*rows, **same)


def load(home: Home, *frames: pl.DataFrame) -> None:
    """Put events into the home's warehouse as an ingest of one batch would."""
    events = pl.concat(frames, how="vertical_relaxed").with_columns(
        pl.int_range(1000, 1000 + pl.len(), dtype=pl.UInt64).alias("event_id")
    )
    with warehouse.connect(home) as connection:
        connection.register("incoming_frame", events.to_arrow())
        connection.execute("insert into core.event by name select * from incoming_frame")
        connection.unregister("incoming_frame")
        connection.execute(
            "insert into core.batch by name select 'b00000000001' as batch_id, 'hotline' as source, 'test' as layout,"
            " 'test.csv' as file_name, 1 as file_bytes, 'utf-8' as encoding, $n as n_read, $n as n_loaded, 0 as n_updated,"
            " 0 as n_rejected, 0 as n_duplicate, 0 as n_out_of_scope, '{}' as redactions, '[]' as dropped_columns,"
            " timestamp '2026-11-16 08:00:00' as loaded_at, date '2026-11-16' as known_on",
            {"n": len(events)},
        )


def add_reference(home: Home, *, boundaries: bool = True) -> None:
    """The small reference city of PLACES, each place a unit square."""
    home.reference.mkdir(parents=True, exist_ok=True)
    lines = [",".join("" if value is None else str(value) for value in row) for row in PLACES]
    (home.reference / "place.csv").write_text("\n".join([PLACE_HEADER, *lines]) + "\n", encoding="utf-8")
    if boundaries:
        for level in ("county", "town", "community"):
            features = ",".join(_square(row) for row in PLACES if row[2] == level)
            path = home.reference / f"boundary_{level}.geojson"
            path.write_text('{"type":"FeatureCollection","features":[' + features + "]}", encoding="utf-8")


def _square(row: tuple) -> str:
    lon, lat = row[5], row[6]
    ring = [[lon, lat], [lon + 0.1, lat], [lon + 0.1, lat + 0.1], [lon, lat + 0.1], [lon, lat]]
    return (
        f'{{"type":"Feature","properties":{{"place_code":"{row[0]}","place_name":"{row[1]}"}},'
        f'"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}'
    )


def maps_of(at) -> list[dict]:
    """The drawings of the maps on a page: app.charts.maps.screen_map."""
    shown = [element.proto for element in at.get("bidi_component") if element.proto.component_name == "place_map"]
    return [json.loads(json.loads(proto.json or proto.mixed.json)["drawing"]) for proto in shown]
