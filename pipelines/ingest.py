"""Which rows of these files are new, changed or unusable? Files → `core.*`, one batch and one transaction a file.

Every file is recognised before the first write, so a wrong file among good ones changes nothing. A file is then streamed
(read → normalise → redact) into a temporary table, compared with what is known, and committed together with its batch
row, its rejected rows and the history of what it changed: a killed run leaves the files it finished and nothing of the
one it was at, and the same command completes.
"""

import hashlib
import json
import os
import secrets
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import polars as pl

from pipelines import redact, warehouse
from pipelines.config import Home
from pipelines.errors import SourceError, UsageError, YanpanError
from pipelines.sources import SOURCES, reading
from pipelines.sources.events import EVENT_COLUMNS, REJECTED_COLUMNS
from pipelines.sources.recognise import Layout, Recognised, recognise

SUFFIXES = (".csv", ".tsv", ".xlsx", ".xls")
TRUTH_FILE, EXPECTED_PREFIX = "truth.csv", "expected_"  # the demo's answers, the samples' answers
REFERENCE_FOLDER = "reference"
# Of a file's rows, this share on one exact point, and at least this many, make it a default point.
DEFAULT_POINT_SHARE, DEFAULT_POINT_ROWS = 0.005, 30
WORKERS, AHEAD = 2, 3
HELPING_ROWS = 20_000
CO_ROW_OFFSET = 1 << 40  # a co-handler's row is only taken where there is no main row

FREE_TEXT = ("title", "text")
WORD_COLUMNS = (
    "channel",
    "purpose",
    "severity",
    "category_raw",
    "county_name",
    "town_name",
    "community_name",
    "grid_name",
    "unit_name",
    "unit_co_name",
    "unknown_status",
)


Raw = tuple[Recognised, pl.DataFrame, pl.DataFrame]  # whose block, rows as read, rows that were not even rows
Prepared = tuple[pl.DataFrame, pl.DataFrame, Counter[str]]  # events, rejected rows, redactions
Block = Prepared | YanpanError | None


class Staged(NamedTuple):
    """What reading a file found."""

    counts: dict[str, int]
    redactions: dict[str, int]
    notes: list[str]


class Stage(NamedTuple):
    """Of the rows staged: how many, for how many items, with how many points, registered when."""

    n_rows: int
    n_items: int
    n_points: int
    first: datetime | None
    last: datetime | None


def ingest(
    paths: list[Path],
    home: Home,
    *,
    source: str | None = None,
    layout: str | None = None,
    today: date | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[dict]:
    """Take files and folders in; one dict a file: the columns of core.batch, `status` and `notes`.

    `status` is loaded or already_loaded (the same bytes were taken in before; nothing changed). `layout` may also be
    the path of a JSON file holding a Layout and its source. `today` bounds the registration dates that can be true.
    """
    say = progress or (lambda text: None)
    layouts = _chosen_layouts(source, layout)
    plans = _recognised(find_files(paths), layouts, say)
    with warehouse.storage_errors("数据未导入"):
        key = secret_key(home)
    connection = warehouse.connect(home)
    try:
        with warehouse.storage_errors("数据未导入"):
            # Said aloud, so that a large file spills to disk beside the warehouse instead of filling the machine.
            connection.execute("set memory_limit = '2GB'").fetchall()
            # Every file is safe once committed to the log; folding the log into the database file can wait for more.
            connection.execute("set wal_autocheckpoint = '1GB'").fetchall()
            known = {id for (id,) in connection.execute("select batch_id from core.batch").fetchall()}
        fresh = {plan.batch_id: plan for plan in reversed(plans) if plan.batch_id not in known}
        with closing(_prepared([plan for plan in plans if fresh.get(plan.batch_id) is plan], key, today)) as blocks:
            batches = [
                _take_in(connection, plan, blocks, say)
                if fresh.get(plan.batch_id) is plan
                else _already_loaded(connection, plan, say)
                for plan in plans
            ]
    except BaseException:
        with suppress(duckdb.Error):  # the first error is the one to tell
            connection.close()
        raise
    connection.close()
    return batches


def _recognised(
    files: list[Path], layouts: dict[str, dict[str, Layout]], say: Callable[[str], None]
) -> list[Recognised]:
    """What each file is, in order; the first that is nothing known raises its error. A few are looked at at once."""
    with ThreadPoolExecutor(WORKERS) as pool:
        coming = [pool.submit(recognise_file, path, layouts) for path in files]
        try:
            plans = []
            for path, plan in zip(files, coming, strict=True):
                say(f"正在识别 {path.name}…")
                plans.append(plan.result())
            return plans
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def find_files(paths: list[Path]) -> list[Path]:
    """The files named, and those below the folders named, in sorted order and each once."""
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            below = [file for file in sorted(path.rglob("*")) if file.is_file() and _is_export(file.relative_to(path))]
            is_reference_only = any(path.rglob("place.csv"))
            if not below and not is_reference_only:
                archives = [file for file in path.rglob("*") if file.suffix.lower() in reading.ARCHIVE_SUFFIXES]
                raise SourceError(
                    str(path),
                    found="文件夹里只有压缩文件" if archives else "文件夹里没有可导入的文件",
                    expected="至少一个 .csv、.tsv、.xlsx 或 .xls 导出文件",
                    next_step=reading.UNPACK if archives else "请检查路径，或直接给出文件名。",
                )
            found += below
        elif path.is_file():
            found.append(path)
        else:
            raise SourceError(
                str(path), found="该路径不存在", expected="已有的文件或文件夹", next_step="请检查路径是否写错。"
            )
    return list(dict.fromkeys(file.resolve() for file in found))


def _is_export(file: Path) -> bool:
    return (
        file.suffix.lower() in SUFFIXES
        and file.name != TRUTH_FILE
        and not file.name.startswith(EXPECTED_PREFIX)
        and not file.name.startswith("~$")
        and not any(part.startswith(".") for part in file.parts)
        and REFERENCE_FOLDER not in file.parts[:-1]
    )


def _chosen_layouts(source: str | None, layout: str | None) -> dict[str, dict[str, Layout]]:
    """All known layouts, or those the caller's words leave."""
    known = {name: dict(one.layouts) for name, one in SOURCES.items()}
    if source is not None and source not in known:
        raise UsageError(f"没有来源“{source}”。可用：{'、'.join(known)}。")
    if layout is not None and layout.endswith(".json"):
        return _layout_file(Path(layout))
    chosen = {
        name: {key: one for key, one in by_name.items() if layout in (None, key, f"{name}/{key}")}
        for name, by_name in known.items()
        if source in (None, name)
    }
    chosen = {name: by_name for name, by_name in chosen.items() if by_name}
    if not chosen:
        names = "、".join(
            f"{name}/{key}（{one['title']}）" for name, by_name in known.items() for key, one in by_name.items()
        )
        raise UsageError(f"没有版式“{layout}”。可用：{names}，或一个 .json 版式文件。")
    return chosen


def _layout_file(path: Path) -> dict[str, dict[str, Layout]]:
    """A confirmed layout kept as a file: {"source", "title", "columns", "required", "identifying"}."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        layout = Layout(
            title=said.get("title", path.stem),
            columns=dict(said["columns"]),
            required=tuple(said["required"]),
            identifying=tuple(said.get("identifying", ())),
        )
        if "category_separators" in said:
            layout["category_separators"] = tuple(said["category_separators"])
        source = said["source"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"版式文件 {path.name} 无法使用（{type(error).__name__}）。应为含 source、columns、required 的 JSON。"
        ) from error
    if source not in SOURCES:
        raise UsageError(f"版式文件 {path.name} 的 source 为“{source}”，应为 {'、'.join(SOURCES)} 之一。")
    return {source: {path.stem: layout}}


def recognise_file(path: Path, layouts: dict[str, dict[str, Layout]] | None = None) -> Recognised:
    """What this file is, or a SourceError saying what is wrong with it."""
    return recognise(reading.inspect(path), layouts or _chosen_layouts(None, None))


def secret_key(home: Home) -> bytes:
    """The key of the event ids: 32 random bytes made once, readable by the owner alone."""
    if not home.secret_key.exists():
        fresh = home.secret_key.with_name(f".{home.secret_key.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(fresh, home.secret_key)  # never replaces a key that another process has just made
        fresh.unlink()
    return home.secret_key.read_bytes()


def event_ids(key: bytes, source: str, item_numbers: pl.Series) -> pl.Series:
    """HMAC-SHA-256 of source and item number, first 8 bytes, big-endian.

    The two padded keys are hashed once and copied for each number, which is what RFC 2104 computes at half the cost.
    """
    padded = key.ljust(64, b"\x00") if len(key) <= 64 else hashlib.sha256(key).digest().ljust(64, b"\x00")
    inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in padded)) for pad in (0x36, 0x5C))
    inner.update(source.encode() + b"\x1f")
    copy_inner, copy_outer = inner.copy, outer.copy
    digests = []
    for number in item_numbers.to_list():
        first, second = copy_inner(), copy_outer()
        first.update(number.encode())
        second.update(first.digest())
        digests.append(second.digest())
    return pl.Series("event_id", np.frombuffer(b"".join(digests), dtype=">u8")[::4].astype(np.uint64))


def _already_loaded(connection: duckdb.DuckDBPyConnection, plan: Recognised, say: Callable[[str], None]) -> dict:
    say(f"{plan.file_name} 此前已导入，未改动。")
    return {**_batch(connection, plan.batch_id), "status": "already_loaded", "notes": []}


def _take_in(
    connection: duckdb.DuckDBPyConnection, plan: Recognised, blocks: Iterator[Block], say: Callable[[str], None]
) -> dict:
    say(f"正在导入 {plan.file_name}，版式“{plan.layout['title']}”…")
    try:
        with warehouse.storage_errors(f"{plan.file_name} 未导入"):
            staged = _stage(connection, plan, _of_one_file(blocks))
            _refuse_useless(connection, plan, staged.counts)
            connection.execute("begin transaction").fetchall()
            stage = _look_at_stage(connection)
            if stage.n_points >= DEFAULT_POINT_ROWS:
                _drop_default_points(connection)
            merged = _merge(connection, plan.batch_id, stage)
            batch = _write_batch(connection, plan, staged.counts | merged, staged.redactions, stage)
            connection.execute("commit").fetchall()
    except BaseException:
        with suppress(duckdb.Error):  # on a full disk even this may fail; closing the file undoes the rest
            connection.execute("rollback").fetchall()
        raise
    say(
        f"{plan.file_name}：读入 {batch['n_read']:,}，入库 {batch['n_loaded']:,}（更新 {batch['n_updated']:,}），"
        f"拒收 {batch['n_rejected']:,}，重复 {batch['n_duplicate']:,}，范围外 {batch['n_out_of_scope']:,}"
    )
    return {**batch, "status": "loaded", "notes": staged.notes}


def _batch(connection: duckdb.DuckDBPyConnection, batch_id: str) -> dict:
    return _row(connection.execute("from core.batch where batch_id = $id", {"id": batch_id}))


def _row(result: duckdb.DuckDBPyConnection) -> dict:
    names = [column[0] for column in result.description or ()]
    return dict(zip(names, result.fetchall()[0], strict=True))


def _refuse_useless(connection: duckdb.DuckDBPyConnection, plan: Recognised, counts: dict[str, int]) -> None:
    """Not one usable row: something is wrong with the file, not with its rows. Says the commonest reason."""
    n_rejected, n_read = counts["n_rejected"], counts["n_read"]
    if n_read == 0:
        raise SourceError(
            plan.file_name,
            found=f"没有数据行（版式“{plan.layout['title']}”的表头齐全）",
            expected="至少一行数据",
            next_step="请核对导出时的筛选条件和时间范围后重新导出。",
        )
    if n_rejected == 0 or n_read > n_rejected + counts["n_out_of_scope"]:
        return
    n_same, row, column, found, hint = connection.execute(
        """
        select count(*), min(source_row), arg_min(column_name, source_row), arg_min(coalesce(found, ''), source_row),
            arg_min(hint, source_row)
        from stage_rejected group by rule order by count(*) desc, min(source_row) limit 1
        """
    ).fetchall()[0]
    example = f"，如这一行为“{found[:20]}”" if found else ""
    raise SourceError(
        plan.file_name,
        where=f"第 {row} 行" + (f"「{column}」列" if column else ""),
        found=f"全部 {n_rejected:,} 行数据都不能入库（最多的一种原因 {n_same:,} 行{example}）",
        expected="至少一行可以入库的数据",
        next_step=hint,
    )


def _stage(connection: duckdb.DuckDBPyConnection, plan: Recognised, blocks: Iterator[Prepared]) -> Staged:
    """The file's usable rows in temp table `stage` (already redacted), its unusable ones in `stage_rejected`."""
    connection.execute(
        "create or replace temp table stage as"
        " select 0::ubigint as event_id, * exclude (event_id), null::varchar as item_number, null::ubigint as point_key,"
        " false as is_co_row, 0::bigint as position from core.event limit 0"
    ).fetchall()
    connection.execute("create or replace temp table stage_rejected as from core.rejected_row limit 0").fetchall()
    n_staged = n_rejected = n_out_of_scope = 0
    last_row, last_wrong_row = 0, 0
    redactions: Counter[str] = Counter()
    unknown_words: Counter[str] = Counter()
    for events, rejected, found in blocks:
        redactions.update(found)
        is_out = rejected["rule"] == "out_of_scope"
        is_wrong = rejected["rule"] == "wrong_field_count"
        last_row = max(last_row, _last(events["source_row"]), _last(rejected["source_row"]))
        last_wrong_row = max(last_wrong_row, _last(rejected["source_row"].filter(is_wrong)))
        n_out_of_scope += int(is_out.sum())
        kept, n_events = rejected.filter(~is_out), len(events)
        if len(kept):
            n_rejected += len(kept)
            _append(connection, "stage_rejected", kept.with_columns(pl.lit(plan.batch_id).alias("batch_id")))
        if n_events:
            unknown_words.update(events["unknown_status"].drop_nulls().to_list())
            rows = events.drop("unknown_status").with_columns(
                pl.lit(plan.source).alias("source"),
                pl.lit(plan.batch_id).alias("batch_id"),
                pl.int_range(n_staged, n_staged + n_events, dtype=pl.Int64).alias("position"),
            )
            _append(connection, "stage", rows)
            n_staged += n_events
    notes = [
        f"不认识的状态“{word[:20]}”{n:,} 行，按办结时间归为已办结或办理中。" for word, n in unknown_words.most_common(5)
    ]
    if plan.tables[0].facts.is_open_ended and last_row and last_row == last_wrong_row:
        notes.append(f"最后一行（第 {last_row} 行）字段数不对且没有换行，文件可能被截断；请与原文件核对。")
    counts = {
        "n_read": n_staged + n_rejected + n_out_of_scope,
        "n_rejected": n_rejected,
        "n_out_of_scope": n_out_of_scope,
    }
    return Staged(counts, dict(redactions), notes)


def _last(rows: pl.Series) -> int:
    last = rows.max()
    return last if isinstance(last, int) else 0


def _of_one_file(blocks: Iterator[Block]) -> Iterator[Prepared]:
    """The blocks up to the mark that ends a file; an error met while reading it is raised in its turn."""
    for block in blocks:
        if block is None:
            return
        if isinstance(block, YanpanError):
            raise block
        yield block


def _prepared(plans: list[Recognised], key: bytes, today: date | None) -> Generator[Block, None, None]:
    """Blocks of (events with event_id, rejected rows, redactions) of all files in order, None after each file.

    A few helpings are worked on at once, so that both cores are busy; no more are held, so that memory does not grow
    with the file. Blocks of small files share a helping, because building the patterns costs more than a small block.
    One pool for all: compiled patterns live in its threads.
    """
    waiting: deque[tuple[Future[list[Prepared]] | None, list[Raw | SourceError | None]]] = deque()
    helping: list[Raw | SourceError | None] = []

    def ready() -> Iterator[Block]:
        work, entries = waiting.popleft()
        done = iter(work.result()) if work else iter(())
        for entry in entries:
            yield next(done) if isinstance(entry, tuple) else entry

    with ThreadPoolExecutor(WORKERS) as pool:

        def serve() -> None:
            raws = [entry for entry in helping if isinstance(entry, tuple)]
            waiting.append((pool.submit(_prepare, raws, key, today) if raws else None, helping.copy()))
            helping.clear()

        for plan in plans:
            try:
                for table in plan.tables:
                    for raw, wrong in reading.read(table, list(plan.wanted)):
                        helping.append((plan, raw, wrong))
                        if sum(len(entry[1]) for entry in helping if isinstance(entry, tuple)) >= HELPING_ROWS:
                            serve()
                        while len(waiting) > AHEAD:
                            yield from ready()
            except SourceError as error:
                helping.append(error)
            helping.append(None)
        serve()
        while waiting:
            yield from ready()


def _prepare(raws: list[Raw], key: bytes, today: date | None) -> list[Prepared]:
    """Some blocks: normalised, redacted, keyed."""
    normalised = [
        SOURCES[plan.source].normalise(raw.rename(plan.wanted), plan.layout, today=today) for plan, raw, _ in raws
    ]
    together, counts = redacted([events for events, _ in normalised])
    prepared, start = [], 0
    for (plan, _, wrong), (events, rejected), found in zip(raws, normalised, counts, strict=True):
        clean = together.slice(start, len(events))
        start += len(events)
        clean = clean.with_columns(event_ids(key, plan.source, clean["item_number"]))
        if rejected["found"].count():
            rejected = rejected.with_columns(redact.redact(rejected["found"], kinds=redact.NUMBER_KINDS)[0])
        prepared.append((clean, pl.concat([rejected, wrong.select(list(REJECTED_COLUMNS))]), found))
    return prepared


def redacted(blocks: list[pl.DataFrame]) -> tuple[pl.DataFrame, list[Counter[str]]]:
    """Events without personal data, all blocks in one frame, and what was replaced in each block.

    The free text goes by all rules, columns of names and words by the number rules; all in one call, because building
    the patterns costs more than a small column does.
    """
    events = pl.concat(blocks)
    text, _ = redact.redact(pl.concat([events[name] for name in FREE_TEXT]))
    n = len(events)
    columns = [text.slice(at * n, n).alias(name) for at, name in enumerate(FREE_TEXT)]
    words = pl.concat([events[name].unique() for name in WORD_COLUMNS]).unique().drop_nulls()
    plain, found = redact.redact(words, kinds=redact.NUMBER_KINDS)
    if found:
        columns += [events[name].replace(words, plain) for name in WORD_COLUMNS]
    clean = events.with_columns(columns)
    counts, start = [], 0
    for block in blocks:
        after = clean.slice(start, len(block))
        start += len(block)
        seen = [*FREE_TEXT, *(WORD_COLUMNS if found else ())]
        marks = [Counter(redact.marks(pl.concat([frame[name] for name in seen]))) for frame in (after, block)]
        counts.append(marks[0] - marks[1])
    return clean, counts


def _append(connection: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> None:
    connection.register("incoming", rows.to_arrow())
    connection.execute(f"insert into {table} by name from incoming").fetchall()
    connection.unregister("incoming")


def _drop_default_points(connection: duckdb.DuckDBPyConnection) -> None:
    """Null the position of rows on a point that stands for "not located": very many rows where others scatter."""
    connection.execute(
        """
        with point as (
            select point_key, count(*) as n from stage where point_key is not null group by point_key
        ),
        total as (select sum(n) as n, coalesce(sum(n) filter (where n <= 3), 0) as n_scattered from point),
        crowded as (
            select point_key, point.n from point cross join total where point.n > $share * total.n and point.n >= $rows
        ),
        others as (select total.n - (select coalesce(sum(n), 0) from crowded) as n, n_scattered from total)
        update stage set lon = null, lat = null
        where point_key in (select point_key from crowded)
          and (select n > 0 and 2 * n_scattered >= n from others)
        """,
        {"share": DEFAULT_POINT_SHARE, "rows": DEFAULT_POINT_ROWS},
    ).fetchall()


def _look_at_stage(connection: duckdb.DuckDBPyConnection) -> Stage:
    looked = connection.execute(
        "select count(*), count(distinct event_id), count(point_key), min(registered_at), max(registered_at) from stage"
    ).fetchall()[0]
    return Stage(*looked)


def _merge(connection: duckdb.DuckDBPyConnection, batch_id: str, stage: Stage) -> dict[str, int]:
    """`stage` into core.event: one row an item, unchanged items left alone, changed ones kept in the history."""
    n_repeated = stage.n_rows - stage.n_items
    if n_repeated:
        _keep_last_rows(connection)
    n_matched = _one(connection, "select count(*) from core.event where event_id in (select event_id from stage)")
    n_updated = _set_known_aside(connection, batch_id) if n_matched else 0
    n_loaded = stage.n_items - n_matched + n_updated
    columns = ", ".join(["event_id", "source", "batch_id", *EVENT_COLUMNS])
    connection.execute(f"insert into core.event ({columns}) select {columns} from stage").fetchall()
    connection.execute(
        "insert into core.item_lookup by name select event_id, batch_id, item_number from stage"
    ).fetchall()
    return {"n_loaded": n_loaded, "n_updated": n_updated, "n_duplicate": n_repeated + n_matched - n_updated}


def _set_known_aside(connection: duckdb.DuckDBPyConnection, batch_id: str) -> int:
    """Of items already known, the unchanged leave `stage`, the changed go from core to the history; how many changed."""
    differs = " or ".join(
        f"known.{name} is distinct from stage.{name}" for name in EVENT_COLUMNS if name != "source_row"
    )
    # First the narrow match, then the wide comparison within the months concerned.
    connection.execute(
        "create or replace temp table matched as"
        " select event_id, known.registered_at from core.event as known join stage using (event_id)"
    ).fetchall()
    first, last = connection.execute("select min(registered_at), max(registered_at) from matched").fetchall()[0]
    connection.execute(
        f"create or replace temp table changed as select known.* from core.event as known"
        f" join stage using (event_id) where known.registered_at between $first and $last and ({differs})",
        {"first": first, "last": last},
    ).fetchall()
    n_updated = _one(connection, "select count(*) from changed")
    connection.execute(
        "insert into core.event_history by name select *, $batch_id as superseded_by from changed",
        {"batch_id": batch_id},
    ).fetchall()
    connection.execute(
        "delete from stage where event_id in (select event_id from matched)"
        " and event_id not in (select event_id from changed)"
    ).fetchall()
    if n_updated:
        connection.execute(
            "delete from core.event where registered_at between $first and $last"
            " and event_id in (select event_id from changed)",
            {"first": first, "last": last},
        ).fetchall()
        connection.execute("delete from core.item_lookup where event_id in (select event_id from changed)").fetchall()
    return n_updated


def _keep_last_rows(connection: duckdb.DuckDBPyConnection) -> None:
    """One row a key: the last, but a main handler's before a co-handler's; co-handlers are named in the row kept."""
    connection.execute(
        """
        create or replace temp table winner as
        select event_id,
            max(position + case when is_co_row then 0 else $offset end) % $offset as position,
            string_agg(distinct unit_name, '、' order by unit_name) filter (where is_co_row) as co_names
        from stage
        where event_id in (select event_id from stage group by event_id having count(*) > 1)
        group by event_id
        """,
        {"offset": CO_ROW_OFFSET},
    ).fetchall()
    connection.execute(
        """
        update stage set unit_co_name = coalesce(stage.unit_co_name, co_names)
        from winner where winner.event_id = stage.event_id and co_names is not null and not is_co_row
        """
    ).fetchall()
    connection.execute(
        "delete from stage using winner where winner.event_id = stage.event_id and winner.position <> stage.position"
    ).fetchall()


def _write_batch(
    connection: duckdb.DuckDBPyConnection,
    plan: Recognised,
    counts: dict[str, int],
    redactions: dict[str, int],
    stage: Stage,
) -> dict:
    """Its ledger row, as written."""
    facts = plan.tables[0].facts
    if counts["n_rejected"]:
        connection.execute("insert into core.rejected_row by name from stage_rejected").fetchall()
    written = connection.execute(
        """
        insert into core.batch values (
            $batch_id, $source, $layout, $file_name, $file_bytes, $encoding, $n_read, $n_loaded, $n_updated,
            $n_rejected, $n_duplicate, $n_out_of_scope, $first, $last, $redactions, $dropped, localtimestamp
        ) returning *
        """,
        {
            "batch_id": plan.batch_id,
            "source": plan.source,
            "layout": plan.layout_name,
            "file_name": facts.path.name,
            "file_bytes": facts.n_bytes,
            "encoding": facts.encoding,
            **{name: counts[name] for name in ("n_read", "n_loaded", "n_updated", "n_rejected", "n_duplicate")},
            "n_out_of_scope": counts["n_out_of_scope"],
            "first": stage.first and stage.first.date(),
            "last": stage.last and stage.last.date(),
            "redactions": json.dumps(redactions, ensure_ascii=False, sort_keys=True),
            "dropped": json.dumps(plan.dropped, ensure_ascii=False),
        },
    )
    return _row(written)


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return connection.execute(query).fetchall()[0][0]
