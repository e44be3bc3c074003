"""Colours, lines and type as DrawingML, the XML that charts, shapes and tables of office programs share.

Type is always the theme's, Latin and Chinese both set: a chart copied into another deck takes that deck's font.
"""

from html import escape

from app.exports import archive

EMU = 12_700
"""A point."""


def safe(text: str) -> str:
    """Text of the data for XML."""
    return escape(archive.plain(text), quote=True)


def fill(colour: str, alpha: float = 1) -> str:
    """#12506A or rgba(18,80,106,0.5) → a solid fill; none where nothing would be seen.

    >>> fill("#12506A")
    '<a:solidFill><a:srgbClr val="12506A"/></a:solidFill>'
    """
    digits, alpha = _colour(colour, alpha)
    if not alpha:
        return "<a:noFill/>"
    inner = f'><a:alpha val="{round(alpha * 100_000)}"/></a:srgbClr>' if alpha < 1 else "/>"
    return f'<a:solidFill><a:srgbClr val="{digits}"{inner}</a:solidFill>'


def _colour(colour: str, alpha: float) -> tuple[str, float]:
    if not colour.startswith("rgb"):
        return colour.lstrip("#").upper(), alpha
    parts = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")]
    return "".join(f"{round(part):02X}" for part in parts[:3]), alpha * (parts[3] if len(parts) == 4 else 1)


def stroke(colour: str | None, width: float = 1, dash: str = "") -> str:
    """A line, `width` points; dash: as plotly calls it. None or no width = no line."""
    if colour is None or not width:
        return "<a:ln><a:noFill/></a:ln>"
    dashed = f'<a:prstDash val="{_DASHES[dash]}"/>' if dash not in ("", "solid") else ""
    return f'<a:ln w="{round(width * EMU)}" cap="rnd">{fill(colour)}{dashed}<a:round/></a:ln>'


_DASHES = {"dash": "dash", "dot": "sysDot", "dashdot": "dashDot", "longdash": "lgDash"}


def run(text: str, size: float, colour: str, *, is_bold: bool = False) -> str:
    """A run of text, `size` points."""
    return f"<a:r>{run_form(size, colour, is_bold=is_bold)}<a:t>{safe(text)}</a:t></a:r>"


def run_form(size: float, colour: str, *, is_bold: bool = False, tag: str = "rPr") -> str:
    """The properties of a run; tag: rPr, defRPr or endParaRPr."""
    return (
        f'<a:{tag} lang="zh-CN" sz="{round(size * 100)}" b="{int(is_bold)}">{fill(colour)}'
        f'<a:latin typeface="+mn-lt"/><a:ea typeface="+mn-ea"/></a:{tag}>'
    )
