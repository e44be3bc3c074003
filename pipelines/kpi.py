"""By which rule is each indicator counted, and what do the items make of it?

Indicators are data: sql/seeds/kpi.csv and, over it, HOME/reference/kpi.csv of the office (a row with a known kpi_id and
variant replaces that row, others are added). One row is one indicator in one 口径 (variant). Its rules are written over
the facts of sql/marts/item_fact.sql, the boolean columns, by name or by Chinese label, with `&` and, `|` or, `!` not and
brackets; an empty rule holds for every item (`excluded`: for none). A measure (件均, 天数) is one of its whole numbers.

An item counts in the period its cohort date falls in, and there exactly once: as 剔除 (rule `excluded`), as 未写明 (its
file does not say what the rules ask), in the denominator, or in denominator and numerator; or not at all.

Marts: `kpi` is the registry in force; `kpi_period` the counts, which add up over cells and months; `kpi_days` how many
items took how many days, from which median and P90 follow exactly; `kpi_cell` the county, unit and group of issues that a
cell stands for (a number, because strings would make the counts three times as slow).
"""

import csv
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl

from pipelines import refresh
from pipelines.config import SEEDS, SQL
from pipelines.errors import SourceError
from pipelines.reference import read_table

FILE = "kpi.csv"
REQUIRED = ("kpi_id", "variant", "name", "variant_name", "unit", "cohort", "source", "numerator", "better", "basis")
OPTIONAL = {
    "filter": None,
    "excluded": None,
    "denominator": None,
    "target": None,
    "band_green": None,
    "band_red": None,
    "min_denominator": "20",
    "version": "1",
    "valid_from": None,
    "is_default": "否",
    "is_active": "是",
    "note": None,
}
COLUMNS = (*REQUIRED, *OPTIONAL)
CHOICES = {
    "unit": ("share", "days", "count", "index"),
    "source": ("petition", "hotline", "grid", "all"),
    "better": ("up", "down"),
    "is_default": ("是", "否"),
    "is_active": ("是", "否"),
}
RULES = ("filter", "excluded", "numerator", "denominator")
NUMBERS = ("target", "band_green", "band_red")
ALL = "all"
"""In place of a rule: every item."""
PERIODS = ("week", "month")
REGISTRY: dict[str, pl.DataType | type[pl.DataType]] = {
    "kpi_order": pl.Int32,
    **dict.fromkeys(
        (
            *("kpi_id", "variant", "kpi_name", "variant_name", "kpi_unit", "cohort", "kpi_source"),
            *("kpi_filter", "excluded", "numerator_rule", "denominator_rule"),
            *("filter_text", "excluded_text", "numerator_text", "denominator_text"),
        ),
        pl.String,
    ),
    **dict.fromkeys(NUMBERS, pl.Float64),
    "better": pl.String,
    "min_denominator": pl.Int64,
    "basis": pl.String,
    "kpi_version": pl.String,
    "valid_from": pl.Date,
    "is_default": pl.Boolean,
    "is_local": pl.Boolean,
    "note": pl.String,
}
CELL_TABLE = """
    create table marts.kpi_cell as
    select row_number() over (order by county_code, unit_name, issue_group)::integer as cell_id, *
    from (
        select distinct f.county_code, f.unit_name, i.group_code as issue_group
        from item_fact as f inner join issue as i on i.issue_code = f.issue_code
    )
    order by cell_id
"""
NUMBERED_CELLS = """
    create or replace table marts.kpi_cell as
    select
        coalesce(
            b.cell_id,
            (select max(cell_id) from before.kpi_cell)
            + row_number() over (partition by b.cell_id is null order by n.county_code, n.unit_name, n.issue_group)
        )::integer as cell_id,
        n.*
    from (
        select distinct f.county_code, f.unit_name, i.group_code as issue_group
        from item_fact as f inner join issue as i on i.issue_code = f.issue_code
    ) as n
    left join before.kpi_cell as b
        on
            b.issue_group = n.issue_group
            and b.county_code is not distinct from n.county_code
            and b.unit_name is not distinct from n.unit_name
    order by cell_id
"""
"""The same cells where some are numbered already: these keep their numbers, new ones come after the last."""
PERIOD_TABLE = """
    create table marts.kpi_period (
        period_kind varchar, period_start_on date, kpi_id varchar, variant varchar, cell_id integer,
        numerator bigint, denominator bigint, n_excluded bigint, n_unknown bigint
    )
"""
DAYS_TABLE = """
    create table marts.kpi_days (
        cohort_on date, kpi_id varchar, variant varchar, cell_id integer, n_days bigint, n_events bigint
    )
"""


class Facts(NamedTuple):
    """The closed vocabulary of the rules: the columns of mart item_fact by what they can be used for."""

    flags: tuple[str, ...]
    numbers: tuple[str, ...]
    cohorts: tuple[str, ...]
    labels: dict[str, str]

    def named(self, word: str) -> str:
        """A fact by its name or its Chinese label; the word itself where there is none."""
        return next((name for name in (*self.flags, *self.numbers) if word in (name, self.labels[name])), word)


Spans = dict[str, list[date]]
"""For `week` and `month` the first days of those that are counted anew."""
Rule = str | tuple
"""A fact's name, ("!", rule), ("&", rule, rule) or ("|", rule, rule)."""


class RuleError(ValueError):
    """What is wrong with a rule, and what was expected."""

    def __init__(self, found: str, expected: str):
        super().__init__(found)
        self.found, self.expected = found, expected


def facts(connection: duckdb.DuckDBPyConnection) -> Facts:
    """The vocabulary as the mart item_fact has it, with the labels of sql/fields.csv."""
    kinds = dict(
        connection.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_catalog = 'marts' and table_name = 'item_fact' order by ordinal_position"
        ).fetchall()
    )
    with (SQL / "fields.csv").open(encoding="utf-8", newline="") as lines:
        labels = {row["name"]: row["label"] for row in csv.DictReader(lines)}
    named = {kind: tuple(name for name, own in kinds.items() if own == kind) for kind in set(kinds.values())}
    return Facts(
        flags=named["BOOLEAN"],
        numbers=(*named["INTEGER"], *named["BIGINT"]),
        cohorts=tuple(name.removesuffix("_on") for name in named["DATE"]),
        labels={name: labels[name].removeprefix("是否") for name in kinds},
    )


def parse(text: str, known: Facts) -> Rule:
    """A rule as a tree of facts. Raises RuleError.

    >>> known = Facts(("is_first", "is_repeat"), (), (), {"is_first": "初次信访", "is_repeat": "是否重复"})
    >>> parse("is_first & !(is_repeat | 初次信访)", known)
    ('&', 'is_first', ('!', ('|', 'is_repeat', 'is_first')))
    """
    tokens = re.findall(r"[&|!()]|[^\s&|!()]+", text)

    def alternatives() -> Rule:
        return joined("|", lambda: joined("&", factor))

    def joined(sign: str, part: Callable[[], Rule]) -> Rule:
        rule = part()
        while tokens[:1] == [sign]:
            tokens.pop(0)
            rule = (sign, rule, part())
        return rule

    def factor() -> Rule:
        token = tokens.pop(0) if tokens else "（到此为止）"
        if token == "!":
            return ("!", factor())
        if token == "(":
            rule = alternatives()
            if tokens[:1] != [")"]:
                raise RuleError(text, "每个左括号都有右括号")
            tokens.pop(0)
            return rule
        if token == ALL:
            return ALL
        if known.named(token) not in known.flags:
            names = "、".join(f"{name}（{known.labels[name]}）" for name in known.flags)
            raise RuleError(token, f"事实名，用 &（且）、|（或）、!（非）和括号连接；可用：{names}")
        return known.named(token)

    rule = alternatives()
    if tokens:
        raise RuleError(tokens[0], "事实名之间用 &（且）或 |（或）连接，括号成对")
    return rule


def to_sql(rule: Rule) -> str:
    """The rule as a condition over item_fact: true, false, or null where a fact it turns on is not known."""
    match rule:
        case ("!", part):
            return f"(not {to_sql(part)})"
        case (sign, left, right):
            return f"({to_sql(left)} {'and' if sign == '&' else 'or'} {to_sql(right)})"
    return "true" if rule == ALL else str(rule)


def to_text(rule: Rule, labels: dict[str, str], within: str = "") -> str:
    """The rule as a reader says it.

    >>> to_text(("&", "a", ("!", ("|", "b", "c"))), {"a": "初次信访", "b": "已办结", "c": "退回过"})
    '初次信访且非（已办结或退回过）'
    """
    match rule:
        case ("!", part):
            return f"非{to_text(part, labels, '!')}"
        case (sign, left, right):
            told = ("且" if sign == "&" else "或").join(to_text(part, labels, sign) for part in (left, right))
            return told if within in ("", sign) else f"（{told}）"
    return "归入本期的全部件" if rule == ALL else labels[str(rule)]


def read_registry(folder: Path, as_of: date, known: Facts) -> pl.DataFrame:
    """The indicators in force on `as_of`, one row an indicator and 口径, with the columns of mart `kpi` but known_sources.

    Order: the built-in ones as in the seed, the office's own after them, 口径 of one indicator together. Raises SourceError
    naming file, row and column of the first fault.
    """
    seed = [{**row, "is_local": False} for row in _checked(read_table(SEEDS / FILE), known)]
    own_path = folder / FILE
    own = _checked(read_table(own_path), known) if own_path.exists() else []
    own = [{**row, "is_local": True} for row in own if row["valid_from"] is None or row["valid_from"] <= as_of]
    rows = {(row["kpi_id"], row["variant"]): row for row in (*seed, *own)}
    together: dict[str, list[dict]] = {}
    for row in rows.values():
        if row.pop("is_active"):
            together.setdefault(row["kpi_id"], []).append(row)
    for variants in together.values():
        default = max(variants, key=lambda row: (row["is_default"], row["is_default"] and row["is_local"]))
        for row in variants:
            row["is_default"] = row is default
    ordered = [row for variants in together.values() for row in variants]
    return pl.DataFrame(
        [{"kpi_order": order, **row} for order, row in enumerate(ordered, start=1)], schema=REGISTRY, orient="row"
    )


def _checked(raw: pl.DataFrame, known: Facts) -> list[dict]:
    """The rows of one file, typed and with their rules in words."""
    raw = raw.select(pl.all().str.strip_chars().replace("", None))
    for names, found, expected in (
        ([name for name in REQUIRED if name not in raw.columns], "缺少列", "、".join(REQUIRED)),
        ([name for name in raw.columns if name not in COLUMNS], "不认识的列", "、".join(COLUMNS)),
    ):
        if names:
            raise _fault("第 1 行", f"{found} {'、'.join(names)}", f"表头取自 {expected}")
    rows: list[dict] = []
    seen: dict[tuple, int] = {}
    defaults: dict[str, int] = {}
    for number, given in enumerate(raw.iter_rows(named=True), start=2):
        row = {**OPTIONAL, **{name: cell for name, cell in given.items() if cell is not None}}
        typed = _typed(number, {name: row.get(name) for name in COLUMNS}, known)
        key = (typed["kpi_id"], typed["variant"])
        if key in seen:
            raise _cell_fault(number, "variant", key[1], f"一个指标的每种口径只写一行（与第 {seen[key]} 行重复）")
        seen[key] = number
        if typed["is_default"]:
            if key[0] in defaults:
                raise _cell_fault(
                    number, "is_default", "是", f"一个指标只有一种默认口径（第 {defaults[key[0]]} 行已是）"
                )
            defaults[key[0]] = number
        rows.append(typed)
    return rows


def _typed(number: int, row: dict[str, str | None], known: Facts) -> dict:
    """One row of the file as one of mart `kpi`; raises SourceError."""
    for name in REQUIRED:
        if row[name] is None:
            raise _cell_fault(number, name, None, "必须填写")
    for name, words in {**CHOICES, "cohort": known.cohorts}.items():
        if row[name] not in words:
            raise _cell_fault(number, name, row[name], f"{'、'.join(words)} 之一")
    is_count = row["unit"] == "count"
    if is_count != (row["denominator"] is None):
        expected = "留空：计数没有分母" if is_count else "必须填写：比率、比值和天数都要有分母"
        raise _cell_fault(number, "denominator", row["denominator"], expected)
    share = "0 到 1 之间的数，如 0.95 或 95%" if row["unit"] == "share" else "一个数"
    values = {name: _number(row[name]) for name in NUMBERS}
    for name, value in values.items():
        if row[name] is not None and (value is None or (row["unit"] == "share" and not 0 <= value <= 1)):
            raise _cell_fault(number, name, row[name], share)
    if (row["band_green"] is None) != (row["band_red"] is None):
        raise _cell_fault(number, "band_red", row["band_red"], "与 band_green 同时填写或同时留空")
    green, red = values["band_green"], values["band_red"]
    if green is not None and red is not None and (green < red if row["better"] == "up" else green > red):
        raise _cell_fault(number, "band_red", row["band_red"], f"不优于 band_green（{row['band_green']}）")
    least = row["min_denominator"] or ""
    if not (least.isascii() and least.isdigit() and 0 < int(least) < 10**9):
        raise _cell_fault(number, "min_denominator", least, "1 以上的整数（件）")
    valid_from = None
    if row["valid_from"] is not None:
        try:
            valid_from = date.fromisoformat(row["valid_from"])
        except ValueError as error:
            raise _cell_fault(number, "valid_from", row["valid_from"], "2026-01-31 这样的日期") from error
    texts = {name: _in_words(number, name, row, known) for name in RULES}
    return {
        "kpi_id": row["kpi_id"],
        "variant": row["variant"],
        "kpi_name": row["name"],
        "variant_name": row["variant_name"],
        "kpi_unit": row["unit"],
        "cohort": row["cohort"],
        "kpi_source": row["source"],
        "kpi_filter": row["filter"],
        "excluded": row["excluded"],
        "numerator_rule": row["numerator"],
        "denominator_rule": row["denominator"],
        **{f"{name}_text": text for name, text in texts.items()},
        **values,
        "better": row["better"],
        "min_denominator": int(least),
        "basis": row["basis"],
        "kpi_version": row["version"],
        "valid_from": valid_from,
        "is_default": row["is_default"] == "是",
        "is_active": row["is_active"] == "是",
        "note": row["note"],
    }


def _in_words(number: int, name: str, row: dict[str, str | None], known: Facts) -> str | None:
    """The rule in column `name` in words, after checking it."""
    text = row[name]
    if text is None:
        return None
    if name == "numerator" and known.named(text) in known.numbers:
        if row["unit"] == "share":
            raise _cell_fault(number, name, text, "一条规则：比率的分子是分母中的一部分件数")
        return f"{known.labels[known.named(text)]}之和"
    if name == "numerator" and row["unit"] == "days":
        days = "、".join(f"{fact}（{known.labels[fact]}）" for fact in known.numbers)
        raise _cell_fault(number, name, text, f"天数指标的分子是一个数：{days}")
    try:
        return to_text(parse(text, known), known.labels)
    except RuleError as error:
        raise _cell_fault(number, name, error.found, error.expected) from error


def _number(text: str | None) -> float | None:
    """0.95 or 95% as a number, None where it is none."""
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)(%?)", text or "")
    return None if found is None else float(found[1]) / (100 if found[2] else 1)


def _cell_fault(number: int, column: str, found: str | None, expected: str) -> SourceError:
    return _fault(f"第 {number} 行 {column} 列", f"“{found[:40]}”" if found else "空白", expected)


def _fault(where: str, found: str, expected: str) -> SourceError:
    return SourceError(FILE, where=where, found=found, expected=expected, next_step="请改正后重新运行 yanpan build。")


def write(
    connection: duckdb.DuckDBPyConnection, folder: Path, as_of: date, change: refresh.Change | None = None
) -> None:
    """Marts kpi, kpi_cell, kpi_period and kpi_days; needs the marts item_fact and issue.

    With a `change` of the items the tables hold what they said before, and the weeks and months it touches are counted
    anew. Raises SourceError for a bad kpi.csv of the office.
    """
    known = facts(connection)
    registry = read_registry(folder, as_of, known)
    if change and not _is_as_before(connection, registry):
        change = None
    connection.execute("begin")  # one for all: the many small inserts would each wait for the disk
    if change:
        _note_dates(connection)
    else:
        for table in ("kpi_cell", "kpi_period", "kpi_days"):
            connection.execute(f"drop table if exists marts.{table}")
        connection.execute(PERIOD_TABLE)
        connection.execute(DAYS_TABLE)
    connection.execute(NUMBERED_CELLS if change else CELL_TABLE)
    told: dict[int, list[str]] = {}
    for (cohort,), rows in registry.group_by("cohort", maintain_order=True):
        spans = change and {
            unit: change.starts(connection, [f"{cohort}_on"], unit, of="touched_fact") for unit in PERIODS
        }
        found = _mark(connection, f"{cohort}_on", rows.to_dicts(), known, spans)
        if spans:
            found, is_told_as_before = _still_told(connection, f"{cohort}_on", rows.to_dicts(), known, found)
            if not is_told_as_before:  # an indicator that nothing gave so far: all weeks are counted for the first time
                spans = None
                found = _mark(connection, f"{cohort}_on", rows.to_dicts(), known, spans)
            _forget(connection, rows, spans)
        if given := [row for row in rows.to_dicts() if found[row["kpi_order"]]]:
            _count(connection, given, known, spans)
        told |= found
    sources = pl.Series("known_sources", ["、".join(told[order]) or None for order in registry["kpi_order"]], pl.String)
    connection.register("incoming_frame", registry.with_columns(sources).to_arrow())
    connection.execute("create or replace table marts.kpi as select * from incoming_frame order by kpi_order")
    connection.unregister("incoming_frame")
    connection.execute("commit")


def _is_as_before(connection: duckdb.DuckDBPyConnection, registry: pl.DataFrame) -> bool:
    return connection.sql("select * exclude (known_sources) from before.kpi order by kpi_order").pl().equals(registry)


def _note_dates(connection: duckdb.DuckDBPyConnection) -> None:
    """Temp touched_fact: the dates that the changed items had in the version before, and those they have now."""
    dates = "select columns('_on$') from {}.main.item_fact where event_key in (select event_key from changed_item)"
    connection.execute(
        f"create or replace temp table touched_fact as {dates.format('before')} union all {dates.format('marts')}"
    )


def _forget(connection: duckdb.DuckDBPyConnection, rows: pl.DataFrame, spans: Spans | None) -> None:
    """The counts of these indicators in the weeks and months that are counted anew, or all of them."""
    named = f"(kpi_id, variant) in ({', '.join(f'({_named(row)})' for row in rows.to_dicts())})"
    whole = {unit: refresh.within("period_start_on", starts, unit) for unit, starts in (spans or {}).items()}
    for unit in PERIODS:
        connection.execute(
            f"delete from marts.kpi_period where period_kind = '{unit}' and {named} and {whole.get(unit, 'true')}"
        )
    days = refresh.within("cohort_on", spans["week"]) if spans else "true"
    connection.execute(f"delete from marts.kpi_days where {named} and {days}")


def _still_told(
    connection: duckdb.DuckDBPyConnection, cohort_on: str, rows: list[dict], known: Facts, found: dict[int, list[str]]
) -> tuple[dict[int, list[str]], bool]:
    """`found` in some weeks, and of the others whoever gave an indicator before and still does; and whether the same
    indicators are given as before."""
    before = dict(connection.execute("select kpi_order, known_sources from before.kpi").fetchall())
    every = {}
    for row in rows:
        at = row["kpi_order"]
        perhaps = [source for source in (before[at] or "").split("、") if source and source not in found[at]]
        still = [
            source
            for source in perhaps
            if connection.execute(
                f"select 1 from item_fact where source = $1 and {cohort_on} is not null and {_standing(row, known)} in (1, 2) limit 1",
                [source],
            ).fetchall()
        ]
        every[at] = sorted([*found[at], *still])
    return every, all(bool(before[at]) == bool(sources) for at, sources in every.items())


def _mark(
    connection: duckdb.DuckDBPyConnection, cohort_on: str, rows: list[dict], known: Facts, spans: Spans | None
) -> dict[int, list[str]]:
    """Temp kpi_item: the items with this cohort date, how each stands to each indicator (s1 …), measures (m1 …); with
    `spans` those of these weeks and months alone.

    Returns kpi_order → the sources that can give the indicator.
    """
    columns = [f"{_standing(row, known)}::tinyint as s{row['kpi_order']}" for row in rows]
    columns += [f"{known.named(row['numerator_rule'])} as m{row['kpi_order']}" for row in rows if _is_sum(row, known)]
    connection.execute(
        f"create or replace temp table kpi_item as select {cohort_on} as cohort_on, f.source, c.cell_id,"
        f" {', '.join(columns)} from item_fact as f inner join issue as i on i.issue_code = f.issue_code"
        " inner join kpi_cell as c on c.issue_group = i.group_code and c.unit_name is not distinct from f.unit_name"
        f" and c.county_code is not distinct from f.county_code where {cohort_on} is not null{_only_source(rows)}"
        + (f" and ({_within_any(cohort_on, spans)})" if spans else "")
    )
    given = ", ".join(f"bool_or(s{row['kpi_order']} in (1, 2))" for row in rows)
    sources = connection.execute(f"select source, {given} from kpi_item group by source order by source").fetchall()
    return {row["kpi_order"]: [source for source, *has in sources if has[at]] for at, row in enumerate(rows)}


def _within_any(column: str, spans: Spans) -> str:
    return " or ".join(refresh.within(column, starts, unit) for unit, starts in spans.items())


def _count(connection: duckdb.DuckDBPyConnection, rows: list[dict], known: Facts, spans: Spans | None) -> None:
    """The rows of kpi_period and kpi_days for the indicators of temp kpi_item, in one pass over it a period; with `spans`
    those of these weeks and months alone."""
    whole = {unit: refresh.within("cohort_on", starts, unit) for unit, starts in (spans or {}).items()}
    counts = []
    for row in rows:
        at = row["kpi_order"]
        numerator = (
            f"sum(m{at}) filter (where s{at} = 1)" if _is_sum(row, known) else f"count(*) filter (where s{at} = 2)"
        )
        counts += [
            f"coalesce({numerator}, 0)::bigint as numerator{at}",
            f"count(*) filter (where s{at} in (1, 2)) as denominator{at}",
            f"count(*) filter (where s{at} = 3) as n_excluded{at}",
            f"count(*) filter (where s{at} = 4) as n_unknown{at}",
        ]
    for period in PERIODS:
        connection.execute(
            "create or replace temp table kpi_wide as"
            f" select date_trunc('{period}', cohort_on)::date as start_on, cell_id, {', '.join(counts)}"
            f" from kpi_item where {whole.get(period, 'true')} group by start_on, cell_id order by start_on, cell_id"
        )
        for row in rows:
            at = row["kpi_order"]
            denominator = "null" if row["kpi_unit"] == "count" else f"denominator{at}"
            connection.execute(
                f"insert into marts.kpi_period select '{period}', start_on, {_named(row)}, cell_id,"
                f" numerator{at}, {denominator}, n_excluded{at}, n_unknown{at} from kpi_wide"
                f" where denominator{at} + n_excluded{at} + n_unknown{at} > 0"
            )
    for row in rows:
        if row["kpi_unit"] == "days":
            at = row["kpi_order"]
            connection.execute(
                f"insert into marts.kpi_days select cohort_on, {_named(row)}, cell_id, m{at}, count(*)"
                f" from kpi_item where s{at} = 1 and {whole.get('week', 'true')}"
                f" group by cohort_on, cell_id, m{at} order by cohort_on, cell_id, m{at}"
            )


def _is_sum(row: dict, known: Facts) -> bool:
    return known.named(row["numerator_rule"]) in known.numbers


def _only_source(rows: list[dict]) -> str:
    sources = {row["kpi_source"] for row in rows}
    return "" if "all" in sources else f" and source in ({', '.join(map(_text, sorted(sources)))})"


def _standing(row: dict, known: Facts) -> str:
    """How an item stands to an indicator, as SQL: 0 not meant, 1 denominator only, 2 numerator too, 3 剔除, 4 未写明."""
    meant = [to_sql(parse(row[name], known)) for name in ("kpi_filter", "denominator_rule") if row[name]]
    if row["kpi_source"] != "all":
        meant.insert(0, f"source = {_text(row['kpi_source'])}")
    scope = " and ".join(meant) or "true"
    is_sum = _is_sum(row, known)
    numerator = known.named(row["numerator_rule"]) if is_sum else to_sql(parse(row["numerator_rule"], known))
    excluded = f" when {to_sql(parse(row['excluded'], known))} then 3" if row["excluded"] else ""
    among = "1" if is_sum else f"case when {numerator} then 2 else 1 end"
    return f"case when not ({scope}) then 0{excluded} when ({scope}) is null or {numerator} is null then 4 else {among} end"


def _named(row: dict) -> str:
    return f"{_text(row['kpi_id'])}, {_text(row['variant'])}"


def _text(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"
