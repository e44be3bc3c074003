"""专题与溯源: how do the standing topics go, where do first-time items come from, how far do items get, what is suggested?"""

import streamlit as st

from app import page
from app.parts import origins, suggestions, topics

edition = page.start(
    "专题与溯源", "老问题走到哪一步，新问题从哪里来？", lead="按事项、地点和单位归类的总量，不涉及任何个人"
)
TABS = {
    "专题": topics.tab,
    "首办溯源": origins.tab,
    "代办四单": origins.steps_tab,
    "意见建议": suggestions.tab,
}
for tab, show in zip(st.tabs(list(TABS), key="part", bind="query-params"), TABS.values(), strict=True):
    if tab.open:
        with tab:
            show(edition)
