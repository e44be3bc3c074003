"""The planted events: about sixty, a dozen of them alive in the last month, and the table of what was planted.

The detectors never read this table; the backtest does.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.demo import names
from pipelines.demo.catalogue import FOLDER, Catalogue, rows
from pipelines.demo.demand import N_DAYS, Demand
from pipelines.demo.geography import City
from pipelines.demo.texts import Templates, Texts

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

N_PAST = 48
# kind, weeks before the end at which it starts, size relative to the kind's usual size
RECENT = [
    ("heat_station", 2, 2.0),
    ("estate_halt", 3, 2.0),
    ("gym_gone", 2, 1.6),
    ("water_yellow", 1, 1.4),
    ("site_wage", 4, 1.8),
    ("site_noise", 2, 1.5),
    ("firm_wage", 3, 1.6),
    ("plant_smell", 3, 1.0),
    ("fee_rise", 8, 1.1),
    ("charging", 7, 0.7),
    ("lift_stop", 1, 0.45),
    ("canteen", 1, 0.4),
]


@dataclass(frozen=True)
class Event:
    """One planted event and the share of its items that falls on each day."""

    kind: str
    issue: int
    place_level: str
    place_code: str
    place_name: str
    communities: Ints
    first: int
    share: Floats  # by day from `first`, sums to one
    extra: int
    shape: str
    note: str
    subject: int  # the vocabulary number of the estate, firm or street it is about


@dataclass(frozen=True)
class Plan:
    events: list[Event]
    facts: Templates  # one group an event


def plan(city: City, known: Catalogue, demand: Demand, texts: Texts, items: int, seed: int) -> Plan:
    """Where and when which matter breaks out."""
    rng = np.random.default_rng([seed, 5])
    kinds = {row["kind"]: row for row in rows(FOLDER / "events.csv")}
    scale = float(np.clip((items / 300_000) ** 0.5, 0.2, 6))
    schedule = [(kind, N_DAYS - 7 * weeks, size) for kind, weeks, size in RECENT]
    order = list(rng.permutation(list(kinds)))
    order += list(rng.permutation(list(kinds)))[: max(0, N_PAST - len(order))]
    for kind in order[:N_PAST]:
        first = _start(kinds[kind], demand, rng)
        schedule.append((str(kind), first, float(rng.choice([0.45, 0.7, 1.0, 1.4], p=[0.2, 0.25, 0.35, 0.2]))))
    taken: set[tuple[str, str]] = set()
    events = []
    facts = []
    for kind, first, size in schedule:
        row = kinds[kind]
        event = _event(row, first, size, scale, city, known, demand, texts, taken, rng)
        events.append(event)
        facts.append(row["facts"].split(";"))
    return Plan(events, texts.compile(facts))


def table(plan: Plan, known: Catalogue, days: list[dt.date], registered: Ints) -> pl.DataFrame:
    """truth.csv; `registered` counts the items really written for each event."""
    order = sorted(range(len(plan.events)), key=lambda k: (plan.events[k].first, plan.events[k].place_code))
    return pl.DataFrame(
        [
            {
                "event_id": f"E{n:03d}",
                "issue_code": known.codes[event.issue],
                "issue_name": known.names[event.issue],
                "place_level": event.place_level,
                "place_code": event.place_code,
                "place_name": event.place_name,
                "starts_on": days[event.first],
                "ends_on": days[event.first + len(event.share) - 1],
                "extra_items": int(registered[k]),
                "shape": event.shape,
                "note": event.note,
            }
            for n, (k, event) in enumerate(((k, plan.events[k]) for k in order), start=1)
        ]
    )


def _start(row: dict[str, str], demand: Demand, rng: np.random.Generator) -> int:
    """A Monday at least 26 weeks after the beginning (a base line first) and six before the end, in season."""
    months = {int(m) for m in row["months"].split()}
    weeks = [
        week
        for week in range(26, N_DAYS // 7 - 6 - int(row["weeks"]))
        if not months or demand.calendar.days[7 * week].month in months
    ]
    return 7 * int(rng.choice(weeks)) + int(rng.integers(0, 5))


def _event(
    row: dict[str, str],
    first: int,
    size: float,
    scale: float,
    city: City,
    known: Catalogue,
    demand: Demand,
    texts: Texts,
    taken: set[tuple[str, str]],
    rng: np.random.Generator,
) -> Event:
    issue = known.codes.index(row["issue_code"])
    level = row["place_level"]
    rural = known.rural[issue] > known.urban[issue]
    while True:  # one place and issue carries one event only
        town = _town(city, rural, rng)
        own = np.flatnonzero(city.community_town == town)
        fitting = city.community_urban[own] != rural
        candidates = own[fitting] if fitting.any() else own
        community = int(rng.choice(candidates))
        code = {
            "community": city.community_codes[community],
            "town": city.town_codes[town],
            "county": city.county_codes[city.town_county[town]],
        }[level]
        if (code[:9], row["issue_code"]) not in taken:
            break
    taken.add((code[:9], row["issue_code"]))
    county = int(city.town_county[town])
    if level == "community":
        communities, towns = np.array([community]), np.array([town])
        name = city.community_names[community]
    elif level == "town":
        communities = rng.permutation(candidates)[: int(rng.integers(2, 5))]
        towns, name = np.array([town]), city.town_names[town]
    else:
        towns = np.flatnonzero(city.town_county == county)
        inside = np.flatnonzero(np.isin(city.community_town, towns) & (city.community_urban | rural))
        communities = rng.permutation(inside)[:14]
        name = city.county_names[county]
    n_days = min(7 * int(row["weeks"]), N_DAYS - first)
    usual = demand.expected(towns, issue, first, first + n_days - 1)
    extra = size * max(float(row["minimum"]) * scale, (float(row["factor"]) - 1) * usual)
    share = _shape(row["shape"], 7 * int(row["weeks"]))[:n_days]
    extra *= share.sum()  # an event still running has not shown everything yet
    share = share * (known.mix[issue] @ demand.calendar.rhythm[:, first : first + n_days])
    subject = _subject(row["object"], town, community, city, texts, rng)
    return Event(
        kind=row["kind"],
        issue=issue,
        place_level=level,
        place_code=code,
        place_name=name,
        communities=communities,
        first=first,
        share=share / share.sum(),
        extra=max(3, round(extra)),
        shape=row["shape"],
        note=f"{row['note']}：{texts.vocabulary.words[subject]}",
        subject=subject,
    )


def _town(city: City, rural: bool, rng: np.random.Generator) -> int:
    weight = city.town_population * (1.05 - city.town_urban if rural else 0.12 + city.town_urban)
    in_town = np.bincount(city.community_town, weights=city.community_urban)
    weight = np.where(rural | (in_town >= 4), weight, 0)
    return int(rng.choice(len(weight), p=weight / weight.sum()))


def _shape(shape: str, n_days: int) -> Floats:
    day = np.arange(n_days) + 0.5
    if shape == "slow":
        share = day / n_days
    else:  # up within a few days, then fading
        share = np.minimum(1, (day + 1.5) / 5) * np.exp(-day / (0.6 * n_days))
    return share / share.sum()


def _subject(kind: str, town: int, community: int, city: City, texts: Texts, rng: np.random.Generator) -> int:
    """The vocabulary number of what the event is about."""
    county = int(city.town_county[town])
    stem = texts.stems[town]
    pools = {
        "estate": texts.estates[community],
        "developer_estate": texts.estates[community],
        "road": texts.roads[community],
        "river": texts.rivers[county],
        "school": texts.schools[town][:2],
        "project": texts.projects[town],
        "plant": texts.trades["plant"][county],
        "trainer": texts.trades["trainer"][county],
        "firm": texts.trades["firm"][county],
        "eatery": texts.trades["eatery"][county],
        "bus": texts.pools["L"],
    }
    if kind in pools:
        return int(rng.choice(pools[kind]))
    head = str(rng.choice(np.array(names.WORDS["firm_heads"])))
    made = {
        "heat": f"{rng.choice(np.array(names.WORDS['road_heads']))}路换热站",
        "gym": f"{head}健身房",
        "water": f"{stem}水厂",
        "line": f"10千伏{stem}线",
        "farm": f"{head}养殖场",
        "finance": f"{head}财富公司",
        "gas": f"{stem}燃气站",
        "system": "新医保系统",
        "square": f"{stem}文化广场",
    }
    return int(texts.vocabulary.add([made[kind]])[0])
