"""Do the figures say what the frames hold, in Chinese, and small enough to send?"""

import datetime as dt
import json
import tomllib
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest
import shapely

from app import palette
from app.charts import breaks, maps, ranks, series, style

MONDAY = dt.date(2026, 8, 3)


def spec(figure: go.Figure) -> dict:
    return json.loads(figure.to_json() or "{}")


def make_series(values=(10, 12, 30, 11, 4), **columns) -> pl.DataFrame:
    weeks = [MONDAY + dt.timedelta(weeks=k) for k in range(len(values))]
    return pl.DataFrame({"period_start_on": weeks, "n_events": list(values), **columns})


def make_city(
    n=5, *, size=0.1, west=123.0, south=29.0, segment=0.1, prefix="990101"
) -> tuple[pl.DataFrame, dict[str, str]]:
    """n × n square towns that share borders; values 0, 1, 2, …"""
    rows, geometry = [], {}
    for k in range(n * n):
        x, y = west + k % n * size, south + k // n * size
        square = shapely.segmentize(shapely.box(x, y, x + size, y + size, ccw=True), segment)
        code = f"{prefix}{k:03d}"
        geometry[code] = shapely.to_geojson(shapely.set_precision(square, 1e-5))
        rows.append(
            {"place_code": code, "place_name": f"第{k}镇", "value": k, "lon": x + size / 2, "lat": y + size / 2}
        )
    return pl.DataFrame(rows), geometry


def texts(figure: go.Figure) -> str:
    return " ".join(note["text"] for note in spec(figure)["layout"].get("annotations", []))


# ---------------------------------------------------------------- breaks


def test_classes_of_counts_are_round_and_zero_stands_alone():
    classes = breaks.sequential_classes([0, 0, 3, 8, 12, 19, 33, 47, 60, 95], n=4)
    assert classes.labels == ("0", "1–14", "15–39", "40 及以上")
    assert [classes.index(value) for value in (0, 1, 14, 15, 39, 40, 1000)] == [0, 1, 1, 2, 2, 3, 3]
    assert classes.colour(None) == palette.NO_VALUE


@pytest.mark.parametrize("values", [[], [None], [7, 7, 7], [0], [0, 0, 5], [1, 2], [0.3, 0.31, 4.5], list(range(500))])
@pytest.mark.parametrize("whole", [True, False])
def test_classes_are_ascending_and_every_value_has_one(values, whole):
    classes = breaks.sequential_classes(values, whole=whole)
    assert list(classes.edges) == sorted(set(classes.edges))
    assert len(classes.colours) == len(classes.labels) == len(classes.edges) + 1 <= 5
    assert len(set(classes.labels)) == len(classes.labels)
    for value in values:
        assert classes.colour(value).startswith("#")


def test_change_classes_are_mirrored_around_zero():
    classes = breaks.change_classes([0.3, -0.2, None, 0.1], step=0.1)
    assert classes.edges == tuple(-edge for edge in reversed(classes.edges))
    assert classes.label(0.0) == "±10% 以内"
    assert classes.colour(0.0) == palette.UNCHANGED
    assert classes.label(2.0) == "升 50% 及以上"
    assert classes.label(None) == "基数不足 20 件，不算" and classes.colour(None) == palette.NO_VALUE
    assert breaks.change_classes([0.001]).edges == breaks.change_classes([9.0]).edges, "one scale for all maps"
    assert breaks.change_classes([0.1]).null_label == ""
    assert breaks.change_classes([None]).null_label.startswith("上期无数据")


# ---------------------------------------------------------------- style


def test_spread_keeps_order_distance_and_bounds():
    rng = np.random.default_rng(1)
    for _ in range(50):
        wanted = rng.uniform(0, 100, 8)
        placed = style.spread(wanted.tolist(), 10, 0, 100)
        assert np.argsort(placed).tolist() == np.argsort(wanted).tolist()
        assert np.diff(np.sort(placed)).min() >= 10 - 1e-9
        assert -1e-9 <= min(placed) <= max(placed) <= 100 + 1e-9


def test_ticks_are_round_and_dates_chinese():
    assert style.round_ticks(52) == [0, 20, 40, 60]
    assert style.round_ticks(0) == [0, 1]
    weeks = [MONDAY + dt.timedelta(weeks=k) for k in range(8)]
    assert style.period_ticks(weeks)[1][:2] == ["8月3日<br>2026年", "8月10日"]
    months = [dt.date(2025 + k // 12, k % 12 + 1, 1) for k in range(20)]
    said = style.period_ticks(months)[1]
    assert said[0] == "1月<br>2025年" and "1月<br>2026年" in said and len(said) <= 10


@pytest.mark.parametrize(
    ("share", "said"), [(0.25, "▲25%"), (-0.1, "▼10%"), (0.0, "持平"), (None, "—"), (10.763, "▲1,076%")]
)
def test_change_is_said_with_a_shape(share, said):
    assert style.signed_per_cent(share) == said


def test_level_colours_have_word_and_shape_and_readable_text():
    assert [level.word for level in palette.LEVELS.values()] == ["红", "橙", "黄", "蓝"]
    assert [level.shape for level in palette.LEVELS.values()] == ["●", "▲", "■", "◆"]
    assert len(palette.CATEGORICAL) == len(palette.SEQUENTIAL) == len(palette.DIVERGING) == 10


# ---------------------------------------------------------------- series


def test_trend_marks_alarms_and_shades_the_open_week():
    frame = make_series(
        expected=[None, 11.0, 11.5, 12.0, 12.0],
        upper_bound=[None, 20.0, 20.0, 21.0, 21.0],
        is_alarm=[False, False, True, False, False],
        is_incomplete=[False, False, False, False, True],
        n_events_year_ago=[9, 9, 9, 9, 9],
    )
    figure = series.trend(frame.reverse(), title="噪声 <b>扰民")
    drawn = spec(figure)
    assert not drawn["layout"].get("template"), "3 kB a figure"
    assert drawn["layout"]["title"]["text"] == "<b>噪声 &lt;b&gt;扰民</b>"
    by_name = {trace["name"]: trace for trace in drawn["data"]}
    assert by_name["实际"]["y"] == [10, 12, 30, 11]
    assert by_name["高于预期上限"]["x"] == ["2026-08-17"]
    assert by_name["高于预期上限"]["marker"]["symbol"] == "triangle-up"
    assert by_name["高于预期上限"]["text"] == ["<b>30</b>"]
    assert by_name["预期至上限"]["x"][0] == "2026-08-10", "the band begins where it was assessed"
    for word in ("未满期", "去年同期", "上限", "预期", "单位：件", "高于预期上限"):
        assert word in texts(figure)
    assert len(drawn["layout"]["shapes"]) == 1


def test_band_does_not_cross_weeks_that_were_not_assessed():
    frame = make_series(expected=[1.0, 1.0, None, 1.0, 1.0], upper_bound=[2.0, 2.0, None, 2.0, 2.0])
    band = next(trace for trace in spec(series.trend(frame, title="x"))["data"] if trace["name"] == "预期至上限")
    assert band["x"].count(None) == 1
    assert "2026-08-17" not in band["x"]


def test_trend_needs_only_dates_and_counts_and_says_when_empty():
    assert len(spec(series.trend(make_series(), title="x"))["data"]) == 1
    assert style.NO_DATA in texts(series.trend(make_series(values=()), title="x"))
    assert spec(series.trend(make_series(values=(None, None)), title="x"))["layout"]["yaxis"]["range"][1] > 0


@pytest.mark.parametrize("kind", [pl.Decimal(38, 0), pl.Int128, pl.Float64])
def test_any_kind_of_number_is_drawn(kind):
    figure = series.trend(make_series().with_columns(pl.col("n_events").cast(kind)), title="x")
    assert spec(figure)["data"][0]["y"] == [10, 12, 30, 11, 4]
    frame = pl.DataFrame({"label": ["甲", "乙"], "value": [3, 5], "n_events": [3, 5]})
    frame = frame.with_columns(pl.col("value", "n_events").cast(kind))
    assert spec(ranks.ranking(frame, title="x"))["data"][0]["text"] == ["5", "3"]
    assert spec(ranks.pareto(frame, title="x"))["data"][1]["x"][-1] == pytest.approx(ranks.SHARE_TO)


def test_lines_colour_nine_and_name_them_without_overlap():
    frames = [make_series(values=[100 - k, 50]).with_columns(series_name=pl.lit(f"事项{k}")) for k in range(12)]
    figure = series.lines(pl.concat(frames), title="比较")
    drawn = spec(figure)
    colours = [trace["line"]["color"] for trace in drawn["data"]]
    assert colours.count(palette.FAINT) == 3
    labels = [note for note in drawn["layout"]["annotations"] if note["text"].startswith("事项")]
    assert len(labels) == 9
    gap = np.diff(sorted(label["y"] for label in labels)).min()
    inside = drawn["layout"]["height"] - 62 - 46
    assert gap / drawn["layout"]["yaxis"]["range"][1] * inside >= style.SMALL_SIZE
    assert "其余 3 项" in texts(figure)


def test_lines_emphasis_wins_and_gaps_stay_gaps():
    frame = pl.concat(
        [
            make_series(values=[9, 9]).with_columns(series_name=pl.lit("甲")),
            make_series(values=[1]).with_columns(series_name=pl.lit("乙")),
        ]
    )
    drawn = spec(series.lines(frame, title="x", emphasis=["乙"]))
    assert [trace["name"] for trace in drawn["data"]] == ["甲", "乙"]
    assert drawn["data"][1]["y"] == [1, None]
    assert drawn["data"][0]["line"]["color"] == palette.FAINT


def test_spark_marks_the_last_point_and_stays_small():
    figure = series.spark([3, None, 5, 8], is_alarm_last=True)
    assert spec(figure)["data"][1]["marker"]["symbol"] == "triangle-up"
    assert len(figure.to_json() or "") < 1200
    assert spec(series.spark([]))["data"] == []


# ---------------------------------------------------------------- ranks


def test_ranking_is_sorted_and_labels_directly():
    frame = pl.DataFrame({"label": ["甲", "乙"], "value": [3, 1200], "change": [None, 0.25], "note": ["某局", None]})
    figure = ranks.ranking(frame, title="排序")
    bar = spec(figure)["data"][0]
    assert bar["x"] == [1200, 3] and bar["text"] == ["1,200", "3"]
    for word in ("▲25%", "—", "较上期", "某局"):
        assert word in texts(figure)


def make_pareto_frame() -> pl.DataFrame:
    return pl.DataFrame({"label": [f"事项{k}" for k in range(30)], "n_events": [100 - 3 * k for k in range(30)]})


def test_pareto_bars_have_their_own_scale_and_the_remainder_is_said():
    figure = ranks.pareto(make_pareto_frame(), title="集中度")
    bar, line = spec(figure)["data"]
    assert len(bar["x"]) == len(line["x"]) == 20, "the remainder is neither bar nor point"
    assert max(bar["x"]) == ranks.BARS_TO and bar["x"][10] == pytest.approx(ranks.BARS_TO * 0.7)
    assert min(line["x"]) > ranks.BARS_TO, "bars and line do not meet"
    total = sum(100 - 3 * k for k in range(30))
    shares = [(at - ranks.SHARE_FROM) / (ranks.SHARE_TO - ranks.SHARE_FROM) for at in line["x"]]
    assert shares[0] == pytest.approx(100 / total)
    assert shares[19] == pytest.approx(sum(100 - 3 * k for k in range(20)) / total)
    rest = sum(100 - 3 * k for k in range(20, 30)) / total
    for word in ("其余 10 项", f"合占 {rest:.0%}", "累计占比", "80%"):
        assert word in texts(figure)
    n_needed = next(k + 1 for k, share in enumerate(shares) if share >= 0.8)
    assert f"前 {n_needed} 项占" in texts(figure)


def test_pareto_without_remainder_ends_at_the_whole():
    figure = ranks.pareto(make_pareto_frame().head(5), title="集中度")
    assert spec(figure)["data"][1]["x"][-1] == pytest.approx(ranks.SHARE_TO)
    assert "其余" not in texts(figure)


def test_words_are_written_at_once():
    """Each single annotation makes plotly read all earlier ones again; the row charts would take 0.2 s."""
    figure = style.paper_figure("x", height=100)
    style.say(figure, "甲", x=0, y=0)
    style.say_all(figure, [style.said(text, x=0, y=0) for text in "乙丙"])
    assert texts(figure) == "甲 乙 丙"


def test_long_names_take_two_lines_before_they_are_cut():
    names = ["12345热线·公用事业>供热采暖>供暖温度与服务", "物业"]
    figure = ranks.ranking(pl.DataFrame({"label": names, "value": [3, 1]}), title="来源怎样分类")
    assert "12345热线·公用事业&gt;供热采暖&gt;<br>供暖温度与服务" in texts(figure)
    assert "…" not in texts(figure)
    assert style.folded("问题楼盘(停工/逾期交房)", 8) == ["问题楼盘(停工/", "逾期交房)"]
    assert style.folded("物业", 8) == ["物业"]


def make_tree_frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "group_name": ["环境", "环境", "住房", "住房", "甲", "乙"],
            "issue_name": ["噪声", "油烟", "漏水", "物业", "子", "丑"],
            "n_events": [1200, 10, 0, 500, 3, 2],
            "change_share": [0.3, None, 0.1, -0.099, None, None],
        }
    )


def test_treemap_says_counts_and_change_in_words():
    tiles, words = spec(ranks.treemap(make_tree_frame(), title="构成"))["data"]
    assert "噪声<br>1,200 ▲30%" in words["text"] and "物业<br>500 ▼10%" in words["text"]
    assert {"<b>环境</b> 1,210", "<b>住房</b> 500"} <= set(words["text"])
    colours = dict(zip(["噪声", "油烟", "物业", "子", "丑"], tiles["marker"]["color"], strict=True))
    assert colours["油烟"] == palette.NO_VALUE
    assert colours["物业"] == palette.UNCHANGED, "±10 % is neutral, as on the map"
    assert any("油烟" in said and "10 件" in said for said in tiles["hovertext"]), "small tiles speak on pointing"
    key = texts(ranks.treemap(make_tree_frame(), title="构成"))
    assert "±10% 以内" in key and "基数不足 20 件" in key and "共 1,715 件" in key


@pytest.mark.parametrize(("width", "height"), [(540, 520), (960, 500)])
def test_treemap_areas_are_counts_and_words_stay_on_their_tile(width, height):
    frame = pl.DataFrame(
        {
            "group_name": [f"大类名称有些长{k % 12}" for k in range(90)],
            "issue_name": [f"事项名称也有长有短{'长' * (k % 6)}" for k in range(90)],
            "n_events": [600 // (k + 1) + 5 for k in range(90)],
            "change_share": [None if k % 4 == 0 else (k % 13 - 6) / 10 for k in range(90)],
        }
    )
    figure = ranks.treemap(frame, title="构成", width=width, height=height)
    tiles, words = spec(figure)["data"]
    boxes = list(zip(tiles["x"], tiles["base"], tiles["width"], tiles["y"], strict=True))
    for x, y, size, text in zip(words["x"], words["y"], words["textfont"]["size"], words["text"], strict=True):
        if text.startswith("<b>"):
            continue
        centre, top, wide, high = next(
            b
            for b in boxes
            if abs(b[0] - b[2] / 2 + ranks.TEXT_SHIFT - x) < 0.2 and abs(b[1] + ranks.TEXT_SHIFT - y) < 0.2
        )
        assert x + style.text_width(text, size) <= centre + wide / 2
        assert y + (text.count("<br>") + 1) * size * 1.3 <= top + high + 1
    assert sum(text.startswith("<b>") for text in words["text"]) == 12, "every group has its heading"


# ---------------------------------------------------------------- maps


def drawing_of(places, geometry, **more) -> tuple[str, dict]:
    classes = breaks.sequential_classes(places["value"].to_list())
    text = maps.screen_map(places, geometry, title="图", measure_label="近四周件数（件）", classes=classes, **more)
    return text, json.loads(text)


def ring_of(path: str) -> list[tuple[int, int]]:
    """The corners of the first ring of an SVG path of `screen_map`."""
    start, steps = path[1:].split("z")[0].split("l")
    at = [tuple(map(int, start.split(",")))]
    for step in steps.split():
        dx, dy = map(int, step.split(","))
        at.append((at[-1][0] + dx, at[-1][1] + dy))
    return at


def test_screen_map_keeps_places_where_they_are_and_its_scale_true():
    places, geometry = make_city()
    text, drawing = drawing_of(places, geometry, outline=geometry)
    assert "http" not in text and len(drawing["outlines"]) == 25
    first = drawing["places"][0]
    assert (first["id"], first["name"], first["t"]) == ("990101024", "第24镇", "24")
    squeeze = np.cos(np.radians(29.25))
    for place, west, north in ((first, 123.4, 29.5), (drawing["places"][-1], 123.0, 29.1)):
        xs, ys = zip(*ring_of(place["d"]), strict=True)
        assert (min(xs) * drawing["km"], min(ys) * drawing["km"]) == pytest.approx(
            ((west - 123) * 111.32 * squeeze, (29.5 - north) * 111.32), abs=0.03
        )
        assert (max(ys) - min(ys)) * drawing["km"] == pytest.approx(11.132, abs=0.05)
        assert min(xs) < place["x"] < max(xs) and min(ys) < place["y"] < max(ys)


def test_frames_are_one_sign_a_place_and_say_nothing_of_the_unknown():
    places, geometry = make_city(2)
    values = {code: (None if code.endswith("3") else 2.0, "2 件") for code in geometry}
    _, drawing = drawing_of(places, geometry, frames=[maps.Frame("一月", "共 9 件", 9, values)])
    (frame,) = drawing["frames"]
    assert drawing["places"][0]["id"].endswith("3") and frame["c"][0] == "-"
    assert len(frame["c"]) == 4 and {int(sign, 36) for sign in frame["c"][1:]} == {
        breaks.sequential_classes([0, 1, 2, 3]).index(2)
    }


@pytest.mark.parametrize(("n", "prefix", "limit"), [(10, "990101", 120_000), (11, "990101001", 120_000)])
def test_screen_map_stays_small(n, prefix, limit):
    places, geometry = make_city(n, segment=0.0005, prefix=prefix)
    assert sum(map(len, geometry.values())) > 2 * limit
    assert len(drawing_of(places, geometry)[0].encode()) < limit


def test_simplified_neighbours_keep_one_border():
    _, geometry = make_city(10, segment=0.0005)
    shapes = [shapely.from_geojson(text) for text in maps._shapes(tuple(geometry.values()), 60_000)]
    assert shapely.coverage_is_valid(shapes)


def test_hexagons_have_their_size_and_cover_their_points():
    corners = np.array(maps.hexagon(123.0, 29.0, 500))
    x, y = (corners[:, 0] - 123) * 111_320 * np.cos(np.radians(29)), (corners[:, 1] - 29) * 111_320
    assert np.hypot(x, y) == pytest.approx([500] * 6, abs=1)


def test_value_without_boundary_is_refused_by_both_maps():
    places, geometry = make_city(2)
    del geometry["990101003"]
    classes = breaks.sequential_classes([1, 2])
    with pytest.raises(maps.MissingBoundary, match="1 个区域没有边界（第3镇）"):
        maps.screen_map(places, geometry, title="图", measure_label="件", classes=classes)
    with pytest.raises(maps.MissingBoundary):
        maps.locator_map(places, geometry, title="图", measure_label="件", classes=classes)
    unknown = places.with_columns(value=pl.when(pl.col("place_code") == "990101003").then(None).otherwise("value"))
    assert len(drawing_of(unknown, geometry)[1]["places"]) == 3


def test_locator_map_has_legend_scale_and_true_proportions():
    places, geometry = make_city()
    classes = breaks.sequential_classes(places["value"].to_list())
    figure = maps.locator_map(places, geometry, title="分布", measure_label="近四周件数（件）", classes=classes)
    layout = spec(figure)["layout"]
    assert layout["yaxis"]["scaleanchor"] == "x"
    assert layout["yaxis"]["scaleratio"] == pytest.approx(1 / np.cos(np.radians(29.25)))
    for word in (*classes.labels, "近四周件数（件）", "公里", "北"):
        assert word in texts(figure)
    fills = [trace for trace in spec(figure)["data"] if trace.get("fill") == "toself"]
    assert {trace["fillcolor"] for trace in fills} == set(classes.colours)


def test_the_scale_bar_has_its_room_when_the_height_is_limited():
    places, geometry = make_city(segment=0.01)
    classes = breaks.sequential_classes(places["value"].to_list())
    figure = maps.locator_map(places, geometry, title="", measure_label="件", classes=classes, height=200)
    (words,) = [note for note in spec(figure)["layout"]["annotations"] if "公里" in note["text"]]
    assert spec(figure)["layout"]["margin"]["b"] >= -words["yshift"] + 1.6 * words["font"]["size"]


def test_what_is_clearly_off_is_signed_on_both_maps():
    places, geometry = make_city(2)
    places = places.with_columns(mark=pl.Series(["up", None, None, "down"]))
    classes, marks = breaks.sequential_classes([0, 1, 2, 3]), {"up": "偏多", "down": "偏少"}
    figure = maps.locator_map(
        places, geometry, title="", measure_label="件", classes=classes, marks=marks, max_labels=1
    )
    spoken = [text for trace in spec(figure)["data"] if trace.get("mode") == "text" for text in trace["text"]]
    assert spoken == ["第3镇▼", "▲"] and "▲ 偏多" in texts(figure)
    _, drawing = drawing_of(places, geometry, marks=marks)
    assert {place["id"][-1]: place["m"] for place in drawing["places"]} == {"0": "up", "1": "", "2": "", "3": "down"}


def test_places_without_a_value_are_explained_in_the_legend():
    places, geometry = make_city(2)
    places = places.with_columns(value=pl.Series([0.3, None, 0.0, None]))
    classes = breaks.change_classes(places["value"].to_list())
    figure = maps.locator_map(places, geometry, title="", measure_label="变化", classes=classes)
    assert "基数不足 20 件，<br>不算" in texts(figure) and "无数据" not in texts(figure)
    drawing = json.loads(maps.screen_map(places, geometry, title="", measure_label="变化", classes=classes))
    assert drawing["none_label"] == "基数不足 20 件，不算" and drawing["none"] == palette.NO_VALUE


def test_a_map_without_a_title_uses_its_room():
    places, geometry = make_city()
    classes = breaks.sequential_classes(places["value"].to_list())
    for title, most in (("", 10), ("分布", 50)):
        figure = maps.locator_map(places, geometry, title=title, measure_label="件数（件）", classes=classes)
        assert spec(figure)["layout"]["margin"]["t"] <= most
    assert len(figure.to_json() or "") < 60_000


# ---------------------------------------------------------------- theme


def test_fonts_are_there_and_nothing_is_reported():
    root = Path(__file__).parents[1]
    config = tomllib.loads((root / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    theme = config["theme"]
    assert all((root / face["url"]).is_file() for face in theme["fontFaces"])
    assert config["browser"]["gatherUsageStats"] is False and config["runner"]["postScriptGC"] is False
