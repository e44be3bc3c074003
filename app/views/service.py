"""办理质效: do the units deliver, measured how, compared with whom — and what has to be done today?"""

import streamlit as st

from app import page
from app.access import signin
from app.parts import (
    service_appraisal,
    service_kpis,
    service_reminders,
    service_review,
    service_scope,
    service_units,
)

edition = page.start(
    "办理质效",
    "办得及时吗，解决了吗，群众满意吗？",
    lead="只看事项、区域和单位。比率都写明分子分母和口径；样本不足的不排名。",
)
page.late_clock(edition)
scope = service_scope.choose(edition)
TABS = {
    "指标": service_kpis.tab,
    "单位": service_units.tab,
    "考核": service_appraisal.tab,
    "日提醒": service_reminders.tab,
    "抽查评查": service_review.tab,
}
if not signin.who().may("review") and signin.who().unit:
    del TABS["抽查评查"]
for tab, show in zip(st.tabs(list(TABS), key="part", bind="query-params"), TABS.values(), strict=True):
    if tab.open:
        with tab:
            show(scope, edition)
