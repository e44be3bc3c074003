"""What did the office know on a past day? ?asof=2026-06-01 in the URL makes every page show that day's marts.

Only the picker takes a reader back to the newest data: a link or the menu without ?asof keeps the day (`keep`), so that
nobody reads two different days without noticing.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache

import streamlit as st

from app import address, jobs, marts, wording
from app.access import signin
from app.parts import running

PICKER = "asof_picker"
NEWEST = ""
RECONSTRUCTED = "reconstructed"


def keep() -> None:
    """Called before each page run: the day chosen goes along to a page whose address does not name one."""
    if marts.AS_OF not in st.query_params and st.session_state.get(marts.AS_OF_KEY):
        address.write(marts.AS_OF, st.session_state[marts.AS_OF_KEY])


def picker(about: Mapping[str, str], today: date) -> None:
    """数据截至: the newest data, or any past Monday as it was known then. `about`: meta of the version shown."""
    asked = st.query_params.get(marts.AS_OF, NEWEST)
    newest = marts.newest_meta() if asked else about
    through = date.fromisoformat(newest["data_through"])
    days = [day.isoformat() for day in mondays(date.fromisoformat(newest["data_from"]), through, today)]
    options = [NEWEST, *([asked] if asked and asked not in days else []), *days]
    st.session_state[PICKER] = asked  # the URL says; `_go` has already put a new choice there
    st.selectbox(
        "数据截至",
        options,
        format_func=lambda code: _words(code) if code else f"最新（{through}）",
        key=PICKER,
        on_change=_go,
        filter_mode="contains",
        width=190,
    )


def mondays(first: date, through: date, today: date) -> list[date]:
    """The Mondays after the first day of the data, up to the one after its last day; newest first."""
    last = min(today, through + timedelta(days=7))
    last -= timedelta(days=last.weekday())
    return [last - timedelta(weeks=n) for n in range(max(0, (last - first).days + 6) // 7)]


def sentence(day: date, basis: str) -> str:
    """正在回看 2026-06-01（按当天已知的数据）"""
    how = "当天尚未接入，按登记与办结时间重建" if basis == RECONSTRUCTED else "按当天已知的数据"
    return f"正在回看 {day}（{how}）"


def offer(asked: str, day: date | None, today: date) -> None:
    """The day has not been worked out: says so and offers to do it."""
    if day is None:
        _quiet(f"网址里的截至日期“{asked[:20]}”无法识别，应写成 2026-06-01 这样。")
    elif day > today:
        _quiet(f"{wording.full_day(day)}还没有到，不能回看。")
    elif not signin.who().may("replay"):
        _quiet(f"{wording.full_day(day)}看到的情况还没有算过，请分析员或管理员先算好。")
    else:
        _quiet(f"{wording.full_day(day)}看到的情况还没有算过。重算只用当天已知的数据，不影响正在使用的版本。")
        job = jobs.current()
        if job is not None:
            running.progress(job.id)
        else:
            last = next(iter(jobs.recent(1)), None)
            if last is not None and last.kind == "replay" and last.about.get("day") == asked and last.error():
                _quiet(last.error())
            with st.container(horizontal=True):
                st.button("重算这一天看到的情况", key="replay", type="primary", on_click=_replay, args=(asked,))
                st.button("回到最新", key="newest", on_click=_leave)
            return
    st.button("回到最新", key="newest", on_click=_leave)


def _replay(asked: str) -> None:
    command = ["build", "--as-of", asked, "--replay"]
    running.start("replay", f"重算 {asked} 看到的情况", [command], about={"day": asked})


def _go() -> None:
    chosen = st.session_state[PICKER]
    if not chosen:
        _leave()
        return
    address.write(marts.AS_OF, chosen)
    address.write("week", None)  # the newest week of that day, not of today


def _leave() -> None:
    st.session_state.pop(marts.AS_OF_KEY, None)
    for name in (marts.AS_OF, "week"):
        address.write(name, None)


@lru_cache(maxsize=1024)
def _words(code: str) -> str:
    try:
        day = date.fromisoformat(code)
    except ValueError:
        return code[:20]
    return f"{day}（周{wording.WEEKDAYS[day.weekday()]}）"


def _quiet(words: str) -> None:
    st.html(f'<p class="quiet">{wording.escape(words)}</p>')
