"""One figure or table as the bytes of a file, and the mark on a finished one. Each loads its libraries when first asked."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import polars as pl


def drawn(form: str, figure: go.Figure, **words: Any) -> bytes:
    """A figure as png, svg or pptx (see app.exports.picture, .slides)."""
    from app.exports import picture, slides

    save: dict[str, Callable[..., bytes]] = {"png": picture.png, "svg": picture.svg, "pptx": slides.pptx}
    return save[form](figure, **words)


def written(frame: pl.DataFrame, **words: Any) -> bytes:
    """A table as xlsx (see app.exports.workbook)."""
    from app.exports import workbook

    return workbook.xlsx(frame, **words)


def marked(content: bytes, suffix: str, mark: str) -> bytes:
    """A finished file with a line of its own on every page (see app.exports.marked)."""
    from app.exports import marked

    return marked.marked(content, suffix, mark)
