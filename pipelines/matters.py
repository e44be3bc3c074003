"""Matters inside a build: what is read of the events, what is kept from build to build. → matter, matter_week, event_matter

Which item belongs to which matter is kept in HOME/cache/matters.parquet, week by week, each under a key made of the
contents of that week and of all before it (and of the program that judged them). A build takes over the weeks whose
keys are still the same and judges those from the first other one on: a new week is one week's work, a late item that
of the weeks since, and a kill, a batch taken back or a replay can leave no wrong answer behind, only a slower one.
Matters of the last two years or so are looked for; the first week is moved twice a year only, so that the keys hold.
The file is replaced as a whole. It holds what a full run would say, and is no part of the published version.

Titles are weighed against the matters of earlier half-years, as they were by then: they stay as they are from week to week
and are taken over from the version before (`basis.title`) where neither those nor the matter's first items have changed.
Texts are read of items that a title is made of, so many matters at a time, and of no others.
"""

import hashlib
import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl

from pipelines.config import SEEDS, SQL, Home
from pipelines.surveillance import matters

READ_ITEMS = 500_000  # judged at a time, in whole weeks, to bound the memory: besides them the window before is read
READ_TITLES = 20_000  # matters that are given a title at a time
LEAST_CORPUS = 1_000  # matters of earlier half-years; with fewer all matters tell what is common
YEARS = 2  # of matters at least: those that can be warned of, and the year before from which one knows how large matters are

_KEPT = {
    "week_start_on": pl.Date, "week_key": pl.String, "event_key": pl.String, "matter_id": pl.String, "into_id": pl.String,
}  # fmt: skip  # one row an item or merge, and one with neither a week
_TITLES = {"title_key": pl.UInt64, "title": pl.String, "is_name": pl.Boolean}


def find(
    connection: duckdb.DuckDBPyConnection,
    complete: pl.DataFrame,
    home: Home,
    *,
    is_kept: bool = True,
    is_followed: bool = False,
) -> dict[str, pl.DataFrame]:
    """The marts, from the marts event, place and issue. `complete`: see `weeks.complete_weeks`; a replay is not kept.
    `is_followed`: catalog `before` is the version before."""
    place_names = [
        name for (name,) in connection.execute(
            "select distinct place_name from place where not is_provisional and length(place_name) > 1 order by 1"
        ).fetchall()
    ]  # fmt: skip
    keys = _week_keys(connection, place_names, _first_week(max(complete["week_start_on"], default=None)))
    file = home.path / "cache" / "matters.parquet"
    known = _still_true(file, keys)
    done = known.filter(pl.col("event_key").is_not_null()).select(list(matters.ASSIGNED))
    merged = known.filter(pl.col("into_id").is_not_null()).select(list(matters.MERGED))
    judged = set(known["week_start_on"])
    new = [week for week in keys["week_start_on"] if week not in judged]
    for weeks in _portions(new, dict(keys.select("week_start_on", "n_events").iter_rows())):
        since = max(weeks[0] - timedelta(weeks=matters.WINDOW_WEEKS), keys["week_start_on"][0])
        items = _items(connection, since, weeks[-1])
        assigned, more = matters.assign(
            items, done.filter(pl.col("week_start_on") >= since), merged, place_names=place_names
        )
        done, merged = pl.concat([done, assigned]), pl.concat([merged, more])
    if is_kept and new:
        _keep(file, keys, done, merged)
    half = _half(max(complete["week_start_on"], default=date.min))
    early = matters.resolve(*(part.filter(pl.col("week_start_on") < half) for part in (done, merged)))
    return _marts(
        connection, matters.resolve(done, merged), early, complete["week_start_on"].to_list(), place_names, is_followed
    )


def _portions(weeks: list[date], n_events: dict[date, int]) -> Iterator[list[date]]:
    """Runs of weeks with READ_ITEMS items or one week."""
    portion: list[date] = []
    n_items = 0
    for week in weeks:
        if portion and n_items + n_events[week] > READ_ITEMS:
            yield portion
            portion, n_items = [], 0
        portion.append(week)
        n_items += n_events[week]
    if portion:
        yield portion


def _first_week(last: date | None) -> date:
    """The Monday on or before the 1 January or 1 July that lies YEARS years or a little more before `last`.

    >>> _first_week(date(2026, 11, 9)), _first_week(date(2026, 12, 28)), _first_week(date(2027, 1, 4))
    (datetime.date(2024, 7, 1), datetime.date(2024, 7, 1), datetime.date(2024, 12, 30))
    """
    return date.min if last is None else _half(last.replace(year=last.year - YEARS, day=1))


def _half(day: date) -> date:
    """The Monday on or before the 1 January or 1 July before `day`."""
    half = date(day.year, 7 if day.month >= 7 else 1, 1)
    return half - timedelta(days=half.weekday()) if day > date.min else day


def _week_keys(connection: duckdb.DuckDBPyConnection, place_names: list[str], first: date) -> pl.DataFrame:
    """week_start_on, n_events, week_key: a hash of what the items of all weeks from `first` up to this one say."""
    text = (SQL / "views" / "matter_weeks.sql").read_text(encoding="utf-8")
    contents = connection.sql(text, params={"first": first}).pl()
    program = Path(matters.__file__).read_bytes()
    chain = hashlib.sha256(program + "\n".join([duckdb.__version__, *place_names]).encode()).hexdigest()
    week_keys = []
    for week in contents.iter_rows():
        chain = hashlib.sha256(f"{chain} {week}".encode()).hexdigest()
        week_keys.append(chain)
    return contents.select("week_start_on", "n_events").with_columns(pl.Series("week_key", week_keys, dtype=pl.String))


def _items(connection: duckdb.DuckDBPyConnection, first: date, last: date) -> Iterator[pl.DataFrame]:
    text = (SQL / "views" / "matter_items.sql").read_text(encoding="utf-8")
    said = connection.sql(text, params={"first": first, "last": last + timedelta(days=6)})
    for batch in said.to_arrow_reader(matters.BLOCK_ITEMS):
        yield pl.DataFrame(pl.from_arrow(batch))


def _still_true(file: Path, keys: pl.DataFrame) -> pl.DataFrame:
    """What is kept of the weeks whose keys have not changed; nothing where there is no file or a torn one."""
    try:
        kept = pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError):
        return pl.DataFrame(schema=_KEPT)
    if kept.schema != pl.Schema(_KEPT):
        return pl.DataFrame(schema=_KEPT)
    return kept.join(keys, on=["week_start_on", "week_key"], how="semi", maintain_order="left")


def _keep(file: Path, keys: pl.DataFrame, done: pl.DataFrame, merged: pl.DataFrame) -> None:
    rows = pl.concat([keys.select("week_start_on"), done, merged], how="diagonal").join(
        keys.drop("n_events"), on="week_start_on", how="left", maintain_order="left"
    )
    file.parent.mkdir(exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")
    rows.select(pl.col(name).cast(kind) for name, kind in _KEPT.items()).write_parquet(part)
    part.replace(file)


def _title() -> pl.Expr:
    """Object and problem; the issue in place of a problem, and of both where there is neither."""
    issue = pl.col("issue_name").str.replace(r"\(.*\)$", "")
    name_and_issue = pl.concat_str("title", issue, separator=" ", ignore_nulls=True)
    return pl.when("is_name").then(name_and_issue).otherwise(pl.coalesce("title", issue)).alias("title")


def _problem_words() -> dict[str, list[str]]:
    """The words by which people name each issue."""
    seed = pl.read_csv(SEEDS / "issue.csv", infer_schema=False).select("issue_code", "trigger_words")
    return {code: (words or "").split() for code, words in seed.iter_rows()}


def _marts(
    connection: duckdb.DuckDBPyConnection,
    assigned: pl.DataFrame,
    early: pl.DataFrame,
    complete: list[date],
    place_names: list[str],
    is_followed: bool,
) -> dict[str, pl.DataFrame]:
    shown = assigned.filter(pl.len().over("matter_id") >= matters.MIN_EVENTS).select("event_key", "matter_id")
    members = _of(connection, shown, "matter_members")
    first = matters.first_items(members).select("matter_id", "event_key")
    large = early.filter(pl.len().over("matter_id") >= matters.MIN_EVENTS).select("event_key", "matter_id")
    if large["matter_id"].n_unique() >= LEAST_CORPUS:
        said_early = members.select("event_key", "registered_on").join(large, on="event_key")
        common = matters.first_items(said_early).select("matter_id", "event_key")
    else:
        common = first
    titles, grams = _titles(connection, first, common, place_names, is_followed)
    [(city_code,)] = connection.execute("select min(place_code) from place where place_level = 'city'").fetchall()
    issues = connection.sql("select issue_code, group_code, issue_name from issue").pl()
    found = (
        matters.describe(members)
        .join(titles, on="matter_id", how="left", maintain_order="left")
        .join(issues, on="issue_code", how="left", maintain_order="left")
        .with_columns(pl.col("place_code").fill_null(city_code), _title())
    )
    return {
        "matter": found.select(
            "matter_id", "title", "place_level", "place_code", "issue_code", "group_code", "first_on", "last_on",
            "n_events", "n_sources",
        ),
        "matter_week": matters.by_week(assigned, complete),
        "event_matter": shown.sort("matter_id", "event_key"),
        "basis.title": titles.drop("matter_id"),
        "basis.title_gram": grams,
    }  # fmt: skip


def _of(connection: duckdb.DuckDBPyConnection, items: pl.DataFrame, view: str) -> pl.DataFrame:
    """What sql/views/`view` says of these items (matter_id, event_key)."""
    connection.register("matter_item", items.to_arrow())
    said = connection.sql((SQL / "views" / f"{view}.sql").read_text(encoding="utf-8")).pl()
    connection.unregister("matter_item")
    return said


def _titles(
    connection: duckdb.DuckDBPyConnection,
    first: pl.DataFrame,
    common: pl.DataFrame,
    place_names: list[str],
    is_followed: bool,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """matters.TITLES and title_key; corpus_key, gram, n_matters of the corpus (the empty gram is in all its matters).

    `first`, `common`: matter_id and event_key of the first items of the matters, and of those that tell what is common.
    """
    marks = _of(connection, first, "matter_marks")
    marks_of_common = marks if common is first else _of(connection, common, "matter_marks")
    digest = hashlib.blake2b(marks_of_common["mark"].sort().to_numpy().tobytes(), digest_size=8).digest()
    corpus_key = int.from_bytes(digest)
    keyed = marks.select("matter_id", pl.struct("mark", pl.lit(corpus_key)).hash().alias("title_key"))
    before = connection.sql("from before.basis.title").pl() if is_followed else pl.DataFrame(schema=_TITLES)
    known = keyed.join(before.unique("title_key", keep="first"), on="title_key")
    stale = first.join(keyed.join(known, on="matter_id", how="anti"), on="matter_id", how="semi", maintain_order="left")
    grams = _grams(connection, corpus_key, common, place_names, is_followed)
    corpus_grams = dict(grams.select("gram", "n_matters").iter_rows())
    corpus = matters.Corpus(corpus_grams.pop("", 0), corpus_grams)
    words = _problem_words()
    named = [matters.titles(part, place_names, words, corpus=corpus) for part in _said(connection, stale)]
    new = pl.concat([pl.DataFrame(schema=matters.TITLES), *named]).join(keyed, on="matter_id")
    return pl.concat([known, new], how="diagonal").select("matter_id", *_TITLES), grams


def _grams(
    connection: duckdb.DuckDBPyConnection, key: int, common: pl.DataFrame, place_names: list[str], is_followed: bool
) -> pl.DataFrame:
    if is_followed:
        known = connection.sql("from before.basis.title_gram where corpus_key = $key", params={"key": key}).pl()
        if len(known):
            return known
    corpus = matters.corpus_of(_said(connection, common), place_names)
    grams = {"": corpus.n, **corpus.grams}
    return pl.DataFrame(
        {"gram": list(grams), "n_matters": list(grams.values())}, schema={"gram": pl.String, "n_matters": pl.Int64}
    ).with_columns(pl.lit(key, pl.UInt64).alias("corpus_key"))


def _said(connection: duckdb.DuckDBPyConnection, first: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """What these items say, READ_TITLES matters at a time."""
    matter_ids = first["matter_id"].unique(maintain_order=True)
    for at in range(0, len(matter_ids), READ_TITLES):
        part = first.filter(pl.col("matter_id").is_in(matter_ids[at : at + READ_TITLES].implode()))
        yield _of(connection, part, "matter_texts")
