"""The documents say what is there."""

import re
import subprocess
import sys
from pathlib import Path

from pipelines.sources import REGISTERS, SOURCES

ROOT = Path(__file__).resolve().parents[1]


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


def test_links_between_documents_lead_somewhere():
    for document in ROOT.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            candidates = (ROOT / target, ROOT / f"{target}.md")
            assert any(path.exists() for path in candidates), (document.name, target)


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
