"""What does a header mean by its words alone? Aliases (sql/seeds/header.csv, DOMAIN §2), and headers of persons."""

import csv
import difflib
import re
from functools import cache
from typing import NamedTuple

from pipelines.config import SEEDS
from pipelines.sources.recognise import header_key


class Alias(NamedTuple):
    field: str
    source: str  # petition, hotline, grid, or empty: any
    rank: int  # earlier aliases of a field are preferred where a file has several


# Where no alias fits whole: what a header's words point to. The first that matches counts, so limits stand before
# closing (应办结时间 is a limit) and replies before closing.
TIME_WORD = "时间|日期|时刻|时限|期限|date|time|_at$|_on$|_dt$"
ROOTS = (
    ("due_at", r"(?:应|限|截止|到期|时限|期限|due|deadline|target|sla)"),
    ("replied_at", r"(?:答复|回复|反馈|处置(?:完成|结束)|处理意见|repl|answer|respon)"),
    ("closed_at", r"(?:办结|结案|归档|完结|完成|关闭|结束|clos|resol|complet|finish)"),
    ("accepted_at", r"(?:签收|派单|派遣|转办|转送|交办|分派|分拨|受理告知|受理意见|接收|assign|accept|acknowl)"),
    ("registered_at", r"(?:登记|录入|创建|建单|上报|受理|收到|收件|提交|立案|creat|open|regist|receiv|request|submit)"),
    ("occurred_at", r"(?:发生|发现|来电|呼入|信访|来访|反映|事发|案发|occur|happen|incident)"),
)
# A column about a person, told by how its header ends. Numbers of persons (人数、人次) are not.
_PERSON_END = (
    r"(?:姓名|名字|电话|手机|座机|联系号码|主叫号码|被叫号码|呼入号码|联系方式|联系电话|手机号|电话号|身份证|身份证号|证件号|证件类型|证件|住址|家庭地址|户籍地址|户籍地|户籍|"
    r"居住地址|居住地|现住址|通讯地址|通信地址|联系地址|邮箱|电子邮件|邮件|微信|微信号|qq|qq号|账号|帐号|账户|用户|用户名|用户id|昵称|网名|网友|"
    r"性别|年龄|出生|出生日期|出生年月|生日|民族|职业|学历|婚姻状况|政治面貌|国籍|籍贯|工作单位|家庭成员|车牌|车牌号|银行卡|银行卡号|"
    r"坐席|座席|坐席号|话务员|接线员|受理员|登记员|网格员|采集员|监督员|巡查员|信息员|专管员|工号|人员|人员标志|责任人|联系人|"
    r"人|重点人员标志|扬言标志|特殊标志|ip地址)$"
)
_PERSON_INSIDE = (
    r"姓名|身份证|手机|电话|联系方式|住址|证件号|家庭住|户籍|出生|性别|民族|来电号码|主叫|被叫|微信号|重点人员|特殊人员|扬言|缠访|"
    r"(?:来电|反映|诉求|投诉|举报|联系|信访|上访|来访|申请|当事|报警|上报|登记|经办)人.{0,2}(?:地址|账号|帐号|信息|编号|id|类型|单位|身份|来源地)"
)
_PERSON_NOT = r"(?:人数|人次|人口|人工|人社|电话渠道|来电(?:时间|形式|目的|编号|类型|标题|内容)|证件办理)"
_PERSON_ENGLISH = (
    r"(?:^|_)(?:phone|mobile|tel|telephone|e?mail|first_?name|last_?name|full_?name|surname|caller|reporter|requestor|"
    r"requester|complainant|petitioner|citizen|customer|applicant|contact|user|username|user_?id|account|gender|sex|age|"
    r"birth\w*|id_?card|ssn|passport|submitted_?by|created_?by|owner_?name|officer|operator|ip)(?:$|_)"
)
_PERSON_NOT_ENGLISH = r"_(?:date|time|dt|at|type|count|channel|method|category|reason)$"  # of a contact, not who it was
# Pinyin initials of the petition system's own columns about persons (DOMAIN §2.1).
_PERSON_INITIALS = {
    *("xm", "xfrxm", "sfzh", "sfzhm", "zjhm", "zjlx", "sjhm", "sjh", "lxdh", "lxfs", "dhhm", "zz", "zzdz", "hjdz", "mz"),
    *("xb", "csrq", "csny", "nl", "gzdw", "zy", "djr", "djrxm", "jbr", "zdrybz", "tsry", "yybz", "bfyr", "dzyx"),
}  # fmt: skip
# Personal by their words, but of no use to this product either: replies name people, notes hold anything.
REPLY = r"答复意见|答复内容|回复|反馈内容|办理(?:结果|情况|意见|过程)|处理(?:结果|情况|意见|过程)|回访|备注|附件|录音|resolution|closure|comment|note|url|photo|image"


# Not the unit that is responsible: where it was typed in, or what the complaint is about.
NO_UNIT = r"登记|录入|上报|来源|报送|被反映|被投诉|被举报|涉及|工作单位"


def alias_key(header: str) -> str:
    """A header without width, case, spaces, joining marks, stars and what stands in brackets.

    >>> alias_key("Created_Date"), alias_key(" 登记时间（年月日）*")
    ('createddate', '登记时间')
    """
    key = re.sub(r"[(（\[【].*?[)）\]】]", "", header_key(header))
    return re.sub(r"[_\-.*:：\"'“”]", "", key) or header_key(header)


@cache
def aliases() -> dict[str, list[Alias]]:
    """alias_key → what it may mean."""
    found: dict[str, list[Alias]] = {}
    ranks: dict[tuple[str, str], int] = {}
    with (SEEDS / "header.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            group = (row["field"], row["source"])
            ranks[group] = ranks.get(group, -1) + 1
            found.setdefault(alias_key(row["header"]), []).append(Alias(row["field"], row["source"], ranks[group]))
    return found


@cache
def labels() -> dict[str, str]:
    """Our name → the Chinese word for it, in the order in which they are shown."""
    with (SEEDS / "intake_field.csv").open(encoding="utf-8", newline="") as lines:
        return {row["field"]: row["label"] for row in csv.DictReader(lines)}


@cache
def notes() -> dict[str, str]:
    with (SEEDS / "intake_field.csv").open(encoding="utf-8", newline="") as lines:
        return {row["field"]: row["note"] for row in csv.DictReader(lines)}


@cache
def examples() -> dict[str, str]:
    """Our name → an invented cell, as an office would write it."""
    with (SEEDS / "intake_field.csv").open(encoding="utf-8", newline="") as lines:
        return {row["field"]: row["example"] for row in csv.DictReader(lines)}


def nearest(word: str, known: list[str]) -> str | None:
    """The known word that was probably meant."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return close[0] if close else None


def nearest_field(word: str) -> str | None:
    """Our name that was probably meant; the Chinese label and a known header are understood too."""
    by_label = {label: name for name, label in labels().items()}
    if (label := nearest(word, list(by_label))) is not None and difflib.SequenceMatcher(
        None, word, label
    ).ratio() > 0.7:
        return by_label[label]
    if meant := aliases().get(alias_key(word)):
        return meant[0].field
    return nearest(word.casefold(), list(labels()))


def personal(header: str) -> str | None:
    """The word in this header that says the column is about a person; None if there is none.

    >>> personal("来电人电话/账号"), personal("诉求人数"), personal("caller_id")
    ('账号', None, 'caller')
    """
    key = re.sub(r"[(（\[【].*?[)）\]】]", "", header_key(header))
    key = re.sub(r"[*:：\d]+$", "", key)
    if re.search(_PERSON_NOT, key):
        return None
    if re.sub(r"[_\-.]", "", key) in _PERSON_INITIALS:
        return key
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", header.strip()).casefold().replace(" ", "_").replace("-", "_")
    if (found := re.search(_PERSON_ENGLISH, snake)) and not re.search(_PERSON_NOT_ENGLISH, snake):
        return found[0].strip("_")
    if found := re.search(_PERSON_END, key) or re.search(_PERSON_INSIDE, key):
        return found[0]
    return None


def meanings(header: str) -> dict[str, tuple[float, str, str]]:
    """field → (confidence by the header alone, source the alias belongs to, why in Chinese); best reading of each field."""
    key = alias_key(header)
    found: dict[str, tuple[float, str, str]] = {}

    def offer(field: str, confidence: float, source: str, why: str) -> None:
        if field not in found or confidence > found[field][0]:
            found[field] = (confidence, source, why)

    for alias in aliases().get(key, ()):
        offer(alias.field, 0.9 - 0.002 * min(alias.rank, 30), alias.source, "列名是常见写法")
    if key in aliases():
        return found
    for known, meant in aliases().items():
        is_wide = bool(re.search(r"[\u4e00-\u9fff]", known))
        if len(known) >= (2 if is_wide else 5) and known in key and key.endswith(known):
            share = len(known) / len(key)
            # An English word says less inside another: police_district is no county.
            base = 0.5 if is_wide else 0.3
            for alias in meant:
                offer(alias.field, base + 0.3 * share - 0.002 * min(alias.rank, 30), alias.source, f"列名含“{known}”")
    if re.search(NO_UNIT, key):
        found.pop("unit_name", None)
        found.pop("unit_co_name", None)
    if re.search(TIME_WORD, header.casefold()) or re.search(TIME_WORD, key):
        for field, pattern in ROOTS:
            if hit := re.search(pattern, key):
                others = [name for name, _ in ROOTS if name != field]
                for other in others:  # 应办结时间 ends like 办结时间, yet it is a limit
                    found.pop(other, None)
                offer(field, 0.72, "", f"列名含“{hit[0]}”和时间")
                break
    return found
