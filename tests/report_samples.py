"""A made-up report with everything that makes a page ugly: long names, empty tables, hidden cells, no map."""

from datetime import date, timedelta

import polars as pl

from app import disclosure
from app.charts.ranks import ranking
from app.charts.series import trend
from app.reports import periods
from app.reports.model import INTERNAL, Chart, Column, Heading, Paragraph, Report, Slide, Table, Tile

LONG_UNIT = "安澜市云溪区人力资源和社会保障局劳动保障监察综合行政执法大队（农民工工资清欠工作专班）"
MONDAY = date(2026, 11, 9)


def course() -> Chart:
    starts = [MONDAY - timedelta(weeks=n) for n in range(12, -1, -1)]
    frame = pl.DataFrame(
        {
            "period_start_on": starts,
            "n_events": [410, 395, 402, 431, 440, 428, 415, 409, 433, 446, 451, 462, 540],
            "expected": [412.0, 410, 409, 411, 415, 418, 417, 415, 420, 425, 430, 433, 436],
            "upper_bound": [455.0, 452, 451, 453, 458, 461, 460, 458, 463, 469, 474, 477, 481],
            "is_alarm": [False] * 12 + [True],
        }
    )
    figure = trend(frame, title="")
    return Chart("course", "近13周诉求件数", figure, frame, note="按登记日期计。", headline="本周 540 件，高出预期上限")


def issues() -> Table:
    frame = pl.DataFrame(
        {
            "issue_name": ["供暖不热", '=HYPERLINK("http://x")', "拖欠工资<b>&", "物业服务"],
            "n_events": [132, 96, 60, None],
            "n_events__mark": [None, None, None, "<5"],
            "n_events_before": [40, 101, 55, 12],
            "change_share": [2.3, -0.0495, 0.0909, None],
        }
    )
    columns = [
        Column("issue_name", label="事项", width=2.4),
        Column("n_events", "number", "本周"),
        Column("n_events_before", "number", "上周"),
        Column("change_share", "change", "环比"),
    ]
    return Table("issues", "高频事项", frame, columns, note=disclosure.note(), headline="供暖不热居首，132 件")


def units() -> Table:
    frame = pl.DataFrame(
        {
            "unit_name": [LONG_UNIT, "霁川县商务局"],
            "n_due": [57, 8],
            "n_on_time": [46, 8],
            "on_time_share": [46 / 57, None],
        }
    )
    columns = [
        Column("unit_name", label="承办单位", width=3.4),
        Column("n_due", "number", "到期"),
        Column("n_on_time", "number", "按期办结"),
        Column("on_time_share", "share", "按期办结率"),
    ]
    return Table("units", "承办单位办理情况", frame, columns, note="样本不足 20 件不算率、不排名。")


def empty() -> Table:
    frame = units().frame.clear()
    return Table("followup", "上周预警跟踪", frame, units().columns, note="上周没有预警。")


def ranked() -> Chart:
    frame = pl.DataFrame({"label": ["云溪区", "长宁区", "霁川县", LONG_UNIT], "value": [120, 96, 40, 12]})
    figure = ranking(frame, title="")
    return Chart(
        "places",
        "各县区诉求件数",
        figure,
        frame,
        labels={"label": "县区", "value": "件数"},
        headline="云溪区最多，120 件",
    )


def report(audience: str = "leaders", kind: str = "weekly", *, mark: str = INTERNAL) -> Report:
    period = periods.parse(kind, periods.EXAMPLES[kind])
    trend_chart, places, table = course(), ranked(), issues()
    tiles = [
        Tile("诉求总量", "540 件", ("环比 +16.9%", "同比 +3.1%")),
        Tile("信访", "61 件", ("环比 样本少", "同比 无可比数据")),
        Tile("12345热线", "403 件", ("环比 +20.0%", "同比 +5.0%")),
        Tile("网格", "76 件", ("环比 −2.0%", "同比 −1.0%")),
        Tile("到期未办结", "11 件", ("环比 样本少",)),
    ]
    spoken = [
        "云溪区长宁街道供暖 48 件，往年同期约 6 件；自 11月2日那一周算起，本周是第 2 周。",
        f"{LONG_UNIT} 近4周逾期 11 件。",
    ]
    blocks = [
        Heading("一、基本情况"),
        Paragraph("本周全市登记诉求 540 件，比上周多 78 件，环比 +16.9%。" * 3),
        trend_chart,
        Heading("二、突出问题"),
        Heading("（一）供暖不热", 2),
        Paragraph("本周 132 件，上周 40 件。" * 8),
        table,
        Heading("三、预警研判"),
        *(Paragraph(said, lead=f"{n}. {'云溪区长宁街道供暖。' if n == 1 else ''}") for n, said in enumerate(spoken, 1)),
        places,
        Heading("四、上周回看"),
        empty(),
        Heading("五、办理质效"),
        units(),
        Heading("六、工作建议"),
        Paragraph("请供热企业核查长宁街道管网。"),
    ]
    slides = [
        Slide("本周登记 540 件，环比 +16.9%", tiles, "按登记日期计。", "一、基本情况"),
        Slide(trend_chart.headline, trend_chart, trend_chart.note, "一、基本情况"),
        Slide(table.headline, table, table.note, "二、突出问题"),
        Slide("本周 2 条预警", spoken, "红橙黄蓝是本系统提示等级，不是应急预警。", "三、预警研判"),
        Slide(places.headline, places, "", "三、预警研判"),
        Slide("上周没有预警", empty(), "", "四、上周回看"),
        Slide("1 个单位按期办结率低于 85%", units(), units().note, "五、办理质效"),
    ]
    return Report(
        kind=kind, audience=audience, title=periods.TITLES[kind], number="2026年第46期", office="安澜市诉求研判中心",
        issued_on=date(2026, 11, 16), period_code=period.code, period_name=f"{period.name}（{period.span}）", area_name="安澜市",
        blocks=blocks, appendix=[table, units()], slides=slides,
        notes=("件数按登记日期计。", disclosure.note(), "数据截至 2026年11月15日，数据指纹 1a2b3c4d。"),
        sheets=[table, units(), empty(), Table("course", trend_chart.title, trend_chart.frame, [])],
        mark=mark, fingerprint="1a2b3c4d", values={"n_events": 540, "n_events_before": 462},
    )  # fmt: skip
