"""Is it said everywhere what a figure means?"""

import ast
import csv
import re
from pathlib import Path

from app import fields

APP = Path(__file__).resolve().parents[1] / "app"


def calls(*names: str) -> list[tuple[str, ast.Call]]:
    """Calls of these names on the pages, with where they stand."""
    found = []
    for path in [*sorted(APP.glob("views/*.py")), *sorted(APP.glob("parts/*.py"))]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and re.search(rf"(^|\.)({'|'.join(names)})$", ast.unparse(node.func)):
                found.append((f"{path.name}:{node.lineno}", node))
    return found


def test_every_figure_and_every_chart_says_its_basis():
    def lacks(node: ast.Call, word: str) -> bool:
        return not any(one.arg in (word, None) for one in node.keywords)  # None: **more

    metrics, charts = calls(r"metric"), calls(r"page\.chart", r"page\.foot")
    assert len(metrics) > 20 and len(charts) > 60
    assert [where for where, node in metrics if not any(one.arg == "help" for one in node.keywords)] == []
    assert [where for where, node in charts if lacks(node, "notes")] == []


def test_terms_stand_once_in_plain_chinese():
    with fields.TERMS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["label"] for row in rows}) == len(rows) > 50
    assert all(row["meaning"].endswith("。") and not re.search(r"[a-z_]{3,}", row["meaning"]) for row in rows)


def test_a_column_explains_its_label_else_its_note_but_no_codes():
    assert fields.explained("n_events", "件数") == "按登记日期计的诉求件数，一个来源的一次登记算一件。"
    assert fields.explained("handling_days", "办理天数") == "登记到办结"
    assert fields.explained("satisfaction", "满意度") is None, "its note lists codes"
    assert fields.explained("no_such_column", "没有这个词") is None
