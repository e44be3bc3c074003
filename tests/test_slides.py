"""Does a slide hold what the screen showed? Each is opened again and read."""

import io
import runpy
import zipfile
from datetime import date, timedelta
from functools import cache, partial
from pathlib import Path

import openpyxl
import plotly.graph_objects as go
import polars as pl
import pytest
import shapely
from lxml import etree
from pptx import Presentation
from pptx.enum.shapes import MSO_SHAPE_TYPE

from app.charts import aftermath, breaks, maps, native, ranks, series, style
from app.exports import picture, slides
from app.palette import ACCENT, FAINT

MONDAY = date(2026, 8, 3)
UGLY = '=HYPERLINK("http://x")'
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


def make_weeks(values, **columns) -> pl.DataFrame:
    weeks = [MONDAY + timedelta(weeks=k) for k in range(len(values))]
    return pl.DataFrame({"period_start_on": weeks, "n_events": list(values), **columns})


def make_trend() -> go.Figure:
    n = 20
    return series.trend(
        make_weeks(
            [40 + k for k in range(n)],
            expected=[None, None, *[38.5] * (n - 2)],
            upper_bound=[None, None, *[52.0] * (n - 2)],
            is_alarm=[k == 17 for k in range(n)],
            is_incomplete=[k == n - 1 for k in range(n)],
        ),
        title="供暖",
    )


def make_lines() -> go.Figure:
    frames = [make_weeks([k, k + 2, None, k + 5]).with_columns(series_name=pl.lit(f"第{k}区")) for k in range(11)]
    return series.lines(pl.concat(frames), title="各区")


def make_ranking() -> go.Figure:
    frame = pl.DataFrame(
        {
            "label": ["物业", UGLY, "供水"],
            "value": [132, 96, 40],
            "change": [0.25, None, -0.1],
            "note": ["", "样本少", ""],
        }
    )
    return ranks.ranking(frame, title="事项", emphasis="物业")


def make_pareto() -> go.Figure:
    frame = pl.DataFrame({"label": [f"事项{k}" for k in range(8)], "n_events": [100, 60, 20, 8, 5, 4, 2, 1]})
    return ranks.pareto(frame, title="大头", n_shown=6)


def make_stacked() -> go.Figure:
    rows = [
        (month, source, k + 1) for month in ("9月", "10月") for k, source in enumerate(("信访", "12345热线", "网格"))
    ]
    return series.stacked(pl.DataFrame(rows, schema=["label", "series_name", "n_events"], orient="row"), title="来源")


def make_before_after() -> go.Figure:
    courses = [
        make_weeks([90, 110, 100, 60, 50]).with_columns(series_name=pl.lit(name)) for name in ("本街道", "可比街道")
    ]
    days = MONDAY + timedelta(weeks=1), MONDAY + timedelta(weeks=2)
    return aftermath.before_after(
        pl.concat(courses), title="前后", since_on=days[0], closed_on=days[1], emphasis="本街道"
    )


def make_map(n: int = 5) -> go.Figure:
    """n × n towns; the first has an island and a hole, the last no value."""
    rows, geometry = [], {}
    for k in range(n * n):
        x, y = 110 + k % n * 0.1, 30 + k // n * 0.1
        square = shapely.segmentize(shapely.box(x, y, x + 0.1, y + 0.1, ccw=True), 0.005)
        if k == 0:
            holed = square.difference(shapely.box(x + 0.04, y + 0.04, x + 0.06, y + 0.06))
            square = shapely.union_all([holed, shapely.box(x - 0.05, y, x - 0.02, y + 0.03)])
        geometry[str(k)] = shapely.to_geojson(square)
        value = None if k == n * n - 1 else k
        rows.append({"place_code": str(k), "place_name": f"第{k}镇", "value": value, "lon": x + 0.05, "lat": y + 0.05})
    places = pl.DataFrame(rows)
    classes = breaks.sequential_classes(places["value"].to_list())
    circle = maps.Circle(110.25, 30.25, 8.0, "聚集1", "")
    return maps.locator_map(places, geometry, title="", measure_label="件数（件）", classes=classes, circles=[circle])


def make_treemap() -> go.Figure:
    frame = pl.DataFrame(
        {
            "group_name": ["公用事业", "公用事业", "城建"],
            "issue_name": ["供暖<b>&", "供水", "违建"],
            "n_events": [132, 40, 60],
            "change_share": [0.6, None, -0.3],
        }
    )
    return ranks.treemap(frame, title="构成")


def make_calendar() -> go.Figure:
    figure = style.paper_figure("日历", height=300)
    figure.add_heatmap(
        z=[[1, None], [3, 4]],
        x=["周一", "周二"],
        y=["第1周", "第2周"],
        text=[["1", ""], ["3", "4"]],
        colorscale=[[0, "#EEF3F3"], [1, "#0B3850"]],
    )
    figure.update_xaxes(visible=True)
    figure.update_yaxes(visible=True, autorange="reversed")
    return figure


CHARTS = {
    "trend": make_trend, "lines": make_lines, "ranking": make_ranking, "pareto": make_pareto,
    "stacked": make_stacked, "before_after": make_before_after,
}  # fmt: skip
SHAPES = {"map": make_map, "treemap": make_treemap, "calendar": make_calendar, "empty": lambda: style.empty("空")}
EVERY = {**CHARTS, **SHAPES}


@cache
def deck_of(make) -> bytes:
    return slides.pptx(make(), title="标题", note="口径说明")


def opened(make):
    """The only slide of the deck of a figure."""
    (slide,) = Presentation(io.BytesIO(deck_of(make))).slides
    return slide


def charts_of(slide) -> list:
    return [shape.chart for shape in slide.shapes if shape.has_chart]


def book_of(chart) -> list[list]:
    """The rows of the workbook behind a chart: values, and formulas as text."""
    blob = chart.part.chart_workbook.xlsx_part.blob
    sheet = openpyxl.load_workbook(io.BytesIO(blob))["数据"]
    assert all(cell.data_type != "f" or cell.value[0] == "=" for row in sheet for cell in row)
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def shapes_of(slide) -> list:
    (group,) = [shape for shape in slide.shapes if shape.shape_type == MSO_SHAPE_TYPE.GROUP]
    return list(group.shapes)


# ---------------------------------------------------------------- every figure


@pytest.mark.parametrize("name", EVERY)
def test_every_figure_makes_one_slide_that_is_the_same_each_time(name):
    made = deck_of(EVERY[name])
    assert made == slides.pptx(EVERY[name](), title="标题", note="口径说明")
    slide = Presentation(io.BytesIO(made)).slides[0]
    assert slide.shapes.title.text_frame.text == "标题"
    assert slide.notes_slide.notes_text_frame.text == "口径说明"
    assert "口径说明" in [shape.text_frame.text for shape in slide.placeholders]
    assert bool(charts_of(slide)) == (name in CHARTS)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        for member in archive.namelist():
            text = archive.read(member)
            if member.endswith(".rels"):
                assert b"External" not in text, member
            if "/slides/slide" in member or "/charts/chart" in member:
                for latin in etree.fromstring(text).iter(f"{A}latin") if member.endswith(".xml") else ():
                    assert latin.getnext().tag == f"{A}ea", member


@pytest.mark.parametrize("name", EVERY)
def test_what_is_for_the_slide_does_not_go_to_the_browser(name):
    figure = EVERY[name]()
    assert isinstance(figure, style.Drawing)
    assert "native" not in figure.to_plotly_json() and "part_names" not in (figure.to_json() or "")


def test_the_template_is_what_its_script_makes():
    folder = Path(slides.BUILT_IN).parent
    assert runpy.run_path(str(folder / "make_slides.py"))["build"]() == slides.BUILT_IN.read_bytes()
    deck = Presentation(str(slides.BUILT_IN))
    assert [layout.name for layout in deck.slide_layouts] == ["封面", "内容", "章节"]
    assert (deck.slide_width / 914400, deck.slide_height / 914400) == (pytest.approx(13.333, abs=1e-3), 7.5)
    assert b'<a:ea typeface="\xe5\xbe\xae\xe8\xbd\xaf\xe9\x9b\x85\xe9\xbb\x91"/>' in zipfile.ZipFile(slides.BUILT_IN).read("ppt/theme/theme1.xml")  # fmt: skip


def test_a_long_note_is_cut_on_the_slide_and_whole_in_the_notes():
    note = "口径" * 300
    (slide,) = Presentation(io.BytesIO(slides.pptx(make_ranking(), title="标题", note=note))).slides
    (small,) = [shape.text_frame.text for shape in slide.placeholders if shape.text_frame.text.startswith("口径")]
    assert small.endswith("…（全文见备注）") and len(small) < len(note)
    assert slide.notes_slide.notes_text_frame.text == note


# ---------------------------------------------------------------- charts of its own


def test_a_trend_is_a_line_over_a_band_with_its_alarms_marked():
    (chart,) = charts_of(opened(make_trend))
    band, lines = chart.plots
    assert type(band).__name__ == "AreaPlot" and type(lines).__name__ == "LinePlot"
    drawn = {one.name: list(one.values) for one in lines.series}
    assert drawn["实际"] == [40 + k for k in range(20)]
    assert drawn["高于预期上限"] == [57 if k == 17 else None for k in range(20)]
    foot, tall = (list(one.values) for one in band.series)
    assert foot == [38.5] * 20 and tall == [0, 0, *[13.5] * 18]
    head, *rows = book_of(chart)
    assert head == ["日期", "实际", "预期", "上限", "高于预期上限", "带底（画图用）", "带高（上限−预期）"]
    assert [row[0].date() for row in rows] == [MONDAY + timedelta(weeks=k) for k in range(20)]
    assert rows[0][1:4] == [40, None, None] and rows[5][1:4] == [45, 38.5, 52]
    assert rows[5][5:] == ["=C7", "=D7-C7"] and rows[0][5:] == ["=C4", 0], "who changes 上限 moves the band"
    words = " ".join(chart.chart_title.text_frame.text.split())
    assert words == "单位：件 ▲ 高于预期上限"


def test_weeks_still_filling_up_are_shaded_and_hollow():
    slide = opened(make_trend)
    (shade,) = [shape for shape in slide.shapes if shape.name == "未满期"]
    (frame,) = [shape for shape in slide.shapes if shape.has_chart]
    assert frame.left < shade.left and shade.left + shade.width < frame.left + frame.width
    (subject,) = [one for one in frame.chart.plots[1].series if one.name == "实际"]
    assert [node.get("val") for node in subject._element.xpath("c:dPt/c:idx")] == ["19"]


def test_names_at_the_end_of_lines_stay_apart():
    (chart,) = charts_of(opened(make_lines))
    (plot,) = chart.plots
    named = [one for one in plot.series if one._element.xpath(".//c:dLbl")]
    assert len(named) == series.MAX_COLOURED and len(list(plot.series)) == 11
    shifts = [float(node.get("val")) for one in named for node in one._element.xpath(".//c:dLbl//c:manualLayout/c:y")]
    assert len(set(shifts)) > 1
    assert next(iter(plot.series)).values[2] is None, "a gap stays a gap"


def test_bars_stand_largest_on_top_with_figure_and_change_and_formulas_stay_text():
    (chart,) = charts_of(opened(make_ranking))
    (bars,) = chart.plots[0].series
    assert list(chart.plots[0].categories) == ["物业", UGLY, "供水"] and list(bars.values) == [132, 96, 40]
    said = ["".join(node.text for node in label.xpath(".//a:t")) for label in bars._element.xpath(".//c:dLbl/c:tx")]
    assert said == ["132　▲25%", "96　—　样本少", "40　▼10%"]
    colours = [node.get("val") for node in bars._element.xpath("c:dPt/c:spPr/a:solidFill/a:srgbClr")]
    assert colours == [FAINT[1:]] * 2
    sheet = openpyxl.load_workbook(io.BytesIO(chart.part.chart_workbook.xlsx_part.blob))["数据"]
    assert sheet["A3"].value == UGLY and sheet["A3"].data_type == "s" and sheet["B1"].value == "数量（件）"


def test_pareto_has_columns_and_a_cumulative_line_on_a_second_axis():
    (chart,) = charts_of(opened(make_pareto))
    columns, line = chart.plots
    assert list(columns.series[0].values) == [100, 60, 20, 8, 5, 4]
    share, eighty = line.series
    assert list(share.values) == pytest.approx([0.5, 0.8, 0.9, 0.94, 0.965, 0.985]) and set(eighty.values) == {0.8}
    axes = [plot._element.xpath("c:axId/@val") for plot in (columns, line)]
    assert not set(axes[0]) & set(axes[1])
    assert "其余 2 项合占 2%" in chart.chart_title.text_frame.text
    assert book_of(chart)[0] == ["名称", "数量（件）", "累计占比", "80% 线"]


def test_stacked_columns_add_up():
    (chart,) = charts_of(opened(make_stacked))
    columns, line = chart.plots
    assert columns._element.xpath("c:grouping/@val") == ["stacked"]
    assert [one.name for one in columns.series] == ["信访", "12345热线", "网格"]
    assert list(line.series[0].values) == [6, 6] and book_of(chart)[1][-1] == "=SUM(B2:D2)"
    picture.png(make_stacked())


def test_the_weeks_of_a_warning_are_shaded():
    slide = opened(make_before_after)
    (shade,) = [shape for shape in slide.shapes if shape.name == aftermath.SPAN]
    (frame,) = [shape for shape in slide.shapes if shape.has_chart]
    assert 0.2 < shade.width / frame.width < 0.3, "one of four weeks"


def test_a_course_of_one_week_and_one_without_any_band():
    for values in ([5], [0, 0]):
        (chart,) = charts_of(opened(partial(series.trend, make_weeks(values), title="短")))
        assert list(chart.plots[0].series[0].values) == values


@pytest.mark.parametrize("days", [1, 7, 30])
def test_a_date_axis_has_few_ticks(days):
    """Not more than nine steps, whatever the grain."""
    starts = [MONDAY + timedelta(days=days * k) for k in range(53)]
    frame = pl.DataFrame({"period_start_on": starts, "n_events": [1] * 53})
    (chart,) = charts_of(opened(partial(series.trend, frame, title="")))
    (axis,) = chart._chartSpace.xpath("//c:dateAx")
    every, unit = int(axis.xpath("c:majorUnit/@val")[0]), axis.xpath("c:majorTimeUnit/@val")[0]
    assert (starts[-1] - starts[0]).days / (every * {"days": 1, "months": 30.4}[unit]) < 10


def test_figures_keep_their_own_data_for_the_slide():
    found = make_ranking()
    assert isinstance(found, style.Drawing) and isinstance(found.native, native.Native)
    assert found.native.series[0].colour == ACCENT and found.native.categories == ["物业", UGLY, "供水"]


# ---------------------------------------------------------------- shapes


def test_each_place_of_a_map_is_one_named_shape():
    made = slides.pptx(make_map(10), title="分布")
    assert len(made) < 1_000_000
    slide = Presentation(io.BytesIO(made)).slides[0]
    places = [
        shape for shape in shapes_of(slide) if shape.shape_type == MSO_SHAPE_TYPE.FREEFORM and shape.name[0] == "第"
    ]
    assert len(places) == 100 and {shape.name for shape in places} == {
        *(f"第{k}镇 {k}件" for k in range(99)),
        "第99镇 —",
    }
    first = next(shape for shape in places if shape.name == "第0镇 0件")
    assert len(first._element.xpath(".//a:moveTo")) == 3, "its island and its hole are part of it"
    classes = breaks.sequential_classes([*range(99), None])
    for shape in places:
        value = None if shape.name.endswith("—") else int(shape.name[1:].split("镇")[0])
        assert f"#{shape.fill.fore_color.rgb}" == classes.colour(value)


def test_a_map_keeps_its_shape_and_stays_in_its_box():
    slide = opened(make_map)
    places = {shape.name: shape for shape in shapes_of(slide) if shape.name.startswith("第")}
    town = places["第7镇 7件"]
    assert town.width / town.height == pytest.approx(0.866, abs=0.02), "cos 30°: a degree of longitude is shorter"
    west, north = places["第6镇 6件"], places["第12镇 12件"]
    assert west.left < town.left and north.top < town.top
    whole = Presentation(str(slides.BUILT_IN))
    for shape in shapes_of(slide):
        assert shape.left >= 0 and shape.left + shape.width <= whole.slide_width, shape.name
        assert shape.top >= 0 and shape.top + shape.height <= whole.slide_height, shape.name


def test_tiles_are_named_and_their_areas_are_counts():
    tiles = {shape.name.split("（")[0]: shape for shape in shapes_of(opened(make_treemap)) if "较上期" in shape.name}
    assert set(tiles) == {"供暖<b>&", "供水", "违建"}
    areas = {name: shape.width * shape.height for name, shape in tiles.items()}
    assert areas["供暖<b>&"] / areas["供水"] == pytest.approx(132 / 40, rel=0.05)
    assert tiles["供暖<b>&"].name == "供暖<b>&（公用事业） 132 件，较上期 ▲60%"


def test_a_calendar_has_a_cell_a_value_and_its_axes():
    shapes = shapes_of(opened(make_calendar))
    cells = {shape.text_frame.text: shape for shape in shapes if shape.text_frame.text in ("1", "3", "4")}
    assert set(cells) == {"1", "3", "4"} and cells["1"].top < cells["3"].top and cells["3"].left < cells["4"].left
    assert str(cells["4"].fill.fore_color.rgb) == "0B3850"
    assert {"周一", "周二", "第1周", "第2周"} <= {shape.text_frame.text for shape in shapes}


def test_what_cannot_be_drawn_is_said():
    pie = go.Figure(go.Pie(values=[1, 2]))
    pie.update_layout(xaxis={"range": [0, 1]}, yaxis={"range": [0, 1]})
    with pytest.raises(picture.UnknownTrace, match="pie"):
        slides.pptx(pie)
    arrow = style.empty("箭头")
    arrow.add_annotation(x=0.5, y=0.5, text="这里")
    with pytest.raises(picture.UnknownTrace, match="箭头"):
        slides.pptx(arrow)
