"""Export files as other places write them (DOMAIN §2), made up row by row: no such office ever wrote these."""

import csv
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import openpyxl

TOWNS = ("和平街道", "东门街道", "石桥镇", "双溪乡", "城北街道")
COMMUNITIES = ("柳岸社区", "云水社区", "石桥村", "上家沟村", "永安社区", "东风社区")
COUNTIES = ("云溪区", "临川县", "南湖区")
UNITS = ("云溪区住建局", "市水务局", "临川县城管局", "东门街道办事处", "市场监管局")
TEXTS = (
    "小区暖气一直不热，多次联系物业没有结果，希望尽快处理，谢谢。",
    "夜间工地施工噪声很大，影响周围居民休息，请有关部门核查。",
    "路灯坏了半个多月没有人修，晚上行人通过很不安全。",
    "单位拖欠三个月工资，要求协调解决，材料已经提交。",
    "门口道路积水严重，下雨天无法通行，请安排疏通下水道。",
)
SURNAMES, GIVEN = "赵钱孙李周吴郑王冯陈", "伟芳娜敏静强磊洋勇艳"
START = datetime(2024, 1, 1, 8)

Cell = Callable[[random.Random, int], object]


def moment(hours: float = 0, form: str = "%Y-%m-%d %H:%M:%S", blank: float = 0.0) -> Cell:
    """A time `hours` after the row's own beginning."""

    def cell(rng: random.Random, n: int) -> str:
        at = START + timedelta(minutes=97 * n, hours=hours)
        return "" if rng.random() < blank else at.strftime(form)

    return cell


def one_of(*words: str, blank: float = 0.0) -> Cell:
    return lambda rng, n: "" if rng.random() < blank else rng.choice(words)


def numbered(form: str) -> Cell:
    return lambda rng, n: form.format(n)


def person(rng: random.Random, n: int) -> str:
    return rng.choice(SURNAMES) + "".join(rng.sample(GIVEN, rng.choice((1, 2))))


def mobile(rng: random.Random, n: int) -> str:
    return f"1{rng.choice('3578')}{rng.randrange(10**9):09d}"


def identity(rng: random.Random, n: int) -> str:
    body = f"990101{rng.randrange(1950, 2005)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}{rng.randrange(1000):03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


def address(rng: random.Random, n: int) -> str:
    return f"安澜市{rng.choice(COUNTIES)}{rng.choice(TOWNS)}{rng.choice(COMMUNITIES)}幸福路{rng.randrange(1, 200)}号"


def number_between(low: float, high: float, digits: int = 6) -> Cell:
    return lambda rng, n: f"{rng.uniform(low, high):.{digits}f}"


def sentence(rng: random.Random, n: int) -> str:
    return f"{rng.choice(TEXTS)}（第{n}件）"


def headline(rng: random.Random, n: int) -> str:
    return f"{rng.choice(TOWNS)}{rng.choice(('供暖', '噪声', '路灯', '欠薪', '积水'))}问题第{n}次反映"


UNSEEN: dict[str, dict[str, Cell]] = {
    "东莞诉求": {
        "诉求标题": headline,
        "处理部门": one_of(*UNITS),
        "镇街": one_of(*TOWNS),
        "事项": one_of("城市管理", "住房建设", "劳动保障"),
        "事项二级分类": one_of("占道经营", "物业服务", "供暖", "拖欠工资", "路灯井盖", "道路积水"),
        "红黄牌": one_of("红牌", "黄牌", blank=0.7),
        "满意度": one_of("满意", "基本满意", "不满意", "未评价"),
        "诉求类型": one_of("投诉", "咨询", "求助", "建议"),
        "受理时间": moment(form="%Y/%m/%d %H:%M"),
    },
    "惠州事件": {
        "事件编号": numbered("99130220240101{:09d}"),
        "受理时间": moment(),
        "事件来源": one_of("网格员上报", "12345热线", "群众来访"),
        "事件类型1": one_of("矛盾纠纷", "问题隐患"),
        "事件类型2": one_of("邻里纠纷", "劳资纠纷", "消防隐患", "道路隐患"),
        "事件级别": one_of("1", "2", "3"),
        "严重程度": one_of("一般", "较重"),
        "发生地点": address,
        "诉求目的": one_of("求助", "投诉", "建议"),
        "诉求人数": one_of("1", "2", "5"),
        "涉及人数": one_of("3", "6", "20"),
        "是否群体性": one_of("是", "否", "否"),
        "涉及金额": one_of("0", "5000", blank=0.5),
        "当事人": person,
    },
    "上海网格": {
        "taskid": numbered("2401A{:07d}"),
        "description": sentence,
        "discovertime": moment(),
        "infobcname": one_of("市容环境", "街面秩序", "公用设施"),
        "infoscname": one_of("暴露垃圾", "无照经营", "路灯", "道路破损", "乱停放"),
        "infotypename": one_of("事件", "部件", "12345热线"),
        "streetname": one_of(*TOWNS),
        "communityname": one_of(*COMMUNITIES),
        "executedeptname": one_of(*UNITS),
        "address": address,
        "x": number_between(-9000, 22000, 3),
        "y": number_between(-12000, 18000, 3),
    },
    "宁波来电": {
        "来电编号": numbered("LD2024{:06d}"),
        "来电形式": one_of("电话", "微信", "网站"),
        "呼入时间": moment(),
        "来电目的": one_of("投诉", "咨询", "求助"),
        "内容分类": one_of(
            "城乡建设：供热：温度不达标", "城乡建设：物业：收费", "交通运输：公交：线路", "交通运输：公交：班次"
        ),
        "处理状态": one_of("已办结", "处理中", "待回访"),
        "答复单位": one_of(*UNITS),
        "答复时间": moment(hours=40, blank=0.2),
        "热点问题": headline,
        "来电号码": mobile,
        "来电人": person,
    },
    "城管案卷": {
        "序号": numbered("{}"),
        "案卷编号": numbered("AJ-2024-{:06d}"),
        "上报时间": moment(form="%Y年%m月%d日 %H:%M"),
        "立案时间": moment(hours=2, form="%Y年%m月%d日 %H:%M"),
        "结案时间": moment(hours=30, form="%Y年%m月%d日 %H:%M", blank=0.3),
        "大类名称": one_of("市容环境", "宣传广告", "施工管理"),
        "小类名称": one_of("暴露垃圾", "非法小广告", "工地扬尘", "施工扰民", "道路不洁"),
        "单元网格": numbered("99010100100{:04d}"),
        "事发位置": address,
        "所属街道": one_of(*TOWNS),
        "事项状态": one_of("待处置", "处置中", "已办结", "已驳回"),
        "主管部门": one_of(*UNITS),
        "监督员": person,
        "经度": number_between(122.9, 123.3),
        "纬度": number_between(28.9, 29.3),
        "定位精度": one_of("A", "B", "C"),
    },
    "重庆工单": {
        "工单编号": numbered("CQ24{:08d}"),
        "诉求标题": headline,
        "市民诉求": sentence,
        "工单创建时间": moment(),
        "承办部门": one_of(
            *(f"安澜市/{county}/{county}{unit}" for county in COUNTIES for unit in ("住建局", "城管局", "教育局"))
        ),
        "诉求分类": one_of(
            "城乡建设/供热/温度", "城乡建设/供热/收费", "城乡建设/物业/停车", "教育/收费/补课", "教育/招生/学区"
        ),
        "应办结时间": moment(hours=120, form="%Y-%m-%d"),
        "办结时间": moment(hours=70, blank=0.4),
        "联系方式": mobile,
        "办理情况": sentence,
    },
    "常州语义": {
        "case_no": numbered("C{:09d}"),
        "service_object_type": one_of("求助", "投诉", "咨询"),
        "area_code_city": one_of("安澜市"),
        "area_code_area": one_of(*COUNTIES),
        "area_code_street": one_of(*TOWNS),
        "case_content": sentence,
        "case_goal": one_of("要求维修", "要求退款", "要求答复", "希望尽快处理"),
        "address_detail": address,
        "type3": one_of("供暖", "物业收费", "路灯", "道路积水"),
        "create_time": moment(),
        "service_object_name": person,
    },
    "信访库表": {
        "xfjbh": numbered("AL2024{:010d}"),
        "xm": person,
        "lxdh": mobile,
        "xfrq": moment(hours=-20, form="%Y%m%d"),
        "djsj": moment(form="%Y%m%d%H%M%S"),
        "xfxs": one_of("来信", "来访", "网上信访"),
        "xfrs": one_of("1", "1", "6"),
        "gkxx": sentence,
        "xfjzt": one_of("受理", "审核认定办结", "已作出处理意见"),
        "nrfldm": one_of("010203", "010301", "020101"),
        "xbjzsj": moment(hours=1440, form="%Y%m%d"),
        "bjbz": one_of("0", "1"),
        "lmbz": one_of("0", "1"),
        "qgccbz": one_of("0", "1"),
        "zdrybz": one_of("0", "1"),
    },
    "open data requests": {
        "Unique Key": numbered("{:08d}"),
        "Created Date": moment(),
        "Closed Date": moment(hours=60, blank=0.3),
        "Agency Name": one_of("Department of Sanitation", "Police Department", "Housing Agency"),
        "Complaint Type": one_of("Noise", "Heating", "Street Light"),
        "Descriptor": one_of("Loud Music", "No Heat", "Lamp Out", "Party", "Low Heat"),
        "Incident Address": numbered("{} MAIN STREET"),
        "Borough": one_of("NORTH", "SOUTH", "EAST"),
        "Status": one_of("Open", "Closed", "In Progress"),
        "Due Date": moment(hours=90, blank=0.2),
        "Latitude": number_between(40.5, 40.9),
        "Longitude": number_between(-74.2, -73.7),
        "Resolution Description": sentence,
        "Requestor Email": lambda rng, n: f"who{n}@example.org",
    },
    "没有含义的列名": {
        "字段1": numbered("QT{:09d}"),
        "字段2": moment(),
        "字段3": one_of(*TOWNS),
        "字段4": sentence,
        "字段5": mobile,
        "字段6": person,
        "字段7": identity,
        "字段8": one_of("已办结", "办理中", "待回访"),
        "字段9": one_of(*UNITS),
    },
}
HEFEI: dict[str, Cell] = {
    "信访件编号": numbered("HF2023{:010d}"),
    "姓名": person,
    "信访人数": one_of("1", "2"),
    "住址": address,
    "问题属地": lambda rng, n: f"安澜市{rng.choice(COUNTIES)}{rng.choice(TOWNS)}{rng.choice(COMMUNITIES)}",
    "信访目的": one_of("求决", "申诉", "意见建议"),
    "内容分类": one_of("城乡建设_供热_温度", "城乡建设_物业_收费", "劳动和社会保障_工资_拖欠"),
    "登记时间": moment(form="%Y/%m/%d %H:%M:%S"),
    "限办时间": moment(hours=1440, form="%Y/%m/%d"),
    "信访形式": one_of("来信", "来访", "网上信访"),
    "概况": sentence,
    "信访件状态": one_of("已签收待办理", "退回待办理", "已受理待送达", "已办结", "已存档"),
    "登记部门": one_of("云溪区信访局/云溪区/安澜市", "临川县信访局/临川县/安澜市"),
    "去向机构": one_of(
        *(f"{county}{unit}/{county}/安澜市" for county in COUNTIES for unit in ("住建局", "人社局", "教育局"))
    ),
    "登记人": person,
}


def rows(columns: dict[str, Cell], n: int = 120, seed: int = 7) -> list[list[str]]:
    """The header and `n` rows; the same seed gives the same rows."""
    rng = random.Random(seed)
    return [list(columns), *([str(cell(rng, at)) for cell in columns.values()] for at in range(1, n + 1))]


def write_csv(path: Path, columns: dict[str, Cell], n: int = 120, encoding: str = "utf-8-sig") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows(columns, n))
    return path


def write_book(path: Path, columns: dict[str, Cell], n: int = 120, title: str = "", last: list | None = None) -> Path:
    """A workbook with an optional title row and an optional last row."""
    book = openpyxl.Workbook()
    for row in [*([[title]] if title else []), *rows(columns, n), *([last] if last else [])]:
        book.active.append(row)
    book.save(path)
    return path
