"""Files in: chosen, checked, confirmed, taken in, published; and what the watched inbox did meanwhile."""

import json
from datetime import datetime, timedelta

import polars as pl
import streamlit as st

from app import jobs, marts, page, versions, wording
from app.parts import files, mapping, running
from pipelines import runs

MAX_MEGABYTES = 500
RECENT = timedelta(minutes=15)
"""How long the end of a job is told at the top of the page."""
OUTCOMES = {"taken": "已导入", "refused": "未导入", "waiting": "等待"}


def standing(batches: pl.DataFrame | None, published: set[str]) -> None:
    """Above all tabs: what runs, what the last job came to, and what waits to be published."""
    job = next(iter(jobs.recent(1)), None)
    if job is not None and job.status == jobs.RUNNING:
        running.progress(job.id)
        return
    refused = running.refusal()
    if refused:
        page.quiet(refused)
    answered = job is not None and job.kind == "check" and job.status == jobs.DONE  # its result is on the page
    if job and job.finished_at and not answered and datetime.now() - datetime.fromisoformat(job.finished_at) < RECENT:
        st.html(f'<p class="ended {job.status}">{wording.escape(ended(job))}</p>')
    if batches is not None and marts.AS_OF not in st.query_params:
        waiting(set(batches["batch_id"]), published)


def ended(job: jobs.Job) -> str:
    """How a job ended, in one sentence or two."""
    if job.status == jobs.CANCELLED:
        return f"已取消{job.title}。没有完成的文件没有写入任何数据。"
    if job.status == jobs.INTERRUPTED:
        return f"{job.title}中途中断（机器重启或程序被停止）。没有完成的文件没有写入任何数据，可以重新来过。"
    if job.status == jobs.FAILED:
        return f"{job.title}没有完成：{job.error() or '没有说明原因。'}"
    answer = (job.results() or [{}])[-1]
    if job.kind == "build":
        return f"已发布版本 {answer.get('version')}：{int(answer.get('n_events', 0)):,} 件，{answer.get('data_from')} 至 {answer.get('data_through')}。"
    if job.kind == "undo":
        return (
            f"已撤回 {answer.get('file_name')}：{answer.get('n_removed', 0):,} 件随之移除，"
            f"{answer.get('n_restored', 0):,} 件恢复为此前的状态。发布后各页更新。"
        )
    return f"{job.title}完成，用时 {running.elapsed(job.seconds())}。"


def waiting(in_warehouse: set[str], published: set[str]) -> None:
    """What the other pages do not show yet, and the button that changes it."""
    n_new, n_gone = len(in_warehouse - published), len(published - in_warehouse)
    if not n_new and not n_gone:
        return
    said = "、".join(words for n, words in ((n_new, f"{n_new} 个批次已导入"), (n_gone, f"{n_gone} 个批次已撤回")) if n)
    still = "各页仍是上一个版本" if published else "发布以后各页才有数据"
    with st.container(horizontal=True, vertical_alignment="center", key="waiting"):
        st.html(f'<p class="quiet">{said}，还没有发布：{still}。</p>', width="stretch")
        st.button("发布", type="primary", key="publish", icon=":material/publish:", on_click=publish)


def publish() -> None:
    """Work out the marts anew; how long each step took last time makes the bar."""
    last = next((job for job in jobs.recent() if job.kind == "build" and job.status == jobs.DONE), None)
    seconds = last.results()[-1].get("seconds", {}) if last else {}
    running.start("build", "重算并发布新版本", [["build"]], about={"seconds": seconds})


def intake() -> None:
    """The tab 导入: what waits for a word, else the form; below it the last result, the inbox and the last jobs."""
    if jobs.current() is not None:
        page.quiet("正在处理，进度在上面；结束后可以继续上传。")
        return
    jobs.sweep()
    done = jobs.recent()
    checked = next((job for job in done if job.kind == "check" and jobs.files_of(job.upload)), None)
    if checked is not None:
        confirm(checked)
        return
    form()
    taken = next((job for job in done if job.kind == "ingest" and job.results()), None)
    if taken is not None:
        result(taken)
    inbox()
    last_jobs(done)
    if (versions.home() / "warehouse.duckdb").exists():
        st.button(
            "重新计算并发布",
            key="publish_again",
            icon=":material/refresh:",
            on_click=publish,
            help="改了区划、对照表、更正或时限规则之后用；没有新批次也会按现在的参考数据重算。",
        )


def form() -> None:
    """Step 1: files, and what the administrator knows about them."""
    page.section("上传导出文件", "先检查，确认后才入库；原文件处理完立即删除，不留在服务器上")
    with st.form("upload", clear_on_submit=True, border=False):
        # Any kind of file may come: what it is shows in its content, and the check says so in Chinese.
        chosen = st.file_uploader(
            f"xlsx、xls、csv、tsv、zip、gz 或 geojson，可以一次选几个，单个不超过 {MAX_MEGABYTES} MB",
            accept_multiple_files=True,
            max_upload_size=MAX_MEGABYTES,
            key="files",
        )
        left, middle, right = st.columns(3)
        sources = {"": "自动识别", **wording.SOURCES}
        source = left.selectbox("来源", list(sources), format_func=sources.__getitem__, key="upload_source")
        layouts = {"": "自动识别", **mapping.layouts()}
        layout = middle.selectbox("版式", list(layouts), format_func=layouts.__getitem__, key="upload_layout")
        known_on = right.date_input(
            "导出日期",
            value=None,
            max_value=page.today(),
            format="YYYY-MM-DD",
            key="upload_known_on",
            help="补导旧文件时填：回看过去某一天时，按这一天算作已知。不填就是今天。",
        )
        pressed = st.form_submit_button("检查", type="primary", icon=":material/fact_check:")
    if not pressed:
        return
    if not chosen:
        page.quiet("还没有选文件。把文件拖到上面的框里，或点「选择文件」。")
        return
    upload, _ = jobs.save_upload((file.name, file.getbuffer()) for file in chosen)
    day = known_on.isoformat() if known_on else None
    options: dict[str, str | None] = {"source": source or None, "layout": layout or None, "known_on": day}
    if check(upload, options) is None:
        jobs.discard(upload)
    st.rerun()


def check(upload: str, options: dict[str, str | None]) -> jobs.Job | None:
    """Look at every file of an upload without taking anything in."""
    paths = jobs.files_of(upload)
    return running.start(
        "check",
        f"检查 {len(paths)} 个文件",
        [mapping.check_command(path, options) for path in paths],
        goes_on=True,
        upload=upload,
        keeps_upload=True,
        about=options,
    )


def confirm(job: jobs.Job) -> None:
    """Step 2: what each file was recognised as; unknown ones get their columns named; then 导入."""
    page.section("检查结果", "确认后才入库")
    saved = st.session_state.pop("_saved_layout", "")
    if saved:  # the files are looked at again, with the layout just kept
        check(job.upload or "", job.about)
        st.rerun()
    paths, answers = jobs.files_of(job.upload), job.results()
    ready = []
    for path, answer in zip(paths, answers, strict=False):
        if mapping.verdict(path, answer, job.about.get("source")):
            ready.append(path)
    with st.container(horizontal=True, key="confirm"):
        st.button(
            f"导入 {len(ready)} 个文件" if len(ready) < len(paths) else "导入",
            type="primary",
            key="import",
            icon=":material/download_done:",
            disabled=not ready,
            on_click=take_in,
            args=(job, [str(path) for path in ready]),
        )
        st.button("放弃，删除上传的文件", key="discard", on_click=jobs.discard, args=(job.upload,))
    if len(ready) < len(paths):
        st.html('<p class="note">没有识别的文件不导入；先为它们保存版式，或放弃后换一个文件。</p>')


def take_in(job: jobs.Job, paths: list[str]) -> None:
    """Start the import of the files of a check."""
    words = [word for name in ("source", "layout", "known_on") if job.about.get(name) for word in (f"--{name.replace('_', '-')}", job.about[name])]  # fmt: skip
    has_archive = any(path.lower().endswith(".zip") for path in paths)  # nobody counted what is inside
    running.start(
        "ingest",
        f"导入 {len(paths)} 个文件",
        [["ingest", *paths, *words]],
        upload=job.upload,
        about={"n_files": 0 if has_archive else len(paths)},
    )


def result(job: jobs.Job) -> None:
    """What the last import made of each file."""
    answer = job.results()[-1]
    page.section("上次导入", f"{job.started_at[:16].replace('T', ' ')}，{running.STATUSES[job.status]}")
    if "error" in answer:
        page.quiet(answer["error"])
        return
    batches = answer.get("batches", [])
    for batch in batches:
        if batch["status"] == "loaded":
            said = files.identity(batch)
        else:
            said = "这个文件此前已导入，没有改动任何数据"
        notes = "".join(f"<li>{wording.escape(note)}</li>" for note in files.loaded(batch.get("notes")) or [])
        st.html(
            f'<div class="result"><b>{wording.escape(batch["file_name"])}</b>'
            f"<span>{wording.escape(said)}</span><ul>{notes}</ul></div>"
        )
    judged = answer.get("classified") or {"n_asked": 0}
    if judged["n_asked"]:
        st.html(
            f'<p class="note">另有 {judged["n_asked"]:,} 件没有分类，其中 {judged["n_suggested"]:,} 件按本单位历史给出了建议分类，'
            "发布后各页采用；来源的原分类不改。</p>"
        )
    for folder in answer.get("reference") or []:
        st.html(
            f'<p class="note">参考数据已更新：{folder.get("places", 0):,} 个区域，{folder.get("boundaries", 0):,} 个边界。</p>'
        )
    rejected = [batch["batch_id"] for batch in batches if batch["n_rejected"]]
    if rejected:
        files.rejected_download(rejected, f"导入 {job.started_at[:10]}", key="rejected_of_import")


def inbox() -> None:
    """Is a watcher at the inbox folder, and what did it do last?"""
    folder = versions.home() / "inbox"
    try:
        status = json.loads((folder / ".status.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        page.section("自动导入文件夹", "未启用")
        st.html(
            '<p class="note">运行 yanpan watch 后，放进数据目录下 inbox 文件夹的文件会自动导入并发布，'
            "不认识的文件移到「未导入」并附说明。</p>"
        )
        return
    doing = status.get("doing", "") if runs.is_locked(folder / ".lock") else "没有在看守；运行 yanpan watch 启动"
    looked = f"，最近一次查看 {status['looked_at'][:16].replace('T', ' ')}" if status.get("looked_at") else ""
    page.section("自动导入文件夹", f"{doing}{looked}")
    rows = [{**entry, "at": entry["at"][:16].replace("T", " "), "outcome": OUTCOMES[entry["outcome"]]} for entry in status.get("last", [])[:8]]  # fmt: skip
    if status.get("build_failed"):
        page.quiet(f"自动发布没有完成：{status['build_said']}")
    if rows:
        page.table(
            pl.DataFrame(rows),
            [
                page.Column("at", label="时间"),
                page.Column("file_name"),
                page.Column("outcome", label="结果"),
                page.Column("said", label="说明"),
            ],
        )
    else:
        st.html('<p class="note">还没有处理过文件。</p>')


def last_jobs(done: list[jobs.Job]) -> None:
    """The last jobs and how they ended."""
    if not done:
        return
    with st.expander("最近的操作"):
        rows = [
            {
                "at": job.started_at[:16].replace("T", " "),
                "title": job.title,
                "status": running.STATUSES[job.status],
                "said": ended(job) if job.status != jobs.RUNNING else "",
            }
            for job in done[:12]
        ]
        page.table(
            pl.DataFrame(rows),
            [
                page.Column("at", label="时间"),
                page.Column("title", label="操作"),
                page.Column("status", label="结果"),
                page.Column("said", label="说明"),
            ],
        )
