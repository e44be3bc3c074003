"""本系统不做什么: which lines does the system not cross? The words are those of docs/what-it-does-not-do.md."""

import streamlit as st

from app import manual, page

page.style()
page.head("本系统不做什么", "这里看的是事，不是人")
st.markdown(manual.statement())
