"""What became of some demo items outside the office: the case lists of the mediation platform and of the court.

About three in a hundred of the items that suit mediation are led in, more where neighbours and consumers quarrel than
where land is taken. A stream of chance of its own: the other files do not change by it.
"""

import csv
import datetime as dt
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import xlsxwriter

from pipelines.config import SEEDS
from pipelines.demo.catalogue import catalogue
from pipelines.demo.catalogue import rows as seed_rows
from pipelines.demo.geography import CITY_NAME
from pipelines.sources.referrals import DISPUTES

if TYPE_CHECKING:
    from pipelines.demo.generator import Month, Scene

MEDIATION = [
    "序号",
    "调解案件编号",
    "案件来源",
    "信访件编号",
    "工单编号",
    "网格事件编号",
    "纠纷类型",
    "申请人",
    "被申请人",
    "联系电话",
    "调解组织",
    "调解员",
    "导入日期",
    "受理日期",
    "首次调解日期",
    "调解结束日期",
    "调解状态",
    "调解结果",
    "司法确认日期",
]
LITIGATION = [
    "案号",
    "来源事项编号",
    "案件来源",
    "案由",
    "原告",
    "被告",
    "承办法院",
    "承办法官",
    "收案日期",
    "立案日期",
    "开庭日期",
    "结案日期",
    "案件状态",
    "结案方式",
    "执行立案日期",
]
SHARE = {"02": 0.065, "01": 0.08, "03": 0.05, "12": 0.045, "15": 0.032, "10": 0.05, "13": 0.11, "14": 0.1, "08": 0.015}
"""Of the items of a type, how many are led in; 0.02 of the others."""
SETTLED = {"02": 0.82, "12": 0.78, "14": 0.75, "15": 0.66, "10": 0.62, "13": 0.55, "03": 0.6, "08": 0.41}
"""How often a mediation that ends by a result succeeds; 0.6 for the others."""
TO_COURT, DIRECTLY_TO_COURT = 0.38, 0.0035
CAUSES = {
    "02": "相邻关系纠纷",
    "03": "宅基地使用权纠纷",
    "04": "建设工程合同纠纷",
    "06": "侵权责任纠纷",
    "07": "土地承包经营权纠纷",
    "08": "房屋拆迁安置补偿合同纠纷",
    "09": "环境污染责任纠纷",
    "10": "追索劳动报酬纠纷",
    "11": "旅游合同纠纷",
    "12": "消费者权益保护合同纠纷",
    "13": "医疗损害责任纠纷",
    "14": "机动车交通事故责任纠纷",
    "15": "物业服务合同纠纷",
}
CHANNELS = {"petition": "信访导入", "hotline": "12345热线导入", "grid": "网格上报"}
NUMBER_OF = {"petition": "信访件编号", "hotline": "工单编号", "grid": "网格事件编号"}


@dataclass
class Cases:
    """The cases of four years, gathered month by month, written by year."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, scene: "Scene", month: "Month", source: str, numbers: pl.Series) -> None:
        """Some of these items (all of one source, with their numbers) are led into mediation or go to court."""
        suited = {row["issue_code"]: row["dispute_code"] for row in seed_rows(SEEDS / "mediable_issue.csv")}
        kinds = [suited.get(code) for code in catalogue().codes]
        share = np.array([0.0 if kind is None else SHARE.get(kind, 0.02) for kind in kinds])
        direct = np.array([0.0 if kind is None else DIRECTLY_TO_COURT for kind in kinds])
        rng = np.random.default_rng([scene.seed, 11, int(month.label), len(month.day)])
        growing = 0.7 + 0.15 * (int(month.label[:4]) - int(scene.end.year) + 3)  # the link is young and still spreading
        chance = rng.random(len(month.issue))
        rank = {"petition": 1.6, "hotline": 1.0, "grid": 0.5}[source]
        led = chance < share[month.issue] * growing * rank
        to_court = ~led & (chance > 1 - direct[month.issue] * growing * rank)
        for at in np.flatnonzero(led | to_court):
            county = scene.city.county_names[scene.city.town_county[month.town[at]]]
            self.rows.append(
                {
                    "source": source,
                    "number": numbers[int(at)],
                    "dispute": kinds[month.issue[at]],
                    "county": county,
                    "town": scene.city.town_names[month.town[at]],
                    "registered": dt.date(1970, 1, 1) + dt.timedelta(days=int(month.registered[at]) // 86_400),
                    "is_led": bool(led[at]),
                }
            )

    def write(self, folder: Path, scene: "Scene") -> dict[str, int]:
        """mediation/人民调解案件_<year>.xlsx and litigation/诉讼案件_<year>.csv; how many rows of each."""
        rng = np.random.default_rng([scene.seed, 12])
        mediated: dict[int, list[dict[str, Any]]] = {}
        in_court: dict[int, list[dict[str, Any]]] = {}
        for row in sorted(self.rows, key=lambda row: (row["registered"], row["source"], row["number"])):
            case = _mediation(row, scene.end, rng) if row["is_led"] else None
            if case:
                mediated.setdefault(case["导入日期"].year, []).append(case)
            filed = _litigation(row, case, scene.end, rng)
            if filed:
                in_court.setdefault(filed["收案日期"].year, []).append(filed)
        for year, cases in mediated.items():
            _write_workbook(folder / "mediation" / f"人民调解案件_{year}年.xlsx", year, cases)
        for year, cases in in_court.items():
            _write_csv(folder / "litigation" / f"诉讼案件_{year}年.csv", year, cases)
        return {
            "mediation": sum(map(len, mediated.values())),
            "litigation": sum(map(len, in_court.values())),
        }


def _later(day: dt.date, rng: np.random.Generator, mean: float) -> dt.date:
    return day + dt.timedelta(days=int(rng.gamma(2.0, mean / 2)))


def _mediation(row: dict[str, Any], end: dt.date, rng: np.random.Generator) -> dict[str, Any] | None:
    """One case as far as it had come by `end`; None where it was led in later."""
    kind, slow = row["dispute"], {"08": 1.8, "13": 1.5, "10": 0.8, "02": 0.7}.get(row["dispute"], 1.0)
    applied = _later(row["registered"], rng, 6)
    taken, begun = _later(applied, rng, 2), None
    fate = rng.choice(["declined", "withdrawn", "terminated", "result"], p=[0.04, 0.05, 0.04, 0.87])
    is_settled = rng.random() < SETTLED.get(kind, 0.6)
    begun = _later(taken, rng, 4 * slow)
    ended = _later(begun, rng, 14 * slow)
    confirmed = _later(ended, rng, 9) if is_settled and rng.random() < (0.3 if kind in ("10", "14") else 0.16) else None
    level = rng.choice(3, p=[0.62, 0.28, 0.1])
    body = {
        "13": f"{CITY_NAME}医疗纠纷人民调解委员会",
        "14": f"{row['county']}道路交通事故人民调解委员会",
        "10": f"{row['county']}劳动争议人民调解委员会",
    }.get(kind, f"{row['county']}人民调解委员会" if level == 1 else f"{row['town']}人民调解委员会")
    if level == 2 and kind not in ("13", "14", "10"):
        body = f"{row['town']}“老马”个人调解工作室"
    if applied > end:
        return None
    declined_at = taken
    case: dict[str, Any] = dict.fromkeys(MEDIATION, "")
    is_backward = rng.random() < 0.004 and taken > applied
    case |= {
        "案件来源": CHANNELS[row["source"]],
        NUMBER_OF[row["source"]]: row["number"],
        "纠纷类型": f"{kind} {DISPUTES[kind][0]}纠纷" if rng.random() < 0.5 else f"{DISPUTES[kind][0]}纠纷",
        "申请人": str(rng.choice(["王建国", "李秀英", "张伟", "刘芳"])),
        "被申请人": str(rng.choice(["安澜物业服务有限公司", "赵强", "陈静", "某商贸行"])),
        "联系电话": f"139{rng.integers(10**7, 10**8)}",
        "调解员": str(rng.choice(["马德胜", "周桂兰", "吴国平"])),
        "调解组织": body,
        "导入日期": applied,
        "调解状态": "待受理",
    }
    if fate == "declined" and declined_at <= end:
        return case | {"调解状态": "不予受理", "调解结束日期": declined_at}
    if taken <= end:
        case |= {"受理日期": applied - dt.timedelta(days=2) if is_backward else taken, "调解状态": "待调解"}
    if begun <= end:
        case |= {"首次调解日期": begun, "调解状态": "调解中"}
    if ended <= end:
        case["调解结束日期"] = ended
        if fate == "withdrawn":
            case["调解状态"] = "撤回"
        elif fate == "terminated":
            case["调解状态"] = "终止"
        elif rng.random() < 0.2:
            case |= {"调解状态": "结束", "调解结果": "达成协议" if is_settled else "未达成协议"}
        else:
            case["调解状态"] = "调解成功" if is_settled else "调解不成"
    is_success = case["调解状态"] == "调解成功" or case["调解结果"] == "达成协议"
    if is_success and confirmed and confirmed <= end:
        case |= {"司法确认日期": confirmed, "调解状态": "司法确认", "调解结果": "达成协议"}
    return case


def _litigation(
    row: dict[str, Any], case: dict[str, Any] | None, end: dt.date, rng: np.random.Generator
) -> dict[str, Any] | None:
    """What was not settled may be filed; some items are filed at once. None where nothing was."""
    is_failed = case is not None and case["调解状态"] in ("调解不成", "终止", "结束") and case["调解结果"] != "达成协议"
    if row["is_led"] and not (is_failed and rng.random() < TO_COURT):
        return None
    filed = _later(case["调解结束日期"] if case else row["registered"], rng, 20 if case else 45)
    if filed > end:
        return None
    docketed, heard = _later(filed, rng, 5), None
    heard = _later(docketed, rng, 30)
    decided = _later(heard, rng, 45)
    result = str(rng.choice(["判决", "调解", "撤诉", "驳回起诉"], p=[0.52, 0.26, 0.17, 0.05]))
    found: dict[str, Any] = dict.fromkeys(LITIGATION, "")
    found |= {
        "来源事项编号": row["number"],
        "案件来源": CHANNELS[row["source"]],
        "案由": CAUSES.get(row["dispute"], "其他民事纠纷"),
        "原告": str(rng.choice(["王建国", "李秀英", "张伟"])),
        "被告": str(rng.choice(["安澜物业服务有限公司", "赵强", "某商贸行"])),
        "承办法院": f"{row['county']}人民法院",
        "承办法官": str(rng.choice(["孙明", "郑丽"])),
        "收案日期": filed,
        "案件状态": "待立案",
    }
    if docketed <= end:
        found |= {"立案日期": docketed, "案件状态": "立案"}
    if heard <= end:
        found |= {"开庭日期": heard, "案件状态": "审理中"}
    if decided <= end:
        found |= {"结案日期": decided, "案件状态": "结案", "结案方式": result}
        enforced = _later(decided, rng, 40)
        if result == "判决" and enforced <= end and rng.random() < 0.3:
            found |= {"执行立案日期": enforced, "案件状态": "执行中"}
    return found


def _write_workbook(path: Path, year: int, cases: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    book = xlsxwriter.Workbook(path, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"created": dt.datetime(2026, 1, 1), "title": f"{CITY_NAME}人民调解案件"})
    sheet = book.add_worksheet("人民调解案件")
    sheet.merge_range(0, 0, 0, len(MEDIATION) - 1, f"{CITY_NAME}人民调解案件列表（{year}年）")
    for column, name in enumerate(MEDIATION):
        sheet.write_string(1, column, name)
    for n, case in enumerate(cases, start=1):
        case |= {"序号": str(n), "调解案件编号": f"AT{year}{n:06d}"}
        for column, name in enumerate(MEDIATION):
            if case[name]:
                sheet.write_string(n + 1, column, str(case[name]))
    sheet.write_string(len(cases) + 2, 1, f"合计：{len(cases)}件")
    book.close()


def _write_csv(path: Path, year: int, cases: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(LITIGATION)
    for n, case in enumerate(cases, start=1):
        case["案号"] = f"（{year}）安01民初{n}号"
        writer.writerow([str(case[name]) for name in LITIGATION])
    path.write_bytes(text.getvalue().encode("gb18030"))
