"""人民调解案件 — the case list of the people's mediation platform 人民调解平台 of the justice bureau 司法局.

One row is one mediation case. Layouts seen: none in the original yet; mediation_list follows the types and states that
DOMAIN §2.4 gives (合肥) with the headers such lists use. 草稿 is not a case yet and stays out of scope. 结束 alone does
not say how a case ended: then 调解结果 decides, and without it the outcome is unknown.
"""

from collections import Counter
from collections.abc import Collection
from datetime import date

import polars as pl

from pipelines.sources import referrals
from pipelines.sources.recognise import Layout

LAYOUTS: dict[str, Layout] = {
    "mediation_list": {
        "title": "人民调解案件列表",
        "columns": {
            "调解案件编号": "case_number",
            "调解编号": "case_number",
            "调解案号": "case_number",
            "案件编号": "case_number",
            **referrals.ITEM_NUMBERS,
            "案件来源": "channel",
            "来源渠道": "channel",
            "纠纷类型": "dispute",
            "纠纷类别": "dispute",
            "导入日期": "applied_on",
            "推送日期": "applied_on",
            "申请日期": "applied_on",
            "登记日期": "applied_on",
            "受理日期": "accepted_on",
            "调解开始日期": "started_on",
            "首次调解日期": "started_on",
            "调解日期": "started_on",
            "调解结束日期": "ended_on",
            "结束日期": "ended_on",
            "调解成功日期": "ended_on",
            "结案日期": "ended_on",
            "司法确认日期": "confirmed_on",
            "调解组织": "institution_name",
            "调解机构": "institution_name",
            "调解委员会": "institution_name",
            "调解状态": "status_word",
            "案件状态": "status_word",
            "调解结果": "result_word",
            "序号": "line_number",
        },
        "required": ("调解案件编号", "纠纷类型", "导入日期", "调解组织", "调解状态"),
        "identifying": (
            "申请人", "被申请人", "当事人", "申请人电话", "被申请人电话", "联系电话", "身份证号", "证件号码", "住址",
            "调解员", "主持调解员", "记录人", "纠纷简要情况", "纠纷描述", "案情简介", "争议事项", "协议内容", "协议书编号",
        ),
    },
}  # fmt: skip

WORDS = referrals.Words(
    stages={
        "待受理": ("pending", None),
        "已推送": ("pending", None),
        "待审核": ("pending", None),
        "待调解": ("accepted", None),
        "已受理": ("accepted", None),
        "调解中": ("in_progress", None),
        "延期调解": ("in_progress", None),
        "调解成功": ("ended", "succeeded"),
        "司法确认": ("ended", "succeeded"),
        "已司法确认": ("ended", "succeeded"),
        "调解失败": ("ended", "failed"),
        "调解不成": ("ended", "failed"),
        "调解不成功": ("ended", "failed"),
        "终止": ("ended", "terminated"),
        "终止调解": ("ended", "terminated"),
        "撤回": ("ended", "withdrawn"),
        "申请人撤回": ("ended", "withdrawn"),
        "不予受理": ("ended", "declined"),
        "结束": ("ended", None),
        "已结束": ("ended", None),
        "已结案": ("ended", None),
    },
    results={
        **dict.fromkeys(("调解成功", "成功", "达成协议", "口头协议", "书面协议"), "succeeded"),
        **dict.fromkeys(("调解失败", "调解不成", "调解不成功", "不成功", "未达成协议", "失败"), "failed"),
        **dict.fromkeys(("终止", "终止调解"), "terminated"),
        **dict.fromkeys(("撤回", "申请人撤回"), "withdrawn"),
        "不予受理": "declined",
    },
)


def normalise(raw: pl.DataFrame, layout: Layout, *, today: date | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(cases, rejected); see `referrals.normalise`."""
    return referrals.normalise(raw, layout, WORDS, today)


def keyed(cases: pl.DataFrame, hashed, units: Collection[str] = ()) -> tuple[pl.DataFrame, Counter[str], list[str]]:
    """See `referrals.keyed`."""
    return referrals.keyed(cases, hashed, "mediation", units)
