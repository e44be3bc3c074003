"""Which lawful path may an item belong to? 办理路径: a hint for the clerk, never a decision.

sql/seeds/handling_path.csv and, over it, the office's own in HOME/reference. A row holds where its purpose, one of its issues
(codes, or the two digits of a group) or one of its words fits. 《信访工作条例》29–31条: what kind of item it is first, then the
procedure that comes before the petition path; the petition path is for what no other row claims.
"""

from pathlib import Path
from typing import NamedTuple

from pipelines.dispatch import tables

SEED = Path(__file__).resolve().parents[1] / "sql" / "seeds" / "handling_path.csv"
COLUMNS = (
    "path_code", "path_name", "purpose", "issues", "words", "hint", "basis", "is_active", "is_verified", "note",
)  # fmt: skip
LAST = "petition"
"""The path for what no other claims."""
LITIGATION, ACCUSATION = "litigation", "accusation"
ALONE = (ACCUSATION, LITIGATION)
"""Where the purpose or issue says one of these, nothing else applies."""


class Hint(NamedTuple):
    name: str
    hint: str
    basis: str
    is_verified: bool
    because: str
    """What the hint rests on: 信访目的“求决”, 事项, 文中“申请信息公开”."""


def hints(reference: Path, issue_code: str | None, purpose: str | None, text: str) -> list[Hint]:
    """The paths that fit, in the order of the file. `reference`: HOME/reference, may be missing. SourceError for a bad file."""
    required = ("path_code", "path_name", "hint")
    rows = tables.read(SEED, reference, COLUMNS, required, key=lambda row: (row["path_code"],))
    found = {}
    for _, _, row in rows:
        because = _because(row, issue_code or "", purpose or "", text)
        if because:
            is_verified = row["is_verified"] == "是"
            found[row["path_code"]] = Hint(row["path_name"], row["hint"], row["basis"], is_verified, because)
            if row["path_code"] in ALONE and not because.startswith("文中"):
                return [found[row["path_code"]]]
    if len(found) > 1:
        found.pop(LAST, None)
    return list(found.values())


def _because(row: tables.Row, issue_code: str, purpose: str, text: str) -> str:
    if any(word in purpose for word in row["purpose"].split("|") if word):
        return f"信访目的“{purpose}”"
    if issue_code and any(issue_code.startswith(code) for code in row["issues"].split()):
        return "按建议的事项"
    said = next((word for word in row["words"].split() if word in text), "")
    return f"文中“{said}”" if said else ""
