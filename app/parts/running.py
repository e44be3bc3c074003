"""How far is the work that runs, and what came of it?"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import jobs, wording
from app.access import signin

LAST_LINES = 8
NOT_STARTED = "_not_started"
STATUSES = {
    jobs.RUNNING: "进行中",
    jobs.DONE: "完成",
    jobs.FAILED: "未完成",
    jobs.CANCELLED: "已取消",
    jobs.INTERRUPTED: "中断",
}


def start(kind: str, title: str, commands: Sequence[Sequence[str]], **words: Any) -> jobs.Job | None:
    """Start a job from a button; None, and a sentence at the next `refusal()`, while another one runs or where it is not
    this reader's to start."""
    reader = signin.who()
    if not reader.may("replay" if kind == "replay" else "intake"):
        st.session_state[NOT_STARTED] = "您的角色不能做这件事，请联系管理员。"
        return None
    try:
        if kind != "check":  # a check writes nothing
            signin.noted("job", title)
        return jobs.start(kind, title, commands, **words)
    except jobs.Busy as busy:
        st.session_state[NOT_STARTED] = str(busy)
        return None


def refusal() -> str:
    """Why the last `start` did not start; said once."""
    return st.session_state.pop(NOT_STARTED, "")


@st.fragment(run_every=1)
def progress(job_id: str) -> None:
    """What a running job says, how far it is, and a button to cancel it; the page is run anew when it ends."""
    job = jobs.get(job_id)
    if job is None or job.status != jobs.RUNNING:
        st.rerun(scope="app")
    lines = job.lines()
    with st.container(border=True, key="running"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(
                f'<p class="doing">正在{wording.escape(job.title)} <span class="note">{elapsed(job.seconds())}</span></p>',
                width="stretch",
            )
            st.button("取消", key=f"cancel_{job_id}", icon=":material/close:", on_click=jobs.cancel, args=(job_id,))
        share = done_share(job, lines)
        if share is not None:
            st.progress(share)
        counted = f"已完成 {len(job.exit_codes)} / {len(job.commands)}" if len(job.commands) > 1 else "正在启动…"
        said = "<br>".join(wording.escape(line) for line in lines[-LAST_LINES:]) or counted
        st.html(f'<p class="said" aria-live="polite">{said}</p>')


def done_share(job: jobs.Job, lines: Sequence[str]) -> float | None:
    """How much of the job is behind it, 0–1; None where nobody knows how much there is.

    Commands that were counted beforehand, files that were counted beforehand, or steps timed by the last build.
    """
    if len(job.commands) > 1:
        return min(1.0, len(job.exit_codes) / len(job.commands))
    n_files = job.about.get("n_files")
    if n_files:
        ended = sum("：读入 " in line or line.endswith("此前已导入，未改动。") for line in lines)
        begun = sum(line.startswith("正在识别 ") for line in lines)
        return min(1.0, (ended + 0.1 * begun) / (1.1 * n_files))
    seconds: Mapping[str, float] = job.about.get("seconds") or {}
    total = sum(seconds.values())
    if not total:
        return None
    begun_steps = [line.removeprefix("正在计算：") for line in lines if line.startswith("正在计算：")]
    return min(1.0, sum(seconds.get(step, 0.0) for step in begun_steps[:-1]) / total)


def elapsed(seconds: float) -> str:
    """75 → 1 分 15 秒"""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} 分 {rest} 秒" if minutes else f"{rest} 秒"
