"""Which values does the office correct, and did each correction take effect?

HOME/reference/correction.csv, one row a correction: source, item_number (empty = every item of the source with that
value), column_name, value_was, value_is, reason, decided_on and, optionally, allow_bulk. The warehouse stays as the files
said it; the build reads `known_event` with the corrections on top. A correction takes effect only while the stored value
is still `value_was`: when the source is repaired the row says so and can go.

Guards: only the columns of ALLOWED (never text, title or anything about persons); the value must parse; a correction
counts from the day it was decided; one without an item number may touch at most MAX_SHARE of its source's items unless
allow_bulk is 是. A correction refused or without effect is listed in the mart `correction`, never silently dropped.
Item numbers stay in the office's file: the mart names the row.
"""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from pipelines import redact
from pipelines.config import Home
from pipelines.errors import SourceError
from pipelines.reference import read_table
from pipelines.sources import parsing
from pipelines.sources.events import CONFIDENTIAL_CATEGORY, CONFIDENTIAL_PURPOSE

FILE = "correction.csv"
REQUIRED = ("source", "item_number", "column_name", "value_was", "value_is", "reason", "decided_on")
OPTIONAL = ("allow_bulk",)
WORDS = (
    *("category_raw", "county_name", "town_name", "community_name", "grid_name"),
    *("unit_name", "unit_co_name", "channel", "purpose", "severity"),
)
TIMES = ("occurred_at", "registered_at", "accepted_at", "due_at", "replied_at", "closed_at")
STATUSES = ("registered", "transferred", "accepted", "in_progress", "replied", "closed", "declined")
ALLOWED = (*WORDS, *TIMES, "status")
NEVER_EMPTY = ("registered_at", "status")
SOURCES = ("petition", "hotline", "grid")
YES, NO = ("是", "true", "1"), ("否", "false", "0", "")
MAX_SHARE = 0.2
MAX_SHOWN = 60

HINTS = {
    "applied": "已生效；仓库中的原值未改动。",
    "already_right": "库中已是更正后的值；不再需要回看更早的日子时，这一行可以删去。",
    "value_differs": "库中的值已不是 value_was，没有生效；请核对后改写或删去这一行。",
    "unknown_item": "没有这个编号的事项；请核对编号和来源，或等该事项导入。",
    "not_yet": "决定日期晚于数据截至日，到那天才生效。",
    "superseded": "同一事项的同一列另有更晚的更正，以后者为准。",
    "too_many": f"涉及该来源超过 {MAX_SHARE:.0%} 的事项，没有生效；确认无误请在 allow_bulk 列写“是”。",
    "wrong_source": f"source 应为 {'、'.join(SOURCES)} 之一。",
    "column_not_allowed": f"这一列不能更正。可以更正的列：{'、'.join(ALLOWED)}。",
    "wrong_date": "decided_on 应为 2026-01-31 这样的日期。",
    "wrong_flag": "allow_bulk 应为 是、否 或空白。",
    "no_reason": "没有写明理由（reason）。",
    "wrong_value": "value_was 或 value_is 不是这一列可以有的值（时间写成 2026-01-31 或 2026-01-31 08:30:00）。",
    "same_value": "value_was 与 value_is 相同，没有可更正的。",
}
MART = {
    "correction_row": pl.Int64,
    "source": pl.String,
    "is_bulk": pl.Boolean,
    "column_name": pl.String,
    "value_was": pl.String,
    "value_is": pl.String,
    "reason_text": pl.String,
    "decided_on": pl.Date,
    "correction_outcome": pl.String,
    "n_corrected": pl.Int64,
    "hint": pl.String,
}


def apply(connection: duckdb.DuckDBPyConnection, home: Home, as_of: date) -> pl.DataFrame:
    """`known_event` with the corrections decided by `as_of`; returns the mart `correction`, one row a correction.

    Needs temp `known_event` (as reported) and core.item_lookup. Where nothing takes effect `known_event` stays as it is.
    """
    rows = read(home.reference)
    if rows.is_empty():
        return pl.DataFrame(schema=MART)
    judged = rows.with_columns(
        pl.Series("correction_outcome", [_fault(row, as_of) for row in rows.iter_rows(named=True)], dtype=pl.String)
    )
    open_ = judged.filter(pl.col("correction_outcome").is_null())
    found = _settle(connection, open_, as_of) if len(open_) else {}
    outcomes = [
        found.get(number, (outcome, 0)) for number, outcome in judged.select("row", "correction_outcome").iter_rows()
    ]
    return _as_mart(judged, outcomes)


def read(folder: Path) -> pl.DataFrame:
    """correction.csv as text, with `row` as a spreadsheet counts; empty where there is none.

    Raises SourceError where it is not such a table; what is wrong with one row is said in the mart instead.
    """
    path = folder / FILE
    if not path.exists():
        return pl.DataFrame(schema={"row": pl.Int64, **dict.fromkeys((*REQUIRED, *OPTIONAL), pl.String)})
    raw = read_table(path)
    missing = [name for name in REQUIRED if name not in raw.columns]
    unknown = [name for name in raw.columns if name not in (*REQUIRED, *OPTIONAL)]
    if missing or unknown:
        raise SourceError(
            FILE,
            where="第 1 行",
            found=f"缺少列 {'、'.join(missing)}" if missing else f"不认识的列 {'、'.join(unknown)[:60]}",
            expected="、".join((*REQUIRED, *OPTIONAL)),
            next_step="请改正表头后重新运行 yanpan build。",
        )
    cells = raw.with_columns(pl.lit(None, pl.String).alias(name) for name in OPTIONAL if name not in raw.columns)
    return (
        cells.with_columns(pl.all().str.strip_chars().replace("", None))
        .with_row_index("row", 2)
        .with_columns(pl.col("row").cast(pl.Int64))
        .filter(~pl.all_horizontal(pl.exclude("row").is_null()))
    )


def _fault(row: dict[str, Any], as_of: date) -> str | None:
    """What is wrong with the row itself, before any item is looked at."""
    column = row["column_name"]
    if row["source"] not in SOURCES:
        return "wrong_source"
    if column not in ALLOWED:
        return "column_not_allowed"
    if (row["allow_bulk"] or "").lower() not in (*YES, *NO):
        return "wrong_flag"
    decided_on = _day(row["decided_on"])
    if decided_on is None:
        return "wrong_date"
    if row["reason"] is None:
        return "no_reason"
    was, now = (parsed(column, row[name]) for name in ("value_was", "value_is"))
    if (row["value_was"] and was is None) or (row["value_is"] and now is None):
        return "wrong_value"
    if column in NEVER_EMPTY and (was is None or now is None):
        return "wrong_value"
    if was == now:
        return "same_value"
    return "not_yet" if decided_on > as_of else None


def _day(text: str | None) -> date | None:
    at = parsed("decided_on", text)
    return at.date() if isinstance(at, datetime) else None


@lru_cache(maxsize=100_000)
def parsed(column: str, text: str | None) -> str | datetime | None:
    """A cell as the value the column holds; None for an empty cell or one that cannot be such a value.

    >>> parsed("closed_at", "2026-01-31"), parsed("status", "办完了")
    (datetime.datetime(2026, 1, 31, 0, 0), None)
    """
    if not text:
        return None
    if column in TIMES or column == "decided_on":
        at = parsing.parse_time(pl.Series([text])).to_list()[0]
        if column == "due_at" and at is not None and at.time() == time():
            return at.replace(hour=23, minute=59, second=59)  # a deadline given as a date runs to the end of that day
        return at
    if column == "status":
        return text if text in STATUSES else None
    return text


def _settle(connection: duckdb.DuckDBPyConnection, rows: pl.DataFrame, as_of: date) -> dict[int, tuple[str, int]]:
    """Outcome and number of items of each of `rows`; puts the winning values on top of `known_event`."""
    as_of_end = datetime.combine(as_of + timedelta(days=1), datetime.min.time())
    _identify(connection, rows)
    totals = dict(
        connection.execute(
            "select source, count(*) from known_event where registered_at < $end group by source", {"end": as_of_end}
        ).fetchall()
    )
    columns = [name for name in ALLOWED if name in rows["column_name"].to_list()]
    outcomes: dict[int, tuple[str, int]] = {}
    corrected = []
    for column in columns:
        kind = "timestamp" if column in TIMES else "varchar"
        for row, outcome, n in _matched(connection, column, kind, as_of_end, totals):
            outcomes[row] = (outcome, n)
        if any(outcomes[row][0] == "applied" for row in rows.filter(pl.col("column_name") == column)["row"]):
            corrected.append(column)
    if corrected:
        _overlay(connection, corrected)
    return outcomes


def _identify(connection: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> None:
    """Temp `asked`: the corrections, values as text in one spelling, and the event an item number stands for."""
    spelled = rows.select(
        "row",
        "source",
        "item_number",
        "column_name",
        *(
            pl.Series(
                name,
                [None if (value := parsed(column, text)) is None else str(value) for column, text in
                 rows.select("column_name", name).iter_rows()],
                dtype=pl.String,
            )
            for name in ("value_was", "value_is")
        ),
        pl.Series("decided_on", [_day(text) for text in rows["decided_on"]], dtype=pl.Date),
        pl.col("allow_bulk").str.to_lowercase().is_in(YES).fill_null(False).alias("is_bulk_allowed"),
    )  # fmt: skip
    connection.register("incoming_frame", spelled.to_arrow())
    connection.execute(
        """
        create or replace temp table asked as
        with numbered as (
            select l.item_number, e.source, e.event_id
            from core.item_lookup as l
            join known_event as e on e.event_id = l.event_id
            where l.item_number in (select item_number from incoming_frame)
        )
        select i.*, n.event_id, i.item_number is null as is_bulk
        from incoming_frame as i
        left join (select distinct * from numbered) as n on n.item_number = i.item_number and n.source = i.source
        """
    )
    connection.unregister("incoming_frame")


def _matched(
    connection: duckdb.DuckDBPyConnection, column: str, kind: str, as_of_end: datetime, totals: dict[str, int]
) -> list[tuple[int, str, int]]:
    """(row, outcome, items) of the corrections of one column; the winning values go to temp `corrected_<column>`.

    Of several corrections of one item the one for that item goes before a general one, then the later decision, then
    the later row.
    """
    connection.execute(
        f"""
        create or replace temp table touched_item as
        select e.event_id, a.row, a.is_bulk, a.decided_on, cast(a.value_is as {kind}) as value_is
        from known_event as e
        join asked as a on a.source = e.source and a.column_name = $column
            and cast(a.value_was as {kind}) is not distinct from e.{column}
        where a.is_bulk and e.registered_at < $end
        union all
        select e.event_id, a.row, a.is_bulk, a.decided_on, cast(a.value_is as {kind})
        from known_event as e
        join asked as a on a.event_id = e.event_id
        where a.column_name = $column and cast(a.value_was as {kind}) is not distinct from e.{column}
        """,
        {"column": column, "end": as_of_end},
    )
    touched = dict(connection.execute("select row, count(*) from touched_item group by row").fetchall())
    asked = connection.execute(
        f"""
        select a.row, a.source, a.is_bulk, a.is_bulk_allowed, a.event_id is null,
            coalesce(e.event_id is not null and e.{column} is not distinct from cast(a.value_is as {kind}), false)
        from asked as a left join known_event as e on e.event_id = a.event_id
        where a.column_name = $column
        """,
        {"column": column},
    ).fetchall()
    outcomes: dict[int, tuple[str, int]] = {}
    for row, source, is_bulk, is_bulk_allowed, is_unknown, is_right in asked:
        n = touched.get(row, 0)
        if is_bulk and n > MAX_SHARE * totals.get(source, 0) and not is_bulk_allowed:
            outcomes[row] = ("too_many", n)
        elif n:
            outcomes[row] = ("applied", n)
        else:
            outcomes[row] = (
                "unknown_item" if is_unknown and not is_bulk else "already_right" if is_right else "value_differs",
                0,
            )
    refused = [row for row, (outcome, _) in outcomes.items() if outcome == "too_many"]
    connection.execute(
        f"""
        create or replace temp table corrected_{column} as
        select event_id, row, value_is from (
            select *, row_number() over (partition by event_id order by is_bulk, decided_on desc, row desc) as place
            from touched_item where row not in (select unnest($refused::bigint[]))
        ) where place = 1
        """,
        {"refused": refused},
    )
    kept = dict(connection.execute(f"select row, count(*) from corrected_{column} group by row").fetchall())
    for row, (outcome, _) in outcomes.items():
        if outcome == "applied":
            outcomes[row] = ("applied", kept[row]) if row in kept else ("superseded", 0)
    return [(row, *found) for row, found in outcomes.items()]


def _overlay(connection: duckdb.DuckDBPyConnection, columns: list[str]) -> None:
    """`known_event` becomes the reported events with the corrected values. What a correction makes confidential
    (检举控告, 涉法涉诉) loses title, text and units, as it would have in the reader."""
    kind = connection.execute(
        "select table_type from information_schema.tables where table_name = 'known_event'"
    ).fetchall()[0][0]
    connection.execute(f"alter {'view' if kind == 'VIEW' else 'table'} known_event rename to reported_event")
    value = {
        name: f"case when c_{name}.event_id is not null then c_{name}.value_is else e.{name} end" for name in columns
    }
    purpose, category = (value.get(name, f"e.{name}") for name in ("purpose", "category_raw"))
    if "purpose" in columns or "category_raw" in columns or "unit_name" in columns or "unit_co_name" in columns:
        confidential = (
            f"coalesce(regexp_matches({purpose}, '{CONFIDENTIAL_PURPOSE}'), false)"
            f" or coalesce(regexp_matches({category}, '{CONFIDENTIAL_CATEGORY}'), false)"
        )
        for name in ("title", "text", "unit_name", "unit_co_name"):
            value[name] = f"case when not ({confidential}) then {value.get(name, f'e.{name}')} end"
    if "due_at" in columns:
        value["due_rule"] = f"case when {value['due_at']} is not null then 'source' end"
    replaced = ", ".join(f"{expression} as {name}" for name, expression in value.items())
    joins = " ".join(f"left join corrected_{name} as c_{name} on c_{name}.event_id = e.event_id" for name in columns)
    connection.execute(
        f"create temp view known_event as select e.* replace ({replaced}) from reported_event as e {joins}"
    )


def _as_mart(rows: pl.DataFrame, outcomes: list[tuple[str, int]]) -> pl.DataFrame:
    """Free words redacted: a reason may name somebody; what was to go where nothing may go is not repeated."""
    kinds = {"value_was": redact.NUMBER_KINDS, "value_is": redact.NUMBER_KINDS, "reason": None}
    shown = {
        name: redact.redact(rows[name].str.slice(0, MAX_SHOWN), kinds=chosen)[0].to_list()
        for name, chosen in kinds.items()
    }
    allowed = rows["column_name"].is_in(ALLOWED).fill_null(False).to_list()
    return pl.DataFrame(
        {
            "correction_row": rows["row"],
            "source": rows["source"].set(~rows["source"].is_in(SOURCES).fill_null(False), None),
            "is_bulk": rows["item_number"].is_null(),
            "column_name": [name if ok else None for name, ok in zip(rows["column_name"], allowed, strict=True)],
            "value_was": [value if ok else None for value, ok in zip(shown["value_was"], allowed, strict=True)],
            "value_is": [value if ok else None for value, ok in zip(shown["value_is"], allowed, strict=True)],
            "reason_text": shown["reason"],
            "decided_on": [_day(text) for text in rows["decided_on"]],
            "correction_outcome": [outcome for outcome, _ in outcomes],
            "n_corrected": [n for _, n in outcomes],
            "hint": [HINTS[outcome] for outcome, _ in outcomes],
        },
        schema=MART,
    )
