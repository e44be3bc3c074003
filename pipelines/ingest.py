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
from collections.abc import Callable, Collection, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import date
from functools import partial
from pathlib import Path, PurePath
from typing import NamedTuple

import duckdb
import numpy as np
import polars as pl

from pipelines import layouts, positions, publish, redact, reference, registers, states, totals, warehouse
from pipelines.config import Home
from pipelines.errors import SourceError, UsageError, YanpanError
from pipelines.sources import REGISTERS, SOURCES, parsing, reading
from pipelines.sources.events import REJECTED_COLUMNS, control_totals
from pipelines.sources.recognise import Recognised, recognise

FOLDER_SUFFIXES = (*reading.EXPORT_SUFFIXES, ".zip")
TRUTH_FILE, EXPECTED_PREFIX = "truth.csv", "expected_"  # the demo's answers, the samples' answers
REFERENCE_FOLDER = "reference"
WORKERS, AHEAD = 2, 3
HELPING_ROWS = 20_000

FREE_TEXT = ("title", "text")
UNIT_COLUMNS = ("unit_name", "unit_co_name")
SAID_COLUMNS = (*UNIT_COLUMNS, "category_raw", "purpose", "channel", "unknown_status")  # a person may be named in them
PLACE_COLUMNS = ("county_name", "town_name", "community_name", "grid_name", "severity")  # places are named after people
WORD_COLUMNS = (*SAID_COLUMNS, *PLACE_COLUMNS)


Raw = tuple[Recognised, pl.DataFrame, pl.DataFrame]  # whose block, rows as read, rows that were not even rows
# events, rejected rows, redactions, what total rows state
Prepared = tuple[pl.DataFrame, pl.DataFrame, Counter[str], pl.DataFrame]
Block = Prepared | YanpanError | None


class Staged(NamedTuple):
    """What reading a file found."""

    counts: dict[str, int]
    redactions: dict[str, int]
    notes: list[str]
    crs: str | None
    crs_hits: str | None
    totals: list[dict]  # what the file's own 合计 rows state beside what was counted


# on the day it was known → what became of the rows, first and last day of registration
Absorb = Callable[[date], tuple[dict[str, int], tuple[date | None, date | None]]]


def ingest(
    paths: list[Path],
    home: Home,
    *,
    source: str | None = None,
    layout: str | None = None,
    today: date | None = None,
    known_on: date | None = None,
    besides: Collection[Path] = (),
    before_loading: Callable[[], None] = lambda: None,
    progress: Callable[[str], None] | None = None,
) -> list[dict]:
    """Take files and folders in; one dict a file: the columns of core.batch, `status` and `notes`.

    `status` is loaded or already_loaded (the same bytes were taken in before; nothing changed). `layout` may also be
    the path of a JSON file holding a Layout and its source. `today` bounds the registration dates that can be true.
    `known_on`: the day these files were exported, where that is not `today`; what they say of an item gives way to what
    later exports say. `besides`: files below `paths` that are no exports. `before_loading` is run once all files are
    recognised: to install the boundaries by which their coordinates are judged.
    """
    known_on = known_on or today or date.today()
    if today and known_on > today:
        raise UsageError(f"导出日期 {known_on} 在今天（{today}）之后。请改正 --known-on。")
    say = progress or (lambda text: None)
    known_layouts = layouts.chosen(home, source, layout)
    plans = _recognised(find_files(paths, besides), known_layouts, say)
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
        before_loading()
        ground = positions.atlas(home.reference) if any(map(positions.has_points, fresh.values())) else None
        # A file may be called after a person's number. All names at once: making the patterns costs more than a name.
        shown, _ = redact.redact(
            pl.Series([plan.file_name for plan in plans], dtype=pl.String), kinds=redact.NUMBER_KINDS
        )
        of_items = [plan for plan in plans if fresh.get(plan.batch_id) is plan and plan.source in SOURCES]
        with closing(_prepared(of_items, key, today)) as blocks:

            def stage(plan: Recognised) -> tuple[Staged, Absorb]:
                if plan.source in REGISTERS:
                    units = set(reference.read_units(home.reference)["unit_name"])
                    return _stage_register(connection, plan, key, today, units)
                survey = positions.survey(plan, ground)
                return _stage(connection, plan, survey, _of_one_file(blocks)), partial(_absorb_items, connection, plan)

            batches = [
                _take_in(connection, plan, file_name, known_on, stage, say)
                if fresh.get(plan.batch_id) is plan
                else _already_loaded(connection, plan, say)
                for plan, file_name in zip(plans, shown, strict=True)
            ]
    except BaseException:
        with suppress(duckdb.Error):  # the first error is the one to tell
            connection.close()
        raise
    first_known_on = _first_known_day(connection)
    connection.close()
    if any(batch["status"] == "loaded" for batch in batches):
        _forget_replays(home, known_on, first_known_on)
    return batches


def undo(home: Home, batch_id: str) -> dict:
    """Take one batch back as if it had never come in; the ledger row it had, with n_removed and n_restored items."""
    connection = warehouse.connect(home)
    try:
        with warehouse.storage_errors("批次没有撤回"):
            connection.execute("begin transaction").fetchall()
            of_registers = registers.undo(connection, batch_id)
            undone = states.undo(connection, batch_id)
            undone = {name: n + of_registers[name] for name, n in undone.items()}
            batch = _row(
                connection.execute(
                    "from core.undone_batch where batch_id = $id order by undone_at desc limit 1", {"id": batch_id}
                )
            )
            connection.execute("commit").fetchall()
        first = _first_known_day(connection)
    except BaseException:
        with suppress(duckdb.Error):
            connection.execute("rollback").fetchall()
            connection.close()
        raise
    connection.close()
    _forget_replays(home, batch["known_on"], first)
    return batch | undone


def ledger(home: Home) -> list[dict]:
    """The batches in force, the last loaded first."""
    with warehouse.connect(home, read_only=True) as connection:
        return connection.sql("from core.batch order by loaded_at desc, batch_id").pl().to_dicts()


def _first_known_day(connection: duckdb.DuckDBPyConnection) -> date | None:
    return connection.execute(f"select min(known_on) from core.batch where {registers.OF_ITEMS}").fetchall()[0][0]


def _forget_replays(home: Home, changed_on: date, first_known_on: date | None) -> None:
    """Replays of days from `changed_on` on are no longer true, nor are those of days before anything was known: they
    are reconstructed from all there is."""
    publish.forget_replays(home, from_day=changed_on)
    publish.forget_replays(home, before_day=first_known_on)


def _recognised(files: list[Path], known_layouts: layouts.Layouts, say: Callable[[str], None]) -> list[Recognised]:
    """What each file is, in order; the first that is nothing known raises its error. A few are looked at at once."""
    with ThreadPoolExecutor(WORKERS) as pool:
        found = [origin for path in files for origin in reading.origins(path, _is_export)]
        coming = [pool.submit(recognise_file, origin, known_layouts) for origin in found]
        try:
            plans = []
            for origin, plan in zip(found, coming, strict=True):
                say(f"正在识别 {origin.name}…")
                plans.append(plan.result())
            return plans
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def find_files(paths: list[Path], besides: Collection[Path] = ()) -> list[Path]:
    """The files named, and those below the folders named, in sorted order and each once; addresses as they are.

    Those of `besides` are left out."""
    found: list[Path] = []
    for path in map(Path, paths):
        if reading.is_address(path):
            found.append(path)
        elif path.is_dir():
            below = [
                file
                for file in sorted(path.rglob("*"))
                if file.is_file() and file not in besides and _is_export(file.relative_to(path.parent), FOLDER_SUFFIXES)
            ]
            is_reference_only = any(path.rglob("place.csv")) or any(path in file.parents for file in besides)
            if not below and not is_reference_only:
                archives = [file for file in path.rglob("*") if file.suffix.lower() in reading.ARCHIVE_SUFFIXES]
                raise SourceError(
                    str(path),
                    found="文件夹里只有压缩文件" if archives else "文件夹里没有可导入的文件",
                    expected="至少一个 .csv、.tsv、.xlsx、.xls 导出文件，或它们的 .zip、.csv.gz",
                    next_step=reading.UNPACK if archives else "请检查路径，或直接给出文件名。",
                )
            found += below
        elif path.is_file():
            found += [path] if path not in besides else []
        else:
            raise SourceError(
                str(path), found="该路径不存在", expected="已有的文件或文件夹", next_step="请检查路径是否写错。"
            )
    return list(dict.fromkeys(file if reading.is_address(file) else file.resolve() for file in found))


def _is_export(file: PurePath, suffixes: tuple[str, ...] = reading.EXPORT_SUFFIXES) -> bool:
    return (
        file.name.lower().endswith(suffixes)
        and file.name != TRUTH_FILE
        and not file.name.startswith(EXPECTED_PREFIX)
        and not file.name.startswith("~$")
        and not any(part.startswith(".") for part in file.parts)
        and REFERENCE_FOLDER not in file.parts[:-1]
    )


def recognise_file(source: Path | reading.Origin, known_layouts: layouts.Layouts | None = None) -> Recognised:
    """What this file is, or a SourceError saying what is wrong with it."""
    plan = recognise(reading.inspect(source), known_layouts or layouts.load_all(None))
    return plan._replace(tables=reading.fingerprinted(plan.tables, list(plan.wanted)))


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
    return _told(_batch(connection, plan.batch_id), "already_loaded")


def _take_in(
    connection: duckdb.DuckDBPyConnection,
    plan: Recognised,
    file_name: str,
    known_on: date,
    stage: Callable[[Recognised], tuple[Staged, Absorb]],
    say: Callable[[str], None],
) -> dict:
    say(f"正在导入 {plan.file_name}，版式“{plan.layout['title']}”…")
    try:
        with warehouse.storage_errors(f"{plan.file_name} 未导入"):
            staged, absorb = stage(plan)
            _refuse_useless(connection, plan, staged.counts)
            connection.execute("begin transaction").fetchall()
            absorbed, span = absorb(known_on)
            batch = _write_batch(connection, plan, file_name, known_on, staged, absorbed, span)
            connection.execute("commit").fetchall()
    except BaseException:
        with suppress(duckdb.Error):  # on a full disk even this may fail; closing the file undoes the rest
            connection.execute("rollback").fetchall()
        raise
    say(
        f"{plan.file_name}：读入 {batch['n_read']:,}，入库 {batch['n_loaded']:,}（更新 {batch['n_updated']:,}），"
        f"拒收 {batch['n_rejected']:,}，重复 {batch['n_duplicate']:,}，范围外 {batch['n_out_of_scope']:,}"
    )
    return _told(batch, "loaded")


def _told(batch: dict, status: str) -> dict:
    return {**batch, "status": status, "notes": json.loads(batch["notes"] or "[]")}


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


def _stage(
    connection: duckdb.DuckDBPyConnection, plan: Recognised, survey: positions.Survey, blocks: Iterator[Prepared]
) -> Staged:
    """The file's usable rows in temp table `stage` (already redacted), its unusable ones in `stage_rejected`."""
    connection.execute(
        "create or replace temp table stage as"
        " select 0::ubigint as event_id, * exclude (event_id), null::varchar as item_number,"
        " 0::bigint as position from core.event limit 0"
    ).fetchall()
    connection.execute("create or replace temp table stage_rejected as from core.rejected_row limit 0").fetchall()
    n_staged = n_rejected = n_out_of_scope = 0
    last_row, last_wrong_row = 0, 0
    redactions: Counter[str] = Counter()
    unknown_words: Counter[str] = Counter()
    stated = totals.Stated(plan.layout)
    for events, rejected, found, total_rows in survey.settle(blocks):
        redactions.update(found)
        stated.add(events, rejected, total_rows)
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
            unknown_words.update(parsing.masked_state(events["unknown_status"].drop_nulls()).to_list())
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
    return Staged(
        counts,
        dict(redactions),
        [*plan.tables[0].facts.notes, *notes, *survey.notes(), *stated.notes()],
        survey.crs,
        survey.hits,
        stated.found,
    )


def _absorb_items(
    connection: duckdb.DuckDBPyConnection, plan: Recognised, known_on: date
) -> tuple[dict[str, int], tuple[date | None, date | None]]:
    span = connection.execute("select min(registered_at)::date, max(registered_at)::date from stage").fetchall()[0]
    return states.absorb(connection, plan.batch_id, known_on), span


def _stage_register(
    connection: duckdb.DuckDBPyConnection, plan: Recognised, key: bytes, today: date | None, units: Collection[str]
) -> tuple[Staged, Absorb]:
    """The rows of a register's file, read at one go, and how they are kept; its unusable ones in `stage_rejected`."""
    register = REGISTERS[plan.source]
    blocks = [block for table in plan.tables for block in reading.read(table, list(plan.wanted))]
    raw = pl.concat([rows for rows, _ in blocks]).rename(plan.wanted)
    said, refused = register.normalise(raw, plan.layout, today=today)
    rows, redactions, notes = register.keyed(said, partial(_hashed, key), units)
    rejected = pl.concat([refused, *[wrong.select(list(REJECTED_COLUMNS)) for _, wrong in blocks]])
    is_out = rejected["rule"] == "out_of_scope"
    kept = rejected.filter(~is_out)
    connection.execute("create or replace temp table stage_rejected as from core.rejected_row limit 0").fetchall()
    if len(kept):
        found, _ = redact.redact(kept["found"], kinds=redact.NUMBER_KINDS)
        _append(connection, "stage_rejected", kept.with_columns(found, pl.lit(plan.batch_id).alias("batch_id")))
    counts = {
        "n_read": len(rows) + len(rejected),
        "n_rejected": len(kept),
        "n_out_of_scope": int(is_out.sum()),
    }
    staged = Staged(counts, dict(redactions), [*plan.tables[0].facts.notes, *notes], None, None, [])

    def absorb(known_on: date) -> tuple[dict[str, int], tuple[date | None, date | None]]:
        absorbed = dict.fromkeys(("n_older", "n_tied", "n_backward"), 0)
        absorbed |= registers.absorb(connection, rows, plan.source, plan.batch_id)
        opened = next(rows[name] for name, kind in rows.schema.items() if kind == pl.Date)
        return absorbed, (opened.min(), opened.max())  # type: ignore[return-value]

    return staged, absorb


def _hashed(key: bytes, source: str, numbers: pl.Series) -> pl.Series:
    """`event_ids` where there is a number, else null."""
    at = numbers.is_not_null().arg_true()
    ids = pl.Series(numbers.name, [None] * len(numbers), dtype=pl.UInt64)
    return ids.scatter(at, event_ids(key, source, numbers.gather(at))) if len(at) else ids


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
    raws = [(plan, raw.rename(plan.wanted), wrong) for plan, raw, wrong in raws]
    normalised = [SOURCES[plan.source].normalise(raw, plan.layout, today=today) for plan, raw, _ in raws]
    together, counts = redacted([events for events, _ in normalised])
    prepared, start = [], 0
    for (plan, raw, wrong), (events, rejected), found in zip(raws, normalised, counts, strict=True):
        clean = together.slice(start, len(events))
        start += len(events)
        clean = clean.with_columns(event_ids(key, plan.source, clean["item_number"]))
        if rejected["found"].count():
            rejected = rejected.with_columns(redact.redact(rejected["found"], kinds=redact.NUMBER_KINDS)[0])
        stated = control_totals(raw, plan.layout)
        prepared.append((clean, pl.concat([rejected, wrong.select(list(REJECTED_COLUMNS))]), found, stated))
    return prepared


def redacted(blocks: list[pl.DataFrame]) -> tuple[pl.DataFrame, list[Counter[str]]]:
    """Events without personal data, all blocks in one frame, and what was replaced in each block.

    The free text goes by all rules, columns of words by the number rules, and by those for names where a place cannot
    be mistaken for a person; few calls, because building the patterns costs more than a small column does.
    """
    events = pl.concat(blocks)
    text, _ = redact.redact(pl.concat([events[name] for name in FREE_TEXT]))
    n = len(events)
    columns = [text.slice(at * n, n).alias(name) for at, name in enumerate(FREE_TEXT)]
    found: dict[str, int] = {}
    for names, kinds in ((SAID_COLUMNS, redact.NUMBER_KINDS | {"name"}), (PLACE_COLUMNS, redact.NUMBER_KINDS)):
        words = pl.concat([events[name].unique() for name in names]).unique().drop_nulls()
        plain, of_these = redact.redact(words, kinds=kinds)
        found |= of_these
        for name in names:
            better = redact.unit_names(plain) if name in UNIT_COLUMNS else plain
            if not better.equals(words, null_equal=True):
                columns.append(events[name].replace_strict(words, better, default=None, return_dtype=pl.String))
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


def _write_batch(
    connection: duckdb.DuckDBPyConnection,
    plan: Recognised,
    file_name: str,
    known_on: date,
    staged: Staged,
    absorbed: dict[str, int],
    span: tuple[date | None, date | None],
) -> dict:
    """Its ledger row, as written."""
    facts = plan.tables[0].facts
    counts = staged.counts | absorbed
    if counts["n_rejected"]:
        connection.execute("insert into core.rejected_row by name from stage_rejected").fetchall()
    ledger = {
        "batch_id": plan.batch_id,
        "source": plan.source,
        "layout": plan.layout_name,
        "file_name": file_name,
        "file_bytes": facts.n_bytes,
        "encoding": facts.encoding,
        **{name: counts[name] for name in ("n_read", "n_loaded", "n_updated", "n_rejected", "n_duplicate")},
        "n_out_of_scope": counts["n_out_of_scope"],
        "first_registered_on": span[0],
        "last_registered_on": span[1],
        "redactions": json.dumps(staged.redactions, ensure_ascii=False, sort_keys=True),
        "dropped_columns": json.dumps(plan.dropped, ensure_ascii=False),
        "known_on": known_on,
        "crs": staged.crs,
        "crs_hits": staged.crs_hits,
        "control_totals": json.dumps(staged.totals, ensure_ascii=False) if staged.totals else None,
        "notes": json.dumps([*staged.notes, *_state_notes(absorbed)], ensure_ascii=False),
    }
    written = connection.execute(
        f"insert into core.batch ({', '.join(ledger)}, loaded_at)"
        f" values ({', '.join(f'${name}' for name in ledger)}, localtimestamp) returning *",
        ledger,
    )
    return _row(written)


def _state_notes(absorbed: dict[str, int]) -> list[str]:
    notes = []
    if absorbed["n_older"]:
        notes.append(f"{absorbed['n_older']:,} 件的状态早于已知状态，只记入历史。")
    if absorbed["n_tied"]:
        notes.append(
            f"{absorbed['n_tied']:,} 件与当天已导入的内容不同，办理时间和状态却相同，分不出先后，只能逐件按内容取一个；"
            "如果本文件是更正，请把两个批次都撤回，再只导入更正后的文件。"
        )
    if absorbed["n_backward"]:
        notes.append(
            f"{absorbed['n_backward']:,} 件的办理进度比已知的倒退；如果这是较早导出的文件，请撤回本批次，"
            "再用导出日期（--known-on）重新导入。"
        )
    return notes
