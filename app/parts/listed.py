"""The list of a week's warnings: filters, table, map, and a first look at the one chosen."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from app import address, disclosure, filters, marts, page, wording
from app.casework import workflow
from app.charts.maps import warnings_map
from app.palette import LEVELS
from app.parts import casework
from app.parts.warning import kinds_words, links
from app.warned import safe_signals

ORDERS = {"": "最要紧的在前", "due": "限期最近的在前", "new": "新出现的在前"}
OPEN, LATE = "open", "late"
NOT_KNOWN = "none"
"""In the filter of units: nobody is named."""


HELPS = {
    "observed": "本周的件数；同一事项、空间聚集、新词、单位办理是截至本周的最多 4 周。",
    "n_weeks": "连续偏高的周数。",
}


LABELS_TAKEN_AWAY = casework.LABELS_LISTED | {"unit_name": "预警所指单位", "to_unit": "现承办单位"}
WIDTHS = {
    "rank": 66,
    "signal_level": 50,
    "title": 220,
    "kind": 78,
    "observed": 48,
    "n_weeks": 48,
    "standing": 86,
    "due": 122,
}
SHORT_RULE = "等级按纯属偶然的机会定，越少见越高；要紧次序看多出的件数、持续多久、旁证和事项轻重。"


def rule(edition: page.Edition) -> None:
    """How levels and order are set, to unfold."""
    with st.expander("怎样定级"):
        st.html(f'<p class="note">{wording.escape(edition.level_rule)}</p>')


def level() -> str:
    """One of the levels, or all of them (empty)."""
    words = {code: f"{style.shape}{wording.NBSP}{style.word}" for code, style in LEVELS.items()}
    return filters.choose("等级", {"": "全部", **words}, key="level", kind="buttons")


def chosen_by_filters(signals: pl.DataFrame) -> pl.DataFrame:
    """The warnings (with their standing) that pass the filters, in the order asked for."""
    units = signals["responsible_unit"].drop_nulls().unique().sort().to_list()
    standing = [status for status in casework.STATUSES if (signals["case_status"] == status).any()]
    statuses = {OPEN: "还在办", LATE: "已超期"} | {status: casework.STATUSES[status] for status in standing}
    kinds = [kind for kind in wording.KINDS if (signals["kind"] == kind).any()]
    columns = iter(st.columns([1, 1, 1, 1.1, 1.5, 1.1], vertical_alignment="top"))
    with next(columns):
        kind = filters.choose("种类", {"": "全部种类", **{kind: wording.KINDS[kind] for kind in kinds}}, key="kind")
    with next(columns):
        county = filters.county()
    with next(columns):
        group = filters.group()
    with next(columns):
        status = filters.choose("办理状态", {"": "全部状态", **statuses}, key="standing")
    with next(columns):
        unit = filters.choose(
            "建议主办", {"": "全部单位", **{name: name for name in units}, NOT_KNOWN: "待定"}, key="for"
        )
    with next(columns):
        order = filters.choose("排序", ORDERS, key="order")
    filters.chips()
    for column, wanted in (("kind", kind), ("county_code", county), ("group_code", group)):
        if wanted:
            signals = signals.filter(pl.col(column) == wanted)
    if status:
        passes = {OPEN: pl.col("case_status").is_in(workflow.OPEN), LATE: pl.col("is_overdue")}
        signals = signals.filter(passes.get(status, pl.col("case_status") == status))
    if unit:
        is_it = pl.col("responsible_unit")
        signals = signals.filter(is_it.is_null() if unit == NOT_KNOWN else is_it == unit)
    if order:
        by, falling = {"due": ("due_on", False), "new": ("since_on", True)}[order]
        signals = signals.sort(by, "rank", descending=[falling, False], nulls_last=True)
    return signals


def choose_row() -> None:
    rows = st.session_state["signals"]["selection"]["rows"]
    if rows:
        address.write("chosen", st.session_state["_signals_shown"][rows[0]])


def listing(signals: pl.DataFrame, week: date, edition: page.Edition, known: pl.DataFrame | None) -> None:
    """The warnings as a table; click one to look at it."""
    st.session_state["_signals_shown"] = signals["signal_id"].to_list()
    rows = list(signals.iter_rows(named=True))
    safe = safe_signals(signals)
    shown = safe.select(
        "rank",
        wording.each(safe["signal_level"], wording.level_text),
        "title",
        pl.col("kind").replace(wording.KINDS),
        "observed",
        "n_weeks",
        "observed" + disclosure.MARK,
        pl.Series("standing", [casework.STATUSES.get(row["case_status"], "") for row in rows], dtype=pl.String),
        pl.Series("due", [casework.days_left(row["due_on"]) for row in rows], dtype=pl.String),
        pl.coalesce("to_unit", "responsible_unit").alias("unit"),
    )
    labels = {
        "rank": "要紧次序",
        "signal_level": "等级",
        "title": "预警",
        "kind": "种类",
        "observed": "件数",
        "n_weeks": "周数",
        "standing": "办理状态",
        "due": "限期",
        "unit": "承办或建议单位",
    }
    widths = dict(WIDTHS)
    if not any(shown["due"]):  # nothing is handled: its place for the titles
        shown = shown.drop("due")
        widths["title"] += widths.pop("due")
    page.grid(shown, key="signals", labels=labels, helps=HELPS, widths=widths, on_select=choose_row)
    page.foot(
        to_take_away(safe),
        name=f"预警清单 {wording.week_name(week)}",
        notes=edition.notes(SHORT_RULE, casework.measured() if known is not None else "", disclosure.note()),
        key="signals_foot",
        labels=LABELS_TAKEN_AWAY | {"rank": "要紧次序"},
        exported=[edition.level_rule],
    )
    rule(edition)


def to_take_away(safe: pl.DataFrame) -> pl.DataFrame:
    """The list as a workbook: no longer figures than they are sure, no column that is empty in every row."""
    said = casework.in_words(safe.drop("evidence", "blind_spots")).with_columns(
        pl.col("expected", "upper_bound", "excess").round(1), pl.col("p_value", "chance_per_year").round_sig_figs(3)
    )
    is_empty = (name for name in said.columns if said[name].cast(pl.String).fill_null("").eq("").all())
    return said.drop(set(is_empty) - set(disclosure.marked(said)))


def marks(signals: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """One mark a place below the city, in the colour of its most urgent warning: lon, lat, signal_level, label, text."""
    urgency = pl.col("signal_level").replace_strict({level: n for n, level in enumerate(LEVELS)}, return_dtype=pl.Int64)
    return (
        signals.filter(pl.col("place_level") != "city")
        .join(places.select("place_code", "lon", "lat"), on="place_code")
        .filter(pl.col("lon").is_not_null())
        .with_columns(pl.concat_str(pl.col("rank"), pl.lit(" "), "title").alias("said"))
        .sort("rank")
        .group_by("place_code", "lon", "lat", maintain_order=True)
        .agg(
            pl.col("signal_level").sort_by(urgency).first(),
            pl.col("rank").cast(pl.String).str.join("、").alias("label"),
            pl.col("said").str.join("；").alias("text"),
        )
    )


def where(signals: pl.DataFrame, week: date, edition: page.Edition) -> None:
    """The listed warnings on a small map; nothing where there are no boundaries."""
    geometry = dict(marts.query("boundaries", place_level="county", inside=None).iter_rows())
    places = marts.query("places")
    shown = marks(signals, places)
    if not geometry or shown.is_empty():
        return
    rest = len(signals) - sum(len(label.split("、")) for label in shown["label"])
    counties = places.filter(pl.col("place_level") == "county")
    page.chart(
        page.drawn(warnings_map, counties, geometry, shown),
        signals.select("rank", "signal_level", "title", "place_code", "county_name", "place_name"),
        name=f"预警在哪里 {wording.week_name(week)}",
        notes=edition.notes(
            "数字是清单里的要紧次序。", f"另有 {rest} 条是全市的或没有位置，不在图上。" if rest else ""
        ),
        key="where",
        labels=casework.LABELS_LISTED | {"rank": "要紧次序"},
    )


def preview(signal: Mapping[str, Any], edition: page.Edition) -> None:
    """The one chosen: its sentence, where it stands, and the way to its page."""
    page.section(signal["title"], kinds_words(signal))
    st.html(
        f'<div class="warning">{wording.level_tag(signal["signal_level"], edition.level_rule)}'
        f"<p>{wording.escape(wording.spoken(signal))}</p></div>"
    )
    casework.standing(signal)
    links(signal, "warning", "items", "map", "unit", "matter")
