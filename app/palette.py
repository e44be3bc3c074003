"""Which colour means what. A calm paper base, one ink-blue accent; every level has a word and a shape beside it.

The four levels run dark → light (red, orange, yellow) with blue apart from them, so that they stay in order
for a reader who does not tell red from green, and in a grey photocopy.
"""

from dataclasses import dataclass

PAPER = "#FBFAF7"
"""Page and figure background."""
PANEL = "#F2F0EA"
"""A box on the paper: sidebar, shaded period, empty map."""
INK = "#1E2A33"
"""Text and titles."""
MUTED = "#5C6873"
"""Secondary text; 4.5 : 1 and more on PAPER."""
RULE = "#DAD6CC"
"""Thin rules, grid lines, borders."""
GRID = "#E8E5DD"
"""Hairlines behind a figure."""
FAINT = "#B3B7B9"
"""Lines and bars that are context, not the subject."""
ACCENT = "#12506A"
"""The subject."""
ACCENT_SOFT = "#CFE0E6"
"""The expected band."""
WARNING = "#B3261E"
"""A week over its upper bound."""

CATEGORICAL = (
    "#12506A",
    "#C4622D",
    "#5A8A5C",
    "#7A4E7E",
    "#B08A1E",
    "#4797A6",
    "#A33B4C",
    "#6E7B87",
    "#8A6746",
    "#3F5FA0",
)
"""Ten, because Streamlit drops its whole colour way with fewer."""

SEQUENTIAL = (
    "#EEF3F3",
    "#D6E4E6",
    "#BAD2D8",
    "#9BBFC9",
    "#7AA9B8",
    "#5A92A6",
    "#3E7B93",
    "#28647F",
    "#164E69",
    "#0B3850",
)
"""Few → many, ten steps."""

DIVERGING = (
    "#1F5F8B",
    "#4C86A8",
    "#7FAAC2",
    "#B1CBD8",
    "#DFE7E9",
    "#F3E6DA",
    "#EBC3A2",
    "#DD9A6E",
    "#C66B43",
    "#A1402A",
)
"""Falling (blue) → rising (brick), ten steps."""

UNCHANGED = "#ECE8DD"
"""No change."""
NO_VALUE = "#C9C8C6"
"""Nothing to compare, or not known; a plain grey, darker than UNCHANGED."""


@dataclass(frozen=True)
class LevelStyle:
    """How one warning level is shown. Colour never alone: `word` and `shape` go with it."""

    word: str
    shape: str
    colour: str
    tint: str
    """Background behind INK text."""
    on_colour: str
    """Text on `colour`."""
    symbol: str
    """Plotly marker symbol of the same shape."""


LEVELS = {
    "red": LevelStyle("红", "●", "#A61C1C", "#F7E3E0", "#FFFFFF", "circle"),
    "orange": LevelStyle("橙", "▲", "#D9730D", "#FBEBD9", "#1E2A33", "triangle-up"),
    "yellow": LevelStyle("黄", "■", "#E3B505", "#FBF3D0", "#1E2A33", "square"),
    "blue": LevelStyle("蓝", "◆", "#2B6CB0", "#E1ECF6", "#FFFFFF", "diamond"),
}
"""signal_level → style, most urgent first."""
