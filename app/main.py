"""The dashboard's entry: page configuration, who is here, and navigation; nothing more."""

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from app import filters, metrics, page, roles, theme, turns
from app.access import signin
from app.parts import saved

ICON = Path(__file__).parent / "assets" / "icon.svg"  # Streamlit would fetch a named icon from the internet

st.set_page_config(page_title="研判", page_icon=str(ICON), layout="wide")
reader = signin.enter()


def one(view: str, title: str, icon: str, name: str, *, hidden: bool = False, **more: Any) -> StreamlitPage:
    """Those a reader may not open are known to Streamlit, too, so that their addresses are ours to answer."""
    is_shown = not hidden and reader is not None and reader.may_open(name)
    visibility = "visible" if is_shown else "hidden"
    return st.Page(f"views/{view}.py", title=title, icon=f":material/{icon}:", url_path=name, visibility=visibility, **more)  # type: ignore[arg-type]  # fmt: skip


every_week = [
    one("weekly", "本周研判", "newspaper", "weekly", default=True),
    one("hotspots", "热点地图", "map", "hotspots"),
    one("trends", "趋势分析", "show_chart", "trends"),
    one("issues", "高频事项", "format_list_numbered", "issues"),
    one("compare", "对比", "compare_arrows", "compare"),
    one("early_warnings", "预警清单", "notifications", "warnings"),
    one("topics", "专题与溯源", "topic", "topics"),
    one("reports", "报告中心", "description", "reports"),
    one("warning", "一条预警", "notification_important", "warning", hidden=True),
]
handling = [
    one("dispatch", "智能分派", "alt_route", "dispatch"),
    one("service", "办理质效", "speed", "service"),
    one("ledgers", "台账", "fact_check", "ledgers"),
    one("mediation", "访调诉", "handshake", "mediation"),
]
system = [
    one("screen", "大屏", "cast", "screen"),
    one("intake", "数据接入", "upload_file", "intake"),
    one("accounts", "用户与权限", "group", "accounts"),
    one("audit", "审计日志", "history", "audit"),
    one("help", "帮助", "help", "help"),
    one("about", "本系统不做什么", "shield", "about"),
]
sections = {"": every_week, "办理": handling, "系统": system}
chosen = st.navigation(sections, position="top" if reader else "hidden")
if reader is None:
    page.style()
    st.stop()
pages = {one.url_path or "weekly": one for section in sections.values() for one in section}
mine = {name: one for name, one in pages.items() if reader.may_open(name)}
name = chosen.url_path or "weekly"
if name == "weekly" and name not in mine:
    st.switch_page(next(iter(mine.values())))
theme.switch([one.url_path for one in pages.values()])
filters.arrive(chosen.url_path)
st.session_state[saved.PAGES] = mine
if reader.role and name != "screen":
    signin.watch()
    signin.badge(reader, roles.scope_words())
if name not in mine:
    page.style()
    page.head(chosen.title, "这一页没有对您开放" if reader.role else "这一页要启用登录才有")
    signin.refuse(reader, name, chosen.title)
with metrics.page_run(name), turns.turn():
    chosen.run()
