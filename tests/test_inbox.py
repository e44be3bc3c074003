"""The watched folder: every file is taken in or set aside with its reason; nothing is lost at any moment."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines import inbox, publish
from pipelines.errors import YanpanError

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "data" / "sample"
GOOD = (SAMPLES / "grid" / "grid_event.csv", SAMPLES / "hotline" / "short.csv")
STRANGE = "甲,乙\n1,2\n"


def once(home, **words) -> dict:
    return inbox.watch(home, once=True, every=1, **words)


def put(home, name: str, content: Path | str) -> Path:
    path = inbox.folder(home) / name
    if isinstance(content, Path):
        shutil.copy(content, path)
    else:
        path.write_text(content, encoding="utf-8")
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_good_and_strange_files_part_and_one_build_follows(empty_home):
    for path in GOOD:
        put(empty_home, path.name, path)
    put(empty_home, "陌生.csv", STRANGE)
    said: list[str] = []
    done = once(empty_home, say=said.append)
    folder = inbox.folder(empty_home)
    assert (done["taken"], done["refused"], done["waiting"]) == (2, 1, 0)
    assert done["version"] == publish.current(empty_home) == 1
    assert names(folder / inbox.TAKEN) == ["grid_event.csv", "short.csv"]
    assert names(folder / inbox.REFUSED) == ["陌生.csv", "陌生.csv.说明.txt"]
    why = (folder / inbox.REFUSED / "陌生.csv.说明.txt").read_text(encoding="utf-8-sig")
    assert "2 列，列名都没有见过" in why and "yanpan layout propose" in why and "7 天后删除" in why
    outcomes = {entry["file_name"]: entry["outcome"] for entry in inbox.status(folder)["last"]}
    assert outcomes == {"grid_event.csv": "taken", "short.csv": "taken", "陌生.csv": "refused"}
    assert not (folder / ".build-owed").exists() and any("读入" in line for line in said)


def test_files_still_being_written_are_left_alone(empty_home):
    for name in ("~$工单.xlsx", ".工单.csv", "工单.csv.part", "工单.crdownload", "Thumbs.db", "上次.csv.说明.txt"):
        put(empty_home, name, "x")
    (inbox.folder(empty_home) / "子文件夹").mkdir()
    (inbox.folder(empty_home) / "链接.csv").symlink_to(GOOD[0])
    assert once(empty_home)["waiting"] == 0
    assert not names(inbox.folder(empty_home) / inbox.TAKEN) and not names(inbox.folder(empty_home) / inbox.REFUSED)


def test_a_growing_file_waits_until_two_looks_agree(empty_home, monkeypatch):
    path = put(empty_home, "short.csv", GOOD[1])

    def grow(_seconds: float) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")

    monkeypatch.setattr(inbox.time, "sleep", grow)
    assert once(empty_home) == {"taken": 0, "refused": 0, "waiting": 1, "version": None}
    monkeypatch.setattr(inbox.time, "sleep", lambda seconds: None)
    assert once(empty_home)["taken"] == 1


def test_the_same_name_again_takes_a_free_one(empty_home):
    for _ in range(2):
        put(empty_home, "陌生.tar.csv", STRANGE)
        once(empty_home)
    kept = names(inbox.folder(empty_home) / inbox.REFUSED)
    assert kept == ["陌生 (2).tar.csv", "陌生 (2).tar.csv.说明.txt", "陌生.tar.csv", "陌生.tar.csv.说明.txt"]


def test_originals_go_after_their_days(empty_home):
    put(empty_home, "short.csv", GOOD[1])
    put(empty_home, "陌生.csv", STRANGE)
    once(empty_home, keep_days=7)
    folder = inbox.folder(empty_home)
    inbox.forget(folder, 7)
    assert names(folder / inbox.TAKEN) == ["short.csv"]
    for path in [*(folder / inbox.TAKEN).iterdir(), *(folder / inbox.REFUSED).iterdir()]:
        os.utime(path, (time.time() - 8 * 86_400,) * 2)
    inbox.forget(folder, 7)
    assert not names(folder / inbox.TAKEN) and not names(folder / inbox.REFUSED)


def test_two_watchers_do_not_share_an_inbox(empty_home):
    with inbox._alone(inbox.folder(empty_home)), pytest.raises(YanpanError, match="已有一个 yanpan watch"):
        once(empty_home)


def test_a_busy_warehouse_is_nobodys_fault(empty_home):
    """Another process holds the warehouse: the file stays and is taken in at the next look."""
    put(empty_home, "short.csv", GOOD[1])
    hold = (
        "import sys, time; from pipelines import warehouse; from pipelines.config import home;"
        "c = warehouse.connect(home(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(empty_home.path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        done = once(empty_home)
        other.kill()
    assert (done["taken"], done["refused"], done["waiting"]) == (0, 0, 1)
    assert inbox.status(inbox.folder(empty_home))["last"][0]["outcome"] == "waiting"
    assert once(empty_home)["taken"] == 1


@pytest.mark.skipif(os.name == "nt", reason="kill -9 是 POSIX 的说法")
@pytest.mark.parametrize("delay", [1.2, 2.8])
def test_kill_9_loses_nothing(empty_home, delay):
    """Whatever moment the watcher dies: no file is gone, and a second run takes all in and publishes."""
    for path in GOOD:
        put(empty_home, path.name, path)
    watcher = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", "watch", "--once", "--every", "1", "--home", str(empty_home.path)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    time.sleep(delay)
    os.killpg(watcher.pid, signal.SIGKILL)
    watcher.wait()
    folder = inbox.folder(empty_home)
    taken = names(folder / inbox.TAKEN) if (folder / inbox.TAKEN).exists() else []
    assert sorted([*(path.name for path in inbox.look(folder)), *taken]) == ["grid_event.csv", "short.csv"]
    done = once(empty_home)
    assert done["refused"] == 0 and done["waiting"] == 0
    assert names(folder / inbox.TAKEN) == ["grid_event.csv", "short.csv"]
    assert publish.current(empty_home) is not None and not (folder / ".build-owed").exists()


def test_a_file_that_kills_the_program_is_set_aside(empty_home, monkeypatch):
    put(empty_home, "怪.csv", GOOD[1])
    monkeypatch.setattr(inbox, "run", lambda home, *words, say: (-11, {}))
    assert once(empty_home)["refused"] == 1
    why = inbox.folder(empty_home) / inbox.REFUSED / "怪.csv.说明.txt"
    assert "导入程序意外中止" in why.read_text(encoding="utf-8-sig")


def test_the_command_answers_in_json(empty_home):
    put(empty_home, "short.csv", GOOD[1])
    put(empty_home, "陌生.csv", STRANGE)
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "watch", "--once", "--every", "1", "--keep-days", "0", "--json",
         "--home", str(empty_home.path)],
        cwd=ROOT, capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["taken"] == 1
    folder = inbox.folder(empty_home)  # of no days nothing is kept but why
    assert not names(folder / inbox.TAKEN) and names(folder / inbox.REFUSED) == ["陌生.csv.说明.txt"]
    wrong = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "watch", "--every", "零"], cwd=ROOT, capture_output=True,
        encoding="utf-8", check=False,
    )  # fmt: skip
    assert wrong.returncode == 2 and "应为 1 到 86400 的整数" in wrong.stderr
