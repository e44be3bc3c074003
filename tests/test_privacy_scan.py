"""The second look: whatever stands anywhere is found, nothing that was found is shown, and nothing is made up."""

import contextlib
import io
import json
import shutil
import zipfile
from datetime import date, datetime

import duckdb
import polars as pl
import pytest
from builders import load, make_events

from app.casework import store
from app.exports import csv_text, workbook
from pipelines import build, cli, privacy_scan, publish
from pipelines.config import ROOT
from pipelines.errors import CheckFailed
from pipelines.ingest import ingest
from pipelines.privacy_scan import HARD, NUMBER_COLUMNS, SCHEMA, refuse, scan_files, scan_tables, summary

TODAY = date(2026, 11, 16)
# All invented: mobiles in the 199 0000 style, an identity number of area 99, a card number with a right Luhn sum.
PLANTED = {
    "mobile": "请回电199-0000-1234谢谢",
    "id_card": "证件99010219900101123X，男",
    "bank_card": "转入6222990000000000006后",
    "email": "发到anlan_99@example.com。",
    "landline": "座机0990-81234567",
    "plate": "货车浙A99001占道",
    "passport": "持E99001234",
    "name": "联系人：王小明",
    "account": "微信号：anlan9900",
    "address_unit": "锦绣花园3栋2单元漏水",
}
SPELLINGS = {
    "mobile": ["19900001234", "199 0000 1234", "１９９００００１２３４", "+86-199-0000-1234", "1 9 9 0 0 0 0 1 2 3 4", "一九九零零零零一二三四"],
    "id_card": ["990102199001011234", "990102 19900101 1234", "９９０１０２１９９００１０１１２３４"],
    "bank_card": ["6222990000000000006", "6222 9900 0000 0000 006"],
    "email": ["a.b@example.com", "ABC99@QQ.COM", "x＠example.cn"],
}  # fmt: skip
NOTHING = [
    "2024-03-15 08:30:00至2024-03-16 18:00:00停水",
    "工单编号20240315000123未回复",
    "拖欠工资13800000000元",
    "113.1234567,29.1234567 和 123.45678901",
    '{"type":"Polygon","coordinates":[[[123.0123456,29.1],[123.1,29.1380012],[123.1,29.2]]]}',
    "ab19900001234cde0",
    "990101001001",
    "〔姓名〕先生，电话〔手机号〕",
    "合同编号6222990000000000006",
    "拨打12345、12315和110",
]


@pytest.fixture(scope="module")
def copies(demo_home, tmp_path_factory):
    """The demo city's two databases, to write into."""
    folder = tmp_path_factory.mktemp("copies")
    shutil.copy(demo_home.warehouse, folder / "warehouse.duckdb")
    shutil.copy(publish.version_file(demo_home, publish.current(demo_home)), folder / "marts.duckdb")
    return folder


@pytest.mark.parametrize("database", ["warehouse", "marts"])
def test_each_kind_is_found_in_each_text_column_of_each_table(database, copies):
    """One row more of each kind in every table, the planted value in all its text columns; then they are taken out again."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{copies / database}.duckdb' as {database}")
        tables = connection.execute(
            "select schema_name, table_name, list(column_name order by column_index), list(data_type order by column_index)"
            " from duckdb_columns() where database_name = $database group by all order by all",
            {"database": database},
        ).fetchall()
        assert len(tables) >= 7
        with_text = [one for one in tables if "VARCHAR" in one[3]]
        expected = set()
        for number, (kind, value) in enumerate(PLANTED.items()):
            for schema, table, columns, types in with_text:
                names = ", ".join(f'"{column}"' for column in columns)
                cells = ", ".join(
                    _cell(data_type, number if column.endswith("_id") else 0)
                    for column, data_type in zip(columns, types, strict=True)
                )
                target = f'{database}.{schema}."{table}"'
                connection.execute(f"insert into {target} ({names}) select {cells}", {"value": value})
                expected |= {
                    (kind, table, column)
                    for column, data_type in zip(columns, types, strict=True)
                    if data_type == "VARCHAR" and (kind == "email" or (table, column) not in NUMBER_COLUMNS)
                }
        found = scan_tables(connection).filter(pl.col("n_cells_found") > 0)
        for schema, table, columns, types in with_text:
            text = columns[types.index("VARCHAR")]
            connection.execute(
                f'delete from {database}.{schema}."{table}" where "{text}" in $values',
                {"values": list(PLANTED.values())},
            )
        assert expected - set(found.select("personal_kind", "table_name", "column_name").iter_rows()) == set()


def _cell(data_type: str, number: int) -> str:
    if data_type == "VARCHAR":
        return "$value"
    if data_type in ("DATE", "TIMESTAMP"):
        return f"{data_type} '2026-01-01'"
    return f"{number}::{data_type}" if data_type != "BOOLEAN" else "false"


def test_the_demo_city_is_clean_everywhere(demo_home, copies):
    """Its files are full of invented persons; after ingest and build nothing of them is left in any table."""
    with duckdb.connect() as connection:
        for name in ("warehouse", "marts"):
            connection.execute(f"attach '{copies / name}.duckdb' as {name} (read_only)")
        scan = scan_tables(connection)
        published = connection.sql("from marts.privacy_scan").pl()
    assert scan.schema == SCHEMA == published.schema
    assert scan.filter(pl.col("n_cells_found") > 0).is_empty(), scan.filter(pl.col("n_cells_found") > 0).to_dicts()
    assert {("marts", "event", "text"), ("warehouse", "event", "text"), ("warehouse", "rejected_row", "found")} <= set(
        published.select("storage", "table_name", "column_name").iter_rows()
    )
    assert published.filter(table_name="event", column_name="text")["n_cells"].min() > 5000
    assert summary(scan)["sentence"].endswith("发现 0 处。")


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in SPELLINGS for value in SPELLINGS[kind]])
def test_spellings(kind, value, tmp_path):
    (tmp_path / "a.log").write_text(f"第一行\n说明{value}，谢谢\n", encoding="utf-8")
    scan = scan_files([tmp_path])
    assert set(scan["personal_kind"]) == {kind}
    assert scan["n_cells_found"].to_list() == [1]
    assert scan["n_cells"].to_list() == [2]


@pytest.mark.parametrize("text", NOTHING)
def test_what_only_looks_alike_is_not_reported(text, tmp_path):
    (tmp_path / "a.log").write_text(text, encoding="utf-8")
    assert scan_files([tmp_path])["n_cells_found"].sum() == 0


def test_shapes_show_nothing_of_what_was_found(tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(PLANTED.values()), encoding="gb18030")
    scan = scan_files([tmp_path])
    assert set(scan["personal_kind"]) == set(PLANTED)
    assert not scan["shape"].str.contains(r"[0-9A-WYZa-wyz王小明浙]").any()
    assert scan.filter("is_hard")["personal_kind"].to_list() == sorted(HARD)


@pytest.mark.parametrize("kind", sorted(HARD))
@pytest.mark.parametrize("column", ["text", "unit_name", "category_raw", "county_name", "channel"])
def test_a_hard_kind_in_a_published_table_stops_the_publish(kind, column, empty_home):
    load(empty_home, make_events(**{column: PLANTED[kind]}), make_events())
    with pytest.raises(CheckFailed, match="no_personal_data") as stopped:
        build.build(empty_home, today=TODAY)
    assert publish.current(empty_home) is None
    assert kind in str(stopped.value)
    for secret in ("199-0000", "9901021990", "62229900", "anlan_99"):
        assert secret not in str(stopped.value)


def test_a_hint_does_not_stop_the_publish_and_is_published(empty_home):
    load(empty_home, make_events(text=PLANTED["name"]), make_events())
    build.build(empty_home, today=TODAY)
    with duckdb.connect(publish.version_file(empty_home, 1), read_only=True) as connection:
        found = connection.sql("from privacy_scan where n_cells_found > 0 and storage = 'marts'").pl()
    assert found.select("table_name", "column_name", "personal_kind", "n_cells_found").row(0) == (
        "event",
        "text",
        "name",
        1,
    )


def test_workbooks_and_csv_of_the_demo_city_are_clean_and_a_planted_number_in_one_is_found(copies, tmp_path):
    with duckdb.connect(copies / "marts.duckdb", read_only=True) as connection:
        for schema, table in connection.execute("select schema_name, table_name from duckdb_tables()").fetchall():
            # Our own hashes are in no export; by chance some look like a card number.
            hashes = ("event_key", "batch_id", "scan_key", "title_key", "corpus_key")
            frame = connection.sql(f'from "{schema}"."{table}" limit 600').pl().drop(hashes, strict=False)
            (tmp_path / f"{table}.xlsx").write_bytes(workbook.xlsx(frame, title=table, notes=["口径"]))
            (tmp_path / f"{table}.csv").write_bytes(csv_text.csv_bytes(frame))
    scan = scan_files([tmp_path])
    assert scan.filter(pl.col("n_cells_found") > 0).is_empty()
    assert scan.filter(pl.col("table_name") == "event.xlsx")["n_cells"].sum() > 3000
    planted = pl.DataFrame({"unit_name": ["某局", PLANTED["mobile"]], "text": ["无", PLANTED["email"]]})
    (tmp_path / "planted.xlsx").write_bytes(workbook.xlsx(planted, title="样表"))
    found = scan_files([tmp_path / "planted.xlsx"]).filter(pl.col("n_cells_found") > 0)
    assert sorted(found["personal_kind"]) == ["email", "mobile"]
    with pytest.raises(CheckFailed, match=r"手机号|邮箱"):
        refuse(found)


def test_text_cut_by_formatting_in_a_document_is_still_found(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as document:
        document.writestr(
            "word/document.xml", "<w:p><w:r><w:t>电话199</w:t></w:r><w:r><w:t>00001234</w:t></w:r></w:p><w:p/>"
        )
    assert scan_files([tmp_path])["personal_kind"].to_list() == ["mobile"]


def test_what_ingest_says_and_records_is_clean(tmp_path, monkeypatch):
    monkeypatch.setenv("YANPAN_HOME", str(tmp_path / "home"))
    said, printed = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(printed):
        assert cli.main(["ingest", str(ROOT / "data" / "sample"), "--json"]) == 0
    assert json.loads(printed.getvalue())["total"]["read"] > 0
    (tmp_path / "stderr").write_text(said.getvalue(), encoding="utf-8")
    (tmp_path / "stdout").write_text(printed.getvalue(), encoding="utf-8")
    scan = scan_files([tmp_path / "stderr", tmp_path / "stdout"])
    assert scan["n_cells"].min() > 0
    assert scan.filter(pl.col("n_cells_found") > 0).is_empty()


def test_check_looks_at_warehouse_version_exports_and_logs(empty_home, capsys):
    load(empty_home, make_events())
    build.build(empty_home, today=TODAY)
    arguments = ["check", "--home", str(empty_home.path)]
    assert cli.main(arguments) == 0
    assert "发现 0 处" in capsys.readouterr().out
    (empty_home.path / "logs").mkdir()
    (empty_home.path / "logs" / "a.log").write_text(PLANTED["mobile"], encoding="utf-8")
    assert cli.main(arguments) == CheckFailed.exit_code
    said = capsys.readouterr().err
    assert "a.log" in said and "手机号" in said
    assert "0000" not in said


def test_check_looks_at_what_was_written_in_cases_and_sent(empty_home, monkeypatch):
    monkeypatch.setenv("YANPAN_HOME", str(empty_home.path))
    with store.writing() as connection:
        connection.execute(
            store.delivery.insert().values(
                dedupe_key="k", event="new", channel="json", recipient="值班", role="office", subject="预警",
                body="请联系199-0000-1234", url="", status="sent", attempts=1, created_at=datetime(2026, 11, 16),
            )
        )  # fmt: skip
    store.engine().dispose()
    store._engine.cache_clear()
    found = privacy_scan.scan_home(empty_home).filter(pl.col("n_cells_found") > 0)
    assert found.select("storage", "table_name", "column_name", "personal_kind").rows() == [
        ("state", "delivery", "body", "mobile")
    ]


def test_a_number_in_the_name_of_a_file_is_not_kept(empty_home, tmp_path):
    sample = ROOT / "data" / "sample" / "hotline" / "short.csv"
    path = tmp_path / "导出 19900001234 第2批_20240131.csv"
    path.write_bytes(sample.read_bytes())
    assert ingest([path], empty_home, today=date(2024, 2, 1))[0]["file_name"] == "导出 〔手机号〕 第2批_20240131.csv"
    build.build(empty_home, today=date(2024, 2, 1))
    assert publish.current(empty_home) == 1
