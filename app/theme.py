"""On a light or a dark screen? Everything is drawn in the light colours of app.palette and recoloured here, on its way
to the screen; what is taken away (app.downloads) never comes by.

The browser keeps the reader's choice, one entry a page address, in localStorage under Streamlit's own key
(stActiveTheme-<pathname>-v2: "Light", "Dark" or "System"); Streamlit tells the server which of the two it shows.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
import plotly.graph_objects as go
import streamlit as st
from plotly.io.json import to_json_plotly
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session

from app.charts.maps import Deck
from app.palette import DARK

_HEX = re.compile(r"#[0-9A-Fa-f]{6}")
_RGB = re.compile(r"(?<=[\[(])(\d{1,3}),\s*(\d{1,3}),\s*(\d{1,3})(?=[,\])])")


def _parts(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[k : k + 2], 16) for k in (1, 3, 5))


_DARK_PARTS = {_parts(light): ",".join(map(str, _parts(dark))) for light, dark in DARK.items()}


def read_once() -> None:
    """Have Streamlit read .streamlit/config.toml's theme once; it reads it anew for each page run, a tenth of its work."""
    read = app_session._populate_theme_msg

    @lru_cache(maxsize=16)  # sections
    def of(section: str) -> CustomThemeConfig:
        known = CustomThemeConfig()
        read(known, section)
        return known

    def populate(msg: CustomThemeConfig, section: str = "theme") -> None:
        if of(section).ByteSize():  # what is not set stays absent
            msg.MergeFrom(of(section))

    app_session._populate_theme_msg = populate


def is_dark() -> bool:
    """Which of the two does this reader's browser show?"""
    return bool(st.context.theme.type == "dark")


def shown(text: str, *, dark: bool | None = None) -> str:
    """HTML or a style sheet in the colours of the reader's screen (or of the one asked for)."""
    return _kept(text) if (is_dark() if dark is None else dark) else text


@lru_cache(maxsize=32)  # style sheets and maps
def _kept(text: str) -> str:
    return recoloured(text)


def recoloured(text: str) -> str:
    """Every palette colour in its dark form: #12506A, rgba(18,80,106,.5) and deck.gl's [18,80,106]; the rest as it is.

    >>> recoloured("color:#12506a; fill:rgba(18, 80, 106, .5); border:#010203")
    'color:#6DB6CF; fill:rgba(109,182,207, .5); border:#010203'
    """
    text = _HEX.sub(lambda found: DARK.get(found[0].upper(), found[0]), text)
    return _RGB.sub(lambda found: _DARK_PARTS.get(tuple(map(int, found.groups())), found[0]), text)


def figure(drawn: go.Figure, *, dark: bool | None = None) -> go.Figure:
    """The figure for the reader's screen. Worked out once and kept with the figure, which page.drawn keeps."""
    if not (is_dark() if dark is None else dark):
        return drawn
    if "_on_dark" not in vars(drawn):
        drawn._on_dark = go.Figure(_walked(drawn.to_dict()), _validate=False)
    return drawn._on_dark


class Written(go.Figure):
    """A figure in JSON already: Streamlit copies and writes the one it is given anew in every page run."""

    def __init__(self, figure: go.Figure) -> None:
        super().__init__()
        whole = figure.to_dict()
        self._whole = {
            **whole,
            "data": [_in_json(trace) for trace in whole["data"]],
            "layout": _in_json(whole["layout"]),
        }

    def to_dict(self) -> dict[str, Any]:
        return self._whole


def _in_json(part: Mapping[str, Any]) -> dict[str, Any]:
    """Single values stay as they are: Streamlit looks for the height."""
    return {
        name: value if value is None or isinstance(value, str | int | float) else orjson.Fragment(to_json_plotly(value))
        for name, value in part.items()
    }


def written(figure: go.Figure) -> go.Figure:
    """The same figure for Streamlit to send, kept with it, as page.drawn keeps it: no figure is changed once it is shown."""
    if "_written" not in vars(figure):
        figure._written = Written(figure)
    return figure._written


def deck(drawn: Deck, *, dark: bool | None = None) -> Deck:
    """The columns for the reader's screen."""
    return Deck(shown(drawn.text, dark=dark), shown(drawn.tooltip, dark=dark))


def _walked(part: Any) -> Any:
    """The same lists and dicts with their texts recoloured; numbers, also those in arrays, are left alone."""
    if isinstance(part, str):
        return recoloured(part) if "#" in part or "rgb" in part else part
    if isinstance(part, Mapping):
        return {name: _walked(value) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [_walked(value) for value in part]
    return part


_SWITCH = """
export default function ({ parentElement, data, setTriggerValue }) {
  const key = path => `stActiveTheme-${path}-v2`
  const kept = localStorage.getItem(key(location.pathname))
  const now = kept ? JSON.parse(kept) : "System"
  for (const button of parentElement.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.value === now))
    button.onclick = () => {
      for (const path of [location.pathname, ...data.paths]) localStorage.setItem(key(path), JSON.stringify(button.value))
      location.reload()
    }
  }
  // The computer turns dark in the evening: Streamlit recolours its own parts at once, ours come with the next run.
  const asks = matchMedia("(prefers-color-scheme: dark)")
  const follow = () => now === "System" && setTimeout(() => setTriggerValue("turned", true), 300)
  asks.addEventListener("change", follow)
  return () => asks.removeEventListener("change", follow)
}
"""
_SWITCH_HTML = (
    '<div role="group" aria-label="界面明暗"><button type="button" value="Light" title="浅色界面">浅色</button>'
    '<button type="button" value="Dark" title="深色界面">深色</button>'
    '<button type="button" value="System" title="跟随电脑的设置">跟随系统</button></div>'
)
_SWITCH_CSS = """
div { display: flex; justify-content: flex-end; }
button { font: inherit; font-size: .8rem; line-height: 1.4; padding: .15rem .5rem; cursor: pointer; background: none;
  color: var(--st-text-color); border: 1px solid var(--st-border-color); margin-left: -1px; white-space: nowrap; }
button:hover { background: var(--st-secondary-background-color); }
button[aria-pressed="true"] { background: var(--st-text-color); color: var(--st-background-color); }
button:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; position: relative; z-index: 1; }
"""


def switch(paths: Sequence[str]) -> None:
    """浅色 / 深色 / 跟随系统, for all pages at once; paths: their names in the address."""
    with st.container(key="theme_switch", width="content"):
        # The same definition again in each run: Streamlit keeps one a name, and none outlives its runtime.
        mount = st.components.v2.component("theme_switch", html=_SWITCH_HTML, css=_SWITCH_CSS, js=_SWITCH)
        mount(key="theme", on_turned_change=lambda: None, data={"paths": ["/", *(f"/{path}" for path in paths)]})
