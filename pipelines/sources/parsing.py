"""From the words in a cell to a value: times, places, category paths, yes/no, numbers, coordinates.

All functions take and give polars Series of the same length; a cell that cannot be understood becomes null.
"""

import unicodedata
from collections.abc import Callable

import polars as pl

NULL_WORDS = ("", "-", "--", "—", "－", "/", "\\", "null", "NULL", "None", "N/A", "(null)", "nan", "NaN", "无数据")

_TIME = (
    r"^(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号]?[\sT,，]*(上午|下午|AM|PM|am|pm)?\s*"
    r"(?:(\d{1,2})\s*[:：时点]\s*(\d{1,2})?\s*[:：分]?\s*(\d{1,2})?(?:\.\d+)?\s*秒?)?\s*(?:Z|\+08:?00)?\s*$"
)
_COMPACT = r"^(\d{4})(\d{2})(\d{2})(?:\s*(\d{2}):?(\d{2}):?(\d{2})?)?$"
_SERIAL = r"^\d{5}(?:\.\d+)?$"
_NO_TIME = ("昨天", "今天", "明天", "前天", "当天", "不详", "不明", "未知", "待定", "暂无", "未填", "长期")
# Written like a date, right or wrong: a year first, then groups too short for a number of a person.
_WRITTEN_TIME = (
    r"^(?:[12]\d{3}\s?[-/.年]\s?\d{1,2}\s?(?:[-/.月]\s?\d{0,2})?\s?[日号]?(?:[\sT]*(?:上午|下午|AM|PM)?\s?\d{0,2}"
    r"(?:[:：时点]\d{0,2}){0,2}[分秒]?(?:\.\d{1,3})?)?|(?:19|20)\d{6}(?:\d{6})?|\d{1,2}[/.-]\d{1,2}(?:[/.-][12]\d{3})?)$"
)


def clean(text: pl.Expr) -> pl.Expr:
    """Trimmed of all white space (no-break and full-width ones too); the source's words for "nothing" are null."""
    trimmed = text.str.strip_chars()
    return trimmed.replace(NULL_WORDS, None)


def on_distinct(values: pl.Series, function: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """`function` applied once to each distinct value: for columns of few words."""
    distinct = values.unique().drop_nulls()
    if len(distinct) == 0:
        return function(values)
    mapped = function(distinct)
    return values.replace_strict(distinct, mapped, default=None, return_dtype=mapped.dtype)


def parse_time(text: pl.Series) -> pl.Series:
    """Local time to the second; a date alone is its midnight. Years 1990 to 2099.

    Reads 2024-01-05[ 8:03[:02]], 2024/1/5, 2024.1.5, 20240105[080302], 2024年1月5日[8时3分], 上午/下午, Excel serial
    days (45296.5), full-width digits.
    """
    result = text.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")
    for parse in (_slashed, _any_time):
        missing = text.is_not_null() & result.is_null()
        if not missing.any():
            break
        at = missing.arg_true()
        result = result.clone().scatter(at, parse(text.gather(at)))
    year = result.dt.year()
    return result.set(((year < 1990) | (year > 2099)).fill_null(False), None)


def _slashed(text: pl.Series) -> pl.Series:
    return text.str.to_datetime("%Y/%m/%d %H:%M:%S", strict=False, time_unit="us")


def _any_time(text: pl.Series) -> pl.Series:
    frame = pl.DataFrame({"t": text.str.normalize("NFKC").str.strip_chars()})
    part, compact = pl.col("t").str.extract_groups(_TIME), pl.col("t").str.extract_groups(_COMPACT)

    def field(spaced: str, dense: str | None, default: str) -> pl.Expr:
        second = compact.struct.field(dense) if dense else pl.lit(None, pl.String)
        return pl.coalesce(part.struct.field(spaced), second, pl.lit(default)).str.zfill(2)

    hour = field("5", "4", "0").cast(pl.Int64)
    half_day = part.struct.field("4").str.to_lowercase()
    hour = (
        pl.when(half_day.is_in(["下午", "pm"]) & (hour < 12))
        .then(hour + 12)
        .when(half_day.is_in(["上午", "am"]) & (hour == 12))
        .then(0)
        .otherwise(hour)
    )
    stamp = pl.format(
        "{}-{}-{} {}:{}:{}",
        field("1", "1", "0000"),
        field("2", "2", "0"),
        field("3", "3", "0"),
        hour.cast(pl.String).str.zfill(2),
        field("6", "5", "0"),
        field("7", "6", "0"),
    )
    days = pl.when(pl.col("t").str.contains(_SERIAL)).then(pl.col("t").cast(pl.Float64, strict=False))
    serial = (pl.datetime(1899, 12, 30) + pl.duration(seconds=(days * 86_400).round(0).cast(pl.Int64))).cast(
        pl.Datetime("us")
    )
    return frame.select(
        pl.coalesce(stamp.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us"), serial).alias("at")
    )["at"]


def parse_path(text: pl.Series, separators: tuple[str, ...], is_reversed: bool = False) -> pl.Series:
    """A category path joined by '>', whatever the source joins it with; `is_reversed`: the source writes 小类…大类.

    >>> parse_path(pl.Series(["城乡建设-> 施工管理->施工扰民"]), ("->", ">")).to_list()
    ['城乡建设>施工管理>施工扰民']
    """

    def convert(distinct: pl.Series) -> pl.Series:
        path = distinct.str.normalize("NFKC")
        for separator in sorted(separators, key=len, reverse=True):
            path = path.str.replace_all(unicodedata.normalize("NFKC", separator), ">", literal=True)
        path = path.str.replace_all(r"\s*>[\s>]*", ">").str.strip_chars("> \u3000")
        if is_reversed:
            path = path.str.split(">").list.reverse().list.join(">")
        return path.set(path == "", None)

    return on_distinct(text, convert)


def parse_unit(text: pl.Series, separators: tuple[str, ...], is_reversed: bool) -> pl.Series:
    """The unit itself out of a path 上级/…/单位, or, reversed, 单位/…/上级. Without separators the name as it stands.

    >>> parse_unit(pl.Series(["安澜市/云溪区/云溪区住建局", "市水务局"]), ("/",), False).to_list()
    ['云溪区住建局', '市水务局']
    """
    if not separators:
        return text

    def convert(distinct: pl.Series) -> pl.Series:
        path = distinct
        for separator in sorted(separators, key=len, reverse=True):
            path = path.str.replace_all(separator, "\x1f", literal=True)
        part = path.str.strip_chars("\x1f ").str.split("\x1f").list.get(0 if is_reversed else -1)
        part = part.str.strip_chars()
        return part.set(part == "", None)

    return on_distinct(text, convert)


def masked_time(text: pl.Series) -> pl.Series:
    """A cell that should hold a time, fit to be shown: what is written like a date as it stands, else its shape.

    A row whose cells have slipped may have a name or a telephone number there.

    >>> masked_time(pl.Series(["2024-02-30", "张三丰", "13900000000"])).to_list()
    ['2024-02-30', '3 个汉字', '11 位数字']
    """
    is_time = text.str.contains(_WRITTEN_TIME) | text.is_in(_NO_TIME)
    shape = pl.Series([_shape(cell) if cell is not None else None for cell in text.to_list()], dtype=pl.String)
    return text.set(~is_time.fill_null(False), None).fill_null(shape)


_STATE_PART = (
    r"待|已|未|不|再|重|被|经|中|后|及|并|或|的|为|在办|挂起|挂账|挂牌|暂缓|暂停|暂存|中止|恢复|超时|超期|逾期|延期|延时|按期|按时|限期|申请人|当事人|"
    r"申请|审核|审批|审查|审定|审理|评审|核实|核查|调查|查实|初审|复审|复查|复核|受理|不予|签收|接收|接单|派单|派发|派遣|下派|分派|分办|分拨|改派|指派|转办|"
    r"转交|转送|转派|转办中|交办|督办|催办|协办|主办|会办|代办|直办|自办|领办|承办|办理|办结|办毕|办完|处理|处置|处办|整改|解决|化解|调处|调解|和解|达成|协议|"
    r"成功|失败|不成|终止|终结|结束|完成|完结|完毕|结案|销案|销号|撤销|撤回|撤诉|撤件|取消|作废|关闭|归档|存档|登记|录入|上报|上传|提交|保存|草稿|新建|"
    r"回复|答复|反馈|报结|回访|评价|满意|告知|通知|送达|公示|确认|司法|立案|开庭|判决|裁定|裁决|裁判|驳回|起诉|上诉|诉讼|诉前|执行|导入|推送|退回|退件|"
    r"回退|重办|重新|返工|进行|推进|跟踪|等待|领导|单位|部门|中心|一级|二级|三级|状态|其他|其它|正常|异常|无效|有效|重复|合并|并案|移交|移送|流转|预约|"
    r"首次|二次|部分|阶段|基本|全部|直接|解答|咨询|现场|见过|从未|没有|尚未|正在|继续|开始|生效|开放|公开"
)
_STATE_WORD = rf"^(?:[\s\-—_/、，,（）()]|{_STATE_PART})+$|^\d{{1,2}}$"


def masked_state(text: pl.Series) -> pl.Series:
    """A cell that should hold a state, fit to be shown: what is made of words for states as it stands, else its shape.

    >>> masked_state(pl.Series(["已挂账督办", "欧阳震华撤回"])).to_list()
    ['已挂账督办', '6 个汉字']
    """
    shape = pl.Series([_shape(cell) if cell is not None else None for cell in text.to_list()], dtype=pl.String)
    return text.set(~text.str.contains(_STATE_WORD).fill_null(False), None).fill_null(shape)


def _shape(cell: str) -> str:
    """What kind of characters these are, and how many; nothing of what they say."""
    hanzi = sum("\u3400" <= character <= "\u9fff" for character in cell)
    digits = sum(character.isdigit() for character in cell)
    if digits == len(cell):
        return f"{digits} 位数字"
    if hanzi == len(cell):
        return f"{hanzi} 个汉字"
    return f"{len(cell)} 个字符（数字 {digits}、汉字 {hanzi}）"


# A place name is cut by its last character. Rust's regex has no look-ahead: the exceptions are spelled out.
_PLACE = (
    r"^(?:[^市区县]{2,8}?(?:省|自治区))?"
    r"(?:([^区县街社村道]{2,12}?(?:自治州|地区|市)))?"
    r"(?:(.[^街社镇乡村道]{0,12}?(?:区|县|市|旗)|[新桐湘宁金内西萍]乡(?:区|县|市)))?"
    r"(?:(.[^社区]{0,9}?(?:镇街道|乡街道|街道|乡镇|镇|苏木|乡))(?:办事处|办)?)?"
    r"(?:(.{1,12}?(?:村社区|社区|村民委员会|居民委员会|村委会|居委会|村))(?:居委会|村委会|委员会)?)?"
    r"(.*)$"
)


def parse_place(text: pl.Series, is_reversed: bool = False) -> pl.DataFrame:
    """county_name, town_name, community_name out of one string without separators; the rest is thrown away.

    `is_reversed`: parts stand from small to large (云水社区/和平街道/云溪区).

    The rest is street, estate, building and room: an address of persons, never stored.

    >>> parse_place(pl.Series(["安澜市云溪区和平街道云水社区锦绣花园3号楼", "义乌市后宅街道"])).rows()
    [('云溪区', '和平街道', '云水社区'), ('义乌市', '后宅街道', None)]
    """
    names = ("county_name", "town_name", "community_name")
    distinct = pl.DataFrame({"raw": text.unique().drop_nulls()})
    whole = pl.col("raw").str.replace_all(r"[\s/\\>＞_,，、·|\-—]+", "\x1f")
    if is_reversed:
        whole = whole.str.split("\x1f").list.reverse().list.join("\x1f")
    part = whole.str.replace_all("\x1f", "", literal=True).str.extract_groups(_PLACE)
    city = part.struct.field("1").str.extract("^(.*市)$").alias("city")
    rest = part.struct.field("5")
    community = part.struct.field("4")
    is_estate = community.str.ends_with("新村") & rest.str.contains(
        r"^(?:[0-9A-Za-z一二三四五六七八九十]+\s*(?:号|栋|幢|期|区|座|单元|-)|小区)"
    )
    cut = distinct.select(
        "raw",
        part.struct.field("2").alias("county_name"),
        part.struct.field("3").alias("town_name"),
        pl.when(~is_estate)
        .then(community.str.replace(r"(?:村民委员会|村委会)$", "村").str.replace(r"(?:居民委员会|居委会)$", "社区"))
        .alias("community_name"),
    )
    cut = cut.with_columns(pl.col("community_name").str.replace(r"村村$", "村"))
    # 义乌市后宅街道: a city directly followed by a town is itself of county level, as far as the words tell.
    is_county = cut["county_name"].is_null() & cut["town_name"].is_not_null()
    cut = cut.with_columns(
        pl.when(is_county).then(distinct.select(city)["city"]).otherwise("county_name").alias("county_name")
    )
    return pl.DataFrame({"raw": text}).join(cut, on="raw", how="left", maintain_order="left").select(names)


FLAG_WORDS = {
    **dict.fromkeys(
        ("是", "有", "1", "Y", "y", "true", "True", "TRUE", "已解决", "基本解决", "解决", "重复", "已办结"), True
    ),
    **dict.fromkeys(("联名信", "集体访", "群体", "集体"), True),
    **dict.fromkeys(
        ("否", "无", "0", "N", "n", "false", "False", "FALSE", "未解决", "不重复", "未办结", "不是"), False
    ),
}
SATISFACTION_WORDS = {
    **dict.fromkeys(("满意", "非常满意", "很满意", "是", "0"), "satisfied"),
    **dict.fromkeys(("基本满意", "一般", "较满意", "比较满意", "1"), "fairly_satisfied"),
    **dict.fromkeys(("不满意", "非常不满意", "很不满意", "否", "3"), "dissatisfied"),
}


def parse_flag(text: pl.Series) -> pl.Series:
    """是/否 and their kin as a boolean."""
    return text.replace_strict(FLAG_WORDS, default=None, return_dtype=pl.Boolean)


def parse_satisfaction(text: pl.Series) -> pl.Series:
    """satisfied, fairly_satisfied, dissatisfied; anything else means not rated."""
    return text.replace_strict(SATISFACTION_WORDS, default=None, return_dtype=pl.String)


def parse_count(text: pl.Series, lowest: int = 1, highest: int = 9999) -> pl.Series:
    """A whole number within bounds (the provincial rule for 信访人数 is 1 to 9999)."""
    digits = text.str.normalize("NFKC").str.extract(r"^(\d{1,6})(?:\.0+)?\s*[人次件]*$")
    number = digits.cast(pl.Int32, strict=False)
    return number.set(~number.is_between(lowest, highest).fill_null(True), None)
