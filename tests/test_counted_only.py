"""检举控告, 涉法涉诉 and 保密: counted, and otherwise nowhere (《信访工作条例》 art. 30: nothing of them is passed on)."""

from datetime import date

import duckdb
import polars as pl
import pytest
from builders import add_reference, load, make_events

from app import marts as pages
from app.exports import csv_text, workbook
from pipelines import build, publish, warehouse
from pipelines.config import home as open_home
from pipelines.ingest import ingest

TODAY = date(2026, 11, 16)
SECRET = ("某干部收受好处", "秘密承办处", "法院判决不执行细节", "要求保密的内容")
PETITION = "信访件编号,信访人数,问题属地,信访目的,内容分类,登记日期,概况,责任单位,是否保密"
ROWS = [
    "P1,1,安澜市云溪区和平街道,检举控告,农村农业>村务管理,2026-11-10,某干部收受好处,秘密承办处,否",
    "P2,1,安澜市云溪区和平街道,求决,政法>诉讼>涉法涉诉,2026-11-10,法院判决不执行细节,秘密承办处,否",
    "P3,1,安澜市云溪区和平街道,求决,城乡建设>供热,2026-11-10,要求保密的内容,秘密承办处,是",
    "P4,1,安澜市云溪区和平街道,揭发控告,城乡建设>供热,2026-11-11,某干部收受好处,秘密承办处,",
    "P5,1,安澜市云溪区和平街道,求决,城乡建设>供热,2026-11-11,暖气不热,云溪区住建局,否",
]
SCOPE = {
    **dict.fromkeys(("source", "county", "town", "community", "group", "issue", "category", "unit", "word")),
    **dict.fromkeys(("after_at", "after_key")),
    "from_on": date(2026, 11, 2),
    "to_on": date(2026, 11, 16),
    "n_rows": 100,
    "n_parts": 100,
}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The five petitions, taken in and published. Read only, please."""
    home = open_home(tmp_path_factory.mktemp("只计数"))
    path = tmp_path_factory.mktemp("来件") / "信访件.csv"
    path.write_text("\n".join([PETITION, *ROWS]) + "\n", encoding="utf-8")
    ingest([path], home, today=TODAY)
    add_reference(home)
    build.build(home, today=TODAY)
    return home


def marts(home):
    return duckdb.connect(publish.version_file(home, publish.current(home)), read_only=True)


def ask(connection, name: str, **parameters) -> pl.DataFrame:
    text = pages.text(name)
    return connection.sql(text, params={key: value for key, value in parameters.items() if f"${key}" in text}).pl()


def test_they_are_counted(published):
    with marts(published) as connection:
        assert connection.execute("select sum(n_events) from daily_counts").fetchall() == [(5,)]
        assert connection.execute("select count(*) from event where is_counted_only").fetchall() == [(4,)]


def test_neither_title_text_nor_unit_is_in_any_table(published):
    """Of the warehouse, of the published version, nor in the bytes of either file."""
    files = [published.warehouse, publish.version_file(published, publish.current(published))]
    for file in files:
        stored = file.read_bytes()
        assert "云溪区住建局".encode() in stored
        for secret in SECRET:
            assert secret.encode() not in stored, (file.name, secret)
    with marts(published) as connection:
        told = "title is not null or text is not null or unit_name is not null or unit_co_name is not null"
        assert connection.execute(f"select count(*) from event where is_counted_only and ({told})").fetchall() == [(0,)]


def test_they_are_in_no_list_of_items_and_lead_to_no_unit(published):
    with marts(published) as connection:
        items = ask(connection, "items", **SCOPE)
        assert items["text"].to_list() == ["暖气不热"]
        assert ask(connection, "item_count", **SCOPE)["n_events"].to_list() == [1]
        for (code,) in connection.execute("select distinct issue_code from event").fetchall():
            parts = ask(connection, "issue_parts", **SCOPE | {"issue": code})
            units = parts.filter(pl.col("part_kind") == "unit")
            assert set(units["part_name"]) <= {"云溪区住建局"}


def test_no_query_and_no_export_of_any_table_tells_of_them(published):
    with marts(published) as connection:
        tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        for schema, table in tables:
            frame = connection.sql(f'from "{schema}"."{table}"').pl()
            said = csv_text.csv_bytes(frame).decode("utf-8-sig") + "".join(_cells(workbook.xlsx(frame, title=table)))
            for secret in SECRET:
                assert secret not in said, (table, secret)


def _cells(data: bytes) -> list[str]:
    import io

    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
    return [str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row]


def test_an_issue_that_is_counted_only_hides_what_the_source_words_did_not_tell(empty_home):
    """The cross-walk says 检举控告 where the source's category does not."""
    (empty_home.reference).mkdir(parents=True)
    (empty_home.reference / "crosswalk.csv").write_text(
        "source,category_raw,issue_code,valid_from\nhotline,作风问题,1407,2020-01-01\n", encoding="utf-8"
    )
    load(
        empty_home,
        make_events(category_raw="作风问题", title="某干部收受好处", text="某干部收受好处", unit_name="秘密承办处"),
        make_events(),
    )
    build.build(empty_home, today=TODAY)
    with marts(empty_home) as connection:
        rows = connection.execute("select title, text, unit_name from event where is_counted_only").fetchall()
        assert rows == [(None, None, None)]
        assert ask(connection, "items", **SCOPE)["category_raw"].to_list() == ["公用服务>供暖"]


def test_the_flag_is_kept_so_that_the_row_can_be_told_from_an_empty_one(published):
    with warehouse.connect(published, read_only=True) as connection:
        flags = connection.execute("select source_row, is_confidential from core.event order by 1").fetchall()
    assert flags == [(2, True), (3, True), (4, True), (5, True), (6, False)]


def test_the_demo_city_has_such_items_and_shows_none(demo_home):
    with marts(demo_home) as connection:
        n_private, n_told = connection.execute(
            "select count(*), count(coalesce(title, text, unit_name)) from event where is_counted_only"
        ).fetchall()[0]
        assert n_private > 50
        assert n_told == 0
        listed = ask(connection, "items", **SCOPE | {"from_on": date(2020, 1, 1), "n_rows": 100_000})
        private = connection.sql("select event_key from event where is_counted_only").pl()
        assert listed.join(private, on="event_key").is_empty()
