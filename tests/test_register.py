"""The register of issues and the export log: frozen once, never changed, noted without failing anybody."""

import os
import threading
from datetime import date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import versions
from app.casework import store
from app.casework.store import Unavailable
from app.reports import periods, register, settings
from pipelines import config, privacy_scan

ROOT = Path(__file__).resolve().parents[1]
WEEK = periods.parse("weekly", "2026-W46")
FILES = {"docx": ("周报.docx", b"word"), "pdf": ("周报.pdf", b"%PDF")}
FORBIDDEN = {"sqlite": "insert or replace into {0} select * from {0}", "postgresql": "truncate {0}"}


@pytest.fixture(params=["sqlite", "postgresql"])
def state(request, monkeypatch):
    """Both databases the state may live in."""
    if request.param == "postgresql":
        monkeypatch.setenv("YANPAN_STATE", request.getfixturevalue("postgres_state"))
    return request.param


def issue(period=WEEK, *, revision: int = 1, files=FILES, **given) -> register.Issue:
    words = {
        "area_code": None, "area_name": "安澜市", "audience": "leaders", "number": 46, "title": "诉求风险研判周报", "mark": "",
        "version": "4", "as_of": date(2026, 11, 16), "fingerprint": "1a2b3c4d", "at": datetime(2026, 11, 16, 9, 5), "role": "office",
    }  # fmt: skip
    return register.freeze(period, files, revision=revision, **words | given)


def test_an_issue_is_kept_as_it_was_and_the_next_is_a_correction(state):
    first = issue()
    assert register.issues() == [first] and register.latest("weekly", "2026-W46", None, "leaders") == first
    second = issue(revision=2, files={"docx": ("周报.docx", b"other")})
    assert (first.words, second.words) == ("第46期", "第46期更正版")
    assert register.latest("weekly", "2026-W46", None, "leaders") == second
    assert [register.content(file) for file in (*first.files, *second.files)] == [b"word", b"%PDF", b"other"]
    assert first.files[0].path == "reports/weekly/2026-W46/第46期_领导版_v1/周报.docx"
    assert register.latest("weekly", "2026-W46", "990101", "leaders") is None


def test_what_was_issued_and_taken_away_cannot_be_changed(state):
    issue()
    register.note_export("weekly", "图.png", "png", b"1234", version="4", role="leader")
    for table in ("report_issue", "export_log"):
        for statement in ("update {0} set version = 'x'", "delete from {0}", FORBIDDEN[state]):
            with (
                store.engine().connect() as connection,
                pytest.raises(sa.exc.IntegrityError, match="append-only"),
            ):
                connection.exec_driver_sql(statement.format(table))
    assert register.issues()[0].version == register.exports()[0]["version"] == "4"
    assert register.exports()[0]["n_bytes"] == 4 and register.exports()[0]["role"] == "leader"


def test_the_same_revision_is_issued_once(state):
    """Ten at the same moment: one row, one folder; the others are told."""
    store.engine()
    start, said = threading.Barrier(10), []

    def take(n: int) -> None:
        start.wait()
        try:
            said.append(issue(files={"docx": ("周报.docx", str(n).encode())}))
        except register.Refused as refused:
            assert "刚刚有人定稿" in str(refused)

    threads = [threading.Thread(target=take, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 1 and register.issues() == said
    assert register.content(said[0].files[0]).isdigit()
    folder = versions.home() / "reports" / "weekly" / "2026-W46"
    assert [path.name for path in folder.iterdir()] == ["第46期_领导版_v1"]


def test_only_the_office_issues_and_something_must_be_issued():
    for given, said in (({"role": "leader"}, "研判中心"), ({"files": {}}, "格式")):
        with pytest.raises(register.Refused, match=said):
            issue(**given)
    assert register.issues() == []


def test_a_file_that_was_changed_is_told_not_served():
    word, pdf = issue().files
    assert register.problem(word) == register.problem(pdf) == ""
    path = versions.home() / word.path
    path.write_bytes(b"wore")
    os.utime(path, ns=(1, 1))
    (versions.home() / pdf.path).unlink()
    assert "与定稿时不一致" in register.problem(word) and "找不到" in register.problem(pdf)
    for file in (word, pdf):
        with pytest.raises(register.Changed, match="不提供下载"):
            register.content(file)


def test_nothing_is_overwritten_that_nobody_registered():
    """The register was lost, the folder was not."""
    left = versions.home() / "reports" / "weekly" / "2026-W46" / "第46期_领导版_v1"
    left.mkdir(parents=True)
    (left / "周报.docx").write_bytes(b"early")
    assert register.content(issue().files[0]) == b"word"
    assert (left / "周报.docx").read_bytes() == b"early"


def test_without_room_nothing_is_registered():
    (versions.home() / "reports").parent.mkdir(parents=True, exist_ok=True)
    (versions.home() / "reports").write_text("no folder")
    with pytest.raises(register.Refused, match="写不进去"):
        issue()
    assert register.issues() == []


def test_numbers_by_the_calendar_by_the_office_and_as_registered():
    home = versions.home()
    home.mkdir(parents=True)
    assert register.number(WEEK, None, "leaders") == 46
    assert register.number(periods.parse("annual", "2026"), None, "leaders") is None
    (home / "reports.toml").write_text('[number.weekly]\n"2026-W10" = 9\n"2026-W40" = 50\n', encoding="utf-8")
    weeks = {"2026-W09": 9, "2026-W10": 9, "2026-W39": 38, "2026-W46": 56, "2027-W02": 2}
    assert {week: register.number(periods.parse("weekly", week), None, "leaders") for week in weeks} == weeks
    issue(number=7)
    assert register.number(WEEK, None, "leaders") == 7
    assert register.number(WEEK, None, "units") == register.number(WEEK, "990101", "leaders") == 56


def test_the_example_settings_can_be_used(tmp_path):
    (tmp_path / "reports.toml").write_text(
        (ROOT / "docs" / "reports.example.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    said = settings.read(tmp_path)
    assert said.office == "安澜市诉求研判中心" and said.mark and said.audience == "leaders"
    assert said.number(WEEK) == 45 and said.number(periods.parse("monthly", "2026-11")) == 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("office = 5", "office"),
        (f'office = "{"长" * 41}"', "office"),
        ('internal = "yes"', "true 或 false"),
        ('audience = "all"', "leaders（领导版）"),
        ("secret = 1", "不认识 secret"),
        ("number = 3", r"\[number.weekly\]"),
        ('[number.annual]\n"2026" = 1', "只有"),
        ('[number.weekly]\n"2026-W60" = 1', "2026-W46 这样"),
        ('[number.weekly]\n"2026-W10" = true', "期号"),
        ("= = =", "TOML"),
    ],
)
def test_a_bad_setting_is_one_sentence(tmp_path, text, said):
    (tmp_path / "reports.toml").write_text(text, encoding="utf-8")
    with pytest.raises(settings.BadSetting, match=said) as error:
        settings.read(tmp_path)
    assert str(error.value).endswith("。") and "\n" not in str(error.value)


def test_a_download_is_never_refused_for_its_note(monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("YANPAN_STATE", f"sqlite:///{tmp_path / 'file' / 'state.sqlite'}")
    register.note_export("weekly", "图.png", "png", b"1234", version="4")
    assert "导出没有记入记录" in caplog.text
    assert register.number(WEEK, None, "leaders") == 46
    with pytest.raises(Unavailable):
        register.issues()


def test_the_residual_scan_sees_issues_and_the_log():
    issue(title="联系人13812345678", files={"txt": ("周报.txt", "电话13912345678".encode())})
    found = privacy_scan.scan_home(config.home(versions.home()))
    hard = found.filter(found["is_hard"] & (found["n_cells_found"] > 0))
    assert set(hard["table_name"]) == {"report_issue", "周报.txt"}
