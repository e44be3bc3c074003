"""Fixtures: homes built by the production steps, never by a shortcut."""

import functools
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

import psycopg
import pytest
from filelock import FileLock
from hypothesis import settings
from servers import postgresql
from streamlit.components.v2 import manifest_scanner

from app.casework import store
from pipelines import build, demo, ingest, reference
from pipelines.config import Home
from pipelines.config import home as open_home

TODAY = date(2026, 11, 16)  # the Monday after the demo city's last week
# A slow example on a busy machine is no failure.
settings.register_profile("unhurried", settings.default, deadline=None)
settings.load_profile("unhurried")
# As a server does: once a process. Every AppTest would look through all installed packages again.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share what their file sets up once run in one process, so that it is set up once a run."""
    for item in items:
        defined = [fixtures[-1] for fixtures in item._fixtureinfo.name2fixturedefs.values()]
        is_shared = any(one.scope != "function" and one.baseid.endswith(".py") for one in defined)
        if is_shared and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """The longest first, so that both processes end together; while one builds the demo city the other does without it."""
    group = item.get_closest_marker("xdist_group")
    if group is None:
        return 3
    if group.args == ("browser",):
        return 0
    return 2 if "demo_home" in item._fixtureinfo.name2fixturedefs else 1


@pytest.fixture(autouse=True)
def _no_real_home(monkeypatch, tmp_path):
    """No test touches the home a person works in."""
    monkeypatch.setenv("YANPAN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("YANPAN_STATE", raising=False)


@pytest.fixture
def empty_home(tmp_path) -> Home:
    return open_home(tmp_path / "home")


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory, worker_id) -> Home:
    """A small demo city, generated, ingested and published once a test run, a copy a test process. Read only, please."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    built, own = open_home(shared / "安澜"), tmp_path_factory.mktemp("安澜 demo") / "home"
    with FileLock(shared / "demo.lock"):
        if not built.current.exists():
            demo.generate(built.demo, items=12_000)
            reference.install(built.demo / "reference", built)
            ingest.ingest([built.demo], built, today=TODAY)
            build.build(built, today=TODAY)
    shutil.copytree(built.path, own)
    return open_home(own)


@pytest.fixture
def full(demo_home, monkeypatch, tmp_path) -> Home:
    """The demo city, to be read only, on the Monday after its last week; nobody has acted on a warning."""
    monkeypatch.setenv("YANPAN_HOME", str(demo_home.path))
    monkeypatch.setenv("YANPAN_STATE", f"sqlite:///{tmp_path / 'state.sqlite'}")
    monkeypatch.setattr("app.page.today", lambda: TODAY)
    return demo_home


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[tuple[str, int]]:
    """A real PostgreSQL, started once a test process: see servers.postgresql."""
    with postgresql() as server:
        yield server


@pytest.fixture
def postgres_state(postgres_server) -> Iterator[str]:
    """The URL of a new, empty PostgreSQL database, for YANPAN_STATE."""
    owner, port = postgres_server
    name = f"state_{uuid.uuid4().hex}"
    with psycopg.connect(f"{owner} dbname=postgres", autocommit=True) as connection:
        connection.execute(f'create database "{name}"')
    url = f"postgresql://owner:owner-secret@127.0.0.1:{port}/{name}"
    yield url
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YANPAN_STATE", url)
        with suppress(store.Unavailable):  # the test left it so
            store.engine().dispose()
    store._engine.cache_clear()


@pytest.fixture
def shared_files() -> Path:
    """Real public files beside the project; their rows stay out of it."""
    folder = Path(os.environ.get("YANPAN_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "data"
    if not folder.is_dir():
        pytest.skip(f"没有真实数据文件夹 {folder.name}，跳过")
    return folder


@pytest.fixture
def shared_detect() -> Path:
    """Reference results of R's surveillance beside the project; read at test time, never copied."""
    folder = Path(os.environ.get("YANPAN_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "detect" / "ref"
    if not folder.is_dir():
        pytest.skip("没有参照结果文件夹 detect/ref，跳过")
    return folder
