"""What would happen to the first rows of this file? A dry run through recognition and normalisation; nothing is written."""

from datetime import date
from itertools import islice

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


def check(facts: reading.FileFacts, layouts: files.Layouts, *, today: date | None = None, n: int = TRIAL_ROWS) -> dict:
    """Which layout fits, which headers match, and, of the first `n` rows, how many go where and how full each field is.

    Plain data: file, source, layout, title, header {matched, missing, dropped}, n_rows, n_events, n_items, rules
    [{rule, n, column, hint, rows}], fields [{field, label, filled_share}], unknown_status [{word, n}],
    control_totals, notes, date_from, date_to, next_step. Raises SourceError where no layout fits.
    """
    plan = recognise(facts, layouts)
    raw, wrong = _first_rows(plan, n)
    if plan.source in REGISTERS:
        return _check_register(plan, raw, wrong, today)
    events, rejected = SOURCES[plan.source].normalise(raw, plan.layout, today=today)
    every = pl.concat([rejected, wrong])
    present = set(plan.wanted.values())
    found_fields = {plan.layout["columns"][header] for header in present}
    rules = _rules(every)
    n_bad = sum(rule["n"] for rule in rules if rule["rule"] != "out_of_scope")
    return {
        "file": plan.file_name,
        "source": plan.source,
        "layout": plan.layout_name,
        "title": plan.layout["title"],
        "header": {
            "matched": [
                {
                    "header": header,
                    "field": plan.layout["columns"][known],
                    "label": headers.labels()[plan.layout["columns"][known]],
                }
                for header, known in plan.wanted.items()
            ],
            "missing": [
                header
                for header, name in plan.layout["columns"].items()
                if header not in present and name not in found_fields and name not in NOT_SHOWN
            ],
            "dropped": plan.dropped,
        },
        "n_rows": len(events) + len(every),
        "n_events": len(events),
        "n_items": events["item_number"].n_unique(),
        "rules": rules,
        "fields": _filled(events, found_fields | set(plan.layout.get("constants", {}))),
        "unknown_status": [
            {"word": word[:20], "n": count}
            for word, count in masked_state(events["unknown_status"].drop_nulls()).value_counts(sort=True).iter_rows()
        ][:20],
        "control_totals": control_totals(raw, plan.layout).to_dicts(),
        "notes": list(facts.notes),
        "date_from": _day(events["registered_at"].min()),
        "date_to": _day(events["registered_at"].max()),
        "next_step": _next_step(plan, len(events), n_bad, rules),
    }


def _check_register(plan: Recognised, raw: pl.DataFrame, wrong: pl.DataFrame, today: date | None) -> dict:
    """The same for a file whose rows are no items: its layout is built in, there is no field to choose."""
    rows, rejected = REGISTERS[plan.source].normalise(raw, plan.layout, today=today)
    every = pl.concat([rejected, wrong.select(rejected.columns)])
    rules = _rules(every)
    opened = next(rows[name] for name, kind in rows.schema.items() if kind == pl.Date)
    return {
        "file": plan.file_name,
        "source": plan.source,
        "layout": plan.layout_name,
        "title": plan.layout["title"],
        "header": {
            "matched": [{"header": one, "field": known, "label": known} for one, known in plan.wanted.items()],
            "missing": [],
            "dropped": plan.dropped,
        },
        "n_rows": len(rows) + len(every),
        "n_events": len(rows),
        "n_items": len(rows),
        "rules": rules,
        "fields": [],
        "unknown_status": [],
        "control_totals": [],
        "notes": list(plan.tables[0].facts.notes),
        "date_from": _day(opened.min()),
        "date_to": _day(opened.max()),
        "next_step": _next_step(plan, len(rows), sum(r["n"] for r in rules if r["rule"] != "out_of_scope"), rules),
    }


def _first_rows(plan: Recognised, n: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    raws, wrongs, n_read = [], [], 0
    blocks = reading.read(plan.tables[0], list(plan.wanted))
    for rows, wrong in islice(blocks, 1_000):
        raws.append(rows)
        wrongs.append(wrong)
        n_read += len(rows)
        if n_read >= n:
            break
    close = getattr(blocks, "close", None)
    if close:
        close()
    raw = pl.concat(raws).head(n).rename(plan.wanted)
    last = raw["source_row"].max()
    wrong = pl.concat(wrongs)
    return raw, wrong.filter(pl.col("source_row") <= last) if last is not None else wrong


def _rules(rejected: pl.DataFrame) -> list[dict]:
    """How many rows each rule took, with the first rows it took."""
    counted = rejected.group_by("rule", maintain_order=True).agg(
        pl.len().alias("n"),
        pl.col("column_name").first().alias("column"),
        pl.col("hint").first(),
        pl.col("source_row").sort().head(5).alias("rows"),
    )
    return counted.sort(["n", "rule"], descending=[True, False]).to_dicts()


def _filled(events: pl.DataFrame, names: set[str]) -> list[dict]:
    rows = []
    for name, label in headers.labels().items():
        column = ENDS_IN.get(name, name)
        if name in names and name not in NOT_SHOWN and column in events.columns:
            share = 1 - events[column].null_count() / len(events) if len(events) else None
            rows.append({"field": name, "label": label, "filled_share": share if share is None else round(share, 4)})
    if "place" in names and len(events):
        for name in ("county_name", "town_name", "community_name"):
            if name not in names:
                share = round(1 - events[name].null_count() / len(events), 4)
                rows.append({"field": name, "label": f"{headers.labels()[name]}（从地点切出）", "filled_share": share})
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
