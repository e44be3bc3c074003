"""Which of our issues does a source's own category mean?

Looked up in the cross-walk: the exact path first, then the longest leading part that ends at a `>`. A category the
cross-walk does not know is kept as a *provisional* issue under the source's own words, so nothing is lost and
nothing is guessed; the office adds one line to HOME/reference/crosswalk.csv and the next build uses it, for old
items too.
"""

import polars as pl

from pipelines.sources.events import CONFIDENTIAL_CATEGORY

UNCLASSIFIED = ("9999", "未分类", "99", "未分类")
RESOLVED_COLUMNS = {"source": pl.String, "category_raw": pl.String, "issue_code": pl.String}
ISSUE_COLUMNS = ("issue_code", "issue_name", "group_code", "group_name")


def resolve(reported: pl.DataFrame, crosswalk: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Issue codes for reported categories, and the provisional issues this made.

    `reported`: distinct (source, category_raw), category_raw may be null. `crosswalk`: source, category_raw,
    issue_code. Returns (resolved: RESOLVED_COLUMNS; provisional: ISSUE_COLUMNS).
    """
    known = {(source, path): code for source, path, code, *_ in crosswalk.iter_rows()}
    provisional: dict[str, tuple[str, str, str]] = {}

    def issue_of(source: str, path: str | None) -> str:
        if not path:
            return UNCLASSIFIED[0]
        parts = path.split(">")
        for n in range(len(parts), 0, -1):
            code = known.get((source, ">".join(parts[:n])))
            if code:
                return code
        code = f"{parts[0]}>{parts[-1]}"
        provisional[code] = (parts[-1], parts[0], parts[0])
        return code

    rows = [(source, path, issue_of(source, path)) for source, path in reported.iter_rows()]
    new_issues = [UNCLASSIFIED, *((code, *names) for code, names in sorted(provisional.items()))]
    return (
        pl.DataFrame(rows, schema=RESOLVED_COLUMNS, orient="row"),
        pl.DataFrame(new_issues, schema=dict.fromkeys(ISSUE_COLUMNS, pl.String), orient="row"),
    )


def counted_only(resolved: pl.DataFrame, issues: pl.DataFrame) -> pl.DataFrame:
    """RESOLVED_COLUMNS with is_counted_only: 检举控告 and 涉法涉诉, by the source's words or by our issue.

    `issues`: sql/seeds/issue.csv as text. Of such items no text, unit or list is shown (《信访工作条例》 art. 30, 31).
    """
    private = issues.filter(pl.col("is_counted_only") == "true")["issue_code"].implode()
    by_words = pl.col("category_raw").str.contains(CONFIDENTIAL_CATEGORY).fill_null(False)
    return resolved.with_columns((by_words | pl.col("issue_code").is_in(private)).alias("is_counted_only"))
