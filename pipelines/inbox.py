"""Which files has somebody put into HOME/inbox, and what became of them?

`yanpan watch` looks at the folder again and again. A file whose size and time are the same at two looks is taken in
by `yanpan ingest` in a process of its own (the same rules, the same sentences; a file that kills the process kills
nothing else) and moved to 已导入, or to 未导入 with a `名.说明.txt` beside it that says why and what to do. After at
least one success the marts are built once.

Whatever moment the watcher dies, the file is still in the inbox or already moved: taken in twice, the same bytes change
nothing. That a build is still owed is kept in the file `.build-owed`. What the dashboard shows is in `.status.json`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines import logs
from pipelines.config import ROOT, Home
from pipelines.errors import YanpanError

TAKEN, REFUSED = "已导入", "未导入"
EXPLANATION = ".说明.txt"
UNFINISHED = (".part", ".crdownload", ".download", ".filepart", ".partial", ".tmp", ".temp", ".swp")
NOT_A_FILE_FOR_US = ("thumbs.db", "desktop.ini")
SECOND_LOOK_SECONDS = 2.0
ATTEMPTS = 2  # of a command that dies without an answer, as when the machine runs out of memory
HELD_UP = ("WarehouseBusy", "YanpanError")  # the warehouse is in use, the disk is full: nobody's file is at fault
KEEP_LAST = 20
EXPLAINED_DAYS = 7
DAY = 86_400

Look = dict[Path, tuple[int, int]]
"""What was in the inbox: file → (size, time of last change in ns)."""


def watch(
    home: Home,
    *,
    once: bool = False,
    every: float = 30,
    keep_days: float = 7,
    say: Callable[[str], None] = lambda sentence: None,
) -> dict:
    """Take in what lies in the inbox, now (`once`) or until interrupted; what became of the files.

    Returns {"taken": n, "refused": n, "waiting": n, "version": published version or None}. Raises YanpanError when
    another watcher has this inbox. `keep_days`: how long moved originals stay, which hold personal data; 0 = not at all.
    """
    inbox = folder(home)
    for name in (TAKEN, REFUSED):
        (inbox / name).mkdir(exist_ok=True)
    count, version = {"taken": 0, "refused": 0}, None
    with _alone(inbox):
        seen = look(inbox)
        _tell(inbox, every=every, keep_days=keep_days, doing="等待文件", waiting=len(seen))
        if not once:
            say(f"正在看守 {inbox}，每 {every:g} 秒看一次；按 Ctrl-C 停止。")
        while True:
            time.sleep(min(every, SECOND_LOOK_SECONDS) if once else every)
            found = look(inbox)
            steady = [path for path in sorted(found) if seen.get(path) == found[path]]
            for path in steady:
                outcome = take(home, path, keep_days=keep_days, say=say)
                if outcome is not None:
                    count[outcome] += 1
            if (inbox / ".build-owed").exists():
                version = _build(home, say) or version
            forget(inbox, keep_days)
            seen = look(inbox)
            _tell(inbox, looked_at=_now(), doing="等待文件", waiting=len(seen))
            if once:
                return {**count, "waiting": len(seen), "version": version}


def folder(home: Home) -> Path:
    """The inbox of this home; made, for its owner alone, where there is none."""
    path = home.path / "inbox"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def look(inbox: Path) -> Look:
    """The files to take in: no folders, links, hidden files or files another program is still writing."""
    found: Look = {}
    for path in inbox.iterdir():
        name = path.name.lower()
        if name.startswith((".", "~")) or name.endswith((*UNFINISHED, EXPLANATION)) or name in NOT_A_FILE_FOR_US:
            continue
        with suppress(FileNotFoundError):  # moved away since
            about = path.lstat()
            if path.is_file() and not path.is_symlink():
                found[path] = (about.st_size, about.st_mtime_ns)
    return found


def take(home: Home, path: Path, *, keep_days: float, say: Callable[[str], None]) -> str | None:
    """Take one file in and move it: taken or refused. None: it stays, because the warehouse is busy or the disk full."""
    inbox = folder(home)
    _tell(inbox, doing=f"正在导入 {path.name}")
    before = look(inbox).get(path)
    for _ in range(ATTEMPTS):
        code, answer = run(home, "ingest", str(path), say=say)
        if answer:
            break
    if look(inbox).get(path) != before:
        say(f"{path.name} 在导入时又被改动，等它写完再导入一次。")
        return None
    if code == 0:
        (inbox / ".build-owed").touch()  # before the move: a watcher that dies between the two still builds
        move(path, inbox / TAKEN, keep_days=keep_days)
        said = "；".join(_ledger_line(batch) for batch in answer["batches"]) or "参考数据已更新"
        _remember(inbox, path.name, "taken", said)
        return "taken"
    said = answer.get("error") or f"导入程序意外中止（代码 {code}），这个文件没有入库。请把它交给管理员检查。"
    if answer.get("kind") in HELD_UP:
        _remember(inbox, path.name, "waiting", said)
        say(f"{path.name} 留在 inbox，下次再试：{said}")
        return None
    move(path, inbox / REFUSED, keep_days=keep_days, why=said)
    _remember(inbox, path.name, "refused", said)
    say(f"{path.name} 没有导入，已移到 inbox/{REFUSED}，原因写在旁边的说明里。")
    return "refused"


def move(path: Path, target: Path, *, keep_days: float, why: str = "") -> None:
    """Into `target` under a name that is free there, in one rename; with `why`, an explanation goes before it."""
    to = free_name(target, path.name)
    if why:
        fate = (
            f"原文件将在 {keep_days:g} 天后删除，因为里面有个人信息。"
            if keep_days
            else "原文件已按设定删除，因为里面有个人信息；请从来源系统重新导出。"
        )
        text = (
            f"{path.name} 没有导入（{datetime.now():%Y-%m-%d %H:%M}）\n\n{why}\n\n"
            "表头不认识时：运行 yanpan layout propose 文件，或在看板「数据接入」上传它，确认每一列之后保存为版式，"
            f"以后同样的文件会自动导入。\n处理好以后，把文件重新放进 inbox 文件夹即可。\n{fate}\n"
        )
        (target / f"{to.name}{EXPLANATION}").write_text(text, encoding="utf-8-sig")  # Notepad wants the mark
    if keep_days == 0:
        path.unlink()
        return
    os.utime(path)  # its days count from here
    path.replace(to)


def free_name(target: Path, name: str) -> Path:
    """工单.csv, else 工单 (2).csv …"""
    stem, suffix = (name[: -len(end)], end) if (end := "".join(Path(name).suffixes[-2:])) else (name, "")
    candidate, n = target / name, 1
    while candidate.exists() or candidate.with_name(candidate.name + EXPLANATION).exists():
        n += 1
        candidate = target / f"{stem} ({n}){suffix}"
    return candidate


def forget(inbox: Path, keep_days: float) -> None:
    """Delete moved originals once their days are over; explanations, which quote no row, stay a week at least."""
    for path in [*(inbox / TAKEN).iterdir(), *(inbox / REFUSED).iterdir()]:
        days = max(keep_days, EXPLAINED_DAYS) if path.name.endswith(EXPLANATION) else keep_days
        if path.is_file() and time.time() - path.lstat().st_mtime >= days * DAY:
            path.unlink(missing_ok=True)


def run(home: Home, *words: str, say: Callable[[str], None]) -> tuple[int, dict]:
    """`yanpan WORDS --json` in a process of its own: exit code and answer; what it says is passed on as it comes."""
    command = [sys.executable, "-X", "utf8", "-m", "pipelines.cli", *words, "--home", str(home.path), "--json"]
    crashing = False
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as stdout,
        subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **logs.PLAIN},
        ) as process,
    ):
        assert process.stderr is not None
        try:
            for line in process.stderr:
                crashing = crashing or line.startswith("Traceback ")
                if not crashing:  # a traceback may quote what was read
                    say(line.rstrip("\n"))
        except BaseException:
            process.kill()
            raise
        code = process.wait()
        stdout.seek(0)
        answer = stdout.read()
    try:
        return code, json.loads(answer)
    except ValueError:
        return code or 1, {}


def _build(home: Home, say: Callable[[str], None]) -> int | None:
    """Build and publish what was taken in; the published version. Tried again later only where it was held up."""
    inbox = folder(home)
    _tell(inbox, doing="正在重算并发布")
    code, answer = run(home, "build", say=say)
    if answer.get("kind") not in HELD_UP:
        (inbox / ".build-owed").unlink(missing_ok=True)
    said = answer.get("error") or (f"已发布版本 {answer['version']}" if code == 0 else f"发布意外中止（代码 {code}）")
    if code:
        say(f"没有发布：{said}")
    _tell(inbox, built_at=_now(), build_said=said, build_failed=code != 0)
    return answer["version"] if code == 0 else None


def _ledger_line(batch: dict) -> str:
    if batch["status"] != "loaded":
        return "此前已导入，未改动"
    return (
        f"读入 {batch['n_read']:,} 行 = 入库 {batch['n_loaded']:,} + 拒收 {batch['n_rejected']:,}"
        f" + 重复 {batch['n_duplicate']:,} + 范围外 {batch['n_out_of_scope']:,}"
    )


@contextmanager
def _alone(inbox: Path) -> Iterator[None]:
    lock = FileLock(inbox / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise YanpanError(f"已有一个 yanpan watch 在看守 {inbox}。不需要再开一个；要换设置，请先停掉它。") from None
    try:
        yield
    finally:
        lock.release()


def _remember(inbox: Path, name: str, outcome: str, said: str) -> None:
    entry = {"at": _now(), "file_name": name, "outcome": outcome, "said": said}
    others = [
        one for one in status(inbox).get("last", []) if not (one["file_name"] == name and one["outcome"] == outcome)
    ]
    _tell(inbox, last=[entry, *others][:KEEP_LAST])


def status(inbox: Path) -> dict:
    """What the watcher last wrote down; empty before its first look."""
    try:
        return json.loads((inbox / ".status.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


def _tell(inbox: Path, **changes: object) -> None:
    pending = inbox / ".status.new"
    pending.write_text(json.dumps({**status(inbox), **changes}, ensure_ascii=False, indent=1), encoding="utf-8")
    pending.replace(inbox / ".status.json")


def _now() -> str:
    return datetime.now().isoformat(timespec="seconds")
