"""Where things live. One folder, HOME (`--home`, else `YANPAN_HOME`, else ./var), holds everything written."""

import os
from dataclasses import dataclass
from pathlib import Path

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
