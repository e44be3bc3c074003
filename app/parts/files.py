"""What was taken in, what was not, what is still unknown."""

import json
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from app import fields, filters, jobs, marts, page, versions, wording
from app.downloads import XLSX, noted
from app.exports import workbook
from app.parts import running

OUTCOMES = {
    "unlocated": ("未能定位", "在区划表补上这个名称或别名"),
    "provisional": ("暂按原名列出", "确认后补进区划表或事项对照表"),
    "county_only": ("只定位到县区", "在区划表补上镇街名称或别名"),
    "town_only": ("只定位到镇街", "在区划表补上社区村名称或别名"),
    "unclassified": ("来源没有填分类", "请来源单位补填分类"),
}


LEDGER = (
    "loaded_at",
    "source",
    "file_name",
    "n_read",
    "n_loaded",
    "n_updated",
    "n_rejected",
    "n_duplicate",
    "n_out_of_scope",
    "balanced",
    "is_published",
    "known_on",
    "first_registered_on",
    "last_registered_on",
    "crs",
    "encoding",
    "batch_id",
)
UNDOING = "_undoing"
LEDGER_LABELS = {"balanced": "勾稽", "is_published": "已发布"}
COUNTS = ("n_read", "n_loaded", "n_rejected", "n_duplicate", "n_out_of_scope")
TIMES = {"loaded_at": pl.Datetime, "known_on": pl.Date, "first_registered_on": pl.Date, "last_registered_on": pl.Date}


class NotNow(Exception):
    """The warehouse cannot be asked right now; says why."""


def live() -> tuple[pl.DataFrame | None, str]:
    """The batches in the warehouse right now, newest first; or None and why not. Asked again only when it changed."""
    warehouse = versions.home() / "warehouse.duckdb"
    stamps = [path.stat() for path in (warehouse, warehouse.with_name("warehouse.duckdb.wal")) if path.exists()]
    if not stamps:
        return pl.DataFrame(schema={"batch_id": pl.String}), ""
    if jobs.current() is not None:
        return None, "正在处理，结束后显示最新的批次。"
    try:
        return _live(str(warehouse), tuple((stamp.st_mtime_ns, stamp.st_size) for stamp in stamps)), ""
    except NotNow as reason:
        return None, str(reason)


@st.cache_data(show_spinner="正在读取批次…", max_entries=4)
def _live(home: str, stamps: tuple[tuple[int, int], ...]) -> pl.DataFrame:
    answer = jobs.ask("batches")
    if "error" in answer:
        raise NotNow(answer["error"])
    frame = pl.DataFrame(answer["batches"], infer_schema_length=None)
    if frame.is_empty():
        return pl.DataFrame(schema={"batch_id": pl.String})
    written = {name: kind for name, kind in TIMES.items() if frame.schema.get(name) == pl.String}
    return frame.with_columns(pl.col(name).str.to_datetime(strict=False).cast(kind) for name, kind in written.items())


def all_batches(batches: pl.DataFrame | None, why_not: str, published: set[str], edition: page.Edition | None) -> None:
    """The ledger, one batch of it, and the rows left out. `batches`: the warehouse's; None, and why, where it cannot
    be asked: then those of the version that is shown."""
    if batches is None:
        page.quiet(f"{why_not}下面是已发布版本里的批次。" if edition else why_not)
        batches = marts.query("batches") if edition else pl.DataFrame()
    if batches.is_empty():
        page.quiet("还没有批次。先在「导入」里上传导出文件。")
        return
    with st.columns(3)[0]:
        source = filters.source_of(batches["source"].unique().to_list())
    if source:
        batches = batches.filter(pl.col("source") == source)
    page.require(batches, "还没有这个来源的批次。")
    ledger(batches, published, edition.notes() if edition else ["尚未发布。"])
    one_batch(batches)
    if edition:
        rejected(source, edition)


def ledger(batches: pl.DataFrame, published: set[str], notes: list[str]) -> None:
    """One row a file, and the identity that must hold for each."""
    page.section("批次台账", "读入 = 入库 + 拒收 + 重复 + 范围外，逐个文件成立")
    total = batches.select(pl.col(*COUNTS).sum()).row(0, named=True)
    for column, (name, value) in zip(st.columns(len(COUNTS)), total.items(), strict=True):
        column.metric(fields.label(name), wording.number(value), help=fields.note(name) or None)
    shown = fields.in_words(batches).with_columns(
        (pl.col("n_read") == pl.sum_horizontal(*COUNTS[1:])).alias("balanced"),
        pl.col("batch_id").is_in(published).alias("is_published"),
    )
    page.grid(shown.select(name for name in LEDGER if name in shown.columns), labels=LEDGER_LABELS, key="batches")
    taken_away = batches.drop("redactions", "dropped_columns", "crs_hits", "control_totals", "notes", strict=False)
    page.foot(taken_away, name="批次台账", notes=notes, key="batches_foot")


def one_batch(batches: pl.DataFrame) -> None:
    """One file: where each of its rows went, what to know about it, its rejected rows, and 撤回."""
    page.section("一个批次", "每一行去了哪里；导错了可以撤回")
    names = {
        row["batch_id"]: f"{row['file_name']}（{str(row['loaded_at'])[:16]}）" for row in batches.iter_rows(named=True)
    }
    chosen = filters.choose("批次", names, key="batch")
    batch = batches.row(by_predicate=pl.col("batch_id") == chosen, named=True)
    said = "".join(f"<li>{wording.escape(sentence)}</li>" for sentence in (identity(batch), *about(batch)))
    st.html(f'<ul class="facts">{said}</ul>')
    with st.container(horizontal=True):
        if batch["n_rejected"]:
            rejected_download([batch["batch_id"]], batch["file_name"], key=f"rejected_{chosen}")
        st.button(
            "撤回这个批次",
            icon=":material/undo:",
            key="undo",
            disabled=jobs.current() is not None,
            on_click=lambda: st.session_state.update({UNDOING: chosen}),
        )
    if st.session_state.get(UNDOING) == chosen:
        confirm_undo(batch)


def identity(batch: dict[str, Any]) -> str:
    """读入 1,234 行 = 入库 1,200（其中更新 3）+ 拒收 20 + 重复 10 + 范围外 4"""
    updated = f"（其中更新 {batch['n_updated']:,}）" if batch["n_updated"] else ""
    return (
        f"读入 {batch['n_read']:,} 行 = 入库 {batch['n_loaded']:,}{updated} + 拒收 {batch['n_rejected']:,}"
        f" + 重复 {batch['n_duplicate']:,} + 范围外 {batch['n_out_of_scope']:,}"
    )


def about(batch: dict[str, Any]) -> list[str]:
    """What an administrator should know of a batch, sentence by sentence."""
    layout = fields.words("layout").get(batch["layout"], batch["layout"])
    encoding = fields.words("encoding").get(batch["encoding"], batch["encoding"])
    said = [f"来源 {wording.SOURCES.get(batch['source'], batch['source'])}，版式 {layout}，编码 {encoding}。"]
    if batch.get("first_registered_on"):
        said.append(f"登记日期 {batch['first_registered_on']} 至 {batch['last_registered_on']}。")
    if batch.get("known_on"):
        said.append(f"知悉日期 {batch['known_on']}：回看更早的一天时不计这个文件（那时若已有别的文件）。")
    if batch.get("crs"):
        hits = loaded(batch.get("crs_hits")) or {}
        tried = f"，试了 {hits['n']:,} 个点" if hits.get("n") else ""
        shares = "、".join(f"{name.upper()} {share:.0%}" for name, share in hits.items() if isinstance(share, float))
        said.append(
            f"坐标系 {batch['crs'].upper()}" + (f"（落在所报区域内的比例：{shares}{tried}）" if shares else "") + "。"
        )
    for total in loaded(batch.get("control_totals")) or []:
        if total["stated"] == total["counted"]:  # where they differ a note says so
            said.append(f"文件第 {total['row']} 行自报合计「{total['column']}」{total['stated']:,}，与实数相符。")
    return said + list(loaded(batch.get("notes")) or [])


def loaded(text: Any) -> Any:
    return json.loads(text) if isinstance(text, str) and text else text


def rejected_download(batch_ids: list[str], name: str, *, key: str) -> None:
    """A button: the rows of these batches that were not taken in, with rule and hint, as a workbook."""
    file_name = f"拒收行_{jobs.safe_name(name)}.xlsx"
    st.download_button(
        "下载拒收的行",
        noted(partial(rejected_workbook, batch_ids, name), file_name),
        file_name,
        XLSX,
        key=key,
        icon=":material/download:",
        on_click="ignore",
    )


def rejected_workbook(batch_ids: list[str], name: str) -> bytes:
    """The workbook behind `rejected_download`, from the warehouse as it is when the button is pressed."""
    rows = jobs.ask("rejected", *batch_ids).get("rejected", [])
    columns = ("source", "layout", "file_name", "source_row", "column_name", "found", "rule", "hint")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String) | {"source_row": pl.Int64})
    notes = ["逐行列出文件、行号、列和处理提示；行号与电子表格显示一致，表头也算。"]
    return workbook.xlsx(frame, title=f"拒收行 {name}", notes=notes, labels=None)


def _keep_it() -> None:
    st.session_state.pop(UNDOING, None)


@st.dialog("撤回这个批次？", on_dismiss=_keep_it)
def confirm_undo(batch: dict[str, Any]) -> None:
    """Asks once more, with what will happen."""
    st.html(
        f"<p><b>{wording.escape(batch['file_name'])}</b> 入库的 {batch['n_loaded']:,} 行会从数据仓库移除，"
        "其他文件报过的同一事项恢复为那时的状态，如同从未导入这个文件。看板在重新发布之后才会变。"
        "以后可以重新导入这个文件。</p>"
    )
    with st.container(horizontal=True):
        if st.button("撤回", type="primary", key="undo_yes"):
            _keep_it()
            running.start("undo", f"撤回 {batch['file_name']}", [["undo", batch["batch_id"]]])
            st.rerun()
        if st.button("不撤回", key="undo_no"):
            _keep_it()
            st.rerun()


def rejected(source: str | None, edition: page.Edition) -> None:
    """Rows left out, by rule, with what to do about them."""
    rules = marts.query("rejected_rules", source=source)
    page.section("拒收的行", "坏行不入统计，但一行不丢：原因和行号都留着，可下载后退回来源单位")
    if rules.is_empty():
        page.quiet("没有拒收的行。")
        return
    shown = fields.in_words(rules)
    page.table(
        shown,
        [
            page.Column("source"),
            page.Column("layout"),
            page.Column("column_name"),
            page.Column("n_rejected", "bar"),
            page.Column("n_files", "number", "文件数"),
            page.Column("found", label="发现（举例）"),
            page.Column("hint"),
        ],
    )
    rows = marts.query("rejected_rows", source=source)
    page.foot(rows, name="拒收行清单", notes=edition.notes("逐行列出文件、行号、列和处理提示。"), key="rejected")


def unresolved(edition: page.Edition) -> None:
    """Names the reference does not know yet, and the next step for each."""
    names = marts.query("unresolved_names")
    page.section("还对不上的名称", "照样计入总数；补进参考表后重新发布即归位")
    if names.is_empty():
        page.quiet("文件里的区域和分类都能对上。")
        return
    shown = names.with_columns(
        pl.col("name_kind").replace_strict({"place": "区域", "category": "分类"}),
        pl.col("source").replace_strict(wording.SOURCES, default=pl.col("source")),
        pl.col("outcome")
        .replace_strict({key: word for key, (word, _) in OUTCOMES.items()}, default=pl.col("outcome"))
        .alias("how"),
        pl.col("outcome")
        .replace_strict({key: step for key, (_, step) in OUTCOMES.items()}, default="")
        .alias("next_step"),
    )
    page.table(
        shown.head(20),
        [
            page.Column("name_kind", label="种类"),
            page.Column("source"),
            page.Column("name_reported", label="文件里的说法"),
            page.Column("n_events", "bar"),
            page.Column("how", label="目前"),
            page.Column("next_step", label="下一步"),
        ],
    )
    labels = {"name_kind": "种类", "name_reported": "文件里的说法", "how": "目前", "next_step": "下一步"}
    page.foot(shown.drop("outcome"), name="未对上的名称", notes=edition.notes(), key="unresolved", labels=labels)
