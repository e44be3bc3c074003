"""Four years of a city's complaints, written month by month so that memory does not grow with the number of items."""

import datetime as dt
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.demo import demand as demand_module
from pipelines.demo import geography, ledger, mediation, truth, units, writers
from pipelines.demo.catalogue import SOURCES, catalogue
from pipelines.demo.demand import Demand
from pipelines.demo.geography import City
from pipelines.demo.texts import Templates, Texts
from pipelines.demo.units import Units

Ints = npt.NDArray[np.int64]

PART_COUNTY = "沐河县"  # its hotline items come in an export layout of their own
MOST_ROWS_A_SHEET = 60_000

# handling time in days by source: median, spread of the logarithm
HANDLING = {"hotline": (2.6, 0.75), "grid": (0.9, 1.0), "petition": (27.0, 0.48)}
NEVER_CLOSED = 0.012
HOURS = {
    "hotline": [1, 0, 0, 0, 0, 1, 2, 5, 11, 13, 11, 8, 5, 6, 10, 11, 10, 8, 6, 6, 6, 5, 4, 2],
    "grid": [0, 0, 0, 0, 0, 0, 2, 6, 13, 14, 12, 6, 4, 6, 12, 12, 9, 5, 3, 2, 1, 1, 0, 0],
    "petition": [0, 0, 0, 0, 0, 0, 0, 1, 12, 18, 16, 9, 2, 4, 14, 13, 9, 3, 0, 0, 0, 0, 0, 0],
}


@dataclass
class Month:
    """The items registered in one calendar month, one array a property."""

    label: str  # 202301
    town: Ints
    issue: Ints
    source: Ints
    day: Ints
    community: Ints
    event: Ints  # −1 for the background
    registered: Ints  # seconds since the epoch, sorted
    occurred: Ints
    closed: Ints  # −1 while open
    due: Ints
    unit: Ints
    grid_class: Ints
    slots: Ints  # slot × item: vocabulary numbers for the texts

    def of(self, mask: npt.NDArray[np.bool_]) -> "Month":
        return Month(
            self.label,
            **{name: getattr(self, name)[mask] for name in _ITEM_FIELDS},
            slots=self.slots[:, mask],
        )


_ITEM_FIELDS = [
    "town",
    "issue",
    "source",
    "day",
    "community",
    "event",
    "registered",
    "occurred",
    "closed",
    "due",
    "unit",
    "grid_class",
]


@dataclass
class Scene:
    """All that stays the same from month to month."""

    city: City
    demand: Demand
    texts: Texts
    units: Units
    plan: truth.Plan
    facts: Templates  # one group an issue, then one an event
    end: dt.date
    seed: int
    counters: dict[str, int] = field(default_factory=dict)

    @property
    def end_second(self) -> int:
        return _second(self.end) + 86_400 - 1


def generate(
    out: Path, *, items: int = 300_000, seed: int = 20260101, end: dt.date = dt.date(2026, 11, 15)
) -> dict[str, Any]:
    """Write the demo city's files into `out` (replaced as a whole) and say what was written.

    The same `items`, `seed` and `end` give the same bytes. `items` is the expected number; chance moves it a little.
    The files appear only when all are complete: they grow in a sibling folder that is renamed at the end.
    """
    started = time.perf_counter()
    out = Path(out)
    growing = out.with_name(out.name + ".growing")
    shutil.rmtree(growing, ignore_errors=True)
    for name in (*SOURCES, "reference"):
        (growing / name).mkdir(parents=True)

    scene = _scene(items, seed, end)
    geography.write(scene.city, growing / "reference")
    scene.units.table.write_csv(growing / "reference" / "unit.csv")
    written = dict.fromkeys(SOURCES, 0)
    registered = np.zeros(len(scene.plan.events), dtype=np.int64)
    sheets = writers.PetitionSheets(growing / "petition", _sheet_label(items))
    cases, ledgers = mediation.Cases(), ledger.Ledgers()
    for label, first, last in _months(scene.demand.calendar.days):
        month = _month(scene, label, first, last)
        kept = month.event[month.event >= 0]
        registered += np.bincount(kept, minlength=len(registered))
        rng = np.random.default_rng([seed, 8, first])
        is_source = [month.source == k for k in range(len(SOURCES))]
        is_part = scene.city.town_county[month.town] == scene.city.county_names.index(PART_COUNTY)
        written["hotline"] += writers.write_hotline(scene, month.of(is_source[0] & ~is_part), growing / "hotline", rng)
        written["hotline"] += writers.write_hotline_part(
            scene, month.of(is_source[0] & is_part), growing / "hotline", rng
        )
        written["grid"] += writers.write_grid(scene, month.of(is_source[1]), growing / "grid", rng)
        written["petition"] += sheets.add(scene, month.of(is_source[2]), rng)
        for source, part, of_source in (
            ("hotline", "hotline", is_source[0] & ~is_part),
            ("hotline", "hotline_part", is_source[0] & is_part),
            ("grid", "grid", is_source[1]),
            ("petition", "petition", is_source[2]),
        ):
            written_month = month.of(of_source)
            numbers = writers.numbers(part, written_month, scene)
            cases.add(scene, written_month, source, numbers)
            ledgers.add(scene, written_month, source, numbers)
    sheets.close()
    referred = cases.write(growing, scene)
    entries = ledgers.write(growing / "ledger", scene)
    truth.table(scene.plan, catalogue(), scene.demand.calendar.days, registered).write_csv(growing / "truth.csv")

    former = out.with_name(out.name + ".former")
    shutil.rmtree(former, ignore_errors=True)
    if out.exists():
        out.rename(former)
    growing.rename(out)
    shutil.rmtree(former, ignore_errors=True)
    return {
        "files": sum(1 for path in out.rglob("*") if path.is_file()),
        "items": written,
        "referrals": referred,
        "ledger_entries": entries,
        "planted_events": len(scene.plan.events),
        "seconds": round(time.perf_counter() - started, 1),
    }


def _scene(items: int, seed: int, end: dt.date) -> Scene:
    city = geography.draw(seed)
    known = catalogue()
    calendar = demand_module.calendar(end)
    texts = Texts(city, known, seed)
    demand = demand_module.plan(city, known, calendar, float(items), seed)
    plan = truth.plan(city, known, demand, texts, items, seed)
    planted = sum(event.extra for event in plan.events)
    demand = demand_module.rescaled(demand, max(items - planted, items // 2))
    return Scene(
        city, demand, texts, units.draw(city, known, seed), plan, texts.facts.followed_by(plan.facts), end, seed
    )


def _months(days: list[dt.date]) -> list[tuple[str, int, int]]:
    """(202301, first day, last day) of every calendar month touched."""
    labels = [day.strftime("%Y%m") for day in days]
    return [(label, labels.index(label), len(labels) - 1 - labels[::-1].index(label)) for label in sorted(set(labels))]


def _sheet_label(items: int) -> Any:
    """Petition files a year, a half-year or a month each, so that a sheet stays small enough to open."""
    a_year = items * 0.06 / 4
    if a_year <= MOST_ROWS_A_SHEET:
        return lambda label: f"{label[:4]}年"
    if a_year <= 1.8 * MOST_ROWS_A_SHEET:
        return lambda label: f"{label[:4]}年{'上' if label[4:] <= '06' else '下'}半年"
    return lambda label: f"{label[:4]}年{label[4:]}月"


def _month(scene: Scene, label: str, first: int, last: int) -> Month:
    rng = np.random.default_rng([scene.seed, 7, first])
    town, issue, day, source = scene.demand.draw(first, last, rng)
    community = demand_module.choose_community(scene.demand, town, issue, rng)
    event = np.full(len(town), -1)
    extra = _planted(scene, first, last)
    community = np.concatenate([community, extra["community"]])
    issue, day, source, event = (
        np.concatenate([background, extra[name]])
        for background, name in ((issue, "issue"), (day, "day"), (source, "source"), (event, "event"))
    )
    town = scene.city.community_town[community]

    registered = _second(scene.demand.calendar.days[0]) + day * 86_400 + _time_of_day(source, rng)
    order = np.lexsort([community, issue, source, registered])
    town, issue, source, day = town[order], issue[order], source[order], day[order]
    community, event, registered = community[order], event[order], registered[order]

    unit = scene.units.of[issue, town]
    occurred = registered - _delay(scene, source, day, rng)
    closed, due = _handling(scene, source, unit, issue, registered, event, rng)
    dates = occurred.astype("datetime64[s]").astype("datetime64[ms]")
    months = dates.astype("datetime64[M]").astype(np.int64)
    in_year = _day_of_leap_year(dates)
    slots = scene.texts.slots(community, issue, months % 12, in_year, rng)
    planted = event >= 0
    subjects = np.array([e.subject for e in scene.plan.events])
    slots[scene.texts.slot("O"), planted] = subjects[event[planted]]
    return Month(
        label=label,
        town=town,
        issue=issue,
        source=source,
        day=day,
        community=community,
        event=event,
        registered=registered,
        occurred=occurred,
        closed=closed,
        due=due,
        unit=unit,
        grid_class=_grid_class(issue, source, rng),
        slots=slots,
    )


def _planted(scene: Scene, first: int, last: int) -> dict[str, Ints]:
    """The items of planted events registered on these days; each event has its own stream of chance."""
    known = catalogue()
    parts: dict[str, list[Ints]] = {name: [] for name in ("community", "issue", "day", "source", "event")}
    for k, event in enumerate(scene.plan.events):
        if event.first > last or event.first + len(event.share) <= first:
            continue
        rng = np.random.default_rng([scene.seed, 9, k])
        day = event.first + rng.choice(len(event.share), event.extra, p=event.share)
        weight = rng.gamma(2.0, size=len(event.communities))
        community = rng.choice(event.communities, event.extra, p=weight / weight.sum())
        source = rng.choice(len(SOURCES), event.extra, p=known.mix[event.issue])
        mine = (day >= first) & (day <= last)
        n = int(mine.sum())
        for name, values in (
            ("community", community[mine]),
            ("issue", np.full(n, event.issue)),
            ("day", day[mine]),
            ("source", source[mine]),
            ("event", np.full(n, k)),
        ):
            parts[name].append(values)
    empty = np.zeros(0, dtype=np.int64)
    return {name: np.concatenate([empty, *values]) for name, values in parts.items()}


def _time_of_day(source: Ints, rng: np.random.Generator) -> Ints:
    hour = np.zeros(len(source), dtype=np.int64)
    for k, name in enumerate(SOURCES):
        weights = np.array(HOURS[name], dtype=float)
        cumulative = weights.cumsum() / weights.sum()
        mine = source == k
        hour[mine] = np.searchsorted(cumulative, rng.random(int(mine.sum())), side="right")
    return hour * 3600 + rng.integers(0, 3600, len(source))


def _delay(scene: Scene, source: Ints, day: Ints, rng: np.random.Generator) -> Ints:
    """Seconds between occurrence and registration: geometric days, longer after a holiday."""
    days = np.select(
        [source == 0, source == 1],
        [rng.geometric(0.5, len(day)) - 1, rng.geometric(0.9, len(day)) - 1],
        rng.geometric(0.12, len(day)),
    )
    waited = rng.random(len(day)) < np.select([source == 0, source == 1], [0.4, 0.15], 0.6)
    days = days + np.where(waited, scene.demand.calendar.off_before[day], 0)
    return days * 86_400 + rng.integers(600, 25_000, len(day))


def _handling(
    scene: Scene, source: Ints, unit: Ints, issue: Ints, registered: Ints, event: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """(closed or −1, due) in seconds; some close late, a few never, the recent ones are still open."""
    n = len(source)
    median = np.array([HANDLING[name][0] for name in SOURCES])[source]
    spread = np.array([HANDLING[name][1] for name in SOURCES])[source]
    hard = 0.75 + 0.5 * ((issue * 37) % 11) / 10
    took = median * scene.units.pace[unit] * hard * np.exp(spread * rng.standard_normal(n))
    took = np.where(event >= 0, took * 1.25, took)
    closed = registered + (took * 86_400).astype(np.int64)
    hour = closed // 3600 % 24
    closed = np.where((hour < 8) | (hour > 18), closed - (hour - 9 - closed % 7) * 3600, closed)
    closed = np.maximum(closed, registered + 1200)
    is_open = (closed > scene.end_second) | (rng.random(n) < NEVER_CLOSED)
    allowed = np.select([source == 0, source == 1], [np.array([5, 7, 10])[(issue * 7) % 3], 7], 60)
    due = (registered // 86_400 + allowed) * 86_400 + 18 * 3600
    return np.where(is_open, -1, closed), due


def _grid_class(issue: Ints, source: Ints, rng: np.random.Generator) -> Ints:
    """A grid category for every grid item; −1 elsewhere."""
    known = catalogue()
    result = np.full(len(issue), -1)
    for k in np.unique(issue[source == 1]):
        classes = np.flatnonzero(known.grid_issue == k)
        weight = known.grid_weight[classes]
        mine = (source == 1) & (issue == k)
        result[mine] = rng.choice(classes, int(mine.sum()), p=weight / weight.sum())
    return result


def _day_of_leap_year(dates: npt.NDArray[np.datetime64]) -> Ints:
    """0 for 1 January … 365 for 31 December, counting as if every year had a 29 February."""
    series = pl.Series(dates)
    starts = np.array([0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335])
    return starts[series.dt.month().to_numpy().astype(np.int64) - 1] + series.dt.day().to_numpy().astype(np.int64) - 1


def _second(day: dt.date) -> int:
    return int(np.datetime64(day, "s").astype(np.int64))
