"""From a source's words to rows of `core.event`: the part that is the same for all sources.

A source module says which words it uses (layouts, status words); here the rules are applied, in this order, the first
that fits counting: out_of_scope, missing_item_number, truncated_item_number, bad_registered_at,
future_registered_at, closed_before_registered, empty_row.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl

from pipelines.sources import parsing
from pipelines.sources.recognise import Layout

EVENT_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "source_row": pl.Int32,
    "occurred_at": pl.Datetime("us"),
    "registered_at": pl.Datetime("us"),
    "accepted_at": pl.Datetime("us"),
    "due_at": pl.Datetime("us"),
    "due_rule": pl.String,
    "replied_at": pl.Datetime("us"),
    "closed_at": pl.Datetime("us"),
    "channel": pl.String,
    "purpose": pl.String,
    "severity": pl.String,
    "category_raw": pl.String,
    "county_name": pl.String,
    "town_name": pl.String,
    "community_name": pl.String,
    "grid_name": pl.String,
    "lon": pl.Float64,
    "lat": pl.Float64,
    "unit_name": pl.String,
    "unit_co_name": pl.String,
    "persons": pl.Int32,
    "is_first": pl.Boolean,
    "is_repeat": pl.Boolean,
    "is_group": pl.Boolean,
    "status": pl.String,
    "is_solved": pl.Boolean,
    "satisfaction": pl.String,
    "n_returns": pl.Int32,
    "title": pl.String,
    "text": pl.String,
}
# Needed on the way only: the item's number for its key, the exact point's hash for default points, a co-handler's row.
WORKING_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "item_number": pl.String,
    "point_key": pl.UInt64,
    "is_co_row": pl.Boolean,
    "unknown_status": pl.String,
}
REJECTED_COLUMNS = {
    "source_row": pl.Int32,
    "rule": pl.String,
    "column_name": pl.String,
    "found": pl.String,
    "hint": pl.String,
}
# Our names that a layout may map a header to.
FIELDS = (
    *(name for name in EVENT_COLUMNS if name not in ("source_row", "due_rule", "category_raw", "status")),
    *(
        "item_number",
        "category",
        "category_top",
        "category_middle",
        "category_leaf",
        "place",
        "status_word",
        "is_closed",
    ),
    *("handling_role", "archived_in_time", "archived_late", "marks"),
)
TIMES = ("occurred_at", "registered_at", "accepted_at", "due_at", "replied_at", "closed_at")
FLAGS = ("is_first", "is_repeat", "is_group", "is_solved")

OUT_OF_SCOPE = "作废|测试|无效|已删除|废弃"
CONFIDENTIAL_PURPOSE = "检举|揭发|控告"
CONFIDENTIAL_CATEGORY = "涉法涉诉|涉法|涉诉|诉讼|法院|检察|检举|揭发|控告|纪检"
TOTAL_ROW = r"^[合总小]\s*计\s*[:：]?$"

HINTS = {
    "out_of_scope": "作废、测试或无效件，不纳入统计。",
    "missing_item_number": "编号为空，无法判断是否重复；请在业务系统补全编号后重新导出。",
    "truncated_item_number": "编号被 Excel 当作数字截断（只保留 15 位有效数字）；请把该列设为文本后重新导出。",
    "bad_registered_at": "登记时间为空或无法识别，应为 2024-01-05 或 2024-01-05 08:30:00 这样的日期；请改正后重新导入。",
    "future_registered_at": "登记时间晚于导入当天；请核对日期。",
    "closed_before_registered": "办结时间早于登记时间；请核对两个时间。",
    "empty_row": "分类、标题、内容和地点都为空，没有可分析的内容；请核对原始记录。",
}


@dataclass(frozen=True)
class Words:
    """What is particular to one source's vocabulary."""

    status: dict[str, str]
    category_separators: tuple[str, ...] = (">",)
    satisfaction: dict[str, str] = field(default_factory=dict)


def normalise(raw: pl.DataFrame, layout: Layout, words: Words, today: date | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(events: EVENT_COLUMNS and WORKING_COLUMNS, rejected: REJECTED_COLUMNS). Rows with rule out_of_scope are
    among the rejected, to be counted apart. Total rows (合计) are in neither: they are not rows of the table.
    `raw` has the layout's own headers and source_row.
    """
    said = _said(raw, layout)
    said = said.filter(~_is_total(said))
    frame = pl.DataFrame(
        [
            said["source_row"],
            *[parsing.parse_time(said[name]).alias(name) for name in TIMES],
            *[parsing.on_distinct(said[name], parsing.parse_flag).alias(name) for name in FLAGS],
            parsing.on_distinct(said["satisfaction"], parsing.parse_satisfaction).alias("satisfaction"),
            parsing.on_distinct(said["persons"], parsing.parse_count).alias("persons"),
            parsing.on_distinct(said["n_returns"], lambda text: parsing.parse_count(text, 0)).alias("n_returns"),
            _category(said, layout.get("category_separators") or words.category_separators),
            *_places(said).get_columns(),
            *parsing.parse_position(said["lon"], said["lat"]).get_columns(),
            _item_number(said["item_number"]),
            _one_line(said["title"]),
            _one_line(said["text"]),
            *[said[name] for name in ("channel", "purpose", "severity", "grid_name", "unit_name", "unit_co_name")],
            said["handling_role"].str.contains("协办").fill_null(False).alias("is_co_row"),
        ]
    )
    frame = frame.with_columns(
        # A reversed path 下级/…/上级: the unit itself comes first.
        pl.col("unit_name").str.extract(r"^([^/]+)"),
        pl.when(pl.col("unit_co_name") != pl.col("unit_name")).then(pl.col("unit_co_name")),
        pl.col("is_repeat").fill_null(~pl.col("is_first")),
        pl.when(pl.col("due_at").is_not_null()).then(pl.lit("source")).alias("due_rule"),
        _end_of_day("due_at"),
        _same_day_closing(),
    )
    frame = frame.with_columns(_status(said, frame, words))
    is_confidential = pl.col("purpose").str.contains(CONFIDENTIAL_PURPOSE).fill_null(False) | pl.col(
        "category_raw"
    ).str.contains(CONFIDENTIAL_CATEGORY).fill_null(False)
    reason = frame.select(_reason(said, today).alias("rule"))["rule"]
    frame = frame.with_columns(
        pl.when(~is_confidential).then(pl.col(name)).alias(name)
        for name in ("title", "text", "unit_name", "unit_co_name")
    )
    events = frame.filter(reason.is_null()).select(
        pl.col(name).cast(dtype) for name, dtype in (EVENT_COLUMNS | WORKING_COLUMNS).items()
    )
    return events, _rejected(said, reason, layout)


def _said(raw: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """One cleaned text column per FIELDS name; all null where the file has none."""
    expressions = []
    for name in FIELDS:
        headers = [header for header, ours in layout["columns"].items() if ours == name and header in raw.columns]
        cells = [parsing.clean(pl.col(header)) for header in headers]
        expressions.append((pl.coalesce(cells) if cells else pl.lit(None, pl.String)).alias(name))
    return raw.select("source_row", *expressions)


def _is_total(said: pl.DataFrame) -> pl.Series:
    """合计 in the number's cell, or an unnumbered row with 合计 in one of its cells."""
    number = said["item_number"]
    is_total = number.str.contains(TOTAL_ROW).fill_null(False)
    at = number.is_null().arg_true()
    if len(at) == 0:
        return is_total
    others = [name for name in said.columns if name not in ("source_row", "item_number", "text")]
    unnumbered = said[at].select(pl.any_horizontal(pl.col(others).str.contains(TOTAL_ROW).fill_null(False)))
    return is_total.scatter(at, unnumbered.to_series())


def _one_line(text: pl.Series) -> pl.Series:
    """Tabs, line breaks and runs of spaces as one space."""
    at = text.str.contains(r"[^\S ]|  |[\x00-\x1f\x7f]").fill_null(False).arg_true()
    if len(at) == 0:
        return text
    return text.clone().scatter(at, text.gather(at).str.replace_all(r"[\s\x00-\x1f\x7f]+", " "))


def _item_number(text: pl.Series) -> pl.Series:
    """Full-width characters made half-width, and the quote some exports put before a number removed."""
    plain = text.str.strip_chars("'’`=\"")
    is_wide = ~plain.str.contains(r"^[\x21-\x7e]*$")
    if is_wide.any():
        at = is_wide.fill_null(False).arg_true()
        plain = plain.clone().scatter(at, plain.gather(at).str.normalize("NFKC").str.strip_chars())
    return plain.set(plain == "", None).alias("item_number")


def _category(said: pl.DataFrame, separators: tuple[str, ...]) -> pl.Series:
    levels = [
        name for name in ("category_top", "category_middle", "category_leaf") if said[name].null_count() < len(said)
    ]
    if levels and said["category"].null_count() == len(said):
        joined = (
            said.select(levels)
            .unique()
            .with_columns(pl.concat_str(levels, separator=">", ignore_nulls=True).alias("path"))
        )
        path = said.select(levels).join(joined, on=levels, how="left", maintain_order="left", nulls_equal=True)["path"]
        return parsing.parse_path(path, ()).alias("category_raw")
    return parsing.parse_path(said["category"], separators).alias("category_raw")


def _places(said: pl.DataFrame) -> pl.DataFrame:
    """Place columns as reported; where the file gives one string instead, that string cut by its suffixes."""
    names = ["county_name", "town_name", "community_name"]
    if said["place"].null_count() == len(said):
        return said.select(names)
    return parsing.parse_place(said["place"])


def _end_of_day(name: str) -> pl.Expr:
    """A deadline given as a date alone runs to the end of that day."""
    at = pl.col(name)
    return pl.when(at.dt.time() == pl.time(0)).then(at + pl.duration(seconds=86_399)).otherwise(at).alias(name)


def _same_day_closing() -> pl.Expr:
    """A closing date without time, on the day of registration, is not earlier than the registration."""
    closed, registered = pl.col("closed_at"), pl.col("registered_at")
    is_date_only = (closed.dt.time() == pl.time(0)) & (closed.dt.date() == registered.dt.date())
    return pl.when(is_date_only).then(pl.max_horizontal(closed, registered)).otherwise(closed).alias("closed_at")


def _status(said: pl.DataFrame, frame: pl.DataFrame, words: Words) -> list[pl.Series]:
    """The seven states. An unknown word, or none, follows from the times; unknown words are reported."""
    word = said["status_word"]
    known = word.replace_strict(words.status, default=None, return_dtype=pl.String)
    is_closed = said.select(
        parsing.on_distinct(said["is_closed"], parsing.parse_flag).alias("a").fill_null(False)
        | (pl.col("archived_in_time") == "1").fill_null(False)
        | (pl.col("archived_late") == "1").fill_null(False)
    ).to_series()
    derived = frame.select(
        pl.when(is_closed | pl.col("closed_at").is_not_null())
        .then(pl.lit("closed"))
        .when(pl.col("replied_at").is_not_null())
        .then(pl.lit("replied"))
        .when(pl.col("accepted_at").is_not_null() | word.is_not_null() | said["archived_in_time"].is_not_null())
        .then(pl.lit("in_progress"))
        .otherwise(pl.lit("registered"))
        .alias("derived")
    )["derived"]
    status = pl.DataFrame([known.alias("known"), derived, is_closed.alias("is_closed")]).select(
        pl.when(pl.col("is_closed") & (pl.col("known") != "declined"))
        .then(pl.lit("closed"))
        .otherwise(pl.coalesce("known", "derived"))
        .alias("status")
    )["status"]
    return [status, word.set(known.is_not_null(), None).alias("unknown_status")]


def _reason(said: pl.DataFrame, today: date | None) -> pl.Expr:
    number = pl.col("item_number")
    latest = pl.lit(today + timedelta(days=2) if today else None, pl.Date)
    is_empty = (
        pl.all_horizontal(
            pl.col(name).is_null()
            for name in ("category_raw", "title", "text", "county_name", "town_name", "community_name")
        )
        & said["place"].is_null()
    )
    return (
        pl.when(
            said["status_word"].str.contains(OUT_OF_SCOPE).fill_null(False)
            | said["marks"].str.contains(OUT_OF_SCOPE).fill_null(False)
        )
        .then(pl.lit("out_of_scope"))
        .when(number.is_null())
        .then(pl.lit("missing_item_number"))
        .when(_is_truncated(number))
        .then(pl.lit("truncated_item_number"))
        .when(pl.col("registered_at").is_null())
        .then(pl.lit("bad_registered_at"))
        .when((pl.col("registered_at").dt.date() >= latest).fill_null(False))
        .then(pl.lit("future_registered_at"))
        .when((pl.col("closed_at") < pl.col("registered_at")).fill_null(False))
        .then(pl.lit("closed_before_registered"))
        .when(is_empty)
        .then(pl.lit("empty_row"))
    )


def _is_truncated(number: pl.Expr) -> pl.Expr:
    """1.23E+17; or a tail of zeros after the 15th digit where that is no coincidence.

    One number in a thousand of 18 digits ends in 000 by right. Where a fifth of the long numbers of a block do
    (at least three), Excel has been at work.
    """
    is_exponent = number.str.contains(r"^\d(?:\.\d+)?[Ee]\+?\d{1,2}$")
    is_long, is_zero_tailed = number.str.contains(r"^\d{16,}$"), number.str.contains(r"^\d{15}0+$")
    n_tailed = is_zero_tailed.sum()
    is_pattern = (n_tailed >= 3) & (n_tailed * 5 >= is_long.sum())
    return is_exponent | (is_zero_tailed & is_pattern)


def _rejected(said: pl.DataFrame, reason: pl.Series, layout: Layout) -> pl.DataFrame:
    column_of = {
        "out_of_scope": "status_word",
        "missing_item_number": "item_number",
        "truncated_item_number": "item_number",
        "bad_registered_at": "registered_at",
        "future_registered_at": "registered_at",
        "closed_before_registered": "closed_at",
        "empty_row": None,
    }
    header_of = {ours: header for header, ours in reversed(layout["columns"].items())}
    found = pl.coalesce(
        pl.when(pl.col("rule") == rule).then(pl.col(name) if name else pl.lit(None, pl.String))
        for rule, name in column_of.items()
    )
    headers = {rule: header_of.get(name) if name else None for rule, name in column_of.items()}
    return (
        said.with_columns(reason.alias("rule"))
        .filter(pl.col("rule").is_not_null())
        .select(
            "source_row",
            "rule",
            pl.col("rule").replace_strict(headers, return_dtype=pl.String).alias("column_name"),
            found.str.slice(0, 80).alias("found"),
            pl.col("rule").replace_strict(HINTS, return_dtype=pl.String).alias("hint"),
        )
    )
