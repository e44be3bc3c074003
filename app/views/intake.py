"""数据接入: a file goes in, every row is accounted for, and what went wrong can be undone."""

import streamlit as st

from app import filters, marts, page
from app.parts import files, places, protection, quality, upload

edition = page.opened("数据接入", "数据收全了吗，每一行去了哪里？")
if edition is None:
    page.head("数据接入", "从这里接入第一批数据")
batches, why_not = files.live()
published = set(marts.query("batches")["batch_id"]) if edition else set()
upload.standing(batches, published)

names = ["导入", "批次", "数据质量", "名称与位置", "个人信息"] if edition else ["导入", "批次"]
tabs = st.tabs(names, key="tab", bind="query-params")
for name, tab in zip(names, tabs, strict=True):
    if not tab.open:
        continue
    with tab:
        if name == "导入":
            upload.intake()
        elif name == "批次":
            files.all_batches(batches, why_not, published, edition)
        elif edition and name == "数据质量":
            with st.columns(3)[0]:
                source = filters.source()
            quality.reconciliation(edition)
            quality.by_field(source, edition)
            quality.by_unit(source, edition)
            quality.corrections(edition)
            quality.deadline_rules(edition)
        elif edition and name == "名称与位置":
            places.ways(edition)
            files.unresolved(edition)
            places.names(edition)
            places.points(edition)
        elif edition and name == "个人信息":
            protection.removed(marts.query("batches"))
            protection.rechecked(edition)
