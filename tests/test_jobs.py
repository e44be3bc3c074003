"""Work started from a page: one at a time, outlives the page, leaves no uploaded file behind, says nothing it should not."""

import json
import os
import signal
import stat
import time
from pathlib import Path

import pytest

from app import jobs

ROOT = Path(__file__).resolve().parents[1]
SHORT = ROOT / "data" / "sample" / "hotline" / "short.csv"
SECRET = "张三丰的电话13900000000"


def ended(job_id: str, *, seconds: float = 300) -> jobs.Job:
    """The job once it does not run any more."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        job = jobs.get(job_id)
        if job is not None and job.status != jobs.RUNNING:
            return job
        time.sleep(0.05)
    raise AssertionError(f"{job_id} 没有结束")


def uploaded(*paths: Path) -> tuple[str, list[str]]:
    upload, saved = jobs.save_upload((path.name, path.read_bytes()) for path in paths)
    return upload, [str(path) for path in saved]


def slow(folder: Path) -> Path:
    """A file that takes a while: many rows of the short layout."""
    head, *rows = SHORT.read_text(encoding="utf-8-sig").splitlines()
    many = [row.replace("YX2401", f"Z{n:06d}", 1) for n in range(150_000) for row in rows[:1]]
    path = folder / "许多.csv"
    path.write_text("\n".join([head, *many]) + "\n", encoding="utf-8")
    return path


def running_with_pid(job_id: str) -> jobs.Job:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        job = jobs.get(job_id)
        assert job is not None and job.status == jobs.RUNNING
        if job.pid is not None:
            return job
        time.sleep(0.02)
    raise AssertionError("没有启动")


def test_an_import_leaves_its_answer_and_no_file(empty_home):
    upload, paths = uploaded(SHORT)
    assert stat.S_IMODE(Path(paths[0]).stat().st_mode) == 0o600
    assert all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in list(Path(paths[0]).parents)[:3])
    job = ended(jobs.start("ingest", "导入", [["ingest", *paths]], upload=upload).id)
    assert (job.status, job.exit_codes) == (jobs.DONE, [0])
    assert job.results()[0]["total"]["read"] == 5
    assert any("读入 5" in line for line in job.lines())
    assert not jobs.files_of(upload) and not list((empty_home.path / "uploads").iterdir())


def test_one_at_a_time_and_a_cancel_writes_nothing(empty_home, tmp_path):
    upload, paths = uploaded(slow(tmp_path))
    job = jobs.start("ingest", "导入 1 个文件", [["ingest", *paths]], upload=upload)
    with pytest.raises(jobs.Busy, match="正在导入 1 个文件"):
        jobs.start("build", "发布", [["build"]])
    running_with_pid(job.id)
    jobs.cancel(job.id)
    job = ended(job.id)
    assert job.status == jobs.CANCELLED and jobs.current() is None
    assert not jobs.files_of(upload)
    assert jobs.ask("batches").get("batches", []) == []


def test_a_cancel_the_command_does_not_hear_is_said_again(empty_home, tmp_path, monkeypatch):
    """A signal between the start of the job and the start of its command reaches nobody."""
    end, heard = jobs._end, []

    def deaf_at_first(pid: int, *, hard: bool) -> None:
        heard.append(hard)
        if len(heard) > 1:
            end(pid, hard=hard)

    monkeypatch.setattr(jobs, "_end", deaf_at_first)
    upload, paths = uploaded(slow(tmp_path))
    job = running_with_pid(jobs.start("ingest", "导入 1 个文件", [["ingest", *paths]], upload=upload).id)
    jobs.cancel(job.id)
    assert ended(job.id).status == jobs.CANCELLED and heard[:2] == [False, False]
    assert jobs.ask("batches").get("batches", []) == []


@pytest.mark.skipif(os.name == "nt", reason="kill -9 是 POSIX 的说法")
def test_a_killed_job_is_set_down_and_its_files_go(empty_home, tmp_path):
    upload, paths = uploaded(slow(tmp_path))
    job = running_with_pid(jobs.start("ingest", "导入", [["ingest", *paths]], upload=upload).id)
    os.killpg(job.pid, signal.SIGKILL)
    assert ended(job.id).status == jobs.INTERRUPTED
    assert not jobs.files_of(upload)
    second = ended(jobs.start("check", "再来", [["versions"]]).id)  # nothing stays locked
    assert second.status == jobs.DONE


def test_a_check_keeps_its_files_for_the_import_and_not_for_ever(empty_home, monkeypatch):
    upload, paths = uploaded(SHORT)
    about = {"source": "hotline"}
    job = jobs.start("check", "检查", [["versions"]], goes_on=True, upload=upload, keeps_upload=True, about=about)
    job = ended(job.id)
    assert job.about == about
    monkeypatch.setattr(jobs, "STARTING_SECONDS", 0)
    jobs.sweep()
    assert [str(path) for path in jobs.files_of(upload)] == paths
    monkeypatch.setattr(jobs, "KEEP_UPLOAD_SECONDS", 0)
    jobs.sweep()
    assert not jobs.files_of(upload)


def test_a_refused_file_is_told_in_the_sentence_of_the_command(empty_home, tmp_path):
    strange = tmp_path / "陌生.csv"
    strange.write_text(f"甲,乙\n{SECRET},2\n", encoding="utf-8")
    upload, paths = uploaded(strange)
    job = ended(jobs.start("ingest", "导入", [["ingest", *paths], ["build"]], upload=upload).id)
    assert job.status == jobs.FAILED and job.exit_codes == [3]  # the second command is not tried
    assert job.error().startswith("陌生.csv") and "应为" in job.error()
    assert not any(SECRET in path.read_text(encoding="utf-8") for path in job.folder.iterdir() if path.is_file())


def test_commands_that_do_not_depend_on_each_other_all_run(empty_home, tmp_path):
    empty = tmp_path / "空.csv"
    empty.touch()
    job = ended(jobs.start("check", "检查", [["ingest", str(empty)], ["versions"]], goes_on=True).id)
    assert job.status == jobs.DONE and job.exit_codes[0] == 3 and "error" not in job.results()[1]


def test_a_traceback_never_reaches_the_log(empty_home, tmp_path, monkeypatch):
    folder = tmp_path / "job"
    folder.mkdir()
    crash = f"print('正在做', file=__import__('sys').stderr); raise ValueError('{SECRET}')"
    monkeypatch.setattr(jobs, "_yanpan", lambda command: [jobs.sys.executable, "-X", "utf8", "-c", crash])
    assert jobs._run_command(folder, []) == 1
    kept = "".join(path.read_text(encoding="utf-8") for path in folder.iterdir())
    assert "张三" not in kept and "Traceback" not in kept
    assert (folder / "stderr").read_text(encoding="utf-8") == "正在做\n"
    answer = json.loads((folder / "stdout").read_text(encoding="utf-8"))
    assert "ValueError" in answer["error"] and answer["exit_code"] == 1


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\用户\\工单.xlsx", "工单.xlsx"),
        ("--home.csv", "_--home.csv"),
        ("..", "未命名"),
        ("a\x00b\n.csv", "a_b_.csv"),
        ("长" * 300 + ".xlsx", "长" * 80 + ".xlsx"),
    ],
)
def test_a_name_is_only_a_label(empty_home, sent, kept):
    _, (path,) = jobs.save_upload([(sent, b"x")])
    assert path.name == kept and path.is_relative_to(empty_home.path / "uploads")


def test_two_files_of_one_name_do_not_meet(empty_home):
    upload, _ = jobs.save_upload([("工单.csv", b"1"), ("工单.csv", b"2")])
    assert [path.read_bytes() for path in jobs.files_of(upload)] == [b"1", b"2"]


def test_only_the_last_jobs_are_remembered(empty_home, monkeypatch):
    monkeypatch.setattr(jobs, "KEEP_JOBS", 2)
    ids = [ended(jobs.start("check", f"第 {n}", [["versions"]]).id).id for n in range(3)]
    assert [job.id for job in jobs.recent()] == ids[:0:-1]
