"""台账: of what was 督办, 交办, 包案 … — how far is each, what is due next, and by which rule?"""

import polars as pl
import streamlit as st

from app import marts, page
from app.parts import ledger

edition = page.start(
    "台账", "督办、交办的每一件办到哪一步，下一步何时到期？", lead="只记事项、区域和单位；领导只写职务，不记当事人。"
)
kinds = marts.query("ledger_kinds")
there = kinds.filter(pl.col("n_entries") > 0)
if there.is_empty():
    page.quiet("还没有导入过台账。按下面的模板整理后导入，重新发布即可在这里看到。")
    ledger.others(kinds)
    st.stop()

page.late_clock(edition)
names = [*there["kind_name"], "导入与模板"]
for tab, name in zip(st.tabs(names, key="part", bind="query-params"), names, strict=True):
    if not tab.open:
        continue
    with tab:
        if name == names[-1]:
            ledger.others(kinds)
        else:
            ledger.tab(there.row(by_predicate=pl.col("kind_name") == name, named=True), edition)
