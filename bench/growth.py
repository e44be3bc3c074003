"""What does ten times as much cost? `python -m bench growth --items 100000 --keep FOLDER`, once for each size.

The demo city of that size is taken in, its last week taken out again (see `week`), a version published, then the week's
files taken in and published once more: as an office does every Monday. One line of JSON a step: seconds, seconds of CPU,
and the largest memory of the process.
"""

import json
import os
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

from bench import week
from pipelines import publish
from pipelines.config import ROOT, Home

MONDAY = date(2026, 11, 9)  # of the demo city's last week


def run(items: int, folder: Path) -> None:
    home, files = Home(folder.resolve() / "home"), folder.resolve() / "week"
    home.path.mkdir(parents=True, exist_ok=True)
    if not home.warehouse.exists():
        _step("demo", items, home, "demo", "--items", str(items))
        _step("ingest, four years", items, home, "ingest", str(home.demo))
        print(json.dumps({"what": "week", "rows": week.write_files(home, MONDAY, files)}), flush=True)
        week.hold_out(home, MONDAY)
        _step("build, full", items, home, "build", "--as-of", str(MONDAY))
    after = MONDAY + timedelta(days=7)
    _step("ingest, one week", items, home, "ingest", str(files), "--known-on", str(after))
    _step("build, one week", items, home, "build", "--as-of", str(after))
    _step("build --full", items, home, "build", "--as-of", str(after), "--full")


def _step(what: str, items: int, home: Home, *command: str) -> None:
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", *command, "--home", str(home.path), "--json"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
    )  # fmt: skip
    said = process.stdout.read() if process.stdout else ""
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(said)
    answer = json.loads(said)
    version = publish.current(home)
    print(
        json.dumps(
            {
                "what": what,
                "items": items,
                "seconds": round(time.perf_counter() - started, 1),
                "cpu": round(used.ru_utime + used.ru_stime, 1),
                "mb": used.ru_maxrss // 1024,
                "marts_mb": version and publish.version_file(home, version).stat().st_size >> 20,
                **{name: answer[name] for name in ("n_changed", "full_because") if name in answer},
                "steps": answer.get("seconds"),
            },
            ensure_ascii=False,
        ),
        flush=True,
    )
