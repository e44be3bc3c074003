"""The fictional city 安澜市: nine counties, one hundred towns, about a thousand communities, drawn from a seed.

About 12,000 points, denser where people live, give Voronoi cells; cells are grouped into counties, county cells into
towns, town cells into communities. Every border therefore runs along shared cell edges, and one coverage-wide
simplification keeps neighbours sharing them exactly on all three levels.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import shapely
from scipy.cluster.vq import kmeans2
from scipy.spatial import KDTree, Voronoi

from pipelines.demo import names

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CITY_CODE, CITY_NAME = "990100", "安澜市"
POPULATION = 4_200_000
CENTRE = np.array([123.0, 29.0])
STRETCH = np.array([1 / np.cos(np.radians(29.0)), 1.0])  # kilometres look alike in both directions
N_POINTS = 12_500

# name, seat (degrees of latitude from the city centre), reach, number of towns, people per seat relative to the core
COUNTIES = [
    ("云溪区", (-0.005, 0.005), 0.085, 14, 1.00),
    ("临江区", (0.105, -0.035), 0.080, 12, 0.70),
    ("青岚区", (-0.075, 0.125), 0.080, 11, 0.55),
    ("澄湖市", (0.345, 0.150), 0.120, 13, 0.50),
    ("霁川县", (-0.355, 0.215), 0.100, 10, 0.30),
    ("梧岭县", (-0.345, -0.165), 0.120, 10, 0.28),
    ("南屿县", (0.035, -0.360), 0.110, 10, 0.30),
    ("沐河县", (0.390, -0.235), 0.110, 10, 0.32),
    ("白鹭县", (0.075, 0.375), 0.110, 10, 0.28),
]
N_DISTRICTS = 3
N_COMMUNITIES = 1022


@dataclass(frozen=True, eq=False)
class City:
    """Arrays by town and community that the rest of the generator indexes into."""

    place: pl.DataFrame  # the rows of place.csv
    county_names: list[str]
    county_codes: list[str]
    town_names: list[str]
    town_codes: list[str]
    town_county: Ints
    town_population: Floats
    town_urban: Floats  # 0 rural … 1 urban core
    community_names: list[str]
    community_codes: list[str]
    community_town: Ints
    community_population: Floats
    community_lonlat: Floats
    community_radius: Floats  # degrees; a point this near the label point lies inside
    community_urban: npt.NDArray[np.bool_]
    shapes: dict[str, npt.NDArray[Any]]  # level → polygons in the order of the codes


@lru_cache(maxsize=1)
def draw(seed: int) -> City:
    """The city for one seed."""
    rng = np.random.default_rng([seed, 1])
    points, cells, edges = _cells(rng)
    density = _density(points)
    people = density * shapely.area(cells)
    county = _counties(points, edges)
    town = np.full(len(points), -1)
    community = np.full(len(points), -1)
    town_county: list[int] = []
    community_town: list[int] = []
    shares = _communities_per_town(people, county)
    for c, (_, _, _, n_towns, _) in enumerate(COUNTIES):
        inside = np.flatnonzero(county == c)
        parts = _split(points[inside], people[inside] ** 0.5, n_towns, rng)
        parts = _connected(parts, _within(edges, inside, len(points)), people[inside])
        town[inside] = parts + len(town_county)
        first = len(town_county)
        town_county += [c] * n_towns
        for t in range(first, first + n_towns):
            own = np.flatnonzero(town == t)
            n = int(np.clip(round(shares[c] * rng.uniform(0.75, 1.25)), 5, max(5, len(own) // 4)))
            parts = _split(points[own], people[own] ** 0.5, n, rng)
            parts = _connected(parts, _within(edges, own, len(points)), people[own])
            _, parts = np.unique(parts, return_inverse=True)
            community[own] = parts + len(community_town)
            community_town += [t] * (int(parts.max()) + 1)
    return _assemble(cells, people, density, town, community, np.array(town_county), np.array(community_town), rng)


def write(city: City, folder: Path) -> None:
    """place.csv and one GeoJSON a level."""
    city.place.write_csv(folder / "place.csv")
    levels = {
        "county": (city.county_codes, city.county_names),
        "town": (city.town_codes, city.town_names),
        "community": (city.community_codes, city.community_names),
    }
    for level, (codes, labels) in levels.items():
        features = [
            '{"type":"Feature","properties":'
            + json.dumps({"place_code": code, "place_name": label}, ensure_ascii=False, separators=(",", ":"))
            + ',"geometry":'
            + shapely.to_geojson(shape).replace(" ", "")
            + "}"
            for code, label, shape in zip(codes, labels, city.shapes[level], strict=True)
        ]
        text = '{"type":"FeatureCollection","features":[\n' + ",\n".join(features) + "\n]}\n"
        (folder / f"boundary_{level}.geojson").write_text(text, encoding="utf-8")


def _cells(rng: np.random.Generator) -> tuple[Floats, npt.NDArray[Any], Ints]:
    """Points inside the outline, their Voronoi cells (five decimals) and the pairs of cells that share an edge."""
    raw = rng.uniform(-0.72, 0.72, (N_POINTS * 16, 2))
    weight = (_density(CENTRE + raw * STRETCH) / _density(CENTRE[None] + 0.0)) ** 0.35
    points = raw[rng.random(len(raw)) < weight * 0.9][: int(N_POINTS * 1.7)]
    for _ in range(3):  # Lloyd: even the cells out without flattening the density
        points = _relaxed(points)
    inside = _inside_outline(points)
    vor = Voronoi(np.vstack([points, _far_frame()]))
    corners = np.round(CENTRE + vor.vertices * STRETCH, 5)
    kept = np.flatnonzero(inside)
    cells = np.array([shapely.Polygon(corners[vor.regions[vor.point_region[k]]]) for k in kept])
    order = np.full(len(vor.points), -1)
    order[kept] = np.arange(len(kept))
    edges = order[vor.ridge_points]
    return CENTRE + points[kept] * STRETCH, cells, edges[(edges >= 0).all(axis=1)]


def _far_frame() -> Floats:
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return np.column_stack([np.cos(angle), np.sin(angle)]) * 3.0


def _relaxed(points: Floats) -> Floats:
    vor = Voronoi(np.vstack([points, _far_frame()]))
    own = [vor.regions[region] for region in vor.point_region[: len(points)]]
    size = np.array([len(corners) for corners in own])
    corners = vor.vertices[np.concatenate(own)]
    centre = np.add.reduceat(corners, size.cumsum() - size, axis=0) / size[:, None]
    near = np.abs(centre).max(axis=1) < 0.8
    return np.where(near[:, None], 0.5 * points + 0.5 * centre, points)


def _inside_outline(points: Floats) -> npt.NDArray[np.bool_]:
    """An organic outline: an ellipse whose radius wanders with the direction."""
    angle = np.arctan2(points[:, 1], points[:, 0])
    radius = (
        0.545
        + 0.045 * np.sin(2 * angle + 0.6)
        + 0.035 * np.sin(3 * angle + 2.1)
        + 0.028 * np.sin(5 * angle + 0.3)
        + 0.016 * np.sin(9 * angle + 1.2)
        + 0.010 * np.sin(17 * angle + 2.7)
    )
    return np.hypot(points[:, 0] / 1.02, points[:, 1] / 0.98) < radius


def _density(lonlat: Floats) -> Floats:
    """People per area, relative: a dense core, county seats, a thin countryside."""
    at = (lonlat - CENTRE) / STRETCH
    total = np.full(len(at), 0.022)
    for _, seat, reach, _, weight in COUNTIES:
        distance = np.hypot(at[:, 0] - seat[0], at[:, 1] - seat[1])
        total += weight * np.exp(-((distance / (reach * 0.55)) ** 1.3))
        total += 0.06 * weight * np.exp(-distance / reach)
    return total


def _counties(points: Floats, edges: Ints) -> Ints:
    at = (points - CENTRE) / STRETCH
    warped = at + np.column_stack(
        [
            0.028 * np.sin(at[:, 1] * 17 + 1.0) + 0.014 * np.sin(at[:, 1] * 41 + at[:, 0] * 13),
            0.028 * np.sin(at[:, 0] * 15 + 2.0) + 0.014 * np.sin(at[:, 0] * 37 - at[:, 1] * 19),
        ]
    )
    seats = np.array([seat for _, seat, _, _, _ in COUNTIES])
    reach = np.array([r for _, _, r, _, _ in COUNTIES])
    # the reach turns distances into a power diagram, so districts stay small among large counties
    power = ((warped[:, None] - seats[None]) ** 2).sum(axis=2) - reach**2
    power[:, :N_DISTRICTS] += 0.004
    return _connected(power.argmin(axis=1), edges, np.ones(len(points)))


def _split(points: Floats, weight: Floats, n: int, rng: np.random.Generator) -> Ints:
    """n compact groups, smaller where the weight is: k-means over a weighted sample of the points."""
    at = (points - CENTRE) / STRETCH
    sample = at[rng.choice(len(at), size=max(60 * n, 400), p=weight / weight.sum())]
    sample = sample + rng.normal(0, 1e-4, sample.shape)
    seeds, _ = kmeans2(sample, n, iter=12, minit="++", rng=rng, missing="warn")
    seeds = seeds + rng.normal(0, 1e-6, seeds.shape)
    label: Ints = np.asarray(KDTree(seeds).query(at)[1], dtype=np.int64)
    for empty in np.setdiff1d(np.arange(n), label):  # every group keeps at least one cell
        nearest = np.argsort(((at - seeds[empty]) ** 2).sum(axis=1))
        counts = np.bincount(label, minlength=n)
        label[next(k for k in nearest if counts[label[k]] > 1)] = empty
    return label


def _within(edges: Ints, members: Ints, total: int) -> Ints:
    order = np.full(total, -1)
    order[members] = np.arange(len(members))
    local = order[edges]
    return local[(local >= 0).all(axis=1)]


def _connected(label: Ints, edges: Ints, weight: Floats) -> Ints:
    """Give cells cut off from the main part of their group to the neighbouring group they touch most."""
    label = label.copy()
    n = len(label)
    for _ in range(20):
        part = np.arange(n)
        same = edges[label[edges[:, 0]] == label[edges[:, 1]]]
        changed = True
        while changed:  # connected components by repeated minimum
            before = part.copy()
            np.minimum.at(part, same[:, 0], part[same[:, 1]])
            np.minimum.at(part, same[:, 1], part[same[:, 0]])
            part = part[part]
            changed = bool((part != before).any())
        size = np.bincount(part, weights=weight, minlength=n)
        main = np.zeros(n, dtype=bool)
        for group in np.unique(label):
            parts = np.unique(part[label == group])
            main[parts[size[parts].argmax()]] = True
        stray = np.flatnonzero(~main[part])
        if not len(stray):
            break
        for cell in stray:
            touching = np.concatenate([edges[edges[:, 0] == cell, 1], edges[edges[:, 1] == cell, 0]])
            touching = touching[main[part[touching]]]
            if len(touching):
                label[cell] = np.bincount(label[touching]).argmax()
    return label


def _communities_per_town(people: Floats, county: Ints) -> Floats:
    """Average number of communities in a town of each county; the whole city has about a thousand."""
    towns = np.array([n for _, _, _, n, _ in COUNTIES])
    population = np.bincount(county, weights=people)
    per_town = (population / towns) ** 0.25
    return per_town * N_COMMUNITIES / (per_town * towns).sum()


def _assemble(
    cells: npt.NDArray[Any],
    people: Floats,
    density: Floats,
    town: Ints,
    community: Ints,
    town_county: Ints,
    community_town: Ints,
    rng: np.random.Generator,
) -> City:
    rough = np.array([shapely.coverage_union_all(cells[community == k]) for k in range(len(community_town))])
    shapes = shapely.coverage_simplify(rough, 0.0035)
    people_in = np.bincount(community, weights=people * rng.uniform(0.75, 1.25, len(people)))
    population = np.maximum(np.round(people_in / people_in.sum() * POPULATION), 260)
    crowded = np.bincount(community, weights=density * people) / np.bincount(community, weights=people)
    lonlat = np.array([_label_point(shape) for shape in shapes])

    town_people: Any = np.bincount(community_town, weights=population)
    town_crowded = np.bincount(community_town, weights=crowded * population) / town_people
    towns = np.array([shapely.coverage_union_all(shapes[community_town == t]) for t in range(len(town_county))])
    town_urban = np.clip((np.log(town_crowded) - np.log(0.06)) / (np.log(0.85) - np.log(0.06)), 0, 1)
    is_street = _is_street(town_county, town_people, town_urban)
    community_urban = is_street[community_town] | (crowded > 0.28)

    # codes run from the centre of each county outwards
    town_order = np.lexsort([-town_urban, town_county])
    new_town = np.empty(len(town_order), dtype=np.int64)
    new_town[town_order] = np.arange(len(town_order))
    order = np.lexsort([-crowded, new_town[community_town]])

    town_county, town_people, town_urban = town_county[town_order], town_people[town_order], town_urban[town_order]
    towns, is_street = towns[town_order], is_street[town_order]
    community_town = new_town[community_town][order]
    shapes, population, lonlat = shapes[order], population[order], lonlat[order]
    community_urban = community_urban[order]
    counties = np.array([shapely.coverage_union_all(towns[town_county == c]) for c in range(len(COUNTIES))])

    county_names = [name for name, *_ in COUNTIES]
    county_codes = [str(990101 + c) for c in range(len(COUNTIES))]
    town_names = names.towns(is_street, rng)
    town_codes = _codes(county_codes, town_county)
    community_names = names.communities(community_urban, rng)
    community_codes = _codes(town_codes, community_town)
    town_at = np.array([_label_point(shape) for shape in towns])
    county_at = np.array([_label_point(shape) for shape in counties])
    aliases = names.aliases(town_names)
    county_people = np.bincount(town_county, weights=town_people)
    place = pl.concat(
        [
            _places("city", [CITY_CODE], [CITY_NAME], [""], [population.sum()], CENTRE[None], ["安澜"]),
            _places(
                "county",
                county_codes,
                county_names,
                [CITY_CODE] * len(county_codes),
                county_people,
                county_at,
                [name[:-1] for name in county_names],
            ),
            _places(
                "town",
                town_codes,
                town_names,
                [county_codes[c] for c in town_county],
                town_people,
                town_at,
                aliases,
            ),
            _places(
                "community",
                community_codes,
                community_names,
                [town_codes[t] for t in community_town],
                population,
                lonlat,
                [names.community_alias(name) for name in community_names],
            ),
        ]
    )
    radius = np.array([shapely.Point(at).distance(s.exterior) for at, s in zip(lonlat, shapes, strict=True)])
    return City(
        place=place,
        county_names=county_names,
        county_codes=county_codes,
        town_names=town_names,
        town_codes=town_codes,
        town_county=town_county,
        town_population=town_people,
        town_urban=town_urban,
        community_names=community_names,
        community_codes=community_codes,
        community_town=community_town,
        community_population=population,
        community_lonlat=lonlat,
        community_radius=radius,
        community_urban=community_urban,
        shapes={"county": counties, "town": towns, "community": shapes},
    )


def _is_street(town_county: Ints, people: Floats, urban: Floats) -> npt.NDArray[np.bool_]:
    """街道 or 镇/乡: most towns of a district, the seat of every other county."""
    street = np.zeros(len(town_county), dtype=bool)
    for c in range(len(COUNTIES)):
        own = np.flatnonzero(town_county == c)
        n = round(len(own) * 0.75) if c < N_DISTRICTS else (4 if c == N_DISTRICTS else 2)
        street[own[np.argsort(-urban[own])[:n]]] = True
    return street


def _label_point(shape: Any) -> tuple[float, float]:
    """The centre of the largest circle that fits, five decimals."""
    at = shapely.get_coordinates(shapely.maximum_inscribed_circle(shape, tolerance=0.0005))[0]
    return round(float(at[0]), 5), round(float(at[1]), 5)


def _codes(parents: list[str], parent_of: Ints) -> list[str]:
    seen: dict[int, int] = {}
    codes = []
    for parent in parent_of.tolist():
        seen[parent] = seen.get(parent, 0) + 1
        codes.append(f"{parents[parent]}{seen[parent]:03d}")
    return codes


def _places(
    level: str,
    codes: list[str],
    labels: list[str],
    parents: list[str],
    people: Any,
    at: Floats,
    aliases: list[str],
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "place_code": codes,
            "place_name": labels,
            "place_level": [level] * len(codes),
            "parent_code": parents,
            "population": np.asarray(people).astype(np.int64),
            "lon": np.round(at[:, 0], 5),
            "lat": np.round(at[:, 1], 5),
            "aliases": aliases,
        }
    )
