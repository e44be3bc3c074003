"""What was taken in, what was not, what is still unknown."""

import json

import polars as pl
import streamlit as st

from app import fields, marts, page, wording

KINDS = {
    "mobile": "手机号",
    "landline": "固定电话",
    "id_card": "证件号",
    "passport": "护照等证件号",
    "bank_card": "银行卡号",
    "email": "邮箱",
    "qq": "QQ号",
    "wechat": "微信号",
    "plate": "车牌号",
    "name": "姓名",
    "address_unit": "楼栋房号",
    "account": "网络账号",
    "long_number": "其他长号码",
}
OUTCOMES = {
    "unlocated": ("未能定位", "在区划表补上这个名称或别名"),
    "provisional": ("暂按原名列出", "确认后补进区划表或事项对照表"),
    "county_only": ("只定位到县区", "在区划表补上镇街名称或别名"),
    "unclassified": ("来源没有填分类", "请来源单位补填分类"),
}


def ledger(batches: pl.DataFrame, edition: page.Edition) -> None:
    """One row a file, and the identity that must hold for each."""
    page.section("批次台账", "读入 = 入库 + 拒收 + 重复 + 范围外，逐个文件成立")
    total = batches.select(pl.col("n_read", "n_loaded", "n_rejected", "n_duplicate", "n_out_of_scope").sum()).row(
        0, named=True
    )
    for column, (name, value) in zip(st.columns(5), total.items(), strict=True):
        column.metric(fields.label(name), wording.number(value), help=fields.note(name) or None)
    shown = batches.with_columns(
        pl.col("source").replace_strict(wording.SOURCES, default=pl.col("source")),
        (pl.col("n_read") == pl.sum_horizontal("n_loaded", "n_rejected", "n_duplicate", "n_out_of_scope")).alias(
            "balanced"
        ),
    )
    page.grid(
        shown.select(
            "loaded_at",
            "source",
            "file_name",
            "n_read",
            "n_loaded",
            "n_updated",
            "n_rejected",
            "n_duplicate",
            "n_out_of_scope",
            "balanced",
            "first_registered_on",
            "last_registered_on",
            "encoding",
            "batch_id",
        ),
        labels={"balanced": "勾稽"},
        key="batches",
    )
    page.foot(batches.drop("redactions", "dropped_columns"), name="批次台账", notes=edition.notes(), key="batches_foot")


def rejected(source: str | None, edition: page.Edition) -> None:
    """Rows left out, by rule, with what to do about them."""
    rules = marts.query("rejected_rules", source=source)
    page.section("拒收的行", "坏行不入统计，但一行不丢：原因和行号都留着，可下载后退回来源单位")
    if rules.is_empty():
        page.quiet("没有拒收的行。")
        return
    shown = fields.in_words(rules)
    page.table(
        shown,
        [
            page.Column("source"),
            page.Column("layout"),
            page.Column("column_name"),
            page.Column("n_rejected", "bar"),
            page.Column("n_files", "number", "文件数"),
            page.Column("found", label="发现（举例）"),
            page.Column("hint"),
        ],
    )
    rows = marts.query("rejected_rows", source=source)
    page.foot(rows, name="拒收行清单", notes=edition.notes("逐行列出文件、行号、列和处理提示。"), key="rejected")


def protection(batches: pl.DataFrame) -> None:
    """What never entered: columns dropped at the reader, places redacted in the texts."""
    page.section("个人信息", "在第一次写入之前丢弃或遮盖")
    counts: dict[str, int] = {}
    columns: dict[str, set[str]] = {}
    for source, redactions, dropped in batches.select("source", "redactions", "dropped_columns").iter_rows():
        for kind, n in json.loads(redactions).items():
            counts[kind] = counts.get(kind, 0) + n
        columns.setdefault(source, set()).update(json.loads(dropped))
    if not counts and not any(columns.values()):
        page.quiet("这些文件里没有需要丢弃的列，正文里也没有发现个人信息。")
        return
    left, right = st.columns(2, gap="large")
    with left:
        redacted = pl.DataFrame(
            {"kind": [KINDS.get(kind, kind) for kind in counts], "n": list(counts.values())},
            schema={"kind": pl.String, "n": pl.Int64},
        )
        if redacted.is_empty():
            page.quiet("正文里没有发现需要遮盖的内容。")
        page.table(
            redacted.sort("n", descending=True),
            [page.Column("kind", label="正文中遮盖的类型"), page.Column("n", "bar", "处数")],
        )
    with right:
        dropped_columns = pl.DataFrame(
            {
                "source": [wording.SOURCES[s] for s in columns],
                "names": ["、".join(sorted(c)) for c in columns.values()],
            },
            schema={"source": pl.String, "names": pl.String},
        )
        page.table(dropped_columns, [page.Column("source"), page.Column("names", label="读取时丢弃的列")])


def unresolved(edition: page.Edition) -> None:
    """Names the reference does not know yet, and the next step for each."""
    names = marts.query("unresolved_names")
    page.section("还对不上的名称", "照样计入总数；补进参考表后重新发布即归位")
    if names.is_empty():
        page.quiet("文件里的区域和分类都能对上。")
        return
    shown = names.with_columns(
        pl.col("name_kind").replace_strict({"place": "区域", "category": "分类"}),
        pl.col("source").replace_strict(wording.SOURCES, default=pl.col("source")),
        pl.col("outcome")
        .replace_strict({key: word for key, (word, _) in OUTCOMES.items()}, default=pl.col("outcome"))
        .alias("how"),
        pl.col("outcome")
        .replace_strict({key: step for key, (_, step) in OUTCOMES.items()}, default="")
        .alias("next_step"),
    )
    page.table(
        shown.head(20),
        [
            page.Column("name_kind", label="种类"),
            page.Column("source"),
            page.Column("name_reported", label="文件里的说法"),
            page.Column("n_events", "bar"),
            page.Column("how", label="目前"),
            page.Column("next_step", label="下一步"),
        ],
    )
    labels = {"name_kind": "种类", "name_reported": "文件里的说法", "how": "目前", "next_step": "下一步"}
    page.foot(shown.drop("outcome"), name="未对上的名称", notes=edition.notes(), key="unresolved", labels=labels)
