"""访调诉: files in, links by number alone, marts against a dull count, small numbers hidden, the page."""

import datetime as dt
import io
import shutil
from collections import Counter, defaultdict
from itertools import product
from pathlib import Path

import duckdb
import openpyxl
import polars as pl
import pytest
from builders import add_reference, load, make_events
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from app import disclosure, downloads, mediation_counts, page
from app.charts import flows as charts
from app.exports import picture
from app.mediation_counts import ENDS, ORIGINS
from pipelines import build, ingest, layouts, publish, registers, warehouse
from pipelines.config import home as open_home
from pipelines.sources import REGISTERS, reading, referrals
from pipelines.sources.recognise import header_key

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
TODAY = dt.date(2024, 2, 1)
SAMPLES = {"mediation": "mediation_list.xlsx", "litigation": "litigation_list.csv"}
COLUMNS = (
    "source, source_row, dispute_code, applied_on, accepted_on, started_on, ended_on, confirmed_on, enforced_on, stage,"
    " outcome, is_confirmed, institution_name"
)
MAIN = str(Path(__file__).parents[1] / "app" / "main.py")
HEADER = "案件编号,工单编号,纠纷类型,导入日期,受理日期,首次调解日期,结束日期,调解组织,调解状态,调解结果,申请人"


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return path


def warehouse_rows(home, sql: str) -> list[tuple]:
    with warehouse.connect(home, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def mart_rows(home, sql: str) -> list[tuple]:
    with duckdb.connect(publish.version_file(home, publish.current(home)), read_only=True) as connection:
        return connection.execute(sql).fetchall()


# --- files in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SAMPLES)
def test_sample_file_gives_expected_cases(source, empty_home):
    batch = ingest.ingest([SAMPLE / source / SAMPLES[source]], empty_home, today=TODAY)[0]
    counts = [batch[f"n_{name}"] for name in ("read", "loaded", "updated", "rejected", "duplicate", "out_of_scope")]
    assert counts == {"mediation": [10, 6, 0, 2, 1, 1], "litigation": [5, 4, 0, 1, 0, 0]}[source]
    with warehouse.connect(empty_home, read_only=True) as connection:
        found = connection.sql(f"select {COLUMNS} from core.referral order by source_row").pl().write_csv()
    layout = SAMPLES[source].split(".")[0]
    assert found == (SAMPLE / source / f"expected_{layout}.csv").read_text(encoding="utf-8")


def test_layouts_map_to_known_fields_and_no_person_is_read():
    for register in (REGISTERS[name] for name in SAMPLES):
        for layout in register.layouts.values():
            assert set(layout["columns"].values()) <= set(referrals.FIELDS)
            keys = {header_key(header) for header in layout["columns"]}
            assert not keys & {header_key(header) for header in layout["identifying"]}


def test_nobody_is_named_in_the_warehouse(empty_home):
    ingest.ingest([SAMPLE / source / file for source, file in SAMPLES.items()], empty_home, today=TODAY)
    told = str(warehouse_rows(empty_home, "from core.referral")) + str(
        warehouse_rows(empty_home, "from core.rejected_row")
    )
    for name in ("张三", "王五", "老马", "马德胜", "孙明", "1390000", "逾期交房", "民初", "AT2024"):
        assert name not in told, name
    columns = {
        name
        for (name,) in warehouse_rows(
            empty_home, "select column_name from duckdb_columns() where table_name = 'referral'"
        )
    }
    assert not columns & {"title", "text", "case_number", "applicant"}
    assert "品牌调解工作室" in told


def test_a_name_in_the_place_of_a_state_or_an_institution_is_neither_said_nor_stored(empty_home, tmp_path):
    rows = (
        ("欧阳震华撤回", "诸葛孔明"),
        ("司马懿正撤回", "甲街道人民调解委员会"),
        ("挂账督办", "甲街道人民调解委员会"),
    )
    lines = [f"M{n},,邻里,2024-01-02,,,,{unit},{state},," for n, (state, unit) in enumerate(rows)]
    batch = ingest.ingest([written(tmp_path / "1.csv", *lines)], empty_home, today=TODAY)[0]
    notes = " ".join(batch["notes"])
    assert "“6 个汉字”2 行" in notes and "“挂账督办”1 行" in notes and "1 行的机构不像机构名称" in notes
    stored = empty_home.warehouse.read_bytes()
    assert not [name for name in ("欧阳震华", "司马懿正", "诸葛孔明") if name in notes or name.encode() in stored]
    found = warehouse_rows(empty_home, "select institution_name from core.referral order by source_row")
    assert [one for (one,) in found] == [None, "甲街道人民调解委员会", "甲街道人民调解委员会"]


def test_an_unknown_header_is_told(empty_home, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("案件编号,纠纷类型,调解状态,备忘\n1,邻里,调解中,张三来过\n", encoding="utf-8")
    with pytest.raises(ingest.SourceError, match="缺少列「导入日期」「调解组织」"):
        ingest.ingest([path], empty_home, today=TODAY)


def test_a_dry_run_says_what_would_happen():
    found = layouts.check(
        reading.inspect(SAMPLE / "mediation" / SAMPLES["mediation"]), layouts.load_all(None), today=TODAY
    )
    assert (found["source"], found["n_rows"], found["n_events"]) == ("mediation", 10, 7)
    assert {rule["rule"] for rule in found["rules"]} == {"missing_item_number", "bad_registered_at", "out_of_scope"}


def test_states_and_results_in_words():
    layout = REGISTERS["mediation"].layouts["mediation_list"]

    def read(status: str, result: str = "", **dates: str) -> tuple:
        cells = {"调解案件编号": "A", "导入日期": "2024-01-02", "调解状态": status, "调解结果": result} | dates
        raw = pl.DataFrame([{"source_row": 2} | {name: cells.get(name, "") for name in layout["columns"]}])
        rows, _ = REGISTERS["mediation"].normalise(raw, layout, today=TODAY)
        return rows.select("stage", "outcome", "is_confirmed").row(0) if len(rows) else ()

    assert read("待受理") == ("pending", None, False)
    assert read("调解中") == ("in_progress", None, False)
    assert read("结束", "达成协议") == ("ended", "succeeded", False)
    assert read("结束") == ("ended", None, False)
    assert read("司法确认") == ("ended", "succeeded", True)
    assert read("调解成功", 司法确认日期="2024-01-09") == ("ended", "succeeded", True)
    assert read("没见过", 受理日期="2024-01-03") == ("accepted", None, False)
    assert read("草稿") == ()


# --- known when, taken back --------------------------------------------------------------------------------------

FIRST = "M1,,邻里,2024-01-02,2024-01-03,2024-01-04,,甲街道人民调解委员会,调解中,,张三"
LATER = "M1,,邻里,2024-01-02,2024-01-03,2024-01-04,2024-01-10,甲街道人民调解委员会,调解成功,,张三"
OTHER = "M2,,消费,2024-01-05,,,,甲街道人民调解委员会,待受理,,张三"


def in_force(home, as_of: dt.date | None = None) -> dict:
    with warehouse.connect(home) as connection:
        day = as_of or dt.date(2100, 1, 1)
        connection.execute(f"create or replace temp view known_batch as from core.batch where known_on <= '{day}'")
        name = connection.execute("select current_database()").fetchall()[0][0]
        registers.view_as_known(connection, name)
        rows = connection.execute("select dispute_code, stage, ended_on from known_referral order by 1").fetchall()
    return {code: (stage, ended) for code, stage, ended in rows}


def test_a_later_export_updates_and_the_past_stays(empty_home, tmp_path):
    first, later = written(tmp_path / "1.csv", FIRST, OTHER), written(tmp_path / "2.csv", LATER, OTHER)
    ingest.ingest([first], empty_home, today=TODAY, known_on=dt.date(2024, 1, 6))
    batch = ingest.ingest([later], empty_home, today=TODAY, known_on=dt.date(2024, 1, 12))[0]
    assert (batch["n_loaded"], batch["n_updated"], batch["n_duplicate"]) == (1, 1, 1)
    done = {"02": ("ended", dt.date(2024, 1, 10)), "12": ("pending", None)}
    was = {"02": ("in_progress", None), "12": ("pending", None)}
    assert in_force(empty_home) == done
    assert in_force(empty_home, dt.date(2024, 1, 7)) == was
    undone = ingest.undo(empty_home, batch["batch_id"])
    assert (undone["n_removed"], undone["n_restored"]) == (0, 2)
    assert in_force(empty_home) == was


def test_the_order_of_files_makes_no_difference(empty_home, tmp_path):
    later, first = written(tmp_path / "2.csv", LATER), written(tmp_path / "1.csv", FIRST)
    newer = ingest.ingest([later], empty_home, today=TODAY, known_on=dt.date(2024, 1, 12))[0]
    ingest.ingest([first], empty_home, today=TODAY, known_on=dt.date(2024, 1, 6))
    assert in_force(empty_home) == {"02": ("ended", dt.date(2024, 1, 10))}
    ingest.undo(empty_home, newer["batch_id"])
    [left] = ingest.ledger(empty_home)
    assert (left["n_loaded"], left["n_updated"], left["n_duplicate"]) == (1, 0, 0)  # as if it had come alone


# --- marts -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def linked_home(tmp_path_factory):
    """Six neighbours' and consumers' items in two counties, and what became of them; built once."""
    home = open_home(tmp_path_factory.mktemp("访调诉") / "home")
    add_reference(home)
    at = dt.datetime(2026, 8, 3, 9)
    noise, shop = "环境保护>噪声污染>社会生活噪声", "市场监管>消费纠纷>预付卡退费"
    rows = [
        *({"registered_at": at + dt.timedelta(days=day), "category_raw": noise} for day in (-40, -3, 0, 30, 60)),
        {
            "registered_at": at,
            "category_raw": shop,
            "county_name": "临川县",
            "town_name": "石桥镇",
            "community_name": "石桥村",
        },
        {"registered_at": at - dt.timedelta(days=100), "category_raw": noise},  # the data go back far enough
    ]
    load(home, make_events(*rows))
    key = ingest.secret_key(home)
    numbers = pl.Series([f"W{n}" for n in range(7)])
    ids = ingest.event_ids(key, "hotline", numbers)
    with warehouse.connect(home) as connection:
        codes = connection.execute("select event_id from core.event order by event_id").fetchall()
        for (old,), new in zip(codes, ids, strict=True):
            connection.execute("update core.event set event_id = $new where event_id = $old", {"new": new, "old": old})
    folder = home.path / "in"
    folder.mkdir()
    cases = [
        "M1,W2,邻里,2026-08-04,2026-08-05,2026-08-06,2026-08-10,甲人民调解委员会,调解成功,,张三",
        "M2,W3,邻里,2026-09-10,2026-09-10,2026-09-12,2026-09-20,甲人民调解委员会,调解失败,,张三",
        "M3,W5,消费,2026-08-05,2026-08-04,,,乙人民调解委员会,待调解,,张三",
        "M4,NONE,消费,2026-08-05,2026-08-06,,2026-08-08,乙人民调解委员会,撤回,,张三",
    ]
    written(folder / "调解.csv", *cases)
    (folder / "诉讼.csv").write_text(
        "案号,关联编号,案由,立案日期,结案日期,承办法院,案件状态,结案方式\n"
        "1号,W3,相邻关系纠纷,2026-09-25,2026-11-01,甲法院,结案,判决\n",
        encoding="utf-8",
    )
    ingest.ingest([folder], home, today=dt.date(2026, 11, 20))
    build.build(home, today=dt.date(2026, 11, 20))
    return home


def test_a_case_is_tied_to_its_item_by_number_alone(linked_home):
    found = mart_rows(
        linked_home,
        "select source, dispute_code, is_linked, item_source, county_code, issue_code, has_date_fault, total_days"
        " from referral order by source, applied_on, dispute_code, is_linked",
    )
    assert found == [
        ("litigation", "03", True, "hotline", "990101", "0502", False, 37),
        ("mediation", "02", True, "hotline", "990101", "0502", False, 6),
        ("mediation", "12", False, None, None, None, False, 3),
        ("mediation", "12", True, "hotline", "990102", "0801", True, None),
        ("mediation", "02", True, "hotline", "990101", "0502", False, 10),
    ]  # fmt: skip


def test_each_step_counts_items_of_the_step_before(linked_home):
    found = mart_rows(
        linked_home,
        "select county_code, sum(n_suited), sum(n_referred), sum(n_taken), sum(n_settled), sum(n_confirmed), sum(n_in_court),"
        " sum(n_court_ended) from referral_funnel group by 1 order by 1",
    )
    assert found == [("990101", 6, 2, 2, 1, 0, 1, 1), ("990102", 1, 1, 1, 0, 0, 0, 0)]


def test_recurrence_is_counted_by_hand(linked_home):
    # Item of 3 August, settled on 10 August: before it 31 July (and 24 June, 40 days), after it 2 September and 2 October.
    found = mart_rows(linked_home, "select n_before_30, n_after_30, n_before_90, n_after_90 from mediation_recurrence")
    assert found == [(1, 1, 2, 2)]
    assert not mart_rows(linked_home, "select 1 from mediation_recurrence where issue_code = '0801'")


def test_marts_of_the_demo_city_equal_a_dull_count(demo_home):
    cases = mart_rows(
        demo_home,
        "select source, referral_key, dispute_code, applied_on, accepted_on, ended_on, confirmed_on, referral_outcome, is_taken,"
        " is_confirmed, event_key, issue_code, county_code, community_code, item_registered_on, has_date_fault from referral",
    )
    events = {
        key: (issue, community, day)
        for key, issue, community, day in mart_rows(
            demo_home, "select event_key, issue_code, community_code, registered_on from event"
        )
    }
    assert len(cases) > 100 and {case[0] for case in cases} == {"mediation", "litigation"}
    led, settled = set(), set()
    months: dict[tuple, Counter] = defaultdict(Counter)
    first = min(day for _, _, day in events.values())
    again = {}
    for case in cases:
        source, key, code, applied, accepted, ended, confirmed, outcome, taken, is_confirmed, item, issue, county, community, registered, fault = case  # fmt: skip
        if item and source == "mediation":
            led.add(item)
            settled |= {item} if taken and outcome == "succeeded" else set()
        for name, day, counts in (
            ("n_applied", applied, True),
            ("n_taken", accepted, taken),
            ("n_ended", ended, True),
            ("n_settled", ended, outcome == "succeeded"),
            ("n_confirmed", confirmed or ended, is_confirmed),
        ):
            if day and counts:
                months[(day.replace(day=1), source, county, code)][name] += 1
        if source == "mediation" and outcome == "succeeded" and community and ended and not fault:
            if registered - dt.timedelta(days=90) < first:
                continue
            near = [day for k, (i, c, day) in events.items() if k != item and i == issue and c == community]
            is_over = ended + dt.timedelta(days=90) < dt.date(2026, 11, 17)
            again[key] = (
                sum(registered - dt.timedelta(days=90) <= day < registered for day in near) if is_over else None,
                sum(ended < day <= ended + dt.timedelta(days=90) for day in near) if is_over else None,
            )
    found = mart_rows(demo_home, "select referral_key, n_before_90, n_after_90 from mediation_recurrence")
    assert {key: (before, after) for key, before, after in found} == again
    [(n_referred, n_settled)] = mart_rows(demo_home, "select sum(n_referred), sum(n_settled) from referral_funnel")
    suited = {code for (code,) in mart_rows(demo_home, "select issue_code from mediable_issue")}
    assert n_referred == sum(events[item][0] in suited for item in led)
    assert n_settled == sum(events[item][0] in suited for item in settled)
    names = ("n_applied", "n_taken", "n_ended", "n_settled", "n_confirmed")
    got = mart_rows(
        demo_home, f"select month_start_on, source, county_code, dispute_code, {','.join(names)} from referral_month"
    )
    assert {tuple(row[:4]): row[4:] for row in got} == {
        key: tuple(counts[name] for name in names) for key, counts in months.items()
    }


# --- small numbers -----------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(ORIGINS)), st.integers(0, 12), st.sampled_from(list(ENDS)), st.integers(1, 40)), min_size=1, max_size=60))  # fmt: skip
def test_flows_show_no_small_number(rows):
    frame = (
        pl.DataFrame(rows, schema=["item_source", "n", "flow_end", "n_cases"], orient="row")
        .group_by("item_source", "n", "flow_end")
        .agg(pl.col("n_cases").sum())
        .with_columns(
            pl.col("n").cast(pl.String).alias("dispute_code"),
            pl.format("类型{}", "n").alias("dispute_name"),
        )
    )
    nodes, links = mediation_counts.safe_flows(frame, {}, 5)
    total = frame["n_cases"].sum()
    for layer in range(3):
        values = nodes.filter(pl.col("layer") == layer)["value"]
        assert values.sum() == total
        assert total < 5 or (values >= 5).all()
    shown = links["value"].drop_nulls()
    assert (shown >= 5).all()
    assert (links["value"].is_null() == links["value" + disclosure.MARK].is_not_null()).all()
    for layer, end in product((0, 1), ("from_name", "to_name")):  # no hidden sum is itself small
        rest = (
            links.filter(pl.col("layer") == layer)
            .group_by(end)
            .agg(pl.col("value").sum(), pl.col("value").null_count().alias("n"))
        )
        node_of = dict(nodes.filter(pl.col("layer") == layer + (end == "to_name")).select("name", "value").iter_rows())
        for name, value, n in rest.iter_rows():
            assert not n or total < 5 or node_of[name] - value >= 5


def test_steps_hide_what_is_small_and_what_would_tell_it():
    totals = {
        "n_suited": 900,
        "n_referred": 40,
        "n_taken": 38,
        "n_settled": 20,
        "n_confirmed": 3,
        "n_in_court": 12,
        "n_court_ended": 12,
    }
    shown = mediation_counts.safe_steps(totals, 5, is_city=False)
    assert shown["value"].to_list() == [40, None, 20, None, 12, 12]
    assert shown["mark"].to_list() == [None, disclosure.HIDDEN, None, "<5", None, None]
    assert mediation_counts.safe_steps(totals, 5, is_city=True)["value"].to_list() == [40, 38, 20, 3, 12, 12]


def test_rates_of_few_cases_are_not_said():
    results = pl.DataFrame(
        {
            "dispute_code": ["02", "12", "13"],
            "dispute_name": ["邻里", "消费", "医疗"],
            "n_settled": [60, 9, 8],
            "n_unsettled": [20, 9, 9],
        }
    )
    safe = mediation_counts.safe_success(results, {"13": 10})
    rows = {row["dispute_name"]: row for row in safe.to_dicts()}
    assert rows["邻里"]["share"] == 0.75 and 0.64 < rows["邻里"]["low"] < rows["邻里"]["high"] < 0.84
    assert rows["消费"]["share"] is None and rows["医疗"]["share"] is None
    assert rows["医疗"]["n_settled"] is None


# --- the drawing -------------------------------------------------------------------------------------------------


def test_bands_fill_their_nodes_and_the_picture_has_them():
    nodes = pl.DataFrame(
        {"layer": [0, 0, 1, 1], "name": ["甲", "乙", "丙", "丁"], "value": [30, 10, 25, 15], "colour": ["#12506A"] * 4}
    )
    links = pl.DataFrame(
        {
            "layer": [0] * 4,
            "from_name": ["甲", "甲", "乙", "乙"],
            "to_name": ["丙", "丁", "丙", "丁"],
            "value": [20, 10, 5, 5],
        }
    )
    figure = charts.flows(nodes, links, title="流向", heads=("从", "到"))
    bars = next(trace for trace in figure.data if trace.type == "bar")
    per_unit = bars.y[0] / 30
    assert [high / per_unit for high in bars.y] == pytest.approx([30, 10, 25, 15])
    band = figure.data[0]
    rings = _rings(band.y)
    assert len(rings) == 4 and figure.part_names[0] == ["甲 → 丙", "甲 → 丁", "乙 → 丙", "乙 → 丁"]
    thick = [(max(ring[15:16]) - ring[14]) / per_unit for ring in rings]
    assert thick == pytest.approx([20, 10, 5, 5], abs=0.1)
    hidden = links.with_columns(pl.when(pl.col("value") > 5).then("value").alias("value"))
    assert len(_rings(charts.flows(nodes, hidden, title="流向", heads=("从", "到")).data[0].y)) == 2
    assert picture.png(figure, title="流向")[:4] == b"\x89PNG"
    steps = pl.DataFrame(
        {
            "label": ["导入", "受理"],
            "value": [9, None],
            "mark": [None, "<5"],
            "note": ["占 9%", ""],
            "colour": [None, None],
        }
    )
    assert picture.png(charts.steps(steps, title="步骤"), title="步骤")[:4] == b"\x89PNG"
    shares = pl.DataFrame(
        {
            "label": ["邻里", "消费"],
            "share": [0.7, None],
            "low": [0.6, None],
            "high": [0.8, None],
            "note": ["7 ÷ 10", ""],
        }
    )
    assert picture.png(charts.shares(shares, title="占比"), title="占比")[:4] == b"\x89PNG"


def _rings(values) -> list[list[float]]:
    rings: list[list[float]] = [[]]
    for value in values:
        if value is None:
            rings.append([])
        else:
            rings[-1].append(value)
    return [ring for ring in rings if ring]


# --- the page ----------------------------------------------------------------------------------------------------


def opened(home, monkeypatch, **params: str) -> AppTest:
    monkeypatch.setenv("YANPAN_HOME", str(home.path))
    monkeypatch.setattr(page, "today", lambda: dt.date(2026, 11, 16))
    at = AppTest.from_file(MAIN, default_timeout=60).run()
    for name, value in params.items():
        at.query_params[name] = value
    at.switch_page("views/mediation.py").run()
    assert not at.exception
    return at


def said(at: AppTest) -> str:
    return " ".join(element.proto.body for element in at.get("html"))


def test_the_page_shows_the_city_and_a_county_without_small_numbers(demo_home, monkeypatch):
    buttons, button = [], downloads._button

    def seen(label, make, file_name, mime, key):
        buttons.append((label, make, file_name))
        button(label, make, file_name, mime, key)

    monkeypatch.setattr(downloads, "_button", seen)
    at = opened(demo_home, monkeypatch)
    assert [metric.label for metric in at.metric][:2] == ["适合调解", "导入率"]
    assert "调解之后" in said(at) and "÷ 适合" in at.metric[1].delta
    county = mart_rows(
        demo_home, "select county_code from referral where is_linked group by 1 order by count(*) desc limit 1"
    )[0][0]
    buttons.clear()
    at = opened(demo_home, monkeypatch, county=county, weeks="52")
    assert at.query_params["county"] == county
    books = [
        (name, openpyxl.load_workbook(io.BytesIO(make()))) for label, make, name in buttons if label == "数据 Excel"
    ]
    assert len(books) >= 5
    for name, book in books:
        head, *rows = book.worksheets[0].iter_rows(values_only=True)
        for column, label in enumerate(head):
            if label in (
                "件数",
                "上一步",
                "导入调解",
                "调解成功",
                "调解不成或终止",
                "有结果",
                "结束",
                "成功调解",
                "此前件数",
                "此后件数",
            ):
                small = [row[column] for row in rows if isinstance(row[column], int) and 0 < row[column] < 5]
                assert not small, (name, label, small)


def test_without_cases_the_page_says_how_to_load_them(empty_home, monkeypatch):
    add_reference(empty_home)
    load(empty_home, make_events(*({"registered_at": dt.datetime(2026, 11, day, 9)} for day in range(1, 16)), n=3))
    build.build(empty_home, today=dt.date(2026, 11, 16))
    at = opened(empty_home, monkeypatch)
    assert "还没有导入过调解、诉讼案件" in said(at) and not at.metric


def test_old_cases_are_said_to_be_old(demo_home, monkeypatch, tmp_path):
    copy = open_home(shutil.copytree(demo_home.path, tmp_path / "home"))
    with duckdb.connect(publish.version_file(copy, publish.current(copy))) as connection:
        connection.execute("update referral set applied_on = applied_on - 200, ended_on = ended_on - 200")
    assert "此后的进展还没有导入" in said(opened(copy, monkeypatch))


def test_a_share_before_that_is_hidden_is_said_in_words():
    from app.parts import mediation

    assert (mediation._before(0.123), mediation._before(None)) == ("此前 12%", "此前隐去")
