"""Which state of an item counts must not depend on how the files were cut or in which order they came."""

from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import build, publish, warehouse
from pipelines.config import Home
from pipelines.config import home as open_home
from pipelines.errors import UsageError
from pipelines.ingest import ingest, ledger, undo
from pipelines.sources.events import EVENT_COLUMNS

HEADER = "工单编号,受理时间,问题分类,被反映区,被反映街乡镇,工单状态,承办单位,工单性质,派单时间,办结时间,标题"
STATUS = {"已派单": "", "办理中": "", "已办结": "2024-01-{:02} 10:00:00"}
DAY = date(2024, 2, 1)
CONTENT = [name for name in EVENT_COLUMNS if name != "source_row"]


@st.composite
def rows(draw):
    """One row of an export: one of few items, in one of a few states, of the main handler or a co-handler."""
    status = draw(st.sampled_from(list(STATUS)))
    closed = STATUS[status].format(draw(st.integers(3, 4))) if STATUS[status] else ""
    return ",".join(
        [
            f"N{draw(st.integers(1, 5))}",
            "2024-01-02 09:00:00",
            "城乡建设>供热管理",
            "云溪区",
            draw(st.sampled_from(["和平街道", ""])),
            status,
            draw(st.sampled_from(["住建局", "城管局", "热力公司"])),
            draw(st.sampled_from(["主办", "主办", "协办"])),
            "",
            closed,
            draw(st.sampled_from(["不热", "很冷"])),
        ]
    )


def new_home(folder: str) -> Home:
    home = open_home(Path(folder))
    home.secret_key.write_bytes(b"k" * 32)
    return home


def write(home: Home, name: str, lines: list[str]) -> Path:
    path = home.path / f"{name}.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return path


def core(home: Home) -> dict[str, pl.DataFrame]:
    """What is in force, without which file said it."""
    with warehouse.connect(home, read_only=True) as connection:
        return {
            "event": connection.sql(f"select event_id, {', '.join(CONTENT)} from core.event order by event_id").pl(),
            "co_unit": connection.sql("select distinct event_id, unit_name from core.co_unit order by all").pl(),
            "item_lookup": connection.sql("from core.item_lookup order by all").pl(),
        }


def everything(home: Home) -> dict[str, list[tuple]]:
    """All tables row by row, without the moments of loading and what was said then."""
    with warehouse.connect(home, read_only=True) as connection:
        return {
            name: connection.execute(f"select {columns} from core.{name} order by all").fetchall()
            for name, columns in {
                "event": "*",
                "event_history": "*",
                "repeat": "*",
                "co_unit": "*",
                "item_lookup": "*",
                "rejected_row": "*",
                "batch": "* exclude (loaded_at, notes)",
            }.items()
        }


def same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> bool:
    return all(one[name].equals(other[name], null_equal=True) for name in one)


@settings(max_examples=15, deadline=None)
@given(lines=st.lists(rows(), min_size=2, max_size=14), cuts=st.data())
def test_any_split_and_order_give_the_same_core(lines, cuts):
    whole_and_parts = [list(dict.fromkeys(lines)), lines]
    shuffled = cuts.draw(st.permutations(whole_and_parts[1]))
    owner = [cuts.draw(st.integers(0, 2)) for _ in shuffled]
    parts = [[line for line, at in zip(shuffled, owner, strict=True) if at == part] for part in range(3)]
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        whole, split = new_home(one), new_home(other)
        ingest([write(whole, "whole", lines)], whole, today=DAY)
        for number, part in enumerate(parts):
            if part:
                ingest([write(split, f"part{number}", part)], split, today=DAY)
        assert same(core(whole), core(split))


@settings(max_examples=10, deadline=None)
@given(
    files=st.lists(st.tuples(st.lists(rows(), min_size=1, max_size=6), st.integers(0, 3)), min_size=2, max_size=4),
    choice=st.data(),
)
def test_undo_removes_exactly_that_batch(files, choice):
    gone = choice.draw(st.integers(0, len(files) - 1))
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        with_it, without = new_home(one), new_home(other)
        batch_id = ""
        for number, (lines, days) in enumerate(files):
            path = write(
                with_it,
                f"file{number}",
                [*lines, f"X{number},2024-01-02 09:00:00,环保,云溪区,,办理中,城管局,主办,,,各不同"],
            )
            batch = ingest([path], with_it, today=DAY, known_on=DAY - timedelta(days=days))[0]
            if number == gone:
                batch_id = batch["batch_id"]
            else:
                ingest([path], without, today=DAY, known_on=DAY - timedelta(days=days))
        undo(with_it, batch_id)
        assert everything(with_it) == everything(without)


def order(
    number: str, status: str = "办理中", at: str = "2024-01-02 09:00:00", closed: str = "", title: str = "不热"
) -> str:
    return f"{number},{at},城乡建设>供热管理,云溪区,和平街道,{status},住建局,主办,,{closed},{title}"


def state(home: Home, number: str) -> str:
    with warehouse.connect(home, read_only=True) as connection:
        query = "select status from core.event join core.item_lookup using (event_id) where item_number = ?"
        return connection.execute(query, [number]).fetchall()[0][0]


def test_a_later_export_counts_even_if_an_item_was_reopened(empty_home):
    closed = order("A", "已办结", closed="2024-01-05 09:00:00")
    ingest([write(empty_home, "a", [closed])], empty_home, today=date(2024, 1, 8))
    batch = ingest([write(empty_home, "b", [order("A", "重办")])], empty_home, today=date(2024, 1, 15))[0]
    assert state(empty_home, "A") == "in_progress"
    assert "倒退" in batch["notes"][0]


def test_an_older_export_loaded_late_changes_nothing_that_is_known_better(empty_home):
    closed = order("A", "已办结", closed="2024-01-05 09:00:00")
    ingest([write(empty_home, "new", [closed])], empty_home, today=date(2024, 1, 8))
    old = write(empty_home, "old", [order("A"), order("B")])
    batch = ingest([old], empty_home, today=date(2024, 1, 15), known_on=date(2024, 1, 3))[0]
    assert (state(empty_home, "A"), state(empty_home, "B")) == ("closed", "in_progress")
    assert (batch["n_loaded"], batch["n_updated"], batch["known_on"]) == (2, 1, date(2024, 1, 3))
    assert batch["notes"] == ["1 件的状态早于已知状态，只记入历史。"]


def test_a_state_reported_again_later_is_in_force_again(empty_home):
    closed = order("A", "已办结", closed="2024-01-05 09:00:00")
    for day, line in ((8, order("A")), (15, closed), (22, order("A"))):
        known_on = date(2024, 1, day)
        ingest([write(empty_home, f"d{day}", [line, order(f"B{day}")])], empty_home, today=known_on)
    assert state(empty_home, "A") == "in_progress"


def test_an_export_from_the_future_is_refused(empty_home):
    with pytest.raises(UsageError, match="2024-03-01"):
        ingest([write(empty_home, "a", [order("A")])], empty_home, today=DAY, known_on=date(2024, 3, 1))


@pytest.mark.parametrize("comes_first", [0, 1])
def test_what_one_file_says_is_confidential_is_so_in_every_state(empty_home, comes_first):
    plain = order("A", title="不热")
    secret = plain.replace("城乡建设>供热管理", "纪检监察>检举控告")
    both = [plain, secret] if comes_first == 0 else [secret, plain]
    for number, line in enumerate(both):
        path = write(empty_home, f"f{number}", [line, order(f"B{number}")])
        ingest([path], empty_home, today=date(2024, 1, 8 + 7 * number))
    with warehouse.connect(empty_home, read_only=True) as connection:
        states = connection.execute(
            "select title, text, unit_name from (from core.event union all by name from core.event_history)"
            " where event_id = (select event_id from core.item_lookup where item_number = 'A')"
        ).fetchall()
    assert states == [(None, None, None)] * 2


def test_undo_names_known_batches(empty_home):
    ingest([write(empty_home, "a", [order("A")])], empty_home, today=DAY)
    with pytest.raises(UsageError, match="没有批次“nix”。最近的批次"):
        undo(empty_home, "nix")


def test_an_undone_file_can_come_in_again(empty_home):
    path = write(empty_home, "a", [order("A")])
    batch = ingest([path], empty_home, today=DAY)[0]
    before = everything(empty_home)
    assert undo(empty_home, batch["batch_id"])["n_removed"] == 1
    assert ingest([path], empty_home, today=DAY)[0]["status"] == "loaded"
    assert everything(empty_home) == before
    with warehouse.connect(empty_home, read_only=True) as connection:
        assert connection.execute("select batch_id, n_loaded from core.undone_batch").fetchall() == [
            (batch["batch_id"], 1)
        ]


# --- replay ------------------------------------------------------------------------------------------------------


def marts(path: Path) -> dict[str, list[tuple]]:
    """Every mart row by row, without what tells one build from another: its number, its hour, and what the scan for
    personal data found in the warehouse as it is today."""
    with duckdb.connect(path, read_only=True) as connection:
        found = connection.execute("select table_name from duckdb_tables() where schema_name = 'main'").fetchall()
        names = [name for (name,) in found]
        tables = {name: connection.execute(f"from {name}").fetchall() for name in names}
    tables.pop("privacy_scan", None)
    tables["meta"] = [row for row in tables["meta"] if row[0] not in ("version", "built_at")]
    return tables


def test_past_mondays_are_reproduced_exactly(empty_home):
    """Three Mondays as they were published, then seen again from the last of them: equal row for row."""
    number = count()
    mondays = [date(2024, 3, 4) + timedelta(weeks=week) for week in range(3)]
    published = {}
    open_items: list[str] = []
    for monday in mondays:
        lines = []
        for item in open_items:  # last week's items are reported again, half of them closed
            closed = f"{monday - timedelta(days=1)} 16:00:00"
            lines.append(order(item, "已办结", closed=closed) if int(item[1:]) % 2 else order(item))
        for day in range(7):
            at = datetime.combine(monday - timedelta(days=7 - day), datetime.min.time()) + timedelta(hours=9)
            fresh = [f"A{next(number)}" for _ in range(4)]
            lines += [order(item, at=str(at)) for item in fresh]
            open_items += fresh
        ingest([write(empty_home, f"w{monday}", lines)], empty_home, today=monday)
        result = build.build(empty_home, today=monday)
        assert result["replay_basis"] == "known"
        published[monday] = marts(publish.version_file(empty_home, result["version"]))
    late = write(empty_home, "late", [order("Z1", at="2024-03-01 09:00:00")])
    ingest([late], empty_home, today=date(2024, 3, 20))
    serving = publish.current(empty_home)
    for monday in mondays:
        build.build(empty_home, today=date(2024, 3, 21), as_of=monday, is_replay=True)
        again = marts(publish.replay_file(empty_home, monday))
        assert again.keys() == published[monday].keys()
        for name, table in again.items():
            assert table == published[monday][name], name
    assert publish.current(empty_home) == serving


def test_before_anything_was_loaded_a_day_is_reconstructed_and_says_so(empty_home):
    lines = [
        order("A", "已办结", at="2024-01-02 09:00:00", closed="2024-01-20 09:00:00"),
        order("B", at="2024-01-22 09:00:00"),
    ]
    ingest([write(empty_home, "a", lines)], empty_home, today=DAY)
    result = build.build(empty_home, today=DAY, as_of=date(2024, 1, 15))
    assert (result["replay_basis"], result["n_events"]) == ("reconstructed", "1")
    with duckdb.connect(publish.version_file(empty_home, result["version"]), read_only=True) as connection:
        assert connection.execute("select status, closed_at from event").fetchall() == [("in_progress", None)]


def test_replays_go_when_their_past_changes(empty_home):
    for day in (8, 15):
        path = write(empty_home, f"d{day}", [order(f"A{day}", at=f"2024-01-0{day // 5} 09:00:00")])
        ingest([path], empty_home, today=date(2024, 1, day))
    for day in (4, 8, 15):
        build.build(empty_home, today=date(2024, 1, 16), as_of=date(2024, 1, day), is_replay=True)
    path = write(empty_home, "more", [order("B", at="2024-01-02 09:00:00")])
    ingest([path], empty_home, today=date(2024, 1, 16), known_on=date(2024, 1, 10))
    kept = [day for day in (4, 8, 15) if publish.replay_file(empty_home, date(2024, 1, day)).exists()]
    assert kept == [8]


# The warehouse of version 0.1.0, as far as later versions changed it.
FIRST_SCHEMA = """
create schema core;
create table core.batch (
    batch_id varchar primary key, source varchar not null, layout varchar not null, file_name varchar not null,
    file_bytes bigint not null, encoding varchar not null, n_read bigint not null, n_loaded bigint not null,
    n_updated bigint not null, n_rejected bigint not null, n_duplicate bigint not null, n_out_of_scope bigint not null,
    first_registered_on date, last_registered_on date, redactions varchar not null, dropped_columns varchar not null,
    loaded_at timestamp not null,
    check (n_read = n_loaded + n_rejected + n_duplicate + n_out_of_scope)
);
create table core.event (
    event_id ubigint not null, source varchar not null, batch_id varchar not null, source_row integer not null,
    occurred_at timestamp, registered_at timestamp not null, accepted_at timestamp, due_at timestamp, due_rule varchar,
    replied_at timestamp, closed_at timestamp, channel varchar, purpose varchar, severity varchar, category_raw varchar,
    county_name varchar, town_name varchar, community_name varchar, grid_name varchar, lon double, lat double,
    unit_name varchar, unit_co_name varchar, persons integer, is_first boolean, is_repeat boolean, is_group boolean,
    status varchar not null, is_solved boolean, satisfaction varchar, n_returns integer, title varchar, text varchar
);
create table core.event_history as select *, ''::varchar as superseded_by from core.event limit 0;
create table core.item_lookup (event_id ubigint not null, batch_id varchar not null, item_number varchar not null);
create table core.rejected_row (
    batch_id varchar not null, source_row integer not null, rule varchar not null, column_name varchar, found varchar,
    hint varchar not null
);
insert into core.batch values ('b1', 'hotline', 'fangshan', 'a.csv', 1, 'utf-8', 1, 1, 0, 0, 0, 0, null, null, '{}',
    '[]', timestamp '2024-01-15 08:00:00');
insert into core.event by name select 7 as event_id, 'hotline' as source, 'b1' as batch_id, 2 as source_row,
    timestamp '2024-01-02 09:00:00' as registered_at, '供热' as category_raw, 'in_progress' as status;
insert into core.item_lookup values (7, 'b1', 'A');
"""


def test_a_warehouse_of_the_first_version_is_brought_up_to_date(empty_home):
    with duckdb.connect(empty_home.warehouse) as connection:
        connection.execute(FIRST_SCHEMA)
    assert [batch["known_on"] for batch in ledger(empty_home)] == [date(2024, 1, 15)]
    ingest([write(empty_home, "b", [order("B")])], empty_home, today=date(2024, 1, 22))
    assert build.build(empty_home, today=date(2024, 1, 22))["n_events"] == "2"
    assert build.build(empty_home, today=date(2024, 1, 22), as_of=date(2024, 1, 16))["n_events"] == "1"
    assert undo(empty_home, "b1")["n_removed"] == 1
