"""The dashboard's entry: page configuration and navigation, nothing more."""

from pathlib import Path

import streamlit as st

from app import filters, theme, turns
from app.parts import saved

ICON = Path(__file__).parent / "assets" / "icon.svg"  # Streamlit would fetch a named icon from the internet

st.set_page_config(page_title="研判", page_icon=str(ICON), layout="wide")

every_week = [
    st.Page("views/weekly.py", title="本周研判", icon=":material/newspaper:", url_path="weekly", default=True),
    st.Page("views/hotspots.py", title="热点地图", icon=":material/map:", url_path="hotspots"),
    st.Page("views/trends.py", title="趋势分析", icon=":material/show_chart:", url_path="trends"),
    st.Page("views/issues.py", title="高频事项", icon=":material/format_list_numbered:", url_path="issues"),
    st.Page("views/compare.py", title="对比", icon=":material/compare_arrows:", url_path="compare"),
    st.Page("views/early_warnings.py", title="预警清单", icon=":material/notifications:", url_path="warnings"),
    st.Page("views/topics.py", title="专题与溯源", icon=":material/topic:", url_path="topics"),
    st.Page("views/reports.py", title="报告中心", icon=":material/description:", url_path="reports"),
    st.Page("views/warning.py", title="一条预警", url_path="warning", visibility="hidden"),
]
handling = [
    st.Page("views/dispatch.py", title="智能分派", icon=":material/alt_route:", url_path="dispatch"),
    st.Page("views/service.py", title="办理质效", icon=":material/speed:", url_path="service"),
    st.Page("views/ledgers.py", title="台账", icon=":material/fact_check:", url_path="ledgers"),
    st.Page("views/mediation.py", title="访调诉", icon=":material/handshake:", url_path="mediation"),
]
system = [
    st.Page("views/screen.py", title="大屏", icon=":material/cast:", url_path="screen"),
    st.Page("views/intake.py", title="数据接入", icon=":material/upload_file:", url_path="intake"),
    st.Page("views/about.py", title="本系统不做什么", icon=":material/shield:", url_path="about"),
]
sections = {"": every_week, "办理": handling, "系统": system}
chosen = st.navigation(sections, position="top")
pages = [one for section in sections.values() for one in section]
theme.switch([one.url_path for one in pages])
filters.arrive(chosen.url_path)
st.session_state[saved.PAGES] = {one.url_path or "weekly": one for one in pages}
with turns.turn():
    chosen.run()
