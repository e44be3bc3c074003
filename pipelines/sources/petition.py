"""信访件 — the list export (列表导出) of the national or provincial petition system.

Issued by the 信访局; an operator chooses 导出 in the item list. One row is one registered petition item 信访件.

Layouts seen: national_list (≤ 26 columns, .xls or .xlsx; a title row above the header, a 合计 row at the end).

Faults: 内容分类 is joined by `_`; 问题属地 is one string without separators; dates come as yyyy-MM-dd in some files and
yyyy/MM/dd hh:mm:ss in others; long numbers lose their tail when the file was opened in Excel; two vocabularies of
信访件状态 are in use. 去向机构 is sometimes a reversed path 下级/…/上级. 登记部门 is where the item was typed in, not where the
problem is, and is not kept.
"""

from datetime import date

import polars as pl

from pipelines.sources import events
from pipelines.sources.recognise import Layout

LAYOUTS: dict[str, Layout] = {
    "national_list": {
        "title": "信访件列表导出",
        "columns": {
            "信访件编号": "item_number",
            "信访人数": "persons",
            "问题属地": "place",
            "信访目的": "purpose",
            "内容分类": "category",
            "信访日期": "occurred_at",
            "登记日期": "registered_at",
            "登记时间": "registered_at",
            "限办时间": "due_at",
            "信访形式": "channel",
            "概况": "text",
            "投诉内容": "text",
            "是否办结": "is_closed",
            "是否全国初次信访": "is_first",
            "联名信或集体访": "is_group",
            "信访件状态": "status_word",
            "去向机构": "unit_name",
            "责任单位": "unit_name",
            "转送时间": "transferred_at",
            "转交责任单位日期": "transferred_at",
            "作出受理意见日期": "accepted_at",
            "作出处理意见日期": "replied_at",
            "办结时间": "closed_at",
            "是否一次性化解": "is_solved",
            "责任单位评价状态": "satisfaction",
            "信访部门评价状态": "bureau_satisfaction",
            "评价时间": "rated_at",
            "退回次数": "n_returns",
            "是否保密": "is_confidential",
            "序号": "line_number",
        },
        "required": ("信访件编号", "登记日期", "内容分类", "问题属地"),
        "identifying": (
            "姓名",
            "住址",
            "手机号码",
            "登记人",
            "登记部门",
            "证件号码",
            "身份证号",
            "民族",
            "工作单位",
            "被反映人",
            "重点人员标志",
            "特殊人员",
            "扬言标志",
            "积案责任人",
        ),
        "category_separators": ("_", "->", ">"),
        "unit_separators": ("/",),
        "reversed_paths": ("unit_name",),
    },
}

# DOMAIN §2.1: the handling states, then the second vocabulary seen in county exports.
STATUS = {
    "受理申请审查中": "registered",
    "不予受理": "declined",
    "不再受理": "declined",
    "受理": "accepted",
    "已作出处理意见": "replied",
    "超期未作出处理意见": "in_progress",
    "超期未申请复查": "closed",
    "复查": "in_progress",
    "提出复查意见": "replied",
    "超期未作出复查意见": "in_progress",
    "超期未申请复核": "closed",
    "复核": "in_progress",
    "提出复核意见": "replied",
    "超期未作出复核意见": "in_progress",
    "审核认定办结": "closed",
    "待签收": "transferred",
    "已签收待办理": "accepted",
    "待办理": "accepted",
    "退回待办理": "transferred",
    "待审核": "in_progress",
    "已受理待送达": "accepted",
    "已送达待处理": "in_progress",
    "已处理待送达": "replied",
    "待送达": "replied",
    "待补充材料": "registered",
    "已延期申请": "in_progress",
    "已办结": "closed",
    "已存档": "closed",
}


def normalise(
    raw: pl.DataFrame, layout: str | Layout, *, today: date | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(events, rejected); see `events.normalise`."""
    chosen = LAYOUTS[layout] if isinstance(layout, str) else layout
    return events.normalise(raw, chosen, events.Words(STATUS, category_separators=("_", "->", ">")), today)
