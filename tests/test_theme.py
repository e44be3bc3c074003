"""Light and dark are one drawing: every colour has its dark form, can be read, and keeps its meaning for every eye."""

import ast
import itertools
import json
import re
import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest
from plotly.io import to_json
from plotly.tools import return_figure_from_figure_or_data
from streamlit.proto.NewSession_pb2 import NewSession
from streamlit.runtime import app_session
from streamlit.testing.v1 import AppTest

from app import disclosure, page, palette, theme
from app.charts import ranks, wall
from app.charts.breaks import Classes
from app.charts.maps import hex_columns
from app.charts.style import is_dark
from app.palette import CATEGORICAL, DARK, DIVERGING, INK, LEVELS, MUTED, PANEL, PAPER, SEQUENTIAL

ROOT = Path(__file__).resolve().parents[1]
MAIN = str(ROOT / "app" / "main.py")
HEX = re.compile(r"#[0-9A-Fa-f]{6}\b")
BOTH = [pytest.param(lambda colour: colour, id="light"), pytest.param(lambda colour: DARK[colour], id="dark")]


def linear(colour: str) -> np.ndarray:
    """Red, green, blue as light (sRGB, IEC 61966-2-1)."""
    parts = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, 1.4.3: from 1 to 21."""
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


# ---------------------------------------------------------------- the two palettes


def test_every_colour_has_a_dark_form():
    constants = {text for name, text in vars(palette).items() if name.isupper() and isinstance(text, str)}
    levels = {colour for level in LEVELS.values() for colour in (level.colour, level.tint, level.on_colour, level.edge)}
    known = {*constants, *CATEGORICAL, *SEQUENTIAL, *DIVERGING, *levels} - {""}
    assert known == {colour for colour in known if HEX.fullmatch(colour)}
    assert known == set(DARK)


def said_in(path: Path) -> set[str]:
    """The colours in the texts of a module, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {found.upper() for node in texts if id(node) not in told for found in HEX.findall(node.value)}


def test_nothing_is_left_in_a_colour_without_a_dark_form():
    """What leaves the screen (exports, reports) stays light and may have colours of its own."""
    own = {ROOT / "app" / "palette.py", *(ROOT / "app" / "exports").glob("*.py"), *ROOT.glob("app/assets/**/*.py")}
    found = {path.name: said_in(path) - set(DARK) for path in ROOT.glob("app/**/*.py") if path not in own}
    assert not {name: colours for name, colours in found.items() if colours}


@pytest.mark.parametrize("shown", BOTH)
def test_text_can_be_read(shown):
    grounds = [PAPER, PANEL, palette.ACCENT_SOFT, *(level.tint for level in LEVELS.values())]
    pairs = [(INK, ground) for ground in grounds] + [(MUTED, PAPER), (MUTED, PANEL), (palette.ACCENT, PAPER)]
    pairs += [(palette.CUMULATED_TEXT, PAPER)]
    pairs += [(level.on_colour, level.colour) for level in LEVELS.values()]
    pairs += [(LEVELS["red"].colour, PAPER), (palette.WHITE, palette.GOOD), (PAPER, palette.WARNING)]
    pairs += [(palette.WHITE if is_dark(fill) else INK, fill) for fill in (*SEQUENTIAL, *DIVERGING, palette.NO_VALUE)]
    faint = {pair: contrast(*map(shown, pair)) for pair in pairs if contrast(*map(shown, pair)) < 4.5}
    assert not faint


@pytest.mark.parametrize("shown", BOTH)
def test_marks_can_be_seen(shown):
    marks = [palette.ACCENT, palette.WARNING, palette.BAND_EDGE, palette.GOOD, *CATEGORICAL, SEQUENTIAL[-1]]
    marks += [level.edge or level.colour for level in LEVELS.values()]
    faint = {mark: contrast(shown(mark), shown(PAPER)) for mark in marks if contrast(shown(mark), shown(PAPER)) < 3}
    assert not faint


# Machado, Oliveira, Fernandes 2009 (IEEE TVCG 15), severity 1.0; on linear light.
EYES = {
    "all colours": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(light: np.ndarray) -> np.ndarray:
    """CIE L*a*b*, D65."""
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    share = np.array(to_xyz) @ light / [0.95047, 1, 1.08883]
    x, y, z = np.where(share > (6 / 29) ** 3, np.cbrt(share), share / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("shown", BOTH)
@pytest.mark.parametrize("eyes", EYES)
def test_levels_differ_for_every_eye(shown, eyes):
    """ΔE (CIE 1976) of 15 and more, six times what is just noticed; and every level has its own word and shape."""
    seen = {
        name: lab(np.clip(np.array(EYES[eyes]) @ linear(shown(level.colour)), 0, 1)) for name, level in LEVELS.items()
    }
    apart = {pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]) for pair in itertools.combinations(LEVELS, 2)}
    assert min(apart.values()) >= 15, apart
    assert len({(level.word, level.shape, level.symbol) for level in LEVELS.values()}) == 4


@pytest.mark.parametrize("shown", BOTH)
@pytest.mark.parametrize("scale", [SEQUENTIAL, DIVERGING], ids=["sequential", "diverging"])
def test_scales_go_one_way(shown, scale):
    """Light: more is darker. Dark: more is brighter. Diverging: from the middle outwards, on both sides."""
    away = 1 if shown(PAPER) == PAPER else -1
    sides = [scale] if scale is SEQUENTIAL else [scale[:5][::-1], scale[5:]]
    for side in sides:
        lightness = [lab(linear(shown(colour)))[0] * away for colour in side]
        assert all(one - other > 2 for one, other in itertools.pairwise(lightness)), lightness


@pytest.mark.parametrize("name", ["light", "dark"])
def test_streamlit_has_the_same_colours(name):
    theme_of = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    shown = (lambda colour: colour) if name == "light" else DARK.__getitem__
    wanted = {
        "primaryColor": palette.ACCENT,
        "backgroundColor": PAPER,
        "secondaryBackgroundColor": PANEL,
        "textColor": INK,
        "linkColor": palette.ACCENT,
        "borderColor": palette.RULE,
        "grayColor": MUTED,
        "greenColor": palette.GOOD,
        **{f"{level}Color": LEVELS[level].colour for level in LEVELS},
    }
    assert {key: theme_of[name][key] for key in wanted} == {key: shown(colour) for key, colour in wanted.items()}
    for key, colours in (("Categorical", CATEGORICAL), ("Sequential", SEQUENTIAL), ("Diverging", DIVERGING)):
        assert theme_of[name][f"chart{key}Colors"] == [shown(colour) for colour in colours]


def test_the_theme_read_once_is_the_one_streamlit_reads_each_time(monkeypatch):
    monkeypatch.setattr(app_session, "_populate_theme_msg", app_session._populate_theme_msg)  # put back afterwards

    def said() -> NewSession:
        message = NewSession()
        theme_of = message.custom_theme
        for section, part in {
            "": theme_of, ".light": theme_of.light, ".dark": theme_of.dark, ".sidebar": theme_of.sidebar,
            ".light.sidebar": theme_of.light.sidebar, ".dark.sidebar": theme_of.dark.sidebar,
        }.items():  # fmt: skip
            app_session._populate_theme_msg(part, f"theme{section}")
        return message

    each_time = said()
    theme.read_once()
    assert said() == each_time and each_time.custom_theme.light.primary_color == palette.ACCENT
    monkeypatch.setattr("streamlit.config.get_options_for_section", None)
    assert said() == each_time  # without asking


# ---------------------------------------------------------------- recolouring


def test_every_way_to_write_a_colour():
    text = f'{PAPER} {INK.lower()} rgba(30,42,51,0.5) {{"c":[30,42,51],"a":[251,250,247,200]}} #0102AB [116.31,39.93]'
    assert theme.recoloured(text) == (
        '#14191D #E8E6E0 rgba(232,230,224,0.5) {"c":[232,230,224],"a":[20,25,29,200]} #0102AB [116.31,39.93]'
    )


def test_a_figure_is_recoloured_on_a_copy():
    """The light one is what 导出 takes; counts in it that happen to read like a colour stay counts."""
    frame = pl.DataFrame(
        {
            "group_name": ["甲", "甲", "乙"],
            "issue_name": ["供暖", "供水", "噪声"],
            "n_events": [30, 42, 51],
            "change_share": [0.8, None, -0.3],
        }
    )
    light = ranks.treemap(frame, title="")
    before = light.to_json()
    dark = theme.figure(light, dark=True)
    assert light.to_json() == before and theme.figure(light, dark=False) is light
    assert theme.figure(light, dark=True) is dark
    used = set(HEX.findall(dark.to_json()))
    assert used and used <= set(DARK.values()) and not used & (set(DARK) - set(DARK.values()))
    numbers = [re.sub(r"#\w{6}|rgba?\([^)]*\)", "", text) for text in (before, dark.to_json())]
    assert json.loads(numbers[0]) == json.loads(numbers[1])


def test_a_figure_is_written_once_and_says_the_same():
    words = np.array([["<b>甲</b>", "a/b"], ["乙", None]], dtype=object)
    days = [date(2026, 11, 2), date(2026, 11, 9)]
    drawn = go.Figure(go.Scatter(x=days, y=np.array([1.5, np.nan]), customdata=words), {"height": 300, "title": "周"})
    ready = return_figure_from_figure_or_data(theme.written(drawn), validate_figure=True)
    assert to_json(ready, validate=False) == to_json(ready, validate=False) == to_json(drawn, validate=False)
    assert ready["layout"]["height"] == 300, "Streamlit reads it there"
    assert theme.written(drawn) is theme.written(drawn)
    assert drawn.data[0].x[0] == days[0], "what is taken away is drawn from the figure itself"


def test_a_map_is_recoloured_but_not_moved():
    drawing = f'{{"d":"M251,250l247,3","classes":[["{palette.PAPER}","不足 5"]]}}'
    assert theme.shown(drawing, dark=True) == drawing.replace(palette.PAPER, DARK[palette.PAPER])
    assert theme.shown(drawing, dark=False) is drawing


def test_columns_are_recoloured_with_their_tooltip_and_not_moved():
    colours = SEQUENTIAL[1::2]
    cells = pl.DataFrame(
        {
            "lon": [120.0, 120.1],
            "lat": [30.0, 30.1],
            "n_events": [30, 42],
            "place_code": ["1", "2"],
            "place_name": ["甲", "乙"],
        }
    )
    ground = {"1": '{"type":"Polygon","coordinates":[[[119,29],[121,29],[121,31],[119,31],[119,29]]]}'}
    classes = Classes((40,), colours[:2], ("不足 40", "40 及以上"))
    names = cells.select("place_name", "lon", "lat")
    light = hex_columns(cells, ground, names, size=1000, title="", measure_label="件数（件）", classes=classes)
    dark = theme.deck(light, dark=True)

    def used(text: str) -> set[str]:
        parts = re.findall(r"\[(\d+),(\d+),(\d+)[,\]]", text)
        return {"#" + "".join(f"{int(part):02X}" for part in found) for found in parts} | set(HEX.findall(text))

    # No light: what does not shine back (specular colour) is black in both.
    before, after = used(light.text + light.tooltip) - {"#000000"}, used(dark.text + dark.tooltip) - {"#000000"}
    assert {PAPER, PANEL, INK, *colours[:2]} <= before <= set(DARK)
    assert after == {DARK[colour] for colour in before} and not after & before
    blank = [re.sub(r"\[\d+,\d+,\d+[,\]]", "", drawn.text) for drawn in (light, dark)]
    assert blank[0] == blank[1] and theme.deck(light, dark=False) == light


# ---------------------------------------------------------------- 大屏


def opened() -> AppTest:
    at = AppTest.from_file(MAIN, default_timeout=60).run()
    return at.switch_page("views/screen.py").run()


def said(at: AppTest) -> str:
    body = "\n".join(element.proto.body for element in at.get("html"))
    return re.sub(r"<style>.*?</style>|<[^>]+>", "", body, flags=re.S)


def test_the_wall_tells_the_week(full):
    at = opened()
    assert not at.exception
    text = said(at)
    for part in ("2026年第46周", "诉求总量", "本周预警", "预警在哪里", "近 13 周登记", "上周预警后来怎样", "承办进度"):
        assert part in text
    assert "数据截至 2026年11月15日 · 版本 1" in text and "没有新数据入库" not in text
    assert not at.selectbox and not at.button  # nothing to set: it hangs on a wall
    body = at.get("html")[-1].proto.body
    assert DARK[PAPER] in body and PAPER not in body
    assert len(body) < 250_000


def test_the_wall_follows_a_setting_for_a_bright_room(full):
    at = AppTest.from_file(MAIN, default_timeout=60).run()
    at.query_params["look"] = "light"
    body = at.switch_page("views/screen.py").run().get("html")[-1].proto.body
    assert PAPER in body and DARK[INK] not in body


def test_the_wall_waits_for_a_first_version(empty_home):
    at = opened()
    assert not at.exception
    assert "还没有发布过数据" in said(at) and "会自动打开" in said(at)


def test_the_wall_says_when_its_data_is_old(full, monkeypatch):
    monkeypatch.setattr(page, "today", lambda: date(2027, 1, 4))
    assert "最近一次登记是 2026年11月15日，此后没有新数据入库" in said(opened())


def square(west: float) -> str:
    ring = [[west, 0], [west + 1, 0], [west + 1, 1], [west, 1], [west, 0]]
    return json.dumps({"type": "Polygon", "coordinates": [ring]})


def test_the_map_on_the_wall_hides_what_is_hidden():
    """A hidden place has the colour and word of hidden ones, a mark its shape and number; no count is written."""
    towns = pl.DataFrame({"place_code": ["a1", "b1"], "value": [12.0, None]})
    classes = Classes((10,), (SEQUENTIAL[1], SEQUENTIAL[8]), ("不足 10", "10 及以上"), disclosure.HIDDEN)
    counties = pl.DataFrame(
        {"place_code": ["a", "b"], "place_name": ["甲县", "乙<县"], "lon": [0.5, 1.5], "lat": [0.5, 0.5]}
    )
    marks = pl.DataFrame({"lon": [0.5], "lat": [0.5], "signal_level": ["orange"], "label": ["1"]})
    text = wall.city(
        towns,
        {"a1": square(0), "b1": square(1)},
        classes,
        counties,
        {"a": square(0), "b": square(1)},
        marks,
    )
    assert text.count(f'fill="{palette.NO_VALUE}"') == 2  # the place and its entry in the legend
    assert f'fill="{LEVELS["orange"].colour}"' in text and 'd="M0-21 20 14H-20Z"' in text
    written = re.findall(r">([^<]+)</text>", text)
    assert set(written) == {"甲县", "乙&lt;县", "1", "各镇街本周件数", "不足 10", "10 及以上", disclosure.HIDDEN}


def test_the_course_says_its_last_most_and_least():
    mondays = pl.date_range(date(2026, 8, 17), date(2026, 11, 9), "1w", eager=True).to_list()
    text = wall.course(mondays, [50, None, 70, 20, 60, 60, 60, 60, 60, 60, 60, 60, 1234])
    written = re.findall(r">([^<]+)</text>", text)
    assert [word for word in written if "月" not in word] == ["50", "20", "1,234"]
    assert text.count("<rect") == 12  # no column for the week without data
    assert "没有可画的数据" in wall.course(mondays, [None] * 13)
