"""What only the dashboard's half of the program knows (accounts, tokens, reports, its store): asked in a process of its own."""

import json
import os
import subprocess
import sys
from typing import Any

from pipelines.config import ROOT, Home
from pipelines.errors import YanpanError


def ask(home: Home, module: str, *words: str, failed: str) -> dict[str, Any]:
    """The one JSON object that `python -m module words` prints; what it says besides goes on to standard error.

    Raises YanpanError, `failed` with the exit code, where it prints none.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *words], cwd=ROOT, check=False, stdout=subprocess.PIPE, encoding="utf-8",
        env={**os.environ, "YANPAN_HOME": str(home.path), "PYTHONUTF8": "1"},
    )  # fmt: skip
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise YanpanError(f"{failed}（代码 {done.returncode}），详情见上面的日志。") from error
    return answer
