"""台账 — the registers an office keeps beside its business systems: 督办, 交办, 包案, 积案, 三项建议, 排查, 接访.

Kept by the 信访局 or the 网格中心 in a workbook of its own, one ledger a file. One row is one entry: an item, an issue or a
visit that somebody has promised to see to; never a person.

Layouts: one a ledger, made of sql/seeds/ledger_field.csv (which header means what; the first of the aliases is the one
that the template has). Files of the seven ledgers are told apart by the header of the day on which an entry begins (督办日期,
交办日期 …) and by how many of their headers are known.

Faults: title rows above the header, a 合计 row at the end; dates in every spelling; the number column empty or filled with
the number of the petition item; names in the columns of leaders and units. 《信访工作条例》 art. 22, 40, 41; DOMAIN §4.
"""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection
from datetime import date, timedelta
from functools import lru_cache

import polars as pl

from pipelines import names, redact
from pipelines.config import SEEDS
from pipelines.sources import events, parsing
from pipelines.sources.recognise import Layout

Hashed = Callable[[str, pl.Series], pl.Series]

FIELD_FILE, KIND_FILE = "ledger_field.csv", "ledger_kind.csv"
ANY_KIND, IDENTIFYING = "*", "identifying"
DATES = ("opened_on", "arisen_on", "due_on", "signed_on", "planned_on", "replied_on", "closed_on")
TEXTS = ("title", "progress")
LINKS = ("petition", "hotline", "grid")
"""An entry names an item by number; the source is not written beside it, so the number is hashed as one of each."""
CONTENT: dict[str, pl.DataType | type[pl.DataType]] = {
    "ledger_kind": pl.String,
    "subtype": pl.String,
    "ledger_number": pl.String,
    **{f"{source}_id": pl.UInt64 for source in LINKS},
    "title": pl.String,
    "category_raw": pl.String,
    "county_name": pl.String,
    "town_name": pl.String,
    "community_name": pl.String,
    "unit_name": pl.String,
    "leader_role": pl.String,
    **dict.fromkeys(DATES, pl.Date),
    "is_report_required": pl.Boolean,
    "state": pl.String,
    "result": pl.String,
    "n_visits": pl.Int32,
    "persons": pl.Int32,
    "progress": pl.String,
    "is_confidential": pl.Boolean,
}
"""The columns of core.ledger_entry beside entry_id, source, batch_id and source_row."""

SUBTYPES = {
    "supervision": {"联合": "joint", "专项": "special", "个案": "case"},
    "advice": {"改进": "improve_work", "完善": "improve_policy", "追究": "accountability", "追责": "accountability"},
    "screening": {
        "经常": "regular",
        "日常": "regular",
        "滚动": "rolling",
        "集中": "concentrated",
        "常规": "routine",
        "重点": "focused",
        "专项": "focused",
    },
}
"""What the word contains → its code; the first that fits."""
STATES = {
    "withdrawn": r"撤销|撤回|撤件|并案|合并办理|移交|终止|不再|重复立",
    "closed": r"(?:未|不予?)采纳|^(?:已|按期|超期)?(?:办结|完成|销号|结案|化解|调处|归档|落实|解决|息诉|终结)|(?:化解|调处|办理)(?:成功|完毕|终结)|采纳$",
    "replied": r"反馈|报结|回复|答复|待销号|待审核|待评审|待验收|待结案",
    "open": r"在办|办理中|进行|推进|化解中|调处中|处理中|待|未|正在|已(?:交办|督办|签收|受理|响应|转|列入|包案|排查|提出)|持续|跟踪",
}
"""The word for where an entry stands; tried from `open` upwards where it begins with 未 or 待, else in this order."""
NOT_YET = r"^(?:尚?未(?!采纳)|没有|待(?!销号|审核|评审|验收|结案)|暂)|(?:办理|化解|调处|推进|处理)中$"
RESULTS = {
    "failed": r"^否$|未|不(?:予|能)?采纳|不成|不了|失败|无法",
    "partly": r"部分|基本|阶段性|分期|正在",
    "achieved": r"化解|成功|采纳|解决|办结|完成|落实|是$|达成|息诉|一致|终结",
}
_UNIT = "省委|市委|县委|区委|旗委|党工委|党委|党组|政法委|纪委监委|纪委|监委|组织部|宣传部|统战部|人大常委会|人大|政协|人民政府|政府|信访局"
_BEFORE = rf"(?:{_UNIT}|国家|省|市|县|区|旗|乡镇|镇街|乡|镇|街道|厅|处|科|级|常务|分管|主管|联系|包联|包保|主要|班子|党政|有关|责任|部门|单位|常委|、|的)"
_HEAD = (
    r"(?:领导干部|领导同志|领导|班子成员|负责同志|负责人|副书记|书记|副市长|市长|副县长|县长|副区长|区长|副旗长|旗长|副镇长|镇长|副乡长|乡长|"
    r"副主任|主任|副局长|局长|副主席|主席|副秘书长|秘书长|副部长|部长|常委|副检察长|检察长|副院长|院长|党组成员|党委委员|委员|调研员)"
)
ROLE = re.compile(rf"{_BEFORE}{{0,8}}{_HEAD}")
"""A role is what these words say and nothing else: whatever else stands in the cell, a name above all, does not get through."""

HINTS = {
    "out_of_scope": "作废、测试或无效的条目，不纳入统计。",
    "missing_entry": "台账编号、事项编号、事项和单位都为空，不知道是哪一条；请补全后重新导入。",
    "truncated_entry_number": "编号被 Excel 当作数字截断（只保留 15 位有效数字）；请把该列设为文本后重新导出。",
    "bad_opened_on": "起始日期为空或无法识别，应为 2026-10-12 这样的日期；请改正后重新导入。",
    "future_opened_on": "起始日期晚于导入当天；请核对日期。",
    "closed_before_opened": "办结日期早于起始日期；请核对两个日期。",
    "bad_count": "批次应为 1 到 9999 的整数；请改正后重新导入。",
}
FAULTY = {
    "out_of_scope": "state_word",
    "missing_entry": None,
    "truncated_entry_number": "entry_number",
    "bad_opened_on": "opened_on",
    "future_opened_on": "opened_on",
    "closed_before_opened": "closed_on",
    "bad_count": "n_visits",
}


def fields() -> list[dict[str, str]]:
    """sql/seeds/ledger_field.csv: ledger_kind (* = all), name, headers (joined by |), is_required, example, note."""
    with (SEEDS / FIELD_FILE).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def kinds() -> dict[str, str]:
    """Code → Chinese name of the ledgers, in their order."""
    with (SEEDS / KIND_FILE).open(encoding="utf-8", newline="") as file:
        return {row["ledger_kind"]: row["kind_name"] for row in csv.DictReader(file)}


@lru_cache(maxsize=1)
def _issue_words() -> tuple[str, ...]:
    """Names of issues, and the parts of them that stand alone: 充电 is no person."""
    with (SEEDS / "issue.csv").open(encoding="utf-8", newline="") as file:
        whole = [row["issue_name"] for row in csv.DictReader(file)]
    parts = [part for name in whole for part in re.split(r"[()（）/、与]", name) if len(part) > 1]
    return tuple(dict.fromkeys([*whole, *(re.split(r"[(（]", name)[0] for name in whole), *parts]))


def _layouts() -> dict[str, Layout]:
    known: dict[str, Layout] = {}
    for kind, title in kinds().items():
        own = [row for row in fields() if row["ledger_kind"] in (kind, ANY_KIND)]
        columns = {
            header: row["name"] for row in own if row["name"] != IDENTIFYING for header in row["headers"].split("|")
        }
        known[kind] = {
            "title": f"{title}台账",
            "columns": columns,
            "required": tuple(row["headers"].split("|")[0] for row in own if row["is_required"] == "是"),
            "identifying": tuple(
                header
                for row in own
                if row["name"] == IDENTIFYING
                for header in row["headers"].split("|")
                if header not in columns
            ),
            "category_separators": ("_", "->", ">"),
            "constants": {"ledger_kind": kind},
        }
    return known


LAYOUTS = _layouts()


def normalise(raw: pl.DataFrame, layout: Layout, *, today: date | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(rows: CONTENT without the hashes, and entry_number, item_number, source_row; rejected: events.REJECTED_COLUMNS).

    Rows with rule out_of_scope are among the rejected. 合计 rows are in neither. Texts are as the file has them: `keyed`
    redacts them.
    """
    kind = layout["constants"]["ledger_kind"]
    said = _said(raw, layout)
    said = said.filter(~_is_total(said))
    place = parsing.parse_place(said["place"])
    frame = pl.DataFrame(
        [
            said["source_row"],
            *[parsing.parse_time(said[name]).dt.date().alias(name) for name in DATES],
            *[events.item_number(said[name]).alias(name) for name in ("entry_number", "item_number")],
            *[said[name].str.replace_all(r"[\s\x00-\x1f\x7f]+", " ") for name in TEXTS],
            *[pl.select(pl.coalesce(said[name], place[name])).to_series().alias(name) for name in place.columns],
            parsing.parse_path(said["category"], layout.get("category_separators", ())).alias("category_raw"),
            said["unit_name"],
            _roles(said["leader_role"]),
            parsing.on_distinct(said["is_report_required"], parsing.parse_flag).fill_null(True),
            *[parsing.parse_count(said[name]).alias(name) for name in ("n_visits", "persons")],
        ]
    ).with_columns(
        pl.lit(kind).alias("ledger_kind"),
        pl.when(pl.lit(kind == "assignment")).then("is_report_required"),
        _subtype(said["subtype"], SUBTYPES.get(kind, {})),
        pl.when(pl.lit(kind == "reception")).then(pl.col("n_visits").fill_null(1)),
        *_standing(said),
    )
    frame = frame.with_columns(
        (
            pl.col("category_raw").str.contains(events.CONFIDENTIAL_CATEGORY).fill_null(False)
            | pl.col("title").str.contains(events.CONFIDENTIAL_PURPOSE).fill_null(False)
        ).alias("is_confidential")
    )
    reason = frame.select(_reason(said, today).alias("rule"))["rule"]
    keeps = ("source_row", "entry_number", "item_number")
    content = [name for name in CONTENT if name != "ledger_number" and not name.endswith("_id")]
    rows = frame.filter(reason.is_null()).select(*keeps, *(pl.col(name).cast(CONTENT[name]) for name in content))
    return rows, _rejected(said, reason, layout)


def keyed(
    rows: pl.DataFrame, hashed: Hashed, units: Collection[str] = ()
) -> tuple[pl.DataFrame, Counter[str], list[str]]:
    """Rows of `normalise` as core.ledger_entry stores them: entry_id, source_row and CONTENT. Redactions by kind; notes.

    entry_id is the keyed hash of the ledger's own number; of the item's where it has none; else of what the entry said when
    it began. A number of the ledger is shown where it is no item's number and no number of a person; of an item's number
    nothing but its hashes is left.
    """
    made = pl.concat_str(
        [pl.col(name).cast(pl.String).fill_null("") for name in ("opened_on", "title", "unit_name", "town_name")],
        separator="\x1f",
    )
    made_number = pl.Series(
        [
            events.CONTENT_PREFIX + hashlib.sha256(text.encode()).hexdigest()[:16]
            for text in rows.select(made).to_series()
        ],
        dtype=pl.String,
    )
    number = rows.select(pl.coalesce("entry_number", "item_number", made_number)).to_series()
    kind = rows["ledger_kind"][0] if len(rows) else ""
    is_cut = rows.select(events.is_truncated(pl.col("item_number")).fill_null(False)).to_series()
    item = rows["item_number"].set(is_cut, None)
    plain, counts = _redacted(rows, units)
    own = rows["entry_number"].set((rows["entry_number"] == rows["item_number"]).fill_null(False), None)
    is_private = (redact.redact(own)[0] != own).fill_null(True) | (own.str.len_chars() > 30).fill_null(True)
    stored = plain.with_columns(
        hashed(f"ledger/{kind}", number).alias("entry_id"),
        *(hashed(source, item).alias(f"{source}_id") for source in LINKS),
        own.set(is_private | own.str.contains(r"^\w{15,}$").fill_null(False), None).alias("ledger_number"),
    )
    notes = [f"{is_cut.sum():,} 行的事项编号被 Excel 截断，没有关联到事项。"] if is_cut.any() else []
    is_unlike = rows["unit_name"].is_not_null() & plain["unit_name"].is_null() & ~rows["is_confidential"]
    if n_unlike := int(is_unlike.sum()):
        notes.append(f"{n_unlike:,} 行的责任单位不像单位名称，没有保存；请只写单位，不写人名。")
    return (
        stored.select("entry_id", "source_row", *(pl.col(name).cast(of) for name, of in CONTENT.items())),
        counts,
        notes,
    )


def _redacted(rows: pl.DataFrame, known_units: Collection[str]) -> tuple[pl.DataFrame, Counter[str]]:
    """Texts by the strict rules for what an office types itself; units, places and categories by those for words."""
    columns, counts = [], Counter[str]()
    units = _units(rows["unit_name"], known_units)
    known = [*units.drop_nulls().unique(), *_issue_words()]
    for name in TEXTS:
        columns.append(redact.redact_notes(rows[name], known=known).alias(name))
    columns.append(units)
    for name in ("category_raw", "county_name", "town_name", "community_name"):
        columns.append(redact.redact(rows[name], kinds=redact.NUMBER_KINDS)[0].alias(name))
    clean = rows.with_columns(columns)
    for name in (column.name for column in columns):
        counts.update(Counter(redact.marks(clean[name])) - Counter(redact.marks(rows[name])))
    # Who is to be held accountable is a person even where a post stands for the name: the unit is all that is kept.
    is_told = ~pl.col("is_confidential") & (pl.col("subtype") != "accountability").fill_null(True)
    return clean.with_columns(
        *(pl.when(is_told).then(pl.col(name)).alias(name) for name in (*TEXTS, "leader_role")),
        pl.when(~pl.col("is_confidential")).then("unit_name"),
    ), counts


# ---------------------------------------------------------------- cells


def _units(said: pl.Series, known: Collection[str]) -> pl.Series:
    """The units of a cell; null where it says neither a known unit nor an institution."""
    plain, _ = redact.redact(said, kinds=redact.NUMBER_KINDS | {"name"})
    units = redact.institutions(_without_persons(plain))
    return said.zip_with(said.is_in(list(known)).fill_null(False), units)


def _said(raw: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """One cleaned text column for each of our names, null where the file has none."""
    ours = dict.fromkeys(row["name"] for row in fields() if row["name"] != IDENTIFYING)
    cells = {
        name: [parsing.clean(pl.col(h)) for h, meant in layout["columns"].items() if meant == name and h in raw.columns]
        for name in ours
    }
    return raw.select(
        "source_row",
        *((pl.coalesce(found) if found else pl.lit(None, pl.String)).alias(name) for name, found in cells.items()),
    )


def _is_total(said: pl.DataFrame) -> pl.Series:
    """合计 in the number's or the running number's cell, or in a short cell of a row that has little else."""
    cells = [pl.col(name) for name in said.columns if name not in ("source_row", "progress")]
    says = [cell.str.contains(events.TOTAL_WORD) & cell.str.contains(events.TOTAL_ROW) for cell in cells]
    numbers = [says[said.columns.index(name) - 1] for name in ("line_number", "entry_number")]
    is_bare = pl.sum_horizontal(cell.is_not_null().cast(pl.Int32) for cell in cells) <= 4
    return said.select(
        (pl.any_horizontal(numbers) | (pl.any_horizontal(says) & is_bare)).fill_null(False).alias("is_total")
    ).to_series()


def _roles(text: pl.Series) -> pl.Series:
    """The role words of a cell, each once, joined by 、; null where it says none.

    >>> _roles(pl.Series(["张三丰副县长", "县委常委、政法委书记 李四", "王五", "分管副县长"])).to_list()
    ['副县长', '县委常委、政法委书记', None, '分管副县长']
    """
    return pl.Series(
        text.name,
        [
            "、".join(dict.fromkeys(one.strip("、的") for one in ROLE.findall(cell.replace(" ", "")))) or None
            if cell
            else None
            for cell in text.to_list()
        ],
        dtype=pl.String,
    )


def _without_persons(units: pl.Series) -> pl.Series:
    """Units without the person an office has written behind them.

    >>> _without_persons(pl.Series(["住建局（李四）", "住建局 张三丰", "生态环境局（高新区）", "水务局江滨所"])).to_list()
    ['住建局', '住建局', '生态环境局（高新区）', '水务局江滨所']
    """
    return units.str.replace(
        rf"([{redact.UNIT_END}])[\s（(/、,，:：\-]*[{names.SURNAMES}{names.RARE}](?:[一-鿿]?[^\W\d{redact.UNIT_END}])[)）]?$",
        "${1}",
    )


def _subtype(text: pl.Series, words: dict[str, str]) -> pl.Series:
    codes = [next((code for word, code in words.items() if word in cell), None) if cell else None for cell in text]
    return pl.Series("subtype", codes, dtype=pl.String)


def _standing(said: pl.DataFrame) -> list[pl.Series]:
    """`state` (open | replied | closed | withdrawn) and `result` (achieved | partly | failed, null = nothing said).

    The word decides; without one that is known, the dates. A day of closing closes what is said to be open still.
    """
    states, results = [], []
    for word, outcome, replied, closed in said.select("state_word", "result_word", "replied_on", "closed_on").rows():
        state = None
        if word:
            order = reversed(STATES) if re.search(NOT_YET, word) else STATES
            state = next((state for state in order if re.search(STATES[state], word)), None)
        if closed and state in (None, "open", "replied"):
            state = "closed"
        result = next((code for code, rule in RESULTS.items() if re.search(rule, outcome)), None) if outcome else None
        if result is None and state == "closed" and word:
            result = next((code for code, rule in RESULTS.items() if re.search(rule, word)), None)
        state = state or ("replied" if replied else "open")
        states.append(state)
        results.append(result if state in ("closed", "replied") else None)
    return [pl.Series("state", states, dtype=pl.String), pl.Series("result", results, dtype=pl.String)]


def _reason(said: pl.DataFrame, today: date | None) -> pl.Expr:
    latest = pl.lit(today + timedelta(days=2) if today else None, pl.Date)
    is_nothing = pl.all_horizontal(
        pl.col(name).is_null() for name in ("entry_number", "item_number", "title", "unit_name")
    )
    number = pl.coalesce("entry_number", "item_number")
    return (
        pl.when(said["state_word"].str.contains(events.OUT_OF_SCOPE).fill_null(False))
        .then(pl.lit("out_of_scope"))
        .when(is_nothing)
        .then(pl.lit("missing_entry"))
        .when(events.is_truncated(number).fill_null(False))
        .then(pl.lit("truncated_entry_number"))
        .when(pl.col("opened_on").is_null())
        .then(pl.lit("bad_opened_on"))
        .when((pl.col("opened_on") >= latest).fill_null(False))
        .then(pl.lit("future_opened_on"))
        .when((pl.col("closed_on") < pl.col("opened_on")).fill_null(False))
        .then(pl.lit("closed_before_opened"))
        .when(said["n_visits"].is_not_null() & parsing.parse_count(said["n_visits"]).is_null())
        .then(pl.lit("bad_count"))
    )


def _rejected(said: pl.DataFrame, reason: pl.Series, layout: Layout) -> pl.DataFrame:
    wrong = said.with_columns(reason.alias("rule")).filter(pl.col("rule").is_not_null())
    shown = {
        "out_of_scope": wrong["state_word"].str.extract(f"({events.OUT_OF_SCOPE})"),
        **{rule: parsing.masked_time(wrong[FAULTY[rule]]) for rule in ("bad_opened_on", "future_opened_on", "closed_before_opened", "bad_count")},  # type: ignore[index]
    }  # fmt: skip
    found = pl.coalesce(
        pl.lit(None, pl.String), *(pl.when(pl.col("rule") == rule).then(cells) for rule, cells in shown.items())
    )
    return events.rejected_rows(wrong, found, events.header_of(layout), FAULTY, HINTS)
