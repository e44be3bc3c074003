"""From the words of a mediation platform or a court to rows of `core.referral`: the part that is the same for both.

A row is a case. It is tied to the item it came from by that item's number and by nothing else. Of the case itself only
type, stage, outcome, dates and the institution are kept: parties, mediators, judges and every free text are never read.

Rules, the first that fits counting: out_of_scope, missing_item_number, truncated_item_number, bad_registered_at,
future_registered_at (their sentences: `events.HINTS`). Stages whose dates run backwards stay and are told.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from pipelines import redact
from pipelines.sources import events, parsing
from pipelines.sources.recognise import Layout

DATES = ("applied_on", "accepted_on", "started_on", "ended_on", "confirmed_on", "enforced_on")
"""In the order in which a case goes through them."""
ITEM_NUMBERS = {
    "信访件编号": "petition_number",
    "信访编号": "petition_number",
    "工单编号": "hotline_number",
    "12345工单编号": "hotline_number",
    "网格事件编号": "grid_number",
    "事件编号": "grid_number",
    "来源事项编号": "item_number",
    "来源编号": "item_number",
    "关联编号": "item_number",
}
"""Headers under which a case names the item it comes from."""
NUMBERS = ("petition_number", "hotline_number", "grid_number", "item_number")
FIELDS = (
    "case_number",
    *NUMBERS,
    "channel",
    "dispute",
    "status_word",
    "result_word",
    *DATES,
    "institution_name",
    "line_number",
)
STAGES = ("pending", "accepted", "in_progress", "ended", "enforcing")
OUTCOMES = ("succeeded", "failed", "terminated", "withdrawn", "declined", "judged", "dismissed")

# DOMAIN §2.4 states 01, 08, 10 and 12–15 (marked by their first words); the others as in the statistics of people's
# mediation. The first whose words a type contains is taken; 99 is everything else.
DISPUTES = {
    "01": ("婚姻家庭", "婚姻|家庭|离婚|继承|赡养|抚养|扶养|分家|彩礼|家事"),
    "08": ("征地拆迁", "征地|拆迁|征收|安置补偿"),
    "10": ("劳动争议", "劳动|劳务|工资|欠薪|工伤|社会保险|用工"),
    "13": ("医疗", "医疗|医患"),
    "14": ("道路交通事故", "交通"),
    "15": ("物业", "物业|业主"),
    "12": ("消费", "消费|预付|买卖|产品责任|产品质量|网络购物|培训"),
    "11": ("旅游", "旅游"),
    "09": ("环境污染", "环境|噪声|噪音|油烟|污染"),
    "07": ("山林土地", "山林|林地|土地承包|土地流转|土地权属|农村土地|林权"),
    "03": ("房屋宅基地", "宅基地|房屋|相邻关系|建房|租赁"),
    "02": ("邻里", "邻里|相邻|邻居|饲养动物|犬"),
    "05": ("生产经营", "生产|经营|建设工程|工程款|承揽"),
    "06": ("损害赔偿", "损害|赔偿|侵权|人身|财产损失"),
    "04": ("合同", "合同|债务|借贷|借款|欠款"),
}
OTHER_DISPUTE = "99"
# A mediation room named after its mediator would list a person: only that it is such a room is kept.
PERSONAL_ROOM, ROOM = r"个人|工作室|调解室|名嘴|老娘舅", "品牌调解工作室"


@dataclass(frozen=True)
class Words:
    """A platform's words: state → (stage, outcome or null), result → outcome; the states that mean 司法确认."""

    stages: dict[str, tuple[str, str | None]]
    results: dict[str, str]
    out_of_scope: str = "草稿|" + events.OUT_OF_SCOPE
    confirmed: str = "司法确认"


def normalise(raw: pl.DataFrame, layout: Layout, words: Words, today: date | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(cases, rejected as `events.REJECTED_COLUMNS`); total rows are in neither. `raw` has the layout's own headers.

    A case: source_row, case_number, NUMBERS (one each, null where not given), dispute_code, DATES, stage, outcome,
    is_confirmed, institution_name, unknown_status (a state that no word list has).
    """
    said = _said(raw, layout)
    said = said.filter(~_is_total())
    status, result = said["status_word"], said["result_word"]
    stage = _in_words(status, {word: stage for word, (stage, _) in words.stages.items()})
    by_state = _in_words(status, {word: outcome for word, (_, outcome) in words.stages.items() if outcome})
    frame = said.select(
        "source_row",
        pl.Series("case_number", events.item_number(said["case_number"])),
        *[events.item_number(said[name]).alias(name) for name in NUMBERS],
        "channel",
        parsing.on_distinct(said["dispute"], _dispute).fill_null(OTHER_DISPUTE).alias("dispute_code"),
        *[parsing.parse_time(said[name]).dt.date().alias(name) for name in DATES],
        "institution_name",
        status.str.contains(words.confirmed).fill_null(False).alias("says_confirmed"),
        stage.alias("stage"),
        pl.coalesce(_in_words(result, words.results), by_state).alias("outcome"),
        status.set(stage.is_not_null(), None).alias("unknown_status"),
    )
    # What the words leave open follows from the dates; an outcome ends a case, 司法确认 says that it succeeded.
    is_confirmed = pl.col("says_confirmed") | pl.col("confirmed_on").is_not_null()
    frame = frame.with_columns(
        pl.coalesce(pl.col("applied_on"), pl.col("accepted_on"), pl.col("started_on"), pl.col("ended_on")),
        pl.coalesce("outcome", pl.when(is_confirmed).then(pl.lit("succeeded"))).alias("outcome"),
        is_confirmed.alias("is_confirmed"),
    ).with_columns(
        pl.when(pl.col("enforced_on").is_not_null() & (pl.col("stage") != "ended").fill_null(True))
        .then(pl.lit("enforcing"))
        .when(pl.col("outcome").is_not_null() & (pl.col("stage") != "enforcing").fill_null(True))
        .then(pl.lit("ended"))
        .when(pl.col("stage").is_not_null())
        .then("stage")
        .when(pl.col("ended_on").is_not_null())
        .then(pl.lit("ended"))
        .when(pl.col("started_on").is_not_null())
        .then(pl.lit("in_progress"))
        .when(pl.col("accepted_on").is_not_null())
        .then(pl.lit("accepted"))
        .otherwise(pl.lit("pending"))
        .alias("stage")
    )
    reason = frame.select(_reason(said, words, today).alias("rule"))["rule"]
    return frame.filter(reason.is_null()).drop("says_confirmed"), _rejected(said, reason, layout)


def keyed(
    cases: pl.DataFrame, hashed: Callable[[str, pl.Series], pl.Series], source: str, units: Collection[str] = ()
) -> tuple[pl.DataFrame, Counter[str], list[str]]:
    """Cases with hashes for their numbers: entry_id, petition_id, hotline_id, grid_id; what was redacted; remarks.

    A number under a header that does not say which system it is from is read as the word in `channel` says, and
    without one as a number of any of the three.
    """
    any_number, channel = cases["item_number"], cases["channel"]
    ids = {}
    for name, words in (("petition", "信访"), ("hotline", "12345|热线"), ("grid", "网格")):
        fits = channel.str.contains(words).fill_null(False) | ~channel.str.contains("信访|12345|热线|网格").fill_null(
            False
        )
        number = cases[f"{name}_number"].fill_null(any_number.set(~fits, None))
        ids[f"{name}_id"] = hashed(name, number).alias(f"{name}_id")
    institution, redactions = _institutions(cases["institution_name"], units)
    rows = cases.select(
        hashed(source, cases["case_number"]).alias("entry_id"),
        "source_row",
        *ids.values(),
        "dispute_code",
        *DATES,
        "stage",
        "outcome",
        "is_confirmed",
        institution,
    )
    unknown = Counter(parsing.masked_state(cases["unknown_status"].drop_nulls()).to_list()).most_common(5)
    n_backward = int(cases.select(runs_backward().sum()).item())
    notes = [f"不认识的状态“{word[:20]}”{n:,} 行，按各阶段日期归类。" for word, n in unknown]
    if n_unlike := int((cases["institution_name"].is_not_null() & institution.is_null()).sum()):
        notes.append(f"{n_unlike:,} 行的机构不像机构名称，没有保存；请只写机构，不写人名。")
    if n_backward:
        notes.append(f"{n_backward:,} 行的阶段日期先后不符（如结束早于受理），照收，不计各阶段天数。")
    return rows, Counter(redactions), notes


def runs_backward() -> pl.Expr:
    """Is a stage dated before an earlier one? Application to end; confirmation and enforcement come after the end."""
    pairs = [(DATES[i], DATES[j]) for i in range(len(DATES)) for j in range(i + 1, len(DATES))]
    return pl.any_horizontal((pl.col(later) < pl.col(earlier)).fill_null(False) for earlier, later in pairs)


def _said(raw: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    expressions = []
    for name in FIELDS:
        headers = [header for header, ours in layout["columns"].items() if ours == name and header in raw.columns]
        cells = [parsing.clean(pl.col(header)) for header in headers]
        expressions.append((pl.coalesce(cells) if cells else pl.lit(None, pl.String)).alias(name))
    return raw.select("source_row", *expressions)


def _is_total() -> pl.Expr:
    """合计 under the number, or in any cell of a row without one."""
    says = [pl.col(name).str.contains(events.TOTAL_ROW).fill_null(False) for name in FIELDS]
    return says[0] | (pl.col("case_number").is_null() & pl.any_horizontal(says))


def _in_words(text: pl.Series, words: dict[str, str]) -> pl.Series:
    return text.replace_strict(words, default=None, return_dtype=pl.String)


def _dispute(text: pl.Series) -> pl.Series:
    """The code of a type by its own number (08 征地拆迁) or its words."""
    number = text.str.extract(r"^\s*(\d{2})(?:\D|$)")
    found = pl.lit(OTHER_DISPUTE)
    for code, (_, pattern) in reversed(DISPUTES.items()):
        found = pl.when(pl.col("t").str.contains(pattern)).then(pl.lit(code)).otherwise(found)
    by_words = text.to_frame("t").select(found.alias("code"))["code"]
    return number.set(~number.is_in(list(DISPUTES)).fill_null(False), None).fill_null(by_words)


def _institutions(names: pl.Series, units: Collection[str]) -> tuple[pl.Series, dict[str, int]]:
    """Names of institutions, of which none is a person's; `units` are known to be none."""
    distinct = names.unique().drop_nulls()
    plain, found = redact.redact(distinct, kinds=redact.NUMBER_KINDS | {"name"})
    plain = distinct.zip_with(distinct.is_in(list(units)), redact.institutions(plain))
    plain = plain.set((distinct.str.contains(PERSONAL_ROOM) & ~distinct.str.contains("委员会|中心|法院")), ROOM)
    return names.replace_strict(distinct, plain, default=None, return_dtype=pl.String), found


def _reason(said: pl.DataFrame, words: Words, today: date | None) -> pl.Expr:
    latest = pl.lit(today + timedelta(days=2) if today else None, pl.Date)
    last = pl.max_horizontal(pl.col(name) for name in DATES)
    number = pl.col("case_number")
    return (
        pl.when(said["status_word"].str.contains(words.out_of_scope).fill_null(False))
        .then(pl.lit("out_of_scope"))
        .when(number.is_null())
        .then(pl.lit("missing_item_number"))
        .when(events.is_truncated(number))
        .then(pl.lit("truncated_item_number"))
        .when(pl.col("applied_on").is_null())
        .then(pl.lit("bad_registered_at"))
        .when((last >= latest).fill_null(False))
        .then(pl.lit("future_registered_at"))
    )


def _rejected(said: pl.DataFrame, reason: pl.Series, layout: Layout) -> pl.DataFrame:
    column_of = {
        "out_of_scope": "status_word",
        "missing_item_number": "case_number",
        "truncated_item_number": "case_number",
        "bad_registered_at": "applied_on",
        "future_registered_at": "applied_on",
    }
    wrong = said.with_columns(reason.alias("rule")).filter(pl.col("rule").is_not_null())
    is_date = pl.col("rule").is_in(["bad_registered_at", "future_registered_at"])
    found = pl.when(is_date).then(parsing.masked_time(wrong["applied_on"]))
    return events.rejected_rows(wrong, found, events.header_of(layout), column_of, events.HINTS)
