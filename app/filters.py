"""What is the reader looking at? Filters that live in the URL, so that a link or a reload shows the same page.

A widget's value is written to the URL as a code (?county=990101); a URL changed from outside (a link, the back
button) wins over the widget. A value that is no longer offered falls back to the default.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Literal

import polars as pl
import streamlit as st

from app import marts, wording

PERIODS = {1: "1周", 4: "4周", 13: "13周", 26: "26周", 52: "52周"}
ALL = ""


@dataclass(frozen=True)
class Choice:
    """The filters in force; None = all. Named as the queries name them."""

    source: str | None = None
    county: str | None = None
    town: str | None = None
    group: str | None = None
    issue: str | None = None

    def parameters(self) -> dict[str, str | None]:
        return asdict(self)


@dataclass(frozen=True)
class Period:
    """Whole weeks: Monday of the first and of the last one, and of the equally long period before."""

    n_weeks: int
    to_on: date

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

    def only_known(self, counts: pl.DataFrame, data_from: date) -> pl.DataFrame:
        """Of a period that began before the data did, earlier figures are unknown, not small: null."""
        unknown = {
            "n_events_before": self.before_on < data_from,
            "n_events_year_ago": self.from_on - timedelta(weeks=52) < data_from,
        }
        gone = [name for name in counts.columns if unknown.get(name)]
        return counts.with_columns(pl.lit(None, pl.Int64).alias(name) for name in gone)

    def words(self) -> str:
        return wording.span(self.from_on, self.last_day_on)


WIDTHS = {"weeks": 1.45, "week": 1.6, "issue": 1.2}


def bar(
    data_from: date, last_full_week: date, *wanted: str, lengths: tuple[int, ...] = (1, 4, 13, 52), default: int = 4
) -> tuple[Choice, Period]:
    """The filters named in `wanted`, side by side: weeks, week, source, county, town, group, issue."""
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
            elif name == "issue":
                chosen[name] = issue(chosen.get("group"))
            else:
                chosen[name] = {"source": source, "county": county, "group": group}[name]()
    span = Period(chosen.pop("weeks", 1), chosen.pop("week", last_full_week))
    return Choice(**chosen), span


def choose(
    label: str,
    options: Mapping[str, str],
    *,
    key: str,
    default: str | None = None,
    kind: Literal["list", "buttons"] = "list",
    help: str | None = None,
) -> str:
    """One of `options` (code → what is shown), kept in the URL under `key`; the default is left out of it."""
    codes = list(options)
    first = default if default is not None and default in options else codes[0]
    take_from_url(key, codes, first)
    if kind == "list":
        st.selectbox(
            label, codes, format_func=lambda code: options.get(code, code), key=key, help=help, filter_mode="contains"
        )
    else:
        st.segmented_control(
            label, codes, format_func=lambda code: options.get(code, code), key=key, help=help, required=True
        )
    chosen: str = st.session_state[key] or first
    put_in_url(key, chosen, first)
    return chosen


def take_from_url(key: str, allowed: list[str], default: str) -> None:
    """Set the widget's value from the URL when the URL changed since this session last wrote it."""
    in_url = st.query_params.get(key)
    changed_outside = in_url != st.session_state.get(f"_url_{key}")
    value = in_url if changed_outside or key not in st.session_state else st.session_state[key]
    if value not in allowed:
        value = default
    if st.session_state.get(key) != value:
        st.session_state[key] = value


def put_in_url(key: str, value: str, default: str) -> None:
    """Keep the URL in step with the widget."""
    wanted = None if value == default else value
    if st.query_params.get(key) != wanted:
        if wanted is None:
            del st.query_params[key]
        else:
            st.query_params[key] = wanted
    st.session_state[f"_url_{key}"] = wanted


def forget(key: str) -> None:
    """Back to the default, in the widget and in the URL."""
    st.session_state.pop(key, None)
    st.query_params.pop(key, None)
    st.session_state[f"_url_{key}"] = None


def week(data_from: date, last_full_week: date, *, label: str = "周次") -> date:
    """Which complete week? Newest by default."""
    weeks = marts.query("weeks", data_from=data_from, last_full_week=last_full_week)["week_start_on"].to_list()
    options = {
        wording.week_code(monday): f"{wording.week_name(monday)}（{wording.week_span(monday)}）" for monday in weeks
    }
    by_code = {wording.week_code(monday): monday for monday in weeks}
    return by_code[choose(label, options, key="week")]


def n_weeks(lengths: tuple[int, ...], default: int) -> int:
    """How many whole weeks?"""
    options = {str(n): PERIODS[n] for n in lengths}
    return int(choose("时段", options, key="weeks", default=str(default), kind="buttons"))


def source() -> str | None:
    return choose("来源", {ALL: "全部来源", **wording.SOURCES}, key="source") or None


def county() -> str | None:
    places = marts.query("places").filter(pl.col("place_level") == "county")
    return choose("县区", {ALL: "全市", **_names(places, "place_code", "place_name")}, key="county") or None


def town(county: str | None) -> str | None:
    """Towns of the chosen county; nothing to choose without one."""
    places = marts.query("places").filter(
        (pl.col("place_level") == "town") & (pl.col("county_code") == (county or ALL))
    )
    return choose("镇街", {ALL: "全部镇街", **_names(places, "place_code", "place_name")}, key="town") or None


def group() -> str | None:
    issues = marts.query("issues").unique("group_code", maintain_order=True)
    return choose("事项大类", {ALL: "全部大类", **_names(issues, "group_code", "group_name")}, key="group") or None


def issue(group: str | None, *, label_all: str = "全部事项") -> str | None:
    """Issues of the chosen group, or all."""
    issues = marts.query("issues")
    if group:
        issues = issues.filter(pl.col("group_code") == group)
    return choose("事项", {ALL: label_all, **_names(issues, "issue_code", "issue_name")}, key="issue") or None


def _names(frame: pl.DataFrame, code: str, name: str) -> dict[str, str]:
    return dict(frame.select(code, name).iter_rows())


def words(choice: Choice) -> str:
    """The filters in one phrase: 云溪区和平街道 · 12345热线 · 供暖; for notes and file names."""
    places = _names(marts.query("places"), "place_code", "place_name")
    issues = marts.query("issues")
    said = [(places.get(choice.county or "", "") + places.get(choice.town or "", "")) or "全市"]
    said.append(wording.SOURCES[choice.source] if choice.source else "全部来源")
    if choice.issue:
        said.append(_names(issues, "issue_code", "issue_name").get(choice.issue, choice.issue))
    elif choice.group:
        said.append(_names(issues, "group_code", "group_name").get(choice.group, choice.group))
    return " · ".join(said)
