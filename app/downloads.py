"""导出: the figure or table on the screen as picture, slide or workbook, made when the button is pressed.

Whatever leaves the screen goes through `noted`: the export log, and with a login the audit log and the mark (app.access.stamp).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import aside, marts
from app.access import audit, signin, stamp
from app.access.roles import SYSTEM
from app.exports import files
from app.reports import register

PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
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
    """A popover 「导出」 with PNG, SVG and PPT (where there is a figure) and Excel; none for a role that takes nothing away.

    name: title of the export and stem of the file name, period included; also the title of picture and slide, so that
    they can stand alone. notes: 口径, filters, as-of, version; written below the picture, and in the speaker notes.
    figure: what the screen drew, or how to draw it where the screen shows a map of its own.
    frame: the figures, or how to make them; what leaves the screen has gone through app.disclosure or is exempt there.
    """
    if not may_take():
        return
    file_stem = "_".join(name.replace("·", " ").replace("/", "／").split())
    with st.popover("导出", icon=":material/download:", type="tertiary", key=f"export_{key}"):
        if figure is not None:
            note = "　".join(notes)
            _button(
                "图片 PNG",
                partial(_drawn, "png", figure, name, note),
                f"{file_stem}.png",
                "image/png",
                f"{key}_png",
            )
            _button(
                "矢量图 SVG",
                partial(_drawn, "svg", figure, name, note),
                f"{file_stem}.svg",
                "image/svg+xml",
                f"{key}_svg",
            )
            _button(
                "幻灯片 PPT",
                partial(_drawn, "pptx", figure, name, note),
                f"{file_stem}.pptx",
                PPTX,
                f"{key}_pptx",
            )
        _button(
            "数据 Excel",
            partial(_written, frame, title=name, notes=list(notes), labels=labels),
            f"{file_stem}.xlsx",
            XLSX,
            f"{key}_xlsx",
        )


def _drawn(form: str, figure: go.Figure | Callable[[], go.Figure], title: str, note: str) -> bytes:
    shown = figure if isinstance(figure, go.Figure) else figure()
    return aside.do(files.drawn, form, shown, title=title, note=note)


def _written(frame: pl.DataFrame | Callable[[], pl.DataFrame], **words: Any) -> bytes:
    return aside.do(files.written, frame if isinstance(frame, pl.DataFrame) else frame(), **words)


def may_take() -> bool:
    """May this reader take something away from this page?"""
    reader = signin.who()
    return reader.may("export") or (st.session_state.get("_page") or "weekly") in SYSTEM


def noted(
    make: Callable[[], bytes], file_name: str, *, version: str | None = None, is_marked: bool = True
) -> Callable[[], bytes]:
    """The same file with the reader's mark, and a line in the logs when it is taken. version: default that of this page run.
    is_marked: False for what has to stay as it was issued, to the byte."""
    if version is None:
        version = Path(st.session_state.get(marts.VERSION_KEY, "")).stem.removeprefix("marts-").lstrip("0")
    page = st.session_state.get("_page") or "weekly"
    given: dict[str, Any] = {"page": page, "version": version, "role": st.session_state.get("role")}
    return partial(_taken, make, file_name, reader=signin.who(), is_allowed=may_take(), is_marked=is_marked, **given)


def _taken(
    make: Callable[[], bytes], file_name: str, *, reader: signin.Reader, is_allowed: bool, is_marked: bool, page: str,
    version: str, role: str | None,
) -> bytes:  # fmt: skip
    """The button may be pressed long after the page was drawn: who has left since takes nothing. What carries no mark is
    noted with its digest, so that a copy found later tells who took it."""
    signin.check(reader, unless_idle=True)
    if not is_allowed:
        raise signin.Out("您的角色不能从这一页导出。")
    made = content = make()
    if reader.role:
        if is_marked:
            content = stamp.stamped(made, Path(file_name).suffix, stamp.words(reader.words()))
        digest = hashlib.sha256(content).hexdigest()[:16] if content == made else ""
        audit.note(
            "export", f"{page} {file_name} {digest}".strip(), account=reader.account, role=reader.role, version=version
        )
    register.note_export(page, file_name, Path(file_name).suffix.lstrip("."), content, version=version, role=role)
    return content


def _button(label: str, make: partial[bytes], file_name: str, mime: str, key: str) -> None:
    st.download_button(
        label, noted(make, file_name), file_name, mime, key=f"download_{key}", on_click="ignore", width="stretch"
    )
