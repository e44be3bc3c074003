"""Which place and issue is an entry of a ledger about, which item does it name, and which steps lie before it?

The steps are data: sql/seeds/step_rule.csv and, over it, HOME/reference/step_rule.csv of the office (a row with a known
rule_id replaces that rule, others are added). A rule gives a ledger, perhaps one subtype of it, a step (signed, planned,
replied, closed), the event it runs from and within how many calendar days or workdays; without days it has no clock of
its own. Where `takes_own_due` says so the deadline written in the ledger goes before the rule: 《信访工作条例》 art. 22 has
an item 交办 come back within the time given to it. Counting as in `deadlines`: the first day is not counted, a deadline runs
to the end of its day. The days themselves are in sql/marts/ledger_step.sql.
"""

from pathlib import Path

import duckdb
import polars as pl

from pipelines import classify, places, reference
from pipelines.config import SEEDS
from pipelines.errors import SourceError
from pipelines.sources import ledger

FILE = "step_rule.csv"
STEPS = ("signed", "planned", "replied", "closed")
RULE_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "rule_id": pl.String,
    "ledger_kind": pl.String,
    "subtype": pl.String,
    "step": pl.String,
    "step_order": pl.Int32,
    "start_event": pl.String,
    "n": pl.Int32,
    "unit": pl.String,
    "takes_own_due": pl.Boolean,
    "basis": pl.String,
    "is_active": pl.Boolean,
    "is_verified": pl.Boolean,
    "note": pl.String,
}
REQUIRED = ("rule_id", "ledger_kind", "step", "step_order", "start_event")
DEFAULTS = {"takes_own_due": "否", "is_active": "是", "is_verified": "否"}
FLAGS = {"是": True, "true": True, "1": True, "否": False, "false": False, "0": False}
MAX_DAYS = 3650
SOURCES = ("petition", "hotline", "grid")
"""Whose words a category of a ledger may be, the likeliest first."""


def read_rules(folder: Path) -> pl.DataFrame:
    """The rules in force, RULE_COLUMNS; SourceError names row and column of what is wrong in the office's file."""
    rules = _typed(reference.read_table(SEEDS / FILE))
    if (folder / FILE).exists():
        own = _typed(reference.read_table(folder / FILE))
        rules = pl.concat([own, rules.join(own, on="rule_id", how="anti", maintain_order="left")])
    return rules.filter("is_active")


def _typed(raw: pl.DataFrame) -> pl.DataFrame:
    raw = raw.select(pl.all().str.strip_chars().replace("", None))
    missing = [name for name in REQUIRED if name not in raw.columns]
    unknown = [name for name in raw.columns if name not in RULE_COLUMNS]
    if missing or unknown:
        raise SourceError(
            FILE,
            where="第 1 行",
            found=f"{'缺少列' if missing else '不认识的列'} {'、'.join(missing or unknown)}",
            expected=f"表头取自 {'、'.join(RULE_COLUMNS)}",
            next_step="请改正表头后重新运行 yanpan build。",
        )
    raw = raw.with_columns(pl.lit(None, pl.String).alias(name) for name in RULE_COLUMNS if name not in raw.columns)
    raw = raw.with_columns(pl.col(name).fill_null(value) for name, value in DEFAULTS.items())
    for row_number, row in enumerate(raw.iter_rows(named=True), start=2):
        _check(row_number, row)
    return raw.select(
        pl.col(name).str.to_lowercase().replace_strict(FLAGS) if kind == pl.Boolean else pl.col(name).cast(kind)
        for name, kind in RULE_COLUMNS.items()
    )


def _check(row_number: int, row: dict[str, str | None]) -> None:
    """The first fault of a rule as a SourceError."""
    kind = row["ledger_kind"] or ""
    choices = {
        "ledger_kind": tuple(ledger.kinds()),
        "step": STEPS,
        "start_event": ("opened", *STEPS),
        "unit": ("calendar", "workday", None if row["n"] is None else "calendar"),
        "subtype": (None, *dict.fromkeys(ledger.SUBTYPES.get(kind, {}).values())),
        **dict.fromkeys(("takes_own_due", "is_active", "is_verified"), tuple(FLAGS)),
    }
    for name, cell in row.items():
        said = (cell or "").lower() or None
        if name in REQUIRED and cell is None:
            raise _fault(row_number, name, "空白", "必须填写")
        if name in choices and said not in choices[name]:
            expected = "、".join(word for word in dict.fromkeys(choices[name]) if word)
            raise _fault(row_number, name, f"“{(cell or '')[:40]}”" if cell else "空白", f"{expected or '空白'} 之一")
        if name in ("n", "step_order") and cell and not (cell.isdecimal() and 0 < int(cell) <= MAX_DAYS):
            raise _fault(row_number, name, f"“{cell[:40]}”", f"1 到 {MAX_DAYS} 的整数")


def _fault(row_number: int, column: str, found: str, expected: str) -> SourceError:
    where = f"第 {row_number} 行 {column} 列"
    return SourceError(FILE, where=where, found=found, expected=expected, next_step="请改正后重新运行 yanpan build。")


def prepare(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Inputs of the ledger marts; needs known_ledger_entry, known_event, reference_place and issue_seed.

    Mart ledger_kind: the ledgers and their words. Temp ledger_step_rule: the rule of each step for each kind and subtype
    that occurs, with the step's name; is_deciding: by it an entry is in time or late. Temp resolved_ledger: entry_id → event_id of the item it names, its place codes and
    issue code (null: take the item's), is_counted_only.
    """
    kinds = pl.read_csv(SEEDS / ledger.KIND_FILE, schema_overrides={"kind_order": pl.Int32})
    entries = connection.sql("select distinct ledger_kind, subtype from known_ledger_entry order by all").pl()
    for name, frame, kind in (
        ("ledger_kind", kinds, "table marts."),
        ("ledger_step_rule", _by_subtype(read_rules(folder), entries, kinds), "temp table "),
        ("resolved_ledger", _resolved(connection, folder), "temp table "),
    ):
        connection.register("incoming_frame", frame.to_arrow())
        connection.execute(f"create {kind}{name} as select * from incoming_frame")
        connection.unregister("incoming_frame")


def _by_subtype(rules: pl.DataFrame, entries: pl.DataFrame, kinds: pl.DataFrame) -> pl.DataFrame:
    """For each kind and subtype of `entries` one rule a step: that of the subtype before the one for all."""
    words = kinds.select("ledger_kind", *(pl.col(f"{step}_word").alias(step) for step in STEPS)).unpivot(
        index="ledger_kind", variable_name="step", value_name="step_name"
    )
    return (
        entries.join(rules.rename({"subtype": "of"}), on="ledger_kind")
        .filter(pl.col("of").is_null() | (pl.col("of") == pl.col("subtype")))
        .sort("ledger_kind", "subtype", "step", pl.col("of").is_null(), "rule_id")
        .unique(["ledger_kind", "subtype", "step"], keep="first", maintain_order=True)
        .join(words, on=["ledger_kind", "step"], how="left", maintain_order="left")
        .with_columns(pl.col("step_name").fill_null(pl.col("step")))
        .sort("ledger_kind", "subtype", "takes_own_due", "step_order", "step", descending=[False, False, True, True, True])
        # Of several steps that take the entry's own deadline the last one says whether it was kept.
        .with_columns(
            (pl.col("takes_own_due") & (pl.int_range(pl.len()).over("ledger_kind", "subtype") == 0)).alias("is_deciding")
        )
        .select("ledger_kind", "subtype", "rule_id", "step", "step_order", "step_name", "start_event", "n", "unit",
                "takes_own_due", "is_deciding", "basis", "is_verified")
    )  # fmt: skip


def _resolved(connection: duckdb.DuckDBPyConnection, folder: Path) -> pl.DataFrame:
    entries = connection.sql(
        "select entry_id, category_raw, county_name, town_name, community_name, is_confidential,"
        " petition_id, hotline_id, grid_id from known_ledger_entry order by entry_id"
    ).pl()
    links = connection.sql(
        "select entry_id, min(event_id) as event_id from known_event join ("
        "select entry_id, unnest([petition_id, hotline_id, grid_id]) as event_id from known_ledger_entry"
        ") using (event_id) group by entry_id"
    ).pl()
    names = ["county_name", "town_name", "community_name"]
    said = entries.select(names).unique(maintain_order=True)
    found, _ = places.resolve(
        said.with_columns(pl.lit(1).alias("n_events")), connection.sql("from reference_place").pl()
    )
    return (
        entries.join(found, on=names, how="left", maintain_order="left", nulls_equal=True)
        .join(links, on="entry_id", how="left", maintain_order="left")
        .join(_issues(entries["category_raw"], folder), on="category_raw", how="left", maintain_order="left")
        .select(
            "entry_id", "event_id", "county_code", "town_code", "community_code", "issue_code",
            (pl.col("is_confidential") | pl.col("is_counted_only").fill_null(False)).alias("is_counted_only"),
        )
    )  # fmt: skip


def _issues(categories: pl.Series, folder: Path) -> pl.DataFrame:
    """category_raw, issue_code, is_counted_only: by the cross-walk of each source in turn, else by the name of an issue."""
    distinct = categories.drop_nulls().unique(maintain_order=True)
    seeds = pl.read_csv(SEEDS / "issue.csv", infer_schema=False)
    crosswalk, by_name = reference.read_crosswalk(folder), dict(seeds.select("issue_name", "issue_code").iter_rows())
    known = set(seeds["issue_code"])
    rows = []
    for path in distinct.to_list():
        asked = pl.DataFrame({"source": SOURCES, "category_raw": [path] * len(SOURCES)})
        found = [code for code in classify.resolve(asked, crosswalk)[0]["issue_code"] if code in known]
        named = [by_name[part] for part in reversed(path.split(">")) if part in by_name]
        rows.append(("", path, next(iter([*found, *named]), None)))
    resolved = pl.DataFrame(rows, schema=classify.RESOLVED_COLUMNS, orient="row")
    return classify.counted_only(resolved, seeds).drop("source")
