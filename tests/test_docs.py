"""The documents say what is there."""

import argparse
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import manual
from app.access.roles import DOINGS, ROLES
from pipelines import cli
from pipelines.sources import REGISTERS, SOURCES

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_two_commands_of_the_readme_are_in_the_makefile():
    for target in re.findall(r"^make (\w+)", read("README.md"), re.M):
        assert re.search(rf"^{target}:", read("Makefile"), re.M), target


def test_every_command_is_in_the_readme():
    said = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "--help"], cwd=ROOT, capture_output=True, text=True, check=True,
        encoding="utf-8",
    ).stdout  # fmt: skip
    commands = re.findall(r"^    (\w+)  ", said, re.M)
    assert len(commands) >= 8
    assert not [name for name in commands if f"`yanpan {name}" not in read("README.md")]


def test_every_source_has_its_page_and_a_sample_of_each_layout():
    for name, source in (SOURCES | REGISTERS).items():
        page = read(f"data/sample/{name}/README.md")
        for layout in source.layouts:
            assert list((ROOT / "data/sample" / name).glob(f"{layout}.*")), layout
            assert layout in page


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
        candidates = (document.parent / target, document.parent / f"{target}.md")
        assert any(path.exists() for path in candidates), target


def test_every_document_is_in_the_index():
    listed = set(re.findall(r"\]\(([\w./-]+\.md)\)", read("docs/README.md")))
    assert {f"{name}.md" for name in manual.names()} - listed == {"README.md"}


def parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Commands below a parser."""
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_of_a_document_can_be_typed(document):
    """Each `yanpan …`: command, verb and options are known. Of others only what stands before a Chinese word is looked at."""
    for said in re.findall(r"(?<![\w./-])yanpan ([a-z][^`\n|#，。；、）（]*)", document.read_text(encoding="utf-8")):
        parser = cli._parser()
        for word in said.split():
            if below := parsers(parser):
                assert word in below, said
                parser = below[word]
            elif word.startswith("--"):
                options = {option for action in parser._actions for option in action.option_strings}
                assert word.partition("=")[0] in options, said


def test_what_the_manual_calls_by_name_is_in_the_program():
    """「页 · 页签」, buttons and fields: each word of them stands in app/ as the reader sees it."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py"))
    for name in manual.names():
        for said in re.findall(r"「([^」…]+)」", read(f"docs/{name}.md")):
            for word in said.split(" · "):
                assert word in source, (name, said)


def test_the_manual_says_what_each_role_may():
    titles = dict(re.findall(r'one\("\w+", "([^"]+)", "\w+", "(\w+)"', read("app/main.py")))
    titles = {url: title for title, url in titles.items()}
    for role in ROLES.values():
        pages = "、".join(titles[page] for page in role.pages if page != "warning")
        row = f"| {role.name} | {pages} | {'、'.join(DOINGS[doing] for doing in role.may)} |"
        assert row in read("docs/manual/README.md"), f"docs/manual/README.md 应有这一行：{row}"
    assert list(manual.CHAPTERS) == list(ROLES)


def test_the_pictures_are_those_that_are_taken_and_few():
    taken = {f"{name}.png" for name in runpy.run_path(str(ROOT / "docs" / "pictures.py"))["PICTURES"]}
    shown = {picture for name in manual.names() for _, picture in manual.PICTURE.findall(read(f"docs/{name}.md"))}
    kept = list((ROOT / "docs" / "manual").glob("*.png"))
    assert taken == shown == {path.name for path in kept}
    assert sum(path.stat().st_size for path in kept) <= 3_000_000


def test_every_test_a_document_names_is_there():
    for name in manual.names():
        for file, test in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", read(f"docs/{name}.md")):
            assert (ROOT / file).exists(), (name, file)
            assert not test or f"def {test}(" in read(file), (name, test)


def test_the_impact_assessment_has_the_measured_recall():
    measured = re.findall(
        r"^\| (\S+) \| ([\d.*]+) \| ([\d.*]+) \|$", read("BENCHMARKS.md").partition("## 脱敏")[2], re.M
    )[:6]
    assert len(measured) == 6
    for kind, made, inserted in measured:
        figures = f"{made} / {inserted}".replace("** / **", " / ")
        assert f"| {kind} | {figures} |" in read("docs/privacy-impact.md"), kind


def test_the_page_and_the_document_say_the_same():
    page = AppTest.from_file(ROOT / "app/views/about.py", default_timeout=60).run()
    assert not page.exception
    assert manual.statement() in [one.value for one in page.markdown]
    assert manual.statement().replace("\n", "") in read("docs/what-it-does-not-do.md").replace("\n", "")


@pytest.mark.parametrize("name", ["manual/leader", "contracts/hotline"])
def test_the_help_page_shows_a_document_with_its_pictures(name):
    page = AppTest.from_file(ROOT / "app/views/help.py", default_timeout=60)
    page.query_params["doc"] = name
    page.run()
    assert not page.exception
    assert page.selectbox[0].value == name
    shown = "\n".join(one.value for one in page.markdown)
    assert manual.title(name) in shown and "![" not in shown and ".md)" not in shown
    assert len(page.get("image")) == len(manual.PICTURE.findall(read(f"docs/{name}.md")))


def test_nothing_names_the_machine_it_was_made_on():
    """No absolute paths of a workshop, no package host: what a user reads or installs is the same everywhere."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    for name in tracked:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".lock", ".sql", ".yaml", ".csv", ""} and path.is_file():
            text = path.read_text(encoding="utf-8", errors="ignore")
            assert not re.search(r"(?<![\w.])/(?:work|root|home/\w+)/\w", text), name
            if path.suffix == ".lock":
                assert "://" not in text, name
