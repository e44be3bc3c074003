"""台账: files in, expected rows out; states, steps and clocks; what may be shown; the page."""

import io
import json
import re
import shutil
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import docx
import duckdb
import openpyxl
import polars as pl
import pytest
import xlsxwriter
from builders import add_reference, load, make_events
from streamlit.testing.v1 import AppTest

from app import ledgers as words
from app import page, reader
from app.exports import ledger_files
from pipelines import build, cli, ingest, ledgers, publish, warehouse
from pipelines.config import ROOT, SEEDS
from pipelines.config import home as open_home
from pipelines.errors import SourceError
from pipelines.ingest import recognise_file
from pipelines.sources import ledger

SAMPLE = ROOT / "data" / "sample" / "ledger"
TODAY = date(2026, 11, 16)
OWN = "entry_id, source, batch_id, source_row, petition_id, hotline_id, grid_id, ledger_kind"
PERSONS = ("张三", "李四", "王五", "赵六", "王秀英", "13800000000", "110101199003074258")
MAIN = str(ROOT / "app" / "main.py")


def write(path: Path, head: list[str], *rows: list) -> Path:
    book = xlsxwriter.Workbook(path, {"strings_to_formulas": False})
    sheet = book.add_worksheet()
    for at, row in enumerate([head, *rows]):
        for column, cell in enumerate(row):
            if cell is not None:
                sheet.write(at, column, str(cell) if isinstance(cell, date) else cell)
    book.close()
    return path


def asked(home, name: str, **parameters) -> pl.DataFrame:
    with reader.asking(publish.version_file(home, publish.current(home) or 0)) as ask:
        return ask(name, **parameters)


def entries(home, kind: str) -> pl.DataFrame:
    span = {"from_on": date(1900, 1, 1), "to_on": date(9999, 12, 31)}
    return asked(home, "ledger_entries", kind=kind, county=None, subtype=None, **span)


@pytest.fixture(scope="module")
def sample_home(tmp_path_factory):
    """All sample ledgers over a small city, published."""
    home = open_home(tmp_path_factory.mktemp("台账") / "home")
    add_reference(home)
    load(home, make_events(n=10))
    batches = ingest.ingest([SAMPLE], home, today=TODAY)
    build.build(home, today=TODAY)
    return home, batches


# ---------------------------------------------------------------- files in


def test_samples_give_the_expected_entries(sample_home):
    home, _ = sample_home
    with warehouse.connect(home, read_only=True) as connection:
        for kind in ledger.LAYOUTS:
            found = connection.sql(
                f"select source_row, petition_id is not null as has_item, * exclude ({OWN})"
                f" from core.ledger_entry where ledger_kind = '{kind}' order by source_row"
            ).pl()
            expected = pl.read_csv(SAMPLE / f"expected_{kind}.csv", infer_schema=False)
            assert pl.read_csv(io.StringIO(found.write_csv()), infer_schema=False).equals(expected), kind


def test_every_row_is_accounted_for(sample_home):
    _, batches = sample_home
    told = {
        batch["layout"]: tuple(
            batch[f"n_{name}"] for name in ("read", "loaded", "updated", "rejected", "duplicate", "out_of_scope")
        )
        for batch in batches
    }
    assert told["supervision"] == (4, 2, 0, 1, 1, 0)
    assert told["screening"] == (3, 2, 0, 0, 0, 1)
    assert told["reception"] == (3, 2, 0, 1, 0, 0)
    assert all(read == loaded + rejected + twice + out for read, loaded, _, rejected, twice, out in told.values())
    dropped = {batch["layout"]: json.loads(batch["dropped_columns"]) for batch in batches}
    assert dropped["supervision"] == ["联系人", "联系电话"] and dropped["leader_case"] == ["信访人", "身份证号"]


def test_no_person_gets_into_the_warehouse_or_the_marts(sample_home):
    home, _ = sample_home
    for file in (home.warehouse, publish.version_file(home, publish.current(home) or 0)):
        with duckdb.connect(str(file), read_only=True) as connection:
            tables = connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
            for (table,) in tables:
                said = connection.sql(f"from {table}").pl().write_csv()
                assert not [name for name in PERSONS if name in said], table


def test_only_an_institution_is_kept_as_a_unit(empty_home, tmp_path):
    add_reference(empty_home)
    (empty_home.reference / "unit.csv").write_text(
        "unit_code,unit_name,role_name,county_code\nU1,国网安澜,,\n", encoding="utf-8"
    )
    units = ("诸葛孔明", "李逵", "住建局、诸葛孔明", "国网安澜", "生态环境局（高新区）", "石桥村")
    rows = [(f"交办{n}", "业主诸葛孔明反映积水", unit, "2026-09-07", None, None, "") for n, unit in enumerate(units)]
    batch = ingest.ingest([write(tmp_path / "台账.xlsx", HEAD, *rows)], empty_home, today=TODAY)[0]
    assert batch["notes"] == ["3 行的责任单位不像单位名称，没有保存；请只写单位，不写人名。"]
    with warehouse.connect(empty_home, read_only=True) as connection:
        found = connection.execute("select unit_name, title from core.ledger_entry order by source_row").fetchall()
    assert [unit for unit, _ in found] == [None, None, None, "国网安澜", "生态环境局（高新区）", "石桥村"]
    assert not [title for _, title in found if "孔明" in title]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("张三丰副县长", "副县长"),
        ("县委常委、政法委书记 李四", "县委常委、政法委书记"),
        ("分管副区长", "分管副区长"),
        ("县级领导", "县级领导"),
        ("王五", None),
        ("区长张一、书记李二", "区长、书记"),
        ("13800000000", None),
    ],
)
def test_of_a_leader_the_role_is_kept_and_nothing_else(said, kept):
    assert ledger._roles(pl.Series([said]))[0] == kept


@pytest.mark.parametrize(
    ("state", "result", "closed", "expected"),
    [
        ("已办结", None, None, ("closed", "achieved")),
        ("未办结", None, None, ("open", None)),
        ("化解中", "未化解", None, ("open", None)),
        ("已化解", "部分化解", "2026-07-08", ("closed", "partly")),
        ("未采纳", None, None, ("closed", "failed")),
        ("已反馈", "采纳", None, ("replied", "achieved")),
        ("待销号", None, None, ("replied", None)),
        ("未反馈", None, None, ("open", None)),
        ("移交外地", None, None, ("withdrawn", None)),
        ("天晓得", None, "2026-07-08", ("closed", None)),
        (None, None, None, ("open", None)),
    ],
)
def test_where_an_entry_stands(state, result, closed, expected):
    row = {"state_word": state, "result_word": result, "replied_on": None, "closed_on": closed}
    said = pl.DataFrame([row], schema=dict.fromkeys(row, pl.String))
    assert tuple(one[0] for one in ledger._standing(said)) == expected


@pytest.mark.parametrize("kind", ledger.LAYOUTS)
def test_a_filled_template_is_taken_for_what_it_is(kind, tmp_path):
    path = tmp_path / "填好的.xlsx"
    path.write_bytes(ledger_files.template(kind))
    assert path.read_bytes() == ledger_files.template(kind)
    book = openpyxl.load_workbook(path)
    assert [sheet.title for sheet in book] == [f"{words.KINDS[kind]}台账", "说明"]
    headers = [cell.value for cell in book.worksheets[0][1]]
    examples = {row["header"]: row["example"] for row in words.template_fields(kind)}
    assert not set(headers) & set(words.dropped_headers())
    for column, header in enumerate(headers, start=1):
        book.worksheets[0].cell(2, column, examples[header] or None)
    book.save(path)
    plan = recognise_file(path)
    assert (plan.source, plan.layout_name, plan.dropped) == ("ledger", kind, [])
    raw = pl.DataFrame(
        {plan.wanted[header]: [examples[header] or None] for header in plan.wanted}, infer_schema_length=1
    )
    rows, rejected = ledger.normalise(
        raw.with_columns(pl.all().cast(pl.String), pl.lit(2, pl.Int32).alias("source_row")), plan.layout, today=TODAY
    )
    assert len(rows) == 1 and rejected.is_empty()


# ---------------------------------------------------------------- again, taken back, as it was known

HEAD = ["交办编号", "交办事项", "责任单位", "交办日期", "反馈期限", "报结日期", "状态"]


def test_an_entry_is_updated_taken_back_and_seen_as_it_was_known(empty_home, tmp_path):
    load(empty_home, make_events(n=3))
    with warehouse.connect(empty_home) as connection:
        connection.execute("update core.batch set known_on = date '2026-11-01'")
    first = write(tmp_path / "一.xlsx", HEAD, ["交办1号", "停车", "甲局", "2026-11-02", "2026-11-10", None, "办理中"],
                  ["交办2号", "供暖", "乙局", "2026-11-03", "2026-11-30", None, "办理中"])  # fmt: skip
    second = write(tmp_path / "二.xlsx", HEAD, ["交办1号", "停车", "甲局", "2026-11-02", "2026-11-10", "2026-11-09", "已反馈"],
                   ["交办2号", "供暖", "乙局", "2026-11-03", "2026-11-30", None, "办理中"])  # fmt: skip
    ingest.ingest([second], empty_home, today=TODAY, known_on=date(2026, 11, 16))  # the newer export comes first
    older = ingest.ingest([first], empty_home, today=TODAY, known_on=date(2026, 11, 6))[0]
    assert (older["n_loaded"], older["n_updated"], older["n_duplicate"]) == (1, 1, 1)
    build.build(empty_home, today=TODAY)
    now = entries(empty_home, "assignment").sort("unit_name")
    assert now["ledger_state"].to_list() == ["open", "replied"] and now["due_state"].to_list() == ["pending", "on_time"]
    build.build(empty_home, today=TODAY, as_of=date(2026, 11, 10))  # the newer export was not known yet
    then = entries(empty_home, "assignment").sort("unit_name")
    assert then["ledger_state"].to_list() == ["open", "open"] and then["is_overdue"].to_list() == [False, True]
    newest = next(row["batch_id"] for row in ingest.ledger(empty_home) if row["known_on"] == TODAY)
    undone = ingest.undo(empty_home, newest)
    assert (undone["n_removed"], undone["n_restored"]) == (0, 2)
    left = next(row for row in ingest.ledger(empty_home) if row["batch_id"] == older["batch_id"])
    assert (left["n_loaded"], left["n_updated"], left["n_duplicate"]) == (2, 0, 0)
    with warehouse.connect(empty_home, read_only=True) as connection:
        assert connection.execute("select count(*), count(replied_on) from core.ledger_entry").fetchall() == [(2, 0)]


# ---------------------------------------------------------------- steps and clocks


def workdays_after(day: date, n: int) -> date:
    off = {
        row["day_on"]: row["is_off_day"] == "true"
        for row in pl.read_csv(SEEDS / "holiday.csv", infer_schema=False).to_dicts()
    }
    while n:
        day += timedelta(days=1)
        n -= not off.get(str(day), day.weekday() > 4)
    return day


def dull_steps(entry: dict, as_of: date) -> dict[str, tuple]:
    """step → (due, state) by reading the rules from top to bottom."""
    found = {}
    for rule in ledgers.read_rules(Path("nowhere")).to_dicts():
        if rule["ledger_kind"] != entry["ledger_kind"] or rule["subtype"] not in (None, entry["subtype"]):
            continue
        start = entry["opened_on"] if rule["start_event"] == "opened" else entry[f"{rule['start_event']}_on"]
        due = None
        if rule["takes_own_due"] and entry["own_due_on"] and entry["own_due_on"] >= entry["opened_on"]:
            due = entry["own_due_on"]
        elif rule["n"] and start:
            due = start + timedelta(days=rule["n"]) if rule["unit"] == "calendar" else workdays_after(start, rule["n"])
        done = entry[f"{rule['step']}_on"]
        if done:
            state = "done" if due is None else "late" if done > due else "on_time"
        elif rule["step"] == "closed" and entry["state"] == "closed":
            state = "done"
        elif entry["state"] in ("closed", "withdrawn"):
            state = "not_recorded"
        else:
            state = "overdue" if due and due <= as_of else "pending"
        found[rule["step"]] = (due, state)
    return found


def test_steps_and_clocks_are_what_a_dull_reading_gives(demo_home):
    with warehouse.connect(demo_home, read_only=True) as connection:
        raw = connection.sql(
            "select lower(printf('%016x', entry_id)) as entry_key, due_on as own_due_on, * exclude (due_on) from core.ledger_entry"
        ).pl()
    assert len(raw) > 600
    with reader.asking(publish.version_file(demo_home, publish.current(demo_home) or 0)) as ask:
        for entry in raw.sample(150, seed=1).to_dicts():
            found = {
                row["step"]: (row["step_due_on"], row["step_state"])
                for row in ask("ledger_steps", entry=entry["entry_key"]).to_dicts()
            }
            assert found == dull_steps(entry, TODAY), entry["ledger_number"]


def test_counts_are_the_sums_of_the_entries_over_units_and_months(demo_home):
    span = {"from_on": date(1900, 1, 1), "to_on": date(9999, 12, 31), "subtype": None}
    with reader.asking(publish.version_file(demo_home, publish.current(demo_home) or 0)) as ask:
        for kind in ask("ledger_kinds").to_dicts():
            code = kind["ledger_kind"]
            rows = ask("ledger_entries", kind=code, county=None, **span)
            sums = words.totals(ask("ledger_counts", kind=code, county=None, **span))
            kept = rows.filter(pl.col("ledger_state") != "withdrawn")
            decided = Counter(kept["due_state"].to_list())
            assert sums["n_opened"] == len(rows) and sums["n_kept"] == len(kept)
            assert sums["n_finished"] == (kept["ledger_state"] == "closed").sum()
            assert sums["n_achieved"] == (kept["ledger_result"] == "achieved").sum()
            assert sums["n_fell_due"] == decided["on_time"] + decided["late"] + decided["overdue"]
            assert sums["n_on_time"] == decided["on_time"]
            assert sums["n_led"] == kept["is_led"].sum()
            assert sums["n_persons"] == (rows["persons"].sum() if code == "reception" else 0)
            funnel = words.funnel(kind, sums)["value"].to_list()
            assert funnel == sorted(funnel, reverse=True)
            one = rows["county_code"].drop_nulls()[0]
            here = words.totals(ask("ledger_counts", kind=code, county=one, **span))
            assert here["n_opened"] == (rows["county_code"] == one).sum()


def test_the_annual_table_agrees_with_the_ledgers(demo_home):
    annual = asked(demo_home, "ledger_annual", county=None)
    for kind in ("supervision", "assignment", "advice"):
        kept = entries(demo_home, kind).filter(pl.col("ledger_state") != "withdrawn")
        mine = annual.filter(pl.col("ledger_kind") == kind)
        by_year = dict(mine.group_by("year").agg(pl.col("n_opened").sum()).iter_rows())
        assert {year: n for year, n in by_year.items() if n} == Counter(day.year for day in kept["opened_on"])
        assert (mine["n_achieved"] <= mine["n_opened"]).all()


def test_entries_meet_the_items_they_name(demo_home):
    rows = pl.concat([entries(demo_home, kind) for kind in words.KINDS])
    assert len(rows.filter(pl.col("event_key").is_not_null())) > 0.9 * len(rows)
    assert rows.filter("is_counted_only")["title"].null_count() == rows["is_counted_only"].sum() > 0
    shown, sentence = words.listed(rows)
    assert not shown["is_counted_only"].any() and f"{len(rows) - len(shown)} 条按规定只计数" in sentence
    assert rows.filter(pl.col("subtype") == "accountability")["title"].drop_nulls().is_empty()
    pairs = asked(demo_home, "ledger_kinds")
    assert pairs["n_entries"].sum() == len(rows)


RULES = "rule_id,ledger_kind,subtype,step,step_order,start_event,n,unit,takes_own_due,basis\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x,督办,,signed,1,opened,1,workday,否,本地", "第 2 行 ledger_kind 列"),
        ("x,supervision,,signed,1,opened,零,workday,否,本地", "第 2 行 n 列"),
        ("x,supervision,improve_work,signed,1,opened,1,workday,否,本地", "第 2 行 subtype 列"),
        ("x,supervision,,signed,1,opened,1,,否,本地", "第 2 行 unit 列"),
        ("x,supervision,,signed,,opened,1,workday,否,本地", "第 2 行 step_order 列：发现空白，应为必须填写"),
    ],
)
def test_a_wrong_rule_of_the_office_is_told_by_row_and_column(line, said, tmp_path):
    (tmp_path / ledgers.FILE).write_text(RULES + line + "\n", encoding="utf-8")
    with pytest.raises(SourceError, match=said):
        ledgers.read_rules(tmp_path)


def test_the_office_replaces_and_adds_rules(tmp_path):
    lines = "supervision-sign,supervision,,signed,1,opened,2,calendar,否,本地办法\njoint,supervision,joint,signed,1,opened,5,workday,否,本地办法\n"
    (tmp_path / ledgers.FILE).write_text(RULES + lines, encoding="utf-8")
    rules = ledgers.read_rules(tmp_path)
    kinds = pl.read_csv(SEEDS / ledger.KIND_FILE)
    of = pl.DataFrame(
        {"ledger_kind": ["supervision"] * 2, "subtype": ["joint", None]}, schema_overrides={"subtype": pl.String}
    )
    chosen = ledgers._by_subtype(rules, of, kinds).filter(pl.col("step") == "signed")
    assert dict(chosen.select("subtype", "n").iter_rows()) == {"joint": 5, None: 2}


def test_one_step_decides_where_two_take_the_deadline_of_the_entry(tmp_path):
    lines = "supervision-sign,supervision,,signed,1,opened,2,calendar,是,本地办法\n"
    (tmp_path / ledgers.FILE).write_text(RULES + lines, encoding="utf-8")
    of = pl.DataFrame({"ledger_kind": ["supervision"], "subtype": ["case"]})
    chosen = ledgers._by_subtype(ledgers.read_rules(tmp_path), of, pl.read_csv(SEEDS / ledger.KIND_FILE))
    assert chosen.filter("takes_own_due")["step"].sort().to_list() == ["closed", "signed"]
    assert chosen.filter("is_deciding")["step"].to_list() == ["closed"]


# ---------------------------------------------------------------- what is said


def kind_of(home, code: str) -> dict:
    return asked(home, "ledger_kinds").row(by_predicate=pl.col("ledger_kind") == code, named=True)


def test_rates_of_the_founding_documents(sample_home):
    home, _ = sample_home
    nothing = dict.fromkeys(("n_kept", "n_led", "n_replied", "n_finished", "n_achieved", "n_fell_due", "n_on_time"), 0)
    screening = words.rates(kind_of(home, "screening"), nothing | {"n_kept": 6525, "n_achieved": 6498})
    assert [(one.name, one.value, one.parts) for one in screening] == [
        ("调处率", "99.6%", "6,498 / 6,525"),
        ("按期率", "—", "0 / 0"),
    ]
    assigned = words.rates(
        kind_of(home, "assignment"), nothing | {"n_kept": 473, "n_finished": 365, "n_fell_due": 365, "n_on_time": 365}
    )
    assert {one.name: one.value for one in assigned} == {"报结率": "0.0%", "结案率": "77.2%", "按期率": "100.0%"}
    few = words.rates(kind_of(home, "backlog"), nothing | {"n_kept": 10, "n_led": 9, "n_achieved": 10})
    assert few[0].parts == "9 / 10，样本少" and few[1].name == "积案化解率"


def test_the_sheet_says_what_is_due_and_why(sample_home):
    home, _ = sample_home
    kind = kind_of(home, "supervision")
    entry = entries(home, "supervision").filter(pl.col("ledger_number") == "督办〔2026〕2号").row(0, named=True)
    steps = asked(home, "ledger_steps", entry=entry["entry_key"]).to_dicts()
    made = ledger_files.sheet(entry, steps, kind, ["数据截至 2026年11月15日。"])
    assert made == ledger_files.sheet(entry, steps, kind, ["数据截至 2026年11月15日。"])
    document = docx.Document(io.BytesIO(made))
    said = "\n".join(cell.text for table in document.tables for row in table.rows for cell in row.cells)
    inner = "\n".join(
        cell.text
        for row in document.tables[0].rows
        for table in row.cells[1].tables
        for line in table.rows
        for cell in line.cells
    )
    assert "〔姓名〕反映安置房漏水" in said and "联合督查" in said and "2026年11月20日" in said
    assert "2026-11-05" in inner and "督办后3个工作日（13710 高效办机制）" in inner and "台账写明期限" in inner
    assert not [name for name in PERSONS if name in said + inner]


def test_what_leaves_the_screen_names_no_title_and_no_small_place(sample_home):
    home, _ = sample_home
    taken = words.to_take_away(entries(home, "supervision"), kind_of(home, "supervision"))
    assert not {"title", "progress", "town_code", "place_name", "entry_key", "event_key"} & set(taken.columns)
    assert "锦绣花园" not in taken.write_csv()


def test_the_command_takes_ledgers_alone(tmp_path, capsys):
    home = str(tmp_path / "home")
    assert (
        cli.main(["ledger", "import", str(SAMPLE / "advice.xlsx"), "--kind", "三项建议", "--home", home, "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["total"]["loaded"] == 3
    assert cli.main(["ledger", "import", str(SAMPLE / "advice.xlsx"), "--kind", "督促", "--home", home]) == 2
    assert "可用：督办、交办" in capsys.readouterr().err
    assert cli.main(["ledger", "import", str(ROOT / "data/sample/grid/pingshan.csv"), "--home", home]) == 3


# ---------------------------------------------------------------- the page


def opened(home, monkeypatch, *, today: date = TODAY, **query: str) -> AppTest:
    monkeypatch.setenv("YANPAN_HOME", str(home.path if hasattr(home, "path") else home))
    monkeypatch.setattr(page, "today", lambda: today)
    at = AppTest.from_file(MAIN, default_timeout=90).run()
    at.query_params.clear()
    for name, value in query.items():
        at.query_params[name] = value
    return at.switch_page("views/ledgers.py").run()


def said(at: AppTest) -> str:
    return "\n".join(
        re.sub(r"<style>.*?</style>|<[^>]+>", "", element.proto.body, flags=re.S) for element in at.get("html")
    )


def test_page_full(demo_home, monkeypatch):
    at = opened(demo_home, monkeypatch)
    assert not at.exception
    assert [tab.label for tab in at.tabs] == [*words.KINDS.values(), "导入与模板"]
    assert {metric.label for metric in at.metric} == {"督办", "在办", "办结率", "按期率"}
    assert "督办日" in said(at) and "个工作日（13710 高效办机制）" in said(at) and "台账" in said(at)
    at = opened(demo_home, monkeypatch, part="积案", backlog_state="overdue")
    assert not at.exception
    assert {"包案率", "积案化解率", "按期率", "在办年限"} <= {metric.label for metric in at.metric}
    assert "▲ 已逾期" in said(at) and "台账写明期限" in said(at)
    assert "张" not in "".join(
        at.dataframe[-1].value["承办单位" if "承办单位" in at.dataframe[-1].value else "unit_name"].dropna()
    )


def test_page_without_ledgers_and_stale(demo_home, monkeypatch, tmp_path):
    name = demo_home.current.read_text().strip()
    (tmp_path / "空 home" / "marts").mkdir(parents=True)
    shutil.copy(demo_home.marts / name, tmp_path / "空 home" / "marts" / name)
    (tmp_path / "空 home" / "marts" / "CURRENT").write_text(name)
    with duckdb.connect(str(tmp_path / "空 home" / "marts" / name)) as connection:
        for table in ("ledger", "ledger_step", "ledger_count"):
            connection.execute(f"delete from {table}")
    at = opened(tmp_path / "空 home", monkeypatch, today=date(2027, 1, 4))
    assert not at.exception and not at.tabs
    assert "还没有导入过台账" in said(at) and "此后没有新数据入库" in said(at)
    assert "yanpan ledger import" in at.code[0].value
