"""By when is an item due, and which rule says so? One sentence for a reader who asks."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

STARTS = {"registered": "登记日", "accepted": "受理日", "received": "收到日"}
DAYS = {"calendar": "日", "workday": "个工作日"}


def explain(row: Mapping[str, Any], rule: Mapping[str, Any] | None) -> str:
    """Where an item's deadline comes from; empty where it has none.

    row: due_on, due_rule ('source' or a rule_id), due_start_on, rule_due_on, and is_estimated where known. rule: the row
    of mart deadline_rule that the item's rule_id names, None where no rule holds for it.

    >>> from datetime import date
    >>> rule = {"start_event": "accepted", "n_days": 60, "day_unit": "calendar", "basis": "《信访工作条例》第34条",
    ...         "extension_days": 30, "roll": "none", "path": None, "is_verified": True}
    >>> row = {"due_on": date(2025, 5, 3), "due_rule": "x", "due_start_on": date(2025, 3, 4), "rule_due_on": date(2025, 5, 3)}
    >>> explain(row, rule)
    '应办结日 = 受理日 2025-03-04 + 60日（《信访工作条例》第34条），未延期，即 2025-05-03'
    """
    due_on = row.get("due_on")
    if due_on is None:
        if rule is None:
            return ""
        return f"没有限办时间：来源未填，{STARTS[rule['start_event']]}也未填，无法按{_named(rule)}推算"
    by_source = row.get("due_rule") == "source"
    if rule is None or row.get("rule_due_on") is None:
        return f"应办结日 {due_on}（来源系统所填）" if by_source else ""
    sentence = (
        f"应办结日 = {STARTS[rule['start_event']]} {row['due_start_on']}"
        f" + {rule['n_days']}{DAYS[rule['day_unit']]}（{rule['basis']}）"
    )
    by_rule, days_over = row["rule_due_on"], (due_on - row["rule_due_on"]).days
    if not by_source or days_over == 0:
        parts = [sentence, "未延期", f"即 {by_rule}"]
    elif 0 < days_over <= (rule["extension_days"] or 0):
        parts = [sentence, f"延期 {days_over} 日（最长 {rule['extension_days']} 日），来源所填为 {due_on}"]
    else:
        parts = [
            f"应办结日 {due_on}（来源系统所填）",
            f"按规则推算为 {by_rule}：{sentence.removeprefix('应办结日 = ')}",
        ]
    rolled = rule["day_unit"] == "calendar" and by_rule - row["due_start_on"] > timedelta(days=rule["n_days"])
    remarks = [
        "末日遇休息日已顺延" if rolled else "",
        "次年放假安排未发布，按周一至周五估算" if row.get("is_estimated") else "",
        "来源未载办理路径，按信访程序推算" if rule["path"] == "信访程序" else "",
        "" if rule["is_verified"] else "规则依据待核实",
    ]
    return "；".join(["，".join(parts), *(remark for remark in remarks if remark)])


def _named(rule: Mapping[str, Any]) -> str:
    return f"{rule['basis']}（{rule['n_days']}{DAYS[rule['day_unit']]}）"
