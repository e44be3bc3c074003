"""What do the values of a column look like? Shares of kinds of values over a sample; no value leaves this module except
as a shape, or as a word that many rows share.

One pass over at most SAMPLE_ROWS cells a column, spread over what was read.
"""

import re
import statistics
from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from pipelines.sources import events, grid, hotline, parsing, petition

SAMPLE_ROWS = 1000
SHARED_BY = 5  # a word may be shown as an example when this many rows of the sample carry it

STATUS_WORDS: dict[str, str] = {
    word.casefold(): state
    for words in (grid.STATUS, hotline.STATUS, petition.STATUS, events.STATUS)
    for word, state in words.items()
}
# What an unknown word of state points to; the first that matches counts.
STATUS_ROOTS = (
    ("declined", "不予|不再|驳回|退件|不受理|撤|reject|declin|cancel"),
    ("replied", "待回访|待评价|待归档|待结案|已答复|已回复|已反馈|待送达|答复|回复|replied|answered"),
    ("registered", "待.{0,6}(?:受理|登记|立案|审)|草稿|新增|new|submitted"),
    ("transferred", "待.{0,6}(?:签收|接收)|转办|转送|转派|交办|派单|派遣|分派|退回|refer|assign"),
    ("in_progress", "中$|处理中|办理中|延期|督办|重办|整改|超期|挂|progress|pending|hold"),
    ("closed", "办结|结案|归档|完成|完结|存档|结束|关闭|已处理|已解决|终结|clos|resolv|complet|done|finish"),
    ("accepted", "受理|签收|立案|接收|accept|acknowl"),
    ("registered", "登记|待"),
)
SATISFACTION = {
    "满意",
    "非常满意",
    "很满意",
    "基本满意",
    "一般",
    "较满意",
    "比较满意",
    "不满意",
    "非常不满意",
    "很不满意",
    "未评价",
}
PURPOSES = {
    *(
        "投诉",
        "咨询",
        "求助",
        "建议",
        "举报",
        "求决",
        "意见建议",
        "申诉",
        "揭发控告",
        "检举控告",
        "表扬",
        "感谢",
        "其他",
        "其它",
    ),
    *("诉求", "投诉举报", "控烟", "问询", "报修", "检举", "意见", "反映", "事件", "部件", "12345热线"),
}
PURPOSE_ROOTS = "投诉|咨询|求助|建议|求决|申诉|举报"
CHANNEL_ROOTS = r"来信|来访|走访|来电|电话|热线|网|微信|微博|APP|App|小程序|信箱|邮|短信|巡查|上报|12345|12319|12315|转办|媒体|传真|窗口|web|phone|mobile|self|employee|app"
FLAGS = {
    "是",
    "否",
    "有",
    "无",
    "0",
    "1",
    "y",
    "n",
    "yes",
    "no",
    "true",
    "false",
    "已解决",
    "未解决",
    "重复",
    "不重复",
    "基本解决",
}
UNIT = (
    r"(?:局|委|委员会|办|办公室|公司|中心|大队|支队|中队|队|所|站|集团|厅|部|处|科|院|会|署|政府|街道|街道办|街道办事处|镇|乡|管委会|物业|学校|"
    r"department|dept|division|office|bureau|agency|authority)$"
)
SEPARATORS = ("->", "→", ">", "＞", "_", "/", "\\", "|", "：", ":", "—", "-")
DATE = r"^(?:\d{4}\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}\s*[日号]?(?:[\sT].*|(?:上午|下午)?\d{1,2}[:：时点].*)?|(?:19|20)\d{6}(?:\d{6})?)$"
# The hundred commonest surnames of the 2020 name report, and the double ones: enough to know a column of names by.
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹"
    "薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
_NAME = rf"^(?:欧阳|上官|司马|诸葛|皇甫|慕容|司徒|[{_SURNAMES}])[\u4e00-\u9fff]{{1,2}}$"
_MASKED_NAME = r"^[\u4e00-\u9fff](?:[*＊×xX○某]{1,3}[\u4e00-\u9fff]?|(?:[\u4e00-\u9fff]{0,2})(?:先生|女士|小姐|同志))$"
_PHONE = r"^(?:\+?86[\s-]?)?1[3-9]\d[\s*-]?[\d*]{4}[\s-]?\d{4}$|^(?:\(?0\d{2,3}\)?[\s-]?)[2-8]\d{6,7}(?:-\d{1,5})?$"
_ID_CARD = r"^[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]$|^\d{6}\*{4,12}[\dXx]{2,4}$"
_EMAIL = r"^[\w.+-]+@[\w-]+(?:\.[\w-]+)+$"
_KINDS = {
    "date": DATE,
    "serial": r"^[3-6]\d{4}(?:\.\d+)?$",
    "integer": r"^\d{1,12}$",
    "decimal": r"^-?\d{1,7}\.\d+$",
    "identifier": r"^(?=.*\d)[A-Za-z0-9\-_/〔〕\[\]()（）.#]{3,40}$|^[\u4e00-\u9fff]{1,8}[〔\[（(]?\d[\d\-〕\]）)A-Za-z]{3,30}号?$",
    "phone": _PHONE,
    "id_card": _ID_CARD,
    "email": _EMAIL,
    "county": r"^[\u4e00-\u9fff]{1,12}(?:区|县|市|旗|新区)$",
    "town": r"^[\u4e00-\u9fff·\d]{1,14}(?:街道|街道办|街道办事处|镇|乡|苏木)$",
    "community": r"^[\u4e00-\u9fff·\d]{1,16}(?:社区|村|居委会|村委会|居民委员会|村民委员会|嘎查)$",
    "place": r"(?:省|市|区|县|街道|镇|乡|社区|村)",
    "address": r"(?:路|街|巷|道|村|小区|花园|苑|大厦|广场).{0,12}(?:号|栋|幢|室|单元|弄)|号楼",
    "grid": r"网格|^\d{6,}$",
    "unit": UNIT,
    "role": r"^(?:主办|协办|转办|会办|主责|配合)(?:单位)?$",
    "hanzi": r"[\u4e00-\u9fff]",
    "exponent": r"^\d(?:\.\d+)?[Ee]\+?\d{1,2}$",
}
_PATTERNS = {kind: re.compile(pattern, re.IGNORECASE if kind == "unit" else 0) for kind, pattern in _KINDS.items()}
_NAMES = re.compile(_NAME), re.compile(_MASKED_NAME)


@dataclass(frozen=True)
class Profile:
    """Of one column's sampled cells. Shares are of the filled cells."""

    n: int
    n_filled: int
    n_distinct: int
    median_length: float
    shares: dict[str, float] = field(default_factory=dict)
    words: Counter[str] = field(default_factory=Counter)  # in memory only
    shapes: tuple[str, ...] = ()
    box: tuple[float, float] | None = None  # of numbers that may be degrees: where nearly all of them lie

    @property
    def filled_share(self) -> float:
        return self.n_filled / self.n if self.n else 0.0

    @property
    def unique_share(self) -> float:
        return self.n_distinct / self.n_filled if self.n_filled else 0.0

    @property
    def is_vocabulary(self) -> bool:
        """Few words, each used again and again."""
        return 0 < self.n_distinct <= max(12, 0.35 * self.n_filled) and self.median_length <= 60


def profile(cells: pl.Series) -> Profile:
    """Shares of the kinds of values, over a spread sample of the cells."""
    values = pl.DataFrame({"cell": cells}).select(parsing.clean(pl.col("cell")))["cell"].to_list()
    filled = [" ".join(value.split()) for value in values if value]
    if not filled:
        return Profile(len(values), 0, 0, 0.0)
    words = Counter(filled)
    shares = {kind: _share(words, pattern.search) for kind, pattern in _PATTERNS.items()}
    name, masked_name = _NAMES
    shares["name"] = _share(words, lambda word: bool(name.search(word)) and word not in _NOT_NAMES)
    shares["masked_name"] = _share(words, lambda word: bool(masked_name.search(word)) and word not in _NOT_NAMES)
    shares["status"] = _share(words, lambda word: word.casefold() in STATUS_WORDS)
    shares["satisfaction"] = _share(words, SATISFACTION.__contains__)
    shares["purpose"] = _share(
        words, lambda word: word in PURPOSES or (len(word) <= 8 and re.search(PURPOSE_ROOTS, word))
    )
    shares["channel"] = _share(words, lambda word: len(word) <= 20 and re.search(CHANNEL_ROOTS, word))
    shares["flag"] = _share(words, lambda word: word.casefold() in FLAGS)
    shares["id_card"] = _share(words, lambda word: bool(_PATTERNS["id_card"].search(word)) and _is_id_card(word))
    shares["lon"] = _share(words, lambda word: _between(word, 73, 136) or _between(word, -180, -60))
    shares["lat"] = _share(words, lambda word: _between(word, 3, 54) or _between(word, -50, -3))
    shares["prefixes"] = len({word[:3] for word in words}) / max(1, len(words))
    lengths = sorted(len(word) for word in filled)
    return Profile(
        n=len(values),
        n_filled=len(filled),
        n_distinct=len(words),
        median_length=statistics.median(lengths),
        shares=shares,
        words=words,
        box=_box(filled) if shares["decimal"] >= 0.5 else None,
        shapes=tuple(shape for shape, _ in Counter(shape(word) for word in filled).most_common(3)),
    )


_NOT_NAMES = PURPOSES | SATISFACTION | set(STATUS_WORDS)


def _share(words: Counter[str], test) -> float:
    return sum(n for word, n in words.items() if test(word)) / words.total()


def _box(filled: list[str]) -> tuple[float, float]:
    """From the 2nd to the 98th percentile of the numbers; a 0 stands for no position."""
    every = sorted(float(word) for word in filled if _PATTERNS["decimal"].search(word))
    numbers = [number for number in every if number] or every
    edge = len(numbers) // 50
    return numbers[edge], numbers[-1 - edge]


def _between(word: str, low: float, high: float) -> bool:
    return bool(_PATTERNS["decimal"].search(word)) and low <= float(word) <= high


def _is_id_card(word: str) -> bool:
    """The check digit of GB 11643-1999 fits, or the middle is starred out."""
    if "*" in word:
        return True
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[sum(int(d) * w for d, w in zip(word, weights, strict=False)) % 11] == word[-1].upper()


def shape(word: str) -> str:
    """What a value looks like without what it says: digits 9, letters A or a, hanzi 字; long runs shortened.

    >>> shape("2024-01-05 08:30"), shape("和平街道云水社区"), shape("AB-20240001")
    ('9999-99-99 99:99', '字×8', 'AA-9×8')
    """
    plain = re.sub(r"[\u3400-\u9fff]", "字", re.sub(r"\d", "9", word[:200]))
    plain = re.sub(r"[A-Z]", "A", re.sub(r"[a-z]", "a", plain))
    plain = re.sub(r"(.)\1{4,}", lambda run: f"{run[1]}×{len(run[0])}", plain)
    plain = re.sub(r"字{2,4}", lambda run: f"字×{len(run[0])}", plain)
    return plain if len(plain) <= 40 else f"长文字（约 {round(len(word), -1)} 字）"


def shared_words(seen: Profile) -> list[dict]:
    """Words that many rows share, as examples of a vocabulary: [{word, n}]; never anything rare, long or numeric."""
    return [
        {"word": word, "n": n}
        for word, n in seen.words.most_common(12)
        if n >= SHARED_BY and len(word) <= 24 and not re.search(r"\d{5,}|@", word)
    ]


def personal(seen: Profile, *, is_known: bool, is_number: bool) -> str | None:
    """Why these values are about persons, in Chinese; None if they are not.

    `is_known`: the header is a common way to write one of our fields. `is_number`: of the item's number.
    """
    share = seen.shares
    if seen.n_filled < 3:
        return None
    if share["id_card"] >= (0.5 if is_number else 0.1):
        return f"{share['id_card']:.0%} 的值是身份证号"
    # Running numbers of eleven digits share their first digits, telephone numbers do not.
    if share["phone"] >= 0.3 and not (is_number and share["prefixes"] < 0.2 and len({w[:3] for w in seen.words}) < 5):
        return f"{share['phone']:.0%} 的值是电话号码"
    if share["email"] >= 0.3:
        return f"{share['email']:.0%} 的值是邮箱"
    if share["masked_name"] >= 0.6:
        return f"{share['masked_name']:.0%} 的值像隐去一部分的人名"
    if (
        not is_known
        and share["name"] + share["masked_name"] >= 0.6
        and (seen.n_distinct >= 20 or seen.unique_share >= 0.3)
    ):
        return f"{share['name'] + share['masked_name']:.0%} 的值像人名"
    return None


def state_of(word: str) -> str | None:
    """Which of the seven states a word of state most likely means."""
    if state := STATUS_WORDS.get(word.casefold()):
        return state
    return next((state for state, roots in STATUS_ROOTS if re.search(roots, word.casefold())), None)


def path_separators(seen: Profile) -> tuple[tuple[str, ...], bool]:
    """What joins the levels of a path, and whether it is written from small to large: ((), False) if it is no path.

    A mark is a separator where many values carry it and one side of it repeats: 出租/网约车 is a name, as every value
    has its own beginning and its own end. The side with fewer different parts is the top.
    """
    for mark in SEPARATORS:
        parts = [[part.strip() for part in word.split(mark)] for word in seen.words if mark in word]
        parts = [part for part in parts if all(part)]
        if not parts or sum(n for word, n in seen.words.items() if mark in word) < 0.3 * seen.n_filled:
            continue
        first, last = {part[0] for part in parts}, {part[-1] for part in parts}
        n = len(parts)
        is_plain = mark in ("->", "→", ">", "＞", "_", "|")  # hardly ever part of a name
        if min(len(first), len(last)) > max(1, (0.95 if is_plain else 0.67) * n):
            continue
        if mark in ("-", "—", ":", "：", "/") and any(re.search(r"\d$|^\d", part) for word in parts for part in word):
            continue
        is_reversed = len(last) < len(first) and n >= 4 and 2 * len(last) <= len(first) + 1
        return (mark,), is_reversed
    return (), False


def is_reversed_place(seen: Profile) -> bool:
    """云水社区/和平街道/云溪区: parts stand from small to large."""
    large = r"(?:(?<!社)区|县|市|省)$"
    n = n_reversed = 0
    for word, count in seen.words.items():
        parts = [part for part in re.split(r"[\s/\\>＞_,，、|\-—]+", word) if part]
        if len(parts) >= 2:
            n += count
            n_reversed += count * bool(re.search(large, parts[-1]) and not re.search(large, parts[0]))
    return n > 0 and n_reversed >= 0.5 * n
