"""批量: a table goes in, a suggestion for each row comes out. The file is read in memory; nothing of it is stored."""

import polars as pl
import streamlit as st

from app import downloads, page, wording
from app.exports import csv_text, workbook
from app.parts import dispatch
from pipelines import redact
from pipelines.dispatch import batch, suggest
from pipelines.errors import SourceError

MAX_ROWS, MAX_MEGABYTES, PREVIEW = 20_000, 20, 50
DONE = "_dispatch_batch"
"""In the session: (file and columns, frame of what was found)."""
TEXT = "脱敏后的内容"
TYPES = ["csv", "tsv", "txt", "xlsx", "xls"]
NO_PURPOSE = ""


def tab(edition: page.Edition) -> None:
    chosen = st.file_uploader(
        f"CSV 或 Excel，首行为表头，一行一件；不超过 {MAX_ROWS:,} 行、{MAX_MEGABYTES} MB",
        type=TYPES, max_upload_size=MAX_MEGABYTES, key="dispatch_file",
    )  # fmt: skip
    if chosen is None:
        st.session_state.pop(DONE, None)
        page.quiet("文件只在内存里读，内容当场脱敏，不保存。结果只含行号、建议和脱敏后的内容，不含文件里的其他列。")
        return
    try:
        frame = batch.read(chosen.name, chosen.getvalue())
    except SourceError as fault:
        page.quiet(str(fault))
        return
    if frame.is_empty() or len(frame) > MAX_ROWS:
        page.quiet(
            f"这个文件有 {len(frame):,} 行，一次最多 {MAX_ROWS:,} 行。请分成几个文件，或用命令行 yanpan dispatch suggest --input。"
            if len(frame) else "这个文件只有表头，没有一行内容。请重新导出。"
        )  # fmt: skip
        return
    column, purpose, pressed = _columns(frame)
    asked = (chosen.file_id, column, purpose)
    if pressed:
        st.session_state[DONE] = (asked, _judged(frame, column, purpose))
    done = st.session_state.get(DONE)
    if done is None or done[0] != asked:
        return
    _result(done[1], chosen.name.rsplit(".", 1)[0], edition)


def _columns(frame: pl.DataFrame) -> tuple[str, str, bool]:
    """Which column holds the text, which the purpose if any, and was the button pressed?"""
    names = frame.columns
    guess = batch.text_column(names)
    purposes = [NO_PURPOSE, *names]
    left, middle, right = st.columns([2, 2, 3], vertical_alignment="bottom")
    column = left.selectbox("内容在哪一列", names, index=names.index(guess) if guess else 0, key="dispatch_column")
    purpose = middle.selectbox(
        "信访目的在哪一列", purposes, format_func=lambda name: name or "没有这一列", key="dispatch_purpose_column",
        index=purposes.index(batch.PURPOSE_COLUMN) if batch.PURPOSE_COLUMN in names else 0,
    )  # fmt: skip
    pressed = right.button(f"给出 {len(frame):,} 行的建议", type="primary", key="dispatch_run")
    return column, purpose, pressed


def _judged(frame: pl.DataFrame, column: str, purpose: str) -> pl.DataFrame:
    """batch.COLUMNS and the redacted text, a row each."""
    given = dispatch.tools()
    with st.spinner("正在脱敏并判断…"):
        texts = redact.redact(frame[column].fill_null(""))[0].to_list()
        purposes = frame[purpose].to_list() if purpose else None
        bar = st.progress(0.0)
        found: list[suggest.Suggestion] = list(
            batch.suggested(given, texts, purposes, lambda done: bar.progress(done / len(texts)))
        )
        bar.empty()
    rows = [[*batch.row(n, text, one), text] for n, (text, one) in enumerate(zip(texts, found, strict=True), 2)]
    return pl.DataFrame(rows, schema=dict.fromkeys([*batch.COLUMNS, TEXT], pl.String), orient="row")


def _result(frame: pl.DataFrame, stem: str, edition: page.Edition) -> None:
    n_sure = int((frame["建议"] == "建议").sum())
    st.html(
        f'<p class="doing">{len(frame):,} 行：{n_sure:,} 行有建议，{len(frame) - n_sure:,} 行没有把握、留给人工。'
        f"下面是前 {min(PREVIEW, len(frame))} 行。</p>"
    )
    st.dataframe(
        frame.head(PREVIEW).drop("事项代码"), hide_index=True, key="dispatch_preview", height=420, placeholder="—",
        column_config={
            "行": st.column_config.TextColumn(width=50), "建议": st.column_config.TextColumn(width=76),
            "把握": st.column_config.TextColumn(width=60, alignment="right"), "理由": st.column_config.TextColumn(width=260),
            TEXT: st.column_config.TextColumn(width=360),
        },
    )  # fmt: skip
    name = f"分派建议_{stem}"
    notes = edition.notes(
        "行号是原文件的行号（表头为第 1 行）。只是建议，由经办人员决定；内容已脱敏，使用前请再看一遍。"
    )
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.download_button(
            "下载 CSV", downloads.noted(lambda: csv_text.csv_bytes(frame, labels=_labels(frame)), f"{name}.csv"), f"{name}.csv",
            "text/csv", key="dispatch_csv", on_click="ignore", icon=":material/download:",
        )  # fmt: skip
        st.download_button(
            "下载 Excel",
            downloads.noted(lambda: workbook.xlsx(frame, title="分派建议", notes=notes, labels=_labels(frame)), f"{name}.xlsx"),
            f"{name}.xlsx", downloads.XLSX, key="dispatch_xlsx", on_click="ignore", icon=":material/download:",
        )  # fmt: skip
        st.html(f'<p class="note">{wording.escape(notes[0])}</p>', width="stretch")


def _labels(frame: pl.DataFrame) -> dict[str, str]:
    return {name: name for name in frame.columns}
