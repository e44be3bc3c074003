"""The house rules that a test can hold."""

import ast
import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = (
    "pipelines.redact",
    "pipelines.dispatch",
    "pipelines.config.Home",
    "pipelines.errors",
    "pipelines.logs",
    "pipelines.runs",
)
PYTHON = sorted([*ROOT.glob("app/**/*.py"), *ROOT.glob("pipelines/**/*.py")])


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_data_flows_one_way(path):
    """app never imports pipelines, pipelines never app; charts and exports never streamlit.

    SHARED is for both: what people write into a case is redacted by the same rules, what they paste gets the same suggestion.
    """
    found = imports(path)
    if path.is_relative_to(ROOT / "app") and any(name.startswith(SHARED) for name in found):
        found = {name for name in found if not name.startswith(SHARED)} - {"pipelines", "pipelines.config"}
    top = {name.split(".")[0] for name in found}
    part = path.relative_to(ROOT).parts
    assert ("pipelines" if part[0] == "app" else "app") not in top
    if part[:2] in (("app", "charts"), ("app", "exports"), ("app", "reports")):
        assert "streamlit" not in top
    if part[:2] == ("pipelines", "detectors"):
        assert not top & {"duckdb", "datetime", "time"}


def test_each_mart_names_its_grain_and_inputs():
    for path in ROOT.glob("sql/marts/*.sql"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith("-- "), path.name
        assert "\n-- grain: " in text and "\n-- inputs: " in text, path.name


def test_mart_sql_stays_portable():
    """Nothing DuckDB alone understands: another engine must be able to run the same marts."""
    for path in ROOT.glob("sql/marts/*.sql"):
        text = re.sub(r"--.*", "", path.read_text(encoding="utf-8")).lower()
        for word in ("generate_series", "isodow", "pivot", "group by all", "quantile_cont", "getvariable"):
            assert word not in text, (path.name, word)


def test_fields_are_listed_once_with_a_chinese_label():
    with (ROOT / "sql/fields.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    names = [row["name"] for row in rows]
    assert len(names) == len(set(names))
    assert all(re.search(r"[\u4e00-\u9fff]", row["label"]) for row in rows)


def test_nothing_in_the_schema_is_about_a_person():
    """No column anywhere holds a name, number, address or profile of a petitioner."""
    suspicious = re.compile(
        r"petitioner|citizen|caller|phone|mobile|id_card|person_name|address|complainant|姓名|手机|身份证|住址", re.I
    )
    columns = re.findall(r"^\s{4}(\w+)\s", (ROOT / "sql/schema/core.sql").read_text(encoding="utf-8"), re.M)
    columns += [line.split(",")[0] for line in (ROOT / "sql/fields.csv").read_text(encoding="utf-8").splitlines()]
    assert not [name for name in columns if suspicious.search(name)]


def test_no_broad_except():
    """Nothing swallows an error it does not know; cleaning up and raising again is fine."""
    for path in PYTHON:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler) and ast.unparse(node.body[-1]) != "raise":
                caught = ast.unparse(node.type) if node.type else "everything"
                assert caught not in ("everything", "Exception", "BaseException"), path.name


def test_no_page_run_waits_for_another_for_good():
    """Python within Polars' own threads can make the server stand still; see app.wording.each."""
    for path in PYTHON:
        if path.is_relative_to(ROOT / "app"):
            found = re.findall(
                r"\.(?:map_elements|map_batches|map_groups|rolling_map)\(", path.read_text(encoding="utf-8")
            )
            assert not found, path.name


def test_both_halves_mean_the_same_marts():
    """app/ may not import pipelines/: the number stands in both."""
    from app import versions
    from pipelines import publish

    assert versions.SCHEMA == publish.SCHEMA


@pytest.mark.parametrize("n", range(4))
@pytest.mark.xdist_group("together")
def test_tests_of_a_group_run_in_one_process(n, tmp_path_factory, worker_id):
    """What they share would be set up in each process, and nobody would see it but by the time it takes."""
    seen = tmp_path_factory.getbasetemp().parent / "processes of a group"
    if worker_id != "master":
        seen.mkdir(exist_ok=True)
        (seen / worker_id).touch()
        assert [path.name for path in seen.iterdir()] == [worker_id]
