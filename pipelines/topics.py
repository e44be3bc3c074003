"""Of which issues does each topic page (专题) consist, and which words do suggestions use?

Topics are data: sql/seeds/topic.csv and, over it, HOME/reference/topic.csv of the office (a row with a known topic_id
replaces that topic, others are added; is_active 否 takes one away). `issues`: issue codes and codes of groups, separated by
blanks. An item belongs to a topic by its issue; where `words` are given only if its redacted title or text contains one of
them, where `purpose` is given only if its purpose contains that. A topic is about issues, never about who raises them.

Marts: topic, topic_issue (which sql/marts/topic_week.sql counts by), suggestion_word.
"""

import re
from pathlib import Path

import duckdb
import polars as pl

from pipelines import reference
from pipelines.config import SEEDS
from pipelines.errors import SourceError

FILE = "topic.csv"
REQUIRED = ("topic_id", "topic_name", "issues")
DEFAULTS = {"words": None, "purpose": None, "topic_order": "99", "is_active": "是", "note": None}
MAX_ORDER = 999
SUGGESTIONS = """
    select cast(date_trunc('week', registered_on) as date) as week_start_on, county_code,
        concat_ws(' ', title, text) as said
    from event
    where purpose like '%建议%' and not is_counted_only
"""


def read(folder: Path, issues: pl.DataFrame) -> pl.DataFrame:
    """The topics in force, in their order: the columns of topic.csv, `codes` (list of issue codes) and is_local.

    issues: issue_code, group_code of every issue there is. SourceError names row and column of what is wrong.
    """
    topics = _checked(reference.read_table(SEEDS / FILE), issues, is_local=False)
    if (folder / FILE).exists():
        own = _checked(reference.read_table(folder / FILE), issues, is_local=True)
        topics = pl.concat([own, topics.join(own, on="topic_id", how="anti", maintain_order="left")])
    return topics.filter(pl.col("is_active") == "是").sort("topic_order", "topic_id")


def _checked(raw: pl.DataFrame, issues: pl.DataFrame, *, is_local: bool) -> pl.DataFrame:
    raw = raw.select(pl.all().str.strip_chars().replace("", None))
    wanted = (*REQUIRED, *DEFAULTS)
    missing, unknown = [name for name in REQUIRED if name not in raw.columns], set(raw.columns) - set(wanted)
    if missing or unknown:
        found = f"{'缺少列' if missing else '不认识的列'} {'、'.join(missing or sorted(unknown))}"
        raise _fault("第 1 行", found, f"表头取自 {'、'.join(wanted)}")
    raw = raw.with_columns(pl.lit(None, pl.String).alias(name) for name in DEFAULTS if name not in raw.columns)
    raw = raw.with_columns(pl.col(name).fill_null(value) for name, value in DEFAULTS.items() if value)
    by_group = dict(issues.group_by("group_code").agg("issue_code").iter_rows())
    codes: list[list[str]] = []
    for number, row in enumerate(raw.iter_rows(named=True), start=2):
        for name in REQUIRED:
            if row[name] is None:
                raise _fault(f"第 {number} 行 {name} 列", "空白", "必须填写")
        if row["is_active"] not in ("是", "否"):
            raise _fault(f"第 {number} 行 is_active 列", f"“{row['is_active'][:20]}”", "是 或 否")
        if not (row["topic_order"].isdecimal() and int(row["topic_order"]) <= MAX_ORDER):
            raise _fault(f"第 {number} 行 topic_order 列", f"“{row['topic_order'][:20]}”", f"0 到 {MAX_ORDER} 的整数")
        inside_of: list[str] = []
        for code in row["issues"].split():
            inside = by_group.get(code) or [one for one in issues["issue_code"] if one == code]
            if not inside:
                expected = "事项代码（如 0101）或大类代码（如 02），用空格隔开，见 sql/seeds/issue.csv"
                raise _fault(f"第 {number} 行 issues 列", f"“{code[:20]}”", expected)
            inside_of += inside
        codes.append(sorted(set(inside_of)))
    twice = raw.filter(pl.col("topic_id").is_duplicated())["topic_id"].to_list()
    if twice:
        raise _fault("topic_id 列", f"“{twice[0][:20]}”不止一行", "每个专题一行")
    return raw.select(
        *wanted[:5],
        pl.col("topic_order").cast(pl.Int32),
        *wanted[6:],
        pl.Series("codes", codes, dtype=pl.List(pl.String)),
        pl.lit(is_local).alias("is_local"),
    )


def _fault(where: str, found: str, expected: str) -> SourceError:
    return SourceError(FILE, where=where, found=found, expected=expected, next_step="请改正后重新运行 yanpan build。")


def prepare(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Marts topic and topic_issue; needs issue_seed and provisional_issue."""
    issues = connection.sql(
        "select issue_code, group_code from issue_seed union select issue_code, group_code from provisional_issue"
    ).pl()
    topics = read(folder, issues).rename({"words": "topic_words", "purpose": "topic_purpose", "note": "topic_note"})
    pattern = [None if words is None else "|".join(map(re.escape, words.split())) for words in topics["topic_words"]]
    parts = topics.select(
        "topic_id", "codes", pl.Series("word_pattern", pattern, dtype=pl.String), "topic_purpose"
    ).explode("codes", empty_as_null=True, keep_nulls=True)  # fmt: skip
    _write(connection, "topic", topics.drop("issues", "is_active", "codes"))
    _write(connection, "topic_issue", parts.rename({"codes": "issue_code"}))


def write_words(connection: duckdb.DuckDBPyConnection) -> None:
    """Mart suggestion_word: how many suggestions of each week and county use each trigger word of the taxonomy?

    The taxonomy's words name issues; names of persons are none of them.
    """
    triggers = connection.sql(
        "select trigger_words from issue_seed where trigger_words is not null and issue_name <> '意见建议'"
    ).pl()
    words = sorted({word for line in triggers["trigger_words"] for word in line.split() if len(word) > 1})
    said = connection.sql(SUGGESTIONS).pl().with_row_index("item")
    found = (
        said.with_columns(pl.col("said").str.extract_many(words, overlapping=True).list.unique().alias("word"))
        .explode("word", empty_as_null=True, keep_nulls=True)
        .drop_nulls("word")
        .group_by("week_start_on", "county_code", "word")
        .agg(pl.len().cast(pl.Int64).alias("n_events"))
        .sort("week_start_on", "county_code", "word")
    )
    _write(connection, "suggestion_word", found)


def _write(connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> None:
    connection.register("incoming_frame", frame.to_arrow())
    connection.execute(f"create table marts.{table} as select * from incoming_frame")
    connection.unregister("incoming_frame")
