"""诉讼案件 — the case list of the court's litigation service platform 法院诉讼服务平台.

One row is one court case that came from an item. Layouts seen: none in the original yet; litigation_list has the stages
of a civil case (立案、审理、裁判、执行、结案). The case number 案号 becomes a hash like every other number. 诉讼 that has
been decided and is being enforced counts as ended: enforcement is a stage of its own after the judgement.
"""

from collections import Counter
from collections.abc import Collection
from datetime import date

import polars as pl

from pipelines.sources import referrals
from pipelines.sources.recognise import Layout

LAYOUTS: dict[str, Layout] = {
    "litigation_list": {
        "title": "诉讼案件列表",
        "columns": {
            "案号": "case_number",
            "立案编号": "case_number",
            "收案编号": "case_number",
            **referrals.ITEM_NUMBERS,
            "案件来源": "channel",
            "来源渠道": "channel",
            "案由": "dispute",
            "收案日期": "applied_on",
            "收件日期": "applied_on",
            "网上立案申请日期": "applied_on",
            "立案日期": "accepted_on",
            "开庭日期": "started_on",
            "审理开始日期": "started_on",
            "结案日期": "ended_on",
            "裁判日期": "ended_on",
            "判决日期": "ended_on",
            "执行立案日期": "enforced_on",
            "承办法院": "institution_name",
            "受理法院": "institution_name",
            "法院名称": "institution_name",
            "案件状态": "status_word",
            "审理状态": "status_word",
            "结案方式": "result_word",
            "序号": "line_number",
        },
        "required": ("案号", "案由", "立案日期", "承办法院", "案件状态"),
        "identifying": (
            "原告", "被告", "第三人", "申请人", "被申请人", "当事人", "诉讼代理人", "联系电话", "身份证号", "住址",
            "承办法官", "审判长", "书记员", "诉讼请求", "裁判结果", "裁判文书", "标的额",
        ),
    },
}  # fmt: skip

WORDS = referrals.Words(
    stages={
        "待立案": ("pending", None),
        "诉前调解": ("pending", None),
        "立案": ("accepted", None),
        "已立案": ("accepted", None),
        "审理": ("in_progress", None),
        "审理中": ("in_progress", None),
        "开庭": ("in_progress", None),
        "判决": ("ended", "judged"),
        "已判决": ("ended", "judged"),
        "调解": ("ended", "succeeded"),
        "撤诉": ("ended", "withdrawn"),
        "驳回起诉": ("ended", "dismissed"),
        "不予受理": ("ended", "declined"),
        "执行": ("enforcing", None),
        "执行中": ("enforcing", None),
        "结案": ("ended", None),
        "已结案": ("ended", None),
        "执行完毕": ("ended", None),
    },
    results={
        **dict.fromkeys(("判决", "裁决"), "judged"),
        **dict.fromkeys(("调解", "调解结案", "调解书"), "succeeded"),
        **dict.fromkeys(("撤诉", "准许撤诉", "按撤诉处理"), "withdrawn"),
        **dict.fromkeys(("驳回起诉", "驳回"), "dismissed"),
        "不予受理": "declined",
    },
)


def normalise(raw: pl.DataFrame, layout: Layout, *, today: date | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(cases, rejected); see `referrals.normalise`."""
    return referrals.normalise(raw, layout, WORDS, today)


def keyed(cases: pl.DataFrame, hashed, units: Collection[str] = ()) -> tuple[pl.DataFrame, Counter[str], list[str]]:
    """See `referrals.keyed`."""
    return referrals.keyed(cases, hashed, "litigation", units)
