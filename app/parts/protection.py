"""What of persons never came in, and does a second look find anything left?"""

import json
from collections.abc import Mapping

import polars as pl
import streamlit as st

from app import fields, marts, page, wording


def removed(batches: pl.DataFrame) -> None:
    """What never entered: columns dropped at the reader, places redacted in the texts.

    `batches`: source, redactions (JSON kind → count), dropped_columns (JSON list), one row a file.
    """
    page.section("丢弃与遮盖", "在第一次写入之前：识别个人的列不读，正文里的个人信息换成标记")
    counts: dict[str, int] = {}
    columns: dict[str, set[str]] = {}
    for source, redactions, dropped in batches.select("source", "redactions", "dropped_columns").iter_rows():
        for kind, n in _loaded(redactions, {}).items():
            counts[kind] = counts.get(kind, 0) + n
        columns.setdefault(source, set()).update(_loaded(dropped, []))
    if not counts and not any(columns.values()):
        page.quiet("这些文件里没有需要丢弃的列，正文里也没有发现个人信息。")
        return
    left, right = st.columns(2, gap="large")
    with left:
        redacted = pl.DataFrame(
            {"personal_kind": list(counts), "n": list(counts.values())},
            schema={"personal_kind": pl.String, "n": pl.Int64},
        )
        if redacted.is_empty():
            page.quiet("正文里没有发现需要遮盖的内容。")
        page.table(
            fields.in_words(redacted.sort("n", "personal_kind", descending=[True, False])),
            [page.Column("personal_kind", label="正文中遮盖的类型"), page.Column("n", "bar", "处数")],
        )
    with right:
        dropped_columns = pl.DataFrame(
            {
                "source": [wording.SOURCES.get(source, source) for source in columns],
                "names": ["、".join(sorted(names)) or "（没有）" for names in columns.values()],
            },
            schema={"source": pl.String, "names": pl.String},
        )
        page.table(dropped_columns, [page.Column("source"), page.Column("names", label="读取时丢弃的列")])


def _loaded(text: str | None, otherwise):
    return json.loads(text) if text else otherwise


def rechecked(edition: page.Edition) -> None:
    """The residual scan made before this version was published: what was looked at, and what was found where."""
    page.section("复查", "发布前用另一套规则逐格再查一遍；发现手机号、身份证号、银行卡号、邮箱就不发布")
    scan = marts.query("privacy_scan")
    if scan.is_empty():
        page.quiet("这个版本发布时还没有复查。重新运行 yanpan build 后即有。")
        return
    for column, (label, value) in zip(st.columns(4), figures(scan).items(), strict=True):
        column.metric(label, wording.number(value), help=fields.explained("", label))
    found = scan.filter(pl.col("n_cells_found") > 0)
    if found.is_empty():
        page.quiet("按复查的规则没有发现残留的个人信息：0 处。")
    else:
        page.grid(
            fields.in_words(
                found.select(
                    "storage", "table_name", "column_name", "personal_kind", "is_hard", "n_cells_found", "shape"
                )
            ),
            key="privacy_found",
        )
        page.quiet(
            "“是否禁止发布”未勾选的是疑似：门店、机构的名称也可能带“先生”“师傅”。请对照来源核实，不能确认的请在来源系统改正。"
        )
    page.foot(
        scan,
        name="个人信息复查",
        notes=edition.notes("逐表逐列列出；不含发现的内容，只有遮盖后的样子。"),
        key="privacy_scan",
    )


def figures(scan: pl.DataFrame) -> Mapping[str, int]:
    """Tables, columns and cells looked at, cells in which something was found."""
    columns = scan.unique(["storage", "table_name", "column_name"])
    return {
        "复查的表": columns.select("storage", "table_name").n_unique(),
        "复查的列": len(columns),
        "复查的格": int(columns["n_cells"].sum()),
        "发现": int(scan["n_cells_found"].sum()),
    }
