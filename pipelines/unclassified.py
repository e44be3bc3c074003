"""Which issue does an item belong to whose source gave no category? What the office's own history suggests.

`classify` asks the dispatch model in force about the items without a category that have a text and are not confidential,
and keeps each answer, an abstention too, in core.suggested_issue: core.event stays as reported. An answer is about one
text: an item is asked about again when its text changes, and after an abstention when another model is in force.
`view_as_known` tells the build, which asks no model, what was suggested.

YANPAN_CLASSIFY=0 turns both off.
"""

import os
from collections.abc import Callable
from datetime import datetime

import duckdb
import polars as pl

from pipelines import publish, warehouse
from pipelines.config import SQL, Home
from pipelines.dispatch import library, model, suggest
from pipelines.errors import UsageError
from pipelines.registers import OF_ITEMS

SETTING = "YANPAN_CLASSIFY"
BLOCK = 5_000  # texts judged at a time
ASKED = """
    select e.event_id, e.text_mark, e.said, e.purpose, l.issue_code, l.model_version
    from (
        select event_id, core.text_mark(title, text) as text_mark, concat_ws(chr(10), title, text) as said, purpose
        from core.event
        where coalesce(category_raw, '') = '' and text <> '' and not coalesce(is_confidential, false)
    ) as e
    left join (
        from core.suggested_issue
        qualify row_number() over (partition by event_id, text_mark order by suggested_at desc, model_version desc) = 1
    ) as l on l.event_id = e.event_id and l.text_mark = e.text_mark
    where $again or l.model_version is null or (l.issue_code is null and l.model_version <> $version)
"""
ANSWER = {"event_id": pl.UInt64, "text_mark": pl.UInt64, "issue_code": pl.String, "probability": pl.Float64}
KNOWN = {"issue_code": pl.String, "version": pl.Int32}


def is_wanted() -> bool:
    """UsageError where YANPAN_CLASSIFY is neither 1 nor 0."""
    said = os.environ.get(SETTING) or "1"
    if said not in ("0", "1"):
        raise UsageError(f"环境变量 {SETTING} 是“{said}”，应为 1（建议分类）或 0（不建议）。请改正或删去后重新运行。")
    return said == "1"


def classify(
    home: Home, *, now: datetime, again: bool = False, progress: Callable[[str], None] = lambda text: None
) -> dict[str, int] | None:
    """Ask about what has no answer yet (`again`: about all), in one transaction. None where no model is in force.

    Returns n_asked, n_suggested (of these, with a suggestion) and model_version. An answer that was known already is not
    written again, so that the days since the first still see it.
    """
    version = model.current(home) if is_wanted() else None
    if version is None or not home.warehouse.exists():
        return None
    given: suggest.Tools | None = None
    n_asked = n_suggested = n_new = 0
    with warehouse.storage_errors("建议分类没有存下"), warehouse.connect(home) as connection:
        connection.execute("set memory_limit = '2GB'").fetchall()
        connection.execute("begin transaction").fetchall()
        with connection.cursor() as reader:  # reads on while answers are written
            reader.execute(ASKED, {"again": again, "version": version})
            while rows := reader.fetchmany(BLOCK):
                if given is None:
                    progress("正在按本单位历史给没有分类的件建议分类…")
                    given = suggest.tools(home)
                ids, marks, texts, purposes, codes_known, versions_known = map(list, zip(*rows, strict=True))
                codes, chances = judge(given, texts, purposes)
                answers = pl.DataFrame(
                    {"event_id": ids, "text_mark": marks, "issue_code": codes, "probability": chances},
                    schema_overrides=ANSWER,
                )
                known = pl.DataFrame({"issue_code": codes_known, "version": versions_known}, schema=KNOWN)
                is_new = answers["issue_code"].ne_missing(known["issue_code"]) | known["version"].ne_missing(version)
                n_asked, n_suggested = n_asked + len(answers), n_suggested + answers["issue_code"].count()
                n_new += _write(connection, answers.filter(is_new), version, now)
        first = connection.execute(f"select min(known_on) from core.batch where {OF_ITEMS}").fetchall()[0][0]
        connection.execute("commit").fetchall()
    if n_new:
        publish.forget_replays(home, from_day=now.date(), before_day=first)
    return {"n_asked": n_asked, "n_suggested": n_suggested, "model_version": version}


def judge(
    given: suggest.Tools, texts: list[str], purposes: list[str | None]
) -> tuple[list[str | None], list[float | None]]:
    """Issue code (None: not sure) and probability (None: by the words alone) of each text.

    As in `suggest.suggest`, what the keyword library takes for an accusation or a court case is that, or not judged at
    all: the history taught knows no such issue.
    """
    codes, chances = suggest.classify(given, texts, purposes)
    answered: list[float | None] = [*chances]
    words = given.library
    is_hinted = pl.Series("said", texts, dtype=pl.String).str.contains_any(_private_words(words)).to_list()
    hinted = [row for row, one in enumerate(purposes) if is_hinted[row] or library.COURT_PURPOSE.search(one or "")]
    matches = library.match_all(words, [texts[row] for row in hinted], [purposes[row] for row in hinted])
    for row, found in zip(hinted, matches, strict=True):
        if found.ranked and words.issues[found.ranked[0][0]].is_counted_only:
            codes[row], answered[row] = (None if found.is_abstained else found.ranked[0][0]), None
    return codes, answered


def _private_words(words: library.Library) -> list[str]:
    """Of each word that can lead to an issue that is counted only, the longest part: one of them stands in such a text."""
    private = {code for code, issue in words.issues.items() if issue.is_counted_only}
    private |= {code for code, rules in words.exclusions.items() if any(to in private for _, to in rules)}
    return sorted(
        {
            max(words.parts[word], key=len)
            for word, entries in words.keywords.items()
            if any(one.issue_code in private for one in entries)
        }
    )


def _write(connection: duckdb.DuckDBPyConnection, answers: pl.DataFrame, version: int, now: datetime) -> int:
    connection.register("incoming", answers.to_arrow())
    connection.execute(
        "insert into core.suggested_issue by name"
        " select *, $version as model_version, $now as suggested_at from incoming",
        {"version": version, "now": now},
    ).fetchall()
    connection.unregister("incoming")
    return len(answers)


def view_as_known(connection: duckdb.DuckDBPyConnection, basis: str) -> None:
    """Temp `known_suggestion` (sql/views): the suggestions in force on the day; none where the office wants none.

    `basis`: of a day as it was known, only what was suggested by then counts. Needs known_event, issue_seed and
    build_parameter.
    """
    view = (SQL / "views" / "known_suggestion.sql").read_text(encoding="utf-8")
    connection.execute(
        f"create temp table known_suggestion as {view}", {"is_wanted": is_wanted(), "is_known": basis == "known"}
    )


def about(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """For `meta`: n_unclassified items without a category of the source's, n_suggested of these with a suggestion, suggested_by."""
    n_unclassified, n_suggested = connection.execute(
        "select count(*) filter (coalesce(category_raw, '') = ''), count(*) filter (issue_basis = 'suggested') from event"
    ).fetchall()[0]
    versions = connection.execute("select distinct model_version from known_suggestion order by 1").fetchall()
    return {
        "n_unclassified": str(n_unclassified),
        "n_suggested": str(n_suggested),
        "suggested_by": "、".join(str(version) for (version,) in versions),
    }
