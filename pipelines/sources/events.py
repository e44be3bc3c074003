"""From a source's words to rows of `core.event`: the part that is the same for all sources.

A source module says which words it uses (layouts, status words); here the rules are applied, in this order, the first
that fits counting: out_of_scope, missing_item_number, truncated_item_number, bad_registered_at,
future_registered_at, closed_before_registered, empty_row.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl

from pipelines.sources import coordinates, parsing
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
    "is_confidential": pl.Boolean,
    "transferred_at": pl.Datetime("us"),
    "rated_at": pl.Datetime("us"),
    "bureau_satisfaction": pl.String,
    "is_contacted": pl.Boolean,
}
# Needed on the way only: the item's number for its key, the exact point until `positions` has put it on a cell.
WORKING_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "item_number": pl.String,
    "x": pl.Float64,
    "y": pl.Float64,
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
TOTAL_COLUMNS = {"source_row": pl.Int32, "kind": pl.String, "n_items": pl.Int64, "n_persons": pl.Int64}
# Our names that a layout may map a header to.
FIELDS = (
    *(
        name
        for name in EVENT_COLUMNS
        if name not in ("source_row", "due_rule", "category_raw", "status", "is_confidential")
    ),
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
    *("handling_role", "archived_in_time", "archived_late", "marks", "is_confidential"),
    # Read but not stored: the running number (合计 often stands there) and cells that only help to make a number.
    *("line_number", "number_part"),
)
TIMES = (
    "occurred_at",
    "registered_at",
    "transferred_at",
    "accepted_at",
    "due_at",
    "replied_at",
    "closed_at",
    "rated_at",
)
FLAGS = ("is_first", "is_repeat", "is_group", "is_solved", "is_contacted")
RATINGS = ("satisfaction", "bureau_satisfaction")

OUT_OF_SCOPE = "作废|测试|无效|已删除|废弃"
CONFIDENTIAL_PURPOSE = "检举|揭发|控告"
CONFIDENTIAL_CATEGORY = "涉法涉诉|涉法|涉诉|诉讼|法院|检察|检举|揭发|控告|纪检"
IS_CONFIDENTIAL = "保密|涉密|机密|秘密|绝密"
_STATED = r"(?:[0-9０-９][0-9０-９,，]*\s*(?:人次|件次|批次|[件批条行宗起个项人])?[、，,；;\s]*)"
TOTAL_ROW = (
    r"^(?:本[页表周月季年期次日]|全[部表年月市区县]|以上|当[日周月年])?\s*"
    r"(?:[合总小共累]\s*计|[合总共]\s*(?:有|件数|条数|数))\s*(?:[（(]?件数?[)）]?)?\s*[:：]?\s*共?\s*"
    + _STATED
    + r"{0,3}[。.]?$|^\s*共\s*"
    + _STATED
    + r"{1,3}[。.]?$"
)
TOTAL_WORD = r"[合总小共累]\s*计|^\s*共\s*[0-9０-９]|^\s*[合总共]\s*(?:件数|数|有)"
# A number made of the row itself: what was said at registration, never what changes while the item is handled.
CONTENT_FIELDS = (
    *("occurred_at", "registered_at", "channel", "purpose", "category_raw"),
    *("county_name", "town_name", "community_name", "grid_name", "persons", "title", "text"),
)
CONTENT_PREFIX = "内容"
# The seven states in words that any system may use; a source's own vocabulary comes on top, a layout's on top of that.
STATUS = {
    **dict.fromkeys(("open", "new", "opened", "submitted", "received", "unassigned"), "registered"),
    **dict.fromkeys(("assigned", "referred", "transferred", "dispatched"), "transferred"),
    **dict.fromkeys(("acknowledged", "accepted"), "accepted"),
    **dict.fromkeys(("in progress", "in-progress", "in_progress", "started", "pending", "on hold"), "in_progress"),
    **dict.fromkeys(("answered", "replied", "responded"), "replied"),
    **dict.fromkeys(("closed", "resolved", "completed", "complete", "done", "archived"), "closed"),
    **dict.fromkeys(("rejected", "declined", "cancelled", "canceled", "duplicate", "invalid"), "declined"),
    **dict.fromkeys(("未受理", "待受理", "待分派", "待立案", "已登记", "待处理", "未处理"), "registered"),
    **dict.fromkeys(("已转办", "已转送", "已交办", "已派单", "已派遣", "待签收", "已转派"), "transferred"),
    **dict.fromkeys(("已受理", "已签收", "已立案", "受理"), "accepted"),
    **dict.fromkeys(("办理中", "处理中", "处置中", "在办", "未办结", "未办理", "超期未办结"), "in_progress"),
    **dict.fromkeys(("已答复", "已回复", "已反馈", "待回访"), "replied"),
    **dict.fromkeys(
        ("已办结", "办结", "已结案", "结案", "已归档", "归档", "已完成", "已处理", "已解决", "按期办结", "超期办结"),
        "closed",
    ),
    **dict.fromkeys(("不予受理", "不受理", "不再受理", "已驳回", "不予立案", "已退回"), "declined"),
}

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
    """What is particular to one source's vocabulary. Status words are compared without case."""

    status: dict[str, str]
    category_separators: tuple[str, ...] = (">",)
    satisfaction: dict[str, str] = field(default_factory=dict)

    def states(self, layout: Layout) -> dict[str, str]:
        """Status word in small letters → one of the seven states: the layout's own words before the source's."""
        together = STATUS | self.status | dict(layout.get("status_words", {}))
        return {word.casefold(): state for word, state in together.items()}


def normalise(raw: pl.DataFrame, layout: Layout, words: Words, today: date | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(events: EVENT_COLUMNS and WORKING_COLUMNS, rejected: REJECTED_COLUMNS). Rows with rule out_of_scope are
    among the rejected, to be counted apart. Total rows (合计) are in neither: they are not rows of the table; what
    they state is given by `control_totals`. `raw` has the layout's own headers and source_row.
    """
    said = _said(raw, layout)
    reversed_paths = layout.get("reversed_paths", ())
    is_row = ~_is_total(said, "item_number_from" in layout)
    if not is_row.all():
        said, raw = said.filter(is_row), raw.filter(is_row)
    frame = pl.DataFrame(
        [
            said["source_row"],
            *[parsing.parse_time(said[name]).alias(name) for name in TIMES],
            *[parsing.on_distinct(said[name], parsing.parse_flag).alias(name) for name in FLAGS],
            *[parsing.on_distinct(said[name], parsing.parse_satisfaction).alias(name) for name in RATINGS],
            parsing.on_distinct(said["persons"], parsing.parse_count).alias("persons"),
            parsing.on_distinct(said["n_returns"], lambda text: parsing.parse_count(text, 0)).alias("n_returns"),
            _category(
                said, tuple(layout.get("category_separators", words.category_separators)), "category" in reversed_paths
            ),
            *_places(said, "place" in reversed_paths).get_columns(),
            *coordinates.parse_position(said["lon"], said["lat"]).get_columns(),
            *[pl.Series(name, [None] * len(said), dtype=pl.Float64) for name in ("lon", "lat")],
            item_number(said["item_number"]),
            _one_line(said["title"]),
            _one_line(said["text"]),
            *[said[name] for name in ("channel", "purpose", "severity", "grid_name")],
            *[
                parsing.parse_unit(said[name], tuple(layout.get("unit_separators", ())), "unit_name" in reversed_paths)
                for name in ("unit_name", "unit_co_name")
            ],
            said["handling_role"].str.contains("协办").fill_null(False).alias("is_co_row"),
        ]
    )
    frame = frame.with_columns(
        pl.when(pl.col("unit_co_name") != pl.col("unit_name")).then(pl.col("unit_co_name")),
        pl.col("is_repeat").fill_null(~pl.col("is_first")),
        pl.when(pl.col("due_at").is_not_null()).then(pl.lit("source")).alias("due_rule"),
        _end_of_day("due_at"),
        _same_day_closing(),
    )
    frame = frame.with_columns(_made_number(raw, said, frame, layout), *_status(said, frame, words.states(layout)))
    is_marked = said.select(
        parsing.on_distinct(said["is_confidential"], parsing.parse_flag).alias("flag").fill_null(False)
        | pl.col("is_confidential").str.contains(f"^(?:{IS_CONFIDENTIAL}|要求保密)").fill_null(False)
    ).to_series()
    is_confidential = (
        pl.lit(is_marked)
        | pl.col("purpose").str.contains(CONFIDENTIAL_PURPOSE).fill_null(False)
        | pl.col("category_raw").str.contains(CONFIDENTIAL_CATEGORY).fill_null(False)
    )
    reason = frame.select(_reason(said, today).alias("rule"))["rule"]
    frame = frame.with_columns(
        is_confidential.alias("is_confidential"),
        *(
            pl.when(~is_confidential).then(pl.col(name)).alias(name)
            for name in ("title", "text", "unit_name", "unit_co_name")
        ),
    )
    events = frame.filter(reason.is_null()).select(
        pl.col(name).cast(dtype) for name, dtype in (EVENT_COLUMNS | WORKING_COLUMNS).items()
    )
    return events, _rejected(said, reason, layout)


def _said(raw: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """One cleaned text column per FIELDS name; the layout's constant, or null, where the file has none."""
    constants = layout.get("constants", {})
    expressions = []
    for name in FIELDS:
        headers = [header for header, ours in layout["columns"].items() if ours == name and header in raw.columns]
        cells = [parsing.clean(pl.col(header)) for header in headers]
        expressions.append((pl.coalesce(cells) if cells else pl.lit(constants.get(name), pl.String)).alias(name))
    return raw.select("source_row", *expressions)


def _is_total(said: pl.DataFrame, has_made_number: bool) -> pl.Series:
    """合计 in the number's cell, or an unnumbered row with 合计 in one of its short cells.

    Where a number is made of other cells every row is unnumbered: then the whole row must be little but the total.
    """
    number = said["item_number"]
    is_total = said.select(_says_total("item_number") | _says_total("line_number")).to_series()
    at = number.is_null().arg_true()
    if len(at) == 0:
        return is_total
    others = [name for name in said.columns if name not in ("source_row", "item_number", "text")]
    unnumbered = said[at].select(pl.any_horizontal(_says_total(name) for name in others).alias("says"), *said.columns)
    if has_made_number:
        unnumbered = unnumbered.with_columns(
            pl.col("says") & pl.col("text").is_null() & (pl.sum_horizontal(pl.col(others).is_not_null()) <= 4)
        )
    return is_total.scatter(at, unnumbered["says"])


def _says_total(name: str) -> pl.Expr:
    # The first test is cheap and nearly always false.
    cell = pl.col(name)
    return (cell.str.contains(r"[计共合总]") & cell.str.contains(TOTAL_WORD) & cell.str.contains(TOTAL_ROW)).fill_null(
        False
    )


def control_totals(raw: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """What do the file's own total rows (合计、小计、总计、共 N 件) state?

    Out: source_row, kind (total | subtotal), n_items, n_persons (null = not stated). `raw` as for `normalise`. A number
    under the persons column, or said in 人, is a number of persons. A number beside 合计, or under the item's number, is
    the number of items, else the only whole number there is; where several compete, none is taken.
    """
    numbers = [
        h for h, ours in layout["columns"].items() if ours in ("item_number", "line_number") and h in raw.columns
    ]
    if numbers:  # nearly every row has a number that is one: only the others are looked at
        said_numbers = [parsing.clean(pl.col(header)) for header in numbers]
        own = [h for h in numbers if layout["columns"][h] == "item_number"] or numbers
        raw = raw.filter(
            pl.any_horizontal(cell.str.contains("[计共合总]").fill_null(False) for cell in said_numbers)
            | pl.all_horizontal(parsing.clean(pl.col(h)).is_null() for h in own)
        )
    if raw.is_empty():
        return pl.DataFrame(schema=TOTAL_COLUMNS)
    said = _said(raw, layout | {"constants": {}})
    found = said.filter(_is_total(said, "item_number_from" in layout))
    rows = []
    for row in found.iter_rows(named=True):
        cells = {name: unicodedata.normalize("NFKC", cell) for name, cell in row.items() if isinstance(cell, str)}
        kind = "subtotal" if any(re.search(r"小\s*计", cell) for cell in cells.values()) else "total"
        items: list[tuple[int, int]] = []  # (how surely this is the number of items, the number)
        persons: list[int] = []
        for name, cell in cells.items():
            is_said = re.search(TOTAL_WORD, cell) is not None or name in ("item_number", "line_number")
            if not is_said and not re.fullmatch(r"\d[\d,]*(?:\.0+)?\s*\D{0,2}", cell):
                continue
            for stated in re.finditer(r"(\d[\d,]*)(?:\.0+)?\s*(人次|\D?)", cell):
                number = int(stated[1].replace(",", ""))
                if name == "persons" or stated[2].startswith("人"):
                    persons.append(number)
                else:
                    items.append((1 if is_said else 0, number))
        surest = {number for sure, number in items if sure == max(sure for sure, _ in items)}
        rows.append(
            (
                row["source_row"],
                kind,
                surest.pop() if len(surest) == 1 else None,
                persons[0] if len(set(persons)) == 1 else None,
            )
        )
    return pl.DataFrame(rows, schema=TOTAL_COLUMNS, orient="row")


def _one_line(text: pl.Series) -> pl.Series:
    """Tabs, line breaks and runs of spaces as one space."""
    at = text.str.contains(r"[^\S ]|  |[\x00-\x1f\x7f]").fill_null(False).arg_true()
    if len(at) == 0:
        return text
    return text.clone().scatter(at, text.gather(at).str.replace_all(r"[\s\x00-\x1f\x7f]+", " "))


def item_number(text: pl.Series) -> pl.Series:
    """Full-width characters made half-width, and the quote some exports put before a number removed."""
    plain = text.str.strip_chars("'’`=\"")
    is_wide = ~plain.str.contains(r"^[\x21-\x7e]*$")
    if is_wide.any():
        at = is_wide.fill_null(False).arg_true()
        plain = plain.clone().scatter(at, plain.gather(at).str.normalize("NFKC").str.strip_chars())
    return plain.set(plain == "", None).alias("item_number")


def _made_number(raw: pl.DataFrame, said: pl.DataFrame, frame: pl.DataFrame, layout: Layout) -> pl.Series:
    """The item's number: its own, or put together as the layout says where the file has none."""
    source = layout.get("item_number_from")
    if source is None:
        return frame["item_number"]
    if source == "content":
        return _content_number(frame, layout)
    cells = [parsing.clean(pl.col(header)) if header in raw.columns else pl.lit(None, pl.String) for header in source]
    return item_number(raw.select(pl.concat_str(cells, separator="|").alias("item_number")).to_series())


def _content_number(frame: pl.DataFrame, layout: Layout) -> pl.Series:
    """内容 and 16 hex digits of SHA-256 over CONTENT_FIELDS as understood, not as spelt: identical rows are one item.

    Columns that identify persons are never read and so never part of it, nor is the exact point. Constants of the
    layout are left out: they are not the row's own words. The same columns count in every block of every file.
    """
    constants = {"category_raw" if name.startswith("category") else name for name in layout.get("constants", {})}
    own = [name for name in CONTENT_FIELDS if name not in constants]
    joined = frame.select(pl.concat_str(pl.col(own).cast(pl.String).fill_null(""), separator="\x1f")).to_series()
    return pl.Series(
        "item_number",
        [
            CONTENT_PREFIX + hashlib.sha256(text.encode()).hexdigest()[:16] if text.strip("\x1f") else None
            for text in joined.to_list()
        ],
        dtype=pl.String,
    )


def _category(said: pl.DataFrame, separators: tuple[str, ...], is_reversed: bool) -> pl.Series:
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
    return parsing.parse_path(said["category"], separators, is_reversed).alias("category_raw")


def _places(said: pl.DataFrame, is_reversed: bool) -> pl.DataFrame:
    """Place columns as reported; what they leave empty from the one string `place`, cut by its suffixes."""
    names = ["county_name", "town_name", "community_name"]
    if said["place"].null_count() == len(said):
        return said.select(names)
    parsed = parsing.parse_place(said["place"], is_reversed)
    return said.select(pl.coalesce(pl.col(name), parsed[name]).alias(name) for name in names)


def _end_of_day(name: str) -> pl.Expr:
    """A deadline given as a date alone runs to the end of that day."""
    at = pl.col(name)
    return pl.when(at.dt.time() == pl.time(0)).then(at + pl.duration(seconds=86_399)).otherwise(at).alias(name)


def _same_day_closing() -> pl.Expr:
    """A closing date without time, on the day of registration, is not earlier than the registration."""
    closed, registered = pl.col("closed_at"), pl.col("registered_at")
    is_date_only = (closed.dt.time() == pl.time(0)) & (closed.dt.date() == registered.dt.date())
    return pl.when(is_date_only).then(pl.max_horizontal(closed, registered)).otherwise(closed).alias("closed_at")


def _status(said: pl.DataFrame, frame: pl.DataFrame, states: dict[str, str]) -> list[pl.Series]:
    """The seven states. An unknown word, or none, follows from the times; unknown words are reported."""
    word = said["status_word"]
    known = parsing.on_distinct(
        word, lambda words: words.str.to_lowercase().replace_strict(states, default=None, return_dtype=pl.String)
    )
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
        .when(is_truncated(number))
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


def is_truncated(number: pl.Expr) -> pl.Expr:
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
    source = layout.get("item_number_from")
    own = {"item_number": "+".join(source)} if source and source != "content" else {}
    wrong = said.with_columns(reason.alias("rule")).filter(pl.col("rule").is_not_null())
    found = pl.coalesce(
        pl.when(pl.col("rule") == rule).then(_safe_to_show(wrong, rule, name) if name else pl.lit(None, pl.String))
        for rule, name in column_of.items()
    )
    return rejected_rows(wrong, found, header_of(layout) | own, column_of, HINTS)


def header_of(layout: Layout) -> dict[str, str]:
    """Our name → the first header of the layout that means it."""
    return {ours: header for header, ours in reversed(layout["columns"].items())}


def rejected_rows(
    wrong: pl.DataFrame,
    found: pl.Expr,
    headers: Mapping[str, str],
    column_of: Mapping[str, str | None],
    hints: Mapping[str, str],
) -> pl.DataFrame:
    """Rows with a rule as the ledger of rejected rows keeps them: source_row, rule, column_name (the file's own), found, hint."""
    columns = {rule: headers.get(name) if name else None for rule, name in column_of.items()}
    return wrong.select(
        "source_row",
        "rule",
        pl.col("rule").replace_strict(columns, return_dtype=pl.String).alias("column_name"),
        found.str.slice(0, 80).alias("found"),
        pl.col("rule").replace_strict(hints, return_dtype=pl.String).alias("hint"),
    )


def _safe_to_show(wrong: pl.DataFrame, rule: str, name: str) -> pl.Expr:
    """The cell where it can only be what it should be; in a row whose cells have slipped it may be a person's name."""
    if rule == "out_of_scope":
        return pl.coalesce(
            pl.col("status_word").str.extract(f"({OUT_OF_SCOPE})"), pl.col("marks").str.extract(f"({OUT_OF_SCOPE})")
        )
    if rule == "truncated_item_number":  # an item's number; of digits, the tail that Excel cut
        return (
            pl.when(pl.col(name).str.contains("[Ee]"))
            .then(pl.col(name))
            .otherwise(
                pl.format(
                    "{}…{}（{} 位）",
                    pl.col(name).str.slice(0, 4),
                    pl.col(name).str.slice(-3),
                    pl.col(name).str.len_chars(),
                )
            )
        )
    return pl.lit(parsing.masked_time(wrong[name]))
