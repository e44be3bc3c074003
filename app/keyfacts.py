"""Which facts does a complaint's text give? 要素提取: place, money, how many people, dates, kinds of organisation.

For the page of an item and for dispatch: a clerk sees at a glance what the text says. Works on redacted text, where
names, numbers and rooms are already gone; a part of a mark (〔姓名〕) is never part of a fact. Nothing here is about a person: of
people only how many, of organisations only which kind (物业, 施工方 …) and the words that say so.

How: Chinese has no word boundaries, so a place is found from its last word (路, 小区, 村 …) backwards, up to a sign or a word
that cannot be inside a name (在, 位于, 我们 …). Amounts are read with 万 and 亿 and Chinese figures; 多, 余, 约 make them approximate.
A year that is not said is the one that puts the date nearest before the day of registration.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

KINDS = {
    "place": "地点",
    "money": "金额",
    "people": "人数",
    "households": "户数",
    "date": "日期",
    "organisation": "涉及机构",
}


class Fact(NamedTuple):
    """One fact and where the text says it."""

    kind: str
    """Of KINDS."""
    words: str
    """As the text says it."""
    value: float | date | str
    """Yuan, persons, households; a day (the first of a month or year that is all the text says); a place; a kind of organisation."""
    start: int
    end: int
    is_about: bool = False
    """Only about so much: 多, 余, 近, 几十."""


def facts(text: str | None, registered_on: date | None = None) -> list[Fact]:
    """The facts of a text in the order in which it says them; none overlaps another, the same is told once.

    >>> [(f.kind, f.words, f.value) for f in facts("幸福小区300余户业主被拖欠12.5万元")]
    [('place', '幸福小区', '幸福小区'), ('households', '300余户', 300.0), ('money', '12.5万元', 125000.0)]
    """
    if not text:
        return []
    found = [fact for read in READERS for fact in read(text, registered_on)]
    kept: list[Fact] = []
    for fact in sorted(found, key=lambda one: (one.start, -one.end)):
        is_new = not any(_says_same(fact, one) for one in kept)
        if is_new and (not kept or fact.start >= kept[-1].end):
            kept.append(fact)
    return kept


def _says_same(fact: Fact, earlier: Fact) -> bool:
    """奎溪镇 after 和平县奎溪镇 says nothing new."""
    if fact.kind != earlier.kind:
        return False
    return earlier.words.endswith(fact.words) if fact.kind == "place" else fact.value == earlier.value


# ---------------------------------------------------------------- figures

_DIGITS = {sign: n for n, sign in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_STEPS = {"十": 10, "百": 100, "千": 1000}
_CN = "[零〇一二两三四五六七八九十百千万亿]"
_ARABIC = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_VAGUE = r"[多余几来]"
_NUMBER = rf"(?P<about>约|近|大概|大约|差不多|超过|上|数|好几|几)?(?P<n>(?:{_ARABIC})|{_CN}{{1,20}})?(?P<more>{_VAGUE})?(?P<step>[十百千万亿]{{0,2}})(?P<after>{_VAGUE})?"


def number(text: str) -> float | None:
    """12.5, 1,200, 三十六万, 两千; None where it is no number.

    >>> number("三十六万"), number("1,200"), number("一百零五"), number("十二")
    (360000.0, 1200.0, 105.0, 12.0)
    """
    if re.fullmatch(_ARABIC, text):
        return float(text.replace(",", ""))
    whole = part = digit = 0
    for sign in text:
        if sign in _DIGITS:
            digit = _DIGITS[sign]
        elif sign in _STEPS:
            part += (digit or 1) * _STEPS[sign]
            digit = 0
        elif sign in "万亿":
            whole = (whole + part + digit or 1) * (10_000 if sign == "万" else 100_000_000)
            part = digit = 0
        else:
            return None
    return float(whole + part + digit) if text else None


def _amount(found: re.Match[str]) -> tuple[float, bool] | None:
    """The number of a match of _NUMBER, and whether it is only about so much."""
    said, step = found["n"], found["step"] or ""
    is_about = bool(found["about"] or found["more"] or found["after"])
    if said is None:
        if found["about"] not in ("几", "数", "好几", "上") or not step:
            return None
        said, is_about = "1", True  # 几十, 上百
    value = number(said)
    if value is None or value == 0:
        return None
    for sign in step:
        value *= {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}[sign]
    return value, is_about


_NUMBERED = rf"[\d几数上多余来{_CN[1:-1]}]"
_HAS_MONEY = re.compile(rf"{_NUMBERED}(?:元|块|人民币)")
_MONEY = re.compile(rf"{_NUMBER}(?:元人民币|元(?!旦|月|素|宵)|块钱?|人民币)")


def _money(text: str, _day: date | None) -> Iterator[Fact]:
    if not _HAS_MONEY.search(
        text
    ):  # the pattern of numbers begins to match at every character: slow where there is none
        return
    for found in _MONEY.finditer(text):
        amount = _amount(found)
        if amount:
            yield Fact("money", found.group(), amount[0], found.start(), found.end(), amount[1])


_WHO = (
    "业主|工人|农民工|民工|住户|居民|村民|群众|学生|家长|老人|儿童|孩子|员工|职工|教师|老师|商户|租户|购房者|消费者|司机|乘客|退役军人|老兵|"
    "工友|同事|群众|患者|会员|学员|考生|投资人|人(?!民|们都|大代表|均|行|工|才|事|社|力|家|身|性|防|寿|群)"
)
_HAS_PEOPLE = re.compile(rf"{_NUMBERED}(?:名|位|个)?(?:{_WHO})")
_HAS_HOUSEHOLDS = re.compile(rf"{_NUMBERED}\s?(?:户|个?家庭)")
_PEOPLE = re.compile(rf"{_NUMBER}(?:名|位|个)?(?:{_WHO})")
_HOUSEHOLDS = re.compile(rf"{_NUMBER}\s?(?:户|个?家庭)(?!口|籍|型|主体|均)")


def _counted(
    kind: str, has: re.Pattern[str], pattern: re.Pattern[str], least: float
) -> Callable[[str, date | None], Iterator[Fact]]:
    def read(text: str, _day: date | None) -> Iterator[Fact]:
        if not has.search(text):
            return
        for found in pattern.finditer(text):
            amount = _amount(found)
            if amount and amount[0] >= least and amount[0] == int(amount[0]):
                yield Fact(kind, found.group(), amount[0], found.start(), found.end(), amount[1])

    return read


# ---------------------------------------------------------------- dates

_YEAR = r"(?:(?P<year>(?:19|20)\d{2}|(?<!\d)[0-3]\d)年|(?P<word>今年|去年|前年|本年))?"
_DATE = re.compile(
    rf"{_YEAR}(?<!\d)(?P<month>1[0-2]|0?[1-9])月(?:份)?(?:(?P<day>3[01]|[12]\d|0?[1-9])[日号])?+(?!龄|薪|租|供|费|嫂|饼|出生|生(?!产|活))"
)
_ISO = re.compile(r"(?<!\d)(?P<year>20\d{2})[-./](?P<month>1[0-2]|0?[1-9])[-./](?P<day>3[01]|[12]\d|0?[1-9])(?!\d)")
_ONLY_YEAR = re.compile(r"(?<!\d)(?P<year>(?:19|20)\d{2})年(?!\d|代|级|度工作|历史|出生)")
_RELATIVE = {"今天": 0, "今日": 0, "昨天": 1, "昨日": 1, "昨晚": 1, "前天": 2, "前日": 2}
_NEAR = re.compile("|".join(_RELATIVE))


def _dates(text: str, registered_on: date | None) -> Iterator[Fact]:
    for pattern in (_DATE, _ISO, _ONLY_YEAR):
        for found in pattern.finditer(text):
            day = _day(found, registered_on)
            if day:
                yield Fact("date", found.group(), day, found.start(), found.end(), not found.groupdict().get("day"))
    if registered_on:
        for found in _NEAR.finditer(text):
            day = registered_on - timedelta(days=_RELATIVE[found.group()])
            yield Fact("date", found.group(), day, found.start(), found.end())


def _day(found: re.Match[str], registered_on: date | None) -> date | None:
    said = found.groupdict()
    year, month, day = said["year"], int(said.get("month") or 1), int(said.get("day") or 1)
    if year:
        number_of_year = int(year) if len(year) == 4 else 2000 + int(year)
    elif registered_on is None:
        return None
    else:
        back = {"去年": 1, "前年": 2}.get(said["word"] or "", 0)
        number_of_year = registered_on.year - back
        if not said["word"] and (month, day) > (registered_on.month, registered_on.day):
            number_of_year -= 1
    try:
        return date(number_of_year, month, day)
    except ValueError:
        return None


# ---------------------------------------------------------------- places

_ROAD = "路|街(?!道)|大道|大街|巷|胡同|弄|立交桥|高架|隧道|环线|国道|省道|高速"
_ESTATE = "小区|花园|家园|公寓|新村|新城|苑|佳苑|华府|名邸|广场|大厦|商城|市场|步行街|工业园|产业园|园区|公园|车站|地铁站|汽车站|医院|小学|中学|学校|幼儿园|大学|学院"
_SETTLEMENT = "村民委员会|村委会|社区|街道办事处|街道|村(?!民|里|口|上|委|镇|务|干部|支)|镇(?!政府|里|上|干部)|乡(?!亲|下|镇|里|村|政府|土)"
_STOP = (
    "位于|在于|地址|地点|关于|对于|由于|反映|投诉|举报|请问|咨询|建议|希望|请求|要求|规范|解决|处理|公示|我们|我家|本人|以及|还有|因为|没有|导致|造成|附近|旁边|对面|门口|"
    "这个|那个|整个|每个|某个|一个|两个|几个|一些|一所|一条|多条|一趟|通往|前往|来自|住在|家住|居住|生活|路过|经过|途经|进入|参加|搬至|搬到|购买|买了|就读|所在|属于|归属|隶属|坐落|全部|所有|其他|周边|部分|全体|"
    "不是|就是|都是|也是|还是|只有|这种|那种|什么|怎么|为何|如何|不少|很多|许多|大量|今年|去年|前年|今天|昨天|目前|现在|现归|原属|至今|一直|最终|再次|多次|启动|关闭|状态|经营|设备|监测|价格|开展|活动|"
    "违规|操作|违法|非法|严重|影响|扰民|噪音|污染|排放|小病|帮忙|考虑|无果|泛滥|业主|居民|村民|学生|家长|商户|综合|配套|公交|线路|公司|政府|单位|部门|领导|书记|局长|您好|你好|尊敬|晚上|夜间|白天|"
    "摆摊|占道|停车|堵塞|损坏|破损|施工|建设|修建|改造|拆迁|征收|安置|交房|办理|缴费|收费|供暖|停水|停电|漏水|积水|排查|路段|过程中?|情况|问题|报考|考试|考生|考点|面试|管理|加强|作为|提高|以免|民营|不许|否则|改名为|名叫|套取|发放|边远|无良|携款|强迫|员工|健康|环境|恶劣|补课|补习|暑期|"
    "老师|读|离|至|属|叫|非|关"
)
_NOT_INSIDE = (
    "的在于到从和与是有对把被向因由了着过给让使我你他她它这那某每各本该此其但而却也都就又还要会能可请问去来住将"
)
_PLACE = re.compile(
    rf"(?P<name>[\u4e00-\u9fffA-Za-z0-9]{{1,14}}?)(?P<last>{_ROAD}|{_ESTATE}|{_SETTLEMENT})(?P<number>(?:\d{{1,5}}号(?!楼|线|文|令|门(?!前|口)))?(?:与[\u4e00-\u9fff]{{2,6}}(?:路|街|大道)(?:交叉口|交汇处|路口))?)"
)
_ORDINARY = re.compile(
    "^(?:一条|条|主|马|公|道|铁|网|线|思|出|半|修|走|上|下|老|新|旧|水泥|柏油|土|小|大|农|乡|山|城中|整|全|本|我|你|他|该|各|每|多|几|两|三|二|一|外|内|门前|市|县|区|省|"
    "进村|行政|自然|新农|贫困|住宅|商住|居民|封闭|高档|安置|老旧|附属|中心|人民|公立|私立|民办|公办|乡镇|农贸|菜|房地产|劳动力|人才|超级|学区|示范|重点|全国|全省|全市|"
    "城市|汽车|火车|客运|加油|变电|社会|商业|娱乐|购物|健身|休闲|文化|体育)?$"
)


_IS_ORIGIN = re.compile("(?:户籍|籍贯|户口|老家|出生)(?:地|所)?(?:在|于|是|为|：|:)?$")
_ADMIN = re.compile(r"^(?:[^省市县区镇乡]{1,4}?(?:省|自治区|市|县|区|旗|新区|开发区|镇|乡|街道))+(?=.)")


def _places(text: str, _day: date | None) -> Iterator[Fact]:
    found = list(_candidates(text))
    for fact in found:
        # 求公示国富小区 and 国富小区: the same place, by the name that other sentences confirm
        shorter = [one.words for one in found if fact.words.endswith(one.words) and len(one.words) < len(fact.words)]
        name = min(shorter, key=len) if shorter and not _ADMIN.match(fact.words) else fact.words
        yield fact._replace(words=name, value=name, start=fact.end - len(name))


def _candidates(text: str) -> Iterator[Fact]:
    """和平县长宁镇青山村 as one place; what stands after 户籍, 籍贯 is somebody's, not the matter's."""
    for piece in re.finditer(r"[\u4e00-\u9fffA-Za-z0-9]{3,}", text):
        at, last = 0, (-1, -1)
        while found := _PLACE.search(piece.group(), at):
            at = found.end()
            name = _trimmed(found["name"])
            own = _ADMIN.sub("", name) or name
            start, end = piece.start() + found.start("last") - len(name), piece.start() + found.end()
            if len(own) < 2 or _ORDINARY.match(own) or re.match(r"\d", own) or _IS_ORIGIN.search(text[:start]):
                continue
            if last[1] == start:
                start = last[0]
            last = (start, end)
            if (follows := _PLACE.match(piece.group(), at)) and follows["name"] == _trimmed(follows["name"]):
                continue
            yield Fact("place", text[start:end], text[start:end], start, end)


def _trimmed(before: str) -> str:
    """What of the signs before 路, 小区 … belongs to the name."""
    stops = [word.end() for word in re.finditer(_STOP, before)]
    before = before[stops[-1] :] if stops else before
    return re.split(f"[{_NOT_INSIDE}](?![平谐睦阳色])", before)[-1]  # 和平路, 向阳小区


# ---------------------------------------------------------------- organisations

ORGANISATIONS = {
    "物业": "物业公司|物业服务中心|物业管理处|物业",
    "开发商": "开发商|房地产(?:开发)?(?:有限)?公司|置业(?:有限)?公司|售楼部|售楼处",
    "施工方": "施工方|施工单位|施工队|建筑(?:有限)?公司|建设(?:集团|公司)|包工头|劳务公司|项目部|总包|分包",
    "用人单位": "用人单位|我(?:们)?(?:厂|单位)|(?:工厂|厂里|厂家|企业)(?=.{0,12}(?:工资|社保|合同|加班))",
    "供热单位": "热力公司|供热公司|供暖公司|热企",
    "供水单位": "自来水公司|供水公司|水务(?:集团|公司)|水厂",
    "供电单位": "供电所|供电局|供电公司|电力公司|电业局",
    "燃气单位": "燃气公司|天然气公司|煤气公司",
    "通信企业": "移动公司|联通公司|电信公司|运营商|广电网络|铁塔公司",
    "公交客运": "公交公司|客运公司|出租车公司|网约车平台|地铁公司",
    "学校": "学校|中学|小学|幼儿园|高中|初中|大学|学院|职校|技校",
    "培训机构": "培训机构|培训班|培训学校|驾校|辅导班|托管班",
    "医疗机构": "医院|卫生院|诊所|卫生服务中心|卫生室",
    "银行保险": "银行|信用社|保险公司|小额贷款公司|网贷平台",
    "经营者": "商家|店家|超市|商场|健身房|美容院|理发店|餐馆|饭店|酒店|KTV|棋牌室|烧烤(?:店|摊)|洗车(?:店|场)|电商平台",
    "生产企业": "化工厂|砖厂|石材厂|采石场|砂场|砂石场|搅拌站|养殖场|养猪场|屠宰场|塑料厂|木材厂|加工厂|垃圾(?:场|填埋场|站|焚烧厂)",
    "村社组织": "村委会|村委|居委会|社区居委会|业委会|业主委员会|合作社|村集体",
}
_ORGANISATION = re.compile("|".join(f"(?P<k{n}>{words})" for n, words in enumerate(ORGANISATIONS.values())))


def _organisations(text: str, _day: date | None) -> Iterator[Fact]:
    names = list(ORGANISATIONS)
    for found in _ORGANISATION.finditer(text):
        kind = names[int(str(found.lastgroup)[1:])]
        yield Fact("organisation", found.group(), kind, found.start(), found.end())


READERS: tuple[Callable[[str, date | None], Iterator[Fact]], ...] = (
    _money,
    _counted("households", _HAS_HOUSEHOLDS, _HOUSEHOLDS, 2),
    _counted("people", _HAS_PEOPLE, _PEOPLE, 2),
    _dates,
    _places,
    _organisations,
)
