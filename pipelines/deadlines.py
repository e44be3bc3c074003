"""By when must an item be settled, and which rule says so?

Deadlines are data: sql/seeds/deadline_rule.csv and, over it, HOME/reference/deadline_rule.csv of the office (a row with
a known rule_id replaces that rule, others are added). A rule says for which items it holds (source, item_type, path,
region, valid on the registration day), from which event it runs to which, how many calendar days or workdays, whether
a last day that is a holiday rolls to the next workday, by how much it may be extended, and its legal basis.

Counting follows 民法典 201条 (the first day is not counted) and, where `roll` says so, 203条 (a holiday as last day
rolls on). A deadline runs to the end of its day. 《信访工作条例》34条 gives 60 days to 申诉求决 on the petition path only
(31条(六)): 检举控告, 意见建议 and items led into litigation get none from it.

The matching is done here on the distinct kinds of items (thousands at most); the items themselves meet their rule in
sql/marts/event.sql, the days in sql/marts/deadline_day.sql.
"""

from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl

from pipelines.config import SEEDS
from pipelines.errors import SourceError
from pipelines.reference import read_table

FILE = "deadline_rule.csv"
RULE_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "rule_id": pl.String,
    "title": pl.String,
    "source": pl.String,
    "item_type": pl.String,
    "path": pl.String,
    "region": pl.String,
    "start_event": pl.String,
    "end_event": pl.String,
    "n": pl.Int64,
    "unit": pl.String,
    "roll": pl.String,
    "extension_max": pl.Int64,
    "basis": pl.String,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
    "is_active": pl.Boolean,
    "is_verified": pl.Boolean,
    "note": pl.String,
}
REQUIRED = ("rule_id", "title", "source", "start_event", "n", "unit", "basis")
DEFAULTS = {"end_event": "closed", "roll": "none", "is_active": "是", "is_verified": "否"}
CHOICES = {
    "source": ("petition", "hotline", "grid"),
    "start_event": ("registered", "accepted", "received"),
    "end_event": ("closed", "transferred", "notified", "contacted"),
    "unit": ("calendar", "workday"),
    "roll": ("none", "next_workday"),
}
FLAG_WORDS = {"是": True, "true": True, "1": True, "否": False, "false": False, "0": False}
COUNTED_FROM = ("registered", "accepted")
"""Events whose time the files give: only rules that run from one of these to `closed` make deadlines."""
PETITION_PATH = "信访程序"
OTHER_PATH = "涉法涉诉"
LITIGATION = "涉法|涉诉|诉讼|法院|检察|仲裁|行政复议"
"""In a source's own category: an item of another path (条例31条(一)(二)). No category says more; then the path is unknown."""
MAX_DAYS = 3650
LONG_AGO, NEVER = date(1900, 1, 1), date(9999, 12, 31)


def read_rules(folder: Path) -> pl.DataFrame:
    """All rules, RULE_COLUMNS and is_local, in order of precedence: the office's own, then the more particular ones.

    Raises SourceError naming row and column of what is wrong in the office's file.
    """
    seed = _typed(read_table(SEEDS / FILE), FILE).with_columns(pl.lit(False).alias("is_local"))
    own_path = folder / FILE
    if not own_path.exists():
        return _in_order(seed)
    own = _typed(read_table(own_path), FILE).with_columns(pl.lit(True).alias("is_local"))
    return _in_order(pl.concat([own, seed.join(own, on="rule_id", how="anti", maintain_order="left")]))


def _in_order(rules: pl.DataFrame) -> pl.DataFrame:
    given = [pl.col(name).is_not_null().alias(f"has_{name}") for name in ("region", "item_type", "path")]
    return (
        rules.with_columns(given)
        .sort("is_local", "has_region", "has_item_type", "has_path", descending=True, maintain_order=True)
        .drop("has_region", "has_item_type", "has_path")
    )


def _typed(raw: pl.DataFrame, file: str) -> pl.DataFrame:
    """Text cells → RULE_COLUMNS, or the first fault as a SourceError."""
    raw = raw.select(pl.all().str.strip_chars().replace("", None))
    for names, found, expected in (
        ([name for name in REQUIRED if name not in raw.columns], "缺少列", "、".join(REQUIRED)),
        ([name for name in raw.columns if name not in RULE_COLUMNS], "不认识的列", "、".join(RULE_COLUMNS)),
    ):
        if names:
            raise SourceError(
                file,
                where="第 1 行",
                found=f"{found} {'、'.join(names)}",
                expected=f"表头取自 {expected}",
                next_step="请改正表头后重新运行 yanpan build。",
            )
    raw = raw.with_columns(pl.lit(None, pl.String).alias(name) for name in RULE_COLUMNS if name not in raw.columns)
    raw = raw.with_columns(pl.col(name).fill_null(value) for name, value in DEFAULTS.items())
    for row_number, row in enumerate(raw.iter_rows(named=True), start=2):
        _check_row(file, row_number, row)
    repeated = raw.filter(pl.col("rule_id").is_duplicated())
    if len(repeated):
        row_number = raw.with_row_index("row", 2).filter(raw["rule_id"].is_duplicated())["row"][1]
        raise _fault(file, row_number, "rule_id", repeated["rule_id"][0], "每条规则的编号只出现一次")
    return raw.select(
        pl.col(name).str.to_date("%Y-%m-%d")
        if kind == pl.Date
        else pl.col(name).str.to_lowercase().replace_strict(FLAG_WORDS)
        if kind == pl.Boolean
        else pl.col(name).cast(kind)
        for name, kind in RULE_COLUMNS.items()
    )


def _check_row(file: str, row_number: int, row: dict[str, str | None]) -> None:
    for name in REQUIRED:
        if row[name] is None:
            raise _fault(file, row_number, name, "", "必须填写")
    for name, words in CHOICES.items():
        if row[name] not in words:
            raise _fault(file, row_number, name, row[name], f"{'、'.join(words)} 之一")
    for name in ("n", "extension_max"):
        text = row[name]
        if text is not None and not (text.isascii() and text.isdigit() and 0 < int(text) <= MAX_DAYS):
            raise _fault(file, row_number, name, text, f"1 到 {MAX_DAYS} 的整数（天）")
    for name in ("valid_from", "valid_to"):
        if row[name] is not None and not _is_date(row[name] or ""):
            raise _fault(file, row_number, name, row[name], "2026-01-31 这样的日期")
    if row["valid_from"] and row["valid_to"] and row["valid_from"] > row["valid_to"]:
        raise _fault(file, row_number, "valid_to", row["valid_to"], f"不早于 valid_from（{row['valid_from']}）")
    for name in ("is_active", "is_verified"):
        if (row[name] or "").lower() not in FLAG_WORDS:
            raise _fault(file, row_number, name, row[name], "是 或 否")


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _fault(file: str, row_number: int, column: str, found: str | None, expected: str) -> SourceError:
    return SourceError(
        file,
        where=f"第 {row_number} 行 {column} 列",
        found=f"“{(found or '')[:40]}”" if found else "空白",
        expected=expected,
        next_step="请改正后重新运行 yanpan build。",
    )


def prepare(connection: duckdb.DuckDBPyConnection, folder: Path, as_of: date) -> None:
    """Temp tables by which the marts find each item's rule; needs known_event, known_batch and the resolved places.

    reference_deadline_rule: the rules. deadline_kind: source, category_raw, purpose, severity → kind_id, the kinds of
    items that differ to the rules. kind_rule: kind_id, county_code, from_on, to_on → rule_id, start_event; never two for
    one day. deadline_span: every day a deadline can start or end on. outcome_batch: batches of layouts that tell when
    items are settled; of the others nobody knows what is overdue.
    """
    rules = read_rules(folder)
    counties = connection.sql(
        "select place_code, place_name from reference_place where place_level = 'county'"
        " union select place_code, place_name from provisional_place where place_level = 'county'"
    ).pl()
    rules = _regions_known(rules, counties)
    kinds = connection.sql("select distinct source, category_raw, purpose, severity from known_event order by all").pl()
    county_codes = connection.sql(
        "select county_code from resolved_place union select county_code from resolved_position order by 1"
    ).pl()["county_code"]
    deadline_kind, kind_rule = match(kinds, rules, county_codes.to_list())
    first = connection.execute("select min(registered_at)::date from known_event").fetchall()[0][0] or as_of
    longest = int(rules["n"].cast(pl.Int64).max() or 0)  # type: ignore[arg-type]
    span = pl.date_range(first - timedelta(days=366), as_of + timedelta(days=2 * longest + 60), eager=True)
    for name, frame in (
        ("reference_deadline_rule", rules),
        ("deadline_kind", deadline_kind),
        ("kind_rule", kind_rule),
        ("deadline_span", span.alias("day_on").to_frame()),
    ):
        connection.register("incoming_frame", frame.to_arrow())
        connection.execute(f"create temp table {name} as select * from incoming_frame")
        connection.unregister("incoming_frame")
    connection.execute(
        """
        create temp table outcome_batch as
        select batch_id from known_batch where layout in (
            select b.layout from known_event as e join known_batch as b on b.batch_id = e.batch_id
            group by b.layout
            having count(*) filter (where e.closed_at is not null or e.status in ('replied', 'closed', 'declined')) > 0
        )
        """
    )


def _regions_known(rules: pl.DataFrame, counties: pl.DataFrame) -> pl.DataFrame:
    """`region` as county code; the office may write code or name, several joined by |."""
    codes = {**dict(counties.select("place_name", "place_code").iter_rows()), **{c: c for c in counties["place_code"]}}
    regions = []
    for rule_id, region in rules.select("rule_id", "region").iter_rows():
        named = region.split("|") if region else []
        unknown = [name for name in named if name not in codes]
        if unknown:
            raise SourceError(
                FILE,
                where=f"规则 {rule_id} region 列",
                found=f"“{unknown[0][:40]}”",
                expected="区划表里的县区名称或代码，多个用 | 隔开；空白为全市",
                next_step="请改正，或先导入区划表，再运行 yanpan build。",
            )
        regions.append("|".join(codes[name] for name in named) or None)
    return rules.with_columns(pl.Series("region", regions, dtype=pl.String))


def match(
    kinds: pl.DataFrame, rules: pl.DataFrame, county_codes: list[str | None]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Which rule holds for which kind of item, county and registration day?

    kinds: distinct source, category_raw, purpose, severity. rules: `read_rules`, region as codes; the first that fits
    holds. Returns (kinds with kind_id; kind_id, county_code, from_on, to_on, rule_id, start_event): kinds that meet the
    same rules share an id, and periods of one kind and county do not overlap.
    """
    counting = rules.filter(
        pl.col("is_active") & (pl.col("end_event") == "closed") & pl.col("start_event").is_in(COUNTED_FROM)
    )
    litigation = pl.col("category_raw").str.contains(LITIGATION).fill_null(False) & (pl.col("source") == "petition")
    fits = []
    for rule in counting.iter_rows(named=True):
        fit = pl.col("source") == rule["source"]
        if rule["item_type"]:
            words = "|".join(_literal(word) for word in rule["item_type"].split("|"))
            fit &= pl.any_horizontal(
                pl.col(name).str.contains(words).fill_null(False) for name in ("purpose", "severity")
            )
        if rule["path"]:
            fit &= ~litigation if rule["path"] == PETITION_PATH else litigation & (rule["path"] == OTHER_PATH)
        fits.append(pl.when(fit).then(pl.lit("1")).otherwise(pl.lit("0")))
    signature = pl.concat_str(fits) if fits else pl.lit("")
    marked = kinds.with_columns(signature.alias("signature"))
    signatures = marked["signature"].unique().sort().to_list()
    ids = {signature: number for number, signature in enumerate(signatures)}
    rows = []
    ordered = counting.to_dicts()
    for signature, kind_id in ids.items():
        fitting = [rule for rule, mark in zip(ordered, signature, strict=True) if mark == "1"]
        for county in county_codes:
            here = [rule for rule in fitting if not rule["region"] or county in rule["region"].split("|")]
            rows += [(kind_id, county, *period) for period in _periods(here)]
    return (
        marked.with_columns(pl.col("signature").replace_strict(ids, return_dtype=pl.Int32).alias("kind_id")).drop(
            "signature"
        ),
        pl.DataFrame(
            rows,
            schema={
                "kind_id": pl.Int32,
                "county_code": pl.String,
                "from_on": pl.Date,
                "to_on": pl.Date,
                "rule_id": pl.String,
                "start_event": pl.String,
            },
            orient="row",
        ),
    )


def _literal(word: str) -> str:
    return "".join(f"\\{char}" if char in r"\.+*?()|[]{}^$#&-~" else char for char in word)


def _periods(rules: list[dict]) -> list[tuple[date, date, str, str]]:
    """(from_on, to_on, rule_id, start_event) without overlap: on each day the first of `rules` that is valid."""
    starts = {rule["valid_from"] or LONG_AGO for rule in rules}
    ends = {rule["valid_to"] + timedelta(days=1) for rule in rules if rule["valid_to"]}
    cuts = sorted({LONG_AGO, *starts, *ends})
    periods = []
    for at, from_on in enumerate(cuts):
        to_on = cuts[at + 1] - timedelta(days=1) if at + 1 < len(cuts) else NEVER
        for rule in rules:
            if (rule["valid_from"] or LONG_AGO) <= from_on and to_on <= (rule["valid_to"] or NEVER):
                periods.append((from_on, to_on, rule["rule_id"], rule["start_event"]))
                break
    return periods
