"""Which place of the reference does a reported name mean?

Files name places in words. `resolve` turns every distinct (county, town, community) the warehouse has seen into
codes. A district the reference does not have at all, but that many items name (another city's file, a new district),
is kept under its own name as a *provisional* place; a rare unknown name is a slip and stays unlocated, counted and
listed on 数据接入, so that one typing error never puts a hole into the map.
"""

import polars as pl

PROVISIONAL_MIN_EVENTS = 200

RESOLVED_COLUMNS = {
    "county_name": pl.String,
    "town_name": pl.String,
    "community_name": pl.String,
    "county_code": pl.String,
    "town_code": pl.String,
    "community_code": pl.String,
}
WHOLE = ("city", "全部区域", "city", None)  # stands for the city while the reference names none


def resolve(reported: pl.DataFrame, places: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Codes for reported names, and the provisional places this made.

    `reported`: one row a distinct (county_name, town_name, community_name), with n_events; any may be null.
    `places`: the reference (`reference.read_places`), may be empty.
    Returns (resolved: RESOLVED_COLUMNS, one row a reported row; provisional: place_code, place_name, place_level,
    parent_code). A name is looked for below its parent; a town or community without a parent is taken only when
    the name is unique in the city.
    """
    below: dict[tuple[str | None, str], str] = {}  # (parent code, name or alias) → code
    anywhere: dict[tuple[str, str], set[str]] = {}  # (level, name) → codes
    parent_of: dict[str, str] = {}
    city_names: set[str] = set()
    for row in places.iter_rows(named=True):
        code, level = row["place_code"], row["place_level"]
        names = {name for name in (row["place_name"], *(row["aliases"] or "").split(";")) if name}
        if level == "city":
            city_names |= names
            continue
        parent = None if level == "county" else row["parent_code"]
        parent_of[code] = row["parent_code"]
        for name in names:
            below[parent, name] = code
            anywhere.setdefault((level, name), set()).add(code)

    n_by_county = dict(reported.group_by("county_name").agg(pl.col("n_events").sum()).iter_rows())
    provisional: dict[str, tuple[str, str, str | None]] = {}

    def provisional_code(level: str, name: str | None, parent: str | None) -> str | None:
        if name is None or (level != "county" and parent is None):
            return None
        code = name if parent is None else f"{parent}/{name}"
        provisional[code] = (name, level, parent)
        return code

    def only(level: str, name: str | None) -> str | None:
        codes = anywhere.get((level, name or ""), set())
        return next(iter(codes)) if len(codes) == 1 else None

    def codes_of(county: str | None, town: str | None, community: str | None):
        county_code = below.get((None, county)) if county else None
        if county in city_names:  # "安澜市和平街道": the city's name says nothing about the county
            county = None
        if county and county_code is None and n_by_county[county] >= PROVISIONAL_MIN_EVENTS:
            county_code = provisional_code("county", county, None)
            town_code = provisional_code("town", town, county_code)
            return county_code, town_code, provisional_code("community", community, town_code)
        if county_code:
            town_code = below.get((county_code, town)) if town else None
        else:
            town_code = only("town", town)
        if town_code:
            community_code = below.get((town_code, community)) if community else None
        else:
            community_code = only("community", community)
            if community_code and county_code and parent_of[parent_of[community_code]] != county_code:
                community_code = None
            town_code = parent_of[community_code] if community_code else None
        return county_code or (parent_of[town_code] if town_code else None), town_code, community_code

    rows = [
        (county, town, community, *codes_of(county, town, community))
        for county, town, community in reported.select(list(RESOLVED_COLUMNS)[:3]).iter_rows()
    ]
    new_places = pl.DataFrame(
        [(code, *details) for code, details in sorted(provisional.items())],
        schema=dict.fromkeys(("place_code", "place_name", "place_level", "parent_code"), pl.String),
        orient="row",
    )
    return pl.DataFrame(rows, schema=RESOLVED_COLUMNS, orient="row"), new_places
