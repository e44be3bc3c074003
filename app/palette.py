"""Which colour means what. A calm paper base, one ink-blue accent; every level has a word and a shape beside it.

The four levels run dark → light (red, orange, yellow) with blue apart from them, so that they stay in order
for a reader who does not tell red from green, and in a grey photocopy.

Everything is drawn in the light colours below; DARK says what each of them becomes on a dark screen (app.theme).
What leaves the screen stays light.
"""

from collections.abc import Sequence
from dataclasses import dataclass

PAPER = "#FBFAF7"
"""Page and figure background."""
WHITE = "#FFFFFF"
"""A sheet of paper on the page, a hairline between filled shapes, words on a dark fill."""
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
    "#6199AD",
    "#3E7B93",
    "#28647F",
    "#164E69",
    "#0B3850",
)
"""Few → many, ten steps."""

DIVERGING = (
    "#1F5F8B",
    "#437C9F",
    "#7FAAC2",
    "#B1CBD8",
    "#DFE7E9",
    "#F3E6DA",
    "#EBC3A2",
    "#DD9A6E",
    "#B85C35",
    "#A1402A",
)
"""Falling (blue) → rising (brick), ten steps."""

UNCHANGED = "#ECE8DD"
"""No change."""
NO_VALUE = "#C9C8C6"
"""Nothing to compare, or not known; a plain grey, darker than UNCHANGED."""


EXPECTED = "#7FA6B5"
"""The line of expected values."""
BAND_EDGE = "#4E7F91"
"""Edges of the expected band and the words that name them."""
CUMULATED_TEXT = "#9A4A20"
"""Words in the second categorical colour."""
NEUTRAL = "#8C979E"
"""A part of a whole without a meaning of its own."""
GOOD = "#3E7D52"
"""Within the bound; always with ✓."""
CONFIRMED = "#2F6B4F"
"""Settled for good; darker than GOOD."""
ON_BRIGHT = "#14191D"
"""Words on a bright fill, in both themes."""


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
    edge: str = ""
    """Outline where the colour alone is less than 3 : 1 on PAPER; else empty."""


LEVELS = {
    "red": LevelStyle("红", "●", "#A61C1C", "#F7E3E0", WHITE, "circle"),
    "orange": LevelStyle("橙", "▲", "#D9730D", "#FBEBD9", ON_BRIGHT, "triangle-up"),
    "yellow": LevelStyle("黄", "■", "#E3B505", "#FBF3D0", ON_BRIGHT, "square", "#8F7000"),
    "blue": LevelStyle("蓝", "◆", "#2B6CB0", "#E1ECF6", WHITE, "diamond"),
}
"""signal_level → style, most urgent first."""

# ---------------------------------------------------------------- dark


def _pairs(light: Sequence[str], dark: Sequence[str]) -> dict[str, str]:
    return dict(zip(light, dark, strict=True))


DARK = {
    PAPER: "#14191D",
    WHITE: "#14191D",
    PANEL: "#1E252B",
    INK: "#E8E6E0",
    MUTED: "#A3ADB5",
    RULE: "#3A444C",
    GRID: "#283037",
    FAINT: "#5F6A73",
    ACCENT_SOFT: "#24434F",
    WARNING: "#FF7B6B",
    UNCHANGED: "#2B3033",
    NO_VALUE: "#4C4F52",
    EXPECTED: "#86AEBD",
    BAND_EDGE: "#8DB8C6",
    CUMULATED_TEXT: "#F0A379",
    NEUTRAL: "#98A3AB",
    GOOD: "#7CC294",
    CONFIRMED: "#5FA886",
    ON_BRIGHT: ON_BRIGHT,
    **_pairs(
        CATEGORICAL,
        (
            "#6DB6CF",
            "#E88B57",
            "#86BC88",
            "#B889BC",
            "#D9B64A",
            "#6CC3D2",
            "#E27385",
            "#A5B1BC",
            "#C09A74",
            "#7F9FE0",
        ),
    ),
    # Few is near the background, many is bright. Where light words stood on a dark step, dark words stand on a bright one.
    **_pairs(
        SEQUENTIAL,
        (
            "#1C2D36",
            "#1E3844",
            "#1F4454",
            "#1F5165",
            "#255E72",
            "#2D6C82",
            "#4590A7",
            "#6CACC0",
            "#92CAD8",
            "#CEEBF0",
        ),
    ),
    **_pairs(
        DIVERGING,
        (
            "#9CCDEE",
            "#5097C8",
            "#2F6891",
            "#224F71",
            "#1E3C53",
            "#55301D",
            "#683420",
            "#9C5330",
            "#D17B4D",
            "#F2B390",
        ),
    ),
    **_pairs([level.colour for level in LEVELS.values()], ("#F0585A", "#F29A38", "#F8E16C", "#5FA8F5")),
    **_pairs([level.tint for level in LEVELS.values()], ("#3B2022", "#3A2B18", "#37321C", "#1B2E41")),
    LEVELS["yellow"].edge: "#F8E16C",
}
"""Light colour → the same thing on a dark screen."""
