"""12345 工单 — work orders of the citizens' hotline.

Issued by the 12345 centre, monthly CSV as a rule in GB18030. One row is one work order; where an order was given to
several units the same number may come once a unit (工单性质 主办/协办): the 主办 row counts, the others name co-handlers.

Layouts seen: fangshan (25 columns, place in columns of its own) and short (9 columns, a part-stream pushed to one
county; the place is an address in one string, of which only county, town and community are kept).

Faults: 标题 is often empty; tabs and line breaks inside 主要内容; personal data in free text; 问题分类 is joined by `->` in one
layout and `>` in the other; categories are renamed over the years.
"""

from datetime import date

import polars as pl

from pipelines.sources import events
from pipelines.sources.recognise import Layout

LAYOUTS: dict[str, Layout] = {
    "fangshan": {
        "title": "12345工单（房山样式）",
        "columns": {
            "工单编号": "item_number",
            "工单类型": "purpose",
            "问题分类": "category",
            "标题": "title",
            "主要内容": "text",
            "工单状态": "status_word",
            "被反映区": "county_name",
            "被反映街乡镇": "town_name",
            "村/社区": "community_name",
            "来电时间": "occurred_at",
            "受理时间": "registered_at",
            "派单时间": "accepted_at",
            "承办单位": "unit_name",
            "工单性质": "handling_role",
            "处理受理方式": "channel",
            "办理时限": "due_at",
            "答复时间": "replied_at",
            "办结时间": "closed_at",
            "是否联系": "is_contacted",
            "是否解决": "is_solved",
            "是否满意": "satisfaction",
            "回访时间": "rated_at",
            "退回次数": "n_returns",
            "是否重复诉求": "is_repeat",
            "序号": "line_number",
        },
        "required": ("工单编号", "受理时间", "问题分类", "被反映区"),
        "identifying": ("来电人", "来电人电话/账号", "小区点位", "企业名称", "标签", "办理结果", "回复内容"),
        "category_separators": ("->", ">"),
    },
    "short": {
        "title": "12345工单（简表样式）",
        "columns": {
            "工单编号": "item_number",
            "工单标题": "title",
            "工单内容": "text",
            "推送时间": "registered_at",
            "承办单位": "unit_name",
            "问题分类": "category",
            "问题点位": "place",
            "工单状态": "status_word",
            "办结时间": "closed_at",
            "序号": "line_number",
        },
        "required": ("工单编号", "推送时间", "问题分类", "问题点位"),
        "identifying": ("来电人", "联系电话", "诉求人", "联系人"),
        "category_separators": ("->", ">"),
    },
}

STATUS = {
    **dict.fromkeys(("待受理", "待派单", "已登记", "新建", "待审核", "草稿", "待分派"), "registered"),
    **dict.fromkeys(
        ("已派单", "待签收", "已转派", "已转办", "转办", "已交办", "待接收", "已分派", "待二次派单"), "transferred"
    ),
    **dict.fromkeys(("已受理", "已签收", "已接收", "受理", "待办理"), "accepted"),
    **dict.fromkeys(
        (
            "办理中",
            "处理中",
            "处置中",
            "承办中",
            "重办",
            "重办中",
            "延期",
            "延期中",
            "已延期",
            "督办",
            "督办中",
            "退回重办",
            "跟踪办理",
        ),
        "in_progress",
    ),
    **dict.fromkeys(
        ("已答复", "已回复", "已反馈", "待回访", "回访中", "待结案", "待评价", "办结待审", "待归档"), "replied"
    ),
    **dict.fromkeys(
        (
            "已办结",
            "办结",
            "已结案",
            "结案",
            "已归档",
            "归档",
            "已完成",
            "完成",
            "已回访",
            "已办理",
            "已关闭",
            "直接办结",
        ),
        "closed",
    ),
    **dict.fromkeys(("不予受理", "不受理", "不再受理", "已驳回", "退单", "已退单"), "declined"),
}


def normalise(
    raw: pl.DataFrame, layout: str | Layout, *, today: date | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(events, rejected); see `events.normalise`."""
    chosen = LAYOUTS[layout] if isinstance(layout, str) else layout
    return events.normalise(raw, chosen, events.Words(STATUS, category_separators=("->", ">")), today)
