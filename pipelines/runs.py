"""When did each of the commands that change something last run, how long, and how did it end? HOME/runs/<command>.json.

Written by the command line; read by `yanpan doctor` and the metrics. {"command", "at" (local time of its start), "seconds",
"exit_code", "succeeded_at": of the last run that ended well}.
"""

import argparse
import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines import config
from pipelines.errors import YanpanError

FOLDER = "runs"
NOTED = ("ingest", "build", "backtest", "push", "report", "backup", "purge", "watch")


def note(options: argparse.Namespace, started: datetime, error: YanpanError | None = None) -> None:
    """Write down the end of a command. Never fails: a home that cannot be written to says so by other means."""
    name = options.command if options.command != "dispatch" else f"dispatch-{options.verb}"
    if name not in (*NOTED, "dispatch-train") or (error and error.exit_code == 2):
        return
    with suppress(YanpanError, OSError):
        folder = config.home(options.home, create=False).path / FOLDER
        folder.mkdir(exist_ok=True)
        at = started.isoformat(timespec="seconds")
        seconds = round((datetime.now() - started).total_seconds(), 1)
        before = _read(folder / f"{name}.json").get("succeeded_at")
        about = {
            "command": name, "at": at, "seconds": seconds, "exit_code": error.exit_code if error else 0,
            "succeeded_at": before if error else at,
        }  # fmt: skip
        pending = folder / f"{name}.{os.getpid()}.new"
        pending.write_text(json.dumps(about), encoding="utf-8")
        pending.replace(folder / f"{name}.json")


def last(home: Path) -> dict[str, dict]:
    """Command → what is written down of it."""
    found = (_read(path) for path in sorted((home / FOLDER).glob("*.json")))
    return {one["command"]: one for one in found if "command" in one}


def is_locked(path: Path) -> bool:
    """Does a process hold this lock file? OSError where it may not be opened."""
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
