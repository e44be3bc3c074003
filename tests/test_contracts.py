"""Data contracts: the pages say what the program reads, and a file can be held against them without loading it."""

import json
from datetime import date
from pathlib import Path

import pytest

from pipelines import cli, ingest, layouts
from pipelines.layouts import contract, files
from pipelines.sources import REGISTERS, SOURCES, reading

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "contracts"
SAMPLES = [
    path
    for source in (SOURCES | REGISTERS)
    for path in sorted((ROOT / "data" / "sample" / source).iterdir())
    if path.suffix in (".csv", ".xlsx") and not path.name.startswith(ingest.EXPECTED_PREFIX)
]
TODAY = date(2026, 11, 16)


def test_the_committed_pages_are_those_the_program_makes():
    made = contract.pages(files.load_all(None))
    assert {path.name: path.read_text(encoding="utf-8") for path in PAGES.glob("*.md")} == made, (
        "请运行 yanpan layout contract --out docs/contracts"
    )


def test_a_page_names_every_column_that_is_read_and_every_one_that_never_is():
    pages = contract.pages(files.load_all(None))
    for source, one in (SOURCES | REGISTERS).items():
        for layout in one.layouts.values():
            for header in (*layout["columns"], *layout["identifying"]):
                assert header in pages[f"{source}.md"], (source, header)


def test_an_office_s_own_layout_is_on_its_page(empty_home):
    layout = {  # the smallest there can be
        "title": "某区诉求",
        "columns": {"编码": "item_number", "收到": "registered_at", "什么事": "category"},
        "required": ("编码", "收到", "什么事"),
        "identifying": ("谁",),
    }
    layouts.save(empty_home, "某区", "hotline", layout)
    page = contract.pages(files.load_all(empty_home))["hotline.md"]
    assert "## 版式 `某区`：某区诉求" in page and "**不读取**：谁，" in page


def test_every_refusal_of_a_whole_file_is_told_with_its_next_step():
    rows = contract._refusals()
    assert len(rows) >= 25
    assert all(len(expected) > 3 for _, expected, _ in rows)
    assert ("空文件", "带表头的导出文件", reading.EXPORT_AGAIN) in rows


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_check_of_a_whole_file_counts_what_ingesting_it_counts(path, empty_home):
    found = layouts.check(reading.inspect(path), layouts.load_all(None), today=TODAY, n=None)
    [batch] = ingest.ingest([path], empty_home, today=TODAY)
    n_out = sum(rule["n"] for rule in found["rules"] if rule["rule"] == "out_of_scope")
    assert (found["n_rows"], found["n_rejected"], n_out) == (
        batch["n_read"], batch["n_rejected"], batch["n_out_of_scope"],
    )  # fmt: skip
    assert found["is_whole"]


def test_a_long_file_is_read_to_its_end_only_when_asked(tmp_path):
    path = tmp_path / "长.csv"
    lines = [f"{n},2026-10-12,供暖不热,供热,云溪区" for n in range(2_500)] + ["2500,昨天,供暖不热,供热,云溪区"]
    path.write_text("\n".join(["工单编号,受理时间,标题,问题分类,被反映区", *lines]) + "\n", encoding="utf-8")
    facts, known = reading.inspect(path), layouts.load_all(None)
    first = layouts.check(facts, known, today=TODAY)
    assert (first["n_rows"], first["n_rejected"], first["is_whole"]) == (1_000, 0, False)
    whole = layouts.check(facts, known, today=TODAY, n=None)
    assert (whole["n_rows"], whole["n_items"], whole["is_whole"]) == (2_501, 2_500, True)
    assert [(rule["rule"], rule["n"], rule["rows"]) for rule in whole["rules"]] == [("bad_registered_at", 1, [2_502])]


def test_the_exit_code_says_whether_the_file_can_be_taken(tmp_path, capsys):
    good, none, home = tmp_path / "好.csv", tmp_path / "都不行.csv", tmp_path / "home"
    head = "工单编号,受理时间,标题,问题分类,被反映区\n"
    good.write_text(head + "1,2026-10-12,供暖不热,供热,云溪区\n2,昨天,供暖不热,供热,云溪区\n", encoding="utf-8")
    none.write_text(head + "1,昨天,供暖不热,供热,云溪区\n", encoding="utf-8")

    def check(path: Path, *options: str) -> tuple[int, dict]:
        code = cli.main(["layout", "check", str(path), *options, "--home", str(home), "--json"])
        return code, json.loads(capsys.readouterr().out)

    assert check(good)[0] == 0
    code, answer = check(good, "--strict")
    assert (code, answer["exit_code"], answer["n_events"], answer["n_rejected"]) == (4, 4, 1, 1)
    assert answer["error"] == "好.csv：2 行里有 1 行不能入库，各行的原因和改法见上。"
    code, answer = check(none, "--strict")
    assert code == 4 and "没有一行可以入库" in answer["next_step"]
    assert not (home / "warehouse.duckdb").exists()
