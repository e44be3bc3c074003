"""智能分派: what is a text about, who is in charge, and how sure is that? A suggestion; the clerk decides."""

import streamlit as st

from app import page
from app.access import signin
from app.parts import dispatch_batch, dispatch_model, dispatch_queue, dispatch_text

edition = page.start(
    "智能分派", "这件事是什么事，该谁办？", lead="只给建议，由经办人员决定。只看事项、区域和单位，不看是谁提出的。"
)
TABS = {
    "一段文字": dispatch_text.tab,
    "待分派的件": dispatch_queue.tab,
    "批量": dispatch_batch.tab,
    "模型与词库": dispatch_model.tab,
}
if signin.scope():  # its figures are of the whole city
    del TABS["模型与词库"]
for tab, show in zip(st.tabs(list(TABS), key="part", bind="query-params"), TABS.values(), strict=True):
    if tab.open:
        with tab:
            show(edition)
