"""Small CSV files that the office may edit: the seed and, over it, the office's own in HOME/reference."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

from pipelines.errors import SourceError

NEXT_STEP = "请改正 HOME/reference 里的该文件后重新运行"
Row = dict[str, str]


def fault(file: str, number: int, column: str, found: str, expected: str) -> SourceError:
    return SourceError(
        file, where=f"第 {number} 行 {column} 列", found=found or "空白", expected=expected, next_step=NEXT_STEP
    )


def decoded(content: bytes) -> str:
    """The text of a CSV in UTF-8 or, as Excel saves it here, GB18030."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030", errors="replace")


def read(
    seed: Path, folder: Path, columns: tuple[str, ...], required: tuple[str, ...], key: Callable[[Row], tuple]
) -> list[tuple[str, int, Row]]:
    """The rows in force, (file name, row number, row): an own row replaces the seed's row of the same key.

    A row with is_active 否 takes a row of the seed away. Missing columns that are not `required` are empty.
    SourceError for a file that is no such table.
    """
    rows: dict[tuple, tuple[str, int, Row]] = {}
    for path in (seed, folder / seed.name):
        if path.exists():
            for number, row in enumerate(_rows(path, columns, required), start=2):
                for name in required:
                    if not row[name]:
                        raise fault(path.name, number, name, "空白", "必须填写")
                if row["is_active"] not in ("", "是", "否"):
                    raise fault(path.name, number, "is_active", f"“{row['is_active']}”", "是或否")
                rows[key(row)] = path.name, number, row
    return [one for one in rows.values() if one[2]["is_active"] != "否"]


def _rows(path: Path, columns: tuple[str, ...], required: tuple[str, ...]) -> list[Row]:
    reader = csv.DictReader(io.StringIO(decoded(path.read_bytes()), newline=""))
    given = [name.strip() for name in reader.fieldnames or ()]
    missing, unknown = [name for name in required if name not in given], set(given) - set(columns)
    if missing or unknown:
        found = f"{'缺少列' if missing else '不认识的列'} {'、'.join(missing or sorted(unknown))}"
        raise SourceError(
            path.name, where="第 1 行", found=found, expected=f"表头取自 {'、'.join(columns)}", next_step=NEXT_STEP
        )
    reader.fieldnames = given
    return [{name: (row.get(name) or "").strip() for name in columns} for row in reader]
