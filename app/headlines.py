"""Which headline figures can this warehouse give, and how do they compare? Of 本周研判 and of every report."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from app import wording

FIGURES = {
    "n_events": ("诉求总量", "本周登记的信访件、热线工单、网格事件之和，按登记日期计。"),
    "n_petition": ("信访", "本周登记的信访件。"),
    "n_hotline": ("12345热线", "本周登记的热线工单。"),
    "n_grid": ("网格", "本周登记的网格事件。"),
    "n_overdue": ("未按期办结", "限办时间落在本周、到时没有办结的事项，后来补办的也算；按限办时间计，不按登记日期。"),
    "n_repeat": ("重复", "来源系统标为重复的事项；本系统不按人推断。"),
    "n_group": ("群体性", "来源系统标为集体、联名的事项。"),
}
MIN_OBSERVED = 5  # one or two items more are no rise
MIN_WORKDAYS = 3  # of fewer, a daily mean says more about the holiday than about the items


def given(source_totals: pl.DataFrame, n_due: int) -> dict[str, tuple[str, str]]:
    """Of FIGURES those the warehouse can give: none for a source or a mark that none of its items has.

    source_totals: the query of that name; n_due: items with a deadline whose outcome is known.
    """
    empty = {f"n_{source}" for source in wording.SOURCES if source not in source_totals["source"].to_list()}
    empty |= {name for name in ("n_repeat", "n_group") if not source_totals[name].sum()}
    if not n_due:
        empty.add("n_overdue")
    return {name: said for name, said in FIGURES.items() if name not in empty}


def left_out(shown: Mapping[str, object]) -> str:
    """Which figures the warehouse cannot give."""
    gone = [label for name, (label, _) in FIGURES.items() if name not in shown]
    return f"本库没有这些数据：{'、'.join(gone)}。" if gone else ""


def workdays(
    now: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    word: str = "本周",
    word_before: str = "上周",
    compared: str = "环比",
) -> dict[str, Any]:
    """The comparison that holidays do not disturb: items registered on working days, per working day.

    now, before: n_workdays, n_on_workdays (null: unknown). Answers with n_days, n_days_before, per_day, per_day_before,
    change_share, change_words and the sentence; what cannot be compared is null, the sentence empty or says so.
    """
    found: dict[str, Any] = {"n_days": now["n_workdays"], "n_days_before": before and before["n_workdays"]}
    found |= dict.fromkeys(("per_day", "per_day_before", "change_share", "change_words"))
    if not before or before["n_on_workdays"] is None or now["n_on_workdays"] is None:
        return found | {"sentence": ""}
    if min(now["n_workdays"], before["n_workdays"]) < MIN_WORKDAYS:
        return found | {"sentence": f"节假日{word[1:]}，不作工作日比较。"}
    per_day, per_day_before = (row["n_on_workdays"] / row["n_workdays"] for row in (now, before))
    change = wording.change(now["n_on_workdays"], before["n_on_workdays"])
    share = None if change.share is None else per_day / per_day_before - 1
    words = change.words if share is None else wording.share(share)
    sentence = (
        f"按工作日均（只计工作日登记的）：{word} {now['n_workdays']} 个工作日，日均 {per_day:,.1f} 件；"
        f"{word_before} {before['n_workdays']} 个，日均 {per_day_before:,.1f} 件，{compared} {words}。"
    )
    return found | {
        "per_day": per_day,
        "per_day_before": per_day_before,
        "change_share": share,
        "change_words": words,
        "sentence": sentence,
    }
