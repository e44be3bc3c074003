"""Which unit is in charge of an issue at a place? The duty list 职责清单, and what the history of the place shows.

sql/seeds/duty.csv says which role handles an issue, HOME/reference/duty.csv what is different here: by county if it differs
between them, a role or a unit by name. HOME/reference/unit.csv turns a role into the local unit, place.csv names the places.
Without these files the answer is the role.

The history counts who has handled the issue in the town, the county, the city. Each level is drawn towards the one above
it with the weight of PRIOR items, and the city towards the duty list: few items leave the list in force, many overrule it.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipelines.config import SEEDS
from pipelines.dispatch import tables

COLUMNS = ("issue_code", "county_code", "role_name", "unit_name", "co_roles", "is_active", "note")
TOWN_ROLE = "属地乡镇街道"
PRIOR = 5.0
TOWN_DIGITS = 9  # of a town's code in the code of its office


@dataclass(frozen=True)
class Duties:
    listed: dict[tuple[str, str], tuple[str, str]]  # issue, county ('' = all) → role, unit
    units: dict[tuple[str, str], str]  # role, county or town code ('' = city) → unit
    towns: dict[str, tuple[str, str]]  # name in a text → county code, town code ('' = the county itself)
    history: dict[tuple[str, str], Counter[str]]  # issue, town or county code ('' = city) → items by unit


def load(reference: Path, history: Iterable[tuple[str, str, str, str, int]] = ()) -> Duties:
    """`reference`: HOME/reference, may be missing. `history`: issue, county, town, unit, items; '' = place not known."""
    with (SEEDS / "issue.csv").open(encoding="utf-8", newline="") as file:
        issues = {row["issue_code"] for row in csv.DictReader(file)}
    listed = {}
    for name, number, row in tables.read(
        SEEDS / "duty.csv", reference, COLUMNS, ("issue_code",), key=lambda row: (row["issue_code"], row["county_code"])
    ):
        if row["issue_code"] not in issues:
            raise tables.fault(name, number, "issue_code", f"“{row['issue_code']}”", "事项表里有的代码")
        listed[row["issue_code"], row["county_code"]] = row["role_name"], row["unit_name"]
    units = {}
    for row in _rows(reference / "unit.csv", "unit_code", "unit_name", "role_name", "county_code"):
        is_town = row["role_name"].startswith("属地")
        place = row["unit_code"][:TOWN_DIGITS] if is_town else row["county_code"]
        units[TOWN_ROLE if is_town else row["role_name"], place] = row["unit_name"]
    counted: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for issue, county, town, unit, n in history:
        for place in {town, county, ""}:
            counted[issue, place][unit] += n
    return Duties(listed, units, _towns(reference), dict(counted))


def _rows(path: Path, *needed: str) -> list[tables.Row]:
    """A table that other parts of the program check; here only what is there of it."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [row for row in csv.DictReader(file) if all(row.get(name) is not None for name in needed)]


def _towns(reference: Path) -> dict[str, tuple[str, str]]:
    """Names of counties and towns that mean one place only."""
    rows = _rows(reference / "place.csv", "place_code", "place_name", "place_level", "parent_code")
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in rows:
        if row["place_level"] == "county":
            found[row["place_name"]].add((row["place_code"], ""))
        elif row["place_level"] == "town":
            found[row["place_name"]].add((row["parent_code"], row["place_code"]))
    return {name: places.pop() for name, places in found.items() if len(places) == 1 and name}


def place_in(duties: Duties, text: str) -> tuple[str, str]:
    """County and town code a text names, '' each if none or several: a town tells its county as well."""
    named = {place for name, place in duties.towns.items() if name in text}
    towns = {place for place in named if place[1]}
    places = towns or named
    return places.pop() if len(places) == 1 else ("", "")


def in_charge(duties: Duties, issue_code: str, county: str, town: str, without: str = "") -> dict[str, float]:
    """Units and how likely each is to be in charge, together at most 1; empty where list and history say nothing.

    Without a county the role is named, unless one unit has most of the city's items. `without`: a unit, one item of which
    is taken out of the history first.
    """
    share = {}
    unit = _listed(duties, issue_code, county, town)
    if unit:
        share = {unit: 1.0}
    for place in dict.fromkeys(filter(None, (county, town))) or ("",):  # other counties' units say nothing of this one
        counted = duties.history.get((issue_code, place))
        if counted and without:
            counted = counted - Counter([without])
        if counted and (place or max(counted.values()) >= counted.total() / 2):
            total = counted.total() + (PRIOR if share else 0)
            names = counted.keys() | share.keys()
            share = {name: (counted[name] + PRIOR * share.get(name, 0.0)) / total for name in names}
    return share


def ranked(
    duties: Duties, weights: dict[str, float], county: str, town: str, without: tuple[str, str] = ("", "")
) -> list[tuple[str, float]]:
    """Units by how much each issue weighs and how often they have it, best first: unit and share of the weight.

    `without`: issue and unit of an item to be taken out of the history first.
    """
    share: dict[str, float] = defaultdict(float)
    for issue, weight in weights.items():
        out = without[1] if without[0] == issue else ""
        for unit, part in in_charge(duties, issue, county, town, out).items():
            share[unit] += part * weight
    return sorted(share.items(), key=lambda one: (-one[1], one[0]))


def _listed(duties: Duties, issue_code: str, county: str, town: str) -> str:
    """The unit the duty list names: the county's own row before the general one; the role where no unit is known."""
    role, unit = duties.listed.get((issue_code, county)) or duties.listed.get((issue_code, ""), ("", ""))
    places = [town] if role == TOWN_ROLE else [county, ""]
    return unit or next((duties.units[role, place] for place in places if (role, place) in duties.units), role)
