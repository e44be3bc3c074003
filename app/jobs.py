"""Which long work runs, and what came of it? `yanpan …` commands started by a page, one job at a time.

    HOME/jobs/<id>/state.json   what was asked, and how it stands
                   stdout       one JSON object a command
                   stderr       the commands' Chinese sentences, nothing else
    HOME/uploads/<id>/<n>/名    the files of one upload, readable by the owner alone

A job is a small process of its own (`python -m app.jobs FOLDER`) that runs its commands in turn, so it outlives a
reload of the page and a restart of the server. It holds a lock on its folder while it lives: a job that says
"running" without that lock was killed. The files of an upload go when the job that reads them ends, whatever the
end; only a finished check keeps them for the import that follows, for at most KEEP_UPLOAD_SECONDS.
"""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from filelock import FileLock

from app import versions
from pipelines import logs, runs

ROOT = Path(__file__).resolve().parents[1]
RUNNING, DONE, FAILED, CANCELLED, INTERRUPTED = "running", "done", "failed", "cancelled", "interrupted"
KEEP_JOBS = 30
KEEP_UPLOAD_SECONDS = 2 * 3600
STARTING_SECONDS = 20  # for a process to come up and take its lock
CANCEL_SECONDS = 8  # to end by itself before it is killed
PRIVATE = 0o700
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_ID = re.compile(r"\d{8}-\d{12}-[0-9a-f]{6}")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
CRASHED = "程序意外中止（{}），没有写入任何数据。请重试；仍不行，把这句话和发生的时间告诉管理员。"


class Busy(Exception):
    """Another job runs; says which in one Chinese sentence."""


@dataclass(frozen=True)
class Job:
    """One job as state.json has it."""

    id: str
    kind: str
    """check | ingest | undo | build | replay"""
    title: str
    commands: list[list[str]]
    """The words behind `yanpan`, without --home and --json."""
    goes_on: bool = False
    """The commands are independent: one that fails does not stop the next, nor make the job a failure."""
    upload: str | None = None
    keeps_upload: bool = False
    about: dict[str, Any] = field(default_factory=dict)
    """What the page wants to remember: names of files, options."""
    status: str = RUNNING
    pid: int | None = None
    started_at: str = ""
    finished_at: str | None = None
    exit_codes: list[int] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return _jobs() / self.id

    def lines(self) -> list[str]:
        """What the commands said so far."""
        return _text(self.folder / "stderr").splitlines()

    def results(self) -> list[dict]:
        """One object a finished command: its answer, or {"error", "exit_code"}."""
        answers = []
        for line in _text(self.folder / "stdout").splitlines():
            with suppress(ValueError):  # the last one may still be being written
                answers.append(json.loads(line))
        return answers

    def error(self) -> str:
        """The sentence of the first command that failed; empty when none did."""
        return next((str(result["error"]) for result in self.results() if "error" in result), "")

    def seconds(self) -> float:
        """How long it has run, or ran."""
        until = datetime.fromisoformat(self.finished_at) if self.finished_at else datetime.now()
        return max(0.0, (until - datetime.fromisoformat(self.started_at)).total_seconds())


def start(
    kind: str,
    title: str,
    commands: Sequence[Sequence[str]],
    *,
    goes_on: bool = False,
    upload: str | None = None,
    keeps_upload: bool = False,
    about: Mapping[str, Any] | None = None,
) -> Job:
    """Start the commands in a process of their own. Raises Busy while another job runs."""
    folder = _private(_jobs())
    with FileLock(folder / ".lock", timeout=10):
        running = current()
        if running is not None:
            raise Busy(f"正在{running.title}，同一时间只做一件。请等它结束，或先取消。")
        _forget_old_jobs()
        job = Job(
            id=new_id(),
            kind=kind,
            title=title,
            commands=[list(command) for command in commands],
            goes_on=goes_on,
            upload=upload,
            keeps_upload=keeps_upload,
            about=dict(about or {}),
            started_at=_now(),
        )
        _private(job.folder)
        _write(job)
        process = subprocess.Popen(
            [sys.executable, "-m", "app.jobs", str(job.folder)],
            cwd=ROOT,
            env={**os.environ, **logs.PLAIN, "YANPAN_HOME": str(versions.home()), "PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        threading.Thread(target=process.wait, daemon=True).start()  # else it stays as a zombie
    return job


def cancel(job_id: str) -> None:
    """End a running job and everything it started; what it had not committed is not written."""
    job = get(job_id)
    if job is None or job.status != RUNNING:
        return
    (job.folder / "cancel").touch()
    patience = time.monotonic() + CANCEL_SECONDS
    while _is_alive(job) and time.monotonic() < patience:
        if job.pid is not None:  # again and again: a command that is only just starting does not hear the first
            _end(job.pid, hard=False)
        time.sleep(0.05)
        job = _read(job.folder) or job
    if job.status == RUNNING and job.pid is not None and _is_alive(job):
        _end(job.pid, hard=True)
        time.sleep(0.2)
    get(job_id)


def current() -> Job | None:
    """The job that runs; as none starts while another runs, it can only be the newest."""
    return next((job for job in recent(1) if job.status == RUNNING), None)


def recent(limit: int = KEEP_JOBS) -> list[Job]:
    """The last jobs, newest first."""
    folder = _jobs()
    names = sorted((path.name for path in folder.iterdir()), reverse=True) if folder.is_dir() else []
    jobs = (get(name) for name in names if _ID.fullmatch(name))
    return list(islice((job for job in jobs if job is not None), limit))


def get(job_id: str) -> Job | None:
    """One job; one that was killed is set down as interrupted, and its uploaded files go."""
    job = _read(_jobs() / job_id)
    if job is None or job.status != RUNNING or _is_alive(job):
        return job
    job = _read(job.folder) or job  # it may have ended between the two looks
    if job.status != RUNNING:
        return job
    return _finish(job, CANCELLED if (job.folder / "cancel").exists() else INTERRUPTED)


def save_upload(files: Iterable[tuple[str, bytes | memoryview]]) -> tuple[str, list[Path]]:
    """Names and contents into a private folder of their own; its id and the paths, in order.

    Each file has a folder to itself, so that two of one name do not meet; the name is only a label.
    """
    upload = new_id()
    folder = _private(_private(_uploads()) / upload)
    paths = []
    for n, (name, content) in enumerate(files, 1):
        path = _private(folder / str(n)) / safe_name(name)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        paths.append(path)
    return upload, paths


def safe_name(name: str) -> str:
    """The last part of a file name as a browser may send it, without what a file system or a command could misread.

    >>> safe_name("../x/..")
    '未命名'
    >>> safe_name("-1:2.csv")
    '_-1_2.csv'
    """
    plain = _UNSAFE.sub("_", name.replace("\\", "/").rsplit("/", 1)[-1]).strip(" .")
    stem, dot, suffix = plain.rpartition(".")
    plain = f"{stem[:80]}{dot}{suffix[:12]}" if dot else plain[:80]
    return f"_{plain}" if plain.startswith("-") else plain or "未命名"


def files_of(upload: str | None) -> list[Path]:
    """The files of an upload that are still there."""
    folder = _uploads() / (upload or "")
    return sorted(folder.glob("*/*"), key=lambda path: int(path.parent.name)) if upload and folder.is_dir() else []


def discard(upload: str | None) -> None:
    """Away with the files of an upload."""
    if upload and _ID.fullmatch(upload):
        shutil.rmtree(_uploads() / upload, ignore_errors=True)


def sweep() -> None:
    """Away with every upload no job needs: those of ended, killed and forgotten jobs."""
    if not _uploads().is_dir():
        return
    needed = set()
    for job in recent():
        ended = datetime.fromisoformat(job.finished_at).timestamp() if job.finished_at else time.time()
        waits = job.keeps_upload and job.status == DONE and time.time() - ended < KEEP_UPLOAD_SECONDS
        if job.status == RUNNING or waits:
            needed.add(job.upload)
    for folder in _uploads().iterdir():
        just_made = time.time() - folder.stat().st_mtime < STARTING_SECONDS
        if folder.name not in needed and not just_made:
            shutil.rmtree(folder, ignore_errors=True)


def new_id() -> str:
    return f"{datetime.now():%Y%m%d-%H%M%S%f}-{secrets.token_hex(3)}"


def ask(*command: str) -> dict:
    """The JSON answer of a short command, run now: {"error", "exit_code"} where it fails. No progress, no job."""
    done = subprocess.run(
        _yanpan(command), cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=False,
        env={**os.environ, **logs.PLAIN},
    )  # fmt: skip
    return _answer(done.stdout, done.returncode, _crash(done.stderr.splitlines()))


def run(folder: Path) -> None:
    """The job's own process: its commands one after the other, what they say and answer kept in `folder`."""
    signal.signal(signal.SIGTERM, lambda *_: None)  # meant for the command; its end is seen below
    job = _read(folder)
    assert job is not None
    with FileLock(folder / "lock", timeout=STARTING_SECONDS):
        job = _write(job, pid=os.getpid())
        for command in job.commands:
            if (folder / "cancel").exists():
                break
            code = _run_command(folder, command)
            job = _write(job, exit_codes=[*job.exit_codes, code])
            if code and not job.goes_on:
                break
        if (folder / "cancel").exists():
            status = CANCELLED
        else:
            status = FAILED if any(job.exit_codes) and not job.goes_on else DONE
        _finish(job, status)


def _run_command(folder: Path, command: list[str]) -> int:
    said: list[str] = []
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", dir=folder) as answer,
        subprocess.Popen(
            _yanpan(command),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as process,
        (folder / "stderr").open("a", encoding="utf-8") as log,
    ):
        assert process.stderr is not None
        crashing = False
        for line in process.stderr:
            crashing = crashing or line.startswith("Traceback ")
            if crashing:
                said = [*said[-20:], line]
            elif _CHINESE.search(line):  # a library's own warning may quote what it read
                log.write(line)
                log.flush()
        code = process.wait()
        answer.seek(0)
        result = _answer(answer.read(), code, _crash(said))
    with (folder / "stdout").open("a", encoding="utf-8") as file:
        file.write(json.dumps(result, ensure_ascii=False) + "\n")
    return code


def _answer(text: str, code: int, crash: str) -> dict:
    """What a command answered; where it died without an answer, a sentence without its traceback."""
    with suppress(ValueError):
        answer = json.loads(text)
        if isinstance(answer, dict):
            return answer
    return {} if code == 0 else {"error": CRASHED.format(crash or f"代码 {code}"), "exit_code": code}


def _crash(lines: Sequence[str]) -> str:
    """The kind of error a traceback ends with, never its message: a message may quote what was read.

    >>> _crash(["Traceback (most recent call last):", "pkg.SomeError: 张三 …"])
    'SomeError'
    """
    kinds = [match[1] for line in lines if (match := re.match(r"(?:\w+\.)*(\w+(?:Error|Exception|Interrupt))\b", line))]
    return kinds[-1] if kinds else ""


def _yanpan(command: Sequence[str]) -> list[str]:
    return [sys.executable, "-X", "utf8", "-m", "pipelines.cli", *command, "--home", str(versions.home()), "--json"]


def _is_alive(job: Job) -> bool:
    if job.pid is None:
        return job.seconds() < STARTING_SECONDS
    return runs.is_locked(job.folder / "lock")


def _finish(job: Job, status: str) -> Job:
    if not (job.keeps_upload and status == DONE):
        discard(job.upload)
    return _write(job, status=status, finished_at=_now())


def _end(pid: int, *, hard: bool) -> None:
    with suppress(ProcessLookupError):
        if os.name == "nt":
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(pid)], check=False, capture_output=True)
        else:
            os.killpg(pid, signal.SIGKILL if hard else signal.SIGTERM)


def _write(job: Job, **changes: Any) -> Job:
    job = Job(**{**asdict(job), **changes})
    pending = job.folder / f"state.{os.getpid()}.new"
    pending.write_text(json.dumps(asdict(job), ensure_ascii=False, indent=1), encoding="utf-8")
    pending.replace(job.folder / "state.json")
    return job


def _read(folder: Path) -> Job | None:
    try:
        return Job(**json.loads((folder / "state.json").read_text(encoding="utf-8")))
    except (
        FileNotFoundError,
        NotADirectoryError,
        ValueError,
        TypeError,
    ):  # none, torn by a full disk, of another release
        return None


def _forget_old_jobs() -> None:
    for job in recent(10_000)[KEEP_JOBS - 1 :]:
        shutil.rmtree(job.folder, ignore_errors=True)


def _private(folder: Path) -> Path:
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    folder.chmod(PRIVATE)
    return folder


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _now() -> str:
    return datetime.now().isoformat(timespec="milliseconds")


def _jobs() -> Path:
    return versions.home() / "jobs"


def _uploads() -> Path:
    return versions.home() / "uploads"


if __name__ == "__main__":
    run(Path(sys.argv[1]))
