"""What do the ledgers come to, and where does each date of an entry come from? Rates, steps and sentences; no Streamlit."""

import csv
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from app import fields, wording

FIELDS = Path(__file__).resolve().parents[1] / "sql" / "seeds" / "ledger_field.csv"
KINDS = fields.words("ledger_kind")
PRINTED = ("supervision", "assignment")
"""Ledgers whose entries are sent to a unit as a 督办单 or 交办单."""
STARTS = {"signed": "signed_word", "planned": "planned_word", "replied": "replied_word", "closed": "closed_word"}
DAYS = {"calendar": "日", "workday": "个工作日"}
STATES = {
    "open": "在办",
    "overdue": "下一步已过期",
    "late": "定期限的一步逾期",
    "closed": "已办结",
    "withdrawn": "已撤销",
}
"""What a list can be narrowed to."""


class Rate(NamedTuple):
    """A share that always shows what it is made of."""

    name: str
    numerator: int
    denominator: int
    meaning: str

    @property
    def value(self) -> str:
        return f"{self.numerator / self.denominator:.1%}" if self.denominator else "—"

    @property
    def parts(self) -> str:
        few = f"，{wording.FEW}" if 0 < self.denominator < wording.SMALL_BASE else ""
        return f"{self.numerator:,} / {self.denominator:,}{few}"


def totals(counts: pl.DataFrame) -> dict[str, int]:
    """The sums over all units (query ledger_counts); n_kept: those not withdrawn."""
    sums = {name: int(counts[name].sum()) for name in counts.columns if name.startswith("n_")}
    return sums | {"n_kept": sums["n_opened"] - sums["n_withdrawn"]}


def rates(kind: Mapping[str, Any], sums: Mapping[str, int]) -> list[Rate]:
    """The rates of one ledger. kind: row of query ledger_kinds; sums: `totals`.

    《条例》 gives no formula for 包案率, 化解率, 采纳率, 调处率 (DOMAIN §1.3): these are counted from the ledger, and say how.
    """
    word = kind["achieved_word"]
    base = "n_replied" if kind["achieved_base"] == "replied" else "n_kept"
    of = f"已{kind['replied_word']}的" if base == "n_replied" else f"{kind['opened_word']}的（不含撤销）"
    told = []
    if kind["ledger_kind"] == "backlog":
        meaning = "写明了包案领导职务，或同一事项在包案台账里的 / 列入的（不含撤销）"
        told.append(Rate("包案率", sums["n_led"], sums["n_kept"], meaning))
    if kind["ledger_kind"] in ("assignment", "advice"):
        meaning = f"已{kind['replied_word']}的 / {kind['opened_word']}的（不含撤销）"
        name = "报结率" if kind["ledger_kind"] == "assignment" else "反馈率"
        told.append(Rate(name, sums["n_replied"], sums["n_kept"], meaning))
    if kind["achieved_rate_name"]:
        told.append(
            Rate(
                kind["achieved_rate_name"],
                sums["n_achieved"],
                sums[base],
                f"结果为{word}的 / {of}；部分{word}不计入分子",
            )
        )
    else:
        told.append(
            Rate(f"{kind['closed_word']}率", sums["n_finished"], sums["n_kept"], f"已{kind['closed_word']}的 / {of}")
        )
    meaning = "在期限内完成定期限那一步的 / 期限已到的；没有期限、没有记录的不计"
    return [*told, Rate("按期率", sums["n_on_time"], sums["n_fell_due"], meaning)]


def funnel(kind: Mapping[str, Any], sums: Mapping[str, int]) -> pl.DataFrame:
    """label, value, note of each step the ledger has; whoever is further has passed the earlier ones."""
    known = [(f"{kind['opened_word']}（不含撤销）", sums["n_kept"])]
    known += [
        (f"已{kind[f'{step}_word']}", sums[name])
        for step, name in (
            ("signed", "n_signed"),
            ("planned", "n_planned"),
            ("replied", "n_replied"),
            ("closed", "n_finished"),
        )
        if kind[f"{step}_word"]
    ]
    known.append((f"其中{kind['achieved_word']}", sums["n_achieved"]))
    first = known[0][1]
    return pl.DataFrame(
        [
            (label, n, f"占{kind['opened_word']}的 {n / first:.0%}" if first and at else "")
            for at, (label, n) in enumerate(known)
        ],
        schema={"label": pl.String, "value": pl.Int64, "note": pl.String},
        orient="row",
    )


def standing(entry: Mapping[str, Any], kind: Mapping[str, Any]) -> str:
    """Where an entry is, in the words of its ledger: 在办, 已报结, 已办结，化解 …"""
    state, result = entry["ledger_state"], entry["ledger_result"]
    if state == "replied":
        return f"已{kind['replied_word'] or '反馈'}"
    if state != "closed":
        return fields.words("ledger_state")[state]
    closed, word = f"已{kind['closed_word']}", kind["achieved_word"]
    told = {"achieved": f"{closed}，{word}", "partly": f"{closed}，部分{word}", "failed": f"{closed}，未{word}"}
    return told.get(result or "", closed)


def name(entry: Mapping[str, Any]) -> str:
    """What an entry is called: its title, or what may be said of it where the title may not."""
    if entry["title"]:
        return str(entry["title"])
    if entry["subtype"] == "accountability":
        return f"追究责任建议（{entry['unit_name'] or '未写明单位'}）"
    return "（按规定不列事由）" if entry["is_counted_only"] else entry["issue_name"] or "（未写明事项）"


def explain(step: Mapping[str, Any], kind: Mapping[str, Any]) -> str:
    """Where the date of a step comes from.

    step: row of query ledger_steps. kind: row of query ledger_kinds.

    >>> from datetime import date
    >>> step = {"due_rule": "x", "start_event": "opened", "start_on": date(2026, 11, 2), "n_days": 3, "day_unit": "workday",
    ...         "basis": "13710 高效办机制", "step_due_on": date(2026, 11, 5), "is_estimated": False, "is_verified": False}
    >>> explain(step, {"opened_word": "督办"})
    '督办日 2026-11-02 + 3个工作日（13710 高效办机制），即 2026-11-05；规则依据待核实'
    """
    start = _start(step, kind)
    if step["due_rule"] == "own" or step["n_days"] is None:
        return clock(step, kind)
    clocked = f"{step['n_days']}{DAYS[step['day_unit']]}（{step['basis']}）"
    if step["start_on"] is None:
        return f"{start}之后 {clocked}，{start}的日期未填"
    if step["step_due_on"] is None:
        return f"{start}日 {step['start_on']} + {clocked}，工作日历没有这一段，无法推算"
    remarks = [
        "次年放假安排未发布，按周一至周五估算" if step["is_estimated"] else "",
        "" if step["is_verified"] else "规则依据待核实",
    ]
    sentence = f"{start}日 {step['start_on']} + {clocked}，即 {step['step_due_on']}"
    return "；".join([sentence, *(remark for remark in remarks if remark)])


def clock(step: Mapping[str, Any], kind: Mapping[str, Any]) -> str:
    """The rule of a step without its dates, for a form: 督办后3个工作日（13710 高效办机制）."""
    basis = f"（{step['basis']}）" if step["basis"] else ""
    if step["due_rule"] == "own":
        return f"台账写明期限{basis}"
    if step["n_days"] is None:
        return "没有统一时限，台账也没有写明" if step["is_deciding"] else "没有统一时限"
    return f"{_start(step, kind)}后{step['n_days']}{DAYS[step['day_unit']]}{basis}"


def progress(step: Mapping[str, Any]) -> str:
    """How a step stands, in a word; one without a deadline cannot be 未到期."""
    state = step["step_state"]
    return "待办" if state == "pending" and step["step_due_on"] is None else fields.words("step_state")[state]


def _start(step: Mapping[str, Any], kind: Mapping[str, Any]) -> str:
    return str(kind["opened_word"] if step["start_event"] == "opened" else kind[STARTS[step["start_event"]]])


def listed(entries: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """The entries that may be listed, and a sentence on the others: of 检举控告 and 涉法涉诉 there is a count and no list
    (《条例》 art. 30, 31)."""
    n = int(entries["is_counted_only"].sum())
    return entries.filter(~pl.col("is_counted_only")), f"另有 {n:,} 条按规定只计数，不列出。" if n else ""


def narrowed(entries: pl.DataFrame, state: str, unit: str) -> pl.DataFrame:
    """The entries of a state (a key of STATES, empty = all) and of a unit (empty = all)."""
    passes = {
        "open": pl.col("ledger_state").is_in(["open", "replied"]),
        "overdue": pl.col("is_next_overdue"),
        "late": pl.col("is_overdue"),
    }
    if state:
        entries = entries.filter(passes.get(state, pl.col("ledger_state") == state))
    return entries.filter(pl.col("unit_name") == unit) if unit else entries


def to_take_away(entries: pl.DataFrame, kind: Mapping[str, Any]) -> pl.DataFrame:
    """The list as it may leave the screen: no titles, no words on progress, no place below the county."""
    return entries.select(
        "ledger_number",
        "subtype",
        "issue_name",
        "county_name",
        "unit_name",
        "leader_role",
        "opened_on",
        "due_on",
        "signed_on",
        "planned_on",
        "replied_on",
        "closed_on",
        pl.Series("standing", [standing(row, kind) for row in entries.iter_rows(named=True)], dtype=pl.String),
        "due_state",
        "next_step_name",
        "next_due_on",
        "age_days",
        *(("n_visits", "persons") if kind["ledger_kind"] == "reception" else ()),
    )


@lru_cache(maxsize=1)
def _fields() -> Sequence[Mapping[str, str]]:
    with FIELDS.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def template_fields(kind: str) -> list[dict[str, str]]:
    """The columns of a ledger's template: header, example, is_required, aliases, note; never one about a person."""
    return [
        {
            "header": row["headers"].split("|")[0],
            "aliases": "、".join(row["headers"].split("|")[1:]),
            "example": row["example"],
            "is_required": row["is_required"],
            "note": row["note"],
            "name": row["name"],
        }
        for row in sorted(_fields(), key=lambda row: _ORDER.index(row["name"]) if row["name"] in _ORDER else 99)
        if row["ledger_kind"] in (kind, "*") and row["name"] != "identifying"
    ]


_ORDER = (
    *("line_number", "entry_number", "subtype", "item_number", "title", "category", "county_name", "town_name"),
    *("community_name", "place", "unit_name", "leader_role", "n_visits", "persons", "arisen_on", "opened_on"),
    *(
        "is_report_required",
        "due_on",
        "signed_on",
        "planned_on",
        "replied_on",
        "closed_on",
        "state_word",
        "result_word",
    ),
    "progress",
)


def dropped_headers() -> list[str]:
    """Headers that are never read."""
    return [header for row in _fields() if row["name"] == "identifying" for header in row["headers"].split("|")]


def as_day(text: str) -> date | str | int:
    """An example cell as what it is: a date, a number, or text."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return int(text) if text.isdecimal() else text
