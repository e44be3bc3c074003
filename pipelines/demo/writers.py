"""The export files as the business systems write them, quirks and dirt included.

About one row in two hundred is dirty in a way that real exports are: a wrong number of fields, an empty key, a date
nobody can read, a closing before the registration, tabs and line breaks in the text, a row written twice. Rows of
planted events are spared the dirt that would keep them out, so that truth.csv counts what a reader can load.
"""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import xlsxwriter

from pipelines.demo.catalogue import RENAMED_FROM, catalogue
from pipelines.demo.geography import CITY_NAME
from pipelines.demo.texts import SLOT, Templates

if TYPE_CHECKING:
    from pipelines.demo.generator import Month, Scene

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

HOTLINE = [
    "工单编号",
    "工单类型",
    "问题分类",
    "标签",
    "标题",
    "主要内容",
    "工单状态",
    "来电人",
    "来电人电话/账号",
    "被反映区",
    "被反映街乡镇",
    "村/社区",
    "小区点位",
    "受理时间",
    "承办单位",
    "工单性质",
    "处理受理方式",
    "办理时限",
    "办结时间",
    "办理结果",
    "回复内容",
    "企业名称",
    "是否解决",
    "是否满意",
    "是否重复诉求",
]
HOTLINE_PART = [
    "工单编号",
    "工单标题",
    "工单内容",
    "推送时间",
    "承办单位",
    "问题分类",
    "问题点位",
    "工单状态",
    "办结时间",
]
GRID = [
    "REC_ID",
    "TASK_NUM",
    "CREATE_TIME",
    "OCCUR_TIME",
    "ADDRESS",
    "STREET_NAME",
    "COMMUNITY_NAME",
    "CELL_NAME",
    "MAIN_TYPE_NAME",
    "SUB_TYPE_NAME",
    "THIRD_TYPE_NAME",
    "EVENT_SRC_NAME",
    "REC_TYPE_NAME",
    "DISTRICT_NAME",
    "first_unit_name",
    "dispose_unit",
    "EVENT_DESC",
    "origin_marks",
    "hotpoint_marks",
    "process_marks",
    "dispose_begin_time",
    "dispose_end_time",
    "archive_time",
    "reporter_name",
    "reporter_phone",
    "x",
    "y",
]
PETITION = [
    "信访件编号",
    "姓名",
    "信访人数",
    "住址",
    "手机号码",
    "问题属地",
    "信访目的",
    "内容分类",
    "信访日期",
    "登记日期",
    "限办时间",
    "信访形式",
    "概况",
    "是否办结",
    "是否全国初次信访",
    "联名信或集体访",
    "信访件状态",
    "登记部门",
    "登记人",
    "去向机构",
    "办结时间",
    "责任单位评价状态",
]

# share of rows a file, and whether the row can still be loaded
DIRT = {
    "field_count": 0.0008,
    "empty_key": 0.0004,
    "bad_date": 0.0005,
    "closed_first": 0.0007,
    "control_characters": 0.0008,
    "all_empty": 0.0004,
    "twice": 0.0008,
    "void": 0.0012,
    "full_width": 0.0006,
    "odd_spaces": 0.0006,
    "date_format": 0.001,
    "unknown_category": 0.003,
}
HARMLESS = ("control_characters", "odd_spaces", "date_format")
BAD_DATES = ["", "0000-00-00 00:00:00", "2024-13-45", "待定", "昨天"]
STAMP = "%Y-%m-%d %H:%M:%S"
DEFAULT_POINT = (123.00000, 29.00000)  # where a terminal without a fix puts its events
WIDE = str.maketrans("0123456789-", "０１２３４５６７８９－")


def write_hotline(scene: "Scene", month: "Month", folder: Path, rng: np.random.Generator) -> int:
    """12345 work orders of one month, GB18030, category levels joined by `->`."""
    n, known = len(month.town), catalogue()
    dirt = _dirt(month.event, rng)
    renamed = month.label >= RENAMED_FROM.replace("-", "")[:6]
    paths = [
        (new if renamed and new else old).replace(">", "->")
        for old, new in zip(known.hotline, known.hotline_renamed, strict=True)
    ]
    category = _gather(paths, month.issue)
    category = _where(dirt["unknown_category"], ["其他->其他诉求->未分类"], category)
    is_open = month.closed < 0
    fresh = is_open & (month.registered > scene.end_second - 2 * 86_400)
    status = np.select([dirt["void"], fresh, is_open], [0, 1, 2], rng.choice([3, 4], n, p=[0.55, 0.45]))
    rated = ~is_open & (rng.random(n) < 0.46)
    solved, satisfied = _verdicts(scene, month, rng)
    registered = _dates(month.registered, dirt, rng, n)
    text = _hotline_text(scene, month, rng)
    frame = pl.DataFrame(
        {
            "工单编号": _keys("AL", month, scene, 6),
            "工单类型": _gather(["诉求", "投诉", "咨询", "求助", "建议"], _order_type(known.codes, month.issue, rng)),
            "问题分类": category,
            "标签": _sparse(scene.texts.vocabulary.take(month.slots[SLOT["TOPIC"]]), 0.3, rng),
            "标题": _title(scene, month, rng),
            "主要内容": _dirty_text(text, dirt),
            "工单状态": _gather(["作废", "待签收", "办理中", "已办结", "已回访"], status),
            "来电人": _word(scene, month, "PN", "PF", rng),
            "来电人电话/账号": _sparse(_word(scene, month, "PM", "PM2", rng), 0.93, rng),
            **_places(scene, month, dirt, rng),
            "小区点位": _sparse(_word(scene, month, "E", "S", rng), 0.55, rng),
            "受理时间": registered,
            "承办单位": _gather(scene.units.names, month.unit),
            "工单性质": _gather(["主办", "协办", "转办"], rng.choice(3, n, p=[0.93, 0.05, 0.02])),
            "处理受理方式": _gather(
                ["电话", "微信", "网站", "手机客户端"], rng.choice(4, n, p=[0.72, 0.14, 0.06, 0.08])
            ),
            "办理时限": _stamp(month.due, STAMP),
            "办结时间": _stamp(_closed(month, dirt), STAMP),
            "办理结果": _gather(["", "已解决", "部分解决", "解释说明"], np.where(is_open, 0, 1 + solved)),
            "回复内容": _reply(scene, month, solved, rng),
            "企业名称": _company(scene, month, known.groups),
            "是否解决": _gather(["", "是", "否"], np.where(rated, np.where(solved == 0, 1, 2), 0)),
            "是否满意": _gather(["", "满意", "基本满意", "不满意"], np.where(rated, 1 + satisfied, 0)),
            "是否重复诉求": _gather(["否", "是"], (rng.random(n) < _repeat_share(month)).astype(np.int64)),
        }
    ).select(HOTLINE)
    frame = _blanked(frame, dirt, key="工单编号", keep=("工单编号", "受理时间", "工单状态"))
    content, rows = _csv(frame, dirt)
    (folder / f"12345工单_{month.label}.csv").write_bytes(content.encode("gb18030"))
    return rows


def write_hotline_part(scene: "Scene", month: "Month", folder: Path, rng: np.random.Generator) -> int:
    """One county's own export of its work orders: fewer columns, place in one string, category joined by `>`."""
    n, known = len(month.town), catalogue()
    dirt = _dirt(month.event, rng)
    is_open = month.closed < 0
    place = _places(scene, month, dirt, rng)
    spot = _word(scene, month, "E", "S", rng)
    building = _sparse(scene.texts.vocabulary.take(month.slots[SLOT["B"]]), 0.5, rng)
    category = _where(dirt["unknown_category"], ["其他类>未分类"], _gather(known.hotline_part, month.issue))
    frame = pl.DataFrame(
        {
            "工单编号": _keys("CB", month, scene, 5),
            "工单标题": _title(scene, month, rng),
            "工单内容": _dirty_text(_hotline_text(scene, month, rng), dirt),
            "推送时间": _dates(month.registered, dirt, rng, n),
            "承办单位": _gather(scene.units.names, month.unit),
            "问题分类": category,
            "问题点位": pl.select(pl.concat_str([pl.lit(CITY_NAME), *place.values(), spot, building])).to_series(),
            "工单状态": _gather(["作废", "办理中", "办结"], np.select([dirt["void"], is_open], [0, 1], 2)),
            "办结时间": _stamp(_closed(month, dirt), STAMP),
        }
    ).select(HOTLINE_PART)
    frame = _blanked(frame, dirt, key="工单编号", keep=("工单编号", "推送时间", "工单状态"))
    content, rows = _csv(frame, dirt)
    # the county changed its system at the turn of 2025; the old one wrote GB18030
    encoding = "gb18030" if month.label < "202501" else "utf-8-sig"
    (folder / f"承办工单_{month.label}.csv").write_bytes(content.encode(encoding))
    return rows


def write_grid(scene: "Scene", month: "Month", folder: Path, rng: np.random.Generator) -> int:
    """Grid events of one month, UTF-8 with BOM, `-` for nothing in some columns."""
    n, known = len(month.town), catalogue()
    dirt = _dirt(month.event, rng)
    unknown = len(known.grid_categories)
    levels = [(*name.split(">"), "-", "-")[:3] for name in known.grid_categories] + [("扩展事件", "其他", "-")]
    kind = np.where(dirt["unknown_category"], unknown, month.grid_class)
    first_serial = scene.counters.get("grid", 20_000_001)
    scene.counters["grid"] = first_serial + n
    place = _places(scene, month, dirt, rng)
    is_open = month.closed < 0
    begun = _stamp(np.where(is_open, -1, month.registered + 900 + (month.unit * 131) % 5400), STAMP)
    closed = _closed(month, dirt)
    road = _word(scene, month, "R", "S", rng)
    district, street, village = place.values()
    frame = pl.DataFrame(
        {
            "REC_ID": pl.Series(np.arange(first_serial, first_serial + n)).cast(pl.String),
            "TASK_NUM": _keys("WG", month, scene, 5),
            "CREATE_TIME": _dates(month.registered, dirt, rng, n),
            "OCCUR_TIME": _stamp(month.occurred, STAMP),
            "ADDRESS": pl.select(pl.concat_str([pl.lit(CITY_NAME), district, street, village, road])).to_series(),
            "STREET_NAME": street,
            "COMMUNITY_NAME": village,
            "CELL_NAME": pl.select(
                pl.concat_str([village, pl.Series(rng.integers(1, 9, n)).cast(pl.String).str.zfill(3), pl.lit("网格")])
            ).to_series(),
            "MAIN_TYPE_NAME": _gather([level[0] for level in levels], kind),
            "SUB_TYPE_NAME": _gather([level[1] for level in levels], kind),
            "THIRD_TYPE_NAME": _gather([level[2] for level in levels], kind),
            "EVENT_SRC_NAME": _gather(
                ["网格员上报", "视频巡查", "群众上报", "部门巡查"], rng.choice(4, n, p=[0.72, 0.1, 0.12, 0.06])
            ),
            "REC_TYPE_NAME": _gather(
                ["手机终端", "微信小程序", "视频平台", "-"], rng.choice(4, n, p=[0.8, 0.12, 0.06, 0.02])
            ),
            "DISTRICT_NAME": district,
            "first_unit_name": _gather(scene.units.names, month.unit),
            "dispose_unit": _where(is_open, ["-"], _gather(scene.units.names, month.unit)),
            "EVENT_DESC": _dirty_text(_grid_text(scene, month, rng), dirt),
            "origin_marks": _gather(
                ["-", "个体工商户", "居民小区", "工地"], rng.choice(4, n, p=[0.7, 0.1, 0.14, 0.06])
            ),
            "hotpoint_marks": _gather(
                ["-", "文明创建", "汛期排查", "安全生产月"], rng.choice(4, n, p=[0.86, 0.08, 0.03, 0.03])
            ),
            "process_marks": _gather(["-", "督办", "延期", "返工"], rng.choice(4, n, p=[0.92, 0.03, 0.03, 0.02])),
            "dispose_begin_time": _dash(begun),
            "dispose_end_time": _dash(_stamp(closed, STAMP)),
            "archive_time": _dash(_stamp(np.where(closed < 0, -1, closed + 3600), STAMP)),
            "reporter_name": _word(scene, month, "PF", "PN", rng),
            "reporter_phone": _word(scene, month, "PM", "PM", rng),
            **_points(scene, month, rng),
        }
    ).select(GRID)
    frame = frame.with_columns(
        pl.when(pl.Series(dirt["void"])).then(pl.lit("作废")).otherwise("process_marks").alias("process_marks")
    )
    frame = _blanked(frame, dirt, key="REC_ID", keep=("REC_ID", "TASK_NUM", "CREATE_TIME"))
    content, rows = _csv(frame, dirt)
    (folder / f"网格事件_{month.label}.csv").write_bytes(content.encode("utf-8-sig"))
    return rows


class PetitionSheets:
    """Petition workbooks that grow month by month: a title row, a note row, the header in row 3, a 合计 row last."""

    def __init__(self, folder: Path, period: Callable[[str], str]) -> None:
        self.folder, self.period = folder, period
        self.label = ""
        self.frames: list[pl.DataFrame] = []

    def add(self, scene: "Scene", month: "Month", rng: np.random.Generator) -> int:
        label = self.period(month.label)
        if label != self.label:
            self.close()
            self.label = label
        self.frames.append(_petitions(scene, month, rng))
        return self.frames[-1].height

    def close(self) -> None:
        if not self.frames:
            return
        frame = pl.concat(self.frames)
        self.frames = []
        book = xlsxwriter.Workbook(
            self.folder / f"信访件_{self.label}.xlsx",
            {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False},
        )
        book.set_properties({"created": dt.datetime(2026, 1, 1), "title": f"{CITY_NAME}信访件列表"})
        sheet = book.add_worksheet("信访件列表")
        sheet.merge_range(0, 0, 0, len(PETITION) - 1, f"{CITY_NAME}信访件列表（{self.label}）")
        sheet.write_string(1, 0, f"导出说明：按登记日期导出，共{frame.height}件，仅供内部使用")
        for column, name in enumerate(PETITION):
            sheet.write_string(2, column, name)
        persons = PETITION.index("信访人数")
        for row, values in enumerate(frame.iter_rows(), start=3):
            for column, value in enumerate(values):
                if column == persons and value.isdigit():
                    sheet.write_number(row, column, int(value))
                elif value:
                    sheet.write_string(row, column, value)
        last = frame.height + 3
        sheet.write_string(last, 0, "合计")
        sheet.write_number(last, persons, int(frame["信访人数"].cast(pl.Int64, strict=False).sum()))
        book.close()


def _petitions(scene: "Scene", month: "Month", rng: np.random.Generator) -> pl.DataFrame:
    n, known = len(month.town), catalogue()
    dirt = _dirt(month.event, rng)
    is_open = month.closed < 0
    late = is_open & (month.due < scene.end_second)
    purpose = np.array([{"1407": 3, "1408": 1, "1207": 2}.get(code, 0) for code in known.codes])[month.issue]
    purpose = np.where((purpose == 0) & (rng.random(n) < 0.05), 2, purpose)
    group = rng.random(n) < np.where(month.event >= 0, 0.22, 0.06)
    persons = np.where(group, 5 + rng.geometric(0.12, n), 1 + (rng.random(n) < 0.15) * rng.integers(0, 4, n))
    status = np.select(
        [dirt["void"], late, is_open & (month.registered > scene.end_second - 15 * 86_400), is_open],
        [0, 1, 2, 3],
        rng.choice([4, 5, 6, 7, 8], n, p=[0.8, 0.12, 0.03, 0.02, 0.03]),
    )
    _, satisfied = _verdicts(scene, month, rng)
    rated = ~is_open & (rng.random(n) < 0.55)
    stamp = "%Y/%m/%d %H:%M:%S" if int(month.label[:4]) % 2 else "%Y-%m-%d"
    place = list(_places(scene, month, dirt, rng).values())
    level = rng.choice(3, n, p=[0.35, 0.4, 0.25])
    town = scene.texts.vocabulary.take(month.slots[SLOT["O2"]])
    county = scene.texts.vocabulary.take(month.slots[SLOT["O1"]])
    desk = pl.select(
        pl.when(pl.Series(level == 0))
        .then(pl.concat_str([town, pl.lit("信访办/"), county, pl.lit("信访局/安澜市信访局")]))
        .when(pl.Series(level == 1))
        .then(pl.concat_str([county, pl.lit("信访局/安澜市信访局")]))
        .otherwise(pl.lit("安澜市信访局"))
    ).to_series()
    category = _where(
        dirt["unknown_category"],
        ["其他_表达情感_其他"],
        _gather([path.replace(">", "_") for path in known.petition], month.issue),
    )
    frame = pl.DataFrame(
        {
            "信访件编号": _keys("9901", month, scene, 8),
            "姓名": _word(scene, month, "PF", "PF", rng),
            "信访人数": pl.Series(persons).cast(pl.String),
            "住址": pl.select(
                pl.concat_str([*place, *(scene.texts.vocabulary.take(month.slots[SLOT[s]]) for s in ("E", "B", "PR"))])
            ).to_series(),
            "手机号码": _sparse(_word(scene, month, "PM", "PM", rng), 0.9, rng),
            "问题属地": pl.select(pl.concat_str([pl.lit(CITY_NAME), *place])).to_series(),
            "信访目的": _gather(["求决", "意见建议", "申诉", "检举控告"], purpose),
            "内容分类": category,
            "信访日期": _stamp(month.occurred, stamp),
            "登记日期": _dates(month.registered, dirt, rng, n, stamp),
            "限办时间": _stamp(month.due, stamp),
            "信访形式": _gather(
                ["来信", "来访", "网上信访", "手机信访", "微信信访", "电话信访", "领导信箱"],
                np.where(
                    group & (rng.random(n) < 0.7), 1, rng.choice(7, n, p=[0.1, 0.24, 0.34, 0.12, 0.1, 0.06, 0.04])
                ),
            ),
            "概况": _dirty_text(_petition_text(scene, month, rng), dirt),
            "是否办结": _gather(["否", "是"], (~is_open).astype(np.int64)),
            "是否全国初次信访": _gather(["是", "否"], (rng.random(n) < _repeat_share(month) * 2.4).astype(np.int64)),
            "联名信或集体访": _gather(["否", "是"], group.astype(np.int64)),
            "信访件状态": _gather(
                [
                    "作废",
                    "超期未作出处理意见",
                    "受理申请审查中",
                    "受理",
                    "已作出处理意见",
                    "审核认定办结",
                    "不予受理",
                    "不再受理",
                    "提出复查意见",
                ],
                status,
            ),
            "登记部门": desk,
            "登记人": scene.texts.vocabulary.take(month.slots[SLOT["PF"]][::-1]),
            "去向机构": _gather(scene.units.names, month.unit),
            "办结时间": _stamp(_closed(month, dirt), stamp),
            "责任单位评价状态": _gather(["", "满意", "基本满意", "不满意"], np.where(rated, 1 + satisfied, 0)),
        }
    ).select(PETITION)
    frame = _blanked(frame, dirt, key="信访件编号", keep=("信访件编号", "登记日期", "信访件状态"))
    return pl.concat([frame, frame.filter(pl.Series(dirt["twice"]))])


# --- columns -------------------------------------------------------------------------------------------------------


def _gather(words: list[str], which: Ints) -> pl.Series:
    return pl.Series(words).gather(pl.Series(np.asarray(which).astype(np.uint32)))


def _where(mask: Flags, word: list[str], otherwise: pl.Series) -> pl.Series:
    return pl.select(pl.when(pl.Series(mask)).then(pl.lit(word[0])).otherwise(otherwise)).to_series()


def _sparse(values: pl.Series, share: float, rng: np.random.Generator) -> pl.Series:
    """Only this share of the values, the rest empty."""
    return _where(rng.random(len(values)) >= share, [""], values)


def _word(scene: "Scene", month: "Month", slot: str, other: str, rng: np.random.Generator) -> pl.Series:
    numbers = np.where(rng.random(len(month.town)) < 0.6, month.slots[SLOT[slot]], month.slots[SLOT[other]])
    return scene.texts.vocabulary.take(numbers)


def _stamp(seconds: Ints, form: str) -> pl.Series:
    """Formatted times; negative means empty."""
    at = pl.Series(seconds * 1_000_000).cast(pl.Datetime("us"))
    return _where(seconds < 0, [""], at.dt.to_string(form))


def _dash(values: pl.Series) -> pl.Series:
    return pl.select(pl.when(values == "").then(pl.lit("-")).otherwise(values)).to_series()


def _dates(seconds: Ints, dirt: dict[str, Flags], rng: np.random.Generator, n: int, form: str = STAMP) -> pl.Series:
    """Registration times with the dirt that dates carry."""
    values = _stamp(seconds, form)
    other = _stamp(seconds, "%Y年%m月%d日 %H:%M" if rng.random() < 0.5 else "%Y/%m/%d %H:%M")
    wide = (
        pl.Series(
            [value.translate(WIDE) if wide else "" for value, wide in zip(values, dirt["full_width"], strict=True)]
        )
        if dirt["full_width"].any()
        else values
    )
    bad = _gather(BAD_DATES, rng.integers(0, len(BAD_DATES), n))
    return pl.select(
        pl.when(pl.Series(dirt["bad_date"]))
        .then(bad)
        .when(pl.Series(dirt["date_format"]))
        .then(other)
        .when(pl.Series(dirt["full_width"]))
        .then(wide)
        .otherwise(values)
    ).to_series()


def _closed(month: "Month", dirt: dict[str, Flags]) -> Ints:
    return np.where(dirt["closed_first"] & (month.closed >= 0), month.registered - 3 * 86_400, month.closed)


def numbers(part: str, month: "Month", scene: "Scene") -> pl.Series:
    """The item numbers of this month as the files have them; `part` hotline, hotline_part, grid, petition, just written."""
    if part == "grid":
        last = scene.counters["grid"]
        return pl.Series(np.arange(last - len(month.day), last)).cast(pl.String)
    prefix, digits = {"hotline": ("AL", 6), "hotline_part": ("CB", 5), "petition": ("9901", 8)}[part]
    return _keys(prefix, month, scene, digits)


def _keys(prefix: str, month: "Month", scene: "Scene", digits: int) -> pl.Series:
    """prefix + date + running number of the day."""
    n = len(month.day)
    starts = np.searchsorted(month.day, month.day)  # days are sorted with the times
    serial = np.arange(n) - starts + 1
    day = pl.Series(month.registered * 1_000_000).cast(pl.Datetime("us")).dt.to_string("%Y%m%d")
    number = pl.Series(serial).cast(pl.String).str.zfill(digits)
    return pl.select(pl.concat_str([pl.lit(prefix), day, number])).to_series()


def _places(scene: "Scene", month: "Month", dirt: dict[str, Flags], rng: np.random.Generator) -> dict[str, pl.Series]:
    """County, town, community as clerks fill them in: sometimes short, sometimes left out, rarely unknown."""
    city, n = scene.city, len(month.town)
    spared = month.event >= 0
    county = _gather(city.county_names, city.town_county[month.town])
    short = [names.split(";")[0] for names in city.place.filter(pl.col("place_level") == "town")["aliases"]]
    chance = rng.random(n)
    town = _gather(city.town_names, month.town)
    town = _where(chance < 0.008, [""], town) if not spared.any() else _where((chance < 0.008) & ~spared, [""], town)
    alias = (chance > 0.985) & ~spared
    town = pl.select(pl.when(pl.Series(alias)).then(_gather(short, month.town)).otherwise(town)).to_series()
    town = _where((chance > 0.008) & (chance < 0.0095) & ~spared, ["高新产业园"], town)
    community = _gather(city.community_names, month.community)
    community = _where((rng.random(n) < 0.045) & ~spared, [""], community)
    spaced = pl.select(
        pl.when(pl.Series(dirt["odd_spaces"]))
        .then(pl.concat_str([pl.lit("\u00a0"), town, pl.lit("\u3000")]))
        .otherwise(town)
    ).to_series()
    return {"被反映区": county, "被反映街乡镇": spaced, "村/社区": community}


def _points(scene: "Scene", month: "Month", rng: np.random.Generator) -> dict[str, pl.Series]:
    """Longitude and latitude inside the community; one in a hundred on the default point, two missing."""
    city, n = scene.city, len(month.town)
    angle, reach = rng.uniform(0, 2 * np.pi, n), np.sqrt(rng.random(n)) * 0.9
    at = (
        city.community_lonlat[month.community]
        + (city.community_radius[month.community] * reach * np.stack([np.cos(angle), np.sin(angle)])).T
    )
    chance = rng.random(n)
    at[chance < 0.01] = DEFAULT_POINT
    missing = (chance > 0.98) & (chance <= 1)
    return {
        name: _where(missing, ["-"], pl.Series(np.round(at[:, k], 6)).cast(pl.String))
        for k, name in enumerate(("x", "y"))
    }


def _verdicts(scene: "Scene", month: "Month", rng: np.random.Generator) -> tuple[Ints, Ints]:
    """(0 solved, 1 partly, 2 explained; 0 satisfied, 1 fairly, 2 not): slower units please less."""
    pace = np.clip(scene.units.pace[month.unit], 0.5, 2)
    u, v = rng.random(len(month.town)), rng.random(len(month.town))
    solved = np.select([u < 0.86 - 0.14 * pace, u < 0.93], [0, 1], 2)
    satisfied = np.select([v < 0.78 - 0.16 * pace - 0.12 * solved, v < 0.9 - 0.05 * solved], [0, 1], 2)
    return solved, satisfied


def _repeat_share(month: "Month") -> Any:
    return 0.06 + 0.05 * ((month.issue * 13) % 7) / 6 + 0.06 * (month.event >= 0)


def _order_type(codes: list[str], issue: Ints, rng: np.random.Generator) -> Ints:
    """诉求 and 投诉 mostly; suggestions are 建议."""
    kind = rng.choice(4, len(issue), p=[0.5, 0.3, 0.09, 0.11])
    return np.where(issue == codes.index("1408"), 4, kind)


def _company(scene: "Scene", month: "Month", groups: list[str]) -> pl.Series:
    """The firm complained about, for labour and consumer matters."""
    group = np.array([int(code) for code in groups])[month.issue]
    firm = np.select([group == 3, group == 8], [month.slots[SLOT["F"]], month.slots[SLOT["H"]]], 0)
    return scene.texts.vocabulary.take(firm)


# --- texts ---------------------------------------------------------------------------------------------------------


def _facts(scene: "Scene", month: "Month", rng: np.random.Generator) -> tuple[Templates, Ints]:
    """The fact of each item: its event's where it has one, else its issue's."""
    facts, n_issues = scene.facts, len(catalogue().codes)
    return facts, facts.choose(np.where(month.event >= 0, n_issues + month.event, month.issue), rng)


def _any(templates: Templates, n: int, rng: np.random.Generator) -> tuple[Templates, Ints]:
    return templates, templates.choose(np.zeros(n, dtype=np.int64), rng)


def _shared(scene: "Scene", register: str, part: str, named: Flags, rng: np.random.Generator) -> tuple[Templates, Ints]:
    """A shared sentence part for every item; where the text names the community, one that does not repeat it."""
    templates = scene.texts.shared[register, part]
    return templates, templates.choose(named.astype(np.int64), rng)


def _hotline_text(scene: "Scene", month: "Month", rng: np.random.Generator) -> pl.Series:
    """Third person: 市民反映…"""
    return _with_personal(scene, month, _letter(scene, month, "hotline", rng), 0.08, rng)


def _petition_text(scene: "Scene", month: "Month", rng: np.random.Generator) -> pl.Series:
    """First person, letter style."""
    return _with_personal(scene, month, _letter(scene, month, "petition", rng), 0.1, rng)


def _letter(scene: "Scene", month: "Month", register: str, rng: np.random.Generator) -> pl.Series:
    """Opening, place, fact, what it means, what was tried before, what is wanted, closing."""
    texts, nowhere = scene.texts, np.zeros(len(month.town), dtype=bool)
    facts, told = _facts(scene, month, rng)
    opener, opened = _shared(scene, register, "opener", nowhere, rng)
    named = texts.names_community(facts, told) | texts.names_community(opener, opened)
    named |= texts.begins_with_words(facts, told)
    stop = texts.marks, np.zeros(len(month.town), dtype=np.int64)
    return texts.render(
        month.slots,
        [
            (opener, opened),
            _shared(scene, register, "place", named, rng),
            (facts, told),
            (texts.detail, texts.detail.choose(month.issue, rng)),
            (texts.consequence, texts.consequence.choose(month.issue, rng)),
            _shared(scene, register, "earlier", nowhere, rng),
            stop,
            (texts.demand, texts.demand.choose(month.issue, rng)),
            stop,
            _shared(scene, register, "closing", nowhere, rng),
        ],
    )


def _grid_text(scene: "Scene", month: "Month", rng: np.random.Generator) -> pl.Series:
    """Terse inspector's notes."""
    texts, planted = scene.texts, month.event >= 0
    found = texts.grid_facts, texts.grid_facts.choose(np.maximum(month.grid_class, 0), rng)
    text = _note(scene, month, *found, rng)
    if planted.any():
        told = _note(scene, month, *_facts(scene, month, rng), rng)
        text = pl.select(pl.when(pl.Series(planted)).then(told).otherwise(text)).to_series()
    return _with_personal(scene, month, text, 0.03, rng)


def _note(scene: "Scene", month: "Month", facts: Templates, told: Ints, rng: np.random.Generator) -> pl.Series:
    named = scene.texts.names_community(facts, told)
    return scene.texts.render(
        month.slots,
        [
            _shared(scene, "grid", "opener", named, rng),
            (facts, told),
            _shared(scene, "grid", "closing", named, rng),
        ],
    )


def _with_personal(
    scene: "Scene", month: "Month", text: pl.Series, share: float, rng: np.random.Generator
) -> pl.Series:
    n = len(month.town)
    extra = scene.texts.render(month.slots, [_any(scene.texts.personal, n, rng)])
    carries = pl.Series(rng.random(n) < share)
    return pl.select(pl.when(carries).then(pl.concat_str([text, extra])).otherwise(text)).to_series()


def _title(scene: "Scene", month: "Month", rng: np.random.Generator) -> pl.Series:
    title = scene.texts.render(month.slots, [_any(scene.texts.titles, len(month.town), rng)])
    return _sparse(title, 0.97, rng)


REPLIES = [
    "经核实，{}已安排人员到现场处理，问题已解决，已电话告知来电人。",
    "{}答复：已责令限期整改，后续加强巡查。",
    "{}回复：经现场查看，情况属实，已协调相关单位处理。",
    "{}工作人员已与来电人联系，作出解释说明，来电人表示知晓。",
    "{}答复：该问题涉及多个单位，已列入计划，将分步推进。",
    "经{}调查，反映内容部分属实，已督促落实。",
]


def _reply(scene: "Scene", month: "Month", solved: Ints, rng: np.random.Generator) -> pl.Series:
    which = np.where(solved == 0, rng.integers(0, 3, len(solved)), rng.integers(2, 6, len(solved)))
    unit = _gather(scene.units.names, month.unit)
    before = _gather([reply.split("{}")[0] for reply in REPLIES], which)
    after = _gather([reply.split("{}")[1] for reply in REPLIES], which)
    return _where(month.closed < 0, [""], pl.select(pl.concat_str([before, unit, after])).to_series())


# --- dirt ----------------------------------------------------------------------------------------------------------


def _dirt(event: Ints, rng: np.random.Generator) -> dict[str, Flags]:
    """Which rows carry which fault; at most one each, planted events only harmless ones."""
    chance = rng.random(len(event))
    planted = event >= 0
    result, low = {}, 0.0
    for name, share in DIRT.items():
        hit = (chance >= low) & (chance < low + share)
        result[name] = hit if name in HARMLESS else hit & ~planted
        low += share
    return result


def _dirty_text(text: pl.Series, dirt: dict[str, Flags]) -> pl.Series:
    if not dirt["control_characters"].any():
        return text
    return pl.select(
        pl.when(pl.Series(dirt["control_characters"]))
        .then(pl.concat_str([text.str.replace("，", "\t，"), pl.lit("\n"), pl.lit("　补充：同上。")]))
        .otherwise(text)
    ).to_series()


def _blanked(frame: pl.DataFrame, dirt: dict[str, Flags], *, key: str, keep: tuple[str, ...]) -> pl.DataFrame:
    """Empty keys, and rows with nothing in them but number, time and state."""
    if dirt["all_empty"].any():
        blank = pl.Series(dirt["all_empty"])
        others = [name for name in frame.columns if name not in keep]
        frame = frame.with_columns(
            pl.when(blank).then(pl.lit("")).otherwise(pl.col(name)).alias(name) for name in others
        )
    if dirt["empty_key"].any():
        empty = pl.Series(dirt["empty_key"])
        frame = frame.with_columns(pl.when(empty).then(pl.lit("")).otherwise(pl.col(key)).alias(key))
    return frame


def _csv(frame: pl.DataFrame, dirt: dict[str, Flags]) -> tuple[str, int]:
    """The file's text and its number of rows: some rows twice, some with a field too many or too few."""
    cuts = np.flatnonzero(dirt["field_count"] | dirt["twice"]).tolist()
    parts = [",".join(frame.columns) + "\n"]
    start = 0
    for at in cuts:
        parts.append(frame.slice(start, at - start).write_csv(include_header=False))
        line = frame.slice(at, 1).write_csv(include_header=False)
        if dirt["twice"][at]:
            parts.append(line + line)
        elif at % 2:
            parts.append(line.rstrip("\n") + ",附件1,\n")
        else:
            parts.append(line.rsplit(",", 3)[0] + "\n")
        start = at + 1
    parts.append(frame.slice(start).write_csv(include_header=False))
    return "".join(parts), frame.height + int(dirt["twice"].sum())
