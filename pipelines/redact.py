"""Which words of a free text identify a person? They are replaced before anything is written.

Each kind of personal data becomes a mark such as 〔手机号〕. Everything a complaint is about stays: estate names, streets,
dates, amounts, the numbers of laws, orders and lines.

How: Rust's regular expressions have no look-around, so boundaries are made visible first. Every maximal run of digits is
wrapped in two private-use characters, digits that belong to a date, an amount or a file number get a guard character
before them, then the rules apply to the wrapped runs, and the helper characters are taken out again. Full-width digits
become half-width in the rows concerned. Rows that cannot contain a kind are passed over by a cheap test.

Names: see `names`.

`residual` looks for what was missed by other rules (structure only, no cues), so that an error in one set of rules is
not repeated in the other. DOMAIN §2.5.
"""

import re
from collections.abc import Iterable

import polars as pl

from pipelines import names, notes

OPEN, CLOSE, GUARD = "\ue000", "\ue001", "\ue002"

MARKS = {
    "mobile": "〔手机号〕",
    "landline": "〔固定电话〕",
    "id_card": "〔证件号〕",
    "bank_card": "〔银行卡号〕",
    "passport": "〔证件号〕",
    "email": "〔邮箱〕",
    "qq": "〔QQ号〕",
    "wechat": "〔微信号〕",
    "account": "〔网络账号〕",
    "plate": "〔车牌号〕",
    "name": "〔姓名〕",
    "address_unit": "〔楼栋房号〕",
    "long_number": "〔号码〕",
}

_SEP = r"[\s\-—–_.·•]{1,3}"
_TEL = r"(?:电话|座机|固话|致电|拨打|热线|联系方式|联系|回电|回拨|来电号码|号码|传真|[Tt][Ee][Ll]|☎)"
_ORDER_CUE = r"(?:单号|编号|工单|件号|订单号?|合同号?|案号|文号|受理号|流水号?|批次号?|发票号?|代码|许可证号?|备案号?|票号|快递号?|标准号?|型号|序列号|户号|表号|字第)"
_PROVINCE = "(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|99)"
_BORN = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_ESTATE = "(?:小区|花园|苑|家园|公寓|新村|城|府|庭|居|里|湾|园|邸|馆|郡|期|社区|庄|院|宿舍|大厦|广场)"
_CN_DIGIT = "[零〇一幺二三四五六七八九]"
_PLATE_HEAD = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼澜"
_D = "[0-9]"
_PLATE_LETTER, _PLATE_SIGN = "[A-HJ-NP-Za-hj-np-z]", "[A-HJ-NP-Za-hj-np-z0-9]"
_PLATE_TAIL = "|".join(f"{_PLATE_LETTER}{{{n}}}[0-9]{_PLATE_SIGN}{{{4 - n},{5 - n}}}" for n in range(5))


def _run(body: str) -> str:
    """One maximal run of digits."""
    return f"{OPEN}(?:{body}){CLOSE}"


# kind, pattern, replacement. Order matters: the more particular first.
_WORD_RULES = [
    ("mobile", f"[一幺][三四五六七八九]{_CN_DIGIT}{{9}}", MARKS["mobile"]),
    ("wechat", r"(?i)(微信\s?[（(]\s?)[a-z0-9_\-]*[0-9_][a-z0-9_\-]{3,}", "${1}" + MARKS["wechat"]),
    (
        "email",
        r"[A-Za-z0-9][A-Za-z0-9._%+\-]*\s?[@＠]\s?[A-Za-z0-9][A-Za-z0-9\-]*(?:\s?[.．。点]\s?[A-Za-z][A-Za-z0-9\-]*)+",
        MARKS["email"],
    ),
    ("email", r"[A-Za-z0-9][A-Za-z0-9._%+\-]*[@＠][A-Za-z0-9]+", MARKS["email"]),
    (
        "wechat",
        r"(?i)((?:微信|薇信|威信|徽信|卫星|维信|v信|wechat|weixin|wx|vx|加\s?[v薇微威]|[薇微威v]\s?[❤♥💗💚💬]️?|[薇v][:：])\s?(?:号码|账号|帐号|联系|号|id|名)?(?:是|为|叫|加)?[\s:：=,，]{0,3})"
        r"([a-z][a-z0-9_\-]{4,19}|[0-9]{5,12}(?:[a-z_\-][a-z0-9_\-]*)?)",
        "${1}" + MARKS["wechat"],
    ),
    (
        "qq",
        r"(?i)((?:q\s?q|扣扣|企鹅号|[q扣]号|加[q扣])(?:群|号码|账号|帐号|号|联系方式)*(?:是|为|叫|加)?[\s:：=,，]{0,3})[1-9](?:[ \-]?[0-9]){4,11}",
        "${1}" + MARKS["qq"],
    ),
    (
        "account",
        r"(?i)((?:抖音|快手|小红书|微博|支付宝|陌陌|钉钉|闲鱼|淘宝|拼多多|京东|美团|游戏|登录|b站)\s?(?:(?:号码?|账号|帐号|id)[是为叫]?[\s:：=]{0,3}|[:：=]\s?))[a-z0-9][a-z0-9_.\-]{3,24}",
        "${1}" + MARKS["account"],
    ),
    (
        "account",
        r"(?i)((?:抖音|快手|小红书|微博|支付宝|淘宝|拼多多|账号|帐号|账户|用户名)[是为:：\s]{0,2})[a-z][a-z_.\-]*[0-9][a-z0-9_.\-]{0,20}",
        "${1}" + MARKS["account"],
    ),
    ("account", r"(支付宝\s?)[0-9]{7,12}", "${1}" + MARKS["account"]),
    (
        "email",
        r"(?i)[a-z0-9][a-z0-9._%+\-]*\s?(?:\sat\s|[(（\[]at[)）\]]|#|艾特)\s?[a-z0-9\-]+(?:\s?(?:[.．。点]|\sdot\s)\s?[a-z]+)*\s?(?:[.．。点]|\sdot\s)\s?(?:com|cn|net|org)",
        MARKS["email"],
    ),
    ("qq", r"(?i)[1-9](?:[ \-]?[0-9]){4,11}(\s?[（(]?\s?q\s?q)", MARKS["qq"] + "${1}"),
    (
        "plate",
        rf"[{_PLATE_HEAD}]\s?[A-HJ-NP-Za-hj-np-z]\s?[·•.\-—]?\s?(?:{_PLATE_TAIL}|[0-9]{{4}}[挂学警港澳])[挂学警港澳]?",
        MARKS["plate"],
    ),
    (
        "plate",
        r"((?:车牌|车牌号码|车号|牌照|号牌)(?:号码|号)?(?:是|为)?[\s:：]{0,2})[一-鿿㐀-䶿]?\s?[A-Za-z]?[·•.\-]?[A-Za-z0-9]{5,7}",
        "${1}" + MARKS["plate"],
    ),
    (
        "passport",
        r"((?:护照|通行证|军官证|士兵证|警官证|台胞证|回乡证|残疾证|居住证)(?:号码|编号|号)?(?:是|为)?[\s:：]{0,2})"
        r"(?:[一-鿿㐀-䶿]{1,3}字第?)?[A-Za-z]{0,3}[0-9]{6,18}[A-Za-z]?号?",
        "${1}" + MARKS["passport"],
    ),
    (
        "passport",
        r"([^A-Za-z0-9]|^)(?:[EGDPSegW][A-Z]?[0-9]{8}|[CEGDPS][A-Z][0-9]{7}|[HMC](?:[0-9]{10}|[0-9]{8}))",
        "${1}" + MARKS["passport"],
    ),
]

_GUARDS = [
    # a date or time written in digits
    (r"((?:19|20)[0-9]{2}\s?[-/.年]\s?[01]?[0-9]\s?[-/.月]\s?[0-3]?[0-9])", GUARD + "${1}" + GUARD),
    # a file or order number
    (rf"({_ORDER_CUE}(?:号码|号)?(?:是|为)?[\s:：#]{{0,3}}[A-Za-z]{{0,6}}-?)([0-9])", "${1}" + GUARD + "${2}"),
    # an amount, a length, a percentage
    (r"([0-9][0-9,]*(?:\.[0-9]+)?)(\s?(?:元|万|亿|平|亩|公里|米|吨|度|%|％|千瓦|立方|件|人次|户))", GUARD + "${1}${2}"),
]


def _joined(*digits: str, between: str = _SEP) -> str:
    """A number whose digits may be split into runs anywhere, as people group them."""
    return OPEN + f"(?:{CLOSE}{between}{OPEN})?".join(digits) + CLOSE


_MOBILE_START, _MOBILE_REST = ("1", "[3-9]"), (_D,) * 9
_SEPARATED = "|".join(
    (
        _joined(*_MOBILE_START, *_MOBILE_REST),
        "[，,、]".join((_run("1[3-9][0-9]"), _run("[0-9]{4}"), _run("[0-9]{4}"))),
    )
)
_NUMBER_RULES = [
    (
        "id_card",
        rf"{OPEN}[1-9][0-9]{{5}}(?:18|19|20)[0-9]{{2}}{_BORN}[0-9]{{3}}(?:[0-9]{CLOSE}|{CLOSE}\s?[xXＸ*×])",
        MARKS["id_card"],
    ),
    (
        "id_card",
        _joined("[1-9]", *[_D] * 5, "[12]", "[890]", _D, _D, "[01]", _D, "[0-3]", _D, *[_D] * 3)[: -len(CLOSE)]
        + rf"(?:(?:{CLOSE}[\s\-]{{1,3}}{OPEN})?[0-9]{CLOSE}|{CLOSE}[\s\-]?[xXＸ*×])",
        MARKS["id_card"],
    ),
    ("id_card", _run(f"{_PROVINCE}[0-9]{{4}}[0-9]{{2}}{_BORN}[0-9]{{3}}"), MARKS["id_card"]),
    (
        "id_card",
        rf"((?:身份证|证件|社保卡|社保|医保卡|驾驶证|驾照)(?:号码|编号|号)?(?:是|为)?[\s:：]{{0,3}}){GUARD}?(?:{_run('[0-9]{3,20}')}[\s\-]?){{1,4}}[xXＸ×*]{{0,8}}",
        "${1}" + MARKS["id_card"],
    ),
    (
        "bank_card",
        rf"{_run('[3-6][0-9]{3}')}(?:{_SEP}{_run('[0-9]{4}')}){{3}}(?:{_SEP}{_run('[0-9]{1,3}')})?",
        MARKS["bank_card"],
    ),
    ("mobile", rf"[+＋]?{_run('(?:00)?86')}[\s\-]*(?:{_run('1[3-9][0-9]{9}')}|{_SEPARATED})", MARKS["mobile"]),
    ("mobile", rf"[(（]\s?[+＋]?{_run('(?:00)?86')}\s?[)）]\s?{_run('1[3-9][0-9]{9}')}", MARKS["mobile"]),
    ("mobile", r"[+＋]?" + _run("(?:(?:00)?86|0)?1[3-9][0-9]{9}"), MARKS["mobile"]),
    (
        "mobile",
        rf"[(（]\s?{_run('1[3-9][0-9]')}\s?[)）][\s\-]?(?:{_run('[0-9]{4}')}[\s\-]?{_run('[0-9]{4}')}|{_run('[0-9]{8}')})",
        MARKS["mobile"],
    ),
    ("mobile", _SEPARATED, MARKS["mobile"]),
    (
        "bank_card",
        rf"((?:卡号|银行卡|信用卡|储蓄卡|账号|帐号|账户|帐户|工行|农行|中行|建行|交行|招行|邮储|信用社|农商行|[一-鿿㐀-䶿]{{2}}银行)[^{OPEN}{GUARD}\n，。；]{{0,6}}){_run('[0-9]{12,21}')}",
        "${1}" + MARKS["bank_card"],
    ),
    ("bank_card", rf"{_run('[3-6][0-9]{5}')}{_SEP}{_run('[0-9]{10,13}')}", MARKS["bank_card"]),
    (
        "bank_card",
        rf"([^{GUARD}]|^){_run('(?:62|4[0-9]|5[1-5]|35|37|60|68|9[0-9])[0-9]{14,17}')}",
        "${1}" + MARKS["bank_card"],
    ),
    (
        "landline",
        rf"([^{GUARD}]|^)[(（]?\s?{_run('0[0-9]{2,3}')}\s?[)）]?[\s\-—–/]{{0,3}}{_run('[0-9]{7,8}')}(?:[\s\-转分机]{{1,3}}{_run('[0-9]{1,6}')})?",
        "${1}" + MARKS["landline"],
    ),
    (
        "landline",
        rf"([^{GUARD}]|^)[(（]?\s?{_run('0[0-9]{2,3}')}\s?[)）]?[\s\-—–/]{{0,3}}{_run('[2-9][0-9]{2,3}')}[\s\-]{_run('[0-9]{3,4}')}",
        "${1}" + MARKS["landline"],
    ),
    ("landline", rf"([^{GUARD}]|^)[+＋]?{_run('(?:86)?0[1-9][0-9]{1,2}[2-9][0-9]{6,7}')}", "${1}" + MARKS["landline"]),
    (
        "landline",
        rf"[+＋]?{_run('(?:00)?86')}[\s\-]*{_run('[1-9][0-9]{1,2}')}[\s\-]{_run('[2-9][0-9]{6,7}')}",
        MARKS["landline"],
    ),
    (
        "landline",
        rf"((?:{_TEL}(?:号码|号)?(?:是|为)?[\s:：（(]{{0,3}}|(?:〔固定电话〕|〔手机号〕)[、，,/\s或和及]{{1,2}})){_run('[2-8][0-9]{6,7}')}",
        "${1}" + MARKS["landline"],
    ),
    (
        "landline",
        rf"((?:{_TEL}(?:号码|号)?(?:是|为)?[\s:：（(]{{0,3}}|(?:〔固定电话〕|〔手机号〕)[、，,/\s或和及]{{1,2}})){_run('[2-8][0-9]{2,3}')}[\s\-]{_run('[0-9]{4}')}",
        "${1}" + MARKS["landline"],
    ),
    # What looks like a number of somebody and is none of the above: 11 digits and more, not a date and not guarded.
    (
        "long_number",
        rf"([^{GUARD}]|^){_run('[013-9][0-9]{10,}|2[1-9][0-9]{9,}|20[4-9][0-9]{8,}')}",
        "${1}" + MARKS["long_number"],
    ),
    (
        "long_number",
        rf"((?:手机|电话|联系方式|号码)(?:号码|号)?(?:是|为)?[\s:：]{{0,3}}){_run('[0-9]{7,}')}",
        "${1}" + MARKS["long_number"],
    ),
]

_CN_NUMBER = "[一二三四五六七八九十]{1,3}"
_CN_ROOM = "[一二三四五六七八九][零〇一二三四五六七八九]{2,3}"
_UNIT = rf"(?:\s?-?\s?(?:[A-Za-z]|{_D}{{1,2}}|{_CN_NUMBER}|[甲乙丙丁])\s?(?:单元|门栋|门|梯))"
_FLOOR = rf"(?:\s?-?\s?(?:{_D}{{1,2}}|{_CN_NUMBER})\s?(?:层|楼))"
_ROOM = rf"(?:\s?-?\s?(?:[A-Za-z]?{_D}{{2,4}}[A-Za-z]?|{_CN_ROOM})\s?(?:室|号房|房间|房|号)?)"
_ADDRESS_GUARDS = [
    (rf"((?:共|等|计|有|建|近|约|余)\s?{_D}+)(\s?(?:栋|幢|座))", "${1}" + GUARD + "${2}"),
    (
        rf"({_D}+)(\s?(?:年|月|日|元|万|人|户|次|点|时|天|个|米|平|件|起|多|余|%|％|岁|分|辆|名|层楼|栋楼|幢楼|栋居民|栋住宅|栋厂房|栋别墅|栋建筑|栋房|幢房|座桥|部电梯|台))",
        GUARD + "${1}" + GUARD + "${2}",
    ),
]
_HOME = "家住|住址|住在|现住|居住在|户籍地?|家庭住址|家庭地址|住所|我家在|[我本人户]住|(?:^|[，。；,;：\\s])住"
_ADDRESS_RULES = [
    (
        "address_unit",
        rf"第{_D}{{1,3}}(?:栋|幢|座|号楼)(?:第{_D}{{1,2}}(?:单元|门|梯))?{_ROOM}",
        MARKS["address_unit"],
    ),
    (
        "address_unit",
        rf"([^0-9A-Za-z\-—–.第号\s{GUARD}]\s?|^\s?){_D}{{1,2}}\s?[-—–]\s?{_D}{{3,4}}\s?(?:室|号房|房间|房)",
        "${1}" + MARKS["address_unit"],
    ),
    (
        "address_unit",
        rf"(?:[A-Za-z]?{_D}{{1,4}}[A-Za-z]?\s?#?\s?(?:号楼|栋|幢|#楼)|{_CN_NUMBER}号楼|{_D}{{1,3}}#)(?:{_UNIT}|{_FLOOR})*{_ROOM}?",
        MARKS["address_unit"],
    ),
    (
        "address_unit",
        rf"(?:{_CN_NUMBER}|[A-Za-z]|{_D}{{1,3}})\s?(?:栋|幢|座)(?:(?:{_UNIT}|{_FLOOR})+{_ROOM}?|{_ROOM})",
        MARKS["address_unit"],
    ),
    ("address_unit", r"([^A-Za-z]|^)[A-Za-z]\s?(?:栋|幢|座)", "${1}" + MARKS["address_unit"]),
    ("address_unit", rf"(?:[A-Za-z]|{_D}{{1,2}}|{_CN_NUMBER})\s?单元(?:{_FLOOR})?{_ROOM}?", MARKS["address_unit"]),
    ("address_unit", rf"{_D}{{1,2}}\s?楼\s?{_D}{{3,4}}\s?(?:室|号房|房间|房|号)?", MARKS["address_unit"]),
    ("address_unit", rf"([^{GUARD}0-9]|^)[A-Za-z]?{_D}{{3,4}}\s?(?:室|号房|房间)", "${1}" + MARKS["address_unit"]),
    (
        "address_unit",
        rf"({_ESTATE}\s?){_D}{{1,3}}\s?[-—–]\s?(?:{_D}{{1,2}}\s?[-—–]\s?)?{_D}{{3,4}}(?:室|号)?",
        "${1}" + MARKS["address_unit"],
    ),
    (
        "address_unit",
        rf"((?:{_HOME})[^，。；,;\n〔]{{0,30}}?)(?:{_D}{{1,3}}\s?(?:村民小组|组|队|社)\s?)?{_D}{{1,5}}\s?(?:[-—–弄]\s?{_D}{{1,5}}\s?)?号(?:院|附\s?{_D}{{1,4}}\s?号|之[一二三四五六七八九十])?",
        "${1}" + MARKS["address_unit"],
    ),
    (
        "address_unit",
        rf"([^0-9A-Za-z\-—–.第号\s{GUARD}]\s?|^\s?){_D}{{1,2}}\s?[-—–]\s?{_D}{{1,2}}\s?[-—–]\s?{_D}{{3,4}}(?-u:\b)\s?(?:室|号)?",
        "${1}" + MARKS["address_unit"],
    ),
    ("address_unit", rf"{_CN_ROOM}\s?(?:室|号房)", MARKS["address_unit"]),
]

_NAME_RULES = names.rules(MARKS["name"])

NUMBER_KINDS = frozenset(MARKS) - {"name", "address_unit"}

# Does a row need a group of rules at all? Cheap tests without repeated character classes: their automata stay small.
_HAS_WIDE = "[０-９Ａ-Ｚａ-ｚ－＠．＿]"
_HAS_WORD = f"[A-Za-z@＠]|扣扣|企鹅|[0-9]{{5}}|{_CN_DIGIT}{{7}}"
_HAS_NUMBER = r"[0-9](?:[\s\-—–_.·•()（），,、]{0,3}[0-9]){5}"
_HAS_UNIT = (
    r"我家在|(?:^|[，。；,;：\s])住|栋|幢|单元|号楼|号院|[0-9]\s?#|[A-Za-z0-9]\s?座|[0-9]\s?(?:室|房)|[0-9]\s?楼\s?[0-9]|[0-9]\s?[\-—–]\s?[0-9]|"
    "家住|住址|住在|现住|居住在|户籍|家庭地址|住所|[我本人户]住|[零〇一二三四五六七八九](?:室|号房)"
)
_WIDE = {chr(0xFF01 + n): chr(0x21 + n) for n in range(94) if chr(0x21 + n).isalnum()}
_WIDE |= {"－": "-", "＠": "@", "．": ".", "＿": "_"}


def redact(text: pl.Series, *, kinds: frozenset[str] | None = None) -> tuple[pl.Series, dict[str, int]]:
    """The text with personal data replaced by marks, and how often each kind was replaced.

    `kinds` narrows the rules (NUMBER_KINDS for columns of names of units and places). Null stays null.

    >>> redact(pl.Series(["联系人张三，电话13800000000"]))[0].to_list()
    ['联系人〔姓名〕，电话〔手机号〕']
    """
    wanted = frozenset(MARKS) if kinds is None else kinds
    counts: dict[str, int] = {}
    text = _on_rows(text, _HAS_WIDE, _narrow)
    text = _on_rows(text, _HAS_WORD, lambda rows: _apply(rows, _WORD_RULES, wanted, counts))
    text = _on_rows(text, _HAS_NUMBER, lambda rows: _numbers(rows, wanted, counts))
    if "address_unit" in wanted:
        text = _on_rows(text, _HAS_UNIT, lambda rows: _addresses(rows, wanted, counts))
    if "name" in wanted:
        text = _on_rows(text, names.CANDIDATE, lambda rows: _names(rows, wanted, counts))
    return text, {kind: n for kind, n in sorted(counts.items()) if n}


def redact_note(note: str, *, known: Iterable[str] = ()) -> str:
    """A note typed into a case with personal data replaced by marks; stricter with names than `redact`, see `notes`.

    `known`: names of units and places; they stay as they are.

    >>> redact_note("已派人到张伟家，请分管同志过问")
    '已派人到〔姓名〕家，请分管同志过问'
    """
    return redact_notes(pl.Series([note]), known=known)[0]


def redact_notes(text: pl.Series, *, known: Iterable[str] = ()) -> pl.Series:
    """Many notes as `redact_note` does one: for columns an office typed by hand. Null stays null."""
    kinds, known = frozenset(MARKS) - {"name"}, tuple(known)
    plain, _ = redact(text, kinds=kinds)
    shielded = [
        None if one is None else notes.shielded(notes.houses(one, MARKS["address_unit"]), known)
        for one in plain.to_list()
    ]
    named, _ = redact(pl.Series([one and one[0] for one in shielded], dtype=pl.String), kinds=frozenset({"name"}))
    return pl.Series(
        text.name,
        [
            None if one is None else notes.unshielded(notes.persons(said, MARKS["name"]), one[1])
            for said, one in zip(named.to_list(), shielded, strict=True)
        ],
        dtype=pl.String,
    )


# What a unit's name ends with. A three-character word that begins with a surname and ends otherwise is a person.
UNIT_END = "局委办所中心司队站院处科部会社厂校馆厅署行店园库台组业团区县市镇乡村街道政府组织岗段网"
_ROLE = "网格员|网格长|经办人|承办人|办理人|处理人|联系人|责任人|负责人|主任|书记|科长|所长|队长|站长|民警"
_PERSON = (
    rf"^(?:(?:{_ROLE})[:：\s]*[{names.SURNAMES}{names.RARE}][一-鿿]{{1,2}}|[{names.SURNAMES}][一-鿿][^\W{UNIT_END}])$"
)


def unit_names(text: pl.Series) -> pl.Series:
    """Names of units without the persons written beside them; null where a person stands in the place of a unit.

    >>> unit_names(pl.Series(["水务局（联系人〔姓名〕）", "网格员潘金莲", "张无忌", "钱江路派出所"])).to_list()
    ['水务局', None, None, '钱江路派出所']
    """
    bare = text.str.replace_all(
        r"[（(\[【][^（）()\[\]【】]*〔[^〔〕]+〕[^（）()\[\]【】]*[）)\]】]", ""
    ).str.strip_chars()
    is_person = bare.str.contains(_PERSON) | bare.str.contains("〔", literal=True) | (bare == "")
    return bare.set(is_person.fill_null(False), None)


# What a word ends with that can be nothing but an institution. Endings that given names have too (科, 会, 业, 社, 园, 库,
# 庭, 台) stand with what goes before them in an institution.
INSTITUTION_END = (
    "局|办|委|院|所|站|队|处|厅|署|部|厂|校|馆|室|店|场|区|县|市|旗|街道|镇街|乡镇|..[镇乡村]|政府|中心|公司|集团|银行|支行|分行|"
    "员会|委会|协会|学会|商会|工会|联合会|基金会|十字会|理事会|促进会|妇联|残联|文联|侨联|工商联|科协|人大|政协|党组|支部|法庭|"
    "小学|中学|大学|高中|幼儿园|公园|产业园|科技园|工业园|供销社|合作社|信用社|联社|报社|旅行社|出版社|电视台|电台|水库|"
    "物业|电网|热线|网格|专班|小组|工作组|单位|部门|公安|交警|消防|城管|中国移动|中国联通|中国电信|中国铁塔|"
    "[局委办院厅处部府会心].*[科股组]"
)
_BESIDE_UNIT = "牵头|主办|协办|配合|主责|负责|责任"


def institutions(text: pl.Series) -> pl.Series:
    """`unit_names` of which every part ends as institutions do; null where a part does not: it may be anybody's name.

    >>> institutions(pl.Series(["诸葛孔明", "生态环境局（高新区）", "住建局、诸葛孔明"])).to_list()
    [None, '生态环境局（高新区）', None]
    """
    plain = unit_names(text)
    parts = r"(?:[^\p{L}\p{N}]*(?:[\p{L}\p{N}]*(?:" + INSTITUTION_END + ")|" + _BESIDE_UNIT + r")(?:[^\p{L}\p{N}]+|$))+"
    return plain.set(~plain.str.contains(f"^{parts}$").fill_null(False), None)


def marks(text: pl.Series) -> dict[str, int]:
    """How many marks of each kind stand in the text; kinds that share a mark count as the first of them."""
    text = text.filter(text.str.contains("〔", literal=True).fill_null(False))
    found = text.str.extract_all("〔[^〔〕]{2,5}〕").explode().value_counts(name="n")
    kind_of = {mark: kind for kind, mark in reversed(MARKS.items())}
    return {kind_of[mark]: n for mark, n in found.iter_rows() if mark in kind_of}


def _on_rows(text: pl.Series, test: str, change) -> pl.Series:
    """`change` on the rows that pass a cheap test; the others are untouched."""
    at = text.str.contains(test).fill_null(False).arg_true()
    if len(at) == 0:
        return text
    if len(at) == len(text):
        return change(text)
    return text.clone().scatter(at, change(text.gather(at)))


def _narrow(text: pl.Series) -> pl.Series:
    return text.str.replace_many(_WIDE)


def _numbers(text: pl.Series, wanted: frozenset[str], counts: dict[str, int]) -> pl.Series:
    for pattern, replacement in _GUARDS:
        text = text.str.replace_all(pattern, replacement)
    text = text.str.replace_all(r"[0-9]+", OPEN + "${0}" + CLOSE)
    text = _apply(text, _NUMBER_RULES, wanted, counts)
    return text.str.replace_all(f"[{OPEN}{CLOSE}{GUARD}]", "")


def _addresses(text: pl.Series, wanted: frozenset[str], counts: dict[str, int]) -> pl.Series:
    for pattern, replacement in _ADDRESS_GUARDS:
        text = text.str.replace_all(pattern, replacement)
    return _apply(text, _ADDRESS_RULES, wanted, counts).str.replace_all(GUARD, "")


def _names(text: pl.Series, wanted: frozenset[str], counts: dict[str, int]) -> pl.Series:
    text = names.marked(text)
    for test, rules in _NAME_RULES:
        text = _on_rows(text, test, lambda rows, rules=rules: _apply(rows, rules, wanted, counts))
    return names.unmarked(text)


def _apply(text: pl.Series, rules: list, wanted: frozenset[str], counts: dict[str, int]) -> pl.Series:
    for kind, pattern, replacement in rules:
        if kind not in wanted:
            continue
        at = text.str.contains(pattern).fill_null(False).arg_true()
        if len(at) == 0:
            continue
        rows = text.gather(at)
        counts[kind] = counts.get(kind, 0) + int(rows.str.count_matches(pattern).sum())
        text = text.clone().scatter(at, rows.str.replace_all(pattern, replacement))
    return text


# The second look. Structure alone, written without the rules above in view.
_RESIDUAL = {
    "digits": r"[0-9０-９](?:[\s\-—–()（）·+]{0,2}[0-9０-９]){10,}",
    "at_sign": r"[^\s@＠]+[@＠][^\s@＠]+",
    "mail_host": r"(?i)[a-z0-9_.]{2,}[^一-鿿a-z0-9]*(?:at|艾特|#)[^一-鿿a-z0-9]*(?:qq|163|126|sina|gmail|foxmail|139|outlook|[a-z0-9]+)\s?(?:\.|点|dot)\s?(?:com|cn|net)",
    "id_card": r"[1-9][0-9]{5}[\s\-]?(?:19|20)[0-9]{2}[\s\-]?[01][0-9][\s\-]?[0-3][0-9][\s\-]?[0-9]{3}[\s\-]?[0-9Xx]",
    "called_number": r"(?:电话|手机|号码|微信|QQ|qq|扣扣|座机|联系方式|卡号|账号)[^一-鿿0-9０-９]{0,4}(?:[0-9０-９][\-\s]?){7,}",
    "called_account": r"(?i)(?:[微薇威徽v]信|加\s?[vq微薇]|vx|wx|q号|qq|扣扣|[薇微v][^一-鿿a-z0-9〔]{1,3}|(?:抖音|快手|红书|微博)(?:号|id)?)"
    r"[号是为叫]{0,2}[^一-鿿a-z0-9〔]{0,4}(?:[a-z_\-]{3,}[0-9_]|[a-z_\-]*[0-9_][a-z0-9_\-]{3,})",
    "plate": r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·•]?[A-Z0-9]*[0-9][A-Z0-9]{3,}",
    "room": r"[0-9]+\s?(?:单元|(?:栋|幢|号楼)\s?[0-9])",
    "dashed_room": r"(?:^|[^0-9A-Za-z.第\-\s])[1-9][0-9]?-[1-9]-[1-9][0-9]{2,3}(?:室|[^0-9\-A-Za-z年]|$)",
    "spelled_room": r"(?:栋|幢|号楼|单元|〔楼栋房号〕)\s?[一二三四五六七八九][零〇一二三四五六七八九]{2}",
    "home": r"(?:家住|住在|住址|我住)[^，。；〔]{0,25}(?:路|街|巷|道|弄)[0-9０-９]+号",
    "called_name": r"(?:姓名|联系人)[:：]\s?[一-鿿]{2,3}(?:[，。,;；\s]|$)",
    "calling_name": r"(?:^|[，。；])[王李张刘陈杨黄赵吴徐孙朱郭林][伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚英华玲辉建国志文]{1,2}(?:来电|致电)",
    "nick_name": r"我[是叫]阿[强明伟华军红丽芳珍英龙杰辉勇斌平](?:[，。]|$)",
}
_DATE_RUN = r"^(?:19|20)[0-9]{2}\D?(?:0?[1-9]|1[0-2])\D?(?:0?[1-9]|[12][0-9]|3[01])"
_CALLED_FILE = r"(?:产权证号|许可证号|编号|单号|文号|案号|代码|字第|合同|订单|流水|批次|工单|表号|户号)[^一-鿿]{0,10}$"


def residual(text: pl.Series) -> pl.DataFrame:
    """What still looks like personal data: row (position in `text`), kind, excerpt with digits and letters masked.

    Dates, and numbers announced as numbers of files, do not count.
    """
    frame = pl.DataFrame({"text": text}).with_row_index("row")
    found = []
    for kind, pattern in _RESIDUAL.items():
        rows = frame.filter(pl.col("text").str.contains(pattern))
        for row, value in rows.iter_rows():
            for match in _matches(kind, value):
                found.append((row, kind, _masked(value, match)))
    schema = {"row": pl.UInt32, "kind": pl.String, "excerpt": pl.String}
    return pl.DataFrame(found, schema=schema, orient="row").sort("row", "kind", maintain_order=True)


def _matches(kind: str, value: str) -> list[re.Match]:
    matches = list(re.finditer(_RESIDUAL[kind], value))
    if kind == "dashed_room":  # begins with the character before it
        return [match for match in matches if not re.search(_CALLED_FILE, value[: match.start() + 1])]
    if kind != "digits":
        return matches
    return [
        match
        for match in matches
        if not re.match(_DATE_RUN, match[0]) and not re.search(_CALLED_FILE, value[: match.start()])
    ]


def _masked(value: str, match: re.Match) -> str:
    """A few characters of context; digits, letters and the called name itself are not repeated."""
    before, after = value[max(0, match.start() - 6) : match.start()], value[match.end() : match.end() + 4]
    return (
        re.sub(r"[0-9０-９]", "#", before)
        + re.sub(r"[0-9０-９A-Za-z]", "#", match[0])[:24]
        + re.sub(r"[0-9０-９]", "#", after)
    )
