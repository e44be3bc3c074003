"""Which place of the reference does a reported name mean?

Files name places in words. `resolve` turns every distinct (county, town, community) the warehouse has seen into
codes, and says how. A district the reference does not have at all, but that many items name (another city's file, a new
district), is kept under its own name as a *provisional* place; a rare unknown name is a slip and stays unlocated,
counted and listed on 数据接入, so that one typing error never puts a hole into the map.
"""

import unicodedata
from typing import NamedTuple

import polars as pl

PROVISIONAL_MIN_EVENTS = 200
# How a row came to its codes, surest first; of a row's several names the least sure counts. "partly": it names a town or
# community that the reference does not have, and lies in the place above. "from_point" is decided by `positions`.
HOW = (
    "exact",
    "below_parent",  # the name occurs several times in the city, its parent tells which
    "alias",
    "former_name",
    "suffix",  # 和平街办 or 和平 for 和平街道
    "unique_in_city",  # its parent is not given, or not known
    "from_point",
    "partly",
    "provisional",
    "unlocated",
)

RESOLVED_COLUMNS = {
    "county_name": pl.String,
    "town_name": pl.String,
    "community_name": pl.String,
    "county_code": pl.String,
    "town_code": pl.String,
    "community_code": pl.String,
    "how": pl.String,
}
WHOLE = ("city", "全部区域", "city", None)  # stands for the city while the reference names none

# What a name ends in, longest first → the kind of place it says it is.
ENDINGS = {
    "county": {"自治县": "县", "自治旗": "旗", "新区": "区", "区": "区", "县": "县", "市": "市", "旗": "旗"},
    "town": {
        **dict.fromkeys(("街道办事处", "街道办", "街办", "街道", "办事处"), "街道"),
        **dict.fromkeys(("镇人民政府", "镇政府", "镇"), "镇"),
        **dict.fromkeys(("民族乡", "乡人民政府", "乡政府", "乡"), "乡"),
        "苏木": "苏木",
    },
    "community": {
        **dict.fromkeys(("社区居民委员会", "社区居委会", "居民委员会", "居委会", "村社区", "社区"), "社区"),
        **dict.fromkeys(("村民委员会", "村委会", "行政村", "村"), "村"),
    },
}

NAMED = ("exact", "alias", "former_name")


class Found(NamedTuple):
    code: str
    how: str


class Gazetteer:
    """The reference's names, looked up level by level."""

    def __init__(self, places: pl.DataFrame):
        self.parent_of: dict[str, str] = {}
        self.city_names: set[str] = set()
        self.levels = set(places["place_level"].to_list())
        self._codes: dict[tuple[str, str, str], set[str]] = {}  # (level, kind of name, name) → codes
        self._stems: dict[tuple[str, str], set[tuple[str, str]]] = {}  # (level, stem) → (code, ending)
        for row in places.iter_rows(named=True):
            code, level, official = row["place_code"], row["place_level"], _key(row["place_name"])
            aliases, former = (
                {_key(name) for name in (row.get(column) or "").split(";") if name}
                for column in ("aliases", "former_names")
            )
            if level == "city":
                self.city_names |= {official, *aliases, *former}
                continue
            self.parent_of[code] = row["parent_code"]
            for how, names in (("exact", {official}), ("alias", aliases), ("former_name", former)):
                for name in names:
                    self._codes.setdefault((level, how, name), set()).add(code)
            for name in (official, *aliases):
                bare, ending = stem(name, level)
                self._stems.setdefault((level, bare), set()).add((code, ending))

    def is_city(self, said: str) -> bool:
        return _key(said) in self.city_names | {name.removesuffix("市") for name in self.city_names}

    def find(self, level: str, said: str | None, below: str | None = None) -> Found | None:
        """The one place of this level that `said` can mean, anywhere or directly below the place with code `below`."""
        if said is None:
            return None
        name = _key(said)
        if any((level, how, name) in self._codes for how in NAMED):
            return self._named(level, name, below) or (self._by_stem(level, name, below) if below else None)
        return self._by_stem(level, name, below)

    def _named(self, level: str, name: str, below: str | None) -> Found | None:
        """By a name the reference holds, letter by letter."""
        for how in NAMED:
            codes = self._codes.get((level, how, name), set())
            inside = {code for code in codes if below in (None, self.parent_of[code])}
            if inside:
                is_told_apart = how == "exact" and len(codes) > 1
                return Found(min(inside), "below_parent" if is_told_apart else how) if len(inside) == 1 else None
        return None

    def cut(self, said: str | None, county: str) -> tuple[Found | None, Found | None]:
        """A town of this county and its community written as one word: 城北街华宁社区."""
        name = _key(said or "")
        for at in range(len(name) - 2, 1, -1):
            town = self._named("town", name[:at], county)
            community = town and self.find("community", name[at:], town.code)
            if town and community:
                return Found(town.code, "suffix"), Found(community.code, "suffix")
        return None, None

    def _by_stem(self, level: str, name: str, below: str | None) -> Found | None:
        """和平街办, 和平, 安澜市和平街道, 和平镇 (since made a 街道): the place whose name is the same but for its ending.

        Another ending, and a bare name of a community, are believed only below a known parent.
        """
        for above in sorted(self.city_names, key=len, reverse=True):
            if len(name) > len(above) + 1:
                name = name.removeprefix(above)
        bare, ending = stem(name, level)
        same = {one for one in self._stems.get((level, bare), set()) if below in (None, self.parent_of[one[0]])}
        alike = {code for code, its_ending in same if its_ending == ending}
        if below or (not ending and level != "community"):
            alike = alike or {code for code, _ in same}
        return Found(min(alike), "suffix") if len(alike) == 1 and len(bare) > 1 else None


def stem(name: str, level: str) -> tuple[str, str]:
    """A name without its ending, and the kind of place the ending says; no kind where it has none.

    >>> stem("和平街道办事处", "town"), stem("和平", "town"), stem("云水社区居委会", "community")
    (('和平', '街道'), ('和平', ''), ('云水', '社区'))
    """
    for ending, kind in sorted(ENDINGS.get(level, {}).items(), key=lambda item: -len(item[0])):
        if name.endswith(ending) and len(name) > len(ending) + 1:
            return name.removesuffix(ending), kind
    return name, ""


def _key(name: str) -> str:
    """Names are compared without width and spaces."""
    return "".join(unicodedata.normalize("NFKC", name).split())


def resolve(reported: pl.DataFrame, places: pl.DataFrame | Gazetteer) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Codes for reported names, how each was found, and the provisional places this made.

    `reported`: one row a distinct (county_name, town_name, community_name), with n_events; any may be null.
    `places`: the reference (`reference.read_places`), may be empty, or the gazetteer made of it.
    Returns (resolved: RESOLVED_COLUMNS, one row a reported row; provisional: place_code, place_name, place_level,
    parent_code). A name is looked for below its parent; a town or community without a parent is taken only when
    the name is unique in the city.
    """
    gazetteer = places if isinstance(places, Gazetteer) else Gazetteer(places)
    n_by_county = dict(reported.group_by("county_name").agg(pl.col("n_events").sum()).iter_rows())
    provisional: dict[str, tuple[str, str, str | None]] = {}

    def provisional_code(level: str, name: str | None, parent: str | None) -> str | None:
        if name is None or (level != "county" and parent is None):
            return None
        code = name if parent is None else f"{parent}/{name}"
        provisional[code] = (name, level, parent)
        return code

    def codes_of(county: str | None, town: str | None, community: str | None) -> tuple[str | None, ...]:
        if county and gazetteer.is_city(county):
            county = None  # "安澜市和平街道": the city's name says nothing about the county
        found: dict[str, Found | None] = {"county": gazetteer.find("county", county)}
        if county and found["county"] is None and n_by_county[county] >= PROVISIONAL_MIN_EVENTS:
            county_code = provisional_code("county", county, None)
            town_code = provisional_code("town", town, county_code)
            return county_code, town_code, provisional_code("community", community, town_code), "provisional"
        found |= _lower(gazetteer, found["county"], town, community)
        codes = {level: one.code if one else None for level, one in found.items()}
        if codes["community"] and not codes["town"]:
            codes["town"] = gazetteer.parent_of[codes["community"]]
        if codes["town"] and not codes["county"]:
            codes["county"] = gazetteer.parent_of[codes["town"]]
        missed = {"county": None, "town": town, "community": community}
        is_partly = any(said and not codes[level] and level in gazetteer.levels for level, said in missed.items())
        ways = [one.how for one in found.values() if one] + (["partly"] if is_partly else [])
        how = max(ways, key=HOW.index) if codes["county"] else "unlocated"
        return codes["county"], codes["town"], codes["community"], how

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


def _lower(
    gazetteer: Gazetteer, county: Found | None, town_name: str | None, community_name: str | None
) -> dict[str, Found | None]:
    """Town and community of a row whose county is known, or not."""

    def anywhere(level: str, name: str | None) -> Found | None:
        found = gazetteer.find(level, name)
        return found and Found(found.code, "unique_in_city")

    town = gazetteer.find("town", town_name, county.code) if county else anywhere("town", town_name)
    if town is None and county:
        town, community = gazetteer.cut(town_name or community_name, county.code)
        if town:
            return {"town": town, "community": community or gazetteer.find("community", community_name, town.code)}
    if town:
        return {"town": town, "community": gazetteer.find("community", community_name, town.code)}
    community = anywhere("community", community_name)
    if community and county and gazetteer.parent_of[gazetteer.parent_of[community.code]] != county.code:
        community = None
    return {"town": None, "community": community}
