"""Where things live. One folder, HOME (`--home`, else `YANPAN_HOME`, else ./var), holds everything written."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]
SQL = ROOT / "sql"
SEEDS = SQL / "seeds"


@dataclass(frozen=True)
class Home:
    """The paths below one HOME folder."""

    path: Path

    @property
    def warehouse(self) -> Path:
        return self.path / "warehouse.duckdb"

    @property
    def secret_key(self) -> Path:
        return self.path / "secret.key"

    @property
    def reference(self) -> Path:
        return self.path / "reference"

    @property
    def layouts(self) -> Path:
        return self.path / "layouts"

    @property
    def demo(self) -> Path:
        return self.path / "demo"

    @property
    def marts(self) -> Path:
        return self.path / "marts"

    @property
    def current(self) -> Path:
        return self.marts / "CURRENT"


def home(path: str | os.PathLike[str] | None = None, *, create: bool = True) -> Home:
    """The HOME in force; created if missing, or UsageError where it has to be there already."""
    chosen = Path(path or os.environ.get("YANPAN_HOME") or "var").expanduser().resolve()
    if not create and not chosen.is_dir():
        raise UsageError(f"数据目录 {chosen} 不存在。请检查 --home，或先运行 yanpan ingest 导入文件。")
    chosen.mkdir(parents=True, exist_ok=True)
    return Home(chosen)


def warning_budget() -> dict[str, Any]:
    """What the office asks of the warnings, where it says so: `budget` signals a week at most (YANPAN_BUDGET), of which
    `false_per_week` by chance alone (YANPAN_FALSE_PER_WEEK). UsageError for what is no such number."""
    asked: dict[str, Any] = {}
    for name, setting, least, most in (
        ("budget", "YANPAN_BUDGET", 1, 100),
        ("false_per_week", "YANPAN_FALSE_PER_WEEK", 0.01, 10),
    ):
        text = os.environ.get(setting)
        if not text:
            continue
        try:
            asked[name] = int(text) if name == "budget" else float(text)
        except ValueError:
            asked[name] = -1
        if not least <= asked[name] <= most:
            kind = "整数" if name == "budget" else "数"
            raise UsageError(
                f"环境变量 {setting} 是“{text}”，应为 {least} 到 {most} 之间的{kind}。请改正或删去后重新运行。"
            )
    return asked
