"""The ledgers an office keeps beside its systems, tied to items of the demo city by their numbers.

Candidates are picked while the months are written, by a stream of chance of their own, so that the other files stay what
they are. Names and telephone numbers stand in the columns where offices write them; nothing of them may get through.
"""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import xlsxwriter

from pipelines.demo.catalogue import catalogue
from pipelines.demo.geography import CITY_NAME
from pipelines.demo.texts import SLOT
from pipelines.sources import ledger

if TYPE_CHECKING:
    from pipelines.demo.generator import Month, Scene

Row = dict[str, Any]

A_MONTH = {"petition": 14, "hotline": 6, "grid": 10}
"""Candidates."""
NEWEST = {"supervision": 100, "assignment": 150, "screening": 200, "reception": 90, "leader_case": 60, "backlog": 80}
"""Entries of each ledger, the newest ones."""
ADVICE = 90
STREAM = {"petition": 1, "hotline": 2, "grid": 3}
ROLES = ("分管副县长", "县委副书记", "县委常委、政法委书记", "常务副县长", "县政协副主席", "镇党委书记", "分管副镇长")
PROGRESS = (
    "已现场核查，正在制定方案",
    "已召开协调会，明确责任分工",
    "已约谈开发企业，督促限期整改",
    "资金已落实，正在组织施工",
    "已向群众答复，等待回访",
)
ADVICE_TEXT = {
    "改进工作建议": "建议改进{issue}事项的办理流程，压实首办责任",
    "完善政策建议": "建议完善{issue}方面的政策和监管办法",
    "追究责任建议": "建议对{issue}事项办理不力的问题追究责任",
}


class Ledgers:
    """Candidates of all months, then the files."""

    def __init__(self) -> None:
        self.found: dict[str, list[Row]] = {source: [] for source in A_MONTH}

    def add(self, scene: "Scene", month: "Month", source: str, numbers: pl.Series) -> None:
        """A few of these items, as a clerk would know them."""
        n = len(month.day)
        if not n:
            return
        rng = np.random.default_rng([scene.seed, 21, STREAM[source], int(month.label), n])
        known, city = catalogue(), scene.city
        chosen = np.sort(rng.choice(n, min(n, A_MONTH[source]), replace=False))
        person = scene.texts.vocabulary.take(month.slots[SLOT["PF"]][chosen])
        phone = scene.texts.vocabulary.take(month.slots[SLOT["PM"]][chosen])
        for k, name, number in zip(chosen.tolist(), person, phone, strict=True):
            issue = known.names[month.issue[k]].split("(")[0]
            town, community = city.town_names[month.town[k]], city.community_names[month.community[k]]
            self.found[source].append(
                {
                    "item_number": numbers[k],
                    "registered_on": _day(month.registered[k]),
                    "took": int(month.closed[k] - month.registered[k]) // 86_400 if month.closed[k] >= 0 else None,
                    "issue": issue,
                    "title": f"{community}{issue}",
                    "category": known.petition[month.issue[k]].replace(">", "_"),
                    "county_name": city.county_names[city.town_county[month.town[k]]],
                    "town_name": town,
                    "unit_name": scene.units.names[month.unit[k]],
                    "person": name,
                    "phone": number,
                }
            )

    def write(self, folder: Path, scene: "Scene") -> int:
        """One workbook a ledger below `folder`; how many rows in all."""
        folder.mkdir(parents=True)
        rng = np.random.default_rng([scene.seed, 22])
        by_day = {
            source: sorted(rows, key=lambda row: (row["registered_on"], row["item_number"]))
            for source, rows in self.found.items()
        }
        offices = by_day["petition"] + by_day["hotline"]
        offices.sort(key=lambda row: (row["registered_on"], row["item_number"]))
        old = [row for row in by_day["petition"] if row["registered_on"] < scene.end - dt.timedelta(days=300)]
        parts = {
            "supervision": _spread(offices, 2 * NEWEST["supervision"], rng),
            "assignment": _spread(by_day["petition"], 3 * NEWEST["assignment"], rng),
            "leader_case": _spread(old, NEWEST["leader_case"], rng),
            "backlog": _spread(old, NEWEST["backlog"], rng),
            "advice": _spread(offices, ADVICE, rng),
            "screening": _spread(by_day["grid"], 2 * NEWEST["screening"], rng),
            "reception": _spread(by_day["petition"], 2 * NEWEST["reception"], rng),
        }
        n_rows = 0
        for kind, candidates in parts.items():
            rows = [_entry(kind, row, scene.end, rng) for row in candidates]
            rows = sorted((row for row in rows if row["opened_on"] <= scene.end), key=lambda row: row["opened_on"])
            rows = _numbered(kind, rows[-NEWEST.get(kind, ADVICE) :])
            n_rows += len(rows)
            _write(folder / f"{ledger.kinds()[kind]}台账.xlsx", kind, rows, rng)
        return n_rows


def _spread(rows: list[Row], n: int, rng: np.random.Generator) -> list[Row]:
    """n of the rows, in their order."""
    return [rows[k] for k in np.sort(rng.choice(len(rows), min(n, len(rows)), replace=False)).tolist()]


def _entry(kind: str, item: Row, end: dt.date, rng: np.random.Generator) -> Row:
    """One entry: what it is about, and as many of its steps as have come by `end`."""
    lag = {
        "supervision": 45,
        "assignment": 3,
        "leader_case": 200,
        "backlog": 260,
        "advice": 60,
        "screening": 0,
        "reception": 0,
    }
    opened = item["registered_on"] + dt.timedelta(days=lag[kind] + int(rng.integers(0, 12)))
    if kind == "reception":  # the leaders receive on Mondays
        opened += dt.timedelta(days=-opened.weekday() % 7)
    else:
        opened = _workday(opened)
    days = {
        "supervision": 14,
        "assignment": 30,
        "leader_case": 120,
        "backlog": 150,
        "advice": 30,
        "screening": 10,
        "reception": 30,
    }
    allowed = days[kind]
    pace = float(np.exp(rng.normal(-0.25, 0.45)))
    steps = {"signed_on": 0.08, "planned_on": 0.3, "replied_on": 0.75, "closed_on": 1.0}
    wanted = {row["name"] for row in ledger.fields() if row["ledger_kind"] == kind}
    entry: Row = {
        **{name: item[name] for name in ("item_number", "title", "category", "county_name", "town_name", "unit_name")},
        "person": item["person"],
        "phone": item["phone"],
        "opened_on": opened,
        "arisen_on": item["registered_on"] - dt.timedelta(days=int(rng.integers(0, 900))) if kind in ("backlog", "leader_case") else None,
        "due_on": opened + dt.timedelta(days=allowed),
        "is_report_required": "是" if rng.random() < 0.8 else "否",
        "leader_role": _leader(item["person"], rng) if kind != "backlog" or rng.random() < 0.85 else "",
        "progress": PROGRESS[int(rng.integers(len(PROGRESS)))],
    }  # fmt: skip
    if kind == "supervision":
        entry["subtype"] = str(rng.choice(["个案督查", "专项督查", "联合督查"], p=[0.6, 0.25, 0.15]))
        if rng.random() < 0.5:
            entry["due_on"] = None  # the rule gives it
    if kind == "screening":
        entry["subtype"] = str(rng.choice(["经常排查", "集中排查", "重点排查"], p=[0.6, 0.25, 0.15]))
    if kind == "advice":
        entry["subtype"] = str(rng.choice(list(ADVICE_TEXT), p=[0.55, 0.35, 0.1]))
        entry["title"] = ADVICE_TEXT[entry["subtype"]].format(issue=item["issue"])
    if kind == "reception":
        group = int(rng.random() < 0.25)
        entry |= {"n_visits": 1, "persons": 1 + int(rng.integers(0, 3)) + group * int(rng.integers(4, 30))}
    never = rng.random() < 0.06
    for step, share in steps.items():
        if step not in wanted:
            continue
        took = max(1, round(allowed * share * pace * float(rng.uniform(0.8, 1.2))))
        at = _workday(opened + dt.timedelta(days=took))
        entry[step] = at if at <= end and not (never and share > 0.5) else None
    return entry | _outcome(kind, entry, rng)


def _outcome(kind: str, entry: Row, rng: np.random.Generator) -> Row:
    """State and result in the ledger's own words."""
    done = {"backlog": "已化解", "leader_case": "已化解", "screening": "调处成功", "advice": "采纳"}.get(kind, "已解决")
    half = {"backlog": "部分化解", "leader_case": "部分化解", "screening": "部分调处", "advice": "部分采纳"}.get(
        kind, "部分解决"
    )
    no = {"screening": "调处不成", "advice": "未采纳", "backlog": "未化解", "leader_case": "未化解"}.get(
        kind, "解释说明"
    )
    chance = [0.97, 0.02, 0.01] if kind == "screening" else [0.8, 0.12, 0.08]
    said = str(rng.choice([done, half, no], p=chance))
    if rng.random() < 0.015:
        return {"state_word": "撤销", "result_word": ""}
    if entry.get("closed_on"):
        return {"state_word": "已办结", "result_word": said}
    if entry.get("replied_on"):
        return {"state_word": "已反馈", "result_word": said if kind == "advice" else ""}
    return {"state_word": "办理中", "result_word": ""}


def _leader(person: str, rng: np.random.Generator) -> str:
    role = ROLES[int(rng.integers(len(ROLES)))]
    return f"{person}（{role}）" if rng.random() < 0.2 else role


def _numbered(kind: str, rows: list[Row]) -> list[Row]:
    counts: dict[int, int] = {}
    for row in rows:
        year = row["opened_on"].year
        counts[year] = counts.get(year, 0) + 1
        row["entry_number"] = f"{ledger.kinds()[kind].removeprefix('三项')}〔{year}〕{counts[year]}号"
    return rows


def _write(path: Path, kind: str, rows: list[Row], rng: np.random.Generator) -> None:
    """Title row, header, rows, 合计; one date that nobody can read and one row written twice."""
    fields = [
        (row["name"], row["headers"].split("|")[0])
        for row in sorted(ledger.fields(), key=lambda row: row["name"] == "progress")
        if row["ledger_kind"] in (kind, ledger.ANY_KIND)
        and row["name"] not in (ledger.IDENTIFYING, "place", "community_name")
    ]
    fields += [("person", "联系人"), ("phone", "联系电话")]
    if len(rows) > 20:
        wrong, twice = rng.choice(len(rows) - 5, 2, replace=False).tolist()
        rows = [*rows[: twice + 1], rows[twice], *rows[twice + 1 :]]
        rows[wrong] = {**rows[wrong], "opened_on": "待定", "entry_number": ""}
    book = xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"created": dt.datetime(2026, 1, 1), "title": f"{CITY_NAME}{path.stem}"})
    sheet, head = book.add_worksheet(path.stem), book.add_format({"bold": True})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.merge_range(0, 0, 0, len(fields) - 1, f"{CITY_NAME}{path.stem}", head)
    for column, (_, header) in enumerate(fields):
        sheet.write_string(1, column, header, head)
    for at, row in enumerate(rows, start=2):
        for column, (name, _) in enumerate(fields):
            value = at - 1 if name == "line_number" else row.get(name)
            if isinstance(value, dt.date):
                sheet.write_datetime(at, column, dt.datetime.combine(value, dt.time()), day)
            elif isinstance(value, int):
                sheet.write_number(at, column, value)
            elif value:
                sheet.write_string(at, column, value)
    sheet.write_string(len(rows) + 2, 0, f"合计 {len(rows)} 条")
    book.close()


def _workday(day: dt.date) -> dt.date:
    """The day itself, or the Monday after its weekend."""
    return day + dt.timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)


def _day(second: Any) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(days=int(second) // 86_400)
