"""How the items came to their place: by which names, by which points, and which points mean nothing."""

import polars as pl
import streamlit as st

from app import fields, marts, page, wording

HOW = {
    "exact": "各级名称都与区划表一致",
    "below_parent": "名称在全市不止一处，按所写的上级区分",
    "alias": "与区划表里登记的别名一致",
    "former_name": "与区划表里登记的旧名一致",
    "suffix": "只是后缀或写法不同，如“和平街办”即和平街道",
    "unique_in_city": "没有写上级或上级对不上，但这个名称全市只有一处",
    "from_point": "没有可用的名称，按坐标落在哪个边界内",
    "partly": "上级对得上，所写的镇街或社区村区划表里没有",
    "provisional": "区划表里没有的县区，件数较多，暂按原名列出",
    "unlocated": "没有写地点，或所写的名称和坐标都对不上",
}
KINDS = {"cell": "有坐标", "default_point": "默认点", "outside": "在本市以外", "none": "没有坐标"}


def _part(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "不足0.1%"


def ways(edition: page.Edition) -> None:
    """Items by the way their place was found, surest first."""
    counts = marts.query("place_ways")
    page.section("区域是怎样定出来的", "从最可靠到最不可靠；每一件都计入总数")
    total = int(counts["n_events"].sum())
    by_way = (
        counts.group_by("place_how")
        .agg(pl.col("n_events").sum())
        .sort(pl.col("place_how").replace_strict({how: at for at, how in enumerate(HOW)}, default=len(HOW)))
        .with_columns(pl.col("place_how").replace_strict(HOW, default="").alias("meaning"))
    )
    by_way = by_way.with_columns(wording.each(by_way["n_events"] / total, _part).alias("part"))
    page.table(
        fields.in_words(by_way),
        [
            page.Column("place_how"),
            page.Column("n_events", "bar"),
            page.Column("part", label="占比"),
            page.Column("meaning", label="含义"),
        ],
    )
    page.foot(
        fields.in_words(counts), name="区域定位方式", notes=edition.notes("按来源和定位方式计件。"), key="place_ways"
    )


def points(edition: page.Edition) -> None:
    """What became of the coordinates, and the points that stand for "not located"."""
    kinds = marts.query("position_kinds")
    page.section("坐标的使用", "坐标只保留到约 200 米的格子；默认点和本市以外的点按没有位置处理")
    if kinds.filter(pl.col("position_kind") != "none").is_empty():
        page.quiet("已入库的文件都没有坐标。")
        return
    totals = dict(kinds.group_by("position_kind").agg(pl.col("n_events").sum()).iter_rows())
    for column, (kind, label) in zip(st.columns(len(KINDS)), KINDS.items(), strict=True):
        column.metric(label, wording.number(totals.get(kind, 0)), help=fields.explained("", label))
    default = marts.query("default_points")
    if default.is_empty():
        page.quiet("没有发现代替“位置不明”的默认点。")
        return
    shown = fields.in_words(default).with_columns(
        pl.format("{}, {}", pl.col("lon"), pl.col("lat")).alias("at"),
        wording.each(default["position_share"], _part).alias("part"),
    )
    page.table(
        shown,
        [
            page.Column("source"),
            page.Column("layout"),
            page.Column("at", label="默认点（经度, 纬度）"),
            page.Column("n_events", "bar"),
            page.Column("part", label="占该文件版式有坐标的件数"),
        ],
    )
    page.foot(
        default,
        name="默认点",
        notes=edition.notes("大量各类事项集中在一个点上、远多于周围，多为系统或人员在位置不明时填的默认坐标。"),
        key="default_points",
    )


def names(edition: page.Edition) -> None:
    """Names understood otherwise than letter by letter, for the office to check."""
    read = marts.query("read_names")
    page.section("换了写法也认出的名称", "请抽查；认错的可在区划表补上正式名称或别名")
    if read.is_empty():
        page.quiet("文件里的区域名称都与区划表一致，或都还对不上。")
        return
    shown = fields.in_words(read)
    labels = {"name_reported": "文件里的说法", "place_name": "认作"}
    page.table(
        shown.head(15),
        [
            page.Column("source"),
            page.Column("name_reported", label=labels["name_reported"]),
            page.Column("place_name", label=labels["place_name"]),
            page.Column("place_how"),
            page.Column("n_events", "bar"),
        ],
    )
    page.foot(shown, name="认出的区域名称", notes=edition.notes(), key="read_names", labels=labels)
