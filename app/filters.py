"""What is the reader looking at? Filters that live in the URL, so that a link or a reload shows the same page.

A widget's value is written to the URL as a code (?county=990101); a URL changed from outside (a link, the back
button) wins over the widget. A value that is no longer offered falls back to the default, except for the week:
another week is never shown in place of the one asked for. The week is always in the URL, so that a link made today
shows the same week next Monday. Who changes the page by the menu takes the filters along (`arrive`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Literal

import polars as pl
import streamlit as st

from app import address, asof, marts, page, roles, wording
from app.access import signin

PERIODS = {1: "1周", 4: "4周", 13: "13周", 26: "26周", 52: "52周"}
ALL = ""
CARRIED = ("week", "weeks", "source", "county", "town", "community", "group", "issue")
BY_MENU = "_by_menu"
ACTIVE = "_active"
"""In the session: the filters in force since the last line of them, key → 县区：云溪区."""
NEW_PAGE = "_new_page"


@dataclass(frozen=True)
class Choice:
    """The filters in force; None = all. Named as the queries name them."""

    source: str | None = None
    county: str | None = None
    town: str | None = None
    community: str | None = None
    group: str | None = None
    issue: str | None = None

    def parameters(self) -> dict[str, str | None]:
        return asdict(self)


@dataclass(frozen=True)
class Period:
    """Whole weeks: Monday of the first and of the last one, and of the equally long period before."""

    n_weeks: int
    to_on: date
    covered: frozenset[date] = frozenset()
    """Mondays of the weeks with data; a comparison with any other week is unknown."""

    @property
    def from_on(self) -> date:
        return self.to_on - timedelta(weeks=self.n_weeks - 1)

    @property
    def before_on(self) -> date:
        return self.from_on - timedelta(weeks=self.n_weeks)

    @property
    def last_day_on(self) -> date:
        return self.to_on + timedelta(days=6)

    def parameters(self) -> dict[str, date]:
        return {"from_on": self.from_on, "to_on": self.to_on, "before_on": self.before_on}

    def weeks_from(self, first: date) -> set[date]:
        """The Mondays of a period as long as this one."""
        return {first + timedelta(weeks=n) for n in range(self.n_weeks)}

    def only_known(self, counts: pl.DataFrame) -> pl.DataFrame:
        """Earlier figures that rest on weeks without data are unknown, not small: null."""
        unknown = {
            "n_events_before": not self.weeks_from(self.before_on) <= self.covered,
            "n_events_year_ago": not self.weeks_from(self.from_on - timedelta(weeks=52)) <= self.covered,
        }
        gone = [name for name in counts.columns if unknown.get(name)]
        return counts.with_columns(pl.lit(None, pl.Int64).alias(name) for name in gone)

    def words(self) -> str:
        return wording.span(self.from_on, self.last_day_on)

    def shortfall(self) -> str:
        """A sentence when some of the weeks have no data; else empty."""
        known = self.weeks_from(self.from_on) & self.covered
        if len(known) == self.n_weeks:
            return ""
        return f"选定的 {self.n_weeks} 周里，有数据的整周是 {len(known)} 周；其余各周没有数据，不是 0 件。"


BELOW = {"county": ("town", "community"), "town": ("community",), "group": ("issue",)}
"""What goes with a filter that is taken off."""
WIDTHS = {"weeks": 1.45, "week": 1.6, "issue": 1.2}


def arrive(page_name: str) -> None:
    """Called before each page run: is the reader here by the menu, from another page? Then filters go along."""
    left = st.session_state.get("_page", page_name)
    address.arrive(is_new_page=left != page_name)
    by_link = any(key in st.query_params for key in (*CARRIED, "place", "id"))
    st.session_state[NEW_PAGE] = left != page_name  # its widgets do not have the last page's values
    st.session_state[BY_MENU] = left != page_name and not by_link
    st.session_state["_page"] = page_name
    st.session_state.pop(ACTIVE, None)
    asof.keep()


def carried(key: str) -> str | None:
    """What was last chosen for this filter, where the reader has just come over by the menu."""
    return st.session_state.get(f"_carried_{key}") if st.session_state.get(BY_MENU) else None


def carry(key: str, value: str | None) -> None:
    """Keep a choice for the next page."""
    st.session_state[f"_carried_{key}"] = value


def bar(
    data_from: date,
    last_full_week: date,
    *wanted: str,
    lengths: tuple[int, ...] = (1, 4, 13, 52),
    default: int = 4,
    say: bool = True,
) -> tuple[Choice, Period]:
    """The filters named in `wanted`, side by side: weeks, week, source, county, town, group, issue.

    say: with the line of those in force; False where more filters follow, and the page says them all (`chips`).
    """
    chosen: dict[str, Any] = {}
    columns = st.columns([WIDTHS.get(name, 1) for name in wanted] + [3] * (len(wanted) == 1))
    for name, column in zip(wanted, columns, strict=False):
        with column:
            if name == "weeks":
                chosen[name] = n_weeks(lengths, default)
            elif name == "week":
                chosen[name] = week(data_from, last_full_week, label="截至" if "weeks" in wanted else "周次")
            elif name == "town":
                chosen[name] = town(chosen["county"])
            elif name == "community":
                chosen[name] = community(chosen["town"])
            elif name == "issue":
                chosen[name] = issue(chosen.get("group"))
            else:
                chosen[name] = {"source": source, "county": county, "group": group}[name]()
    if say:
        chips()
    length, monday = chosen.pop("weeks", 1), need_week(chosen.pop("week", last_full_week), last_full_week)
    return Choice(**chosen), period(length, monday, data_from, last_full_week, chosen.get("source"))


def period(n_weeks: int, to_on: date, data_from: date, last_full_week: date, source: str | None) -> Period:
    """Whole weeks, with the knowledge of which weeks have data (of this source)."""
    covered = covered_weeks(source)["week_start_on"].to_list()
    return Period(n_weeks, to_on, frozenset(monday for monday in covered if data_from <= monday <= last_full_week))


def covered_weeks(source: str | None) -> pl.DataFrame:
    """The weeks any source, or this one, tells something about: week_start_on."""
    return _covered_weeks(source, marts.version())


@lru_cache(maxsize=16)
def _covered_weeks(source: str | None, _version: str) -> pl.DataFrame:
    weeks = marts.query("covered_weeks")
    if source:
        weeks = weeks.filter(pl.col("source") == source)
    return weeks.select("week_start_on").unique().sort("week_start_on")


def with_silent_weeks(weeks: pl.DataFrame, source: str | None = None, *, through: date | None = None) -> pl.DataFrame:
    """Weeks (period_start_on, n_events) without holes, up to `through` (else the last with a row): a week without a row is
    0, in a gap of the data null."""
    if through and not weeks.is_empty() and through not in weeks["period_start_on"]:
        last = pl.DataFrame({"period_start_on": [through]}, schema_overrides=weeks.schema)
        weeks = pl.concat([weeks, last], how="diagonal")
    covered = covered_weeks(source)["week_start_on"].to_list()
    return weeks.upsample("period_start_on", every="1w").with_columns(
        pl.when(pl.col("period_start_on").is_in(covered)).then(pl.col("n_events").fill_null(0)).alias("n_events")
    )


def choose(
    label: str,
    options: Mapping[str, str],
    *,
    key: str,
    default: str | None = None,
    kind: Literal["list", "buttons"] = "list",
    help: str | None = None,
    disabled: bool = False,
    say_default: bool = False,
) -> str:
    """One of `options` (code → what is shown), kept in the URL under `key`; the default is left out of it unless `say_default`."""
    codes = list(options)
    first = default if default is not None and default in options else codes[0]
    take_from_url(key, codes, first)
    if kind == "list":
        st.selectbox(
            label,
            codes,
            format_func=lambda code: options.get(code, code),
            key=key,
            help=help,
            filter_mode="contains",
            placeholder="请选择",
            disabled=disabled,
        )
    else:
        st.segmented_control(
            label, codes, format_func=lambda code: options.get(code, code), key=key, help=help, required=True
        )
    chosen: str = st.session_state[key] or first
    put_in_url(key, chosen, None if say_default else first)
    active: dict[str, str] = st.session_state.setdefault(ACTIVE, {})
    active.pop(key, None)
    if codes[0] == ALL != chosen:
        active[key] = f"{label}：{options[chosen]}"
    return chosen


def take_from_url(key: str, allowed: list[str], default: str) -> None:
    """Set the widget's value from the URL when the URL changed since this session last wrote it."""
    in_url = st.query_params.get(key)
    changed_outside = in_url != st.session_state.get(f"_url_{key}")
    value = in_url if changed_outside or key not in st.session_state else st.session_state[key]
    if in_url is None:
        value = carried(key) or value
    if value not in allowed:
        value = default
    if st.session_state.get(key) != value or st.session_state.get(NEW_PAGE):
        st.session_state[key] = value


def put_in_url(key: str, value: str, default: str | None) -> None:
    """Keep the URL in step with the widget. A default that a link spells out stays: each change of the URL is a step back."""
    wanted = None if value == default != st.query_params.get(key) else value
    address.write(key, wanted)
    st.session_state[f"_url_{key}"] = wanted
    if key in CARRIED:
        carry(key, wanted)


def forget(key: str) -> None:
    """Back to the default, in the widget and in the URL."""
    st.session_state.pop(key, None)
    address.write(key, None)
    st.session_state[f"_url_{key}"] = None


def pick(**chosen: str | None) -> None:
    """Filters set by a click, in a callback; None = all. The widgets and the URL follow in the run after it."""
    for key, code in chosen.items():
        st.session_state[key] = code or ALL


def chips() -> None:
    """One line above the content: which filters leave something out, each to take off, and all of them at once.

    Of the filters asked for since the last line (`choose`) those whose options begin with all.
    """
    active: dict[str, str] = st.session_state.pop(ACTIVE, {})
    if not active:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"chips_{next(iter(active))}"):
        st.html('<p class="note">只看</p>', width="content")
        for name, said in active.items():
            st.button(
                said, key=f"drop_{name}", icon=":material/close:", icon_position="right", help=f"去掉“{said}”",
                on_click=_drop, args=((name,),),
            )  # fmt: skip
        if len(active) > 1:
            names = tuple(active)
            st.button("清除全部", key=f"drop_all_{names[0]}", type="tertiary", on_click=_drop, args=(names,))


def _drop(names: tuple[str, ...]) -> None:
    for name in names:
        pick(**dict.fromkeys((name, *BELOW.get(name, ()))))


def week(data_from: date, last_full_week: date, *, label: str = "周次") -> date | None:
    """Which complete week with data? Newest by default; None for a week in the URL that is none of them."""
    mondays = _weeks(data_from, last_full_week, marts.version())
    options = {code: _week_words(monday) for code, monday in mondays.items()}
    if not _week_refused(options):
        return mondays[choose(label, options, key="week", say_default=True)]
    st.session_state["week"] = None
    st.session_state["_url_week"] = st.query_params["week"]
    st.selectbox(
        label,
        list(options),
        format_func=lambda code: options.get(code, code),
        key="week",
        filter_mode="contains",
        placeholder="请另选一周",
    )
    return None


@lru_cache(maxsize=16)
def _weeks(data_from: date, last_full_week: date, version: str) -> dict[str, date]:
    """2026-W46 → its Monday, of the weeks with data in this version."""
    weeks = marts.query("weeks", data_from=data_from, last_full_week=last_full_week)
    return {wording.week_code(monday): monday for monday in weeks["week_start_on"]}


@lru_cache(maxsize=1024)
def _week_words(monday: date) -> str:
    return f"{wording.week_name(monday)}（{wording.week_span(monday)}）"


def _week_refused(options: Mapping[str, str]) -> bool:
    """Is the week in the URL unknown, and no other picked since?"""
    asked = st.query_params.get("week")
    if asked is None or asked in options:
        return False
    return asked != st.session_state.get("_url_week") or st.session_state.get("week") not in options


def need_week(monday: date | None, last_full_week: date) -> date:
    """Guard: says why the week in the URL cannot be shown, and stops."""
    if monday is not None:
        return monday
    asked = st.query_params["week"]
    try:
        start = date.fromisocalendar(int(asked[:4]), int(asked[6:]), 1)
    except ValueError:
        page.quiet(f"网址里的周次“{asked[:20]}”无法识别。请在上面另选一周。")
    else:
        why = "还没有收满" if start > last_full_week else "没有入库的事项，没有可看的数字"
        page.quiet(f"{wording.week_name(start)}（{wording.week_span(start)}）{why}。请在上面另选一周。")
    st.stop()


def n_weeks(lengths: tuple[int, ...], default: int) -> int:
    """How many whole weeks?"""
    options = {str(n): PERIODS[n] for n in lengths}
    return int(choose("时段", options, key="weeks", default=str(default), kind="buttons"))


def source() -> str | None:
    """Which of the sources that are in the warehouse, or all?"""
    return source_of(marts.query("source_totals")["source"].to_list())


def source_of(there: list[str]) -> str | None:
    """Which of these sources, or all?"""
    names = {code: name for code, name in wording.SOURCES.items() if code in there}
    return choose("来源", {ALL: "全部来源", **names}, key="source") or None


def county() -> str | None:
    names = _inside("county", None, marts.version())
    mine = signin.scope()
    if mine is None:
        names = {ALL: "全市", **names}
    elif mine.root is None:  # several counties, or a unit's items wherever they are
        names = {ALL: "全部所辖" if mine.is_area else "全部区域", **names}
    return choose("县区", names, key="county") or None


def town(county: str | None) -> str | None:
    """Towns of the chosen county; nothing to choose without one."""
    return _below("镇街", "town", county, "先选县区")


def community(town: str | None) -> str | None:
    """Communities of the chosen town; nothing to choose without one."""
    return _below("社区村", "community", town, "先选镇街")


@lru_cache(maxsize=256)
def _inside(level: str, above: str | None, version: str) -> dict[str, str]:
    """place_code → place_name of the places of one level, inside the place above it."""
    places = marts.query("places").filter(pl.col("place_level") == level)
    above_it = {"county": "parent_code", "town": "county_code", "community": "town_code"}[level]
    return _names(places if above is None else places.filter(pl.col(above_it) == above), "place_code", "place_name")


def _below(label: str, level: str, above: str | None, first: str) -> str | None:
    inside = _inside(level, above, marts.version()) if above else {}
    options = {ALL: f"全部{label}" if above else first, **inside}
    mine = signin.scope()
    if mine and mine.kind == level and mine.root in options:  # a reader of one town
        del options[ALL]
    return choose(label, options, key=level, disabled=not above) or None


def group() -> str | None:
    issues = marts.query("issues")
    return choose("事项大类", {ALL: "全部大类", **_names(issues, "group_code", "group_name")}, key="group") or None


def issue(group: str | None, *, label_all: str = "全部事项") -> str | None:
    """Issues of the chosen group, or all."""
    issues = marts.query("issues")
    if group:
        issues = issues.filter(pl.col("group_code") == group)
    return choose("事项", {ALL: label_all, **_names(issues, "issue_code", "issue_name")}, key="issue") or None


def _names(frame: pl.DataFrame, code: str, name: str) -> dict[str, str]:
    """In the order of the frame; columns one by one, without the engine: it is asked a dozen times a run."""
    return dict(zip(frame[code].to_list(), frame[name].to_list(), strict=True))


def place_names() -> dict[str, str]:
    """place_code → its own name, of all levels; not to be changed."""
    return _place_names(marts.version())


@lru_cache(maxsize=16)
def _place_names(version: str) -> dict[str, str]:
    return _names(marts.query("places"), "place_code", "place_name")


def place_name(code: str | None) -> str:
    """Its own name; 全市 where no place is chosen, or what there is to be seen of it."""
    return place_names().get(code or "") or (roles.scope_words() or "全市")


def issue_names() -> dict[str, str]:
    """issue_code → issue_name."""
    return _names(marts.query("issues"), "issue_code", "issue_name")


def is_whole_city(choice: Choice) -> bool:
    """No place chosen? Then the figures are too many to point at anyone (app.disclosure). Never to a reader of a part."""
    return not (choice.county or choice.town or choice.community or signin.scope())


def words(choice: Choice) -> str:
    """The filters in one phrase: 云溪区和平街道 · 12345热线 · 供暖; for notes and file names."""
    places = place_names()
    inside = "".join(places.get(code or "", "") for code in (choice.county, choice.town, choice.community))
    said = [inside or roles.scope_words() or "全市"]
    said.append(wording.SOURCES[choice.source] if choice.source else "全部来源")
    if choice.issue:
        said.append(issue_names().get(choice.issue, choice.issue))
    elif choice.group:
        said.append(_names(marts.query("issues"), "group_code", "group_name").get(choice.group, choice.group))
    return " · ".join(said)
