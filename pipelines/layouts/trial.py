"""What would happen to the first rows of this file? A dry run through recognition and normalisation; nothing is written."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date

import polars as pl

from pipelines.layouts import files, headers
from pipelines.sources import REGISTERS, SOURCES, reading
from pipelines.sources.events import HINTS, control_totals
from pipelines.sources.parsing import masked_state
from pipelines.sources.recognise import Recognised, recognise

TRIAL_ROWS = 1000
# Field of a layout → column of the events it ends up in.
ENDS_IN = {
    **dict.fromkeys(("category", "category_top", "category_middle", "category_leaf"), "category_raw"),
    **dict.fromkeys(("status_word", "is_closed", "archived_in_time", "archived_late"), "status"),
    "handling_role": "is_co_row",
    "lon": "x",
    "lat": "y",  # as read: they are put on the map later
}
NOT_SHOWN = ("place", "line_number", "number_part", "marks", "is_confidential", "handling_role")


def check(
    facts: reading.FileFacts, layouts: files.Layouts, *, today: date | None = None, n: int | None = TRIAL_ROWS
) -> dict:
    """Which layout fits, which headers match, and, of the first `n` rows, how many go where and how full each field is.

    n: None is the whole file, block by block. Plain data: file, source, layout, title, is_whole (was the whole file
    read?), header {matched, missing, dropped}, n_rows, n_events, n_items, n_rejected, rules [{rule, n, column, hint,
    rows}], fields [{field, label, filled_share}], unknown_status [{word, n}], control_totals, notes, date_from, date_to,
    next_step. Raises SourceError where no layout fits.
    """
    plan = recognise(facts, layouts)
    if plan.source in REGISTERS:
        return _check_register(plan, n, today)
    n_raw, n_events, n_filled, unknown = 0, 0, Counter[str](), Counter[str]()
    rules, totals, numbers, days = [], [], [], []
    for raw, wrong in _blocks(plan, n):
        events, rejected = SOURCES[plan.source].normalise(raw, plan.layout, today=today)
        n_raw, n_events = n_raw + len(raw), n_events + len(events)
        n_filled.update({name: len(events) - events[name].null_count() for name in events.columns})
        unknown.update(masked_state(events["unknown_status"].drop_nulls()).to_list())
        rules.append(_by_rule(pl.concat([rejected, wrong])))
        totals.append(control_totals(raw, plan.layout))
        numbers.append(events["item_number"].hash().unique())
        days += [day for day in (events["registered_at"].min(), events["registered_at"].max()) if day is not None]
    present = set(plan.wanted.values())
    found_fields = {plan.layout["columns"][header] for header in present}
    matched = [
        {
            "header": header,
            "field": plan.layout["columns"][known],
            "label": headers.labels()[plan.layout["columns"][known]],
        }
        for header, known in plan.wanted.items()
    ]
    missing = [
        header
        for header, name in plan.layout["columns"].items()
        if header not in present and name not in found_fields and name not in NOT_SHOWN
    ]
    return _told(plan, n is None or n_raw < n, matched, missing, n_events, _rules(rules)) | {
        "n_items": pl.concat(numbers).n_unique(),
        "fields": _filled(n_events, n_filled, found_fields | set(plan.layout.get("constants", {}))),
        "unknown_status": [{"word": word[:20], "n": count} for word, count in unknown.most_common(20)],
        "control_totals": pl.concat(totals).to_dicts(),
        "notes": list(facts.notes),
        "date_from": _day(min(days, default=None)),
        "date_to": _day(max(days, default=None)),
    }


def _told(
    plan: Recognised, is_whole: bool, matched: list[dict], missing: list[str], n_events: int, rules: list[dict]
) -> dict:
    """What is said of any file; a register, which has no fields to choose, adds less to it."""
    n_rejected = sum(rule["n"] for rule in rules if rule["rule"] != "out_of_scope")
    return {
        "file": plan.file_name,
        "source": plan.source,
        "layout": plan.layout_name,
        "title": plan.layout["title"],
        "is_whole": is_whole,
        "header": {"matched": matched, "missing": missing, "dropped": plan.dropped},
        "n_rows": n_events + sum(rule["n"] for rule in rules),
        "n_events": n_events,
        "n_items": n_events,
        "n_rejected": n_rejected,
        "rules": rules,
        "fields": [],
        "unknown_status": [],
        "control_totals": [],
        "next_step": _next_step(plan, n_events, n_rejected, rules),
    }


def _check_register(plan: Recognised, n: int | None, today: date | None) -> dict:
    """The same for a file whose rows are no items: its layout is built in, there is no field to choose."""
    blocks = list(_blocks(plan, n))
    raw = pl.concat([raw for raw, _ in blocks])
    rows, rejected = REGISTERS[plan.source].normalise(raw, plan.layout, today=today)
    wrong = [wrong.select(rejected.columns) for _, wrong in blocks]
    opened = next(rows[name] for name, kind in rows.schema.items() if kind == pl.Date)
    matched = [
        {"header": one, "field": plan.layout["columns"][known], "label": known} for one, known in plan.wanted.items()
    ]
    return _told(
        plan, n is None or len(raw) < n, matched, [], len(rows), _rules([_by_rule(pl.concat([rejected, *wrong]))])
    ) | {
        "notes": list(plan.tables[0].facts.notes),
        "date_from": _day(opened.min()),
        "date_to": _day(opened.max()),
    }


def _blocks(plan: Recognised, n: int | None) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The rows of the file, or its first `n`, under the layout's headers; with them the rows that were not even rows."""
    left = n
    for table in plan.tables:
        with closing(reading.read(table, list(plan.wanted))) as blocks:
            for rows, wrong in blocks:
                if left is not None and len(rows) >= left:
                    rows = rows.head(left)
                    yield rows.rename(plan.wanted), wrong.filter(pl.col("source_row") <= rows["source_row"].max())
                    return
                yield rows.rename(plan.wanted), wrong
                left = None if left is None else left - len(rows)


def _by_rule(rejected: pl.DataFrame) -> pl.DataFrame:
    """How many rows of a block each rule took, with the first rows it took."""
    return rejected.group_by("rule", maintain_order=True).agg(
        pl.len().alias("n"),
        pl.col("column_name").first().alias("column"),
        pl.col("hint").first(),
        pl.col("source_row").sort().head(5).alias("rows"),
    )


def _rules(blocks: list[pl.DataFrame]) -> list[dict]:
    """The same of all blocks, the rule that took most first."""
    together = (
        pl.concat(blocks)
        .group_by("rule", maintain_order=True)
        .agg(
            pl.col("n").sum(),
            pl.col("column", "hint").first(),
            pl.col("rows").explode().sort().head(5),
        )
    )
    return together.sort(["n", "rule"], descending=[True, False]).to_dicts()


def _filled(n_events: int, n_filled: Counter[str], names: set[str]) -> list[dict]:
    def share(column: str) -> float | None:
        return round(n_filled[column] / n_events, 4) if n_events else None

    rows = []
    for name, label in headers.labels().items():
        column = ENDS_IN.get(name, name)
        if name in names and name not in NOT_SHOWN and column in n_filled:
            rows.append({"field": name, "label": label, "filled_share": share(column)})
    if "place" in names and n_events:
        for name in ("county_name", "town_name", "community_name"):
            if name not in names:
                label = f"{headers.labels()[name]}（从地点切出）"
                rows.append({"field": name, "label": label, "filled_share": share(name)})
    return rows


def _day(moment: object) -> str | None:
    return None if moment is None else str(moment)[:10]


def _next_step(plan: Recognised, n_events: int, n_bad: int, rules: list[dict]) -> str:
    if n_events == 0:
        worst = rules[0]["hint"] if rules else "文件没有数据行。"
        return f"没有一行可以入库：{worst}"
    layout = f" --layout {plan.layout_name}"
    if n_bad > n_events:
        return f"超过一半的行会被拒收：{rules[0]['hint'] or HINTS.get(rules[0]['rule'], '')}请先处理，再导入：yanpan ingest {plan.file_name}{layout}。"
    return f"可以导入：yanpan ingest {plan.file_name}{layout}。"
