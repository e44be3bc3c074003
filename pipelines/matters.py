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
READ_MEMBERS = 1_000_000  # items of matters that are described at a time
READ_TITLES = 20_000  # matters that are given a title at a time
LEAST_CORPUS = 1_000  # matters of earlier half-years; with fewer all matters tell what is common
YEARS = 2  # of matters at least: those that can be warned of, and the year before from which one knows how large matters are

_KEPT = {
    "week_start_on": "DATE", "week_key": "VARCHAR", "event_key": "VARCHAR", "matter_id": "VARCHAR", "into_id": "VARCHAR",
}  # fmt: skip  # one row an item or merge, and one with neither a week
_TITLES = {"title_key": pl.UInt64, "title": pl.String, "is_name": pl.Boolean}
_GRAMS = {"corpus_key": pl.UInt64, "gram": pl.String, "n_matters": pl.Int64}
_MATTER = {
    "matter_id": pl.String, "title": pl.String, "place_level": pl.String, "place_code": pl.String, "issue_code": pl.String,
    "group_code": pl.String, "first_on": pl.Date, "last_on": pl.Date, "n_events": pl.Int64, "n_sources": pl.Int64,
}  # fmt: skip
_EVENT_KEY = "lower(printf('%016x', event_id))"

Tables = dict[str, pl.DataFrame | duckdb.DuckDBPyRelation]


def find(
    connection: duckdb.DuckDBPyConnection,
    complete: pl.DataFrame,
    home: Home,
    *,
    is_kept: bool = True,
    is_followed: bool = False,
) -> Tables:
    """The marts, from the marts event, place and issue; those of an item or a week a row as queries still to be run.
    `complete`: see `weeks.complete_weeks`; a replay is not kept. `is_followed`: catalog `before` is the version before, and
    temp table changed_item has the items that differ from it."""
    place_names = [
        name for (name,) in connection.execute(
            "select distinct place_name from place where not is_provisional and length(place_name) > 1 order by 1"
        ).fetchall()
    ]  # fmt: skip
    keys = _week_keys(connection, place_names, _first_week(max(complete["week_start_on"], default=None)))
    file = home.path / "cache" / "matters.parquet"
    judged, merged = _take_over(connection, file, keys)
    new = [week for week in keys["week_start_on"] if week not in judged]
    for weeks in _portions(new, dict(keys.select("week_start_on", "n_events").iter_rows())):
        since = max(weeks[0] - timedelta(weeks=matters.WINDOW_WEEKS), keys["week_start_on"][0])
        known = connection.sql(
            f"select {_EVENT_KEY} as event_key, week_start_on, matter_id from assigned_item where week_start_on >= $since",
            params={"since": since},
        ).pl()
        assigned, more = matters.assign(_items(connection, since, weeks[-1]), known, merged, place_names=place_names)
        _add(connection, assigned)
        merged = pl.concat([merged, more])
    if is_kept and new:
        _keep(connection, file, keys, merged)
    half = _half(max(complete["week_start_on"], default=date.min))
    _resolve(connection, merged, half)
    return {
        **_described(connection, keys, half, place_names, is_followed),
        "matter_week": by_week(connection, complete["week_start_on"].to_list()),
        "event_matter": connection.sql(
            f"select {_EVENT_KEY} as event_key, matter_id from resolved_item semi join matter_size using (matter_id)"
            " order by matter_id, event_key"
        ),
    }


def forget(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop what `find` left for its queries."""
    for table in (
        "resolved_item",
        "matter_size",
        "early_size",
        "stale_size",
        "matter_part",
        "matter_growth",
        "matter_rarity",
    ):
        connection.execute(f"drop table if exists {table}")


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


def _take_over(connection: duckdb.DuckDBPyConnection, file: Path, keys: pl.DataFrame) -> tuple[set[date], pl.DataFrame]:
    """Temp assigned_item (week_start_on, event_id, matter_id): what is kept of the weeks whose keys have not changed. Which
    weeks, and their matters.MERGED; nothing where there is no file or a torn one."""
    connection.execute(
        "create or replace temp table assigned_item (week_start_on date, event_id ubigint, matter_id varchar)"
    )
    connection.register("week_key", keys.to_arrow())
    kept = f"from read_parquet('{_quoted(file)}') as k semi join week_key using (week_start_on, week_key)"
    try:
        kinds = connection.execute(f"select column_name, column_type from (describe select k.* {kept})").fetchall()
        if dict(kinds) != _KEPT:
            return set(), pl.DataFrame(schema=matters.MERGED)
        connection.execute(
            f"insert into assigned_item select week_start_on, ('0x' || event_key)::ubigint, matter_id {kept}"
            " where event_key is not null"
        )
        judged = connection.execute(f"select distinct week_start_on {kept}").fetchall()
        merged = connection.sql(f"select week_start_on, matter_id, into_id {kept} where into_id is not null").pl()
    except duckdb.Error:
        connection.execute("truncate assigned_item")
        return set(), pl.DataFrame(schema=matters.MERGED)
    finally:
        connection.unregister("week_key")
    return {week for (week,) in judged}, merged


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _add(connection: duckdb.DuckDBPyConnection, assigned: pl.DataFrame) -> None:
    connection.register("assigned", assigned.to_arrow())
    connection.execute(
        "insert into assigned_item select week_start_on, ('0x' || event_key)::ubigint, matter_id from assigned"
    )
    connection.unregister("assigned")


def _keep(connection: duckdb.DuckDBPyConnection, file: Path, keys: pl.DataFrame, merged: pl.DataFrame) -> None:
    file.parent.mkdir(exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")
    connection.register("week_key", keys.to_arrow())
    connection.register("merged", merged.to_arrow())
    connection.execute(
        f"""
        copy (
            select week_start_on, week_key, event_key, matter_id, into_id
            from (
                select week_start_on, null as event_key, null as matter_id, null as into_id from week_key
                union all select week_start_on, {_EVENT_KEY}, matter_id, null from assigned_item
                union all select week_start_on, null, matter_id, into_id from merged
            ) inner join week_key using (week_start_on)
        ) to '{_quoted(part)}' (format parquet, compression zstd)
        """
    )
    for name in ("week_key", "merged"):
        connection.unregister(name)
    part.replace(file)


def _resolve(connection: duckdb.DuckDBPyConnection, merged: pl.DataFrame, half: date) -> None:
    """Temp resolved_item (week_start_on, event_id, matter_id, and early_id: its matter by the end of the last half-year) in
    place of assigned_item; matter_size (matter_id, n_events) of the matters that are shown, early_size of the early ones."""
    for name, weeks in (("heir", merged), ("early_heir", merged.filter(pl.col("week_start_on") < half))):
        into = matters.heirs(weeks)
        frame = pl.DataFrame(
            {"gone": list(into), "into_id": list(into.values())}, schema=dict.fromkeys(("gone", "into_id"), pl.String)
        )
        connection.register(name, frame.to_arrow())
    connection.execute(
        f"""
        create or replace temp table resolved_item as
        select
            a.week_start_on, a.event_id, coalesce(h.into_id, a.matter_id) as matter_id,
            case when a.week_start_on < date '{half}' then coalesce(e.into_id, a.matter_id) end as early_id
        from assigned_item as a
        left join heir as h on h.gone = a.matter_id
        left join early_heir as e on e.gone = a.matter_id
        """
    )
    connection.execute("drop table assigned_item")
    for name in ("heir", "early_heir"):
        connection.unregister(name)
    for table, column in (("matter_size", "matter_id"), ("early_size", "early_id")):
        connection.execute(
            f"create or replace temp table {table} as select {column} as matter_id, count(*)::bigint as n_events"
            f" from resolved_item where {column} is not null group by all having count(*) >= {matters.MIN_EVENTS}"
        )


def _title() -> pl.Expr:
    """Object and problem; the issue in place of a problem, and of both where there is neither."""
    issue = pl.col("issue_name").str.replace(r"\(.*\)$", "")
    name_and_issue = pl.concat_str("title", issue, separator=" ", ignore_nulls=True)
    return pl.when("is_name").then(name_and_issue).otherwise(pl.coalesce("title", issue)).alias("title")


def _problem_words() -> dict[str, list[str]]:
    """The words by which people name each issue."""
    seed = pl.read_csv(SEEDS / "issue.csv", infer_schema=False).select("issue_code", "trigger_words")
    return {code: (words or "").split() for code, words in seed.iter_rows()}


def _described(
    connection: duckdb.DuckDBPyConnection, keys: pl.DataFrame, half: date, place_names: list[str], is_followed: bool
) -> Tables:
    """The mart matter, and what its titles were made of. Matters of which no item came, left or changed are as they were."""
    [(n_early,)] = connection.execute("select count(*) from early_size").fetchall()
    corpus_of, weeks = ("matter_id", "matter_size"), keys
    if n_early >= LEAST_CORPUS:
        corpus_of, weeks = ("early_id", "early_size"), keys.filter(pl.col("week_start_on") < half)
    # The key of a week says what all items up to it say, and how they are judged.
    corpus_key = int(weeks["week_key"][-1][:16], 16) if len(weeks) else 0
    empty = {"matter": _MATTER, "basis.title": {"matter_id": pl.String, **_TITLES}, "basis.title_gram": _GRAMS}
    before = {name: pl.DataFrame(schema=schema) for name, schema in empty.items()}
    if is_followed:
        before = {name: connection.sql(f"from before.{name}").pl() for name in before}
    grams = before["basis.title_gram"].filter(pl.col("corpus_key") == corpus_key)
    is_same = len(grams) > 0
    if not is_same:
        grams = _grams(connection, corpus_key, _by_part(connection, *corpus_of), place_names)
    unchanged = (SQL / "views" / "matter_unchanged.sql").read_text(encoding="utf-8")
    if not is_same:
        unchanged = "select null::varchar as matter_id where false"
    connection.execute(f"create or replace temp table unchanged as {unchanged}")
    connection.execute(
        "create or replace temp table stale_size as from matter_size anti join unchanged using (matter_id)"
    )
    same = connection.sql("from unchanged").pl()
    found, titles = ([before[name].join(same, on="matter_id", how="semi")] for name in ("matter", "basis.title"))
    known = before["basis.title"].select(list(_TITLES))
    corpus_grams = dict(grams.select("gram", "n_matters").iter_rows())
    corpus = matters.Corpus(corpus_grams.pop("", 0), corpus_grams)
    [(city_code,)] = connection.execute("select min(place_code) from place where place_level = 'city'").fetchall()
    issues = connection.sql("select issue_code, group_code, issue_name from issue").pl()
    for items in _by_part(connection, "matter_id", "stale_size"):
        members = _of(connection, items, "matter_members")
        first = matters.first_items(members).select("matter_id", "event_key")
        titles.append(_titles(connection, first, corpus, corpus_key, known, place_names))
        found.append(
            matters.describe(members)
            .join(titles[-1], on="matter_id", how="left", maintain_order="left")
            .join(issues, on="issue_code", how="left", maintain_order="left")
            .with_columns(pl.col("place_code").fill_null(city_code), _title())
            .select(list(_MATTER))
        )
    return {
        "matter": pl.concat(found).sort("first_on", "matter_id"),
        "basis.title": pl.concat(titles),
        "basis.title_gram": grams,
    }


def _by_part(connection: duckdb.DuckDBPyConnection, column: str, sizes: str) -> Iterator[pl.DataFrame]:
    """matter_id, event_key of the matters in the table `sizes`, all of a matter together, READ_MEMBERS or so at a time."""
    connection.execute(
        "create or replace temp table matter_part as select matter_id,"
        f" (sum(n_events) over (order by matter_id) // {READ_MEMBERS})::integer as part from {sizes}"
    )
    for (part,) in connection.execute("select distinct part from matter_part order by 1").fetchall():
        yield connection.sql(
            f"select p.matter_id, {_EVENT_KEY} as event_key from resolved_item as i"
            f" inner join matter_part as p on p.matter_id = i.{column} where p.part = $part",
            params={"part": part},
        ).pl()


def by_week(connection: duckdb.DuckDBPyConnection, complete: list[date]) -> duckdb.DuckDBPyRelation:
    """How fast do matters grow, and how rare is that? One row a matter × week in which it was raised.

    From temp resolved_item; `complete`: the Mondays that history is made of. Only matters of matters.MIN_EVENTS items; no week
    after the last complete one. Adds to sql/views/matter_growth.sql upper_bound (the largest n_recent that is reached more
    than ALARM_PER_YEAR times a year), chance_per_year, p_value (that chance brings one such matter in a week), is_alarm.
    These are null, and is_alarm false, where the history is short. See `matters.rarity`.
    """
    growth = (SQL / "views" / "matter_growth.sql").read_text(encoding="utf-8")
    connection.execute(
        f"create or replace temp table matter_growth as {growth}",
        {
            "min_size": matters.MIN_SIZE, "recent_weeks": matters.RECENT_WEEKS, "window_weeks": matters.WINDOW_WEEKS,
        },
    )  # fmt: skip
    counted = connection.sql(
        f"select matter_id, week_start_on, n_recent from matter_growth where n_recent >= {matters.MIN_SIZE}"
    ).pl()
    connection.register("rarity", matters.rarity(counted, complete).to_arrow())
    connection.execute("create or replace temp table matter_rarity as from rarity")
    connection.unregister("rarity")
    return connection.sql(
        f"""
        select
            g.*, r.chance_per_year, r.upper_bound, 1 - exp(-r.chance_per_year / 52) as p_value,
            coalesce(g.n_recent >= {matters.MIN_EVENTS} and r.chance_per_year <= {matters.ALARM_PER_YEAR}, false) as is_alarm
        from (from matter_growth qualify max(n_so_far) over (partition by matter_id) >= {matters.MIN_EVENTS}) as g
        left join matter_rarity as r on r.week_start_on = g.week_start_on and r.n_recent = g.n_recent
        where g.week_start_on <= date '{max(complete, default=date.min)}'
        order by g.week_start_on, g.matter_id
        """
    )


def _of(connection: duckdb.DuckDBPyConnection, items: pl.DataFrame, view: str) -> pl.DataFrame:
    """What sql/views/`view` says of these items (matter_id, event_key)."""
    connection.register("matter_item", items.to_arrow())
    said = connection.sql((SQL / "views" / f"{view}.sql").read_text(encoding="utf-8")).pl()
    connection.unregister("matter_item")
    return said


def _titles(
    connection: duckdb.DuckDBPyConnection,
    first: pl.DataFrame,
    corpus: matters.Corpus,
    corpus_key: int,
    known: pl.DataFrame,
    place_names: list[str],
) -> pl.DataFrame:
    """matter_id and _TITLES. `first`: matter_id and event_key of the first items of the matters; `known`: titles of the version
    before, which hold where corpus and first items are the same."""
    marks = _of(connection, first, "matter_marks")
    keyed = marks.select("matter_id", pl.struct("mark", pl.lit(corpus_key, pl.UInt64)).hash().alias("title_key"))
    same = keyed.join(known.unique("title_key", keep="first"), on="title_key")
    stale = first.join(keyed.join(same, on="matter_id", how="anti"), on="matter_id", how="semi", maintain_order="left")
    words = _problem_words()
    named = [matters.titles(part, place_names, words, corpus=corpus) for part in _said(connection, stale)]
    new = pl.concat([pl.DataFrame(schema=matters.TITLES), *named]).join(keyed, on="matter_id")
    return pl.concat([same, new], how="diagonal").select("matter_id", *_TITLES)


def _grams(
    connection: duckdb.DuckDBPyConnection, key: int, parts: Iterator[pl.DataFrame], place_names: list[str]
) -> pl.DataFrame:
    """corpus_key, gram, n_matters of the corpus (the empty gram is in all its matters). `parts`: items of its matters."""
    said = (
        said
        for items in parts
        for said in _said(
            connection, matters.first_items(_of(connection, items, "matter_members")).select("matter_id", "event_key")
        )
    )
    corpus = matters.corpus_of(said, place_names)
    grams = {"": corpus.n, **corpus.grams}
    return pl.DataFrame({"corpus_key": key, "gram": list(grams), "n_matters": list(grams.values())}, schema=_GRAMS)


def _said(connection: duckdb.DuckDBPyConnection, first: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """What these items say, READ_TITLES matters at a time."""
    matter_ids = first["matter_id"].unique(maintain_order=True)
    for at in range(0, len(matter_ids), READ_TITLES):
        part = first.filter(pl.col("matter_id").is_in(matter_ids[at : at + READ_TITLES].implode()))
        yield _of(connection, part, "matter_texts")
