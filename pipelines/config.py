"""Where things live. One folder, HOME (`--home`, else `YANPAN_HOME`, else ./var), holds everything written."""

import os
from dataclasses import dataclass
from pathlib import Path

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
    def demo(self) -> Path:
        return self.path / "demo"

    @property
    def marts(self) -> Path:
        return self.path / "marts"

    @property
    def current(self) -> Path:
        return self.marts / "CURRENT"


def home(path: str | os.PathLike[str] | None = None) -> Home:
    """The HOME in force; created if missing."""
    chosen = Path(path or os.environ.get("YANPAN_HOME") or "var").expanduser().resolve()
    chosen.mkdir(parents=True, exist_ok=True)
    return Home(chosen)
