"""网格事件 — events found by grid workers, patrols and city apps.

Issued by the 网格中心 or 数字城管. One row is one event; `-` stands for "nothing" in many columns.

Layouts seen: grid_event (27 columns with times of handling, labels and coordinates in degrees) and pingshan (26
columns of a public statistics file: ids and names side by side, 0/1 flags for filed in time or late, no text).

Faults: no state column (the state follows from the times or flags); coordinates of many events sit on one default
point when nobody set the pin; metre coordinates of a local system are refused (null); unit names change over time.
"""

from datetime import date

import polars as pl

from pipelines.sources import events
from pipelines.sources.recognise import Layout

LAYOUTS: dict[str, Layout] = {
    "grid_event": {
        "title": "网格事件（全字段样式）",
        "columns": {
            "REC_ID": "item_number",
            "CREATE_TIME": "registered_at",
            "OCCUR_TIME": "occurred_at",
            "DISTRICT_NAME": "county_name",
            "STREET_NAME": "town_name",
            "COMMUNITY_NAME": "community_name",
            "CELL_NAME": "grid_name",
            "MAIN_TYPE_NAME": "category_top",
            "SUB_TYPE_NAME": "category_middle",
            "THIRD_TYPE_NAME": "category_leaf",
            "EVENT_SRC_NAME": "channel",
            "REC_TYPE_NAME": "purpose",
            "dispose_unit": "unit_name",
            "first_unit_name": "unit_co_name",
            "EVENT_DESC": "text",
            "dispose_begin_time": "accepted_at",
            "dispose_end_time": "replied_at",
            "archive_time": "closed_at",
            "process_marks": "marks",
            "x": "lon",
            "y": "lat",
        },
        "required": ("REC_ID", "CREATE_TIME", "MAIN_TYPE_NAME", "STREET_NAME"),
        "identifying": ("reporter_name", "reporter_phone", "ADDRESS", "TASK_NUM", "origin_marks", "hotpoint_marks"),
    },
    "pingshan": {
        "title": "网格事件（坪山样式）",
        "columns": {
            "REC_ID": "item_number",
            "CREATE_TIME": "registered_at",
            "DISTRICT_NAME": "county_name",
            "STREET_NAME": "town_name",
            "COMMUNITY_NAME": "community_name",
            "EVENT_TYPE_NAME": "category_top",
            "MAIN_TYPE_NAME": "category_middle",
            "SUB_TYPE_NAME": "category_leaf",
            "EVENT_SRC_NAME": "channel",
            "EVENT_PROPERTY_NAME": "purpose",
            "DISPOSE_UNIT_NAME": "unit_name",
            "INTIME_ARCHIVE_NUM": "archived_in_time",
            "OVERTIME_ARCHIVE_NUM": "archived_late",
        },
        "required": ("REC_ID", "CREATE_TIME", "EVENT_TYPE_NAME", "MAIN_TYPE_NAME", "STREET_NAME"),
        "identifying": (
            "OCCUR_PLACE",
            "REPORT_NUM",
            "EVENT_TYPE_ID",
            "DISTRICT_ID",
            "SUB_TYPE_ID",
            "COMMUNITY_ID",
            "STREET_ID",
            "OPERATE_NUM",
            "DISPOSE_UNIT_ID",
            "EVENT_SRC_ID",
            "INTIME_TO_ARCHIVE_NUM",
            "EVENT_PROPERTY_ID",
            "MAIN_TYPE_ID",
        ),
    },
}

STATUS = {
    **dict.fromkeys(("待处置", "待派遣", "待立案", "待受理", "待核实", "上报"), "registered"),
    **dict.fromkeys(("已派遣", "派遣", "已交办"), "transferred"),
    **dict.fromkeys(("已立案", "立案", "已受理"), "accepted"),
    **dict.fromkeys(("处置中", "督办", "延期", "返工", "缓办", "挂账", "处理中"), "in_progress"),
    **dict.fromkeys(("已处置", "待核查", "核查中", "待结案"), "replied"),
    **dict.fromkeys(("已办结", "已结案", "已归档", "结案", "归档"), "closed"),
    **dict.fromkeys(("已驳回", "不予立案", "驳回", "不予受理"), "declined"),
}


def normalise(
    raw: pl.DataFrame, layout: str | Layout, *, today: date | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(events, rejected); see `events.normalise`."""
    chosen = LAYOUTS[layout] if isinstance(layout, str) else layout
    return events.normalise(raw, chosen, events.Words(STATUS), today)
