"""Where items of one issue crowd together: circles on the map, a short list, and the items behind one of them."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from app import address, disclosure, filters, marts, page, wording
from app.charts.maps import Circle
from app.parts.issue import listed_items

MAX_CHANCE_PER_YEAR = 6.0  # what chance brings more often than every two months is not worth a meeting
N_LISTED = 8
SAYS_THE_COUNT = ["expected", "recurrence_weeks", "chance_per_year"]
RULE = (
    "空间聚集：以社区村或约 200 米格为点，在半径 5 公里以内、最近 1—4 周里找件数异常集中的一片（时空置换扫描），"
    f"与近 52 周同一事项相比；不足 5 件或纯属偶然一年会有 {MAX_CHANCE_PER_YEAR:g} 次以上的不列。"
    "圆圈按实际半径画，红线为界。纯属偶然：全市没有异常时，当周查过的全部事项里碰巧出现的次数。"
)


def found(choice: filters.Choice, week: date) -> pl.DataFrame:
    """The week's clusters for this choice, rarest first, counts below k hidden; none where one source is chosen."""
    scope = choice.parameters()
    clusters = marts.query("clusters", **scope, week=week, most=MAX_CHANCE_PER_YEAR)
    if choice.source or choice.community:
        clusters = clusters.clear()
    return disclosure.suppress(
        clusters.with_row_index("number", 1),
        measures=["observed"],
        k=disclosure.thresholds(clusters),
        within=(),
        derived={name: ["observed"] for name in SAYS_THE_COUNT},
    )


def circles(clusters: pl.DataFrame) -> list[Circle]:
    """The listed ones as rings."""
    return [
        Circle(row["lon"], row["lat"], row["radius_km"], f"聚集{row['number']}", f"{row['issue_name']} {_counted(row)}")
        for row in clusters.head(N_LISTED).iter_rows(named=True)
    ]


def listing(clusters: pl.DataFrame, choice: filters.Choice, week: date, edition: page.Edition) -> None:
    """The clusters as sentences, each with a link to its items."""
    n = len(clusters)
    count = f"共 {n} 处" + (f"，列前 {N_LISTED} 处；其余在导出的表里" if n > N_LISTED else "") if n else ""
    page.section("空间聚集", f"{wording.week_name(week)}　{count}")
    if choice.source or choice.community:
        page.quiet("空间聚集按全部来源、跨社区村计算；选定一个来源或社区村时不列。")
        return
    if clusters.is_empty():
        page.quiet(
            "这一周没有列出空间聚集：没有在小范围内异常集中的事项，或者点位、历史不足。只查找最近一个季度的各周。"
        )
        return
    for row in clusters.head(N_LISTED).iter_rows(named=True):
        with st.container(horizontal=True, wrap=False, gap="small", key=f"cluster_{row['number']}"):
            st.html(
                f'<div class="warning"><span class="level cluster">◯{wording.NBSP}聚集{row["number"]}</span><div>'
                f"<p>{wording.escape(sentence(row))}</p></div></div>",
                width="stretch",
            )
            link = {"cluster": row["cluster_id"], "week": wording.week_code(week), "issue": row["issue_code"]}
            st.page_link(
                "views/issues.py",
                label="看这些事项",
                icon=":material/chevron_right:",
                query_params=link,
                width="content",
            )
    page.foot(
        clusters.drop("number", "group_code"),
        name=f"空间聚集 {filters.words(choice)} {wording.week_name(week)}",
        notes=edition.notes(RULE, disclosure.note()),
        key="clusters_foot",
        labels={"place_names": "主要社区村"},
    )


def sentence(cluster: Mapping[str, Any]) -> str:
    """What, where, since when, how many against how many, how likely by chance."""
    since = cluster["first_week_on"]
    if cluster["observed" + disclosure.MARK] is not None:
        k = disclosure.threshold(cluster["issue_code"])
        much = f"件数不足 {k} 件，按最小格子规则不列"
    else:
        much = f"{_counted(cluster)}；纯属偶然：{wording.chance(cluster['chance_per_year'])}"
    return f"{cluster['issue_name']}：{where(cluster)}，自 {wording.day(since)}那一周起 {much}。"


def where(cluster: Mapping[str, Any]) -> str:
    """云溪区和平街道的柳岸社区、云水社区等 4 处（半径 1.2 公里）；云溪区的和平街道柳岸社区、青山镇李家村（…）"""
    town = "".join(name for name in (cluster["county_name"], cluster["town_name"]) if name)
    n, named = cluster["n_places"], cluster["place_names"]
    others = f"等 {n} 处" if not named or n > named.count("、") + 1 else ""
    place = f"{town}{'的' if town and named else ''}{named or ''}{others or ''}" or "未定名的一片"
    return place + (f"（半径 {cluster['radius_km']:.1f} 公里）" if cluster["radius_km"] >= 0.05 else "")


def _counted(cluster: Mapping[str, Any]) -> str:
    if cluster["observed" + disclosure.MARK] is not None:
        return "件数隐去"
    return f"{wording.items(cluster['observed'])}，按平常应有 {wording.number(cluster['expected'], 1)} 件"


def leave() -> None:
    """Back to the issue the cluster is about."""
    address.write("cluster", None)


def behind(cluster_id: str, week: date) -> None:
    """The items of one cluster, for the analyst: exact, on the screen alone."""
    known = marts.query("clusters", **filters.Choice().parameters(), week=week, most=float("inf"))
    known = known.filter(pl.col("cluster_id") == cluster_id)
    st.button("返回这个事项", icon=":material/arrow_back:", type="tertiary", on_click=leave)
    if known.is_empty():
        page.quiet(
            f"{wording.week_name(week)}没有编号为 {cluster_id[:20]} 的空间聚集；它可能属于另一周，或已随数据更新不再成立。"
        )
        return
    cluster = known.row(0, named=True) | {"observed" + disclosure.MARK: None}
    page.section(f"空间聚集：{cluster['issue_name']}", sentence(cluster))
    scope: dict[str, str | date] = {"cluster": cluster_id, "week": week}
    first = marts.query("cluster_items", **scope, n_rows=1, offset=0)
    listed_items("cluster_items", scope, first["n_listed"][0] if len(first) else 0)
