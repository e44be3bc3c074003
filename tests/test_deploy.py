"""What is in deploy/ and the administrator's manual fits the program."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from app import metrics, server
from deploy import bundle
from pipelines import cli

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("systemd/*.service")), ids=lambda path: path.stem)
def test_a_service_runs_a_command_there_is(path):
    words = re.findall(r"^ExecStart=/opt/yanpan/venv/bin/(\S+) (.+)$", path.read_text(encoding="utf-8"), re.M)
    assert len(words) == 1
    program, arguments = words[0]
    if program == "yanpan":
        assert cli._parser().parse_args(arguments.split()).run
    else:
        assert arguments.startswith("-m app.server --host 127.0.0.1")


def test_every_timer_has_its_service():
    for path in DEPLOY.glob("systemd/*.timer"):
        assert path.with_suffix(".service").exists() and "OnCalendar=" in path.read_text(encoding="utf-8")


def test_systemd_understands_the_units(tmp_path):
    """With programs and accounts of this machine in place of the server's."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("本机没有 systemd-analyze")
    shutil.copytree(DEPLOY / "systemd", tmp_path / "units")
    for path in (tmp_path / "units").rglob("*.*"):
        if path.is_file():
            text = re.sub(r"(?m)^(ExecStart=)/opt/\S+", r"\1/bin/true", path.read_text(encoding="utf-8"))
            path.write_text(re.sub(r"(?m)^(User|Group)=.*", r"\1=root", text), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", *sorted(map(str, (tmp_path / "units").glob("yanpan-*.*[er]")))],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path / 'units'}:"}, capture_output=True, check=False, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0 and "yanpan" not in done.stderr, done.stderr


def test_the_proxy_closes_what_is_for_this_machine_alone():
    text = read("deploy/nginx.conf")
    closed = set(re.findall(r"location (?:= )?(\S+)\s+\{ return 404; \}", text))
    assert closed == {*server.CLOSED_PATHS, "/metrics", "/readyz"}
    most = tomllib.loads(read(".streamlit/config.toml"))["server"]["maxUploadSize"]
    assert f"client_max_body_size {most}m;" in text
    assert server.KEEP_ALIVE_SECONDS > 60  # nginx's own; else it meets connections that are closed already


def test_the_alarms_ask_for_numbers_there_are():
    known = {family.name for family in metrics.REGISTRY.collect()}
    asked = set(re.findall(r"yanpan_\w+", read("deploy/prometheus.yml") + read("docs/admin-manual.md")))
    asked = {re.sub(r"_(bucket|total)$", "", name) for name in asked}
    looked_up = {name for name in asked if f'"{name}"' in read("app/metrics.py")}
    assert asked - known - looked_up == set()


def test_every_setting_is_in_the_manual():
    program = "\n".join(
        path.read_text(encoding="utf-8") for part in ("app", "pipelines") for path in (ROOT / part).rglob("*.py")
    )
    settings = set(re.findall(r"\bYANPAN_[A-Z_]+", program))
    assert settings and not [name for name in settings if f"`{name}`" not in read("docs/admin-manual.md")]


def test_the_bundle_takes_what_the_platform_needs():
    lock = ROOT / "requirements.lock"
    on = {python: list(bundle.needed(lock, "aarch64", python)) for python in ("3.11", "3.12")}
    for blocks in on.values():
        names = [re.split(r"[=\s]", block)[0] for block in blocks]
        assert len(names) == len(set(names)) and {"streamlit", "duckdb", "hatchling"} <= set(names)
        assert all(
            re.fullmatch(r"\S+==\S+ \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", block) for block in blocks
        )
    assert on["3.11"] != on["3.12"]  # some packages have another version there


def test_the_bundle_holds_the_program_and_no_tests():
    files = bundle.tracked()
    assert {
        "pyproject.toml",
        "requirements.lock",
        ".streamlit/config.toml",
        "app/server.py",
        "sql/schema/core.sql",
    } <= set(files)
    assert not [name for name in files if name.startswith(("tests/", "bench/", "var/", ".venv/"))]
    assert subprocess.run(["sh", "-n", DEPLOY / "install.sh"], check=False).returncode == 0
