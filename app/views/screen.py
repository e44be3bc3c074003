"""大屏: what does the whole room have to know of this week? One screen for the command centre, to be read from three metres.

It has no filters and asks for nothing: it looks for a new version by itself and shows the newest complete week.
?look=light is for a bright room.
"""

import streamlit as st

from app.parts import screen

IS_DARK = st.query_params.get("look") != "light"


@st.fragment(run_every=screen.EVERY)
def wall() -> None:
    screen.draw(dark=IS_DARK)


wall()
st.page_link("views/weekly.py", label="退出大屏", icon=":material/close_fullscreen:", width="content")
