"""帮助: how is this done here? The user manual and the other documents, served by the product itself."""

import streamlit as st

from app import filters, manual, page
from app.access import signin

page.style()
page.head("帮助", "这件事在这里怎么做？")
reader = signin.who()
names = manual.offered(reader.role)
with st.columns([2, 3])[0]:
    name = filters.choose(
        "看哪一篇",
        {name: manual.title(name) for name in names},
        key="doc",
        default=manual.CHAPTERS.get(reader.role or "", manual.INDEX),
    )
with st.container(width=1080):
    for part in manual.parts(name):
        if part.picture:
            st.image(part.picture, caption=part.text, alt=part.text)
        else:
            st.markdown(part.text)
