"""Complaint texts by the hundred thousand: phrases with slots, filled and joined column by column.

Every piece of text, literal or slot value, is a number into one vocabulary. An item is a row of numbers, so a month of
texts is a handful of gathers and one concatenation instead of a loop over items.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.demo import names
from pipelines.demo.catalogue import FOLDER, Catalogue, rows
from pipelines.demo.geography import City

Ints = npt.NDArray[np.int64]

SLOTS = [
    "E",
    "B",
    "R",
    "R2",
    "S",
    "V",
    "C",
    "O1",
    "O2",
    "X",
    "Y",
    "H",
    "H1",
    "H2",
    "H3",
    "H4",
    "F",
    "F1",
    "F2",
    "F3",
    "F4",
    "D1",
    "D2",
    "P",
    "W2",
    "L",
    "N",
    "N2",
    "N3",
    "NN",
    "NN2",
    "NT",
    "M",
    "M2",
    "Q",
    "T",
    "Z",
    "W",
    "WB",
    "O",
    "TOPIC",
    "PN",
    "PF",
    "PM",
    "PM2",
    "PL",
    "PI",
    "PE",
    "PW",
    "PQ",
    "PB",
    "PC",
    "PR",
]
SLOT = {name: k for k, name in enumerate(SLOTS)}
AGAIN = {"N": "N2", "N2": "N3", "NN": "NN2", "M": "M2"}  # the second number of a sentence is another number
NAMING = ("V", "C", "S")  # slots that name the community
TRADE_SLOTS = {
    "H": "shop",
    "H1": "eatery",
    "H2": "gym",
    "H3": "trainer",
    "H4": "bar",
    "F": "firm",
    "F1": "plant",
    "F2": "builder",
    "F3": "driving",
    "F4": "dealer",
    "D1": "developer",
    "D2": "property",
}
PER_COUNTY = 90  # shops and firms of each trade in a county
ESTATES, ROADS, SPOTS, SCHOOLS, PROJECTS, HOSPITALS, RIVERS = 6, 14, 5, 4, 6, 5, 4


class Vocabulary:
    """Words by number; number 0 is the empty string."""

    def __init__(self) -> None:
        self.words = [""]
        self._series: pl.Series | None = None

    def add(self, words: Sequence[str]) -> Ints:
        first = len(self.words)
        self.words += words
        self._series = None
        return np.arange(first, first + len(words))

    def take(self, numbers: npt.NDArray[np.integer]) -> pl.Series:
        if self._series is None:
            self._series = pl.Series(self.words)
        return self._series.gather(pl.Series(numbers.astype(np.uint32)))


@dataclass(frozen=True)
class Templates:
    """Sentences cut into pieces: numbers ≥ 0 are words, −1−k is slot k. `first` and `count` by group."""

    pieces: Ints
    first: Ints
    count: Ints

    def followed_by(self, other: "Templates") -> "Templates":
        """Both, the other's groups after our own."""
        n, width = len(self.pieces), max(self.pieces.shape[1], other.pieces.shape[1])
        pieces = np.zeros((n + len(other.pieces), width), dtype=np.int64)
        pieces[:n, : self.pieces.shape[1]] = self.pieces
        pieces[n:, : other.pieces.shape[1]] = other.pieces
        return Templates(
            pieces, np.concatenate([self.first, n + other.first]), np.concatenate([self.count, other.count])
        )

    def choose(self, group: Ints, rng: np.random.Generator) -> Ints:
        return self.first[group] + (rng.random(len(group)) * self.count[group]).astype(np.int64)


class Texts:
    """The vocabulary of one city and the templates over it."""

    def __init__(self, city: City, known: Catalogue, seed: int) -> None:
        rng = np.random.default_rng([seed, 4])
        self.city = city
        self.vocabulary = Vocabulary()
        self._places(city, rng)
        self._trades(city, rng)
        self._numbers(rng)
        self._personal(rng)
        phrases = {row["issue_code"]: row for row in rows(FOLDER / "phrases.csv")}
        shared = tomllib.loads((FOLDER / "shared.toml").read_text(encoding="utf-8"))
        self.facts = self.compile([phrases[code]["facts"].split(";") for code in known.codes])
        grid = rows(FOLDER / "grid_classes.csv")
        self.grid_facts = self.compile([row["facts"].split(";") for row in grid])
        topics = [phrases[code]["topics"].split(";") for code in known.codes]
        self.topic_count = np.array([len(words) for words in topics])
        self.topic_first = self.vocabulary.add([word for words in topics for word in words])[
            np.concatenate([[0], self.topic_count.cumsum()[:-1]])
        ]
        groups = known.groups
        self.consequence = self.compile([shared["consequence"][g] for g in groups])
        self.demand = self.compile([shared["demand"][g] + shared["demand"]["any"][:4] for g in groups])
        self.detail = self.compile([shared["detail"][g] for g in groups])
        self.titles = self.compile([shared["title"]["form"]])
        self.personal = self.compile([shared["personal"]["form"]])
        self.shared = {
            # the second group is for items whose text names the community already
            (register, part): self.compile([phrases_of, [text for text in phrases_of if "{C}" not in text]])
            for register in ("hotline", "petition", "grid")
            for part, phrases_of in shared[register].items()
        }
        self.marks = self.compile([["。"], ["，"], [""]])

    @staticmethod
    def slot(name: str) -> int:
        return SLOT[name]

    def compile(self, groups: Sequence[Sequence[str]]) -> Templates:
        """Templates of several groups, cut at their slots."""
        cut = [[part for part in re.split(r"(\{\w+\})", text) if part] for group in groups for text in group]
        width = max(1, max(len(parts) for parts in cut))
        pieces = np.zeros((len(cut), width), dtype=np.int64)
        for k, parts in enumerate(cut):
            seen: set[str] = set()
            for j, part in enumerate(parts):
                if part[0] == "{":
                    name = part[1:-1]
                    while name in seen and name in AGAIN:
                        name = AGAIN[name]
                    seen.add(name)
                    pieces[k, j] = -1 - SLOT[name]
                else:
                    pieces[k, j] = self.vocabulary.add([part])[0]
        count = np.array([len(group) for group in groups])
        return Templates(pieces, count.cumsum() - count, count)

    def render(self, slots: Ints, parts: list[tuple[Templates, Ints]]) -> pl.Series:
        """One text an item: the chosen template of every part, filled from slot × item numbers."""
        item = np.arange(slots.shape[1])
        columns = [self.vocabulary.take(np.zeros_like(item)).alias("start")]
        for templates, choice in parts:
            chosen = templates.pieces[choice]
            for j in range(chosen.shape[1]):
                piece = chosen[:, j].copy()
                open_slot = piece < 0
                piece[open_slot] = slots[-1 - piece[open_slot], item[open_slot]]
                if piece.any():
                    columns.append(self.vocabulary.take(piece).alias(str(len(columns))))
        return pl.select(pl.concat_str(columns)).to_series()

    @staticmethod
    def names_community(templates: Templates, choice: Ints) -> npt.NDArray[np.bool_]:
        """Whether the chosen template of each item holds a slot that names the community."""
        naming = np.isin(templates.pieces[choice], [-1 - SLOT[name] for name in NAMING])
        return np.asarray(naming.any(axis=1))

    @staticmethod
    def begins_with_words(templates: Templates, choice: Ints) -> npt.NDArray[np.bool_]:
        """Whether the chosen template begins with words of its own, which do not go with a place before them."""
        return templates.pieces[choice, 0] >= 0

    def slots(self, community: Ints, issue: Ints, month_of: Ints, occurred: Ints, rng: np.random.Generator) -> Ints:
        """Slot × item: a word number for everything a template may ask for, fitting the item's place and day.

        `month_of` is the month 0…11, `occurred` the day of a leap year 0…365.
        """
        n = len(community)
        town = self.city.community_town[community]
        county = self.city.town_county[town]

        def any_of(table: Ints, owner: Ints | None = None) -> Ints:
            pick = (rng.random(n) * table.shape[-1]).astype(np.int64)
            return table[pick] if owner is None else table[owner, pick]

        out = np.zeros((len(SLOTS), n), dtype=np.int64)
        out[SLOT["E"]] = any_of(self.estates, community)
        out[SLOT["R"]] = any_of(self.roads, community)
        out[SLOT["R2"]] = any_of(self.town_roads, town)
        out[SLOT["S"]] = any_of(self.spots, community)
        out[SLOT["V"]] = out[SLOT["C"]] = self.community_words[community]
        out[SLOT["O2"]] = self.town_words[town]
        out[SLOT["O1"]] = self.county_words[county]
        out[SLOT["X"]] = any_of(self.schools, town)
        out[SLOT["P"]] = any_of(self.projects, town)
        out[SLOT["Y"]] = any_of(self.hospitals, county)
        out[SLOT["W2"]] = any_of(self.rivers, county)
        for slot, trade in TRADE_SLOTS.items():
            out[SLOT[slot]] = any_of(self.trades[trade], county)
        for slot, pool in self.pools.items():
            out[SLOT[slot]] = any_of(pool)
        out[SLOT["W"]] = self.day_words[occurred]
        out[SLOT["WB"]] = self.day_words[(occurred - rng.integers(3, 45, n)) % 366]
        back = 1 + (rng.random(n) ** 2 * 12).astype(np.int64)
        out[SLOT["Z"]] = self.tenday_words[(month_of - (back + 2) // 3) % 12, (rng.random(n) * 3).astype(np.int64)]
        out[SLOT["TOPIC"]] = self.topic_first[issue] + (rng.random(n) * self.topic_count[issue]).astype(np.int64)
        return out

    def _places(self, city: City, rng: np.random.Generator) -> None:
        add = self.vocabulary.add
        n_counties, n_towns = len(city.county_names), len(city.town_names)
        stems = [re.sub(r"(街道|镇|乡)$", "", name) for name in city.town_names]
        self.stems = stems
        self.county_words, self.town_words = add(city.county_names), add(city.town_names)
        self.community_words = add(city.community_names)
        streets = [
            names.combine(names.WORDS["road_heads"], names.WORDS["road_tails"], 12 * ROADS, rng)
            for _ in range(n_counties)
        ]
        self.town_roads = np.stack([add(_window(streets[c], t * ROADS, ROADS)) for t, c in enumerate(city.town_county)])
        estates, roads, spots = [], [], []
        pools = [
            names.combine(names.WORDS["estate_heads"], names.WORDS["estate_tails"], 900, rng) for _ in range(n_counties)
        ]
        used = [0] * n_counties
        shared: dict[int, Ints] = {}
        for k, (name, t) in enumerate(zip(city.community_names, city.community_town.tolist(), strict=True)):
            c = city.town_county[t]
            roads.append(self.town_roads[t, rng.choice(ROADS, 4, replace=False)])
            if city.community_urban[k] or t not in shared:
                estates.append(add(_window(pools[c], used[c], ESTATES)))
                used[c] += ESTATES
                shared.setdefault(t, estates[-1])
            else:
                estates.append(shared[t])
            if city.community_urban[k]:
                spots.append(np.concatenate([estates[-1][:2], add([f"{name}广场", f"{name}菜市场", f"{name}停车场"])]))
            else:
                spots.append(add([f"{name}{g}组" for g in "一三五"] + [f"{name}村口", f"{name}老砖厂"]))
        self.estates, self.roads, self.spots = np.stack(estates), np.stack(roads), np.stack(spots)
        kinds = ["小学", "中学", "实验小学", "幼儿园"], ["中心小学", "初级中学", "中心幼儿园", "九年制学校"]
        self.schools = np.stack(
            [
                add([stem + kind for kind in kinds[0 if name.endswith("街道") else 1]])
                for stem, name in zip(stems, city.town_names, strict=True)
            ]
        )
        heads = names.combine(names.WORDS["estate_heads"], names.WORDS["project_tails"], n_towns * 3, rng)
        self.projects = np.stack(
            [
                add(
                    [f"{stem}{tail}" for tail in rng.permutation(names.WORDS["project_tails"])[:3]]
                    + heads[3 * t : 3 * t + 3]
                )
                for t, stem in enumerate(stems)
            ]
        )
        self.hospitals = np.stack(
            [
                add([f"{c}人民医院", f"{c}中医院", f"{c}妇幼保健院", "安澜市第一医院", f"{c}{d}卫生院"])
                for c, d in zip(city.county_names, _first_rural(city), strict=True)
            ]
        )
        waters = rng.permutation(names.WORDS["rivers"]).tolist()
        self.rivers = np.stack([add(waters[RIVERS * c : RIVERS * c + RIVERS]) for c in range(n_counties)])

    def _trades(self, city: City, rng: np.random.Generator) -> None:
        heads = names.WORDS["firm_heads"] + [
            h for h in names.WORDS["estate_heads"] if h not in ("学府", "城市", "幸福", "和谐")
        ]
        self.trades = {
            trade: np.stack(
                [
                    self.vocabulary.add(_window(names.combine(heads, tails, 400, rng), 0, PER_COUNTY))
                    for _ in city.county_names
                ]
            )
            for trade, tails in names.WORDS["trades"].items()
        }

    def _numbers(self, rng: np.random.Generator) -> None:
        add = self.vocabulary.add
        buildings = [f"{b}号楼" for b in range(1, 33)] + [f"{b}栋{u}单元" for b in range(1, 26) for u in (1, 2, 3)]
        amounts = (
            [f"{a / 10:g}万元" for a in range(11, 99)]
            + [f"{a}万余元" for a in range(10, 60)]
            + [f"{a}00元" for a in range(21, 99)]
        )
        self.pools = {
            "B": add(buildings),
            "N": add([str(k) for k in range(2, 10)]),
            "NN": add([str(k) for k in range(11, 99)]),
            "NT": add([str(k) for k in range(11, 18)]),
            "M": add(names.WORDS["spells"]),
            "Q": add(amounts),
            "T": add(names.WORDS["nights"]),
            "L": add([f"{k}路" for k in range(1, 68)]),
            "O": np.zeros(1, dtype=np.int64),
        }
        for name, again in AGAIN.items():
            self.pools[again] = self.pools[name]
        days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 12, 31), eager=True).to_list()
        self.day_words = add([f"{day.month}月{day.day}日" for day in days])
        self.tenday_words = add([f"{m}月{part}" for m in range(1, 13) for part in ("上旬", "中旬", "下旬")]).reshape(
            12, 3
        )

    def _personal(self, rng: np.random.Generator) -> None:
        """Invented personal details in the forms that real ones take; none can belong to anybody."""
        add = self.vocabulary.add
        tails = rng.permutation(10_000)[:3000].tolist()
        serial = rng.integers(100, 999, 3000).tolist()
        surnames = rng.choice(
            np.array(list("王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗郑梁谢宋唐许韩冯邓曹彭")), 3000
        ).tolist()
        given = rng.choice(np.array(names.WORDS["given_names"]), (3000, 2)).tolist()
        births = [f"{1950 + k % 55}{k % 12 + 1:02d}{k % 28 + 1:02d}" for k in serial]
        self.pools |= {
            "PN": add([f"{s}{t}" for s in sorted(set(surnames)) for t in ("女士", "先生", "师傅", "阿姨")]),
            "PF": add([s + "".join(g[: 1 + k % 2]) for k, (s, g) in enumerate(zip(surnames, given, strict=True))]),
            "PM": add([f"1990000{t:04d}" for t in tails]),
            "PM2": add(
                [f"199 0000 {t:04d}" for t in tails[:900]]
                + [f"199-0000-{t:04d}" for t in tails[900:1800]]
                + [f"+86 1990000{t:04d}" for t in tails[1800:2400]]
                + [f"1990000{t:04d}".translate(_WIDE) for t in tails[2400:]]
            ),
            "PL": add([f"0900-8{k:03d}{t:04d}"[:12] for k, t in zip(serial, tails, strict=True)]),
            "PI": add([f"990101{b}{k}{'X' if k % 11 == 10 else k % 10}" for b, k in zip(births, serial, strict=True)]),
            "PE": add([f"al{k}_{t:04d}@example.com" for k, t in zip(serial, tails, strict=True)]),
            "PW": add([f"wx_anlan{t:04d}" for t in tails]),
            "PQ": add([f"1000{k}{t:04d}"[:10] for k, t in zip(serial, tails, strict=True)]),
            "PB": add([f"6299 9900 00{k % 100:02d} {t:04d} {k}" for k, t in zip(serial, tails, strict=True)]),
            "PC": add([f"青Z0{t:04d}" for t in tails]),
            "PR": add([f"{f}0{d}室" for f in range(1, 30) for d in range(1, 5)]),
        }


_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


def _window(pool: list[str], first: int, n: int) -> list[str]:
    return [pool[(first + k) % len(pool)] for k in range(n)]


def _first_rural(city: City) -> list[str]:
    """The first 镇 or 乡 of every county, else its first town."""
    result = []
    for c in range(len(city.county_names)):
        own = [name for name, county in zip(city.town_names, city.town_county, strict=True) if county == c]
        result.append(next((name for name in own if not name.endswith("街道")), own[0]))
    return result
