"""导出: the figure or table on the screen as picture or workbook, made when the button is pressed."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app.exports import picture, workbook

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def bar(
    name: str,
    *,
    frame: pl.DataFrame | Callable[[], pl.DataFrame],
    notes: Sequence[str],
    key: str,
    figure: go.Figure | Callable[[], go.Figure] | None = None,
    labels: Mapping[str, str] | None = None,
) -> None:
    """A popover 「导出」 with PNG and SVG (where there is a figure) and Excel.

    name: title of the export and stem of the file name, period included; also the title of the picture, so that it
    can stand alone. notes: 口径, filters, as-of, version; written below the picture.
    figure: what the screen drew, or how to draw it where the screen shows a map of its own.
    frame: the figures, or how to make them; what leaves the screen has gone through app.disclosure or is exempt there.
    """
    file_stem = "_".join(name.replace("·", " ").replace("/", "／").split())
    with st.popover("导出", icon=":material/download:", type="tertiary", key=f"export_{key}"):
        if figure is not None:
            note = "　".join(notes)
            _button(
                "图片 PNG",
                partial(_drawn, picture.png, figure, name, note),
                f"{file_stem}.png",
                "image/png",
                f"{key}_png",
            )
            _button(
                "矢量图 SVG",
                partial(_drawn, picture.svg, figure, name, note),
                f"{file_stem}.svg",
                "image/svg+xml",
                f"{key}_svg",
            )
        _button(
            "数据 Excel",
            partial(_written, frame, title=name, notes=list(notes), labels=labels),
            f"{file_stem}.xlsx",
            XLSX,
            f"{key}_xlsx",
        )


def _drawn(save: Callable[..., bytes], figure: go.Figure | Callable[[], go.Figure], title: str, note: str) -> bytes:
    return save(figure if isinstance(figure, go.Figure) else figure(), title=title, note=note)


def _written(frame: pl.DataFrame | Callable[[], pl.DataFrame], **words: Any) -> bytes:
    return workbook.xlsx(frame if isinstance(frame, pl.DataFrame) else frame(), **words)


def _button(label: str, make: partial[bytes], file_name: str, mime: str, key: str) -> None:
    st.download_button(label, make, file_name, mime, key=f"download_{key}", on_click="ignore", width="stretch")
