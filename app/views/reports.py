"""报告中心: which report of which period is wanted, is it sound, where are its files?"""

import streamlit as st

from app import page
from app.parts import reports
from app.reports.settings import BadSetting

edition = page.start("报告中心", "这一期的材料，数字对得上吗，拿走哪一份？")
names = ["本期材料", *reports.tabs()]
for name, tab in zip(names, st.tabs(names, key="tab", bind="query-params"), strict=True):
    if not tab.open:
        continue
    with tab:
        if name in reports.TABS:
            reports.TABS[name](edition)
            continue
        try:
            asked = reports.chosen(edition)
        except BadSetting as bad:
            page.quiet(str(bad))
            continue
        draft = asked and reports.draft(asked)
        if not asked or not draft:
            continue
        one = draft.composed
        text, side = st.columns([13, 5], gap="large")
        with text:
            reports.paper(draft)
            reports.appendix(one.report)
        with side, st.container(key="report_side"):
            reports.files(one, asked)
            reports.soundness(one)
            reports.issuing(one, asked)
